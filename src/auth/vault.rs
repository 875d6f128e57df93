//! Seals what must be read again and is stored, or handed out: AES-256-GCM, under keys that HKDF-SHA-256 draws from the
//! secret of the settings, one for each purpose. A copy of the database alone opens nothing.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf;

use crate::config;
use crate::error::{Error, Result};

/// What is sealed. What was sealed for one purpose does not open for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The secrets of the devices of second factors.
    SecondFactor,
    /// The private parts of the keys that sign access tokens.
    SigningKey,
    /// Links to files, which leave in the hands of their holders.
    FileLink,
    /// Links in messages that end messages of their kind.
    Unsubscribe,
}

impl Purpose {
    const ALL: [Self; 4] = [Self::SecondFactor, Self::SigningKey, Self::FileLink, Self::Unsubscribe];

    /// What HKDF is told; another text draws another key from the same secret.
    const fn info(self) -> &'static [u8] {
        match self {
            Self::SecondFactor => b"rumbo: secrets of second factors, 1",
            Self::SigningKey => b"rumbo: keys that sign access tokens, 1",
            Self::FileLink => b"rumbo: links to files, 1",
            Self::Unsubscribe => b"rumbo: links that end messages, 1",
        }
    }
}

/// Seals and opens; cheap to clone.
#[derive(Clone)]
pub struct Vault(Arc<[RandomizedNonceKey; Purpose::ALL.len()]>);

impl fmt::Debug for Vault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Vault")
    }
}

impl Vault {
    /// With keys drawn from the secret of the settings.
    pub fn from_settings(settings: &config::Auth) -> Result<Self> {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]);
        let root = salt.extract(settings.secret.reveal().as_bytes());
        let key = |purpose: Purpose| {
            let mut key = [0_u8; 32];
            root.expand(&[purpose.info()], hkdf::HKDF_SHA256)
                .and_then(|material| material.fill(&mut key))?;
            RandomizedNonceKey::new(&AES_256_GCM, &key)
        };
        let [factors, signing, links, ends] = Purpose::ALL.map(key);
        let broken = |_| Error::internal("the keys of the vault cannot be made");
        Ok(Self(Arc::new([
            factors.map_err(broken)?,
            signing.map_err(broken)?,
            links.map_err(broken)?,
            ends.map_err(broken)?,
        ])))
    }

    /// The text as it is stored: nonce, then what was sealed and its tag. It opens only for the same `owner`.
    pub fn seal(&self, purpose: Purpose, owner: &[u8], text: &[u8]) -> Result<Vec<u8>> {
        let mut text = text.to_vec();
        let nonce = self.0[purpose as usize]
            .seal_in_place_append_tag(Aad::from(owner), &mut text)
            .map_err(|_| Error::internal("a secret cannot be sealed"))?;
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut text);
        Ok(sealed)
    }

    /// What was sealed for this purpose and owner; `None` when it was sealed under another secret, for somebody
    /// or something else, or changed since.
    pub fn open(&self, purpose: Purpose, owner: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();
        let plain = self.0[purpose as usize].open_in_place(nonce, Aad::from(owner), &mut text);
        Some(plain.ok()?.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    fn vault(secret: &str) -> Vault {
        let settings = Settings::load("test", None, &[("auth.secret", secret.to_owned())]).expect("settings");
        Vault::from_settings(&settings.auth).expect("a vault")
    }

    #[test]
    fn a_text_opens_for_its_owner_and_purpose_under_its_secret_only() {
        let ours = vault("a secret of the tests, 32 bytes or longer");
        let theirs = vault("another secret of the tests, also long");
        let seal = || ours.seal(Purpose::SecondFactor, b"ana", b"text").expect("sealed");
        let sealed = seal();
        let open = |vault: &Vault, purpose, owner: &[u8]| vault.open(purpose, owner, &sealed);
        assert_eq!(
            open(&ours, Purpose::SecondFactor, b"ana").as_deref(),
            Some(&b"text"[..])
        );
        assert_ne!(seal(), sealed, "a nonce of its own");
        assert_eq!(open(&ours, Purpose::SecondFactor, b"ben"), None);
        assert_eq!(open(&ours, Purpose::SigningKey, b"ana"), None);
        assert_eq!(open(&theirs, Purpose::SecondFactor, b"ana"), None);
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(ours.open(Purpose::SecondFactor, b"ana", &changed), None, "{place}");
        }
        assert_eq!(ours.open(Purpose::SecondFactor, b"ana", &sealed[..5]), None);
    }

    #[test]
    fn purposes_stand_in_their_order() {
        for (place, purpose) in Purpose::ALL.into_iter().enumerate() {
            assert_eq!(purpose as usize, place);
        }
    }
}
