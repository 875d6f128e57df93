//! Role by field: whatever path of the schema leads to a person or an enrolment, the same fields show, and those that
//! the files beside `domain/policy.rs` name. The paths are found by walking the schema.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use async_graphql::parser::types::{BaseType, FieldDefinition, Type, TypeDefinition, TypeKind};
use rumbo::domain::actor::Role;
use rumbo::domain::policy::{Action, Verdict, listing, verdict};
use serde_json::{Value, json};

use crate::matrix::{Viewer, World};
use crate::support::app::TestApp;
use crate::support::sdl::{fields, types};

/// One way from a root of the schema to a type: the fields on it, with their arguments.
pub(crate) type Path = Vec<String>;

fn named(of: &Type) -> &str {
    match &of.base {
        BaseType::Named(name) => name.as_str(),
        BaseType::List(inner) => named(inner),
    }
}

/// What the scene has for an argument that must be given; `None` for a field that cannot be asked here.
fn arguments(of: &str, field: &FieldDefinition) -> Option<String> {
    let mut given = Vec::new();
    for argument in field.arguments.iter().map(|argument| &argument.node) {
        let name = argument.name.node.as_str();
        match (of, field.name.node.as_str(), name) {
            (_, _, "first") => given.push("first: 3".to_owned()),
            ("Query", "completion", "enrolmentId") => given.push("enrolmentId: $enrolment".to_owned()),
            ("Query", "submission" | "team" | "deliverable" | "enrolment" | "edition" | "course", "id") => {
                given.push(format!("id: ${}", field.name.node));
            }
            ("Query", "reviewQueue", "states") => given.push("states: [SUBMITTED, IN_REVIEW, ASSESSED]".to_owned()),
            _ if argument.ty.node.nullable || argument.default_value.is_some() => {}
            _ => return None,
        }
    }
    Some(if given.is_empty() {
        String::new()
    } else {
        format!("({})", given.join(", "))
    })
}

/// The fields that lead on from a type: how they are asked, and to which type.
fn ways(types: &[TypeDefinition], of: &str) -> Vec<(String, String)> {
    let objects: BTreeSet<&str> = types
        .iter()
        .filter(|found| matches!(found.kind, TypeKind::Object(_)))
        .map(|found| found.name.node.as_str())
        .collect();
    let mut ways = Vec::new();
    for field in fields(types, of) {
        let name = field.name.node.as_str();
        let to = named(&field.ty.node);
        if let (true, Some(arguments)) = (objects.contains(to) && name != "edges", arguments(of, field)) {
            ways.push((format!("{name}{arguments}"), to.to_owned()));
        }
    }
    if of == "Query" {
        for kind in ["Person", "Enrolment", "Team", "Submission", "Deliverable", "Edition"] {
            let way = format!("node(id: ${}) {{ ... on {kind}", kind.to_lowercase());
            ways.push((way, kind.to_owned()));
        }
    }
    ways
}

/// The shortest way from each root through each field that leads to `target`.
pub(crate) fn paths(types: &[TypeDefinition], target: &str) -> Vec<Path> {
    let mut found = Vec::new();
    for (root, first) in ways(types, "Query") {
        let mut known: BTreeMap<String, Path> = BTreeMap::new();
        let mut queue = VecDeque::from([(first, vec![root])]);
        while let Some((of, path)) = queue.pop_front() {
            if path.len() > 7 || known.contains_key(&of) {
                continue;
            }
            known.insert(of.clone(), path.clone());
            if of == target && path.len() == 1 {
                found.push(path.clone());
            }
            for (way, to) in ways(types, &of) {
                let further: Path = path.iter().cloned().chain([way]).collect();
                if to == target {
                    found.push(further);
                } else {
                    queue.push_back((to, further));
                }
            }
        }
    }
    found
}

