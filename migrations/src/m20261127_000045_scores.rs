//! By which criteria applications to an edition are scored, what each assessor found, and the mean by which the work
//! list can be sorted: -1 where nobody has scored, so that such applications come last.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::apply(manager, SCRIPT).await?;
        super::append_only(manager, "admission_criteria").await?;
        super::no_replace(manager, "admission_criteria", &["id", "edition_id, number"]).await?;
        super::append_only(manager, "admission_score").await?;
        super::no_replace(manager, "admission_score", &["id"]).await
    }
}

const SCRIPT: &str = "
CREATE TABLE admission_criteria (
    id {uuid} PRIMARY KEY,
    edition_id {uuid} NOT NULL REFERENCES edition (id),
    number bigint NOT NULL CHECK (number > 0),
    rubric {json} NOT NULL,
    created_at {instant} NOT NULL,
    created_by {uuid} NOT NULL REFERENCES person (id)
);
CREATE UNIQUE INDEX admission_criteria_number ON admission_criteria (edition_id, number);

CREATE TABLE admission_score (
    id {uuid} PRIMARY KEY,
    enrolment_id {uuid} NOT NULL REFERENCES enrolment (id),
    criteria_id {uuid} NOT NULL REFERENCES admission_criteria (id),
    assessor_id {uuid} NOT NULL REFERENCES person (id),
    scores {json} NOT NULL,
    points bigint NOT NULL CHECK (points BETWEEN 0 AND 100000),
    comment text NOT NULL,
    scored_at {instant} NOT NULL
);
CREATE INDEX admission_score_by_enrolment ON admission_score (enrolment_id, scored_at);

ALTER TABLE enrolment ADD COLUMN score bigint NOT NULL DEFAULT -1 CHECK (score BETWEEN -1 AND 100000);
CREATE INDEX enrolment_by_score ON enrolment (edition_id, score, id);
";
