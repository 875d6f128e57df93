//! Institutions that applicants propose, how they come into the register, and what follows when one is merged into
//! another: declarations, roles, nominees, seats, enrolments and figures.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rumbo::domain::actor::{Role, Scope};
use rumbo::domain::id::{EditionId, InstitutionId};
use rumbo::domain::institution::FOLLOWING;
use rumbo::service::institution::following;
use serde_json::{Value, json};

use crate::support::app::{Answer, Client, TestApp, Who};
use crate::support::rows::texts;
use crate::support::scene::{Plan, act, apply, done, enrolling, faults, keep_seats, nominate, state, version};

/// An institution that nobody knows.
const UNKNOWN: &str = "ins_01h455vb4pex5vsknk084sn02q";

fn named(name: &str) -> Value {
    json!({ "name": name, "country": "UY", "kind": "TRAINING_INSTITUTION" })
}

/// Proposes an institution; its identifier.
async fn propose(by: &Client<'_>, name: &str) -> String {
    let made = done(by, "ProposeInstitution", named(name)).await;
    made.text("proposeInstitution.institution.id")
}

/// States an institution as one's own.
async fn declare(by: &Client<'_>, institution: &str) -> Answer {
    let input = json!({
        "gender": "FEMALE", "country": "UY", "institutionId": institution, "constituentGroup": "OTHER",
    });
    act(by, "DeclareMyself", input).await
}

/// What the register shows to somebody: names and states.
async fn register(reader: &Client<'_>, search: &str) -> Vec<String> {
    let page = reader
        .run("Institutions", json!({ "first": 20, "search": search }))
        .await;
    let edges = page.at("institutions.edges").as_array().expect("a list").clone();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let node = |edge: &Value| format!("{} {}", text(&edge["node"]["name"]), text(&edge["node"]["state"]));
    edges.iter().map(node).collect()
}

/// The identifier to which one leads; null where it is not there.
async fn led_to(reader: &Client<'_>, id: &str) -> Value {
    let seen = reader.run("SeeInstitution", json!({ "id": id })).await;
    seen.at("node")["id"].clone()
}

fn into(id: &str, version: i64, into: &str) -> Value {
    json!({ "institutionId": id, "version": version, "intoId": into })
}

fn accepting(id: &str, version: i64, name: &str) -> Value {
    let mut input = named(name);
    input["institutionId"] = json!(id);
    input["version"] = json!(version);
    input
}

/// Somebody of an institution.
async fn of<'a>(test: &'a TestApp, name: &'static str, institution: InstitutionId) -> Client<'a> {
    let who = Who {
        institution: Some(institution),
        ..Who::named(name)
    };
    test.somebody(who).await
}

/// How many enrolments each institution has.
async fn figures(reader: &Client<'_>, filter: Value, as_at: Option<DateTime<Utc>>) -> Vec<(String, i64)> {
    let variables = json!({ "by": ["INSTITUTION"], "filter": filter, "asAt": as_at });
    let answer = reader.run("Statistics", variables).await;
    let rows = answer.at("statistics.rows").as_array().expect("rows").clone();
    let row = |row: &Value| {
        let name = row["institution"]["name"].as_str().unwrap_or("none").to_owned();
        (name, row["enrolments"].as_i64().expect("a number"))
    };
    rows.iter().map(row).collect()
}

fn one(name: &str) -> Vec<(String, i64)> {
    vec![(name.to_owned(), 1)]
}

