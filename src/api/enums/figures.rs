//! What figures are asked for by.

use async_graphql::Enum;

mirror! {
    /// By what a figure can be divided.
    Dimension of crate::domain::statistics::Dimension {
        /// Gender as stated in the enrolment.
        Gender,
        /// Country as stated in the enrolment.
        Country,
        /// Institution as stated in the enrolment.
        Institution,
        /// The kind of that institution, as it was when the enrolment was frozen.
        InstitutionKind,
        /// Constituent group as stated in the enrolment.
        ConstituentGroup,
        /// The course of the edition.
        Course,
        /// The edition.
        Edition,
        /// The language of the person at enrolment.
        Language,
        /// The state of the enrolment.
        Status,
        /// The month of the application, in the edition's zone.
        Month,
    }
}

mirror! {
    /// Which editions a period means, by their days as they are now, also in figures of an earlier instant.
    PeriodRule of crate::domain::statistics::PeriodRule {
        /// Those whose first day is within the period.
        Started,
        /// Those whose last day is within the period.
        Ended,
        /// Those of which at least one day is within the period.
        Overlapped,
    }
}

mirror! {
    /// A named figure with a written rule.
    Measure of crate::domain::statistics::Measure {
        /// Distinct people with at least one admitted enrolment.
        Participants,
        /// Admitted enrolments.
        Enrolments,
        /// Applications, whatever became of them.
        Applications,
        /// Distinct institutions of admitted enrolments.
        Institutions,
        /// Distinct countries of admitted enrolments.
        Countries,
        /// Completed enrolments.
        Completed,
        /// Completed of admitted enrolments.
        CompletionRate,
        /// Enrolments that the person ended.
        Withdrawn,
        /// Roadmaps and projects handed in.
        Submitted,
        /// Roadmaps and projects with a released grade.
        Released,
        /// Synchronous meetings.
        Meetings,
        /// Hours of synchronous meetings.
        MeetingHours,
    }
}
