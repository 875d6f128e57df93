//! Seats are counted by the database: whatever gives an enrolment a seat or takes it back moves the counts of its edition
//! and of its pool in the same statement, and nothing else moves them. So the rules for these counts, that no more is
//! given out than there is, hold for the enrolments themselves.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let triggers = triggers(manager.get_database_backend());
        super::apply(manager, RECOUNT).await?;
        manager.get_connection().execute_unprepared(&triggers).await?;
        Ok(())
    }
}

/// What was counted before is counted once more, for each change from here on builds on it: first nothing is taken, so
/// that no instant shows more than there is. `docs/operations.md` has it for who has to do so again.
const RECOUNT: &str = "
UPDATE enrolment SET seat_pool_id = NULL WHERE seat_pool_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM seat_pool p WHERE p.id = enrolment.seat_pool_id AND p.edition_id = enrolment.edition_id);
UPDATE edition SET seats_taken = 0, seats_held = 0,
    seats_kept = (SELECT COALESCE(SUM(p.seats - p.taken - p.held), 0) FROM seat_pool p
      WHERE p.edition_id = edition.id AND p.released_at IS NULL),
    seat_pools = (SELECT COUNT(*) FROM seat_pool p WHERE p.edition_id = edition.id AND p.released_at IS NULL);
UPDATE seat_pool SET
    taken = (SELECT COUNT(*) FROM enrolment n WHERE n.seat_pool_id = seat_pool.id AND n.state IN ('confirmed', 'active')),
    held = (SELECT COUNT(*) FROM enrolment n WHERE n.seat_pool_id = seat_pool.id AND n.offered_until IS NOT NULL);
UPDATE edition SET
    seats_taken = (SELECT COUNT(*) FROM enrolment n WHERE n.edition_id = edition.id AND n.state IN ('confirmed', 'active')),
    seats_held = (SELECT COUNT(*) FROM enrolment n WHERE n.edition_id = edition.id AND n.offered_until IS NOT NULL);
";

/// Whether a row of an enrolment takes a seat, and whether one is held for it.
const TAKES: &str = "({row}.state IN ('confirmed', 'active'))";
const HOLDS: &str = "({row}.offered_until IS NOT NULL)";

/// One row at a time. What is given back leaves the edition first, and what is given out leaves its pool first: no
/// instant shows more than there is. Only between the marks, which triggers set, counts change. The rules for counts stand
/// here once more, since `OR IGNORE` and `OR FAIL` of a statement hold for the CHECKs that its triggers meet as well. What
/// replaces a row fires no trigger for the one that goes, so nothing takes the place of a row.
const SQLITE: &str = "
CREATE TABLE seat_counting (mark integer PRIMARY KEY);

CREATE TRIGGER enrolment_seat_came AFTER INSERT ON enrolment WHEN {takes} OR {holds} BEGIN
    {begin};
    UPDATE seat_pool SET taken = taken + {takes}, held = held + {holds} WHERE id = NEW.seat_pool_id;
    UPDATE edition SET seats_taken = seats_taken + {takes}, seats_held = seats_held + {holds} WHERE id = NEW.edition_id;
    {end};
END;
CREATE TRIGGER enrolment_seat_moved AFTER UPDATE OF state, offered_until, seat_pool_id ON enrolment
  WHEN {takes} <> {took} OR {holds} <> {held} OR ({takes} OR {holds}) AND NEW.seat_pool_id IS NOT OLD.seat_pool_id BEGIN
    {begin};
    UPDATE edition SET seats_taken = seats_taken + {takes} - {took}, seats_held = seats_held + {holds} - {held}
      WHERE id = NEW.edition_id AND {takes} + {holds} < {took} + {held};
    UPDATE seat_pool SET
        taken = taken + {takes} - CASE WHEN id IS OLD.seat_pool_id THEN {took} ELSE 0 END,
        held = held + {holds} - CASE WHEN id IS OLD.seat_pool_id THEN {held} ELSE 0 END
      WHERE id = NEW.seat_pool_id;
    UPDATE seat_pool SET taken = taken - {took}, held = held - {held}
      WHERE id = OLD.seat_pool_id AND id IS NOT NEW.seat_pool_id;
    UPDATE edition SET seats_taken = seats_taken + {takes} - {took}, seats_held = seats_held + {holds} - {held}
      WHERE id = NEW.edition_id AND {takes} + {holds} >= {took} + {held};
    {end};
