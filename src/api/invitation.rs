//! Invitations in the API: who was invited to what. Sending and taking back is in `sending.rs`, what the invited do in
//! `holder.rs`.

use async_graphql::{Context, Enum, ID, InputObject, Object};
use chrono::{DateTime, Utc};

use super::edition::Edition;
use super::enums::{Language, Role, mirror};
use super::error::ApiResult;
use super::filter;
use super::history::{self, StateChange};
use super::page::{Arguments, PageOf, connection};
use super::person::Person;
use super::request::Request;
use super::role::{RoleScope, read_scope, scope_id};
use crate::domain::actor::Scope;
use crate::domain::audit::PersonalField;
use crate::domain::policy::{Action, Relation};
use crate::error::{Faults, Result};
use crate::service::edition::relation as edition_relation;
use crate::service::invitation as service;
use crate::store::invitation::{self, Filter};

pub mod holder;
pub mod sending;

mirror! {
    /// Where an invitation stands.
    InvitationState of crate::domain::invitation::InvitationState {
        /// The message is on its way or arrived; its token works.
        Sent,
        /// Somebody took it up.
        Accepted,
        /// Somebody who has its token does not want to.
        Declined,
        /// It was taken back.
        Withdrawn,
        /// Nobody took it up in time.
        Expired,
        /// It was sent again, as another one with another token.
        Replaced,
    }
}

mirror! {
    /// What somebody is invited to do.
    InvitationPurpose of crate::domain::invitation::Purpose {
        /// Take part in an edition.
        TakePart,
        /// Hold a role.
        HoldRole,
    }
}

/// An invitation that the viewer might have sent.
pub struct Invitation(pub invitation::Model);

impl Invitation {
    async fn shows(&self, ctx: &Context<'_>, field: PersonalField, action: Action) -> ApiResult<bool> {
        shows(ctx, &self.0, (field, action), false).await
    }
}

/// Whether what an invitation says of the invited shows: to the coordinators of its edition, and to who wrote it; where
/// it stands for an institution of the viewer's, to them. Once somebody accepted, it is of a person with an account, and
/// staff's look at it is noted.
pub(super) async fn shows(
    ctx: &Context<'_>,
    row: &invitation::Model,
    (field, action): (PersonalField, Action),
    institution: bool,
) -> ApiResult<bool> {
    let request = Request::of(ctx);
    if row.blanked_at.is_some() {
        return Ok(false);
    }
    let mut relation = Relation::NONE;
    if !request.actor.coordinated().is_nothing()
        && let Some(id) = row.edition()
        && let Some(edition) = request.loaders.editions.load_one(id).await?
    {
        relation = edition_relation(&request.actor, &edition);
    }
    relation.institution = institution;
    relation.own = request.actor.person == Some(row.person_id.unwrap_or(row.invited_by));
    let Some(taker) = row.person_id else {
        return Ok(request.may(action, relation));
    };
    let person = request.loaders.people.load_one(taker).await?;
    Ok(person.is_some_and(|person| request.shows(person.number, field, action, relation)))
}

/// An invitation to take part in an edition, or to hold a role: for those who could have sent it. It is open until
/// `expiresAt`.
#[Object]
impl Invitation {
    /// Identifier, `inv_…`.
    async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// What somebody is invited to do.
    async fn purpose(&self) -> InvitationPurpose {
        self.0.purpose.into()
    }

    /// The role; null for taking part.
    async fn role(&self) -> Option<Role> {
        self.0.role.map(Into::into)
    }

    /// In what the role would hold; an edition for taking part.
    async fn scope(&self) -> RoleScope {
        RoleScope::of(self.0.scope())
    }

    /// The institution, course or edition that it leads to; null for everywhere.
    async fn scope_id(&self) -> Option<ID> {
        self.0.scope().and_then(scope_id)
    }

    /// The edition that it leads to; null for something else.
    async fn edition(&self, ctx: &Context<'_>) -> ApiResult<Option<Edition>> {
        match self.0.edition() {
            Some(id) => Edition::seen(Request::of(ctx), id).await,
            None => Ok(None),
        }
    }

    /// The given name that the invitation was written to, for coordinators of the edition and for who wrote it. Null
    /// when it is not for you, and once it was removed (`blankedAt`).
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

