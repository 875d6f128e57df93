//! Teams: making them, moving people between them, and putting tutors in charge.
//!
//! What a team handed in keeps its authors, whoever comes or goes later.

use std::collections::BTreeSet;

use super::edition::{relation, sees};
use super::role::find_seen;
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::edition::EditionState;
use crate::domain::id::{AllocationId, EditionId, EnrolmentId, PersonId, TeamId};
use crate::domain::list::{TEAMWORK_MOST, check_named, check_once, check_some};
use crate::domain::policy::{self, Action, Relation};
use crate::domain::text::Name;
use crate::domain::version::expect_version;
use crate::error::{Code, Error, Fault, Faults, Result};
use crate::store::{Tx, allocation, audit, completion, edition, person, team, team_member};

/// A team to be made.
#[derive(Debug, Clone)]
pub struct CreateTeam {
    /// Of which edition.
    pub edition: EditionId,
    /// Its name, unique in the edition.
    pub name: Name,
    /// Who belongs to it from the start; may be empty.
    pub enrolments: Vec<EnrolmentId>,
}

/// Makes a team of people who take part in an edition. For who coordinates it.
///
/// # Errors
/// [`Code::Taken`] for the name, [`Code::Repeated`], [`Code::NotAdmitted`] and [`Code::AlreadyInTeam`] for an
/// enrolment, each at its place; [`Code::IllegalTransition`] in an edition that was cancelled.
pub async fn create(app: &App, actor: &Actor, command: CreateTeam) -> Result<team::Model> {
    check_named("enrolmentIds", &command.enrolments, TEAMWORK_MOST)?;
    let tx = app.db.write().await?;
    let held = edition::hold(&tx, &[command.edition]).await?.into_iter().next();
    let seen = held
        .filter(|edition| sees(actor, edition))
        .ok_or(Error::NotFound("input.editionId"))?;
    policy::demand(actor, Action::ManageTeams, relation(actor, &seen), None)?;
    check_state(&[seen.state])?;
    check_joining(&tx, seen.id, &command.enrolments, "enrolmentIds").await?;
    let row = team::insert(&tx, &app.clock, seen.id, &command.name).await?;
    team_member::join(&tx, &app.clock, row.id, &command.enrolments).await?;
    audit::record(
        &tx,
        &app.clock,
        actor.person,
        Action::ManageTeams,
        &[row.id.into()],
        None,
    )
    .await?;
    tx.commit().await?;
    Ok(row)
}

/// What is to change in a team.
#[derive(Debug, Clone)]
pub struct UpdateTeam {
    /// Which team.
    pub team: TeamId,
    /// The version that was seen.
    pub version: i64,
    /// The new name, if it changes.
    pub name: Option<Name>,
    /// Who joins.
    pub add: Vec<EnrolmentId>,
    /// Who leaves.
    pub remove: Vec<EnrolmentId>,
}

/// Renames a team, or changes who belongs to it. For who coordinates the edition.
///
/// # Errors
/// [`Code::StaleVersion`], [`Code::Taken`] for the name, [`Code::Repeated`], [`Code::NotAdmitted`] for somebody who
/// leaves without belonging to the team, or joins without taking part; [`Code::AlreadyInTeam`], [`Code::OwnWork`] for
/// somebody who is the team's tutor; [`Code::IllegalTransition`] in an edition that was cancelled.
pub async fn update(app: &App, actor: &Actor, command: UpdateTeam) -> Result<team::Model> {
    check_named("addEnrolmentIds", &command.add, TEAMWORK_MOST)?;
    check_once("removeEnrolmentIds", &command.remove).check()?;
    let tx = app.db.write().await?;
    let (row, relation, state) = open(&tx, actor, command.team, "input.teamId").await?;
    policy::demand(actor, Action::ManageTeams, relation, None)?;
    check_state(&[state])?;
    expect_version("version", row.version, command.version)?;
    let members = team_member::of_teams(&tx, &[row.id]).await?;
    let present: BTreeSet<EnrolmentId> = members.iter().map(|member| member.enrolment).collect();
    let mut faults = Faults::default();
    for (place, id) in command.remove.iter().enumerate() {
        if !present.contains(id) {
            let at = format!("removeEnrolmentIds.{place}");
            faults.push(Fault::at(&at, Code::NotAdmitted));
        }
    }
    faults.check()?;
    team_member::leave(&tx, &app.clock, row.id, &command.remove).await?;
    check_joining(&tx, row.edition_id, &command.add, "addEnrolmentIds").await?;
    check_no_tutor(&tx, row.id, &command.add).await?;
    team_member::join(&tx, &app.clock, row.id, &command.add).await?;
    let name = command.name.map_or_else(|| row.name.clone(), Into::into);
    let row = team::set_name(&tx, &row, &name).await?;
    audit::record(
        &tx,
        &app.clock,
        actor.person,
        Action::ManageTeams,
        &[row.id.into()],
        None,
    )
    .await?;
    tx.commit().await?;
    Ok(row)
}

