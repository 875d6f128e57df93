//! The start page: the journeys as documents ready to run, and the statistics as bars.
//!
//! Everything is built into the binary, and the page loads nothing from outside. The one exception is
//! `/graphiql`, a page of its own that says so where it is linked.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use serde_json::{Value, json};

use super::Shared;

/// The documents of every user action, by file.
const OPERATIONS: &[(&str, &str)] = &[
    ("catalogue", include_str!("../../graphql/operations/catalogue.graphql")),
    ("enrolment", include_str!("../../graphql/operations/enrolment.graphql")),
    ("admission", include_str!("../../graphql/operations/admission.graphql")),
    (
        "application",
        include_str!("../../graphql/operations/application.graphql"),
    ),
    ("team", include_str!("../../graphql/operations/team.graphql")),
    (
        "deliverable",
        include_str!("../../graphql/operations/deliverable.graphql"),
    ),
    (
        "submission",
        include_str!("../../graphql/operations/submission.graphql"),
    ),
    (
        "assessment",
        include_str!("../../graphql/operations/assessment.graphql"),
    ),
    (
        "completion",
        include_str!("../../graphql/operations/completion.graphql"),
    ),
    (
        "statistics",
        include_str!("../../graphql/operations/statistics.graphql"),
    ),
    ("live", include_str!("../../graphql/operations/live.graphql")),
    ("account", include_str!("../../graphql/operations/account.graphql")),
    ("identity", include_str!("../../graphql/operations/identity.graphql")),
    ("audit", include_str!("../../graphql/operations/audit.graphql")),
    ("node", include_str!("../../graphql/operations/node.graphql")),
    (
        "invitation",
        include_str!("../../graphql/operations/invitation.graphql"),
    ),
    (
        "nomination",
        include_str!("../../graphql/operations/nomination.graphql"),
    ),
    ("role", include_str!("../../graphql/operations/role.graphql")),
    (
        "table_import",
        include_str!("../../graphql/operations/table_import.graphql"),
    ),
    (
        "institution",
        include_str!("../../graphql/operations/institution.graphql"),
    ),
];

/// The journeys, step by step. In the variables of a step, a text `"$name"` stands for a value that is known
/// from the start (see [`StartPage::new`]) or that an earlier step's `capture` takes from its answer;
/// `"$name?"` is null as long as there is none. `"$day+7"` and `"$time-1"` are a day and an instant so many
/// days from now, and `$stamp` within a text is a few letters that differ each time.
const JOURNEYS: &str = include_str!("start/journeys.json");

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// What the pages load, by name.
const ASSETS: &[(&str, &str, &str)] = &[
    ("/assets/style.css", CSS, include_str!("start/style.css")),
    ("/assets/start.js", JS, include_str!("start/start.js")),
    ("/assets/client.js", JS, include_str!("start/client.js")),
    ("/assets/values.js", JS, include_str!("start/values.js")),
    ("/assets/journey.js", JS, include_str!("start/journey.js")),
    ("/assets/statistics.js", JS, include_str!("start/statistics.js")),
    ("/assets/icon.svg", SVG, include_str!("start/icon.svg")),
    ("/assets/graphiql.js", JS, include_str!("start/graphiql.js")),
    ("/assets/graphiql.css", CSS, include_str!("start/graphiql.css")),
];

/// What the page may load: what is built in.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; frame-ancestors 'none'";

/// What `/graphiql` may load: its scripts, checked by their digests, from one outside host.
const GRAPHIQL_POLICY: &str = "default-src 'none'; script-src 'self' https://unpkg.com; \
    style-src 'self' 'unsafe-inline' https://unpkg.com; font-src data: https://unpkg.com; \
    img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'";

/// Somebody as whom a visitor of the page may act. Only the demonstration has such people: whoever opens the
/// page reads their passwords.
#[derive(Clone, Serialize)]
pub struct StartPerson {
    /// `participant`, `tutor` or `coordinator`.
    pub role: String,
    /// What to call them.
    pub name: String,
    /// The address they sign in with.
    pub email: String,
    /// The password they sign in with.
    pub password: String,
}

/// What the start page offers. Cheap to clone.
#[derive(Clone)]
pub struct StartPage {
    json: Arc<str>,
}

impl StartPage {
    /// A page on which a visitor acts as `people`, or signs in with an account of their own where there are
    /// none. `ids` holds the values that are known from the start, each of which a journey may use:
    ///
    /// | name | value |
    /// |---|---|
    /// | `editionEnrolling` | an edition that is enrolling by approval, into which the participant has not applied and where at least three others wait for a decision |
    /// | `editionRunning` | an edition that is running, with the participant in a team of the tutor's |
    /// | `deliverable` | a roadmap of that edition, not yet due, for which the participant's team has handed in nothing and begun nothing |
    /// | `enrolmentRunning` | the participant's active enrolment in that edition |
    /// | `submissionAssessed` | work of another team of that edition that is assessed and not released |
    /// | `enrolmentAssessed` | an active enrolment of that other team, not the participant's |
    /// | `tutor` | the tutor, as a person |
    ///
    /// The rubric of `deliverable`, which is all that `editionRunning` asks for, has exactly the criteria `context`,
    /// `plan` and `evidence`, each with three levels or more. At least two pieces of work wait in the tutor's queue
    /// under that rubric, the first of them in its second version.
    pub fn new(people: &[StartPerson], ids: &Value) -> Self {
        let journeys: Value =
            serde_json::from_str(JOURNEYS).expect("the built-in journeys are JSON: a test reads them");
        let page = json!({ "people": people, "ids": ids, "operations": operations(), "journeys": journeys });
        Self {
            json: page.to_string().into(),
        }
    }
}

