//! Teams: who makes them, who may belong to one, whose charge they are.

use chrono::TimeDelta;
use rumbo::domain::actor::{Role, Scope};
use serde_json::{Value, json};

use crate::support::app::{Client, TestApp};
use crate::support::scene::{Class, Plan, act, apply, at, done, enrolling, faults, id_of};

/// A well-formed identifier of a team, of an enrolment and of an allocation that nobody has.
const NO_TEAM: &str = "tea_01h455vb4pex5vsknk084sn02q";
const NO_ENROLMENT: &str = "enr_01h455vb4pex5vsknk084sn02q";
const NO_ALLOCATION: &str = "alc_01h455vb4pex5vsknk084sn02q";
const NO_PERSON: &str = "psn_01h455vb4pex5vsknk084sn02q";

async fn sees(reader: &Client<'_>, team: &str) -> bool {
    let answer = reader
        .query("query ($id: ID!) { team(id: $id) { id name } }", json!({ "id": team }))
        .await;
    !answer.at("team").is_null()
}

#[tokio::test]
async fn a_coordinator_makes_a_team_and_puts_it_in_a_tutors_charge() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy"]).await;
    let mine = class.people[0].run("MyTeam", json!({ "first": 10 })).await;
    assert_eq!(mine.text("myTeams.nodes.0.name"), "Ceibo");
    assert_eq!(mine.text("myTeams.nodes.0.members.1.person.givenName"), "Ben");
    assert_eq!(mine.text("myTeams.nodes.0.tutors.0.person.givenName"), "Tina");
    assert_eq!(
        mine.text("myTeams.nodes.0.edition.deliverables.0.timeZone"),
        "America/Montevideo"
    );
    let none = class.people[2].run("MyTeam", json!({ "first": 10 })).await;
    assert_eq!(none.at("myTeams.nodes"), &json!([]));

    let change = json!({
        "teamId": class.team, "version": 1, "name": "Ombú",
        "addEnrolmentIds": [class.enrolments[2]], "removeEnrolmentIds": [class.enrolments[0]],
    });
    let changed = act(&class.coordinator, "UpdateTeam", change.clone()).await;
    assert_eq!(changed.text("updateTeam.team.name"), "Ombú");
    assert_eq!(changed.number("updateTeam.team.version"), 2);
    let members = ["0", "1"].map(|place| changed.text(&format!("updateTeam.team.members.{place}.person.givenName")));
    assert_eq!(members, ["Ben", "Cy"]);
    let again = faults(&class.coordinator, "UpdateTeam", change).await;
    assert_eq!(again, ["STALE_VERSION input.version"]);
    assert!(!sees(&class.people[0], &class.team).await, "who left sees it no more");
    assert!(sees(&class.people[2], &class.team).await);
    // Who left may come back.
    let back = json!({ "teamId": class.team, "version": 2, "addEnrolmentIds": [class.enrolments[0]] });
    let back = act(&class.coordinator, "UpdateTeam", back).await;
    assert_eq!(back.at("updateTeam.team.members").as_array().map(Vec::len), Some(3));

    assert!(sees(&class.tutor, &class.team).await);
    let allocation = back.text("updateTeam.team.tutors.0.id");
    let end = json!({ "allocationId": allocation });
    let ended = act(&class.coordinator, "EndAllocation", end.clone()).await;
    assert_eq!(ended.at("endAllocation.team.tutors"), &json!([]));
    assert!(!sees(&class.tutor, &class.team).await);
    let twice = faults(&class.coordinator, "EndAllocation", end).await;
    assert_eq!(twice, ["ILLEGAL_TRANSITION input.allocationId"]);
    class.allocate(&class.team, &class.tutor).await;
    assert!(
        sees(&class.tutor, &class.team).await,
        "a tutor may be put in charge again"
    );
    assert_eq!(test.violations().await, []);
}

