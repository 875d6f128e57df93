//! Rumbo's database schema, one change per file, the same on SQLite and on PostgreSQL.
//!
//! A migration is plain SQL written once. Where the two engines name a type differently it says
//! `{uuid}`, `{instant}`, `{date}`, `{json}`, `{bytes}` or `{bytewise}`, and `apply` puts the engine's own word there.
//! Nothing here imports today's entities: a migration must still mean the same in five years.

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

mod m20261122_000001_accounts;
mod m20261122_000002_catalogue;
mod m20261122_000003_enrolments;
mod m20261122_000004_teamwork;
mod m20261122_000005_statistics;
mod m20261122_000006_trail;
mod m20261122_000010_second_factor;
mod m20261122_000013_audit;
mod m20261122_000013_chain;
mod m20261122_000015_rates;
mod m20261127_000016_signing_keys;
mod m20261127_000017_api_tokens;
mod m20261127_000018_invitations;
mod m20261127_000019_identities;
mod m20261127_000020_idempotency;
mod m20261127_000021_waiting_list;
mod m20261127_000022_revoked_roles;
mod m20261127_000023_identity_claims;
mod m20261127_000024_retention;
mod m20261127_000025_sign_in_line;
mod m20261127_000026_edition_time;
mod m20261127_000027_calendar_links;
mod m20261127_000028_append_only;
mod m20261127_000029_seats;
mod m20261127_000033_registrations;
mod m20261127_000035_figures;
mod m20261127_000036_order_of_names;
mod m20261127_000042_institution_search;
mod m20261127_000043_nominations;
mod m20261127_000044_admission;
mod m20261127_000045_scores;
mod m20261127_000046_imported_rows;
mod m20261127_000047_mail;
mod m20261127_000048_institutions;
mod m20261127_000049_application_forms;
mod m20261127_000050_table_imports;
mod m20261127_000051_imported_nominations;
mod m20261127_000052_digest_failures;
mod m20261127_000053_refused_proposals;
mod m20261128_000054_unsent_table_imports;
mod m20261128_000055_counted_seats;
mod m20261128_000056_named_first;

/// Every migration in the order in which they run.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_000001_accounts::Migration),
            Box::new(m20261122_000002_catalogue::Migration),
            Box::new(m20261122_000003_enrolments::Migration),
            Box::new(m20261122_000004_teamwork::Migration),
            Box::new(m20261122_000005_statistics::Migration),
            Box::new(m20261122_000006_trail::Migration),
            Box::new(m20261122_000010_second_factor::Migration),
            Box::new(m20261122_000013_audit::Migration),
            Box::new(m20261122_000013_chain::Migration),
            Box::new(m20261122_000015_rates::Migration),
            Box::new(m20261127_000016_signing_keys::Migration),
            Box::new(m20261127_000017_api_tokens::Migration),
            Box::new(m20261127_000018_invitations::Migration),
            Box::new(m20261127_000019_identities::Migration),
            Box::new(m20261127_000020_idempotency::Migration),
            Box::new(m20261127_000021_waiting_list::Migration),
            Box::new(m20261127_000022_revoked_roles::Migration),
            Box::new(m20261127_000023_identity_claims::Migration),
            Box::new(m20261127_000024_retention::Migration),
            Box::new(m20261127_000025_sign_in_line::Migration),
            Box::new(m20261127_000026_edition_time::Migration),
            Box::new(m20261127_000027_calendar_links::Migration),
            Box::new(m20261127_000028_append_only::Migration),
            Box::new(m20261127_000029_seats::Migration),
            Box::new(m20261127_000033_registrations::Migration),
            Box::new(m20261127_000035_figures::Migration),
            Box::new(m20261127_000036_order_of_names::Migration),
            Box::new(m20261127_000042_institution_search::Migration),
            Box::new(m20261127_000043_nominations::Migration),
            Box::new(m20261127_000044_admission::Migration),
            Box::new(m20261127_000045_scores::Migration),
            Box::new(m20261127_000046_imported_rows::Migration),
            Box::new(m20261127_000047_mail::Migration),
            Box::new(m20261127_000048_institutions::Migration),
            Box::new(m20261127_000049_application_forms::Migration),
            Box::new(m20261127_000050_table_imports::Migration),
            Box::new(m20261127_000051_imported_nominations::Migration),
            Box::new(m20261127_000052_digest_failures::Migration),
            Box::new(m20261127_000053_refused_proposals::Migration),
            Box::new(m20261128_000054_unsent_table_imports::Migration),
            Box::new(m20261128_000055_counted_seats::Migration),
            Box::new(m20261128_000056_named_first::Migration),
        ]
    }
}

