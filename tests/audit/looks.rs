//! What staff's reading leaves in it, and who finds that there.

use axum::body::Body;
use axum::http::{Request, header};
use chrono::TimeDelta;
use rumbo::domain::actor::Actor;
use rumbo::domain::text::Reason;
use rumbo::service::export;
use rumbo::store::access;
use sea_orm::{ConnectionTrait, EntityTrait};
use serde_json::{Value, json};

use super::{TEAM, look, seal_all};
use crate::support::app::{Answer, Client, TestApp};
use crate::support::scene::{Class, id_of};

async fn own_log(person: &Client<'_>) -> Vec<Value> {
    let log = person.run("MyAccessLog", json!({ "first": 50 })).await;
    log.at("viewer.accessLog.nodes").as_array().expect("a list").clone()
}

#[tokio::test]
async fn the_access_log_opens_no_more_seals_than_a_page_needs() {
    let test = TestApp::new().await;
    // Ana is in every seal, Ben in every fortieth; a look at both is one record.
    let (ana, ben) = (7, 8);
    let mut costs = Vec::new();
    let cost = async || {
        let before = test.app.db.statements();
        let (rows, more) = access::about(test.app.db.read(), ana, None, 10, test.now())
            .await
            .expect("a page");
        assert_eq!((rows.len(), more), (10, true));
        test.app.db.statements() - before
    };
    for round in 0..250 {
        if round % 40 == 0 {
            look(&test, &[&[ana], &[ana, ben]]).await;
        } else {
            look(&test, &[&[ana], &[9]]).await;
        }
        assert!(seal_all(&test).await >= 2);
        test.pass(TimeDelta::seconds(3));
        if [30, 249].contains(&round) {
            costs.push(cost().await);
        }
    }
    assert!(costs[1] <= costs[0], "whatever lies further back: {costs:?}");
    assert!(costs[0] <= 10, "{costs:?}");

    // Page by page it is everything, the latest first.
    let mut all = access::Entity::find().all(test.app.db.read()).await.expect("records");
    all.sort_by_key(|row| std::cmp::Reverse(row.id));
    for (number, limit) in [(ana, 100), (ana, 1000), (ben, 2), (9, 60), (10, 5)] {
        let wanted: Vec<_> = all
            .iter()
            .filter(|row| row.people().expect("a set").contains(number))
            .map(|row| row.id)
            .collect();
        let (mut found, mut before, mut more) = (Vec::new(), None, true);
        while more {
            let page = access::about(test.app.db.read(), number, before, limit, test.now()).await;
            let (rows, goes_on) = page.expect("a page");
            assert!(rows.len() == limit || !goes_on);
            more = goes_on;
            before = rows.last().map(|row| row.id);
            found.extend(rows.into_iter().map(|row| row.id));
        }
        assert_eq!(found, wanted, "{number}");
    }
}

