//! The key with which the tests' installation signs access tokens, and the means to sign anything with it or another.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use chrono::DateTime;
use data_encoding::{BASE64, BASE64URL_NOPAD};
use rumbo::auth::key::PrivateKey;
use rumbo::auth::vault::Vault;
use rumbo::config::Settings;
use rumbo::domain::id::SigningKeyId;
use rumbo::domain::signing_key::KeyState;
use rumbo::store::{Db, signing_key};
use uuid::Uuid;

/// What the key is made of, so that tests sign with it past the application.
const SEED: [u8; 32] = *b"the key of the tests signs here.";

/// Signs texts, whatever is in them.
pub struct Forger {
    pair: Ed25519KeyPair,
}

impl Forger {
    /// With the key of the tests' installation.
    pub fn ours() -> Self {
        Self::with(SEED)
    }

    /// With the key of another seed.
    pub fn with(seed: [u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("a key");
        Self { pair }
    }

    /// The public part.
    pub fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// The key as the application has it.
    pub fn key(&self) -> PrivateKey {
        let der = self.pair.to_pkcs8v1().expect("PKCS#8");
        PrivateKey::from_pkcs8(der.as_ref()).expect("a key")
    }

    /// The private key as `openssl genpkey` writes it.
    pub fn pem(&self) -> String {
        let der = self.pair.to_pkcs8v1().expect("PKCS#8");
        let body = BASE64.encode(der.as_ref());
        format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
    }

    /// The name of the key in tokens.
    pub fn kid(&self) -> String {
        self.key().public().kid()
    }

    /// The header that the application writes for this key.
    pub fn header(&self) -> String {
        format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":"{}"}}"#, self.kid())
    }

    /// A token of these texts.
    pub fn sign(&self, header: &str, claims: &str) -> String {
        let encode = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = self.pair.sign(message.as_bytes());
        format!("{message}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
    }
}

/// Stores the key as the one that signs, past the use case, so that no audit entry stands in the way of the tests.
pub async fn plant(db: &Db, settings: &Settings) {
    let vault = Vault::from_settings(&settings.auth).expect("a vault");
    let key = Forger::ours().key();
    let row = signing_key::Model {
        id: SigningKeyId(Uuid::from_u128(1)),
        state: KeyState::Signing,
        public_key: key.public().bytes().to_vec(),
        private_key: Some(key.seal(&vault).expect("sealed")),
        created_at: DateTime::UNIX_EPOCH,
        signs_from: Some(DateTime::UNIX_EPOCH),
        verifies_until: None,
        retired_at: None,
    };
    let tx = db.write().await.expect("a transaction");
    signing_key::insert(&tx, row).await.expect("a key");
    tx.commit().await.expect("a commit");
}
