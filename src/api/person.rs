//! People as others see them. Whatever path leads to a person, the same fields show.

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};

use super::enums::{ConstituentGroup, Gender, Language};
use super::error::ApiResult;
use super::institution::Institution;
use super::request::Request;
use crate::domain::actor::Reach;
use crate::domain::audit::PersonalField;
use crate::domain::id::PersonId;
use crate::domain::policy::{Action, Relation};
use crate::store::{declaration, person};

/// A person, in the eyes of whoever asks.
pub struct Person {
    row: person::Model,
    known: Option<Relation>,
}

impl Person {
    /// A person to whom the viewer's relation is looked up when a field needs it.
    pub fn new(row: person::Model) -> Self {
        Self { row, known: None }
    }

    /// A person to whom the viewer is known to stand so, as read from stored rows: themself, or somebody of
    /// an edition that the viewer coordinates. Neither hides a field that another relation would show.
    pub fn known(row: person::Model, relation: Relation) -> Self {
        Self {
            row,
            known: Some(relation),
        }
    }

    /// The person with this identifier, if there is one; through the loader of the request.
    pub async fn load(request: &Request, id: PersonId) -> ApiResult<Option<Self>> {
        Ok(request.loaders.people.load_one(id).await?.map(Self::new))
    }

    /// The person, if the viewer may at least see the name.
    pub async fn visible(request: &Request, id: PersonId) -> ApiResult<Option<Self>> {
        // How one stands to a person is asked also where there is none: absent must not be quicker than unseen.
        let relation = Self::relation(request, id).await?;
        let person = Self::load(request, id).await?;
        Ok(person.filter(|_| request.may(Action::SeeName, relation)))
    }

    /// How the viewer stands to a person.
    async fn relation(request: &Request, id: PersonId) -> ApiResult<Relation> {
        if request.actor.person == Some(id) {
            return Ok(Relation::OWN);
        }
        if request.actor.coordinated() == Reach::Everywhere {
            return Ok(Relation::EDITION);
        }
        Ok(request.loaders.relations.load_one(id).await?.unwrap_or_default())
    }

    /// Whether the viewer sees the field that `action` stands for. The one way to every masked field; what staff
    /// sees is noted.
    async fn shows(&self, request: &Request, action: Action) -> ApiResult<bool> {
        let relation = match self.known {
            Some(relation) => relation,
            None => Self::relation(request, self.row.id).await?,
        };
        let field = PersonalField::shown_by(action).unwrap_or(PersonalField::Name);
        Ok(request.shows(self.row.number, field, action, relation))
    }

    async fn statement(&self, request: &Request, action: Action) -> ApiResult<Option<declaration::Model>> {
        if !self.shows(request, action).await? {
            return Ok(None);
        }
        Ok(request.loaders.declarations.load_one(self.row.id).await?)
    }
}

/// A person with an account. Fields that you may not see of this person are null.
#[Object]
impl Person {
    /// Identifier, `psn_…`.
    pub async fn id(&self) -> ID {
        self.row.id.to_string().into()
    }

    /// Given name, for team mates, the team's tutor, and staff of the person's editions.
    async fn given_name(&self, ctx: &Context<'_>) -> ApiResult<Option<&str>> {
        let shows = self.shows(Request::of(ctx), Action::SeeName).await?;
        Ok(shows.then_some(self.row.given_name.as_str()))
    }

    /// Family name, for the same readers as the given name.
    async fn family_name(&self, ctx: &Context<'_>) -> ApiResult<Option<&str>> {
        let shows = self.shows(Request::of(ctx), Action::SeeName).await?;
        Ok(shows.then_some(self.row.family_name.as_str()))
    }

    /// Given name and family name, for the same readers.
    async fn full_name(&self, ctx: &Context<'_>) -> ApiResult<Option<String>> {
        let shows = self.shows(Request::of(ctx), Action::SeeName).await?;
        Ok(shows.then(|| format!("{} {}", self.row.given_name, self.row.family_name)))
    }

    /// E-mail address, for the person, their tutor, their institution's focal point and their coordinators.
    async fn email(&self, ctx: &Context<'_>) -> ApiResult<Option<&str>> {
        let shows = self.shows(Request::of(ctx), Action::SeeEmail).await?;
        Ok(shows.then_some(self.row.email.as_str()))
    }

    /// Country as the person states it now (ISO 3166-1 alpha-2); an enrolment keeps the one that it was
    /// confirmed with. Null also when not stated.
    async fn country(&self, ctx: &Context<'_>) -> ApiResult<Option<String>> {
        let statement = self.statement(Request::of(ctx), Action::SeeOrigin).await?;
        Ok(statement.and_then(|statement| statement.country))
    }

    /// Institution as the person states it now. Null also when not stated.
    async fn institution(&self, ctx: &Context<'_>) -> ApiResult<Option<Institution>> {
        let request = Request::of(ctx);
        match self
            .statement(request, Action::SeeOrigin)
            .await?
            .and_then(|statement| statement.institution_id)
        {
            Some(id) => Institution::load(request, id).await,
            None => Ok(None),
        }
    }

    /// Gender as the person states it now, for the person and their coordinators. `NOT_STATED` is an answer;
    /// null means that it is not for you, or that the person has declared nothing yet.
    async fn gender(&self, ctx: &Context<'_>) -> ApiResult<Option<Gender>> {
        let statement = self.statement(Request::of(ctx), Action::SeeGender).await?;
        Ok(statement.map(|statement| statement.gender.into()))
    }

    /// The language of messages, for the person alone.
    async fn language(&self, ctx: &Context<'_>) -> Option<Language> {
        self.is_viewer(ctx).then(|| self.row.language.into())
    }

    /// The IANA zone in which the person wants to see times, for the person alone.
    async fn time_zone(&self, ctx: &Context<'_>) -> Option<&str> {
        self.is_viewer(ctx).then_some(self.row.time_zone.as_str())
    }

    /// The version to send back with `updateProfile`, for the person alone.
    async fn version(&self, ctx: &Context<'_>) -> Option<i64> {
        self.is_viewer(ctx).then_some(self.row.version)
    }
}

impl Person {
    fn is_viewer(&self, ctx: &Context<'_>) -> bool {
        Request::of(ctx).actor.person == Some(self.row.id)
    }
}

/// What a person stated about themself.
pub struct Declaration(pub declaration::Model);

/// What you stated about yourself at an instant. The latest statement is in force; an enrolment keeps the
/// one with which it was confirmed.
#[Object]
impl Declaration {
    /// Identifier, `dcl_…`.
    fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// When it was stated.
    fn stated_at(&self) -> DateTime<Utc> {
        self.0.stated_at
    }

    /// Gender.
    fn gender(&self) -> Gender {
        self.0.gender.into()
    }

    /// Country (ISO 3166-1 alpha-2), null for not stated.
    fn country(&self) -> Option<&str> {
        self.0.country.as_deref()
    }

    /// Institution, null for not stated; one that was merged since shows as the one into which it was.
    async fn institution(&self, ctx: &Context<'_>) -> ApiResult<Option<Institution>> {
        match self.0.institution_id {
            Some(id) => Institution::load(Request::of(ctx), id).await,
            None => Ok(None),
        }
    }

    /// The group for which the person takes part.
    fn constituent_group(&self) -> ConstituentGroup {
        self.0.constituent_group.into()
    }
}
