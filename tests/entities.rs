//! The schema and the entities agree, and the schema itself refuses what must never be stored.

use std::collections::BTreeSet;
use std::path::Path;

use rumbo::domain::seats::{Ledger, Seat};
use rumbo::store::verify::guard;
use rumbo::store::{self, Db, Engine};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, EntityName, EntityTrait, SqlErr, Statement};

use crate::support::db::TestDb;

/// Selects from the entity of each module named, and returns the names of their tables.
macro_rules! select_all {
    ($db:expr, $($noun:ident $(:: $part:ident)*),* $(,)?) => {{
        let mut tables = BTreeSet::new();
        $(
            let table = store::$noun$(::$part)*::Entity.table_name();
            let rows = store::$noun$(::$part)*::Entity::find().all($db.read()).await;
            assert!(rows.is_ok(), "{table}: {rows:?}");
            tables.insert(table.to_owned());
        )*
        tables
    }};
}

#[tokio::test]
async fn every_entity_has_its_table_with_its_columns() {
    let test = TestDb::new().await;
    let db = test.connect().await;
    let selected = select_all!(
        db,
        access,
        account_request,
        address_change,
        allocation,
        api_token,
        assessment,
        audit,
        author,
        calendar_link,
        challenge,
        completion,
        course,
        criteria,
        criteria::score,
        declaration,
        deliverable,
        edition,
        enrolment,
        enrolment::decision,
        enrolment::transfer,
        form,
        form::application,
        form::consent,
        grade,
        history,
        idempotency,
        identity,
        identity_claim,
        imported_nomination,
        imported_row,
        institution,
        invitation,
        meeting,
        outbox,
        outbox::digest,
        outbox::preference,
        password_reset,
        person,
        provider_sign_in,
        rate,
        rate::line,
        recovery_code,
        refresh,
        registration,
        role,
        seal,
        seat_pool,
        second_factor,
        session,
        shortfall,
        signing_key,
        snapshot::former,
        submission,
        table_import,
        table_import_file,
        table_import_row,
        team,
        team_member,
        version,
    );
    assert_eq!(
        selected,
        names_after("src/store", "table_name = \""),
        "an entity is missing from the list above"
    );
}

#[tokio::test]
async fn migrating_again_changes_nothing() {
    let test = TestDb::new().await;
    let db = test.connect().await;
    assert!(db.is_current().await.expect("the migrations can be listed"));
    run(&db, SEED).await.expect("the seed is valid");
    db.migrate().await.expect("there is nothing to migrate");
    let people = store::person::Entity::find().all(db.read()).await.expect("people");
    assert_eq!(people.len(), 1);
}

#[tokio::test]
async fn append_only_tables_refuse_changes_and_removals() {
    let test = TestDb::new().await;
    let db = test.connect().await;
    run(&db, SEED).await.expect("the seed is valid");
    run(&db, LATER).await.expect("the rest of it is valid");
    run(&db, ANSWERED).await.expect("a form, and what was said to it");
    let tables = [
        ("access_record", "operation = 'another'"),
        ("admission_criteria", "number = 2"),
        ("admission_score", "comment = 'better'"),
        ("application", "language = 'pt'"),
        ("application_form", "number = 2"),
        ("assessment", "comment = 'better'"),
        ("audit_entry", "reason = 'another'"),
        ("audit_seal", "sequence = 2"),
        ("completion", "outcome = 'not_completed'"),
        ("consent", "given = false"),
        ("former_snapshot", "country = 'BR'"),
        ("grade", "value = 100000"),
        ("state_history", "to_state = 'draft'"),
        ("submission_author", "enrolment_id = enrolment_id"),
        ("submission_version", "body = 'another'"),
        ("tally_change", "submitted = 0"),
    ];
    for (table, change) in tables {
        let mut statements = vec![format!("UPDATE {table} SET {change}"), format!("DELETE FROM {table}")];
        if db.engine() == Engine::Postgres {
            statements.push(format!("TRUNCATE {table} CASCADE"));
        }
        for statement in statements {
            let refusal = run(&db, &statement).await.expect_err(&statement).to_string();
            assert!(
                refusal.contains(&format!("{table} is append-only")),
                "{statement}: {refusal}"
            );
        }
    }
    let listed: BTreeSet<String> = tables.map(|(table, _)| table.to_owned()).into();
    for helper in ["append_only", "no_replace"] {
        assert_eq!(
            listed,
            names_after("migrations/src", &format!("{helper}(manager, \"")),
            "a table is missing from the list, or from the migrations"
        );
    }
    assert_eq!(listed, guard::APPEND_ONLY.map(|(table, _)| table.to_owned()).into());
    if db.engine() == Engine::Sqlite {
        for table in &listed {
            refuses_to_be_replaced(&db, table).await;
        }
    }
}

