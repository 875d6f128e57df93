//! Work from the first draft to the outcome, each test on a database of its own.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ActiveModelTrait, ConnectionTrait, EntityTrait, Set};
use uuid::Uuid;

use super::*;
use crate::clock::Clock;
use crate::config::{Secret, Settings};
use crate::domain::actor::{Grant, Role, Scope};
use crate::domain::deliverable::{Criterion, DeliverableDraft, DeliverableKind, Level, Rubric, Score};
use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::{CourseId, EditionId, EnrolmentId, PersonId, RoleAssignmentId, Seen, SubmissionId, TeamId};
use crate::domain::language::Language;
use crate::domain::person::{ConstituentGroup, Gender};
use crate::domain::statistics::Change;
use crate::domain::text::{Comment, Name, Reason};
use crate::error::Code;
use crate::service::assessment::{self, Assess};
use crate::service::{completion, deliverable as deliverables, grade, team};
use crate::store::{enrolment, grade as grades, history, outbox, person, role, tally, version};

const EDITION: EditionId = EditionId(Uuid::from_u128(2));

struct Bench {
    app: App,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}", folder.path().join("test.sqlite").display());
        let mut settings = Settings::load("test", None, &[]).expect("settings");
        settings.database.url = Secret::new(url);
        let start = DateTime::from_timestamp(1_700_000_000, 0).expect("an instant");
        let app = App::new(settings, Clock::fixed(start)).await.expect("an app");
        app.db.migrate().await.expect("a schema");
        let tx = app.db.write().await.expect("a transaction");
        tx.execute_unprepared(
            "INSERT INTO course VALUES (x'00000000000000000000000000000001', 'BDG', '{}', '{}', '{}', '[]', '', \
             '2023-01-01T00:00:00+00:00', 1);
             INSERT INTO edition (id, course_id, code, languages, time_zone, starts_on, ends_on, enrols_from, enrols_until, \
             capacity, minimum, seats_taken, modality, policy, state, pass_mark, tutors_release, search_text, created_at, version) \
             VALUES (x'00000000000000000000000000000002', x'00000000000000000000000000000001', 'BDG-1', \
             'es', 'America/Montevideo', '2023-01-01', '2023-12-31', '2022-01-01T00:00:00+00:00', \
             '2022-02-01T00:00:00+00:00', NULL, 0, 0, 'online', 'open', 'running', 60000, false, '', \
             '2023-01-01T00:00:00+00:00', 1);",
        )
        .await
        .expect("an edition");
        tx.commit().await.expect("committed");
        Self { app, _folder: folder }
    }

    async fn person(&self, number: i64) -> Actor {
        let tx = self.app.db.write().await.expect("a transaction");
        let id = PersonId(self.app.clock.new_id());
        let row = person::ActiveModel {
            id: Set(id),
            number: Set(number),
            email: Set(format!("person.{number}@example.org")),
            given_name: Set("Ana".into()),
            family_name: Set("Pérez".into()),
            language: Set(Language::Es),
            time_zone: Set("UTC".into()),
            password_hash: Set(None),
            email_confirmed_at: Set(None),
            disabled_at: Set(None),
            created_at: Set(self.app.clock.now()),
            version: Set(1),
        };
        row.insert(&tx).await.expect("a person");
        tx.commit().await.expect("committed");
        Actor {
            person: Some(id),
            ..Actor::anonymous(Language::Es)
        }
    }

    async fn participant(&self, number: i64) -> (Actor, EnrolmentId) {
        let actor = self.person(number).await;
        let tx = self.app.db.write().await.expect("a transaction");
        let row = enrolment::Model {
            id: EnrolmentId(self.app.clock.new_id()),
            edition_id: EDITION,
            person_id: actor.person.expect("a person"),
            person_number: number,
            state: EnrolmentState::Active,
            motivation: String::new(),
            applied_at: self.app.clock.now(),
            applied_month: "2023-01".into(),
            gender: Gender::Female,
            country: "UY".into(),
            institution_id: None,
            constituent_group: ConstituentGroup::Workers,
            language: Language::Es,
            nominated_by: None,
            works_submitted: 0,
            works_released: 0,
            grade: None,
            version: 1,
            seat_pool_id: None,
            waiting_rank: None,
            offered_until: None,
            institution_kind: None,
            score: enrolment::UNSCORED,
        };
        enrolment::insert(&tx, &row).await.expect("an enrolment");
        let change = Change {
            at: self.app.clock.now(),
            before: None,
            after: Some(enrolment::fact(&row)),
        };
        tally::record(&tx, &self.app.clock, &[change]).await.expect("counted");
        tx.commit().await.expect("committed");
        (actor, row.id)
    }

    async fn coordinator(&self, number: i64) -> Actor {
        let grant = Grant {
            role: Role::Coordinator,
            scope: Scope::Course(CourseId(Uuid::from_u128(1))),
        };
        Actor {
            grants: vec![grant],
            ..self.person(number).await
        }
    }

    async fn tutor(&self, number: i64) -> Actor {
        let grant = Grant {
            role: Role::Tutor,
            scope: Scope::Edition(EDITION),
        };
        let actor = self.person(number).await;
        let tx = self.app.db.write().await.expect("a transaction");
        let id = RoleAssignmentId(self.app.clock.new_id());
        let row = role::new_row(id, actor.person.expect("a person"), grant, self.app.clock.now(), None);
        role::insert(&tx, row).await.expect("a role");
        tx.commit().await.expect("committed");
        Actor {
            grants: vec![grant],
            ..actor
        }
    }

    async fn team(&self, coordinator: &Actor, enrolments: Vec<EnrolmentId>) -> TeamId {
        let name = Name::parse("Costa").expect("a name");
        let command = team::CreateTeam {
            edition: EDITION,
            name,
            enrolments,
        };
        team::create(&self.app, coordinator, command).await.expect("a team").id
    }

    async fn roadmap(&self, coordinator: &Actor) -> DeliverableId {
        let due_at = self.app.clock.now() + TimeDelta::days(7);
        let level = |title: &str, points| Level {
            title: title.into(),
            points,
        };
        let criterion = Criterion {
            key: "scope".into(),
            title: "Scope".into(),
            description: String::new(),
            levels: vec![level("Low", 0), level("Fair", 5_000), level("Good", 10_000)],
        };
        let draft = DeliverableDraft {
            kind: DeliverableKind::Roadmap,
            title: Title::parse("Roadmap").expect("a title"),
            instructions: Comment::default(),
            due_at,
            cut_off_at: due_at,
            weight: 1,
            rubric: Rubric {
                criteria: vec![criterion],
            },
        };
        deliverables::create(&self.app, coordinator, EDITION, draft)
            .await
            .expect("a deliverable")
            .id
    }

    async fn save(&self, author: &Actor, deliverable: DeliverableId, seen: Option<i64>) -> Result<submission::Model> {
        let title = Some(Title::parse("Our roadmap").expect("a title"));
        let body = Body::parse("What we will do").expect("a body");
        save_draft(
            &self.app,
            author,
            SaveDraft {
                deliverable,
                title,
                body,
                version: seen,
            },
        )
        .await
    }

    async fn mails(&self) -> Vec<String> {
        let rows = outbox::Entity::find()
            .all(self.app.db.read())
            .await
            .expect("the outbox");
        rows.into_iter().map(|row| row.notice).collect()
    }

    async fn enrolment(&self, id: EnrolmentId) -> enrolment::Model {
        enrolment::by_ids(self.app.db.read(), &[id])
            .await
            .expect("a query")
            .remove(0)
    }

    async fn seen(&self, ids: &[EnrolmentId]) -> Vec<Seen<EnrolmentId>> {
        let mut list = Vec::new();
        for id in ids {
            let version = self.enrolment(*id).await.version;
            list.push(Seen { id: *id, version });
        }
        list
    }
}

