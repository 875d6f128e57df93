//! Migrations of a database in which there is something already.

use ::migrations::{Migrator, MigratorTrait};
use rumbo::store::{Db, verify};
use sea_orm::{ConnectOptions, Database};

use crate::entities::{ANSWERED, SEED, run};
use crate::support::db::TestDb;
use crate::support::rows::texts;

/// A database with the migrations before the one of this name.
async fn before(test: &TestDb, name: &str) -> Db {
    let db = test.connect().await;
    migrate(test, Migrator::migrations().iter().position(|one| one.name() == name)).await;
    db
}

/// Runs so many migrations more, or all.
async fn migrate(test: &TestDb, steps: Option<usize>) {
    let mut options = ConnectOptions::new(test.url());
    options.max_connections(1).sqlx_logging(false);
    let connection = Database::connect(options).await.expect("a connection");
    let steps = steps.map(|steps| u32::try_from(steps).expect("a number of migrations"));
    Migrator::up(&connection, steps).await.expect("the migrations run");
    connection.close().await.expect("the connection closes");
}

/// Somebody of a union who handed in a task, and a roadmap, and has the grades of both; each step at an instant of its
/// own.
const COUNTED: &str = "
INSERT INTO person (id, number, email, given_name, family_name, language, time_zone, created_at, version)
    VALUES ({1}, 1, 'ana@example.org', 'Ana', 'Pereira', 'es', 'America/Montevideo', {now}, 1);
INSERT INTO institution (id, name, aliases, country, kind, created_at, version)
    VALUES ({2}, 'Únion  General', '[\"CUT Ñandú\"]', 'UY', 'workers', {now}, 1);
INSERT INTO course (id, code, titles, descriptions, objectives, topics, search_text, created_at, version)
    VALUES ({3}, 'C', '{}', '{}', '{}', '[]', '', {now}, 1);
INSERT INTO edition (id, course_id, code, languages, time_zone, starts_on, ends_on, enrols_from, enrols_until, capacity,
                     minimum, seats_taken, modality, policy, state, pass_mark, tutors_release, search_text, created_at,
                     version)
    VALUES ({4}, {3}, 'C-1', 'es', 'America/Montevideo', '2026-02-01', '2026-03-01', '2026-01-01T00:00:00+00:00', {now},
            2, 0, 1, 'online', 'open', 'running', 60000, false, '', {now}, 1);
INSERT INTO enrolment (id, edition_id, person_id, person_number, state, motivation, applied_at, applied_month, gender,
                       country, institution_id, constituent_group, language, works_submitted, works_released, version)
    VALUES ({5}, {4}, {1}, 1, 'active', '', {now}, '2026-01', 'female', 'UY', {2}, 'workers', 'es', 2, 2, 1),
           ({6}, {4}, {1}, 1, 'withdrawn', '', {now}, '2026-01', 'female', 'UY', NULL, 'workers', 'es', 0, 0, 1);
INSERT INTO team (id, edition_id, name, created_at, version) VALUES ({7}, {4}, 'ÑANDÚ', {now}, 1);
INSERT INTO deliverable (id, edition_id, kind, title, instructions, due_at, cut_off_at, weight, rubric, created_at, version)
    VALUES ({8}, {4}, 'individual_task', 'Task', '', {now}, {now}, 1, '{}', {now}, 1),
           ({9}, {4}, 'roadmap', 'Roadmap', '', {now}, {now}, 1, '{}', {now}, 1);
INSERT INTO submission (id, deliverable_id, edition_id, team_id, enrolment_id, state, draft_title, draft_body,
                        current_number, counted_for, created_at, version)
    VALUES ({10}, {8}, {4}, NULL, {5}, 'released', '', '', 1, {5}, {now}, 1),
           ({11}, {9}, {4}, {7}, NULL, 'released', '', '', 1, {5}, {now}, 1);
INSERT INTO submission_version (id, submission_id, number, title, body, submitted_at, submitted_by)
    VALUES ({12}, {10}, 1, 'Title', 'Body', '2026-02-02T11:59:59.999000+00:00', {1}),
           ({13}, {11}, 1, 'Title', 'Body', '2026-02-03T11:59:59.999000+00:00', {1});
