//! What a nomination adds when its nominee answers or time ends it: for whom they take part, and who is told. Steps of
//! those who answer invitations, and of the worker; always inside their transaction.

use std::collections::{BTreeSet, HashMap};

use crate::app::App;
use crate::clock::Clock;
use crate::domain::id::{CourseId, EditionId, InstitutionId, PersonId};
use crate::domain::nomination::{NominationState, group_of};
use crate::domain::notice::{AboutEdition, Notice};
use crate::domain::person::full_name;
use crate::error::{Error, Result};
use crate::service::account::{self, Statement};
use crate::store::invitation::Model;
use crate::store::{Connection, Tx, course, declaration, edition, institution, outbox, person};

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

/// The names of the institutions of these nominations, or of those into which they were merged, by the identifiers that
/// the nominations have.
pub(super) async fn nominator_names(
    connection: &impl Connection,
    rows: &[&Model],
) -> Result<HashMap<InstitutionId, String>> {
    let ids: Vec<InstitutionId> = rows.iter().filter_map(|row| row.institution_id).collect();
    let found = institution::by_ids(connection, &ids).await?;
    let merged_into: Vec<InstitutionId> = found.iter().filter_map(|row| row.merged_into).collect();
    let into = if merged_into.is_empty() {
        Vec::new()
    } else {
        institution::by_ids(connection, &merged_into).await?
    };
    let named = |row: &institution::Model| {
        let stands = match row.merged_into {
            Some(target) => into.iter().find(|other| other.id == target)?,
            None => row,
        };
        Some((row.id, stands.name.clone()))
    };
    Ok(found.iter().filter_map(named).collect())
}

/// Lets a statement say that its person takes part for the institution that nominates them, and for its group where it
/// speaks for one.
pub(in crate::service) async fn speak_for(tx: &Tx, row: &Model, statement: &mut Statement) -> Result<()> {
    if let Some(found) = nominator(tx, row).await? {
        statement.institution = Some(found.id);
        statement.constituent_group = group_of(found.kind, statement.constituent_group);
    }
    Ok(())
}

/// Keeps for a nominee what accepting says: that they take part for the institution. Who has stated it already, or has
/// stated nothing at all, is left as they are. Edition and invitation are locked before.
pub(in crate::service) async fn declare(app: &App, tx: &Tx, row: &Model, person: PersonId) -> Result<()> {
    if row.institution_id.is_none() {
        return Ok(());
    }
    // What they state meanwhile, or what is refused to them, waits for this, so that nothing of it is written over.
    person::lock(tx, person).await?;
    let Some(old) = declaration::current(tx, &[person]).await?.pop() else {
        return Ok(());
    };
    let mut statement = Statement {
        gender: old.gender,
        country: old.stated_country()?,
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
    tell_nominators(clock, tx, std::slice::from_ref(row), reason).await
}

/// The same of many at once. It takes as many statements as for one.
pub(in crate::service) async fn tell_nominators(
    clock: &Clock,
    tx: &Tx,
    rows: &[Model],
    reason: Option<&str>,
) -> Result<()> {
    let rows: Vec<&Model> = rows.iter().filter(|row| row.institution_id.is_some()).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let editions = about_all(tx, &rows).await?;
    let answered = |row: &Model| {
        let endorsement = row.endorsement();
        let notice = Notice::NominationAnswered {
            edition: editions.get(&row.edition()?)?.clone(),
            nominee: full_name(&row.given_name, &row.family_name),
            outcome: NominationState::of(row.state, endorsement)
                .outcome(endorsement)
                .to_owned(),
            reason: reason.map(ToOwned::to_owned),
        };
        Some((row.invited_by, notice))
    };
    let notices = rows.into_iter().map(|row| answered(row).ok_or_else(gone));
    let notices = notices.collect::<Result<Vec<(PersonId, Notice)>>>()?;
    outbox::enqueue_all(tx, clock, notices.iter().map(|(person, notice)| (*person, notice))).await
}

fn gone() -> Error {
    Error::internal("a nomination for no edition")
}

/// What messages say of the edition of a nomination.
pub(super) async fn about(connection: &impl Connection, row: &Model) -> Result<AboutEdition> {
    let mut found = about_all(connection, &[row]).await?;
    let about = row.edition().and_then(|id| found.remove(&id));
    about.ok_or_else(gone)
}

/// What messages say of the editions of these nominations.
pub(super) async fn about_all(
    connection: &impl Connection,
    rows: &[&Model],
) -> Result<HashMap<EditionId, AboutEdition>> {
    let ids: BTreeSet<EditionId> = rows.iter().filter_map(|row| row.edition()).collect();
    let ids: Vec<EditionId> = ids.into_iter().collect();
    let editions = edition::by_ids(connection, &ids).await?;
    let courses: BTreeSet<CourseId> = editions.iter().map(|row| row.course_id).collect();
    let courses: Vec<CourseId> = courses.into_iter().collect();
    let courses = course::by_ids(connection, &courses).await?;
    let about = |row: &edition::Model| {
        let course = courses.iter().find(|course| course.id == row.course_id)?;
        Some((row.id, row.about(course)))
    };
    Ok(editions.iter().filter_map(about).collect())
}
