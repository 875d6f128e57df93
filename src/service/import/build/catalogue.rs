//! Institutions, courses, editions with their deliverable, and meetings.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{Builder, NewEdition, PASS_MARK};
use crate::domain::course::CourseDraft;
use crate::domain::deliverable::{Criterion, DeliverableKind, GRADE_LIMIT, Level, Rubric};
use crate::domain::edition::{EditionState, EnrolmentPolicy, Modality};
use crate::domain::id::{CourseId, DeliverableId, EditionId, InstitutionId, MeetingId};
use crate::domain::import::timeline::{self, Span};
use crate::domain::import::{Course, Edition, Plan, TIME_ZONE};
use crate::domain::institution::InstitutionState;
use crate::domain::language::{Language, Localized};
use crate::domain::text::order_key;
use crate::service::import::compare::Known;
use crate::service::import::joined;
use crate::store::{course, deliverable, edition, institution, meeting};

impl Builder<'_> {
    pub(super) fn institutions(&mut self, known: &Known) -> Vec<InstitutionId> {
        let mut ids = Vec::with_capacity(self.plan.institutions.len());
        for (row, known) in self.plan.institutions.iter().zip(&known.institutions) {
            let id = known.unwrap_or_else(|| InstitutionId(self.clock.new_id()));
            ids.push(id);
            if known.is_none() {
                self.rows.institutions.push(institution::Model {
                    id,
                    code: Some(row.code.to_string()),
                    name: row.name.to_string(),
                    aliases: json!([]),
                    country: row.country.as_ref().to_owned(),
                    kind: row.kind,
                    merged_into: None,
                    created_at: self.now,
                    version: 1,
                    name_key: order_key(row.name.as_ref()),
                    search_text: institution::search_text(row.name.as_ref(), []),
                    state: InstitutionState::Registered,
                    proposed_by: None,
                    merged_at: None,
                    followed_at: None,
                    refused_at: None,
                });
            }
        }
        ids
    }

    pub(super) fn courses(&mut self, known: &Known) -> Vec<CourseId> {
        let mut ids = Vec::with_capacity(self.plan.courses.len());
        for (place, row) in self.plan.courses.iter().enumerate() {
            let id = known.courses[place].unwrap_or_else(|| CourseId(self.clock.new_id()));
            ids.push(id);
            if known.courses[place].is_some() {
                continue;
            }
            let editions = self
                .plan
                .editions
                .iter()
                .enumerate()
                .filter(|(_, edition)| edition.course == place);
            let first = editions
                .map(|(edition, row)| begun(self.plan, edition, row))
                .min()
                .unwrap_or(self.now);
            let draft = course_draft(row);
            self.rows.courses.push(course::Model {
                id,
                code: row.code.to_string(),
                titles: json!(draft.titles),
                descriptions: json!(draft.descriptions),
                objectives: json!(draft.objectives),
                topics: json!(draft.topics),
                search_text: draft.search_text(),
                created_at: first,
                version: 1,
            });
        }
        ids
    }

    /// The editions that are new, by position, each with its one deliverable.
    pub(super) fn editions(&mut self, known: &Known, courses: &[CourseId]) -> Vec<Option<NewEdition>> {
        let mut new = Vec::with_capacity(self.plan.editions.len());
        for (place, row) in self.plan.editions.iter().enumerate() {
            if known.editions[place].is_some() {
                new.push(None);
                continue;
            }
            let id = EditionId(self.clock.new_id());
            let span = Span::of(self.plan, place);
            let steps = timeline::edition(row, span);
            self.rows
                .editions
                .push(self.edition_row(row, id, courses[row.course], span, steps[0].1));
            let words = steps.iter().map(|(state, at)| (state.word(), *at)).collect();
            self.history(id.into(), words);
            let deliverable = deliverable_row(DeliverableId(self.clock.new_id()), id, row, steps[0].1);
            new.push(Some(NewEdition {
                id,
                deliverable: deliverable.id,
            }));
            self.rows.deliverables.push(deliverable);
        }
        new
    }

    pub(super) fn edition_row(
        &self,
        row: &Edition,
        id: EditionId,
        course_id: CourseId,
        span: Span,
        created_at: DateTime<Utc>,
    ) -> edition::Model {
        let calendar = span.calendar(row);
        let course = course_draft(&self.plan.courses[row.course]);
        edition::Model {
            id,
            course_id,
            code: row.code.to_string(),
            languages: joined(&row.languages),
            time_zone: TIME_ZONE.name().to_owned(),
            starts_on: calendar.starts_on,
            ends_on: calendar.ends_on,
            enrols_from: calendar.enrols_from,
            enrols_until: calendar.enrols_until,
            capacity: None,
            minimum: 0,
            seats_taken: 0,
            seats_held: 0,
            seats_kept: 0,
            seat_pools: 0,
            offer_hours: None,
            modality: Modality::Online,
            policy: EnrolmentPolicy::Approval,
            state: EditionState::Closed,
            pass_mark: PASS_MARK,
            tutors_release: false,
            endorses_nominations: false,
            search_text: edition::search::text(row.code.as_ref(), &course.search_text()),
            created_at,
            version: 1,
            form_number: 0,
        }
    }

    pub(super) fn meetings(&mut self, new: &[Option<NewEdition>]) {
        for row in &self.plan.meetings {
            if let Some(edition) = &new[row.edition] {
                self.rows.meetings.push(meeting::Model {
                    id: MeetingId(self.clock.new_id()),
                    edition_id: edition.id,
                    number: row.number,
                    starts_at: row.starts_at,
                    minutes: row.minutes,
                });
            }
        }
    }
}

