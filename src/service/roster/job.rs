//! Tables that come in over the network: asked for, handed over by a link, worked off by whichever copy of Rumbo claims
//! them, looked at while that goes on, and cancelled.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{Order, authorise};
use crate::app::App;
use crate::auth::link;
use crate::domain::actor::Actor;
use crate::domain::id::{EditionId, InstitutionId, TableImportId};
use crate::domain::language::Language;
use crate::domain::link::{File, Holder, Link};
use crate::domain::list::Mode;
use crate::domain::policy::{Action, Relation, demand};
use crate::domain::roster::waiting::dead_since;
use crate::domain::roster::{ImportState, Kind, Outcome};
use crate::domain::sheet::sniff;
use crate::domain::text::{Reason, ShortCode};
use crate::error::{Code, Error, Fault, Result};
use crate::service::edition::relation as edition_relation;
use crate::service::enrolment::admission;
use crate::service::nomination::is_open;
use crate::service::nomination::table::nominator;
use crate::store::page::{Page, Place, Wanted};
use crate::store::table_import::{self, Model};
use crate::store::{audit, edition, person, table_import_row};

pub mod passing;
mod working;

pub use working::{conclude, work};

/// When to come again with one more, in seconds.
const AGAIN: u64 = 30;

/// How a table is to be brought in, whatever it is of.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// How much is carried out when some of it cannot be.
    pub mode: Mode,
    /// Whether nothing is carried out.
    pub dry_run: bool,
    /// Whether people are told.
    pub notify: bool,
    /// The language of new people whose row names none.
    pub language: Language,
}

/// What the rows of a table are, and where they lead.
#[derive(Debug, Clone, Copy)]
pub enum Rows {
    /// Accounts.
    People,
    /// People in an edition.
    Enrolments(EditionId),
    /// People whom an institution names for an edition.
    Nominations(EditionId, InstitutionId),
}

impl Rows {
    const fn edition(self) -> Option<EditionId> {
        match self {
            Self::People => None,
            Self::Enrolments(id) | Self::Nominations(id, _) => Some(id),
        }
    }
}

/// Asks for a table to be brought in. Gives the link by which its file is handed over, and until when.
///
/// # Errors
/// [`Error::NotFound`] for an edition or an institution that the actor does not see, [`Error::Forbidden`] for an
/// edition that they do not coordinate, for an institution in whose name they do not nominate, and for people unless
/// they may import records; [`Code::EnrolmentClosed`] for an edition that takes nobody now, or for which nobody is named
/// any more; [`Code::LimitReached`] while too many of theirs wait, or await their file.
pub async fn prepare(app: &App, actor: &Actor, rows: Rows, manner: Manner) -> Result<(Model, String, DateTime<Utc>)> {
    let (owner, holder) = (actor.signed_in()?, Holder::of(actor).ok_or(Error::Unauthenticated)?);
    let (kind, action, institution) = allow(app, actor, rows).await?;
    let now = app.clock.now();
    let row = Model {
        id: TableImportId(app.clock.new_id()),
        owner_id: owner,
        kind,
        edition_id: rows.edition(),
        institution_id: institution,
        mode: manner.mode,
        dry_run: manner.dry_run,
        notify: manner.notify,
        language: manner.language,
        state: ImportState::AwaitingFile,
        form: None,
        ignored_columns: json!([]),
        fault: None,
        carried_out: false,
        total: 0,
        done: 0,
        created: 0,
        updated: 0,
        unchanged: 0,
        refused: 0,
        lease: 0,
        leased_until: None,
        created_at: now,
        finished_at: None,
    };
    let tx = app.db.write().await?;
    // Held, so that two at once are counted one after the other.
    person::lock(&tx, owner).await?;
    let under_way = table_import::under_way(&tx, owner, dead_since(now)).await?;
    let free = under_way.take_one();
    free.map_err(|most| Fault::new(Code::LimitReached).with(most))?;
    let row = table_import::insert(&tx, row).await?;
    audit::record(&tx, &app.clock, Some(owner), action, &[row.id.into()], None).await?;
    tx.commit().await?;
    let reason = Reason::parse("import").map_err(|_| Error::internal("a reason of ours is none"))?;
    let link = Link::new(File::Upload(row.id), reason, now);
    Ok((row, link::seal(&app.vault, &holder, &link)?, link.until))
}

