//! Tokens: signed ones that prove a session for minutes, and random ones that work once.
//!
//! An access token is a JWT (RFC 9068), signed with one of the [`Keys`]. Its header is always the same but for the name
//! of the key; anything else in the header, a missing claim or one of another type is refused. Time is the injected
//! clock's. A random token is handed out once and only its SHA-256 is stored.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::api_token;
use super::keys::{Keys, Known, names_a_key};
use super::verified::mark;
use crate::config;
use crate::domain::id::{PersonId, SessionId};
use crate::domain::signing_key::{LEEWAY, LONGEST_LIFE};
use crate::error::{Error, Result};

/// For whom access tokens are.
const AUDIENCE: &str = "rumbo";
/// The random bytes of a token that works once.
const RANDOM_BYTES: usize = 32;
/// The most characters of such a token; what the schema says of them.
const LONGEST: usize = 60;

/// The claims of an access token; every one is required.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    sid: String,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// Whom an access token names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bearer {
    /// The person.
    pub person: PersonId,
    /// The session, which may have ended since.
    pub session: SessionId,
}

/// Why an access token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// It has the form of ours and names a key that is not known here, perhaps not yet.
    UnknownKey,
    /// Anything else.
    NoGood,
}

/// What a token says whose signature and claims are ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Genuine {
    pub(super) bearer: Bearer,
    /// From which second on it lives, and in which it has died.
    pub(super) from: i64,
    pub(super) until: i64,
}

impl Genuine {
    fn lives(&self, now: DateTime<Utc>) -> bool {
        let (now, leeway) = (now.timestamp(), LEEWAY.num_seconds());
        self.from.saturating_sub(leeway) <= now && now < self.until.saturating_add(leeway)
    }
}

/// Signs and reads access tokens; cheap to clone.
#[derive(Clone)]
pub struct Tokens(Arc<Desk>);

struct Desk {
    issuer: String,
    lifetime: TimeDelta,
    keys: RwLock<Arc<Keys>>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Tokens")
            .field("issuer", &self.0.issuer)
            .finish_non_exhaustive()
    }
}

impl Tokens {
    /// With the issuer and lifetime of the settings, and without any key yet.
    pub fn from_settings(settings: &config::Auth) -> Self {
        let minutes = i64::try_from(settings.access_minutes).unwrap_or(1);
        Self(Arc::new(Desk {
            issuer: settings.issuer.clone(),
            lifetime: TimeDelta::minutes(minutes),
            keys: RwLock::new(Arc::new(Keys::none())),
        }))
    }

    /// How long an access token lives.
    pub fn lifetime(&self) -> TimeDelta {
        self.0.lifetime
    }

    /// The keys that are believed now.
    pub fn keys(&self) -> Arc<Keys> {
        self.0.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts other keys in their place. What was found genuine under those before is forgotten.
    pub fn replace_keys(&self, keys: Keys) {
        *self.0.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// An access token that begins to live at `now`.
    pub fn issue(&self, bearer: Bearer, now: DateTime<Utc>) -> Result<String> {
        let keys = self.keys();
        let (header, key) = keys
            .signing()
            .ok_or_else(|| Error::internal("no key signs access tokens"))?;
        let claims = Claims {
            iss: self.0.issuer.clone(),
            aud: AUDIENCE.to_owned(),
            sub: bearer.person.to_string(),
            sid: bearer.session.to_string(),
            iat: now.timestamp(),
            nbf: now.timestamp(),
            exp: (now + self.0.lifetime).timestamp(),
        };
        jsonwebtoken::encode(header, &claims, key).map_err(Error::internal)
    }

    /// Whom the token names, if it is one of ours and lives at `now`.
    pub fn read(&self, token: &str, now: DateTime<Utc>) -> Result<Bearer, Rejected> {
        let keys = self.keys();
        let Some(known) = keys.of(token) else {
            return Err(if names_a_key(token) {
                Rejected::UnknownKey
            } else {
                Rejected::NoGood
            });
        };
        if !known.is_good(now) {
            return Err(Rejected::NoGood);
        }
        let mark = mark(token);
        let genuine = if let Some(genuine) = keys.recall(&mark) {
            genuine
        } else {
            let genuine = self.verify(token, known).ok_or(Rejected::NoGood)?;
            keys.remember(mark, genuine);
            genuine
        };
        genuine.lives(now).then_some(genuine.bearer).ok_or(Rejected::NoGood)
    }

    /// What the token says, if signature and claims are as we make them; time is not looked at.
    fn verify(&self, token: &str, known: &Known) -> Option<Genuine> {
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        rules.set_issuer(&[&self.0.issuer]);
        rules.set_audience(&[AUDIENCE]);
        // The library would ask the machine's clock; the instants are compared elsewhere.
        rules.validate_exp = false;
        rules.validate_nbf = false;
        let claims = jsonwebtoken::decode::<Claims>(token, known.decoding(), &rules)
            .ok()?
            .claims;
        let life = claims.exp.checked_sub(claims.iat)?;
        if claims.nbf != claims.iat || !(1..=LONGEST_LIFE.num_seconds()).contains(&life) {
            return None;
        }
        Some(Genuine {
            bearer: Bearer {
                person: claims.sub.parse().ok()?,
                session: claims.sid.parse().ok()?,
            },
            from: claims.nbf,
            until: claims.exp,
        })
    }
}

/// What a random token is for; its prefix says so, for people and for scanners of leaked secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Continues a session.
    Refresh,
    /// Confirms an address or resets a password.
    OneTime,
    /// Stands for a sign-in that waits for its second factor.
    Challenge,
    /// Stands for a sign-in that was begun at an identity provider.
    ProviderSignIn,
    /// Opens somebody's calendar to other programs.
    Calendar,
}

impl Kind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Refresh => "rfr_",
            Self::OneTime => "otk_",
            Self::Challenge => "chl_",
            Self::ProviderSignIn => "psi_",
            Self::Calendar => "cal_",
        }
    }
}