INSERT INTO state_history (id, subject_kind, subject_id, from_state, to_state, at)
    VALUES ({14}, 'submission', {10}, 'assessed', 'released', '2026-02-04T12:00:00.001000+00:00'),
           ({15}, 'submission', {11}, 'assessed', 'released', '2026-02-04T12:00:00.001000+00:00');
INSERT INTO tally_change (id, at, enrolment_id, person_number, edition_id, status, gender, country, institution_id,
                          constituent_group, language, month, enrolments, submitted, released)
    VALUES ({20}, '2026-02-01T12:00:00.000000+00:00', {5}, 1, {4}, 'active', 'female', 'UY', {2}, 'workers', 'es', '2026-01', 1, 0, 0),
           ({21}, '2026-02-02T12:00:00.000000+00:00', {5}, 1, {4}, 'active', 'female', 'UY', {2}, 'workers', 'es', '2026-01', -1, 0, 0),
           ({22}, '2026-02-02T12:00:00.000000+00:00', {5}, 1, {4}, 'active', 'female', 'UY', {2}, 'workers', 'es', '2026-01', 1, 1, 0),
           ({23}, '2026-02-03T12:00:00.000000+00:00', {5}, 1, {4}, 'active', 'female', 'UY', {2}, 'workers', 'es', '2026-01', -1, -1, 0),
           ({24}, '2026-02-03T12:00:00.000000+00:00', {5}, 1, {4}, 'active', 'female', 'UY', {2}, 'workers', 'es', '2026-01', 1, 2, 0),
           ({25}, '2026-02-04T12:00:00.000000+00:00', {5}, 1, {4}, 'active', 'female', 'UY', {2}, 'workers', 'es', '2026-01', -1, -2, 0),
           ({26}, '2026-02-04T12:00:00.000000+00:00', {5}, 1, {4}, 'active', 'female', 'UY', {2}, 'workers', 'es', '2026-01', 1, 2, 2),
           ({27}, '2026-02-01T12:00:00.000000+00:00', {6}, 1, {4}, 'withdrawn', 'female', 'UY', {50}, 'workers', 'es', '2026-01', 1, 0, 0);
INSERT INTO tally_detail (edition_id, status, gender, country, institution_id, constituent_group, language, month,
                          enrolments, submitted, released)
    VALUES ({4}, 'active', 'female', 'UY', {2}, 'workers', 'es', '2026-01', 1, 2, 2),
           ({4}, 'withdrawn', 'female', 'UY', {50}, 'workers', 'es', '2026-01', 1, 0, 0);
INSERT INTO tally_edition (edition_id, status, gender, country, enrolments, submitted, released, people)
    VALUES ({4}, 'active', 'female', 'UY', 1, 2, 2, {bytes}), ({4}, 'withdrawn', 'female', 'UY', 1, 0, 0, {bytes});
INSERT INTO tally_overall (status, gender, country, enrolments, submitted, released)
    VALUES ('active', 'female', 'UY', 1, 2, 2), ('withdrawn', 'female', 'UY', 1, 0, 0);";

