//! Enrolments in the API.

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};

use super::decimal::Decimal;
use super::edition::Edition;
use super::enums::{ConstituentGroup, EnrolmentState, Gender, Language};
use super::error::ApiResult;
use super::history::StateChange;
use super::id;
use super::institution::Institution;
use super::page::{Arguments, PageOf, connection};
use super::person::Person;
use super::plain::Quick;
use super::reason;
use super::request::Request;
use crate::domain::audit::PersonalField;
use crate::domain::id::{EditionId, EnrolmentId, PersonId};
use crate::domain::policy::Action;
use crate::error::{Error, Faults};
use crate::service;
use crate::store::{enrolment as store, person, roll};

pub mod decision;
mod input;
mod list;
mod row;
mod sight;

pub use input::{
    ApplyToEditionInput, ApplyToEditionPayload, ConsentStanding, EnrolmentFilter, EnrolmentOrder,
    WithdrawEnrolmentInput, WithdrawEnrolmentPayload, read_application,
};
pub use list::page_of_edition;

/// One person in one edition.
pub struct Enrolment {
    row: store::Model,
    /// What a list read beside it.
    beside: Option<Box<Beside>>,
}

struct Beside {
    person: person::Card,
    /// The name of the institution.
    institution: Option<String>,
}

impl From<store::Model> for Enrolment {
    fn from(row: store::Model) -> Self {
        Self { row, beside: None }
    }
}

impl From<roll::Entry> for Enrolment {
    fn from(entry: roll::Entry) -> Self {
        let roll::Entry {
            enrolment: row,
            person,
            institution,
        } = entry;
        let beside = Some(Box::new(Beside { person, institution }));
        Self { row, beside }
    }
}

/// One person in one edition as a participant. It keeps what the person declared when it was confirmed.
#[Object]
impl Enrolment {
    /// Global identifier, `enr_…`.
    pub async fn id(&self) -> ID {
        self.row.id.to_string().into()
    }

    /// Where it stands.
    fn state(&self) -> EnrolmentState {
        self.row.state.into()
    }

    /// The edition.
    async fn edition(&self, ctx: &Context<'_>) -> ApiResult<Edition> {
        let found = Request::of(ctx).loaders.editions.load_one(self.row.edition_id).await?;
        Ok(Edition(
            found.ok_or_else(|| Error::internal("an enrolment without edition"))?,
        ))
    }

    /// Whose it is.
    async fn person(&self, ctx: &Context<'_>) -> ApiResult<Person> {
        let request = Request::of(ctx);
        request.reads.in_edition(self.row.edition_id);
        if let Some(beside) = &self.beside {
            return Ok(Person::listed(beside.person.clone(), self.known_relation(request)));
        }
        let row = request.loaders.people.load_one(self.row.person_id).await?;
        let row = row.ok_or_else(|| Error::internal("an enrolment without person"))?;
        Ok(match self.known_relation(request) {
            Some(relation) => Person::known(row, relation),
            None => Person::new(row),
        })
    }

    /// When the person applied.
    fn applied_at(&self) -> DateTime<Utc> {
        self.row.applied_at
    }

    /// What the person wrote when applying; null for those who may not read it.
    async fn motivation(&self, ctx: &Context<'_>) -> ApiResult<Option<&str>> {
        let sees = self
            .sees_field(ctx, Action::SeeEmail, PersonalField::Motivation)
            .await?;
        Ok(sees.then_some(&self.row.motivation))
    }

    /// What the person answered to the form of the edition as they applied; null where there was none to answer, and
    /// for everybody but the person and those who coordinate the edition.
    async fn application(&self, ctx: &Context<'_>) -> ApiResult<Option<super::form::Application>> {
        let found = super::form::of_enrolment(ctx, self.row.id).await?;
        let shows = found.is_some() && self.sees_application(ctx).await?;
        Ok(found.filter(|_| shows))
    }

    /// What stands of what the person said to the purposes of the edition, one a purpose; null where nothing was said,
    /// and for everybody but the person and those who coordinate the edition.
    async fn consents(&self, ctx: &Context<'_>) -> ApiResult<Option<Vec<super::form::Consent>>> {
        let found = super::form::consents_of(ctx, self.row.id).await?;
        let shows = !found.is_empty() && self.sees_application(ctx).await?;
        Ok(Some(found).filter(|_| shows))
    }

    /// To which purposes that the edition requires now the person does not consent, by their keys: whom somebody else
    /// brought in has not been asked, and who applied before was asked something else. Empty where nothing is missing;
    /// null for everybody but the person and those who coordinate the edition.
    async fn missing_consents(&self, ctx: &Context<'_>) -> ApiResult<Option<Vec<String>>> {
        if !self.sees_application(ctx).await? {
            return Ok(None);
        }
        super::form::lacking(ctx, &self.row).await.map(Some)
    }