/// Teams to be put in a tutor's charge.
#[derive(Debug, Clone)]
pub struct AllocateTutor {
    /// Which teams.
    pub teams: Vec<TeamId>,
    /// Whose charge they become.
    pub tutor: PersonId,
}

/// Puts a tutor in charge of teams, all or none; the person becomes tutor of their editions where they are not.
/// For who coordinates them.
///
/// # Errors
/// [`Error::NotFound`] for a person whom the actor does not see, [`Code::OwnWork`] for a team of which the person is a
/// member, [`Code::AlreadyGranted`] for one in their charge, [`Code::Repeated`]; [`Code::IllegalTransition`] in an
/// edition that was cancelled.
pub async fn allocate_tutor(app: &App, actor: &Actor, command: AllocateTutor) -> Result<Vec<team::Model>> {
    check_some("teamIds", &command.teams, TEAMWORK_MOST)?;
    let tx = app.db.write().await?;
    let teams = open_all(&tx, actor, &command.teams).await?;
    let unseen = || Error::NotFound("input.personId");
    let seen = find_seen(&tx, actor, command.tutor).await?.ok_or_else(unseen)?;
    // Of two who allocate, grant or revoke at once the second must see what the first did.
    let held = person::lock(&tx, seen.id).await?;
    let enabled = held.filter(|person| person.disabled_at.is_none());
    let tutor = enabled.ok_or_else(unseen)?.id;
    // The role first: charges of an earlier term end with the new one.
    let editions: BTreeSet<EditionId> = teams.iter().map(|row| row.edition_id).collect();
    for edition in editions {
        if let Some(role) = allocation::ensure_role(&tx, &app.clock, edition, tutor, actor.person).await? {
            let subjects = [role.into(), tutor.into()];
            audit::record(&tx, &app.clock, actor.person, Action::GrantTutor, &subjects, None).await?;
        }
    }
    check_allocation(&tx, &command.teams, tutor).await?;
    for row in &teams {
        let id = allocation::insert(&tx, &app.clock, row.edition_id, row.id, tutor).await?;
        audit::record(&tx, &app.clock, actor.person, Action::AllocateTutor, &[id.into()], None).await?;
    }
    tx.commit().await?;
    Ok(teams)
}

/// Ends a tutor's charge of a team; the role in the edition stays. For who coordinates the edition.
///
/// # Errors
/// [`Code::IllegalTransition`] when it has ended already.
pub async fn end_allocation(app: &App, actor: &Actor, id: AllocationId) -> Result<team::Model> {
    actor.signed_in()?;
    let tx = app.db.write().await?;
    let unseen = Error::NotFound("input.allocationId");
    let Some(row) = allocation::find_visible(&tx, actor, id).await? else {
        return Err(unseen);
    };
    let (team, relation, _) = open(&tx, actor, row.team_id, "input.allocationId").await?;
    policy::demand(actor, Action::AllocateTutor, relation, None)?;
    if !allocation::end(&tx, &app.clock, id).await? {
        return Err(Error::at("allocationId", Code::IllegalTransition));
    }
    audit::record(&tx, &app.clock, actor.person, Action::AllocateTutor, &[id.into()], None).await?;
    tx.commit().await?;
    Ok(team)
}

/// A team, if the actor sees it.
pub async fn read(app: &App, actor: &Actor, id: TeamId) -> Result<Option<team::Model>> {
    team::find_visible(app.db.read(), actor, id).await
}

