//! The policy held against what was promised: the matrix whole, the operations that answer to it, and what people
//! see of each other by every path of the API.

use std::collections::BTreeSet;

use async_graphql::parser::types::{InputValueDefinition, TypeDefinition, TypeKind};
use rumbo::domain::actor::{Actor, Grant, Role, Scope};
use rumbo::domain::id::PersonId;
use rumbo::domain::language::Language;
use rumbo::domain::policy::listing::{self, Entry};
use rumbo::domain::policy::{Action, Relation, Verdict, verdict};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::{Answer, Client, TestApp, Who};
use crate::support::scene::{Plan, apply, draft, enrolling, nominate, walk};
use crate::support::sdl::{fields, types};

/// Who was promised to see and do what, in a few letters (o own, t own team, a assigned, i own institution's nominees,
/// e own edition, * with a reason, - no): for the public, participants, tutors, focal points, coordinators and
/// administrators. A row that is several actions here is repeated.
#[rustfmt::skip]
const PROMISED: &[(&str, [&str; 6], &[Action])] = &[
    ("published catalogue, check a certificate", ["yes", "yes", "yes", "yes", "yes", "yes"], &[Action::BrowseCatalogue, Action::SeeMeasures, Action::CheckCertificate]),
    ("register of institutions", ["-", "yes", "yes", "yes", "yes", "yes"],
        &[Action::BrowseInstitutions, Action::ProposeInstitution]),
    ("proposed institutions", ["-", "-", "-", "-", "yes", "yes"], &[Action::SettleInstitutions]),
    ("own profile", ["-", "o", "o", "o", "o", "o"], &[Action::ManageAccount, Action::SeeAccount]),
    ("name of another person", ["-", "t", "a", "i", "e", "*"], &[Action::SeeName]),
    ("e-mail", ["-", "o", "a", "i", "e", "*"], &[Action::SeeEmail]),
    ("country, institution", ["-", "o", "a", "i", "e", "*"], &[Action::SeeOrigin]),
    ("gender, birth year", ["-", "o", "-", "-", "e", "*"], &[Action::SeeGender]),
    // Whoever is signed in may be a participant; a coordinator decides about others, and may end an enrolment.
    ("enrol", ["-", "o", "o", "o", "o", "o"], &[Action::Apply]),
    ("withdraw", ["-", "o", "o", "o", "e", "-"], &[Action::Withdraw]),
    ("own answers and consents, those of an edition", ["-", "o", "-", "-", "e", "-"], &[Action::SeeApplication]),
    ("consent, and take it back", ["-", "o", "o", "o", "o", "o"], &[Action::StateConsent]),
    ("that somebody is enrolled", ["-", "o", "a", "i", "e", "-"], &[Action::SeeEnrolment]),
    ("decide on an enrolment", ["-", "-", "-", "-", "e", "-"],
        &[Action::DecideEnrolment, Action::CorrectSnapshot, Action::DecideCompletion, Action::ExportEnrolments]),
    ("take out what one sees in a list", ["-", "yes", "yes", "yes", "yes", "yes"], &[Action::ExportList]),
    ("score an application, see scores", ["-", "-", "-", "-", "e", "-"], &[Action::ScoreApplication, Action::SeeScores]),
    ("issue, revoke a certificate", ["-", "-", "-", "-", "e", "-"], &[Action::IssueCertificate]),
    ("answer the offer of a seat", ["-", "o", "o", "o", "o", "o"], &[Action::AnswerOffer]),
    ("keep seats, rank those who wait", ["-", "-", "-", "-", "e", "-"], &[Action::SeeSeats, Action::ManageSeats]),
    ("bring enrolments in from a file", ["-", "-", "-", "-", "e", "-"], &[Action::ImportEnrolments]),
    ("invite to an edition", ["-", "-", "-", "-", "e", "-"], &[Action::Invite]),
    ("nominate in the name of one's institution", ["-", "-", "-", "i", "-", "-"], &[Action::Nominate, Action::EndorseNomination]),
    ("nominations and what came of them", ["-", "-", "-", "i", "e", "-"], &[Action::SeeNominations]),
    ("write a submission", ["-", "t", "-", "-", "-", "-"], &[Action::WriteSubmission]),
    ("read a submission", ["-", "t", "a", "-", "e", "-"], &[Action::ReadSubmission, Action::SeeTeam]),
    ("assess, draft grade", ["-", "-", "a", "-", "e", "-"], &[Action::Assess, Action::SeeDraftGrade]),
    ("release a grade as its tutor", ["-", "-", "a", "-", "e", "-"], &[Action::ReleaseAsTutor]),
    ("release or override a grade", ["-", "-", "-", "-", "e", "-"], &[Action::ReleaseGrade]),
    ("exact statistics", ["-", "-", "-", "-", "e", "yes"], &[Action::ReadStatistics]),
    ("totals of an edition", ["-", "-", "a", "-", "e", "yes"], &[Action::ReadTotals]),
    ("grant the role of tutor", ["-", "-", "-", "-", "e", "yes"], &[Action::GrantTutor]),
    ("grant any role", ["-", "-", "-", "-", "-", "yes"], &[Action::GrantRole]),
    ("audit log", ["-", "o", "o", "o", "e", "yes"], &[Action::ReadAudit]),
    ("plan and run editions", ["-", "-", "-", "-", "e", "-"],
        &[Action::SeeUnpublished, Action::PlanEdition, Action::DesignForm, Action::DefineDeliverable, Action::ManageTeams,
            Action::AllocateTutor]),
    ("courses that are not announced", ["-", "-", "-", "-", "yes", "yes"], &[Action::SeeEveryCourse]),
    ("plan courses", ["-", "-", "-", "-", "yes", "-"], &[Action::PlanCourse]),
    ("accounts, institutions, settings", ["-", "-", "-", "-", "-", "yes"],
        &[Action::ManageInstitutions, Action::ManageAccounts, Action::ImportRecords, Action::TraceAccess,
            Action::ManageKeys]),
    ("what the passing of time does by itself", ["-", "-", "-", "-", "-", "-"], &[Action::Purge]),
];

