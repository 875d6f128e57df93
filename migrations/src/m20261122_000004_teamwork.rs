//! Teams, tutors, deliverables, submissions with their versions, assessments and grades.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::apply(manager, SCRIPT).await?;
        super::append_only(manager, "submission_version").await?;
        super::append_only(manager, "submission_author").await?;
        super::append_only(manager, "assessment").await?;
        super::append_only(manager, "grade").await
    }
}

const SCRIPT: &str = "
CREATE TABLE team (
    id {uuid} PRIMARY KEY,
    edition_id {uuid} NOT NULL REFERENCES edition (id),
    name text NOT NULL,
    created_at {instant} NOT NULL,
    version bigint NOT NULL,
    UNIQUE (edition_id, name)
);

CREATE TABLE team_member (
    id {uuid} PRIMARY KEY,
    team_id {uuid} NOT NULL REFERENCES team (id),
    enrolment_id {uuid} NOT NULL REFERENCES enrolment (id),
    joined_at {instant} NOT NULL,
    left_at {instant}
);
CREATE UNIQUE INDEX team_member_one_team ON team_member (enrolment_id) WHERE left_at IS NULL;
CREATE INDEX team_member_by_team ON team_member (team_id);

CREATE TABLE tutor_allocation (
    id {uuid} PRIMARY KEY,
    edition_id {uuid} NOT NULL REFERENCES edition (id),
    team_id {uuid} NOT NULL REFERENCES team (id),
    person_id {uuid} NOT NULL REFERENCES person (id),
    from_at {instant} NOT NULL,
    until_at {instant}
);
CREATE UNIQUE INDEX tutor_allocation_once ON tutor_allocation (team_id, person_id) WHERE until_at IS NULL;
CREATE INDEX tutor_allocation_by_person ON tutor_allocation (person_id);

CREATE TABLE deliverable (
    id {uuid} PRIMARY KEY,
    edition_id {uuid} NOT NULL REFERENCES edition (id),
    kind text NOT NULL CHECK (kind IN ('roadmap', 'project', 'individual_task')),
    title text NOT NULL,
    instructions text NOT NULL,
    due_at {instant} NOT NULL,
    cut_off_at {instant} NOT NULL,
    weight bigint NOT NULL CHECK (weight > 0),
    rubric {json} NOT NULL,
    created_at {instant} NOT NULL,
    version bigint NOT NULL,
    CHECK (due_at <= cut_off_at)
);
CREATE INDEX deliverable_by_edition ON deliverable (edition_id);

CREATE TABLE submission (
    id {uuid} PRIMARY KEY,
    deliverable_id {uuid} NOT NULL REFERENCES deliverable (id),
    edition_id {uuid} NOT NULL REFERENCES edition (id),
    team_id {uuid} REFERENCES team (id),
    enrolment_id {uuid} REFERENCES enrolment (id),
    state text NOT NULL CHECK (state IN ('draft', 'submitted', 'in_review', 'revision_requested', 'assessed',
                                         'released', 'final', 'not_submitted')),
    draft_title text NOT NULL,
    draft_body text NOT NULL,
    current_number bigint NOT NULL CHECK (current_number >= 0),
    counted_for {uuid} REFERENCES enrolment (id),
    handed_in_at {instant},
    created_at {instant} NOT NULL,
    version bigint NOT NULL,
    CHECK ((team_id IS NULL) <> (enrolment_id IS NULL))
);
CREATE UNIQUE INDEX submission_one_per_team ON submission (deliverable_id, team_id) WHERE team_id IS NOT NULL;
CREATE UNIQUE INDEX submission_one_per_enrolment ON submission (deliverable_id, enrolment_id) WHERE enrolment_id IS NOT NULL;
CREATE INDEX submission_by_team ON submission (team_id);
CREATE INDEX submission_by_enrolment ON submission (enrolment_id);
CREATE INDEX submission_by_edition ON submission (edition_id, state, handed_in_at, id);
CREATE INDEX submission_drafts ON submission (deliverable_id) WHERE state = 'draft';

CREATE TABLE submission_version (
    id {uuid} PRIMARY KEY,
    submission_id {uuid} NOT NULL REFERENCES submission (id),
    number bigint NOT NULL CHECK (number > 0),
    title text NOT NULL,
    body text NOT NULL,
    submitted_at {instant} NOT NULL,
    submitted_by {uuid} NOT NULL REFERENCES person (id),
    UNIQUE (submission_id, number)
);

CREATE TABLE submission_author (
    version_id {uuid} NOT NULL REFERENCES submission_version (id),
    enrolment_id {uuid} NOT NULL REFERENCES enrolment (id),
    PRIMARY KEY (version_id, enrolment_id)
);
CREATE INDEX submission_author_by_enrolment ON submission_author (enrolment_id);

CREATE TABLE assessment (
    id {uuid} PRIMARY KEY,
    submission_id {uuid} NOT NULL REFERENCES submission (id),
    version_id {uuid} NOT NULL REFERENCES submission_version (id),
    assessor_id {uuid} NOT NULL REFERENCES person (id),
    decision text NOT NULL CHECK (decision IN ('revision', 'grade')),
    scores {json} NOT NULL,
    points bigint CHECK (points BETWEEN 0 AND 100000),
    comment text NOT NULL,
    assessed_at {instant} NOT NULL
);
CREATE INDEX assessment_by_submission ON assessment (submission_id, assessed_at);

CREATE TABLE grade (
    id {uuid} PRIMARY KEY,
    submission_id {uuid} NOT NULL REFERENCES submission (id),
    assessment_id {uuid} REFERENCES assessment (id),
    value bigint NOT NULL CHECK (value BETWEEN 0 AND 100000),
    reason text,
    released_at {instant} NOT NULL,
    released_by {uuid} REFERENCES person (id)
);
CREATE INDEX grade_by_submission ON grade (submission_id, released_at);
";
