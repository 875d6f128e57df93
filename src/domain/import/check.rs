//! How the files fit together: from the rows of each to one plan.

use chrono::NaiveDate;

use super::finding::Findings;
use super::keys::{At, Checker, Keys, Values};
use super::problem::{KeyProblem, Problem};
use super::rows::{self, EditionRow, EnrolmentRow, MeetingRow, PersonRow};
use super::table::Shape;
use super::{Course, Edition, Enrolment, Files, Meeting, Person, Plan, TIME_ZONE};
use crate::domain::language::Language;
use crate::domain::text::{Email, ShortCode, Title};

/// The plan, complete only when nothing was found.
pub(super) fn plan(files: &Files, findings: &mut Findings) -> Plan {
    let mut all = Checker { files, findings };
    let (institution_keys, institutions) =
        all.read(&rows::INSTITUTIONS, "code", rows::institutions, ToString::to_string);
    let institutions = institutions
        .into_iter()
        .map(|(_, _, institution)| institution)
        .collect();
    let (person_keys, people) = all.read(&rows::PEOPLE, "email", rows::people, ToString::to_string);
    let people = all.people(people, &institution_keys);
    let (edition_keys, editions) = all.read(&rows::EDITIONS, "code", rows::editions, ToString::to_string);
    let (courses, editions) = all.courses(editions);
    let show = |(edition, email): &(ShortCode, Email)| format!("{edition}, {email}");
    let (enrolment_keys, enrolments) = all.read(&rows::ENROLMENTS, "email", rows::enrolments, show);
    let enrolments = all.enrolments(enrolments, &editions, [&edition_keys, &institution_keys], &person_keys);
    let (team_keys, teams) = all.teams(&edition_keys, &enrolment_keys);
    let (work_keys, works) = all.read(&rows::DELIVERABLES, "team", rows::works, ToString::to_string);
    let mut works = all.works(works, &team_keys, &teams, &edition_keys, &editions);
    let teams = all.with_works(teams, &work_keys, &mut works);
    let show = |(edition, number): &(ShortCode, i64)| format!("{edition}, {number}");
    let (_, meetings) = all.read(&rows::MEETINGS, "number", rows::meetings, show);
    let meetings = all.meetings(meetings, &edition_keys, &editions);
    let notices = all.notices();
    Plan {
        courses,
        institutions,
        people,
        editions,
        enrolments,
        teams,
        meetings,
        notices,
    }
}

