//! The nominations of imported tables, by the digests of their addresses, with those of what they said: the same row is
//! carried out once, also when the nominee has said no since, or their address was removed.

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
CREATE TABLE imported_nomination (
    edition_id {uuid} NOT NULL REFERENCES edition (id),
    institution_id {uuid} NOT NULL REFERENCES institution (id),
    address {bytes} NOT NULL,
    content {bytes} NOT NULL,
    imported_at {instant} NOT NULL,
    PRIMARY KEY (edition_id, institution_id, address)
);
";
