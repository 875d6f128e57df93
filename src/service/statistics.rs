//! Statistics: one question, answered exactly for those who may see the rows behind the figures.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::app::App;
use crate::domain::actor::{Actor, Reach, Role};
use crate::domain::id::{CourseId, EditionId, InstitutionId};
use crate::domain::policy::{self, Action, Relation, demand};
use crate::domain::statistics::{Dimension, Figures, Filter, Measure};
use crate::error::{Code, Error, Fault, Result};
use crate::store::statistics::{self as store, Distinct, Figure, GroupKey, Part, Scope};
use crate::store::{Connection, allocation, course, edition, institution};

/// The most groups of one answer.
pub const ROW_LIMIT: usize = 10_000;
/// How many groups are read at most: by one more than may be answered it shows that there are too many.
const ROWS_READ: u64 = ROW_LIMIT as u64 + 1;

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// The dimensions that divide the figures, each at most once.
    pub by: Vec<Dimension>,
    /// What restricts them.
    pub filter: Filter,
    /// An earlier instant, `None` for the present.
    pub as_at: Option<DateTime<Utc>>,
    /// Which figures are wanted.
    pub figures: Vec<Figure>,
    /// Which other measures are wanted; only those that cost more than a sum count here.
    pub measures: BTreeSet<Measure>,
}

/// The figures of one group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// The group; empty for the total.
    pub key: GroupKey,
    /// The counts.
    pub figures: Figures,
    /// Distinct people.
    pub participants: i64,
    /// Distinct institutions.
    pub institutions: i64,
    /// Distinct countries.
    pub countries: i64,
    /// Meetings and their minutes; `None` where they cannot be divided so.
    pub meetings: Option<(i64, i64)>,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The groups in which anything is counted.
    pub rows: Vec<Row>,
    /// All of them together.
    pub total: Row,
    /// The instant as at which the figures hold.
    pub as_at: DateTime<Utc>,
}

/// Answers a question from one consistent state of the database.
///
/// # Errors
/// [`Error::NotFound`] for an edition out of the actor's reach; [`Code::Repeated`] for a dimension named again;
/// [`Code::OutOfRange`] for an instant in the future or more than [`ROW_LIMIT`] groups.
pub async fn ask(app: &App, actor: &Actor, question: &Question) -> Result<Answer> {
    let now = app.clock.now();
    check(question, now)?;
    if question.measures.is_empty() {
        // The figures come from one statement, which sees one state by itself.
        return answer(app.db.read(), actor, question, now).await;
    }
    let snapshot = app.db.snapshot().await?;
    let answer = answer(&snapshot, actor, question, now).await?;
    snapshot.commit().await?;
    Ok(answer)
}

async fn answer(tx: &impl Connection, actor: &Actor, question: &Question, now: DateTime<Utc>) -> Result<Answer> {
    let reach = reach(tx, actor, question).await?;
    let scope = Scope {
        filter: &question.filter,
        reach: &reach,
        as_at: question.as_at,
    };
    let as_at = question.as_at.unwrap_or(now);
    let mut groups = read_groups(tx, &scope, question, as_at).await?;
    let total = read_total(tx, &scope, question, as_at, &mut groups).await?;
    let rows = sorted(tx, &question.by, groups.into_values().collect()).await?;
    Ok(Answer { rows, total, as_at })
}

/// Refuses more groups than one answer holds, before anything else is read of them.
fn few(groups: &BTreeMap<GroupKey, Row>) -> Result<()> {
    if groups.len() > ROW_LIMIT {
        return Err(fault("by", Code::OutOfRange).with(ROW_LIMIT).into());
    }
    Ok(())
}

/// A fault of an argument of the query, which has no `input`.
fn fault(argument: &str, code: Code) -> Fault {
    Fault {
        code,
        path: argument.split('.').map(str::to_owned).collect(),
        detail: None,
    }
}

