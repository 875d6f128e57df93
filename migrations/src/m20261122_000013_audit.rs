//! Append-only tables cannot be emptied either, decided outcomes become append-only, and a foreign key gets
//! its index.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::apply(manager, SCRIPT).await?;
        super::append_only(manager, "completion").await?;
        // Databases that ran the earlier migrations before tables were kept from TRUNCATE.
        for table in [
            "assessment",
            "audit_entry",
            "grade",
            "state_history",
            "submission_author",
            "submission_version",
            "tally_change",
        ] {
            super::no_truncate(manager, table).await?;
        }
        Ok(())
    }
}

const SCRIPT: &str = "
CREATE INDEX tally_change_by_enrolment ON tally_change (enrolment_id);
";
