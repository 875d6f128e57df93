//! What is sent about editions, and what mutations answer.

use async_graphql::{ID, InputObject};
use chrono::{DateTime, NaiveDate, Utc};

use super::Edition;
use crate::api::decimal::Decimal;
use crate::api::enums::{EditionState, EnrolmentPolicy, Language, Modality};
use crate::api::payload::payloads;
use crate::api::{filter, id};
use crate::domain::edition::{Calendar, EditionDraft};
use crate::domain::text::{SearchText, ShortCode, parse_day, parse_instant, parse_time_zone};
use crate::error::{Code, Faults, Result};
use crate::service::edition::copy::CopyEdition;
use crate::store::edition;

/// Which editions of the catalogue; what is left out does not restrict. `states` has 1 to 1,000 values where it is
/// given; an empty list is refused (`REQUIRED`).
#[derive(InputObject, Default)]
pub struct EditionFilter {
    /// Words that occur in the code, title or description; case and accents do not matter. Up to 100 characters (NFC).
    pub(super) text: Option<String>,
    /// Given in this language.
    pub(super) language: Option<Language>,
    /// Those that end on this day or later.
    pub(super) from: Option<NaiveDate>,
    /// Those that start on this day or earlier; not before `from`.
    pub(super) until: Option<NaiveDate>,
    /// In one of these states.
    pub(super) states: Option<Vec<EditionState>>,
    /// Of this course.
    pub(super) course_id: Option<ID>,
}

impl EditionFilter {
    pub(in crate::api) fn read(self) -> Result<edition::Filter> {
        let mut faults = Faults::default();
        let text = faults.take_argument("filter.text", SearchText::parse_optional(self.text.as_deref()));
        let from = faults.take_argument("filter.from", self.from.map(parse_day).transpose());
        let until = faults.take_argument("filter.until", self.until.map(parse_day).transpose());
        let course = self.course_id.map(|id| id.parse().map_err(|_| Code::InvalidId));
        let course = faults.take_argument("filter.courseId", course.transpose());
        let states = filter::all(&mut faults, "filter.states", self.states);
        let (from, until) = (from.flatten(), until.flatten());
        filter::in_order(&mut faults, "filter.until", from, until);
        faults.check()?;
        Ok(edition::Filter {
            text: text.flatten(),
            language: self.language.map(Into::into),
            from,
            until,
            states,
            course: course.flatten(),
        })
    }
}

/// What an edition is planned to be.
#[derive(InputObject)]
pub struct EditionInput {
    /// A unique short code of up to 40 characters (NFC), such as `BDG-2022`.
    pub(super) code: String,
    /// The languages in which it is given; at least one.
    pub(super) languages: Vec<Language>,
    /// An IANA zone, such as `America/Montevideo`; up to 40 characters.
    pub(super) time_zone: String,
    /// First day, in that zone.
    pub(super) starts_on: NaiveDate,
    /// Last day, not before the first.
    pub(super) ends_on: NaiveDate,
    /// From when applications are taken (RFC 3339 with offset).
    pub(super) enrols_from: DateTime<Utc>,
    /// Until when applications are taken; after `enrolsFrom`.
    pub(super) enrols_until: DateTime<Utc>,
    /// How many seats, 1 to 1,000,000; left out for as many as come.
    pub(super) capacity: Option<i64>,
    /// How many participants it needs to take place; not more than `capacity`.
    #[graphql(default = 0)]
    pub(super) minimum: i64,
    /// How participants meet.
    pub(super) modality: Modality,
    /// What happens to an application.
    pub(super) policy: EnrolmentPolicy,
    /// The grade from which an enrolment is completed, 0 to 100 with up to three decimals.
    pub(super) pass_mark: Decimal,
    /// Whether tutors release the grades of their teams themselves.
    #[graphql(default = false)]
    pub(super) tutors_release: bool,
    /// Whether a second focal point of an institution endorses each of its nominations before the nominee is written
    /// to.
    #[graphql(default = false)]
    pub(super) endorses_nominations: bool,
    /// For how many hours a seat that becomes free is offered to the next in line, 1 to 720; left out where they have
    /// it at once.
    pub(super) offer_hours: Option<i64>,
}

