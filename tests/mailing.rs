//! Which messages people get: what they do without, the link that ends messages, the digest of those who look after
//! editions and teams, the dates that come as files, and previews of all.

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use chrono::TimeDelta;
use rumbo::commands;
use rumbo::domain::actor::Role;
use rumbo::domain::language::Language;
use rumbo::domain::list::Mode;
use rumbo::domain::notice::{MailKind, samples};
use rumbo::domain::roster::{Kind, Outcome};
use rumbo::domain::text::{Email, ShortCode};
use rumbo::mail::{Mailer, Sent};
use rumbo::service::roster;
use rumbo::service::session::on_behalf;
use rumbo::store::outbox;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::app::{Answer, Client, TestApp};
use crate::support::rows;
use crate::support::scene::{
    Class, Plan, act, apply, at, cancel, done, edition_input, enrolling, faults, id_of, replan, speak,
};

/// What is posted to the link of a message.
const ONE_CLICK: &str = "List-Unsubscribe=One-Click";

/// The kinds that somebody does without, as their account says, and the version.
async fn muted(client: &Client<'_>) -> (Vec<String>, i64) {
    let seen = client.run("MyMailPreferences", json!({})).await;
    let kinds = seen
        .at("viewer.mailPreferences.kinds")
        .as_array()
        .expect("kinds")
        .clone();
    assert_eq!(kinds.len(), MailKind::ALL.len());
    let name = |kind: &Value| kind["kind"].as_str().expect("a kind").to_owned();
    let off = kinds.iter().filter(|kind| kind["wanted"] == false).map(name).collect();
    (off, seen.number("viewer.mailPreferences.version"))
}

/// Does without these kinds from now on.
async fn mute(client: &Client<'_>, version: i64, kinds: &[&str]) -> i64 {
    let input = json!({ "version": version, "muted": kinds });
    let changed = done(client, "ChangeMailPreferences", input).await;
    changed.number("changeMailPreferences.mailPreferences.version")
}

/// The path of the link that ends messages of the kind of this one.
fn way_out(test: &TestApp, mail: &Sent) -> String {
    let url = mail.unsubscribe.clone().expect("a link");
    let base = &test.app.settings.http.public_url;
    let path = url.strip_prefix(base.as_str()).expect("an address of ours").to_owned();
    assert!(path.starts_with("/unsubscribe/uns_"), "{path}");
    assert!(mail.text.ends_with(&format!(":\n{url}\n")), "{}", mail.text);
    path
}

async fn open(test: &TestApp, path: &str) -> Answer {
    let request = Request::get(path).body(Body::empty()).expect("a request");
    test.send(request).await
}

async fn post(test: &TestApp, path: &str, media: &str, body: &str) -> Answer {
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, media)
        .body(Body::from(body.to_owned()))
        .expect("a request");
    test.send(request).await
}

/// Posts what a mail program would.
async fn click(test: &TestApp, path: &str) -> Answer {
    post(test, path, "application/x-www-form-urlencoded", ONE_CLICK).await
}

/// The message of this notice to this address, the only one.
fn only<'m>(mails: &'m [Sent], notice: &str, to: &str) -> &'m Sent {
    let found: Vec<&Sent> = mails
        .iter()
        .filter(|mail| mail.notice == notice && mail.to == to)
        .collect();
    let [mail] = found[..] else {
        panic!("{} of {notice} to {to}: {mails:#?}", found.len())
    };
    mail
}

