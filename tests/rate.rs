//! How often things may be asked for, through HTTP.

#![allow(
    clippy::similar_names,
    reason = "people and things are named as the story needs them"
)]

use std::net::SocketAddr;
use std::sync::Arc;

use async_graphql::Positioned;
use async_graphql::parser::types::{FieldDefinition, TypeDefinition, TypeKind};
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode, header};
use chrono::TimeDelta;
use rumbo::auth::api_token;
use rumbo::config::Rate;
use rumbo::domain::policy::scopes::{Scopes, TokenScope};
use rumbo::domain::rate::{self, Class, Rule};
use rumbo::store::Engine;
use rumbo::store::rate::{self as rate_bucket, Charge, Counters, Key};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use crate::support::app::{Answer, TestApp};
use crate::support::input::named;
use crate::support::letter::token_in;
use crate::support::program;
use crate::support::scene::{act, id_of};
use crate::support::sdl::{fields, types};

const ON: (&str, &str) = ("rates.enabled", "true");
const SIGN_IN: &str = "mutation ($e: String!, $p: String!) { signIn(input: { email: $e, password: $p }) {
    session { accessToken } userErrors { code } } }";
const PASSWORD: &str = "tortuga verde en mayo";

/// Sends a body from an address, with more headers.
async fn from(test: &TestApp, peer: &str, headers: &[(&str, &str)], body: Value) -> Answer {
    let peer: SocketAddr = format!("{peer}:4711").parse().expect("an address");
    let mut request = Request::post("/graphql")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/graphql-response+json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::from(body.to_string())).expect("a request");
    request.extensions_mut().insert(ConnectInfo(peer));
    test.send(request).await
}

async fn sign_in(test: &TestApp, peer: &str, email: &str, password: &str) -> Answer {
    from(
        test,
        peer,
        &[],
        json!({ "query": SIGN_IN, "variables": { "e": email, "p": password } }),
    )
    .await
}

/// Somebody who can sign in.
async fn owner(test: &TestApp) {
    let register = json!({ "input": { "email": "ana@example.org", "givenName": "Ana", "familyName": "Gris",
        "language": "EN", "timeZone": "America/Montevideo", "password": PASSWORD } });
    let document = "mutation ($input: RegisterPersonInput!) { registerPerson(input: $input) { accepted } }";
    from(
        test,
        "192.0.2.200",
        &[],
        json!({ "query": document, "variables": register }),
    )
    .await
    .at("registerPerson");
    let mails = test.mails().await;
    let token = token_in(mails.last().expect("a message"));
    let confirm = "mutation ($t: String!) { confirmEmail(input: { token: $t }) { confirmed } }";
    let confirmed = from(
        test,
        "192.0.2.201",
        &[],
        json!({ "query": confirm, "variables": { "t": token } }),
    )
    .await;
    assert_eq!(confirmed.at("confirmEmail.confirmed"), &json!(true));
}

#[track_caller]
fn assert_limited(answer: &Answer, seconds: i64) {
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{}", answer.body);
    assert_eq!(answer.refusal(), "RATE_LIMITED");
    assert_eq!(answer.json["errors"][0]["extensions"]["retryAfter"], seconds);
    assert_eq!(answer.headers[header::RETRY_AFTER], seconds.to_string().as_str());
}

#[tokio::test]
async fn an_address_may_fail_five_times_and_then_three_times_a_minute() {
    let test = TestApp::with(&[ON]).await;
    for _ in 0..5 {
        let failed = sign_in(&test, "192.0.2.1", "nobody@example.org", "wrong wrong wrong").await;
        assert_eq!(failed.at("signIn.session"), &Value::Null);
    }
    assert_limited(
        &sign_in(&test, "192.0.2.1", "other@example.org", "wrong wrong wrong").await,
        20,
    );
    let elsewhere = sign_in(&test, "192.0.2.2", "nobody@example.org", "wrong wrong wrong").await;
    assert_eq!(elsewhere.at("signIn.session"), &Value::Null);
    test.pass(TimeDelta::seconds(20));
    sign_in(&test, "192.0.2.1", "nobody@example.org", "wrong wrong wrong")
        .await
        .at("signIn.session");
    assert_limited(
        &sign_in(&test, "192.0.2.1", "nobody@example.org", "wrong wrong wrong").await,
        20,
    );
}

