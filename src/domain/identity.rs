//! Somebody whom an identity provider knows: what it says of them, and what that is worth here.

use serde_json::{Map, Value};

use super::actor::{Grant, Role};
use super::language::Language;
use super::text::{Email, Name, parse_time_zone};
use crate::error::Flaw;

/// The longest key of a provider.
pub const KEY_MOST: usize = 40;
/// The longest state that a client brings back; ours are shorter.
pub const STATE_MOST: usize = 60;
/// The longest code that a provider is asked about.
pub const CODE_MOST: usize = 4096;
/// The longest name of a provider that a client brings back.
pub const ISSUER_MOST: usize = 2000;

/// Whether this can be a text of the protocol: not empty, not too long, and of ASCII that can be shown (RFC 6749,
/// appendix A).
pub fn can_be(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// The name by which a provider knows somebody; it never changes there and is compared byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject(String);

impl Subject {
    /// 1 to 255 bytes without control characters (OpenID Connect Core, 2); `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=255).contains(&text.len()) && !text.chars().any(char::is_control);
        fits.then(|| Self(text.to_owned()))
    }
}

impl AsRef<str> for Subject {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// What a provider says of somebody who signed in there.
#[derive(Debug, Clone)]
pub struct Claims {
    /// Who it is.
    pub subject: Subject,
    /// The address.
    pub email: Option<String>,
    /// Whether the provider has seen that the address is theirs.
    pub email_verified: bool,
    /// Given name.
    pub given_name: Option<String>,
    /// Family name.
    pub family_name: Option<String>,
    /// The whole name.
    pub name: Option<String>,
    /// The language, as a tag.
    pub locale: Option<String>,
    /// The zone.
    pub zone: Option<String>,
    /// Everything that is no standard claim of a person.
    pub others: Map<String, Value>,
}

impl Claims {
    /// The address, if the provider vouches for it.
    pub fn vouched_address(&self) -> Option<Email> {
        let text = self.email.as_deref().filter(|_| self.email_verified)?;
        Email::parse(text).ok()
    }

    /// Given and family name of a new account. What the provider does not say, or says in letters that no name has, is
    /// made of the whole name or of the address; the owner can put it right.
    ///
    /// # Errors
    /// When not even the address will do, which no parsed one does.
    pub fn names(&self, address: &Email) -> Result<(Name, Name), Flaw> {
        let local = address.as_ref().split('@').next().unwrap_or_default();
        let whole = self.name.as_deref().unwrap_or_default().trim();
        let (first, rest) = whole.split_once(' ').unwrap_or((whole, ""));
        let one_of = |said: &Option<String>, part: &str| {
            let said = said.as_deref().and_then(|text| Name::parse(text).ok());
            let made = || Name::parse(part).or_else(|_| Name::parse(local));
            said.map_or_else(made, Ok)
        };
        Ok((one_of(&self.given_name, first)?, one_of(&self.family_name, rest)?))
    }

    /// The language, if Rumbo speaks it.
    pub fn language(&self) -> Option<Language> {
        self.locale.as_deref().and_then(Language::negotiate)
    }

    /// The zone; UTC where the provider says none that there is.
    pub fn time_zone(&self) -> chrono_tz::Tz {
        let zone = self.zone.as_deref().and_then(|text| parse_time_zone(text).ok());
        zone.unwrap_or(chrono_tz::UTC)
    }
}

/// What becomes of somebody whose identity is linked to no account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stranger {
    /// Nothing: an address for which the provider does not vouch opens nothing and makes nothing.
    Refused,
    /// A message goes to the address; whoever reads it there confirms the link.
    AskedByMail,
    /// A new account, with the address as confirmed.
    Welcome,
}

/// What becomes of a stranger. Whether the address has an account makes a difference only where the operator trusts
/// the provider's word about addresses: elsewhere the answer must not tell.
pub const fn stranger(vouched: bool, trusted: bool, has_account: bool) -> Stranger {
    match (vouched, trusted, has_account) {
        (false, _, _) => Stranger::Refused,
        (true, true, false) => Stranger::Welcome,
        (true, true, true) | (true, false, _) => Stranger::AskedByMail,
    }
}

