//! The register of institutions: kept by administrators, read by anybody who has signed in, and added to by applicants
//! whose proposals coordinators settle.

use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::id::InstitutionId;
use crate::domain::institution::{InstitutionKind, InstitutionState};
use crate::domain::policy::{self, Action, Relation, may};
use crate::domain::text::{Country, Line, ShortCode, Title, order_key};
use crate::error::{Error, Result};
pub use crate::store::institution::Filter;
use crate::store::page::{Page, Place, Wanted};
use crate::store::{audit, institution};

pub mod following;
pub mod merging;
pub mod proposal;
pub mod refusing;

/// Another name under which an institution is known.
pub type Alias = Line<200>;

/// What is registered of an institution.
#[derive(Debug, Clone)]
pub struct InstitutionDraft {
    /// A short code, unique where there is one.
    pub code: Option<ShortCode>,
    /// Name.
    pub name: Title,
    /// Other names.
    pub aliases: Vec<Alias>,
    /// Country.
    pub country: Country,
    /// What sort of organisation it is.
    pub kind: InstitutionKind,
}

impl InstitutionDraft {
    fn write(self, row: &institution::Model) -> institution::Model {
        let aliases: Vec<String> = self.aliases.into_iter().map(Into::into).collect();
        institution::Model {
            code: self.code.map(Into::into),
            name_key: order_key(self.name.as_ref()),
            search_text: institution::search_text(self.name.as_ref(), aliases.iter().map(String::as_str)),
            name: self.name.into(),
            aliases: aliases.into(),
            country: self.country.as_ref().to_owned(),
            kind: self.kind,
            ..row.clone()
        }
    }
}

/// Nothing registered yet, of a sort.
fn blank(app: &App, kind: InstitutionKind) -> institution::Model {
    institution::Model {
        id: InstitutionId(app.clock.new_id()),
        code: None,
        name: String::new(),
        aliases: Vec::<String>::new().into(),
        country: String::new(),
        kind,
        merged_into: None,
        created_at: app.clock.now(),
        version: 1,
        name_key: String::new(),
        search_text: String::new(),
        state: InstitutionState::Registered,
        proposed_by: None,
        merged_at: None,
        followed_at: None,
        refused_at: None,
    }
}

/// Whether the institution is there for the actor: what others proposed is for those who settle proposals, and what was
/// refused for nobody.
pub fn is_seen(actor: &Actor, row: &institution::Model) -> bool {
    let waits = row.standing() == InstitutionState::Proposed;
    row.is_shown_to(actor.person) || (waits && may(actor, Action::SettleInstitutions, Relation::NONE))
}

/// A part of the register by name, with what the actor proposed. People choose theirs from it, so whoever has signed in
/// may read it.
///
/// # Errors
/// [`Error::Unauthenticated`] when nobody is signed in.
pub async fn list(app: &App, actor: &Actor, filter: &Filter, wanted: &Wanted) -> Result<Page<institution::Model>> {
    policy::demand(actor, Action::BrowseInstitutions, Relation::NONE, None)?;
    institution::page(app.db.read(), actor.person, filter, wanted).await
}

/// Where a row stands in a [`list`].
pub fn page_place(row: &institution::Model) -> Place {
    institution::page_place(row)
}

/// Registers an institution.
///
/// # Errors
/// [`Error::Forbidden`] for anybody but administrators, `TAKEN` for a code that another one has.
pub async fn create(app: &App, actor: &Actor, draft: InstitutionDraft) -> Result<institution::Model> {
    policy::demand(actor, Action::ManageInstitutions, Relation::NONE, None)?;
    let tx = app.db.write().await?;
    let blank = blank(app, draft.kind);
    let row = institution::insert(&tx, draft.write(&blank)).await?;
    audit::record(
        &tx,
        &app.clock,
        actor.person,
        Action::ManageInstitutions,
        &[row.id.into()],
        None,
    )
    .await?;
    tx.commit().await?;
    Ok(row)
}

/// Replaces what is registered of an institution; one that was merged means the one into which it was.
///
/// # Errors
/// [`Error::NotFound`] for an unknown one and for a proposal that was refused, [`Error::Forbidden`] for anybody but
/// administrators, `STALE_VERSION` when it was changed since `version`, `TAKEN` for a code that another one has.
pub async fn update(
    app: &App,
    actor: &Actor,
    id: InstitutionId,
    version: i64,
    draft: InstitutionDraft,
) -> Result<institution::Model> {
    policy::demand(actor, Action::ManageInstitutions, Relation::NONE, None)?;
    let tx = app.db.write().await?;
    let row = institution::resolve(&tx, id)
        .await?
        .filter(|row| is_seen(actor, row))
        .ok_or(Error::NotFound("input.institutionId"))?;
    let row = institution::set(&tx, &draft.write(&row), version).await?;
    audit::record(
        &tx,
        &app.clock,
        actor.person,
        Action::ManageInstitutions,
        &[row.id.into()],
        None,
    )
    .await?;
    tx.commit().await?;
    Ok(row)
}
