//! Second factors: codes that change every half minute (TOTP, RFC 6238), and recovery codes for a lost device.
//!
//! The secret of a device is stored sealed by the [`vault`](super::vault), bound to the person whose it is. A recovery
//! code has 80 random bits; only its digest is stored.

use std::fmt;

use aws_lc_rs::hmac;
use chrono::{DateTime, Utc};
use data_encoding::{BASE32_NOPAD, BASE32_NOPAD_NOCASE};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::token;
use super::vault::{Purpose, Vault};
use crate::domain::id::PersonId;
use crate::error::Result;

/// How long one code counts.
const STEP_SECONDS: i64 = 30;
/// The digits of a code.
const DIGITS: usize = 6;
/// How many steps a device's clock may be ahead or behind.
const WINDOW: i64 = 1;
/// The bytes of a device's secret, as many as SHA-1 has (RFC 4226, 4).
const SECRET_BYTES: usize = 20;
/// How many recovery codes a person gets.
pub const RECOVERY_CODES: usize = 10;
/// The random bytes of a recovery code.
const RECOVERY_BYTES: usize = 10;
/// The letters in one group of a recovery code as it is shown.
const RECOVERY_GROUP: usize = 4;
/// The most characters of a code as somebody types it, with spaces and hyphens.
const LONGEST_CODE: usize = 40;

/// The secret that a device and Rumbo share. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceSecret(Vec<u8>);

impl fmt::Debug for DeviceSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("(hidden)")
    }
}

impl DeviceSecret {
    /// A new one.
    pub fn draw() -> Result<Self> {
        Ok(Self(token::random_bytes::<SECRET_BYTES>()?.to_vec()))
    }

    /// The secret that somebody typed in; `None` for what is none.
    pub fn read(text: &str) -> Option<Self> {
        let bytes = BASE32_NOPAD_NOCASE.decode(text.as_bytes()).ok()?;
        (bytes.len() == SECRET_BYTES).then_some(Self(bytes))
    }

    /// The secret as it is stored.
    pub fn seal(&self, vault: &Vault, person: PersonId) -> Result<Vec<u8>> {
        vault.seal(Purpose::SecondFactor, person.0.as_bytes(), &self.0)
    }

    /// The secret that was sealed for this person; `None` when it was sealed under another key, for somebody
    /// else, or changed since.
    pub fn open(vault: &Vault, person: PersonId, sealed: &[u8]) -> Option<Self> {
        vault.open(Purpose::SecondFactor, person.0.as_bytes(), sealed).map(Self)
    }

    /// The secret as people type it, in base 32.
    pub fn text(&self) -> String {
        BASE32_NOPAD.encode(&self.0)
    }

    /// The secret as devices read it from a picture or a link.
    pub fn uri(&self, issuer: &str, account: &str) -> String {
        let (issuer, account) = (percent(issuer), percent(account));
        format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}",
            self.text()
        )
    }

    /// The code of one step (RFC 4226, 5.3).
    fn code(&self, step: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let offset = usize::from(tag[tag.len() - 1] & 0xF);
        let mut word = [0_u8; 4];
        word.copy_from_slice(&tag[offset..offset + 4]);
        let number = (u32::from_be_bytes(word) & 0x7FFF_FFFF) % 10_u32.pow(6);
        format!("{number:06}")
    }

    /// The code that a device shows at this instant.
    pub fn code_at(&self, now: DateTime<Utc>) -> String {
        self.code(step_of(now))
    }

    /// The step whose code this is, among those that count at `now`. All of them are compared, whatever fits.
    pub fn step_of_code(&self, code: &str, now: DateTime<Utc>) -> Option<i64> {
        let present = step_of(now);
        (present - WINDOW..=present + WINDOW)
            .filter(|&step| bool::from(self.code(step).as_bytes().ct_eq(code.as_bytes())))
            .fold(None, |_, step| Some(step))
    }
}

fn step_of(now: DateTime<Utc>) -> i64 {
    now.timestamp().div_euclid(STEP_SECONDS)
}

/// A text as a part of a URI: everything but letters, digits, `-`, `.`, `_` and `~` as `%XX`.
fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| match byte {
            byte if plain(byte) => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

/// A code as somebody types it: of the device, or of the recovery list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// Six digits.
    Device(String),
    /// What is stored of a recovery code.
    Recovery(Vec<u8>),
}

