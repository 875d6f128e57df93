//! Teams and their tutors in the API.

use async_graphql::{Context, ID, InputObject, Object};
use chrono::{DateTime, Utc};

use super::edition::Edition;
use super::error::ApiResult;
use super::id;
use super::page::{Arguments, PageOf, connection};
use super::payload::payloads;
use super::person::Person;
use super::request::Request;
use super::submission::Submission;
use crate::domain::id::{EditionId, EnrolmentId, PersonId, TeamId};
use crate::domain::text::Name;
use crate::error::{Error, Faults, Result};
use crate::service::team as service;
use crate::store::page::{Key, Place};
use crate::store::{allocation, team, team_member};

/// A list of teams, a page at a time.
pub type Teams = PageOf<Team>;

/// Participants of one edition who hand in together.
pub struct Team(pub team::Model);

/// Participants of one edition who hand in together.
#[Object]
impl Team {
    /// Global identifier, `tea_…`.
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Its name, unique in the edition.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The edition in which it works.
    async fn edition(&self, ctx: &Context<'_>) -> ApiResult<Edition> {
        edition(ctx, self.0.edition_id).await
    }

    /// Who belongs to it now, in the order of joining.
    async fn members(&self, ctx: &Context<'_>) -> ApiResult<Vec<TeamMember>> {
        let rows = Request::of(ctx).loaders.teamwork.members.load_one(self.0.id).await?;
        Ok(rows.unwrap_or_default().into_iter().map(TeamMember).collect())
    }

    /// The tutors in charge of it now.
    async fn tutors(&self, ctx: &Context<'_>) -> ApiResult<Vec<TutorAllocation>> {
        let rows = Request::of(ctx).loaders.teamwork.tutors.load_one(self.0.id).await?;
        Ok(rows.unwrap_or_default().into_iter().map(TutorAllocation).collect())
    }

    /// Its work, in the order in which it was begun.
    async fn submissions(&self, ctx: &Context<'_>) -> ApiResult<Vec<Submission>> {
        let rows = Request::of(ctx).loaders.teamwork.work.load_one(self.0.id).await?;
        Ok(rows.unwrap_or_default().into_iter().map(Submission).collect())
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// To be sent back with an update; rises with every change.
    async fn version(&self) -> i64 {
        self.0.version
    }
}

/// Somebody who belongs to a team now.
pub struct TeamMember(team_member::Member);

/// Somebody who belongs to a team now.
#[Object]
impl TeamMember {
    /// The enrolment through which the person belongs to the team, `enr_…`.
    async fn enrolment_id(&self) -> ID {
        self.0.enrolment.to_string().into()
    }

    /// The person.
    async fn person(&self, ctx: &Context<'_>) -> ApiResult<Person> {
        person(ctx, self.0.person).await
    }

    /// Since when.
    async fn joined_at(&self) -> DateTime<Utc> {
        self.0.joined_at
    }
}

/// A tutor's charge of one team.
pub struct TutorAllocation(allocation::Model);

/// A tutor's charge of one team.
#[Object]
impl TutorAllocation {
    /// Global identifier, `alc_…`, with which the allocation is ended.
    async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The tutor.
    async fn person(&self, ctx: &Context<'_>) -> ApiResult<Person> {
        person(ctx, self.0.person_id).await
    }