#[tokio::test]
async fn who_left_and_comes_back_may_be_in_another_team() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, Plan::OPEN).await;
    let ana = test.person("Ana").await;
    for name in ["Ceibo", "Tala"] {
        let enrolment = apply(&ana, &edition).await.0;
        let input = json!({ "editionId": edition, "name": name, "enrolmentIds": [enrolment] });
        done(&coordinator, "CreateTeam", input).await;
        assert_eq!(test.violations().await, [], "in {name}");
        done(
            &ana,
            "WithdrawEnrolment",
            json!({ "enrolmentId": enrolment, "version": 1 }),
        )
        .await;
        assert_eq!(test.violations().await, [], "after {name}");
    }
}

#[tokio::test]
async fn members_take_part_in_the_edition_and_are_in_no_other_team() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy", "Dan"]).await;
    let other = enrolling(&class.coordinator, Plan::OTHER).await;
    let (foreign, _) = apply(&class.people[3], &other).await;
    let left = json!({ "enrolmentId": class.enrolments[3], "version": 2 });
    act(&class.people[3], "WithdrawEnrolment", left).await;
    let make = async |enrolments: Value| {
        let input = json!({ "editionId": class.edition, "name": "Tala", "enrolmentIds": enrolments });
        faults(&class.coordinator, "CreateTeam", input).await
    };
    let (taken, free) = (&class.enrolments[0], &class.enrolments[2]);
    for (enrolments, expected) in [
        (json!([free, foreign]), "NOT_ADMITTED input.enrolmentIds.1"),
        (json!([class.enrolments[3]]), "NOT_ADMITTED input.enrolmentIds.0"),
        (json!([NO_ENROLMENT]), "NOT_ADMITTED input.enrolmentIds.0"),
        (json!([free, taken]), "ALREADY_IN_TEAM input.enrolmentIds.1"),
        (json!([free, free]), "REPEATED input.enrolmentIds.1"),
        (json!([free, class.team]), "INVALID_ID input.enrolmentIds.1"),
    ] {
        assert_eq!(make(enrolments).await, [expected]);
    }
    let many: Vec<&String> = std::iter::repeat_n(free, 101).collect();
    assert_eq!(make(json!(many)).await, ["TOO_LONG input.enrolmentIds"]);
    let named = async |name: &str| {
        let input = json!({ "editionId": class.edition, "name": name, "enrolmentIds": [] });
        faults(&class.coordinator, "CreateTeam", input).await
    };
    assert_eq!(named("Ceibo").await, ["TAKEN input.name"]);
    assert_eq!(named("  ").await, ["REQUIRED input.name"]);
    assert_eq!(named("a\u{0}b").await, ["FORBIDDEN_CHARACTER input.name"]);
    assert_eq!(named("a\u{202e}b").await, ["FORBIDDEN_CHARACTER input.name"]);
    assert_eq!(named(&"é".repeat(121)).await, ["TOO_LONG input.name"]);
    assert_eq!(named(&"é".repeat(120)).await, [""; 0]);

    let update = async |change: Value| {
        let mut input = json!({ "teamId": class.team, "version": 1 });
        input
            .as_object_mut()
            .expect("fields")
            .extend(change.as_object().expect("fields").clone());
        faults(&class.coordinator, "UpdateTeam", input).await
    };
    for (change, expected) in [
        (
            json!({ "removeEnrolmentIds": [free] }),
            "NOT_ADMITTED input.removeEnrolmentIds.0",
        ),
        (
            json!({ "addEnrolmentIds": [taken] }),
            "ALREADY_IN_TEAM input.addEnrolmentIds.0",
        ),
        (
            json!({ "addEnrolmentIds": [foreign] }),
            "NOT_ADMITTED input.addEnrolmentIds.0",
        ),
        (json!({ "name": "é".repeat(120) }), "TAKEN input.name"),
        (json!({ "name": "" }), "REQUIRED input.name"),
        (json!({ "teamId": class.edition }), "INVALID_ID input.teamId"),
    ] {
        assert_eq!(update(change).await, [expected]);
    }
    assert_eq!(
        update(json!({ "addEnrolmentIds": [free] })).await,
        [""; 0],
        "nothing had changed"
    );
    assert_eq!(test.violations().await, []);
}

