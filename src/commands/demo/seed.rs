//! What the demonstration adds around today: one edition that runs, with teams and work in every stage, and
//! one that takes applications. All of it through the use cases, with a clock that stands in the past, so
//! that history reads as if the people had done it.

use std::sync::Arc;

use super::asked;
use super::cast::{Cast, cast};
use super::people::{COORDINATOR, OTHERS, PARTICIPANT, TUTOR, acting, email_of, engage, grant, text};
use crate::app::App;
use crate::clock::Clock;
use crate::domain::actor::{Actor, Grant, Role, Scope};
use crate::domain::course::CourseDraft;
use crate::domain::deliverable::{Criterion, DeliverableDraft, DeliverableKind, Level, Rubric, Score};
use crate::domain::edition::{Calendar, EditionDraft, EditionState, EnrolmentPolicy, Modality};
use crate::domain::form::answer::Application;
use crate::domain::id::{DeliverableId, EditionId, EnrolmentId, PersonId, SubmissionId, TeamId};
use crate::domain::language::{Language, Localized};
use crate::domain::text::{Body, Comment, Email, Name, ShortCode, Title};
use crate::error::{Error, Result};
use crate::service::{assessment, course, deliverable, edition, enrolment, form, submission, team};
use crate::store;
use chrono::{DateTime, TimeDelta, Utc};

/// The code of the edition that runs.
pub(super) const RUNNING: &str = "ROADMAPS-NOW";
pub(super) const ENROLLING: &str = "SKILLS-NEXT";
/// How many people have applied to the one that enrols.
const APPLICANTS: usize = 3;

/// A director of the scene: an application whose clock stands where the scene plays.
struct Stage {
    app: App,
    coordinator: Actor,
}

/// Adds the two editions unless they are there, and tells who plays.
///
/// # Errors
/// An internal fault where an earlier run was stopped in the middle of adding them: what it did is not done twice.
pub async fn live_editions(app: &App) -> Result<Cast> {
    if !was_filled(app).await? {
        let begin = app.clock.now() - TimeDelta::days(60);
        let stage = App {
            clock: Arc::new(Clock::fixed(begin)),
            ..app.clone()
        };
        fill(&stage, app.clock.now()).await?;
    }
    cast(app).await
}

/// Whether everything was added before, which ends with the applications to the next edition, and not nothing.
async fn was_filled(app: &App) -> Result<bool> {
    let db = app.db.read();
    let by_code = async |code| store::edition::find_by_code(db, &Actor::operator(), code).await;
    if let Some(enrolling) = by_code(ENROLLING).await?
        && store::enrolment::count_in(db, enrolling.id).await? >= APPLICANTS as u64
    {
        return Ok(true);
    }
    let first = text(Email::parse(&email_of(COORDINATOR)))?;
    if by_code(RUNNING).await?.is_none() && store::person::find_by_email(db, &first).await?.is_none() {
        return Ok(false);
    }
    Err(Error::internal(
        "the demonstration was stopped while it was being made; remove its directory, or name an empty database, and start it anew",
    ))
}

async fn fill(app: &App, now: DateTime<Utc>) -> Result<()> {
    let coordinator = engage(app, COORDINATOR).await?;
    grant(app, coordinator, Role::Coordinator).await?;
    let grants = vec![Grant {
        role: Role::Coordinator,
        scope: Scope::System,
    }];
    let stage = Stage {
        app: app.clone(),
        coordinator: Actor {
            grants,
            ..acting(coordinator)
        },
    };
    let tutor = engage(app, TUTOR).await?;
    let mut people = vec![engage(app, PARTICIPANT).await?];
    for part in OTHERS {
        people.push(engage(app, part).await?);
    }
    let (members, applicants) = people.split_at(people.len() - APPLICANTS);
    let (running, enrolments) = stage.running(now, members).await?;
    stage.teams(running, &enrolments, tutor).await?;
    let roadmap = stage.roadmap(running, now).await?;
    stage.work(roadmap, &people, tutor).await?;
    stage.enrolling(now, applicants).await
}

impl Stage {
    fn until(&self, instant: DateTime<Utc>) {
        self.app.clock.advance(instant - self.app.clock.now());
    }

