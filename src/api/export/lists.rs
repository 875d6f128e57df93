//! How each list is asked for: an operation like anybody's. So whoever takes a list out sees of it what they see of it in
//! pages: the same rows in the same order, the same fields, and the same looks written down.
//!
//! A document is all that there is to a list. Its variables are what may be asked, and what it selects of a node is a column
//! each, under the names from the node down.

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{Selection, SelectionSet};
use serde_json::{Map, Value};

use crate::domain::export::List;
use crate::error::{Code, Error, Fault, Result};

/// The variable with the cursor of the next page.
pub const AFTER: &str = "after";

/// A list as it is asked for.
pub struct Plan {
    /// The operation.
    pub document: &'static str,
    /// The way to the connection in the answer, or to what holds the rows.
    pub holder: Vec<String>,
    /// The field with the rows there.
    pub rows: String,
    /// The columns.
    pub columns: Vec<Column>,
    /// What may be asked, and whether it must be.
    asked: Vec<(String, bool)>,
}

/// A column: its head, and the way to its cells from a row.
pub struct Column {
    /// In small letters, with underscores.
    pub head: String,
    /// Names of fields.
    pub path: Vec<String>,
}

impl Plan {
    /// The plan of a list.
    ///
    /// # Errors
    /// [`Error::Internal`] when its document is none; the tests read all.
    pub fn of(list: List) -> Result<Self> {
        let document = document(list);
        let parsed = parse_query(document).map_err(Error::internal)?;
        let operation = parsed.operations.iter().next();
        let (_, operation) = operation.ok_or_else(|| Error::internal("a list without an operation"))?;
        let definitions = operation
            .node
            .variable_definitions
            .iter()
            .map(|definition| &definition.node);
        let asked = definitions
            .filter(|definition| definition.name.node.as_str() != AFTER)
            .map(|definition| (definition.name.node.to_string(), definition.default_value().is_none()));
        let mut paths = Vec::new();
        leaves(&operation.node.selection_set.node, &mut Vec::new(), &mut paths);
        let mut plan = Self {
            document,
            holder: Vec::new(),
            rows: String::new(),
            columns: Vec::new(),
            asked: asked.collect(),
        };
        for path in paths {
            let Some(at) = path.iter().position(|step| ["nodes", "rows"].contains(&step.as_str())) else {
                continue;
            };
            plan.columns.push(Column::of(&path[at + 1..]));
            plan.rows.clone_from(&path[at]);
            plan.holder = path[..at].to_vec();
        }
        Ok(plan)
    }

    /// The heads of the columns.
    pub fn heads(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.head.clone()).collect()
    }

    /// What does not fit the list: what it is not asked with, and what is missing.
    pub fn misfits(&self, given: &Map<String, Value>) -> Vec<Fault> {
        let unknown = given
            .keys()
            .filter(|name| !self.asked.iter().any(|(known, _)| known == *name));
        let missing = self
            .asked
            .iter()
            .filter(|(name, must)| *must && !given.contains_key(name));
        let unknown = unknown.map(|name| Fault::at(name, Code::Malformed));
        unknown
            .chain(missing.map(|(name, _)| Fault::at(name, Code::Required)))
            .collect()
    }
}

impl Column {
    fn of(path: &[String]) -> Self {
        let mut head = String::new();
        for letter in path.join("_").chars() {
            if letter.is_ascii_uppercase() {
                head.push('_');
            }
            head.push(letter.to_ascii_lowercase());
        }
        Self {
            head,
            path: path.to_vec(),
        }
    }

    /// The cell of a row: of several values each, with a semicolon between them.
    pub fn cell(&self, row: &Value) -> String {
        let mut texts = Vec::new();
        gather(row, &self.path, &mut texts);
        texts.join("; ")
    }
}

/// The values at the end of a path; what is null is an empty one, so that two columns of a list of things go on together.
fn gather(value: &Value, path: &[String], texts: &mut Vec<String>) {
    match (value, path) {
        (Value::Array(items), _) => {
            for item in items {
                gather(item, path, texts);
            }
        }
        (Value::Object(fields), [step, rest @ ..]) => {
            if let Some(below) = fields.get(step) {
                gather(below, rest, texts);
            }
        }
        (Value::String(text), []) => texts.push(text.clone()),
        (Value::Number(number), []) => texts.push(number.to_string()),
        (Value::Bool(is_so), []) => texts.push(is_so.to_string()),
        _ => texts.push(String::new()),
    }
}