#[tokio::test]
async fn people_choose_among_messages_that_are_not_essential() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await;
    assert_eq!(muted(&ana).await, (vec![], 1));
    let seen = ana.run("MyMailPreferences", json!({})).await;
    let kinds = seen
        .at("viewer.mailPreferences.kinds")
        .as_array()
        .expect("kinds")
        .clone();
    let essential: Vec<&str> = kinds
        .iter()
        .filter(|kind| kind["essential"] == true)
        .filter_map(|kind| kind["kind"].as_str())
        .collect();
    assert_eq!(essential, ["ACCOUNT", "INVITATION", "SEAT", "SCHEDULE"]);
    assert_eq!(mute(&ana, 1, &["WORK", "RECEIPT"]).await, 2);
    assert_eq!(muted(&ana).await, (vec!["RECEIPT".to_owned(), "WORK".to_owned()], 2));
    for (input, expected) in [
        (
            json!({ "version": 1, "muted": [] }),
            vec!["STALE_VERSION input.version"],
        ),
        (
            json!({ "version": 2, "muted": ["WORK", "DIGEST", "WORK"] }),
            vec!["REPEATED input.muted.2"],
        ),
        (
            json!({ "version": 2, "muted": ["ACCOUNT", "WORK", "SEAT", "SCHEDULE", "INVITATION"] }),
            vec![
                "ALWAYS_SENT input.muted.0",
                "ALWAYS_SENT input.muted.2",
                "ALWAYS_SENT input.muted.3",
                "ALWAYS_SENT input.muted.4",
            ],
        ),
    ] {
        assert_eq!(faults(&ana, "ChangeMailPreferences", input).await, expected);
    }
    assert_eq!(muted(&ana).await.1, 2, "nothing was changed");
    assert_eq!(mute(&ana, 2, &[]).await, 3);
    assert_eq!(muted(&ana).await, (vec![], 3));
    // Nobody has none, and nobody else's are touched.
    let nobody = act(
        &test.anonymous(),
        "ChangeMailPreferences",
        json!({ "version": 1, "muted": [] }),
    )
    .await;
    assert_eq!(nobody.refusal(), "UNAUTHENTICATED");
    assert_eq!(muted(&test.person("Ben").await).await, (vec![], 1));
    assert_eq!(test.notices().await, [""; 0]);
}

#[tokio::test]
async fn what_one_does_without_is_left_out_also_when_it_waits_already() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let submission = class.hand_in(&class.people[0], "Our plan").await;
    class.give_back(&submission, "Give dates").await;
    mute(&class.people[0], 1, &["WORK"]).await;
    assert_eq!(test.notices().await, ["revision_requested ben@example.org"]);
    let waiting = outbox::counts(&test.app.db).await.expect("counts");
    assert_eq!((waiting.queued, waiting.dead), (0, 0), "it neither waits nor failed");
    // What is of another kind comes.
    let mut plan = edition_input(Plan::OPEN);
    plan["startsOn"] = json!("2026-04-13");
    let moved = replan(&class.coordinator, &class.edition, plan).await;
    assert_eq!(moved.user_errors("updateEdition"), [""; 0]);
    let told = test.notices().await;
    assert!(
        told.contains(&"edition_rescheduled ana@example.org".to_owned()),
        "{told:?}"
    );
}

