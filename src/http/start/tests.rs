//! The built-in page holds together: its journeys, documents and assets.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};

use super::*;

/// The names of the values that the demonstration knows from the start.
const IDS: [&str; 7] = [
    "editionEnrolling",
    "editionRunning",
    "deliverable",
    "enrolmentRunning",
    "submissionAssessed",
    "enrolmentAssessed",
    "tutor",
];

fn page() -> Value {
    let person = StartPerson {
        role: "tutor".to_owned(),
        name: "Tomás".to_owned(),
        email: "tomas@example.org".to_owned(),
        password: "a \"quoted\" one".to_owned(),
    };
    let page = StartPage::new(&[person], &json!({ "tutor": "psn_1" }));
    serde_json::from_str(&page.json).expect("the page is JSON")
}

fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn documents() -> BTreeMap<String, String> {
    let all = operations();
    let documents: BTreeMap<_, _> = all.iter().map(|one| (one.name.clone(), one.document.clone())).collect();
    assert_eq!(documents.len(), all.len(), "two operations have one name");
    documents
}

/// Every text within `value`.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

#[test]
fn the_page_names_its_people_values_and_operations() {
    let page = page();
    assert_eq!(page["people"][0]["password"], "a \"quoted\" one");
    assert_eq!(page["ids"]["tutor"], "psn_1");
    let report = items(&page, "operations")
        .iter()
        .find(|one| one["name"] == "AnnualReport")
        .expect("the report");
    assert_eq!(
        (&report["file"], &report["kind"]),
        (&json!("statistics"), &json!("query"))
    );
    assert_eq!(
        report["comment"],
        "Coordinator: the table of the annual report, one row an edition."
    );
    let roles: Vec<_> = items(&page, "journeys")
        .iter()
        .map(|journey| &journey["role"])
        .collect();
    assert_eq!(roles, ["participant", "tutor", "coordinator"]);
}

#[test]
fn every_document_stands_alone() {
    let documents = documents();
    for (name, document) in &documents {
        let parsed = parse_query(document).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!(parsed.operations.iter().count(), 1, "{name}");
        let spread = document
            .lines()
            .filter_map(|line| line.trim().strip_prefix("...").map(str::trim_start))
            .filter(|name| !name.starts_with("on "));
        let spread: BTreeSet<_> = spread.map(|name| name.trim_end_matches(" {")).collect();
        let held: BTreeSet<_> = parsed.fragments.keys().map(async_graphql::Name::as_str).collect();
        assert_eq!(spread, held, "{name}");
    }
    assert!(documents["AnnualReport"].contains("fragment ReportFigures on StatisticsRow"));
    assert!(!documents["StatisticsByGenderAndCountry"].contains("fragment"));
}

#[test]
fn every_operation_file_is_on_the_page() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/graphql/operations");
    let files = std::fs::read_dir(folder).expect("the operations are there");
    let names = files.map(|file| file.expect("an entry").file_name().to_string_lossy().into_owned());
    let known: BTreeSet<_> = OPERATIONS.iter().map(|(file, _)| format!("{file}.graphql")).collect();
    assert_eq!(names.collect::<BTreeSet<_>>(), known);
}

#[test]
fn every_step_has_its_document_and_its_values() {
    let documents = documents();
    for journey in items(&page(), "journeys") {
        let mut known: BTreeSet<String> = IDS.iter().map(|&name| name.to_owned()).collect();
        for (place, step) in items(journey, "steps").iter().enumerate() {
            let operation = step["operation"].as_str().unwrap_or_default();
            let at = format!("{} {}: {operation}", journey["role"], place + 1);
            let document = documents
                .get(operation)
                .unwrap_or_else(|| panic!("{at} has no document"));
            for text in texts(&step["variables"]) {
                assert!(is_known(text, &known), "{at}: nothing gives {text}");
            }
            for name in step["variables"].as_object().expect("variables").keys() {
                assert!(
                    document.contains(&format!("${name}:")),
                    "{at}: the document has no variable {name}"
                );
            }
            for (name, path) in step["capture"].as_object().into_iter().flatten() {
                let path = path.as_str().unwrap_or_default();
                assert!(yields(document, path), "{at}: the document does not ask for {path}");
                known.insert(name.clone());
            }
        }
    }
}

