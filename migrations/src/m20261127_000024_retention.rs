//! What is kept for a time only is found by its end: invitations, messages, sessions. Invitations know when they ended,
//! and when what they say of somebody was removed. Those that ended before are counted from the end of their token.

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
ALTER TABLE invitation ADD COLUMN ended_at {instant};
ALTER TABLE invitation ADD COLUMN blanked_at {instant};
UPDATE invitation SET ended_at = expires_at WHERE state <> 'sent';
CREATE INDEX invitation_to_blank ON invitation (ended_at) WHERE state <> 'sent' AND blanked_at IS NULL;
CREATE INDEX outbox_to_forget ON outbox (created_at) WHERE state IN ('sent', 'dead');
CREATE INDEX session_by_end ON session (expires_at);
CREATE INDEX session_by_revocation ON session (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX address_change_by_session ON address_change (session_id);
CREATE INDEX provider_sign_in_by_session ON provider_sign_in (session_id);
";
