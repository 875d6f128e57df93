//! Nominations in the API: whom institutions named for which edition, and what came of it. Naming, substituting and
//! taking back is in `changes.rs`; nominees answer as everybody who is invited does.

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::edition::Edition;
use super::enrolment::Enrolment;
use super::enums::{Language, mirror};
use super::error::ApiResult;
use super::filter;
use super::history::{self, StateChange};
use super::id;
use super::institution::Institution;
use super::invitation::shows as invitation_shows;
use super::page::{Arguments, PageOf, connection};
use super::person::Person;
use super::request::Request;
use crate::domain::audit::PersonalField;
use crate::domain::id::{EditionId, InstitutionId};
use crate::domain::invitation::InvitationState;
use crate::domain::nomination::{Endorsement, NominationState as State};
use crate::domain::policy::Action;
use crate::error::{Faults, Result};
use crate::service::nomination as service;
use crate::store::enrolment;
use crate::store::invitation::{self, page_place};
use crate::store::nomination::Filter;

pub mod changes;

mirror! {
    /// Where a nomination stands.
    NominationState of crate::domain::nomination::NominationState {
        /// The institution named somebody, who was written to and can answer; not so as long as it awaits endorsement.
        Submitted,
        /// A second person of the institution endorsed it; the nominee was written to and can answer.
        Endorsed,
        /// The nominee applied; `enrolment` says what came of that.
        Accepted,
        /// The nominee does not want to.
        Declined,
        /// The institution took it back, or the edition was cancelled.
        Withdrawn,
        /// The institution named somebody else instead.
        Substituted,
        /// The nominee did not answer in time.
        Expired,
    }
}

/// A nomination that the viewer may follow.
pub struct Nomination(pub invitation::Model);

impl Nomination {
    fn state_at(&self, now: DateTime<Utc>) -> InvitationState {
        self.0.standing().at(now)
    }

    /// What came of it, if that exists for the viewer; after a transfer, how it goes on.
    async fn outcome(&self, request: &Request) -> ApiResult<Option<enrolment::Model>> {
        match self.0.enrolment_id {
            Some(id) => Ok(request.loaders.continued.load_one(id).await?),
            None => Ok(None),
        }
    }

    /// Whether what it says of the nominee shows: as of every invitation, and to the institution while it stands.
    async fn shows(&self, ctx: &Context<'_>, field: PersonalField, action: Action) -> ApiResult<bool> {
        let institution = self.0.blanked_at.is_none() && self.stands_for_viewer(Request::of(ctx)).await?;
        invitation_shows(ctx, &self.0, (field, action), institution).await
    }

    /// Whether an institution of the viewer's nominates, and the nomination stands.
    async fn stands_for_viewer(&self, request: &Request) -> ApiResult<bool> {
        let mine = request.actor.institutions();
        if !self.0.institution_id.is_some_and(|id| mine.contains(&id)) {
            return Ok(false);
        }
        if self.0.person_id.is_none() {
            return Ok(self.state_at(request.app.clock.now()) == InvitationState::Sent);
        }
        let outcome = self.outcome(request).await?;
        Ok(outcome.is_some_and(|row| row.is_nominated_by(&mine)))
    }
}

/// Somebody whom an institution named for an edition. It can be answered until `expiresAt`; two days before, but not
/// before the enrolment window opens, the nominee is reminded. For the focal points of the institution and the
/// coordinators of the edition.
#[Object]
impl Nomination {
    /// Identifier, `inv_…`.
    async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The edition.
    async fn edition(&self, ctx: &Context<'_>) -> ApiResult<Option<Edition>> {
        match self.0.edition() {
            Some(id) => Edition::seen(Request::of(ctx), id).await,
            None => Ok(None),
        }
    }

    /// The institution that nominates.
    async fn institution(&self, ctx: &Context<'_>) -> ApiResult<Option<Institution>> {
        match self.0.institution_id {
            Some(id) => Institution::load(Request::of(ctx), id).await,
            None => Ok(None),
        }
    }

