//! Digests of what requests ask, by which one that is repeated is known again. They are keyed: what is asked may
//! hold a password, and nobody who reads the database can try which one it was.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::{hkdf, hmac};

use crate::config;
use crate::error::{Error, Result};

/// What the key is for; another purpose draws another key from the same secret.
const KEY_PURPOSE: &[u8] = b"rumbo: fingerprints of requests, 1";

/// Takes fingerprints; cheap to clone.
#[derive(Clone)]
pub struct Fingerprints(Arc<hmac::Key>);

impl fmt::Debug for Fingerprints {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Fingerprints")
    }
}

impl Fingerprints {
    /// With a key drawn from the secret of the settings.
    pub fn from_settings(settings: &config::Auth) -> Result<Self> {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]);
        let root = salt.extract(settings.secret.reveal().as_bytes());
        let mut key = [0_u8; 32];
        root.expand(&[KEY_PURPOSE], hkdf::HKDF_SHA256)
            .and_then(|material| material.fill(&mut key))
            .map_err(|_| Error::internal("the key of fingerprints cannot be made"))?;
        Ok(Self(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &key))))
    }

    /// The fingerprint of these parts, each with its length before it.
    pub fn of(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        let mut print = [0; 32];
        print.copy_from_slice(context.sign().as_ref());
        print
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    fn prints(secret: &str) -> Fingerprints {
        let settings = Settings::load("test", None, &[("auth.secret", secret.to_owned())]).expect("settings");
        Fingerprints::from_settings(&settings.auth).expect("a key")
    }

    #[test]
    fn a_fingerprint_depends_on_every_part_and_on_the_secret() {
        let one = prints("one secret of thirty-two bytes or more");
        let print = one.of(&[b"ab", b"c"]);
        assert_eq!(
            print,
            prints("one secret of thirty-two bytes or more").of(&[b"ab", b"c"])
        );
        assert_ne!(print, one.of(&[b"a", b"bc"]));
        assert_ne!(print, one.of(&[b"ab", b"d"]));
        assert_ne!(
            print,
            prints("another secret of thirty-two bytes or more").of(&[b"ab", b"c"])
        );
    }
}
