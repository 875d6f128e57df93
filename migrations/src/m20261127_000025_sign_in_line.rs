//! Networks that wait to try a sign-in: an account that is being guessed at lets strangers in one after the other.

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
CREATE TABLE sign_in_line (
    account {bytes} NOT NULL,
    network {bytes} NOT NULL,
    since bigint NOT NULL,
    seen bigint NOT NULL,
    PRIMARY KEY (account, network)
);
CREATE INDEX sign_in_line_by_time ON sign_in_line (seen);
";