impl Given {
    /// Reads a code; spaces and hyphens do not count. `None` for what is neither.
    pub fn read(person: PersonId, text: &str) -> Option<Self> {
        if text.len() > LONGEST_CODE {
            return None;
        }
        let plain: String = text.chars().filter(|letter| *letter != ' ' && *letter != '-').collect();
        if plain.len() == DIGITS && plain.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(Self::Device(plain));
        }
        let bytes = BASE32_NOPAD_NOCASE.decode(plain.as_bytes()).ok()?;
        (bytes.len() == RECOVERY_BYTES).then(|| Self::Recovery(digest(person, &bytes)))
    }
}

/// A recovery code as it is shown once, and what is stored of it.
#[derive(Clone)]
pub struct RecoveryCode {
    /// Four groups of four letters.
    pub text: String,
    /// Its digest.
    pub hash: Vec<u8>,
}

impl RecoveryCode {
    /// A new list for a person.
    pub fn draw_list(person: PersonId) -> Result<Vec<Self>> {
        (0..RECOVERY_CODES)
            .map(|_| {
                let bytes = token::random_bytes::<RECOVERY_BYTES>()?;
                let letters = BASE32_NOPAD.encode(&bytes).to_lowercase();
                let groups: Vec<&str> = (0..letters.len())
                    .step_by(RECOVERY_GROUP)
                    .map(|at| &letters[at..at + RECOVERY_GROUP])
                    .collect();
                Ok(Self {
                    text: groups.join("-"),
                    hash: digest(person, &bytes),
                })
            })
            .collect()
    }
}

fn digest(person: PersonId, code: &[u8]) -> Vec<u8> {
    let mut hasher = Sha256::new();
    hasher.update(b"recovery code");
    hasher.update(person.0.as_bytes());
    hasher.update(code);
    hasher.finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::config::Settings;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).expect("an instant")
    }

    fn person(number: u128) -> PersonId {
        PersonId(Uuid::from_u128(number))
    }

    #[test]
    fn codes_are_those_of_the_standard() {
        // RFC 6238, appendix B: the last six digits of its eight.
        let secret = DeviceSecret(b"12345678901234567890".to_vec());
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(secret.code_at(at(seconds)), code, "{seconds}");
        }
    }

    #[test]
    fn a_code_counts_one_step_early_and_late() {
        let secret = DeviceSecret::draw().expect("a secret");
        let now = at(1_800_000_000);
        let code = secret.code_at(now);
        for (seconds, counts) in [
            (-31, false),
            (-30, true),
            (0, true),
            (29, true),
            (59, true),
            (60, false),
        ] {
            let found = secret.step_of_code(&code, now + chrono::TimeDelta::seconds(seconds));
            assert_eq!(found, counts.then_some(step_of(now)), "{seconds}");
        }
        for wrong in ["", "12345", "1234567", "abcdef"] {
            assert_eq!(secret.step_of_code(wrong, now), None, "{wrong}");
        }
    }

    #[test]
    fn a_secret_opens_for_its_person_only() {
        let settings = Settings::load("test", None, &[]).expect("settings");
        let vault = Vault::from_settings(&settings.auth).expect("a vault");
        let secret = DeviceSecret::draw().expect("a secret");
        let sealed = secret.seal(&vault, person(1)).expect("sealed");
        assert_eq!(DeviceSecret::open(&vault, person(1), &sealed), Some(secret));
        assert_eq!(DeviceSecret::open(&vault, person(2), &sealed), None);
    }

    #[test]
    fn a_recovery_code_is_known_by_its_digest_however_it_is_typed() {
        let list = RecoveryCode::draw_list(person(1)).expect("codes");
        assert_eq!(list.len(), RECOVERY_CODES);
        for RecoveryCode { text, hash } in &list {
            assert_eq!(text.len(), 19);
            for typed in [text.clone(), text.to_uppercase(), text.replace('-', " ")] {
                assert_eq!(Given::read(person(1), &typed), Some(Given::Recovery(hash.clone())));
            }
            assert_ne!(Given::read(person(2), text), Some(Given::Recovery(hash.clone())));
        }
        assert_eq!(Given::read(person(1), "123 456"), Some(Given::Device("123456".into())));
        for nonsense in ["", "12345", "code", "aaaa-aaaa-aaaa"] {
            assert_eq!(Given::read(person(1), nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_link_says_everything_that_a_device_needs() {
        let uri = DeviceSecret(vec![0; 20]).uri("Rumbo Ñ", "ana@example.org");
        let secret = "A".repeat(32);
        assert_eq!(
            uri,
            format!(
                "otpauth://totp/Rumbo%20%C3%91:ana%40example.org?secret={secret}&issuer=Rumbo%20%C3%91&algorithm=SHA1&digits=6&period=30"
            )
        );
    }
}
