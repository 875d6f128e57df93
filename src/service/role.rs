//! Granting and ending roles. They hold from the next request on, and nobody grants one to themself.

use chrono::{DateTime, Utc};

use super::edition::relation as edition_relation;
use crate::app::App;
use crate::domain::actor::{Actor, Grant, Role, Scope};
use crate::domain::id::{PersonId, RoleAssignmentId};
use crate::domain::institution::InstitutionState;
use crate::domain::policy::{self, Action, Relation, Verdict};
use crate::domain::text::{Email, Reason};
use crate::error::{Code, Error, Fault, Result};
use crate::store::{Connection, Tx, allocation, audit, course, edition, institution, person, relation, role};

#[cfg(test)]
mod tests;

/// To whom a role is granted.
#[derive(Debug, Clone)]
pub enum Grantee {
    /// A known person.
    Person(PersonId),
    /// Whoever has this address: for those who may look accounts up.
    Address(Email),
}

/// A role to be granted.
#[derive(Debug, Clone)]
pub struct Appointment {
    /// To whom.
    pub grantee: Grantee,
    /// What and where.
    pub grant: Grant,
    /// Until when; `None` for no end.
    pub until: Option<DateTime<Utc>>,
}

/// Grants a role below one's own: an administrator any, a coordinator that of tutor in an edition that they
/// coordinate. Administrators are made on the machine itself. One that came from an identity provider becomes a granted
/// one.
///
/// # Errors
/// [`Error::NotFound`] for a scope or person that there is not or that the actor does not see, and for every address
/// unless the actor is an administrator, [`Error::Forbidden`] for a role that the actor may not grant there,
/// [`Code::RoleNotGrantable`] to oneself, and for a role that is not below the actor's own, [`Code::InvalidId`] or
/// [`Code::Required`] for a scope in which the role does not exist, [`Code::AlreadyGranted`], [`Code::DatesOutOfOrder`]
/// for an end that is past.
pub async fn grant_role(app: &App, actor: &Actor, appointment: Appointment) -> Result<role::Model> {
    let granted_by = actor.signed_in()?;
    let Appointment { grantee, grant, until } = appointment;
    check_scope(grant)?;
    let tx = app.db.write().await?;
    let now = app.clock.now();
    let action = authorise(&tx, actor, grant, "input.scopeId").await?;
    if until.is_some_and(|until| until <= now) {
        return Err(Fault::at("until", Code::DatesOutOfOrder)
            .with(now.format("%F %R UTC"))
            .into());
    }
    let person = find_grantee(&tx, actor, &grantee).await?;
    if person == granted_by || actor.highest() <= Some(grant.role) {
        return Err(Error::at("role", Code::RoleNotGrantable));
    }
    let (row, room) = appoint(app, &tx, person, grant, until, granted_by, "role").await?;
    let subjects = [row.id.into(), row.person_id.into()];
    audit::record(&tx, &app.clock, Some(granted_by), action, &subjects, room.as_deref()).await?;
    tx.commit().await?;
    Ok(row)
}

/// Gives the role, in a transaction in which it was seen that `granted_by` may; with it a sentence for the audit entry
/// where it takes the place of one that an identity provider gave. In an institution that was merged it is one in the
/// institution into which it was.
///
/// # Errors
/// [`Code::AlreadyGranted`] at `at` to whoever holds it there.
pub(super) async fn appoint(
    app: &App,
    tx: &Tx,
    person: PersonId,
    grant: Grant,
    until: Option<DateTime<Utc>>,
    granted_by: PersonId,
    at: &str,
) -> Result<(role::Model, Option<String>)> {
    let now = app.clock.now();
    let scope = institution::settled(tx, grant.scope).await?;
    let grant = Grant { scope, ..grant };
    // Of two who grant the same at once the second must see the first.
    person::lock(tx, person).await?;
    let room = make_room(tx, person, grant, now, at).await?;
    if let (Role::Tutor, Scope::Edition(edition)) = (grant.role, grant.scope) {
        // A new term as tutor begins without the charges of an earlier one.
        allocation::end_all(tx, &app.clock, edition, person, Some(granted_by)).await?;
    }
    let id = RoleAssignmentId(app.clock.new_id());
    let row = role::new_row(id, person, grant, now, Some(granted_by));
    let row = role::insert(tx, role::Model { until_at: until, ..row }).await?;
    Ok((row, room))
}

/// Ends what an identity provider gave of this role, and says which: from now on it is somebody's to end.
async fn make_room(tx: &Tx, person: PersonId, grant: Grant, now: DateTime<Utc>, at: &str) -> Result<Option<String>> {
    let Some(held) = role::find_held(tx, person, grant, now).await? else {
        return Ok(None);
    };
    let key = held.provider.ok_or_else(|| Error::at(at, Code::AlreadyGranted))?;
    role::set_end(tx, held.id, now).await?;
    Ok(Some(format!(
        "takes the place of what the identity provider {key} gave"
    )))
}