#[tokio::test]
async fn nobody_is_tutor_of_their_own_team() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy"]).await;
    let second = class.make_team("Tala", &class.enrolments[2..]).await;
    let allocate = async |teams: Value, person: &str| {
        let input = json!({ "teamIds": teams, "personId": person });
        act(&class.coordinator, "AllocateTutor", input).await
    };
    let ana = id_of(&class.people[0]);
    let own = allocate(json!([second, class.team]), &ana).await;
    assert_eq!(own.user_errors("allocateTutor"), ["OWN_WORK input.teamIds.1"]);
    assert!(!sees(&class.people[0], &second).await, "all or none");
    let held = allocate(json!([class.team]), &id_of(&class.tutor)).await;
    assert_eq!(held.user_errors("allocateTutor"), ["ALREADY_GRANTED input.teamIds.0"]);
    let twice = allocate(json!([second, second]), &ana).await;
    assert_eq!(twice.user_errors("allocateTutor"), ["REPEATED input.teamIds.1"]);
    let empty = allocate(json!([]), &ana).await;
    assert_eq!(empty.user_errors("allocateTutor"), ["REQUIRED input.teamIds"]);
    assert_eq!(allocate(json!([second]), NO_PERSON).await.refusal(), "NOT_FOUND");
    assert_eq!(allocate(json!([NO_TEAM]), &ana).await.refusal(), "NOT_FOUND");
    // A tutor who takes part cannot be put into the team that is in their charge.
    let put = allocate(json!([second]), &ana).await;
    assert_eq!(put.user_errors("allocateTutor"), [""; 0]);
    let leave = json!({ "teamId": class.team, "version": 1, "removeEnrolmentIds": [class.enrolments[0]] });
    done(&class.coordinator, "UpdateTeam", leave).await;
    let join = json!({ "teamId": second, "version": 1, "addEnrolmentIds": [class.enrolments[0]] });
    let joined = faults(&class.coordinator, "UpdateTeam", join).await;
    assert_eq!(joined, ["OWN_WORK input.addEnrolmentIds.0"]);
}

