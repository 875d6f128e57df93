//! On SQLite a row may come after those that name it, where foreign keys wait for the commit or are switched off. The
//! triggers that count seats had nothing to count in then: now what is named comes first. And no row takes the number
//! by which SQLite calls a row that has none yet: no other one could come after it. PostgreSQL has neither, since its
//! foreign keys are checked with each statement.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        if backend == DbBackend::Sqlite {
            let triggers = triggers(backend);
            manager.get_connection().execute_unprepared(&triggers).await?;
        }
        Ok(())
    }
}

const FIRST: &str = "
CREATE TRIGGER enrolment_comes_later BEFORE INSERT ON enrolment
  WHEN NOT EXISTS (SELECT 1 FROM edition WHERE id = NEW.edition_id) BEGIN
    SELECT RAISE(ABORT, 'an edition comes before what names it');
END;
CREATE TRIGGER edition_comes_first BEFORE INSERT ON edition
  WHEN EXISTS (SELECT 1 FROM enrolment WHERE edition_id = NEW.id)
    OR EXISTS (SELECT 1 FROM seat_pool WHERE edition_id = NEW.id) BEGIN
    SELECT RAISE(ABORT, 'an edition comes before what names it');
END;
CREATE TRIGGER seat_pool_comes_first BEFORE INSERT ON seat_pool
  WHEN EXISTS (SELECT 1 FROM enrolment WHERE seat_pool_id = NEW.id) BEGIN
    SELECT RAISE(ABORT, 'a seat pool comes before what names it');
END;
";

const NUMBERED: &str = "
CREATE TRIGGER {table}_number AFTER INSERT ON {table} WHEN NEW.rowid < 1 BEGIN
    SELECT RAISE(ABORT, 'rows are numbered from one');
END;
";

/// What it makes on an engine.
pub(super) fn triggers(backend: DbBackend) -> String {
    if backend != DbBackend::Sqlite {
        return String::new();
    }
    let numbered = ["edition", "seat_pool", "enrolment"].map(|table| NUMBERED.replace("{table}", table));
    FIRST.to_owned() + &numbered.concat()
}
