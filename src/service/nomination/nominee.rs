//! What a nomination adds when its nominee answers or time ends it: for whom they take part, and who is told. Steps of
//! those who answer invitations, and of the worker; always inside their transaction.

use crate::app::App;
use crate::clock::Clock;
use crate::domain::id::PersonId;
use crate::domain::institution::InstitutionKind;
use crate::domain::nomination::{NominationState, speaks_for_its_group};
use crate::domain::notice::{AboutEdition, Notice};
use crate::domain::text::Country;
use crate::error::{Error, Result};
use crate::service::account::{self, Statement};
use crate::store::invitation::Model;
use crate::store::{Connection, Tx, course, declaration, edition, institution, outbox};

/// The institution of a nomination, or the one into which that was merged; `None` for an invitation of another kind.
async fn nominator(connection: &impl Connection, row: &Model) -> Result<Option<institution::Model>> {
    let Some(id) = row.institution_id else { return Ok(None) };
    let found = institution::resolve(connection, id).await?;
    found
        .map(Some)
        .ok_or_else(|| Error::internal("a nomination of no institution"))
}

/// The name of the institution that nominates; `None` for an invitation of another kind.
pub(in crate::service) async fn nominator_name(connection: &impl Connection, row: &Model) -> Result<Option<String>> {
    Ok(nominator(connection, row).await?.map(|found| found.name))
}

/// Lets a statement say that its person takes part for the institution that nominates them, and for its group where it
/// speaks for one.
pub(in crate::service) async fn speak_for(tx: &Tx, row: &Model, statement: &mut Statement) -> Result<()> {
    if let Some(found) = nominator(tx, row).await? {
        statement.institution = Some(found.id);
        statement.constituent_group = group(found.kind, statement);
    }
    Ok(())
}

const fn group(kind: InstitutionKind, statement: &Statement) -> crate::domain::person::ConstituentGroup {
    if speaks_for_its_group(kind) {
        kind.constituent_group()
    } else {
        statement.constituent_group
    }
}

/// Keeps for a nominee what accepting says: that they take part for the institution. Who has stated it already, or has
/// stated nothing at all, is left as they are.
pub(in crate::service) async fn declare(app: &App, tx: &Tx, row: &Model, person: PersonId) -> Result<()> {
    let Some(old) = declaration::current(tx, &[person]).await?.pop() else {
        return Ok(());
    };
    let country = old.country.as_deref().map(Country::parse).transpose();
    let mut statement = Statement {
        gender: old.gender,
        country: country.map_err(|_| Error::internal("a stored country is unknown"))?,
        institution: old.institution_id,
        constituent_group: old.constituent_group,
    };
    speak_for(tx, row, &mut statement).await?;
    if statement.institution != old.institution_id || statement.constituent_group != old.constituent_group {
        account::keep_statement(app, tx, person, statement, "input.token").await?;
    }
    Ok(())
}

/// Tells who nominated somebody what became of it, whatever state the nomination entered; nobody for an invitation of
/// another kind.
pub(in crate::service) async fn tell_nominator(
    clock: &Clock,
    tx: &Tx,
    row: &Model,
    reason: Option<&str>,
) -> Result<()> {
    if row.institution_id.is_none() {
        return Ok(());
    }
    let outcome = match NominationState::of(row.state, row.endorsement()) {
        NominationState::Expired if row.awaits_endorsement => "not_endorsed",
        state => state.word(),
    };
    let notice = Notice::NominationAnswered {
        edition: about(tx, row).await?,
        nominee: format!("{} {}", row.given_name, row.family_name),
        outcome: outcome.to_owned(),
        reason: reason.map(ToOwned::to_owned),
    };
    outbox::enqueue(tx, clock, row.invited_by, &notice).await?;
    Ok(())
}

/// What messages say of the edition of a nomination.
pub(super) async fn about(connection: &impl Connection, row: &Model) -> Result<AboutEdition> {
    let gone = || Error::internal("a nomination for no edition");
    let id = row.edition().ok_or_else(gone)?;
    let edition = edition::find(connection, id).await?.ok_or_else(gone)?;
    let course = course::find(connection, edition.course_id).await?.ok_or_else(gone)?;
    Ok(edition.about(&course))
}
