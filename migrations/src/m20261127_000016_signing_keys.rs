//! The keys that sign access tokens: one signs at most, and only a key that signs or will do so keeps its private part.

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
CREATE TABLE signing_key (
    id {uuid} PRIMARY KEY,
    state text NOT NULL CHECK (state IN ('next', 'signing', 'verifying', 'retired')),
    public_key {bytes} NOT NULL UNIQUE CHECK (length(public_key) = 32),
    private_key {bytes},
    created_at {instant} NOT NULL,
    signs_from {instant},
    verifies_until {instant},
    retired_at {instant},
    CHECK ((state IN ('next', 'signing')) = (private_key IS NOT NULL)),
    CHECK (state NOT IN ('signing', 'verifying') OR signs_from IS NOT NULL),
    CHECK (state <> 'verifying' OR verifies_until IS NOT NULL),
    CHECK ((state = 'retired') = (retired_at IS NOT NULL))
);
CREATE UNIQUE INDEX signing_key_signs_alone ON signing_key (state) WHERE state = 'signing';
";