const ROLES: [Role; 4] = [Role::Tutor, Role::FocalPoint, Role::Coordinator, Role::Administrator];

/// What a letter of the product's table means for somebody who stands so to the object.
fn meant(letter: &str, relation: Relation) -> Verdict {
    let holds = match letter {
        "yes" => true,
        "-" => false,
        "*" => return Verdict::WithReason,
        "o" => relation.own,
        "t" => relation.own || relation.team,
        "a" => relation.assigned,
        "i" => relation.institution,
        "e" => relation.edition,
        other => panic!("the table has no letter {other}"),
    };
    if holds { Verdict::Allowed } else { Verdict::Denied }
}

fn relations() -> impl Iterator<Item = Relation> {
    (0..32_u8).map(|bits| Relation {
        own: bits & 1 != 0,
        team: bits & 2 != 0,
        assigned: bits & 4 != 0,
        institution: bits & 8 != 0,
        edition: bits & 16 != 0,
    })
}

/// Nobody, and somebody with every set of roles: who it is, and the columns of the table that hold.
fn actors() -> Vec<(Actor, Vec<usize>)> {
    let mut actors = vec![(Actor::anonymous(Language::En), vec![0])];
    for bits in 0..16_usize {
        let held: Vec<usize> = (0..4).filter(|role| bits & (1 << role) != 0).collect();
        let grant = |&role: &usize| Grant {
            role: ROLES[role],
            scope: Scope::System,
        };
        let actor = Actor {
            person: Some(PersonId(Uuid::from_u128(1))),
            grants: held.iter().map(grant).collect(),
            ..Actor::anonymous(Language::En)
        };
        let columns = [0, 1].into_iter().chain(held.iter().map(|role| role + 2));
        actors.push((actor, columns.collect()));
    }
    actors
}

