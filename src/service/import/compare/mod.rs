//! What of a plan is stored already, and where it differs from what is stored.

use std::collections::HashMap;

use chrono::NaiveDate;

use super::joined;
use crate::domain::edition::EditionState;
use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::{CourseId, EditionId, EnrolmentId, InstitutionId, PersonId};
use crate::domain::import::timeline::day_of;
use crate::domain::import::{Edition, Enrolment, Findings, Person, Plan, Problem, StoredProblem};
use crate::domain::language::Localized;
use crate::domain::text::ShortCode;
use crate::store::import::{Keys, Stored};
use crate::store::{completion, declaration, edition, enrolment};

mod teamwork;

/// For each position of the plan what is stored for it.
#[derive(Debug)]
pub(super) struct Known {
    pub institutions: Vec<Option<InstitutionId>>,
    /// With the dense number.
    pub people: Vec<Option<(PersonId, i64)>>,
    /// Whether the person declared something already.
    pub declared: Vec<bool>,
    pub courses: Vec<Option<CourseId>>,
    pub editions: Vec<Option<EditionId>>,
}

/// The keys of the plan, as they are stored.
pub(super) fn keys(plan: &Plan) -> Keys {
    Keys {
        institutions: plan.institutions.iter().map(|row| row.code.to_string()).collect(),
        emails: plan.people.iter().map(|row| row.email.to_string()).collect(),
        courses: plan.courses.iter().map(|row| row.code.to_string()).collect(),
        editions: plan.editions.iter().map(|row| row.code.to_string()).collect(),
    }
}

/// Compares the plan with what is stored. Only editions that ended before `today` are history.
///
/// # Errors
/// Every difference.
pub(super) fn compare(plan: &Plan, stored: &Stored, today: NaiveDate) -> Result<Known, Findings> {
    let known = Known {
        institutions: plan
            .institutions
            .iter()
            .map(|row| {
                // One that was merged is the one into which it was.
                let row = stored.institutions.get(row.code.as_ref())?;
                Some(row.merged_into.unwrap_or(row.id))
            })
            .collect(),
        people: plan
            .people
            .iter()
            .map(|row| stored.people.get(row.email.as_ref()).map(|row| (row.id, row.number)))
            .collect(),
        declared: plan
            .people
            .iter()
            .map(|row| {
                stored
                    .people
                    .get(row.email.as_ref())
                    .is_some_and(|row| stored.declarations.contains_key(&row.id))
            })
            .collect(),
        courses: plan
            .courses
            .iter()
            .map(|row| Some(stored.courses.get(row.code.as_ref())?.id))
            .collect(),
        editions: plan
            .editions
            .iter()
            .map(|row| Some(stored.editions.get(row.code.as_ref())?.id))
            .collect(),
    };
    let mut all = Comparer::new(plan, stored, &known);
    all.institutions();
    all.people();
    all.courses();
    all.editions(today);
    all.enrolments(today);
    all.teamwork();
    all.meetings();
    let findings = all.findings;
    if findings.is_empty() { Ok(known) } else { Err(findings) }
}

struct Comparer<'a> {
    plan: &'a Plan,
    stored: &'a Stored,
    known: &'a Known,
    /// The stored institutions that the files name, by what is stored.
    codes: HashMap<InstitutionId, &'a ShortCode>,
    /// The latest completion of each enrolment.
    completions: HashMap<EnrolmentId, &'a completion::Model>,
    findings: Findings,
}

/// A cell as text: as it is stored and as the file has it.
type Pair<'a> = (&'a str, String, String);

impl<'a> Comparer<'a> {
    fn new(plan: &'a Plan, stored: &'a Stored, known: &'a Known) -> Self {
        let codes = plan.institutions.iter().zip(&known.institutions);
        let completions = stored.content.completions.iter();
        Self {
            plan,
            stored,
            known,
            codes: codes.filter_map(|(row, id)| Some(((*id)?, &row.code))).collect(),
            completions: completions.map(|row| (row.enrolment_id, row)).collect(),
            findings: Findings::default(),
        }
    }