    /// The given name that it was written to: for coordinators of the edition; for the institution as long as it can be
    /// answered and, once accepted, as long as the enrolment stands; for who wrote it until somebody accepts. Null when
    /// it is not for you, and once it was removed (`blankedAt`).
    async fn given_name(&self, ctx: &Context<'_>) -> ApiResult<Option<&str>> {
        let shows = self.shows(ctx, PersonalField::Name, Action::SeeName).await?;
        Ok(shows.then_some(self.0.given_name.as_str()))
    }

    /// The family name, for the same readers.
    async fn family_name(&self, ctx: &Context<'_>) -> ApiResult<Option<&str>> {
        let shows = self.shows(ctx, PersonalField::Name, Action::SeeName).await?;
        Ok(shows.then_some(self.0.family_name.as_str()))
    }

    /// The address that it went to, for the same readers.
    async fn email(&self, ctx: &Context<'_>) -> ApiResult<Option<&str>> {
        let shows = self.shows(ctx, PersonalField::Email, Action::SeeEmail).await?;
        Ok(shows.then_some(self.0.email.as_str()))
    }

    /// The language of the message.
    async fn language(&self) -> Language {
        self.0.language.into()
    }

    /// The place among the nominees of the institution, the smallest first; of equal ones the older first.
    async fn rank(&self) -> i64 {
        self.0.nominee_rank.unwrap_or_default()
    }

    /// Where it stands; what is overdue has expired.
    async fn state(&self, ctx: &Context<'_>) -> NominationState {
        let state = self.state_at(Request::of(ctx).app.clock.now());
        State::of(state, self.0.endorsement()).into()
    }

    /// Whether a second focal point of the institution has yet to endorse it; the nominee is written to when one does.
    /// It stays true of one that ended without.
    async fn awaits_endorsement(&self) -> bool {
        self.0.awaits_endorsement
    }

    /// Who endorsed it; names show as far as you may see them. Null as long as nobody did, and where the edition did
    /// not ask for it.
    async fn endorsed_by(&self, ctx: &Context<'_>) -> ApiResult<Option<Person>> {
        match self.0.endorsed_by {
            Some(id) => Person::load(Request::of(ctx), id).await,
            None => Ok(None),
        }
    }

    /// When it was endorsed.
    async fn endorsed_at(&self) -> Option<DateTime<Utc>> {
        self.0.endorsed_at
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// Until when it can be answered; not later than the end of the edition's enrolment window.
    async fn expires_at(&self) -> DateTime<Utc> {
        self.0.expires_at
    }

    /// When names and address were removed, some time after its end (30 days, unless whoever runs the server says
    /// otherwise); null before.
    async fn blanked_at(&self) -> Option<DateTime<Utc>> {
        self.0.blanked_at
    }

    /// Who nominates for the institution; names show as far as you may see them.
    async fn nominated_by(&self, ctx: &Context<'_>) -> ApiResult<Option<Person>> {
        Person::load(Request::of(ctx), self.0.invited_by).await
    }

    /// The nomination in whose place it was made.
    async fn substitutes(&self) -> Option<ID> {
        self.0.substitutes.map(|id| id.to_string().into())
    }

    /// Who accepted it; names show as far as you may see them. Null as long as nobody did.
    async fn person(&self, ctx: &Context<'_>) -> ApiResult<Option<Person>> {
        match self.0.person_id {
            Some(id) => Person::load(Request::of(ctx), id).await,
            None => Ok(None),
        }
    }

    /// What came of it: the enrolment, as far as it exists for you. For the institution that is as long as the
    /// nomination stands: not once the person is not admitted, has left or was excluded. Who was transferred, once or
    /// more often, is followed: it is the last of their enrolments that exists for you, in whatever edition.
    async fn enrolment(&self, ctx: &Context<'_>) -> ApiResult<Option<Enrolment>> {
        Ok(self.outcome(Request::of(ctx)).await?.map(Enrolment::from))
    }

    /// The states that it entered, the oldest first, with the reasons that were given.
    async fn history(&self, ctx: &Context<'_>) -> ApiResult<Vec<StateChange>> {
        let steps = history::of(ctx, self.0.id.0).await?;
        Ok(steps.into_iter().map(|step| step.called(word)).collect())
    }

    /// To be sent back with a change; rises with every one.
    async fn version(&self) -> i64 {
        self.0.version
    }
}

/// What a state of an invitation is called where it is a nomination; `None` for one that has no other name.
fn word(of_invitation: &str) -> Option<&'static str> {
    let state = InvitationState::from_word(of_invitation)?;
    Some(State::of(state, Endorsement::NotAsked).word())
}

