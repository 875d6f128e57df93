//! Random pasts, and every kind of damage.

use chrono::TimeDelta;
use sea_orm::{ActiveModelTrait, EntityTrait};

use super::*;
use crate::clock::Clock;
use crate::config::Settings;
use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::{EditionId, EnrolmentId, PersonId};
use crate::domain::institution::InstitutionKind;
use crate::domain::language::Language;
use crate::domain::person::{ConstituentGroup, Gender};
use crate::domain::statistics::Change;
use crate::store::{Db, enrolment, tally};

const CATALOGUE: &str = "
    INSERT INTO course (id, code, titles, descriptions, objectives, topics, search_text, created_at, version)
        VALUES (x'00000000000000000000000000000001', 'C', '{}', '{}', '{}', '[]', '', '2022-01-01T00:00:00+00:00', 1);
    WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 3)
    INSERT INTO edition (id, course_id, code, languages, time_zone, starts_on, ends_on, enrols_from, enrols_until,
    capacity, minimum, seats_taken, modality, policy, state, pass_mark, tutors_release, search_text, created_at, version)
    SELECT unhex(printf('%032x', n)), x'00000000000000000000000000000001', 'E' || n, 'es', 'UTC',
        '2022-01-01', '2022-02-01', '2021-01-01T00:00:00+00:00', '2022-01-01T00:00:00+00:00', NULL, 0, 0, 'online',
        'open', 'running', 0, 0, '', '2021-01-01T00:00:00+00:00', 1 FROM n;
    WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5)
    INSERT INTO person SELECT unhex(printf('%032x', n)), n * 9000, 'p' || n, 'P', 'P', 'es', 'UTC', NULL, NULL, NULL,
        '2021-01-01T00:00:00+00:00', 1 FROM n;";

/// A database with three editions, five people, and a random past of their enrolments.
async fn random_past(folder: &tempfile::TempDir, seed: u64) -> Db {
    let url = format!("sqlite://{}/db", folder.path().display());
    let settings = Settings::load("test", None, &[("database.url", url)]).expect("settings");
    let db = Db::connect(&settings.database).await.expect("a database");
    db.migrate().await.expect("a schema");
    let tx = db.write().await.expect("a transaction");
    tx.execute_unprepared(CATALOGUE).await.expect("a catalogue");
    let clock = Clock::fixed(chrono::DateTime::from_timestamp(1_650_000_000, 0).expect("an instant"));
    let mut rows: Vec<enrolment::Model> = Vec::new();
    let mut state = seed;
    let mut draw = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % below
    };
    for _ in 0..120 {
        clock.advance(TimeDelta::hours(1));
        if rows.is_empty() || draw(3) == 0 {
            let row = enrolment::Model {
                id: EnrolmentId(clock.new_id()),
                edition_id: EditionId(Uuid::from_u128(1 + draw(3) as u128)),
                person_id: PersonId(Uuid::nil()),
                person_number: 0,
                state: EnrolmentState::Rejected,
                motivation: String::new(),
                applied_at: clock.now(),
                applied_month: "2022-04".into(),
                gender: Gender::ALL[draw(2)],
                country: ["", "CL"][draw(2)].into(),
                institution_id: None,
                constituent_group: ConstituentGroup::NotStated,
                language: Language::Es,
                nominated_by: None,
                works_submitted: 0,
                works_released: 0,
                grade: None,
                version: 1,
                seat_pool_id: None,
                waiting_rank: None,
                offered_until: None,
                institution_kind: [None, Some(InstitutionKind::Workers)][draw(2)],
                score: enrolment::UNSCORED,
            };
            let person = 1 + draw(5);
            let number = i64::try_from(person * 9000).expect("small");
            let row = enrolment::Model {
                person_id: PersonId(Uuid::from_u128(person as u128)),
                person_number: number,
                ..row
            };
            enrolment::insert(&tx, &row).await.expect("an enrolment");
            let change = Change {
                at: clock.now(),
                before: None,
                after: Some(enrolment::fact(&row)),
            };
            tally::record(&tx, &clock, &[change]).await.expect("counted");
            rows.push(row);
            continue;
        }
        let place = draw(rows.len());
        let before = rows[place].clone();
        // States of which one person may have several in an edition.
        let to = [
            EnrolmentState::Rejected,
            EnrolmentState::Withdrawn,
            EnrolmentState::Excluded,
        ][draw(3)];
        let after = enrolment::Model {
            state: to,
            works_submitted: before.works_submitted.max(i64::from(draw(2) == 0)),
            ..before.clone()
        };
        let stored = enrolment::ActiveModel::from(after.clone()).reset_all();
        enrolment::Entity::update(stored).exec(&tx).await.expect("a change");
        let change = Change {
            at: clock.now(),
            before: Some(enrolment::fact(&before)),
            after: Some(enrolment::fact(&after)),
        };
        tally::record(&tx, &clock, &[change]).await.expect("counted");
        rows[place] = after;
    }
    tx.commit().await.expect("a past");
    db
}

