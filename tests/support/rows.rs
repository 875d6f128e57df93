//! Everything that a database holds, row by row, as texts.

use std::collections::BTreeMap;

use rumbo::store::{Db, Engine};
use sea_orm::{ConnectionTrait, Statement};

/// The first column of what a statement gives.
pub async fn texts(db: &Db, sql: &str) -> Vec<String> {
    let statement = Statement::from_string(db.read().get_database_backend(), sql.to_owned());
    let rows = db.read().query_all_raw(statement).await.expect("the rows can be read");
    let text = |row: &sea_orm::QueryResult| row.try_get_by_index::<String>(0).expect("a text");
    rows.iter().map(text).collect()
}

/// The rows of every table, each as one text, sorted.
pub async fn all(db: &Db) -> BTreeMap<String, Vec<String>> {
    let engine = db.engine();
    let tables = match engine {
        Engine::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
        Engine::Postgres => "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'",
    };
    let mut found = BTreeMap::new();
    for table in texts(db, tables).await {
        let sql = match engine {
            Engine::Sqlite => {
                let columns = texts(db, &format!("SELECT name FROM pragma_table_info('{table}')")).await;
                let quoted: Vec<String> = columns.iter().map(|column| format!("quote(\"{column}\")")).collect();
                format!("SELECT {} FROM \"{table}\"", quoted.join(" || ' ' || "))
            }
            Engine::Postgres => format!("SELECT t::text FROM \"{table}\" t"),
        };
        let mut rows = texts(db, &sql).await;
        rows.sort();
        found.insert(table, rows);
    }
    found
}