#[tokio::test]
async fn strangers_find_no_team_and_members_do_not_manage_theirs() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy"]).await;
    let other = enrolling(&class.coordinator, Plan::OTHER).await;
    let elsewhere = at(&other);
    let elsewhere = test.holder("Eva", Role::Coordinator, elsewhere).await;
    let seen = class
        .coordinator
        .run("EditionTeams", json!({ "editionId": class.edition, "first": 5 }))
        .await;
    let allocation = seen.text("edition.teams.nodes.0.tutors.0.id");
    let operations = [
        (
            "UpdateTeam",
            json!({ "teamId": class.team, "version": 1, "name": "Mine" }),
        ),
        (
            "AllocateTutor",
            json!({ "teamIds": [class.team], "personId": id_of(&class.people[2]) }),
        ),
        ("EndAllocation", json!({ "allocationId": allocation })),
    ];
    let idle = class.idle_tutor("Ivo").await;
    let stranger = test.person("Zoe").await;
    let actors = [
        (test.anonymous(), "UNAUTHENTICATED"),
        (stranger, "NOT_FOUND"),
        (class.people[2].clone(), "NOT_FOUND"),
        (idle, "NOT_FOUND"),
        (elsewhere, "NOT_FOUND"),
        (class.people[0].clone(), "FORBIDDEN"),
        (class.tutor.clone(), "FORBIDDEN"),
    ];
    for (actor, expected) in actors {
        for (operation, input) in operations.clone() {
            assert_eq!(
                act(&actor, operation, input).await.refusal(),
                expected,
                "{operation} {}",
                actor.email
            );
        }
        assert_eq!(
            sees(&actor, &class.team).await,
            expected == "FORBIDDEN",
            "{}",
            actor.email
        );
        let make = json!({ "editionId": class.edition, "name": "Mine" });
        let refused = act(&actor, "CreateTeam", make).await;
        let expected = if actor.person.is_some() {
            "FORBIDDEN"
        } else {
            "UNAUTHENTICATED"
        };
        assert_eq!(refused.refusal(), expected, "the edition is in the catalogue");
        let listed = actor
            .run("EditionTeams", json!({ "editionId": class.edition, "first": 5 }))
            .await;
        let listed = listed.at("edition.teams.nodes").as_array().map(Vec::len);
        assert_eq!(listed == Some(1), sees(&actor, &class.team).await, "{}", actor.email);
    }
    // What does not exist looks the same to everybody.
    for (operation, input) in [
        ("UpdateTeam", json!({ "teamId": NO_TEAM, "version": 1 })),
        ("EndAllocation", json!({ "allocationId": NO_ALLOCATION })),
    ] {
        let absent = act(&class.coordinator, operation, input.clone()).await;
        assert_eq!(absent.refusal(), "NOT_FOUND");
        assert_eq!(
            act(&test.anonymous(), operation, input).await.refusal(),
            "UNAUTHENTICATED"
        );
    }
    let still = class
        .coordinator
        .run("EditionTeams", json!({ "editionId": class.edition, "first": 5 }))
        .await;
    assert_eq!(still.json, seen.json, "nothing was changed");
}

#[tokio::test]
async fn a_page_of_teams_costs_the_same_for_three_and_for_twelve() {
    let test = TestApp::new().await;
    let names = [
        "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T", "U", "V",
        "W", "X",
    ];
    let class = Class::of(&test, &names).await;
    // One way to each loader a document: of two ways, either may be first, and they share a statement or do not.
    let parts = [
        "members { enrolmentId person { givenName familyName email } }",
        "tutors { id person { givenName familyName } }",
        "submissions { id state version handIn { title } }",
    ];
    let cost = async |reader: &Client<'_>, part: &str, count: usize| {
        let document =
            format!("query ($id: ID!) {{ edition(id: $id) {{ teams(first: 50) {{ nodes {{ {part} }} }} }} }}");
        reader.warm_up().await;
        let before = test.app.db.statements();
        let page = reader.query(&document, json!({ "id": class.edition })).await;
        let nodes = page.at("edition.teams.nodes").as_array().expect("nodes").clone();
        assert_eq!(nodes.len(), count);
        assert!(nodes.iter().all(|team| team != &json!({})));
        test.app.db.statements() - before
    };
    class.hand_in(&class.people[0], "The first").await;
    let mut costs = Vec::new();
    for place in 1..12 {
        let pair = &class.enrolments[2 * place..2 * place + 2];
        let team = class.make_team(&format!("Team {place:02}"), pair).await;
        class.allocate(&team, &class.tutor).await;
        class.hand_in(&class.people[2 * place], "Another").await;
        if place == 2 || place == 11 {
            for part in parts {
                for reader in [&class.coordinator, &class.tutor] {
                    costs.push(cost(reader, part, place + 1).await);
                }
            }
        }
    }
    let (few, many) = costs.split_at(costs.len() / 2);
    assert_eq!(few, many, "the number of teams does not matter");
}