#[tokio::test]
async fn an_applicant_states_what_they_proposed_and_nobody_else_sees_it() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (ana, ben) = (test.person("Ana").await, test.person("Ben").await);
    let made = done(&ana, "ProposeInstitution", named("  Escuela del Norte ")).await;
    let institution = made.at("proposeInstitution.institution");
    assert_eq!(institution["state"], "PROPOSED");
    assert_eq!(institution["name"], "Escuela del Norte");
    let id = made.text("proposeInstitution.institution.id");
    let stated = declare(&ana, &id).await;
    assert_eq!(stated.text("stateDeclaration.declaration.institution.id"), id);
    assert_eq!(register(&ana, "norte").await, ["Escuela del Norte PROPOSED"]);
    assert_eq!(led_to(&ana, &id).await, json!(id));
    // For others it is what there is not.
    assert_eq!(register(&ben, "norte").await, [""; 0]);
    assert_eq!(led_to(&ben, &id).await, Value::Null);
    for absent in [&id, UNKNOWN] {
        assert_eq!(declare(&ben, absent).await.refusal(), "NOT_FOUND");
    }
    let edition = enrolling(&carla, Plan::OPEN).await;
    let (enrolment, _) = apply(&ana, &edition).await;
    let seen = carla.run("EnrolmentSnapshots", json!({ "id": enrolment })).await;
    assert_eq!(seen.text("enrolment.institution.name"), "Escuela del Norte");

    let waiting = carla.run("InstitutionProposals", json!({ "first": 10 })).await;
    assert_eq!(waiting.text("institutionProposals.nodes.0.id"), id);
    assert_eq!(led_to(&carla, &id).await, json!(id));
    for (reader, code) in [(&ben, "FORBIDDEN"), (&test.anonymous(), "UNAUTHENTICATED")] {
        let refused = reader.run("InstitutionProposals", json!({ "first": 10 })).await;
        assert_eq!(refused.refusal(), code);
    }
    let refused = act(&test.anonymous(), "ProposeInstitution", named("Another")).await;
    assert_eq!(refused.refusal(), "UNAUTHENTICATED");
    // No role holds in what is only proposed.
    let ada = test.administrator().await;
    let input = json!({ "email": ben.email, "role": "FOCAL_POINT", "scopeId": id });
    assert_eq!(act(&ada, "GrantRole", input).await.refusal(), "NOT_FOUND");
    drop(test.mails().await);
    test.fine().await;
}

#[tokio::test]
async fn what_stands_there_already_and_what_is_too_much_is_refused() {
    let test = TestApp::new().await;
    let ada = test.administrator().await;
    let mut registered = named("Instituto Nacional");
    registered["aliases"] = json!(["INEFOP"]);
    done(&ada, "CreateInstitution", registered).await;
    let ana = test.person("Ana").await;
    for name in ["instituto  NACIONAL", "Inefop"] {
        let refused = faults(&ana, "ProposeInstitution", named(name)).await;
        assert_eq!(refused, ["TAKEN input.name"], "{name}");
    }
    let mut elsewhere = named("Inefop");
    elsewhere["country"] = json!("AR");
    done(&ana, "ProposeInstitution", elsewhere).await;
    propose(&ana, "Instituto").await;
    let again = faults(&ana, "ProposeInstitution", named("instituto")).await;
    assert_eq!(again, ["TAKEN input.name"], "it waits already");
    // Somebody else may have the same missing, and does not learn of it.
    propose(&test.person("Ben").await, "Instituto").await;
    let mut open = Vec::new();
    for name in ["Third", "Fourth", "Fifth"] {
        open.push(propose(&ana, name).await);
    }
    let more = named("Sixth");
    let refused = faults(&ana, "ProposeInstitution", more.clone()).await;
    assert_eq!(refused, ["LIMIT_REACHED input.name"], "five wait");
    // Settled ones wait no more, and count for a day all the same.
    for (place, name) in ["6", "7", "8", "9", "10"].into_iter().enumerate() {
        let id = open.pop().expect("one that waits");
        done(
            &ada,
            "AcceptInstitution",
            accepting(&id, 1, &format!("Accepted {place}")),
        )
        .await;
        open.push(propose(&ana, name).await);
    }
    let id = open.pop().expect("one that waits");
    done(&ada, "AcceptInstitution", accepting(&id, 1, "Accepted")).await;
    assert_eq!(
        faults(&ana, "ProposeInstitution", more.clone()).await,
        ["LIMIT_REACHED input.name"],
        "ten in a day"
    );
    drop(test.mails().await);
    test.pass(TimeDelta::hours(25));
    propose(&ana.again().await, "Sixth").await;
}

