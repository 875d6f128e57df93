//! Editions: the runs of a course, and their seats.

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::LockType;
use sea_orm::{Condition, JoinType, NotSet, QueryOrder, QuerySelect, Set};

use super::page::{Key, Page, Place, Wanted, fetch};
use super::{Tx, course, row, unique_or};
use crate::domain::actor::{Actor, Reach};
use crate::domain::edition::{Calendar, EditionDraft, EditionState, EnrolmentPolicy, Modality, Seats};
use crate::domain::id::{CourseId, EditionId};
use crate::domain::language::Language;
use crate::domain::notice::AboutEdition;
use crate::domain::text::SearchText;
use crate::error::{Code, Error, Result};

mod code;
pub mod passing;
pub mod reach;
pub mod search;

pub use code::{by_codes, find_by_code};

/// One run of a course.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "edition")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: EditionId,
    pub course_id: CourseId,
    pub code: String,
    pub languages: String,
    pub time_zone: String,
    pub starts_on: NaiveDate,
    pub ends_on: NaiveDate,
    pub enrols_from: DateTime<Utc>,
    pub enrols_until: DateTime<Utc>,
    pub capacity: Option<i64>,
    pub minimum: i64,
    pub seats_taken: i64,
    pub seats_held: i64,
    pub seats_kept: i64,
    pub seat_pools: i64,
    pub offer_hours: Option<i64>,
    pub modality: Modality,
    pub policy: EnrolmentPolicy,
    pub state: EditionState,
    pub pass_mark: i64,
    pub tutors_release: bool,
    pub endorses_nominations: bool,
    pub search_text: String,
    pub created_at: DateTime<Utc>,
    pub version: i64,
    pub form_number: i64,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The languages in which it is given.
    pub fn languages(&self) -> Vec<Language> {
        self.languages
            .split(';')
            .filter_map(|code| Language::parse(code).ok())
            .collect()
    }

    /// Its seats.
    pub fn seats(&self) -> Seats {
        Seats {
            capacity: self.capacity,
            taken: self.seats_taken,
            held: self.seats_held,
            kept: self.seats_kept,
        }
    }

    /// As [`EditionState::fills_by_itself`].
    pub fn fills_by_itself(&self) -> bool {
        self.state.fills_by_itself(self.policy)
    }

    /// Its days and instants.
    pub fn calendar(&self) -> Calendar {
        Calendar {
            starts_on: self.starts_on,
            ends_on: self.ends_on,
            enrols_from: self.enrols_from,
            enrols_until: self.enrols_until,
        }
    }

    /// The step that time takes at `now`, where it takes one.
    pub fn due(&self, now: DateTime<Utc>) -> Option<EditionState> {
        self.state.due(&self.calendar(), self.zone(), now)
    }

    /// Its zone.
    pub fn zone(&self) -> chrono_tz::Tz {
        self.time_zone.parse().unwrap_or(chrono_tz::UTC)
    }

    /// What a notice says of it.
    pub fn about(&self, course: &course::Model) -> AboutEdition {
        AboutEdition {
            code: self.code.clone(),
            title: course.titles(),
            starts_on: self.starts_on,
            ends_on: self.ends_on,
            time_zone: self.time_zone.clone(),
            event: self.id.to_string(),
            changes: self.version - 1,
        }
    }
}

/// Which editions of the catalogue are wanted; what is empty does not restrict.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Words in the code, title or description.
    pub text: Option<SearchText>,
    /// Given in this language.
    pub language: Option<Language>,
    /// Ends on this day or later.
    pub from: Option<NaiveDate>,
    /// Starts on this day or earlier.
    pub until: Option<NaiveDate>,
    /// In one of these states.
    pub states: Vec<EditionState>,
    /// Of this course.
    pub course: Option<CourseId>,
}

/// The editions that exist for this actor: the published ones, and drafts that they coordinate.
pub fn visible_to(actor: &Actor) -> Condition {
    let published = Condition::any().add(Column::State.ne(EditionState::Draft));
    match actor.coordinated() {
        Reach::Everywhere => Condition::all(),
        Reach::Within { courses, editions } => published
            .add(Column::CourseId.is_in(courses))
            .add(Column::Id.is_in(editions)),
    }
}