    async fn plan(&self, titles: [&str; 3], code: &str, plan: impl Fn(&mut EditionDraft)) -> Result<EditionId> {
        let localized = |[es, en, pt]: [&str; 3]| {
            Localized(
                [
                    (Language::Es, es.to_owned()),
                    (Language::En, en.to_owned()),
                    (Language::Pt, pt.to_owned()),
                ]
                .into(),
            )
        };
        let draft = CourseDraft {
            code: text(ShortCode::parse(code.split('-').next().unwrap_or(code)))?,
            titles: localized(titles),
            descriptions: localized([
                "Un curso con tutoría en el que cada equipo escribe la hoja de ruta que llevará a cabo en su institución.",
                "A course with tutors in which every team writes the roadmap that it will carry out at home.",
                "Um curso com tutoria em que cada equipe escreve o roteiro que executará na sua instituição.",
            ]),
            objectives: Localized::default(),
            topics: vec!["roadmaps".to_owned(), "skills".to_owned()],
        };
        let made = course::create(&self.app, &self.coordinator, &draft).await?;
        let today = self.app.clock.now();
        let mut draft = EditionDraft {
            code: text(ShortCode::parse(code))?,
            languages: vec![Language::Es, Language::Pt],
            time_zone: chrono_tz::America::Montevideo,
            calendar: Calendar {
                starts_on: today.date_naive(),
                ends_on: today.date_naive(),
                enrols_from: today,
                enrols_until: today,
            },
            capacity: Some(24),
            minimum: 6,
            modality: Modality::Online,
            policy: EnrolmentPolicy::Open,
            pass_mark: 60_000,
            tutors_release: false,
            endorses_nominations: false,
            offer_hours: None,
        };
        plan(&mut draft);
        Ok(edition::create(&self.app, &self.coordinator, made.id, &draft).await?.id)
    }

    async fn walk(&self, id: EditionId, states: &[EditionState]) -> Result<()> {
        for &to in states {
            let row = edition::find(&self.app, &self.coordinator, id)
                .await?
                .ok_or(Error::NotFound("edition"))?;
            edition::step(&self.app, &self.coordinator, id, row.version, to, None).await?;
        }
        Ok(())
    }

    async fn apply(&self, id: EditionId, who: PersonId, said: &Application) -> Result<EnrolmentId> {
        self.app.clock.advance(TimeDelta::hours(7));
        Ok(enrolment::apply(&self.app, &acting(who), id, said).await?.id)
    }

    /// The edition that runs, with its participants.
    async fn running(&self, now: DateTime<Utc>, people: &[PersonId]) -> Result<(EditionId, Vec<EnrolmentId>)> {
        let day = |days| now + TimeDelta::days(days);
        let titles = [
            "Hojas de ruta para la formación profesional",
            "Roadmaps for vocational training",
            "Roteiros para a formação profissional",
        ];
        let id = self
            .plan(titles, RUNNING, |draft| {
                draft.calendar.starts_on = day(-30).date_naive();
                draft.calendar.ends_on = day(45).date_naive();
                draft.calendar.enrols_from = day(-55);
                draft.calendar.enrols_until = day(-35);
            })
            .await?;
        self.until(day(-55));
        self.walk(id, &[EditionState::Announced, EditionState::Enrolling])
            .await?;
        let why = text(Comment::parse("Our institution wants to renew its curricula."))?;
        let said = Application::from(why);
        let mut enrolments = Vec::new();
        for &who in people {
            enrolments.push(self.apply(id, who, &said).await?);
        }
        self.until(day(-34));
        self.walk(id, &[EditionState::EnrolmentClosed]).await?;
        self.until(day(-30));
        self.walk(id, &[EditionState::Running]).await?;
        Ok((id, enrolments))
    }

    /// Four teams, all of them with the tutor.
    async fn teams(&self, id: EditionId, enrolments: &[EnrolmentId], tutor: PersonId) -> Result<Vec<TeamId>> {
        let names = ["Quebracho", "Araucaria", "Ceibo", "Jacarandá"];
        let shares = [
            &enrolments[..3],
            &enrolments[3..5],
            &enrolments[5..7],
            &enrolments[7..9],
        ];
        let mut teams = Vec::new();
        for (name, share) in names.into_iter().zip(shares) {
            let command = team::CreateTeam {
                edition: id,
                name: text(Name::parse(name))?,
                enrolments: share.to_vec(),
            };
            teams.push(team::create(&self.app, &self.coordinator, command).await?.id);
        }
        let command = team::AllocateTutor {
            teams: teams.clone(),
            tutor,
        };
        team::allocate_tutor(&self.app, &self.coordinator, command).await?;
        Ok(teams)
    }

    async fn roadmap(&self, id: EditionId, now: DateTime<Utc>) -> Result<DeliverableId> {
        let levels = |titles: [&str; 3]| {
            let points = [0, 15_000, 30_000];
            titles
                .into_iter()
                .zip(points)
                .map(|(title, points)| Level {
                    title: title.to_owned(),
                    points,
                })
                .collect()
        };
        let criterion = |key: &str, title: &str, description: &str| Criterion {
            key: key.to_owned(),
            title: title.to_owned(),
            description: description.to_owned(),
            levels: levels(["Missing", "In part", "Convincing"]),
        };
        let rubric = Rubric {
            criteria: vec![
                criterion("context", "Context", "Who is concerned, and what the figures say."),
                criterion("plan", "Plan", "Steps, dates, people and money that fit together."),
                criterion("evidence", "Evidence", "How one will know that it worked."),
            ],
        };
        let draft = DeliverableDraft {
            kind: DeliverableKind::Roadmap,
            title: text(Title::parse("Roadmap of the institution"))?,
            instructions: text(Comment::parse(
                "What will your institution do in the next eighteen months, who does it, and how will you know?",
            ))?,
            due_at: now + TimeDelta::days(20),
            cut_off_at: now + TimeDelta::days(25),
            weight: 1,
            rubric,
        };
        Ok(deliverable::create(&self.app, &self.coordinator, id, draft).await?.id)
    }

