//! What front ends send of a deliverable.

use async_graphql::{ID, InputObject};
use chrono::{DateTime, Utc};

use crate::api::decimal::Decimal;
use crate::api::enums::DeliverableKind;
use crate::api::id;
use crate::domain::deliverable::{self as domain, DeliverableDraft, Rubric};
use crate::domain::id::EditionId;
use crate::domain::text::{Comment, ShortCode, Title, parse_instant};
use crate::error::{Faults, Result};
use crate::service::deliverable as service;

/// One level of a criterion.
#[derive(InputObject)]
pub struct RubricLevelInput {
    /// What reaching the level is called, up to 200 characters (NFC).
    title: String,
    /// What reaching it gives, 0 to 1000; more than the level below.
    points: Decimal,
}

/// One thing that an assessor looks at.
#[derive(InputObject)]
pub struct RubricCriterionInput {
    /// A short key, unique in the rubric, up to 40 characters (NFC).
    key: String,
    /// What is looked at, up to 200 characters (NFC).
    title: String,
    /// How to look at it, up to 10,000 characters (NFC).
    #[graphql(default)]
    description: String,
    /// 2 to 10 levels, from low to high.
    levels: Vec<RubricLevelInput>,
}

/// What an edition is to ask for.
#[derive(InputObject)]
pub struct CreateDeliverableInput {
    /// Which edition.
    edition_id: ID,
    /// What kind of work.
    kind: DeliverableKind,
    /// Its title, up to 200 characters (NFC).
    title: String,
    /// What to do, up to 10,000 characters (NFC).
    #[graphql(default)]
    instructions: String,
    /// Until when it is to be handed in.
    due_at: DateTime<Utc>,
    /// Until when a late hand-in is taken; not before `dueAt`.
    cut_off_at: DateTime<Utc>,
    /// Its share in the grade of an enrolment, relative to the other deliverables, 1 to 1000.
    #[graphql(default = 1)]
    weight: i64,
    /// 1 to 30 criteria by which it is assessed; all together give up to 1000 points.
    rubric: Vec<RubricCriterionInput>,
}

/// A change of what an edition asks for; what is left out stays.
#[derive(InputObject)]
pub struct UpdateDeliverableInput {
    /// Which deliverable.
    deliverable_id: ID,
    /// The version that you saw.
    version: i64,
    /// Its title, up to 200 characters (NFC).
    title: Option<String>,
    /// What to do, up to 10,000 characters (NFC).
    instructions: Option<String>,
    /// Until when it is to be handed in.
    due_at: Option<DateTime<Utc>>,
    /// Until when a late hand-in is taken; not before `dueAt`. A later one does not open again the drafts that the
    /// earlier one closed: see `closedDrafts` of the deliverable.
    cut_off_at: Option<DateTime<Utc>>,
    /// Its share in the grade of an enrolment, 1 to 1000.
    weight: Option<i64>,
    /// All criteria; they take the place of the present ones.
    rubric: Option<Vec<RubricCriterionInput>>,
}

impl CreateDeliverableInput {
    pub(super) fn read(self) -> Result<(EditionId, DeliverableDraft)> {
        let mut faults = Faults::default();
        let edition = id::parse(&mut faults, "editionId", &self.edition_id);
        let title = faults.take("title", Title::parse(&self.title));
        let instructions = faults.take("instructions", Comment::parse(&self.instructions));
        let due_at = faults.take("dueAt", parse_instant(self.due_at));
        let cut_off_at = faults.take("cutOffAt", parse_instant(self.cut_off_at));
        let rubric = read_rubric(&mut faults, &self.rubric);
        let (Some(title), Some(instructions), Some(rubric)) = (title, instructions, rubric) else {
            return Err(faults.into());
        };
        let (Some(edition), Some(due_at), Some(cut_off_at)) = (edition, due_at, cut_off_at) else {
            return Err(faults.into());
        };
        let draft = DeliverableDraft {
            kind: self.kind.into(),
            title,
            instructions,
            due_at,
            cut_off_at,
            weight: self.weight,
            rubric,
        };
        Ok((edition, draft))
    }
}

impl UpdateDeliverableInput {
    pub(super) fn read(self) -> Result<service::UpdateDeliverable> {
        let mut faults = Faults::default();
        let deliverable = id::parse(&mut faults, "deliverableId", &self.deliverable_id);
        let title = self
            .title
            .as_deref()
            .and_then(|title| faults.take("title", Title::parse(title)));
        let instructions = self
            .instructions
            .as_deref()
            .and_then(|text| faults.take("instructions", Comment::parse(text)));
        let rubric = self
            .rubric
            .as_deref()
            .and_then(|rubric| read_rubric(&mut faults, rubric));
        let due_at = faults.take("dueAt", self.due_at.map(parse_instant).transpose());
        let cut_off_at = faults.take("cutOffAt", self.cut_off_at.map(parse_instant).transpose());
        let deliverable = faults.whole(deliverable)?;
        Ok(service::UpdateDeliverable {
            deliverable,
            version: self.version,
            title,
            instructions,
            due_at: due_at.flatten(),
            cut_off_at: cut_off_at.flatten(),
            weight: self.weight,
            rubric,
        })
    }
}

/// The rubric, or `None` with the faults of its texts kept.
pub(in crate::api) fn read_rubric(faults: &mut Faults, criteria: &[RubricCriterionInput]) -> Option<Rubric> {
    let mut read = Vec::new();
    for (place, criterion) in criteria.iter().enumerate() {
        let key = faults.take(&format!("rubric.{place}.key"), ShortCode::parse(&criterion.key));
        let title = faults.take(&format!("rubric.{place}.title"), Title::parse(&criterion.title));
        let description = faults.take(
            &format!("rubric.{place}.description"),
            Comment::parse(&criterion.description),
        );
        let levels: Vec<_> = criterion
            .levels
            .iter()
            .enumerate()
            .filter_map(|(level, input)| {
                let at = format!("rubric.{place}.levels.{level}.title");
                let title = faults.take(&at, Title::parse(&input.title))?;
                Some(domain::Level {
                    title: title.into(),
                    points: input.points.in_thousandths(),
                })
            })
            .collect();
        if let (Some(key), Some(title), Some(description), true) =
            (key, title, description, levels.len() == criterion.levels.len())
        {
            let (key, title, description) = (key.into(), title.into(), description.into());
            read.push(domain::Criterion {
                key,
                title,
                description,
                levels,
            });
        }
    }
    (read.len() == criteria.len()).then_some(Rubric { criteria: read })
}
