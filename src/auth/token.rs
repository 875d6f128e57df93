//! Tokens: signed ones that prove a session for minutes, and random ones that work once.
//!
//! An access token is a JWT (RFC 9068) whose header is always the same; anything else in the header, a
//! missing claim or one of another type is refused. Time is the injected clock's. A random token is
//! handed out once and only its SHA-256 is stored.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config;
use crate::domain::id::{PersonId, SessionId};
use crate::error::{Error, Result};

/// For whom access tokens are.
const AUDIENCE: &str = "rumbo";
/// The type of access tokens (RFC 9068, 2.1).
const ACCESS_TYPE: &str = "at+jwt";
/// How far the clocks of two machines may differ.
const LEEWAY_SECONDS: i64 = 5;
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

/// Signs and reads access tokens; cheap to clone.
#[derive(Clone)]
pub struct Tokens(Arc<Keys>);

struct Keys {
    encoding: EncodingKey,
    decoding: DecodingKey,
    issuer: String,
    lifetime: TimeDelta,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Tokens")
            .field("issuer", &self.0.issuer)
            .finish_non_exhaustive()
    }
}

impl Tokens {
    /// With the secret, issuer and lifetime of the settings.
    pub fn from_settings(settings: &config::Auth) -> Self {
        let secret = settings.secret.reveal().as_bytes();
        let minutes = i64::try_from(settings.access_minutes).unwrap_or(1);
        Self(Arc::new(Keys {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            issuer: settings.issuer.clone(),
            lifetime: TimeDelta::minutes(minutes),
        }))
    }

    /// How long an access token lives.
    pub fn lifetime(&self) -> TimeDelta {
        self.0.lifetime
    }

    /// An access token that begins to live at `now`.
    pub fn issue(&self, bearer: Bearer, now: DateTime<Utc>) -> Result<String> {
        let claims = Claims {
            iss: self.0.issuer.clone(),
            aud: AUDIENCE.to_owned(),
            sub: bearer.person.to_string(),
            sid: bearer.session.to_string(),
            iat: now.timestamp(),
            nbf: now.timestamp(),
            exp: (now + self.0.lifetime).timestamp(),
        };
        jsonwebtoken::encode(&header(), &claims, &self.0.encoding).map_err(Error::internal)
    }

    /// Whom the token names, if it is one of ours and lives at `now`.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], whatever is wrong with it.
    pub fn read(&self, token: &str, now: DateTime<Utc>) -> Result<Bearer> {
        self.check(token, now).ok_or(Error::Unauthenticated)
    }

    fn check(&self, token: &str, now: DateTime<Utc>) -> Option<Bearer> {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        rules.set_issuer(&[&self.0.issuer]);
        rules.set_audience(&[AUDIENCE]);
        // The library would ask the machine's clock; the instants are compared below.
        rules.validate_exp = false;
        rules.validate_nbf = false;
        let data = jsonwebtoken::decode::<Claims>(token, &self.0.decoding, &rules).ok()?;
        let claims = data.claims;
        let lives = claims.nbf <= now.timestamp().checked_add(LEEWAY_SECONDS)?
            && now.timestamp() < claims.exp.checked_add(LEEWAY_SECONDS)?;
        if data.header != header() || !lives {
            return None;
        }
        Some(Bearer {
            person: claims.sub.parse().ok()?,
            session: claims.sid.parse().ok()?,
        })
    }
}