END;
CREATE TRIGGER enrolment_seat_went AFTER DELETE ON enrolment WHEN {took} OR {held} BEGIN
    {begin};
    UPDATE edition SET seats_taken = seats_taken - {took}, seats_held = seats_held - {held} WHERE id = OLD.edition_id;
    UPDATE seat_pool SET taken = taken - {took}, held = held - {held} WHERE id = OLD.seat_pool_id;
    {end};
END;

DROP TRIGGER seat_pool_added;
CREATE TRIGGER seat_pool_added AFTER INSERT ON seat_pool WHEN NEW.released_at IS NULL BEGIN
    {begin};
    UPDATE edition SET seat_pools = seat_pools + 1, seats_kept = seats_kept + NEW.seats WHERE id = NEW.edition_id;
    {end};
END;
DROP TRIGGER seat_pool_changed;
CREATE TRIGGER seat_pool_changed AFTER UPDATE ON seat_pool BEGIN
    {begin};
    UPDATE edition SET
        seat_pools = seat_pools + (NEW.released_at IS NULL) - (OLD.released_at IS NULL),
        seats_kept = seats_kept
            + CASE WHEN NEW.released_at IS NULL THEN NEW.seats - NEW.taken - NEW.held ELSE 0 END
            - CASE WHEN OLD.released_at IS NULL THEN OLD.seats - OLD.taken - OLD.held ELSE 0 END
      WHERE id = NEW.edition_id;
    {end};
END;
DROP TRIGGER seat_pool_removed;
CREATE TRIGGER seat_pool_removed AFTER DELETE ON seat_pool WHEN OLD.released_at IS NULL BEGIN
    {begin};
    UPDATE edition SET seat_pools = seat_pools - 1, seats_kept = seats_kept - OLD.seats + OLD.taken + OLD.held
      WHERE id = OLD.edition_id;
    {end};
END;

CREATE TRIGGER edition_seats_begin BEFORE INSERT ON edition
  WHEN (NEW.seats_taken, NEW.seats_held, NEW.seats_kept, NEW.seat_pools) IS NOT (0, 0, 0, 0) BEGIN
    {counted};
END;
CREATE TRIGGER edition_seats_counted BEFORE UPDATE OF seats_taken, seats_held, seats_kept, seat_pools ON edition
  WHEN (NEW.seats_taken, NEW.seats_held, NEW.seats_kept, NEW.seat_pools)
    IS NOT (OLD.seats_taken, OLD.seats_held, OLD.seats_kept, OLD.seat_pools)
    AND NOT EXISTS (SELECT 1 FROM seat_counting) BEGIN
    {counted};
END;
CREATE TRIGGER seat_pool_begins BEFORE INSERT ON seat_pool WHEN (NEW.taken, NEW.held) IS NOT (0, 0) BEGIN
    {counted};
END;
CREATE TRIGGER seat_pool_counted BEFORE UPDATE OF taken, held ON seat_pool
  WHEN (NEW.taken, NEW.held) IS NOT (OLD.taken, OLD.held) AND NOT EXISTS (SELECT 1 FROM seat_counting) BEGIN
    {counted};
END;

CREATE TRIGGER edition_never_over BEFORE UPDATE ON edition
  WHEN NEW.seats_taken + NEW.seats_held + NEW.seats_kept > NEW.capacity OR NEW.seat_pools > 0 AND NEW.capacity IS NULL
    OR MIN(NEW.seats_taken, NEW.seats_held, NEW.seats_kept, NEW.seat_pools) < 0 BEGIN
    SELECT RAISE(ABORT, 'no more seats are given out than there are');
END;
CREATE TRIGGER seat_pool_never_over BEFORE UPDATE ON seat_pool
  WHEN NEW.taken + NEW.held > NEW.seats OR MIN(NEW.taken, NEW.held) < 0 BEGIN
    SELECT RAISE(ABORT, 'no more seats are given out than there are');
END;

CREATE TRIGGER enrolment_stays BEFORE UPDATE OF edition_id ON enrolment WHEN NEW.edition_id <> OLD.edition_id BEGIN
    SELECT RAISE(ABORT, 'an enrolment stays in its edition');
