//! The ledger of seats is held by the schema: whatever statement gives seats out, no more are given than there are, and
//! the counts of editions and pools are those of their enrolments.

use rumbo::store::verify::{self, INVARIANTS, guard};
use rumbo::store::{Db, Engine, edition};
use sea_orm::EntityTrait;

use crate::entities::{ENROLMENT, SEED, run};
use crate::support::db::TestDb;
use crate::support::manual::block;
use crate::support::rows::texts;

/// Of the invariants those that are about seats.
fn about_seats() -> impl Iterator<Item = (&'static str, &'static str)> {
    let names = ["seats", "seat of a pool", "keeps is what"];
    INVARIANTS
        .into_iter()
        .filter(move |(name, _)| names.iter().any(|part| name.contains(part)) && !name.contains("nobody waits"))
}

/// A person and their enrolment in the edition, with a number from 21 on; the enrolment's identifier is ten more.
fn enrolled(number: u8, state: &str) -> String {
    let person = format!(
        "INSERT INTO person (id, number, email, given_name, family_name, language, time_zone, created_at, version)
           VALUES ({{{number}}}, {number}, 'p{number}@example.org', 'P', 'Q', 'es', 'UTC', {{now}}, 1);"
    );
    let enrolment = ENROLMENT
        .replace("{5}", &format!("{{{}}}", number + 10))
        .replace("{1}, 1, 'confirmed'", &format!("{{{number}}}, {number}, '{state}'"));
    person + &enrolment
}

/// An edition like the one that is there, which says that so many seats are taken.
fn another_edition(taken: u8) -> String {
    format!(
        "INSERT INTO edition (id, course_id, code, languages, time_zone, starts_on, ends_on, enrols_from, enrols_until,
             minimum, seats_taken, modality, policy, state, pass_mark, tutors_release, search_text, created_at, version)
           SELECT {{40}}, course_id, 'C-2', languages, time_zone, starts_on, ends_on, enrols_from, enrols_until,
             minimum, {taken}, modality, policy, state, pass_mark, tutors_release, search_text, created_at, 1 FROM edition"
    )
}

/// A pool of so many seats; `kept_for` and `value` are for whom.
fn pool(number: u8, (kept_for, value): (&str, &str), seats: u8) -> String {
    format!(
        "INSERT INTO seat_pool (id, edition_id, {kept_for}, seats, taken, held, overflow, created_at, version)
           VALUES ({{{number}}}, {{4}}, {value}, {seats}, 0, 0, false, {{now}}, 1)"
    )
}

async fn taken_and_held(db: &Db) -> (i64, i64) {
    let row = edition::Entity::find().one(db.read()).await.expect("a query");
    let row = row.expect("an edition");
    (row.seats_taken, row.seats_held)
}

async fn accepted(db: &Db, script: &str) {
    run(db, script)
        .await
        .unwrap_or_else(|refusal| panic!("{script}: {refusal}"));
}

/// Runs a script that the schema has to refuse.
async fn refused(db: &Db, script: &str) {
    let reasons = [
        "check constraint",
        "unique constraint",
        "foreign key constraint",
        "stays in its edition",
        "belongs to an enrolment of its edition",
        "counted with enrolments alone",
        "no other place than its own",
        "no more seats are given out",
    ];
    refused_for(db, script, &reasons).await;
}

/// The same for one of these reasons.
async fn refused_for(db: &Db, script: &str, reasons: &[&str]) {
    let refusal = run(db, script).await.expect_err(script).to_string().to_lowercase();
    assert!(
        reasons.iter().any(|reason| refusal.contains(reason)),
        "{script}: {refusal}"
    );
}