/// Everything that there is to ask of an object itself, an identifier of what it leads to.
fn selection(types: &[TypeDefinition], of: &str) -> String {
    let all = fields(types, of).into_iter().filter_map(|field| {
        let name = field.name.node.as_str();
        let inner = fields(types, named(&field.ty.node));
        let first = inner
            .iter()
            .find(|inner| ["id", "to"].contains(&inner.name.node.as_str()));
        match first {
            None if inner.is_empty() => Some(name.to_owned()),
            None => None,
            Some(first) => Some(format!("{name} {{ {} }}", first.name.node)),
        }
    });
    all.collect::<Vec<_>>().join(" ")
}

pub(crate) fn document(path: &[String], selection: &str) -> String {
    // `node(…) { ... on Kind` opens one more.
    let open: usize = path.iter().map(|way| 1 + way.matches('{').count()).sum();
    let asked = path.join(" { ");
    let names = [
        "person",
        "enrolment",
        "team",
        "submission",
        "deliverable",
        "edition",
        "course",
    ];
    let used = names.iter().filter(|name| asked.contains(&format!("${name}")));
    let variables: Vec<String> = used.map(|name| format!("${name}: ID!")).collect();
    let head = if variables.is_empty() {
        "query".to_owned()
    } else {
        format!("query ({})", variables.join(", "))
    };
    format!("{head} {{ {asked} {{ {selection}{} }}", " }".repeat(open))
}