/// A role for those of whom a provider says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRule {
    claim: String,
    value: String,
    grant: Grant,
}

impl RoleRule {
    /// `None` for a role that no provider may give, or that does not exist in this scope: administrators are made on
    /// the machine and by each other, tutors by the coordinators of their edition.
    pub fn new(claim: &str, value: &str, grant: Grant) -> Option<Self> {
        let given = match grant.role {
            Role::Coordinator | Role::FocalPoint => grant.is_possible(),
            Role::Administrator | Role::Tutor => false,
        };
        (given && !claim.is_empty() && !value.is_empty()).then(|| Self {
            claim: claim.to_owned(),
            value: value.to_owned(),
            grant,
        })
    }

    /// The claim that it looks at.
    pub fn claim(&self) -> &str {
        &self.claim
    }

    /// What it gives.
    pub fn grant(&self) -> Grant {
        self.grant
    }

    fn applies(&self, claims: &Map<String, Value>) -> bool {
        match claims.get(&self.claim) {
            Some(Value::String(text)) => *text == self.value,
            Some(Value::Array(list)) => list.iter().any(|item| item.as_str() == Some(&self.value)),
            _ => false,
        }
    }
}

/// The roles that rules give for what a provider says, each once.
pub fn mapped(rules: &[RoleRule], claims: &Map<String, Value>) -> Vec<Grant> {
    let mut grants = Vec::new();
    for rule in rules.iter().filter(|rule| rule.applies(claims)) {
        if !grants.contains(&rule.grant) {
            grants.push(rule.grant);
        }
    }
    grants
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::domain::actor::Scope;
    use crate::domain::id::{CourseId, EditionId, InstitutionId};

    fn claims() -> Claims {
        Claims {
            subject: Subject::parse("248289761001").expect("a subject"),
            email: Some("Ana.Perez@Example.org".into()),
            email_verified: true,
            given_name: None,
            family_name: None,
            name: None,
            locale: None,
            zone: None,
            others: Map::new(),
        }
    }

    fn names(given: Option<&str>, family: Option<&str>, name: Option<&str>) -> (String, String) {
        let own = |text: Option<&str>| text.map(str::to_owned);
        let claims = Claims {
            given_name: own(given),
            family_name: own(family),
            name: own(name),
            ..claims()
        };
        let address = claims.vouched_address().expect("an address");
        let (given, family) = claims.names(&address).expect("names");
        (given.to_string(), family.to_string())
    }

    #[test]
    fn a_text_of_the_protocol_is_short_and_can_be_shown() {
        for text in ["a", "a b", "~", &"x".repeat(60)] {
            assert!(can_be(text, 60), "{text}");
        }
        for text in ["", "a\n", "\0", "\u{7f}", "ñ", &"x".repeat(61)] {
            assert!(!can_be(text, 60), "{text:?}");
        }
    }

    #[test]
    fn a_subject_is_kept_as_it_is() {
        for text in ["1", " a ", "É", &"x".repeat(255)] {
            assert_eq!(Subject::parse(text).as_ref().map(AsRef::as_ref), Some(text));
        }
        for text in ["", "a\n", "\0", &"x".repeat(256)] {
            assert_eq!(Subject::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_address_counts_when_the_provider_vouches_for_it() {
        assert_eq!(claims().vouched_address(), Email::parse("ana.perez@example.org").ok());
        for (email, verified) in [(Some("ana@example.org"), false), (Some("nonsense"), true), (None, true)] {
            let claims = Claims {
                email: email.map(str::to_owned),
                email_verified: verified,
                ..claims()
            };
            assert_eq!(claims.vouched_address(), None, "{email:?}");
        }
    }

    #[test]
    fn names_are_made_of_what_there_is() {
        let pair = |given: &str, family: &str| (given.to_owned(), family.to_owned());
        assert_eq!(names(Some("Ana"), Some("Pérez"), Some("Other")), pair("Ana", "Pérez"));
        assert_eq!(names(None, None, Some("Ana María Pérez")), pair("Ana", "María Pérez"));
        assert_eq!(names(Some("Ana"), None, Some("Ana Pérez")), pair("Ana", "Pérez"));
        assert_eq!(names(None, None, Some("Ana")), pair("Ana", "ana.perez"));
        assert_eq!(names(None, None, None), pair("ana.perez", "ana.perez"));
        assert_eq!(
            names(Some("a\u{202e}b"), Some("  "), None),
            pair("ana.perez", "ana.perez")
        );
    }

    #[test]
    fn language_and_zone_are_taken_where_they_are_known() {
        let said = Claims {
            locale: Some("pt-BR".into()),
            zone: Some("America/Sao_Paulo".into()),
            ..claims()
        };
        assert_eq!(said.language(), Some(Language::Pt));
        assert_eq!(said.time_zone(), chrono_tz::America::Sao_Paulo);
        assert_eq!((claims().language(), claims().time_zone()), (None, chrono_tz::UTC));
    }

    #[test]
    fn a_stranger_gets_in_by_a_trusted_word_about_a_new_address_only() {
        for (vouched, trusted, has_account, expected) in [
            (false, false, false, Stranger::Refused),
            (false, false, true, Stranger::Refused),
            (false, true, false, Stranger::Refused),
            (false, true, true, Stranger::Refused),
            (true, false, false, Stranger::AskedByMail),
            (true, false, true, Stranger::AskedByMail),
            (true, true, false, Stranger::Welcome),
            (true, true, true, Stranger::AskedByMail),
        ] {
            assert_eq!(stranger(vouched, trusted, has_account), expected);
        }
    }

    #[test]
    fn no_rule_makes_administrators_or_tutors() {
        let id = Uuid::from_u128(1);
        let scopes = [
            Scope::System,
            Scope::Course(CourseId(id)),
            Scope::Edition(EditionId(id)),
            Scope::Institution(InstitutionId(id)),
        ];
        let fits = |role| scopes.map(|scope| RoleRule::new("groups", "a", Grant { role, scope }).is_some());
        assert_eq!(fits(Role::Administrator), [false; 4]);
        assert_eq!(fits(Role::Tutor), [false; 4]);
        assert_eq!(fits(Role::Coordinator), [true, true, true, false]);
        assert_eq!(fits(Role::FocalPoint), [false, false, false, true]);
        let grant = Grant {
            role: Role::Coordinator,
            scope: Scope::System,
        };
        assert_eq!(RoleRule::new("", "a", grant), None);
        assert_eq!(RoleRule::new("groups", "", grant), None);
    }

    #[test]
    fn a_rule_looks_for_its_value_alone_or_in_a_list() {
        let grant = Grant {
            role: Role::Coordinator,
            scope: Scope::System,
        };
        let rules = ["one", "two"].map(|value| RoleRule::new("groups", value, grant).expect("a rule"));
        let found = |claims: Value| mapped(&rules, claims.as_object().expect("an object"));
        assert_eq!(found(json!({ "groups": "one" })), [grant]);
        assert_eq!(found(json!({ "groups": ["zero", "two", "one"] })), [grant], "once");
        for nothing in [
            json!({}),
            json!({ "groups": "ONE" }),
            json!({ "groups": [["one"]] }),
            json!({ "groups": { "one": true } }),
            json!({ "group": "one" }),
        ] {
            assert_eq!(found(nothing), []);
        }
    }

    proptest! {
        #[test]
        fn whatever_a_provider_says_makes_names(given in ".{0,200}", family in ".{0,200}", whole in ".{0,300}") {
            let said = Claims { given_name: Some(given), family_name: Some(family), name: Some(whole), ..claims() };
            let address = said.vouched_address().expect("an address");
            prop_assert!(said.names(&address).is_ok());
        }
    }
}