#[tokio::test]
async fn a_proposal_is_accepted_once_as_a_coordinator_puts_it() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (ana, ben) = (test.person("Ana").await, test.person("Ben").await);
    let id = propose(&ana, "escuela norte").await;
    for (stranger, code) in [(&ana, "FORBIDDEN"), (&test.anonymous(), "UNAUTHENTICATED")] {
        let refused = act(stranger, "AcceptInstitution", accepting(&id, 1, "Norte")).await;
        assert_eq!(refused.refusal(), code);
        let refused = act(stranger, "MergeInstitution", into(&id, 1, UNKNOWN)).await;
        assert_eq!(refused.refusal(), code);
    }
    let unknown = act(&carla, "AcceptInstitution", accepting(UNKNOWN, 1, "Norte")).await;
    assert_eq!(unknown.refusal(), "NOT_FOUND");
    let stale = faults(&carla, "AcceptInstitution", accepting(&id, 7, "Norte")).await;
    assert_eq!(stale, ["STALE_VERSION input.version"]);
    let mut input = named("Sur");
    input["code"] = json!("SUR");
    done(&test.administrator().await, "CreateInstitution", input).await;
    let mut taken = accepting(&id, 1, "Norte");
    taken["code"] = json!("SUR");
    assert_eq!(faults(&carla, "AcceptInstitution", taken).await, ["TAKEN input.code"]);
    drop(test.mails().await);

    let mut right = accepting(&id, 1, "Escuela Técnica del Norte");
    right["aliases"] = json!(["ETN"]);
    let accepted = done(&carla, "AcceptInstitution", right).await;
    assert_eq!(accepted.text("acceptInstitution.institution.state"), "REGISTERED");
    assert_eq!(accepted.number("acceptInstitution.institution.version"), 2);
    let mails = test.mails().await;
    assert_eq!(mails.len(), 1);
    assert_eq!(
        (mails[0].notice.as_str(), mails[0].to.as_str()),
        ("proposal_settled", "ana@example.org")
    );
    assert!(mails[0].subject.contains("Escuela Técnica del Norte"));
    assert!(mails[0].text.contains("escuela norte"), "{}", mails[0].text);
    assert_eq!(register(&ben, "etn").await, ["Escuela Técnica del Norte REGISTERED"]);
    assert_eq!(declare(&ben, &id).await.user_errors("stateDeclaration"), [""; 0]);
    let waiting = carla.run("InstitutionProposals", json!({ "first": 10 })).await;
    assert_eq!(waiting.at("institutionProposals.nodes"), &json!([]));
    for (operation, input) in [
        ("AcceptInstitution", accepting(&id, 2, "Norte")),
        ("RefuseInstitution", refusing(&id, 2)),
    ] {
        let again = faults(&carla, operation, input).await;
        assert_eq!(again, ["ILLEGAL_TRANSITION input.institutionId"], "{operation}");
    }
    test.fine().await;
}

fn refusing(id: &str, version: i64) -> Value {
    json!({ "institutionId": id, "version": version, "reason": "It is a shop" })
}

