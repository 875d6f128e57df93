//! Headers that are not ours: the algorithm, members that lead elsewhere, and the type.

use serde_json::json;

use super::{Forgery, Workshop, text, unsigned};

impl Workshop<'_> {
    pub(super) fn algorithms(&self) -> Vec<Forgery> {
        let mut list = Vec::new();
        for word in ["none", "None", "NONE", "nOnE", "none ", ""] {
            let token = self.headed(&self.header_with("alg", Some(json!(word))));
            list.push((format!("alg {word:?} with a signature"), token.clone()));
            list.push((format!("alg {word:?} without one"), unsigned(&token)));
        }
        for word in [
            "RS256", "RS512", "PS256", "ES256", "ES384", "HS256", "eddsa", "EDDSA", "Ed25519", "Ed448",
        ] {
            let token = self.headed(&self.header_with("alg", Some(json!(word))));
            list.push((format!("alg {word}"), token));
        }
        for value in [None, Some(json!(null)), Some(json!(1)), Some(json!(["EdDSA"]))] {
            let token = self.headed(&self.header_with("alg", value.clone()));
            list.push((format!("alg {value:?}"), token));
        }
        list
    }

    /// Members of the header that would have us look elsewhere for the key, or read the token in another way.
    pub(super) fn members(&self) -> Vec<Forgery> {
        let jwk = self.theirs.key().public().jwk();
        let claims = text(&self.claims);
        let mut list = Vec::new();
        for (member, value) in [
            ("jwk", jwk.clone()),
            ("jku", json!("https://intruder.example.org/jwks.json")),
            ("jku", json!("file:///etc/passwd")),
            ("x5u", json!("https://intruder.example.org/key.pem")),
            ("x5c", json!(["MIIB"])),
            ("x5t", json!("AAAA")),
            ("x5t#S256", json!("AAAA")),
            ("crit", json!(["exp"])),
            ("crit", json!([])),
            ("b64", json!(false)),
            ("zip", json!("DEF")),
            ("enc", json!("A256GCM")),
            ("cty", json!("JWT")),
            ("url", json!("https://rumbo.example.org/graphql")),
            ("iss", json!("rumbo")),
            ("admin", json!(true)),
        ] {
            let header = self.header_with(member, Some(value));
            list.push((format!("{member} signed by us"), self.ours.sign(&header, &claims)));
            list.push((format!("{member} signed by them"), self.theirs.sign(&header, &claims)));
        }
        let header = self.ours.header();
        for (what, header) in [
            ("blanks in the header", header.replace(':', ": ")),
            ("a line break after the header", format!("{header}\n")),
            ("another order in the header", text(&self.header())),
            ("two alg", header.replace('}', r#","alg":"none"}"#)),
            ("two kid", header.replace('}', r#","kid":"x"}"#)),
            ("an escape in the header", header.replace("EdDSA", r"Ed\u0044SA")),
            ("a header that is a list", "[]".to_owned()),
            ("a header that is nothing", "null".to_owned()),
            ("an empty header", String::new()),
        ] {
            list.push((what.to_owned(), self.headed(&header)));
        }
        list
    }

    pub(super) fn types(&self) -> Vec<Forgery> {
        let values = [
            "JWT",
            "jwt",
            "AT+JWT",
            "application/at+jwt",
            "refresh+jwt",
            "id+jwt",
            "at+jwt ",
        ];
        let mut list: Vec<Forgery> = values
            .into_iter()
            .map(|typ| {
                (
                    format!("typ {typ:?}"),
                    self.headed(&self.header_with("typ", Some(json!(typ)))),
                )
            })
            .collect();
        for value in [None, Some(json!(null)), Some(json!(["at+jwt"]))] {
            list.push((format!("typ {value:?}"), self.headed(&self.header_with("typ", value))));
        }
        list
    }
}