#[tokio::test]
async fn what_was_counted_before_is_counted_by_the_rules_of_now() {
    let test = TestDb::empty().await;
    let db = before(&test, "m20261127_000035_figures").await;
    run(&db, COUNTED).await.expect("rows of before");
    migrate(&test, None).await;

    let sums =
        "CAST(SUM(enrolments) AS text) || ' ' || CAST(SUM(submitted) AS text) || ' ' || CAST(SUM(released) AS text)";
    for (day, expected) in [
        ("02-01", "2 0 0"),
        ("02-02", "2 0 0"),
        ("02-03", "2 1 0"),
        ("02-04", "2 1 1"),
    ] {
        let sql = format!("SELECT {sums} FROM tally_change WHERE at <= '2026-{day}T12:00:00.000000+00:00'");
        assert_eq!(texts(&db, &sql).await, [expected], "{day}");
    }
    for table in ["tally_detail", "tally_edition", "tally_overall"] {
        assert_eq!(
            texts(&db, &format!("SELECT {sums} FROM {table}")).await,
            ["2 1 1"],
            "{table}"
        );
    }
    let works =
        "SELECT CAST(works_submitted AS text) || ' ' || CAST(works_released AS text) || COALESCE(institution_kind, '')
                 FROM enrolment ORDER BY id";
    assert_eq!(texts(&db, works).await, ["1 1workers", "0 0"]);
    let counted = "SELECT d.kind FROM submission s JOIN deliverable d ON d.id = s.deliverable_id
                   WHERE s.counted_for IS NOT NULL";
    assert_eq!(texts(&db, counted).await, ["roadmap"]);
    for table in ["tally_change", "tally_detail"] {
        let kinds = format!("SELECT DISTINCT status || ' ' || institution_kind FROM {table} ORDER BY 1");
        assert_eq!(texts(&db, &kinds).await, ["active workers", "withdrawn "], "{table}");
    }
    let names = "SELECT name_key || '; ' || search_text FROM institution";
    assert_eq!(texts(&db, names).await, ["union general; union general cut nandu"]);
    assert_eq!(texts(&db, "SELECT name_key FROM team").await, ["nandu"]);
    let unguarded = verify::guard::unguarded(db.read())
        .await
        .expect("the triggers can be listed");
    assert_eq!(unguarded, Vec::<String>::new());
    let refusal = run(&db, "UPDATE tally_change SET submitted = 0")
        .await
        .expect_err("append-only");
    assert!(refusal.to_string().contains("append-only"), "{refusal}");
    assert!(db.is_current().await.expect("the migrations can be listed"));
}

/// Two that stand in the register, of which one was merged into the other before there were states.
const MERGED: &str = "
INSERT INTO institution (id, name, aliases, country, kind, created_at, version)
    VALUES ({1}, 'New', '[]', 'UY', 'workers', {now}, 1);
INSERT INTO institution (id, name, aliases, country, kind, merged_into, created_at, version)
    VALUES ({2}, 'Old', '[]', 'UY', 'workers', {1}, {now}, 1);";

#[tokio::test]
async fn an_institution_that_was_merged_says_so() {
    let test = TestDb::empty().await;
    let db = before(&test, "m20261127_000048_institutions").await;
    run(&db, MERGED).await.expect("rows of before");
    migrate(&test, None).await;
    let states = "SELECT name || ' ' || state FROM institution ORDER BY name";
    assert_eq!(texts(&db, states).await, ["New registered", "Old merged"]);
    for wrong in [
        "UPDATE institution SET state = 'merged' WHERE id = {1}",
        "UPDATE institution SET merged_into = NULL WHERE id = {2}",
        "UPDATE institution SET state = 'closed' WHERE id = {1}",
        "UPDATE institution SET refused_at = {now} WHERE id = {1}",
    ] {
        let refusal = run(&db, wrong).await.expect_err(wrong).to_string().to_lowercase();
        assert!(refusal.contains("check constraint"), "{wrong}: {refusal}");
    }
    let unguarded = verify::guard::unguarded(db.read())
        .await
        .expect("the triggers can be listed");
    assert_eq!(unguarded, Vec::<String>::new());
}

#[tokio::test]
async fn editions_and_enrolments_of_before_have_no_form() {
    let test = TestDb::empty().await;
    let db = before(&test, "m20261127_000049_application_forms").await;
    run(&db, SEED).await.expect("rows of before");
    migrate(&test, None).await;
    let forms = "SELECT CAST(form_number AS text) FROM edition";
    assert_eq!(texts(&db, forms).await, ["0"]);
    run(&db, ANSWERED).await.expect("a form from now on");
    assert_eq!(texts(&db, forms).await, ["1"]);
    for wrong in [
        // A version again, a version before the first, a second answer, an answer to nothing.
        "INSERT INTO application_form (id, edition_id, number, content, published_at) VALUES ({20}, {4}, 1, '{}', {now})",
        "INSERT INTO application_form (id, edition_id, number, content, published_at) VALUES ({20}, {4}, 0, '{}', {now})",
        "INSERT INTO application (id, enrolment_id, form_id, language, answers, given_at)
           VALUES ({20}, {5}, {16}, 'es', '[]', {now})",
        "INSERT INTO application (id, enrolment_id, form_id, language, answers, given_at)
           VALUES ({20}, {21}, {16}, 'es', '[]', {now})",
        "INSERT INTO consent (id, enrolment_id, person_id, form_id, purpose, text_version, language, given, required, via,
             stated_at) VALUES ({20}, {5}, {1}, {21}, 'data', 1, 'es', true, true, 'session', {now})",
        "UPDATE edition SET form_number = -1",
    ] {
        let refusal = run(&db, wrong).await.expect_err(wrong).to_string().to_lowercase();
        assert!(
            refusal.contains("constraint") || refusal.contains("append-only"),
            "{wrong}: {refusal}"
        );
    }
    let unguarded = verify::guard::unguarded(db.read())
        .await
        .expect("the triggers can be listed");
    assert_eq!(unguarded, Vec::<String>::new());
    assert!(db.is_current().await.expect("the migrations can be listed"));
}