#[test]
fn the_matrix_is_what_was_promised() {
    let mut asked = BTreeSet::new();
    for (row, letters, actions) in PROMISED {
        for action in *actions {
            assert!(asked.insert(action.key()), "{} is in two rows", action.key());
            for (actor, columns) in actors() {
                for relation in relations() {
                    let expected = columns.iter().map(|&column| meant(letters[column], relation)).max();
                    assert_eq!(
                        Some(verdict(&actor, *action, relation)),
                        expected,
                        "{row}: {} for {:?} who stands {relation:?}",
                        action.key(),
                        actor.grants
                    );
                }
            }
        }
    }
    let all: BTreeSet<_> = Action::ALL.iter().map(|action| action.key()).collect();
    assert_eq!(asked, all, "every action has its row");
}

/// The fields of an input object; none when there is no such type.
fn inputs<'a>(types: &'a [TypeDefinition], name: &str) -> Vec<&'a InputValueDefinition> {
    let found = types.iter().filter(|found| found.name.node == name);
    let fields = found.flat_map(|found| match &found.kind {
        TypeKind::InputObject(input) => input.fields.as_slice(),
        _ => &[],
    });
    fields.map(|field| &field.node).collect()
}

#[test]
fn every_field_of_the_schema_answers_to_an_action() {
    let types = types();
    let known: BTreeSet<_> = Action::ALL.iter().map(|action| action.key()).collect();
    let mut named = BTreeSet::new();
    for Entry { of, field, actions } in listing::entries() {
        let name = format!("{of}.{field}");
        let exists = fields(&types, of).iter().any(|found| found.name.node == field)
            || inputs(&types, of).iter().any(|found| found.name.node == field);
        assert!(exists, "policy.operations: the schema has no {name}");
        let instead = match actions[..] {
            // Of the queries, one is for whoever holds the token of a message.
            [listing::CREDENTIALS] => (of != "Query" || field == "openInvitation") && of != "Subscription",
            [listing::CARRIED] => of != "Mutation" && of != "Query" && of != "Subscription",
            _ => false,
        };
        assert!(!actions.is_empty(), "policy.operations: {name} answers to nothing");
        for action in &actions {
            assert!(
                instead || known.contains(action),
                "policy.operations: {name} names {action}"
            );
        }
        assert!(named.insert(name.clone()), "policy.operations: {name} twice");
    }
    assert_eq!(
        rumbo::api::unlisted(&rumbo::api::sdl()),
        Vec::<String>::new(),
        "policy.operations does not name"
    );
    assert!(named.len() > 300, "the schema is walked whole: {}", named.len());
}

#[test]
fn what_always_comes_with_a_reason_says_so_in_its_input() {
    let types = types();
    let asked = |mutation: &&str| {
        let input = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
        let reason = inputs(&types, &input)
            .into_iter()
            .find(|field| field.name.node == "reason");
        reason.is_some_and(|field| field.ty.node.to_string() == "String!")
    };
    let mutations = fields(&types, "Mutation");
    let mutations = mutations.iter().map(|field| field.name.node.as_str());
    let found: BTreeSet<&str> = mutations.filter(asked).collect();
    assert_eq!(found, BTreeSet::from(listing::WITH_REASON));
}

#[test]
fn a_field_that_no_line_names_is_found() {
    let sdl = rumbo::api::sdl();
    let planted = sdl.replacen(
        "type Person implements Node {",
        "type Person implements Node {\n\tsecret: String",
        1,
    );
    assert_ne!(planted, sdl);
    assert_eq!(rumbo::api::unlisted(&planted), ["Person.secret"]);
    let planted = sdl.replacen("type Mutation {", "type Mutation {\n\topenDoors: Boolean", 1);
    assert_eq!(rumbo::api::unlisted(&planted), ["Mutation.openDoors"]);
    let planted = sdl.replacen(
        "input EnrolmentFilter {",
        "input EnrolmentFilter {\n\tgenders: [Gender!]",
        1,
    );
    assert_eq!(rumbo::api::unlisted(&planted), ["EnrolmentFilter.genders"]);
}

