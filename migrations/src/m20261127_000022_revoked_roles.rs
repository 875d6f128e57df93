//! Who ended a role, where somebody did: no identity provider gives it again.

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
ALTER TABLE role_assignment ADD COLUMN revoked_by {uuid} REFERENCES person (id);
";
