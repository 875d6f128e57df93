//! What the figures count stays what it was, and is what their rules say: the kind of an institution is frozen with the
//! enrolment, and the tasks of single participants are no works.
//!
//! The journal is append-only for everybody; this changes what was written under the wrong rule, row by row, so that
//! figures of earlier instants are right as well. What was enrolled before has the kind that its institution has now.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (open, close) = if manager.get_database_backend() == DbBackend::Sqlite {
            (OPEN_SQLITE, CLOSE_SQLITE)
        } else {
            (OPEN_POSTGRES, CLOSE_POSTGRES)
        };
        for script in [COLUMNS, open, KINDS, TASKS, close, SUMMARIES] {
            super::apply(manager, script).await?;
        }
        Ok(())
    }
}

const COLUMNS: &str = "
ALTER TABLE enrolment ADD COLUMN institution_kind text;
ALTER TABLE tally_change ADD COLUMN institution_kind text NOT NULL DEFAULT '';
";

const OPEN_SQLITE: &str = "DROP TRIGGER tally_change_no_update;";
const CLOSE_SQLITE: &str = "
CREATE TRIGGER tally_change_no_update BEFORE UPDATE ON tally_change
  BEGIN SELECT RAISE(ABORT, 'tally_change is append-only'); END;
";
const OPEN_POSTGRES: &str = "ALTER TABLE tally_change DISABLE TRIGGER tally_change_append_only;";
const CLOSE_POSTGRES: &str = "ALTER TABLE tally_change ENABLE TRIGGER tally_change_append_only;";

const KINDS: &str = "
UPDATE enrolment SET institution_kind = (SELECT i.kind FROM institution i WHERE i.id = enrolment.institution_id)
  WHERE institution_id IS NOT NULL;
UPDATE tally_change SET institution_kind = (SELECT i.kind FROM institution i WHERE i.id = tally_change.institution_id)
  WHERE EXISTS (SELECT 1 FROM institution i WHERE i.id = tally_change.institution_id);
";

/// Every instant of the journal at which a task was counted, or counted no longer: a version is written a moment before
/// its change, a step of the history a moment after it. A fact that begins knows what is counted by then, one that ends
/// what was counted before.
const TASKS: &str = "
CREATE TABLE task_counted (
    enrolment_id {uuid} NOT NULL,
    at {instant} NOT NULL,
    submitted bigint NOT NULL,
    released bigint NOT NULL
);
INSERT INTO task_counted (enrolment_id, at, submitted, released)
  SELECT s.counted_for, (SELECT MIN(j.at) FROM tally_change j WHERE j.enrolment_id = s.counted_for AND j.at >= v.submitted_at), 1, 0
    FROM submission s
    JOIN deliverable d ON d.id = s.deliverable_id
    JOIN submission_version v ON v.submission_id = s.id AND v.number = 1
    WHERE d.kind = 'individual_task' AND s.counted_for IS NOT NULL
  UNION ALL
  SELECT s.counted_for, (SELECT MAX(j.at) FROM tally_change j WHERE j.enrolment_id = s.counted_for AND j.at <= h.at), 0,
      CASE WHEN h.to_state = 'released' THEN 1 ELSE -1 END
    FROM submission s
    JOIN deliverable d ON d.id = s.deliverable_id
    JOIN state_history h ON h.subject_id = s.id
      AND (h.to_state = 'released' OR (h.from_state = 'released' AND h.to_state = 'in_review'))
    WHERE d.kind = 'individual_task' AND s.counted_for IS NOT NULL;
CREATE INDEX task_counted_by_enrolment ON task_counted (enrolment_id, at);

