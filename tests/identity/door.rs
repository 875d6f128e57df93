//! Who gets in by the word of a provider, and what of a sign-in is bound to what.

use chrono::TimeDelta;
use data_encoding::BASE64URL_NOPAD;
use futures_util::future::join_all;
use rumbo::error::Code;
use rumbo::store::{Engine, Tx, identity, person, provider_sign_in};
use sea_orm::EntityTrait;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{
    NOBODY, ask, at_the_door, begin, claims, complete, confirm, count, entered, errors, id_of, knowing, knowing_with,
    link, outcome, people, reasons, says, sign_in, token_in, trusting, verified,
};
use crate::retry;
use crate::support::app::{Client, TestApp};
use crate::support::issuer::{CLIENT, Issuer, Mood};

#[tokio::test]
async fn the_address_binds_the_trip_to_its_handle() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    let (one, two) = (begin(&test).await, begin(&test).await);
    let address = &one.address;
    assert_eq!(address["response_type"], "code");
    assert_eq!(address["client_id"], CLIENT);
    assert_eq!(address["redirect_uri"], "http://127.0.0.1:8080/auth/callback");
    assert_eq!(address["scope"], "openid email");
    assert_eq!(address["ui_locales"], "en");
    assert_eq!(address["code_challenge_method"], "S256");
    for part in ["state", "nonce", "code_challenge"] {
        assert_ne!(one.address[part], two.address[part], "{part}");
        assert!(!one.handle.contains(&one.address[part]), "{part}");
    }
    says(&test, &issuer, &one, "ana", &verified("ana@example.org"));
    assert_eq!(outcome(&complete(&test, &one, "code").await), "CONFIRM_BY_MAIL");
    let form = issuer.last_form();
    let challenge = BASE64URL_NOPAD.encode(&Sha256::digest(form["code_verifier"].as_bytes()));
    assert_eq!(
        challenge, address["code_challenge"],
        "the code is exchanged with what was promised"
    );
    assert_eq!(form["redirect_uri"], address["redirect_uri"]);
    assert!(!form.contains_key("client_secret"), "the secret goes in the header");
    assert_eq!(
        issuer.count("/keys"),
        1,
        "what the provider says of itself is asked once"
    );

    // What is stored opens nothing.
    let rows = provider_sign_in::Entity::find()
        .all(test.app.db.read())
        .await
        .expect("rows");
    let stored = format!("{rows:?}");
    for secret in [
        &one.handle,
        &address["state"],
        &address["nonce"],
        &form["code_verifier"],
    ] {
        assert!(!stored.contains(secret.as_str()));
    }
    drop(test.mails().await);
}

#[tokio::test]
async fn the_answer_does_not_tell_who_has_an_account() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    let ana = test.person("Ana").await;
    let disabled = test.person("Dora").await;
    let tx = test.app.db.write().await.expect("a transaction");
    let now = Some(test.now());
    person::set_disabled(&tx, disabled.person.expect("a person"), now)
        .await
        .expect("an update");
    tx.commit().await.expect("a commit");
    let known = sign_in(&test, &issuer, "1", verified("ana@example.org")).await;
    let unknown = sign_in(&test, &issuer, "2", verified("eva@example.org")).await;
    let closed = sign_in(&test, &issuer, "3", verified("dora@example.org")).await;
    for answer in [&known, &unknown, &closed] {
        assert_eq!(answer.body, known.body);
        assert_eq!(outcome(answer), "CONFIRM_BY_MAIL");
    }
    assert_eq!(
        test.notices().await,
        ["confirm_identity ana@example.org", "confirm_identity eva@example.org"]
    );
    // Nobody was linked.
    assert_eq!(count::<identity::Entity>(&test).await, 0);
    assert_eq!(id_of(&ana).await, ana.person.expect("a person").to_string());

    // An address for which the provider does not vouch is refused alike, whoever has it.
    for more in [
        json!({ "email": "ana@example.org", "email_verified": false }),
        json!({ "email": "new@example.org", "email_verified": false }),
        json!({ "email": "ana@example.org" }),
        json!({ "email": "nonsense", "email_verified": true }),
        json!({}),
    ] {
        issuer.knows(json!({ "sub": "4" }));
        let refused = sign_in(&test, &issuer, "4", more).await;
        assert_eq!(errors(&refused), ["ADDRESS_NOT_VERIFIED input"]);
    }
    assert_eq!(test.notices().await, NOBODY);
    assert_eq!(
        people(&test).await,
        3,
        "Ana, Dora, and whoever waits for Eva's confirmation"
    );
}

