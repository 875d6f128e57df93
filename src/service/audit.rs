//! Reading the audit log, and writing down who reads personal data.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use roaring::RoaringBitmap;

use crate::app::App;
use crate::domain::actor::{Actor, Role};
use crate::domain::audit::{Origin, PersonalField};
use crate::domain::id::{EditionId, PersonId};
use crate::domain::policy::{self, Action, Relation};
use crate::error::{Error, Result};
use crate::store::access::{self, Reader, Record, Seen, Touch};
use crate::store::page::{Page, Wanted};
use crate::store::{audit, person};

pub use crate::store::audit::from_origin;

/// One field of one person that staff saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Look {
    /// The person's number.
    pub number: i64,
    /// As what.
    pub role: Role,
    /// Which field.
    pub field: PersonalField,
}

/// What one request, or one command, read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The operation.
    pub operation: String,
    /// The edition that it was about.
    pub edition: Option<EditionId>,
    /// Why, where a reason was given.
    pub reason: Option<String>,
    /// What.
    pub looks: Vec<Look>,
}

/// Stores what was read; returns once it is committed.
///
/// # Errors
/// [`Error::Internal`] when it could not be stored: what was read must not be shown then.
pub async fn keep(app: &App, actor: &Actor, origin: Origin, reading: Reading) -> Result<()> {
    let record = Record {
        reader: actor.person,
        origin,
        operation: reading.operation,
        edition: reading.edition,
        reason: reading.reason,
        seen: gather(reading.looks)?,
    };
    // Whoever stores it needs a connection, and must not wait for those that wait for it.
    app.db.rest().await;
    app.accesses.keep(record).await
}

/// Puts together the people of whom the same was seen in the same role.
fn gather(mut looks: Vec<Look>) -> Result<Vec<Seen>> {
    looks.sort_unstable();
    let mut groups: BTreeMap<(Role, u8), RoaringBitmap> = BTreeMap::new();
    for of_one in looks.chunk_by(|one, next| (one.number, one.role) == (next.number, next.role)) {
        let fields = of_one.iter().fold(0, |set, look| set | look.field.bit());
        let number = u32::try_from(of_one[0].number).map_err(Error::internal)?;
        groups.entry((of_one[0].role, fields)).or_default().insert(number);
    }
    let seen = groups
        .into_iter()
        .map(|((role, fields), people)| Seen { role, fields, people });
    Ok(seen.collect())
}

/// A page of the entries that the actor may read: their own, those of editions that they coordinate, for an
/// administrator all; the latest first.
///
/// # Errors
/// [`Error::Unauthenticated`] for nobody.
pub async fn entries(app: &App, actor: &Actor, filter: &audit::Filter, wanted: &Wanted) -> Result<Page<audit::Model>> {
    policy::demand(actor, Action::ReadAudit, Relation::OWN, None)?;
    audit::page(app.db.read(), actor, filter, wanted).await
}

/// One look at a person, as the person is told.
#[derive(Debug, Clone)]
pub struct OwnLook {
    /// The request.
    pub row: access::Model,
    /// As what.
    pub role: Role,
    /// Which fields.
    pub fields: u8,
}

/// The latest `limit` looks of staff at the actor's own data, before one of them; and whether there are more.
///
/// # Errors
/// [`Error::Unauthenticated`] for nobody.
pub async fn own_looks(
    app: &App,
    actor: &Actor,
    before: Option<uuid::Uuid>,
    limit: usize,
) -> Result<(Vec<OwnLook>, bool)> {
    policy::demand(actor, Action::ReadAudit, Relation::OWN, None)?;
    let id = actor.signed_in()?;
    let own = person::find(app.db.read(), id).await?.ok_or(Error::Unauthenticated)?;
    let number = u32::try_from(own.number).map_err(Error::internal)?;
    let (rows, more) = access::about(app.db.read(), number, before, limit, app.clock.now()).await?;
    let mut looks = Vec::with_capacity(rows.len());
    for row in rows {
        let groups = row.seen()?.into_iter().filter(|group| group.people.contains(number));
        let (mut role, mut fields) = (Role::Tutor, 0);
        for group in groups {
            role = role.max(group.role);
            fields |= group.fields;
        }
        looks.push(OwnLook { row, role, fields });
    }
    Ok((looks, more))
}

/// Whom an account or a token read in a period, and which of their fields. For a notice about a breach.
///
/// # Errors
/// [`Error::Forbidden`] for all but administrators.
pub async fn touched(
    app: &App,
    actor: &Actor,
    reader: Reader,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Touch>> {
    policy::demand(actor, Action::TraceAccess, Relation::NONE, None)?;
    access::touched(app.db.read(), reader, from, until).await
}

/// Of one person: who it is, and what was read.
pub type Touched = (PersonId, Touch);

/// The people of these touches, in their order.
pub async fn people_of(app: &App, touches: &[Touch]) -> Result<Vec<Touched>> {
    let numbers: Vec<i64> = touches.iter().map(|touch| i64::from(touch.number)).collect();
    let ids = person::by_numbers(app.db.read(), &numbers).await?;
    let found = touches
        .iter()
        .filter_map(|touch| Some((*ids.get(&i64::from(touch.number))?, *touch)));
    Ok(found.collect())
}
