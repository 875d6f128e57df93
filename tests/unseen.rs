//! Unseen is absent: whatever is not for somebody's eyes is answered like what there is not, by every query and by
//! mutations. Pairs of somebody and something are drawn from a small world of several editions and institutions, in
//! which people are participants here and tutors there; who sees what is computed from how the world was made.
//!
//! `RUMBO_TEST_PAIRS=20000` draws more. The medians of the time that either answer takes are printed, not judged.

#![allow(
    clippy::similar_names,
    reason = "people and things are named as the story needs them"
)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rumbo::domain::actor::{Role, Scope};
use rumbo::domain::id::{DeliverableId, EnrolmentId, InvitationId, PersonId, SubmissionId, TeamId};
use serde_json::{Value, json};

use crate::support::app::{Answer, Client, TestApp};
use crate::support::draw::Draw;
use crate::support::scene::{Plan, act, apply, enrolling, id_of, nominate, roadmap_input, walk};

const EDITIONS: usize = 4;
const INSTITUTIONS: usize = 3;

/// How many pairs are drawn.
#[allow(clippy::disallowed_methods, reason = "how thorough a run is, its caller says")]
fn pairs() -> usize {
    let told = std::env::var("RUMBO_TEST_PAIRS").ok();
    told.and_then(|count| count.parse().ok()).unwrap_or(400)
}

/// One participant of one edition.
struct Enrolled {
    id: String,
    person: String,
    edition: usize,
    team: usize,
    nominator: Option<usize>,
}

/// One team, with who is in charge of it.
struct Team {
    id: String,
    submission: String,
    edition: usize,
    tutor: Option<String>,
}

/// Somebody whom an institution named for an edition, and who has not answered.
struct Nominee {
    id: String,
    edition: usize,
    institution: usize,
}

/// Somebody, with what they coordinate and for which institution they stand.
struct Viewer<'a> {
    client: Client<'a>,
    person: String,
    coordinates: Option<usize>,
    institution: Option<usize>,
}

struct World<'a> {
    enrolled: Vec<Enrolled>,
    teams: Vec<Team>,
    deliverables: Vec<String>,
    nominees: Vec<Nominee>,
    viewers: Vec<Viewer<'a>>,
}

fn name(kind: &str, edition: usize, number: usize) -> &'static str {
    format!("{kind}{edition}{number}").leak()
}

impl<'a> World<'a> {
    #[allow(clippy::too_many_lines, reason = "everything of the world, one after the other")]
    async fn new(test: &'a TestApp) -> Self {
        let carla = test.coordinator().await;
        let mut institutions = Vec::new();
        for place in 0..INSTITUTIONS {
            institutions.push(test.institution(&format!("Institution {place}"), "UY").await);
        }
        let mut tutors = Vec::new();
        for place in 0..EDITIONS {
            tutors.push([
                test.person(name("Tim", place, 0)).await,
                test.person(name("Uma", place, 1)).await,
            ]);
        }
        let mut world = Self {
            enrolled: Vec::new(),
            teams: Vec::new(),
            deliverables: Vec::new(),
            nominees: Vec::new(),
            viewers: Vec::new(),
        };
        let mut focal_points = Vec::new();
        for (place, &institution) in institutions.iter().enumerate() {
            let scope = Scope::Institution(institution);
            focal_points.push(test.holder(name("Flor", place, 0), Role::FocalPoint, scope).await);
        }
        for place in 0..EDITIONS {
            let code = format!("ED-{place}").leak();
            let edition = enrolling(&carla, Plan { code, ..Plan::OPEN }).await;
            let mut people = Vec::new();
            for number in 0..6 {
                people.push(test.person(name("Pia", place, number)).await);
            }
            // The tutor of one edition takes part in the next one.
            people.push(tutors[(place + 1) % EDITIONS][0].clone());
            let mut enrolments = Vec::new();
            for person in &people {
                enrolments.push(apply(person, &edition).await.0);
            }
            for (number, enrolment) in enrolments.iter().enumerate().take(4) {
                nominate(test, enrolment, institutions[number % INSTITUTIONS].0).await;
            }
            for (institution, flor) in focal_points.iter().enumerate() {
                let input = json!({
                    "editionId": edition, "institutionId": institutions[institution].to_string(), "language": "ES",
                    "email": "nora@example.org", "givenName": "Nora", "familyName": "Nominee",
                });
                let made = act(flor, "Nominate", input).await;
                world.nominees.push(Nominee {
                    id: made.text("nominate.nomination.id"),
                    edition: place,
                    institution,
                });
            }
            walk(&carla, &edition, &["ENROLMENT_CLOSED", "RUNNING"]).await;
            let asked = act(&carla, "CreateDeliverable", roadmap_input(&edition)).await;
            let asked = asked.text("createDeliverable.deliverable.id");
            for (number, members) in [vec![0, 1], vec![2, 3], vec![4, 5, 6]].into_iter().enumerate() {
                let ids: Vec<&String> = members.iter().map(|&member| &enrolments[member]).collect();
                let input = json!({ "editionId": edition, "name": format!("Team {number}"), "enrolmentIds": ids });
                let team = act(&carla, "CreateTeam", input).await.text("createTeam.team.id");
                let tutor = tutors[place].get(number);
                if let Some(tutor) = tutor {
                    let input = json!({ "teamIds": [team], "personId": id_of(tutor) });
                    act(&carla, "AllocateTutor", input).await.at("allocateTutor.teams");
                }
                let author = &people[members[0]];
                let input = json!({ "deliverableId": asked, "title": "Ours", "body": "In a year." });
                let saved = act(author, "SaveDraft", input).await;
                let submission = saved.text("saveDraft.submission.id");
                let input =
                    json!({ "submissionId": submission, "version": saved.number("saveDraft.submission.version") });
                act(author, "SubmitWork", input).await.at("submitWork.submission.id");
                for member in members {
                    world.enrolled.push(Enrolled {
                        id: enrolments[member].clone(),
                        person: id_of(&people[member]),
                        edition: place,
                        team: world.teams.len(),
                        nominator: (member < 4).then_some(member % INSTITUTIONS),
                    });
                }
                world.teams.push(Team {
                    id: team,
                    submission,
                    edition: place,
                    tutor: tutor.map(id_of),
                });
            }
            world.deliverables.push(asked);
            people.pop();
            let cora = test.coordinator_of(name("Cora", place, 0), &edition).await;
            world.add(cora, Some(place), None);
            for person in people.into_iter().chain(tutors[place].iter().cloned()) {
                world.add(person, None, None);
            }
        }
        for (place, flor) in focal_points.into_iter().enumerate() {
            world.add(flor, None, Some(place));
        }
        world.add(test.person("Saul").await, None, None);
        drop(test.mails().await);
        world
    }

