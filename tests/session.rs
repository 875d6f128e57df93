//! Sessions and accounts: seeing and ending one's own, disabling somebody's, another address, refreshing in any order.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use rumbo::auth::token::{Kind, digest};
use rumbo::domain::id::PersonId;
use rumbo::service::session::{opening, refresh};
use rumbo::store::{audit, outbox, person, refresh as tokens, session};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};

use crate::support::app::{Client, TestApp};
use crate::support::letter::token_in;

const PASSWORD: &str = TestApp::PASSWORD;
const OTHER_PASSWORD: &str = "elefante azul en junio";

async fn somebody<'a>(test: &'a TestApp, name: &'static str) -> Client<'a> {
    let client = test.person(name).await;
    test.password_of(&client).await;
    client
}

/// Whether a request with this client's access token is answered; it has not run out.
async fn is_in(client: &Client<'_>) -> bool {
    client.run("Viewer", json!({})).await.status.as_u16() == 200
}

async fn sessions(client: &Client<'_>) -> Vec<Value> {
    let answer = client.run("MySessions", json!({ "first": 10 })).await;
    answer.at("viewer.sessions.nodes").as_array().expect("a list").clone()
}

#[tokio::test]
async fn people_see_and_end_their_own_sessions() {
    let test = TestApp::new().await;
    let (ana, ben) = (somebody(&test, "Ana").await, somebody(&test, "Ben").await);
    test.pass(TimeDelta::minutes(1));
    let input = json!({ "input": { "email": ana.email, "password": PASSWORD } });
    let agent = "Mozilla/5.0 (X11; Linux x86_64)\u{9}Example/1.0";
    let phone = test.anonymous().calling_itself(agent).run("SignIn", input).await;
    let phone = ana.bearing(&phone.text("signIn.session.accessToken"));
    let seen = sessions(&phone).await;
    let shown: Vec<_> = seen.iter().map(|row| (&row["client"], &row["current"])).collect();
    let label = json!("Mozilla/5.0 (X11; Linux x86_64) Example/1.0");
    assert_eq!(
        shown,
        [(&label, &json!(true)), (&Value::Null, &json!(false))],
        "the newest first"
    );
    assert_eq!(seen[0]["createdAt"], "2026-03-02T12:01:00+00:00");
    assert_eq!(seen[0]["lastSeenAt"], seen[0]["createdAt"]);

    let end = |row: &Value| json!({ "input": { "sessionId": row["id"] } });
    assert_eq!(
        ben.run("EndSession", end(&seen[1])).await.refusal(),
        "NOT_FOUND",
        "a stranger's"
    );
    let nobody = test.anonymous();
    assert_eq!(
        nobody.run("EndSession", end(&seen[1])).await.refusal(),
        "UNAUTHENTICATED"
    );
    let nonsense = phone
        .run("EndSession", json!({ "input": { "sessionId": "psn_1" } }))
        .await;
    assert_eq!(nonsense.user_errors("endSession"), ["INVALID_ID input.sessionId"]);
    assert!(is_in(&ana).await);
    let ended = phone.run("EndSession", end(&seen[1])).await;
    assert_eq!(ended.at("endSession.ended"), &json!(true));
    assert!(!is_in(&ana).await && is_in(&phone).await);
    assert_eq!(
        phone.run("EndSession", end(&seen[1])).await.refusal(),
        "NOT_FOUND",
        "once"
    );

    let (tablet, desk) = (ana.again().await, ana.again().await);
    assert_eq!(sessions(&desk).await.len(), 3);
    let others = desk.run("EndOtherSessions", json!({})).await;
    assert_eq!(others.number("endOtherSessions.ended"), 2);
    assert!(is_in(&desk).await && !is_in(&tablet).await && !is_in(&phone).await && is_in(&ben).await);
    let tablet = ana.again().await;
    let all = desk.run("EndAllSessions", json!({})).await;
    assert_eq!(all.number("endAllSessions.ended"), 2);
    assert!(!is_in(&desk).await && !is_in(&tablet).await && is_in(&ben).await);
    for operation in ["EndOtherSessions", "EndAllSessions"] {
        assert_eq!(nobody.run(operation, json!({})).await.refusal(), "UNAUTHENTICATED");
        assert_eq!(desk.run(operation, json!({})).await.refusal(), "UNAUTHENTICATED");
    }
    let none = nobody.run("MySessions", json!({ "first": 10 })).await;
    assert_eq!(none.at("viewer"), &Value::Null);
}

