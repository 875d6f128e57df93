//! Proposals of institutions that were refused: they wait no more, and stand in no list.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::apply(manager, SCRIPT).await
    }
}

/// The rule for the words of `state` cannot be changed on SQLite without building the table anew, to which many others
/// point. So a refused proposal is one with an instant beside it.
const SCRIPT: &str = "
ALTER TABLE institution ADD COLUMN refused_at {instant} CHECK (refused_at IS NULL OR state = 'proposed');
DROP INDEX institution_proposed;
CREATE INDEX institution_proposed ON institution (created_at, id) WHERE state = 'proposed' AND refused_at IS NULL;
";
