//! Invitations, by the digests of their tokens.

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
CREATE TABLE invitation (
    id {uuid} PRIMARY KEY,
    hash {bytes} NOT NULL UNIQUE,
    email text NOT NULL CHECK (email <> ''),
    given_name text NOT NULL,
    family_name text NOT NULL,
    language text NOT NULL CHECK (language IN ('es', 'en', 'pt')),
    purpose text NOT NULL CHECK (purpose IN ('take_part', 'hold_role')),
    role text CHECK (role IN ('tutor', 'focal_point', 'coordinator')),
    scope_kind text NOT NULL CHECK (scope_kind IN ('system', 'institution', 'course', 'edition')),
    scope_id {uuid},
    state text NOT NULL CHECK (state IN ('sent', 'accepted', 'declined', 'withdrawn', 'expired', 'replaced')),
    invited_by {uuid} NOT NULL REFERENCES person (id),
    created_at {instant} NOT NULL,
    expires_at {instant} NOT NULL CHECK (expires_at > created_at),
    person_id {uuid} REFERENCES person (id),
    version bigint NOT NULL,
    CHECK ((purpose = 'hold_role') = (role IS NOT NULL)),
    CHECK (purpose <> 'take_part' OR scope_kind = 'edition'),
    CHECK ((scope_kind = 'system') = (scope_id IS NULL)),
    CHECK ((state = 'accepted') = (person_id IS NOT NULL))
);
CREATE UNIQUE INDEX invitation_one_open ON invitation (email, purpose, scope_id)
    WHERE state = 'sent' AND role IS NULL;
CREATE UNIQUE INDEX invitation_one_open_to_role ON invitation (email, role, scope_id)
    WHERE state = 'sent' AND scope_id IS NOT NULL;
CREATE UNIQUE INDEX invitation_one_open_everywhere ON invitation (email, role)
    WHERE state = 'sent' AND scope_id IS NULL;
CREATE INDEX invitation_by_scope ON invitation (scope_id, created_at, id);
CREATE INDEX invitation_by_time ON invitation (created_at, id);
CREATE INDEX invitation_to_expire ON invitation (expires_at) WHERE state = 'sent';
";
