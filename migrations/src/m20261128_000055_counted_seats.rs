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
        let triggers = if manager.get_database_backend() == DbBackend::Sqlite {
            sqlite()
        } else {
            postgres()
        };
        super::apply(manager, RECOUNT).await?;
        manager.get_connection().execute_unprepared(&triggers).await?;
        Ok(())
    }
}

/// What was counted before is counted once more: each change from here on builds on it.
const RECOUNT: &str = "
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
/// instant shows more than there is. A count that is written must be the right one, whoever writes it.
const SQLITE: &str = "
CREATE TRIGGER enrolment_seat_came AFTER INSERT ON enrolment WHEN {takes} OR {holds} BEGIN
    {foreign};
    UPDATE seat_pool SET taken = taken + {takes}, held = held + {holds} WHERE id = NEW.seat_pool_id;
    UPDATE edition SET seats_taken = seats_taken + {takes}, seats_held = seats_held + {holds} WHERE id = NEW.edition_id;
END;
CREATE TRIGGER enrolment_seat_moved AFTER UPDATE OF state, offered_until, seat_pool_id ON enrolment
  WHEN {takes} <> {took} OR {holds} <> {held} OR ({takes} OR {holds}) AND NEW.seat_pool_id IS NOT OLD.seat_pool_id BEGIN
    {foreign};
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
END;
CREATE TRIGGER enrolment_seat_went AFTER DELETE ON enrolment WHEN {took} OR {held} BEGIN
    UPDATE edition SET seats_taken = seats_taken - {took}, seats_held = seats_held - {held} WHERE id = OLD.edition_id;
    UPDATE seat_pool SET taken = taken - {took}, held = held - {held} WHERE id = OLD.seat_pool_id;
END;
CREATE TRIGGER enrolment_stays BEFORE UPDATE OF edition_id ON enrolment WHEN NEW.edition_id <> OLD.edition_id BEGIN
    SELECT RAISE(ABORT, 'an enrolment stays in its edition');
END;
CREATE TRIGGER edition_seats_begin BEFORE INSERT ON edition WHEN NEW.seats_taken <> 0 OR NEW.seats_held <> 0 BEGIN
    {refused};
END;
CREATE TRIGGER edition_seats_counted BEFORE UPDATE OF seats_taken, seats_held ON edition
  WHEN (NEW.seats_taken <> OLD.seats_taken AND NEW.seats_taken <> (SELECT COUNT(*) FROM enrolment n
          WHERE n.edition_id = NEW.id AND n.state IN ('confirmed', 'active')))
    OR (NEW.seats_held <> OLD.seats_held AND NEW.seats_held <> (SELECT COUNT(*) FROM enrolment n
          WHERE +n.edition_id = NEW.id AND n.offered_until IS NOT NULL)) BEGIN
    {refused};
END;
CREATE TRIGGER seat_pool_begins BEFORE INSERT ON seat_pool WHEN NEW.taken <> 0 OR NEW.held <> 0 BEGIN
    {refused};
END;
CREATE TRIGGER seat_pool_counted BEFORE UPDATE OF taken, held ON seat_pool
  WHEN (NEW.taken <> OLD.taken AND NEW.taken <> (SELECT COUNT(*) FROM enrolment n
          WHERE n.seat_pool_id = NEW.id AND +n.state IN ('confirmed', 'active')))
    OR (NEW.held <> OLD.held AND NEW.held <> (SELECT COUNT(*) FROM enrolment n
          WHERE n.seat_pool_id = NEW.id AND n.offered_until IS NOT NULL)) BEGIN
    {refused};
END;
";

/// What no row may do on SQLite.
const REFUSED: &str = "SELECT RAISE(ABORT, 'seats are counted with enrolments alone')";
const FOREIGN: &str = "SELECT RAISE(ABORT, 'a seat of a pool belongs to an enrolment of its edition')
      WHERE NEW.seat_pool_id IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM seat_pool WHERE id = NEW.seat_pool_id AND edition_id = NEW.edition_id)";

/// One statement at a time, in the same order, so that four hundred rows cost an edition one change. Nobody but a
/// trigger writes a count.
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
        RETURN;
    END IF;
    UPDATE seat_pool SET taken = taken + more_taken, held = held + more_held
      WHERE id = pool_of AND edition_id = edition_of;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a seat of a pool belongs to an enrolment of its edition'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
END $$;
CREATE TRIGGER enrolment_seat_came AFTER INSERT ON enrolment REFERENCING NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION enrolment_seats();
CREATE TRIGGER enrolment_seat_moved AFTER UPDATE ON enrolment REFERENCING OLD TABLE AS went NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION enrolment_seats();
CREATE TRIGGER enrolment_seat_went AFTER DELETE ON enrolment REFERENCING OLD TABLE AS went
    FOR EACH STATEMENT EXECUTE FUNCTION enrolment_seats();

CREATE FUNCTION enrolment_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'an enrolment stays in its edition' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER enrolment_stays BEFORE UPDATE OF edition_id ON enrolment
    FOR EACH ROW WHEN (NEW.edition_id <> OLD.edition_id) EXECUTE FUNCTION enrolment_stays();

CREATE FUNCTION seats_are_counted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'seats are counted with enrolments alone' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER edition_seats_begin BEFORE INSERT ON edition
    FOR EACH ROW WHEN (NEW.seats_taken <> 0 OR NEW.seats_held <> 0) EXECUTE FUNCTION seats_are_counted();
CREATE TRIGGER edition_seats_counted BEFORE UPDATE OF seats_taken, seats_held ON edition
    FOR EACH ROW WHEN (pg_trigger_depth() = 0
      AND (NEW.seats_taken <> OLD.seats_taken OR NEW.seats_held <> OLD.seats_held))
    EXECUTE FUNCTION seats_are_counted();
CREATE TRIGGER seat_pool_begins BEFORE INSERT ON seat_pool
    FOR EACH ROW WHEN (NEW.taken <> 0 OR NEW.held <> 0) EXECUTE FUNCTION seats_are_counted();
CREATE TRIGGER seat_pool_counted BEFORE UPDATE OF taken, held ON seat_pool
    FOR EACH ROW WHEN (pg_trigger_depth() = 0 AND (NEW.taken <> OLD.taken OR NEW.held <> OLD.held))
    EXECUTE FUNCTION seats_are_counted();
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

fn sqlite() -> String {
    let of = |rule: &str, row: &str| rule.replace("{row}", row);
    let words = [
        ("{takes}", of(TAKES, "NEW")),
        ("{holds}", of(HOLDS, "NEW")),
        ("{took}", of(TAKES, "OLD")),
        ("{held}", of(HOLDS, "OLD")),
        ("{refused}", REFUSED.to_owned()),
        ("{foreign}", FOREIGN.to_owned()),
    ];
    filled(SQLITE, &words)
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
