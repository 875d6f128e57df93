//! Exports: lists that leave the system, each audited.

use std::io::Write;

use chrono::{DateTime, SecondsFormat, Utc};

use super::edition::relation as edition_relation;
use crate::app::App;
use crate::auth::link;
use crate::domain::actor::{Actor, Reach, Role};
use crate::domain::audit::PersonalField;
use crate::domain::export::{List, Selection};
use crate::domain::id::{EditionId, EnrolmentId, Subject};
use crate::domain::link::{File, Holder, Link};
use crate::domain::policy::{Action, Relation, demand};
use crate::domain::text::{Reason, formula_safe};
use crate::error::{Error, Result};
use crate::service::audit::{self as trail, Look, Reading};
use crate::store::{Tx, audit, edition, export};

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

/// Writes the enrolments of an edition (named by its code), or of all, as [`Export`] gives them, as they are at one
/// instant. Returns how many lines there were.
///
/// # Errors
/// [`Error::NotFound`] for a code that no edition within the actor's reach has; those of [`Export::piece`].
pub async fn enrolments(
    app: &App,
    actor: &Actor,
    code: Option<&str>,
    reason: &Reason,
    mut out: impl Write,
) -> Result<usize> {
    let of = match code {
        Some(code) => {
            let found = edition::find_by_code(app.db.read(), actor, code).await?;
            Some(found.ok_or(Error::NotFound("edition"))?)
        }
        None => None,
    };
    let mut export = Export::allow(actor, of, reason.clone())?;
    // Every piece is of one state, whatever changes meanwhile.
    let snapshot = app.db.snapshot().await?;
    while let Some(piece) = export.piece(app, Some(&snapshot)).await? {
        out.write_all(&piece).map_err(Error::internal)?;
    }
    snapshot.commit().await?;
    out.flush().map_err(Error::internal)?;
    Ok(export.lines)
}

/// A link by which the actor can fetch the enrolments of an edition for some minutes, and until when.
///
/// # Errors
/// [`Error::NotFound`] for an edition that the actor does not see, [`Error::Forbidden`] unless they coordinate it.
pub async fn link(app: &App, actor: &Actor, id: EditionId, reason: Reason) -> Result<(String, DateTime<Utc>)> {
    let holder = Holder::of(actor).ok_or(Error::Unauthenticated)?;
    let row = edition::find_for(app.db.read(), actor, id).await?;
    let row = row.ok_or(Error::NotFound("input.editionId"))?;
    authorise(actor, Some(&row))?;
    let link = Link::new(File::Enrolments(id), reason, app.clock.now());
    Ok((link::seal(&app.vault, &holder, &link)?, link.until))
}

/// A link by which the actor can fetch a list, as they see it, for some minutes, and until when.
///
/// # Errors
/// [`Error::Unauthenticated`] for nobody, [`Error::InsufficientScope`] for an API token.
pub fn list_link(app: &App, actor: &Actor, selection: Selection, reason: Reason) -> Result<(String, DateTime<Utc>)> {
    demand(actor, Action::ExportList, Relation::NONE, None)?;
    let holder = Holder::of(actor).ok_or(Error::Unauthenticated)?;
    let link = Link::new(File::List(selection), reason, app.clock.now());
    Ok((link::seal(&app.vault, &holder, &link)?, link.until))
}

/// What a link names.
#[derive(Debug)]
pub enum Opened {
    /// The enrolments of an edition.
    Enrolments(Box<Export>),
    /// A list, and why. What its holder sees of it is asked where it is read.
    List(Selection, Reason),
}

/// What a link names, if whoever brings it is who it was made for, and may still export that.
///
/// # Errors
/// [`Error::NotFound`], the same whatever is wrong.
pub async fn by_link(app: &App, actor: &Actor, text: &str) -> Result<Opened> {
    const REFUSED: Error = Error::NotFound("link");
    let holder = Holder::of(actor).ok_or(REFUSED)?;
    let link = link::open(&app.vault, &holder, text, app.clock.now()).ok_or(REFUSED)?;
    match link.file {
        File::Enrolments(id) => {
            let row = edition::find_for(app.db.read(), actor, id).await?.ok_or(REFUSED)?;
            let export = Export::allow(actor, Some(row), link.reason).map_err(|_| REFUSED)?;
            Ok(Opened::Enrolments(Box::new(export)))
        }
        File::List(selection) => {
            demand(actor, Action::ExportList, Relation::NONE, None).map_err(|_| REFUSED)?;
            Ok(Opened::List(selection, link.reason))
        }
        File::Upload(_) => Err(REFUSED),
    }
}