#[tokio::test]
async fn an_edition_never_gives_more_seats_than_it_has_whoever_writes_to_it() {
    let test = TestDb::new().await;
    let db = test.connect().await;
    accepted(&db, SEED).await;
    assert_eq!(taken_and_held(&db).await, (1, 0));
    accepted(&db, &enrolled(21, "active")).await;
    accepted(&db, &enrolled(22, "waitlisted")).await;
    assert_eq!(taken_and_held(&db).await, (2, 0), "two of two");
    for wrong in [
        // One seat too many: by a new enrolment, by another state, as an offer.
        enrolled(23, "confirmed").as_str(),
        "UPDATE enrolment SET state = 'confirmed'",
        "UPDATE enrolment SET state = 'active' WHERE id = {32}",
        "UPDATE enrolment SET offered_until = {now} WHERE id = {32}",
        // Fewer seats than are taken, and a count that is not one.
        "UPDATE edition SET capacity = 1",
        "UPDATE edition SET seats_taken = 1",
        "UPDATE edition SET seats_taken = 0, seats_held = 2",
        "UPDATE edition SET seats_kept = 1",
        "UPDATE edition SET seat_pools = 1",
        "UPDATE edition SET capacity = NULL, seats_taken = 3",
        another_edition(1).as_str(),
    ] {
        refused(&db, wrong).await;
    }
    accepted(&db, "UPDATE enrolment SET state = 'withdrawn' WHERE id = {5}").await;
    assert_eq!(taken_and_held(&db).await, (1, 0));
    accepted(&db, "UPDATE enrolment SET offered_until = {now} WHERE id = {32}").await;
    assert_eq!(taken_and_held(&db).await, (1, 1));
    refused(&db, "UPDATE enrolment SET state = 'confirmed' WHERE id = {5}").await;
    accepted(
        &db,
        "UPDATE enrolment SET state = 'confirmed', offered_until = NULL WHERE id = {32}",
    )
    .await;
    assert_eq!(taken_and_held(&db).await, (2, 0));
    accepted(&db, "DELETE FROM enrolment WHERE id = {32}").await;
    accepted(&db, "UPDATE edition SET capacity = NULL").await;
    accepted(&db, &enrolled(23, "confirmed")).await;
    accepted(&db, &enrolled(24, "confirmed")).await;
    assert_eq!(taken_and_held(&db).await, (3, 0), "no limit, no refusal");
    accepted(&db, &another_edition(0)).await;
    refused(&db, "UPDATE enrolment SET edition_id = {40} WHERE id = {33}").await;
    // The seat of a pool of another edition, also for somebody who has none yet.
    accepted(&db, "UPDATE edition SET capacity = 5 WHERE id = {40}").await;
    let country = ("country", "'UY'");
    accepted(&db, &pool(20, country, 1).replace("{4}", "{40}")).await;
    accepted(&db, &enrolled(25, "waitlisted")).await;
    for enrolment in ["{33}", "{35}"] {
        refused(
            &db,
            &format!("UPDATE enrolment SET seat_pool_id = {{20}} WHERE id = {enrolment}"),
        )
        .await;
    }
    let elsewhere = ENROLMENT.replace("{5}", "{39}").replace("'confirmed'", "'withdrawn'");
    let elsewhere = elsewhere
        .replace("version)", "version, seat_pool_id)")
        .replace("0, 0, 1)", "0, 0, 1, {20})");
    refused(&db, &elsewhere).await;
}

