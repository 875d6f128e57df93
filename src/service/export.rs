//! Exports: lists that leave the system, each audited.

use std::io::Write;

use chrono::SecondsFormat;

use crate::app::App;
use crate::domain::actor::{Actor, Role};
use crate::domain::audit::PersonalField;
use crate::domain::id::{EditionId, Subject};
use crate::domain::policy::{Action, Relation, demand};
use crate::domain::text::{Reason, formula_safe};
use crate::error::{Error, Result};
use crate::service::audit::{self as trail, Look, Reading};
use crate::store::{audit, edition, export};

/// How many enrolments are read at once.
const BATCH: u64 = 1000;

/// The columns of an export of enrolments.
pub const COLUMNS: [&str; 12] = [
    "edition",
    "email",
    "given_name",
    "family_name",
    "gender",
    "country",
    "institution",
    "constituent_group",
    "language",
    "state",
    "applied_at",
    "grade",
];

/// Writes the enrolments of an edition (named by its code), or of all, as CSV: UTF-8, RFC 4180, no cell a
/// formula. Demographics are those frozen in the enrolment. Returns how many lines there were. Each line is written
/// down as an access to the data of its person before it leaves.
///
/// # Errors
/// [`Error::NotFound`] for a code that no edition within the actor's reach has.
pub async fn enrolments(
    app: &App,
    actor: &Actor,
    code: Option<&str>,
    reason: &Reason,
    out: impl Write,
) -> Result<usize> {
    let of = match code {
        Some(code) => {
            let found = edition::find_by_code(app.db.read(), actor, code).await?;
            Some(found.ok_or(Error::NotFound("edition"))?)
        }
        None => None,
    };
    let reach = actor.coordinated();
    let covered = match &of {
        Some(row) => reach.covers(row.course_id, row.id),
        None => reach == crate::domain::actor::Reach::Everywhere,
    };
    demand(
        actor,
        Action::ExportEnrolments,
        Relation {
            edition: covered,
            ..Relation::NONE
        },
        None,
    )?;
    let of = of.map(|row| row.id);
    note(app, actor, of, reason).await?;
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(out);
    writer.write_record(COLUMNS).map_err(Error::internal)?;
    let mut after = None;
    let mut count = 0;
    loop {
        let lines = export::lines(app.db.read(), of, after, BATCH).await?;
        let Some(last) = lines.last() else { break };
        after = Some(last.id);
        keep(app, actor, of, reason, &lines).await?;
        for line in &lines {
            write_line(&mut writer, line)?;
        }
        count += lines.len();
    }
    writer.flush().map_err(Error::internal)?;
    Ok(count)
}

/// Writes down whose data leaves.
async fn keep(app: &App, actor: &Actor, of: Option<EditionId>, reason: &Reason, lines: &[export::Line]) -> Result<()> {
    use PersonalField::{Email, Gender, Name, Origin};
    let role = if actor.holds(Role::Administrator) {
        Role::Administrator
    } else {
        Role::Coordinator
    };
    let look = |number, field| Look { number, role, field };
    let looks = lines
        .iter()
        .flat_map(|line| [Name, Email, Origin, Gender].map(|field| look(line.person_number, field)));
    let reading = Reading {
        operation: "export enrolments".to_owned(),
        edition: of,
        reason: Some(reason.to_string()),
        looks: looks.collect(),
    };
    trail::keep(app, actor, audit::origin(), reading).await
}

async fn note(app: &App, actor: &Actor, of: Option<EditionId>, reason: &Reason) -> Result<()> {
    let subject = of.map_or(
        Subject {
            kind: "system",
            id: uuid::Uuid::nil(),
        },
        Subject::from,
    );
    let tx = app.db.write().await?;
    audit::record(
        &tx,
        &app.clock,
        actor.person,
        Action::ExportEnrolments,
        &[subject],
        Some(reason.as_ref()),
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

fn write_line(writer: &mut csv::Writer<impl Write>, line: &export::Line) -> Result<()> {
    let grade = line
        .grade
        .map(|grade| format!("{}.{:03}", grade / 1000, grade % 1000))
        .unwrap_or_default();
    let applied_at = line.applied_at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let cells = [
        line.edition.as_str(),
        &line.email,
        &line.given_name,
        &line.family_name,
        line.gender.word(),
        &line.country,
        line.institution.as_deref().unwrap_or_default(),
        line.constituent_group.word(),
        line.language.code(),
        line.state.word(),
        &applied_at,
        &grade,
    ];
    writer
        .write_record(cells.iter().map(|cell| formula_safe(cell).into_owned()))
        .map_err(Error::internal)
}
