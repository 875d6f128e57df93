//! Identities that wait for their confirmation know the sign-in that asked for it, and are found by their end. Those that
//! wait now know none, so they are let go: whoever waits signs in once more.

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
DROP TABLE identity_claim;
CREATE TABLE identity_claim (
    hash {bytes} PRIMARY KEY,
    person_id {uuid} NOT NULL REFERENCES person (id),
    sign_in {bytes} NOT NULL,
    provider text NOT NULL,
    issuer text NOT NULL,
    subject text NOT NULL CHECK (length(subject) > 0),
    issued_at {instant} NOT NULL,
    expires_at {instant} NOT NULL,
    used_at {instant}
);
CREATE INDEX identity_claim_by_person ON identity_claim (person_id);
CREATE INDEX identity_claim_by_end ON identity_claim (expires_at);
";
