//! The key under which a client repeats a mutation: what may be one, which mutations take one, for how long.

use std::fmt;

use chrono::TimeDelta;

use crate::error::KeyRefusal;

/// How long an answer is kept under its key.
pub const KEPT: TimeDelta = TimeDelta::hours(24);

/// The longest key.
pub const LONGEST: usize = 255;

/// Mutations whose answers hold something that must not be kept: tokens, secrets, codes. They take no key. Repeating
/// them is safe in another way, which `docs/api.md` tells of each. `linkIdentity` is among them although it tells no
/// secret: it uses a handle up before it asks a provider, so it is no single transaction.
pub const SECRET_ANSWERS: [&str; 17] = [
    "beginIdentityLink",
    "beginProviderSignIn",
    "beginSecondFactor",
    "completeProviderSignIn",
    "completeSignIn",
    "confirmSecondFactor",
    "createApiToken",
    "createCalendarLink",
    "exportEnrolments",
    "exportList",
    "importEnrolments",
    "importNominations",
    "importPeople",
    "linkIdentity",
    "refreshSession",
    "renewRecoveryCodes",
    "signIn",
];

/// A key that a client chose: 1 to 255 visible characters of ASCII, taken as they stand.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// Reads one; `None` for what is none.
    pub fn read(text: &str) -> Option<Self> {
        let sound = (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        sound.then(|| Self(text.to_owned()))
    }

    /// Its characters.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Key {
    /// Whoever knows a key and its payload could ask for the answer.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("(a key)")
    }
}

/// Whether an operation with these fields at its first level may come with a key.
///
/// # Errors
/// Why it may not.
pub fn takes_key(fields: &[String]) -> Result<(), KeyRefusal> {
    match fields {
        [only] if SECRET_ANSWERS.contains(&only.as_str()) => Err(KeyRefusal::SecretAnswer),
        [_] => Ok(()),
        _ => Err(KeyRefusal::NotOneMutation),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_visible_ascii_of_some_length() {
        for good in ["a", "\"8e03978e-40d5\"", "~!", &"k".repeat(255)] {
            assert_eq!(Key::read(good).map(|key| key.text().to_owned()).as_deref(), Some(good));
        }
        for bad in ["", " ", "a b", "a\t", "ñ", "\u{7f}", &"k".repeat(256)] {
            assert_eq!(Key::read(bad), None, "{bad:?}");
        }
        assert_eq!(format!("{:?}", Key::read("hidden")), "Some((a key))");
    }

    #[test]
    fn a_key_covers_one_mutation_without_secrets() {
        let fields = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(takes_key(&fields(&["createTeam"])), Ok(()));
        assert_eq!(takes_key(&fields(&["signIn"])), Err(KeyRefusal::SecretAnswer));
        for several in [&[][..], &["createTeam", "updateTeam"], &["createTeam", "signIn"]] {
            assert_eq!(takes_key(&fields(several)), Err(KeyRefusal::NotOneMutation));
        }
    }
}