#[tokio::test]
async fn choices_of_messages_and_digests_begin_for_those_who_were_there_before() {
    let test = TestDb::empty().await;
    let db = before(&test, "m20261127_000047_mail").await;
    let people =
        "INSERT INTO person (id, number, email, given_name, family_name, language, time_zone, created_at, version)
                  VALUES ({1}, 1, 'ana@example.org', 'Ana', 'Pereira', 'es', 'America/Montevideo', {now}, 1)";
    run(&db, people).await.expect("somebody of before");
    migrate(&test, None).await;
    assert_eq!(texts(&db, "SELECT email FROM person").await, ["ana@example.org"]);
    let kept =
        "INSERT INTO mail_preference (person_id, muted, version, changed_at) VALUES ({1}, '[\"work\"]', 2, {now});
                INSERT INTO digest_mark (person_id, covered_until, due_at) VALUES ({1}, {now}, {now})";
    run(&db, kept).await.expect("what is said from now on");
    for wrong in [
        "INSERT INTO digest_mark (person_id, covered_until, due_at) VALUES ({1}, {now}, {now})",
        "INSERT INTO digest_mark (person_id, covered_until, due_at) VALUES ({2}, {now}, {now})",
        "INSERT INTO mail_preference (person_id, muted, version, changed_at) VALUES ({2}, '[]', 2, {now})",
        "UPDATE mail_preference SET version = 1",
        "UPDATE digest_mark SET failures = -1",
    ] {
        assert!(run(&db, wrong).await.is_err(), "{wrong}");
    }
    assert!(db.is_current().await.expect("the migrations can be listed"));
}

/// Who invited somebody to an edition, and somebody to be its tutor, who accepted.
const INVITED: &str = "
INSERT INTO person (id, number, email, given_name, family_name, language, time_zone, created_at, version)
    VALUES ({1}, 1, 'ana@example.org', 'Ana', 'Pereira', 'es', 'America/Montevideo', {now}, 1);
INSERT INTO person (id, number, email, given_name, family_name, language, time_zone, created_at, version)
    VALUES ({2}, 2, 'ben@example.org', 'Ben', 'Costa', 'es', 'America/Montevideo', {now}, 1);
INSERT INTO institution (id, name, aliases, country, kind, created_at, version)
    VALUES ({3}, 'Union', '[]', 'UY', 'workers', {now}, 1);
INSERT INTO course (id, code, titles, descriptions, objectives, topics, search_text, created_at, version)
    VALUES ({4}, 'C', '{}', '{}', '{}', '[]', '', {now}, 1);
INSERT INTO edition (id, course_id, code, languages, time_zone, starts_on, ends_on, enrols_from, enrols_until, capacity,
                     minimum, seats_taken, modality, policy, state, pass_mark, tutors_release, search_text, created_at,
                     version)
    VALUES ({5}, {4}, 'C-1', 'es', 'America/Montevideo', '2026-02-01', '2026-03-01', '2026-01-01T00:00:00+00:00', {now},
            2, 0, 0, 'online', 'open', 'enrolling', 60000, false, '', {now}, 1);
INSERT INTO invitation (id, hash, email, given_name, family_name, language, purpose, scope_kind, scope_id, state,
                        invited_by, created_at, expires_at, version)
    VALUES ({6}, {6}, 'nora@example.org', 'Nora', 'Silva', 'es', 'take_part', 'edition', {5}, 'sent',
            {1}, {now}, '2026-02-07T12:00:00.000000+00:00', 1);