    /// Gender as declared for this enrolment; null for those who may not see it.
    async fn gender(&self, ctx: &Context<'_>) -> ApiResult<Option<Gender>> {
        Ok(self
            .sees(ctx, Action::SeeGender)
            .await?
            .then_some(self.row.gender.into()))
    }

    /// Country (ISO 3166-1 alpha-2) as declared for this enrolment; null when not stated, or not to be seen.
    async fn country(&self, ctx: &Context<'_>) -> ApiResult<Option<&str>> {
        let seen = !self.row.country.is_empty() && self.sees(ctx, Action::SeeOrigin).await?;
        Ok(seen.then_some(&self.row.country))
    }

    /// Institution as declared for this enrolment; null when not stated, or not to be seen.
    async fn institution(&self, ctx: &Context<'_>) -> ApiResult<Option<Institution>> {
        let Some(id) = self.row.institution_id else {
            return Ok(None);
        };
        if !self.sees(ctx, Action::SeeOrigin).await? {
            return Ok(None);
        }
        if let Some(name) = self.beside.as_ref().and_then(|beside| beside.institution.clone()) {
            return Ok(Some(Institution::named(id, name)));
        }
        Ok(Request::of(ctx)
            .loaders
            .institutions
            .load_one(id)
            .await?
            .map(Institution::from))
    }

    /// Constituent group as declared for this enrolment; null for those who may not see it.
    async fn constituent_group(&self, ctx: &Context<'_>) -> ApiResult<Option<ConstituentGroup>> {
        Ok(self
            .sees(ctx, Action::SeeOrigin)
            .await?
            .then_some(self.row.constituent_group.into()))
    }

    /// The language of the person at enrolment; null for those who may not see it.
    async fn language(&self, ctx: &Context<'_>) -> ApiResult<Option<Language>> {
        Ok(self
            .sees(ctx, Action::SeeOrigin)
            .await?
            .then_some(self.row.language.into()))
    }

    /// What the enrolment was counted with before, the oldest first; null for those who may not see gender. After
    /// 50 corrections no more are taken; each merger of its institution comes on top.
    async fn former_snapshots(&self, ctx: &Context<'_>) -> ApiResult<Option<Vec<super::snapshot::FormerSnapshot>>> {
        if self.sees(ctx, Action::SeeGender).await? && self.sees(ctx, Action::SeeOrigin).await? {
            return Ok(Some(super::snapshot::before(ctx, self.row.id).await?));
        }
        Ok(None)
    }

    /// The institution that nominated the person; null where they applied alone, or when it is not to be seen.
    async fn nominated_by(&self, ctx: &Context<'_>) -> ApiResult<Option<Institution>> {
        let Some(id) = self.row.nominated_by else {
            return Ok(None);
        };
        if !self.sees(ctx, Action::SeeOrigin).await? {
            return Ok(None);
        }
        Institution::load(Request::of(ctx), id).await
    }

    /// Until when a seat is offered to the person, who has to accept it (`acceptOffer`); null when none is.
    fn offered_until(&self) -> Option<DateTime<Utc>> {
        self.row.offered_until
    }

    /// The rank that a coordinator gave to the person among those who wait, the smallest first; null without one, and
    /// for those who may not see it.
    async fn waiting_rank(&self, ctx: &Context<'_>) -> ApiResult<Option<i64>> {
        let request = Request::of(ctx);
        if self.row.waiting_rank.is_none() {
            return Ok(None);
        }
        // In a place of its own: every field of a page would hold the state of the look-up.
        let relation = Box::pin(self.relation(request)).await?;
        Ok(self
            .row
            .waiting_rank
            .filter(|_| request.may(Action::SeeSeats, relation)))
    }

    /// The identifier of the enrolment in the edition that the person was transferred from; null when they were not, or
    /// when it is not to be seen.
    async fn transferred_from(&self, ctx: &Context<'_>) -> ApiResult<Option<ID>> {
        let ends = Request::of(ctx).loaders.transfers.load_one(self.row.id).await?;
        Ok(ends.and_then(|ends| ends.from).map(|id| id.to_string().into()))
    }

    /// The identifier of the enrolment in the edition that the person was transferred to; null when they were not, or
    /// when it is not to be seen.
    async fn transferred_to(&self, ctx: &Context<'_>) -> ApiResult<Option<ID>> {
        let ends = Request::of(ctx).loaders.transfers.load_one(self.row.id).await?;
        Ok(ends.and_then(|ends| ends.to).map(|id| id.to_string().into()))
    }

    /// The mean of what the assessors found in the application, of 100; for coordinators of the edition, null for
    /// anybody else, for your own, and where nobody has scored it by the present criteria.
    async fn score(&self, ctx: &Context<'_>) -> ApiResult<Option<Decimal>> {
        let Some(mean) = self.row.mean() else { return Ok(None) };
        let request = Request::of(ctx);
        let relation = Box::pin(self.relation(request)).await?;
        Ok(request
            .may(Action::SeeScores, relation)
            .then(|| Decimal::thousandths(mean)))
    }

