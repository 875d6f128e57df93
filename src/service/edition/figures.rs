//! How an edition fills: how many there are in each state, and its seats.

use std::collections::BTreeMap;

use super::relation;
use crate::app::App;
use crate::domain::actor::{Actor, Reach};
use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::EditionId;
use crate::domain::policy::{Action, demand};
use crate::domain::statistics::{Dimension, Filter};
use crate::error::{Error, Result};
use crate::store::edition;
use crate::store::statistics::{self, Figure, Part, Scope};

/// The figures of an edition, all counts of one instant.
#[derive(Debug, Clone)]
pub struct EditionFigures {
    /// The edition.
    pub edition: edition::Model,
    /// How many enrolments are in each state; a state that is not in it has none.
    pub by_status: BTreeMap<EnrolmentState, i64>,
}

impl EditionFigures {
    /// How many enrolments there are in states that fit.
    pub fn count(&self, fits: impl Fn(EnrolmentState) -> bool) -> i64 {
        let fitting = self.by_status.iter().filter(|(state, _)| fits(**state));
        fitting.map(|(_, count)| count).sum()
    }
}

/// The figures of an edition, exactly, for those who may see the rows behind them. In two statements that see the same
/// instant, since the seats are kept in the edition's row and the states in the summaries.
///
/// # Errors
/// [`Error::NotFound`] for an edition that does not exist for the actor, [`Error::Forbidden`] for one whose exact
/// figures are not theirs to see.
pub async fn of(app: &App, actor: &Actor, id: EditionId) -> Result<EditionFigures> {
    let snapshot = app.db.snapshot().await?;
    let row = edition::find_for(&snapshot, actor, id)
        .await?
        .ok_or(Error::NotFound("editionId"))?;
    demand(actor, Action::ReadStatistics, relation(actor, &row), None)?;
    let filter = Filter {
        editions: vec![id],
        ..Filter::default()
    };
    let scope = Scope {
        filter: &filter,
        reach: &Reach::Everywhere,
        as_at: None,
    };
    // No more rows than there are states.
    let most = u64::try_from(EnrolmentState::ALL.len()).map_err(Error::internal)?;
    let counted = statistics::figures(&snapshot, &scope, &[Dimension::Status], &[Figure::Applications], most).await?;
    snapshot.commit().await?;
    let by_status = counted.into_iter().filter_map(|(key, figures)| {
        let Some(Part::Text(word)) = key.first() else {
            return None;
        };
        Some((EnrolmentState::from_word(word)?, figures.applications))
    });
    Ok(EditionFigures {
        edition: row,
        by_status: by_status.collect(),
    })
}
