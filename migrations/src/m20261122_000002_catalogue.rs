//! Courses, their editions and the meetings of an edition.

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
CREATE TABLE course (
    id {uuid} PRIMARY KEY,
    code text NOT NULL UNIQUE,
    titles {json} NOT NULL,
    descriptions {json} NOT NULL,
    objectives {json} NOT NULL,
    topics {json} NOT NULL,
    search_text text NOT NULL,
    created_at {instant} NOT NULL,
    version bigint NOT NULL
);

CREATE TABLE edition (
    id {uuid} PRIMARY KEY,
    course_id {uuid} NOT NULL REFERENCES course (id),
    code text NOT NULL UNIQUE,
    languages text NOT NULL,
    time_zone text NOT NULL,
    starts_on {date} NOT NULL,
    ends_on {date} NOT NULL,
    enrols_from {instant} NOT NULL,
    enrols_until {instant} NOT NULL,
    capacity bigint,
    minimum bigint NOT NULL CHECK (minimum >= 0),
    seats_taken bigint NOT NULL CHECK (seats_taken >= 0),
    modality text NOT NULL CHECK (modality IN ('online', 'blended', 'on_site')),
    policy text NOT NULL CHECK (policy IN ('open', 'approval')),
    state text NOT NULL CHECK (state IN ('draft', 'announced', 'enrolling', 'enrolment_closed', 'running',
                                         'grading', 'closed', 'archived', 'cancelled')),
    pass_mark bigint NOT NULL CHECK (pass_mark BETWEEN 0 AND 100000),
    tutors_release boolean NOT NULL,
    search_text text NOT NULL,
    created_at {instant} NOT NULL,
    version bigint NOT NULL,
    CHECK (starts_on <= ends_on),
    CHECK (enrols_from < enrols_until),
    CHECK (capacity IS NULL OR (capacity > 0 AND seats_taken <= capacity))
);
CREATE INDEX edition_by_course ON edition (course_id);
CREATE INDEX edition_by_dates ON edition (starts_on, ends_on);

CREATE TABLE meeting (
    id {uuid} PRIMARY KEY,
    edition_id {uuid} NOT NULL REFERENCES edition (id),
    number bigint NOT NULL CHECK (number > 0),
    starts_at {instant} NOT NULL,
    minutes bigint NOT NULL CHECK (minutes > 0),
    UNIQUE (edition_id, number)
);
";
