//! No row of an append-only table can be replaced by another one.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::no_replace(manager, "access_record", &["id"]).await?;
        super::no_replace(manager, "assessment", &["id"]).await?;
        super::no_replace(manager, "audit_entry", &["id"]).await?;
        super::no_replace(manager, "audit_seal", &["sequence"]).await?;
        super::no_replace(manager, "completion", &["id"]).await?;
        super::no_replace(manager, "grade", &["id"]).await?;
        super::no_replace(manager, "state_history", &["id"]).await?;
        super::no_replace(manager, "submission_author", &["version_id, enrolment_id"]).await?;
        super::no_replace(manager, "submission_version", &["id", "submission_id, number"]).await?;
        super::no_replace(manager, "tally_change", &["id"]).await
    }
}