#[tokio::test]
async fn a_tutor_whose_role_is_revoked_loses_the_teams_of_that_edition_although_tutor_elsewhere() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let roles = class.tutor.run("Viewer", json!({})).await;
    let role = roles.text("viewer.roles.0.id");
    let ada = test.administrator().await;
    let elsewhere = rumbo::domain::id::EditionId(uuid::Uuid::from_u128(7));
    let other = test.role_of(&class.tutor, Role::Tutor, Scope::Edition(elsewhere));
    other.await;
    let see = "query ($id: ID!) { team(id: $id) { id } }";
    let before = class.tutor.query(see, json!({ "id": class.team })).await;
    assert_eq!(before.text("team.id"), class.team);
    let input = json!({ "roleAssignmentId": role, "reason": "left the house" });
    let revoked = ada.run("RevokeRole", json!({ "input": input })).await;
    assert!(revoked.user_errors("revokeRole").is_empty());
    let after = class.tutor.query(see, json!({ "id": class.team })).await;
    assert_eq!(after.at("team"), &serde_json::Value::Null);
    drop(test.mails().await);
}

/// What shows of somebody: name, address and country.
async fn facets(reader: &Client<'_>, of: &Client<'_>) -> [bool; 3] {
    let document = "query ($id: ID!) { node(id: $id) { ... on Person { givenName email country } } }";
    let person = reader
        .query(document, json!({ "id": id_of(of) }))
        .await
        .at("node")
        .clone();
    ["givenName", "email", "country"].map(|field| person.get(field).is_some_and(|value| !value.is_null()))
}

#[tokio::test]
async fn who_left_a_team_and_who_stayed_no_longer_see_each_other() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy", "Dan"]).await;
    let everybody = json!({ "teamId": class.team, "version": 1, "addEnrolmentIds": class.enrolments[2..] });
    act(&class.coordinator, "UpdateTeam", everybody).await;
    let (name, whole, nothing) = ([true, false, false], [true; 3], [false; 3]);
    for mate in &class.people[1..] {
        assert_eq!(facets(mate, &class.people[0]).await, name);
        assert_eq!(facets(&class.people[0], mate).await, name);
        assert_eq!(facets(mate, &class.tutor).await, name);
        assert_eq!(facets(&class.tutor, mate).await, whole);
    }
    // Each leaves in another way: out of the team, out of the edition, excluded from it.
    let out = json!({ "teamId": class.team, "version": 2, "removeEnrolmentIds": [class.enrolments[1]] });
    done(&class.coordinator, "UpdateTeam", out).await;
    let withdraw = json!({ "enrolmentId": class.enrolments[2], "version": 2 });
    done(&class.people[2], "WithdrawEnrolment", withdraw).await;
    let exclude =
        json!({ "enrolmentId": class.enrolments[3], "version": 2, "decision": "EXCLUDE", "reason": "never came" });
    done(&class.coordinator, "DecideEnrolment", exclude).await;
    for former in &class.people[1..] {
        assert_eq!(facets(former, &class.people[0]).await, nothing, "{}", former.email);
        assert_eq!(facets(&class.people[0], former).await, nothing, "{}", former.email);
        assert_eq!(facets(former, &class.tutor).await, nothing, "{}", former.email);
        assert_eq!(facets(&class.tutor, former).await, nothing, "{}", former.email);
    }
    assert_eq!(facets(&class.people[0], &class.tutor).await, name);
    drop(test.mails().await);
}

#[tokio::test]
async fn a_tutor_sees_the_names_of_those_who_signed_what_they_read() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy"]).await;
    let submission = class.hand_in(&class.people[0], "By Ana and Ben").await;
    let leave = json!({ "teamId": class.team, "version": 1, "removeEnrolmentIds": [class.enrolments[1]] });
    done(&class.coordinator, "UpdateTeam", leave).await;
    let (ben, other_tutor) = (&class.people[1], class.idle_tutor("Ivo").await);
    assert_eq!(
        facets(&class.tutor, ben).await,
        [true, false, false],
        "the name and no more"
    );
    let document = "query ($id: ID!) { submission(id: $id) { versions { authors { givenName } } } }";
    let read = class.tutor.query(document, json!({ "id": submission })).await;
    let authors = read
        .at("submission.versions.0.authors")
        .as_array()
        .expect("authors")
        .clone();
    let mut names: Vec<&str> = authors
        .iter()
        .filter_map(|author| author["givenName"].as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["Ana", "Ben"]);
    // Who does not read the work sees nobody by it; nor does the tutor once the charge has ended.
    assert_eq!(facets(&other_tutor, ben).await, [false; 3]);
    assert_eq!(facets(&class.people[2], ben).await, [false; 3]);
    assert_eq!(facets(&class.tutor, &class.people[2]).await, [false; 3]);
    let seen = class.coordinator.run("SeeTeam", json!({ "id": class.team })).await;
    let end = json!({ "allocationId": seen.text("team.tutors.0.id") });
    act(&class.coordinator, "EndAllocation", end).await;
    assert_eq!(facets(&class.tutor, ben).await, [false; 3]);
    drop(test.mails().await);
}

