//! What is kept for a time only: that it is removed when its time is over, not before, and that the audit log says so.

use chrono::{DateTime, TimeDelta, Utc};
use rumbo::domain::id::PersonId;
use rumbo::domain::notice::Notice;
use rumbo::store::{address_change, challenge, invitation, outbox, password_reset, refresh, session};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use crate::support::app::{Client, TestApp};
use crate::support::letter::token_of;
use crate::support::scene::{Plan, act, cancel, done, enrolling};

/// Lets the worker do what is due, and forgets what it sent.
async fn work(test: &TestApp) {
    drop(test.mails().await);
}

/// Lets the clock stand so long after the beginning.
fn stand(test: &TestApp, after: TimeDelta) {
    let start: DateTime<Utc> = TestApp::START.parse().expect("an instant");
    test.pass(start + after - test.now());
}

/// The entries that removing left: about what, and with which words; the latest first.
async fn purges(administrator: &Client<'_>) -> Vec<(String, String)> {
    let filter = json!({ "first": 100, "filter": { "actions": ["purge"] } });
    let found = administrator.again().await.run("AuditEntries", filter).await;
    let entries = found.at("auditEntries.nodes").as_array().expect("a list").clone();
    let read = |entry: Value| {
        assert_eq!(
            (&entry["actor"], &entry["via"]),
            (&Value::Null, &json!("SYSTEM")),
            "{entry}"
        );
        let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        (text("subjectId"), text("reason"))
    };
    entries.into_iter().map(read).collect()
}

/// Invites somebody to an edition: the invitation, and the token of the message.
async fn invite(test: &TestApp, by: &Client<'_>, edition: &str, name: &str) -> (String, String) {
    let input = json!({ "editionId": edition, "email": format!("{name}@example.org"), "givenName": name,
        "familyName": "Canario", "language": "ES" });
    let made = act(by, "InviteToEdition", input).await;
    let id = made.text("inviteToEdition.invitation.id");
    let mail = test.mails().await.pop().expect("a message");
    (id, token_of(&mail))
}

/// What the invitations of an edition still say, by name: null where it was removed.
async fn said(reader: &Client<'_>, edition: &str) -> Vec<(String, Value, Value)> {
    let variables = json!({ "editionId": edition, "first": 50 });
    let answer = reader.again().await.run("EditionInvitations", variables).await;
    let nodes = answer
        .at("edition.invitations.nodes")
        .as_array()
        .expect("a list")
        .clone();
    let read = |node: &Value| {
        let blank = node["givenName"].is_null();
        assert_eq!(
            (node["familyName"].is_null(), node["email"].is_null()),
            (blank, blank),
            "{node}"
        );
        let state = node["state"].as_str().expect("a state").to_owned();
        (state, node["givenName"].clone(), node["blankedAt"].clone())
    };
    let mut all: Vec<_> = nodes.iter().map(read).collect();
    all.sort_by_key(|(state, ..)| state.clone());
    all
}

