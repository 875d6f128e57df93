//! The columns of each file, and one line of each as values, before references are looked up.

use chrono::{DateTime, NaiveDate, Utc};

use super::cell::{date, grade, instant, language, languages, text, whole, word};
use super::finding::Findings;
use super::problem::Problem;
use super::table::{Row, Shape, Table};
use super::{HandedIn, Institution};
use crate::domain::deliverable::DeliverableKind;
use crate::domain::enrolment::EnrolmentState;
use crate::domain::institution::InstitutionKind;
use crate::domain::language::Language;
use crate::domain::person::Gender;
use crate::domain::text::{Country, Email, Line, Name, ShortCode, Title};

pub(super) const EDITIONS: Shape = Shape {
    file: "editions.csv",
    columns: &[
        "code",
        "course_title",
        "starts_on",
        "ends_on",
        "languages",
        "deliverable",
    ],
};
pub(super) const INSTITUTIONS: Shape = Shape {
    file: "institutions.csv",
    columns: &["code", "name", "country", "kind"],
};
pub(super) const PEOPLE: Shape = Shape {
    file: "people.csv",
    columns: &[
        "email",
        "given_name",
        "family_name",
        "gender",
        "country",
        "institution",
        "preferred_language",
    ],
};
pub(super) const ENROLMENTS: Shape = Shape {
    file: "enrolments.csv",
    columns: &[
        "edition",
        "email",
        "applied_on",
        "nominated_by",
        "status",
        "completed_on",
        "grade",
    ],
};
pub(super) const TEAMS: Shape = Shape {
    file: "teams.csv",
    columns: &["team", "edition", "email"],
};
pub(super) const DELIVERABLES: Shape = Shape {
    file: "deliverables.csv",
    columns: &["team", "edition", "kind", "title", "submitted_on", "score"],
};
pub(super) const MEETINGS: Shape = Shape {
    file: "meetings.csv",
    columns: &["edition", "number", "starts_at", "minutes"],
};
pub(super) const VIDEOCONFERENCES: Shape = Shape {
    file: "videoconferences.csv",
    columns: &["held_on", "title", "panelists", "zoom", "youtube", "facebook"],
};
pub(super) const PUBLISHED: Shape = Shape {
    file: "published.csv",
    columns: &["code", "participants", "women", "men", "institutions", "countries"],
};

/// The longest list of panelists, in code points.
const PANELISTS_LIMIT: usize = 1000;
/// The most people at a videoconference, or who watched it later.
const AUDIENCE_LIMIT: i64 = 1_000_000_000;
/// The longest meeting, in minutes: a day.
const MINUTES_LIMIT: i64 = 24 * 60;
/// The highest number of a meeting.
const NUMBER_LIMIT: i64 = 10_000;

/// A line with its key; the rest is `None` when something in it was reported.
pub(super) struct Keyed<K, T> {
    pub line: u64,
    pub key: K,
    pub value: Option<T>,
}

pub(super) struct PersonRow {
    pub given_name: Name,
    pub family_name: Name,
    pub gender: Gender,
    pub country: Option<Country>,
    pub institution: Option<ShortCode>,
    pub language: Language,
}

pub(super) struct EditionRow {
    pub title: Title,
    pub starts_on: NaiveDate,
    pub ends_on: NaiveDate,
    pub languages: Vec<Language>,
    pub deliverable: DeliverableKind,
}

pub(super) struct EnrolmentRow {
    pub applied_on: NaiveDate,
    pub nominated_by: Option<ShortCode>,
    pub status: EnrolmentState,
    pub completed_on: Option<NaiveDate>,
    pub grade: Option<i64>,
}

pub(super) struct WorkRow {
    pub edition: ShortCode,
    pub kind: DeliverableKind,
    pub title: Title,
    pub handed_in: Option<HandedIn>,
}

pub(super) struct MeetingRow {
    pub starts_at: DateTime<Utc>,
    pub minutes: i64,
}