    fn differ<'b>(&mut self, file: &str, line: u64, cells: impl IntoIterator<Item = Pair<'b>>) {
        for (column, stored, found) in cells {
            if stored != found {
                self.findings
                    .cell(file, line, column, StoredProblem::Differs { stored, found }.into());
            }
        }
    }

    fn institutions(&mut self) {
        for row in &self.plan.institutions {
            let Some(stored) = self.stored.institutions.get(row.code.as_ref()) else {
                continue;
            };
            let cells = [
                ("name", stored.name.clone(), row.name.to_string()),
                ("country", stored.country.clone(), row.country.as_ref().to_owned()),
                ("kind", stored.kind.word().to_owned(), row.kind.word().to_owned()),
            ];
            self.differ("institutions.csv", row.line, cells);
        }
    }

    /// The code of a stored institution, where the files name it: that of the row at `named` if it is this one, or was
    /// merged into it.
    fn institution_code(&self, id: Option<InstitutionId>, named: Option<usize>) -> String {
        let Some(id) = id else { return String::new() };
        let named = named.map(|place| &self.plan.institutions[place].code);
        let is_named = |code: &&ShortCode| {
            let row = self.stored.institutions.get::<str>(code.as_ref());
            row.is_some_and(|row| row.id == id || row.merged_into == Some(id))
        };
        if let Some(code) = named.filter(is_named) {
            return code.to_string();
        }
        self.codes.get(&id).map_or_else(|| id.to_string(), ToString::to_string)
    }

    fn people(&mut self) {
        for row in &self.plan.people {
            let Some(stored) = self.stored.people.get(row.email.as_ref()) else {
                continue;
            };
            let cells = [
                ("given_name", stored.given_name.clone(), row.given_name.to_string()),
                ("family_name", stored.family_name.clone(), row.family_name.to_string()),
                (
                    "preferred_language",
                    stored.language.code().to_owned(),
                    row.language.code().to_owned(),
                ),
            ];
            self.differ("people.csv", row.line, cells);
            if let Some(declared) = self.stored.declarations.get(&stored.id) {
                self.declaration(row, declared);
            }
        }
    }

    /// A person may have declared something else since; one of the declarations must be that of the file.
    fn declaration(&mut self, row: &'a Person, declared: &'a [declaration::Model]) {
        let compared = |stored: &declaration::Model| {
            [
                ("gender", stored.gender.word().to_owned(), row.gender.word().to_owned()),
                ("country", stored.country.clone().unwrap_or_default(), country(row)),
                (
                    "institution",
                    self.institution_code(stored.institution_id, row.institution),
                    self.institution_of(row),
                ),
            ]
        };
        let all: Vec<_> = declared.iter().map(compared).collect();
        if !all
            .iter()
            .any(|cells| cells.iter().all(|(_, stored, found)| stored == found))
            && let Some(first) = all.into_iter().next()
        {
            self.differ("people.csv", row.line, first);
        }
    }

    fn institution_of(&self, row: &Person) -> String {
        row.institution
            .map(|place| self.plan.institutions[place].code.to_string())
            .unwrap_or_default()
    }

    fn courses(&mut self) {
        for row in &self.plan.courses {
            let Some(stored) = self.stored.courses.get(row.code.as_ref()) else {
                continue;
            };
            let titles: Localized = serde_json::from_value(stored.titles.clone()).unwrap_or_default();
            let cells = [(
                "course_title",
                titles.get(row.language).to_owned(),
                row.title.to_string(),
            )];
            self.differ("editions.csv", row.line, cells);
        }
    }

    fn editions(&mut self, today: NaiveDate) {
        for row in &self.plan.editions {
            if row.ends_on > today {
                let problem = Problem::After {
                    value: row.ends_on,
                    what: "today",
                    limit: today,
                };
                self.findings.cell("editions.csv", row.line, "ends_on", problem);
            }
            if let Some(stored) = self.stored.editions.get(row.code.as_ref()) {
                self.edition(row, stored);
            }
        }
    }

    fn edition(&mut self, row: &'a Edition, stored: &'a edition::Model) {
        let Edition { line, .. } = *row;
        if !matches!(stored.state, EditionState::Closed | EditionState::Archived) {
            self.findings.cell(
                "editions.csv",
                line,
                "code",
                StoredProblem::NotClosed(stored.state.word()).into(),
            );
            return;
        }
        let course = &self.plan.courses[row.course];
        if self.known.courses[row.course] != Some(stored.course_id) {
            let (stored, found) = ("another course".to_owned(), course.title.to_string());
            self.findings.cell(
                "editions.csv",
                line,
                "course_title",
                StoredProblem::Differs { stored, found }.into(),
            );
        }
        let cells = [
            ("starts_on", stored.starts_on.to_string(), row.starts_on.to_string()),
            ("ends_on", stored.ends_on.to_string(), row.ends_on.to_string()),
            ("languages", stored.languages.clone(), joined(&row.languages)),
        ];
        self.differ("editions.csv", line, cells);
    }

    fn enrolments(&mut self, today: NaiveDate) {
        let mut rows: HashMap<(EditionId, PersonId), Vec<&'a enrolment::Model>> = HashMap::new();
        for row in &self.stored.content.enrolments {
            rows.entry((row.edition_id, row.person_id)).or_default().push(row);
        }
        for row in &self.plan.enrolments {
            if let Some(value) = row.completed_on.filter(|day| *day > today) {
                let problem = Problem::After {
                    value,
                    what: "today",
                    limit: today,
                };
                self.findings.cell("enrolments.csv", row.line, "completed_on", problem);
            }
            let Some(edition) = self.known.editions[row.edition] else {
                continue;
            };
            let stored = self.known.people[row.person].and_then(|(person, _)| rows.get(&(edition, person)));
            let Some(stored) = stored else {
                self.not_stored("enrolments.csv", row.line, "email", row.edition);
                continue;
            };
            let all: Vec<_> = stored.iter().map(|stored| self.enrolment(row, stored)).collect();
            if !all
                .iter()
                .any(|cells| cells.iter().all(|(_, stored, found)| stored == found))
                && let Some(last) = all.into_iter().next_back()
            {
                self.differ("enrolments.csv", row.line, last);
            }
        }
    }

    fn enrolment(&self, row: &Enrolment, stored: &enrolment::Model) -> [Pair<'static>; 5] {
        let completion = self
            .completions
            .get(&stored.id)
            .filter(|_| stored.state == EnrolmentState::Completed);
        let completed_on = completion.map(|row| day_of(row.decided_at));
        let nominator = row
            .nominated_by
            .map(|place| self.plan.institutions[place].code.to_string());
        [
            (
                "applied_on",
                day_of(stored.applied_at).to_string(),
                row.applied_on.to_string(),
            ),
            (
                "nominated_by",
                self.institution_code(stored.nominated_by, row.nominated_by),
                nominator.unwrap_or_default(),
            ),
            ("status", stored.state.word().to_owned(), row.status.word().to_owned()),
            ("completed_on", day(completed_on), day(row.completed_on)),
            ("grade", points(stored.grade), points(row.grade)),
        ]
    }

    fn not_stored(&mut self, file: &str, line: u64, column: &str, edition: usize) {
        let problem = StoredProblem::NotStored(self.plan.editions[edition].code.to_string());
        self.findings.cell(file, line, column, problem.into());
    }
}

fn country(row: &Person) -> String {
    row.country
        .as_ref()
        .map(|country| country.as_ref().to_owned())
        .unwrap_or_default()
}

fn day(day: Option<NaiveDate>) -> String {
    day.map(|day| day.to_string()).unwrap_or_default()
}

/// Thousandths as the files write them.
fn points(thousandths: Option<i64>) -> String {
    let Some(value) = thousandths else { return String::new() };
    let text = format!("{}.{:03}", value / 1000, value % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
