//! What is announced, to whom, and that nothing of it is lost.

use futures_util::FutureExt;
use rumbo::config::Secret;
use rumbo::domain::id::EditionId;
use rumbo::store::announce::{Followed, Topic};
use rumbo::store::history::{self, Step};
use rumbo::store::{Engine, Tx};
use sea_orm::ConnectionTrait;
use sea_orm::sqlx::postgres::PgListener;
use serde_json::json;

use super::{FIGURES, applications, figures, follow, follower, freed, in_time, listen, open, prompt, subscribe, value};
use crate::retry::until;
use crate::socket::{introduced, introduced_at};
use crate::support::app::TestApp;
use crate::support::rows::texts;
use crate::support::scene::{Plan, apply, as_seen, done, enrolling, faults, version, walk};

/// Follows something; on PostgreSQL from when the server is listened to, which itself is told as a change.
pub(crate) async fn following(test: &TestApp, topics: &[Topic]) -> Vec<Followed> {
    let mut all: Vec<Followed> = topics.iter().map(|topic| test.app.db.follow(*topic)).collect();
    if test.app.db.engine() == Engine::Postgres {
        for followed in &mut all {
            in_time(followed.changed()).await;
        }
    }
    all
}

async fn note(test: &TestApp, tx: &Tx, edition: EditionId) {
    let step = Step {
        subject: edition.into(),
        from: None,
        to: "draft",
        at: test.now(),
        actor: None,
        reason: None,
    };
    history::record(tx, &test.app.clock, &[step]).await.expect("a step");
}

#[tokio::test]
async fn nothing_is_told_of_what_was_rolled_back() {
    let test = TestApp::new().await;
    let [undone, dropped, done] = std::array::from_fn(|_| EditionId(test.app.clock.new_id()));
    let mut followed = following(&test, &[undone, dropped, done].map(Topic::Edition)).await;
    let tx = test.app.db.write().await.expect("a transaction");
    note(&test, &tx, undone).await;
    // On PostgreSQL it has been sent to the server, not only prepared.
    tx.execute_unprepared("SELECT 1").await.expect("a statement");
    tx.rollback().await.expect("a rollback");
    let tx = test.app.db.write().await.expect("a transaction");
    note(&test, &tx, dropped).await;
    drop(tx);
    let tx = test.app.db.write().await.expect("a transaction");
    note(&test, &tx, done).await;
    assert!(followed[2].changed().now_or_never().is_none(), "not before the commit");
    tx.commit().await.expect("a commit");
    // Announcements come in the order of the commits.
    in_time(followed[2].changed()).await;
    for followed in &mut followed[..2] {
        assert!(followed.changed().now_or_never().is_none(), "it was undone");
    }
}

#[tokio::test]
async fn whatever_changes_an_enrolment_is_announced() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN.by_approval()).await;
    let eva = test.person("Eva").await;
    let topics = [
        Topic::Person(eva.person.expect("a person")),
        Topic::Edition(edition.parse().expect("an edition")),
    ];
    let mut followed = following(&test, &topics).await;
    let (enrolment, _) = apply(&eva, &edition).await;
    told(&mut followed).await;
    for decision in ["REVIEW", "WAITLIST", "CONFIRM"] {
        let version = version(&carla, &enrolment).await;
        let input = json!({ "enrolmentId": enrolment, "version": version, "decision": decision });
        assert_eq!(faults(&carla, "DecideEnrolment", input).await, [""; 0], "{decision}");
        told(&mut followed).await;
    }
    // Time itself takes it along; the worker does it.
    test.pass(chrono::TimeDelta::days(40));
    drop(test.mails().await);
    told(&mut followed).await;
    let carla = carla.again().await;
    let seen = carla.run("SeeEdition", json!({ "id": edition })).await;
    assert_eq!(seen.text("edition.state"), "RUNNING");
    walk(&carla, &edition, &["GRADING"]).await;
    in_time(followed[1].changed()).await;
    let input = json!({ "enrolments": as_seen(&carla, json!([enrolment])).await });
    done(&carla, "DecideCompletion", input).await;
    told(&mut followed).await;
}

/// All of them were told of something since they were looked at last.
async fn told(followed: &mut [Followed]) {
    for followed in followed {
        in_time(followed.changed()).await;
        followed.catch_up();
    }
}