#[tokio::test]
async fn the_link_of_a_message_ends_messages_of_its_kind_and_no_other() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    speak(&class.people[0], "ES").await;
    let submission = class.hand_in(&class.people[0], "Our plan").await;
    class.give_back(&submission, "Give dates").await;
    let mails = test.mails().await;
    let path = way_out(&test, only(&mails, "revision_requested", "ana@example.org"));
    let bens = way_out(&test, only(&mails, "revision_requested", "ben@example.org"));
    // Whoever only looks, such as a scanner of mails, changes nothing.
    let asked = open(&test, &path).await;
    assert_eq!(asked.status, StatusCode::OK, "{}", asked.body);
    assert_eq!(asked.headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
    assert!(asked.body.contains("¿Quiere dejar de recibir") && asked.body.contains("<form method=\"post\">"));
    let policy = "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    assert_eq!(asked.headers[header::CONTENT_SECURITY_POLICY], policy);
    assert_eq!(asked.headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(asked.headers[header::REFERRER_POLICY], "no-referrer");
    assert_eq!(muted(&class.people[0]).await, (vec![], 1));
    // Nor does who posts something else.
    for body in ["", "List-Unsubscribe=No", "One-Click"] {
        let refused = post(&test, &path, "application/x-www-form-urlencoded", body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{body}");
    }
    assert_eq!(muted(&class.people[0]).await, (vec![], 1));
    // By one click, without a session, twice.
    for _ in 0..2 {
        let ended = click(&test, &path).await;
        assert_eq!(ended.status, StatusCode::OK, "{}", ended.body);
        assert!(
            ended.body.contains("Ya no recibirá") && !ended.body.contains("<form"),
            "{}",
            ended.body
        );
        assert_eq!(muted(&class.people[0]).await, (vec!["WORK".to_owned()], 2));
    }
    let form = "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
    let ended = post(&test, &bens, "multipart/form-data; boundary=b", form).await;
    assert!(ended.body.contains("You will not get these messages"), "{}", ended.body);
    assert_eq!(muted(&class.people[1]).await, (vec!["WORK".to_owned()], 2));
    let entries = rows::texts(
        &test.app.db,
        "SELECT action || ' ' || reason || ' ' || via FROM audit_entry WHERE reason LIKE 'messages ended%'",
    )
    .await;
    assert_eq!(
        entries,
        ["manage_account messages ended by the link of one: work system"; 2]
    );
    // The account turns it on again, and stale answers do not overwrite what the link did.
    let stale = json!({ "version": 1, "muted": [] });
    let refused = faults(&class.people[0], "ChangeMailPreferences", stale).await;
    assert_eq!(refused, ["STALE_VERSION input.version"]);
    mute(&class.people[0], 2, &[]).await;
    assert_eq!(muted(&class.people[0]).await, (vec![], 3));
}

#[tokio::test]
async fn what_is_no_link_of_ours_looks_alike() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana"]).await;
    let submission = class.hand_in(&class.people[0], "Our plan").await;
    class.give_back(&submission, "Give dates").await;
    let mails = test.mails().await;
    let path = way_out(&test, &mails[0]);
    let changed = format!("{}A", &path[..path.len() - 1]);
    let changed = if changed == path {
        format!("{}B", &path[..path.len() - 1])
    } else {
        changed
    };
    let mut seen = Vec::new();
    for path in [
        changed.as_str(),
        &path[..path.len() - 5],
        &path.replace("uns_", "lnk_"),
        "/unsubscribe/uns_",
        "/unsubscribe/nonsense",
    ] {
        for answer in [open(&test, path).await, click(&test, path).await] {
            let mut headers: HeaderMap = answer.headers.clone();
            headers.remove("x-request-id");
            seen.push((answer.status, answer.body, format!("{headers:?}")));
        }
    }
    assert_eq!(seen[0].0, StatusCode::NOT_FOUND);
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:#?}");
    assert_eq!(muted(&class.people[0]).await, (vec![], 1));
    // Nothing of a link is stored anywhere.
    let secret = &path["/unsubscribe/uns_".len()..];
    for (table, rows) in rows::all(&test.app.db).await {
        assert!(rows.iter().all(|row| !row.contains(secret)), "{table} holds the link");
    }
}

#[tokio::test]
async fn one_address_follows_links_only_so_often() {
    let test = TestApp::with(&[("rates.enabled", "true")]).await;
    let burst = test.app.settings.rates.anonymous.burst;
    for _ in 0..burst {
        assert_eq!(open(&test, "/unsubscribe/uns_x").await.status, StatusCode::NOT_FOUND);
    }
    for refused in [
        open(&test, "/unsubscribe/uns_x").await,
        click(&test, "/unsubscribe/uns_x").await,
    ] {
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(refused.headers.contains_key(header::RETRY_AFTER));
    }
}

#[tokio::test]
async fn essential_messages_have_no_link_that_ends_them() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN.by_approval()).await;
    let open_to_all = enrolling(&carla, Plan::OTHER).await;
    let ana = test.person("Ana").await;
    apply(&ana, &edition).await;
    apply(&ana, &open_to_all).await;
    let invited = json!({ "editionId": edition, "email": "nora@example.org", "givenName": "Nora", "familyName": "Silva", "language": "EN" });
    done(&carla, "InviteToEdition", invited).await;
    let mails = test.mails().await;
    let of = |notice: &str, to: &str| only(&mails, notice, to).unsubscribe.is_some();
    assert!(of("application_received", "ana@example.org"));
    assert!(!of("enrolment_confirmed", "ana@example.org"));
    assert!(!of("invited_to_edition", "nora@example.org"));
}