/// Writes down which list leaves, of an edition or of everything, and why.
///
/// # Errors
/// [`Error::Internal`] when it cannot be: nothing may leave then.
pub async fn note_list(app: &App, actor: &Actor, list: List, of: Option<EditionId>, reason: &Reason) -> Result<()> {
    let why = format!("{}: {reason}", list.word());
    note(app, actor, Action::ExportList, of, &why).await
}

/// An export that is allowed, taken out piece by piece: UTF-8, RFC 4180, no cell a formula. Demographics are those
/// frozen in the enrolment.
#[derive(Debug)]
pub struct Export {
    actor: Actor,
    reason: Reason,
    of: Option<edition::Model>,
    after: Option<EnrolmentId>,
    begun: bool,
    lines: usize,
}

impl Export {
    /// The enrolments of an edition, or of all.
    fn allow(actor: &Actor, of: Option<edition::Model>, reason: Reason) -> Result<Self> {
        authorise(actor, of.as_ref())?;
        Ok(Self {
            actor: actor.clone(),
            reason,
            of,
            after: None,
            begun: false,
            lines: 0,
        })
    }

    /// Goes on with what the same person may by now.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when they may not export it any more.
    pub fn renew(&mut self, actor: Actor) -> Result<()> {
        authorise(&actor, self.of.as_ref())?;
        self.actor = actor;
        Ok(())
    }

    /// The code of the edition, if it is one's.
    pub fn code(&self) -> Option<&str> {
        self.of.as_ref().map(|row| row.code.as_str())
    }

    /// The next lines, of a snapshot or as they are by now, after the names of the columns; `None` when there are no
    /// more. That something leaves is audited before the first piece is given, and each line is written down as an
    /// access to the data of its person before it is.
    ///
    /// # Errors
    /// [`Error::Internal`] when it cannot be read, or written down.
    pub async fn piece(&mut self, app: &App, snapshot: Option<&Tx>) -> Result<Option<Vec<u8>>> {
        let of = self.of.as_ref().map(|row| row.id);
        let is_first = !std::mem::replace(&mut self.begun, true);
        if is_first {
            note(app, &self.actor, Action::ExportEnrolments, of, self.reason.as_ref()).await?;
        }
        let lines = match snapshot {
            Some(tx) => export::lines(tx, of, self.after, BATCH).await?,
            None => export::lines(app.db.read(), of, self.after, BATCH).await?,
        };
        if let Some(last) = lines.last() {
            self.after = Some(last.id);
            keep(app, &self.actor, of, &self.reason, &lines).await?;
        } else if !is_first {
            return Ok(None);
        }
        self.lines += lines.len();
        let mut writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(Vec::new());
        if is_first {
            writer.write_record(COLUMNS).map_err(Error::internal)?;
        }
        for line in &lines {
            write_line(&mut writer, line)?;
        }
        let piece = writer
            .into_inner()
            .map_err(|cause| Error::internal(cause.to_string()))?;
        Ok(Some(piece))
    }
}

/// Whether the actor may take out the enrolments of an edition, or of all.
fn authorise(actor: &Actor, of: Option<&edition::Model>) -> Result<()> {
    let relation = match of {
        Some(row) => edition_relation(actor, row),
        None => Relation {
            edition: actor.coordinated() == Reach::Everywhere,
            ..Relation::NONE
        },
    };
    demand(actor, Action::ExportEnrolments, relation, None)
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

async fn note(app: &App, actor: &Actor, action: Action, of: Option<EditionId>, why: &str) -> Result<()> {
    let subject = of.map_or(
        Subject {
            kind: "system",
            id: uuid::Uuid::nil(),
        },
        Subject::from,
    );
    let tx = app.db.write().await?;
    audit::record(&tx, &app.clock, actor.person, action, &[subject], Some(why)).await?;
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
