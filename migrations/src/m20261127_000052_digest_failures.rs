//! How often in a row somebody's digest could not be written, so that it is tried less and less often.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::apply(manager, COLUMN).await
    }
}

const COLUMN: &str = "
ALTER TABLE digest_mark ADD COLUMN failures bigint NOT NULL DEFAULT 0 CHECK (failures >= 0);
";
