//! Seats in one ledger: some kept for an institution, a country or a constituent group, some held for whom they are
//! offered to, and the order in which people wait.
//!
//! What an edition keeps is counted in its row by triggers, so that the row alone shows whether more is given out than
//! there is, and its constraints refuse that.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::apply(manager, SCRIPT).await?;
        let triggers = triggers(manager.get_database_backend());
        manager.get_connection().execute_unprepared(triggers).await?;
        Ok(())
    }
}

/// What keeps the counts of editions right, on an engine.
pub(super) fn triggers(backend: DbBackend) -> &'static str {
    if backend == DbBackend::Sqlite { SQLITE } else { POSTGRES }
}

const SCRIPT: &str = "
CREATE TABLE seat_pool (
    id {uuid} PRIMARY KEY,
    edition_id {uuid} NOT NULL REFERENCES edition (id),
    institution_id {uuid} REFERENCES institution (id),
    country text CHECK (length(country) = 2),
    constituent_group text,
    seats bigint NOT NULL CHECK (seats > 0),
    taken bigint NOT NULL CHECK (taken >= 0),
    held bigint NOT NULL CHECK (held >= 0),
    overflow boolean NOT NULL,
    releases_at {instant},
    released_at {instant},
    created_at {instant} NOT NULL,
    version bigint NOT NULL,
    CHECK (taken + held <= seats),
    CHECK ((CASE WHEN institution_id IS NULL THEN 0 ELSE 1 END) + (CASE WHEN country IS NULL THEN 0 ELSE 1 END)
           + (CASE WHEN constituent_group IS NULL THEN 0 ELSE 1 END) = 1)
);
CREATE INDEX seat_pool_by_edition ON seat_pool (edition_id);
CREATE INDEX seat_pool_due ON seat_pool (releases_at) WHERE released_at IS NULL;
CREATE UNIQUE INDEX seat_pool_one_institution ON seat_pool (edition_id, institution_id) WHERE released_at IS NULL;
CREATE UNIQUE INDEX seat_pool_one_country ON seat_pool (edition_id, country) WHERE released_at IS NULL;
CREATE UNIQUE INDEX seat_pool_one_group ON seat_pool (edition_id, constituent_group) WHERE released_at IS NULL;

ALTER TABLE edition ADD COLUMN offer_hours bigint CHECK (offer_hours > 0);
ALTER TABLE edition ADD COLUMN seats_held bigint NOT NULL DEFAULT 0 CHECK (seats_held >= 0);
ALTER TABLE edition ADD COLUMN seat_pools bigint NOT NULL DEFAULT 0
    CHECK (seat_pools = 0 OR (seat_pools > 0 AND capacity IS NOT NULL));
ALTER TABLE edition ADD COLUMN seats_kept bigint NOT NULL DEFAULT 0
    CHECK (seats_kept >= 0 AND (capacity IS NULL OR seats_taken + seats_held + seats_kept <= capacity));

ALTER TABLE enrolment ADD COLUMN seat_pool_id {uuid} REFERENCES seat_pool (id);
ALTER TABLE enrolment ADD COLUMN waiting_rank bigint CHECK (waiting_rank > 0);
ALTER TABLE enrolment ADD COLUMN offered_until {instant} CHECK (offered_until IS NULL OR state = 'waitlisted');
CREATE INDEX enrolment_by_seat_pool ON enrolment (seat_pool_id) WHERE seat_pool_id IS NOT NULL;
CREATE INDEX enrolment_offered ON enrolment (offered_until) WHERE offered_until IS NOT NULL;
DROP INDEX enrolment_waiting;
CREATE INDEX enrolment_waiting ON enrolment (edition_id, COALESCE(waiting_rank, 2147483647), applied_at, id)
    WHERE state = 'waitlisted' AND offered_until IS NULL;
";

const SQLITE: &str = "
CREATE TRIGGER seat_pool_added AFTER INSERT ON seat_pool WHEN NEW.released_at IS NULL BEGIN
    UPDATE edition SET seat_pools = seat_pools + 1, seats_kept = seats_kept + NEW.seats - NEW.taken - NEW.held
      WHERE id = NEW.edition_id;
END;
CREATE TRIGGER seat_pool_moved BEFORE UPDATE OF edition_id ON seat_pool WHEN NEW.edition_id <> OLD.edition_id BEGIN
    SELECT RAISE(ABORT, 'a seat pool stays in its edition');
END;
CREATE TRIGGER seat_pool_changed AFTER UPDATE ON seat_pool BEGIN
    UPDATE edition SET
        seat_pools = seat_pools + (NEW.released_at IS NULL) - (OLD.released_at IS NULL),
        seats_kept = seats_kept
            + CASE WHEN NEW.released_at IS NULL THEN NEW.seats - NEW.taken - NEW.held ELSE 0 END
            - CASE WHEN OLD.released_at IS NULL THEN OLD.seats - OLD.taken - OLD.held ELSE 0 END
      WHERE id = NEW.edition_id;
END;
CREATE TRIGGER seat_pool_removed AFTER DELETE ON seat_pool WHEN OLD.released_at IS NULL BEGIN
    UPDATE edition SET seat_pools = seat_pools - 1, seats_kept = seats_kept - OLD.seats + OLD.taken + OLD.held
      WHERE id = OLD.edition_id;
END;
";

const POSTGRES: &str = "
CREATE FUNCTION seat_pool_keeps() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    pools bigint := 0;
    kept bigint := 0;
    edition_of uuid;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        edition_of := OLD.edition_id;
        IF OLD.released_at IS NULL THEN
            pools := pools - 1;
            kept := kept - (OLD.seats - OLD.taken - OLD.held);
        END IF;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        IF TG_OP = 'UPDATE' AND NEW.edition_id <> edition_of THEN
            RAISE EXCEPTION 'a seat pool stays in its edition';
        END IF;
        edition_of := NEW.edition_id;
        IF NEW.released_at IS NULL THEN
            pools := pools + 1;
            kept := kept + (NEW.seats - NEW.taken - NEW.held);
        END IF;
    END IF;
    IF pools <> 0 OR kept <> 0 THEN
        UPDATE edition SET seat_pools = seat_pools + pools, seats_kept = seats_kept + kept WHERE id = edition_of;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER seat_pool_keeps AFTER INSERT OR UPDATE OR DELETE ON seat_pool
    FOR EACH ROW EXECUTE FUNCTION seat_pool_keeps();
";