    fn add(&mut self, client: Client<'a>, coordinates: Option<usize>, institution: Option<usize>) {
        self.viewers.push(Viewer {
            person: id_of(&client),
            client,
            coordinates,
            institution,
        });
    }

    fn is_member(&self, viewer: &Viewer<'_>, team: usize) -> bool {
        self.enrolled
            .iter()
            .any(|row| row.team == team && row.person == viewer.person)
    }

    fn sees_team(&self, viewer: &Viewer<'_>, team: usize) -> bool {
        let row = &self.teams[team];
        self.is_member(viewer, team)
            || viewer.coordinates == Some(row.edition)
            || row.tutor.as_deref() == Some(viewer.person.as_str())
    }

    fn sees_enrolment(&self, viewer: &Viewer<'_>, row: &Enrolled) -> bool {
        row.person == viewer.person
            || viewer.coordinates == Some(row.edition)
            || self.teams[row.team].tutor.as_deref() == Some(viewer.person.as_str())
            || (viewer.institution.is_some() && viewer.institution == row.nominator)
    }

    fn sees_person(&self, viewer: &Viewer<'_>, person: &str) -> bool {
        let as_participant = self.enrolled.iter().filter(|row| row.person == person);
        let mut as_tutor = self
            .teams
            .iter()
            .enumerate()
            .filter(|(_, team)| team.tutor.as_deref() == Some(person));
        person == viewer.person
            || as_participant
                .into_iter()
                .any(|row| self.sees_enrolment(viewer, row) || self.is_member(viewer, row.team))
            || as_tutor.any(|(place, team)| viewer.coordinates == Some(team.edition) || self.is_member(viewer, place))
    }

    fn sees_deliverable(&self, viewer: &Viewer<'_>, edition: usize) -> bool {
        let of_edition = self
            .teams
            .iter()
            .enumerate()
            .filter(|(_, team)| team.edition == edition);
        of_edition.into_iter().any(|(place, _)| self.sees_team(viewer, place))
    }
}

/// What is asked about a kind of thing, and a mutation that takes one.
struct Probe {
    kind: &'static str,
    query: &'static str,
    mutation: Option<(&'static str, &'static str, Value)>,
}

fn probes() -> [Probe; 6] {
    let version = json!({ "version": 1 });
    [
        Probe {
            kind: "enrolment",
            query: "query ($id: ID!) { enrolment(id: $id) { id state } completion(enrolmentId: $id) { id }
                node(id: $id) { id } }",
            mutation: Some(("WithdrawEnrolment", "enrolmentId", version.clone())),
        },
        Probe {
            kind: "person",
            query: "query ($id: ID!) { node(id: $id) { id ... on Person { fullName email country } } }",
            mutation: None,
        },
        Probe {
            kind: "team",
            query: "query ($id: ID!) { team(id: $id) { id name } node(id: $id) { id } }",
            mutation: Some(("UpdateTeam", "teamId", version.clone())),
        },
        Probe {
            kind: "submission",
            query: "query ($id: ID!) { submission(id: $id) { id state } node(id: $id) { id } }",
            mutation: Some(("StartReview", "submissionId", version.clone())),
        },
        Probe {
            kind: "nomination",
            query: "query ($id: ID!) { node(id: $id) { id } nominations(first: 50) { nodes { id } } }",
            mutation: Some(("WithdrawNomination", "nominationId", version)),
        },
        Probe {
            kind: "deliverable",
            query: "query ($id: ID!) { deliverable(id: $id) { id title } node(id: $id) { id } }",
            mutation: Some(("SaveDraft", "deliverableId", json!({ "title": "Mine", "body": "In." }))),
        },
    ]
}