/// Random bytes that nobody can guess.
#[allow(clippy::disallowed_methods, reason = "this is the one home of secret randomness")]
pub fn random_bytes<const COUNT: usize>() -> Result<[u8; COUNT]> {
    let mut bytes = [0_u8; COUNT];
    getrandom::fill(&mut bytes).map_err(|cause| Error::internal(cause.to_string()))?;
    Ok(bytes)
}

/// A new random token of 256 bits.
pub fn draw(kind: Kind) -> Result<String> {
    let bytes = random_bytes::<RANDOM_BYTES>()?;
    Ok(format!("{}{}", kind.prefix(), BASE64URL_NOPAD.encode(&bytes)))
}

/// What is stored of a random token: its SHA-256. `None` for what is not written like one of this kind.
pub fn digest(kind: Kind, token: &str) -> Option<Vec<u8>> {
    if token.len() > LONGEST {
        return None;
    }
    let body = token.strip_prefix(kind.prefix())?;
    let bytes = BASE64URL_NOPAD.decode(body.as_bytes()).ok()?;
    (bytes.len() == RANDOM_BYTES).then(|| Sha256::digest(token.as_bytes()).to_vec())
}

/// What is stored of a token of this kind that was just drawn.
pub fn digest_of_drawn(kind: Kind, token: &str) -> Result<Vec<u8>> {
    digest(kind, token).ok_or_else(|| Error::internal("a drawn token has no digest"))
}

/// Whether a token stands in a text, wherever it stands: a random one, that of a program, or a signed one. What opens a
/// calendar ([`Kind::Calendar`]) is none of these: its place is the path of an address.
pub fn is_in(text: &str) -> bool {
    let random = BASE64URL_NOPAD.encode_len(RANDOM_BYTES);
    let kinds = [Kind::Refresh, Kind::OneTime, Kind::Challenge, Kind::ProviderSignIn];
    let program = (api_token::PREFIX, api_token::LENGTH - api_token::PREFIX.len());
    let forms = kinds.map(|kind| (kind.prefix(), random)).into_iter().chain([program]);
    let mut found = forms.flat_map(|(prefix, length)| {
        let rests = text.split(prefix).skip(1);
        rests.map(move |rest| rest.bytes().take(length).take_while(|byte| is_base64url(*byte)).count() == length)
    });
    found.any(|is_whole| is_whole) || is_signed(text)
}

/// Whether something of the form of a signed token stands in a text: two objects of JSON and a signature, all in base
/// 64 and with dots between them. An object begins with a brace and a quotation mark.
fn is_signed(text: &str) -> bool {
    const OBJECT: &str = "eyJ";
    const SHORTEST: usize = 10;
    let mut words = text.split(|sign: char| !u8::try_from(sign).is_ok_and(|byte| byte == b'.' || is_base64url(byte)));
    words.any(|word| {
        let parts: Vec<&str> = word.split('.').collect();
        parts.windows(3).any(|parts| {
            let begins = parts[0].find(OBJECT).is_some_and(|at| parts[0].len() - at > SHORTEST);
            begins && parts[1].starts_with(OBJECT) && parts[1].len() > SHORTEST && parts[2].len() > SHORTEST
        })
    })
}

const fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::super::key::PrivateKey;
    use super::super::keys::{Published, header};
    use super::*;
    use crate::domain::signing_key::KeyState;

    fn tokens() -> Tokens {
        let settings = config::Settings::load("test", None, &[]).expect("settings");
        Tokens::from_settings(&settings.auth)
    }

    /// Tokens that this key signs, and these verify.
    fn signed_by(key: &PrivateKey, others: &[Published]) -> Tokens {
        let tokens = tokens();
        tokens.replace_keys(keys(key, others));
        tokens
    }

    fn keys(key: &PrivateKey, others: &[Published]) -> Keys {
        let own = published(key, KeyState::Signing, None);
        Keys::new(Some(key), &[&[own], others].concat()).expect("keys")
    }

    fn published(key: &PrivateKey, state: KeyState, until: Option<DateTime<Utc>>) -> Published {
        Published {
            key: key.public(),
            state,
            until,
        }
    }

    fn draw_key() -> PrivateKey {
        PrivateKey::draw().expect("a key")
    }

    fn bearer() -> Bearer {
        Bearer {
            person: PersonId(Uuid::from_u128(7)),
            session: SessionId(Uuid::from_u128(9)),
        }
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).expect("an instant")
    }

    #[test]
    fn a_token_lives_from_its_issue_to_its_end_with_a_little_leeway() {
        let tokens = signed_by(&draw_key(), &[]);
        let token = tokens.issue(bearer(), now()).expect("a token");
        let times = [
            (-6, false),
            (-5, true),
            (0, true),
            (599, true),
            (604, true),
            (605, false),
        ];
        // The second time it is remembered, which changes nothing.
        for (seconds, lives) in [times, times].concat() {
            let read = tokens.read(&token, now() + TimeDelta::seconds(seconds));
            assert_eq!(read.ok(), lives.then(bearer), "{seconds}");
        }
        assert_eq!(tokens.keys().remembered(), 1);
    }

    #[test]
    fn only_the_whole_set_of_claims_is_taken() {
        let key = draw_key();
        let tokens = signed_by(&key, &[]);
        let good = json!({"iss": "rumbo", "aud": "rumbo", "sub": bearer().person.to_string(),
            "sid": bearer().session.to_string(), "iat": 1_800_000_000, "nbf": 1_800_000_000, "exp": 1_800_000_600});
        let accepted = |claims: &Value| {
            let header = header(key.public().kid());
            let token = jsonwebtoken::encode(&header, claims, key.encoding()).expect("a token");
            tokens.read(&token, now()).is_ok()
        };
        assert!(accepted(&good));
        for claim in ["iss", "aud", "sub", "sid", "iat", "nbf", "exp"] {
            let mut claims = good.clone();
            claims.as_object_mut().expect("an object").remove(claim);
            assert!(!accepted(&claims), "without {claim}");
        }
        for (claim, value) in [
            ("exp", json!(1_800_000_601)),
            ("exp", json!(1_800_000_000)),
            ("exp", json!(i64::MAX)),
            ("exp", json!(i64::MIN)),
            ("nbf", json!(1_799_999_999)),
            ("nbf", json!(0)),
            ("iat", json!(i64::MIN)),
            ("sub", json!(bearer().session.to_string())),
            ("sid", json!(bearer().person.to_string())),
        ] {
            let mut claims = good.clone();
            claims[claim] = value.clone();
            assert!(!accepted(&claims), "{claim} = {value}");
        }
        assert_eq!(tokens.keys().remembered(), 1, "what is not ours is not remembered");
    }

    #[test]
    fn an_older_key_verifies_until_its_end_and_a_next_one_already() {
        let (old, signing, next, other) = (draw_key(), draw_key(), draw_key(), draw_key());
        let of = |key| signed_by(key, &[]).issue(bearer(), now()).expect("a token");
        let tokens = signed_by(
            &signing,
            &[
                published(&old, KeyState::Verifying, Some(now() + TimeDelta::seconds(10))),
                published(&next, KeyState::Next, None),
            ],
        );
        for (key, lasts) in [(&old, 9), (&signing, 600), (&next, 600)] {
            let token = of(key);
            for seconds in [0, 9, 10, 11] {
                let read = tokens.read(&token, now() + TimeDelta::seconds(seconds));
                assert_eq!(read.is_ok(), seconds <= lasts, "{seconds}");
            }
        }
        assert_eq!(tokens.read(&of(&other), now()), Err(Rejected::UnknownKey));
    }

    #[test]
    fn what_was_found_genuine_is_forgotten_with_its_keys() {
        let (old, new) = (draw_key(), draw_key());
        let tokens = signed_by(&old, &[]);
        let token = tokens.issue(bearer(), now()).expect("a token");
        assert_eq!(tokens.read(&token, now()), Ok(bearer()));
        let before = tokens.keys();
        assert_eq!(before.remembered(), 1);
        tokens.replace_keys(keys(&new, &[published(&old, KeyState::Retired, None)]));
        assert_eq!(tokens.keys().remembered(), 0);
        assert_eq!(tokens.read(&token, now()), Err(Rejected::NoGood));
        // A check that began before goes on with the keys of then, and leaves nothing to those of now.
        before.remember(mark("late"), before.recall(&mark(&token)).expect("what it says"));
        assert_eq!(tokens.keys().remembered(), 0);
    }

    #[test]
    fn no_more_than_so_many_are_remembered() {
        let tokens = signed_by(&draw_key(), &[]);
        let token = tokens.issue(bearer(), now()).expect("a token");
        let genuine = tokens
            .verify(&token, tokens.keys().of(&token).expect("its key"))
            .expect("it is ours");
        let keys = tokens.keys();
        for number in 0..20_000 {
            keys.remember(mark(&number.to_string()), genuine);
        }
        assert!(keys.remembered() <= 10_000);
    }

    #[test]
    fn nothing_is_issued_or_read_without_a_key() {
        let token = signed_by(&draw_key(), &[]).issue(bearer(), now()).expect("a token");
        let tokens = tokens();
        assert!(tokens.issue(bearer(), now()).is_err());
        assert_eq!(tokens.read(&token, now()), Err(Rejected::UnknownKey));
    }

    #[test]
    fn what_was_tampered_with_is_refused() {
        let tokens = signed_by(&draw_key(), &[]);
        let token = tokens.issue(bearer(), now()).expect("a token");
        for length in 0..token.len() {
            assert!(tokens.read(&token[..length], now()).is_err(), "cut at {length}");
        }
        for place in 0..token.len() {
            for bit in 0..7 {
                let mut bytes = token.clone().into_bytes();
                bytes[place] ^= 1 << bit;
                let changed = String::from_utf8(bytes).expect("ASCII");
                assert!(tokens.read(&changed, now()).is_err(), "{place}: {changed}");
            }
        }
        for other in [draw(Kind::Refresh), draw(Kind::OneTime), draw(Kind::Challenge)] {
            let other = other.expect("a token");
            assert_eq!(tokens.read(&other, now()), Err(Rejected::NoGood));
        }
        assert_eq!(tokens.keys().remembered(), 0);
    }

    #[test]
    fn a_random_token_is_known_by_its_digest_and_kind() {
        let (one, two) = (
            draw(Kind::Refresh).expect("a token"),
            draw(Kind::Refresh).expect("a token"),
        );
        assert_ne!(one, two);
        assert_eq!(digest(Kind::Refresh, &one).map(|hash| hash.len()), Some(32));
        assert_ne!(digest(Kind::Refresh, &one), digest(Kind::Refresh, &two));
        assert_eq!(digest(Kind::OneTime, &one), None);
        for nonsense in ["", "rfr_", "rfr_AAAA", &one[..one.len() - 1], &format!("{one}A")] {
            assert_eq!(digest(Kind::Refresh, nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_random_token_is_found_in_a_text() {
        for kind in [Kind::Refresh, Kind::OneTime, Kind::Challenge, Kind::ProviderSignIn] {
            let token = draw(kind).expect("a token");
            assert!(is_in(&token) && is_in(&format!("{{\"t\":\"otk_{token}\"}}")));
            assert!(!is_in(&token[..token.len() - 1]) && !is_in(&token[4..]));
        }
        let program = api_token::draw().expect("a token");
        assert!(is_in(&program) && is_in(&format!("x{program}x")));
        assert!(!is_in(&program[..program.len() - 1]));
        let signed = signed_by(&draw_key(), &[]).issue(bearer(), now()).expect("a token");
        assert!(is_in(&signed) && is_in(&format!("{{\"t\":\"Bearer {signed}\"}}")) && is_in(&format!("x{signed}")));
        let (unsigned, _) = signed.rsplit_once('.').expect("three parts");
        assert!(!is_in(unsigned) && !is_in("eyJ.eyJ.x") && !is_in("a.b.c"));
        assert!(!is_in("") && !is_in("otk_ñandúes que corren por la llanura, y son muchos"));
    }
}