fn check(question: &Question, now: DateTime<Utc>) -> Result<()> {
    let mut named = BTreeSet::new();
    if let Some(again) = question.by.iter().position(|dimension| !named.insert(dimension)) {
        return Err(fault(&format!("by.{again}"), Code::Repeated).into());
    }
    if question.as_at.is_some_and(|instant| instant > now) {
        return Err(fault("asAt", Code::OutOfRange)
            .with(format!("≤ {}", now.to_rfc3339()))
            .into());
    }
    if let Some(period) = question.filter.period
        && period.to < period.from
    {
        return Err(fault("filter.period.to", Code::DatesOutOfOrder)
            .with(period.from)
            .into());
    }
    Ok(())
}

/// The editions that the actor may count: all for an administrator, those they coordinate, and, where totals only are
/// asked for, those in which they are tutor.
async fn reach(tx: &impl Connection, actor: &Actor, question: &Question) -> Result<Reach> {
    if policy::may(actor, Action::ReadStatistics, Relation::NONE) {
        return Ok(Reach::Everywhere);
    }
    let charged = if actor.holds(Role::Tutor) && is_plain(question) {
        allocation::editions_of(tx, actor).await?
    } else {
        Vec::new()
    };
    let assigned = Relation {
        assigned: !charged.is_empty(),
        ..Relation::NONE
    };
    let reach = match actor.coordinated() {
        Reach::Within { courses, mut editions } if !(courses.is_empty() && editions.is_empty()) => {
            if policy::may(actor, Action::ReadTotals, assigned) {
                editions.extend(charged);
            }
            Reach::Within { courses, editions }
        }
        Reach::Everywhere => return Ok(Reach::Everywhere),
        Reach::Within { .. } if actor.holds(Role::Tutor) && is_plain(question) => {
            demand(actor, Action::ReadTotals, assigned, None)?;
            Reach::Within {
                courses: Vec::new(),
                editions: charged,
            }
        }
        Reach::Within { .. } => {
            demand(actor, Action::ReadStatistics, Relation::NONE, None)?;
            return Err(Error::Forbidden);
        }
    };
    within(tx, &reach, question).await?;
    Ok(reach)
}

/// Whether only totals of editions are asked for.
fn is_plain(question: &Question) -> bool {
    let demographic = [Figure::Women, Figure::Men, Figure::Another, Figure::NotStated];
    question.by.iter().all(|dimension| dimension.is_of_edition())
        && !question.filter.is_personal()
        && !question.figures.iter().any(|figure| demographic.contains(figure))
}

/// An edition out of reach is answered as one that does not exist.
async fn within(tx: &impl Connection, reach: &Reach, question: &Question) -> Result<()> {
    let named = edition::by_ids(tx, &question.filter.editions).await?;
    let known = named.iter().filter(|row| reach.covers(row.course_id, row.id)).count();
    if known != question.filter.editions.iter().collect::<BTreeSet<_>>().len() {
        return Err(Error::NotFound("filter.editions"));
    }
    Ok(())
}

async fn read_groups(
    tx: &impl Connection,
    scope: &Scope<'_>,
    question: &Question,
    as_at: DateTime<Utc>,
) -> Result<BTreeMap<GroupKey, Row>> {
    let by = &question.by;
    let mut groups: BTreeMap<GroupKey, Row> = store::figures(tx, scope, by, &question.figures, ROWS_READ)
        .await?
        .into_iter()
        .map(|(key, figures)| {
            (
                key.clone(),
                Row {
                    key,
                    figures,
                    ..Row::default()
                },
            )
        })
        .collect();
    few(&groups)?;
    if by.is_empty() {
        groups.entry(Vec::new()).or_default();
    }
    for (measure, of) in [
        (Measure::Institutions, Distinct::Institutions),
        (Measure::Countries, Distinct::Countries),
    ] {
        if !question.measures.contains(&measure) {
            continue;
        }
        for (key, count) in store::distinct(tx, scope, by, of).await? {
            if let Some(row) = groups.get_mut(&key) {
                *place(row, of) = count;
            }
        }
    }
    if question.measures.contains(&Measure::Meetings) && meetings_divide(scope.filter, by) {
        let mut meetings = store::meetings(tx, scope, by, as_at, ROWS_READ).await?;
        for (key, row) in &mut groups {
            row.meetings = Some(meetings.remove(key).unwrap_or_default());
        }
        for (key, figures) in meetings {
            groups.insert(
                key.clone(),
                Row {
                    key,
                    meetings: Some(figures),
                    ..Row::default()
                },
            );
        }
        few(&groups)?;
    }
    Ok(groups)
}

