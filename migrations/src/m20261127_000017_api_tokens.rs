//! API tokens of people, by the digests of their secrets.

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
CREATE TABLE api_token (
    id {uuid} PRIMARY KEY,
    hash {bytes} NOT NULL UNIQUE,
    person_id {uuid} NOT NULL REFERENCES person (id),
    name text NOT NULL,
    scopes text NOT NULL CHECK (scopes <> ''),
    created_at {instant} NOT NULL,
    expires_at {instant} NOT NULL CHECK (expires_at > created_at),
    factor_at {instant},
    used_at {instant},
    warned_at {instant},
    revoked_at {instant}
);
CREATE INDEX api_token_by_person ON api_token (person_id, created_at, id);
CREATE INDEX api_token_to_warn_of ON api_token (expires_at) WHERE revoked_at IS NULL AND warned_at IS NULL;
";
