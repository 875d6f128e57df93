//! Editions in the API.

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, NaiveDate, Utc};

use super::course::Course;
use super::decimal::Decimal;
use super::enrolment::{Enrolment, EnrolmentFilter, EnrolmentOrder};
use super::enums::{EditionState, EnrolmentPolicy, Language, Modality, SubmissionState};
use super::error::ApiResult;
use super::invitation::{Invitation, InvitationFilter};
use super::page::{Arguments, PageOf, connection};
use super::plain::Quick;
use super::request::Request;
use super::scoring::AdmissionCriteria;
use super::{id, reason};
use crate::domain::id::{CourseId, EditionId};
use crate::domain::policy::{Action, Relation};
use crate::domain::text::ShortCode;
use crate::error::{Code, Error, Faults};
use crate::service;
use crate::store::edition;

mod input;

pub use input::{
    CopyEditionInput, CopyEditionPayload, CreateEditionInput, CreateEditionPayload, EditionFilter, EditionInput,
    MoveEditionInput, MoveEditionPayload, UpdateEditionInput, UpdateEditionPayload,
};

/// One run of a course.
pub struct Edition(pub edition::Model);

impl Edition {
    /// The edition, if the viewer sees it in the catalogue or coordinates it; through the loader of the request.
    pub async fn seen(request: &Request, id: EditionId) -> ApiResult<Option<Self>> {
        let found = request.loaders.editions.load_one(id).await?;
        let seen = found.filter(|row| {
            let coordinates = service::edition::relation(&request.actor, row);
            row.state.is_published() && request.may(Action::BrowseCatalogue, Relation::NONE)
                || request.may(Action::SeeUnpublished, coordinates)
        });
        Ok(seen.map(Self))
    }
}

/// One run of a course: its dates, its seats, who takes part. Days and deadlines are meant in `timeZone`.
#[Object]
impl Edition {
    /// Global identifier, `edn_…`.
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// A unique short code, such as `BDG-2022`.
    fn code(&self) -> &str {
        &self.0.code
    }

    /// The course that is given.
    async fn course(&self, ctx: &Context<'_>) -> ApiResult<Course> {
        let found = Request::of(ctx).loaders.courses.load_one(self.0.course_id).await?;
        Ok(Course(
            found.ok_or_else(|| Error::internal("an edition without course"))?,
        ))
    }

    /// The languages in which it is given.
    fn languages(&self) -> Vec<Language> {
        self.0.languages().into_iter().map(Into::into).collect()
    }

    /// The IANA zone in which days and deadlines are meant, such as `America/Montevideo`.
    fn time_zone(&self) -> &str {
        &self.0.time_zone
    }

    /// First day.
    fn starts_on(&self) -> NaiveDate {
        self.0.starts_on
    }

    /// Last day.
    fn ends_on(&self) -> NaiveDate {
        self.0.ends_on
    }

    /// From when applications are taken.
    fn enrols_from(&self) -> DateTime<Utc> {
        self.0.enrols_from
    }

    /// Until when applications are taken.
    fn enrols_until(&self) -> DateTime<Utc> {
        self.0.enrols_until
    }

    /// How many seats there are; null for as many as come.
    fn capacity(&self) -> Option<i64> {
        self.0.capacity
    }

    /// How many seats are taken by confirmed and active enrolments.
    fn seats_taken(&self) -> i64 {
        self.0.seats_taken
    }

    /// How many seats are free for anybody; null for as many as come.
    fn seats_free(&self) -> Option<i64> {
        self.0.seats().free()
    }

    /// Its seats: what is given out, and what is kept for whom.
    fn seats(&self) -> super::seat::EditionSeats {
        super::seat::EditionSeats(Box::new(self.0.clone()))
    }

    /// For how many hours a seat that becomes free is offered to the next in line; null where they have it at once.
    fn offer_hours(&self) -> Option<i64> {
        self.0.offer_hours
    }

    /// How many participants it needs to take place.
    fn minimum(&self) -> i64 {
        self.0.minimum
    }

    /// How participants meet.
    fn modality(&self) -> Modality {
        self.0.modality.into()
    }

    /// What happens to an application.
    fn policy(&self) -> EnrolmentPolicy {
        self.0.policy.into()
    }

    /// Where it stands.
    fn state(&self) -> EditionState {
        self.0.state.into()
    }

    /// The states that one step leads to.
    fn next_states(&self) -> Vec<EditionState> {
        self.0.state.next().iter().map(|&state| state.into()).collect()
    }

    /// The grade from which an enrolment is completed, of 100.
    fn pass_mark(&self) -> Decimal {
        Decimal::thousandths(self.0.pass_mark)
    }

