//! The form by which people apply to an edition, what they answered to it, and to what they consented.
//!
//! Every version of a form is a row that never changes, and an edition says which one is asked now. Its content is one
//! value: it is read whole, and nobody looks for a part of it.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::apply(manager, SCRIPT).await?;
        super::append_only(manager, "application_form").await?;
        super::no_replace(manager, "application_form", &["id", "edition_id, number"]).await?;
        super::append_only(manager, "application").await?;
        super::no_replace(manager, "application", &["id", "enrolment_id"]).await?;
        super::append_only(manager, "consent").await?;
        super::no_replace(manager, "consent", &["id"]).await
    }
}

const SCRIPT: &str = "
CREATE TABLE application_form (
    id {uuid} PRIMARY KEY,
    edition_id {uuid} NOT NULL REFERENCES edition (id),
    number bigint NOT NULL CHECK (number > 0),
    content {json} NOT NULL,
    published_at {instant} NOT NULL,
    published_by {uuid} REFERENCES person (id),
    UNIQUE (edition_id, number)
);
CREATE TABLE application (
    id {uuid} PRIMARY KEY,
    enrolment_id {uuid} NOT NULL UNIQUE REFERENCES enrolment (id),
    form_id {uuid} NOT NULL REFERENCES application_form (id),
    language text NOT NULL,
    answers {json} NOT NULL,
    given_at {instant} NOT NULL
);
CREATE INDEX application_by_form ON application (form_id);
CREATE TABLE consent (
    id {uuid} PRIMARY KEY,
    enrolment_id {uuid} NOT NULL REFERENCES enrolment (id),
    person_id {uuid} NOT NULL REFERENCES person (id),
    form_id {uuid} NOT NULL REFERENCES application_form (id),
    purpose text NOT NULL,
    text_version bigint NOT NULL CHECK (text_version > 0),
    language text NOT NULL,
    given boolean NOT NULL,
    required boolean NOT NULL,
    via text NOT NULL,
    stated_at {instant} NOT NULL
);
CREATE INDEX consent_by_enrolment ON consent (enrolment_id, purpose, stated_at, id);
CREATE INDEX consent_by_person ON consent (person_id, stated_at, id);

ALTER TABLE edition ADD COLUMN form_number bigint NOT NULL DEFAULT 0 CHECK (form_number >= 0);
";