#[tokio::test]
async fn the_person_sees_who_looked_when_as_what_and_at_what() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy"]).await;
    let ana = &class.people[0];
    let before = own_log(ana).await.len();
    class.tutor.query(TEAM, json!({ "id": class.team })).await;
    // A mate's look, and one's own, is no staff's.
    class.people[1].query(TEAM, json!({ "id": class.team })).await;
    ana.run("Viewer", json!({})).await;
    let log = own_log(ana).await;
    assert_eq!(log.len(), before + 1, "{log:#?}");
    let look = json!({
        "at": "2026-03-02T12:00:00+00:00", "readerName": "Tina Tester", "role": "TUTOR", "fields": ["NAME", "EMAIL"],
        "operation": "LookAtTeam", "editionId": null, "reason": null, "via": "SESSION",
    });
    assert_eq!(log[0], look);
    assert_eq!(own_log(&class.people[1]).await[0], look);
    assert_ne!(own_log(&class.people[2]).await.first(), Some(&look), "not of this team");
    // What is sealed reads the same.
    seal_all(&test).await;
    assert_eq!(own_log(ana).await, log);
    // A page of enrolments: the edition is named, and gender with it.
    test.pass(TimeDelta::minutes(1));
    let page =
        "query Page($id: ID!) { edition(id: $id) { enrolments(first: 50) { nodes { gender person { givenName } } } } }";
    class.coordinator.query(page, json!({ "id": class.edition })).await;
    let log = own_log(ana).await;
    assert_eq!(log[0]["role"], "COORDINATOR");
    assert_eq!(log[0]["fields"], json!(["NAME", "GENDER"]));
    assert_eq!(
        (&log[0]["operation"], &log[0]["editionId"]),
        (&json!("Page"), &json!(class.edition))
    );
    // Page by page it is the same list, over the seal and what came after it.
    let mut paged = Vec::new();
    let mut after = Value::Null;
    loop {
        let part = ana.run("MyAccessLog", json!({ "first": 1, "after": after })).await;
        paged.extend(part.at("viewer.accessLog.nodes").as_array().expect("a list").clone());
        if part.at("viewer.accessLog.pageInfo.hasNextPage") == false {
            break;
        }
        after = part.at("viewer.accessLog.pageInfo.endCursor").clone();
    }
    assert_eq!(paged, log);
    let editions = "{ editions(first: 1) { pageInfo { endCursor } } }";
    let editions = ana.query(editions, json!({})).await;
    let stray = json!({ "first": 1, "after": editions.at("editions.pageInfo.endCursor") });
    let stray = ana.run("MyAccessLog", stray).await;
    assert_eq!(stray.refusal(), "MALFORMED", "a place in a list of another order");
    let nobody = test.anonymous().run("MyAccessLog", json!({ "first": 1 })).await;
    assert_eq!(nobody.at("viewer"), &Value::Null);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_shown() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let tx = test.app.db.write().await.expect("a transaction");
    tx.execute_unprepared("DROP TABLE access_record")
        .await
        .expect("the owner may");
    tx.commit().await.expect("a commit");
    let refused = class.tutor.query(TEAM, json!({ "id": class.team })).await;
    assert_eq!(refused.refusal(), "INTERNAL");
    assert!(
        !refused.body.contains("Ana") && !refused.body.contains("access_record"),
        "{}",
        refused.body
    );
    // Who reads of nobody else is not touched by it.
    let own = class.people[0].run("Viewer", json!({})).await;
    assert_eq!(own.text("viewer.person.givenName"), "Ana");
}

/// Asks with a reason.
async fn because(test: &TestApp, client: &Client<'_>, reason: &str, of: &str) -> Answer {
    let document = "query WhoIsThis($id: ID!) { node(id: $id) { ... on Person { fullName gender } } }";
    let body = json!({ "query": document, "variables": { "id": of } });
    let request = Request::post("/graphql")
        .header(header::CONTENT_TYPE, "application/json")
        .header(
            header::AUTHORIZATION,
            format!("Bearer {}", client.token().expect("a token")),
        )
        .header("x-reason", reason);
    test.send(request.body(Body::from(body.to_string())).expect("a request"))
        .await
}

#[tokio::test]
async fn an_administrator_sees_a_person_for_a_reason_which_is_kept() {
    let test = TestApp::new().await;
    let (ada, ana, ben) = (
        test.administrator().await,
        test.person("Ana").await,
        test.person("Ben").await,
    );
    let id = id_of(&ana);
    let seen = because(&test, &ada, "Pidi%C3%B3 ayuda por tel%c3%a9fono", &id).await;
    assert_eq!(
        (seen.text("node.fullName"), seen.text("node.gender")),
        ("Ana Tester".into(), "FEMALE".into())
    );
    let log = own_log(&ana).await;
    assert_eq!(log.len(), 1);
    assert_eq!(
        (&log[0]["reason"], &log[0]["role"]),
        (&json!("Pidió ayuda por teléfono"), &json!("ADMINISTRATOR"))
    );
    for wrong in ["%", "%zz", "%ff", "", "%0a"] {
        let refused = because(&test, &ada, wrong, &id).await;
        assert_eq!(
            (refused.status.as_u16(), refused.refusal()),
            (400, "BAD_REQUEST"),
            "{wrong}"
        );
    }
    // A reason opens nothing to those for whom none does.
    let stranger = because(&test, &ben, "curious", &id).await;
    assert_eq!(stranger.at("node"), &Value::Null);
    let without = ada
        .query("query ($id: ID!) { node(id: $id) { id } }", json!({ "id": id }))
        .await;
    assert_eq!(without.at("node"), &Value::Null);
    assert_eq!(own_log(&ana).await.len(), 1);
}