    /// Whether tutors release the grades of their teams themselves.
    fn tutors_release(&self) -> bool {
        self.0.tutors_release
    }

    /// Whether a second focal point of an institution endorses each of its nominations before the nominee is written
    /// to.
    fn endorses_nominations(&self) -> bool {
        self.0.endorses_nominations
    }

    /// What it asks those who apply; null where it asks nothing but why. Its version is not the edition's.
    async fn application_form(&self, ctx: &Context<'_>) -> ApiResult<Option<super::form::ApplicationForm>> {
        super::form::of_edition(ctx, &self.0).await
    }

    /// To be sent back with an update; rises with every change.
    fn version(&self) -> i64 {
        self.0.version
    }

    /// Your own latest enrolment in it; null when there is none, or when you have not signed in.
    async fn my_enrolment(&self, ctx: &Context<'_>) -> ApiResult<Option<Enrolment>> {
        let request = Request::of(ctx);
        Ok(service::enrolment::mine(&request.app, &request.actor, self.0.id)
            .await?
            .map(Enrolment::from))
    }

    /// Its enrolments that exist for you, the oldest application first, or in another order.
    #[allow(
        clippy::too_many_arguments,
        reason = "the arguments of a connection, and in which order it is"
    )]
    async fn enrolments(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which of them.")] filter: Option<EnrolmentFilter>,
        #[graphql(
            desc = "In which order; a cursor leads on in the order in which it was given.",
            default_with = "Some(EnrolmentOrder::default())"
        )]
        // None for null, and for a variable without a value, to which the library gives no default.
        order: Option<EnrolmentOrder>,
        #[graphql(desc = "How many from the start, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor, up to 12,000 characters as it came.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor, up to 12,000 characters as it came.")] before: Option<String>,
    ) -> ApiResult<PageOf<Quick<Enrolment>>> {
        let arguments = Arguments::new(first, after, last, before);
        super::enrolment::page_of_edition(ctx, &self.0, filter, order.unwrap_or_default(), arguments).await
    }

    /// The criteria by which applications are scored; for its coordinators, null for anybody else, and where it has
    /// none.
    async fn admission_criteria(&self, ctx: &Context<'_>) -> ApiResult<Option<AdmissionCriteria>> {
        let request = Request::of(ctx);
        if !request.may(Action::SeeScores, service::edition::relation(&request.actor, &self.0)) {
            return Ok(None);
        }
        super::scoring::of_edition(ctx, self.0.id).await
    }

    /// Its teams that exist for you, by name, whatever its case and accents.
    async fn teams(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor, up to 12,000 characters as it came.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor, up to 12,000 characters as it came.")] before: Option<String>,
    ) -> ApiResult<super::team::Teams> {
        super::team::page_of_edition(ctx, self.0.id, Arguments::new(first, after, last, before)).await
    }

    /// The invitations to take part in it and to be its tutor, the newest first; for its coordinators.
    async fn invitations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which of them.")] filter: Option<InvitationFilter>,
        #[graphql(desc = "How many from the start, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor, up to 12,000 characters as it came.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor, up to 12,000 characters as it came.")] before: Option<String>,
    ) -> ApiResult<PageOf<Invitation>> {
        let arguments = Arguments::new(first, after, last, before);
        let filter = filter.unwrap_or_default().read()?.of_edition(self.0.id);
        super::invitation::page(ctx, &filter, arguments).await
    }

    /// What it asks for, by due date; for who takes part in it, accompanies or coordinates it.
    async fn deliverables(&self, ctx: &Context<'_>) -> ApiResult<Vec<super::deliverable::Deliverable>> {
        super::deliverable::of_edition(ctx, self.0.id).await
    }

    /// Its submissions that exist for you, in the order in which they were begun.
    async fn submissions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "In one of these states, 1 to 1,000 of them; for coordinators.")] states: Option<
            Vec<SubmissionState>,
        >,
        #[graphql(desc = "How many from the start, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor, up to 12,000 characters as it came.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor, up to 12,000 characters as it came.")] before: Option<String>,
    ) -> ApiResult<super::submission::Submissions> {
        let arguments = Arguments::new(first, after, last, before);
        super::submission::page_of_edition(ctx, self.0.id, states, arguments).await
    }
}

/// Queries about editions.
#[derive(Default)]
pub struct EditionQuery;

