//! Keys that are not ours, or not for this: secrets that are shared, names of keys, and what other keys signed.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rumbo::auth::token::{Kind, draw};
use serde_json::json;

use super::{Forgery, Workshop, text};
use crate::support::keys::Forger;

impl Workshop<'_> {
    /// Signed with what is no secret, or with the secret that is not for this.
    pub(super) fn shared_secrets(&self) -> Vec<Forgery> {
        let public = self.ours.public();
        // RFC 8410: what stands before the key in a file of the public part.
        let der = [b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00".as_slice(), public].concat();
        let body = BASE64.encode(&der);
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
        let secrets = [
            ("the public key", public.to_vec()),
            ("the public key in base 64", BASE64URL_NOPAD.encode(public).into_bytes()),
            ("the public key as DER", der),
            ("the public key as PEM", pem.clone().into_bytes()),
            (
                "the public key as PEM without its last line break",
                pem.trim_end().into(),
            ),
            (
                "the public key as JWK",
                self.ours.key().public().jwk().to_string().into_bytes(),
            ),
            ("the name of the key", self.ours.kid().into_bytes()),
            ("nothing", Vec::new()),
            (
                "the secret of the settings",
                self.test.app.settings.auth.secret.reveal().into(),
            ),
        ];
        let mut list = Vec::new();
        for (what, secret) in secrets {
            for algorithm in [Algorithm::HS256, Algorithm::HS512] {
                let header = Header {
                    typ: Some("at+jwt".into()),
                    kid: Some(self.ours.kid()),
                    ..Header::new(algorithm)
                };
                let key = EncodingKey::from_secret(&secret);
                let token = jsonwebtoken::encode(&header, &self.claims, &key).expect("a token");
                list.push((format!("{algorithm:?} with {what}"), token));
            }
        }
        list
    }

    pub(super) fn kids(&self) -> Vec<Forgery> {
        let kid = self.ours.kid();
        let values = [
            None,
            Some(json!(null)),
            Some(json!("")),
            Some(json!(0)),
            Some(json!([kid])),
            Some(json!({ "kid": kid })),
            Some(json!("A".repeat(43))),
            Some(json!(kid.to_uppercase())),
            Some(json!(format!("{kid} "))),
            Some(json!(format!("{kid}\0"))),
            Some(json!(&kid[..42])),
            Some(json!("../../../../../../dev/null")),
            Some(json!("/proc/self/environ")),
            Some(json!("' OR '1'='1")),
            Some(json!("x'; DROP TABLE signing_key; --")),
            Some(json!("' UNION SELECT public_key FROM signing_key --")),
            Some(json!("https://intruder.example.org/keys/1")),
            Some(json!("$(id)")),
            Some(json!("K".repeat(4000))),
        ];
        let mut list: Vec<Forgery> = values
            .into_iter()
            .map(|value| {
                let token = self.headed(&self.header_with("kid", value.clone()));
                let mut name = format!("kid {}", value.unwrap_or_else(|| json!("(missing)")));
                name.truncate(60);
                (name, token)
            })
            .collect();
        let claims = text(&self.claims);
        list.push((
            "a key of their own by its name".into(),
            self.theirs.sign(&self.theirs.header(), &claims),
        ));
        list.push((
            "a key of their own by our name".into(),
            self.theirs.sign(&self.ours.header(), &claims),
        ));
        list.push((
            "our key by the name of theirs".into(),
            self.headed(&self.theirs.header()),
        ));
        list
    }

    pub(super) fn other_tokens(&self) -> Vec<Forgery> {
        let mut list: Vec<Forgery> = [Kind::Refresh, Kind::OneTime, Kind::Challenge]
            .into_iter()
            .map(|kind| (format!("a token of the kind {kind:?}"), draw(kind).expect("a token")))
            .collect();
        let elsewhere = Forger::with(*b"the key of another installation.");
        let claims = text(&self.claims);
        list.push((
            "a token of another installation".into(),
            elsewhere.sign(&elsewhere.header(), &claims),
        ));
        for word in ["null", "undefined", "[object Object]", "true", "0", "none", "."] {
            list.push((format!("the word {word:?}"), word.to_owned()));
        }
        list
    }
}