#[tokio::test]
async fn a_date_that_matters_comes_as_a_file_that_moves_with_it() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let ana = test.person("Ana").await;
    apply(&ana, &edition).await;
    let file = |mails: &[Sent], notice: &str| only(mails, notice, "ana@example.org").calendar.clone().expect("a file");
    let property = |file: &str, name: &str| {
        let found = file
            .split("\r\n")
            .find_map(|line| line.strip_prefix(&format!("{name}:")));
        found.unwrap_or_default().to_owned()
    };
    let first = file(&test.mails().await, "enrolment_confirmed");
    assert!(property(&first, "UID").starts_with(&format!("{edition}@")), "{first}");
    assert!(
        first.contains("DTSTART;VALUE=DATE:20260406\r\n") && !first.contains("STATUS"),
        "{first}"
    );
    let mut plan = edition_input(Plan::OPEN);
    plan["startsOn"] = json!("2026-04-13");
    replan(&carla, &edition, plan).await.text("updateEdition.edition.id");
    let moved = file(&test.mails().await, "edition_rescheduled");
    assert!(moved.contains("DTSTART;VALUE=DATE:20260413\r\n"), "{moved}");
    cancel(&carla, &edition, "No").await;
    let ended = file(&test.mails().await, "edition_cancelled");
    assert!(ended.contains("STATUS:CANCELLED\r\n"), "{ended}");
    let number = |file: &str| property(file, "SEQUENCE").parse::<i64>().expect("a number");
    assert!(number(&first) < number(&moved) && number(&moved) < number(&ended));
    assert!(
        [&moved, &ended]
            .iter()
            .all(|file| property(file, "UID") == property(&first, "UID"))
    );
}

/// An application in which digests leave.
async fn digesting() -> TestApp {
    TestApp::with(&[("mail.digest", "true")]).await
}

/// Lets the worker note who is a reader, and a minute pass.
async fn settle(test: &TestApp) {
    drop(test.mails().await);
    test.pass(TimeDelta::minutes(1));
}

#[tokio::test]
async fn many_new_readers_are_noted_with_as_many_statements_as_one() {
    use rumbo::domain::actor::{Role, Scope};
    use rumbo::service::digest::pass;
    let mut spent = Vec::new();
    for names in [&["Gil"][..], &["Gil", "Hilda", "Ines", "Jon", "Kai", "Lea"]] {
        let test = digesting().await;
        for &name in names {
            test.holder(name, Role::Coordinator, Scope::System).await;
        }
        let before = test.app.db.statements();
        pass(&test.app.db, &test.app.clock, 7).await.expect("a pass");
        spent.push(test.app.db.statements() - before);
        let noted = rows::texts(&test.app.db, "SELECT CAST(COUNT(*) AS text) FROM digest_mark").await;
        assert_eq!(noted, [names.len().to_string()]);
    }
    eprintln!("one reader and six are noted: {spent:?} statements");
    assert_eq!(spent[0], spent[1]);
}

#[tokio::test]
async fn coordinators_get_one_digest_a_day_of_what_is_new() {
    let test = digesting().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN.by_approval()).await;
    settle(&test).await;
    for name in ["Ana", "Ben", "Cy"] {
        apply(&test.person(name).await, &edition).await;
    }
    assert_eq!(
        test.notices().await,
        ["ana", "ben", "cy"].map(|name| format!("application_received {name}@example.org"))
    );
    // Seven o'clock in Montevideo is ten o'clock; a quarter of an hour is left for what is on its way.
    test.pass(
        "2026-03-03T10:14:00Z"
            .parse::<chrono::DateTime<chrono::Utc>>()
            .expect("an instant")
            - test.now(),
    );
    assert_eq!(test.notices().await, [""; 0]);
    test.pass(TimeDelta::minutes(1));
    let mails = test.mails().await;
    assert_eq!(mails.len(), 1, "{mails:#?}");
    let digest = only(&mails, "digest", "carla@example.org");
    for line in [
        "from 2 March 2026, 09:00 to 3 March 2026, 07:00 (America/Montevideo time).",
        "- Digital training (DEMO-2026). Applications received: 3. Applications to decide on: 3.\n",
    ] {
        assert!(digest.text.contains(line), "{line}: {}", digest.text);
    }
    assert!(
        !digest.text.contains("Ana") && !digest.html.contains("ana@"),
        "it names nobody"
    );
    way_out(&test, digest);
    // Once, however often the worker looks, and nothing when nothing is new.
    assert_eq!(test.notices().await, [""; 0]);
    test.pass(TimeDelta::days(1));
    assert_eq!(test.notices().await, [""; 0]);
    // A worker that comes days late tells it all in one.
    apply(&test.person("Dan").await, &edition).await;
    assert_eq!(test.notices().await, ["application_received dan@example.org"]);
    test.pass(TimeDelta::days(3));
    let mails = test.mails().await;
    let digest = only(&mails, "digest", "carla@example.org");
    assert!(
        digest
            .text
            .contains("Applications received: 1. Applications to decide on: 4."),
        "{}",
        digest.text
    );
    assert!(
        digest.text.contains("from 4 March 2026, 07:00 to 7 March 2026, 07:00"),
        "{}",
        digest.text
    );
}