/// The rows with these identifiers, in no order; absent ones are left out.
pub async fn by_ids(connection: &impl ConnectionTrait, ids: &[EditionId]) -> Result<Vec<Model>> {
    Ok(Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .all(connection)
        .await?)
}

/// The edition, if there is one.
pub async fn find(connection: &impl ConnectionTrait, id: EditionId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).one(connection).await?)
}

/// The edition, if it exists for the actor.
pub async fn find_for(connection: &impl ConnectionTrait, actor: &Actor, id: EditionId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).filter(visible_to(actor)).one(connection).await?)
}

/// The edition, if it exists for the actor, locked until the transaction ends.
pub async fn lock_for(tx: &Tx, actor: &Actor, id: EditionId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id)
        .filter(visible_to(actor))
        .lock_exclusive()
        .one(tx)
        .await?)
}

/// The edition, if it exists for the actor, held against changes; others may do so at the same time.
pub async fn hold_for(tx: &Tx, actor: &Actor, id: EditionId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id)
        .filter(visible_to(actor))
        .lock_shared()
        .one(tx)
        .await?)
}

/// The edition with its course, if it exists for the actor; the edition is locked until the transaction ends.
pub async fn lock_with_course(tx: &Tx, actor: &Actor, id: EditionId) -> Result<Option<(Model, course::Model)>> {
    let to_course = Entity::belongs_to(course::Entity)
        .from(Column::CourseId)
        .to(course::Column::Id);
    let mut select = Entity::find_by_id(id)
        .filter(visible_to(actor))
        .join(JoinType::InnerJoin, to_course.into())
        .select_also(course::Entity);
    QuerySelect::query(&mut select).lock_with_tables(LockType::Update, [Entity]);
    let found = select.one(tx).await?;
    Ok(found.and_then(|(edition, course)| Some((edition, course?))))
}

/// The edition, locked until the transaction ends.
pub async fn lock(tx: &Tx, id: EditionId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).lock_exclusive().one(tx).await?)
}

/// Locks the rows with these identifiers for oneself, and reads them.
pub async fn lock_all(tx: &Tx, ids: &[EditionId]) -> Result<Vec<Model>> {
    let rows = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .order_by_asc(Column::Id);
    Ok(rows.lock_exclusive().all(tx).await?)
}

/// Locks the rows with these identifiers against changes, and reads them; others may do so at the same time.
pub async fn hold(tx: &Tx, ids: &[EditionId]) -> Result<Vec<Model>> {
    let rows = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .order_by_asc(Column::Id);
    Ok(rows.lock_shared().all(tx).await?)
}

/// Where a row stands in the list by first day.
pub fn page_place(row: &Model) -> Place {
    Place {
        key: Key::Day(row.starts_on),
        id: row.id.0,
    }
}

/// A page of the editions that exist for the actor, the latest first day first.
pub async fn page(
    connection: &impl ConnectionTrait,
    actor: &Actor,
    filter: &Filter,
    wanted: &Wanted,
) -> Result<Page<Model>> {
    let mut list = Entity::find().filter(visible_to(actor));
    if let Some(text) = &filter.text {
        list = list.filter(row::contains(Column::SearchText, text));
    }
    if let Some(language) = filter.language {
        list = list.filter(Column::Languages.like(format!("%{}%", language.code())));
    }
    if let Some(from) = filter.from {
        list = list.filter(Column::EndsOn.gte(from));
    }
    if let Some(until) = filter.until {
        list = list.filter(Column::StartsOn.lte(until));
    }
    if !filter.states.is_empty() {
        list = list.filter(Column::State.is_in(filter.states.iter().copied()));
    }
    if let Some(course) = filter.course {
        list = list.filter(Column::CourseId.eq(course));
    }
    fetch(connection, list, (Column::StartsOn, Column::Id), true, wanted).await
}

