//! Identities of people at identity providers, sign-ins that were begun there, links that wait for their confirmation,
//! and the roles that came from there.

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
CREATE TABLE identity (
    id {uuid} PRIMARY KEY,
    person_id {uuid} NOT NULL REFERENCES person (id),
    provider text NOT NULL,
    issuer text NOT NULL,
    subject text NOT NULL CHECK (length(subject) > 0),
    linked_at {instant} NOT NULL,
    used_at {instant},
    UNIQUE (provider, issuer, subject)
);
CREATE INDEX identity_by_person ON identity (person_id);

CREATE TABLE provider_sign_in (
    hash {bytes} PRIMARY KEY,
    provider text NOT NULL,
    person_id {uuid} REFERENCES person (id),
    session_id {uuid} REFERENCES session (id),
    issued_at {instant} NOT NULL,
    expires_at {instant} NOT NULL,
    used_at {instant},
    CHECK ((person_id IS NULL) = (session_id IS NULL))
);
CREATE INDEX provider_sign_in_by_end ON provider_sign_in (expires_at);

CREATE TABLE identity_claim (
    hash {bytes} PRIMARY KEY,
    person_id {uuid} NOT NULL REFERENCES person (id),
    provider text NOT NULL,
    issuer text NOT NULL,
    subject text NOT NULL CHECK (length(subject) > 0),
    issued_at {instant} NOT NULL,
    expires_at {instant} NOT NULL,
    used_at {instant}
);
CREATE INDEX identity_claim_by_person ON identity_claim (person_id);

ALTER TABLE role_assignment ADD COLUMN provider text;
";
