//! What is sent about editions, and what mutations answer.

use async_graphql::{ID, InputObject};
use chrono::{DateTime, NaiveDate, Utc};

use super::Edition;
use crate::api::decimal::Decimal;
use crate::api::enums::{EditionState, EnrolmentPolicy, Language, Modality};
use crate::api::id;
use crate::api::payload::payloads;
use crate::domain::edition::{Calendar, EditionDraft};
use crate::domain::text::{SearchText, ShortCode, parse_time_zone};
use crate::error::{Fault, Faults, Result};
use crate::store::edition;

/// Which editions of the catalogue; what is left out does not restrict.
#[derive(InputObject, Default)]
pub struct EditionFilter {
    /// Words that occur in the code, title or description; case and accents do not matter. Up to 100 characters.
    pub(super) text: Option<String>,
    /// Given in this language.
    pub(super) language: Option<Language>,
    /// Those that end on this day or later.
    pub(super) from: Option<NaiveDate>,
    /// Those that start on this day or earlier.
    pub(super) until: Option<NaiveDate>,
    /// In one of these states.
    pub(super) states: Option<Vec<EditionState>>,
    /// Of this course.
    pub(super) course_id: Option<ID>,
}

impl EditionFilter {
    pub(super) fn read(self) -> Result<edition::Filter> {
        let flaw = |flaw: crate::error::Flaw| Fault {
            code: flaw.code,
            path: vec!["filter".into(), "text".into()],
            detail: flaw.detail,
        };
        Ok(edition::Filter {
            text: SearchText::parse_optional(self.text.as_deref()).map_err(flaw)?,
            language: self.language.map(Into::into),
            from: self.from,
            until: self.until,
            states: self.states.unwrap_or_default().into_iter().map(Into::into).collect(),
            course: self.course_id.map(|id| id::parse("filter.courseId", &id)).transpose()?,
        })
    }
}

/// What an edition is planned to be.
#[derive(InputObject)]
pub struct EditionInput {
    /// A unique short code of up to 40 characters, such as `BDG-2022`.
    pub(super) code: String,
    /// The languages in which it is given; at least one.
    pub(super) languages: Vec<Language>,
    /// An IANA zone, such as `America/Montevideo`.
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
}

impl EditionInput {
    pub(super) fn draft(&self) -> Result<EditionDraft> {
        let mut faults = Faults::default();
        let code = faults.take("edition.code", ShortCode::parse(&self.code));
        let time_zone = faults.take("edition.timeZone", parse_time_zone(&self.time_zone));
        let (Some(code), Some(time_zone)) = (code, time_zone) else {
            return Err(faults.into());
        };
        Ok(EditionDraft {
            code,
            languages: self.languages.iter().map(|&language| language.into()).collect(),
            time_zone,
            calendar: Calendar {
                starts_on: self.starts_on,
                ends_on: self.ends_on,
                enrols_from: self.enrols_from,
                enrols_until: self.enrols_until,
            },
            capacity: self.capacity,
            minimum: self.minimum,
            modality: self.modality.into(),
            policy: self.policy.into(),
            pass_mark: self.pass_mark.in_thousandths(),
            tutors_release: self.tutors_release,
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
    /// Why, up to 1,000 characters; required to cancel and to reopen.
    pub(super) reason: Option<String>,
}

payloads! {
    /// The new edition.
    CreateEditionPayload {
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