UPDATE tally_change SET
  submitted = submitted - enrolments * (SELECT CAST(COALESCE(SUM(c.submitted), 0) AS bigint) FROM task_counted c
    WHERE c.enrolment_id = tally_change.enrolment_id
      AND (c.at < tally_change.at OR (c.at = tally_change.at AND tally_change.enrolments = 1))),
  released = released - enrolments * (SELECT CAST(COALESCE(SUM(c.released), 0) AS bigint) FROM task_counted c
    WHERE c.enrolment_id = tally_change.enrolment_id
      AND (c.at < tally_change.at OR (c.at = tally_change.at AND tally_change.enrolments = 1)))
  WHERE enrolment_id IN (SELECT enrolment_id FROM task_counted);
UPDATE enrolment SET
  works_submitted = works_submitted - (SELECT CAST(SUM(c.submitted) AS bigint) FROM task_counted c WHERE c.enrolment_id = enrolment.id),
  works_released = works_released - (SELECT CAST(SUM(c.released) AS bigint) FROM task_counted c WHERE c.enrolment_id = enrolment.id)
  WHERE id IN (SELECT enrolment_id FROM task_counted);
UPDATE submission SET counted_for = NULL WHERE counted_for IS NOT NULL
  AND deliverable_id IN (SELECT id FROM deliverable WHERE kind = 'individual_task');
";

/// The running sums are made again, or brought down where people and cells stay as they are.
const SUMMARIES: &str = "
DROP TABLE tally_detail;
CREATE TABLE tally_detail (
    edition_id {uuid} NOT NULL,
    status text NOT NULL,
    gender text NOT NULL,
    country text NOT NULL,
    institution_id {uuid} NOT NULL,
    constituent_group text NOT NULL,
    language text NOT NULL,
    month text NOT NULL,
    institution_kind text NOT NULL DEFAULT '',
    enrolments bigint NOT NULL,
    submitted bigint NOT NULL,
    released bigint NOT NULL,
    PRIMARY KEY (edition_id, status, gender, country, institution_id, constituent_group, language, month, institution_kind)
);
INSERT INTO tally_detail (edition_id, status, gender, country, institution_id, constituent_group, language, month,
    institution_kind, enrolments, submitted, released)
  SELECT edition_id, status, gender, country, institution_id, constituent_group, language, month, institution_kind,
    CAST(SUM(enrolments) AS bigint), CAST(SUM(submitted) AS bigint), CAST(SUM(released) AS bigint)
  FROM tally_change
  GROUP BY edition_id, status, gender, country, institution_id, constituent_group, language, month, institution_kind;
UPDATE tally_edition SET
  submitted = submitted - (SELECT CAST(COALESCE(SUM(c.submitted), 0) AS bigint) FROM task_counted c
    JOIN enrolment n ON n.id = c.enrolment_id WHERE n.edition_id = tally_edition.edition_id
      AND n.state = tally_edition.status AND n.gender = tally_edition.gender AND n.country = tally_edition.country),
  released = released - (SELECT CAST(COALESCE(SUM(c.released), 0) AS bigint) FROM task_counted c
    JOIN enrolment n ON n.id = c.enrolment_id WHERE n.edition_id = tally_edition.edition_id
      AND n.state = tally_edition.status AND n.gender = tally_edition.gender AND n.country = tally_edition.country)
  WHERE edition_id IN (SELECT n.edition_id FROM task_counted c JOIN enrolment n ON n.id = c.enrolment_id);
UPDATE tally_overall SET
  submitted = submitted - (SELECT CAST(COALESCE(SUM(c.submitted), 0) AS bigint) FROM task_counted c
    JOIN enrolment n ON n.id = c.enrolment_id
    WHERE n.state = tally_overall.status AND n.gender = tally_overall.gender AND n.country = tally_overall.country),
  released = released - (SELECT CAST(COALESCE(SUM(c.released), 0) AS bigint) FROM task_counted c
    JOIN enrolment n ON n.id = c.enrolment_id
    WHERE n.state = tally_overall.status AND n.gender = tally_overall.gender AND n.country = tally_overall.country)
  WHERE EXISTS (SELECT 1 FROM task_counted);
DROP TABLE task_counted;
";
