//! The outbox and the worker together, each test on a database of its own.

use chrono::NaiveDate;
use sea_orm::{ActiveModelTrait, ConnectionTrait, EntityTrait, Set};
use uuid::Uuid;

use super::*;
use crate::config::{Secret, Transport};
use crate::domain::id::{PersonId, SubmissionId};
use crate::domain::language::{Language, Localized};
use crate::domain::notice::{AboutEdition, Guest};
use crate::domain::submission::SubmissionState;
use crate::store::outbox::{DEAD, QUEUED, SENT};
use crate::store::{history, idempotency, submission};

fn vault() -> Vault {
    let settings = config::Settings::load("test", None, &[]).expect("settings");
    Vault::from_settings(&settings.auth).expect("a vault")
}

struct Bench {
    worker: Worker,
    folder: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let database = config::Database {
            url: Secret::new(format!("sqlite://{}", folder.path().join("test.sqlite").display())),
            listen_url: Secret::default(),
            readers: 2,
            connections: 2,
            statement_seconds: 5,
            standing_milliseconds: 0,
        };
        let db = Db::connect(&database).await.expect("a database");
        db.migrate().await.expect("a schema");
        let settings = config::Mail {
            transport: Transport::Memory,
            from: "Rumbo <no-reply@example.org>".into(),
            smtp_url: Secret::default(),
            folder: folder.path().join("mail"),
            attempts: 3,
            lease_seconds: 60,
            poll_milliseconds: 1000,
            digest: false,
            digest_hour: 7,
        };
        let start = DateTime::from_timestamp(1_700_000_000, 0).expect("an instant");
        let worker = Worker {
            db,
            clock: Arc::new(Clock::fixed(start)),
            mailer: Mailer::from_settings(&settings).expect("a mailer"),
            settings,
            retention: config::Retention {
                invitation_days: 30,
                message_days: 30,
                session_days: 30,
                import_days: 30,
            },
            public_url: "https://rumbo.example.org".into(),
            vault: vault(),
            wake: Arc::default(),
        };
        Self { worker, folder }
    }

    /// A worker that can send nothing: its mail folder lies below a file.
    fn broken(&self) -> Worker {
        let file = self.folder.path().join("file");
        std::fs::write(&file, "").expect("a file");
        let settings = config::Mail {
            transport: Transport::Files,
            folder: file.join("mail"),
            ..self.worker.settings.clone()
        };
        let mailer = Mailer::from_settings(&settings).expect("a mailer");
        Worker {
            mailer,
            settings,
            ..self.worker.clone()
        }
    }

    async fn person(&self, number: i64, language: Language) -> PersonId {
        let tx = self.worker.db.write().await.expect("a transaction");
        let id = PersonId(self.worker.clock.new_id());
        let row = person::ActiveModel {
            id: Set(id),
            number: Set(number),
            email: Set(format!("person.{number}@example.org")),
            given_name: Set("Ana".into()),
            family_name: Set("Pérez".into()),
            language: Set(language),
            time_zone: Set("America/Montevideo".into()),
            password_hash: Set(None),
            email_confirmed_at: Set(None),
            disabled_at: Set(None),
            created_at: Set(self.worker.clock.now()),
            version: Set(1),
        };
        row.insert(&tx).await.expect("a person");
        tx.commit().await.expect("committed");
        id
    }

    async fn enqueue(&self, recipient: PersonId, notice: &Notice) -> Uuid {
        let tx = self.worker.db.write().await.expect("a transaction");
        let id = outbox::enqueue(&tx, &self.worker.clock, recipient, notice)
            .await
            .expect("queued");
        tx.commit().await.expect("committed");
        id
    }

    async fn row(&self, id: Uuid) -> outbox::Model {
        outbox::Entity::find_by_id(id)
            .one(self.worker.db.read())
            .await
            .expect("a query")
            .expect("a row")
    }

    async fn claim(&self) -> Vec<outbox::Model> {
        outbox::claim(&self.worker.db, self.worker.clock.now(), 60, 20)
            .await
            .expect("a claim")
    }

    /// Whether the draft of `drafts.sql` is one no more.
    async fn is_draft_closed(&self) -> bool {
        let draft = submission::Entity::find_by_id(SubmissionId(Uuid::from_u128(6)));
        let draft = draft.one(self.worker.db.read()).await.expect("a query");
        draft.expect("a row").state == SubmissionState::NotSubmitted
    }

    async fn run_sql(&self, script: &str) {
        let tx = self.worker.db.write().await.expect("a transaction");
        tx.execute_unprepared(script).await.expect("a script");
        tx.commit().await.expect("committed");
    }
}