    /// Since when.
    async fn from_at(&self) -> DateTime<Utc> {
        self.0.from_at
    }
}

/// A person who is named by a row that the viewer sees.
pub async fn person(ctx: &Context<'_>, id: PersonId) -> ApiResult<Person> {
    let found = Person::load(Request::of(ctx), id).await?;
    Ok(found.ok_or_else(|| Error::internal("a row names a person who is gone"))?)
}

/// The edition of a row that the viewer sees.
pub async fn edition(ctx: &Context<'_>, id: EditionId) -> ApiResult<Edition> {
    let found = Request::of(ctx).loaders.editions.load_one(id).await?;
    Ok(Edition(found.ok_or_else(|| {
        Error::internal("a row names an edition that is gone")
    })?))
}

/// The team to which an enrolment belongs; `None` when there is none that the viewer sees.
pub async fn of_enrolment(ctx: &Context<'_>, enrolment: EnrolmentId) -> ApiResult<Option<Team>> {
    let found = Request::of(ctx)
        .loaders
        .teamwork
        .teams_of_enrolments
        .load_one(enrolment)
        .await?;
    Ok(found
        .and_then(|teams| teams.into_iter().next())
        .map(|(_, team)| Team(team)))
}

/// A page of the teams of an edition that the viewer sees, by name, whatever its case and accents.
pub async fn page_of_edition(ctx: &Context<'_>, edition: EditionId, arguments: Arguments) -> ApiResult<Teams> {
    let request = Request::of(ctx);
    let wanted = arguments.wanted()?;
    let page = team::page_of_edition(request.app.db.read(), &request.actor, edition, &wanted).await?;
    Ok(connection(page, place, Team))
}

fn place(row: &team::Model) -> Place {
    Place {
        key: Key::Text(row.name_key.clone()),
        id: row.id.0,
    }
}

/// A team to be made.
#[derive(InputObject)]
pub struct CreateTeamInput {
    /// Of which edition.
    edition_id: ID,
    /// Its name, unique in the edition, up to 120 characters (NFC).
    name: String,
    /// Who belongs to it from the start, up to 100: confirmed or active enrolments of the edition that are in no team.
    #[graphql(default)]
    enrolment_ids: Vec<ID>,
}

/// A change of a team. What it handed in keeps its authors.
#[derive(InputObject)]
pub struct UpdateTeamInput {
    /// Which team.
    team_id: ID,
    /// The version that you saw.
    version: i64,
    /// The new name, up to 120 characters (NFC); left out, it stays.
    name: Option<String>,
    /// Who joins.
    #[graphql(default)]
    add_enrolment_ids: Vec<ID>,
    /// Who leaves.
    #[graphql(default)]
    remove_enrolment_ids: Vec<ID>,
}

/// Teams to be put in a tutor's charge.
#[derive(InputObject)]
pub struct AllocateTutorInput {
    /// Which teams, 1 to 100; all are allocated or none.
    team_ids: Vec<ID>,
    /// Whose charge they become; the person becomes tutor of the edition.
    person_id: ID,
}

/// The end of a tutor's charge.
#[derive(InputObject)]
pub struct EndAllocationInput {
    /// Which allocation, as `Team.tutors` gives it.
    allocation_id: ID,
}

payloads! {
    /// The new team.
    CreateTeamPayload {
        /// The team, unless there are `userErrors`.
        team: Team
    }
    /// The changed team.
    UpdateTeamPayload {
        /// The team, unless there are `userErrors`.
        team: Team
    }
    /// The allocated teams.
    AllocateTutorPayload {
        /// The teams, unless there are `userErrors`; then none was allocated.
        teams: Vec<Team>
    }
    /// The team whose tutor left.
    EndAllocationPayload {
        /// The team, unless there are `userErrors`.
        team: Team
    }
}

/// Queries about teams.
#[derive(Default)]
pub struct TeamQuery;

#[Object]
impl TeamQuery {
    /// The team with this identifier; null when there is none that you may see.
    async fn team(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its identifier, `tea_…`.")] id: ID,
    ) -> ApiResult<Option<Team>> {
        let request = Request::of(ctx);
        let id: TeamId = id::argument("id", &id)?;
        Ok(service::read(&request.app, &request.actor, id).await?.map(Team))
    }

    /// The teams to which you belong, by name, whatever its case and accents.
    async fn my_teams(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor, up to 12,000 characters as it came.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor, up to 12,000 characters as it came.")] before: Option<String>,
    ) -> ApiResult<Teams> {
        let request = Request::of(ctx);
        request.actor.signed_in()?;
        let wanted = Arguments::new(first, after, last, before).wanted()?;
        let page = team::page_of_own(request.app.db.read(), &request.actor, &wanted).await?;
        Ok(connection(page, place, Team))
    }

