//! What an API token may be used for, apart from what its owner may do: `policy.scopes`, read once.
//!
//! Everything that a token is kept from is kept from it by [`covers`]: [`super::verdict`] asks for every object, and
//! whoever lets a document in asks for every field of it, by the actions that `policy.operations` names.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::Action;
use crate::domain::actor::Actor;
use crate::error::{Error, Result};

/// The file as it is shipped.
pub const SCOPES: &str = include_str!("../policy.scopes");

words! {
    /// A part of what Rumbo does, to which an API token may be held.
    TokenScope {
        /// One's own profile, roles and declaration.
        ReadAccount = "read_account",
        /// Courses, editions and institutions.
        ReadCatalogue = "read_catalogue",
        /// Planning courses, editions and what they ask for.
        WriteCatalogue = "write_catalogue",
        /// Registering and changing institutions.
        WriteInstitutions = "write_institutions",
        /// Personal data of others.
        ReadPeople = "read_people",
        /// Enrolments and their outcomes.
        ReadEnrolments = "read_enrolments",
        /// Applying, withdrawing, and deciding on enrolments.
        WriteEnrolments = "write_enrolments",
        /// Taking lists of enrolments out of the system.
        ExportEnrolments = "export_enrolments",
        /// Making teams and allocating tutors.
        ManageTeams = "manage_teams",
        /// Teams and what they hand in.
        ReadWork = "read_work",
        /// Writing and handing in.
        WriteWork = "write_work",
        /// Reviewing, grading, releasing.
        AssessWork = "assess_work",
        /// Figures.
        ReadStatistics = "read_statistics",
        /// The audit log.
        ReadAudit = "read_audit",
    }
}

/// A set of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u32);

impl Scopes {
    /// The set of these.
    pub fn of(scopes: impl IntoIterator<Item = TokenScope>) -> Self {
        Self(scopes.into_iter().fold(0, |set, scope| set | bit(scope)))
    }

    /// The set that a stored text names, its words between spaces; words of later versions give nothing.
    pub fn read(text: &str) -> Self {
        Self::of(text.split_whitespace().filter_map(TokenScope::from_word))
    }

    /// The set as a text.
    pub fn write(self) -> String {
        self.iter().map(TokenScope::word).collect::<Vec<_>>().join(" ")
    }

    /// What is in it, in the order of the list.
    pub fn iter(self) -> impl Iterator<Item = TokenScope> {
        TokenScope::ALL
            .iter()
            .copied()
            .filter(move |scope| self.0 & bit(*scope) != 0)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether one of them covers the action with this name.
    pub fn cover(self, action: &str) -> bool {
        let covering = COVERING.get(action).copied().unwrap_or_default();
        self.0 & covering.0 != 0
    }
}

const fn bit(scope: TokenScope) -> u32 {
    1 << scope as u32
}

static COVERING: LazyLock<HashMap<&'static str, Scopes>> = LazyLock::new(|| {
    rows()
        .filter_map(|(action, scopes)| Some((action, Scopes::of(scopes?))))
        .collect()
});

/// The rows of the file: an action's name and the scopes that cover it, `None` when one of them is unknown.
pub fn rows() -> impl Iterator<Item = (&'static str, Option<Vec<TokenScope>>)> {
    SCOPES
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#') && !line.starts_with("action "))
        .map(|line| {
            let mut words = line.split_whitespace();
            let action = words.next().unwrap_or_default();
            let words: Vec<_> = words.collect();
            match words[..] {
                ["-"] => (action, Some(Vec::new())),
                [] => (action, None),
                _ => (action, words.into_iter().map(TokenScope::from_word).collect()),
            }
        })
}

/// The scopes that cover an action.
pub fn covering(action: &str) -> Scopes {
    COVERING.get(action).copied().unwrap_or_default()
}

/// Whether what the actor is signed in by reaches to the action: a session always, an API token by its scopes.
pub fn covers(actor: &Actor, action: Action) -> bool {
    actor.pass.is_none_or(|pass| pass.scopes.cover(action.key()))
}

