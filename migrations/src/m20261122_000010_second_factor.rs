//! Second factors, sign-ins that wait for one, addresses that wait for their confirmation, and what a person is
//! shown of a session.

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
ALTER TABLE session ADD COLUMN seen_at {instant};
ALTER TABLE session ADD COLUMN client text;
ALTER TABLE session ADD COLUMN factor_at {instant};

CREATE TABLE second_factor (
    person_id {uuid} PRIMARY KEY REFERENCES person (id),
    secret {bytes} NOT NULL,
    begun_at {instant} NOT NULL,
    confirmed_at {instant},
    last_step bigint NOT NULL,
    failures bigint NOT NULL CHECK (failures >= 0),
    blocked_until {instant}
);

CREATE TABLE recovery_code (
    hash {bytes} PRIMARY KEY,
    person_id {uuid} NOT NULL REFERENCES person (id),
    issued_at {instant} NOT NULL,
    used_at {instant}
);
CREATE INDEX recovery_code_by_person ON recovery_code (person_id);

CREATE TABLE sign_in_challenge (
    hash {bytes} PRIMARY KEY,
    person_id {uuid} NOT NULL REFERENCES person (id),
    issued_at {instant} NOT NULL,
    expires_at {instant} NOT NULL,
    attempts bigint NOT NULL CHECK (attempts >= 0),
    client text,
    used_at {instant}
);
CREATE INDEX sign_in_challenge_by_person ON sign_in_challenge (person_id);

CREATE TABLE address_change (
    hash {bytes} PRIMARY KEY,
    person_id {uuid} NOT NULL REFERENCES person (id),
    session_id {uuid} REFERENCES session (id),
    email text NOT NULL,
    issued_at {instant} NOT NULL,
    expires_at {instant} NOT NULL,
    used_at {instant}
);
CREATE INDEX address_change_by_person ON address_change (person_id);
";
