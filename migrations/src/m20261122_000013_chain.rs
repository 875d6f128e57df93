//! The audit log says through what somebody acted, keeps who read personal data, and is chained by seals.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::apply(manager, SCRIPT).await?;
        super::append_only(manager, "access_record").await?;
        super::append_only(manager, "audit_seal").await
    }
}

const SCRIPT: &str = "
ALTER TABLE audit_entry ADD COLUMN via text;
ALTER TABLE audit_entry ADD COLUMN credential {uuid};
ALTER TABLE audit_entry ADD COLUMN request text;
CREATE INDEX audit_entry_by_actor ON audit_entry (actor_id, at, id);
CREATE INDEX audit_entry_by_subject ON audit_entry (subject_id, at, id);

CREATE TABLE access_record (
    id {uuid} PRIMARY KEY,
    at {instant} NOT NULL,
    reader_id {uuid} REFERENCES person (id),
    via text NOT NULL,
    credential {uuid},
    request text,
    operation text NOT NULL,
    edition_id {uuid},
    reason text,
    seen {bytes} NOT NULL
);
CREATE INDEX access_record_by_reader ON access_record (reader_id, id);
CREATE INDEX access_record_by_credential ON access_record (credential, id);

CREATE TABLE audit_seal (
    sequence bigint PRIMARY KEY CHECK (sequence > 0),
    ledger text NOT NULL CHECK (ledger IN ('entry', 'access')),
    sealed_at {instant} NOT NULL,
    from_id {uuid} NOT NULL,
    to_id {uuid} NOT NULL,
    items {bytes} NOT NULL,
    people {bytes} NOT NULL,
    hash {bytes} NOT NULL
);
CREATE INDEX audit_seal_by_time ON audit_seal (ledger, sealed_at);
CREATE INDEX audit_seal_by_end ON audit_seal (ledger, to_id);
";
