//! What happened: state history, audit entries, and the outbox of messages.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::apply(manager, SCRIPT).await?;
        super::append_only(manager, "state_history").await?;
        super::append_only(manager, "audit_entry").await
    }
}

const SCRIPT: &str = "
CREATE TABLE state_history (
    id {uuid} PRIMARY KEY,
    subject_kind text NOT NULL,
    subject_id {uuid} NOT NULL,
    from_state text,
    to_state text NOT NULL,
    at {instant} NOT NULL,
    actor_id {uuid} REFERENCES person (id),
    reason text
);
CREATE INDEX state_history_by_subject ON state_history (subject_id, at);

CREATE TABLE audit_entry (
    id {uuid} PRIMARY KEY,
    at {instant} NOT NULL,
    actor_id {uuid} REFERENCES person (id),
    action text NOT NULL,
    subject_kind text NOT NULL,
    subject_id {uuid},
    reason text
);
CREATE INDEX audit_entry_by_time ON audit_entry (at, id);

CREATE TABLE outbox (
    id {uuid} PRIMARY KEY,
    notice text NOT NULL,
    recipient_id {uuid} NOT NULL REFERENCES person (id),
    payload {json} NOT NULL,
    state text NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'dead')),
    attempts bigint NOT NULL,
    due_at {instant} NOT NULL,
    lease bigint NOT NULL,
    leased_until {instant},
    last_error text,
    created_at {instant} NOT NULL,
    sent_at {instant}
);
CREATE INDEX outbox_due ON outbox (due_at, id) WHERE state IN ('queued', 'sending');
CREATE INDEX outbox_dead ON outbox (created_at) WHERE state = 'dead';
";