#[tokio::test]
async fn a_trusted_word_makes_an_account_and_opens_none() {
    let issuer = Issuer::start().await;
    let test = trusting(&issuer).await;
    let said = json!({ "email": "Eva@Example.org", "email_verified": true, "name": "Eva Luz", "locale": "pt",
        "zoneinfo": "America/Lima" });
    let eva = entered(&test, &sign_in(&test, &issuer, "1", said).await);
    let viewer = eva.run("Viewer", json!({})).await;
    let shown = viewer.at("viewer.person");
    assert_eq!(shown["email"], "eva@example.org");
    assert_eq!(
        (&shown["givenName"], &shown["familyName"]),
        (&json!("Eva"), &json!("Luz"))
    );
    assert_eq!(
        (&shown["language"], &shown["timeZone"]),
        (&json!("PT"), &json!("America/Lima"))
    );
    assert_eq!(test.notices().await, ["identity_linked eva@example.org"]);
    assert_eq!(
        reasons(&test).await,
        [
            "account made by the identity provider campus",
            "identity of campus linked"
        ]
    );
    test.pass(TimeDelta::minutes(1));
    // The subject says who it is, whatever becomes of the address.
    let again = entered(
        &test,
        &sign_in(&test, &issuer, "1", json!({ "email": "x@example.org" })).await,
    );
    assert_eq!(id_of(&again).await, id_of(&eva).await);
    let mine = again.run("MyIdentities", json!({})).await;
    let list = mine.at("viewer.identities");
    assert_eq!(list.as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&list[0]["provider"], &list[0]["providerName"]),
        (&json!("campus"), &json!("Campus"))
    );
    assert_eq!(
        (&list[0]["linkedAt"], &list[0]["lastUsedAt"]),
        (&json!("2026-03-02T12:00:00+00:00"), &json!("2026-03-02T12:01:00+00:00"))
    );

    test.person("Ana").await;
    assert_eq!(
        outcome(&sign_in(&test, &issuer, "2", verified("ana@example.org")).await),
        "CONFIRM_BY_MAIL"
    );
    assert_eq!(test.notices().await, ["confirm_identity ana@example.org"]);
}

#[tokio::test]
async fn of_many_at_once_one_makes_the_account() {
    let issuer = Issuer::start().await;
    let test = trusting(&issuer).await;
    let mut trips = Vec::new();
    for number in 0..6 {
        let trip = begin(&test).await;
        let token = issuer
            .key
            .sign(&claims(&test, &issuer, &trip, "1", &verified("eva@example.org")));
        let code = format!("code {number}");
        issuer.takes(&code, &token);
        trips.push((trip, code));
    }
    let answers = join_all(trips.iter().map(|(trip, code)| complete(&test, trip, code))).await;
    for answer in &answers {
        entered(&test, answer);
    }
    assert_eq!(people(&test).await, 1);
    // One handle, brought many times at once, opens one session.
    let trip = begin(&test).await;
    says(&test, &issuer, &trip, "1", &json!({ "email": "x" }));
    let answers = join_all((0..6).map(|_| complete(&test, &trip, "code"))).await;
    let open = answers
        .iter()
        .filter(|answer| answer.user_errors("completeProviderSignIn").is_empty());
    assert_eq!(open.count(), 1);
    drop(test.mails().await);
}

#[tokio::test]
async fn a_handle_lives_ten_minutes_and_works_once() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    let refused = ["INVALID_TOKEN input.handle"];
    let trip = begin(&test).await;
    test.pass(TimeDelta::minutes(10));
    assert_eq!(errors(&complete(&test, &trip, "code").await), refused, "too late");
    let trip = begin(&test).await;
    let mut other = trip.clone();
    other.address = begin(&test).await.address;
    assert_eq!(
        errors(&complete(&test, &other, "code").await),
        ["INVALID_TOKEN input.state"]
    );
    assert_eq!(
        errors(&complete(&test, &trip, "code").await),
        refused,
        "used up by that"
    );
    for code in ["", &"x".repeat(4097), "unknown"] {
        let trip = begin(&test).await;
        assert_eq!(
            errors(&complete(&test, &trip, code).await),
            ["INVALID_TOKEN input.code"]
        );
    }
    assert_eq!(issuer.count("/token"), 1, "what cannot be a code is not asked about");
    assert_eq!(count::<provider_sign_in::Entity>(&test).await, 6);
    test.pass(TimeDelta::minutes(10));
    provider_sign_in::forget_ended(&test.app.db, test.now())
        .await
        .expect("a delete");
    assert_eq!(count::<provider_sign_in::Entity>(&test).await, 0);
    let unknown = test
        .anonymous()
        .run("BeginProviderSignIn", json!({ "input": { "provider": "none" } }))
        .await;
    assert_eq!(unknown.refusal(), "NOT_FOUND");
}