/// Tries to put a row into the place of each one of a table, by every key that SQLite knows for it.
async fn refuses_to_be_replaced(db: &Db, table: &str) {
    let columns = first_of_rows(db, &format!("SELECT name FROM pragma_table_info('{table}')")).await;
    let unique = format!("SELECT name FROM pragma_index_list('{table}') WHERE \"unique\"");
    let mut keys = vec![vec!["rowid".to_owned()]];
    for index in first_of_rows(db, &unique).await {
        keys.push(first_of_rows(db, &format!("SELECT name FROM pragma_index_info('{index}')")).await);
    }
    assert!(keys.len() > 1, "{table} has no key");
    let all = columns.join(", ");
    let mut statements = vec![
        format!("INSERT OR REPLACE INTO {table} SELECT * FROM {table}"),
        format!("REPLACE INTO {table} ({all}) SELECT {all} FROM {table}"),
        // No key but the number of the row is the same.
        format!(
            "INSERT OR REPLACE INTO {table} (rowid, {all}) SELECT rowid, {} FROM {table}",
            columns
                .iter()
                .map(|column| if keys.iter().flatten().any(|key| key == column) {
                    "x'00'"
                } else {
                    column
                })
                .collect::<Vec<_>>()
                .join(", ")
        ),
    ];
    if table == "submission_version" {
        let other = all.replacen("id", "x'00'", 1);
        statements.push(format!(
            "INSERT OR REPLACE INTO {table} ({all}) SELECT {other} FROM {table}"
        ));
    }
    for statement in statements {
        let refusal = run(db, &statement).await.expect_err(&statement).to_string();
        assert!(
            refusal.contains(&format!("{table} is append-only")),
            "{statement}: {refusal}"
        );
    }
    let trigger = format!("SELECT sql FROM sqlite_master WHERE name = '{table}_no_replace'");
    let trigger = first_of_rows(db, &trigger).await.concat();
    for key in keys {
        let same = key.iter().map(|column| format!("{column} = NEW.{column}"));
        let same = same.collect::<Vec<_>>().join(" AND ");
        assert!(
            trigger.contains(&format!("WHERE {same})")),
            "{table} by {same}: {trigger}"
        );
    }
}

async fn first_of_rows(db: &Db, sql: &str) -> Vec<String> {
    let rows = db
        .read()
        .query_all_raw(Statement::from_string(DbBackend::Sqlite, sql))
        .await;
    let rows = rows.expect("rows");
    rows.iter()
        .map(|row| row.try_get_by_index(0).expect("a name"))
        .collect()
}

