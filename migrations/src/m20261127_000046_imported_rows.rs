//! The rows of imported tables, by the digests of their addresses, with those of what they said: the same row is
//! carried out once, also when its person has another address by then.

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
CREATE TABLE imported_row (
    kind text NOT NULL CHECK (kind IN ('people', 'enrolments')),
    scope_id {uuid} NOT NULL,
    address {bytes} NOT NULL,
    person_id {uuid} NOT NULL REFERENCES person (id),
    content {bytes} NOT NULL,
    imported_at {instant} NOT NULL,
    PRIMARY KEY (kind, scope_id, address)
);
CREATE INDEX imported_row_by_person ON imported_row (person_id);
";
