//! Admission: what a mistaken decision is taken back to, enrolments that go on in another edition, and the work list by
//! state.

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
CREATE TABLE enrolment_decision (
    enrolment_id {uuid} PRIMARY KEY REFERENCES enrolment (id),
    from_state text NOT NULL CHECK (from_state IN ('applied', 'under_review', 'confirmed', 'waitlisted', 'active')),
    version bigint NOT NULL,
    decided_at {instant} NOT NULL,
    decided_by {uuid} NOT NULL REFERENCES person (id)
);

CREATE TABLE enrolment_transfer (
    to_id {uuid} PRIMARY KEY REFERENCES enrolment (id),
    from_id {uuid} NOT NULL REFERENCES enrolment (id),
    transferred_at {instant} NOT NULL,
    transferred_by {uuid} NOT NULL REFERENCES person (id),
    CHECK (from_id <> to_id)
);
CREATE INDEX enrolment_transfer_by_origin ON enrolment_transfer (from_id);

CREATE INDEX team_member_by_enrolment ON team_member (enrolment_id);
CREATE INDEX enrolment_by_state ON enrolment (edition_id, state, applied_at, id);
";
