//! What is sent about enrolments, and what mutations answer.

use async_graphql::{Enum, ID, InputObject};
use chrono::{DateTime, Utc};

use super::Enrolment;
use crate::api::enums::{ConstituentGroup, EnrolmentState, Language};
use crate::api::form::ApplicationInput;
use crate::api::payload::payloads;
use crate::api::{filter, id};
use crate::domain::form::answer::Application;
use crate::domain::text::{Comment, Country, parse_instant};
use crate::error::{Faults, Result};
use crate::store::enrolment as store;

/// Which enrolments; what is left out does not restrict. A list that is given has 1 to 1,000 values; an empty one is
/// refused (`REQUIRED`).
#[derive(InputObject)]
pub struct EnrolmentFilter {
    /// In one of these states.
    pub(super) states: Option<Vec<EnrolmentState>>,
    /// From one of these countries, each the 2 letters of ISO 3166-1 alpha-2 in any case. An API token needs
    /// `READ_PEOPLE` for it.
    pub(super) countries: Option<Vec<String>>,
    /// From one of these institutions. An API token needs `READ_PEOPLE` for it.
    pub(super) institution_ids: Option<Vec<ID>>,
    /// Of one of these constituent groups. An API token needs `READ_PEOPLE` for it.
    pub(super) constituent_groups: Option<Vec<ConstituentGroup>>,
    /// Written to in one of these languages. An API token needs `READ_PEOPLE` for it.
    pub(super) languages: Option<Vec<Language>>,
    /// Nominated by one of these institutions. An API token needs `READ_PEOPLE` for it.
    pub(super) nominated_by_ids: Option<Vec<ID>>,
    /// Who applied at this instant or later (RFC 3339 with offset).
    pub(super) applied_from: Option<DateTime<Utc>>,
    /// Who applied before this instant (RFC 3339 with offset).
    pub(super) applied_until: Option<DateTime<Utc>>,
    /// Who consents, or does not, to everything that the edition requires now; for those who coordinate it. An API token
    /// needs `READ_PEOPLE` for it.
    pub(super) consents: Option<ConsentStanding>,
}

/// Whether somebody consents to everything that an edition requires now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ConsentStanding {
    /// Something is missing, which `missingConsents` names: whom somebody else brought in has not been asked, who applied
    /// before was asked something else.
    Missing,
    /// Nothing is missing; everybody's, where nothing is required.
    Given,
}

/// In which order enrolments come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Enum)]
pub enum EnrolmentOrder {
    /// The first application first.
    #[default]
    OldestFirst,
    /// The last application first.
    NewestFirst,
    /// The highest `score` first, those without one last; for coordinators, and without your own.
    BestFirst,
}

impl From<EnrolmentOrder> for store::Order {
    fn from(order: EnrolmentOrder) -> Self {
        match order {
            EnrolmentOrder::OldestFirst => Self::OldestFirst,
            EnrolmentOrder::NewestFirst => Self::NewestFirst,
            EnrolmentOrder::BestFirst => Self::BestFirst,
        }
    }
}

impl EnrolmentFilter {
    /// Reads it; countries, identifiers and instants are checked. What the edition requires is not known here.
    pub fn read(self) -> Result<store::Filter> {
        let mut faults = Faults::default();
        let country = |text: String| Country::parse(&text).map(|country| country.as_ref().to_owned());
        let states = filter::all(&mut faults, "filter.states", self.states);
        let countries = filter::texts(&mut faults, "filter.countries", self.countries, country);
        let institutions = id::arguments(&mut faults, "filter.institutionIds", self.institution_ids);
        let constituent_groups = filter::all(&mut faults, "filter.constituentGroups", self.constituent_groups);
        let languages = filter::all(&mut faults, "filter.languages", self.languages);
        let nominated_by = id::arguments(&mut faults, "filter.nominatedByIds", self.nominated_by_ids);
        let mut instant = |at: &str, given: Option<DateTime<Utc>>| {
            let read = given.map(parse_instant).transpose();
            faults.take_argument(at, read).flatten()
        };
        let applied_from = instant("filter.appliedFrom", self.applied_from);
        let applied_until = instant("filter.appliedUntil", self.applied_until);
        faults.check()?;
        Ok(store::Filter {
            states,
            countries,
            institutions,
            constituent_groups,
            languages,
            nominated_by,
            applied_from,
            applied_until,
            consents: None,
        })
    }
}

/// An application.
#[derive(InputObject)]
pub struct ApplyToEditionInput {
    /// To which edition; it must be enrolling.
    pub(super) edition_id: ID,
    /// Why you want to take part, up to 10,000 characters (NFC).
    #[graphql(default)]
    pub(super) motivation: String,
    /// The edition's `applicationForm`, filled; may be left out where nothing of it is required.
    pub(super) application: Option<ApplicationInput>,
}

/// Reads what somebody says as they apply: why, and the form.
pub fn read_application(
    faults: &mut Faults,
    motivation: &str,
    filled: Option<&ApplicationInput>,
) -> Option<Application> {
    let motivation = faults.take("motivation", Comment::parse(motivation));
    let filled = match filled {
        Some(filled) => filled.read(faults).map(Some),
        None => Some(None),
    };
    Some(Application {
        motivation: motivation?,
        filled: filled?,
    })
}

/// A withdrawal.
#[derive(InputObject)]
pub struct WithdrawEnrolmentInput {
    /// Which enrolment.
    pub(super) enrolment_id: ID,
    /// The version that you saw.
    pub(super) version: i64,
    /// Why, up to 1,000 characters (NFC).
    pub(super) reason: Option<String>,
}

payloads! {
    /// The new enrolment.
    ApplyToEditionPayload {
        /// The enrolment, unless there are `userErrors`; its state says what became of the application.
        enrolment: Enrolment
    }
    /// The withdrawn enrolment.
    WithdrawEnrolmentPayload {
        /// The enrolment, unless there are `userErrors`.
        enrolment: Enrolment
    }
}