#[tokio::test]
async fn a_change_made_by_another_copy_is_seen() {
    let test = TestApp::having(|settings| {
        prompt(settings);
        // Two processes on one file of SQLite do not hear each other.
        if settings.database.url.reveal().starts_with("sqlite") {
            settings.live.check_seconds = 1;
        }
    })
    .await;
    let (carla, edition) = open(&test).await;
    let eva = test.person("Eva").await;
    let (address, stop, _) = listen(test.copy().await).await;
    let mut there = introduced_at(address, stop, carla.token()).await;
    let mut here = introduced(&test, carla.token()).await;
    for peer in [&mut here, &mut there] {
        follow(peer, &edition).await;
        assert_eq!(applications(peer).await, 0);
    }
    apply(&eva, &edition).await;
    for peer in [&mut here, &mut there] {
        assert_eq!(applications(peer).await, 1);
    }
}

#[tokio::test]
async fn a_lost_connection_to_the_server_loses_no_change() {
    let test = TestApp::having(prompt).await;
    let (carla, edition) = open(&test).await;
    let mut peer = follower(&test, &carla, &edition).await;
    assert_eq!(applications(&mut peer).await, 0);
    for (count, name) in [(1, "Eva"), (2, "Ana"), (3, "Ida")] {
        let person = test.person(name).await;
        if test.app.db.engine() == Engine::Postgres {
            cut(&test).await;
        }
        apply(&person, &edition).await;
        assert_eq!(applications(&mut peer).await, count);
    }
}

/// PostgreSQL lets one transaction at a time commit that notifies, so that nobody should who need not.
#[tokio::test]
async fn a_change_is_announced_only_where_somebody_follows_it() {
    let test = TestApp::having(prompt).await;
    if test.app.db.engine() == Engine::Sqlite {
        // Nothing leaves the process.
        return;
    }
    let carla = test.coordinator().await;
    let (one, other) = (
        enrolling(&carla, Plan::OPEN).await,
        enrolling(&carla, Plan::OTHER).await,
    );
    let eva = test.person("Eva").await;
    let mut overheard = PgListener::connect(test.app.settings.database.url.reveal())
        .await
        .expect("a connection");
    overheard.listen("rumbo_changes").await.expect("it listens");
    apply(&eva, &one).await;

    let mut peer = introduced(&test, carla.token()).await;
    subscribe(&mut peer, "a", FIGURES, json!({ "editionId": other })).await;
    assert_eq!(value(&mut peer, "editionFigures").await["applications"], 0);
    // From when the server knows that it is followed.
    let known = "SELECT CAST(objid AS text) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND granted \
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    until("the server knows that it is followed", async || {
        !texts(&test.app.db, known).await.is_empty()
    })
    .await;
    apply(&eva, &other).await;
    assert_eq!(value(&mut peer, "editionFigures").await["applications"], 1);
    let other: EditionId = other.parse().expect("an edition");
    let first = in_time(overheard.recv()).await.expect("a notification");
    assert_eq!(
        first.payload(),
        format!("e{}", other.0.simple()),
        "the first that was said"
    );

    // Whoever follows it no more holds nothing by which it would be said.
    peer.say(json!({ "type": "complete", "id": "a" })).await;
    freed(&test).await;
    until("it is given back", async || texts(&test.app.db, known).await.is_empty()).await;
}

/// Ends the connection on which the program listens, as soon as there is one.
async fn cut(test: &TestApp) {
    let sql = "SELECT CAST(pg_terminate_backend(pid) AS text) FROM pg_stat_activity \
               WHERE application_name = 'rumbo live' AND datname = current_database() \
               AND (query LIKE 'LISTEN%' OR query LIKE '%advisory%')";
    until("somebody listens", async || !texts(&test.app.db, sql).await.is_empty()).await;
}

#[tokio::test]
async fn the_way_to_the_server_may_be_another() {
    let test = TestApp::having(|settings| {
        prompt(settings);
        settings.database.listen_url = settings.database.url.clone();
    })
    .await;
    let (carla, edition) = open(&test).await;
    let mut peer = follower(&test, &carla, &edition).await;
    figures(&mut peer).await;
    apply(&test.person("Eva").await, &edition).await;
    assert_eq!(applications(&mut peer).await, 1);
    if test.app.db.engine() == Engine::Postgres {
        let mut settings = (*test.app.settings).clone();
        settings.database.listen_url = Secret::new("whisper:whisper");
        let refused = rumbo::store::Db::connect(&settings.database)
            .await
            .expect_err("no address");
        let told = refused.to_string();
        assert!(
            told.contains("database.listen_url") && !told.contains("whisper"),
            "{told}"
        );
    }
}
