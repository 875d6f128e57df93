//! Buckets of the limits that must be exact, or that several copies share.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::apply(manager, SCRIPT).await
    }
}

const SCRIPT: &str = "
CREATE TABLE rate_bucket (
    key {bytes} PRIMARY KEY,
    full_at bigint NOT NULL
);
CREATE INDEX rate_bucket_by_time ON rate_bucket (full_at);
";
