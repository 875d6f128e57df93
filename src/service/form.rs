//! The form by which people apply to an edition: publishing it. What was published never changes; another version takes
//! its place.

use super::edition::relation;
use super::enrolment::check_edition;
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::form::Form;
use crate::domain::id::{ApplicationFormId, EditionId};
use crate::domain::policy::{Action, demand};
use crate::domain::version::expect_version;
use crate::error::{Error, Result};
use crate::store::{audit, edition, form};

/// Publishes a form, or the next version of it: who applies from now on answers it. Who applied before answered what
/// was asked then. A form that asks nothing takes the form away.
///
/// # Errors
/// [`crate::error::Code::StaleVersion`]; [`crate::error::Code::IllegalTransition`] when the edition is over; the faults
/// that [`Form::check`] finds.
pub async fn publish(app: &App, actor: &Actor, id: EditionId, version: i64, content: Form) -> Result<form::Model> {
    actor.signed_in()?;
    let tx = app.db.write().await?;
    // Taken for oneself: whoever applies holds the edition, and answers one version.
    let edition = edition::lock_for(&tx, actor, id)
        .await?
        .ok_or(Error::NotFound("input.editionId"))?;
    demand(actor, Action::DesignForm, relation(actor, &edition), None)?;
    expect_version("version", edition.form_number, version)?;
    check_edition(&edition, "editionId")?;
    content.check(&edition.languages()).check()?;
    let before = form::asked(&tx, &edition).await?.map(|(_, content)| content);
    let number = edition.form_number + 1;
    let row = form::Model {
        id: ApplicationFormId(app.clock.new_id()),
        edition_id: edition.id,
        number,
        content: form::content(&content.numbered(number, before.as_ref()))?,
        published_at: app.clock.now(),
        published_by: actor.person,
    };
    form::publish(&tx, row.clone()).await?;
    audit::record(&tx, &app.clock, actor.person, Action::DesignForm, &[id.into()], None).await?;
    tx.commit().await?;
    Ok(row)
}
