//! The keys under which clients repeat a mutation, each with its answer.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::apply(manager, SCRIPT).await
    }
}

// The person is not a foreign key: the row is written first in a transaction, and the lock that a reference takes on
// the person would come before all others.
const SCRIPT: &str = "
CREATE TABLE idempotency_key (
    id {bytes} PRIMARY KEY,
    person_id {uuid},
    fingerprint {bytes} NOT NULL,
    grants text NOT NULL,
    answer {bytes} NOT NULL,
    reading {json},
    created_at {instant} NOT NULL
);
CREATE INDEX idempotency_key_by_time ON idempotency_key (created_at);
CREATE INDEX idempotency_key_by_person ON idempotency_key (person_id);
";
