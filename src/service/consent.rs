//! Consent after applying: giving it, taking it back, and reading what one said.

use super::edition::relation;
use super::enrolment::load_one;
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::form::Key;
use crate::domain::form::consent::{Wish, restate};
use crate::domain::id::{ConsentId, EnrolmentId};
use crate::domain::policy::{Action, Relation, demand};
use crate::error::{Error, Result};
use crate::store::form::consent::{self, Model, Occasion};
use crate::store::page::{Page, Wanted};
use crate::store::{audit, form};

pub use crate::store::form::consent::page_place;

/// Consents to a purpose of the edition in which somebody is enrolled, or takes that back. It is written down beside
/// what was said before; what stands so already stays as it was said.
///
/// # Errors
/// Those of [`restate`].
pub async fn state(app: &App, actor: &Actor, id: EnrolmentId, purpose: &Key, wish: Wish) -> Result<Model> {
    actor.signed_in()?;
    let tx = app.db.write().await?;
    let (edition, row) = load_one(&tx, actor, id).await?;
    let stands = Relation {
        own: actor.person == Some(row.person_id),
        ..relation(actor, &edition)
    };
    demand(actor, Action::StateConsent, stands, None)?;
    let (asked, content) = form::asked(&tx, &edition).await?.unzip();
    let last = consent::last(&tx, id, purpose.as_ref()).await?;
    let before = last.as_ref().map(Model::said);
    // Whom no withdrawal ends any more is not held by what they said: it would be for ever.
    let goes_on = row.state.leave().is_ok() && !edition.state.is_over();
    let said = restate(content.as_ref(), purpose, before.as_ref(), wish, goes_on)?;
    let Some(said) = said else {
        tx.commit().await?;
        return last.ok_or_else(|| Error::internal("a consent that stands and was never given"));
    };
    let of = match wish {
        Wish::Give(..) => asked.map(|form| form.id),
        Wish::TakeBack => last.map(|last| last.form_id),
    };
    let of = of.ok_or_else(|| Error::internal("a consent to no form"))?;
    let occasion = Occasion {
        at: app.clock.now(),
        via: audit::origin().via,
    };
    let new = Model::new(ConsentId(app.clock.new_id()), &row, of, said, occasion);
    consent::insert(&tx, vec![new.clone()]).await?;
    let reason = format!("{} {}", new.purpose, if new.given { "given" } else { "taken back" });
    let subjects = [row.id.into()];
    audit::record(
        &tx,
        &app.clock,
        actor.person,
        Action::StateConsent,
        &subjects,
        Some(&reason),
    )
    .await?;
    tx.commit().await?;
    Ok(new)
}

/// A page of everything that the actor said to purposes, the latest first.
pub async fn mine(app: &App, actor: &Actor, wanted: &Wanted) -> Result<Page<Model>> {
    let person = actor.signed_in()?;
    demand(actor, Action::SeeApplication, Relation::OWN, None)?;
    consent::page_of_person(app.db.read(), person, wanted).await
}