#[tokio::test]
async fn a_trigger_that_is_missing_or_changed_is_named() {
    let test = TestDb::new().await;
    let db = test.connect().await;
    let unguarded = async || guard::unguarded(db.read()).await.expect("triggers");
    assert_eq!(unguarded().await, [""; 0]);
    // How one is laid out does not count.
    if db.engine() == Engine::Sqlite {
        let same = "DROP TRIGGER grade_no_delete; CREATE TRIGGER grade_no_delete
              BEFORE   DELETE ON grade BEGIN SELECT RAISE(ABORT, 'grade is append-only'); END";
        run(&db, same).await.expect("the same trigger");
        assert_eq!(unguarded().await, [""; 0]);
    }
    let (statements, names): (&[&str], &[&str]) = match db.engine() {
        Engine::Sqlite => (
            &[
                "DROP TRIGGER grade_no_replace",
                "DROP TRIGGER audit_seal_no_update",
                "DROP TRIGGER completion_no_delete;
                 CREATE TRIGGER completion_no_delete BEFORE DELETE ON completion WHEN 1 = 0
                   BEGIN SELECT RAISE(ABORT, 'completion is append-only'); END",
                "DROP TRIGGER assessment_no_update;
                 CREATE TRIGGER assessment_no_update BEFORE UPDATE ON assessment when 1 = 0
                   BEGIN SELECT RAISE(ABORT, 'assessment is append-only'); END",
                "DROP TRIGGER state_history_no_update;
                 CREATE TRIGGER state_history_no_update BEFORE UPDATE OF reason ON state_history
                   BEGIN SELECT RAISE(ABORT, 'state_history is append-only'); END",
                "DROP TRIGGER tally_change_no_replace;
                 CREATE TRIGGER tally_change_no_replace BEFORE INSERT ON tally_change WHEN 0
                   BEGIN SELECT RAISE(ABORT, 'tally_change is append-only'); END",
                "DROP TRIGGER access_record_no_delete;
                 CREATE TRIGGER access_record_no_delete BEFORE DELETE ON access_record
                   BEGIN SELECT 'BEFORE DELETE ON access_record', 'RAISE(ABORT, ''access_record is append-only'')'; END",
            ],
            &[
                "access_record_no_delete",
                "assessment_no_update",
                "audit_seal_no_update",
                "completion_no_delete",
                "grade_no_replace",
                "state_history_no_update",
                "tally_change_no_replace",
            ],
        ),
        Engine::Postgres => (
            &[
                "DROP TRIGGER grade_append_only ON grade",
                "ALTER TABLE audit_seal DISABLE TRIGGER audit_seal_no_truncate",
                "CREATE OR REPLACE FUNCTION completion_append_only() RETURNS trigger LANGUAGE plpgsql AS
                   $$ BEGIN RETURN NEW; END $$",
                "CREATE OR REPLACE TRIGGER assessment_append_only BEFORE UPDATE OF id OR DELETE ON assessment
                   FOR EACH ROW EXECUTE FUNCTION assessment_append_only()",
                "CREATE OR REPLACE TRIGGER state_history_append_only BEFORE UPDATE OR DELETE ON state_history
                   FOR EACH ROW WHEN (false) EXECUTE FUNCTION state_history_append_only()",
                "CREATE OR REPLACE FUNCTION tally_change_append_only() RETURNS trigger LANGUAGE plpgsql AS
                   $$ BEGIN RETURN NEW; RAISE EXCEPTION 'tally_change is append-only'; END $$",
                "ALTER TABLE access_record ENABLE REPLICA TRIGGER access_record_append_only",
            ],
            &[
                "access_record_append_only",
                "assessment_append_only",
                "audit_seal_no_truncate",
                "completion_append_only",
                "completion_no_truncate",
                "grade_append_only",
                "state_history_append_only",
                "tally_change_append_only",
                "tally_change_no_truncate",
            ],
        ),
    };
    for statement in statements {
        run(&db, statement).await.expect(statement);
    }
    assert_eq!(unguarded().await, names);
}

#[tokio::test]
async fn who_waited_before_there_was_a_ledger_waits_in_the_same_order() {
    let test = TestDb::before("_seats").await;
    let db = test.connect().await;
    run(&db, SEED).await.expect("the seed is valid");
    run(&db, "UPDATE edition SET seats_taken = 1")
        .await
        .expect("one of two");
    // The identifiers stand in another order than the applications.
    for (number, day) in [(21, 3), (22, 1), (23, 2)] {
        let person = format!(
            "INSERT INTO person (id, number, email, given_name, family_name, language, time_zone, created_at, version)
               VALUES ({{{number}}}, {number}, 'p{number}@example.org', 'P', 'Q', 'es', 'UTC', {{now}}, 1);"
        );
        let waiting = ENROLMENT
            .replace("{5}", &format!("{{{}}}", number + 10))
            .replace("{1}, 1, 'confirmed'", &format!("{{{number}}}, {number}, 'waitlisted'"))
            .replace("{now}", &format!("'2026-01-0{day}T12:00:00.000000+00:00'"));
        run(&db, &(person + &waiting)).await.expect("somebody who waits");
    }
    db.migrate().await.expect("the later migrations");
    let row = store::edition::Entity::find().one(db.read()).await.expect("a query");
    let row = row.expect("an edition");
    assert_eq!(
        (row.seats_held, row.seats_kept, row.seat_pools, row.offer_hours),
        (0, 0, 0, None)
    );
    let ledger = Ledger::new(row.seats(), Vec::new());
    let tx = db.write().await.expect("a transaction");
    let line = store::waiting::next_in_line(&tx, row.id, &ledger, &[Seat::General], &BTreeSet::new(), 9).await;
    let line: Vec<i64> = line.expect("a query").iter().map(|row| row.person_number).collect();
    assert_eq!(line, [22, 23, 21]);
}

#[tokio::test]
async fn a_person_has_one_live_enrolment_in_an_edition() {
    let test = TestDb::new().await;
    let db = test.connect().await;
    run(&db, SEED).await.expect("the seed is valid");
    let again = ENROLMENT.replace("{5}", "{50}");
    let refusal = run(&db, &again).await.expect_err("a second live enrolment");
    assert!(
        matches!(refusal.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))),
        "{refusal}"
    );
    run(&db, "UPDATE enrolment SET state = 'withdrawn'")
        .await
        .expect("withdrawn");
    run(&db, &again).await.expect("a new application after the withdrawal");
}

