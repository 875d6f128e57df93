//! One key that signs access tokens: Ed25519, known by the thumbprint of its public part (RFC 7638, RFC 8037).

use std::fmt;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::token;
use super::vault::{Purpose, Vault};
use crate::error::{Error, Result};

/// The bytes of a public key, and of the seed that a private one is drawn from.
const BYTES: usize = 32;
/// How a block of a PEM file begins, and how its last line does.
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

/// The part that everybody may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; BYTES]);

impl PublicKey {
    /// A stored one; `None` for what is none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// As it is stored.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The name of the key in tokens: its thumbprint, 43 letters.
    pub fn kid(&self) -> String {
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, self.text());
        BASE64URL_NOPAD.encode(&Sha256::digest(members.as_bytes()))
    }

    /// The key as others read it (RFC 7517).
    pub fn jwk(&self) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "x": self.text(), "kid": self.kid(), "use": "sig", "alg": "EdDSA"})
    }

    pub(super) fn decoding(&self) -> DecodingKey {
        DecodingKey::from_ed_der(&self.0)
    }

    fn text(&self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }
}

/// The part that signs. It is never printed.
#[derive(Clone)]
pub struct PrivateKey {
    encoding: EncodingKey,
    public: PublicKey,
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("(hidden)")
    }
}

impl PrivateKey {
    /// A new one.
    pub fn draw() -> Result<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&token::random_bytes::<BYTES>()?);
        let written = pair.ok().and_then(|pair| pair.to_pkcs8v1().ok());
        written
            .and_then(|written| Self::from_pkcs8(written.as_ref()))
            .ok_or_else(|| Error::internal("a signing key cannot be made"))
    }

    /// One that is written as PKCS#8, not encrypted; `None` for anything else.
    pub fn from_pkcs8(der: &[u8]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_pkcs8(der).ok()?;
        Some(Self {
            encoding: EncodingKey::from_ed_der(der),
            public: PublicKey::from_bytes(pair.public_key().as_ref())?,
        })
    }

    /// The part that everybody may know.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// The key as it is stored, bound to its public part.
    pub fn seal(&self, vault: &Vault) -> Result<Vec<u8>> {
        vault.seal(Purpose::SigningKey, self.public.bytes(), self.encoding.as_bytes())
    }

    /// The private part of this public key; `None` when it was sealed under another secret, for another key, or
    /// changed since.
    pub fn open(vault: &Vault, public: PublicKey, sealed: &[u8]) -> Option<Self> {
        let der = vault.open(Purpose::SigningKey, public.bytes(), sealed)?;
        Self::from_pkcs8(&der).filter(|key| key.public == public)
    }

    pub(super) fn encoding(&self) -> &EncodingKey {
        &self.encoding
    }
}

/// What a block of a file of keys holds.
enum Block {
    Private(PrivateKey),
    Public(PublicKey),
}

/// Reads a file of keys in PEM: first the private key that signs (PKCS#8, as `openssl genpkey -algorithm ed25519`
/// writes it), then those that verify as well, private or public.
///
/// # Errors
/// What is wrong with it, for the person who wrote it. Nothing of what it holds is repeated.
pub fn read_file(text: &str) -> Result<(PrivateKey, Vec<PublicKey>), String> {
    let mut blocks = blocks(text)?.into_iter();
    let Some(Block::Private(signing)) = blocks.next() else {
        return Err("the first block must be the private key that signs, a `PRIVATE KEY`".to_owned());
    };
    let mut known = vec![signing.public()];
    for block in blocks {
        let public = match block {
            Block::Private(key) => key.public(),
            Block::Public(key) => key,
        };
        if known.contains(&public) {
            return Err(format!("the key {} stands in it twice", public.kid()));
        }
        known.push(public);
    }
    Ok((signing, known))
}

fn blocks(text: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some(from) = rest.find(BEGIN) {
        let number = blocks.len() + 1;
        let broken = || format!("block {number} has no end");
        let end = from + rest[from..].find(END).ok_or_else(broken)?;
        let until = rest[end..].find('\n').map_or(rest.len(), |length| end + length);
        let block = &rest[from..until];
        let read = if block.starts_with("-----BEGIN PRIVATE KEY-----") {
            private(block).map(Block::Private)
        } else {
            public(block).map(Block::Public)
        };
        blocks.push(read.ok_or_else(|| {
            format!("block {number} is no Ed25519 key: give `PRIVATE KEY` (PKCS#8, not encrypted) or `PUBLIC KEY`")
        })?);
        rest = &rest[until..];
    }
    Ok(blocks)
}

