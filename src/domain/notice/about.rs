//! What and whom a notice is about, as it was when it was written.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::domain::language::{Language, Localized};

/// The edition that a notice is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AboutEdition {
    /// The edition's code.
    pub code: String,
    /// The course's title per language.
    pub title: Localized,
    /// First day, in the edition's zone.
    pub starts_on: NaiveDate,
    /// Last day, in the edition's zone.
    pub ends_on: NaiveDate,
    /// The IANA name of the zone.
    pub time_zone: String,
    /// The name of the edition in calendars; empty in messages that were written before there was one.
    #[serde(default)]
    pub event: String,
    /// How often the edition had been changed.
    #[serde(default)]
    pub changes: i64,
}

/// The days between which an edition was planned before they changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Days {
    /// First day, in the zone of then.
    pub starts_on: NaiveDate,
    /// Last day, in the zone of then.
    pub ends_on: NaiveDate,
    /// The IANA name of the zone of then.
    pub time_zone: String,
}

/// The work that a notice is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AboutWork {
    /// The edition.
    pub edition: AboutEdition,
    /// The deliverable's title.
    pub deliverable: String,
    /// The title that the team gave its work.
    pub work: String,
    /// The number of the version that was reviewed.
    pub version: i64,
}

/// Somebody without an account to whom a notice goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guest {
    /// The address.
    pub address: String,
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// The language in which they are written to.
    pub language: Language,
}
