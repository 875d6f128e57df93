//! The secret of an API token: `rumbo_pat_`, 256 random bits and a check sum, in base 64. It is handed out once and
//! only its SHA-256 is stored. Prefix and check sum are for scanners that look for leaked secrets, and refuse what was
//! cut or mistyped without a look into the database.

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};

use super::token::random_bytes;
use crate::error::Result;

/// How every secret begins; `docs/security.md` gives scanners the whole pattern.
pub const PREFIX: &str = "rumbo_pat_";
/// How many characters every secret has.
pub const LENGTH: usize = PREFIX.len() + 48;
/// The random bytes.
const RANDOM_BYTES: usize = 32;
/// The bytes of the check sum: the first of the SHA-256 of prefix and random bytes.
const CHECK_BYTES: usize = 4;

/// A new secret.
pub fn draw() -> Result<String> {
    let random = random_bytes::<RANDOM_BYTES>()?;
    let mut bytes = random.to_vec();
    bytes.extend(check(&random));
    Ok(format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&bytes)))
}

/// What is stored of a secret; `None` for what is none.
pub fn digest(secret: &str) -> Option<Vec<u8>> {
    let bytes = BASE64URL_NOPAD.decode(secret.strip_prefix(PREFIX)?.as_bytes()).ok()?;
    let (random, sum) = bytes.split_at_checked(RANDOM_BYTES)?;
    (sum == check(random)).then(|| Sha256::digest(secret.as_bytes()).to_vec())
}

fn check(random: &[u8]) -> [u8; CHECK_BYTES] {
    let whole = Sha256::new().chain_update(PREFIX).chain_update(random).finalize();
    std::array::from_fn(|place| whole[place])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_by_its_digest() {
        let (one, two) = (draw().expect("a secret"), draw().expect("a secret"));
        assert_ne!(one, two);
        assert_eq!(one.len(), LENGTH);
        assert_eq!(digest(&one).map(|hash| hash.len()), Some(32));
        assert_ne!(digest(&one), digest(&two));
    }

    #[test]
    fn what_is_not_whole_is_none() {
        let secret = draw().expect("a secret");
        for length in 0..secret.len() {
            assert_eq!(digest(&secret[..length]), None, "cut at {length}");
        }
        for place in PREFIX.len()..secret.len() {
            let mut mistyped = secret.clone().into_bytes();
            mistyped[place] = if mistyped[place] == b'A' { b'B' } else { b'A' };
            let mistyped = String::from_utf8(mistyped).expect("ASCII");
            assert_eq!(digest(&mistyped), None, "mistyped at {place}");
        }
        for other in [
            format!("{secret}A"),
            format!(" {secret}"),
            secret.to_uppercase(),
            secret.replace("pat", "bat"),
        ] {
            assert_eq!(digest(&other), None, "{other}");
        }
    }
}
