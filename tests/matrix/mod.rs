//! The run through the matrix: every mutation and query, for everybody who stands in some way to its object, in every
//! state that matters. What the API answers to the committed operations is held against what the files beside
//! `domain/policy.rs` say. A new mutation without a row here, or a new field without a line there, fails.

#![allow(
    clippy::similar_names,
    reason = "people and things are named as the story needs them"
)]

use std::collections::{BTreeMap, BTreeSet};

use rumbo::domain::actor::Role;
use rumbo::domain::policy::{Action, listing};

use self::cases::{ALL, APPLYING, Case, ENROLLING, GRADING, PLANNING, REVIEWING, WRITING, states_of};
use self::expected::{Hole, expected};
pub(crate) use self::people::Viewer;
pub(crate) use self::world::World;
use crate::support::app::{Answer, TestApp};
use crate::support::scene::act;
use crate::support::sdl::{fields, types};

mod cases;
mod expected;
mod input;
mod people;
mod world;

/// What came of an operation, or has to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Allowed,
    /// The state does not allow it.
    State,
    OwnWork,
    Forbidden,
    NotFound,
    Unauthenticated,
    /// Anything that no cell of the matrix means.
    Other(String),
}

/// The committed operation of a mutation.
fn of_mutation(mutation: &str) -> String {
    format!("{}{}", mutation[..1].to_uppercase(), &mutation[1..])
}

fn outcome(answer: &Answer, mutation: &str) -> Outcome {
    if answer.json.get("errors").is_some() {
        return match answer.refusal() {
            "FORBIDDEN" => Outcome::Forbidden,
            "NOT_FOUND" => Outcome::NotFound,
            "UNAUTHENTICATED" => Outcome::Unauthenticated,
            other => Outcome::Other(other.to_owned()),
        };
    }
    let errors = answer.user_errors(mutation);
    match errors.first().and_then(|error| error.split(' ').next()) {
        // Who is enrolled already was let as far as the rule of the edition.
        None | Some("ALREADY_ENROLLED") => Outcome::Allowed,
        Some("ILLEGAL_TRANSITION" | "ENROLMENT_CLOSED" | "NOT_ASSESSED") => Outcome::State,
        Some("OWN_WORK") => Outcome::OwnWork,
        Some(_) => Outcome::Other(errors.join(", ")),
    }
}
/// How many cells came out how, and those that were not as the files say.
#[derive(Default)]
struct Tally {
    counts: BTreeMap<&'static str, usize>,
    mismatches: Vec<String>,
}

impl Tally {
    fn count(&mut self, outcome: &Outcome) {
        let word = match outcome {
            Outcome::Allowed => "allowed",
            Outcome::State => "refused by state",
            Outcome::OwnWork => "refused as own work",
            Outcome::Forbidden => "forbidden",
            Outcome::NotFound => "absent",
            Outcome::Unauthenticated => "unauthenticated",
            Outcome::Other(_) => "other",
        };
        *self.counts.entry(word).or_default() += 1;
    }

    fn report(self, what: &str) {
        let cells: usize = self.counts.values().sum();
        eprintln!(
            "matrix, {what}: {cells} cells, {:?}, {} mismatches",
            self.counts,
            self.mismatches.len()
        );
        assert!(cells > 0 && self.mismatches.is_empty(), "{:#?}", self.mismatches);
    }
}

async fn run(world: &World<'_>, cases: &[Case], hole: Hole) -> Tally {
    let mut tally = Tally::default();
    let mut cells = 0_usize;
    for &case in cases {
        let operation = of_mutation(case.mutation);
        for states in states_of(case) {
            world.set(states, case.tutors_release).await;
            for viewer in &world.viewers {
                let input = world.input(case.mutation, viewer, states).await;
                let permission = world.permission(case, viewer).await;
                // A mutation with a key goes another way, and has to come to the same; whoever has one this time has none
                // the next.
                cells += 1;
                let client = match (cells + cells / world.viewers.len()) % 2 {
                    0 => viewer.client.clone(),
                    _ => viewer.client.with_keys(),
                };
                let answer = act(&client, &operation, input).await;
                let actual = outcome(&answer, case.mutation);
                let said = expected(case, viewer, states, hole);
                // Nobody is told first whether there is such a thing, or that they have to sign in.
                let alike = viewer.client.person.is_none() && actual == Outcome::NotFound;
                tally.count(&actual);
                if actual != said && !(alike && said == Outcome::Unauthenticated) {
                    let who = viewer.name;
                    tally.mismatches.push(format!(
                        "{} by {who} in {states:?}: {actual:?}, the files say {said:?}",
                        case.mutation
                    ));
                }
                let done = actual == Outcome::Allowed && answer.user_errors(case.mutation).is_empty();
                if permission.is_some_and(|allowed| allowed != done) {
                    let who = viewer.name;
                    tally.mismatches.push(format!(
                        "can {} by {who} in {states:?}: {permission:?}, but {actual:?}",
                        case.mutation
                    ));
                }
                if actual == Outcome::Allowed {
                    world.keep(case.mutation, &answer);
                    world.set(states, case.tutors_release).await;
                }
            }
        }
    }
    tally
}

async fn through(cases: &[Case], what: &str) {
    let test = TestApp::new().await;
    let world = World::new(&test).await;
    run(&world, cases, None).await.report(what);
}

#[tokio::test]
async fn reviewing_is_as_the_files_say() {
    through(REVIEWING, "reviewing").await;
}

#[tokio::test]
async fn grading_is_as_the_files_say() {
    through(GRADING, "grading").await;
}

#[tokio::test]
async fn writing_is_as_the_files_say() {
    through(WRITING, "writing").await;
}

#[tokio::test]
async fn enrolling_is_as_the_files_say() {
    through(ENROLLING, "enrolling").await;
}

#[tokio::test]
async fn planning_is_as_the_files_say() {
    through(PLANNING, "planning").await;
}

#[tokio::test]
async fn applying_is_as_the_files_say() {
    through(APPLYING, "applying").await;
}

#[tokio::test]
async fn a_hole_turns_the_run_red() {
    let test = TestApp::new().await;
    let world = World::new(&test).await;
    // The files read as if tutors might not assess: the program lets them, and that is found.
    let tally = run(&world, &REVIEWING[..1], Some((Action::Assess, Role::Tutor))).await;
    assert!(!tally.mismatches.is_empty(), "nothing was found");
    for found in &tally.mismatches {
        assert!(found.starts_with("startReview by the team's tutor"), "{found}");
    }
}

#[test]
fn every_mutation_has_its_row() {
    let run: BTreeSet<&str> = ALL
        .iter()
        .flat_map(|cases| cases.iter())
        .map(|case| case.mutation)
        .collect();
    let types = types();
    for field in fields(&types, "Mutation") {
        let name = field.name.node.as_str();
        let actions = listing::actions_of("Mutation", name).unwrap_or_default();
        // One's own account, and what brings its own proof, are gone through where they are tested.
        let own = actions
            .iter()
            .all(|action| [listing::CREDENTIALS, Action::ManageAccount.key()].contains(action));
        assert!(
            own != run.contains(name),
            "{name} answers to {actions:?}: it has to have a case here"
        );
    }
    for case in ALL.iter().flat_map(|cases| cases.iter()) {
        let listed = listing::actions_of("Mutation", case.mutation).unwrap_or_default();
        for action in case.actions {
            assert!(
                listed.contains(&action.key()),
                "{} does not answer to {}",
                case.mutation,
                action.key()
            );
        }
    }
}