#[tokio::test]
async fn an_administrator_disables_an_account_and_enables_it_again() {
    let test = TestApp::new().await;
    let (ada, ana) = (test.administrator().await, somebody(&test, "Ana").await);
    let coordinator = test.coordinator().await;
    let sign_in = json!({ "input": { "email": ana.email, "password": PASSWORD } });
    let opened = test.anonymous().run("SignIn", sign_in.clone()).await;
    let kept = opened.text("signIn.session.refreshToken");
    let id = ana.person.expect("a person").to_string();
    let decide = |id: &str, reason: &str| json!({ "input": { "personId": id, "reason": reason } });
    for operation in ["DisableAccount", "EnableAccount"] {
        for (client, code) in [
            (&coordinator, "FORBIDDEN"),
            (&ana, "FORBIDDEN"),
            (&test.anonymous(), "UNAUTHENTICATED"),
        ] {
            assert_eq!(
                client.run(operation, decide(&id, "why")).await.refusal(),
                code,
                "{operation}"
            );
        }
        let unknown = ada
            .run(operation, decide("psn_01h455vb4pex5vsknk084sn02q", "why"))
            .await;
        assert_eq!(unknown.refusal(), "NOT_FOUND");
    }
    let blank = ada.run("DisableAccount", decide(&id, " ")).await;
    assert_eq!(blank.user_errors("disableAccount"), ["REQUIRED input.reason"]);
    let own = ada.person.expect("a person").to_string();
    let own = ada.run("DisableAccount", decide(&own, "why")).await;
    assert_eq!(own.user_errors("disableAccount"), ["OWN_WORK input.personId"]);
    let early = ada.run("EnableAccount", decide(&id, "why")).await;
    assert_eq!(
        early.user_errors("enableAccount"),
        ["ILLEGAL_TRANSITION input.personId"]
    );

    assert!(is_in(&ana).await);
    let disabled = ada
        .run("DisableAccount", decide(&id, "asked for by the institution"))
        .await;
    assert_eq!(disabled.at("disableAccount.disabled"), &json!(true));
    assert!(!is_in(&ana).await, "at the next request");
    let refreshed = json!({ "input": { "refreshToken": kept } });
    let refreshed = test.anonymous().run("RefreshSession", refreshed).await;
    assert_eq!(
        refreshed.user_errors("refreshSession"),
        ["INVALID_TOKEN input.refreshToken"]
    );
    let refused = test.anonymous().run("SignIn", sign_in.clone()).await;
    assert_eq!(refused.user_errors("signIn"), ["INVALID_CREDENTIALS input"]);
    let mails = test.mails().await;
    assert_eq!((mails.len(), mails[0].notice.as_str()), (1, "account_disabled"));
    assert!(mails[0].text.contains("asked for by the institution"));
    let twice = ada.run("DisableAccount", decide(&id, "why")).await;
    assert_eq!(
        twice.user_errors("disableAccount"),
        ["ILLEGAL_TRANSITION input.personId"]
    );

    let enabled = ada.run("EnableAccount", decide(&id, "a mistake")).await;
    assert_eq!(enabled.at("enableAccount.enabled"), &json!(true));
    assert!(!is_in(&ana).await, "what was ended stays so");
    assert_eq!(test.notices().await, ["account_enabled ana@example.org"]);
    test.anonymous()
        .run("SignIn", sign_in)
        .await
        .text("signIn.session.accessToken");
    let entries = audit::Entity::find()
        .filter(audit::Column::Action.eq("manage_accounts"))
        .all(test.app.db.read())
        .await
        .expect("entries");
    let reasons: BTreeSet<_> = entries.iter().filter_map(|entry| entry.reason.as_deref()).collect();
    let expected = ["disabled: asked for by the institution", "enabled: a mistake"];
    assert_eq!(reasons, BTreeSet::from(expected));
}

