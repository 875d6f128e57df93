//! Names stand in lists where a reader looks for them, in the same order on both databases and whatever language
//! PostgreSQL was set up for.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;
use sea_orm_migration::sea_orm::prelude::Uuid;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::apply(manager, COLUMNS).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            super::apply(manager, "ALTER TABLE course ALTER COLUMN code TYPE text COLLATE \"C\";").await?;
        }
        for table in ["institution", "team"] {
            fill(manager, table).await?;
        }
        super::apply(manager, INDICES).await
    }
}

const COLUMNS: &str = "
ALTER TABLE institution ADD COLUMN name_key {bytewise} NOT NULL DEFAULT '';
ALTER TABLE team ADD COLUMN name_key {bytewise} NOT NULL DEFAULT '';
";

const INDICES: &str = "
CREATE INDEX institution_by_name ON institution (name_key, id);
CREATE INDEX team_by_name ON team (edition_id, name_key, id);
";

/// How many rows are read at once.
const BATCH: u64 = 1000;

/// Gives every name of a table its key.
async fn fill(manager: &SchemaManager<'_>, table: &'static str) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    let mut after: Option<Uuid> = None;
    loop {
        let mut names = Query::select();
        names
            .columns(["id", "name"])
            .from(table)
            .order_by("id", Order::Asc)
            .limit(BATCH);
        if let Some(id) = after {
            names.and_where(Expr::col("id").gt(id));
        }
        let rows = connection.query_all(&names).await?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in rows {
            let id: Uuid = row.try_get("", "id")?;
            let name: String = row.try_get("", "name")?;
            let mut change = Query::update();
            change
                .table(table)
                .value("name_key", key(&name))
                .and_where(Expr::col("id").eq(id));
            connection.execute(&change).await?;
            after = Some(id);
        }
    }
}

/// Lower case, without accents, single spaces, 120 code points at most.
fn key(name: &str) -> String {
    let plain: String = name.nfkd().filter(|letter| !is_combining_mark(*letter)).collect();
    let words = plain.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(120).collect()
}