/// Ends a role, by whoever could grant it. An identity provider does not give it again, until somebody granted it.
///
/// # Errors
/// [`Error::NotFound`] for an assignment that the actor may not see, [`Error::Forbidden`] for one that they
/// may not end, [`Code::RoleNotGrantable`] for one's own, [`Code::IllegalTransition`] for one that has ended.
pub async fn revoke_role(
    app: &App,
    actor: &Actor,
    id: RoleAssignmentId,
    reason: Option<&Reason>,
) -> Result<role::Model> {
    const PATH: &str = "input.roleAssignmentId";
    let revoked_by = actor.signed_in()?;
    let tx = app.db.write().await?;
    let now = app.clock.now();
    let seen = role::find(&tx, id).await?.ok_or(Error::NotFound(PATH))?;
    let scope = seen.scope().ok_or(Error::NotFound(PATH))?;
    let own = seen.person_id == revoked_by;
    let action = match authorise(&tx, actor, Grant { role: seen.role, scope }, PATH).await {
        // Somebody else's role is not for the eyes of those who could not grant it.
        Err(Error::Forbidden) if !own => return Err(Error::NotFound(PATH)),
        other => other?,
    };
    if own {
        return Err(Error::at("roleAssignmentId", Code::RoleNotGrantable));
    }
    // The person first, as when a role is granted or a team put in their charge: of two at once the second sees what
    // the first did.
    person::lock(&tx, seen.person_id).await?;
    let row = role::lock(&tx, id).await?.ok_or(Error::NotFound(PATH))?;
    if row.until_at.is_some_and(|until| until <= now) {
        return Err(Error::at("roleAssignmentId", Code::IllegalTransition));
    }
    role::revoke(&tx, id, revoked_by, now).await?;
    if let (Role::Tutor, Scope::Edition(edition)) = (row.role, scope) {
        allocation::end_all(&tx, &app.clock, edition, row.person_id, Some(revoked_by)).await?;
    }
    audit::record(
        &tx,
        &app.clock,
        Some(revoked_by),
        action,
        &[id.into(), row.person_id.into()],
        reason.map(AsRef::as_ref),
    )
    .await?;
    tx.commit().await?;
    Ok(role::Model {
        until_at: Some(now),
        revoked_by: Some(revoked_by),
        ..row
    })
}

/// Each role exists in some kinds of scope only.
///
/// # Errors
/// [`Code::Required`] and [`Code::InvalidId`] for another scope.
pub(super) fn check_scope(grant: Grant) -> Result<()> {
    match grant.scope {
        _ if grant.is_possible() => Ok(()),
        Scope::System => Err(Error::at("scopeId", Code::Required)),
        Scope::Course(_) | Scope::Edition(_) | Scope::Institution(_) => Err(Error::at("scopeId", Code::InvalidId)),
    }
}

/// Whether the actor may decide about this role in this scope, and as what it is audited.
///
/// # Errors
/// [`Error::NotFound`] for a scope out of their sight, the refusals of [`policy::demand`].
pub(super) async fn authorise(tx: &impl Connection, actor: &Actor, grant: Grant, path: &'static str) -> Result<Action> {
    let (exists, relation) = match grant.scope {
        Scope::System => (true, Relation::NONE),
        Scope::Course(id) => (course::find_for(tx, actor, id).await?.is_some(), Relation::NONE),
        Scope::Institution(id) => {
            // Nobody holds a role in what is only proposed: it would come to hold in what that is merged into.
            let row = institution::resolve(tx, id).await?;
            let stands = row.is_some_and(|row| row.state == InstitutionState::Registered);
            (stands, Relation::NONE)
        }
        Scope::Edition(id) => {
            // An administrator appoints in drafts as well, though their content is not for them to see.
            let seen = if actor.holds(Role::Administrator) {
                edition::find(tx, id).await?
            } else {
                edition::find_for(tx, actor, id).await?
            };
            let relation = seen.as_ref().map(|row| edition_relation(actor, row));
            (seen.is_some(), relation.unwrap_or_default())
        }
    };
    if !exists {
        return Err(Error::NotFound(path));
    }
    let action = if grant.role == Role::Tutor {
        Action::GrantTutor
    } else {
        Action::GrantRole
    };
    policy::demand(actor, action, relation, None)?;
    Ok(action)
}

/// The person, if the actor may at least come to see the name: nobody is drawn into an edition by an identifier
/// alone, which would open their data to its coordinators.
pub(super) async fn find_seen(tx: &Tx, actor: &Actor, id: PersonId) -> Result<Option<person::Model>> {
    let relations = relation::of_people(tx, actor, &[id]).await?;
    let relation = relations.get(&id).copied().unwrap_or_default();
    let found = person::find(tx, id).await?;
    Ok(found.filter(|_| policy::verdict(actor, Action::SeeName, relation) != Verdict::Denied))
}

/// The person to whom a role goes. An address finds somebody for those alone who may look accounts up; of others nobody
/// even looks, or the answer would tell them who has an account.
async fn find_grantee(tx: &Tx, actor: &Actor, grantee: &Grantee) -> Result<PersonId> {
    let looks_up = policy::verdict(actor, Action::GrantRole, Relation::NONE) == Verdict::Allowed;
    let (found, path) = match grantee {
        Grantee::Person(id) => (find_seen(tx, actor, *id).await?, "input.personId"),
        Grantee::Address(email) if looks_up => (person::find_by_email(tx, email).await?, "input.email"),
        Grantee::Address(_) => (None, "input.email"),
    };
    Ok(found.ok_or(Error::NotFound(path))?.id)
}