impl Default for StartPage {
    /// The page of a server that is no demonstration: one signs in with an account of one's own.
    fn default() -> Self {
        Self::new(&[], &Value::Null)
    }
}

/// The routes of the page.
///
/// The page for trying documents out is among them only where everyone may `explore` the schema.
pub fn routes(explore: bool) -> Router<Shared> {
    let page = [(header::CONTENT_SECURITY_POLICY, PAGE_POLICY)];
    let graphiql = [(header::CONTENT_SECURITY_POLICY, GRAPHIQL_POLICY)];
    let mut router = Router::new()
        .route(
            "/",
            get(move || async move { (page, text(HTML, include_str!("start/index.html"))) }),
        )
        .route("/start.json", get(start));
    if explore {
        router = router.route(
            "/graphiql",
            get(move || async move { (graphiql, text(HTML, include_str!("start/graphiql.html"))) }),
        );
    }
    for &(path, media, content) in ASSETS {
        router = router.route(path, get(move || async move { text(media, content) }));
    }
    router
}

async fn start(State(shared): State<Shared>) -> Response {
    match shared.start {
        Some(page) => text("application/json", page.json.to_string()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn text<T>(media: &'static str, content: T) -> ([(HeaderName, &'static str); 1], T) {
    ([(header::CONTENT_TYPE, media)], content)
}

/// The built-in document files.
pub(super) fn files() -> impl Iterator<Item = &'static str> {
    OPERATIONS.iter().map(|(_, content)| *content)
}

/// The documents of a file: the file as it is, and each of its operations with the fragments that it spreads.
pub(super) fn documents(content: &str) -> impl Iterator<Item = String> {
    let alone = of_file("", content).into_iter().map(|operation| operation.document);
    std::iter::once(content.to_owned()).chain(alone)
}

/// One definition of a document file, with the comment above it.
struct Definition<'a> {
    kind: &'a str,
    name: &'a str,
    comment: String,
    text: String,
}

/// One operation as the page shows it.
#[derive(Serialize)]
struct Operation {
    file: &'static str,
    name: String,
    kind: String,
    comment: String,
    document: String,
}

/// Every operation that the page can run, together with the fragments that it spreads: it speaks HTTP, over which no
/// subscription goes.
fn operations() -> Vec<Operation> {
    OPERATIONS
        .iter()
        .flat_map(|&(file, content)| of_file(file, content))
        .filter(|operation| operation.kind != "subscription")
        .collect()
}

fn of_file(file: &'static str, content: &str) -> Vec<Operation> {
    let (fragments, operations): (Vec<_>, Vec<_>) = definitions(content)
        .into_iter()
        .partition(|definition| definition.kind == "fragment");
    let whole = |definition: Definition<'_>| Operation {
        file,
        name: definition.name.to_owned(),
        kind: definition.kind.to_owned(),
        document: with_fragments(&definition.text, &fragments),
        comment: definition.comment,
    };
    operations.into_iter().map(whole).collect()
}

/// Cuts a file into its definitions, which begin and end in the first column, as the formatter writes them.
fn definitions(content: &str) -> Vec<Definition<'_>> {
    let mut all: Vec<Definition<'_>> = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    let mut inside = false;
    for line in content.lines() {
        if inside {
            if let Some(last) = all.last_mut() {
                last.text.push_str(line);
                last.text.push('\n');
            }
            inside = line != "}";
        } else if let Some(words) = line.strip_prefix('#') {
            comment.push(words.trim());
        } else if !line.is_empty() {
            let mut words = line.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
            let (kind, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            all.push(Definition {
                kind,
                name,
                comment: comment.join(" "),
                text: format!("{line}\n"),
            });
            comment.clear();
            inside = true;
        }
    }
    all
}

/// `document` with every fragment that it spreads, directly or through another.
fn with_fragments(document: &str, fragments: &[Definition<'_>]) -> String {
    let mut whole = document.to_owned();
    let mut used: Vec<&str> = Vec::new();
    let spreads = |text: &str, name: &str| text.lines().any(|line| line.trim() == format!("...{name}"));
    while let Some(next) = fragments
        .iter()
        .find(|one| !used.contains(&one.name) && spreads(&whole, one.name))
    {
        used.push(next.name);
        whole.push('\n');
        whole.push_str(&next.text);
    }
    whole
}

#[cfg(test)]
mod tests;
