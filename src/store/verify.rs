//! Every invariant of the data as a query that counts its violations. The triggers that keep some tables from being
//! changed are `guard`'s.

use sea_orm::ConnectionTrait;
use sea_orm::Statement;

use crate::error::Result;

pub mod guard;

/// One invariant: what holds, and how many rows break it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What has to hold.
    pub invariant: &'static str,
    /// How many times it does not.
    pub violations: i64,
}

/// The invariants, in words and as queries.
pub const INVARIANTS: [(&str, &str); 29] = [
    (
        "the seats taken of an edition are its confirmed and active enrolments",
        "SELECT COUNT(*) FROM edition e WHERE e.seats_taken <> (SELECT COUNT(*) FROM enrolment n
           WHERE n.edition_id = e.id AND n.state IN ('confirmed', 'active'))",
    ),
    (
        "the seats held of an edition are its open offers",
        "SELECT COUNT(*) FROM edition e WHERE e.seats_held <> (SELECT COUNT(*) FROM enrolment n
           WHERE n.edition_id = e.id AND n.state = 'waitlisted' AND n.offered_until IS NOT NULL)",
    ),
    (
        "the seats taken and held of a pool are those of its enrolments",
        "SELECT COUNT(*) FROM seat_pool p WHERE p.taken <> (SELECT COUNT(*) FROM enrolment n
             WHERE n.seat_pool_id = p.id AND n.state IN ('confirmed', 'active'))
           OR p.held <> (SELECT COUNT(*) FROM enrolment n
             WHERE n.seat_pool_id = p.id AND n.state = 'waitlisted' AND n.offered_until IS NOT NULL)",
    ),
    (
        "what an edition keeps is what its pools have left",
        "SELECT COUNT(*) FROM edition e WHERE e.seats_kept <> (SELECT COALESCE(SUM(p.seats - p.taken - p.held), 0)
             FROM seat_pool p WHERE p.edition_id = e.id AND p.released_at IS NULL)
           OR e.seat_pools <> (SELECT COUNT(*) FROM seat_pool p WHERE p.edition_id = e.id AND p.released_at IS NULL)",
    ),
    (
        "seats taken, held and kept never exceed the capacity",
        "SELECT COUNT(*) FROM edition WHERE capacity IS NOT NULL AND seats_taken + seats_held + seats_kept > capacity",
    ),
    (
        "a seat of a pool belongs to an enrolment of its edition",
        "SELECT COUNT(*) FROM enrolment n JOIN seat_pool p ON p.id = n.seat_pool_id WHERE p.edition_id <> n.edition_id",
    ),
    (
        "nobody waits while a seat that they may take is free in an edition that takes people",
        "SELECT COUNT(*) FROM enrolment n JOIN edition e ON e.id = n.edition_id
           WHERE n.state = 'waitlisted' AND n.offered_until IS NULL
           AND e.state IN ('enrolling', 'enrolment_closed') AND e.policy = 'open'
           AND (EXISTS (SELECT 1 FROM seat_pool p WHERE p.edition_id = e.id AND p.released_at IS NULL
                  AND p.taken + p.held < p.seats AND (p.institution_id = n.institution_id OR p.country = n.country
                    OR p.constituent_group = n.constituent_group))
             OR (e.capacity > e.seats_taken + e.seats_held + e.seats_kept
               AND (NOT EXISTS (SELECT 1 FROM seat_pool p WHERE p.edition_id = e.id AND p.released_at IS NULL
                    AND (p.institution_id = n.institution_id OR p.country = n.country
                      OR p.constituent_group = n.constituent_group))
                 OR EXISTS (SELECT 1 FROM seat_pool p WHERE p.edition_id = e.id AND p.released_at IS NULL
                    AND p.overflow AND (p.institution_id = n.institution_id OR p.country = n.country
                      OR p.constituent_group = n.constituent_group)))))",
    ),
    (
        "the last step in the history of an enrolment is its state",
        "SELECT COUNT(*) FROM enrolment n WHERE n.state <> (SELECT h.to_state FROM state_history h
           WHERE h.subject_id = n.id ORDER BY h.at DESC, h.id DESC LIMIT 1)",
    ),
    (
        "the last step in the history of an edition is its state",
        "SELECT COUNT(*) FROM edition e WHERE e.state <> (SELECT h.to_state FROM state_history h
           WHERE h.subject_id = e.id ORDER BY h.at DESC, h.id DESC LIMIT 1)",
    ),
    (
        "the last step in the history of a submission is its state",
        "SELECT COUNT(*) FROM submission s WHERE s.state <> (SELECT h.to_state FROM state_history h
           WHERE h.subject_id = s.id ORDER BY h.at DESC, h.id DESC LIMIT 1)",
    ),
    (
        "every enrolment has a history",
        "SELECT COUNT(*) FROM enrolment n WHERE NOT EXISTS (SELECT 1 FROM state_history h WHERE h.subject_id = n.id)",
    ),
    (
        "the last step in the history of an invitation is its state",
        "SELECT COUNT(*) FROM invitation i
           WHERE CASE WHEN i.state = 'sent' AND i.endorsed_by IS NOT NULL THEN 'endorsed' ELSE i.state END
             <> COALESCE((SELECT h.to_state FROM state_history h
               WHERE h.subject_id = i.id ORDER BY h.at DESC, h.id DESC LIMIT 1), '')",
    ),
    (
        "the last step in the history of an institution is its state",
        "SELECT COUNT(*) FROM institution i WHERE CASE WHEN i.refused_at IS NULL THEN i.state ELSE 'refused' END
             <> COALESCE((SELECT h.to_state FROM state_history h
               WHERE h.subject_id = i.id ORDER BY h.at DESC, h.id DESC LIMIT 1), i.state)",
    ),
    (
        "an institution that was merged leads to one that stands in the register",
        "SELECT COUNT(*) FROM institution i LEFT JOIN institution t ON t.id = i.merged_into
           WHERE (i.state = 'merged' OR i.merged_into IS NOT NULL) AND COALESCE(t.state, '') <> 'registered'",
    ),
    (
        "nothing names an institution that was merged once everything has followed",
        "SELECT COUNT(*) FROM institution i WHERE i.followed_at IS NOT NULL AND (
             i.id IN (SELECT n.institution_id FROM enrolment n) OR i.id IN (SELECT n.nominated_by FROM enrolment n)
             OR i.id IN (SELECT p.institution_id FROM seat_pool p)
             OR i.id IN (SELECT v.institution_id FROM invitation v)
             OR i.id IN (SELECT r.scope_id FROM role_assignment r WHERE r.scope_kind = 'institution'))",
    ),
    (
        "whoever accepted an invitation to a role held it",
        "SELECT COUNT(*) FROM invitation i WHERE i.state = 'accepted' AND i.purpose = 'hold_role' AND NOT EXISTS
           (SELECT 1 FROM role_assignment r WHERE r.person_id = i.person_id AND r.role = i.role)",
    ),
    (
        "an accepted nomination led to an enrolment of its nominee by its institution",
        "SELECT COUNT(*) FROM invitation i WHERE i.state = 'accepted' AND i.institution_id IS NOT NULL AND NOT EXISTS
           (SELECT 1 FROM enrolment n WHERE n.id = i.enrolment_id AND n.person_id = i.person_id
              AND n.edition_id = i.scope_id AND n.nominated_by = i.institution_id)",
    ),
    (
        "a nomination that was substituted has one in its place for the same edition",
        "SELECT COUNT(*) FROM invitation i WHERE i.institution_id IS NOT NULL AND (i.state = 'replaced') <> EXISTS
           (SELECT 1 FROM invitation s WHERE s.substitutes = i.id AND s.scope_id = i.scope_id)",
    ),
    (
        "the form of an edition is its latest version, and the versions are numbered without gaps",
        "SELECT COUNT(*) FROM edition e WHERE e.form_number <> (SELECT COUNT(*) FROM application_form f
           WHERE f.edition_id = e.id) OR e.form_number <> COALESCE((SELECT MAX(f.number) FROM application_form f
           WHERE f.edition_id = e.id), 0)",
    ),
    (
        "answers and consents are to a form of the edition, and consents are the enrolled person's",
        "SELECT COUNT(*) FROM enrolment n WHERE EXISTS (SELECT 1 FROM application a JOIN application_form f
             ON f.id = a.form_id WHERE a.enrolment_id = n.id AND f.edition_id <> n.edition_id)
           OR EXISTS (SELECT 1 FROM consent c JOIN application_form f ON f.id = c.form_id
             WHERE c.enrolment_id = n.id AND (f.edition_id <> n.edition_id OR c.person_id <> n.person_id))",
    ),
    (
        "the score of an application is the mean of the last findings of its assessors by the present criteria",
        "SELECT COUNT(*) FROM enrolment n WHERE n.score <> COALESCE(
           (SELECT (CAST(SUM(s.points) AS bigint) * 2 + COUNT(*)) / (COUNT(*) * 2)
              FROM admission_score s JOIN admission_criteria c ON c.id = s.criteria_id
              WHERE s.enrolment_id = n.id AND c.edition_id = n.edition_id
                AND c.number = (SELECT MAX(l.number) FROM admission_criteria l WHERE l.edition_id = n.edition_id)
                AND NOT EXISTS (SELECT 1 FROM admission_score o WHERE o.enrolment_id = s.enrolment_id
                  AND o.criteria_id = s.criteria_id AND o.assessor_id = s.assessor_id
                  AND (o.scored_at > s.scored_at OR (o.scored_at = s.scored_at AND o.id > s.id)))), -1)",
    ),
    (
        "applications are scored by criteria of their edition, and by somebody else",
        "SELECT COUNT(*) FROM admission_score s JOIN admission_criteria c ON c.id = s.criteria_id
           JOIN enrolment n ON n.id = s.enrolment_id
           WHERE c.edition_id <> n.edition_id OR s.assessor_id = n.person_id",
    ),
    (
        "an enrolment that was transferred is over, and goes on as the same person's in another edition",
        "SELECT COUNT(*) FROM enrolment_transfer t JOIN enrolment a ON a.id = t.from_id
           JOIN enrolment b ON b.id = t.to_id
           WHERE a.person_id <> b.person_id OR a.edition_id = b.edition_id
             OR a.state NOT IN ('cancelled', 'excluded')",
    ),
    (
        "a person is in at most one team of an edition",
        "SELECT COUNT(*) FROM (SELECT n.person_id, n.edition_id FROM team_member m JOIN enrolment n ON n.id = m.enrolment_id
           WHERE m.left_at IS NULL AND n.state IN ('confirmed', 'active', 'completed', 'not_completed')
           GROUP BY n.person_id, n.edition_id HAVING COUNT(DISTINCT m.team_id) > 1) t",
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
        "the released works of an enrolment are those counted for it whose grade is released",
        "SELECT COUNT(*) FROM enrolment n WHERE n.works_released <> (SELECT COUNT(*) FROM submission s
           WHERE s.counted_for = n.id AND s.state IN ('released', 'final'))",
    ),
    (
        "one key signs access tokens at most, and one that signs no more is not kept",
        "SELECT COUNT(*) FROM signing_key k WHERE (k.state IN ('verifying', 'retired') AND k.private_key IS NOT NULL)
           OR (k.state = 'signing' AND EXISTS (SELECT 1 FROM signing_key o WHERE o.state = 'signing' AND o.id <> k.id))",
    ),
];

/// Looks for what breaks one invariant, of which it gets the words and the query.
pub async fn find(
    connection: &impl ConnectionTrait,
    (invariant, sql): (&'static str, &'static str),
) -> Result<Finding> {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await?;
    let violations = row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or_default();
    Ok(Finding { invariant, violations })
}