#[tokio::test]
async fn networks_of_ipv6_are_one_address() {
    let test = TestApp::with(&[ON]).await;
    for host in 1..=5 {
        sign_in(
            &test,
            &format!("[2001:db8:0:1::{host}]"),
            "nobody@example.org",
            "wrong wrong wrong",
        )
        .await
        .at("signIn.session");
    }
    assert_limited(
        &sign_in(&test, "[2001:db8:0:1:9::]", "nobody@example.org", "wrong wrong wrong").await,
        20,
    );
    sign_in(&test, "[2001:db8:0:2::1]", "nobody@example.org", "wrong wrong wrong")
        .await
        .at("signIn.session");
}

#[tokio::test]
async fn a_hundred_sign_ins_in_one_document_are_refused_whole() {
    let test = TestApp::with(&[ON]).await;
    let fields: Vec<String> = (0..100)
        .map(|place| format!("a{place}: signIn(input: {{ email: \"x@example.org\", password: \"wrong wrong\" }}) {{ userErrors {{ code }} }} "))
        .collect();
    let refused = from(
        &test,
        "192.0.2.1",
        &[],
        json!({ "query": format!("mutation {{ {} }}", fields.concat()) }),
    )
    .await;
    assert!(refused.json.get("data").is_none_or(Value::is_null), "{}", refused.body);
    assert!(refused.status.is_client_error(), "{}", refused.status);
    let three = "mutation { a: signIn(input: { email: \"x@example.org\", password: \"no\" }) { userErrors { code } }
        b: signIn(input: { email: \"x@example.org\", password: \"no\" }) { userErrors { code } }
        c: signIn(input: { email: \"x@example.org\", password: \"no\" }) { userErrors { code } } }";
    from(&test, "192.0.2.1", &[], json!({ "query": three }))
        .await
        .at("c.userErrors");
    let again = from(&test, "192.0.2.1", &[], json!({ "query": three })).await;
    assert_limited(&again, 20);
}

#[tokio::test]
async fn whoever_signs_in_rightly_is_not_counted() {
    let test = TestApp::with(&[ON]).await;
    owner(&test).await;
    for _ in 0..8 {
        sign_in(&test, "192.0.2.1", "ana@example.org", PASSWORD)
            .await
            .text("signIn.session.accessToken");
    }
}

/// Whether a guess at Ana's password was let through to be wrong.
async fn guess(test: &TestApp, peer: &str) -> bool {
    let answer = sign_in(test, peer, "ana@example.org", "wrong wrong wrong").await;
    if answer.status == StatusCode::TOO_MANY_REQUESTS {
        return false;
    }
    assert_eq!(answer.at("signIn.session"), &Value::Null);
    true
}

async fn guesses(test: &TestApp, peers: impl Iterator<Item = String>) -> usize {
    let mut through = 0;
    for peer in peers {
        through += usize::from(guess(test, &peer).await);
    }
    through
}

/// Whether Ana's own password gets her in, or after how many seconds she may ask again.
async fn enter(test: &TestApp, peer: &str) -> Result<(), i64> {
    let answer = sign_in(test, peer, "ana@example.org", PASSWORD).await;
    if answer.status == StatusCode::TOO_MANY_REQUESTS {
        return Err(answer.json["errors"][0]["extensions"]["retryAfter"]
            .as_i64()
            .expect("a wait"));
    }
    answer.text("signIn.session.accessToken");
    Ok(())
}

/// Lets Ana ask again as she is told, while each second somebody guesses; how many seconds she waited.
async fn wait_under_attack(test: &TestApp, own: &str, attacker: impl Fn(i64) -> String) -> (i64, usize) {
    let (mut through, mut second) = (0, 0);
    while let Err(told) = enter(test, own).await {
        assert!((1..=30).contains(&told), "{told}");
        for _ in 0..told {
            test.pass(TimeDelta::seconds(1));
            second += 1;
            through += usize::from(guess(test, &attacker(second)).await);
        }
        assert!(second < 600, "she waits for ever");
    }
    (second, through)
}

#[tokio::test]
async fn a_network_of_ipv6_does_not_shut_an_owner_out() {
    let test = TestApp::with(&[ON]).await;
    owner(&test).await;
    assert_eq!(enter(&test, "203.0.113.7").await, Ok(()));
    let attackers = (0..600).map(|number| format!("[2001:db8:7:{:x}::1]", number % 150));
    assert_eq!(guesses(&test, attackers).await, 20, "they are one network");
    for second in 0..60 {
        test.pass(TimeDelta::seconds(1));
        guess(&test, &format!("[2001:db8:7:{:x}::1]", 1000 + second)).await;
        if second % 3 == 0 {
            assert_eq!(enter(&test, "203.0.113.7").await, Ok(()), "from where she was before");
            let fresh = format!("198.51.100.{second}");
            assert_eq!(enter(&test, &fresh).await, Ok(()), "and from elsewhere");
        }
    }
}

#[tokio::test]
async fn patient_attackers_do_not_shut_an_owner_out() {
    let test = TestApp::with(&[ON]).await;
    owner(&test).await;
    assert_eq!(enter(&test, "203.0.113.7").await, Ok(()));
    let attacker = |number: i64| format!("198.51.{}.{}", 100 + number / 200, 1 + number % 200);
    assert_eq!(guesses(&test, (0..680).map(|number| attacker(number % 170))).await, 100);
    for _ in 0..20 {
        assert_eq!(enter(&test, "203.0.113.7").await, Ok(()), "from where she was before");
        test.pass(TimeDelta::seconds(1));
    }
    // From elsewhere she waits until those who went away are forgotten; who comes later comes after her.
    let (waited, through) = wait_under_attack(&test, "203.0.113.90", |second| attacker(1000 + second)).await;
    assert!((1..=75).contains(&waited), "{waited}");
    assert!(through <= 12, "{through}");
    // Where she got in once she does not wait again.
    assert!(!guess(&test, &attacker(3000)).await);
    assert_eq!(enter(&test, "203.0.113.90").await, Ok(()));
}

#[tokio::test]
async fn strangers_who_keep_asking_take_turns_with_the_owner() {
    let test = TestApp::with(&[ON]).await;
    owner(&test).await;
    let attacker = |number: i64| format!("198.51.{}.{}", 100 + number / 200, 1 + number % 200);
    assert_eq!(guesses(&test, (0..400).map(|number| attacker(number % 100))).await, 100);
    // Twenty go on, one a second, and were there first.
    let still = |second: i64| attacker(second % 20);
    let mut through = 0;
    for second in 0..60 {
        test.pass(TimeDelta::seconds(1));
        through += usize::from(guess(&test, &still(second)).await);
    }
    let (waited, meanwhile) = wait_under_attack(&test, "203.0.113.90", still).await;
    assert!((1..=20 * 5 + 60).contains(&waited), "{waited}");
    // All together get no more than the account gives: twelve a minute.
    for second in 0..120 {
        test.pass(TimeDelta::seconds(1));
        through += usize::from(guess(&test, &attacker(1000 + second)).await);
    }
    let given = (60 + waited + 120) / 5;
    assert!(
        i64::try_from(through + meanwhile).is_ok_and(|all| all <= given),
        "{through} and {meanwhile} of {given}"
    );
}

#[tokio::test]
async fn what_is_no_guess_takes_nothing() {
    let test = TestApp::with(&[ON]).await;
    owner(&test).await;
    let signed_in = sign_in(&test, "192.0.2.1", "ana@example.org", PASSWORD).await;
    let bearer = format!("Bearer {}", signed_in.text("signIn.session.accessToken"));
    let change = async |current: &str, new: &str| {
        let document = "mutation ($c: String!, $n: String!) {
            changePassword(input: { currentPassword: $c, newPassword: $n }) { userErrors { code } } }";
        let body = json!({ "query": document, "variables": { "c": current, "n": new } });
        from(&test, "192.0.2.1", &[("authorization", bearer.as_str())], body).await
    };
    for _ in 0..8 {
        let weak = change(PASSWORD, "passwordpassword").await;
        assert_eq!(
            weak.at("changePassword.userErrors"),
            &json!([{ "code": "WEAK_PASSWORD" }])
        );
    }
    for _ in 0..5 {
        let wrong = change("wrong wrong wrong", "tormenta azul de agosto").await;
        assert_eq!(
            wrong.at("changePassword.userErrors"),
            &json!([{ "code": "INVALID_CREDENTIALS" }])
        );
    }
    assert_limited(&change(PASSWORD, "tormenta azul de agosto").await, 20);
}

#[tokio::test]
async fn registering_in_vain_takes_nothing() {
    let test = TestApp::with(&[ON]).await;
    let register = async |name: &str, password: &str| {
        let document = "mutation ($input: RegisterPersonInput!) {
            registerPerson(input: $input) { accepted userErrors { code } } }";
        let input = json!({ "email": "eva@example.org", "givenName": name, "familyName": "Gris", "language": "EN",
            "timeZone": "America/Montevideo", "password": password });
        let body = json!({ "query": document, "variables": { "input": input } });
        from(&test, "192.0.2.1", &[], body).await
    };
    for _ in 0..12 {
        let weak = register("Eva", "passwordpassword").await;
        assert_eq!(
            weak.at("registerPerson.userErrors"),
            &json!([{ "code": "WEAK_PASSWORD" }])
        );
        let unnamed = register(" ", PASSWORD).await;
        assert_eq!(
            unnamed.at("registerPerson.userErrors"),
            &json!([{ "code": "REQUIRED" }])
        );
    }
    for _ in 0..5 {
        assert_eq!(
            register("Eva", PASSWORD).await.at("registerPerson.accepted"),
            &json!(true)
        );
    }
    assert_limited(&register("Eva", PASSWORD).await, 720);
    sign_in(&test, "192.0.2.1", "eva@example.org", "wrong wrong wrong")
        .await
        .at("signIn.session");
}

#[tokio::test]
async fn messages_are_limited_by_who_sends_and_by_who_gets_them() {
    let test = TestApp::with(&[ON, ("rates.mail_sender.burst", "7")]).await;
    let ask = async |peer: &str, email: &str| {
        let document = "mutation ($e: String!) { requestPasswordReset(input: { email: $e }) { accepted } }";
        from(
            &test,
            peer,
            &[],
            json!({ "query": document, "variables": { "e": email } }),
        )
        .await
    };
    for host in 1..=5 {
        ask(&format!("192.0.2.{host}"), "ana@example.org")
            .await
            .at("requestPasswordReset.accepted");
    }
    assert_limited(&ask("192.0.2.6", " ANA@example.org ").await, 720);
    for number in 0..7 {
        ask("192.0.2.9", &format!("p{number}@example.org"))
            .await
            .at("requestPasswordReset.accepted");
    }
    assert_limited(&ask("192.0.2.9", "other@example.org").await, 120);
}

#[tokio::test]
async fn a_mailbox_that_a_default_names_is_limited_too() {
    let test = TestApp::with(&[ON]).await;
    let whole = "mutation ($i: RequestPasswordResetInput! = { email: \"ana@example.org\" }) {
        requestPasswordReset(input: $i) { accepted } }";
    let part = "mutation ($e: String! = \"ana@example.org\") {
        requestPasswordReset(input: { email: $e }) { accepted } }";
    for (host, document) in [whole, part, whole, part, whole].iter().enumerate() {
        from(&test, &format!("192.0.2.{host}"), &[], json!({ "query": document }))
            .await
            .at("requestPasswordReset.accepted");
    }
    for document in [whole, part] {
        assert_limited(&from(&test, "192.0.2.9", &[], json!({ "query": document })).await, 720);
    }
}