#[tokio::test]
async fn an_account_gets_another_address_once_that_is_confirmed() {
    let test = TestApp::new().await;
    let (ana, ben) = (somebody(&test, "Ana").await, somebody(&test, "Ben").await);
    let elsewhere = ana.again().await;
    let request = async |client: &Client<'_>, password: &str, email: &str| {
        let input = json!({ "currentPassword": password, "email": email });
        client.run("RequestEmailChange", json!({ "input": input })).await
    };
    let anyone = test.anonymous();
    let confirm = async |token: &str| {
        let answer = anyone
            .run("ConfirmEmailChange", json!({ "input": { "token": token } }))
            .await;
        answer.user_errors("confirmEmailChange")
    };
    let wrong = request(&ana, OTHER_PASSWORD, "new@example.org").await;
    assert_eq!(
        wrong.user_errors("requestEmailChange"),
        ["INVALID_CREDENTIALS input.currentPassword"]
    );
    let wrong = request(&ana, PASSWORD, "new").await;
    assert_eq!(wrong.user_errors("requestEmailChange"), ["MALFORMED input.email"]);
    assert_eq!(
        request(&anyone, PASSWORD, "new@example.org").await.refusal(),
        "UNAUTHENTICATED"
    );
    assert_eq!(test.notices().await, Vec::<String>::new());

    // One that has an account: the same answer, and its owner is told.
    let known = request(&ana, PASSWORD, " BEN@example.org").await;
    assert_eq!(test.notices().await, ["address_taken ben@example.org"]);
    let first = request(&ana, PASSWORD, "first@example.org").await;
    assert_eq!(known.json, first.json);
    let first = token_in(&test.mails().await[0]);
    request(&ana, PASSWORD, "Ana.Maria@Example.org").await;
    let mails = test.mails().await;
    assert_eq!(
        (mails[0].notice.as_str(), mails[0].to.as_str()),
        ("confirm_new_address", "ana.maria@example.org")
    );
    let token = token_in(&mails[0]);
    let invalid = ["INVALID_TOKEN input.token"];
    assert_eq!(confirm(&first).await, invalid, "another one took its place");
    for nonsense in ["", "nonsense"] {
        assert_eq!(confirm(nonsense).await, invalid);
    }
    let viewer = ana.run("Viewer", json!({})).await;
    assert_eq!(
        viewer.text("viewer.person.email"),
        "ana@example.org",
        "not before it is confirmed"
    );

    let reset = json!({ "input": { "email": "ana@example.org" } });
    anyone.run("RequestPasswordReset", reset).await;
    let reset = token_in(&test.mails().await[0]);
    let results = join_all((0..50).map(|_| confirm(&token))).await;
    assert_eq!(
        results.iter().filter(|errors| errors.is_empty()).count(),
        1,
        "of fifty one wins"
    );
    assert_eq!(
        test.notices().await,
        ["address_changed ana@example.org"],
        "the old address is told"
    );
    let viewer = ana.run("Viewer", json!({})).await;
    assert_eq!(viewer.text("viewer.person.email"), "ana.maria@example.org");
    assert!(!is_in(&elsewhere).await && is_in(&ben).await, "her other sessions end");
    let input = json!({ "token": reset, "password": OTHER_PASSWORD });
    let dead = anyone.run("ResetPassword", json!({ "input": input })).await;
    assert_eq!(dead.user_errors("resetPassword"), invalid, "a link to the old address");
    let input = json!({ "email": "ana.maria@example.org", "password": PASSWORD });
    let signed_in = anyone.run("SignIn", json!({ "input": input })).await;
    signed_in.text("signIn.session.accessToken");

    // Too late, and overtaken by somebody who registered the address meanwhile.
    request(&ana, PASSWORD, "late@example.org").await;
    let late = token_in(&test.mails().await[0]);
    test.pass(TimeDelta::hours(24));
    assert_eq!(confirm(&late).await, invalid);
    let ana = ana.again().await;
    request(&ana, PASSWORD, "cy@example.org").await;
    let overtaken = token_in(&test.mails().await[0]);
    test.person("Cy").await;
    assert_eq!(confirm(&overtaken).await, invalid);
    assert!(is_in(&ana).await, "and nothing was changed");
}

