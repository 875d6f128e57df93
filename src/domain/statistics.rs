//! Statistics: what is counted, by what, and by which written rule.

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::enrolment::EnrolmentState;
use super::id::{CourseId, EditionId, EnrolmentId, InstitutionId, PersonId};
use super::institution::InstitutionKind;
use super::language::Language;
use super::person::{ConstituentGroup, Gender};

/// Everything about one enrolment that a statistic counts or divides by, as it is at an instant.
///
/// Demographics come from the enrolment's snapshot, never from the person's profile of today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The enrolment that is counted.
    pub enrolment: EnrolmentId,
    /// Whose it is.
    pub person: PersonId,
    /// The person's dense number, for sets of people.
    pub person_number: i64,
    /// The rest, by which counts are divided.
    pub cell: Cell,
    /// How many works are counted for this enrolment: those whose first version it handed in.
    pub submitted: i64,
    /// How many of these have a released grade.
    pub released: i64,
}

/// The finest division of the counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    /// The edition.
    pub edition: EditionId,
    /// The state of the enrolment.
    pub status: EnrolmentState,
    /// Gender.
    pub gender: Gender,
    /// Two letters of ISO 3166-1, empty when not stated.
    pub country: String,
    /// The institution, nil when not stated.
    pub institution: Uuid,
    /// Constituent group.
    pub constituent_group: ConstituentGroup,
    /// Language.
    pub language: Language,
    /// Month of the application in the edition's zone, such as `2022-04`.
    pub month: String,
    /// The kind that the institution had when it was stated, `None` when none was.
    pub institution_kind: Option<InstitutionKind>,
}

/// A fact that begins, ends or becomes another at an instant.
#[derive(Debug, Clone)]
pub struct Change {
    /// When it took place, which for imported history is long ago.
    pub at: DateTime<Utc>,
    /// What held before, `None` for a new enrolment.
    pub before: Option<Fact>,
    /// What holds from now on.
    pub after: Option<Fact>,
}

words! {
    /// By what a figure can be divided.
    Dimension {
        /// Gender as stated in the enrolment.
        Gender = "gender",
        /// Country as stated in the enrolment.
        Country = "country",
        /// Institution as stated in the enrolment.
        Institution = "institution",
        /// The kind of that institution, as it was when the enrolment was frozen.
        InstitutionKind = "institution_kind",
        /// Constituent group as stated in the enrolment.
        ConstituentGroup = "constituent_group",
        /// The course of the edition.
        Course = "course",
        /// The edition.
        Edition = "edition",
        /// The language of the person at enrolment.
        Language = "language",
        /// The state of the enrolment.
        Status = "status",
        /// The month of the application, in the edition's zone.
        Month = "month",
    }
}

impl Dimension {
    /// Whether it is a property of the edition, not of the person.
    pub const fn is_of_edition(self) -> bool {
        matches!(self, Self::Course | Self::Edition)
    }

    /// Whether only the finest counts know it.
    pub const fn needs_detail(self) -> bool {
        matches!(
            self,
            Self::Institution | Self::InstitutionKind | Self::ConstituentGroup | Self::Language | Self::Month
        )
    }
}

words! {
    /// Which editions a period means, by their days as they are now, also in figures of an earlier instant.
    PeriodRule {
        /// Those whose first day is within the period.
        Started = "started",
        /// Those whose last day is within the period.
        Ended = "ended",
        /// Those of which at least one day is within the period.
        Overlapped = "overlapped",
    }
}

/// Days from the first to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// Which editions it means.
    pub rule: PeriodRule,
}

/// What is counted; an empty list does not restrict.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Editions by date.
    pub period: Option<Period>,
    /// Only these editions.
    pub editions: Vec<EditionId>,
    /// Only editions of these courses.
    pub courses: Vec<CourseId>,
    /// Only these genders.
    pub genders: Vec<Gender>,
    /// Only these countries (two letters; empty for not stated).
    pub countries: Vec<String>,
    /// Only these institutions.
    pub institutions: Vec<InstitutionId>,
    /// Only these kinds of institution, as they were when the enrolments were frozen.
    pub institution_kinds: Vec<InstitutionKind>,
    /// Only these constituent groups.
    pub constituent_groups: Vec<ConstituentGroup>,
    /// Only these languages.
    pub languages: Vec<Language>,
    /// Only these states of the enrolment.
    pub statuses: Vec<EnrolmentState>,
    /// Only applications of these months, such as `2022-04`.
    pub months: Vec<String>,
}

