//! People, what they declare, institutions, roles, sessions and one-time tokens.

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
CREATE TABLE counter (
    name text PRIMARY KEY,
    value bigint NOT NULL
);
INSERT INTO counter (name, value) VALUES ('person', 0);

CREATE TABLE institution (
    id {uuid} PRIMARY KEY,
    code text UNIQUE,
    name text NOT NULL,
    aliases {json} NOT NULL,
    country text NOT NULL CHECK (length(country) = 2),
    kind text NOT NULL CHECK (kind IN ('government', 'employers', 'workers', 'training_institution', 'other')),
    merged_into {uuid} REFERENCES institution (id),
    created_at {instant} NOT NULL,
    version bigint NOT NULL
);

CREATE TABLE person (
    id {uuid} PRIMARY KEY,
    number bigint NOT NULL UNIQUE,
    email text NOT NULL UNIQUE,
    given_name text NOT NULL,
    family_name text NOT NULL,
    language text NOT NULL CHECK (language IN ('es', 'en', 'pt')),
    time_zone text NOT NULL,
    password_hash text,
    email_confirmed_at {instant},
    disabled_at {instant},
    created_at {instant} NOT NULL,
    version bigint NOT NULL
);

CREATE TABLE declaration (
    id {uuid} PRIMARY KEY,
    person_id {uuid} NOT NULL REFERENCES person (id),
    stated_at {instant} NOT NULL,
    gender text NOT NULL CHECK (gender IN ('female', 'male', 'another', 'not_stated')),
    country text CHECK (length(country) = 2),
    institution_id {uuid} REFERENCES institution (id),
    constituent_group text NOT NULL
        CHECK (constituent_group IN ('government', 'employers', 'workers', 'training_institution', 'other', 'not_stated'))
);
CREATE INDEX declaration_by_person ON declaration (person_id, stated_at);

CREATE TABLE role_assignment (
    id {uuid} PRIMARY KEY,
    person_id {uuid} NOT NULL REFERENCES person (id),
    role text NOT NULL CHECK (role IN ('tutor', 'focal_point', 'coordinator', 'administrator')),
    scope_kind text NOT NULL CHECK (scope_kind IN ('system', 'institution', 'course', 'edition')),
    scope_id {uuid},
    from_at {instant} NOT NULL,
    until_at {instant},
    granted_by {uuid} REFERENCES person (id),
    CHECK ((scope_kind = 'system') = (scope_id IS NULL))
);
CREATE INDEX role_assignment_by_person ON role_assignment (person_id);
CREATE INDEX role_assignment_by_scope ON role_assignment (scope_id);

CREATE TABLE session (
    id {uuid} PRIMARY KEY,
    person_id {uuid} NOT NULL REFERENCES person (id),
    created_at {instant} NOT NULL,
    expires_at {instant} NOT NULL,
    revoked_at {instant}
);
CREATE INDEX session_by_person ON session (person_id);

CREATE TABLE refresh_token (
    hash {bytes} PRIMARY KEY,
    session_id {uuid} NOT NULL REFERENCES session (id),
    issued_at {instant} NOT NULL,
    expires_at {instant} NOT NULL,
    used_at {instant}
);
CREATE INDEX refresh_token_by_session ON refresh_token (session_id);

CREATE TABLE account_token (
    hash {bytes} PRIMARY KEY,
    person_id {uuid} NOT NULL REFERENCES person (id),
    purpose text NOT NULL CHECK (purpose IN ('confirm_email', 'reset_password')),
    issued_at {instant} NOT NULL,
    expires_at {instant} NOT NULL,
    used_at {instant}
);
CREATE INDEX account_token_by_person ON account_token (person_id, purpose);
";
