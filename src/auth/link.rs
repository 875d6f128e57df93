//! Links to files as they are handed out: sealed under a key that all copies of Rumbo draw from the secret of the
//! settings, and bound to their holder. One that was made up, changed, or is for somebody else does not open, by the
//! same comparison in constant time.

use chrono::{DateTime, Utc};
use data_encoding::BASE64URL_NOPAD;

use super::vault::{Purpose, Vault};
use crate::domain::link::{Holder, Link};
use crate::error::Result;

/// What a link begins with, for people and for scanners of leaked secrets.
const PREFIX: &str = "lnk_";
/// The most characters of one: with the longest reason and the longest filter there are 10,900.
const LONGEST: usize = 11_000;

/// The link as it is handed to its holder.
pub fn seal(vault: &Vault, holder: &Holder, link: &Link) -> Result<String> {
    let sealed = vault.seal(Purpose::FileLink, &holder.bytes(), &link.write())?;
    Ok(format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&sealed)))
}

/// What a link says, if it is one of ours, this holder's, and lives at `now`.
pub fn open(vault: &Vault, holder: &Holder, text: &str, now: DateTime<Utc>) -> Option<Link> {
    let body = text.strip_prefix(PREFIX).filter(|_| text.len() <= LONGEST)?;
    let sealed = BASE64URL_NOPAD.decode(body.as_bytes()).ok()?;
    let written = vault.open(Purpose::FileLink, &holder.bytes(), &sealed)?;
    Link::read(&written).filter(|link| link.lives(now))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::config::Settings;
    use crate::domain::actor::Actor;
    use crate::domain::export::{ASKED_MOST, Format, List, Selection};
    use crate::domain::id::{EditionId, PersonId, SessionId};
    use crate::domain::language::Language;
    use crate::domain::link::File;
    use crate::domain::text::Reason;

    fn vault(secret: &str) -> Vault {
        let settings = Settings::load("test", None, &[("auth.secret", secret.to_owned())]).expect("settings");
        Vault::from_settings(&settings.auth).expect("a vault")
    }

    fn ours() -> Vault {
        vault("a secret of the tests, 32 bytes or longer")
    }

    fn holder(person: u128, session: u128) -> Holder {
        let actor = Actor {
            person: Some(PersonId(Uuid::from_u128(person))),
            session: Some(SessionId(Uuid::from_u128(session))),
            ..Actor::anonymous(Language::En)
        };
        Holder::of(&actor).expect("a holder")
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).expect("an instant")
    }

    fn link(reason: &str) -> Link {
        let file = File::Enrolments(EditionId(Uuid::from_u128(7)));
        Link::new(file, Reason::parse(reason).expect("a reason"), now())
    }

    #[test]
    fn a_link_opens_for_its_holder_under_its_secret_while_it_lives() {
        let link = link("The annual report");
        let text = seal(&ours(), &holder(1, 2), &link).expect("a link");
        assert!(text.starts_with("lnk_") && !text.contains("annual"), "{text}");
        let later = now() + TimeDelta::seconds(299);
        for copy in [ours(), vault("a secret of the tests, 32 bytes or longer")] {
            assert_eq!(open(&copy, &holder(1, 2), &text, later), Some(link.clone()));
        }
        assert_eq!(open(&ours(), &holder(1, 2), &text, now() + TimeDelta::minutes(5)), None);
        for other in [holder(2, 2), holder(1, 3), holder(2, 1)] {
            assert_eq!(open(&ours(), &other, &text, now()), None);
        }
        let theirs = vault("another secret of the tests, also long");
        assert_eq!(open(&theirs, &holder(1, 2), &text, now()), None);
    }

    #[test]
    fn what_was_sealed_for_another_purpose_is_no_link() {
        let sealed = ours().seal(Purpose::SecondFactor, &holder(1, 2).bytes(), &link("So").write());
        let text = format!("lnk_{}", BASE64URL_NOPAD.encode(&sealed.expect("sealed")));
        assert_eq!(open(&ours(), &holder(1, 2), &text, now()), None);
    }

    #[test]
    fn the_longest_reason_and_the_longest_filter_fit() {
        let mut link = link(&"𝔘".repeat(1000));
        for list in List::ALL {
            link.file = File::List(Selection {
                list: *list,
                format: Format::Xlsx,
                asked: "a".repeat(ASKED_MOST),
            });
            let text = seal(&ours(), &holder(1, 2), &link).expect("a link");
            assert!(text.len() <= LONGEST, "{}", text.len());
            assert_eq!(open(&ours(), &holder(1, 2), &text, now()).as_ref(), Some(&link));
        }
    }

    proptest! {
        /// A link with anything changed, cut off or added does not open, nor does any other text.
        #[test]
        fn no_other_text_opens(
            place: prop::sample::Index,
            letter in "[ -~]|ñ",
            more in "[A-Za-z0-9_=-]{1,8}",
            random in "(lnk_)?\\PC{0,200}",
        ) {
            let vault = ours();
            let text = seal(&vault, &holder(1, 2), &link("The annual report")).expect("a link");
            let index = place.index(text.len());
            let changed = format!("{}{letter}{}", &text[..index], &text[index + 1..]);
            let cut = text[..index].to_owned();
            let longer = format!("{text}{more}");
            for other in [changed, cut, longer, random] {
                if other != text {
                    prop_assert_eq!(open(&vault, &holder(1, 2), &other, now()), None, "{}", other);
                }
            }
        }
    }
}