fn confirm_address() -> Notice {
    Notice::ConfirmAddress {
        guest: None,
        token: "a-secret-token".into(),
        expires_at: DateTime::from_timestamp(1_700_086_400, 0).expect("an instant"),
    }
}

#[tokio::test]
async fn a_message_leaves_once_in_the_readers_language() {
    let bench = Bench::new().await;
    let ana = bench.person(1, Language::Pt).await;
    let id = bench
        .enqueue(
            ana,
            &Notice::EnrolmentConfirmed {
                edition: edition(),
                asks_consent: false,
            },
        )
        .await;
    for _ in 0..2 {
        bench.worker.drain().await.expect("drained");
    }
    let sent = bench.worker.mailer.take_sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].to, "person.1@example.org");
    assert_eq!(sent[0].notice, "enrolment_confirmed");
    assert_eq!(sent[0].subject, "Inscrição confirmada: Brechas de género");
    assert_eq!(sent[0].message_id, format!("<{id}@example.org>"));
    let row = bench.row(id).await;
    assert_eq!(
        (row.state.as_str(), row.attempts, row.sent_at),
        (SENT, 1, Some(bench.worker.clock.now()))
    );
}

#[tokio::test]
async fn a_message_that_was_rolled_back_never_leaves() {
    let bench = Bench::new().await;
    let ana = bench.person(1, Language::Es).await;
    let tx = bench.worker.db.write().await.expect("a transaction");
    outbox::enqueue(&tx, &bench.worker.clock, ana, &Notice::AlreadyRegistered)
        .await
        .expect("queued");
    tx.rollback().await.expect("rolled back");
    bench.worker.drain().await.expect("drained");
    assert!(bench.worker.mailer.take_sent().is_empty());
}

#[tokio::test]
async fn the_token_is_forgotten_once_it_was_sent() {
    let bench = Bench::new().await;
    let ana = bench.person(1, Language::En).await;
    let id = bench.enqueue(ana, &confirm_address()).await;
    bench.broken().drain().await.expect("drained");
    assert!(bench.row(id).await.payload.to_string().contains("a-secret-token"));
    bench.worker.clock.advance(TimeDelta::minutes(1));
    bench.worker.drain().await.expect("drained");
    let sent = bench.worker.mailer.take_sent();
    assert!(
        sent[0]
            .text
            .contains("https://rumbo.example.org/confirm?token=a-secret-token"),
        "{}",
        sent[0].text
    );
    let row = bench.row(id).await;
    assert!(!format!("{row:?}").contains("a-secret-token"));
    assert_eq!(row.payload["notice"], "confirm_address");
}

#[tokio::test]
async fn the_token_is_forgotten_when_the_message_is_given_up() {
    let bench = Bench::new().await;
    let ana = bench.person(1, Language::En).await;
    let id = bench.enqueue(ana, &confirm_address()).await;
    let worker = bench.broken();
    for _ in 0..bench.worker.settings.attempts {
        assert!(bench.row(id).await.payload.to_string().contains("a-secret-token"));
        worker.drain().await.expect("drained");
        bench.worker.clock.advance(TimeDelta::hours(1));
    }
    let row = bench.row(id).await;
    assert_eq!(row.state, DEAD);
    assert!(!format!("{row:?}").contains("a-secret-token"));
}

#[tokio::test]
async fn a_failing_transport_is_tried_ever_later_and_given_up() {
    let bench = Bench::new().await;
    let ana = bench.person(1, Language::Es).await;
    let id = bench.enqueue(ana, &Notice::AlreadyRegistered).await;
    let worker = bench.broken();
    for (attempt, seconds) in [(1, 30), (2, 60)] {
        worker.drain().await.expect("drained");
        let row = bench.row(id).await;
        let due_at = bench.worker.clock.now() + TimeDelta::seconds(seconds);
        assert_eq!(
            (row.state.as_str(), row.attempts, row.due_at),
            (QUEUED, attempt, due_at)
        );
        assert!(row.last_error.is_some_and(|error| error.contains("mail folder")));
        bench.worker.clock.advance(TimeDelta::seconds(seconds - 1));
        worker.drain().await.expect("drained");
        assert_eq!(bench.row(id).await.attempts, attempt, "taken before it is due");
        bench.worker.clock.advance(TimeDelta::seconds(1));
    }
    worker.drain().await.expect("drained");
    assert_eq!(bench.row(id).await.state, DEAD);
    bench.worker.clock.advance(TimeDelta::days(1));
    bench.worker.drain().await.expect("drained");
    assert!(bench.worker.mailer.take_sent().is_empty());
}