fn active(row: &Model) -> ActiveModel {
    ActiveModel {
        id: Set(row.id),
        course_id: Set(row.course_id),
        code: Set(row.code.clone()),
        languages: Set(row.languages.clone()),
        time_zone: Set(row.time_zone.clone()),
        starts_on: Set(row.starts_on),
        ends_on: Set(row.ends_on),
        enrols_from: Set(row.enrols_from),
        enrols_until: Set(row.enrols_until),
        capacity: Set(row.capacity),
        minimum: Set(row.minimum),
        // Counted by the database, with every change of an enrolment or a pool.
        seats_taken: NotSet,
        seats_held: NotSet,
        seats_kept: NotSet,
        seat_pools: NotSet,
        offer_hours: Set(row.offer_hours),
        modality: Set(row.modality),
        policy: Set(row.policy),
        state: Set(row.state),
        pass_mark: Set(row.pass_mark),
        tutors_release: Set(row.tutors_release),
        endorses_nominations: Set(row.endorses_nominations),
        search_text: Set(row.search_text.clone()),
        created_at: Set(row.created_at),
        version: Set(row.version),
        form_number: Set(row.form_number),
    }
}

/// Writes the draft's values into a row.
pub fn write_draft(row: &mut Model, draft: &EditionDraft, course: &course::Model) {
    row.code = draft.code.to_string();
    row.languages = draft
        .languages
        .iter()
        .map(|language| language.code())
        .collect::<Vec<_>>()
        .join(";");
    draft.time_zone.name().clone_into(&mut row.time_zone);
    row.starts_on = draft.calendar.starts_on;
    row.ends_on = draft.calendar.ends_on;
    row.enrols_from = draft.calendar.enrols_from;
    row.enrols_until = draft.calendar.enrols_until;
    row.capacity = draft.capacity;
    row.minimum = draft.minimum;
    row.modality = draft.modality;
    row.policy = draft.policy;
    row.pass_mark = draft.pass_mark;
    row.tutors_release = draft.tutors_release;
    row.endorses_nominations = draft.endorses_nominations;
    row.offer_hours = draft.offer_hours;
    row.search_text = search::text(&row.code, &course.search_text);
}

/// A row for a new edition, not yet stored.
pub fn new_row(id: EditionId, course: &course::Model, draft: &EditionDraft, now: DateTime<Utc>) -> Model {
    let mut row = Model {
        id,
        course_id: course.id,
        code: String::new(),
        languages: String::new(),
        time_zone: String::new(),
        starts_on: draft.calendar.starts_on,
        ends_on: draft.calendar.ends_on,
        enrols_from: draft.calendar.enrols_from,
        enrols_until: draft.calendar.enrols_until,
        capacity: None,
        minimum: 0,
        seats_taken: 0,
        seats_held: 0,
        seats_kept: 0,
        seat_pools: 0,
        offer_hours: None,
        modality: draft.modality,
        policy: draft.policy,
        state: EditionState::Draft,
        pass_mark: 0,
        tutors_release: false,
        endorses_nominations: false,
        search_text: String::new(),
        created_at: now,
        version: 1,
        form_number: 0,
    };
    write_draft(&mut row, draft, course);
    row
}

/// Stores a new edition, whose code stands at `code_at` in the input.
///
/// # Errors
/// [`Code::Taken`] when another edition has the code.
pub async fn insert(tx: &Tx, row: &Model, code_at: &str) -> Result<()> {
    let new = ActiveModel {
        seats_taken: Set(0),
        ..active(row)
    };
    Entity::insert(new)
        .exec_without_returning(tx)
        .await
        .map_err(unique_or(Error::at(code_at, Code::Taken)))?;
    Ok(())
}

/// Stores a locked edition as it now is; its version rises by one.
///
/// # Errors
/// [`Code::Taken`] when another edition has the code.
pub async fn update(tx: &Tx, row: &mut Model) -> Result<()> {
    row.version += 1;
    Entity::update(active(row))
        .exec(tx)
        .await
        .map_err(unique_or(Error::at("edition.code", Code::Taken)))?;
    Ok(())
}