/// Whether an input field would set a role, a state, a grade, an owner, a confirmation or an instant.
fn is_delicate(field: &InputValueDefinition) -> bool {
    let name = field.name.node.as_str();
    let of = field.ty.node.to_string();
    let of = of.trim_matches(['[', ']', '!']);
    let states = [
        "EditionState",
        "EnrolmentState",
        "SubmissionState",
        "InvitationState",
        "NominationState",
        "EnrolmentDecision",
    ];
    let kinds = ["Role", "DateTime", "NaiveDate", "Decimal"];
    let parts = [
        "status",
        "owner",
        "author",
        "verified",
        "confirmed",
        "grade",
        "disabled",
        "admin",
    ];
    let lower = name.to_lowercase();
    states.contains(&of)
        || kinds.contains(&of)
        || ["personId", "until", "from", "state", "role", "roles", "points"].contains(&name)
        || parts.iter().any(|part| lower.contains(part))
        || name.ends_with("At")
        || name.ends_with("By")
}

#[test]
fn no_input_sets_what_is_not_its_to_set() {
    let types = types();
    let mut named = BTreeSet::new();
    for found in &types {
        let of = found.name.node.as_str();
        for field in inputs(&types, of).into_iter().filter(|field| is_delicate(field)) {
            let name = field.name.node.as_str();
            assert!(
                listing::actions_of(of, name).is_some(),
                "policy.operations does not name {of}.{name}"
            );
            named.insert((of.to_owned(), name.to_owned()));
        }
    }
    for Entry { of, field, .. } in listing::entries() {
        let input = !inputs(&types, of).is_empty();
        let delicate = named.contains(&(of.to_owned(), field.to_owned()));
        assert!(
            !input || delicate || of.ends_with("Filter"),
            "policy.operations: {of}.{field} is an ordinary input"
        );
    }
}

#[test]
fn every_nullable_field_of_a_person_answers_to_an_action() {
    let types = types();
    for field in fields(&types, "Person") {
        let actions = listing::actions_of("Person", field.name.node.as_str()).expect("it is listed");
        assert!(
            field.ty.node.nullable || actions == [Action::SeeName.key()],
            "{}",
            field.name.node
        );
        assert!(!actions.contains(&listing::CARRIED), "{}", field.name.node);
    }
}

/// Who sees what of whom: one edition with two teams, their tutors, a nominee, and people around them.
struct Scene<'a> {
    test: &'a TestApp,
    coordinator: Client<'a>,
    edition: String,
    elsewhere: String,
    ana: Client<'a>,
    mate: Client<'a>,
    tutor: Client<'a>,
    other_tutor: Client<'a>,
    focal_point: Client<'a>,
    other_focal_point: Client<'a>,
    variables: Value,
}

impl<'a> Scene<'a> {
    async fn new(test: &'a TestApp) -> Self {
        let coordinator = test.coordinator().await;
        let edition = enrolling(&coordinator, Plan::OPEN).await;
        let elsewhere = enrolling(&coordinator, Plan::OTHER).await;
        let institution = test.institution("INEFOP", "UY").await;
        let other_institution = test.institution("SENA", "CO").await;
        let ana = Who {
            institution: Some(institution),
            ..Who::named("Ana")
        };
        let (ana, mate, cy) = (
            test.somebody(ana).await,
            test.person("Ben").await,
            test.person("Cy").await,
        );
        let mut enrolments = Vec::new();
        for person in [&ana, &mate, &cy] {
            enrolments.push(apply(person, &edition).await.0);
        }
        // The other edition is no way to Ana, though her team mate is in it.
        apply(&mate, &elsewhere).await;
        nominate(test, &enrolments[0], institution.0).await;
        walk(&coordinator, &edition, &["ENROLMENT_CLOSED", "RUNNING"]).await;
        let (tutor, other_tutor) = (test.person("Tim").await, test.person("Tess").await);
        let team = team(&coordinator, &edition, &enrolments[..2], &tutor).await;
        team_of_others(&coordinator, &edition, &enrolments[2..], &other_tutor).await;
        let submission = hand_in(&coordinator, &edition, &ana).await;
        let focal_point = test.holder("Flor", Role::FocalPoint, Scope::Institution(institution));
        let other_focal_point = test.holder("Fede", Role::FocalPoint, Scope::Institution(other_institution));
        drop(test.mails().await);
        Self {
            focal_point: focal_point.await,
            other_focal_point: other_focal_point.await,
            variables: json!({ "person": ana.person.expect("a person").to_string(), "edition": edition, "enrolment": enrolments[0], "team": team, "submission": submission }),
            test,
            coordinator,
            edition,
            elsewhere,
            ana,
            mate,
            tutor,
            other_tutor,
        }
    }
}

