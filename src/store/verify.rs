//! Every invariant of the data as a query that counts its violations, and whether the triggers are there that keep
//! some tables from being changed.

use std::collections::HashSet;

use sea_orm::ConnectionTrait;
use sea_orm::Statement;

use super::{Engine, engine};
use crate::error::Result;

/// The tables whose rows the database itself keeps as they were written.
pub const APPEND_ONLY: [&str; 10] = [
    "access_record",
    "assessment",
    "audit_entry",
    "audit_seal",
    "completion",
    "grade",
    "state_history",
    "submission_author",
    "submission_version",
    "tally_change",
];

/// The triggers of SQLite that refuse something on every row of their table.
const IN_FORCE_SQLITE: &str = "SELECT name FROM sqlite_master WHERE type = 'trigger'
    AND instr(sql, 'RAISE(ABORT, ''' || tbl_name || ' is append-only'')') > 0
    AND ((name = tbl_name || '_no_update' AND instr(sql, 'BEFORE UPDATE ON ' || tbl_name) > 0 AND instr(sql, 'WHEN') = 0)
      OR (name = tbl_name || '_no_delete' AND instr(sql, 'BEFORE DELETE ON ' || tbl_name) > 0 AND instr(sql, 'WHEN') = 0)
      OR (name = tbl_name || '_no_replace' AND instr(sql, 'BEFORE INSERT ON ' || tbl_name) > 0))";

/// Those of PostgreSQL: enabled, without a condition, for each row before UPDATE or DELETE (27), and for each
/// statement before TRUNCATE (34).
const IN_FORCE_POSTGRES: &str = "SELECT CAST(t.tgname AS text) FROM pg_trigger t
    JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE c.relnamespace = CAST(current_schema() AS regnamespace) AND t.tgenabled IN ('O', 'A') AND t.tgqual IS NULL
    AND p.prosrc LIKE '%RAISE EXCEPTION ''' || c.relname || ' is append-only''%'
    AND ((t.tgname = c.relname || '_append_only' AND t.tgtype = 27)
      OR (t.tgname = c.relname || '_no_truncate' AND t.tgtype = 34))";

/// One invariant: what holds, and how many rows break it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What has to hold.
    pub invariant: &'static str,
    /// How many times it does not.
    pub violations: i64,
}

const INVARIANTS: [(&str, &str); 12] = [
    (
        "the seats taken of an edition are its confirmed and active enrolments",
        "SELECT COUNT(*) FROM edition e WHERE e.seats_taken <> (SELECT COUNT(*) FROM enrolment n
           WHERE n.edition_id = e.id AND n.state IN ('confirmed', 'active'))",
    ),
    (
        "seats taken never exceed the capacity",
        "SELECT COUNT(*) FROM edition WHERE capacity IS NOT NULL AND seats_taken > capacity",
    ),
    (
        "nobody waits while a seat is free in an edition that takes people",
        "SELECT COUNT(*) FROM edition e WHERE e.state IN ('enrolling', 'enrolment_closed')
           AND e.policy = 'open' AND e.capacity > e.seats_taken
           AND EXISTS (SELECT 1 FROM enrolment n WHERE n.edition_id = e.id AND n.state = 'waitlisted')",
    ),
    (
        "the last step in the history of an enrolment is its state",
        "SELECT COUNT(*) FROM enrolment n WHERE n.state <> (SELECT h.to_state FROM state_history h
           WHERE h.subject_id = n.id ORDER BY h.at DESC, h.id DESC LIMIT 1)",
    ),
    (
        "every enrolment has a history",
        "SELECT COUNT(*) FROM enrolment n WHERE NOT EXISTS (SELECT 1 FROM state_history h WHERE h.subject_id = n.id)",
    ),
    (
        "the last step in the history of an invitation is its state",
        "SELECT COUNT(*) FROM invitation i WHERE i.state <> COALESCE((SELECT h.to_state FROM state_history h
           WHERE h.subject_id = i.id ORDER BY h.at DESC, h.id DESC LIMIT 1), '')",
    ),
    (
        "whoever accepted an invitation to a role held it",
        "SELECT COUNT(*) FROM invitation i WHERE i.state = 'accepted' AND i.purpose = 'hold_role' AND NOT EXISTS
           (SELECT 1 FROM role_assignment r WHERE r.person_id = i.person_id AND r.role = i.role)",
    ),
    (
        "a person is in at most one team of an edition",
        "SELECT COUNT(*) FROM (SELECT n.person_id, n.edition_id FROM team_member m JOIN enrolment n ON n.id = m.enrolment_id
           WHERE m.left_at IS NULL GROUP BY n.person_id, n.edition_id HAVING COUNT(DISTINCT m.team_id) > 1) t",
    ),
    (
        "the versions of a submission are numbered without gaps",
        "SELECT COUNT(*) FROM submission s WHERE s.current_number <> (SELECT COUNT(*) FROM submission_version v
           WHERE v.submission_id = s.id) OR s.current_number <> COALESCE((SELECT MAX(v.number) FROM submission_version v
           WHERE v.submission_id = s.id), 0)",
    ),
    (
        "every version has authors",
        "SELECT COUNT(*) FROM submission_version v WHERE NOT EXISTS
           (SELECT 1 FROM submission_author a WHERE a.version_id = v.id)",
    ),
    (
        "the works counted for an enrolment are the submissions that name it",
        "SELECT COUNT(*) FROM enrolment n WHERE n.works_submitted <>
           (SELECT COUNT(*) FROM submission s WHERE s.counted_for = n.id)",
    ),
    (
        "one key signs access tokens at most, and one that signs no more is not kept",
        "SELECT COUNT(*) FROM signing_key k WHERE (k.state IN ('verifying', 'retired') AND k.private_key IS NOT NULL)
           OR (k.state = 'signing' AND EXISTS (SELECT 1 FROM signing_key o WHERE o.state = 'signing' AND o.id <> k.id))",
    ),
];

/// Runs every check.
pub async fn run(connection: &impl ConnectionTrait) -> Result<Vec<Finding>> {
    let mut findings = Vec::with_capacity(INVARIANTS.len());
    for (invariant, sql) in INVARIANTS {
        let statement = Statement::from_string(connection.get_database_backend(), sql);
        let row = connection.query_one_raw(statement).await?;
        let violations = row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or_default();
        findings.push(Finding { invariant, violations });
    }
    Ok(findings)
}

/// The triggers of append-only tables that are missing, or do not stand as the migrations made them.
pub async fn unguarded(connection: &impl ConnectionTrait) -> Result<Vec<String>> {
    let (sql, kinds): (_, &[&str]) = match engine(connection) {
        Engine::Sqlite => (IN_FORCE_SQLITE, &["no_delete", "no_replace", "no_update"]),
        Engine::Postgres => (IN_FORCE_POSTGRES, &["append_only", "no_truncate"]),
    };
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let mut in_force: HashSet<String> = HashSet::new();
    for row in connection.query_all_raw(statement).await? {
        in_force.insert(row.try_get_by_index(0)?);
    }
    let wanted = APPEND_ONLY
        .iter()
        .flat_map(|table| kinds.iter().map(move |kind| format!("{table}_{kind}")));
    Ok(wanted.filter(|name| !in_force.contains(name)).collect())
}