/// The triggers by which an engine counts seats and refuses what would give out more than there are, as the statements
/// that make them and what they run; where two make the same one, the later one did.
pub fn seat_triggers(backend: DbBackend) -> String {
    [
        m20261127_000029_seats::triggers(backend),
        &m20261128_000055_counted_seats::triggers(backend),
        &m20261128_000056_named_first::triggers(backend),
    ]
    .concat()
}

/// Runs a script of several statements with the engine's own type names in it.
async fn apply(manager: &SchemaManager<'_>, script: &str) -> Result<(), DbErr> {
    let sqlite = manager.get_database_backend() == DbBackend::Sqlite;
    let types = [
        ("{uuid}", if sqlite { "blob" } else { "uuid" }),
        ("{instant}", if sqlite { "text" } else { "timestamptz" }),
        ("{date}", if sqlite { "text" } else { "date" }),
        ("{json}", if sqlite { "text" } else { "jsonb" }),
        // Text that is compared byte by byte, as SQLite does by itself.
        ("{bytewise}", if sqlite { "text" } else { "text COLLATE \"C\"" }),
        ("{bytes}", if sqlite { "blob" } else { "bytea" }),
    ];
    let script = types
        .iter()
        .fold(script.to_owned(), |text, (mark, word)| text.replace(mark, word));
    manager.get_connection().execute_unprepared(&script).await?;
    Ok(())
}

/// Makes a table append-only: the database itself refuses to change or remove its rows, and to empty it. A table that
/// is made append-only needs [`no_replace`] as well.
async fn append_only(manager: &SchemaManager<'_>, table: &str) -> Result<(), DbErr> {
    let script = if manager.get_database_backend() == DbBackend::Sqlite {
        format!(
            "CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}
               BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END;
             CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}
               BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END;"
        )
    } else {
        format!(
            "CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS
               $$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$;
             CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
               FOR EACH ROW EXECUTE FUNCTION {table}_append_only();"
        )
    };
    manager.get_connection().execute_unprepared(&script).await?;
    no_truncate(manager, table).await
}

/// Refuses TRUNCATE on an append-only table, which fires no trigger for a row. SQLite has no such statement: a
/// DELETE without a condition is one, and its trigger for rows stands in the way of the short cut.
async fn no_truncate(manager: &SchemaManager<'_>, table: &str) -> Result<(), DbErr> {
    if manager.get_database_backend() == DbBackend::Sqlite {
        return Ok(());
    }
    let script = format!(
        "CREATE OR REPLACE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
           FOR EACH STATEMENT EXECUTE FUNCTION {table}_append_only();"
    );
    manager.get_connection().execute_unprepared(&script).await?;
    Ok(())
}

/// Refuses to put a row into the place of another one of an append-only table. On SQLite `INSERT OR REPLACE` removes
/// whatever stands in the way of the new row, and no trigger for removals fires. Each key is a list of columns that no
/// two rows share; SQLite's own number of the row is one more. PostgreSQL has no such statement: its `ON CONFLICT DO
/// UPDATE` fires the trigger for changes.
async fn no_replace(manager: &SchemaManager<'_>, table: &str, keys: &[&str]) -> Result<(), DbErr> {
    if manager.get_database_backend() != DbBackend::Sqlite {
        return Ok(());
    }
    let taken: Vec<String> = [&["rowid"], keys]
        .concat()
        .iter()
        .map(|key| {
            let same = |column: &str| format!("{column} = NEW.{column}");
            let all: Vec<String> = key.split(", ").map(same).collect();
            format!("EXISTS (SELECT 1 FROM {table} WHERE {})", all.join(" AND "))
        })
        .collect();
    let script = format!(
        "CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN {}
           BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END;",
        taken.join(" OR ")
    );
    manager.get_connection().execute_unprepared(&script).await?;
    Ok(())
}