impl EditionInput {
    pub(super) fn draft(&self, faults: &mut Faults) -> Option<EditionDraft> {
        let code = faults.take("edition.code", ShortCode::parse(&self.code));
        let time_zone = faults.take("edition.timeZone", parse_time_zone(&self.time_zone));
        let calendar = self.calendar(faults);
        Some(EditionDraft {
            code: code?,
            languages: self.languages.iter().map(|&language| language.into()).collect(),
            time_zone: time_zone?,
            calendar: calendar?,
            capacity: self.capacity,
            minimum: self.minimum,
            modality: self.modality.into(),
            policy: self.policy.into(),
            pass_mark: self.pass_mark.in_thousandths(),
            tutors_release: self.tutors_release,
            endorses_nominations: self.endorses_nominations,
            offer_hours: self.offer_hours,
        })
    }

    fn calendar(&self, faults: &mut Faults) -> Option<Calendar> {
        let starts_on = faults.take("edition.startsOn", parse_day(self.starts_on));
        let ends_on = faults.take("edition.endsOn", parse_day(self.ends_on));
        let enrols_from = faults.take("edition.enrolsFrom", parse_instant(self.enrols_from));
        let enrols_until = faults.take("edition.enrolsUntil", parse_instant(self.enrols_until));
        Some(Calendar {
            starts_on: starts_on?,
            ends_on: ends_on?,
            enrols_from: enrols_from?,
            enrols_until: enrols_until?,
        })
    }
}

/// A new edition of a course.
#[derive(InputObject)]
pub struct CreateEditionInput {
    /// The course that is given.
    pub(super) course_id: ID,
    /// The plan.
    pub(super) edition: EditionInput,
}

/// A new edition like an earlier one.
#[derive(InputObject)]
pub struct CopyEditionInput {
    /// The edition that is copied.
    pub(super) edition_id: ID,
    /// The course of the new one; left out for the same.
    pub(super) course_id: Option<ID>,
    /// A unique short code of up to 40 characters (NFC) for the new one.
    pub(super) code: String,
    /// Its first day; every other date moves by as many days, at the same time by the clock of the edition's zone.
    pub(super) starts_on: NaiveDate,
}

impl CopyEditionInput {
    pub(super) fn read(&self) -> Result<CopyEdition> {
        let mut faults = Faults::default();
        let source = id::parse(&mut faults, "editionId", &self.edition_id);
        let course = self.course_id.as_ref();
        let course = course.and_then(|id| id::parse(&mut faults, "courseId", id));
        let code = faults.take("code", ShortCode::parse(&self.code));
        let starts_on = faults.take("startsOn", parse_day(self.starts_on));
        let ((source, code), starts_on) = faults.whole(source.zip(code).zip(starts_on))?;
        Ok(CopyEdition {
            source,
            course,
            code,
            starts_on,
        })
    }
}

/// A changed edition.
#[derive(InputObject)]
pub struct UpdateEditionInput {
    /// Which.
    pub(super) edition_id: ID,
    /// The version that you saw.
    pub(super) version: i64,
    /// The plan, all of it anew.
    pub(super) edition: EditionInput,
}

/// A step of an edition along its states.
#[derive(InputObject)]
pub struct MoveEditionInput {
    /// Which.
    pub(super) edition_id: ID,
    /// The version that you saw.
    pub(super) version: i64,
    /// The state to enter; one of `nextStates`.
    pub(super) to: EditionState,
    /// Why, up to 1,000 characters (NFC); required to cancel and to reopen.
    pub(super) reason: Option<String>,
}

payloads! {
    /// The new edition.
    CreateEditionPayload {
        /// The edition, unless there are `userErrors`.
        edition: Edition
    }
    /// The new edition.
    CopyEditionPayload {
        /// The edition, unless there are `userErrors`.
        edition: Edition
    }
    /// The changed edition.
    UpdateEditionPayload {
        /// The edition, unless there are `userErrors`.
        edition: Edition
    }
    /// The edition after its step.
    MoveEditionPayload {
        /// The edition, unless there are `userErrors`.
        edition: Edition
    }
}