#[tokio::test]
async fn an_invitation_forgets_whom_it_was_for_thirty_days_after_its_end() {
    let test = TestApp::with(&[("auth.invitation_days", "90")]).await;
    let (ada, carla) = (test.administrator().await, test.coordinator().await);
    let edition = enrolling(&carla, Plan::OPEN).await;
    let (withdrawn, _) = invite(&test, &carla, &edition, "Wanda").await;
    let (_, declined) = invite(&test, &carla, &edition, "Delia").await;
    let (_, accepted) = invite(&test, &carla, &edition, "Aldo").await;
    invite(&test, &carla, &edition, "Olga").await;
    let input = json!({ "invitationId": withdrawn, "version": 1 });
    act(&carla, "WithdrawInvitation", input)
        .await
        .at("withdrawInvitation.invitation.id");
    let joining = json!({ "token": accepted, "givenName": "Aldo", "familyName": "Canario", "language": "ES",
        "timeZone": "America/Montevideo", "password": "elefante azul en junio",
        "declaration": { "gender": "MALE", "country": "UY", "constituentGroup": "WORKERS" }, "motivation": "To learn" });
    done(&test.anonymous(), "RegisterInvited", joining).await;
    let day = TimeDelta::days(1);
    stand(&test, day);
    act(&test.anonymous(), "DeclineInvitation", json!({ "token": declined }))
        .await
        .at("declineInvitation.declined");

    let name = |state: &str, name: &str| (state.to_owned(), json!(name), Value::Null);
    let gone = |state: &str, at: &str| (state.to_owned(), Value::Null, json!(at));
    let all = [
        name("ACCEPTED", "Aldo"),
        name("DECLINED", "Delia"),
        name("SENT", "Olga"),
        name("WITHDRAWN", "Wanda"),
    ];
    stand(&test, day * 30 - TimeDelta::microseconds(1));
    work(&test).await;
    assert_eq!(said(&carla, &edition).await, all);
    assert_eq!(purges(&ada).await.len(), 0);

    stand(&test, day * 30);
    work(&test).await;
    let blanked = "2026-04-01T12:00:00+00:00";
    let now = said(&carla, &edition).await;
    assert_eq!(now[0], gone("ACCEPTED", blanked));
    assert_eq!(now[1..3], all[1..3]);
    assert_eq!(now[3], gone("WITHDRAWN", blanked));
    let entries = purges(&ada).await;
    let of_invitations = |entries: &[(String, String)]| {
        let words = entries.iter().filter(|(_, words)| words == "names and address removed");
        words.map(|(id, _)| id.clone()).collect::<Vec<_>>()
    };
    let subjects = of_invitations(&entries);
    assert_eq!(subjects.len(), 2);
    assert!(subjects.contains(&withdrawn), "{subjects:?}");
    // Once more there is nothing to do.
    work(&test).await;
    assert_eq!(purges(&ada).await, entries);

    stand(&test, day * 31);
    work(&test).await;
    assert_eq!(
        said(&carla, &edition).await[1],
        gone("DECLINED", "2026-04-02T12:00:00+00:00")
    );
    // What ran out is counted from when it did, however late the worker comes.
    stand(&test, day * 119);
    work(&test).await;
    assert_eq!(said(&carla, &edition).await[2], name("EXPIRED", "Olga"));
    stand(&test, day * 120);
    work(&test).await;
    let all = said(&carla, &edition).await;
    assert!(
        all.iter().all(|(_, name, at)| name.is_null() && !at.is_null()),
        "{all:?}"
    );
    assert_eq!(of_invitations(&purges(&ada).await).len(), 4);

    // Nor does a table still say it.
    let rows = invitation::Entity::find().all(test.app.db.read()).await.expect("rows");
    for row in rows {
        assert_eq!(
            (row.email.as_str(), row.given_name.as_str(), row.family_name.as_str()),
            ("-", "", "")
        );
    }
    let messages = outbox::Entity::find().all(test.app.db.read()).await.expect("rows");
    for row in messages {
        assert!(!row.payload.to_string().contains("Canario"), "{row:?}");
    }
}

#[tokio::test]
async fn an_invitation_to_a_cancelled_edition_forgets_whom_it_was_for() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let (open, _) = invite(&test, &carla, &edition, "Olga").await;
    let day = TimeDelta::days(1);
    stand(&test, day);
    cancel(&carla.again().await, &edition, "No money").await;
    stand(&test, day * 31 - TimeDelta::microseconds(1));
    work(&test).await;
    let kept = said(&carla, &edition).await;
    assert_eq!(
        (kept[0].1.as_str(), &kept[0].2),
        (Some("Olga"), &Value::Null),
        "{kept:?}"
    );
    assert_ne!(kept[0].0, "SENT");
    stand(&test, day * 31);
    work(&test).await;
    let forgotten = said(&carla, &edition).await;
    assert_eq!(
        forgotten,
        [(kept[0].0.clone(), Value::Null, json!("2026-04-02T12:00:00+00:00"))]
    );
    let row = invitation::Entity::find()
        .one(test.app.db.read())
        .await
        .expect("rows")
        .expect("a row");
    assert_eq!(
        (row.email.as_str(), row.given_name.as_str(), row.family_name.as_str()),
        ("-", "", "")
    );
    let ada = test.administrator().await;
    assert!(
        purges(&ada)
            .await
            .contains(&(open, "names and address removed".to_owned()))
    );
}

