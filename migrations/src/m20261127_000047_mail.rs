//! What people do without of the messages that are not essential, and up to when each one's digest has told what is
//! new.

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
CREATE TABLE mail_preference (
    person_id {uuid} PRIMARY KEY REFERENCES person (id),
    muted {json} NOT NULL,
    version bigint NOT NULL CHECK (version > 1),
    changed_at {instant} NOT NULL
);

CREATE TABLE digest_mark (
    person_id {uuid} PRIMARY KEY REFERENCES person (id),
    covered_until {instant} NOT NULL,
    due_at {instant} NOT NULL
);
CREATE INDEX digest_mark_due ON digest_mark (due_at);
";