fn private(block: &str) -> Option<PrivateKey> {
    let encoding = EncodingKey::from_ed_pem(block.as_bytes()).ok()?;
    PrivateKey::from_pkcs8(encoding.as_bytes())
}

fn public(block: &str) -> Option<PublicKey> {
    let key = DecodingKey::from_ed_pem(block.as_bytes()).ok()?;
    PublicKey::from_bytes(key.try_get_as_bytes().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    /// Written by `openssl genpkey -algorithm ed25519`; RFC 8410, 10.3, has it as its example.
    const OF_THE_RFC: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
";
    const ITS_PUBLIC_PART: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
";
    /// Of another curve.
    const X25519: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VuAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
";

    fn another() -> String {
        let key = PrivateKey::draw().expect("a key");
        let body = data_encoding::BASE64.encode(key.encoding().as_bytes());
        format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
    }

    #[test]
    fn a_key_is_named_by_its_thumbprint() {
        // RFC 8037, appendix A.3.
        let text = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).expect("base 64");
        let key = PublicKey::from_bytes(&bytes).expect("a key");
        assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": text, "kid": key.kid(), "use": "sig", "alg": "EdDSA"});
        assert_eq!(key.jwk(), jwk);
        assert_eq!(PublicKey::from_bytes(&bytes[1..]), None);
    }

    #[test]
    fn a_sealed_key_opens_under_its_secret_for_its_public_part() {
        let vault = |secret: &str| {
            let settings = Settings::load("test", None, &[("auth.secret", secret.to_owned())]).expect("settings");
            Vault::from_settings(&settings.auth).expect("a vault")
        };
        let ours = vault("a secret of the tests, 32 bytes or longer");
        let (key, other) = (PrivateKey::draw().expect("a key"), PrivateKey::draw().expect("a key"));
        assert_ne!(key.public(), other.public());
        let sealed = key.seal(&ours).expect("sealed");
        let opened = PrivateKey::open(&ours, key.public(), &sealed).expect("it opens");
        assert_eq!(opened.public(), key.public());
        assert!(PrivateKey::open(&ours, other.public(), &sealed).is_none());
        let theirs = vault("another secret of the tests, also long");
        assert!(PrivateKey::open(&theirs, key.public(), &sealed).is_none());
    }

    #[test]
    fn a_private_key_is_never_printed() {
        let (key, _) = read_file(OF_THE_RFC).expect("a key");
        assert_eq!(format!("{key:?}"), "(hidden)");
    }

    #[test]
    fn a_file_begins_with_the_key_that_signs() {
        let (signing, known) = read_file(OF_THE_RFC).expect("a key");
        let public = blocks(ITS_PUBLIC_PART).expect("a block");
        assert!(matches!(public[..], [Block::Public(key)] if key == signing.public()));
        assert_eq!(known, [signing.public()]);
        let (next, with_old) = (another(), OF_THE_RFC.replace('\n', "\r\n"));
        for old in [with_old.as_str(), ITS_PUBLIC_PART] {
            let (first, known) = read_file(&format!("# since May\n{next}the one before:\n{old}")).expect("two keys");
            assert_eq!(known, [first.public(), signing.public()]);
        }
    }

    #[test]
    fn what_is_no_file_of_keys_is_refused_and_not_repeated() {
        for (text, said) in [
            (String::new(), "the first block must be"),
            ("nothing".to_owned(), "the first block must be"),
            (ITS_PUBLIC_PART.to_owned(), "the first block must be"),
            (format!("{OF_THE_RFC}{ITS_PUBLIC_PART}"), "twice"),
            (format!("{OF_THE_RFC}{OF_THE_RFC}"), "twice"),
            (format!("{OF_THE_RFC}{X25519}"), "block 2 is no Ed25519 key"),
            (OF_THE_RFC[..70].to_owned(), "block 1 has no end"),
            (OF_THE_RFC.replace("MC4C", "MC5C"), "block 1 is no Ed25519 key"),
            (
                OF_THE_RFC.replace("PRIVATE", "ENCRYPTED PRIVATE"),
                "block 1 is no Ed25519 key",
            ),
            (
                OF_THE_RFC.replace("PRIVATE", "RSA PRIVATE"),
                "block 1 is no Ed25519 key",
            ),
        ] {
            let complaint = read_file(&text).expect_err("no file of keys");
            assert!(complaint.contains(said), "{complaint}");
            assert!(!complaint.contains("MC4C"), "{complaint}");
        }
    }
}
