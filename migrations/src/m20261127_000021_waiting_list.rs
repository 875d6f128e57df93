//! An index of those who wait for a seat: whether anybody does, and who is next, is asked with every application and
//! every seat that is given back.

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
CREATE INDEX enrolment_waiting ON enrolment (edition_id, applied_at, id) WHERE state = 'waitlisted';
";