/// The objects with this identifier that hold more than it.
fn objects<'a>(value: &'a Value, id: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(entries) => {
            if value["id"] == id && entries.len() > 1 {
                found.push(value);
            }
            for inner in entries.values() {
                objects(inner, id, found);
            }
        }
        Value::Array(items) => {
            for inner in items {
                objects(inner, id, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The fields that show of an object.
fn shown(object: &Value) -> BTreeSet<String> {
    let entries = object.as_object().into_iter().flatten();
    let seen = entries.filter(|(_, value)| !value.is_null() && **value != json!([]));
    seen.map(|(key, _)| key.clone()).collect()
}

/// An action that the files are read as denying to a role, to see whether the walk would notice.
type Hole = Option<(Action, Role)>;

/// The fields of an object of Ana's that the files let a viewer see.
fn expected(types: &[TypeDefinition], of: &str, viewer: &Viewer<'_>, hole: Hole) -> BTreeSet<String> {
    let actor = viewer.actor();
    let relation = |action: Action| match (of, action) {
        ("Person", _) => viewer.enrolment.or(viewer.team),
        (_, Action::SeeTeam) => viewer.team,
        _ => viewer.enrolment,
    };
    let may = |action: Action| {
        let own = of != "Person" || action != Action::SeeAccount || relation(action).own;
        let holed = hole.is_some_and(|(holed, role)| holed == action && actor.holds(role));
        own && !holed && verdict(&actor, action, relation(action)) == Verdict::Allowed
    };
    let names = fields(types, of).into_iter().map(|field| field.name.node.to_string());
    let seen = names.filter(|name| {
        let actions = listing::actions_of(of, name).unwrap_or_default();
        Action::ALL
            .iter()
            .any(|action| actions.contains(&action.key()) && may(*action))
    });
    seen.collect()
}

/// Walks every path to one type for everybody; returns the number of cells, of those that show, and what differs.
async fn walk(world: &World<'_>, of: &str, id: &str, hole: Hole) -> (usize, usize, Vec<String>) {
    let types = types();
    let selection = selection(&types, of);
    let variables = world.variables();
    let truth = {
        let mut truth = BTreeSet::new();
        for viewer in world
            .viewers
            .iter()
            .filter(|viewer| viewer.enrolment.own || viewer.enrolment.edition)
        {
            let document = document(
                &[format!("node(id: ${}) {{ ... on {of}", of.to_lowercase())],
                &selection,
            );
            let answer = viewer.client.query(&document, variables.clone()).await;
            let mut found = Vec::new();
            objects(&answer.json["data"], id, &mut found);
            for object in found {
                truth.extend(shown(object));
            }
        }
        truth
    };
    assert!(truth.len() > 8, "the scene has something to show of {of}: {truth:?}");
    let (mut cells, mut visible, mut wrong) = (0, 0, Vec::new());
    let mut reached = BTreeSet::new();
    for viewer in &world.viewers {
        let due: BTreeSet<String> = expected(&types, of, viewer, hole)
            .intersection(&truth)
            .cloned()
            .collect();
        for path in paths(&types, of) {
            let document = document(&path, &selection);
            let answer = viewer.client.query(&document, variables.clone()).await;
            let code = answer.json.pointer("/errors/0/extensions/code").and_then(Value::as_str);
            // Lists of one's own need a sign-in, and figures a role.
            let outside = matches!(code, Some("UNAUTHENTICATED" | "FORBIDDEN"));
            assert!(code.is_none() || outside, "{document}: {:#}", answer.json);
            let mut found = Vec::new();
            objects(&answer.json["data"], id, &mut found);
            cells += truth.len();
            for object in found {
                reached.insert(path.clone());
                let mut seen = shown(object);
                // An identifier stands with whatever leads to it.
                seen.remove("id");
                let due: BTreeSet<String> = due.iter().filter(|name| *name != "id").cloned().collect();
                visible += seen.len();
                if seen != due {
                    wrong.push(format!(
                        "{} by {}: {seen:?}, the files say {due:?}",
                        viewer.name,
                        path.join(".")
                    ));
                }
            }
        }
    }
    assert!(reached.len() > 10, "{of} is reached: {reached:#?}");
    eprintln!(
        "matrix, fields of {of}: {} paths, {} of them lead there, {cells} cells, {visible} show, {} mismatches",
        paths(&types, of).len(),
        reached.len(),
        wrong.len()
    );
    (cells, visible, wrong)
}

/// One in which every path may be asked, whatever it costs.
async fn unbounded() -> TestApp {
    TestApp::having(|settings| settings.limits.cost = 10_000).await
}

#[tokio::test]
async fn every_path_to_a_person_shows_what_the_files_say() {
    let test = unbounded().await;
    let world = World::new(&test).await;
    world.open_up().await;
    let (cells, visible, wrong) = walk(&world, "Person", &world.ana(), None).await;
    assert!(wrong.is_empty() && visible > 100 && cells > visible, "{wrong:#?}");
    let (_, _, wrong) = walk(&world, "Person", &world.ana(), Some((Action::SeeEmail, Role::Tutor))).await;
    assert!(
        wrong.iter().all(|line| line.starts_with("the team's tutor")),
        "{wrong:#?}"
    );
    assert!(!wrong.is_empty(), "a field without its guard is found");
}

#[tokio::test]
async fn every_path_to_an_enrolment_shows_what_the_files_say() {
    let test = unbounded().await;
    let world = World::new(&test).await;
    world.open_up().await;
    let (cells, visible, wrong) = walk(&world, "Enrolment", &world.class.enrolments[0], None).await;
    assert!(wrong.is_empty() && visible > 100 && cells > visible, "{wrong:#?}");
}

#[test]
fn every_field_that_leads_to_a_person_is_walked() {
    let types = types();
    let walked: BTreeSet<String> = paths(&types, "Person")
        .into_iter()
        .filter_map(|path| path.last().cloned())
        .collect();
    for found in &types {
        for field in fields(&types, found.name.node.as_str()) {
            let place = format!("{}.{}", found.name.node, field.name.node);
            // Payloads of mutations hold nothing else than the queries lead to.
            if named(&field.ty.node) == "Person" && !found.name.node.ends_with("Payload") {
                let name = field.name.node.as_str();
                assert!(walked.iter().any(|way| way.starts_with(name)), "{place} is on no path");
            }
        }
    }
}
