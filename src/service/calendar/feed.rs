//! What stands in a person's calendar, asked anew at every fetch: the editions in which they take part or which they
//! tutor, with meetings and deadlines, and the end of enrolment where their application waits.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::app::App;
use crate::auth::token::{self, Kind};
use crate::domain::actor::{Actor, Reach};
use crate::domain::calendar::{Event, When, host, write};
use crate::domain::edition::EditionState;
use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::{CourseId, EditionId};
use crate::domain::language::Language;
use crate::domain::policy::{Action, Relation, may};
use crate::error::Result;
use crate::service::edition::relation;
use crate::store::{audit, calendar_link, course, deliverable, edition, enrolment, meeting, role};

/// How long an edition stays in the calendar after its last day.
const KEPT: TimeDelta = TimeDelta::days(365);
/// The most enrolments that are looked at, the latest applications first.
const ENROLMENTS: u64 = 500;

/// The calendar behind a secret, as iCalendar; `None` for a secret that nothing is behind, or not any more.
pub async fn read(app: &App, secret: &str) -> Result<Option<String>> {
    let Some(hash) = token::digest(Kind::Calendar, secret) else {
        return Ok(None);
    };
    let db = app.db.read();
    let Some((link, person)) = calendar_link::find_live(db, &hash).await? else {
        return Ok(None);
    };
    let roles = role::of_person(db, person.id, app.clock.now()).await?;
    let grants = roles.iter().filter_map(role::Model::grant);
    let actor = Actor::known(
        person.id,
        person.language,
        grants.collect(),
        link.factor_given,
        &app.factor_roles,
    );
    let events = Collected::of(app, &actor).await?.events();
    Ok(Some(write("Rumbo", person.language.code(), &events)))
}

/// How a person is in an edition.
#[derive(Debug, Clone, Copy, Default)]
struct Part {
    learns: bool,
    tutors: bool,
    waits: bool,
}

/// Everything that the events are made of, as far as the policy lets the person see it.
struct Collected {
    language: Language,
    host: String,
    editions: Vec<(edition::Model, Part)>,
    titles: HashMap<CourseId, String>,
    meetings: Vec<meeting::Model>,
    deliverables: Vec<deliverable::Model>,
    changed: HashMap<Uuid, DateTime<Utc>>,
}

impl Collected {
    async fn of(app: &App, actor: &Actor) -> Result<Self> {
        let db = app.db.read();
        let mut parts: HashMap<EditionId, Part> = HashMap::new();
        if let Some(me) = actor.person
            && may(actor, Action::SeeEnrolment, Relation::OWN)
        {
            for row in enrolment::latest_of_person(db, me, ENROLMENTS).await? {
                let part = parts.entry(row.edition_id).or_default();
                part.learns |= row.state.is_live() && row.state.was_admitted();
                part.waits |= matches!(
                    row.state,
                    EnrolmentState::Applied | EnrolmentState::UnderReview | EnrolmentState::Waitlisted
                );
            }
        }
        if let Reach::Within { editions, .. } = actor.tutored() {
            for id in editions {
                parts.entry(id).or_default().tutors = true;
            }
        }
        let ids: Vec<EditionId> = parts.keys().copied().collect();
        let since = (app.clock.now() - KEPT).date_naive();
        let mut editions: Vec<(edition::Model, Part)> = edition::by_ids(db, &ids)
            .await?
            .into_iter()
            .filter(|row| row.ends_on >= since && row.state != EditionState::Cancelled && shows(actor, row))
            .filter_map(|row| Some((parts.get(&row.id).copied()?, row)))
            .filter(|(part, _)| part.learns || part.tutors || part.waits)
            .map(|(part, row)| (row, part))
            .collect();
        editions.sort_by_key(|(row, _)| (row.starts_on, row.id));
        let courses: BTreeSet<CourseId> = editions.iter().map(|(row, _)| row.course_id).collect();
        let courses = course::by_ids(db, &courses.into_iter().collect::<Vec<_>>()).await?;
        let inside: Vec<EditionId> = editions
            .iter()
            .filter(|(_, part)| part.learns || part.tutors)
            .map(|(row, _)| row.id)
            .collect();
        // Which of them the person sees is for the rule of deliverables.
        let deliverables = deliverable::of_editions_visible(db, actor, &inside).await?;
        let mut subjects: Vec<Uuid> = editions.iter().map(|(row, _)| row.id.0).collect();
        subjects.extend(deliverables.iter().map(|row| row.id.0));
        subjects.extend(courses.iter().map(|row| row.id.0));
        Ok(Self {
            language: actor.language,
            host: host(&app.settings.http.public_url).to_owned(),
            titles: courses
                .iter()
                .map(|row| (row.id, row.titles().get(actor.language).to_owned()))
                .collect(),
            meetings: meeting::of_editions(db, &inside).await?,
            changed: audit::last_change(db, &subjects).await?,
            editions,
            deliverables,
        })
    }

    fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        for (row, part) in &self.editions {
            if part.learns || part.tutors {
                events.push(self.edition(row));
            } else {
                events.push(self.deadline(row));
            }
            let meetings = self.meetings.iter().filter(|meeting| meeting.edition_id == row.id);
            events.extend(meetings.map(|meeting| self.meeting(row, meeting)));
            for asked in self.deliverables.iter().filter(|asked| asked.edition_id == row.id) {
                events.extend(self.due(row, asked));
            }
        }
        events
    }

    fn title(&self, row: &edition::Model) -> String {
        let title = self.titles.get(&row.course_id).map_or("", String::as_str);
        format!("{title} ({})", row.code)
    }

    fn edition(&self, row: &edition::Model) -> Event {
        Event {
            summary: self.title(row),
            description: row.time_zone.clone(),
            ..self.event(
                row.id,
                "",
                When::Days(row.starts_on, row.ends_on),
                (self.planned_at(row), row.version),
            )
        }
    }

    /// The end of enrolment, for whoever waits.
    fn deadline(&self, row: &edition::Model) -> Event {
        let word = match self.language {
            Language::Es => "Cierre de inscripciones",
            Language::En => "Enrolment closes",
            Language::Pt => "Encerramento das inscrições",
        };
        Event {
            summary: format!("{word}: {}", self.title(row)),
            description: local(row, row.enrols_until),
            ..self.event(
                row.id,
                "-enrolment",
                When::Instant(row.enrols_until, 0),
                (self.planned_at(row), row.version),
            )
        }
    }

    fn meeting(&self, row: &edition::Model, meeting: &meeting::Model) -> Event {
        let word = match self.language {
            Language::Es => "Encuentro",
            Language::En => "Meeting",
            Language::Pt => "Encontro",
        };
        Event {
            summary: format!("{word} {}: {}", meeting.number, self.title(row)),
            description: local(row, meeting.starts_at),
            is_busy: true,
            // Nothing changes a meeting once it is there, but what it is called.
            ..self.event(
                meeting.id,
                "",
                When::Instant(meeting.starts_at, meeting.minutes),
                (self.planned_at(row), 1),
            )
        }
    }

    /// When work is due, and until when it is taken, where that is later.
    fn due(&self, row: &edition::Model, asked: &deliverable::Model) -> Vec<Event> {
        let (due, cut_off) = match self.language {
            Language::Es => ("Entrega", "Cierre de entregas"),
            Language::En => ("Due", "Last hand-in"),
            Language::Pt => ("Entrega", "Encerramento das entregas"),
        };
        // Its events name the edition's code and zone.
        let changed_at = self.changed_at(asked.id.0, asked.created_at).max(self.planned_at(row));
        let event = |word: &str, suffix, at| Event {
            summary: format!("{word}: {} ({})", asked.title, row.code),
            description: local(row, at),
            ..self.event(asked.id, suffix, When::Instant(at, 0), (changed_at, asked.version))
        };
        let mut events = vec![event(due, "-due", asked.due_at)];
        if asked.cut_off_at > asked.due_at {
            events.push(event(cut_off, "-cutoff", asked.cut_off_at));
        }
        events
    }

    /// When what an edition is, and what its course is called, were last changed.
    fn planned_at(&self, row: &edition::Model) -> DateTime<Utc> {
        self.changed_at(row.course_id.0, self.changed_at(row.id.0, row.created_at))
    }

    fn changed_at(&self, subject: Uuid, at_first: DateTime<Utc>) -> DateTime<Utc> {
        self.changed.get(&subject).copied().unwrap_or(at_first).max(at_first)
    }

    /// An event about something that is named `id`; with when anything that it tells was last changed, and the version.
    fn event(
        &self,
        id: impl std::fmt::Display,
        suffix: &str,
        when: When,
        (changed_at, version): (DateTime<Utc>, i64),
    ) -> Event {
        Event {
            uid: format!("{id}{suffix}@{}", self.host),
            when,
            summary: String::new(),
            description: String::new(),
            changed_at,
            sequence: version - 1,
            is_busy: false,
            is_cancelled: false,
        }
    }
}

/// Whether the person sees the edition at all.
fn shows(actor: &Actor, row: &edition::Model) -> bool {
    let relation = relation(actor, row);
    row.state.is_published() && may(actor, Action::BrowseCatalogue, Relation::NONE)
        || may(actor, Action::SeeUnpublished, relation)
}

/// An instant as the clock of the edition shows it, with its zone.
fn local(row: &edition::Model, at: DateTime<Utc>) -> String {
    format!(
        "{} ({})",
        at.with_timezone(&row.zone()).format("%Y-%m-%d %H:%M"),
        row.time_zone
    )
}