#[tokio::test]
async fn one_question_lists_whom_an_account_or_a_session_read() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy"]).await;
    let ada = test.administrator().await;
    class.tutor.query(TEAM, json!({ "id": class.team })).await;
    test.pass(TimeDelta::minutes(2));
    class.tutor.query(TEAM, json!({ "id": class.team })).await;
    let ask = |from: &str, until: &str, more: Value| {
        let mut all = json!({ "actorId": id_of(&class.tutor), "from": from, "until": until, "first": 1 });
        all.as_object_mut()
            .expect("fields")
            .extend(more.as_object().expect("fields").clone());
        all
    };
    let (from, until) = ("2026-03-02T12:00:00Z", "2026-03-02T13:00:00Z");
    let page = ada.run("AccessOf", ask(from, until, json!({}))).await;
    assert_eq!(
        page.at("accessOf.nodes"),
        &json!([{
            "person": { "id": id_of(&class.people[0]) }, "fields": ["NAME", "EMAIL"], "times": 2,
            "firstAt": "2026-03-02T12:00:00+00:00", "lastAt": "2026-03-02T12:02:00+00:00",
        }])
    );
    let cursor = page.at("accessOf.pageInfo.endCursor").clone();
    let next = ada.run("AccessOf", ask(from, until, json!({ "after": cursor }))).await;
    assert_eq!(next.text("accessOf.nodes.0.person.id"), id_of(&class.people[1]));
    assert_eq!(next.at("accessOf.pageInfo.hasNextPage"), &json!(false));
    let later = ada.run("AccessOf", ask("2026-03-02T12:01:00Z", until, json!({}))).await;
    assert_eq!(later.number("accessOf.nodes.0.times"), 1);
    let none = ada.run("AccessOf", ask("2026-03-01T00:00:00Z", from, json!({}))).await;
    assert_eq!(none.at("accessOf.nodes"), &json!([]));
    // By the session.
    let entries = rumbo::store::access::Entity::find()
        .all(test.app.db.read())
        .await
        .expect("records");
    let session = entries
        .iter()
        .find(|row| row.reader_id == class.tutor.person)
        .and_then(|row| row.credential);
    let session = rumbo::domain::id::SessionId(session.expect("a session")).to_string();
    let by = json!({ "actorId": null, "tokenId": session, "first": 50 });
    let by = ada.run("AccessOf", ask(from, until, by)).await;
    assert_eq!(by.at("accessOf.nodes").as_array().map(Vec::len), Some(2));
    for (wrong, code, at) in [
        (
            json!({ "until": "2026-01-01T00:00:00Z" }),
            "DATES_OUT_OF_ORDER",
            "until",
        ),
        (json!({ "tokenId": session }), "MALFORMED", "tokenId"),
        (json!({ "actorId": null }), "REQUIRED", "actorId"),
        (json!({ "actorId": class.team }), "INVALID_ID", "actorId"),
        (json!({ "first": 101 }), "OUT_OF_RANGE", "first"),
    ] {
        let refused = ada.run("AccessOf", ask(from, until, wrong)).await;
        assert_eq!(refused.refusal(), code, "{at}");
        assert_eq!(refused.json["errors"][0]["extensions"]["inputPath"], json!([at]));
    }
    for (reader, code) in [
        (&test.anonymous(), "UNAUTHENTICATED"),
        (&class.people[0], "FORBIDDEN"),
        (&class.tutor, "FORBIDDEN"),
        (&class.coordinator, "FORBIDDEN"),
    ] {
        assert_eq!(
            reader.run("AccessOf", ask(from, until, json!({}))).await.refusal(),
            code
        );
    }
}

#[tokio::test]
async fn an_export_is_an_access_to_everybody_in_it() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let reason = Reason::parse("The annual report").expect("a reason");
    let mut out = Vec::new();
    let lines = export::enrolments(&test.app, &Actor::operator(), Some("DEMO-2026"), &reason, &mut out).await;
    assert_eq!(lines.expect("an export"), 2);
    let log = own_log(&class.people[1]).await;
    assert_eq!(log[0]["reason"], "The annual report");
    assert_eq!(log[0]["operation"], "export enrolments");
    assert_eq!(log[0]["fields"], json!(["NAME", "EMAIL", "ORIGIN", "GENDER"]));
    assert_eq!(log[0]["readerName"], Value::Null);
    assert_eq!(log[0]["editionId"], class.edition.as_str());
}