/// What replaces a row on SQLite fires no trigger for the one that goes, and what ignores a failure ignores it in triggers.
#[tokio::test]
async fn no_clause_of_sqlite_leads_past_the_rules() {
    let test = TestDb::new().await;
    let db = test.connect().await;
    if db.engine() == Engine::Postgres {
        return;
    }
    accepted(&db, SEED).await;
    accepted(&db, &pool(20, ("country", "'UY'"), 1)).await;
    accepted(&db, &enrolled(21, "waitlisted")).await;
    for clause in ["OR IGNORE", "OR FAIL", "OR ROLLBACK"] {
        let insert =
            enrolled(22, "confirmed").replace("INSERT INTO enrolment", &format!("INSERT {clause} INTO enrolment"));
        refused(&db, &insert).await;
        refused(&db, &format!("UPDATE {clause} enrolment SET state = 'confirmed'")).await;
        refused(&db, &format!("UPDATE {clause} seat_pool SET seats = 9")).await;
        refused(&db, &format!("UPDATE {clause} edition SET capacity = NULL")).await;
    }
    assert_eq!(texts(&db, "SELECT mark FROM seat_counting").await, [""; 0]);
    accepted(&db, &another_edition(0)).await;
    for wrong in [
        ENROLMENT
            .replace("INSERT", "INSERT OR REPLACE")
            .replace("'confirmed'", "'withdrawn'")
            .as_str(),
        "INSERT OR REPLACE INTO edition SELECT * FROM edition WHERE id = {40}",
        "INSERT OR REPLACE INTO seat_pool SELECT * FROM seat_pool",
        "UPDATE OR REPLACE enrolment SET id = {5} WHERE id = {31}",
        "UPDATE OR REPLACE enrolment SET rowid = 99 WHERE id = {5}",
        "UPDATE OR REPLACE edition SET id = {4} WHERE id = {40}",
        "UPDATE OR REPLACE seat_pool SET id = {19}",
    ] {
        refused_for(&db, wrong, &["no other place than its own"]).await;
    }
    // Foreign keys that wait for the commit: nothing comes after what names it, which was not counted.
    let (elsewhere, pool) = (ENROLMENT.replace("{4}", "{41}"), pool(20, ("country", "'UY'"), 1));
    accepted(&db, "UPDATE enrolment SET seat_pool_id = {20} WHERE id = {5}").await;
    for (wrong, reason) in [
        (elsewhere.replace("{5}", "{39}"), "an edition comes before"),
        (
            "DELETE FROM edition WHERE id = {4};".to_owned()
                + &another_edition(0).replace("{40}", "{4}").replace("C-2", "C-3"),
            "an edition comes before",
        ),
        ("DELETE FROM seat_pool;".to_owned() + &pool, "a seat pool comes before"),
        (
            enrolled(22, "withdrawn")
                .replace("(id, edition_id", "(rowid, id, edition_id")
                .replace("({32},", "(-1, {32},"),
            "numbered from one",
        ),
    ] {
        refused_for(&db, &format!("PRAGMA defer_foreign_keys = ON; {wrong}"), &[reason]).await;
    }
    assert_eq!(taken_and_held(&db).await, (1, 0));
}

#[tokio::test]
async fn a_pool_never_gives_more_seats_than_it_keeps_whoever_writes_to_it() {
    let test = TestDb::new().await;
    let db = test.connect().await;
    accepted(&db, SEED).await;
    accepted(&db, "UPDATE edition SET capacity = 5").await;
    let country = |number, country: &str, seats| pool(number, ("country", &format!("'{country}'")), seats);
    // Not more than is there, and nothing for nobody.
    refused(&db, &country(20, "UY", 5)).await;
    refused(&db, &country(20, "UY", 0)).await;
    refused(&db, &pool(20, ("institution_id, country", "{2}, 'UY'"), 1)).await;
    refused(&db, &pool(20, ("country", "NULL"), 1)).await;
    refused(&db, &country(20, "UY", 3).replace("3, 0, 0", "3, 1, 0")).await;
    accepted(&db, &country(20, "UY", 3)).await;
    // Together not more than is there; not twice for the same.
    refused(&db, &country(19, "BR", 2)).await;
    refused(&db, &country(19, "UY", 1)).await;
    accepted(&db, &country(19, "BR", 1)).await;
    for wrong in [
        // A general seat where the rest is kept, or less room than what is given out.
        enrolled(21, "confirmed").as_str(),
        "UPDATE edition SET capacity = 4",
        "UPDATE edition SET capacity = NULL",
        "UPDATE edition SET offer_hours = 0",
        // More than a pool keeps, and a count that is not one.
        "UPDATE seat_pool SET taken = 3, held = 1 WHERE id = {20}",
        "UPDATE seat_pool SET taken = -1 WHERE id = {20}",
        "UPDATE seat_pool SET taken = 1 WHERE id = {20}",
        "UPDATE seat_pool SET held = 1 WHERE id = {20}",
        "UPDATE edition SET seats_kept = 0",
        "UPDATE edition SET seats_kept = 0, seat_pools = 0",
        "UPDATE seat_pool SET seats = 4 WHERE id = {20}",
        // An offer to somebody who does not wait, and a rank before the first.
        "UPDATE enrolment SET offered_until = {now}",
        "UPDATE enrolment SET waiting_rank = 0",
    ] {
        refused(&db, wrong).await;
    }
    // Who has a general seat takes one of the pool, and the general one is free again.
    accepted(&db, "UPDATE enrolment SET seat_pool_id = {20}").await;
    accepted(&db, &enrolled(21, "confirmed")).await;
    refused(&db, &enrolled(22, "confirmed")).await;
    refused(&db, "UPDATE enrolment SET seat_pool_id = NULL WHERE id = {5}").await;
    accepted(&db, &enrolled(22, "waitlisted")).await;
    accepted(
        &db,
        "UPDATE enrolment SET seat_pool_id = {20}, offered_until = {now} WHERE id = {32}",
    )
    .await;
    assert_eq!(taken_and_held(&db).await, (2, 1));
    refused(&db, "UPDATE seat_pool SET seats = 1 WHERE id = {20}").await;
    // A seat that somebody has is no reason to remove its pool.
    refused(&db, "DELETE FROM seat_pool WHERE id = {20}").await;
    // Released or removed, its seats are for everybody.
    accepted(&db, "UPDATE seat_pool SET released_at = {now} WHERE id = {20}").await;
    accepted(&db, "DELETE FROM seat_pool WHERE id = {19}").await;
    for number in 23..25 {
        accepted(&db, &enrolled(number, "confirmed")).await;
    }
    assert_eq!(taken_and_held(&db).await, (4, 1), "five of five");
    refused(&db, &enrolled(25, "active")).await;
    accepted(&db, "UPDATE edition SET capacity = NULL").await;
    refused(&db, &country(18, "AR", 1)).await;
}