#[tokio::test]
async fn of_fifty_spellings_of_one_address_one_account_comes() {
    // Fifty hashes take their time where many tests run.
    let test = TestApp::with(&[("limits.request_seconds", "120")]).await;
    let spellings = [
        "ana@exämple.org",
        "ANA@EXÄMPLE.ORG",
        "ana@xn--exmple-cua.org",
        "Ana@XN--EXMPLE-CUA.ORG",
        "ａｎａ@exämple.org",
        "ana＠exämple.org",
        "ana@exa\u{308}mple.org",
        "ana@exämple。org",
        " aNa@ExÄmPlE.oRg ",
        "ana@ｅxämple．org",
    ];
    let registrations = (0..50).map(|turn| {
        let input = json!({
            "email": spellings[turn % spellings.len()], "givenName": "Ana", "familyName": "Pérez", "language": "PT",
            "timeZone": "America/Sao_Paulo", "password": PASSWORD,
        });
        let anyone = test.anonymous();
        async move { anyone.run("RegisterPerson", json!({ "input": input })).await }
    });
    for answer in join_all(registrations).await {
        assert_eq!(answer.at("registerPerson.accepted"), &json!(true), "{:#}", answer.json);
    }
    let mails = test.mails().await;
    assert_eq!(mails.len(), 50);
    let people = person::Entity::find().all(test.app.db.read()).await.expect("people");
    let addresses: Vec<_> = people.iter().map(|row| row.email.as_str()).collect();
    assert_eq!(addresses, ["ana@xn--exmple-cua.org"]);
    // Of the fifty links one is used, and of ten who use it at once one wins.
    let anyone = test.anonymous();
    let confirm = async |token: &str| {
        let answer = anyone.run("ConfirmEmail", json!({ "input": { "token": token } })).await;
        answer.user_errors("confirmEmail").is_empty()
    };
    let mut good = Vec::new();
    for mail in &mails {
        let token = token_in(mail);
        let won = join_all((0..10).map(|_| confirm(&token))).await;
        good.extend(won.into_iter().filter(|won| *won));
    }
    assert_eq!(good.len(), 1);
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).expect("a small number")
    }
}

/// A session as it must stand: its tokens with the instant of their first use, and whether it goes on.
struct Family<'a> {
    test: &'a TestApp,
    known: Vec<(String, Option<DateTime<Utc>>)>,
    alive: bool,
}

/// What the schedules came to.
#[derive(Default, Debug)]
struct Figures {
    accepted: usize,
    refused: usize,
    revoked: usize,
    parallel: usize,
}

impl<'a> Family<'a> {
    async fn begin(test: &'a TestApp, person: PersonId) -> Self {
        let tx = test.app.db.write().await.expect("a transaction");
        let signed_in = opening::admit(&test.app, &tx, person, None).await.expect("a session");
        tx.commit().await.expect("a commit");
        let opening::SignedIn::Session(tokens) = signed_in else {
            panic!("there is no second factor")
        };
        Self {
            test,
            known: vec![(tokens.refresh, None)],
            alive: true,
        }
    }

    /// Whether this token would end the session now.
    fn is_stale(&self, token: usize) -> bool {
        let grace = TimeDelta::seconds(10);
        self.known[token]
            .1
            .is_some_and(|used_at| self.test.now() > used_at + grace)
    }

