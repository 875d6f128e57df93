//! Enrolments with the declaration frozen in them, and the evidence of their outcome.

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
CREATE TABLE enrolment (
    id {uuid} PRIMARY KEY,
    edition_id {uuid} NOT NULL REFERENCES edition (id),
    person_id {uuid} NOT NULL REFERENCES person (id),
    person_number bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('applied', 'under_review', 'confirmed', 'waitlisted', 'rejected', 'expired',
                                         'active', 'completed', 'not_completed', 'withdrawn', 'excluded', 'cancelled')),
    motivation text NOT NULL,
    applied_at {instant} NOT NULL,
    applied_month text NOT NULL CHECK (length(applied_month) = 7),
    gender text NOT NULL CHECK (gender IN ('female', 'male', 'another', 'not_stated')),
    country text NOT NULL,
    institution_id {uuid} REFERENCES institution (id),
    constituent_group text NOT NULL,
    language text NOT NULL,
    nominated_by {uuid} REFERENCES institution (id),
    works_submitted bigint NOT NULL CHECK (works_submitted >= 0),
    works_released bigint NOT NULL CHECK (works_released BETWEEN 0 AND works_submitted),
    grade bigint CHECK (grade BETWEEN 0 AND 100000),
    version bigint NOT NULL
);
CREATE UNIQUE INDEX enrolment_one_live ON enrolment (edition_id, person_id)
    WHERE state IN ('applied', 'under_review', 'confirmed', 'waitlisted', 'active', 'completed', 'not_completed');
CREATE INDEX enrolment_by_edition ON enrolment (edition_id, applied_at, id);
CREATE INDEX enrolment_by_person ON enrolment (person_id, applied_at, id);
CREATE INDEX enrolment_by_nominator ON enrolment (nominated_by) WHERE nominated_by IS NOT NULL;

CREATE TABLE completion (
    id {uuid} PRIMARY KEY,
    enrolment_id {uuid} NOT NULL REFERENCES enrolment (id),
    outcome text NOT NULL CHECK (outcome IN ('completed', 'not_completed')),
    evidence {json} NOT NULL,
    decided_at {instant} NOT NULL,
    decided_by {uuid} REFERENCES person (id)
);
CREATE INDEX completion_by_enrolment ON completion (enrolment_id, decided_at);
";