/// Whatever is written, in whatever order, is refused or leaves the ledger as a recount would make it.
#[tokio::test]
async fn any_statements_leave_a_ledger_that_is_its_own_recount() {
    const PEOPLE: u8 = 8;
    let test = TestDb::new().await;
    let db = test.connect().await;
    accepted(&db, SEED).await;
    accepted(&db, "UPDATE edition SET capacity = 5").await;
    accepted(&db, &pool(20, ("country", "'UY'"), 2)).await;
    accepted(&db, &pool(19, ("country", "'BR'"), 1)).await;
    for number in 21..21 + PEOPLE {
        accepted(&db, &enrolled(number, "waitlisted")).await;
    }
    let mut seed = 20_261_128_u64;
    let mut draw = |below: u64| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let (mut taken, mut refusals) = (0, 0);
    for step in 0..300 {
        let first = 31 + draw(u64::from(PEOPLE));
        let second = 31 + draw(u64::from(PEOPLE));
        let change = match draw(6) {
            0 => "state = 'withdrawn', offered_until = NULL",
            1 => "state = 'waitlisted', offered_until = {now}",
            2 => "state = 'waitlisted', offered_until = NULL",
            3 => "state = CASE state WHEN 'waitlisted' THEN 'confirmed' ELSE 'withdrawn' END, offered_until = NULL",
            _ => "state = 'confirmed', offered_until = NULL",
        };
        let pool = ["NULL", "{20}", "{19}", "seat_pool_id"][usize::try_from(draw(4)).expect("a small number")];
        let one =
            format!("UPDATE enrolment SET {change}, seat_pool_id = {pool} WHERE id IN ({{{first}}}, {{{second}}})");
        match run(&db, &one).await {
            Ok(()) => taken += 1,
            Err(_) => refusals += 1,
        }
        for invariant in about_seats() {
            let found = verify::find(db.read(), invariant).await.expect("the check runs");
            assert_eq!(found.violations, 0, "{step}: {one}: {}", found.invariant);
        }
    }
    assert!(taken > 50 && refusals > 50, "{taken} taken, {refusals} refused");
}