#[tokio::test]
async fn a_refused_proposal_is_there_for_nobody_and_its_place_is_free() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (ana, ben) = (test.person("Ana").await, test.person("Ben").await);
    let mut waiting = Vec::new();
    for name in ["Shop", "Second", "Third", "Fourth", "Fifth"] {
        waiting.push(propose(&ana, name).await);
    }
    let id = waiting[0].clone();
    let full = faults(&ana, "ProposeInstitution", named("Sixth")).await;
    assert_eq!(full, ["LIMIT_REACHED input.name"]);
    assert_eq!(declare(&ana, &id).await.user_errors("stateDeclaration"), [""; 0]);
    let edition = enrolling(&carla, Plan::OPEN).await;
    let (enrolment, _) = apply(&ana, &edition).await;
    for (stranger, code) in [
        (&ana, "FORBIDDEN"),
        (&ben, "FORBIDDEN"),
        (&test.anonymous(), "UNAUTHENTICATED"),
    ] {
        let refused = act(stranger, "RefuseInstitution", refusing(&id, 1)).await;
        assert_eq!(refused.refusal(), code);
    }
    let unknown = act(&carla, "RefuseInstitution", refusing(UNKNOWN, 1)).await;
    assert_eq!(unknown.refusal(), "NOT_FOUND");
    let stale = faults(&carla, "RefuseInstitution", refusing(&id, 7)).await;
    assert_eq!(stale, ["STALE_VERSION input.version"]);
    let mut silent = refusing(&id, 1);
    silent["reason"] = json!(" ");
    let silent = faults(&carla, "RefuseInstitution", silent).await;
    assert_eq!(silent, ["REQUIRED input.reason"]);
    drop(test.mails().await);

    let refused = done(&carla, "RefuseInstitution", refusing(&id, 1)).await;
    assert_eq!(refused.text("refuseInstitution.institution.state"), "REFUSED");
    assert_eq!(refused.number("refuseInstitution.institution.version"), 2);
    let mails = test.mails().await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert_eq!(
        (mails[0].notice.as_str(), mails[0].to.as_str()),
        ("proposal_refused", "ana@example.org")
    );
    for said in ["Shop", "It is a shop"] {
        assert!(mails[0].text.contains(said), "{}", mails[0].text);
    }
    // It is there for nobody, and nobody can state it.
    for reader in [&ana, &ben, &carla] {
        assert_eq!(led_to(reader, &id).await, Value::Null, "{}", reader.email);
        assert_eq!(register(reader, "shop").await, [""; 0], "{}", reader.email);
        assert_eq!(declare(reader, &id).await.refusal(), "NOT_FOUND", "{}", reader.email);
    }
    let proposals = carla.run("InstitutionProposals", json!({ "first": 10 })).await;
    let nodes = proposals.at("institutionProposals.nodes").as_array().expect("a list");
    assert_eq!(nodes.len(), 4);
    // Her declaration names none, and what she was admitted with stays.
    let own = ana.run("Viewer", json!({})).await;
    assert_eq!(own.at("viewer.declaration.institution"), &Value::Null);
    assert_eq!(own.text("viewer.declaration.country"), "UY");
    let seen = "query ($id: ID!) { enrolment(id: $id) { institution { name state } } }";
    let seen = carla.query(seen, json!({ "id": enrolment })).await;
    assert_eq!(
        seen.at("enrolment.institution"),
        &json!({ "name": "Shop", "state": "REFUSED" })
    );
    // She may propose one more, the same too; and nothing comes back of what was refused.
    propose(&ana, "Shop").await;
    for (operation, input) in [
        ("RefuseInstitution", refusing(&id, 2)),
        ("AcceptInstitution", accepting(&id, 2, "Shop")),
        ("MergeInstitution", into(&id, 2, &waiting[1])),
    ] {
        let over = faults(&carla, operation, input).await;
        assert_eq!(over, ["ILLEGAL_TRANSITION input.institutionId"], "{operation}");
    }
    test.fine().await;
}

#[tokio::test]
async fn what_was_refused_comes_into_nothing_and_stays_where_it_was_frozen() {
    let test = TestApp::new().await;
    let (carla, ada) = (test.coordinator().await, test.administrator().await);
    let (ana, ben) = (test.person("Ana").await, test.person("Ben").await);
    let id = propose(&ana, "Shop").await;
    assert_eq!(declare(&ana, &id).await.user_errors("stateDeclaration"), [""; 0]);
    let edition = enrolling(&carla, Plan::OPEN).await;
    let (of_ana, _) = apply(&ana, &edition).await;
    let (of_ben, _) = apply(&ben, &edition).await;
    done(&carla, "RefuseInstitution", refusing(&id, 1)).await;
    let correction = |enrolment: &str| {
        json!({
            "enrolmentId": enrolment, "version": 1, "reason": "A slip of the pen",
            "declaration": {
                "gender": "FEMALE", "country": "BR", "institutionId": id, "constituentGroup": "OTHER",
            },
        })
    };
    let pool = json!({ "editionId": edition, "institutionId": id, "seats": 1 });
    for (by, operation, input) in [
        (&carla, "CorrectSnapshot", correction(&of_ben)),
        (&carla, "CreateSeatPool", pool),
        (&ada, "UpdateInstitution", accepting(&id, 2, "Shop")),
    ] {
        assert_eq!(act(by, operation, input).await.refusal(), "NOT_FOUND", "{operation}");
    }
    // Something else of the same enrolment can be put right.
    let stays = done(&carla, "CorrectSnapshot", correction(&of_ana)).await;
    assert_eq!(stays.number("correctSnapshot.enrolment.version"), 2);
    drop(test.mails().await);
    test.fine().await;
}