/// The ways to everything that a selection ends in.
fn leaves(set: &SelectionSet, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    for item in &set.items {
        let Selection::Field(field) = &item.node else {
            continue;
        };
        path.push(field.node.response_key().node.to_string());
        let below = &field.node.selection_set.node;
        if below.items.is_empty() {
            found.push(path.clone());
        } else {
            leaves(below, path, found);
        }
        path.pop();
    }
}

/// The operation that asks for a page of a list.
const fn document(list: List) -> &'static str {
    match list {
        List::Enrolments => include_str!("lists/enrolments.graphql"),
        List::Teams => include_str!("lists/teams.graphql"),
        List::Submissions => include_str!("lists/submissions.graphql"),
        List::AllocatedTeams => include_str!("lists/allocated_teams.graphql"),
        List::ReviewQueue => include_str!("lists/review_queue.graphql"),
        List::Invitations => include_str!("lists/invitations.graphql"),
        List::Nominations => include_str!("lists/nominations.graphql"),
        List::Courses => include_str!("lists/courses.graphql"),
        List::Editions => include_str!("lists/editions.graphql"),
        List::Institutions => include_str!("lists/institutions.graphql"),
        List::InstitutionProposals => include_str!("lists/institution_proposals.graphql"),
        List::ImportRows => include_str!("lists/import_rows.graphql"),
        List::AuditEntries => include_str!("lists/audit_entries.graphql"),
        List::AccessedPeople => include_str!("lists/accessed_people.graphql"),
        List::Statistics => include_str!("lists/statistics.graphql"),
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::Request;
    use serde_json::json;

    use super::*;
    use crate::api;

    #[tokio::test]
    async fn every_list_fits_the_schema_and_has_columns_apart() {
        let schema = api::schema();
        for list in List::ALL {
            let plan = Plan::of(*list).expect("a plan");
            // It is validated before the operation to run is looked for, and there is no such one.
            let nothing = Request::new(plan.document).operation_name("Nothing");
            let errors = schema.execute(nothing).await.errors;
            let said: Vec<_> = errors.into_iter().map(|fault| fault.message).collect();
            assert_eq!(said, ["Unknown operation named \"Nothing\""], "{}", list.word());
            let mut heads = plan.heads();
            assert!(
                heads.len() > 2 && heads.iter().all(|head| !head.is_empty()),
                "{heads:?}"
            );
            let count = heads.len();
            heads.sort();
            heads.dedup();
            assert_eq!(heads.len(), count, "{}", list.word());
            assert!(!plan.holder.is_empty() && !plan.rows.is_empty());
        }
    }

    #[test]
    fn what_is_asked_fits_the_list() {
        let told = |list, given: Value| {
            let plan = Plan::of(list).expect("a plan");
            plan.misfits(given.as_object().expect("an object"))
        };
        let fault = |name, code| vec![Fault::at(name, code)];
        assert_eq!(told(List::Courses, json!({ "text": "gestión" })), []);
        assert_eq!(told(List::Courses, json!({})), []);
        assert_eq!(
            told(List::Courses, json!({ "after": "x" })),
            fault("after", Code::Malformed)
        );
        assert_eq!(told(List::Teams, json!({})), fault("editionId", Code::Required));
        assert_eq!(told(List::Enrolments, json!({ "editionId": "edn_" })), []);
        assert_eq!(
            told(List::Teams, json!({ "editionId": "edn_", "text": "x" })),
            fault("text", Code::Malformed)
        );
    }

    #[test]
    fn a_cell_is_what_stands_at_its_path() {
        let row = json!({
            "name": "A", "count": 3, "open": true, "none": null,
            "members": [{ "person": { "givenName": "Ana" } }, { "person": { "givenName": null } }, { "person": null }],
            "topics": ["x", "y"],
        });
        for (path, head, cell) in [
            (&["name"][..], "name", "A"),
            (&["count"], "count", "3"),
            (&["open"], "open", "true"),
            (&["none", "name"], "none_name", ""),
            (&["missing"], "missing", ""),
            (
                &["members", "person", "givenName"],
                "members_person_given_name",
                "Ana; ; ",
            ),
            (&["topics"], "topics", "x; y"),
        ] {
            let path: Vec<String> = path.iter().map(|step| (*step).to_owned()).collect();
            let column = Column::of(&path);
            assert_eq!((column.head.as_str(), column.cell(&row).as_str()), (head, cell));
        }
    }
}
