//! Tables that were handed over to be brought in: what is asked for, the file until it is worked off, and what came of
//! each row.

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
CREATE TABLE table_import (
    id {uuid} PRIMARY KEY,
    owner_id {uuid} NOT NULL REFERENCES person (id),
    kind text NOT NULL CHECK (kind IN ('people', 'enrolments', 'nominations')),
    edition_id {uuid} REFERENCES edition (id),
    institution_id {uuid} REFERENCES institution (id),
    mode text NOT NULL CHECK (mode IN ('all_or_nothing', 'row_by_row')),
    dry_run boolean NOT NULL,
    notify boolean NOT NULL,
    language text NOT NULL,
    state text NOT NULL CHECK (state IN ('awaiting_file', 'queued', 'running', 'done', 'unreadable', 'failed', 'cancelled')),
    form text,
    ignored_columns {json} NOT NULL,
    fault {json},
    carried_out boolean NOT NULL,
    total bigint NOT NULL,
    done bigint NOT NULL,
    created bigint NOT NULL,
    updated bigint NOT NULL,
    unchanged bigint NOT NULL,
    refused bigint NOT NULL,
    lease bigint NOT NULL,
    leased_until {instant},
    created_at {instant} NOT NULL,
    finished_at {instant},
    CHECK ((kind = 'people') = (edition_id IS NULL)),
    CHECK ((kind = 'nominations') = (institution_id IS NOT NULL)),
    CHECK ((finished_at IS NOT NULL) = (state IN ('done', 'unreadable', 'failed', 'cancelled')))
);
CREATE INDEX table_import_of_owner ON table_import (owner_id, created_at);
CREATE INDEX table_import_waiting ON table_import (created_at) WHERE state IN ('queued', 'running');
CREATE INDEX table_import_by_age ON table_import (created_at);

CREATE TABLE table_import_file (
    import_id {uuid} PRIMARY KEY REFERENCES table_import (id),
    content {bytes} NOT NULL
);

CREATE TABLE table_import_row (
    id {uuid} PRIMARY KEY,
    import_id {uuid} NOT NULL REFERENCES table_import (id),
    at {instant} NOT NULL,
    line bigint NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('created', 'updated', 'unchanged', 'refused')),
    state text,
    faults {json} NOT NULL
);
CREATE INDEX table_import_row_in_order ON table_import_row (import_id, at, id);
";
