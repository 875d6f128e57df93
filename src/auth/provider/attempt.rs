//! What one sign-in at a provider is bound to.
//!
//! The client that began it holds the handle, 256 random bits. State, nonce and PKCE verifier follow from the handle
//! and from nothing that is stored: the database keeps the handle's digest, from which nothing follows.

use aws_lc_rs::hmac;
use data_encoding::BASE64URL_NOPAD;
use subtle::ConstantTimeEq;

/// What comes back with the code, so that nobody is given somebody else's.
pub(super) fn state(handle: &str) -> String {
    derive(handle, "state")
}

/// What the ID token has to repeat.
pub(super) fn nonce(handle: &str) -> String {
    derive(handle, "nonce")
}

/// What the code is exchanged with (RFC 7636): whoever only saw the code has it not.
pub(super) fn verifier(handle: &str) -> String {
    derive(handle, "verifier")
}

/// Whether this state belongs to the handle.
pub fn fits(handle: &str, given: &str) -> bool {
    state(handle).as_bytes().ct_eq(given.as_bytes()).into()
}

fn derive(handle: &str, purpose: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, handle.as_bytes());
    let tag = hmac::sign(&key, format!("rumbo: sign-in at a provider, {purpose}").as_bytes());
    BASE64URL_NOPAD.encode(tag.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_its_own_and_of_its_handle() {
        let of = |handle| [state(handle), nonce(handle), verifier(handle)];
        let all: std::collections::BTreeSet<_> = of("one").into_iter().chain(of("two")).collect();
        assert_eq!(all.len(), 6);
        assert!(
            all.iter().all(|part| part.len() == 43),
            "RFC 7636: 43 to 128 characters"
        );
        assert!(fits("one", &state("one")));
        for wrong in [state("two"), nonce("one"), String::new(), state("one") + "A"] {
            assert!(!fits("one", &wrong));
        }
    }
}