    /// Presents some tokens at once, and holds what came of it against the rule.
    async fn present(&mut self, presented: &[usize], figures: &mut Figures) {
        let stale = presented.iter().any(|&token| self.is_stale(token));
        let before = self.known.len();
        let texts: Vec<String> = presented.iter().map(|&token| self.known[token].0.clone()).collect();
        let results = join_all(texts.iter().map(|text| refresh(&self.test.app, text))).await;
        let fresh: Vec<String> = results.into_iter().flatten().map(|tokens| tokens.refresh).collect();
        figures.accepted += fresh.len();
        figures.refused += presented.len() - fresh.len();
        figures.parallel += usize::from(presented.len() > 1);
        if !self.alive {
            assert!(fresh.is_empty(), "a session that was ended goes on");
        } else if stale {
            self.alive = false;
            figures.revoked += 1;
        } else {
            assert_eq!(fresh.len(), presented.len(), "a token within its grace was refused");
        }
        self.known.extend(fresh.into_iter().map(|text| (text, None)));
        self.read_back(before).await;
    }

    /// Reads from the database when each token was used; at most one is unused, and it is a new one.
    async fn read_back(&mut self, before: usize) {
        let mut live = Vec::new();
        for (place, (text, used_at)) in self.known.iter_mut().enumerate() {
            let hash = digest(Kind::Refresh, text).expect("a token");
            let row = tokens::find(self.test.app.db.read(), &hash).await.expect("a query");
            *used_at = row.expect("a row").used_at;
            if used_at.is_none() {
                live.push(place);
            }
        }
        assert_eq!(live.len(), 1, "one branch");
        assert!(!self.alive || live[0] >= before || self.known.len() == before);
        let hash = digest(Kind::Refresh, &self.known[0].0).expect("a token");
        let first = tokens::find(self.test.app.db.read(), &hash).await.expect("a query");
        let id = first.expect("a row").session_id;
        let row = session::Entity::find_by_id(id).one(self.test.app.db.read()).await;
        let row = row.expect("a query").expect("a session");
        assert_eq!(row.is_live(self.test.now()), self.alive);
    }
}

#[tokio::test]
async fn in_five_hundred_orders_of_refreshing_one_branch_lives() {
    let test = TestApp::new().await;
    let person = test.person("Ana").await.person.expect("a person");
    let mut figures = Figures::default();
    for schedule in 1..=500_u64 {
        let mut dice = Dice(schedule.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut family = Family::begin(&test, person).await;
        for _ in 0..8 {
            let known = family.known.len();
            let any = |dice: &mut Dice| dice.roll(known);
            match dice.roll(7) {
                // As a good client does it: the last one.
                0 | 1 => family.present(&[known - 1], &mut figures).await,
                // An answer that was lost, or a thief with what was copied at some time.
                2 => family.present(&[any(&mut dice)], &mut figures).await,
                // The same one several times at once, or several at once.
                3 => {
                    let token = any(&mut dice);
                    let times = 2 + dice.roll(4);
                    family.present(&vec![token; times], &mut figures).await;
                }
                4 => {
                    let tokens = [any(&mut dice), known - 1, any(&mut dice)];
                    family.present(&tokens, &mut figures).await;
                }
                _ => test.pass(TimeDelta::seconds(i64::try_from(dice.roll(16)).expect("seconds"))),
            }
        }
    }
    let told = outbox::Entity::find()
        .filter(outbox::Column::Notice.eq("session_copied"))
        .count(test.app.db.read());
    let entries = audit::Entity::find()
        .filter(audit::Column::SubjectKind.eq("session"))
        .count(test.app.db.read());
    let (told, entries) = (told.await.expect("a count"), entries.await.expect("a count"));
    assert_eq!(
        (told, entries),
        (figures.revoked as u64, figures.revoked as u64),
        "each is told and kept"
    );
    assert!(
        figures.revoked > 50 && figures.accepted > 500 && figures.parallel > 500,
        "{figures:?}"
    );
    eprintln!("500 orders of refreshing: {figures:?}, {told} mails, {entries} audit entries");
}

#[tokio::test]
async fn of_fifty_refreshes_at_once_one_branch_lives() {
    let test = TestApp::new().await;
    let person = test.person("Ana").await.person.expect("a person");
    let mut family = Family::begin(&test, person).await;
    let mut figures = Figures::default();
    family.present(&[0; 50], &mut figures).await;
    assert_eq!((figures.accepted, family.alive), (50, true));
}
