//! Whether the triggers that keep some tables from being changed stand as the migrations made them, to the letter.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, Statement};

use crate::error::Result;
use crate::store::{Engine, engine};

/// The tables whose rows the database itself keeps as they were written, and the keys that no two rows share.
pub const APPEND_ONLY: [(&str, &[&str]); 16] = [
    ("access_record", &["id"]),
    ("admission_criteria", &["id", "edition_id, number"]),
    ("admission_score", &["id"]),
    ("application", &["id", "enrolment_id"]),
    ("application_form", &["id", "edition_id, number"]),
    ("assessment", &["id"]),
    ("audit_entry", &["id"]),
    ("audit_seal", &["sequence"]),
    ("completion", &["id"]),
    ("consent", &["id"]),
    ("former_snapshot", &["id"]),
    ("grade", &["id"]),
    ("state_history", &["id"]),
    ("submission_author", &["version_id, enrolment_id"]),
    ("submission_version", &["id", "submission_id, number"]),
    ("tally_change", &["id"]),
];

/// The triggers of SQLite: their names, and the statements that made them.
const STANDING_SQLITE: &str = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'";

/// Those of PostgreSQL: their names; whether they fire, how they are declared, and what they run.
const STANDING_POSTGRES: &str = "SELECT CAST(t.tgname AS text),
      CASE WHEN t.tgenabled IN ('O', 'A') THEN '' ELSE 'DISABLED ' END
      || pg_get_triggerdef(t.oid, true) || ' ' || l.lanname || ' ' || p.prosrc
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
    JOIN pg_language l ON l.oid = p.prolang
    WHERE NOT t.tgisinternal AND c.relnamespace = CAST(current_schema() AS regnamespace)";

/// The triggers of append-only tables that are missing, or do not stand as the migrations made them.
pub async fn unguarded(connection: &impl ConnectionTrait) -> Result<Vec<String>> {
    let (sql, wanted) = match engine(connection) {
        Engine::Sqlite => (STANDING_SQLITE, wanted(of_sqlite)),
        Engine::Postgres => (STANDING_POSTGRES, wanted(|table, _| of_postgres(table))),
    };
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let mut standing: HashMap<String, String> = HashMap::new();
    for row in connection.query_all_raw(statement).await? {
        let text: String = row.try_get_by_index(1)?;
        standing.insert(row.try_get_by_index(0)?, one_line(&text));
    }
    let stands = |(name, text): &(String, String)| standing.get(name).is_some_and(|found| *found == one_line(text));
    Ok(wanted
        .into_iter()
        .filter(|trigger| !stands(trigger))
        .map(|(name, _)| name)
        .collect())
}

/// The triggers of every table, with what they have to be.
fn wanted<const N: usize>(of: impl Fn(&str, &[&str]) -> [(String, String); N]) -> Vec<(String, String)> {
    APPEND_ONLY.iter().flat_map(|(table, keys)| of(table, keys)).collect()
}

fn of_sqlite(table: &str, keys: &[&str]) -> [(String, String); 3] {
    let refusal = format!("BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END");
    let taken: Vec<String> = [&["rowid"], keys]
        .concat()
        .iter()
        .map(|key| {
            let same: Vec<String> = key
                .split(", ")
                .map(|column| format!("{column} = NEW.{column}"))
                .collect();
            format!("EXISTS (SELECT 1 FROM {table} WHERE {})", same.join(" AND "))
        })
        .collect();
    let trigger = |name: &str, when: &str| {
        let name = format!("{table}_{name}");
        let text = format!("CREATE TRIGGER {name} {when} {refusal}");
        (name, text)
    };
    [
        trigger("no_delete", &format!("BEFORE DELETE ON {table}")),
        trigger(
            "no_replace",
            &format!("BEFORE INSERT ON {table} WHEN {}", taken.join(" OR ")),
        ),
        trigger("no_update", &format!("BEFORE UPDATE ON {table}")),
    ]
}

fn of_postgres(table: &str) -> [(String, String); 2] {
    let run =
        format!("EXECUTE FUNCTION {table}_append_only() plpgsql BEGIN RAISE EXCEPTION '{table} is append-only'; END");
    let trigger = |name: &str, events: &str, each: &str| {
        let name = format!("{table}_{name}");
        let text = format!("CREATE TRIGGER {name} BEFORE {events} ON {table} FOR EACH {each} {run}");
        (name, text)
    };
    [
        trigger("append_only", "DELETE OR UPDATE", "ROW"),
        trigger("no_truncate", "TRUNCATE", "STATEMENT"),
    ]
}

/// The text with one blank wherever it has some, so that only how it is laid out does not count.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