async fn team(coordinator: &Client<'_>, edition: &str, members: &[String], tutor: &Client<'_>) -> String {
    make_team(coordinator, "Ceibo", edition, members, tutor).await
}

async fn team_of_others(coordinator: &Client<'_>, edition: &str, members: &[String], tutor: &Client<'_>) -> String {
    make_team(coordinator, "Timbó", edition, members, tutor).await
}

async fn make_team(
    coordinator: &Client<'_>,
    name: &str,
    edition: &str,
    members: &[String],
    tutor: &Client<'_>,
) -> String {
    let input = json!({ "editionId": edition, "name": name, "enrolmentIds": members });
    let team = coordinator.run("CreateTeam", json!({ "input": input })).await;
    let team = team.text("createTeam.team.id");
    let person = tutor.person.expect("a person").to_string();
    let input = json!({ "teamIds": [team], "personId": person });
    let allocated = coordinator.run("AllocateTutor", json!({ "input": input })).await;
    assert_eq!(allocated.user_errors("allocateTutor"), Vec::<String>::new());
    team
}

/// A roadmap is asked for and handed in; returns the submission.
async fn hand_in(coordinator: &Client<'_>, edition: &str, author: &Client<'_>) -> String {
    let levels = json!([{ "title": "No", "points": "0" }, { "title": "Yes", "points": "10" }]);
    let input = json!({
        "editionId": edition, "kind": "ROADMAP", "title": "Roadmap",
        "dueAt": "2026-06-01T12:00:00Z", "cutOffAt": "2026-06-08T12:00:00Z",
        "rubric": [{ "key": "plan", "title": "Plan", "levels": levels }],
    });
    let asked = coordinator.run("CreateDeliverable", json!({ "input": input })).await;
    let deliverable = asked.text("createDeliverable.deliverable.id");
    let input = json!({ "deliverableId": deliverable, "title": "A council", "body": "In eighteen months." });
    let draft = author.run("SaveDraft", json!({ "input": input })).await;
    let submission = draft.text("saveDraft.submission.id");
    let input = json!({ "submissionId": submission, "version": draft.number("saveDraft.submission.version") });
    let handed_in = author.run("SubmitWork", json!({ "input": input })).await;
    assert_eq!(handed_in.text("submitWork.submission.state"), "SUBMITTED");
    submission
}

const PARTS: &str = "
fragment P on Person { id givenName familyName fullName email country gender language timeZone version institution { name } }
fragment T on Team { id members { person { ...P } } }
fragment E on Enrolment { id motivation gender country language constituentGroup institution { name } nominatedBy { name } person { ...P } team { ...T } }
fragment V on SubmissionVersion { submittedBy { ...P } authors { ...P } }
fragment S on Submission { id team { ...T } handIn { ...V } versions { ...V } }
";

/// Every path to a person that an edition, and what hangs on it, offers to anybody.
const FROM_OUTSIDE: &str = "query ($person: ID!, $edition: ID!, $enrolment: ID!, $team: ID!, $submission: ID!) {
  anybody: node(id: $person) { ... on Person { ...P } }
  anything: node(id: $enrolment) { ... on Enrolment { ...E } }
  enrolment(id: $enrolment) { ...E }
  team(id: $team) { ...T }
  submission(id: $submission) { ...S }
  edition(id: $edition) {
    myEnrolment { ...E }
    enrolments(first: 5) { nodes { ...E } }
    teams(first: 5) { nodes { ...T } }
    submissions(first: 5) { nodes { ...S } }
    deliverables { mySubmission { ...S } }
  }
}";

/// Every path to a person that one's own lists offer.
const FROM_INSIDE: &str = "{
  viewer { person { ...P } }
  myEnrolments(first: 5) { nodes { ...E } }
  myTeams(first: 5) { nodes { ...T } }
  allocatedTeams(first: 5) { nodes { ...T } }
  reviewQueue(first: 5) { nodes { ...S } }
}";

