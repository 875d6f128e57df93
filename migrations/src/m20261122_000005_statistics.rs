//! The journal of every counted change and the summaries that are kept from it.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::apply(manager, SCRIPT).await?;
        super::append_only(manager, "tally_change").await
    }
}

const SCRIPT: &str = "
CREATE TABLE tally_change (
    id {uuid} PRIMARY KEY,
    at {instant} NOT NULL,
    enrolment_id {uuid} NOT NULL REFERENCES enrolment (id),
    person_number bigint NOT NULL,
    edition_id {uuid} NOT NULL,
    status text NOT NULL,
    gender text NOT NULL,
    country text NOT NULL,
    institution_id {uuid} NOT NULL,
    constituent_group text NOT NULL,
    language text NOT NULL,
    month text NOT NULL,
    enrolments bigint NOT NULL CHECK (enrolments IN (-1, 1)),
    submitted bigint NOT NULL,
    released bigint NOT NULL
);
CREATE INDEX tally_change_by_edition ON tally_change (edition_id, at);

CREATE TABLE tally_detail (
    edition_id {uuid} NOT NULL,
    status text NOT NULL,
    gender text NOT NULL,
    country text NOT NULL,
    institution_id {uuid} NOT NULL,
    constituent_group text NOT NULL,
    language text NOT NULL,
    month text NOT NULL,
    enrolments bigint NOT NULL,
    submitted bigint NOT NULL,
    released bigint NOT NULL,
    PRIMARY KEY (edition_id, status, gender, country, institution_id, constituent_group, language, month)
);

CREATE TABLE tally_edition (
    edition_id {uuid} NOT NULL,
    status text NOT NULL,
    gender text NOT NULL,
    country text NOT NULL,
    enrolments bigint NOT NULL,
    submitted bigint NOT NULL,
    released bigint NOT NULL,
    people {bytes} NOT NULL,
    PRIMARY KEY (edition_id, status, gender, country)
);

CREATE TABLE tally_overall (
    status text NOT NULL,
    gender text NOT NULL,
    country text NOT NULL,
    enrolments bigint NOT NULL,
    submitted bigint NOT NULL,
    released bigint NOT NULL,
    PRIMARY KEY (status, gender, country)
);

CREATE TABLE people_overall (
    status text NOT NULL,
    gender text NOT NULL,
    country text NOT NULL,
    chunk bigint NOT NULL,
    people {bytes} NOT NULL,
    PRIMARY KEY (status, gender, country, chunk)
);
";