#[tokio::test]
async fn one_key_signs_and_only_such_a_key_keeps_its_private_part() {
    let test = TestDb::new().await;
    let db = test.connect().await;
    // The original that is copied has a key that signs.
    let insert = |number: u8, state: &str, private: &str, instants: &str| {
        let length = if db.engine() == Engine::Sqlite {
            "randomblob(32)"
        } else {
            "sha256(random()::text::bytea)"
        };
        format!(
            "INSERT INTO signing_key (id, state, public_key, private_key, created_at, signs_from, verifies_until, retired_at)
               VALUES ({{{number}}}, '{state}', {length}, {private}, {{now}}, {instants})"
        )
    };
    for good in [
        insert(20, "next", "{bytes}", "NULL, NULL, NULL"),
        insert(21, "verifying", "NULL", "{now}, {now}, NULL"),
        insert(22, "retired", "NULL", "NULL, NULL, {now}"),
    ] {
        run(&db, &good).await.expect(&good);
    }
    for wrong in [
        insert(30, "signing", "{bytes}", "{now}, NULL, NULL"),
        "UPDATE signing_key SET state = 'signing', signs_from = {now} WHERE id = {20}".to_owned(),
        insert(31, "next", "NULL", "NULL, NULL, NULL"),
        insert(32, "verifying", "{bytes}", "{now}, {now}, NULL"),
        insert(33, "verifying", "NULL", "{now}, NULL, NULL"),
        insert(34, "retired", "{bytes}", "NULL, NULL, {now}"),
        insert(35, "retired", "NULL", "NULL, NULL, NULL"),
        insert(36, "other", "NULL", "NULL, NULL, NULL"),
        "UPDATE signing_key SET public_key = {bytes} WHERE id = {20}".to_owned(),
        "UPDATE signing_key SET private_key = NULL WHERE id = {20}".to_owned(),
    ] {
        let refusal = run(&db, &wrong).await.expect_err(&wrong).to_string().to_lowercase();
        assert!(refusal.contains("constraint"), "{wrong}: {refusal}");
    }
}

/// One enrolment; `{5}` is its identifier.
pub const ENROLMENT: &str = "
INSERT INTO enrolment (id, edition_id, person_id, person_number, state, motivation, applied_at, applied_month, gender,
                       country, institution_id, constituent_group, language, works_submitted, works_released, version)
    VALUES ({5}, {4}, {1}, 1, 'confirmed', '', {now}, '2026-01', 'female', 'UY', {2}, 'workers', 'es', 0, 0, 1);";

/// One row of everything that an append-only row refers to, and one row of each append-only table.
pub const SEED: &str = "
INSERT INTO person (id, number, email, given_name, family_name, language, time_zone, created_at, version)
    VALUES ({1}, 1, 'ana@example.org', 'Ana', 'Pereira', 'es', 'America/Montevideo', {now}, 1);
INSERT INTO institution (id, name, aliases, country, kind, created_at, version)
    VALUES ({2}, 'Union', '[]', 'UY', 'workers', {now}, 1);
INSERT INTO course (id, code, titles, descriptions, objectives, topics, search_text, created_at, version)
    VALUES ({3}, 'C', '{}', '{}', '{}', '[]', '', {now}, 1);
INSERT INTO edition (id, course_id, code, languages, time_zone, starts_on, ends_on, enrols_from, enrols_until, capacity,
                     minimum, seats_taken, modality, policy, state, pass_mark, tutors_release, search_text, created_at,
                     version)
    VALUES ({4}, {3}, 'C-1', 'es', 'America/Montevideo', '2026-02-01', '2026-03-01', '2026-01-01T00:00:00+00:00', {now},
            2, 0, 0, 'online', 'open', 'running', 60000, false, '', {now}, 1);
{enrolment}
INSERT INTO deliverable (id, edition_id, kind, title, instructions, due_at, cut_off_at, weight, rubric, created_at, version)
    VALUES ({6}, {4}, 'individual_task', 'Task', '', {now}, {now}, 1, '{}', {now}, 1);
INSERT INTO submission (id, deliverable_id, edition_id, enrolment_id, state, draft_title, draft_body, current_number,
                        created_at, version)
    VALUES ({7}, {6}, {4}, {5}, 'submitted', '', '', 1, {now}, 1);