impl Checker<'_> {
    fn people(&mut self, rows: Values<Email, PersonRow>, institutions: &Keys<ShortCode>) -> Vec<Person> {
        let mut people = Vec::with_capacity(rows.len());
        for (line, email, row) in rows {
            let at = At {
                file: rows::PEOPLE.file,
                line,
                column: "institution",
            };
            let institution = row
                .institution
                .and_then(|code| institutions.find(&code, code.as_ref(), at, self.findings));
            let PersonRow {
                given_name,
                family_name,
                gender,
                country,
                language,
                ..
            } = row;
            people.push(Person {
                line,
                email,
                given_name,
                family_name,
                gender,
                country,
                institution,
                language,
            });
        }
        people
    }

    /// One course for each title, with the code of its first edition without the year.
    fn courses(&mut self, rows: Values<ShortCode, EditionRow>) -> (Vec<Course>, Vec<Edition>) {
        let mut courses: Vec<Course> = Vec::new();
        let mut editions = Vec::with_capacity(rows.len());
        for (line, code, row) in rows {
            let known = courses.iter().position(|course| course.title == row.title);
            let course = known.unwrap_or_else(|| {
                let course_code = without_year(&code);
                if let Some(other) = courses.iter().find(|course| course.code == course_code) {
                    let problem = KeyProblem::CourseClash {
                        code: course_code.to_string(),
                        line: other.line,
                    };
                    let problem = Problem::Key(problem);
                    self.findings.cell(rows::EDITIONS.file, line, "course_title", problem);
                }
                let language = row.languages.first().copied().unwrap_or(Language::ALL[0]);
                courses.push(Course {
                    line,
                    code: course_code,
                    title: row.title,
                    language,
                });
                courses.len() - 1
            });
            let EditionRow {
                starts_on,
                ends_on,
                languages,
                deliverable,
                ..
            } = row;
            editions.push(Edition {
                line,
                code,
                course,
                starts_on,
                ends_on,
                languages,
                deliverable,
            });
        }
        (courses, editions)
    }

    fn enrolments(
        &mut self,
        rows: Values<(ShortCode, Email), EnrolmentRow>,
        editions: &[Edition],
        [edition_keys, institution_keys]: [&Keys<ShortCode>; 2],
        person_keys: &Keys<Email>,
    ) -> Vec<Enrolment> {
        let mut enrolments = Vec::with_capacity(rows.len());
        for (line, (edition, email), row) in rows {
            let at = |column| At {
                file: rows::ENROLMENTS.file,
                line,
                column,
            };
            let edition = edition_keys.find(&edition, edition.as_ref(), at("edition"), self.findings);
            let person = person_keys.find(&email, email.as_ref(), at("email"), self.findings);
            let nominated_by = row
                .nominated_by
                .and_then(|code| institution_keys.find(&code, code.as_ref(), at("nominated_by"), self.findings));
            if let Some(edition) = edition.map(|place| &editions[place]) {
                self.not_after(
                    at("applied_on"),
                    row.applied_on,
                    "ends_on of the edition",
                    edition.ends_on,
                );
                if let Some(completed_on) = row.completed_on {
                    self.not_before(
                        at("completed_on"),
                        completed_on,
                        "starts_on of the edition",
                        edition.starts_on,
                    );
                }
            }
            let EnrolmentRow {
                applied_on,
                status,
                completed_on,
                grade,
                ..
            } = row;
            // What was not found was reported, so that this position is never used.
            let (edition, person) = (edition.unwrap_or(usize::MAX), person.unwrap_or(usize::MAX));
            enrolments.push(Enrolment {
                line,
                edition,
                person,
                applied_on,
                nominated_by,
                status,
                completed_on,
                grade,
            });
        }
        enrolments
    }

    fn meetings(
        &mut self,
        rows: Values<(ShortCode, i64), MeetingRow>,
        edition_keys: &Keys<ShortCode>,
        editions: &[Edition],
    ) -> Vec<Meeting> {
        let mut meetings = Vec::with_capacity(rows.len());
        for (line, (edition, number), MeetingRow { starts_at, minutes }) in rows {
            let at = |column| At {
                file: rows::MEETINGS.file,
                line,
                column,
            };
            let edition = edition_keys.find(&edition, edition.as_ref(), at("edition"), self.findings);
            if let Some(edition) = edition.map(|place| &editions[place]) {
                let day = starts_at.with_timezone(&TIME_ZONE).date_naive();
                self.not_before(at("starts_at"), day, "starts_on of the edition", edition.starts_on);
                self.not_after(at("starts_at"), day, "ends_on of the edition", edition.ends_on);
            }
            meetings.push(Meeting {
                line,
                edition: edition.unwrap_or(usize::MAX),
                number,
                starts_at,
                minutes,
            });
        }
        meetings
    }

    /// What is in the directory and not imported; what is known of it is checked all the same.
    fn notices(&mut self) -> Vec<String> {
        const IMPORTED: [Shape; 7] = [
            rows::EDITIONS,
            rows::INSTITUTIONS,
            rows::PEOPLE,
            rows::ENROLMENTS,
            rows::TEAMS,
            rows::DELIVERABLES,
            rows::MEETINGS,
        ];
        let mut notices = Vec::new();
        for name in self.files.keys() {
            if name == rows::VIDEOCONFERENCES.file {
                let show = |(day, title): &(NaiveDate, Title)| format!("{day}, {title}");
                let (_, values) = self.read(&rows::VIDEOCONFERENCES, "title", rows::videoconferences, show);
                let count = values.len();
                notices.push(format!("{name}: checked, not imported yet: {count} videoconferences"));
            } else if name == rows::PUBLISHED.file {
                notices.push(format!("{name}: recognised, not imported: figures to compare with"));
            } else if IMPORTED.iter().all(|shape| shape.file != name) {
                notices.push(format!("{}: not a file of the format, left alone", name.escape_debug()));
            }
        }
        notices
    }
}

/// The code of an edition without the year at its end: `BDG-UY-2022` is one of `BDG-UY`.
fn without_year(code: &ShortCode) -> ShortCode {
    let is_year = |end: &str| end.len() == 4 && end.bytes().all(|byte| byte.is_ascii_digit());
    let stem = code
        .as_ref()
        .rsplit_once('-')
        .filter(|(_, end)| is_year(end))
        .map(|(stem, _)| stem);
    stem.and_then(|stem| ShortCode::parse(stem).ok())
        .unwrap_or_else(|| code.clone())
}