#[tokio::test]
async fn the_period_is_what_the_settings_say() {
    let settings = [("auth.invitation_days", "1"), ("retention.invitation_days", "3")];
    let test = TestApp::with(&settings).await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    invite(&test, &carla, &edition, "Olga").await;
    for (hours, blank) in [(95, false), (96, true)] {
        stand(&test, TimeDelta::hours(hours));
        work(&test).await;
        let all = said(&carla, &edition).await;
        assert_eq!((all[0].0.as_str(), all[0].1.is_null()), ("EXPIRED", blank), "{hours}");
    }
}

#[tokio::test]
async fn messages_are_removed_a_hundred_at_a_time() {
    let test = TestApp::new().await;
    let (ada, ana) = (test.administrator().await, test.person("Ana").await);
    let tx = test.app.db.write().await.expect("a transaction");
    let mut ids = Vec::new();
    for _ in 0..251 {
        let notice = Notice::SessionCopied { at: test.now() };
        let person = ana.person.expect("a person");
        ids.push(
            outbox::enqueue(&tx, &test.app.clock, person, &notice)
                .await
                .expect("a message"),
        );
    }
    tx.commit().await.expect("a commit");
    let tx = test.app.db.write().await.expect("a transaction");
    let set = async |ids: &[uuid::Uuid], state: &str, due_at: DateTime<Utc>| {
        outbox::Entity::update_many()
            .col_expr(outbox::Column::State, Expr::value(state))
            .col_expr(outbox::Column::DueAt, Expr::value(due_at))
            .filter(outbox::Column::Id.is_in(ids.iter().copied()))
            .exec(&tx)
            .await
            .expect("rows");
    };
    set(&ids[..200], outbox::SENT, test.now()).await;
    set(&ids[200..250], outbox::DEAD, test.now()).await;
    // What still waits is not removed, however long it does.
    set(&ids[250..], outbox::QUEUED, test.now() + TimeDelta::days(60)).await;
    tx.commit().await.expect("a commit");
    let left = async || {
        outbox::Entity::find()
            .all(test.app.db.read())
            .await
            .expect("rows")
            .len()
    };

    stand(&test, TimeDelta::days(30) - TimeDelta::microseconds(1));
    work(&test).await;
    assert_eq!(left().await, 251);
    stand(&test, TimeDelta::days(30));
    work(&test).await;
    assert_eq!(left().await, 1);
    let mut words: Vec<_> = purges(&ada).await.into_iter().map(|(_, words)| words).collect();
    words.sort();
    assert_eq!(
        words,
        ["messages removed: 100", "messages removed: 100", "messages removed: 50"]
    );
    work(&test).await;
    assert_eq!(purges(&ada).await.len(), 3);
    assert_eq!(left().await, 1);
}

#[tokio::test]
async fn sessions_are_removed_with_what_hangs_on_them() {
    let test = TestApp::new().await;
    let (ada, ana) = (test.administrator().await, test.person("Ana").await);
    test.password_of(&ana).await;
    let sign_in = async || {
        let proof = json!({ "email": ana.email, "password": TestApp::PASSWORD });
        let answer = act(&test.anonymous(), "SignIn", proof).await;
        ana.bearing(&answer.text("signIn.session.accessToken"))
    };
    let (ended, run_out) = (sign_in().await, sign_in().await);
    let change = json!({ "email": "ana.nueva@example.org", "currentPassword": TestApp::PASSWORD });
    done(&ended, "RequestEmailChange", change).await;
    let out = ended.query("mutation { signOut { signedOut } }", json!({})).await;
    assert_eq!(out.at("signOut.signedOut"), &json!(true));
    run_out.warm_up().await;
    let sessions = async || {
        let hers = session::Entity::find().filter(session::Column::PersonId.eq(ana.person));
        hers.all(test.app.db.read()).await.expect("rows").len()
    };
    let tokens = async || {
        refresh::Entity::find()
            .all(test.app.db.read())
            .await
            .expect("rows")
            .len()
    };
    let changes = async || {
        address_change::Entity::find()
            .all(test.app.db.read())
            .await
            .expect("rows")
            .len()
    };
    let counts = async || (sessions().await, tokens().await, changes().await);

    // The session of the person of the tests goes on, one was signed out, one runs out after thirty days.
    let day = TimeDelta::days(1);
    assert_eq!(counts().await, (3, 2, 1));
    stand(&test, day * 30 - TimeDelta::microseconds(1));
    work(&test).await;
    // The link to the new address had run out before.
    assert_eq!(counts().await, (3, 2, 0));
    stand(&test, day * 30);
    work(&test).await;
    assert_eq!(counts().await, (2, 1, 0));
    stand(&test, day * 60 - TimeDelta::microseconds(1));
    work(&test).await;
    assert_eq!(counts().await, (2, 1, 0));
    stand(&test, day * 60);
    work(&test).await;
    assert_eq!(counts().await, (1, 0, 0));
    let mut words: Vec<_> = purges(&ada).await.into_iter().map(|(_, words)| words).collect();
    words.retain(|words| words.starts_with("sessions"));
    assert_eq!(words, ["sessions removed: 1", "sessions removed: 1"]);
    // Who goes on goes on.
    let viewer = ana.again().await.query("{ viewer { person { id } } }", json!({})).await;
    assert!(viewer.at("viewer.person.id").is_string());
}