pub(super) fn institutions(table: &Table, findings: &mut Findings) -> Vec<Keyed<ShortCode, Institution>> {
    table.rows(findings, |row| {
        let code = row.required("code", text(ShortCode::parse));
        let name = row.required("name", text(Title::parse));
        let country = row.required("country", text(Country::parse));
        let kind = row.required("kind", |value| word(value, InstitutionKind::ALL, InstitutionKind::word));
        let key = code?;
        let line = row.line;
        let value = (|| {
            Some(Institution {
                line,
                code: key.clone(),
                name: name?,
                country: country?,
                kind: kind?,
            })
        })();
        Some(Keyed { line, key, value })
    })
}

pub(super) fn people(table: &Table, findings: &mut Findings) -> Vec<Keyed<Email, PersonRow>> {
    const GENDERS: &[Gender] = &[Gender::Female, Gender::Male, Gender::Another, Gender::NotStated];
    table.rows(findings, |row| {
        let email = row.required("email", text(Email::parse));
        let given_name = row.required("given_name", text(Name::parse));
        let family_name = row.required("family_name", text(Name::parse));
        let gender = row.optional("gender", |value| word(value, GENDERS, Gender::word));
        let country = row.optional("country", text(Country::parse));
        let institution = row.optional("institution", text(ShortCode::parse));
        let language = row.required("preferred_language", language);
        let value = || {
            Some(PersonRow {
                given_name: given_name?,
                family_name: family_name?,
                gender: gender?.unwrap_or(Gender::NotStated),
                country: country?,
                institution: institution?,
                language: language?,
            })
        };
        Some(Keyed {
            line: row.line,
            key: email?,
            value: value(),
        })
    })
}

pub(super) fn editions(table: &Table, findings: &mut Findings) -> Vec<Keyed<ShortCode, EditionRow>> {
    const KINDS: &[DeliverableKind] = &[DeliverableKind::Roadmap, DeliverableKind::Project];
    table.rows(findings, |row| {
        let code = row.required("code", text(ShortCode::parse));
        let title = row.required("course_title", text(Title::parse));
        let starts_on = row.required("starts_on", date);
        let ends_on = row.required("ends_on", date);
        let languages = row.required("languages", languages);
        let deliverable = row.required("deliverable", |value| word(value, KINDS, DeliverableKind::word));
        if let (Some(limit), Some(value)) = (starts_on, ends_on)
            && value < limit
        {
            row.report(
                "ends_on",
                Problem::Before {
                    value,
                    what: "starts_on",
                    limit,
                },
            );
        }
        let value = || {
            Some(EditionRow {
                title: title?,
                starts_on: starts_on?,
                ends_on: ends_on?,
                languages: languages?,
                deliverable: deliverable?,
            })
        };
        Some(Keyed {
            line: row.line,
            key: code?,
            value: value(),
        })
    })
}

pub(super) fn enrolments(table: &Table, findings: &mut Findings) -> Vec<Keyed<(ShortCode, Email), EnrolmentRow>> {
    table.rows(findings, |row| {
        let edition = row.required("edition", text(ShortCode::parse));
        let email = row.required("email", text(Email::parse));
        let applied_on = row.required("applied_on", date);
        let nominated_by = row.optional("nominated_by", text(ShortCode::parse));
        let outcome = outcome(row);
        if let (Some(limit), Some((_, Some(value), _))) = (applied_on, outcome)
            && value < limit
        {
            row.report(
                "completed_on",
                Problem::Before {
                    value,
                    what: "applied_on",
                    limit,
                },
            );
        }
        let value = || {
            let (status, completed_on, grade) = outcome?;
            Some(EnrolmentRow {
                applied_on: applied_on?,
                nominated_by: nominated_by?,
                status,
                completed_on,
                grade,
            })
        };
        Some(Keyed {
            line: row.line,
            key: (edition?, email?),
            value: value(),
        })
    })
}