#[tokio::test]
async fn a_proposal_leads_to_what_it_was_merged_into_and_everything_follows() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let kept = test.institution("INEFOP", "UY").await.to_string();
    let ana = test.person("Ana").await;
    let id = propose(&ana, "Inst. de Empleo").await;
    declare(&ana, &id).await.at("stateDeclaration.declaration.id");
    let edition = enrolling(&carla, Plan::OPEN).await;
    let (enrolment, _) = apply(&ana, &edition).await;
    drop(test.mails().await);
    let before = test.now();
    test.pass(TimeDelta::minutes(1));
    let (carla, ana) = (carla.again().await, ana.again().await);

    let mut input = into(&id, 1, &kept);
    input["reason"] = json!("Both are the same");
    let merged = done(&carla, "MergeInstitution", input).await;
    assert_eq!(merged.text("mergeInstitution.institution.id"), kept);
    assert_eq!(
        merged.at("mergeInstitution.institution.aliases"),
        &json!(["Inst. de Empleo"])
    );
    assert_eq!(register(&ana, "empleo").await, ["INEFOP REGISTERED"]);
    for one in [&id, &kept] {
        assert_eq!(led_to(&ana, one).await, json!(kept), "both lead to it");
        let stated = declare(&ana, one).await;
        assert_eq!(stated.text("stateDeclaration.declaration.institution.id"), kept);
    }
    // What has yet to follow counts already where the one that stays is asked for.
    let of_both = json!({ "institutions": [kept] });
    assert_eq!(figures(&carla, of_both.clone(), None).await, one("Inst. de Empleo"));
    test.fine().await;
    assert_eq!(test.notices().await, ["proposal_settled ana@example.org"]);

    let seen = ana.run("EnrolmentSnapshots", json!({ "id": enrolment })).await;
    assert_eq!(seen.text("enrolment.institution.id"), kept);
    assert_eq!(seen.number("enrolment.version"), 2);
    let former = seen.at("enrolment.formerSnapshots.0");
    assert_eq!(
        (
            &former["institution"]["name"],
            &former["institutionKind"],
            &former["cause"]
        ),
        (
            &json!("Inst. de Empleo"),
            &json!("TRAINING_INSTITUTION"),
            &json!("MERGED")
        )
    );
    for filter in [json!({}), of_both, json!({ "institutions": [id] })] {
        assert_eq!(figures(&carla, filter.clone(), None).await, one("INEFOP"), "{filter}");
    }
    let as_it_was = Some(before);
    for filter in [json!({}), json!({ "institutions": [id] })] {
        assert_eq!(
            figures(&carla, filter.clone(), as_it_was).await,
            one("Inst. de Empleo"),
            "{filter}"
        );
    }
    let none = figures(&carla, json!({ "institutions": [kept] }), as_it_was).await;
    assert_eq!(none, Vec::new());
    for wanted in [&id, &kept] {
        let filter = json!({ "institutionIds": [wanted] });
        let list = "query ($id: ID!, $filter: EnrolmentFilter) {
            edition(id: $id) { enrolments(first: 5, filter: $filter) { nodes { id } } }
        }";
        let found = carla.query(list, json!({ "id": edition, "filter": filter })).await;
        assert_eq!(found.text("edition.enrolments.nodes.0.id"), enrolment);
    }
    // The job comes again and finds nothing.
    assert_eq!(test.notices().await, [""; 0]);
    assert_eq!(version(&ana, &enrolment).await, 2);
    test.fine().await;
}