/// Variables as the page would send them, with some value of the right kind for every placeholder.
fn filled(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(filled).collect(),
        Value::Object(fields) => fields.iter().map(|(key, field)| (key.clone(), filled(field))).collect(),
        Value::String(text) if text.starts_with("$day") => json!("2026-01-01"),
        Value::String(text) if text.starts_with("$time") => json!("2026-01-01T00:00:00Z"),
        Value::String(text) if text.starts_with('$') && text.trim_end_matches('?').ends_with("Version") => json!(1),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// What the schema has against a document with these variables, without running it.
async fn objections(document: &str, variables: Value) -> Vec<async_graphql::ServerError> {
    // What is skipped is checked against the schema all the same.
    let document = document.replacen(" {\n    ", " @skip(if: true) {\n    ", 1);
    assert!(document.contains("@skip"), "{document}");
    let variables = async_graphql::Variables::from_json(variables);
    crate::api::schema()
        .execute(async_graphql::Request::new(document).variables(variables))
        .await
        .errors
}

#[tokio::test]
async fn every_step_fits_the_schema() {
    let documents = documents();
    for journey in items(&page(), "journeys") {
        for step in items(journey, "steps") {
            let operation = step["operation"].as_str().unwrap_or_default();
            let errors = objections(&documents[operation], filled(&step["variables"])).await;
            assert!(errors.is_empty(), "{operation}: {errors:?}");
        }
    }
    let wrong = json!({ "input": { "submissionId": "sub_1", "version": "first" } });
    assert!(!objections(&documents["SubmitWork"], wrong).await.is_empty());
}

fn is_known(text: &str, known: &BTreeSet<String>) -> bool {
    let Some(name) = text.strip_prefix('$') else {
        return !text.replace("$stamp", "").contains('$');
    };
    let is_date = ["day", "time"].iter().any(|kind| {
        name.strip_prefix(kind)
            .is_some_and(|days| days.starts_with(['+', '-']) && days.parse::<i64>().is_ok())
    });
    is_date || name.ends_with('?') || known.contains(name)
}

/// Whether `document` selects what `path` (`data.field.0.field`) leads to.
fn yields(document: &str, path: &str) -> bool {
    let parsed = parse_query(document).expect("a document that parses");
    let mut sets: Vec<&SelectionSet> = parsed
        .operations
        .iter()
        .map(|(_, one)| &one.node.selection_set.node)
        .collect();
    let mut steps = path.split('.').filter(|step| step.parse::<usize>().is_err());
    let begins = steps.next() == Some("data");
    begins
        && steps.all(|step| {
            sets = sets.iter().flat_map(|set| below(set, step, &parsed)).collect();
            !sets.is_empty()
        })
}

/// What is selected below the field `key` of `set`.
fn below<'a>(set: &'a SelectionSet, key: &str, document: &'a ExecutableDocument) -> Vec<&'a SelectionSet> {
    let of = |selection: &'a Selection| match selection {
        Selection::Field(field) if field.node.response_key().node == key => vec![&field.node.selection_set.node],
        Selection::Field(_) => Vec::new(),
        Selection::InlineFragment(part) => below(&part.node.selection_set.node, key, document),
        Selection::FragmentSpread(spread) => {
            let fragment = document.fragments.get(&spread.node.fragment_name.node);
            fragment.map_or_else(Vec::new, |part| below(&part.node.selection_set.node, key, document))
        }
    };
    set.items.iter().flat_map(|selection| of(&selection.node)).collect()
}

#[test]
fn nothing_is_loaded_from_outside_but_by_graphiql() {
    let pages = [("/", HTML, include_str!("index.html"))];
    for (path, _, content) in ASSETS.iter().chain(&pages) {
        let content = content.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        assert!(!content.contains("http://") && !content.contains("https://"), "{path}");
        assert!(!content.contains("\"//") && !content.contains("url(/"), "{path}");
    }
    let graphiql = include_str!("graphiql.html");
    assert_eq!(
        graphiql.matches("https://").count(),
        graphiql.matches("https://unpkg.com/").count()
    );
    assert_eq!(
        graphiql.matches("https://").count(),
        graphiql.matches("integrity=\"sha384-").count()
    );
}

#[test]
fn the_pages_need_no_inline_script_or_style() {
    for page in [include_str!("index.html"), include_str!("graphiql.html")] {
        assert!(!page.contains("style=") && !page.contains("<style"));
        assert!(
            !page
                .split_whitespace()
                .any(|word| word.starts_with("on") && word.contains('='))
        );
        assert_eq!(
            page.matches("<script").count(),
            page.matches("src=\"").count() - page.matches("<img").count()
        );
    }
}

#[test]
fn every_asset_that_is_named_is_served() {
    let known: BTreeSet<_> = ASSETS
        .iter()
        .map(|(path, ..)| path.rsplit('/').next().unwrap_or_default())
        .collect();
    let contents = ASSETS.iter().map(|(_, _, content)| *content);
    for content in contents.chain([include_str!("index.html"), include_str!("graphiql.html")]) {
        for start in ["\"/assets/", "from \"./"] {
            for part in content.split(start).skip(1) {
                let name = part.split('"').next().unwrap_or_default();
                assert!(known.contains(name), "{name}");
            }
        }
    }
}