/// How many sign-ins wait for a code, links of resets and new addresses there are.
async fn waiting(test: &TestApp) -> [usize; 3] {
    let read = test.app.db.read();
    [
        challenge::Entity::find().all(read).await.expect("rows").len(),
        password_reset::Entity::find().all(read).await.expect("rows").len(),
        address_change::Entity::find().all(read).await.expect("rows").len(),
    ]
}

/// One of each that is worth something for so long; the first byte of their digests is given.
async fn wait(test: &TestApp, person: PersonId, first: u8, lasts: TimeDelta) {
    let (issued_at, expires_at) = (test.now(), test.now() + lasts);
    let hash = vec![first; 32];
    let tx = test.app.db.write().await.expect("a transaction");
    let sign_in = challenge::Model {
        hash: hash.clone(),
        person_id: person,
        issued_at,
        expires_at,
        attempts: 0,
        client: Some("a browser".to_owned()),
        used_at: None,
    };
    challenge::insert(&tx, sign_in).await.expect("a challenge");
    let reset = password_reset::Model {
        hash: hash.clone(),
        person_id: person,
        issued_at,
        expires_at,
        used_at: None,
    };
    // The one before is used up by it; both go when they have run out.
    password_reset::replace(&tx, reset).await.expect("a link");
    let change = address_change::Model {
        hash,
        person_id: person,
        session_id: None,
        email: "ana.nueva@example.org".to_owned(),
        issued_at,
        expires_at,
        used_at: None,
    };
    address_change::replace(&tx, change).await.expect("a new address");
    tx.commit().await.expect("a commit");
}

#[tokio::test]
async fn what_waited_for_a_token_or_a_code_is_removed_when_that_has_run_out() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await.person.expect("a person");
    wait(&test, ana, 1, TimeDelta::minutes(30)).await;
    wait(&test, ana, 2, TimeDelta::minutes(60)).await;
    let before_the_end = TimeDelta::minutes(30) - TimeDelta::microseconds(1);
    for (after, left) in [
        (before_the_end, 2),
        (TimeDelta::minutes(30), 1),
        (TimeDelta::minutes(59), 1),
        (TimeDelta::minutes(60), 0),
    ] {
        stand(&test, after);
        work(&test).await;
        assert_eq!(waiting(&test).await, [left; 3], "{after}");
    }
}

#[tokio::test]
async fn sign_ins_that_ended_are_removed_however_many_they_are() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await.person.expect("a person");
    let now = test.now();
    let rows = (0..2500_u32).map(|number| challenge::Model {
        hash: [vec![0; 28], number.to_be_bytes().to_vec()].concat(),
        person_id: ana,
        issued_at: now,
        expires_at: now + TimeDelta::minutes(i64::from(number % 2) + 1),
        attempts: 0,
        client: None,
        used_at: None,
    });
    let rows: Vec<challenge::ActiveModel> = rows.map(Into::into).collect();
    let tx = test.app.db.write().await.expect("a transaction");
    for some in rows.chunks(500) {
        let inserted = challenge::Entity::insert_many(some.to_vec());
        inserted.exec_without_returning(&tx).await.expect("rows");
    }
    tx.commit().await.expect("a commit");
    stand(&test, TimeDelta::minutes(1));
    work(&test).await;
    assert_eq!(waiting(&test).await[0], 1250);
    stand(&test, TimeDelta::minutes(2));
    work(&test).await;
    assert_eq!(waiting(&test).await[0], 0);
}