fn seen(row: &submission::Model) -> Seen<SubmissionId> {
    Seen {
        id: row.id,
        version: row.version,
    }
}

fn assess(row: &submission::Model, level: usize) -> Assess {
    Assess {
        submission: row.id,
        version: row.version,
        number: None,
        scores: vec![Score {
            criterion: "scope".into(),
            level,
        }],
        comment: Comment::parse("Well argued").expect("a comment"),
    }
}

fn code<T: std::fmt::Debug>(result: Result<T>) -> Code {
    match result {
        Err(Error::Invalid(faults)) => faults[0].code,
        other => panic!("a refusal was expected, not {other:?}"),
    }
}

fn is_unseen<T>(result: &Result<T>) -> bool {
    matches!(result, Err(Error::NotFound(_)))
}

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "one story, told from its beginning to its end")]
async fn work_goes_from_draft_to_outcome() {
    let bench = Bench::new().await;
    let app = &bench.app;
    let coordinator = bench.coordinator(1).await;
    let tutor = bench.tutor(2).await;
    let (ana, first) = bench.participant(3).await;
    let (luis, second) = bench.participant(4).await;
    let (eva, outsider) = bench.participant(5).await;
    let team = bench.team(&coordinator, vec![first, second]).await;
    let command = team::AllocateTutor {
        teams: vec![team],
        tutor: tutor.person.expect("a person"),
    };
    team::allocate_tutor(app, &coordinator, command.clone())
        .await
        .expect("allocated");
    assert_eq!(
        code(team::allocate_tutor(app, &coordinator, command).await),
        Code::AlreadyGranted
    );
    let roadmap = bench.roadmap(&coordinator).await;

    // Any member writes, whoever saw the last version; nobody else.
    let row = bench.save(&ana, roadmap, None).await.expect("a draft");
    assert_eq!(code(bench.save(&luis, roadmap, None).await), Code::StaleVersion);
    let row = bench.save(&luis, roadmap, Some(row.version)).await.expect("a draft");
    assert!(matches!(bench.save(&eva, roadmap, None).await, Err(Error::Forbidden)));
    assert!(is_unseen(&submit(app, &eva, row.id, row.version).await));
    assert!(matches!(
        submit(app, &tutor, row.id, row.version).await,
        Err(Error::Forbidden)
    ));

    let row = submit(app, &luis, row.id, row.version).await.expect("handed in");
    assert_eq!(
        code(submit(app, &luis, row.id, row.version).await),
        Code::IllegalTransition
    );
    assert_eq!(
        code(bench.save(&ana, roadmap, Some(row.version)).await),
        Code::IllegalTransition
    );
    assert_eq!(row.counted_for, Some(second));
    assert_eq!(bench.enrolment(second).await.works_submitted, 1);

    let row = assessment::request_revision(app, &tutor, assess(&row, 0))
        .await
        .expect("given back");
    assert_eq!(bench.mails().await, ["revision_requested"; 2]);
    // Ana leaves the team: the first version stays hers.
    let change = team::UpdateTeam {
        team,
        version: 1,
        name: None,
        add: vec![],
        remove: vec![first],
    };
    team::update(app, &coordinator, change).await.expect("changed");
    app.clock.advance(TimeDelta::days(30));
    let row = bench
        .save(&luis, roadmap, Some(row.version))
        .await
        .expect("after the cut-off");
    let row = submit(app, &luis, row.id, row.version).await.expect("version 2");
    let versions = version::of_submissions(app.db.read(), &[row.id])
        .await
        .expect("versions");
    let authors = |number: usize| author::of_versions(app.db.read(), std::slice::from_ref(&versions[number].id));
    assert_eq!(versions.iter().map(|row| row.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(authors(0).await.expect("authors").len(), 2);
    assert_eq!(authors(1).await.expect("authors").len(), 1);
    assert_eq!(bench.enrolment(second).await.works_submitted, 1);

    assert_eq!(
        code(grade::release(app, &coordinator, &[seen(&row)], None).await),
        Code::NotAssessed
    );
    let row = assessment::grade(app, &tutor, assess(&row, 1)).await.expect("graded");
    let row = assessment::grade(app, &tutor, assess(&row, 2))
        .await
        .expect("graded again");
    assert!(matches!(
        grade::release(app, &tutor, &[seen(&row)], None).await,
        Err(Error::Forbidden)
    ));
    let released = grade::release(app, &coordinator, &[seen(&row)], None)
        .await
        .expect("released");
    assert_eq!(released[0].state, SubmissionState::Released);
    assert_eq!(bench.enrolment(second).await.works_released, 1);
    let of = grades::of_submissions(app.db.read(), &[row.id]).await.expect("grades");
    assert_eq!(of.iter().map(|row| row.value).collect::<Vec<_>>(), [100_000]);

    let reason = Reason::parse("A point was counted twice").expect("a reason");
    grade::override_value(app, &coordinator, seen(&released[0]), 70_000, &reason)
        .await
        .expect("overridden");
    let decided = completion::decide(app, &coordinator, &bench.seen(&[first, second, outsider]).await)
        .await
        .expect("decided");
    let outcomes: Vec<_> = decided.iter().map(|row| row.outcome.as_str()).collect();
    assert_eq!(outcomes, ["completed", "completed", "not_completed"]);
    assert_eq!(bench.enrolment(first).await.grade, Some(70_000));
    assert_eq!(
        edition::find(app.db.read(), EDITION)
            .await
            .expect("a query")
            .expect("an edition")
            .seats_taken,
        0
    );
    assert_eq!(
        code(completion::decide(app, &coordinator, &bench.seen(&[second]).await).await),
        Code::IllegalTransition
    );
    completion::decide_late(app, &coordinator, bench.seen(&[outsider]).await[0], &reason)
        .await
        .expect("decided late");
    assert_eq!(bench.enrolment(outsider).await.state, EnrolmentState::Completed);

    let path = history::of(app.db.read(), &[row.id.0]).await.expect("history");
    let states: Vec<_> = path.iter().map(|step| step.to_state.as_str()).collect();
    let expected = [
        "draft",
        "submitted",
        "in_review",
        "revision_requested",
        "submitted",
        "in_review",
        "assessed",
        "released",
    ];
    assert_eq!(states, expected);
}

#[tokio::test]
async fn a_deadline_is_refused_with_its_zone() {
    let bench = Bench::new().await;
    let coordinator = bench.coordinator(1).await;
    let (ana, first) = bench.participant(3).await;
    bench.team(&coordinator, vec![first]).await;
    let roadmap = bench.roadmap(&coordinator).await;
    let row = bench.save(&ana, roadmap, None).await.expect("a draft");
    bench.app.clock.advance(TimeDelta::days(7));
    bench.app.clock.advance(TimeDelta::seconds(1));
    let late: Result<_> = submit(&bench.app, &ana, row.id, row.version).await;
    let Err(Error::Invalid(faults)) = late else {
        panic!("handed in too late")
    };
    assert_eq!(faults[0].code, Code::DeadlinePassed);
    assert_eq!(
        faults[0].detail.as_deref(),
        Some("2023-11-21 19:13 (America/Montevideo)")
    );
}

#[tokio::test]
async fn nobody_decides_about_their_own_work_or_somebody_elses_edition() {
    let bench = Bench::new().await;
    let app = &bench.app;
    let coordinator = bench.coordinator(1).await;
    let stranger = bench.tutor(2).await;
    let (ana, first) = bench.participant(3).await;
    let (_, second) = bench.participant(4).await;
    let team = bench.team(&coordinator, vec![first]).await;
    let roadmap = bench.roadmap(&coordinator).await;
    let row = bench.save(&ana, roadmap, None).await.expect("a draft");
    let row = submit(app, &ana, row.id, row.version).await.expect("handed in");
    // A coordinator who takes part in the edition.
    let both = Actor {
        grants: coordinator.grants.clone(),
        ..ana.clone()
    };
    assert_eq!(
        code(assessment::grade(app, &both, assess(&row, 1)).await),
        Code::OwnWork
    );
    assert_eq!(
        code(completion::decide(app, &both, &bench.seen(&[first]).await).await),
        Code::OwnWork
    );
    assert!(is_unseen(
        &assessment::start_review(app, &stranger, row.id, row.version).await
    ));
    assert!(matches!(
        assessment::grade(app, &ana, assess(&row, 1)).await,
        Err(Error::Forbidden)
    ));
    let mut wrong = assess(&row, 3);
    assert_eq!(
        code(assessment::grade(app, &coordinator, wrong.clone()).await),
        Code::RubricMismatch
    );
    wrong.number = Some(2);
    assert_eq!(
        code(assessment::grade(app, &coordinator, wrong).await),
        Code::StaleVersion
    );
    let own = team::AllocateTutor {
        teams: vec![team],
        tutor: ana.person.expect("a person"),
    };
    assert_eq!(code(team::allocate_tutor(app, &coordinator, own).await), Code::OwnWork);
    let twice = team::UpdateTeam {
        team,
        version: 1,
        name: None,
        add: vec![second, first],
        remove: vec![],
    };
    assert_eq!(code(team::update(app, &coordinator, twice).await), Code::AlreadyInTeam);
    assert!(is_unseen(
        &completion::decide(app, &stranger, &bench.seen(&[first]).await).await
    ));
    let now: DateTime<Utc> = app.clock.now();
    assert!(row.handed_in_at.is_some_and(|at| at <= now));
}