fn header() -> Header {
    Header {
        typ: Some(ACCESS_TYPE.to_owned()),
        ..Header::new(Algorithm::HS256)
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
}

impl Kind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Refresh => "rfr_",
            Self::OneTime => "otk_",
            Self::Challenge => "chl_",
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;

    const SECRET: &str = "a secret of the tests, 32 bytes or longer";

    fn tokens(secret: &str) -> Tokens {
        let settings = config::Settings::load("test", None, &[("auth.secret", secret.to_owned())]);
        Tokens::from_settings(&settings.expect("settings").auth)
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

    fn good() -> Value {
        let Bearer { person, session } = bearer();
        let (from, until) = (now().timestamp(), now().timestamp() + 600);
        json!({"iss": "rumbo", "aud": "rumbo", "sub": person.to_string(), "sid": session.to_string(),
               "iat": from, "nbf": from, "exp": until})
    }

    fn sign(header: &Header, claims: &Value, secret: &str) -> String {
        jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(secret.as_bytes())).expect("a token")
    }

    fn accepted(token: &str) -> bool {
        tokens(SECRET).read(token, now()).is_ok()
    }

    #[test]
    fn a_token_lives_from_its_issue_to_its_end_with_a_little_leeway() {
        let tokens = tokens(SECRET);
        let token = tokens.issue(bearer(), now()).expect("a token");
        for (seconds, lives) in [
            (-6, false),
            (-5, true),
            (0, true),
            (599, true),
            (604, true),
            (605, false),
        ] {
            let read = tokens.read(&token, now() + TimeDelta::seconds(seconds));
            assert_eq!(read.ok(), lives.then(bearer), "{seconds}");
        }
    }

    #[test]
    fn only_the_whole_set_of_claims_is_taken() {
        assert!(accepted(&sign(&header(), &good(), SECRET)));
        for claim in ["iss", "aud", "sub", "sid", "iat", "nbf", "exp"] {
            let mut claims = good();
            claims.as_object_mut().expect("an object").remove(claim);
            assert!(!accepted(&sign(&header(), &claims, SECRET)), "without {claim}");
        }
        let wrong = [
            ("iss", json!("elsewhere")),
            ("iss", json!(["rumbo"])),
            ("aud", json!("other")),
            ("aud", json!(["rumbo"])),
            ("exp", json!("1800000600")),
            ("exp", json!(null)),
            ("exp", json!(1_799_999_990)),
            ("exp", json!(9e300)),
            ("exp", json!(-1)),
            ("nbf", json!(1_800_000_006)),
            ("nbf", json!("0")),
            ("nbf", json!(i64::MAX)),
            ("sub", json!("psn_1")),
            ("sub", json!(7)),
            ("sub", json!(bearer().session.to_string())),
            ("sid", json!("")),
            ("sid", json!(bearer().person.to_string())),
        ];
        for (claim, value) in wrong {
            let mut claims = good();
            claims[claim] = value.clone();
            assert!(!accepted(&sign(&header(), &claims, SECRET)), "{claim} = {value}");
        }
    }

    #[test]
    fn only_our_header_and_secret_are_taken() {
        let headers = [
            Header::new(Algorithm::HS256),
            Header { typ: None, ..header() },
            Header {
                typ: Some("refresh".into()),
                ..header()
            },
            Header {
                alg: Algorithm::HS512,
                ..header()
            },
            Header {
                alg: Algorithm::HS384,
                ..header()
            },
            Header {
                kid: Some("../../dev/null".into()),
                ..header()
            },
            Header {
                jku: Some("https://example.org/keys".into()),
                ..header()
            },
            Header {
                crit: Some(vec!["exp".into()]),
                ..header()
            },
        ];
        for header in headers {
            assert!(!accepted(&sign(&header, &good(), SECRET)), "{header:?}");
        }
        assert!(!accepted(&sign(
            &header(),
            &good(),
            "another secret, also 32 bytes or longer"
        )));
    }

    #[test]
    fn what_was_tampered_with_is_refused() {
        let token = sign(&header(), &good(), SECRET);
        let parts: Vec<&str> = token.split('.').collect();
        for algorithm in ["none", "None", "NONE", "RS256", "EdDSA", ""] {
            let head = BASE64URL_NOPAD.encode(json!({"typ": ACCESS_TYPE, "alg": algorithm}).to_string().as_bytes());
            for signature in ["", parts[2]] {
                assert!(!accepted(&format!("{head}.{}.{signature}", parts[1])), "{algorithm}");
            }
        }
        for length in 0..token.len() {
            assert!(!accepted(&token[..length]), "cut at {length}");
        }
        let other = BASE64URL_NOPAD.encode(good().to_string().replace("1800000600", "1900000600").as_bytes());
        assert!(!accepted(&format!("{}.{other}.{}", parts[0], parts[2])));
        for more in [
            format!("{token}."),
            format!("{token}="),
            format!(" {token}"),
            format!("{token}.{}", parts[2]),
        ] {
            assert!(!accepted(&more));
        }
        for other in [draw(Kind::Refresh), draw(Kind::OneTime)] {
            assert!(!accepted(&other.expect("a token")));
        }
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
}
