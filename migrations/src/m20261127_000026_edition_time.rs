//! What time needs to move editions: an index of those that it moves, and for which first day the coordinators of an
//! edition were told that it does not begin by itself.

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
CREATE INDEX edition_moved_by_time ON edition (id)
    WHERE state IN ('announced', 'enrolling', 'enrolment_closed', 'running');

CREATE TABLE edition_shortfall (
    edition_id {uuid} NOT NULL REFERENCES edition (id),
    starts_on {date} NOT NULL,
    told_at {instant} NOT NULL,
    PRIMARY KEY (edition_id, starts_on)
);
";