#[tokio::test]
async fn the_job_may_come_twice_or_late_and_rests_in_the_end() {
    let test = TestApp::new().await;
    let ada = test.administrator().await;
    let (old, new) = (test.institution("Old", "UY").await, test.institution("New", "UY").await);
    let edition = enrolling(&test.coordinator().await, Plan::OPEN).await;
    let mut enrolments = Vec::new();
    for name in ["Ana", "Ben", "Cy"] {
        let person = of(&test, name, old).await;
        enrolments.push((apply(&person, &edition).await.0, person));
    }
    done(&ada, "MergeInstitution", into(&old.to_string(), 1, &new.to_string())).await;
    let (db, clock) = (&test.app.db, &test.app.clock);
    let (first, second) = tokio::join!(following::pass(db, clock), following::pass(db, clock));
    first.expect("it works");
    second.expect("it works");
    for (enrolment, person) in &enrolments {
        assert_eq!(version(person, enrolment).await, 2, "each follows once");
    }
    let unfollowed = "SELECT name FROM institution WHERE state = 'merged' AND followed_at IS NULL";
    assert_eq!(texts(db, unfollowed).await, ["Old"], "what had begun may come yet");
    // Whoever was about to be enrolled when it was merged.
    let (late, person) = &enrolments[2];
    name_again(&test, late, old).await;
    following::pass(db, clock).await.expect("it works");
    assert_eq!(version(person, late).await, 3);
    test.pass(FOLLOWING);
    following::pass(db, clock).await.expect("it works");
    assert_eq!(texts(db, unfollowed).await, [""; 0]);
    drop(test.mails().await);
    test.fine().await;
    // Whatever names it from now on is found.
    name_again(&test, late, old).await;
    let found = test.violations().await;
    let found: Vec<_> = found.iter().map(|finding| finding.invariant).collect();
    assert_eq!(
        found,
        ["nothing names an institution that was merged once everything has followed"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_applies_while_it_is_merged_is_of_the_one_that_stays() {
    let test = Arc::new(TestApp::new().await);
    let ada = test.administrator().await;
    let (old, new) = (test.institution("Old", "UY").await, test.institution("New", "UY").await);
    let edition = enrolling(&test.coordinator().await, Plan::OPEN).await;
    let mut tasks = Vec::new();
    for name in ["Ana", "Bea", "Cy", "Dan", "Eva", "Fin", "Gil", "Hugo", "Iris", "Juan"] {
        let token = of(&test, name, old).await.token().map(str::to_owned);
        let (test, edition) = (test.clone(), edition.clone());
        tasks.push(tokio::spawn(async move {
            let client = test.bearer(token);
            apply(&client, &edition).await.1
        }));
    }
    done(&ada, "MergeInstitution", into(&old.to_string(), 1, &new.to_string())).await;
    let (db, clock) = (&test.app.db, &test.app.clock);
    following::pass(db, clock).await.expect("it works");
    for task in tasks {
        assert_eq!(task.await.expect("a task that ends"), "CONFIRMED");
    }
    following::pass(db, clock).await.expect("it works");
    let names = "SELECT DISTINCT i.name FROM enrolment n JOIN institution i ON i.id = n.institution_id";
    assert_eq!(texts(db, names).await, ["New"]);
    drop(test.mails().await);
    test.fine().await;
}

#[tokio::test]
async fn two_mergers_that_meet_leave_no_chain() {
    let test = TestApp::new().await;
    let ada = test.administrator().await;
    let mut ids = Vec::new();
    for name in ["First", "Second", "Third"] {
        ids.push(test.institution(name, "UY").await.to_string());
    }
    let mut one = into(&ids[0], 1, &ids[1]);
    one["keepNames"] = json!(false);
    let other = into(&ids[1], 1, &ids[2]);
    let (one, other) = tokio::join!(act(&ada, "MergeInstitution", one), act(&ada, "MergeInstitution", other));
    // The first may find that its target has just been merged; whichever came first, nothing leads in two steps.
    let refused = one.user_errors("mergeInstitution");
    assert!(
        refused.is_empty() || refused == ["ILLEGAL_TRANSITION input.intoId"],
        "{refused:?}"
    );
    assert_eq!(other.user_errors("mergeInstitution"), [""; 0]);
    assert_eq!(led_to(&ada, &ids[1]).await, json!(ids[2]));
    let first = if refused.is_empty() { &ids[2] } else { &ids[0] };
    assert_eq!(led_to(&ada, &ids[0]).await, json!(first));
    drop(test.mails().await);
    test.fine().await;
}

/// Lets an enrolment name an institution again, as if it had been read before it was merged, and counts it so.
async fn name_again(test: &TestApp, enrolment: &str, institution: InstitutionId) {
    use rumbo::domain::statistics::Change;
    use rumbo::store::{enrolment, tally};
    let tx = test.app.db.write().await.expect("a transaction");
    let id = enrolment.parse().expect("an enrolment");
    let old = enrolment::by_ids(&tx, &[id]).await.expect("a row").remove(0);
    let new = enrolment::Model {
        institution_id: Some(institution),
        ..old.clone()
    };
    enrolment::set_snapshot(&tx, &new).await.expect("a snapshot");
    let change = Change {
        at: test.now(),
        before: Some(enrolment::fact(&old)),
        after: Some(enrolment::fact(&new)),
    };
    tally::record(&tx, &test.app.clock, &[change]).await.expect("counted");
    tx.commit().await.expect("a commit");
}

#[tokio::test]
async fn enrolments_are_read_in_parts_until_none_names_it() {
    use rumbo::store::enrolment::naming;
    use rumbo::store::institution;
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (old, new) = (test.institution("Old", "UY").await, test.institution("New", "UY").await);
    let edition = enrolling(&carla, Plan::OPEN).await;
    for name in ["Ana", "Ben", "Cam"] {
        apply(&of(&test, name, old).await, &edition).await;
    }
    drop(test.mails().await);
    let id: EditionId = edition.parse().expect("an edition");
    let tx = test.app.db.write().await.expect("a transaction");
    let into = institution::find(&tx, new).await.expect("a look").expect("a row");
    for many in [2, 1, 0] {
        let mut rows = naming::lock(&tx, id, old, 2).await.expect("rows");
        assert_eq!(rows.len(), many);
        naming::lead(&tx, &mut rows, old, &into).await.expect("led");
        assert!(
            rows.iter()
                .all(|row| row.institution_id == Some(new) && row.version > 1)
        );
    }
    tx.rollback().await.expect("an end");
}

#[tokio::test]
async fn seats_that_are_kept_for_both_are_one_pool_and_go_to_who_waits() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (old, new) = (test.institution("Old", "UY").await, test.institution("New", "UY").await);
    let plan = Plan::of_seats(5);
    let edition = enrolling(&carla, plan).await;
    for institution in [old, new] {
        keep_seats(&carla, &edition, 1, json!({ "institutionId": institution.to_string() })).await;
    }
    let (ana, ben) = (of(&test, "Ana", old).await, of(&test, "Ben", old).await);
    let (_, taken) = apply(&ana, &edition).await;
    let (waiting, waits) = apply(&ben, &edition).await;
    assert_eq!((taken.as_str(), waits.as_str()), ("CONFIRMED", "WAITLISTED"));
    drop(test.mails().await);
    let ada = test.administrator().await;
    done(&ada, "MergeInstitution", into(&old.to_string(), 1, &new.to_string())).await;
    assert_eq!(test.notices().await, ["enrolment_confirmed ben@example.org"]);
    assert_eq!(state(&ben, &waiting).await, "CONFIRMED");
    let seen = carla.run("SeeSeats", json!({ "id": edition })).await;
    let pools = seen.at("edition.seats.pools").as_array().expect("pools").clone();
    assert_eq!(pools.len(), 1);
    assert_eq!((&pools[0]["seats"], &pools[0]["taken"]), (&json!(2), &json!(2)));
    assert_eq!(seen.number("edition.seats.free"), 3);
    test.fine().await;
    // One more for it is one for the other.
    let input = json!({ "editionId": edition, "institutionId": old.to_string(), "seats": 1 });
    assert_eq!(
        faults(&carla, "CreateSeatPool", input).await,
        ["TAKEN input.institutionId"]
    );
}

#[tokio::test]
async fn a_pool_of_its_own_is_kept_for_the_other() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (old, new) = (test.institution("Old", "UY").await, test.institution("New", "UY").await);
    let plan = Plan::of_seats(2);
    let edition = enrolling(&carla, plan).await;
    keep_seats(&carla, &edition, 1, json!({ "institutionId": old.to_string() })).await;
    apply(&test.person("Ana").await, &edition).await;
    let ben = of(&test, "Ben", new).await;
    let (waiting, waits) = apply(&ben, &edition).await;
    assert_eq!(waits, "WAITLISTED");
    let ada = test.administrator().await;
    done(&ada, "MergeInstitution", into(&old.to_string(), 1, &new.to_string())).await;
    drop(test.mails().await);
    assert_eq!(state(&ben, &waiting).await, "CONFIRMED", "the seat is theirs now");
    let seen = carla.run("SeeSeats", json!({ "id": edition })).await;
    assert_eq!(seen.text("edition.seats.pools.0.institution.id"), new.to_string());
    test.fine().await;
}

#[tokio::test]
async fn focal_points_and_their_nominees_follow() {
    let test = TestApp::new().await;
    let (carla, ada) = (test.coordinator().await, test.administrator().await);
    let (old, new) = (test.institution("Old", "UY").await, test.institution("New", "UY").await);
    let edition = enrolling(&carla, Plan::OPEN).await;
    let (enrolment, _) = apply(&test.person("Ana").await, &edition).await;
    nominate(&test, &enrolment, old.0).await;
    let flor = test.holder("Flor", Role::FocalPoint, Scope::Institution(old)).await;
    let fede = test.holder("Fede", Role::FocalPoint, Scope::Institution(old)).await;
    test.role_of(&fede, Role::FocalPoint, Scope::Institution(new)).await;
    let input = into(&old.to_string(), 1, &new.to_string());
    let refused = act(&carla, "MergeInstitution", input.clone()).await;
    assert_eq!(
        refused.refusal(),
        "FORBIDDEN",
        "of two that stand in the register an administrator makes one"
    );
    done(&ada, "MergeInstitution", input).await;
    drop(test.mails().await);
    for focal_point in [&flor, &fede] {
        let viewer = focal_point.run("Viewer", json!({})).await;
        let roles = viewer.at("viewer.roles").as_array().expect("roles").clone();
        assert_eq!(roles.len(), 1, "{roles:?}");
        assert_eq!(roles[0]["scopeId"], json!(new.to_string()));
        let seen = focal_point.run("SeeEnrolment", json!({ "id": enrolment })).await;
        assert_eq!(seen.text("enrolment.nominatedBy.id"), new.to_string());
    }
    // A role that is given in the one is held in the other.
    let gil = test.person("Gil").await;
    let input = json!({ "email": gil.email, "role": "FOCAL_POINT", "scopeId": old.to_string() });
    let granted = done(&ada, "GrantRole", input.clone()).await;
    assert_eq!(granted.text("grantRole.roleAssignment.scopeId"), new.to_string());
    assert_eq!(faults(&ada, "GrantRole", input).await, ["ALREADY_GRANTED input.role"]);
    test.fine().await;
}

#[tokio::test]
async fn what_cannot_be_merged_is_refused_by_name() {
    let test = TestApp::new().await;
    let ada = test.administrator().await;
    let ana = test.person("Ana").await;
    let first = test.institution("First", "UY").await.to_string();
    let second = test.institution("Second", "UY").await.to_string();
    let third = test.institution("Third", "UY").await.to_string();
    let proposal = propose(&ana, "Missing").await;
    for (input, expected) in [
        (into(&first, 1, &first), "ILLEGAL_TRANSITION input.intoId"),
        (into(&first, 1, &proposal), "ILLEGAL_TRANSITION input.intoId"),
        (into(&first, 2, &second), "STALE_VERSION input.version"),
    ] {
        assert_eq!(
            faults(&ada, "MergeInstitution", input.clone()).await,
            [expected],
            "{input}"
        );
    }
    for input in [into(UNKNOWN, 1, &first), into(&first, 1, UNKNOWN)] {
        assert_eq!(act(&ada, "MergeInstitution", input).await.refusal(), "NOT_FOUND");
    }
    // As many names as there may be.
    let names: Vec<String> = (0..20).map(|number| format!("Name {number}")).collect();
    let mut full = accepting(&second, 1, "Second");
    full["aliases"] = json!(names);
    done(&ada, "UpdateInstitution", full).await;
    let mut input = into(&first, 1, &second);
    assert_eq!(
        faults(&ada, "MergeInstitution", input.clone()).await,
        ["LIMIT_REACHED input.keepNames"]
    );
    input["keepNames"] = json!(false);
    let merged = done(&ada, "MergeInstitution", input.clone()).await;
    assert_eq!(merged.at("mergeInstitution.institution.aliases"), &json!(names));
    input["version"] = json!(2);
    let again = faults(&ada, "MergeInstitution", input).await;
    assert_eq!(again, ["ILLEGAL_TRANSITION input.institutionId"]);
    // What leads somewhere leads on, and is not made a target of its own.
    let mut on = into(&second, 2, &third);
    on["keepNames"] = json!(false);
    done(&ada, "MergeInstitution", on).await;
    for one in [&first, &second, &third] {
        assert_eq!(led_to(&ana, one).await, json!(third));
    }
    let merged = done(&ada, "MergeInstitution", into(&proposal, 1, &first)).await;
    assert_eq!(merged.text("mergeInstitution.institution.id"), third);
    let changed = done(&ada, "UpdateInstitution", accepting(&first, 2, "Third and all")).await;
    assert_eq!(changed.text("updateInstitution.institution.id"), third);
    drop(test.mails().await);
    test.fine().await;
}