/// Sums what adds up, and counts anew what does not.
async fn read_total(
    tx: &impl Connection,
    scope: &Scope<'_>,
    question: &Question,
    as_at: DateTime<Utc>,
    groups: &mut BTreeMap<GroupKey, Row>,
) -> Result<Row> {
    let mut total = Row::default();
    for row in groups.values() {
        total.figures += row.figures;
    }
    if question.measures.contains(&Measure::Participants) {
        let (people, all) = store::people(tx, scope, &question.by).await?;
        for (key, count) in people {
            if let Some(row) = groups.get_mut(&key) {
                row.participants = count;
            }
        }
        total.participants = all;
    }
    for (measure, of) in [
        (Measure::Institutions, Distinct::Institutions),
        (Measure::Countries, Distinct::Countries),
    ] {
        if question.measures.contains(&measure) {
            *place(&mut total, of) = store::distinct(tx, scope, &[], of).await?.into_values().sum();
        }
    }
    if question.measures.contains(&Measure::Meetings) && meetings_divide(scope.filter, &[]) {
        total.meetings = store::meetings(tx, scope, &[], as_at, 1).await?.into_values().next();
    }
    Ok(total)
}

fn place(row: &mut Row, of: Distinct) -> &mut i64 {
    match of {
        Distinct::Institutions => &mut row.institutions,
        Distinct::Countries => &mut row.countries,
    }
}

fn meetings_divide(filter: &Filter, by: &[Dimension]) -> bool {
    !filter.is_personal() && by.iter().all(|dimension| dimension.is_of_edition())
}

/// Puts the groups in the order of a printed table: editions by first day, courses by code,
/// institutions by name, everything else by its word.
async fn sorted(tx: &impl Connection, by: &[Dimension], mut rows: Vec<Row>) -> Result<Vec<Row>> {
    let names = names(tx, by, &rows).await?;
    rows.sort_by_cached_key(|row| {
        let label = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Id(id) => names.get(id).cloned().unwrap_or_default(),
        };
        row.key.iter().map(label).collect::<Vec<_>>()
    });
    Ok(rows)
}

async fn names(tx: &impl Connection, by: &[Dimension], rows: &[Row]) -> Result<BTreeMap<Uuid, String>> {
    let ids = |dimension: Dimension| -> Vec<Uuid> {
        let Some(place) = by.iter().position(|other| *other == dimension) else {
            return Vec::new();
        };
        let all = rows.iter().filter_map(|row| match row.key.get(place) {
            Some(Part::Id(id)) => Some(*id),
            _ => None,
        });
        all.collect::<BTreeSet<_>>().into_iter().collect()
    };
    let mut names = BTreeMap::new();
    for batch in ids(Dimension::Edition).chunks(10_000) {
        let batch: Vec<_> = batch.iter().copied().map(EditionId).collect();
        let found = edition::by_ids(tx, &batch).await?;
        names.extend(
            found
                .into_iter()
                .map(|row| (row.id.0, format!("{} {}", row.starts_on, row.code))),
        );
    }
    for batch in ids(Dimension::Course).chunks(10_000) {
        let batch: Vec<_> = batch.iter().copied().map(CourseId).collect();
        names.extend(
            course::by_ids(tx, &batch)
                .await?
                .into_iter()
                .map(|row| (row.id.0, row.code)),
        );
    }
    for batch in ids(Dimension::Institution).chunks(10_000) {
        let batch: Vec<_> = batch.iter().copied().map(InstitutionId).collect();
        names.extend(
            institution::by_ids(tx, &batch)
                .await?
                .into_iter()
                .map(|row| (row.id.0, row.name_key)),
        );
    }
    Ok(names)
}