/// Every place at which an object with this identifier stands that holds the field, without list positions.
fn places<'a>(value: &'a Value, at: &str, id: &str, field: &str, found: &mut Vec<(String, &'a Value)>) {
    match value {
        Value::Object(entries) => {
            if value["id"] == id && entries.contains_key(field) {
                found.push((at.to_owned(), value));
            }
            for (key, inner) in entries {
                let at = if at.is_empty() {
                    key.clone()
                } else {
                    format!("{at}.{key}")
                };
                places(inner, &at, id, field, found);
            }
        }
        Value::Array(items) => {
            for item in items {
                places(item, at, id, field, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The fields that show of an object.
fn shown(object: &Value) -> Vec<&str> {
    let entries = object.as_object().into_iter().flatten();
    let seen = entries.filter(|(key, value)| {
        *key != "id" && !value.is_null() && value.as_object().is_none_or(|inner| inner.contains_key("name"))
    });
    seen.map(|(key, _)| key.as_str()).collect()
}

/// What a viewer sees of Ana and of her enrolment: the paths that lead there, and the fields that show, which
/// must be the same by every path.
struct Sight {
    paths: Vec<String>,
    person: Vec<String>,
    enrolment: Vec<String>,
}

async fn look(scene: &Scene<'_>, viewer: &Client<'_>) -> Sight {
    let viewer = if viewer.person.is_some() {
        viewer.again().await
    } else {
        viewer.clone()
    };
    let mut answers: Vec<Answer> = vec![
        viewer
            .query(&format!("{FROM_OUTSIDE}{PARTS}"), scene.variables.clone())
            .await,
    ];
    if viewer.person.is_some() {
        answers.push(viewer.query(&format!("{FROM_INSIDE}{PARTS}"), json!({})).await);
    }
    let ana = scene.ana.person.expect("a person").to_string();
    let enrolment = scene.variables["enrolment"].as_str().expect("an id");
    let (mut people, mut enrolments) = (Vec::new(), Vec::new());
    for answer in &answers {
        assert!(answer.json.get("errors").is_none(), "{:#}", answer.json);
        places(&answer.json["data"], "", &ana, "fullName", &mut people);
        places(&answer.json["data"], "", enrolment, "motivation", &mut enrolments);
    }
    let same = |objects: &[(String, &Value)]| {
        let masks: BTreeSet<Vec<&str>> = objects.iter().map(|(_, object)| shown(object)).collect();
        assert!(masks.len() <= 1, "not the same by every path: {masks:?}");
        let mask = masks.into_iter().next().unwrap_or_default();
        mask.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let paths: BTreeSet<String> = people.iter().map(|(path, _)| path.clone()).collect();
    let sight = Sight {
        person: same(&people),
        enrolment: same(&enrolments),
        paths: paths.into_iter().collect(),
    };
    if sight.paths.is_empty() {
        let whole: String = answers.iter().map(|answer| answer.json.to_string()).collect();
        for secret in [ana.as_str(), "Ana", "ana@example.org"] {
            assert!(!whole.contains(secret), "{secret} shows: {whole}");
        }
    }
    sight
}

const NAMES: [&str; 3] = ["familyName", "fullName", "givenName"];

/// The fields in the order in which they come.
fn sorted(parts: &[&[&str]]) -> Vec<String> {
    let all: BTreeSet<String> = parts
        .iter()
        .flat_map(|part| part.iter().map(|&name| name.to_owned()))
        .collect();
    all.into_iter().collect()
}

#[tokio::test]
async fn everybody_sees_of_a_person_what_the_table_says_by_every_path() {
    let test = TestApp::new().await;
    let scene = Box::pin(Scene::new(&test)).await;
    let origin = ["country", "email", "institution"];
    let own = ["gender", "language", "timeZone", "version"];
    let of_enrolment = [
        "constituentGroup",
        "country",
        "institution",
        "language",
        "motivation",
        "nominatedBy",
    ];
    let inside = scene.test.coordinator_of("Cora", &scene.edition).await;
    let whole = sorted(&[&of_enrolment, &["gender"]]);
    let few = sorted(&[&of_enrolment]);
    let nothing: Vec<String> = Vec::new();
    for (who, viewer, person, enrolment, paths) in [
        ("themself", &scene.ana, sorted(&[&NAMES, &origin, &own]), &whole, 30),
        ("a team mate", &scene.mate, sorted(&[&NAMES]), &nothing, 22),
        ("the team's tutor", &scene.tutor, sorted(&[&NAMES, &origin]), &few, 25),
        (
            "the nominating institution",
            &scene.focal_point,
            sorted(&[&NAMES, &origin]),
            &few,
            4,
        ),
        (
            "the edition's coordinator",
            &inside,
            sorted(&[&NAMES, &origin, &["gender"]]),
            &whole,
            19,
        ),
        (
            "the coordinator of all",
            &scene.coordinator,
            sorted(&[&NAMES, &origin, &["gender"]]),
            &whole,
            19,
        ),
    ] {
        let sight = look(&scene, viewer).await;
        assert_eq!(sight.person, person, "{who} by {:?}", sight.paths);
        assert_eq!(&sight.enrolment, enrolment, "the enrolment, for {who}");
        assert_eq!(sight.paths.len(), paths, "{who} by {:#?}", sight.paths);
    }
}

#[tokio::test]
async fn strangers_see_nobody_by_any_path() {
    let test = TestApp::new().await;
    let scene = Box::pin(Scene::new(&test)).await;
    let outside = scene.test.coordinator_of("Olga", &scene.elsewhere).await;
    for (who, viewer) in [
        ("nobody", &test.anonymous()),
        ("somebody", &test.person("Saul").await),
        ("the tutor of another team", &scene.other_tutor),
        ("another institution", &scene.other_focal_point),
        ("the coordinator of another edition", &outside),
        ("an administrator without a reason", &test.administrator().await),
    ] {
        let sight = look(&scene, viewer).await;
        assert_eq!(sight.paths, Vec::<String>::new(), "{who}");
    }
    let mut variables = scene.variables.clone();
    variables["edition"] = json!(scene.elsewhere);
    let shared = outside.query(&format!("{FROM_OUTSIDE}{PARTS}"), variables).await;
    assert!(
        shared.body.contains("Ben") && !shared.body.contains("Ana"),
        "{}",
        shared.body
    );
}

#[tokio::test]
async fn a_tutor_whose_charge_ended_sees_nobody() {
    let test = TestApp::new().await;
    let scene = Box::pin(Scene::new(&test)).await;
    let team = scene
        .coordinator
        .run("SeeTeam", json!({ "id": scene.variables["team"] }))
        .await;
    let input = json!({ "allocationId": team.text("team.tutors.0.id") });
    let ended = scene.coordinator.run("EndAllocation", json!({ "input": input })).await;
    assert_eq!(ended.user_errors("endAllocation"), Vec::<String>::new());
    assert_eq!(look(&scene, &scene.tutor).await.paths, Vec::<String>::new());
}

#[tokio::test]
async fn participants_see_the_name_of_their_tutor_and_no_more() {
    let test = TestApp::new().await;
    let scene = Box::pin(Scene::new(&test)).await;
    let tutors = format!("query ($team: ID!) {{ team(id: $team) {{ tutors {{ person {{ ...P }} }} }} }} {PARTS}");
    let tutors = tutors
        .split("fragment T")
        .next()
        .expect("the first fragment")
        .to_owned();
    let seen = scene
        .mate
        .query(&tutors, json!({ "team": scene.variables["team"] }))
        .await;
    assert_eq!(shown(seen.at("team.tutors.0.person")), NAMES);
}

#[tokio::test]
async fn a_draft_edition_is_there_for_its_coordinators_only() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let id = draft(&coordinator, Plan::OPEN).await.text("createEdition.edition.id");
    for stranger in [test.anonymous(), test.person("Saul").await, test.administrator().await] {
        let seen = stranger.run("SeeEdition", json!({ "id": id })).await;
        assert_eq!(seen.at("edition"), &Value::Null);
    }
    assert_eq!(
        coordinator
            .run("SeeEdition", json!({ "id": id }))
            .await
            .text("edition.state"),
        "DRAFT"
    );
}