#[tokio::test]
async fn whom_a_coordinator_brings_in_did_not_apply() {
    let test = digesting().await;
    let carla = test.coordinator().await;
    enrolling(&carla, Plan::OPEN).await;
    settle(&test).await;
    let order = roster::Order {
        kind: Kind::Enrolments,
        edition: Some(ShortCode::parse("DEMO-2026").expect("a code")),
        institution: None,
        mode: Mode::RowByRow,
        dry_run: false,
        notify: false,
        language: Language::Es,
    };
    let email = Email::parse(&carla.email).expect("an address");
    let actor = on_behalf(&test.app, &email).await.expect("somebody");
    let file = b"email,firstname,lastname\nnora@example.org,Nora,Paz\n";
    let answer = Box::pin(roster::run(&test.app, &actor, file, &order, |_, _| {})).await;
    assert!(
        matches!(&answer, Ok(roster::Answer::Report(report)) if report.count(Outcome::Created) == 1),
        "{answer:?}"
    );
    test.pass(TimeDelta::days(1));
    assert_eq!(test.notices().await, [""; 0]);
}

#[tokio::test]
async fn tutors_are_told_of_their_teams_and_coordinators_of_all() {
    let test = digesting().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy"]).await;
    let idle = class.idle_tutor("Ines").await;
    settle(&test).await;
    let other = class.make_team("Tala", &class.enrolments[2..]).await;
    class.hand_in(&class.people[0], "Our plan").await;
    class.hand_in(&class.people[2], "My plan").await;
    class.allocate(&other, &idle).await;
    drop(test.mails().await);
    test.pass(TimeDelta::days(1));
    let mails = test.mails().await;
    let digest = |to: &str| only(&mails, "digest", to).text.clone();
    let of = |figures: &str| format!("- Digital training (DEMO-2026). {figures}\n");
    for (to, figures) in [
        ("carla@example.org", "Works handed in: 2. Works to review: 2."),
        ("tina@example.org", "Works handed in: 1. Works to review: 1."),
        (
            "ines@example.org",
            "Works handed in: 1. Works to review: 1. New teams in your charge: 1.",
        ),
    ] {
        assert!(digest(to).contains(&of(figures)), "{to}: {}", digest(to));
    }
    assert_eq!(
        mails.iter().filter(|mail| mail.notice == "digest").count(),
        3,
        "{mails:#?}"
    );
}

#[tokio::test]
async fn who_does_without_digests_or_is_no_reader_any_more_gets_none() {
    let test = digesting().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN.by_approval()).await;
    let nora = test.coordinator_of("Nora", &edition).await;
    drop(test.coordinator_of("Omar", &edition).await);
    let pia = test.coordinator_of("Pia", &edition).await;
    settle(&test).await;
    mute(&nora, 1, &["DIGEST"]).await;
    apply(&test.person("Ana").await, &edition).await;
    let input = json!({ "personId": id_of(&pia), "reason": "Left the ministry" });
    done(&test.administrator().await, "DisableAccount", input).await;
    drop(test.mails().await);
    test.pass(TimeDelta::days(1));
    // There is somebody nearer than who coordinates everything.
    assert_eq!(test.notices().await, ["digest omar@example.org"]);
    let marks = "SELECT CAST(COUNT(*) AS text) FROM digest_mark";
    assert_eq!(
        rows::texts(&test.app.db, marks).await,
        ["3"],
        "nothing is kept of who was disabled"
    );
    // What passed meanwhile is not told later on.
    mute(&nora.again().await, 2, &[]).await;
    apply(&test.person("Ben").await, &edition).await;
    drop(test.mails().await);
    test.pass(TimeDelta::days(1));
    let mails = test.mails().await;
    let told = &only(&mails, "digest", "nora@example.org").text;
    assert!(
        told.contains("Applications received: 1. Applications to decide on: 2."),
        "{told}"
    );
    only(&mails, "digest", "omar@example.org");
}