    /// Everything that assessors found in the application, the oldest first; once there are 100, no more are
    /// taken. For coordinators of the edition, null for anybody else, and for your own.
    async fn scores(&self, ctx: &Context<'_>) -> ApiResult<Option<Vec<super::scoring::ApplicationScore>>> {
        let request = Request::of(ctx);
        let relation = Box::pin(self.relation(request)).await?;
        if !request.may(Action::SeeScores, relation) {
            return Ok(None);
        }
        let (edition, own) = (self.row.edition_id, self.row.id);
        let found = Box::pin(super::scoring::of_enrolment(ctx, edition, own)).await?;
        Ok(Some(found))
    }

    /// The weighted grade of the completion, of 100; null before it is decided.
    fn grade(&self) -> Option<Decimal> {
        self.row.grade.map(Decimal::thousandths)
    }

    /// The outcome with its reasons; null before it is decided.
    async fn completion(&self, ctx: &Context<'_>) -> ApiResult<Option<super::completion::Completion>> {
        super::completion::of_enrolment(ctx, self.row.id).await
    }

    /// The team; null as long as the person is in none, or when it is not to be seen.
    async fn team(&self, ctx: &Context<'_>) -> ApiResult<Option<super::team::Team>> {
        super::team::of_enrolment(ctx, self.row.id).await
    }

    /// Every state that it entered, the oldest first.
    async fn history(&self, ctx: &Context<'_>) -> ApiResult<Vec<StateChange>> {
        super::history::of(ctx, self.row.id.0).await
    }

    /// To be sent back with a decision; rises with every change.
    fn version(&self) -> i64 {
        self.row.version
    }
}

/// Queries about enrolments.
#[derive(Default)]
pub struct EnrolmentQuery;

#[Object]
impl EnrolmentQuery {
    /// The enrolment with this identifier; null when there is none that you may see.
    async fn enrolment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its identifier, `enr_…`.")] id: ID,
    ) -> ApiResult<Option<Enrolment>> {
        let request = Request::of(ctx);
        let id: EnrolmentId = id::argument("id", &id)?;
        Ok(service::enrolment::find(&request.app, &request.actor, id)
            .await?
            .map(Enrolment::from))
    }

    /// Your own enrolments, the latest application first.
    async fn my_enrolments(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor, up to 12,000 characters as it came.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor, up to 12,000 characters as it came.")] before: Option<String>,
    ) -> ApiResult<PageOf<Quick<Enrolment>>> {
        let request = Request::of(ctx);
        let person: PersonId = request.actor.signed_in()?;
        let wanted = Arguments::new(first, after, last, before).wanted()?;
        let page = store::page_of_person(request.app.db.read(), person, &wanted).await?;
        Ok(connection(page, store::page_place, |row| Quick(row.into())))
    }
}

/// Changes of enrolments.
#[derive(Default)]
pub struct EnrolmentMutation;

#[Object]
impl EnrolmentMutation {
    /// Applies to an edition: confirmed at once, waiting for approval, or for a seat, as its policy says. What its
    /// `applicationForm` requires comes with it in `application`.
    async fn apply_to_edition(
        &self,
        ctx: &Context<'_>,
        input: ApplyToEditionInput,
    ) -> ApiResult<ApplyToEditionPayload> {
        let request = Request::of(ctx);
        let run = async {
            let mut faults = Faults::default();
            let edition: Option<EditionId> = id::parse(&mut faults, "editionId", &input.edition_id);
            let said = read_application(&mut faults, &input.motivation, input.application.as_ref());
            let (edition, said) = faults.whole(edition.zip(said))?;
            service::enrolment::apply(&request.app, &request.actor, edition, &said).await
        };
        ApplyToEditionPayload::of(Box::pin(run).await, Enrolment::from)
    }

    /// Withdraws an enrolment; a freed seat passes to the next in line at once. No more once its edition is over.
    async fn withdraw_enrolment(
        &self,
        ctx: &Context<'_>,
        input: WithdrawEnrolmentInput,
    ) -> ApiResult<WithdrawEnrolmentPayload> {
        let request = Request::of(ctx);
        let run = async {
            let mut faults = Faults::default();
            let id = id::parse(&mut faults, "enrolmentId", &input.enrolment_id);
            let reason = reason::read_optional(&mut faults, input.reason.as_deref());
            let (id, reason) = faults.whole(id.zip(reason))?;
            service::enrolment::withdraw(&request.app, &request.actor, id, input.version, reason.as_ref()).await
        };
        WithdrawEnrolmentPayload::of(Box::pin(run).await, Enrolment::from)
    }
}
