//! The states that something entered, in the API.

use async_graphql::{Context, SimpleObject};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::error::ApiResult;
use super::request::Request;

/// A state that something entered.
#[derive(SimpleObject)]
pub struct StateChange {
    /// The state that it left; null when it came into being.
    from: Option<String>,
    /// The state that it entered.
    to: String,
    /// When.
    at: DateTime<Utc>,
    /// Why, where a reason was given.
    reason: Option<String>,
}

impl StateChange {
    /// The same step for somebody who is told `shown` of the state `hidden`; `None` for the step that they must not
    /// see.
    pub fn hiding(mut self, hidden: &str, shown: &str) -> Option<Self> {
        if self.to == hidden {
            return None;
        }
        if self.from.as_deref() == Some(hidden) {
            self.from = Some(shown.to_owned());
        }
        Some(self)
    }

    /// The same step with the words by which the API calls the states, where it has others.
    #[must_use]
    pub fn called(self, word: impl Fn(&str) -> Option<&'static str>) -> Self {
        let named = |state: String| word(&state).map_or(state, ToOwned::to_owned);
        Self {
            from: self.from.map(&named),
            to: named(self.to),
            ..self
        }
    }
}

/// The history of something that the viewer sees, the oldest state first.
pub async fn of(ctx: &Context<'_>, subject: Uuid) -> ApiResult<Vec<StateChange>> {
    let rows = Request::of(ctx)
        .loaders
        .histories
        .load_one(subject)
        .await?
        .unwrap_or_default();
    let change = |row: crate::store::history::Model| StateChange {
        from: row.from_state,
        to: row.to_state,
        at: row.at,
        reason: row.reason,
    };
    Ok(rows.into_iter().map(change).collect())
}