INSERT INTO invitation (id, hash, email, given_name, family_name, language, purpose, role, scope_kind, scope_id, state,
                        invited_by, created_at, expires_at, person_id, ended_at, version)
    VALUES ({7}, {7}, 'ben@example.org', 'Ben', 'Costa', 'es', 'hold_role', 'tutor', 'edition', {5}, 'accepted',
            {1}, {now}, '2026-02-07T12:00:00.000000+00:00', {2}, {now}, 2);";

/// A nomination of whom is invited there, with the identifier, the institution and the rank that are said.
fn nominating(id: &str, institution: &str, rank: &str) -> String {
    format!(
        "INSERT INTO invitation (id, hash, email, given_name, family_name, language, purpose, scope_kind, scope_id,
             state, invited_by, created_at, expires_at, version, institution_id, nominee_rank)
           VALUES ({id}, {id}, 'nora@example.org', 'Nora', 'Silva', 'es', 'take_part', 'edition', {{5}},
             'sent', {{1}}, {{now}}, '2026-02-07T12:00:00.000000+00:00', 1, {institution}, {rank})"
    )
}

#[tokio::test]
async fn invitations_of_before_are_no_nominations() {
    let test = TestDb::empty().await;
    let db = before(&test, "m20261127_000043_nominations").await;
    run(&db, INVITED).await.expect("rows of before");
    migrate(&test, None).await;
    let plain = "SELECT state FROM invitation WHERE institution_id IS NULL AND NOT awaits_endorsement ORDER BY state";
    assert_eq!(texts(&db, plain).await, ["accepted", "sent"]);
    let unasked = "SELECT code FROM edition WHERE NOT endorses_nominations";
    assert_eq!(texts(&db, unasked).await, ["C-1"]);
    run(&db, &nominating("{8}", "{3}", "1"))
        .await
        .expect("an institution names whom a coordinator invited");
    for wrong in [
        // The same again, by a coordinator and by the institution; without a rank, and with one that there is not.
        nominating("{9}", "NULL", "NULL"),
        nominating("{9}", "{3}", "2"),
        nominating("{9}", "{3}", "NULL"),
        nominating("{9}", "{3}", "0"),
        "UPDATE invitation SET nominee_rank = 1 WHERE id = {6}".to_owned(),
        "UPDATE invitation SET awaits_endorsement = true WHERE id = {6}".to_owned(),
        "UPDATE invitation SET state = 'accepted', person_id = {2} WHERE id = {8}".to_owned(),
        "UPDATE invitation SET endorsed_by = {1}, endorsed_at = {now} WHERE id = {8}".to_owned(),
        "UPDATE invitation SET endorsed_by = {2} WHERE id = {8}".to_owned(),
    ] {
        let refusal = run(&db, &wrong).await.expect_err(&wrong).to_string().to_lowercase();
        assert!(refusal.contains("constraint"), "{wrong}: {refusal}");
    }
    assert!(db.is_current().await.expect("the migrations can be listed"));
}

#[tokio::test]
async fn seats_that_were_counted_wrongly_are_counted_anew() {
    let test = TestDb::empty().await;
    let db = before(&test, "m20261128_000055_counted_seats").await;
    run(&db, SEED).await.expect("rows of before");
    // Both seats are kept and taken, as the counts say; but somebody has gone, by hand.
    let drifted = "
        INSERT INTO seat_pool (id, edition_id, country, seats, taken, held, overflow, created_at, version)
          VALUES ({20}, {4}, 'UY', 2, 2, 0, false, {now}, 1);
        UPDATE edition SET seats_taken = 2;
        UPDATE enrolment SET seat_pool_id = {20}";
    run(&db, drifted).await.expect("a count too many");
    migrate(&test, None).await;
    let counted = "SELECT 'e ' || seats_taken || seats_held || seats_kept || seat_pools FROM edition
        UNION SELECT 'p ' || taken || held FROM seat_pool ORDER BY 1";
    assert_eq!(texts(&db, counted).await, ["e 1011", "p 10"]);
    run(&db, "UPDATE enrolment SET state = 'withdrawn'")
        .await
        .expect("they go");
    assert_eq!(texts(&db, counted).await, ["e 0021", "p 00"]);
}
