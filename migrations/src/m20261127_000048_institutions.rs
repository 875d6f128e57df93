//! Institutions that somebody proposed, those that were merged into another one, and what enrolments were counted with
//! before a correction or a merger.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::apply(manager, SCRIPT).await?;
        super::append_only(manager, "former_snapshot").await?;
        super::no_replace(manager, "former_snapshot", &["id"]).await
    }
}

/// The last column of `institution` brings the rule that holds for two others: before it, those that are merged already
/// have to say so.
const SCRIPT: &str = "
ALTER TABLE institution ADD COLUMN state text NOT NULL DEFAULT 'registered'
    CHECK (state IN ('proposed', 'registered', 'merged'));
ALTER TABLE institution ADD COLUMN merged_at {instant};
ALTER TABLE institution ADD COLUMN followed_at {instant};
UPDATE institution SET state = 'merged', merged_at = created_at WHERE merged_into IS NOT NULL;
ALTER TABLE institution ADD COLUMN proposed_by {uuid} REFERENCES person (id)
    CHECK ((state = 'merged') = (merged_into IS NOT NULL));
CREATE INDEX institution_proposed ON institution (created_at, id) WHERE state = 'proposed';
CREATE INDEX institution_by_proposer ON institution (proposed_by, created_at) WHERE proposed_by IS NOT NULL;
CREATE INDEX institution_unfollowed ON institution (id) WHERE state = 'merged' AND followed_at IS NULL;
CREATE INDEX institution_by_survivor ON institution (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE former_snapshot (
    id {uuid} PRIMARY KEY,
    enrolment_id {uuid} NOT NULL REFERENCES enrolment (id),
    until_at {instant} NOT NULL,
    gender text NOT NULL CHECK (gender IN ('female', 'male', 'another', 'not_stated')),
    country text NOT NULL,
    institution_id {uuid} REFERENCES institution (id),
    institution_kind text,
    constituent_group text NOT NULL,
    language text NOT NULL,
    cause text NOT NULL CHECK (cause IN ('corrected', 'merged')),
    reason text CHECK (cause <> 'corrected' OR reason IS NOT NULL),
    corrected_by {uuid} REFERENCES person (id)
);
CREATE INDEX former_snapshot_by_enrolment ON former_snapshot (enrolment_id, until_at);
";
