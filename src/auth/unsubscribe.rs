//! Links by which messages of a kind are ended without signing in (RFC 8058): sealed under a key that all copies of
//! Rumbo draw from the secret of the settings, so that nobody makes one up and none tells whose it is.
//!
//! A link does this one thing, also long after its message left: it has no end of its own. Whoever gets hold of one can
//! silence messages that are not essential, and learns nothing; the person turns them on again in their account.

use data_encoding::BASE64URL_NOPAD;
use uuid::Uuid;

use super::vault::{Purpose, Vault};
use crate::domain::id::PersonId;
use crate::domain::notice::MailKind;
use crate::error::Result;

/// Where the server answers to links: the path before one.
pub const PLACE: &str = "/unsubscribe/";
/// What a link begins with, for people and for scanners of leaked secrets.
pub const PREFIX: &str = "uns_";
/// The most characters of one.
const LONGEST: usize = 120;

/// Whose messages of which kind a link ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsubscribe {
    /// Whose.
    pub person: PersonId,
    /// Of which kind.
    pub kind: MailKind,
}

/// The link as it stands in a message.
pub fn seal(vault: &Vault, what: Unsubscribe) -> Result<String> {
    let mut text = what.person.0.as_bytes().to_vec();
    text.extend(what.kind.word().as_bytes());
    let sealed = vault.seal(Purpose::Unsubscribe, &[], &text)?;
    Ok(format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&sealed)))
}

/// What a link ends, if it is one of ours.
pub fn open(vault: &Vault, text: &str) -> Option<Unsubscribe> {
    let body = text.strip_prefix(PREFIX).filter(|_| text.len() <= LONGEST)?;
    let sealed = BASE64URL_NOPAD.decode(body.as_bytes()).ok()?;
    let text = vault.open(Purpose::Unsubscribe, &[], &sealed)?;
    let (person, kind) = text.split_first_chunk::<16>()?;
    let kind = MailKind::from_word(std::str::from_utf8(kind).ok()?)?;
    Some(Unsubscribe {
        person: PersonId(Uuid::from_bytes(*person)),
        kind,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::Settings;

    fn vault(secret: &str) -> Vault {
        let settings = Settings::load("test", None, &[("auth.secret", secret.to_owned())]).expect("settings");
        Vault::from_settings(&settings.auth).expect("a vault")
    }

    fn ours() -> Vault {
        vault("a secret of the tests, 32 bytes or longer")
    }

    fn what(kind: MailKind) -> Unsubscribe {
        Unsubscribe {
            person: PersonId(Uuid::from_u128(7)),
            kind,
        }
    }

    #[test]
    fn a_link_opens_under_its_secret_and_tells_nothing() {
        for &kind in MailKind::ALL {
            let link = seal(&ours(), what(kind)).expect("a link");
            assert!(link.len() <= LONGEST && !link.contains(kind.word()), "{link}");
            assert_eq!(open(&ours(), &link), Some(what(kind)));
            assert_eq!(open(&vault("another secret of the tests, also long"), &link), None);
        }
        let other = ours()
            .seal(Purpose::FileLink, &[], Uuid::nil().as_bytes())
            .expect("sealed");
        assert_eq!(
            open(&ours(), &format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&other))),
            None
        );
    }

    proptest! {
        /// A link with anything changed, cut off or added does not open, nor does any other text.
        #[test]
        fn no_other_text_opens(
            place in any::<prop::sample::Index>(),
            letter in "[ -~]|ñ",
            more in "[A-Za-z0-9_=-]{1,8}",
            random in "(uns_)?\\PC{0,200}",
        ) {
            let vault = ours();
            let link = seal(&vault, what(MailKind::Work)).expect("a link");
            let index = place.index(link.len());
            let changed = format!("{}{letter}{}", &link[..index], &link[index + 1..]);
            let cut = link[..index].to_owned();
            let longer = format!("{link}{more}");
            for other in [changed, cut, longer, random] {
                if other != link {
                    prop_assert_eq!(open(&vault, &other), None, "{}", other);
                }
            }
        }
    }
}