    /// The teams that are in your charge as their tutor, by name, whatever its case and accents.
    async fn allocated_teams(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor, up to 12,000 characters as it came.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor, up to 12,000 characters as it came.")] before: Option<String>,
    ) -> ApiResult<Teams> {
        let request = Request::of(ctx);
        request.actor.signed_in()?;
        let wanted = Arguments::new(first, after, last, before).wanted()?;
        let page = team::page_of_allocated(request.app.db.read(), &request.actor, &wanted).await?;
        Ok(connection(page, place, Team))
    }
}

/// Changes of teams.
#[derive(Default)]
pub struct TeamMutation;

#[Object]
impl TeamMutation {
    /// Makes a team. For coordinators of the edition.
    async fn create_team(&self, ctx: &Context<'_>, input: CreateTeamInput) -> ApiResult<CreateTeamPayload> {
        let request = Request::of(ctx);
        let run = async { service::create(&request.app, &request.actor, input.read()?).await };
        CreateTeamPayload::of(Box::pin(run).await, Team)
    }

    /// Renames a team, or changes who belongs to it. For coordinators of the edition.
    async fn update_team(&self, ctx: &Context<'_>, input: UpdateTeamInput) -> ApiResult<UpdateTeamPayload> {
        let request = Request::of(ctx);
        let run = async { service::update(&request.app, &request.actor, input.read()?).await };
        UpdateTeamPayload::of(Box::pin(run).await, Team)
    }

    /// Puts a tutor in charge of teams, all or none. For coordinators of their editions.
    async fn allocate_tutor(&self, ctx: &Context<'_>, input: AllocateTutorInput) -> ApiResult<AllocateTutorPayload> {
        let request = Request::of(ctx);
        let run = async {
            let mut faults = Faults::default();
            let teams = id::parse_all(&mut faults, "teamIds", &input.team_ids);
            let tutor = id::parse(&mut faults, "personId", &input.person_id);
            let (teams, tutor) = faults.whole(teams.zip(tutor))?;
            let command = service::AllocateTutor { teams, tutor };
            service::allocate_tutor(&request.app, &request.actor, command).await
        };
        AllocateTutorPayload::of(Box::pin(run).await, |rows| rows.into_iter().map(Team).collect())
    }

    /// Ends a tutor's charge of a team. For coordinators of the edition.
    async fn end_allocation(&self, ctx: &Context<'_>, input: EndAllocationInput) -> ApiResult<EndAllocationPayload> {
        let request = Request::of(ctx);
        let run = async {
            let id = id::sole("allocationId", &input.allocation_id)?;
            service::end_allocation(&request.app, &request.actor, id).await
        };
        EndAllocationPayload::of(Box::pin(run).await, Team)
    }
}

impl CreateTeamInput {
    fn read(self) -> Result<service::CreateTeam> {
        let mut faults = Faults::default();
        let edition = id::parse(&mut faults, "editionId", &self.edition_id);
        let name = faults.take("name", Name::parse(&self.name));
        let enrolments = id::parse_all(&mut faults, "enrolmentIds", &self.enrolment_ids);
        let ((edition, name), enrolments) = faults.whole(edition.zip(name).zip(enrolments))?;
        Ok(service::CreateTeam {
            edition,
            name,
            enrolments,
        })
    }
}

impl UpdateTeamInput {
    fn read(self) -> Result<service::UpdateTeam> {
        let mut faults = Faults::default();
        let team = id::parse(&mut faults, "teamId", &self.team_id);
        let name = self
            .name
            .as_deref()
            .and_then(|name| faults.take("name", Name::parse(name)));
        let add = id::parse_all(&mut faults, "addEnrolmentIds", &self.add_enrolment_ids);
        let remove = id::parse_all(&mut faults, "removeEnrolmentIds", &self.remove_enrolment_ids);
        let ((team, add), remove) = faults.whole(team.zip(add).zip(remove))?;
        Ok(service::UpdateTeam {
            team,
            version: self.version,
            name,
            add,
            remove,
        })
    }
}