/// What is asked for, if the actor may ask for it now: the kind, by which right, and which institution nominates.
async fn allow(app: &App, actor: &Actor, rows: Rows) -> Result<(Kind, Action, Option<InstitutionId>)> {
    let Some(id) = rows.edition() else {
        demand(actor, Action::ImportRecords, Relation::NONE, None)?;
        return Ok((Kind::People, Action::ImportRecords, None));
    };
    let row = edition::find_for(app.db.read(), actor, id).await?;
    let row = row.ok_or(Error::NotFound("input.editionId"))?;
    let Rows::Nominations(_, by) = rows else {
        demand(actor, Action::ImportEnrolments, edition_relation(actor, &row), None)?;
        let admitted = admission(&row, true, app.clock.now()).admit();
        admitted.map_err(|refusal| refusal.fault("editionId"))?;
        return Ok((Kind::Enrolments, Action::ImportEnrolments, None));
    };
    let institution = nominator(app.db.read(), actor, Some(by)).await;
    let institution = institution.map_err(|failure| match failure {
        Error::NotFound(_) => Error::NotFound("input.institutionId"),
        other => other,
    })?;
    if !is_open(&row, app.clock.now()) {
        return Err(Error::at("editionId", Code::EnrolmentClosed));
    }
    Ok((Kind::Nominations, Action::Nominate, Some(institution.id)))
}

/// Takes the file of a table by its link, from whom the link was made for, as long as they may. It is worked off later.
///
/// # Errors
/// [`Error::NotFound`] for a link that is none or not theirs, and once there is a file; [`Error::Invalid`] for what is
/// no table by its first bytes; [`Error::Busy`] while too many of theirs wait.
pub async fn receive(app: &App, actor: &Actor, text: &str, file: Vec<u8>) -> Result<()> {
    const REFUSED: Error = Error::NotFound("link");
    let id = awaited(app, actor, text).await?;
    sniff(&file).map_err(|fault| {
        Error::Invalid(vec![Fault {
            code: fault.flaw.code,
            path: vec!["file".to_owned()],
            detail: fault.flaw.detail,
        }])
    })?;
    let tx = app.db.write().await?;
    // Held, so that two at once are counted one after the other.
    person::lock(&tx, actor.signed_in()?).await?;
    let row = table_import::lock_for(&tx, actor, id).await?;
    let row = row
        .filter(|row| row.state == ImportState::AwaitingFile)
        .ok_or(REFUSED)?;
    let under_way = table_import::under_way(&tx, row.owner_id, dead_since(app.clock.now())).await?;
    if !under_way.takes_file() {
        return Err(Error::Busy(AGAIN));
    }
    table_import::set_queued(&tx, id, file).await?;
    tx.commit().await?;
    app.imports.notify_one();
    Ok(())
}

/// The table whose file a link takes now.
///
/// # Errors
/// [`Error::NotFound`], the same whatever is wrong.
pub async fn awaited(app: &App, actor: &Actor, text: &str) -> Result<TableImportId> {
    const REFUSED: Error = Error::NotFound("link");
    let holder = Holder::of(actor).ok_or(REFUSED)?;
    let link = link::open(&app.vault, &holder, text, app.clock.now()).ok_or(REFUSED)?;
    let File::Upload(id) = link.file else {
        return Err(REFUSED);
    };
    let row = table_import::find_for(app.db.read(), actor, id).await?.ok_or(REFUSED)?;
    let order = order_of(app, &row).await?;
    authorise(app, actor, &order).await.map_err(|_| REFUSED)?;
    (row.state == ImportState::AwaitingFile).then_some(id).ok_or(REFUSED)
}