/// Locks a team that the actor sees, with how the actor stands to it and where its edition stands.
async fn open(tx: &Tx, actor: &Actor, id: TeamId, path: &'static str) -> Result<(team::Model, Relation, EditionState)> {
    actor.signed_in()?;
    let seen = team::find_visible(tx, actor, id).await?.ok_or(Error::NotFound(path))?;
    let held = edition::hold(tx, &[seen.edition_id]).await?;
    let state = held.first().ok_or(Error::NotFound(path))?.state;
    let row = team::lock(tx, &[id])
        .await?
        .into_iter()
        .next()
        .ok_or(Error::NotFound(path))?;
    let relation = team::relations(tx, actor, &[id]).await?.remove(&id).unwrap_or_default();
    Ok((row, relation, state))
}

/// Locks teams whose tutors the actor may change: all their editions first, in one order, whatever the order of
/// the teams, so that nobody who locks several editions waits in a circle.
async fn open_all(tx: &Tx, actor: &Actor, ids: &[TeamId]) -> Result<Vec<team::Model>> {
    const PATH: &str = "input.teamIds";
    actor.signed_in()?;
    let wanted: BTreeSet<TeamId> = ids.iter().copied().collect();
    let wanted: Vec<TeamId> = wanted.into_iter().collect();
    let seen = team::by_ids_visible(tx, actor, &wanted).await?;
    if seen.len() < wanted.len() {
        return Err(Error::NotFound(PATH));
    }
    let editions: BTreeSet<EditionId> = seen.iter().map(|row| row.edition_id).collect();
    let held = edition::hold(tx, &editions.into_iter().collect::<Vec<_>>()).await?;
    let states: Vec<EditionState> = held.iter().map(|row| row.state).collect();
    let rows = team::lock(tx, &wanted).await?;
    let relations = team::relations(tx, actor, &wanted).await?;
    for row in &rows {
        let relation = relations.get(&row.id).copied().unwrap_or_default();
        policy::demand(actor, Action::AllocateTutor, relation, None)?;
    }
    check_state(&states)?;
    Ok(rows)
}

/// Refuses to change anything in an edition that was cancelled.
fn check_state(states: &[EditionState]) -> Result<()> {
    if states.iter().all(|state| state.takes_teams()) {
        return Ok(());
    }
    Err(Code::IllegalTransition.into())
}

/// Refuses enrolments that do not take part in the edition, or belong to a team.
async fn check_joining(tx: &Tx, edition: EditionId, joining: &[EnrolmentId], at: &str) -> Result<()> {
    if joining.is_empty() {
        return Ok(());
    }
    let rows = completion::lock(tx, joining).await?;
    let admitted: BTreeSet<EnrolmentId> = rows
        .iter()
        .filter(|row| row.edition_id == edition && row.state.takes_part())
        .map(|row| row.id)
        .collect();
    let taken = team_member::taken(tx, joining).await?;
    let mut faults = Faults::default();
    for (place, id) in joining.iter().enumerate() {
        let at = format!("{at}.{place}");
        if !admitted.contains(id) {
            faults.push(Fault::at(&at, Code::NotAdmitted));
        } else if taken.contains(id) {
            faults.push(Fault::at(&at, Code::AlreadyInTeam));
        }
    }
    faults.check()
}

/// Refuses to make a team's tutor a member of it.
async fn check_no_tutor(tx: &Tx, team: TeamId, joining: &[EnrolmentId]) -> Result<()> {
    let tutors: BTreeSet<PersonId> = allocation::of_teams(tx, &[team])
        .await?
        .into_iter()
        .map(|row| row.person_id)
        .collect();
    let rows = completion::lock(tx, joining).await?;
    let mut faults = Faults::default();
    for row in rows.iter().filter(|row| tutors.contains(&row.person_id)) {
        let place = joining.iter().position(|id| *id == row.id).unwrap_or_default();
        faults.push(Fault::at(&format!("addEnrolmentIds.{place}"), Code::OwnWork));
    }
    faults.check()
}

/// Refuses teams of which the tutor is a member, or that are in the tutor's charge already.
async fn check_allocation(tx: &Tx, teams: &[TeamId], tutor: PersonId) -> Result<()> {
    let members = team_member::of_teams(tx, teams).await?;
    let held = allocation::of_teams(tx, teams).await?;
    let mut faults = Faults::default();
    for (place, id) in teams.iter().enumerate() {
        let at = format!("teamIds.{place}");
        if members
            .iter()
            .any(|member| member.team == *id && member.person == tutor)
        {
            faults.push(Fault::at(&at, Code::OwnWork));
        }
        if held.iter().any(|row| row.team_id == *id && row.person_id == tutor) {
            faults.push(Fault::at(&at, Code::AlreadyGranted));
        }
    }
    faults.check()
}
