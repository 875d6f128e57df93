//! Nominations: invitations to take part that an institution writes. They name it, the place among its nominees, whom
//! they substitute, when the nominee is reminded, and the enrolment that came of it. Where the edition asks for it, a
//! second person endorses one before its nominee is written to, and nobody takes up one that waits for that.
//!
//! What two institutions, or an institution and a coordinator, write to one address stands side by side: neither learns
//! of the other.

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
ALTER TABLE invitation ADD COLUMN institution_id {uuid} REFERENCES institution (id)
    CHECK (institution_id IS NULL OR purpose = 'take_part');
ALTER TABLE invitation ADD COLUMN nominee_rank bigint
    CHECK (CASE WHEN institution_id IS NULL THEN nominee_rank IS NULL
                ELSE nominee_rank IS NOT NULL AND nominee_rank BETWEEN 1 AND 1000 END);
ALTER TABLE invitation ADD COLUMN substitutes {uuid} REFERENCES invitation (id)
    CHECK (substitutes IS NULL OR institution_id IS NOT NULL);
ALTER TABLE invitation ADD COLUMN remind_at {instant}
    CHECK (remind_at IS NULL OR institution_id IS NOT NULL);
ALTER TABLE invitation ADD COLUMN enrolment_id {uuid} REFERENCES enrolment (id)
    CHECK ((enrolment_id IS NOT NULL) = (institution_id IS NOT NULL AND state = 'accepted'));
ALTER TABLE invitation ADD COLUMN awaits_endorsement boolean NOT NULL DEFAULT false
    CHECK (NOT awaits_endorsement OR (institution_id IS NOT NULL AND state <> 'accepted' AND remind_at IS NULL));
ALTER TABLE invitation ADD COLUMN endorsed_by {uuid} REFERENCES person (id)
    CHECK (endorsed_by IS NULL OR (institution_id IS NOT NULL AND NOT awaits_endorsement AND endorsed_by <> invited_by));
ALTER TABLE invitation ADD COLUMN endorsed_at {instant}
    CHECK ((endorsed_at IS NULL) = (endorsed_by IS NULL));
ALTER TABLE edition ADD COLUMN endorses_nominations boolean NOT NULL DEFAULT false;
DROP INDEX invitation_one_open;
CREATE UNIQUE INDEX invitation_one_open ON invitation (email, purpose, scope_id)
    WHERE state = 'sent' AND role IS NULL AND institution_id IS NULL;
CREATE UNIQUE INDEX nomination_one_open ON invitation (email, scope_id, institution_id)
    WHERE state = 'sent' AND institution_id IS NOT NULL;
CREATE UNIQUE INDEX nomination_substituted_once ON invitation (substitutes) WHERE substitutes IS NOT NULL;
CREATE UNIQUE INDEX nomination_of_enrolment ON invitation (enrolment_id) WHERE enrolment_id IS NOT NULL;
CREATE INDEX nomination_by_institution ON invitation (institution_id, scope_id, created_at, id)
    WHERE institution_id IS NOT NULL;
CREATE INDEX nomination_to_remind ON invitation (remind_at) WHERE state = 'sent' AND remind_at IS NOT NULL;
";