/// The answer without what differs from request to request.
fn plain(answer: &Answer) -> (u16, Value) {
    let mut json = answer.json.clone();
    if let Some(errors) = json.get_mut("errors").and_then(Value::as_array_mut) {
        for error in errors {
            if let Some(extensions) = error.get_mut("extensions").and_then(Value::as_object_mut) {
                extensions.remove("requestId");
            }
        }
    }
    (answer.status.as_u16(), json)
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "one draw after the other, told in its order")]
async fn unseen_is_absent_for_random_pairs() {
    let test = TestApp::new().await;
    let world = World::new(&test).await;
    let probes = probes();
    let mut draw = Draw(20_261_122);
    let (mut seen, mut unseen) = (0, 0);
    let mut times: BTreeMap<&str, [Vec<Duration>; 2]> = BTreeMap::new();
    for pair in 0..pairs() {
        let viewer = &world.viewers[draw.below(world.viewers.len())];
        let probe = &probes[pair % probes.len()];
        let (id, absent, sees) = match probe.kind {
            "enrolment" => {
                let row = &world.enrolled[draw.below(world.enrolled.len())];
                (
                    row.id.clone(),
                    EnrolmentId(draw.uuid()).to_string(),
                    world.sees_enrolment(viewer, row),
                )
            }
            "person" => {
                let whom = draw.below(world.viewers.len());
                let id = world.viewers[whom].person.clone();
                let sees = world.sees_person(viewer, &id);
                (id, PersonId(draw.uuid()).to_string(), sees)
            }
            "team" => {
                let place = draw.below(world.teams.len());
                (
                    world.teams[place].id.clone(),
                    TeamId(draw.uuid()).to_string(),
                    world.sees_team(viewer, place),
                )
            }
            "submission" => {
                let place = draw.below(world.teams.len());
                let absent = SubmissionId(draw.uuid()).to_string();
                (
                    world.teams[place].submission.clone(),
                    absent,
                    world.sees_team(viewer, place),
                )
            }
            "nomination" => {
                let row = &world.nominees[draw.below(world.nominees.len())];
                let sees = viewer.coordinates == Some(row.edition) || viewer.institution == Some(row.institution);
                (row.id.clone(), InvitationId(draw.uuid()).to_string(), sees)
            }
            _ => {
                let edition = draw.below(EDITIONS);
                let absent = DeliverableId(draw.uuid()).to_string();
                (
                    world.deliverables[edition].clone(),
                    absent,
                    world.sees_deliverable(viewer, edition),
                )
            }
        };
        let mut ask = async |id: &str, place: usize| {
            let begun = Instant::now();
            let answer = viewer.client.query(probe.query, json!({ "id": id })).await;
            times.entry(probe.kind).or_default()[place].push(begun.elapsed());
            answer
        };
        if sees {
            seen += 1;
            let answer = viewer.client.query(probe.query, json!({ "id": id })).await;
            assert!(
                answer.body.contains(&id),
                "{} sees the {}: {}",
                viewer.client.email,
                probe.kind,
                answer.body
            );
            continue;
        }
        unseen += 1;
        // By turns, so that neither is always the one that finds everything warm.
        let (first, second) = if pair % 2 == 0 { (0, 1) } else { (1, 0) };
        let ids = [id.as_str(), absent.as_str()];
        let one = ask(ids[first], first).await;
        let other = ask(ids[second], second).await;
        assert_eq!(
            plain(&one),
            plain(&other),
            "{} and the {} {id}",
            viewer.client.email,
            probe.kind
        );
        assert!(!one.body.contains(&id) && !other.body.contains(&id), "{}", one.body);
        if let Some((operation, field, input)) = &probe.mutation {
            let tried = async |id: &str| {
                let mut input = input.clone();
                input[*field] = json!(id);
                plain(&act(&viewer.client, operation, input).await)
            };
            let (one, other) = (tried(&id).await, tried(&absent).await);
            assert_eq!(one, other, "{operation} by {} on {id}", viewer.client.email);
            assert!(one.1.to_string().contains("NOT_FOUND"), "{one:?}");
        }
    }
    eprintln!(
        "unseen is absent: {} pairs, {seen} seen, {unseen} unseen, nothing leaked",
        seen + unseen
    );
    for (kind, [unseen, absent]) in &mut times {
        eprintln!(
            "  {kind}: median {:?} unseen, {:?} absent",
            median(unseen),
            median(absent)
        );
    }
    assert!(seen > 10 && unseen > 100, "{seen} {unseen}");
}
