//! Who acts: nobody, or a person with the roles that hold at this instant.

use sea_orm::{DeriveActiveEnum, EnumIter};

use super::id::{AnyId, ApiTokenId, CourseId, EditionId, InstitutionId, PersonId, SessionId};
use super::language::Language;
use super::policy::scopes::Scopes;
use crate::error::{Error, Result};

/// A role that is granted, from the lowest to the highest; being a participant is not granted, it follows from an
/// enrolment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum Role {
    /// Accompanies and grades the teams allocated to them.
    #[sea_orm(string_value = "tutor")]
    Tutor,
    /// Nominates and follows people of their institution.
    #[sea_orm(string_value = "focal_point")]
    FocalPoint,
    /// Plans and runs editions.
    #[sea_orm(string_value = "coordinator")]
    Coordinator,
    /// Looks after accounts, institutions and settings.
    #[sea_orm(string_value = "administrator")]
    Administrator,
}

impl Role {
    /// Its word, in the database, in settings and in messages.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tutor => "tutor",
            Self::FocalPoint => "focal_point",
            Self::Coordinator => "coordinator",
            Self::Administrator => "administrator",
        }
    }

    /// The role of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "tutor" => Self::Tutor,
            "focal_point" => Self::FocalPoint,
            "coordinator" => Self::Coordinator,
            "administrator" => Self::Administrator,
            _ => return None,
        })
    }
}

/// Where a role holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Everywhere.
    System,
    /// For one institution and those it nominates.
    Institution(InstitutionId),
    /// For every edition of one course.
    Course(CourseId),
    /// For one edition.
    Edition(EditionId),
}

impl Scope {
    /// The scope of an identifier; `None` for one of a thing in which no role holds.
    pub const fn of(id: AnyId) -> Option<Self> {
        match id {
            AnyId::InstitutionId(id) => Some(Self::Institution(id)),
            AnyId::CourseId(id) => Some(Self::Course(id)),
            AnyId::EditionId(id) => Some(Self::Edition(id)),
            _ => None,
        }
    }
}

/// A role and where it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Grant {
    /// The role.
    pub role: Role,
    /// Where it holds.
    pub scope: Scope,
}

/// The API token by which a program acts for its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// Which one.
    pub id: ApiTokenId,
    /// What it may be used for.
    pub scopes: Scopes,
}

impl Grant {
    /// Whether there is this role in this kind of scope.
    pub const fn is_possible(self) -> bool {
        match (self.role, self.scope) {
            (Role::Administrator | Role::Coordinator, Scope::System)
            | (Role::Coordinator, Scope::Course(_))
            | (Role::Coordinator | Role::Tutor, Scope::Edition(_))
            | (Role::FocalPoint, Scope::Institution(_)) => true,
            (Role::Tutor | Role::FocalPoint, Scope::System)
            | (Role::Tutor | Role::FocalPoint | Role::Administrator, Scope::Course(_))
            | (Role::FocalPoint | Role::Administrator, Scope::Edition(_))
            | (Role::Tutor | Role::Coordinator | Role::Administrator, Scope::Institution(_)) => false,
        }
    }
}

/// Whoever a request comes from.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The person who signed in, if anybody did.
    pub person: Option<PersonId>,
    /// The session that the request's token belongs to.
    pub session: Option<SessionId>,
    /// The API token that the request came with, instead of a session's.
    pub pass: Option<Pass>,
    /// The language to answer in.
    pub language: Language,
    /// Every role in force.
    pub grants: Vec<Grant>,
    /// Whether there are roles that are not among the grants because the second factor was not given.
    pub withheld: bool,
}

/// The editions on which a role gives authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// All of them.
    Everywhere,
    /// Those of these courses, and these.
    Within {
        /// Courses all of whose editions are within reach.
        courses: Vec<CourseId>,
        /// Single editions within reach.
        editions: Vec<EditionId>,
    },
}

impl Reach {
    /// Whether no edition can be within reach.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Within { courses, editions } if courses.is_empty() && editions.is_empty())
    }

    /// Whether an edition of a course is within reach.
    pub fn covers(&self, course: CourseId, edition: EditionId) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Within { courses, editions } => courses.contains(&course) || editions.contains(&edition),
        }
    }
}

impl Actor {
    /// Somebody who has not signed in.
    pub fn anonymous(language: Language) -> Self {
        Self {
            person: None,
            session: None,
            pass: None,
            language,
            grants: Vec::new(),
            withheld: false,
        }
    }

    /// A person with the roles that count: none does as long as one of them, of those in `needing`, waits for a second
    /// factor that was not given. What such a person may do is add one.
    pub fn known(
        person: PersonId,
        language: Language,
        grants: Vec<Grant>,
        factor_given: bool,
        needing: &[Role],
    ) -> Self {
        let withheld = !factor_given && grants.iter().any(|grant| needing.contains(&grant.role));
        Self {
            person: Some(person),
            grants: if withheld { Vec::new() } else { grants },
            withheld,
            ..Self::anonymous(language)
        }
    }

    /// Whoever runs the program on its own machine: nobody who signed in, with the authority of an
    /// administrator and of a coordinator of every edition.
    pub fn operator() -> Self {
        let grant = |role| Grant {
            role,
            scope: Scope::System,
        };
        let grants = vec![grant(Role::Administrator), grant(Role::Coordinator)];
        Self {
            grants,
            ..Self::anonymous(Language::En)
        }
    }

    /// The person who signed in.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when nobody did.
    pub fn signed_in(&self) -> Result<PersonId> {
        self.person.ok_or(Error::Unauthenticated)
    }

    /// Whether the role is held anywhere.
    pub fn holds(&self, role: Role) -> bool {
        self.grants.iter().any(|grant| grant.role == role)
    }

    /// The highest role held anywhere; nobody grants one that is not below it.
    pub fn highest(&self) -> Option<Role> {
        self.grants.iter().map(|grant| grant.role).max()
    }

    /// The editions that the actor coordinates.
    pub fn coordinated(&self) -> Reach {
        self.reach(Role::Coordinator)
    }

    /// The editions of which the actor is tutor now, whoever's teams they are in charge of.
    pub fn tutored(&self) -> Reach {
        self.reach(Role::Tutor)
    }

    /// The editions on which a role gives authority.
    fn reach(&self, role: Role) -> Reach {
        let mut courses = Vec::new();
        let mut editions = Vec::new();
        for grant in self.grants.iter().filter(|grant| grant.role == role) {
            match grant.scope {
                Scope::System => return Reach::Everywhere,
                Scope::Course(course) => courses.push(course),
                Scope::Edition(edition) => editions.push(edition),
                Scope::Institution(_) => {}
            }
        }
        Reach::Within { courses, editions }
    }

    /// The institutions for which the actor is the focal point.
    pub fn institutions(&self) -> Vec<InstitutionId> {
        self.grants
            .iter()
            .filter_map(|grant| match (grant.role, grant.scope) {
                (Role::FocalPoint, Scope::Institution(institution)) => Some(institution),
                _ => None,
            })
            .collect()
    }
}
