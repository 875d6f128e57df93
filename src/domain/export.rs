//! Lists that can be taken out of the system: which there are, in which forms, and what one may be asked with. Who may see
//! what of them is said where each list is read.

words! {
    /// A list that can be taken out.
    List {
        /// The enrolments of an edition.
        Enrolments = "enrolments",
        /// The teams of an edition.
        Teams = "teams",
        /// What the teams of an edition handed in.
        Submissions = "submissions",
        /// The teams in one's charge as a tutor.
        AllocatedTeams = "allocated_teams",
        /// What waits for one's review as a tutor.
        ReviewQueue = "review_queue",
        /// Who was invited.
        Invitations = "invitations",
        /// Who was nominated.
        Nominations = "nominations",
        /// The catalogue of courses.
        Courses = "courses",
        /// The catalogue of editions.
        Editions = "editions",
        /// The register of institutions.
        Institutions = "institutions",
        /// Institutions that applicants proposed.
        InstitutionProposals = "institution_proposals",
        /// What came of the rows of a table that was brought in.
        ImportRows = "import_rows",
        /// The audit log.
        AuditEntries = "audit_entries",
        /// Of whom an account or an API token read personal data.
        AccessedPeople = "accessed_people",
        /// Figures by any dimensions.
        Statistics = "statistics",
    }
}

words! {
    /// How a list is written.
    Format {
        /// Comma-separated values: UTF-8, RFC 4180.
        Csv = "csv",
        /// A workbook.
        Xlsx = "xlsx",
    }
}

/// The most bytes of what a list is asked with: it stands in a link, and a hundred identifiers fit in.
pub const ASKED_MOST: usize = 4_000;

/// A list that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Which.
    pub list: List,
    /// How it is written.
    pub format: Format,
    /// What the list is asked with, its filter among it: the arguments of its operation, as JSON.
    pub asked: String,
}
