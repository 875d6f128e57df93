//! Whether the triggers that keep some tables from being changed, and those that count seats, stand as the migrations
//! made them.

use std::collections::{BTreeMap, HashMap};

use sea_orm::{ConnectionTrait, Statement};

use crate::error::Result;
use crate::store::{Engine, engine};

/// The tables whose rows the database itself keeps as they were written, and the keys that no two rows share.
pub const APPEND_ONLY: [(&str, &[&str]); 16] = [
    ("access_record", &["id"]),
    ("admission_criteria", &["id", "edition_id, number"]),
    ("admission_score", &["id"]),
    ("application", &["id", "enrolment_id"]),
    ("application_form", &["id", "edition_id, number"]),
    ("assessment", &["id"]),
    ("audit_entry", &["id"]),
    ("audit_seal", &["sequence"]),
    ("completion", &["id"]),
    ("consent", &["id"]),
    ("former_snapshot", &["id"]),
    ("grade", &["id"]),
    ("state_history", &["id"]),
    ("submission_author", &["version_id, enrolment_id"]),
    ("submission_version", &["id", "submission_id, number"]),
    ("tally_change", &["id"]),
];

/// The triggers of SQLite: their names, and the statements that made them.
const STANDING_SQLITE: &str = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'";

/// Those of PostgreSQL: their names; whether they fire, how they are declared, and what they run.
const STANDING_POSTGRES: &str = "SELECT CAST(t.tgname AS text),
      CASE WHEN t.tgenabled IN ('O', 'A') THEN '' ELSE 'DISABLED ' END
      || pg_get_triggerdef(t.oid, true) || ' ' || l.lanname || ' ' || p.prosrc
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
    JOIN pg_language l ON l.oid = p.prolang
    WHERE NOT t.tgisinternal AND c.relnamespace = CAST(current_schema() AS regnamespace)";

/// The triggers that count seats on PostgreSQL, as it tells their declarations.
const COUNTING_POSTGRES: [(&str, &str); 9] = [
    (
        "edition_seats_begin",
        "BEFORE INSERT ON edition FOR EACH ROW WHEN (new.seats_taken IS DISTINCT FROM 0 OR new.seats_held IS DISTINCT FROM 0 \
         OR new.seats_kept IS DISTINCT FROM 0 OR new.seat_pools IS DISTINCT FROM 0) EXECUTE FUNCTION seats_are_counted()",
    ),
    (
        "edition_seats_counted",
        "BEFORE UPDATE OF seats_taken, seats_held, seats_kept, seat_pools ON edition FOR EACH ROW WHEN (pg_trigger_depth() = 0 \
         AND (new.seats_taken IS DISTINCT FROM old.seats_taken OR new.seats_held IS DISTINCT FROM old.seats_held \
         OR new.seats_kept IS DISTINCT FROM old.seats_kept OR new.seat_pools IS DISTINCT FROM old.seat_pools)) \
         EXECUTE FUNCTION seats_are_counted()",
    ),
    (
        "enrolment_seat_came",
        "AFTER INSERT ON enrolment REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION enrolment_seats()",
    ),
    (
        "enrolment_seat_moved",
        "AFTER UPDATE ON enrolment REFERENCING OLD TABLE AS went NEW TABLE AS came FOR EACH STATEMENT \
         EXECUTE FUNCTION enrolment_seats()",
    ),
    (
        "enrolment_seat_went",
        "AFTER DELETE ON enrolment REFERENCING OLD TABLE AS went FOR EACH STATEMENT EXECUTE FUNCTION enrolment_seats()",
    ),
    (
        "enrolment_stays",
        "BEFORE UPDATE OF edition_id ON enrolment FOR EACH ROW WHEN (new.edition_id <> old.edition_id) \
         EXECUTE FUNCTION enrolment_stays()",
    ),
    (
        "seat_pool_begins",
        "BEFORE INSERT ON seat_pool FOR EACH ROW WHEN (new.taken IS DISTINCT FROM 0 OR new.held IS DISTINCT FROM 0) \
         EXECUTE FUNCTION seats_are_counted()",
    ),
    (
        "seat_pool_counted",
        "BEFORE UPDATE OF taken, held ON seat_pool FOR EACH ROW WHEN (pg_trigger_depth() = 0 \
         AND (new.taken IS DISTINCT FROM old.taken OR new.held IS DISTINCT FROM old.held)) \
         EXECUTE FUNCTION seats_are_counted()",
    ),
    (
        "seat_pool_keeps",
        "AFTER INSERT OR DELETE OR UPDATE ON seat_pool FOR EACH ROW EXECUTE FUNCTION seat_pool_keeps()",
    ),
];

/// The functions of PostgreSQL: their names; whether somebody altered how they run, their languages and their bodies.
const FUNCTIONS: &str = "SELECT CAST(p.proname AS text),
      CASE WHEN p.proisstrict OR p.prosecdef OR p.proconfig IS NOT NULL THEN 'ALTERED ' ELSE '' END
      || l.lanname || ' ' || p.prosrc
    FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
    WHERE p.pronamespace = CAST(current_schema() AS regnamespace)";

/// Where SQLite's triggers set a mark while they count, and take it away before they end.
pub const MARK_TABLE: &str = "seat_counting";

/// The triggers of append-only tables that are missing, or do not stand as the migrations made them, to the letter.
pub async fn unguarded(connection: &impl ConnectionTrait) -> Result<Vec<String>> {
    let standing = standing(connection).await?;
    let wanted = match engine(connection) {
        Engine::Sqlite => wanted(of_sqlite),
        Engine::Postgres => wanted(|table, _| of_postgres(table)),
    };
    let stands = |(name, text): &(String, String)| standing.get(name).is_some_and(|found| *found == one_line(text));
    Ok(wanted
        .into_iter()
        .filter(|trigger| !stands(trigger))
        .map(|(name, _)| name)
        .collect())
}