    /// Work in every stage: one in its second version and one in its first wait for a review, one is
    /// assessed; the participant's team has yet to begin.
    async fn work(&self, of: DeliverableId, people: &[PersonId], tutor: PersonId) -> Result<()> {
        let tutor = Actor {
            grants: vec![Grant {
                role: Role::Tutor,
                scope: Scope::System,
            }],
            ..acting(tutor)
        };
        self.app.clock.advance(TimeDelta::days(10));
        let first = self
            .hand_in(
                of,
                people[3],
                "Dual training in the port of Asunción",
                "Two companies and one centre train forty apprentices.",
            )
            .await?;
        self.app.clock.advance(TimeDelta::days(2));
        let comment = "A clear aim. Say who pays for the second year, and how you will measure that apprentices stay.";
        let command = self.judge(first, &[1, 1, 0], comment).await?;
        assessment::request_revision(&self.app, &tutor, command).await?;
        self.app.clock.advance(TimeDelta::days(3));
        self.hand_in(of, people[3], "Dual training in the port of Asunción", "Two companies and one centre train forty apprentices; the sector fund pays the second year; we ask every apprentice after six months.").await?;
        self.app.clock.advance(TimeDelta::days(1));
        self.hand_in(
            of,
            people[5],
            "Recognition of prior learning for builders",
            "A register of assessors, three sites, two hundred certificates in a year.",
        )
        .await?;
        let third = self
            .hand_in(
                of,
                people[7],
                "A data desk for the training centre",
                "One page of figures a month, made by the people who need them.",
            )
            .await?;
        self.app.clock.advance(TimeDelta::days(2));
        let command = self
            .judge(
                third,
                &[2, 1, 2],
                "Small, cheap and measurable. The dates of step two are tight.",
            )
            .await?;
        assessment::grade(&self.app, &tutor, command).await?;
        Ok(())
    }

    async fn hand_in(&self, of: DeliverableId, who: PersonId, title: &str, body: &str) -> Result<SubmissionId> {
        let actor = acting(who);
        let version = self.version_of_work(of, &actor).await?;
        let command = submission::SaveDraft {
            deliverable: of,
            title: Some(text(Title::parse(title))?),
            body: text(Body::parse(body))?,
            version,
        };
        let saved = submission::save_draft(&self.app, &actor, command).await?;
        Ok(submission::submit(&self.app, &actor, saved.id, saved.version).await?.id)
    }

    async fn version_of_work(&self, of: DeliverableId, actor: &Actor) -> Result<Option<i64>> {
        let rows = store::submission::of_deliverable(self.app.db.read(), actor, of).await?;
        Ok(rows.first().map(|row| row.version))
    }

    async fn judge(&self, id: SubmissionId, levels: &[usize], comment: &str) -> Result<assessment::Assess> {
        let row = submission::read(&self.app, &self.coordinator, id)
            .await?
            .ok_or(Error::NotFound("submission"))?;
        let scores = ["context", "plan", "evidence"].into_iter().zip(levels);
        Ok(assessment::Assess {
            submission: id,
            version: row.version,
            number: None,
            scores: scores
                .map(|(key, &level)| Score {
                    criterion: key.to_owned(),
                    level,
                })
                .collect(),
            comment: text(Comment::parse(comment))?,
        })
    }

    /// The edition that takes applications, with some that wait for a decision.
    async fn enrolling(&self, now: DateTime<Utc>, applicants: &[PersonId]) -> Result<()> {
        let day = |days| now + TimeDelta::days(days);
        let titles = [
            "Anticipar las habilidades del mañana",
            "Anticipating tomorrow's skills",
            "Antecipar as competências de amanhã",
        ];
        self.until(day(-9));
        let id = self
            .plan(titles, ENROLLING, |draft| {
                draft.calendar.starts_on = day(40).date_naive();
                draft.calendar.ends_on = day(110).date_naive();
                draft.calendar.enrols_from = day(-7);
                draft.calendar.enrols_until = day(21);
                draft.policy = EnrolmentPolicy::Approval;
                draft.capacity = Some(20);
            })
            .await?;
        form::publish(&self.app, &self.coordinator, id, 0, asked::form()).await?;
        self.until(day(-7));
        self.walk(id, &[EditionState::Announced, EditionState::Enrolling])
            .await?;
        let said = asked::application("I coordinate a new programme and need a method.")?;
        for &who in applicants {
            self.apply(id, who, &said).await?;
        }
        Ok(())
    }
}