async fn told(db: &Db) -> Vec<String> {
    let tx = db.snapshot().await.expect("a transaction");
    differences(&tx).await.expect("a comparison")
}

async fn change(db: &Db, sql: &str) {
    let tx = db.write().await.expect("a transaction");
    tx.execute_unprepared(sql).await.expect(sql);
    tx.commit().await.expect("a change");
}

#[tokio::test]
async fn what_is_kept_is_what_a_recount_finds() {
    for seed in 1..5 {
        let folder = tempfile::tempdir().expect("a folder");
        let db = random_past(&folder, seed).await;
        assert_eq!(told(&db).await, Vec::<String>::new(), "seed {seed}");
    }
}

#[tokio::test]
async fn every_damage_is_told_and_mended() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = random_past(&folder, 9).await;
    for (damage, table) in [
        ("DELETE FROM tally_detail WHERE status = 'withdrawn'", "tally_detail"),
        ("UPDATE tally_edition SET submitted = submitted + 1", "tally_edition"),
        ("UPDATE tally_edition SET people = x'3a30000000000000'", "tally_edition"),
        ("DELETE FROM tally_edition", "tally_edition"),
        ("UPDATE tally_overall SET enrolments = 0", "tally_overall"),
        ("DELETE FROM people_overall", "people_overall"),
        ("UPDATE people_overall SET chunk = chunk + 100", "people_overall"),
    ] {
        change(&db, damage).await;
        assert!(told(&db).await.iter().any(|line| line.starts_with(table)), "{damage}");
        let tx = db.write().await.expect("a transaction");
        rebuild(&tx).await.expect("a recount");
        tx.commit().await.expect("a recount");
        assert_eq!(told(&db).await, Vec::<String>::new(), "{damage}");
    }
}

#[tokio::test]
async fn an_enrolment_that_nobody_counted_is_told_and_enters_the_journal() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = random_past(&folder, 11).await;
    change(
        &db,
        "INSERT INTO enrolment (id, edition_id, person_id, person_number, state, motivation, applied_at, applied_month, gender,
         country, institution_id, constituent_group, language, nominated_by, works_submitted, works_released, grade, version, institution_kind)
         SELECT randomblob(16), edition_id, person_id, person_number, 'cancelled', motivation, applied_at,
         applied_month, gender, country, institution_id, constituent_group, language, nominated_by, 0, 0, NULL, 1, institution_kind
         FROM enrolment LIMIT 1",
    )
    .await;
    let lines = told(&db).await;
    for table in [
        "tally_change",
        "tally_detail",
        "tally_edition",
        "tally_overall",
        "people_overall",
    ] {
        assert!(lines.iter().any(|line| line.starts_with(table)), "{table}: {lines:?}");
    }
    let tx = db.write().await.expect("a transaction");
    rebuild(&tx).await.expect("a recount");
    tx.commit().await.expect("a recount");
    assert_eq!(told(&db).await, Vec::<String>::new());
}