/// A trigger without which seats would be counted no more is missed before anything was counted wrongly.
#[tokio::test]
async fn a_trigger_that_counts_no_more_is_named() {
    let test = TestDb::new().await;
    let db = test.connect().await;
    let uncounted = async || guard::uncounted(db.read()).await.expect("triggers");
    assert_eq!(uncounted().await, [""; 0]);
    let (statements, names): (&[&str], &[&str]) = match db.engine() {
        Engine::Sqlite => (
            &[
                "DROP TRIGGER enrolment_seat_went",
                "DROP TRIGGER seat_pool_moved",
                "DROP TRIGGER edition_never_over;
                 CREATE TRIGGER edition_never_over BEFORE UPDATE ON edition WHEN 0 BEGIN SELECT 1; END",
                "DROP TRIGGER enrolment_comes_later",
                "DROP TRIGGER seat_pool_keeps_id",
                "INSERT INTO seat_counting (mark) VALUES (1)",
            ],
            &[
                "edition_never_over",
                "enrolment_comes_later",
                "enrolment_seat_went",
                "seat_pool_keeps_id",
                "seat_pool_moved",
                "seat_counting",
            ],
        ),
        Engine::Postgres => (
            &[
                "DROP TRIGGER enrolment_seat_went ON enrolment",
                "ALTER TABLE edition DISABLE TRIGGER edition_seats_counted",
                "ALTER TABLE seat_pool ENABLE REPLICA TRIGGER seat_pool_begins",
                "CREATE OR REPLACE FUNCTION seat_pool_keeps() RETURNS trigger LANGUAGE plpgsql AS
                   $$ BEGIN RETURN NULL; END $$",
                "CREATE OR REPLACE FUNCTION count_seats(edition_of uuid, pool_of uuid, more_taken bigint, more_held bigint)
                   RETURNS void LANGUAGE plpgsql AS $$ BEGIN END $$",
                "CREATE OR REPLACE TRIGGER seat_pool_counted BEFORE UPDATE OF taken, held ON seat_pool
                   FOR EACH ROW WHEN (false) EXECUTE FUNCTION seats_are_counted()",
                "ALTER FUNCTION seats_are_counted() STRICT",
                "DROP TRIGGER enrolment_seat_came ON enrolment;
                 CREATE TRIGGER enrolment_seat_came AFTER INSERT ON team REFERENCING NEW TABLE AS came
                   FOR EACH STATEMENT EXECUTE FUNCTION enrolment_seats()",
            ],
            &[
                "edition_seats_counted",
                "enrolment_seat_came",
                "enrolment_seat_went",
                "seat_pool_begins",
                "seat_pool_counted",
                "seat_pool_keeps",
                "count_seats",
                "seat_pool_keeps",
                "seats_are_counted",
            ],
        ),
    };
    for statement in statements {
        accepted(&db, statement).await;
    }
    assert_eq!(uncounted().await, names);
}

/// What the manual says to whoever has to count seats anew.
#[tokio::test]
async fn seats_are_counted_anew_as_the_manual_says() {
    let test = TestDb::new().await;
    let db = test.connect().await;
    accepted(&db, SEED).await;
    accepted(&db, "UPDATE edition SET capacity = 5").await;
    accepted(&db, &pool(20, ("country", "'UY'"), 2)).await;
    accepted(&db, "UPDATE enrolment SET seat_pool_id = {20}").await;
    let (begin, end, mark) = match db.engine() {
        Engine::Sqlite => (
            "INSERT INTO seat_counting (mark) VALUES (1)",
            "DELETE FROM seat_counting",
            "INSERT INTO seat_counting",
        ),
        Engine::Postgres => (
            "ALTER TABLE edition DISABLE TRIGGER USER; ALTER TABLE seat_pool DISABLE TRIGGER USER",
            "ALTER TABLE edition ENABLE TRIGGER USER; ALTER TABLE seat_pool ENABLE TRIGGER USER",
            "DISABLE TRIGGER",
        ),
    };
    let drifted = "UPDATE seat_pool SET taken = 0; UPDATE edition SET seats_taken = 3, seats_held = 1, seats_kept = 0";
    accepted(&db, &format!("{begin}; {drifted}; {end}")).await;
    let wrong = async || {
        let mut wrong = Vec::new();
        for invariant in about_seats() {
            let found = verify::find(db.read(), invariant).await.expect("the check runs");
            wrong.extend((found.violations > 0).then_some(found.invariant));
        }
        wrong
    };
    assert_eq!(wrong().await.len(), 4);
    let manual = block(&["seat_pool SET", mark]);
    // What the shell of the database understands is not for the database, and this is a transaction already.
    let of_shell = |line: &&str| ["\\", "BEGIN", "COMMIT"].iter().any(|word| line.starts_with(word));
    let statements: Vec<&str> = manual.lines().filter(|line| !of_shell(line)).collect();
    accepted(&db, &statements.join("\n")).await;
    assert_eq!(wrong().await, [""; 0]);
    refused(&db, "UPDATE edition SET seats_taken = 0").await;
}
