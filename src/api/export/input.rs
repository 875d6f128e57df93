//! What a list is asked with when it is taken out: the arguments and the filter that it has in its query.

use async_graphql::{Enum, ID, InputObject, InputType, Value};
use chrono::{DateTime, Utc};
use serde_json::Map;

use super::lists::Plan;
use crate::api::audit::{AuditFilter, credential};
use crate::api::edition::EditionFilter;
use crate::api::enrolment::{EnrolmentFilter, EnrolmentOrder};
use crate::api::enums::{Dimension, SubmissionState, mirror};
use crate::api::invitation::InvitationFilter;
use crate::api::nomination::NominationFilter;
use crate::api::statistics::StatisticsFilter;
use crate::api::table_import::RowOutcome;
use crate::api::{filter, id, reason, role};
use crate::domain::export::{ASKED_MOST, Format, Selection};
use crate::domain::id::{EditionId, InstitutionId, PersonId, TableImportId};
use crate::domain::text::{Country, Reason, SearchText, parse_instant};
use crate::domain::{roster, statistics, submission};
use crate::error::{Code, Error, Fault, Faults, Result};

mirror! {
    /// A list that can be taken out as a file. In brackets: what it is asked with, with a star where it must be.
    ExportedList of crate::domain::export::List {
        /// `Edition.enrolments` (`editionId`*, `enrolmentFilter`, `enrolmentOrder`).
        Enrolments,
        /// `Edition.teams` (`editionId`*).
        Teams,
        /// `Edition.submissions` (`editionId`*, `submissionStates`).
        Submissions,
        /// `allocatedTeams`.
        AllocatedTeams,
        /// `reviewQueue` (`submissionStates`).
        ReviewQueue,
        /// `invitations` (`scopeId`, `invitationFilter`).
        Invitations,
        /// `nominations` (`editionId`, `institutionId`, `nominationFilter`).
        Nominations,
        /// `courses` (`text`).
        Courses,
        /// `editions` (`editionFilter`).
        Editions,
        /// `institutions` (`text`, `country`).
        Institutions,
        /// `institutionProposals`.
        InstitutionProposals,
        /// `tableImportRows` (`importId`*, `outcomes`).
        ImportRows,
        /// `auditEntries` (`auditFilter`).
        AuditEntries,
        /// `accessOf` (`actorId` or `tokenId`, `from`*, `until`*).
        AccessedPeople,
        /// `statistics` (`by`*, `statisticsFilter`, `asAt`): a line for each group, without the total.
        Statistics,
    }
}

mirror! {
    /// How a file with a list is written.
    FileFormat of crate::domain::export::Format {
        /// Comma-separated values: UTF-8, RFC 4180.
        Csv,
        /// A workbook with one sheet, of at most 1,048,576 rows. A cell holds 32,767 characters; a longer text is cut.
        Xlsx,
    }
}

/// A list to be taken out: which, how it is written, why, and what it is asked with in its query. What the list is not asked
/// with is refused (`MALFORMED`), as is all of it together when it takes more than 4,000 bytes (`TOO_LONG`).
#[derive(InputObject)]
pub struct ExportListInput {
    /// Which list.
    list: ExportedList,
    /// How it is written; `CSV` where it is left out.
    format: Option<FileFormat>,
    /// What for, up to 1,000 characters (NFC). It opens what opens to you for a reason, and whoever you see personal data of
    /// reads it with each download.
    reason: String,
    /// The edition.
    edition_id: Option<ID>,
    /// The institution.
    institution_id: Option<ID>,
    /// An edition, course or institution.
    scope_id: Option<ID>,
    /// Words that occur, up to 100 characters (NFC).
    text: Option<String>,
    /// The country, the 2 letters of ISO 3166-1 alpha-2, in any case.
    country: Option<String>,
    /// In one of these states, 1 to 1,000 of them.
    submission_states: Option<Vec<SubmissionState>>,
    /// Which enrolments.
    enrolment_filter: Option<EnrolmentFilter>,
    /// In which order enrolments come.
    enrolment_order: Option<EnrolmentOrder>,
    /// Which invitations.
    invitation_filter: Option<InvitationFilter>,
    /// Which nominations.
    nomination_filter: Option<NominationFilter>,
    /// Which editions.
    edition_filter: Option<EditionFilter>,
    /// The table that you bring in, `imp_…`.
    import_id: Option<ID>,
    /// What became of its rows: one of these, 1 to 1,000 of them.
    outcomes: Option<Vec<RowOutcome>>,
    /// Which entries of the audit log.
    audit_filter: Option<AuditFilter>,
    /// Whose reading is meant.
    actor_id: Option<ID>,
    /// The session or API token by which was read.
    token_id: Option<ID>,
    /// From this instant on.
    from: Option<DateTime<Utc>>,
    /// Before this instant; not before `from`.
    until: Option<DateTime<Utc>>,
    /// By which dimensions figures are divided, each once, one at least.
    by: Option<Vec<Dimension>>,
    /// What is counted.
    statistics_filter: Option<StatisticsFilter>,
    /// An earlier instant, to get the figures as they then were.
    as_at: Option<DateTime<Utc>>,
}

/// What was read of an input.
pub struct Wanted {
    /// The list.
    pub selection: Selection,
    /// Why.
    pub reason: Reason,
    /// The edition whose list it is.
    pub edition: Option<EditionId>,
}

