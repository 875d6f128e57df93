//! Taking a list out: page after page of its operation, asked by whoever takes it, written as rows of a table.

use async_graphql::{Request as Operation, ServerError, Value as Answered, Variables};
use serde_json::{Map, Value};

use super::lists::{AFTER, Plan};
use crate::api::Schema;
use crate::api::reads;
use crate::api::request::Request;
use crate::app::App;
use crate::document::table::Table;
use crate::domain::actor::Actor;
use crate::domain::audit::Origin;
use crate::domain::export::{Format, List, Selection};
use crate::domain::id::EditionId;
use crate::domain::text::Reason;
use crate::error::{Code, Error, Result};
use crate::service::export as service;

/// A list on its way out.
pub struct Taking {
    asking: Asking,
    stage: Stage,
}

/// What is asked for, by whom, and why.
struct Asking {
    actor: Actor,
    reason: Reason,
    selection: Selection,
    asked: Map<String, Value>,
    plan: Plan,
}

enum Stage {
    Begins,
    /// Rows were given, and there are more after this cursor.
    Goes(Table, String),
    Over,
}

/// A page: the cells of its rows, and the cursor after it where there are more.
struct Page {
    rows: Vec<Vec<String>>,
    after: Option<String>,
}

impl Taking {
    /// The list as the actor sees it. Nothing is read yet.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what the list is not asked with.
    pub fn of(actor: &Actor, selection: Selection, reason: Reason) -> Result<Self> {
        let asked: Map<String, Value> =
            serde_json::from_str(&selection.asked).map_err(|_| Error::from(Code::Malformed))?;
        let plan = Plan::of(selection.list)?;
        let misfits = plan.misfits(&asked);
        if !misfits.is_empty() {
            return Err(Error::Invalid(misfits));
        }
        let asking = Asking {
            actor: actor.clone(),
            reason,
            selection,
            asked,
            plan,
        };
        Ok(Self {
            asking,
            stage: Stage::Begins,
        })
    }

    /// Goes on with what the same person may by now.
    pub fn renew(&mut self, actor: Actor) {
        self.asking.actor = actor;
    }

    /// Which list it is.
    pub const fn list(&self) -> List {
        self.asking.selection.list
    }

    /// How it is written.
    pub const fn format(&self) -> Format {
        self.asking.selection.format
    }

    /// The next piece, as things are by now; `None` when there are no more. The looks of a page are written down before
    /// it is given, and that something leaves before the first one is.
    ///
    /// # Errors
    /// What the list answers to whoever may not ask it so; [`Error::NotFound`] for one of an edition that is not to be
    /// seen; [`Error::Internal`] when it cannot be read or written.
    pub async fn piece(&mut self, app: &App, schema: &Schema, origin: &Origin) -> Result<Option<Vec<u8>>> {
        let (table, after) = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Over => return Ok(None),
            Stage::Begins => (None, None),
            Stage::Goes(table, after) => (Some(table), Some(after)),
        };
        let asking = &self.asking;
        let page = asking.page(app, schema, origin, after).await?;
        let mut table = if let Some(table) = table {
            table
        } else {
            let (list, of) = (asking.selection.list, asking.edition());
            service::note_list(app, &asking.actor, list, of, &asking.reason).await?;
            Table::begin(asking.selection.format, asking.plan.heads()).map_err(Error::internal)?
        };
        table.add(&page.rows).map_err(Error::internal)?;
        let Some(after) = page.after else {
            return table.finish().map(Some).map_err(Error::internal);
        };
        let piece = table.take();
        self.stage = Stage::Goes(table, after);
        Ok(Some(piece))
    }
}

impl Asking {
    /// The edition whose list it is.
    fn edition(&self) -> Option<EditionId> {
        self.asked.get("editionId")?.as_str()?.parse().ok()
    }

    async fn page(&self, app: &App, schema: &Schema, origin: &Origin, after: Option<String>) -> Result<Page> {
        let mut asked = self.asked.clone();
        asked.extend(after.map(|after| (AFTER.to_owned(), Value::String(after))));
        let variables = Variables::from_json(Value::Object(asked));
        let operation = Operation::new(self.plan.document).variables(variables);
        let request = Request::new(app.clone(), self.actor.clone()).because(Some(self.reason.clone()));
        // In one place of memory: it is handed through several layers.
        let answer = Box::pin(reads::run_from(origin.clone(), schema, operation, request)).await;
        if let Some(fault) = answer.errors.first() {
            return Err(refusal(fault));
        }
        let data = answer.data.into_json().map_err(Error::internal)?;
        let holder = self.plan.holder.iter().fold(&data, |value, step| &value[step.as_str()]);
        let rows = holder[self.plan.rows.as_str()].as_array();
        let rows = rows.ok_or(Error::NotFound("list"))?;
        let cells = |row: &Value| -> Vec<String> { self.plan.columns.iter().map(|column| column.cell(row)).collect() };
        let has_next = holder["pageInfo"]["hasNextPage"] == true;
        let end = holder["pageInfo"]["endCursor"].as_str().filter(|_| has_next);
        Ok(Page {
            rows: rows.iter().map(cells).collect(),
            after: end.map(str::to_owned),
        })
    }
}

/// The failure of which an answer tells, by its code.
fn refusal(fault: &ServerError) -> Error {
    let code = fault.extensions.as_ref().and_then(|extensions| extensions.get("code"));
    let code = match code {
        Some(Answered::String(code)) => code.as_str(),
        _ => "INTERNAL",
    };
    match code {
        "UNAUTHENTICATED" => Error::Unauthenticated,
        "FORBIDDEN" => Error::Forbidden,
        "SECOND_FACTOR_REQUIRED" => Error::SecondFactorRequired,
        "NOT_FOUND" => Error::NotFound("list"),
        "TIMEOUT" => Error::Timeout,
        "OVERLOADED" => Error::Overloaded,
        // The document fits the schema, so it is what was asked that does not.
        "BAD_USER_INPUT" => Error::at("list", Code::Malformed),
        other => match Code::from_key(other) {
            Some(code) => Error::at("list", code),
            None => Error::internal(format!("a list failed with {other}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::error::server_error;

    #[test]
    fn a_list_is_refused_with_the_code_of_its_answer() {
        for failure in [
            Error::Unauthenticated,
            Error::Forbidden,
            Error::SecondFactorRequired,
            Error::NotFound("list"),
            Error::Timeout,
            Error::Overloaded,
            Error::at("list", Code::OutOfRange),
        ] {
            let told = format!("{failure:?}");
            assert_eq!(format!("{:?}", refusal(&server_error(failure))), told);
        }
        let failure = refusal(&server_error(Error::internal("the disk")));
        assert!(matches!(failure, Error::Internal(_)), "{failure:?}");
    }
}