#[tokio::test]
async fn a_tutors_role_with_an_end_is_enough_until_then_and_granted_anew_after() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy"]).await;
    let eva = test.person("Eva").await;
    let grant = json!({
        "personId": id_of(&eva), "role": "TUTOR", "scopeId": class.edition, "until": test.now() + TimeDelta::days(2),
    });
    let granted = act(&class.coordinator, "GrantRole", grant).await;
    let first = granted.text("grantRole.roleAssignment.id");
    let roles = async || {
        let viewer = eva.again().await.run("Viewer", json!({})).await;
        let roles = viewer.at("viewer.roles").as_array().expect("a list").clone();
        roles
            .iter()
            .map(|role| (role["id"] == first.as_str(), role["untilAt"].is_null()))
            .collect::<Vec<_>>()
    };
    class.allocate(&class.team, &eva).await;
    assert_eq!(roles().await, [(true, false)], "a role that holds is not granted again");
    assert!(sees(&eva, &class.team).await);
    let other = class.make_team("Tala", &[]).await;
    test.pass(TimeDelta::days(3));
    assert_eq!(roles().await, []);
    let coordinator = class.coordinator.again().await;
    done(
        &coordinator,
        "AllocateTutor",
        json!({ "teamIds": [other], "personId": id_of(&eva) }),
    )
    .await;
    assert_eq!(roles().await, [(false, true)], "one that ran out is granted anew");
    assert!(sees(&eva.again().await, &other).await);
    drop(test.mails().await);
}

#[tokio::test]
async fn teams_stand_where_a_reader_looks_for_them() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    for name in ["Zorzal", "co-op", "Álamo", "álamo 2", "Co op", "aloe"] {
        class.make_team(name, &[]).await;
    }
    let sorted = ["Álamo", "álamo 2", "aloe", "Ceibo", "Co op", "co-op", "Zorzal"];
    let names = async |first: i64, after: Value| {
        let variables = json!({ "id": class.edition, "first": first, "after": after });
        let document = "query ($id: ID!, $first: Int!, $after: String) { edition(id: $id) {
            teams(first: $first, after: $after) { nodes { id name version } pageInfo { endCursor } } } }";
        let page = class.coordinator.query(document, variables).await;
        let nodes = page.at("edition.teams.nodes").as_array().expect("nodes").clone();
        let names: Vec<Value> = nodes.iter().map(|node| node["name"].clone()).collect();
        (names, nodes, page.at("edition.teams.pageInfo.endCursor").clone())
    };
    let (all, ..) = names(20, Value::Null).await;
    assert_eq!(all, sorted);
    let (first, nodes, cursor) = names(4, Value::Null).await;
    let (rest, ..) = names(4, cursor).await;
    assert_eq!([first, rest].concat(), sorted, "page by page");
    let input = json!({ "teamId": nodes[0]["id"], "version": nodes[0]["version"], "name": "Último" });
    done(&class.coordinator, "UpdateTeam", input).await;
    let (all, ..) = names(20, Value::Null).await;
    assert_eq!(all, ["álamo 2", "aloe", "Ceibo", "Co op", "co-op", "Último", "Zorzal"]);
    drop(test.mails().await);
}