/// What counts seats and is missing, does not fire, or does not stand as the migrations made it: triggers, and functions
/// that they call; on SQLite also the table of marks, where one was left by hand, with which anybody may write a count.
pub async fn uncounted(connection: &impl ConnectionTrait) -> Result<Vec<String>> {
    let standing = standing(connection).await?;
    let backend = connection.get_database_backend();
    let script = migrations::seat_triggers(backend);
    match engine(connection) {
        Engine::Sqlite => {
            let wanted = made_on_sqlite(&script);
            let sql = format!("SELECT 1 FROM {MARK_TABLE} LIMIT 1");
            let mark = connection.query_one_raw(Statement::from_string(backend, sql)).await?;
            let names = missing(wanted, &standing);
            Ok(names.chain(mark.map(|_| MARK_TABLE.to_owned())).collect())
        }
        Engine::Postgres => {
            let bodies = bodies(&script);
            let triggers = COUNTING_POSTGRES.iter().map(|(name, declared)| {
                let run = declared.rsplit(' ').next().unwrap_or_default();
                let body = bodies.get(run.trim_end_matches("()")).map_or("", String::as_str);
                ((*name).to_owned(), format!("CREATE TRIGGER {name} {declared} {body}"))
            });
            let names = missing(triggers.collect(), &standing);
            let functions = read(connection, FUNCTIONS).await?;
            Ok(names.chain(missing(bodies, &functions)).collect())
        }
    }
}

/// The names of what does not stand as it is wanted.
fn missing(wanted: BTreeMap<String, String>, standing: &HashMap<String, String>) -> impl Iterator<Item = String> {
    let stands = |name: &String, text: &String| standing.get(name).is_some_and(|found| found == text);
    let missing = wanted.into_iter().filter(move |(name, text)| !stands(name, text));
    missing.map(|(name, _)| name)
}

/// The triggers that stand, by name; of those that do not fire the text says so.
async fn standing(connection: &impl ConnectionTrait) -> Result<HashMap<String, String>> {
    let sql = match engine(connection) {
        Engine::Sqlite => STANDING_SQLITE,
        Engine::Postgres => STANDING_POSTGRES,
    };
    read(connection, sql).await
}

/// Texts by their names, each on one line.
async fn read(connection: &impl ConnectionTrait, sql: &str) -> Result<HashMap<String, String>> {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let mut read = HashMap::new();
    for row in connection.query_all_raw(statement).await? {
        let text: String = row.try_get_by_index(1)?;
        read.insert(row.try_get_by_index(0)?, one_line(&text));
    }
    Ok(read)
}

/// The triggers that a script makes on SQLite, by name, each as the whole statement.
fn made_on_sqlite(script: &str) -> BTreeMap<String, String> {
    let pieces = script.split("CREATE TRIGGER ").skip(1);
    let made = pieces.filter_map(|piece| {
        let (text, _) = piece.rsplit_once("END;")?;
        let name = text.split_whitespace().next()?;
        Some((name.to_owned(), one_line(&format!("CREATE TRIGGER {text}END"))))
    });
    made.collect()
}

/// The functions that a script makes on PostgreSQL, by name: their language and their bodies.
fn bodies(script: &str) -> BTreeMap<String, String> {
    let pieces = script.split("CREATE FUNCTION ").skip(1);
    let made = pieces.filter_map(|piece| {
        let (name, rest) = piece.split_once('(')?;
        let body = rest.split("$$").nth(1)?;
        Some((name.to_owned(), one_line(&format!("plpgsql {body}"))))
    });
    made.collect()
}

/// The triggers of every table, with what they have to be.
fn wanted<const N: usize>(of: impl Fn(&str, &[&str]) -> [(String, String); N]) -> Vec<(String, String)> {
    APPEND_ONLY.iter().flat_map(|(table, keys)| of(table, keys)).collect()
}

fn of_sqlite(table: &str, keys: &[&str]) -> [(String, String); 3] {
    let refusal = format!("BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END");
    let taken: Vec<String> = [&["rowid"], keys]
        .concat()
        .iter()
        .map(|key| {
            let same: Vec<String> = key
                .split(", ")
                .map(|column| format!("{column} = NEW.{column}"))
                .collect();
            format!("EXISTS (SELECT 1 FROM {table} WHERE {})", same.join(" AND "))
        })
        .collect();
    let trigger = |name: &str, when: &str| {
        let name = format!("{table}_{name}");
        let text = format!("CREATE TRIGGER {name} {when} {refusal}");
        (name, text)
    };
    [
        trigger("no_delete", &format!("BEFORE DELETE ON {table}")),
        trigger(
            "no_replace",
            &format!("BEFORE INSERT ON {table} WHEN {}", taken.join(" OR ")),
        ),
        trigger("no_update", &format!("BEFORE UPDATE ON {table}")),
    ]
}

fn of_postgres(table: &str) -> [(String, String); 2] {
    let run =
        format!("EXECUTE FUNCTION {table}_append_only() plpgsql BEGIN RAISE EXCEPTION '{table} is append-only'; END");
    let trigger = |name: &str, events: &str, each: &str| {
        let name = format!("{table}_{name}");
        let text = format!("CREATE TRIGGER {name} BEFORE {events} ON {table} FOR EACH {each} {run}");
        (name, text)
    };
    [
        trigger("append_only", "DELETE OR UPDATE", "ROW"),
        trigger("no_truncate", "TRUNCATE", "STATEMENT"),
    ]
}

/// The text with one blank wherever it has some, so that only how it is laid out does not count.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
