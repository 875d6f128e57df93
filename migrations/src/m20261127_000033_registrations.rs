//! What somebody registers waits beside the account until the address confirms it; what anybody asks for by an address
//! waits until a worker looks at it. Tokens that set a password have a table of their own.

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
CREATE TABLE registration (
    hash {bytes} PRIMARY KEY,
    person_id {uuid} NOT NULL REFERENCES person (id),
    given_name text NOT NULL,
    family_name text NOT NULL,
    language text NOT NULL,
    time_zone text NOT NULL,
    password_hash text NOT NULL,
    expires_at {instant} NOT NULL
);
CREATE INDEX registration_by_person ON registration (person_id);
CREATE INDEX registration_by_end ON registration (expires_at);
INSERT INTO registration (hash, person_id, given_name, family_name, language, time_zone, password_hash, expires_at)
    SELECT t.hash, p.id, p.given_name, p.family_name, p.language, p.time_zone, p.password_hash, t.expires_at
    FROM account_token t JOIN person p ON p.id = t.person_id
    WHERE t.purpose = 'confirm_email' AND t.used_at IS NULL
        AND p.email_confirmed_at IS NULL AND p.password_hash IS NOT NULL;

CREATE TABLE password_reset (
    hash {bytes} PRIMARY KEY,
    person_id {uuid} NOT NULL REFERENCES person (id),
    issued_at {instant} NOT NULL,
    expires_at {instant} NOT NULL,
    used_at {instant}
);
CREATE INDEX password_reset_by_person ON password_reset (person_id);
INSERT INTO password_reset (hash, person_id, issued_at, expires_at, used_at)
    SELECT hash, person_id, issued_at, expires_at, used_at FROM account_token WHERE purpose = 'reset_password';
DROP TABLE account_token;

CREATE TABLE account_request (
    id {uuid} PRIMARY KEY,
    email text NOT NULL,
    wish {json} NOT NULL,
    expires_at {instant} NOT NULL
);
";