/// When an edition came into being.
fn begun(plan: &Plan, place: usize, row: &Edition) -> DateTime<Utc> {
    timeline::edition(row, Span::of(plan, place))[0].1
}

fn course_draft(row: &Course) -> CourseDraft {
    CourseDraft {
        code: row.code.clone(),
        titles: Localized::of(row.language, row.title.as_ref()),
        descriptions: Localized::default(),
        objectives: Localized::default(),
        topics: Vec::new(),
    }
}

/// What the edition asks of its teams. The files have no rubric: a single criterion stands for the score.
fn deliverable_row(
    id: DeliverableId,
    edition_id: EditionId,
    row: &Edition,
    created_at: DateTime<Utc>,
) -> deliverable::Model {
    let language = row.languages.first().copied().unwrap_or(Language::ALL[0]);
    let [title, criterion, none, full] = wording(language, row.deliverable);
    let level = |title: &str, points| Level {
        title: title.to_owned(),
        points,
    };
    let criterion = Criterion {
        key: "overall".to_owned(),
        title: criterion.to_owned(),
        description: String::new(),
        levels: vec![level(none, 0), level(full, GRADE_LIMIT)],
    };
    let due_at = timeline::end_of(row.ends_on);
    deliverable::Model {
        id,
        edition_id,
        kind: row.deliverable,
        title: title.to_owned(),
        instructions: String::new(),
        due_at,
        cut_off_at: due_at,
        weight: 1,
        rubric: json!(Rubric {
            criteria: vec![criterion]
        }),
        created_at,
        version: 1,
    }
}

/// The title of a deliverable, its one criterion and its levels, in the edition's first language.
fn wording(language: Language, kind: DeliverableKind) -> [&'static str; 4] {
    let roadmap = kind == DeliverableKind::Roadmap;
    match language {
        Language::Es => [
            if roadmap { "Hoja de ruta" } else { "Proyecto" },
            "Apreciación general",
            "Sin logro",
            "Logro pleno",
        ],
        Language::En => [
            if roadmap { "Roadmap" } else { "Project" },
            "Overall judgement",
            "Not achieved",
            "Fully achieved",
        ],
        Language::Pt => [
            if roadmap { "Roteiro" } else { "Projeto" },
            "Avaliação geral",
            "Não alcançado",
            "Plenamente alcançado",
        ],
    }
}
