//! Subscriptions. Each field follows something and gives what it is now; `http::socket` asks again when it has changed.

use async_graphql::{Context, ID, Object, SimpleObject};
use futures_util::Stream;
use futures_util::stream;

use super::enrolment::Enrolment;
use super::enums::{EditionState, EnrolmentState};
use super::error::ApiError;
use super::id;
use super::page::{Arguments, PageOf, connection};
use super::plain::Quick;
use super::request::Request;
use super::table_import::TableImport;
use crate::domain::enrolment;
use crate::domain::id::{EditionId, TableImportId};
use crate::error::Error;
use crate::service::edition::figures;
use crate::service::roster::job;
use crate::store::announce::Topic;
use crate::store::enrolment as store;

/// How an edition fills. The counts are of one instant, so they add up.
pub struct EditionFigures(figures::EditionFigures);

/// How many applications stand so.
#[derive(SimpleObject)]
pub struct StatusFigure {
    /// Where they stand.
    status: EnrolmentState,
    /// How many there are.
    applications: i64,
}

/// How an edition fills. The counts are of one instant, so they add up.
#[Object]
impl EditionFigures {
    /// The edition, `edn_…`.
    async fn edition_id(&self) -> ID {
        self.0.edition.id.to_string().into()
    }

    /// Where the edition stands.
    async fn state(&self) -> EditionState {
        self.0.edition.state.into()
    }

    /// How many seats there are; null for as many as come.
    async fn capacity(&self) -> Option<i64> {
        self.0.edition.capacity
    }

    /// How many seats are taken by confirmed and active enrolments.
    async fn seats_taken(&self) -> i64 {
        self.0.count(enrolment::EnrolmentState::takes_seat)
    }

    /// How many seats are free for anybody: neither taken, nor held for whom they are offered to, nor kept by a pool;
    /// null for as many as come.
    async fn seats_free(&self) -> Option<i64> {
        self.0.edition.seats().free()
    }

    /// How many wait for a seat, also those to whom one is offered now.
    async fn waiting(&self) -> i64 {
        self.0.count(|state| state == enrolment::EnrolmentState::Waitlisted)
    }

    /// All applications, whatever became of them: the sum of `byStatus`.
    async fn applications(&self) -> i64 {
        self.0.count(|_| true)
    }

    /// How many there are in each state, in the order of the states; also those in which there are none.
    async fn by_status(&self) -> Vec<StatusFigure> {
        let of = |state: &enrolment::EnrolmentState| StatusFigure {
            status: (*state).into(),
            applications: self.0.count(|found| found == *state),
        };
        enrolment::EnrolmentState::ALL.iter().map(of).collect()
    }
}

/// Everything that can be followed, over the WebSocket. Each field gives at once what there is, and again after every
/// change; changes that follow each other closely come in one value, and the last is never left out. A value that says
/// the same as the one before it is not sent. What you may see is judged again at every value and in between: when you
/// may not any more, the subscription ends with an error.
pub struct Subscription;

/// Everything that can be followed, over the WebSocket. Each field gives at once what there is, and again after every
/// change; changes that follow each other closely come in one value, and the last is never left out. A value that says
/// the same as the one before it is not sent. What you may see is judged again at every value and in between: when you
/// may not any more, the subscription ends with an error.
#[async_graphql::Subscription]
impl Subscription {
    /// How an edition fills: its seats, and how many there are in each state. For its coordinators and for
    /// administrators.
    async fn edition_figures(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The edition, `edn_…`.")] edition_id: ID,
    ) -> Result<impl Stream<Item = EditionFigures>, ApiError> {
        let request = Request::of(ctx);
        let edition: EditionId = id::argument("editionId", &edition_id)?;
        request.follow(Topic::Edition(edition));
        let found = figures::of(&request.app, &request.actor, edition).await?;
        Ok(stream::iter([EditionFigures(found)]))
    }

    /// Your own enrolments, the latest application first, as `myEnrolments` of a query gives them. A value comes when
    /// one of them has changed, or was made.
    async fn my_enrolments(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many of the latest, 1 to 100.")] first: i32,
    ) -> Result<impl Stream<Item = PageOf<Quick<Enrolment>>>, ApiError> {
        let request = Request::of(ctx);
        let person = request.actor.signed_in()?;
        let wanted = Arguments::new(Some(first), None, None, None).wanted()?;
        request.follow(Topic::Person(person));
        let page = store::page_of_person(request.app.db.read(), person, &wanted).await?;
        let page = connection(page, store::page_place, |row| Quick(row.into()));
        Ok(stream::iter([page]))
    }

    /// How far a table is that you bring in, and in the end how many rows became what; `tableImportRows` has each. For
    /// whoever asked for it.
    async fn table_import(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Identifier, `imp_…`.")] id: ID,
    ) -> Result<impl Stream<Item = TableImport>, ApiError> {
        let request = Request::of(ctx);
        let id: TableImportId = id::argument("id", &id)?;
        request.follow(Topic::Import(id));
        let found = job::find(&request.app, &request.actor, id).await?;
        let found = found.ok_or(Error::NotFound("id"))?;
        Ok(stream::iter([TableImport(found)]))
    }
}