impl ExportListInput {
    /// Reads it, with the readers of the list itself.
    ///
    /// # Errors
    /// Everything that is wrong with its form; [`Code::Malformed`] for what the list is not asked with, and
    /// [`Code::Required`] for what it must be.
    pub fn read(self) -> Result<Wanted> {
        let mut faults = Faults::default();
        let asked = self.asked()?;
        for fault in Plan::of(self.list.into())?.misfits(&asked) {
            faults.push(fault);
        }
        let (list, format) = (self.list.into(), self.format.map_or(Format::Csv, Into::into));
        let reason = reason::read(&mut faults, &self.reason);
        let edition = self.edition_id.as_ref();
        let edition = edition.and_then(|edition| id::parse(&mut faults, "editionId", edition));
        self.check(&mut faults)?;
        let asked = serde_json::Value::Object(asked).to_string();
        if asked.len() > ASKED_MOST {
            faults.push(Fault::new(Code::TooLong).with(ASKED_MOST));
        }
        Ok(Wanted {
            reason: faults.whole(reason)?,
            selection: Selection { list, format, asked },
            edition,
        })
    }

    /// What was given, under the names that it has in the documents of the lists.
    fn asked(&self) -> Result<Map<String, serde_json::Value>> {
        let given = [
            ("editionId", value(self.edition_id.as_ref())),
            ("institutionId", value(self.institution_id.as_ref())),
            ("scopeId", value(self.scope_id.as_ref())),
            ("text", value(self.text.as_ref())),
            ("country", value(self.country.as_ref())),
            ("submissionStates", value(self.submission_states.as_ref())),
            ("enrolmentFilter", value(self.enrolment_filter.as_ref())),
            ("enrolmentOrder", value(self.enrolment_order.as_ref())),
            ("invitationFilter", value(self.invitation_filter.as_ref())),
            ("nominationFilter", value(self.nomination_filter.as_ref())),
            ("editionFilter", value(self.edition_filter.as_ref())),
            ("importId", value(self.import_id.as_ref())),
            ("outcomes", value(self.outcomes.as_ref())),
            ("auditFilter", value(self.audit_filter.as_ref())),
            ("actorId", value(self.actor_id.as_ref())),
            ("tokenId", value(self.token_id.as_ref())),
            ("from", value(self.from.as_ref())),
            ("until", value(self.until.as_ref())),
            ("by", value(self.by.as_ref())),
            ("statisticsFilter", value(self.statistics_filter.as_ref())),
            ("asAt", value(self.as_at.as_ref())),
        ];
        let mut asked = Map::new();
        for (name, value) in given {
            if let Some(value) = value {
                let value = value.into_json().map_err(Error::internal)?;
                asked.insert(name.to_owned(), without_nulls(value));
            }
        }
        Ok(asked)
    }

    /// Holds what was given against what the list takes, so that it is refused here and not only by the file.
    fn check(self, faults: &mut Faults) -> Result<()> {
        if let Some(institution) = &self.institution_id {
            id::parse::<InstitutionId>(faults, "institutionId", institution);
        }
        if let Some(scope) = &self.scope_id {
            faults.take("scopeId", role::read_scope(scope));
        }
        faults.take("text", SearchText::parse_optional(self.text.as_deref()));
        if let Some(country) = &self.country {
            faults.take("country", Country::parse(country));
        }
        if let Some(actor) = &self.actor_id {
            id::parse::<PersonId>(faults, "actorId", actor);
        }
        if let Some(import) = &self.import_id {
            id::parse::<TableImportId>(faults, "importId", import);
        }
        hold(faults, "tokenId", self.token_id.as_ref().map(credential))?;
        for (name, instant) in [("from", self.from), ("until", self.until), ("asAt", self.as_at)] {
            faults.take(name, instant.map(parse_instant).transpose());
        }
        filter::in_order(faults, "input.until", self.from, self.until);
        let _: Vec<submission::SubmissionState> = filter::all(faults, "input.submissionStates", self.submission_states);
        let _: Vec<roster::Outcome> = filter::all(faults, "input.outcomes", self.outcomes);
        let _: Vec<statistics::Dimension> = filter::all(faults, "input.by", self.by);
        hold(
            faults,
            "enrolmentFilter",
            self.enrolment_filter.map(EnrolmentFilter::read),
        )?;
        hold(
            faults,
            "invitationFilter",
            self.invitation_filter.map(InvitationFilter::read),
        )?;
        hold(
            faults,
            "nominationFilter",
            self.nomination_filter.map(NominationFilter::read),
        )?;
        hold(faults, "editionFilter", self.edition_filter.map(EditionFilter::read))?;
        hold(faults, "auditFilter", self.audit_filter.map(AuditFilter::read))?;
        hold(
            faults,
            "statisticsFilter",
            self.statistics_filter.map(StatisticsFilter::read),
        )
    }
}

/// What was given, as the library has it.
fn value<T: InputType>(given: Option<&T>) -> Option<Value> {
    given.map(InputType::to_value)
}

/// The same without the fields that say nothing: a link is not to carry them.
fn without_nulls(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_nulls(value)))
            .collect(),
        other => other,
    }
}

/// Keeps what is wrong with a filter, at its place in the input. Readers of filters call their argument `filter`.
fn hold<T>(faults: &mut Faults, name: &str, read: Option<Result<T>>) -> Result<()> {
    match read {
        None | Some(Ok(_)) => Ok(()),
        Some(Err(Error::Invalid(wrong))) => {
            for fault in wrong {
                let below = fault.path.iter().skip(1).cloned();
                let path = ["input", name].map(str::to_owned).into_iter().chain(below).collect();
                faults.push(Fault { path, ..fault });
            }
            Ok(())
        }
        Some(Err(failure)) => Err(failure),
    }
}
