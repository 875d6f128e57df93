//! The register is searched in a folded text of name and other names, the same on both databases.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::prelude::{Json, Uuid};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::apply(manager, COLUMN).await?;
        fill(manager).await
    }
}

const COLUMN: &str = "
ALTER TABLE institution ADD COLUMN search_text text NOT NULL DEFAULT '';
";

/// How many rows are read at once.
const BATCH: u64 = 1000;

/// Gives every institution its text.
async fn fill(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    let mut after: Option<Uuid> = None;
    loop {
        let mut names = Query::select();
        names
            .columns(["id", "name", "aliases"])
            .from("institution")
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
            let aliases: Json = row.try_get("", "aliases")?;
            let mut change = Query::update();
            change
                .table("institution")
                .value("search_text", folded(&name, &aliases))
                .and_where(Expr::col("id").eq(id));
            connection.execute(&change).await?;
            after = Some(id);
        }
    }
}

/// All names in lower case, without accents, single spaces.
fn folded(name: &str, aliases: &Json) -> String {
    let aliases = aliases.as_array().into_iter().flatten().filter_map(Json::as_str);
    let names: Vec<&str> = std::iter::once(name).chain(aliases).collect();
    let plain: String = names
        .join(" ")
        .nfkd()
        .filter(|letter| !is_combining_mark(*letter))
        .collect();
    plain.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}