/// Cancels the actor's own table, as long as any of it is left to carry out. From then on nothing more is: row by row,
/// what was carried out before stays, and is told as soon as its worker has noticed; otherwise nothing does.
///
/// # Errors
/// [`Error::NotFound`] for a table that is not theirs, [`Error::Forbidden`] when they may not bring such a table in any
/// more, and [`Code::IllegalTransition`] once it has ended, or was carried out to the end.
pub async fn cancel(app: &App, actor: &Actor, id: TableImportId) -> Result<Model> {
    const ABSENT: Error = Error::NotFound("input.tableImportId");
    let by = actor.signed_in()?;
    let seen = table_import::find_for(app.db.read(), actor, id).await?;
    let order = order_of(app, &seen.ok_or(ABSENT)?).await?;
    // They see the table; of its edition or institution they may see nothing any more.
    authorise(app, actor, &order).await.map_err(|failure| match failure {
        Error::NotFound(_) => Error::Forbidden,
        other => other,
    })?;
    let tx = app.db.write().await?;
    // Before the table, as whoever asks for one, or ends all that they have.
    person::lock(&tx, by).await?;
    let row = table_import::lock_for(&tx, actor, id).await?.ok_or(ABSENT)?;
    let state = row.state.cancel(row.progress());
    let state = state.map_err(|refusal| Fault::at("tableImportId", refusal.into()))?;
    let row = table_import::end_early(&tx, row, state, app.clock.now()).await?;
    let action = right_to(row.kind);
    audit::record(&tx, &app.clock, Some(by), action, &[id.into()], Some("cancelled")).await?;
    tx.commit().await?;
    Ok(row)
}

/// What whoever brings a table in must be able to do.
const fn right_to(kind: Kind) -> Action {
    match kind {
        Kind::People => Action::ImportRecords,
        Kind::Enrolments => Action::ImportEnrolments,
        Kind::Nominations => Action::Nominate,
    }
}

/// The actor's own table, by its identifier.
pub async fn find(app: &App, actor: &Actor, id: TableImportId) -> Result<Option<Model>> {
    actor.signed_in()?;
    table_import::find_for(app.db.read(), actor, id).await
}

/// A part of the actor's own tables, the newest first.
///
/// # Errors
/// [`Error::Unauthenticated`] when nobody is signed in.
pub async fn mine(app: &App, actor: &Actor, wanted: &Wanted) -> Result<Page<Model>> {
    table_import::page(app.db.read(), actor.signed_in()?, wanted).await
}

/// Where a row stands among [`mine`].
pub fn place_of_mine(row: &Model) -> Place {
    table_import::page_place(row)
}

/// A part of what came of the rows of the actor's own table, in the order of the file.
///
/// # Errors
/// [`Error::NotFound`] for a table that is not theirs.
pub async fn rows(
    app: &App,
    actor: &Actor,
    of: TableImportId,
    outcomes: &[Outcome],
    wanted: &Wanted,
) -> Result<Page<table_import_row::Model>> {
    let found = find(app, actor, of).await?;
    let row = found.ok_or(Error::NotFound("id"))?;
    table_import_row::page(app.db.read(), row.id, outcomes, wanted).await
}

/// Where a row stands among [`rows`].
pub fn page_place(row: &table_import_row::Model) -> Place {
    table_import_row::page_place(row)
}

async fn order_of(app: &App, row: &Model) -> Result<Order> {
    let edition = match row.edition_id {
        Some(id) => edition::find(app.db.read(), id).await?,
        None => None,
    };
    let code = edition.map(|edition| ShortCode::parse(&edition.code)).transpose();
    Ok(Order {
        kind: row.kind,
        institution: row.institution_id,
        edition: code.map_err(|_| Error::internal("a stored code is none"))?,
        mode: row.mode,
        dry_run: row.dry_run,
        notify: row.notify,
        language: row.language,
    })
}