    /// Where it stands; what is overdue has expired.
    async fn state(&self, ctx: &Context<'_>) -> InvitationState {
        self.0.standing().at(Request::of(ctx).app.clock.now()).into()
    }

    /// When it was sent.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// Until when its token works.
    async fn expires_at(&self) -> DateTime<Utc> {
        self.0.expires_at
    }

    /// When names and address were removed, some time after its end (30 days, unless whoever runs the server says
    /// otherwise); null before.
    async fn blanked_at(&self) -> Option<DateTime<Utc>> {
        self.0.blanked_at
    }

    /// Who invites; names show as far as you may see them.
    async fn invited_by(&self, ctx: &Context<'_>) -> ApiResult<Option<Person>> {
        Person::load(Request::of(ctx), self.0.invited_by).await
    }

    /// Who accepted it; names show as far as you may see them. Null as long as nobody did.
    async fn person(&self, ctx: &Context<'_>) -> ApiResult<Option<Person>> {
        match self.0.person_id {
            Some(id) => Person::load(Request::of(ctx), id).await,
            None => Ok(None),
        }
    }

    /// The states that it entered, the oldest first, with the reasons that were given.
    async fn history(&self, ctx: &Context<'_>) -> ApiResult<Vec<StateChange>> {
        history::of(ctx, self.0.id.0).await
    }

    /// To be sent back with a change; rises with every one.
    async fn version(&self) -> i64 {
        self.0.version
    }
}

/// Which invitations are wanted. What is left out does not restrict; `states` has 1 to 1,000 values where it is given,
/// and an empty list is refused (`REQUIRED`).
#[derive(Debug, Default, InputObject)]
pub struct InvitationFilter {
    /// In one of these states.
    states: Option<Vec<InvitationState>>,
}

impl InvitationFilter {
    /// The filter as the store takes it.
    ///
    /// # Errors
    /// Faults of the list.
    pub fn read(self) -> Result<Filter> {
        let mut faults = Faults::default();
        let states = filter::all(&mut faults, "filter.states", self.states);
        faults.check()?;
        Ok(Filter { states, scope: None })
    }
}

/// A page of the invitations that the viewer might have sent.
pub async fn page(ctx: &Context<'_>, filter: &Filter, arguments: Arguments) -> ApiResult<PageOf<Invitation>> {
    let Request { app, actor, .. } = Request::of(ctx);
    let page = service::page(app, actor, filter, &arguments.wanted()?).await?;
    Ok(connection(page, service::page_place, Invitation))
}

/// Queries about invitations.
#[derive(Debug, Default)]
pub struct InvitationQuery;

#[Object]
impl InvitationQuery {
    /// The invitations that you might have sent, the newest first: to take part in the editions that you coordinate and
    /// to be their tutors; for administrators those to every role.
    #[allow(
        clippy::too_many_arguments,
        reason = "the arguments of a connection, and what it is of"
    )]
    async fn invitations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Those to this edition, course or institution.")] scope_id: Option<ID>,
        #[graphql(desc = "Which of them.")] filter: Option<InvitationFilter>,
        #[graphql(desc = "How many from the start, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor, up to 12,000 characters as it came.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor, up to 12,000 characters as it came.")] before: Option<String>,
    ) -> ApiResult<PageOf<Invitation>> {
        let arguments = Arguments::new(first, after, last, before);
        let scope = scope_id.as_ref().map(scope_argument).transpose()?;
        let filter = Filter {
            scope,
            ..filter.unwrap_or_default().read()?
        };
        page(ctx, &filter, arguments).await
    }

    /// What the token of an invitation is for; whoever holds it needs no account. It stays good.
    async fn open_invitation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token of the message, up to 60 characters as it came.")] token: String,
    ) -> ApiResult<holder::InvitationOffer> {
        let app = &Request::of(ctx).app;
        Ok(holder::InvitationOffer(service::holder::look(app, &token).await?))
    }
}

/// Reads the place that a list is of.
fn scope_argument(id: &ID) -> Result<uuid::Uuid> {
    let mut faults = Faults::default();
    match faults.take_argument("scopeId", read_scope(id)) {
        Some(Scope::Edition(id)) => Ok(id.0),
        Some(Scope::Course(id)) => Ok(id.0),
        Some(Scope::Institution(id)) => Ok(id.0),
        Some(Scope::System) | None => Err(faults.into()),
    }
}