/// Demands that it does.
///
/// # Errors
/// [`Error::InsufficientScope`] for a token without a scope that covers the action.
pub fn demand(actor: &Actor, action: Action) -> Result<()> {
    if covers(actor, action) {
        Ok(())
    } else {
        Err(Error::InsufficientScope(action.key()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::listing::{self, CARRIED, CREDENTIALS};
    use super::super::{Relation, Verdict, verdict};
    use super::*;
    use crate::domain::actor::{Grant, Pass, Role, Scope};
    use crate::domain::id::{ApiTokenId, PersonId};
    use crate::domain::language::Language;

    #[test]
    fn the_file_names_every_action_once_in_the_order_of_the_matrix() {
        let named: Vec<_> = rows().map(|(action, _)| action).collect();
        let known: Vec<_> = Action::ALL.iter().map(|action| action.key()).collect();
        assert_eq!(named, known);
        assert!(rows().all(|(_, scopes)| scopes.is_some()));
        for scope in TokenScope::ALL {
            let covered = rows().any(|(_, scopes)| scopes.is_some_and(|scopes| scopes.contains(scope)));
            assert!(covered, "{scope:?} covers nothing");
        }
    }

    #[test]
    fn accounts_and_roles_are_in_no_scope() {
        for action in [
            Action::ManageAccount,
            Action::ManageAccounts,
            Action::GrantRole,
            Action::GrantTutor,
            Action::ImportRecords,
            Action::Invite,
            Action::Nominate,
            Action::EndorseNomination,
        ] {
            assert!(covering(action.key()).is_empty(), "{action:?}");
        }
        for word in [CREDENTIALS, CARRIED, "", "everything"] {
            assert!(!Scopes::of(TokenScope::ALL.iter().copied()).cover(word), "{word}");
        }
    }

    /// A field is let in when one of its actions is covered. So where nothing asks again for the object, the
    /// actions of a field have to be covered together.
    #[test]
    fn actions_of_one_field_are_covered_together() {
        // These ask for each object: the node by its kind, the role by who may grant it.
        let asked = |of: &str, field: &str| (of, field) == ("Query", "node") || of == "RoleAssignment";
        for entry in listing::entries() {
            if entry.actions.len() < 2 || of_mutation(entry.of) || asked(entry.of, entry.field) {
                continue;
            }
            let all: Vec<_> = entry.actions.iter().map(|action| covering(action)).collect();
            let alike = all.windows(2).all(|pair| pair[0] == pair[1]);
            assert!(alike, "{}.{}: {:?}", entry.of, entry.field, entry.actions);
        }
    }

    /// Mutations ask the policy; inputs and answers are theirs.
    fn of_mutation(of: &str) -> bool {
        of == "Mutation" || of.ends_with("Input") || of.ends_with("Filter")
    }

    #[test]
    fn a_token_does_no_more_than_its_owner_and_no_more_than_its_scopes() {
        let grant = |role| Grant {
            role,
            scope: Scope::System,
        };
        let owner = Actor {
            person: Some(PersonId(uuid::Uuid::from_u128(1))),
            grants: vec![grant(Role::Coordinator), grant(Role::Tutor)],
            ..Actor::anonymous(Language::En)
        };
        let relations = (0..32_u8).map(|bits| Relation {
            own: bits & 1 != 0,
            team: bits & 2 != 0,
            assigned: bits & 4 != 0,
            institution: bits & 8 != 0,
            edition: bits & 16 != 0,
        });
        for relation in relations {
            for scope in TokenScope::ALL {
                let scopes = Scopes::of([*scope]);
                let id = ApiTokenId(uuid::Uuid::from_u128(2));
                let token = Actor {
                    pass: Some(Pass { id, scopes }),
                    ..owner.clone()
                };
                for action in Action::ALL {
                    let expected = if scopes.cover(action.key()) {
                        verdict(&owner, *action, relation)
                    } else {
                        Verdict::Denied
                    };
                    assert_eq!(verdict(&token, *action, relation), expected, "{scope:?} {action:?}");
                }
            }
        }
    }

    #[test]
    fn a_set_is_read_as_it_was_written() {
        let all = Scopes::of(TokenScope::ALL.iter().copied());
        assert_eq!(Scopes::read(&all.write()), all);
        assert_eq!(all.iter().collect::<Vec<_>>(), TokenScope::ALL);
        assert_eq!(Scopes::read("of_later read_work"), Scopes::of([TokenScope::ReadWork]));
        assert!(Scopes::read("").is_empty());
    }
}