#[tokio::test]
async fn ordinary_fields_count_one_by_one_and_send_no_statement() {
    let test = TestApp::having(|settings| {
        settings.rates.enabled = true;
        (settings.rates.anonymous.burst, settings.rates.person.burst) = (10, 4);
        settings.http.proxies = vec!["10.0.0.0/8".parse().expect("a network")];
    })
    .await;
    let four = json!({ "query": "{ a: measures { measure } b: measures { measure } ...F } fragment F on Query { c: measures { measure } d: measures { measure } }" });
    let before = test.app.db.statements();
    from(&test, "192.0.2.1", &[], four.clone()).await.at("d");
    from(&test, "192.0.2.1", &[], four.clone()).await.at("d");
    assert_limited(&from(&test, "192.0.2.1", &[], four.clone()).await, 1);
    assert_eq!(test.app.db.statements(), before);
    let spoofed = [("x-forwarded-for", "198.51.100.1"), ("forwarded", "for=198.51.100.1")];
    assert_limited(&from(&test, "192.0.2.1", &spoofed, four.clone()).await, 1);
    from(&test, "10.0.0.1", &spoofed, four.clone()).await.at("d");
    from(&test, "10.0.0.2", &spoofed, four.clone()).await.at("d");
    assert_limited(&from(&test, "10.0.0.3", &spoofed, four.clone()).await, 1);

    let person = test.person("Eva").await;
    let bearer = format!("Bearer {}", person.token().expect("a token"));
    let own = [("authorization", bearer.as_str())];
    from(&test, "192.0.2.1", &own, four.clone()).await.at("d");
    assert_limited(&from(&test, "192.0.2.77", &own, four).await, 1);
}