INSERT INTO submission_version (id, submission_id, number, title, body, submitted_at, submitted_by)
    VALUES ({8}, {7}, 1, 'Title', 'Body', {now}, {1});
INSERT INTO submission_author (version_id, enrolment_id) VALUES ({8}, {5});
INSERT INTO completion (id, enrolment_id, outcome, evidence, decided_at) VALUES ({14}, {5}, 'completed', '{}', {now});
INSERT INTO assessment (id, submission_id, version_id, assessor_id, decision, scores, points, comment, assessed_at)
    VALUES ({9}, {7}, {8}, {1}, 'grade', '[]', 80000, 'good', {now});
INSERT INTO grade (id, submission_id, assessment_id, value, released_at) VALUES ({10}, {7}, {9}, 80000, {now});
INSERT INTO state_history (id, subject_kind, subject_id, to_state, at) VALUES ({11}, 'edition', {4}, 'running', {now});
INSERT INTO audit_entry (id, at, action, subject_kind) VALUES ({12}, {now}, 'edition.run', 'edition');
INSERT INTO access_record (id, at, via, operation, seen) VALUES ({15}, {now}, 'session', 'Page', {bytes});
INSERT INTO audit_seal (sequence, ledger, sealed_at, from_id, to_id, items, people, hash)
    VALUES (1, 'access', {now}, {15}, {15}, {bytes}, {bytes}, {bytes});
INSERT INTO tally_change (id, at, enrolment_id, person_number, edition_id, status, gender, country, institution_id,
                          constituent_group, language, month, enrolments, submitted, released)
    VALUES ({13}, {now}, {5}, 1, {4}, 'confirmed', 'female', 'UY', {2}, 'workers', 'es', '2026-01', 1, 1, 1);";

/// The same of the tables that came later than the ledger of seats.
const LATER: &str = "
INSERT INTO admission_criteria (id, edition_id, number, rubric, created_at, created_by)
    VALUES ({16}, {4}, 1, '{}', {now}, {1});
INSERT INTO admission_score (id, enrolment_id, criteria_id, assessor_id, scores, points, comment, scored_at)
    VALUES ({17}, {5}, {16}, {1}, '[]', 80000, 'good', {now});
INSERT INTO former_snapshot (id, enrolment_id, until_at, gender, country, institution_id, constituent_group, language,
                             cause)
    VALUES ({18}, {5}, {now}, 'male', 'UY', {2}, 'workers', 'es', 'merged');";

/// A form of the edition of [`SEED`], and what its enrolment answered and consented to.
pub const ANSWERED: &str = "
INSERT INTO application_form (id, edition_id, number, content, published_at) VALUES ({16}, {4}, 1, '{}', {now});
UPDATE edition SET form_number = 1;
INSERT INTO application (id, enrolment_id, form_id, language, answers, given_at) VALUES ({17}, {5}, {16}, 'es', '[]', {now});
INSERT INTO consent (id, enrolment_id, person_id, form_id, purpose, text_version, language, given, required, via, stated_at)
    VALUES ({18}, {5}, {1}, {16}, 'data', 1, 'es', true, true, 'session', {now});";

/// Runs a script in a transaction of its own; `{7}` in it is the identifier number seven.
pub async fn run(db: &Db, script: &str) -> Result<(), DbErr> {
    let mut script = script
        .replace("{enrolment}", ENROLMENT)
        .replace("{now}", "'2026-01-31T12:00:00.000000+00:00'");
    let bytes = match db.engine() {
        Engine::Sqlite => "X'00'",
        Engine::Postgres => "'\\x00'",
    };
    script = script.replace("{bytes}", bytes);
    for number in 1..=50 {
        let digits = format!("{number:032x}");
        let id = match db.engine() {
            Engine::Sqlite => format!("X'{digits}'"),
            Engine::Postgres => format!("'{digits}'"),
        };
        script = script.replace(&format!("{{{number}}}"), &id);
    }
    let tx = db.write().await.expect("a transaction begins");
    tx.execute_unprepared(&script).await?;
    tx.commit().await
}

/// The quoted words that follow `mark` in the Rust files of a folder.
fn names_after(folder: &str, mark: &str) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut names = BTreeSet::new();
    for (_, text) in crate::support::source::files(&root, "rs") {
        let ends = text.split(mark).skip(1);
        names.extend(
            ends.filter_map(|rest| rest.split_once('"'))
                .map(|(name, _)| name.to_owned()),
        );
    }
    names
}
