//! The links under which people subscribe to their calendars, by the digests of their secrets.

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
CREATE TABLE calendar_link (
    id {uuid} PRIMARY KEY,
    hash {bytes} NOT NULL UNIQUE,
    person_id {uuid} NOT NULL REFERENCES person (id),
    factor_given boolean NOT NULL,
    created_at {instant} NOT NULL,
    revoked_at {instant}
);
CREATE UNIQUE INDEX calendar_link_one_live ON calendar_link (person_id) WHERE revoked_at IS NULL;
";