END;
CREATE TRIGGER enrolment_came_to_pool BEFORE INSERT ON enrolment WHEN {foreign} BEGIN
    {elsewhere};
END;
CREATE TRIGGER enrolment_moved_to_pool BEFORE UPDATE OF seat_pool_id ON enrolment WHEN {foreign} BEGIN
    {elsewhere};
END;
";

/// No row takes the place of another one, on SQLite.
const LASTING: &str = "
CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table}
  WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id) OR EXISTS (SELECT 1 FROM {table} WHERE rowid = NEW.rowid) BEGIN
    SELECT RAISE(ABORT, 'a row takes no other place than its own');
END;
CREATE TRIGGER {table}_keeps_id BEFORE UPDATE ON {table}
  WHEN NEW.id IS NOT OLD.id OR NEW.rowid IS NOT OLD.rowid BEGIN
    SELECT RAISE(ABORT, 'a row takes no other place than its own');
END;
";

/// One statement at a time, in the same order, so that four hundred rows cost an edition one change. Only a trigger may
/// write a count.
const POSTGRES: &str = "
CREATE FUNCTION enrolment_seats() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moved record;
BEGIN
    IF TG_OP = 'INSERT' THEN
        FOR moved IN {came} LOOP
            PERFORM count_seats(moved.edition_id, moved.seat_pool_id, moved.taken, moved.held);
        END LOOP;
    ELSIF TG_OP = 'UPDATE' THEN
        FOR moved IN {moved} LOOP
            PERFORM count_seats(moved.edition_id, moved.seat_pool_id, moved.taken, moved.held);
        END LOOP;
    ELSE
        FOR moved IN {went} LOOP
            PERFORM count_seats(moved.edition_id, moved.seat_pool_id, moved.taken, moved.held);
        END LOOP;
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION count_seats(edition_of uuid, pool_of uuid, more_taken bigint, more_held bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF pool_of IS NULL THEN
        UPDATE edition SET seats_taken = seats_taken + more_taken, seats_held = seats_held + more_held
          WHERE id = edition_of;
    ELSE
        UPDATE seat_pool SET taken = taken + more_taken, held = held + more_held WHERE id = pool_of;
    END IF;
END $$;
CREATE TRIGGER enrolment_seat_came AFTER INSERT ON enrolment REFERENCING NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION enrolment_seats();
CREATE TRIGGER enrolment_seat_moved AFTER UPDATE ON enrolment REFERENCING OLD TABLE AS went NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION enrolment_seats();
CREATE TRIGGER enrolment_seat_went AFTER DELETE ON enrolment REFERENCING OLD TABLE AS went
    FOR EACH STATEMENT EXECUTE FUNCTION enrolment_seats();

CREATE FUNCTION seats_are_counted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'seats are counted with enrolments alone' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER edition_seats_begin BEFORE INSERT ON edition
    FOR EACH ROW WHEN ((NEW.seats_taken, NEW.seats_held, NEW.seats_kept, NEW.seat_pools) IS DISTINCT FROM (0, 0, 0, 0))
    EXECUTE FUNCTION seats_are_counted();
CREATE TRIGGER edition_seats_counted BEFORE UPDATE OF seats_taken, seats_held, seats_kept, seat_pools ON edition
    FOR EACH ROW WHEN (pg_trigger_depth() = 0 AND (NEW.seats_taken, NEW.seats_held, NEW.seats_kept, NEW.seat_pools)
      IS DISTINCT FROM (OLD.seats_taken, OLD.seats_held, OLD.seats_kept, OLD.seat_pools))
    EXECUTE FUNCTION seats_are_counted();
CREATE TRIGGER seat_pool_begins BEFORE INSERT ON seat_pool
    FOR EACH ROW WHEN ((NEW.taken, NEW.held) IS DISTINCT FROM (0, 0)) EXECUTE FUNCTION seats_are_counted();
CREATE TRIGGER seat_pool_counted BEFORE UPDATE OF taken, held ON seat_pool
    FOR EACH ROW WHEN (pg_trigger_depth() = 0 AND (NEW.taken, NEW.held) IS DISTINCT FROM (OLD.taken, OLD.held))
    EXECUTE FUNCTION seats_are_counted();

CREATE FUNCTION enrolment_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'an enrolment stays in its edition' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER enrolment_stays BEFORE UPDATE OF edition_id ON enrolment
    FOR EACH ROW WHEN (NEW.edition_id <> OLD.edition_id) EXECUTE FUNCTION enrolment_stays();
ALTER TABLE seat_pool ADD UNIQUE (id, edition_id);
ALTER TABLE enrolment ADD FOREIGN KEY (seat_pool_id, edition_id) REFERENCES seat_pool (id, edition_id);
";

/// What the seats of these rows add up to by edition and by pool, in the order in which it is counted; without a pool,
/// of the edition.
const SUMS: &str = "
    SELECT edition_id, seat_pool_id, taken, held FROM (
        SELECT edition_id, seat_pool_id, GROUPING(seat_pool_id) AS whole,
               SUM(taken)::bigint AS taken, SUM(held)::bigint AS held
        FROM ({rows}) AS seats GROUP BY GROUPING SETS ((edition_id), (edition_id, seat_pool_id))
    ) AS sums
    WHERE (whole = 1 OR seat_pool_id IS NOT NULL) AND (taken <> 0 OR held <> 0)
    ORDER BY CASE WHEN whole = 0 THEN CASE WHEN taken + held > 0 THEN 2 ELSE 3 END
                  WHEN taken + held < 0 THEN 1 ELSE 4 END, edition_id, seat_pool_id";

/// The seats of the rows of a transition table.
const ROWS: &str = "SELECT edition_id, seat_pool_id, {sign} {takes}::int AS taken, {sign} {holds}::int AS held
            FROM {row} WHERE {takes} OR {holds}";

/// What it makes on an engine.
pub(super) fn triggers(backend: DbBackend) -> String {
    if backend == DbBackend::Sqlite {
        sqlite()
    } else {
        postgres()
    }
}

fn sqlite() -> String {
    let of = |rule: &str, row: &str| rule.replace("{row}", row);
    let fixed = [
        ("{begin}", "INSERT INTO seat_counting (mark) VALUES (NULL)"),
        (
            "{end}",
            "DELETE FROM seat_counting WHERE mark = (SELECT MAX(mark) FROM seat_counting)",
        ),
        (
            "{counted}",
            "SELECT RAISE(ABORT, 'seats are counted with enrolments alone')",
        ),
        (
            "{elsewhere}",
            "SELECT RAISE(ABORT, 'a seat of a pool belongs to an enrolment of its edition')",
        ),
        (
            "{foreign}",
            "NEW.seat_pool_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM seat_pool WHERE id = NEW.seat_pool_id AND edition_id = NEW.edition_id)",
        ),
    ];
    let mut words = vec![
        ("{takes}", of(TAKES, "NEW")),
        ("{holds}", of(HOLDS, "NEW")),
        ("{took}", of(TAKES, "OLD")),
        ("{held}", of(HOLDS, "OLD")),
    ];
    words.extend(fixed.map(|(mark, word)| (mark, word.to_owned())));
    let lasting = ["edition", "seat_pool", "enrolment"].map(|table| LASTING.replace("{table}", table));
    filled(SQLITE, &words) + &lasting.concat()
}

fn postgres() -> String {
    let rows = |table: &str, sign: &str| {
        let rule = |rule: &str| rule.replace("{row}", table);
        let words = [
            ("{takes}", rule(TAKES)),
            ("{holds}", rule(HOLDS)),
            ("{sign}", sign.to_owned()),
        ];
        rule(&filled(ROWS, &words))
    };
    let sums = |rows: &str| SUMS.replace("{rows}", rows);
    let (came, went) = (rows("came", ""), rows("went", "-"));
    let words = [
        ("{came}", sums(&came)),
        ("{went}", sums(&went)),
        ("{moved}", sums(&format!("{came} UNION ALL {went}"))),
    ];
    filled(POSTGRES, &words)
}

fn filled(script: &str, words: &[(&str, String)]) -> String {
    let put = |text: String, (mark, word): &(&str, String)| text.replace(mark, word);
    words.iter().fold(script.to_owned(), put)
}