#[tokio::test]
async fn copies_tell_each_other_what_was_taken() {
    let test = TestApp::new().await;
    let db = &test.app.db;
    let rule = Rule::new(&rumbo::config::Rate {
        burst: 10,
        refill: 10,
        seconds: 60,
    });
    let charge = |units| Charge {
        key: Key::new(&[b"somebody"]),
        rule,
        units,
    };
    let (one, other) = (Counters::default(), Counters::default());
    let now = test.now().timestamp_micros();
    one.take(charge(6), now).expect("there is some left");
    other.take(charge(3), now).expect("there is some left");
    let before = db.statements();
    for copy in [&one, &other, &one, &other] {
        copy.exchange(db, now).await.expect("an exchange");
    }
    if db.engine() == Engine::Sqlite {
        assert_eq!(db.statements(), before, "there is one copy");
        return;
    }
    assert_eq!(db.statements() - before, 2, "one statement each, when there is news");
    assert!(other.take(charge(2), now).is_err(), "six and three are nine");
    other.take(charge(1), now).expect("the tenth");
    other.exchange(db, now).await.expect("an exchange");
    one.take(charge(4), now).expect("it has not heard yet");
    one.exchange(db, now).await.expect("an exchange");
    assert_eq!(one.take(charge(1), now), Err(30_000_000), "fourteen of ten were taken");
}

