//! ID tokens that must not be believed.

use aws_lc_rs::hmac;
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{begin, claims, complete, entered, patch, people, trusting, verified};
use crate::support::issuer::{ACCESS, CLIENT, Issuer, Key, SECRET, unsigned};

/// An ID token that must not be believed: what is changed in header and claims, and how it is signed.
struct Forgery {
    name: &'static str,
    head: Value,
    claims: Value,
    seal: fn(&Issuer, &Value, &Value) -> String,
}

fn honestly(issuer: &Issuer, head: &Value, claims: &Value) -> String {
    issuer.key.sign_as(head, claims)
}

fn with_hmac(key: &[u8], head: &Value, claims: &Value) -> String {
    let text = unsigned(head, claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes());
    format!("{text}.{}", BASE64URL_NOPAD.encode(tag.as_ref()))
}

/// Tokens that are signed as they should be and say what they should not.
fn false_claims(now: i64) -> Vec<Forgery> {
    let claim = |name, claims| Forgery {
        name,
        head: json!({}),
        claims,
        seal: honestly,
    };
    vec![
        claim("for somebody else", json!({ "aud": "another" })),
        claim("for others too", json!({ "aud": [CLIENT, "another"] })),
        claim("for nobody", json!({ "aud": null })),
        claim("for an empty list", json!({ "aud": [] })),
        claim("asked for by another party", json!({ "azp": "another" })),
        claim("of another issuer", json!({ "iss": "https://evil.example.org" })),
        claim("of no issuer", json!({ "iss": null })),
        claim("with another nonce", json!({ "nonce": "another" })),
        claim("without a nonce", json!({ "nonce": null })),
        claim("that ran out", json!({ "exp": now - 61 })),
        claim("that never runs out", json!({ "exp": null })),
        claim("of the future", json!({ "iat": now + 61 })),
        claim("of long ago", json!({ "iat": now - 601 })),
        claim("of no time", json!({ "iat": null })),
        claim("of nobody", json!({ "sub": null })),
        claim("of an empty subject", json!({ "sub": "" })),
        claim("of a subject with control characters", json!({ "sub": "a\u{0}" })),
        claim("of a long subject", json!({ "sub": "x".repeat(256) })),
        claim(
            "with the hash of another access token",
            json!({ "at_hash": "AAAAAAAAAAAAAAAAAAAAAA" }),
        ),
    ]
}

/// Tokens that say what they should, under a header or a signature that is not the provider's.
fn false_seals() -> Vec<Forgery> {
    let nothing = || json!({});
    let seal = |name, head, seal| Forgery {
        name,
        head,
        claims: nothing(),
        seal,
    };
    vec![
        seal(
            "not signed",
            json!({ "alg": "none", "kid": null }),
            |_, head, claims| format!("{}.", unsigned(head, claims)),
        ),
        seal("not signed, with the old signature", json!({ "alg": "none" }), honestly),
        seal(
            "signed with the public key as a secret",
            json!({ "alg": "HS256" }),
            |issuer, head, claims| with_hmac(issuer.key.public(), head, claims),
        ),
        seal(
            "signed with the public key as it is shown",
            json!({ "alg": "HS256" }),
            |issuer, head, claims| with_hmac(issuer.key.jwk().to_string().as_bytes(), head, claims),
        ),
        seal(
            "signed with the secret of the client",
            json!({ "alg": "HS256" }),
            |_, head, claims| with_hmac(SECRET.as_bytes(), head, claims),
        ),
        seal(
            "signed by another key of the same name",
            nothing(),
            |_, head, claims| Key::new("one").sign_as(head, claims),
        ),
        seal(
            "signed by an unknown key",
            json!({ "kid": "unknown" }),
            |_, head, claims| Key::new("unknown").sign_as(head, claims),
        ),
        seal("said to be of another algorithm", json!({ "alg": "ES384" }), honestly),
        seal("said to be RSA", json!({ "alg": "RS256" }), honestly),
        seal("of another type", json!({ "typ": "at+jwt" }), honestly),
        seal("with what must be understood", json!({ "crit": ["exp"] }), honestly),
        seal(
            "with the key that it brings itself",
            json!({ "kid": null }),
            |_, head, claims| {
                let own = Key::new("own");
                let mut head = head.clone();
                head["jwk"] = own.jwk();
                own.sign_as(&head, claims)
            },
        ),
        seal(
            "with other claims than were signed",
            nothing(),
            |issuer, head, claims| {
                let token = issuer.key.sign_as(head, claims);
                let signature = token.rsplit('.').next().unwrap_or_default();
                let mut other = claims.clone();
                other["sub"] = json!("admin");
                format!("{}.{signature}", unsigned(head, &other))
            },
        ),
        seal("with its signature cut off", nothing(), |issuer, head, claims| {
            let token = issuer.key.sign_as(head, claims);
            token
                .rsplit_once('.')
                .map(|(text, _)| format!("{text}."))
                .unwrap_or_default()
        }),
        seal("that is none", nothing(), |_, _, _| "nonsense".to_owned()),
        seal("that is empty", nothing(), |_, _, _| String::new()),
    ]
}

#[tokio::test]
async fn no_forged_id_token_is_believed() {
    let issuer = Issuer::start().await;
    let test = trusting(&issuer).await;
    let now = test.now().timestamp();
    let all: Vec<Forgery> = false_claims(now).into_iter().chain(false_seals()).collect();
    for forgery in &all {
        let trip = begin(&test).await;
        let mut head = json!({ "alg": "ES256", "typ": "JWT", "kid": "one" });
        patch(&mut head, &forgery.head);
        let mut said = claims(&test, &issuer, &trip, "ana", &verified("ana@example.org"));
        patch(&mut said, &forgery.claims);
        issuer.takes("code", &(forgery.seal)(&issuer, &head, &said));
        let answer = complete(&test, &trip, "code").await;
        assert_eq!(answer.refusal(), "PROVIDER_UNAVAILABLE", "a token {}", forgery.name);
        assert!(!answer.body.contains("token "), "nothing is told of it");
    }
    for answer in [
        json!({ "access_token": ACCESS, "token_type": "Bearer" }),
        json!({ "access_token": ACCESS, "token_type": "Bearer", "id_token": null }),
        json!({ "id_token": "" }),
        json!([]),
        json!("nonsense"),
    ] {
        let trip = begin(&test).await;
        issuer.answers("code", answer);
        assert_eq!(complete(&test, &trip, "code").await.refusal(), "PROVIDER_UNAVAILABLE");
    }
    assert_eq!(people(&test).await, 0);
    assert_eq!(all.len(), 35, "docs/security/providers.md says how many");

    // What may differ among honest ones.
    let hash = BASE64URL_NOPAD.encode(&Sha256::digest(ACCESS.as_bytes())[..16]);
    for (head, more) in [
        (json!({}), json!({})),
        (json!({ "typ": null }), json!({ "aud": [CLIENT] })),
        (json!({ "kid": null }), json!({ "azp": CLIENT, "at_hash": hash })),
        (json!({}), json!({ "exp": now - 59, "iat": now - 359 })),
        (json!({}), json!({ "iat": now + 59 })),
    ] {
        let trip = begin(&test).await;
        let mut full = json!({ "alg": "ES256", "typ": "JWT", "kid": "one" });
        patch(&mut full, &head);
        let mut said = claims(&test, &issuer, &trip, "ana", &verified("ana@example.org"));
        patch(&mut said, &more);
        issuer.takes("code", &issuer.key.sign_as(&full, &said));
        entered(&test, &complete(&test, &trip, "code").await);
    }
    drop(test.mails().await);
}
