//! People as others see them. Whatever path leads to a person, the same fields show.

use std::borrow::Cow;

use async_graphql::{Context, ID, Object, Value};
use chrono::{DateTime, Utc};

use super::enums::{ConstituentGroup, Gender, Language};
use super::error::ApiResult;
use super::institution::Institution;
use super::plain::{self, Plain};
use super::request::Request;
use crate::domain::actor::Reach;
use crate::domain::audit::PersonalField;
use crate::domain::id::PersonId;
use crate::domain::person::full_name;
use crate::domain::policy::{Action, Relation};
use crate::store::{declaration, person};

/// A person, in the eyes of whoever asks.
pub struct Person {
    card: person::Card,
    /// The rest, where it was read already.
    row: Option<Box<person::Model>>,
    known: Option<Relation>,
}

impl Person {
    /// A person to whom the viewer's relation is looked up when a field needs it.
    pub fn new(row: person::Model) -> Self {
        Self {
            card: person::Card::from(&row),
            row: Some(Box::new(row)),
            known: None,
        }
    }

    /// A person to whom the viewer is known to stand so, as read from stored rows: themself, or somebody of
    /// an edition that the viewer coordinates. Neither hides a field that another relation would show.
    pub fn known(row: person::Model, relation: Relation) -> Self {
        Self {
            known: Some(relation),
            ..Self::new(row)
        }
    }

    /// One whom a list read, to whom the viewer may be known to stand so.
    pub fn listed(card: person::Card, known: Option<Relation>) -> Self {
        Self { card, row: None, known }
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
            None => Self::relation(request, self.card.id).await?,
        };
        let field = PersonalField::shown_by(action).unwrap_or(PersonalField::Name);
        Ok(request.shows(self.card.number, field, action, relation))
    }

    async fn statement(&self, request: &Request, action: Action) -> ApiResult<Option<declaration::Model>> {
        if !self.shows(request, action).await? {
            return Ok(None);
        }
        Ok(request.loaders.declarations.load_one(self.card.id).await?)
    }
}

/// A person with an account. Fields that you may not see of this person are null.
#[Object]
impl Person {
    /// Identifier, `psn_…`.
    pub async fn id(&self) -> ID {
        self.card.id.to_string().into()
    }

    /// Given name, for team mates, the team's tutor, and staff of the person's editions.
    async fn given_name(&self, ctx: &Context<'_>) -> ApiResult<Option<&str>> {
        let shows = self.shows(Request::of(ctx), Action::SeeName).await?;
        Ok(shows.then_some(self.card.given_name.as_str()))
    }

    /// Family name, for the same readers as the given name.
    async fn family_name(&self, ctx: &Context<'_>) -> ApiResult<Option<&str>> {
        let shows = self.shows(Request::of(ctx), Action::SeeName).await?;
        Ok(shows.then_some(self.card.family_name.as_str()))
    }

    /// Given name and family name, for the same readers.
    async fn full_name(&self, ctx: &Context<'_>) -> ApiResult<Option<String>> {
        let shows = self.shows(Request::of(ctx), Action::SeeName).await?;
        Ok(shows.then(|| full_name(&self.card.given_name, &self.card.family_name)))
    }

    /// E-mail address, for the person, their tutor, their institution's focal point and their coordinators.
    async fn email(&self, ctx: &Context<'_>) -> ApiResult<Option<&str>> {
        let shows = self.shows(Request::of(ctx), Action::SeeEmail).await?;
        Ok(shows.then_some(self.card.email.as_str()))
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
    async fn language(&self, ctx: &Context<'_>) -> ApiResult<Option<Language>> {
        Ok(self.own(ctx).await?.map(|row| row.language.into()))
    }

    /// The IANA zone in which the person wants to see times, for the person alone.
    async fn time_zone(&self, ctx: &Context<'_>) -> ApiResult<Option<String>> {
        Ok(self.own(ctx).await?.map(|row| row.time_zone.clone()))
    }

    /// The version to send back with `updateProfile`, for the person alone.
    async fn version(&self, ctx: &Context<'_>) -> ApiResult<Option<i64>> {
        Ok(self.own(ctx).await?.map(|row| row.version))
    }
}

impl Person {
    /// The whole row, for the person alone.
    async fn own<'a>(&'a self, ctx: &Context<'_>) -> ApiResult<Option<Cow<'a, person::Model>>> {
        let request = Request::of(ctx);
        if request.actor.person != Some(self.card.id) {
            return Ok(None);
        }
        if let Some(row) = &self.row {
            return Ok(Some(Cow::Borrowed(row)));
        }
        let found = request.loaders.people.load_one(self.card.id).await?;
        Ok(found.map(Cow::Owned))
    }

    /// A text that shows as [`Person::shows`] says; `None` where the relation has to be looked up.
    fn plain_text(&self, ctx: &Context<'_>, action: Action, text: &str) -> Option<Value> {
        let field = PersonalField::shown_by(action).unwrap_or(PersonalField::Name);
        let shows = Request::of(ctx).shows(self.card.number, field, action, self.known?);
        Some(plain::text(shows.then_some(text)))
    }
}

impl Plain for Person {
    fn plain(&self, ctx: &Context<'_>) -> Option<Value> {
        match ctx.item.node.name.node.as_str() {
            "id" => Some(self.card.id.to_string().into()),
            "givenName" => self.plain_text(ctx, Action::SeeName, &self.card.given_name),
            "familyName" => self.plain_text(ctx, Action::SeeName, &self.card.family_name),
            "email" => self.plain_text(ctx, Action::SeeEmail, &self.card.email),
            _ => None,
        }
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