#[tokio::test]
async fn every_limited_field_is_one_of_the_schema() {
    let sdl = rumbo::api::sdl();
    for (name, _) in rate::FIELDS {
        assert!(sdl.contains(&format!("\n\t{name}(")), "{name}");
    }
}

#[test]
fn whatever_takes_the_token_of_a_message_counts_as_a_proof() {
    let types = types();
    let says = |description: Option<&Positioned<String>>| {
        description.is_some_and(|text| text.node.starts_with("The token of the message"))
    };
    let holds = |of: &TypeDefinition| match &of.kind {
        TypeKind::InputObject(input) => input.fields.iter().any(|field| says(field.node.description.as_ref())),
        _ => false,
    };
    let inputs: Vec<&str> = types
        .iter()
        .filter(|of| holds(of))
        .map(|of| of.name.node.as_str())
        .collect();
    let takes = |field: &&FieldDefinition| {
        field.arguments.iter().any(|argument| {
            let argument = &argument.node;
            says(argument.description.as_ref()) || inputs.contains(&named(&argument.ty.node))
        })
    };
    let roots = fields(&types, "Query").into_iter().chain(fields(&types, "Mutation"));
    let taking: Vec<&str> = roots.filter(takes).map(|field| field.name.node.as_str()).collect();
    assert_eq!(taking.len(), 8, "{taking:?}");
    for field in taking {
        assert_eq!(Class::of(field), Some(Class::SignIn), "{field}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn those_who_take_and_those_who_give_back_do_not_wait_for_each_other() {
    let much = Rate {
        burst: 10_000,
        refill: 1,
        seconds: 1,
    };
    let test = TestApp::having(|settings| {
        settings.rates.enabled = true;
        settings.rates.sign_in_account = much;
        settings.rates.mail_sender = much;
        settings.rates.mail_recipient = much;
    })
    .await;
    let test = Arc::new(test);
    let token = test.person("Ana").await.token().expect("a token").to_owned();
    // A try at an account, and messages, of which nothing comes: both are given back.
    let document = "mutation ($e: DateTime!) {
        a: createApiToken(input: { name: \"\", scopes: [READ_CATALOGUE], expiresAt: $e }) { userErrors { code } }
        b: registerPerson(input: { email: \"eva@example.org\", givenName: \" \", familyName: \"Gris\", language: EN,
            timeZone: \"America/Montevideo\", password: \"short\" }) { userErrors { code } } }";
    let body = json!({ "query": document, "variables": { "e": test.now() + TimeDelta::days(1) } });
    let mut callers = Vec::new();
    for host in 1..=40 {
        let (test, body, bearer) = (test.clone(), body.clone(), format!("Bearer {token}"));
        callers.push(tokio::spawn(async move {
            for _ in 0..5 {
                let own = [("authorization", bearer.as_str())];
                let answer = from(&test, &format!("192.0.2.{host}"), &own, body.clone()).await;
                assert_eq!(answer.at("a.userErrors"), &json!([{ "code": "REQUIRED" }]));
                assert_ne!(answer.at("b.userErrors"), &json!([]));
            }
        }));
    }
    for caller in callers {
        caller.await.expect("every answer came");
    }
    let left = rate_bucket::Entity::find()
        .filter(rate_bucket::Column::FullAt.gt(test.now().timestamp_micros()))
        .all(test.app.db.read())
        .await
        .expect("buckets");
    assert_eq!(left, [], "everything was given back");
}

const MEASURES: &str = "{ measures { measure } }";

type Headers<'a> = &'a [(&'a str, &'a str)];

/// An application in which an address may be refused three times, and then once a second.
async fn strict() -> TestApp {
    TestApp::having(|settings| {
        settings.rates.enabled = true;
        settings.rates.anonymous = Rate {
            burst: 3,
            refill: 1,
            seconds: 1,
        };
    })
    .await
}

#[tokio::test]
async fn what_is_refused_before_it_runs_counts_for_the_address() {
    let test = strict().await;
    let ana = test.person("Ana").await;
    let access = ana.token().expect("a token").to_owned();
    let bearer = format!("Bearer {access}");
    let own = [("authorization", bearer.as_str())];
    let (signed, _) = access.rsplit_once('.').expect("three parts");
    let forged = format!("Bearer {signed}.{}", "A".repeat(86));
    let right = json!({ "query": MEASURES });
    let many = json!({ "query": MEASURES, "variables": { "a": vec![1; 50_000] } });
    let kinds: [(&str, Headers, Value, &str); 6] = [
        (
            "a forged token",
            &[("authorization", &forged)],
            right.clone(),
            "UNAUTHENTICATED",
        ),
        (
            "no token",
            &[("authorization", "Basic x")],
            right.clone(),
            "UNAUTHENTICATED",
        ),
        ("no document", &[], json!({ "query": "{" }), "GRAPHQL_PARSE_FAILED"),
        ("no request", &[], json!([]), "BATCH_REFUSED"),
        (
            "no variable",
            &[],
            json!({ "query": "query ($a: Int!) { measures { rule } }" }),
            "BAD_USER_INPUT",
        ),
        ("many values", &[], many, "INPUT_TOO_LARGE"),
    ];
    for (place, (name, headers, body, code)) in kinds.into_iter().enumerate() {
        let peer = format!("192.0.2.{place}");
        for _ in 0..3 {
            let refused = from(&test, &peer, headers, body.clone()).await;
            assert_eq!(refused.refusal(), code, "{name}");
        }
        let before = test.app.db.statements();
        assert_limited(&from(&test, &peer, headers, body.clone()).await, 1);
        assert_eq!(test.app.db.statements(), before, "{name}");
        // Nothing is left at this address but for those who are somebody, and for what is right.
        let unread = from(&test, &peer, &[], right.clone()).await;
        assert_limited(&unread, 1);
        assert_eq!(unread.headers[header::CONNECTION], "close");
        from(&test, &peer, &own, right.clone()).await.at("measures");
        let wrong = from(&test, &peer, &own, json!({ "query": "{" })).await;
        assert_eq!(wrong.refusal(), "GRAPHQL_PARSE_FAILED", "it counts for the person");
        from(&test, "192.0.2.99", &[], right.clone()).await.at("measures");
        test.pass(TimeDelta::seconds(1));
        let refused = from(&test, &peer, headers, body.clone()).await;
        assert_eq!(refused.refusal(), code, "{name}, a second later");
        test.pass(TimeDelta::seconds(3));
    }
}

#[tokio::test]
async fn a_body_that_is_announced_as_too_long_counts_too() {
    let test = strict().await;
    let long = "x".repeat(1_048_577);
    for _ in 0..3 {
        let refused = from(&test, "192.0.2.1", &[("content-length", "1048580")], json!(long)).await;
        assert_eq!(refused.refusal(), "BODY_TOO_LARGE");
    }
    assert_limited(
        &from(&test, "192.0.2.1", &[("content-length", "1048580")], json!(long)).await,
        1,
    );
}

#[tokio::test]
async fn a_token_in_a_url_counts_too() {
    let test = strict().await;
    let get = async || {
        let mut request = Request::get("/.well-known/jwks.json?token=x")
            .body(Body::empty())
            .expect("a request");
        let peer: SocketAddr = "192.0.2.1:4711".parse().expect("an address");
        request.extensions_mut().insert(ConnectInfo(peer));
        test.send(request).await
    };
    for _ in 0..3 {
        assert_eq!(get().await.refusal(), "TOKEN_IN_URL");
    }
    assert_limited(&get().await, 1);
}

#[tokio::test]
async fn a_token_of_an_ended_session_counts_and_is_looked_up_once() {
    let test = strict().await;
    let right = json!({ "query": MEASURES });
    let [ana, eva] = [test.person("Ana").await, test.person("Eva").await];
    let good = format!("Bearer {}", eva.token().expect("a token"));
    let ada = test.administrator().await;
    let disabled = ana.again().await;
    for (place, ended) in [ana, disabled].into_iter().enumerate() {
        if place == 0 {
            ended.run("SignOut", json!({})).await.at("signOut");
        } else {
            let input = json!({ "personId": id_of(&ended), "reason": "So" });
            act(&ada, "DisableAccount", input).await.at("disableAccount.disabled");
        }
        let peer = format!("192.0.2.{place}");
        let bearer = format!("Bearer {}", ended.token().expect("a token"));
        let own = [("authorization", bearer.as_str())];
        let mut before = test.app.db.statements();
        for again in 0..6 {
            let refused = from(&test, &peer, &own, right.clone()).await;
            if again < 3 {
                assert_eq!(refused.refusal(), "UNAUTHENTICATED");
            } else {
                assert_limited(&refused, 1);
            }
            if again == 0 {
                assert!(test.app.db.statements() > before);
                before = test.app.db.statements();
            }
        }
        assert_eq!(test.app.db.statements(), before, "it was looked up once");
        let good = [("authorization", good.as_str())];
        from(&test, &peer, &good, right.clone()).await.at("measures");
        drop(test.mails().await);
    }
}

#[tokio::test]
async fn tokens_that_are_made_up_are_not_looked_up_without_end() {
    let test = strict().await;
    let right = json!({ "query": MEASURES });
    let [eva, fay] = [test.person("Eva").await, test.person("Fay").await];
    let reach = Scopes::of([TokenScope::ReadCatalogue]);
    let [known, fresh] = [
        program::secret(&test, &eva, reach).await,
        program::secret(&test, &fay, reach).await,
    ]
    .map(|secret| format!("Bearer {secret}"));
    let known = [("authorization", known.as_str())];
    from(&test, "192.0.2.1", &known, right.clone()).await.at("measures");
    // What others get wrong without such a token stands in the way of none that is new here.
    for _ in 0..3 {
        let refused = from(&test, "192.0.2.1", &[], json!({ "query": "{" })).await;
        assert_eq!(refused.refusal(), "GRAPHQL_PARSE_FAILED");
    }
    let fresh = [("authorization", fresh.as_str())];
    from(&test, "192.0.2.1", &fresh, right.clone()).await.at("measures");
    test.pass(TimeDelta::seconds(10));

    let mut before = test.app.db.statements();
    for place in 0..100 {
        let bearer = format!("Bearer {}", api_token::draw().expect("a token"));
        let refused = from(&test, "192.0.2.1", &[("authorization", &bearer)], right.clone()).await;
        if place == 2 {
            assert_eq!(refused.refusal(), "UNAUTHENTICATED");
            assert!(test.app.db.statements() > before);
            before = test.app.db.statements();
        } else if place > 2 {
            assert_limited(&refused, 1);
        }
    }
    assert_eq!(test.app.db.statements(), before, "none of the others was looked up");
    for good in [&known, &fresh] {
        from(&test, "192.0.2.1", good, right.clone()).await.at("measures");
    }
}