impl Filter {
    /// Whether it needs the finest counts.
    pub fn needs_detail(&self) -> bool {
        !(self.institutions.is_empty()
            && self.institution_kinds.is_empty()
            && self.constituent_groups.is_empty()
            && self.languages.is_empty()
            && self.months.is_empty())
    }

    /// Whether it asks about the people, not only about the editions.
    pub fn is_personal(&self) -> bool {
        self.needs_detail() || !(self.genders.is_empty() && self.countries.is_empty() && self.statuses.is_empty())
    }

    /// Whether it restricts the editions.
    pub fn is_of_edition(&self) -> bool {
        self.period.is_some() || !self.editions.is_empty() || !self.courses.is_empty()
    }
}

words! {
    /// A named figure with a written rule.
    Measure {
        /// Distinct people with at least one admitted enrolment.
        Participants = "participants",
        /// Admitted enrolments.
        Enrolments = "enrolments",
        /// Applications, whatever became of them.
        Applications = "applications",
        /// Distinct institutions of admitted enrolments.
        Institutions = "institutions",
        /// Distinct countries of admitted enrolments.
        Countries = "countries",
        /// Completed enrolments.
        Completed = "completed",
        /// Completed of admitted enrolments.
        CompletionRate = "completion_rate",
        /// Enrolments that the person ended.
        Withdrawn = "withdrawn",
        /// Roadmaps and projects handed in.
        Submitted = "submitted",
        /// Roadmaps and projects with a released grade.
        Released = "released",
        /// Synchronous meetings.
        Meetings = "meetings",
        /// Hours of synchronous meetings.
        MeetingHours = "meeting_hours",
    }
}

impl Measure {
    /// The rule, in English; the contract of the figure.
    pub const fn rule(self) -> &'static str {
        match self {
            Self::Participants => {
                "Distinct people who hold at least one admitted enrolment among those counted; who took part in \
                 three editions counts once in the total and once in each of the three."
            }
            Self::Enrolments => {
                "Enrolments that were confirmed at some time, whatever became of them: confirmed, active, \
                 completed, not completed, withdrawn, excluded."
            }
            Self::Applications => "Enrolments in any state, also those that never were admitted.",
            Self::Institutions => "Distinct institutions stated in admitted enrolments; not stated is not counted.",
            Self::Countries => "Distinct countries stated in admitted enrolments; not stated is not counted.",
            Self::Completed => "Admitted enrolments whose outcome is completed.",
            Self::CompletionRate => "Completed divided by enrolments, from 0 to 1, with four decimals rounded half up.",
            Self::Withdrawn => "Admitted enrolments that the person ended.",
            Self::Submitted => {
                "Roadmaps and projects handed in at least once, each counted once, under the snapshot of the \
                 enrolment that handed in its first version; the tasks of single participants are not among them."
            }
            Self::Released => "Those of them whose grade is released, counted in the same place.",
            Self::Meetings => {
                "Synchronous meetings that began until the as-at instant, of the editions that were running, in \
                 grading, closed or archived at that instant; what is planned only, or was cancelled, has none. They \
                 divide by course and edition only."
            }
            Self::MeetingHours => "The planned length of these meetings in hours, with two decimals.",
        }
    }
}

/// The counts of one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "`Measure::rule` says what each one counts")]
pub struct Figures {
    pub applications: i64,
    pub enrolments: i64,
    pub women: i64,
    pub men: i64,
    pub another: i64,
    pub not_stated: i64,
    pub completed: i64,
    pub withdrawn: i64,
    pub submitted: i64,
    pub released: i64,
}

impl std::ops::AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.applications += other.applications;
        self.enrolments += other.enrolments;
        self.women += other.women;
        self.men += other.men;
        self.another += other.another;
        self.not_stated += other.not_stated;
        self.completed += other.completed;
        self.withdrawn += other.withdrawn;
        self.submitted += other.submitted;
        self.released += other.released;
    }
}

impl Figures {
    /// Completed of enrolments in ten-thousandths, rounded half up; `None` when nobody is enrolled.
    pub fn completion_rate(&self) -> Option<i64> {
        (self.enrolments > 0).then(|| (self.completed * 20_000 + self.enrolments) / (self.enrolments * 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_rounded_half_up_and_absent_without_enrolments() {
        let rate = |completed, enrolments| {
            Figures {
                enrolments,
                completed,
                ..Figures::default()
            }
            .completion_rate()
        };
        assert_eq!(rate(1, 3), Some(3333));
        assert_eq!(rate(2, 3), Some(6667));
        assert_eq!(rate(309, 395), Some(7823));
        assert_eq!(rate(0, 0), None);
    }
}