/// Status, day of completion and grade, which depend on each other.
fn outcome(row: &mut Row<'_>) -> Option<(EnrolmentState, Option<NaiveDate>, Option<i64>)> {
    use EnrolmentState as S;
    const OUTCOMES: &[S] = &[S::Completed, S::NotCompleted, S::Withdrawn];
    let status = row.required("status", |value| word(value, OUTCOMES, S::word));
    let completed_on = row.optional("completed_on", date);
    let grade = row.optional("grade", grade);
    let (status, completed_on, grade) = (status?, completed_on?, grade?);
    if status == S::Completed && completed_on.is_none() {
        row.report("completed_on", Problem::Needed("status is `completed`"));
    }
    if status != S::Completed && completed_on.is_some() {
        row.report("completed_on", Problem::Superfluous("status is not `completed`"));
    }
    if status == S::Completed && grade.is_none() {
        row.report("grade", Problem::Needed("status is `completed`"));
    }
    if status == S::Withdrawn && grade.is_some() {
        row.report("grade", Problem::Superfluous("status is `withdrawn`"));
    }
    Some((status, completed_on, grade))
}

pub(super) fn members(table: &Table, findings: &mut Findings) -> Vec<Keyed<Name, (ShortCode, Email)>> {
    table.rows(findings, |row| {
        let team = row.required("team", text(Name::parse));
        let edition = row.required("edition", text(ShortCode::parse));
        let email = row.required("email", text(Email::parse));
        Some(Keyed {
            line: row.line,
            key: team?,
            value: edition.zip(email),
        })
    })
}

pub(super) fn works(table: &Table, findings: &mut Findings) -> Vec<Keyed<Name, WorkRow>> {
    table.rows(findings, |row| {
        let team = row.required("team", text(Name::parse));
        let edition = row.required("edition", text(ShortCode::parse));
        let kind = row.required("kind", |value| word(value, DeliverableKind::ALL, DeliverableKind::word));
        let title = row.required("title", text(Title::parse));
        let on = row.optional("submitted_on", date);
        let score = row.optional("score", grade);
        match (&on, &score) {
            (Some(None), Some(Some(_))) => row.report("submitted_on", Problem::Needed("there is a score")),
            (Some(Some(_)), Some(None)) => row.report("score", Problem::Needed("there is a submitted_on")),
            _ => {}
        }
        let value = || {
            let handed_in = on?.zip(score?).map(|(on, score)| HandedIn { on, score });
            Some(WorkRow {
                edition: edition?,
                kind: kind?,
                title: title?,
                handed_in,
            })
        };
        Some(Keyed {
            line: row.line,
            key: team?,
            value: value(),
        })
    })
}

pub(super) fn meetings(table: &Table, findings: &mut Findings) -> Vec<Keyed<(ShortCode, i64), MeetingRow>> {
    table.rows(findings, |row| {
        let edition = row.required("edition", text(ShortCode::parse));
        let number = row.required("number", |value| whole(value, 1, NUMBER_LIMIT));
        let starts_at = row.required("starts_at", instant);
        let minutes = row.required("minutes", |value| whole(value, 1, MINUTES_LIMIT));
        let value = starts_at
            .zip(minutes)
            .map(|(starts_at, minutes)| MeetingRow { starts_at, minutes });
        Some(Keyed {
            line: row.line,
            key: (edition?, number?),
            value,
        })
    })
}

/// The lines of a file that is checked and not imported yet.
pub(super) fn videoconferences(table: &Table, findings: &mut Findings) -> Vec<Keyed<(NaiveDate, Title), ()>> {
    table.rows(findings, |row| {
        let held_on = row.required("held_on", date);
        let title = row.required("title", text(Title::parse));
        let panelists = row.required("panelists", text(Line::<PANELISTS_LIMIT>::parse));
        let mut audience = |column| row.optional(column, |value| whole(value, 0, AUDIENCE_LIMIT));
        let (zoom, youtube, facebook) = (audience("zoom"), audience("youtube"), audience("facebook"));
        let value = panelists.and(zoom).and(youtube).and(facebook).map(drop);
        Some(Keyed {
            line: row.line,
            key: (held_on?, title?),
            value,
        })
    })
}