#[Object]
impl EditionQuery {
    /// The edition with this identifier or this code; null when there is none that you may see.
    async fn edition(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its identifier, `edn_…`.")] id: Option<ID>,
        #[graphql(desc = "Its code, where no identifier is given; up to 40 characters (NFC).")] code: Option<String>,
    ) -> ApiResult<Option<Edition>> {
        let request = Request::of(ctx);
        let Request { app, actor, .. } = request;
        let found = match (id, code) {
            (Some(id), _) => {
                let id: EditionId = id::argument("id", &id)?;
                service::edition::find(app, actor, id).await?
            }
            (None, Some(code)) => {
                let mut faults = Faults::default();
                let code = faults.take_argument("code", ShortCode::parse(&code));
                let code = code.ok_or_else(|| Error::from(faults))?;
                service::edition::find_by_code(app, actor, code.as_ref()).await?
            }
            (None, None) => {
                let mut faults = Faults::default();
                faults.take_argument::<()>("id", Err(Code::Required));
                return Err(Error::from(faults).into());
            }
        };
        Ok(found.map(Edition))
    }

    /// The catalogue: the editions that you may see, the latest first day first.
    async fn editions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which of them.")] filter: Option<EditionFilter>,
        #[graphql(desc = "How many from the start, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor, up to 12,000 characters as it came.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor, up to 12,000 characters as it came.")] before: Option<String>,
    ) -> ApiResult<PageOf<Edition>> {
        let request = Request::of(ctx);
        let wanted = Arguments::new(first, after, last, before).wanted()?;
        let filter = filter.unwrap_or_default().read()?;
        let page = edition::page(request.app.db.read(), &request.actor, &filter, &wanted).await?;
        Ok(connection(page, edition::page_place, Edition))
    }
}

/// Changes of editions.
#[derive(Default)]
pub struct EditionMutation;

#[Object]
impl EditionMutation {
    /// Plans an edition of a course, as a draft. For coordinators of the course.
    async fn create_edition(&self, ctx: &Context<'_>, input: CreateEditionInput) -> ApiResult<CreateEditionPayload> {
        let request = Request::of(ctx);
        let run = async {
            let mut faults = Faults::default();
            let course: Option<CourseId> = id::parse(&mut faults, "courseId", &input.course_id);
            let draft = input.edition.draft(&mut faults);
            let (course, draft) = faults.whole(course.zip(draft))?;
            service::edition::create(&request.app, &request.actor, course, &draft).await
        };
        CreateEditionPayload::of(Box::pin(run).await, Edition)
    }

    /// Plans an edition like an earlier one, as a draft: its languages, zone, seats and for whom they are kept, rules,
    /// the form by which people apply, the criteria by which applications are scored, deliverables with their rubrics,
    /// and meetings, with every date moved by as many days. People, teams, roles and work stay where they are. For who
    /// may plan both.
    async fn copy_edition(&self, ctx: &Context<'_>, input: CopyEditionInput) -> ApiResult<CopyEditionPayload> {
        let request = Request::of(ctx);
        let run = async { service::edition::copy::copy(&request.app, &request.actor, input.read()?).await };
        CopyEditionPayload::of(Box::pin(run).await, Edition)
    }

    /// Changes an edition; more seats go to those who wait, at once, until it runs. Once it is published, everybody in
    /// it and its tutors get a message when its days or its zone change. For its coordinators.
    async fn update_edition(&self, ctx: &Context<'_>, input: UpdateEditionInput) -> ApiResult<UpdateEditionPayload> {
        let request = Request::of(ctx);
        let run = async {
            let mut faults = Faults::default();
            let id = id::parse(&mut faults, "editionId", &input.edition_id);
            let draft = input.edition.draft(&mut faults);
            let (id, draft) = faults.whole(id.zip(draft))?;
            service::edition::update(&request.app, &request.actor, id, input.version, &draft).await
        };
        UpdateEditionPayload::of(Box::pin(run).await, Edition)
    }

    /// Takes an edition one step along its states, and its enrolments with it. To cancel it tells everybody whom it
    /// concerns, and ends the invitations to it. Time takes the steps up to `GRADING` by itself, on the days and at
    /// the instants of the edition. For its coordinators.
    async fn move_edition(&self, ctx: &Context<'_>, input: MoveEditionInput) -> ApiResult<MoveEditionPayload> {
        let request = Request::of(ctx);
        let run = async {
            let mut faults = Faults::default();
            let id = id::parse(&mut faults, "editionId", &input.edition_id);
            let reason = reason::read_optional(&mut faults, input.reason.as_deref());
            let (id, reason) = faults.whole(id.zip(reason))?;
            let to = input.to.into();
            service::edition::step(&request.app, &request.actor, id, input.version, to, reason.as_ref()).await
        };
        MoveEditionPayload::of(Box::pin(run).await, Edition)
    }
}