#[tokio::test]
async fn a_digest_that_fails_is_put_off_longer_each_time_and_stops_no_other() {
    let test = digesting().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN.by_approval()).await;
    drop(test.holder("Tina", Role::Tutor, at(&edition)).await);
    settle(&test).await;
    apply(&test.person("Ana").await, &edition).await;
    drop(test.mails().await);
    let rename = async |from: &str, to: &str| {
        let tx = test.app.db.write().await.expect("a transaction");
        let renamed = tx
            .execute_unprepared(&format!("ALTER TABLE {from} RENAME TO {to}"))
            .await;
        renamed.expect("another name");
        tx.commit().await.expect("a commit");
    };
    let failures = "SELECT CAST(failures AS text) FROM digest_mark ORDER BY failures";
    // Carla's digest names a course; Tina's has nothing to tell, and is done.
    rename("course", "elsewhere").await;
    test.pass(TimeDelta::days(1));
    for (wait, count) in [(0, "1"), (59, "1"), (1, "2"), (119, "2"), (1, "3"), (0, "3")] {
        test.pass(TimeDelta::seconds(wait));
        assert_eq!(test.notices().await, [""; 0]);
        assert_eq!(
            rows::texts(&test.app.db, failures).await,
            ["0", count],
            "after {wait} more"
        );
    }
    rename("elsewhere", "course").await;
    test.pass(TimeDelta::minutes(4));
    assert_eq!(test.notices().await, ["digest carla@example.org"]);
    assert_eq!(rows::texts(&test.app.db, failures).await, ["0", "0"]);
}

#[tokio::test]
async fn workers_side_by_side_write_each_digest_once() {
    let test = digesting().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN.by_approval()).await;
    settle(&test).await;
    apply(&test.person("Ana").await, &edition).await;
    drop(test.mails().await);
    test.pass(TimeDelta::days(1));
    let mailer = Mailer::from_settings(&test.app.settings.mail).expect("a mailbox in memory");
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let worker = test.worker_with(mailer.clone());
        workers.spawn(async move { worker.drain().await });
    }
    while let Some(ended) = workers.join_next().await {
        ended.expect("a worker").expect("drained");
    }
    let sent = mailer.take_sent();
    only(&sent, "digest", "carla@example.org");
    assert_eq!(sent.len(), 1, "{sent:#?}");
}

#[tokio::test]
async fn previews_of_every_message_are_written_into_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let inside = folder.path().join("previews");
    let mut said = Vec::new();
    let what = commands::mail::Mail::Preview { folder: inside.clone() };
    for _ in 0..2 {
        said.clear();
        commands::mail::run(&what, &mut said).expect("written");
    }
    let count = samples::all().len() * Language::ALL.len();
    let said = String::from_utf8(said).expect("text");
    assert!(said.starts_with(&format!("{count} messages in ")), "{said}");
    let read = |file: &str| std::fs::read_to_string(inside.join(file)).expect(file);
    let index = read("index.html");
    for language in Language::ALL {
        for sample in samples::all() {
            let (code, name) = (language.code(), sample.name());
            let text = read(&format!("{code}/{name}.txt"));
            assert!(
                text.starts_with("Subject: ") && text.contains("https://rumbo.example.org"),
                "{text}"
            );
            assert!(read(&format!("{code}/{name}.html")).starts_with("<!doctype html>"));
            assert!(index.contains(&format!("\"{code}/{name}.html\"")), "{name}");
        }
    }
    assert!(read("en/enrolment_confirmed.ics").starts_with("BEGIN:VCALENDAR\r\n"));
}
