//! The keys that access tokens are signed with and checked against, as they are believed to be at a moment. Where they
//! come from, and for how long they are believed, is `app/keyring.rs`'s.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde_json::{Value, json};

use super::key::{PrivateKey, PublicKey};
use super::token::Genuine;
use super::verified::{Mark, Verified};
use crate::domain::signing_key::KeyState;
use crate::error::{Error, Result};

/// The type of access tokens (RFC 9068, 2.1).
const ACCESS_TYPE: &str = "at+jwt";
/// The letters of a key's name.
const KID_LENGTH: usize = 43;

/// A key that is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Its public part.
    pub key: PublicKey,
    /// What it is for.
    pub state: KeyState,
    /// Until when it verifies, if it signs no more.
    pub until: Option<DateTime<Utc>>,
}

/// Keys: one of them signs, all of them verify, each until its end. Without one that signs no token can be issued.
pub struct Keys {
    signing: Option<(Header, EncodingKey)>,
    known: Vec<Known>,
    verified: Mutex<Verified>,
}

/// A key with what the tokens that it signed begin with.
pub(super) struct Known {
    published: Published,
    head: String,
    decoding: DecodingKey,
}

impl fmt::Debug for Keys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kids = self.known.iter().map(|known| known.published.key.kid());
        out.debug_list().entries(kids).finish()
    }
}

impl Keys {
    /// These keys; `signing` is one of those that are published.
    pub fn new(signing: Option<&PrivateKey>, published: &[Published]) -> Result<Self> {
        let known = |&published: &Published| {
            let header = serde_json::to_vec(&header(published.key.kid())).map_err(Error::internal)?;
            Ok(Known {
                published,
                head: BASE64URL_NOPAD.encode(&header) + ".",
                decoding: published.key.decoding(),
            })
        };
        Ok(Self {
            signing: signing.map(|key| (header(key.public().kid()), key.encoding().clone())),
            known: published.iter().map(known).collect::<Result<_>>()?,
            verified: Mutex::default(),
        })
    }

    /// No key at all: nothing is signed, and nothing verifies.
    pub fn none() -> Self {
        Self {
            signing: None,
            known: Vec::new(),
            verified: Mutex::default(),
        }
    }

    /// Whether one of them signs.
    pub fn sign(&self) -> bool {
        self.signing.is_some()
    }

    /// The keys that are published.
    pub fn published(&self) -> impl Iterator<Item = &Published> {
        self.known.iter().map(|known| &known.published)
    }

    /// The keys as others read them (RFC 7517): those that are good at `now`.
    pub fn key_set(&self, now: DateTime<Utc>) -> Value {
        let good = self.known.iter().filter(|known| known.is_good(now));
        json!({ "keys": good.map(|known| known.published.key.jwk()).collect::<Vec<_>>() })
    }

    pub(super) fn signing(&self) -> Option<&(Header, EncodingKey)> {
        self.signing.as_ref()
    }

    /// The key that the token says it was signed with. What comes before the first dot must be, letter by letter, what
    /// we write there for this key: no other header is ever read.
    pub(super) fn of(&self, token: &str) -> Option<&Known> {
        self.known.iter().find(|known| token.starts_with(&known.head))
    }

    pub(super) fn recall(&self, mark: &Mark) -> Option<Genuine> {
        self.verified().find(mark)
    }

    pub(super) fn remember(&self, mark: Mark, genuine: Genuine) {
        self.verified().keep(mark, genuine);
    }

    fn verified(&self) -> std::sync::MutexGuard<'_, Verified> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.verified().len()
    }
}

impl Known {
    pub(super) fn is_good(&self, now: DateTime<Utc>) -> bool {
        self.published.state.is_good(self.published.until, now)
    }

    pub(super) fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }
}

/// The header of the tokens that the key of this name signs.
pub(super) fn header(kid: String) -> Header {
    Header {
        typ: Some(ACCESS_TYPE.to_owned()),
        kid: Some(kid),
        ..Header::new(Algorithm::EdDSA)
    }
}

/// Whether the token has a header as we write it, with the name of some key.
pub(super) fn names_a_key(token: &str) -> bool {
    let read = || {
        let (head, _) = token.split_once('.')?;
        let header = BASE64URL_NOPAD.decode(head.get(..HEAD_LENGTH)?.as_bytes()).ok()?;
        let kid = header.strip_prefix(BEFORE_KID)?.strip_suffix(AFTER_KID)?;
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
        (head.len() == HEAD_LENGTH && kid.len() == KID_LENGTH && kid.iter().all(plain)).then_some(())
    };
    read().is_some()
}

/// What our headers hold around the name of the key.
const BEFORE_KID: &[u8] = br#"{"typ":"at+jwt","alg":"EdDSA","kid":""#;
const AFTER_KID: &[u8] = br#""}"#;
/// The letters of a header in base 64.
const HEAD_LENGTH: usize = ((BEFORE_KID.len() + KID_LENGTH + AFTER_KID.len()) * 8).div_ceil(6);

#[cfg(test)]
mod tests {
    use super::*;

    fn published(key: &PrivateKey, state: KeyState, until: Option<DateTime<Utc>>) -> Published {
        Published {
            key: key.public(),
            state,
            until,
        }
    }

    #[test]
    fn the_key_set_holds_what_is_good_and_nothing_secret() {
        let keys: Vec<PrivateKey> = (0..3).map(|_| PrivateKey::draw().expect("a key")).collect();
        let now = DateTime::UNIX_EPOCH;
        let later = now + chrono::TimeDelta::seconds(1);
        let set = Keys::new(
            Some(&keys[0]),
            &[
                published(&keys[0], KeyState::Signing, None),
                published(&keys[1], KeyState::Verifying, Some(later)),
                published(&keys[2], KeyState::Next, None),
            ],
        )
        .expect("keys");
        let kids = |at| {
            let set = set.key_set(at);
            let list = set["keys"].as_array().expect("a list").clone();
            list.iter()
                .map(|key| {
                    let members: Vec<&str> = key.as_object().expect("a key").keys().map(String::as_str).collect();
                    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x"]);
                    key["kid"].as_str().expect("a name").to_owned()
                })
                .collect::<Vec<_>>()
        };
        let all: Vec<String> = keys.iter().map(|key| key.public().kid()).collect();
        assert_eq!(kids(now), all);
        assert_eq!(kids(later), [all[0].clone(), all[2].clone()]);
    }

    #[test]
    fn a_header_that_names_a_key_is_told_from_any_other() {
        let kid = PrivateKey::draw().expect("a key").public().kid();
        let head = |json: String| format!("{}.e30.AAAA", BASE64URL_NOPAD.encode(json.as_bytes()));
        let written = serde_json::to_string(&header(kid.clone())).expect("JSON");
        assert!(names_a_key(&head(written.clone())), "{written}");
        for other in [
            written.replace("EdDSA", "HS256"),
            written.replace("at+jwt", "JWT"),
            written.replace(&kid, "../../dev/null"),
            written.replace(&kid[..4], "'OR1"),
            written.replace(&kid, &kid[1..]),
            written.replace(':', ": "),
            written.replace('}', r#","x5u":"https://example.org"}"#),
            String::new(),
        ] {
            assert!(!names_a_key(&head(other.clone())), "{other}");
        }
        for nonsense in ["", ".", "a.b.c", "ñ.b.c", &written] {
            assert!(!names_a_key(nonsense), "{nonsense}");
        }
    }
}