/// The seats of an edition in the eyes of an institution.
#[derive(SimpleObject)]
pub struct NominationSeats {
    /// How many are kept by the pools that people of the institution belong to, by institution, country or constituent
    /// group.
    kept: i64,
    /// How many of these are taken.
    taken: i64,
    /// How many of its nominees have yet to answer.
    open: i64,
    /// How many more it can nominate now; null for as many as it likes. A nomination keeps no seat: where the
    /// institution has no pool of its own, others may be sooner, and who accepts then waits.
    remaining: Option<i64>,
}

/// Which nominations are wanted. What is left out does not restrict; `states` has 1 to 1,000 values where it is given,
/// and an empty list is refused (`REQUIRED`).
#[derive(Debug, Default, InputObject)]
pub struct NominationFilter {
    /// In one of these states.
    states: Option<Vec<NominationState>>,
}

impl NominationFilter {
    /// The states that are wanted.
    ///
    /// # Errors
    /// Faults of the list.
    pub(super) fn read(self) -> Result<Vec<State>> {
        let mut faults = Faults::default();
        let states = filter::all(&mut faults, "filter.states", self.states);
        faults.check()?;
        Ok(states)
    }
}

/// Queries about nominations.
#[derive(Debug, Default)]
pub struct NominationQuery;

#[Object]
impl NominationQuery {
    /// The nominations of the institutions whose focal point you are, and those for editions that you coordinate, the
    /// oldest first.
    #[allow(
        clippy::too_many_arguments,
        reason = "the arguments of a connection, and what it is of"
    )]
    async fn nominations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Those for this edition.")] edition_id: Option<ID>,
        #[graphql(desc = "Those of this institution.")] institution_id: Option<ID>,
        #[graphql(desc = "Which of them.")] filter: Option<NominationFilter>,
        #[graphql(desc = "How many from the start, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor, up to 12,000 characters as it came.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor, up to 12,000 characters as it came.")] before: Option<String>,
    ) -> ApiResult<PageOf<Nomination>> {
        let arguments = Arguments::new(first, after, last, before);
        let edition: Option<EditionId> = edition_id.map(|of| id::argument("editionId", &of)).transpose()?;
        let institution: Option<InstitutionId> = institution_id
            .map(|of| id::argument("institutionId", &of))
            .transpose()?;
        let filter = Filter {
            edition,
            institution,
            states: filter.unwrap_or_default().read()?,
        };
        let Request { app, actor, .. } = Request::of(ctx);
        let page = service::page(app, actor, &filter, &arguments.wanted()?).await?;
        Ok(connection(page, page_place, Nomination))
    }

    /// The seats of an edition in the eyes of an institution: for its focal points and the coordinators of the edition,
    /// null for anybody else.
    async fn nomination_seats(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The edition.")] edition_id: ID,
        #[graphql(desc = "The institution.")] institution_id: ID,
    ) -> ApiResult<Option<NominationSeats>> {
        let edition: EditionId = id::argument("editionId", &edition_id)?;
        let institution: InstitutionId = id::argument("institutionId", &institution_id)?;
        let Request { app, actor, .. } = Request::of(ctx);
        let room = service::seats(app, actor, edition, institution).await?;
        Ok(room.map(|room| NominationSeats {
            kept: room.kept,
            taken: room.taken,
            open: room.open,
            remaining: room.remaining,
        }))
    }
}