#[tokio::test]
async fn a_disabled_account_stays_closed_by_every_way() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    let ana = test.person("Ana").await;
    let ada = test.administrator().await;
    test.password_of(&ana).await;
    link(&test, &issuer, &ana, "1").await;
    let handle = ask(&test, &issuer, "2", "ana@example.org").await;
    let mails = test.mails().await;
    let mail = mails.iter().find(|mail| mail.notice == "confirm_identity");
    let token = token_in(mail.expect("a message"));
    let input = json!({ "input": { "personId": ana.person.expect("a person").to_string(), "reason": "a test" } });
    ada.run("DisableAccount", input).await;
    let refused = sign_in(&test, &issuer, "1", json!({ "email": "x" })).await;
    assert_eq!(errors(&refused), ["INVALID_CREDENTIALS input"]);
    assert_eq!(confirm(&test, &token, &handle).await, ["INVALID_TOKEN input.token"]);
    drop(test.mails().await);
}

#[tokio::test]
async fn guesses_and_messages_are_limited() {
    let issuer = Issuer::start().await;
    let test = knowing_with(issuer.settings(), |settings| {
        settings.rates.enabled = true;
        settings.rates.sign_in_address.burst = 5;
        settings.rates.mail_sender.burst = 4;
        settings.rates.mail_sender.refill = 1;
        settings.rates.mail_recipient.burst = 2;
        settings.rates.mail_recipient.refill = 1;
    })
    .await;
    // The third message to an address waits, and nobody is told.
    for subject in ["1", "2", "3"] {
        ask(&test, &issuer, subject, "ana@example.org").await;
    }
    assert_eq!(
        test.notices().await,
        ["confirm_identity ana@example.org", "confirm_identity ana@example.org"]
    );
    // Somebody who fails because the provider does has guessed nothing.
    issuer.feels("/token", Some(Mood::Broken));
    for _ in 0..6 {
        let failed = complete(&test, &begin(&test).await, "code").await;
        assert_eq!(failed.refusal(), "PROVIDER_UNAVAILABLE");
    }
    issuer.feels("/token", None);
    // The fourth message is the last of this caller; another one counts as a guess, and four more are free.
    for subject in ["4", "5"] {
        ask(&test, &issuer, subject, "eva@example.org").await;
    }
    let mut answers = Vec::new();
    for _ in 0..5 {
        let trip = begin(&test).await;
        answers.push(complete(&test, &trip, "guess").await);
    }
    for answer in &answers[..4] {
        assert_eq!(errors(answer), ["INVALID_TOKEN input.code"]);
    }
    assert_eq!(answers[4].refusal(), "RATE_LIMITED");
    let input = json!({ "input": { "email": "ida@example.org" } });
    let more = test.anonymous().run("RequestPasswordReset", input).await;
    assert_eq!(
        more.refusal(),
        "RATE_LIMITED",
        "messages are counted whatever asks for them"
    );
    drop(test.mails().await);
}

/// What waits for a lock of this database is tried on PostgreSQL: on SQLite one writes at a time.
async fn waits_for_lock(test: &TestApp) {
    retry::until("somebody waits", || retry::waits(test)).await;
}

#[tokio::test]
async fn an_account_that_is_being_disabled_gets_no_message() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    if test.app.db.engine() == Engine::Sqlite {
        return;
    }
    let ana = test.person("Ana").await;
    let trip = at_the_door(&test, &issuer, "1", "ana@example.org").await;
    let tx = test.app.db.write().await.expect("a transaction");
    person::set_disabled(&tx, ana.person.expect("a person"), Some(test.now()))
        .await
        .expect("an update");
    let disabling = async {
        waits_for_lock(&test).await;
        tx.commit().await.expect("a commit");
    };
    let (answer, ()) = tokio::join!(complete(&test, &trip, "code"), disabling);
    assert_eq!(outcome(&answer), "CONFIRM_BY_MAIL");
    assert_eq!(test.notices().await, NOBODY);
}

#[tokio::test]
async fn transactions_that_meet_after_the_conversation_are_tried_again() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    if test.app.db.engine() == Engine::Sqlite {
        return;
    }
    let ana = test.person("Ana").await;
    let trip = at_the_door(&test, &issuer, "1", "eva@example.org").await;
    // Ana's account gets the address at which a stranger's is being made.
    let tx = test.app.db.write().await.expect("a transaction");
    move_to(&tx, &ana, "eva@example.org", &test).await;
    let moving = async {
        waits_for_lock(&test).await;
        tx.commit().await.expect("a commit");
    };
    let (answer, ()) = tokio::join!(complete(&test, &trip, "code"), moving);
    assert_eq!(outcome(&answer), "CONFIRM_BY_MAIL");
    assert_eq!(people(&test).await, 1);
    assert_eq!(test.notices().await, ["confirm_identity eva@example.org"]);
}

async fn move_to(tx: &Tx, who: &Client<'_>, email: &str, test: &TestApp) {
    let id = who.person.expect("a person");
    let taken = Code::Taken.into();
    person::set_email(tx, id, email, test.now(), taken)
        .await
        .expect("an update");
}