#[tokio::test]
async fn who_lost_the_lease_changes_nothing() {
    let bench = Bench::new().await;
    let ana = bench.person(1, Language::Es).await;
    let id = bench.enqueue(ana, &Notice::AlreadyRegistered).await;
    let first = bench.claim().await;
    assert_eq!(first[0].lease, 1);
    assert!(bench.claim().await.is_empty(), "claimed by two");
    bench.worker.clock.advance(TimeDelta::seconds(60));
    let second = bench.claim().await;
    assert_eq!((second[0].lease, second[0].attempts), (2, 2));
    let (db, now) = (&bench.worker.db, bench.worker.clock.now());
    assert_eq!(outbox::mark_sent(db, id, 1, now).await.expect("asked"), Settled::Lost);
    assert_eq!(
        outbox::mark_failed(db, id, 1, now, "late", 1).await.expect("asked"),
        Settled::Lost
    );
    assert_eq!(bench.row(id).await, second[0]);
    assert_eq!(outbox::mark_sent(db, id, 2, now).await.expect("asked"), Settled::Sent);
    assert_eq!(outbox::mark_sent(db, id, 2, now).await.expect("asked"), Settled::Lost);
}

#[tokio::test]
async fn a_message_whose_workers_are_always_lost_is_given_up() {
    let bench = Bench::new().await;
    let ana = bench.person(1, Language::Es).await;
    let id = bench.enqueue(ana, &Notice::AlreadyRegistered).await;
    for _ in 0..3 {
        assert_eq!(bench.claim().await.len(), 1);
        bench.worker.clock.advance(TimeDelta::seconds(60));
    }
    bench.worker.drain().await.expect("drained");
    assert_eq!(bench.row(id).await.state, DEAD);
    assert!(bench.worker.mailer.take_sent().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_side_by_side_send_each_message_once() {
    let bench = Bench::new().await;
    let ana = bench.person(1, Language::Es).await;
    let tx = bench.worker.db.write().await.expect("a transaction");
    for _ in 0..50 {
        outbox::enqueue(&tx, &bench.worker.clock, ana, &Notice::AlreadyRegistered)
            .await
            .expect("queued");
    }
    tx.commit().await.expect("committed");
    let mut workers = JoinSet::new();
    for _ in 0..2 {
        let worker = bench.worker.clone();
        workers.spawn(async move { worker.drain().await });
    }
    while let Some(ended) = workers.join_next().await {
        ended.expect("a worker").expect("drained");
    }
    let mut ids: Vec<String> = bench
        .worker
        .mailer
        .take_sent()
        .into_iter()
        .map(|sent| sent.message_id)
        .collect();
    assert_eq!(ids.len(), 50);
    ids.dedup();
    assert_eq!(ids.len(), 50, "a message was sent twice");
}

#[tokio::test]
async fn what_cannot_be_sent_stops_no_other_and_is_counted() {
    let bench = Bench::new().await;
    let disabled = bench.person(1, Language::Es).await;
    let nowhere = bench.person(2, Language::Es).await;
    let ana = bench.person(3, Language::Es).await;
    bench
        .run_sql("UPDATE person SET disabled_at = created_at WHERE number = 1; UPDATE person SET email = '' WHERE number = 2")
        .await;
    let mut dead = Vec::new();
    for person in [disabled, nowhere, ana] {
        dead.push(bench.enqueue(person, &Notice::AlreadyRegistered).await);
    }
    bench.run_sql("UPDATE outbox SET payload = '{\"notice\": \"from_the_future\"}' WHERE recipient_id = (SELECT id FROM person WHERE number = 3)").await;
    let queued_at = bench.worker.clock.now();
    let good = bench.enqueue(ana, &Notice::AlreadyRegistered).await;
    let before = outbox::counts(&bench.worker.db).await.expect("counts");
    assert_eq!(
        before,
        outbox::Counts {
            queued: 4,
            oldest: Some(queued_at),
            dead: 0
        }
    );
    bench.worker.drain().await.expect("drained");
    assert_eq!(bench.row(good).await.state, SENT);
    assert_eq!(bench.worker.mailer.take_sent().len(), 1);
    let reasons = [
        "the account is disabled",
        "the person has no address",
        "the payload is no notice that this version knows",
    ];
    for (id, reason) in dead.into_iter().zip(reasons) {
        let row = bench.row(id).await;
        assert_eq!((row.state.as_str(), row.last_error.as_deref()), (DEAD, Some(reason)));
    }
    let after = outbox::counts(&bench.worker.db).await.expect("counts");
    assert_eq!(
        after,
        outbox::Counts {
            queued: 0,
            oldest: None,
            dead: 3
        }
    );
}

fn edition() -> AboutEdition {
    AboutEdition {
        code: "BDG-2022".into(),
        title: Localized::of(Language::Es, "Brechas de género"),
        starts_on: NaiveDate::from_ymd_opt(2022, 3, 7).expect("a date"),
        ends_on: NaiveDate::from_ymd_opt(2022, 5, 27).expect("a date"),
        time_zone: "America/Montevideo".into(),
        event: "edn_1".into(),
        changes: 0,
    }
}

#[tokio::test]
async fn the_invited_are_told_of_the_end_also_when_who_invited_them_is_disabled() {
    let bench = Bench::new().await;
    let inviter = bench.person(1, Language::Es).await;
    bench.run_sql("UPDATE person SET disabled_at = created_at").await;
    let guest = Guest {
        address: "nora@example.org".into(),
        given_name: "Nora".into(),
        family_name: "Silva".into(),
        language: Language::En,
    };
    let ended = Notice::InvitationEnded {
        guest: guest.clone(),
        edition: edition(),
        reason: "No money".into(),
    };
    let ended = bench.enqueue(inviter, &ended).await;
    // What a disabled account offers is not sent.
    let offer = Notice::InvitedToEdition {
        guest,
        inviter: "Ana Pérez".into(),
        edition: edition(),
        token: "a-secret-token".into(),
        expires_at: bench.worker.clock.now() + TimeDelta::days(7),
    };
    let offer = bench.enqueue(inviter, &offer).await;
    bench.worker.drain().await.expect("drained");
    let sent = bench.worker.mailer.take_sent();
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!(
        (sent[0].notice.as_str(), sent[0].to.as_str()),
        ("invitation_ended", "nora@example.org")
    );
    assert_eq!(bench.row(ended).await.state, SENT);
    assert_eq!(bench.row(offer).await.state, DEAD);
}

#[tokio::test]
async fn a_message_whose_token_has_run_out_is_given_up() {
    let bench = Bench::new().await;
    let ana = bench.person(1, Language::Es).await;
    let until = bench.worker.clock.now() + TimeDelta::minutes(30);
    let reset = || Notice::ResetPassword {
        token: "a-secret-token".into(),
        expires_at: until,
    };
    let late = bench.enqueue(ana, &reset()).await;
    bench.broken().drain().await.expect("drained");
    bench
        .worker
        .clock
        .advance(TimeDelta::minutes(30) - TimeDelta::microseconds(1));
    let good = bench.enqueue(ana, &reset()).await;
    assert_eq!(bench.claim().await.len(), 2);
    for (id, works) in [(good, true), (late, false)] {
        let row = bench.row(id).await;
        if !works {
            bench.worker.clock.advance(TimeDelta::microseconds(1));
        }
        let person = person::Entity::find_by_id(ana).one(bench.worker.db.read()).await;
        let person = person.expect("a query");
        bench.worker.clone().deliver(row, person).await.expect("delivered");
        assert_eq!(bench.worker.mailer.take_sent().len(), usize::from(works));
    }
    let row = bench.row(late).await;
    assert_eq!(
        (row.state.as_str(), row.last_error.as_deref()),
        (DEAD, Some("its token has run out"))
    );
    assert!(!format!("{row:?}").contains("a-secret-token"));
}

#[tokio::test]
async fn a_job_that_fails_keeps_no_other_from_its_turn() {
    let bench = Bench::new().await;
    bench.run_sql(include_str!("drafts.sql")).await;
    let ana = bench.person(1, Language::Es).await;
    let id = bench.enqueue(ana, &Notice::AlreadyRegistered).await;
    bench.worker.clock.advance(TimeDelta::days(1));
    // The first job of all finds nothing to read; the last one has a key to forget.
    bench.run_sql("ALTER TABLE seat_pool RENAME TO elsewhere").await;
    bench
        .run_sql(
            "INSERT INTO idempotency_key (id, fingerprint, grants, answer, created_at)
             VALUES (x'01', x'02', '', x'03', '2023-11-01T00:00:00+00:00')",
        )
        .await;
    let failed = bench.worker.drain().await.expect_err("the first job fails");
    assert!(failed.to_string().contains("seat_pool"), "{failed}");
    assert_eq!(bench.row(id).await.state, SENT);
    assert!(bench.is_draft_closed().await);
    let keys = idempotency::Entity::find().all(bench.worker.db.read()).await;
    assert!(keys.expect("a query").is_empty());
}

#[tokio::test]
async fn a_worker_without_anything_to_do_takes_no_write_lock() {
    let bench = Bench::new().await;
    // Who writes meanwhile holds up whoever else wants to.
    let tx = bench.worker.db.write().await.expect("a transaction");
    bench.worker.drain().await.expect("nothing had to wait");
    tx.rollback().await.expect("rolled back");
}

#[tokio::test]
async fn a_worker_outlives_a_panic() {
    let bench = Bench::new().await;
    bench.run_sql(include_str!("drafts.sql")).await;
    let ana = bench.person(1, Language::Es).await;
    bench.enqueue(ana, &Notice::AlreadyRegistered).await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let mut worker = bench.worker.clone();
    worker.settings.poll_milliseconds = 86_400_000;
    // No instant is so far away: claiming a message panics.
    worker.settings.lease_seconds = i64::MAX;
    let running = tokio::spawn(worker.run(async { drop(stopped.await) }));
    bench.worker.clock.advance(TimeDelta::days(1));
    bench.worker.wake.notify_one();
    while !bench.is_draft_closed().await {
        assert!(!running.is_finished(), "the worker ended");
        tokio::task::yield_now().await;
    }
    stop.send(()).expect("it still runs");
    running.await.expect("it stops when it is told to");
}

#[tokio::test]
async fn a_running_worker_is_woken_and_stops_when_told() {
    let bench = Bench::new().await;
    let ana = bench.person(1, Language::Es).await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let mut worker = bench.worker.clone();
    worker.settings.poll_milliseconds = 86_400_000;
    let running = tokio::spawn(worker.run(async { drop(stopped.await) }));
    let id = bench.enqueue(ana, &Notice::AlreadyRegistered).await;
    bench.worker.wake.notify_one();
    while bench.row(id).await.state != SENT {
        tokio::task::yield_now().await;
    }
    stop.send(()).expect("it still runs");
    running.await.expect("it stops");
}

#[tokio::test]
async fn drafts_are_closed_once_when_the_cut_off_has_passed() {
    let bench = Bench::new().await;
    bench.run_sql(include_str!("drafts.sql")).await;
    let states = async || {
        let rows = submission::Entity::find()
            .all(bench.worker.db.read())
            .await
            .expect("a query");
        let mut states: Vec<_> = rows
            .into_iter()
            .map(|row| (row.id.0.as_u128(), row.state, row.version))
            .collect();
        states.sort_by_key(|(id, _, _)| *id);
        states
    };
    let draft = [
        (6, SubmissionState::Draft, 1),
        (7, SubmissionState::RevisionRequested, 1),
    ];
    let closed = [
        (6, SubmissionState::NotSubmitted, 2),
        (7, SubmissionState::RevisionRequested, 1),
    ];
    bench.worker.drain().await.expect("drained");
    assert_eq!(states().await, draft, "closed at the very cut-off");
    bench.worker.clock.advance(TimeDelta::microseconds(1));
    for _ in 0..2 {
        bench.worker.drain().await.expect("drained");
        assert_eq!(states().await, closed);
    }
    let id = SubmissionId(Uuid::from_u128(6));
    let steps = history::of(bench.worker.db.read(), &[id.0]).await.expect("a query");
    assert_eq!(steps.len(), 1);
    let arrow = (
        steps[0].from_state.as_deref(),
        steps[0].to_state.as_str(),
        steps[0].actor_id,
        steps[0].at,
    );
    assert_eq!(arrow, (Some("draft"), "not_submitted", None, bench.worker.clock.now()));
}
