//! Forged access tokens, one by one: each gets the same refusal, and a good one is taken in between.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, Request, header};
use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use futures_util::{SinkExt, StreamExt};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rumbo::auth::token::{Kind, draw};
use rumbo::domain::actor::Actor;
use rumbo::domain::id::{PersonId, SessionId};
use rumbo::domain::signing_key::last_use;
use rumbo::service::signing_key::{Handover, rotate};
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::Message;
use uuid::Uuid;

use crate::support::app::{Answer, Client, TestApp};
use crate::support::keys::Forger;

/// What is wrong with a token, and the token.
type Forgery = (String, String);

/// Makes forgeries out of a good token of somebody.
struct Workshop<'a> {
    test: &'a TestApp,
    good: String,
    ours: Forger,
    theirs: Forger,
    claims: Value,
}

impl<'a> Workshop<'a> {
    fn new(test: &'a TestApp, victim: &Client<'_>) -> Self {
        let good = victim.token().expect("a token").to_owned();
        Self {
            claims: claims_of(&good),
            test,
            good,
            ours: Forger::ours(),
            theirs: Forger::with(*b"an intruder has made this key up"),
        }
    }

    fn header(&self) -> Value {
        serde_json::from_str(&self.ours.header()).expect("JSON")
    }

    /// The good header with one member changed, or left out.
    fn header_with(&self, member: &str, value: Option<Value>) -> String {
        text(&with(&self.header(), member, value))
    }

    /// Signed by the key that signs, over a header that is not ours.
    fn headed(&self, header: &str) -> String {
        self.ours.sign(header, &text(&self.claims))
    }

    /// Signed by the key that signs, over the right header: only the claims are wrong.
    fn claiming(&self, claims: &str) -> String {
        self.ours.sign(&self.ours.header(), claims)
    }

    fn all(&self) -> Vec<Forgery> {
        let groups = [
            self.algorithms(),
            self.shared_secrets(),
            self.kids(),
            self.members(),
            self.types(),
            self.times(),
            self.names(),
            self.doubled(),
            self.other_tokens(),
            self.shapes(),
            self.encodings(),
            self.signatures(),
            self.flips(),
        ];
        groups.concat()
    }

    fn algorithms(&self) -> Vec<Forgery> {
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

    /// Signed with what is no secret, or with the secret that is not for this.
    fn shared_secrets(&self) -> Vec<Forgery> {
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

    fn kids(&self) -> Vec<Forgery> {
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

    /// Members of the header that would have us look elsewhere for the key, or read the token in another way.
    fn members(&self) -> Vec<Forgery> {
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

    fn types(&self) -> Vec<Forgery> {
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

    fn times(&self) -> Vec<Forgery> {
        let mut list = Vec::new();
        for claim in ["exp", "nbf", "iat"] {
            let right = self.claims[claim].as_i64().expect("a number");
            for value in [
                None,
                Some(json!(null)),
                Some(json!(right.to_string())),
                Some(json!("")),
                Some(json!("2036-01-01T00:00:00Z")),
                Some(json!(f64::from(u32::try_from(right).expect("an instant")) + 0.5)),
                Some(json!(-1)),
                Some(json!(-right)),
                Some(json!(i64::MAX)),
                Some(json!(i64::MIN)),
                Some(json!(u64::MAX)),
                Some(json!(1e300)),
                Some(json!(right * 1000)),
                Some(json!(true)),
                Some(json!([right])),
                Some(json!({ "seconds": right })),
            ] {
                let claims = with(&self.claims, claim, value.clone());
                list.push((format!("{claim} {value:?}"), self.claiming(&text(&claims))));
            }
            let written = text(&self.claims);
            for (as_float, what) in [
                (format!("{right}.0"), "with a point"),
                (format!("{right}e0"), "with a power"),
            ] {
                let claims = written.replace(&format!("\"{claim}\":{right}"), &format!("\"{claim}\":{as_float}"));
                assert_ne!(claims, written);
                list.push((format!("{claim} {what}"), self.claiming(&claims)));
            }
        }
        let shifted = |seconds: i64, life: i64| {
            let from = self.claims["iat"].as_i64().expect("a number") + seconds;
            let claims = with(&self.claims, "iat", Some(json!(from)));
            let claims = with(&claims, "nbf", Some(json!(from)));
            text(&with(&claims, "exp", Some(json!(from + life))))
        };
        for (what, seconds, life) in [
            ("six seconds ahead", 6, 600),
            ("an hour ahead", 3600, 600),
            ("that has just died", -605, 600),
            ("of yesterday", -86_400, 600),
            ("that lives a second too long", 0, 601),
            ("that lives for a year", 0, 31_536_000),
            ("that lives for no time", 0, 0),
            ("that dies before it lives", 0, -600),
        ] {
            list.push((format!("a token {what}"), self.claiming(&shifted(seconds, life))));
        }
        list
    }

    fn names(&self) -> Vec<Forgery> {
        let new_person = PersonId(Uuid::from_u128(u128::MAX)).to_string();
        let new_session = SessionId(Uuid::from_u128(u128::MAX)).to_string();
        let (person, session) = (self.claims["sub"].clone(), self.claims["sid"].clone());
        let mut list = Vec::new();
        for (claim, values) in [
            (
                "iss",
                vec![
                    json!("elsewhere"),
                    json!("RUMBO"),
                    json!(""),
                    json!(["rumbo"]),
                    json!("rumbo\0"),
                ],
            ),
            (
                "aud",
                vec![
                    json!("other"),
                    json!(""),
                    json!(["rumbo"]),
                    json!(["rumbo", "other"]),
                    json!([]),
                    json!("Rumbo"),
                ],
            ),
            (
                "sub",
                vec![
                    json!(new_person),
                    json!(session),
                    json!("psn_1"),
                    json!(7),
                    json!("' OR 1=1 --"),
                    json!("*"),
                ],
            ),
            (
                "sid",
                vec![
                    json!(new_session),
                    json!(person),
                    json!(""),
                    json!("ses_1"),
                    json!([session.clone()]),
                ],
            ),
        ] {
            let values = values.into_iter().map(Some).chain([None, Some(json!(null))]);
            for value in values {
                let claims = with(&self.claims, claim, value.clone());
                list.push((format!("{claim} {value:?}"), self.claiming(&text(&claims))));
            }
        }
        for claims in ["", "{}", "[]", "null", "\"rumbo\"", "{", "\u{feff}{}"] {
            list.push((format!("claims {claims:?}"), self.claiming(claims)));
        }
        list
    }

    fn doubled(&self) -> Vec<Forgery> {
        let written = text(&self.claims);
        let members = self.claims.as_object().expect("an object").iter();
        let doubled = members.map(|(claim, value)| {
            let claims = written.replacen('{', &format!("{{\"{claim}\":{value},"), 1);
            (format!("{claim} twice"), self.claiming(&claims))
        });
        doubled.collect()
    }

    fn other_tokens(&self) -> Vec<Forgery> {
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

    fn shapes(&self) -> Vec<Forgery> {
        let [head, body, signature] = parts(&self.good);
        let whole = &self.good;
        let list = [
            ("only a header", head.to_owned()),
            ("no signature", format!("{head}.{body}")),
            ("an empty signature", format!("{head}.{body}.")),
            ("an empty body", format!("{head}..{signature}")),
            ("no header", format!(".{body}.{signature}")),
            ("three dots", "...".to_owned()),
            ("four parts", format!("{whole}.{signature}")),
            ("five parts", format!("{head}.{body}.{signature}.{body}.{signature}")),
            ("a dot before", format!(".{whole}")),
            ("a dot behind", format!("{whole}.")),
            ("its parts the other way round", format!("{signature}.{body}.{head}")),
            ("a blank after a dot", format!("{head}. {body}.{signature}")),
            ("a blank before a dot", format!("{head}.{body} .{signature}")),
            ("a tab in it", format!("{head}.{body}\t.{signature}")),
            (
                "a blank in its signature",
                format!("{head}.{body}.{} {}", &signature[..40], &signature[40..]),
            ),
            ("one letter less", whole[..whole.len() - 1].to_owned()),
            ("one letter less in front", whole[1..].to_owned()),
            ("half of it", whole[..whole.len() / 2].to_owned()),
            ("two of them", format!("{whole}{whole}")),
            ("two of them with a comma", format!("{whole}, {whole}")),
            ("the scheme twice", format!("Bearer {whole}")),
            ("quotes", format!("\"{whole}\"")),
            (
                "JSON",
                json!({"protected": head, "payload": body, "signature": signature}).to_string(),
            ),
            ("commas for dots", whole.replace('.', ",")),
            ("escapes of a URL", whole.replace('.', "%2E")),
            ("capitals", whole.to_uppercase()),
            ("small letters", whole.to_lowercase()),
        ];
        list.map(|(what, token)| (what.to_owned(), token)).into()
    }

    /// The same bytes written otherwise.
    fn encodings(&self) -> Vec<Forgery> {
        let [head, body, signature] = parts(&self.good);
        let mut list = Vec::new();
        for padding in ["=", "==", "%3D", "\u{3d}\u{3d}\u{3d}"] {
            list.push((
                format!("{padding} after the header"),
                format!("{head}{padding}.{body}.{signature}"),
            ));
            list.push((
                format!("{padding} after the body"),
                format!("{head}.{body}{padding}.{signature}"),
            ));
            list.push((
                format!("{padding} after the signature"),
                format!("{}{padding}", self.good),
            ));
        }
        // A signature has 512 bits, its letters 516: the last four must be nothing.
        let ending = signature.chars().last().expect("a letter");
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let place = alphabet.find(ending).expect("a letter of base 64");
        for bits in [1, 2, 4, 8, 15] {
            let other = &alphabet[place ^ bits..=place ^ bits];
            let token = format!("{head}.{body}.{}{other}", &signature[..signature.len() - 1]);
            list.push((format!("spare bits {bits}"), token));
        }
        let other_alphabet = signature.replace('-', "+").replace('_', "/");
        assert_ne!(
            other_alphabet, signature,
            "the signature of this test has one of the two"
        );
        list.push(("the other alphabet".into(), format!("{head}.{body}.{other_alphabet}")));
        let hex = data_encoding::HEXLOWER.encode(&raw(signature));
        list.push(("a signature in hexadecimals".into(), format!("{head}.{body}.{hex}")));
        list
    }

    fn signatures(&self) -> Vec<Forgery> {
        let [head, body, signature] = parts(&self.good);
        let right = raw(signature);
        let of = |what: &str, bytes: &[u8]| {
            (
                what.to_owned(),
                format!("{head}.{body}.{}", BASE64URL_NOPAD.encode(bytes)),
            )
        };
        // The neutral point, with which some checks take anything.
        let neutral = [&[1_u8][..], &[0; 63]].concat();
        let (point, scalar) = right.split_at(32);
        vec![
            of("zeros for a signature", &[0; 64]),
            of("ones for a signature", &[0xFF; 64]),
            of("the neutral point for a signature", &neutral),
            of("a signature of another order", &[scalar, point].concat()),
            of(
                "a signature with the order added",
                &[point, &plus_order(scalar)].concat(),
            ),
            of("a signature that is too short", &right[..63]),
            of("a signature that is too long", &[&right[..], &[0]].concat()),
            of(
                "a signature of another text",
                &raw(parts(&self.headed(&self.ours.header()))[2]),
            ),
        ]
        .into_iter()
        .filter(|(_, token)| *token != self.good)
        .collect()
    }

    fn flips(&self) -> Vec<Forgery> {
        let parts = parts(&self.good);
        let mut list = Vec::new();
        for (number, name) in ["header", "body", "signature"].into_iter().enumerate() {
            let bytes = raw(parts[number]);
            for step in 0..10 {
                let place = step * (bytes.len() - 1) / 9;
                let mut changed = bytes.clone();
                changed[place] ^= 1 << (step % 8);
                let mut forged = parts.map(str::to_owned);
                forged[number] = BASE64URL_NOPAD.encode(&changed);
                list.push((format!("a bit of byte {place} of the {name}"), forged.join(".")));
            }
        }
        list
    }
}

/// The scalar of a signature with the order of the group added: the same point, written otherwise.
fn plus_order(scalar: &[u8]) -> Vec<u8> {
    let order = data_encoding::HEXLOWER
        .decode(b"edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
        .expect("hexadecimals");
    let mut carry = 0;
    let sum = scalar.iter().zip(order).map(|(one, other)| {
        let sum = u16::from(*one) + u16::from(other) + carry;
        carry = sum >> 8;
        u8::try_from(sum & 0xFF).expect("a byte")
    });
    sum.collect()
}

fn parts(token: &str) -> [&str; 3] {
    let parts: Vec<&str> = token.split('.').collect();
    parts.try_into().expect("three parts")
}

fn raw(part: &str) -> Vec<u8> {
    BASE64URL_NOPAD.decode(part.as_bytes()).expect("base 64")
}

fn claims_of(token: &str) -> Value {
    serde_json::from_slice(&raw(parts(token)[1])).expect("JSON")
}

fn unsigned(token: &str) -> String {
    let [head, body, _] = parts(token);
    format!("{head}.{body}.")
}

fn text(value: &Value) -> String {
    value.to_string()
}

/// The object with one member changed, or left out.
fn with(object: &Value, member: &str, value: Option<Value>) -> Value {
    let mut object = object.clone();
    let members = object.as_object_mut().expect("an object");
    match value {
        Some(value) => members.insert(member.to_owned(), value),
        None => members.remove(member),
    };
    object
}

/// Asks who one is, with this token.
async fn ask(test: &TestApp, token: &str) -> Answer {
    let request = Request::post("/graphql")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Body::from(
            json!({ "query": "{ viewer { person { id } } }" }).to_string(),
        ));
    test.send(request.expect("a request")).await
}

/// An answer without what every answer has of its own: the name of the request.
fn without_request(answer: &Answer) -> (u16, String, HeaderMap) {
    let mut headers = answer.headers.clone();
    let id = headers.remove(HeaderName::from_static("x-request-id")).expect("a name");
    let body = answer.body.replace(id.to_str().expect("text"), "…");
    (answer.status.as_u16(), body, headers)
}

fn has(answer: &Answer, client: &Client<'_>) -> bool {
    let person = client.person.expect("a person").to_string();
    answer.status == 200 && answer.text("viewer.person.id") == person
}

#[tokio::test]
async fn every_forged_token_gets_the_same_refusal() {
    let test = TestApp::new().await;
    let (ana, ben) = (test.person("Ana").await, test.person("Ben").await);
    let workshop = Workshop::new(&test, &ana);
    let mut forgeries = workshop.all();
    let of_ben = claims_of(ben.token().expect("a token"));
    let mixed = with(&workshop.claims, "sub", Some(of_ben["sub"].clone()));
    forgeries.push(("somebody else's session".into(), workshop.claiming(&text(&mixed))));
    let different: BTreeSet<&String> = forgeries.iter().map(|(_, token)| token).collect();
    assert!(different.len() >= 60 && !different.contains(&workshop.good));

    let expected = without_request(&ask(&test, "nonsense").await);
    assert_eq!(expected.0, 401);
    assert_eq!(expected.2[header::WWW_AUTHENTICATE], "Bearer");
    assert!(has(&ask(&test, &workshop.good).await, &ana), "the good one is good");
    for (what, token) in &forgeries {
        assert_eq!(without_request(&ask(&test, token).await), expected, "{what}: {token}");
        assert!(has(&ask(&test, &workshop.good).await, &ana), "after {what}");
    }
    eprintln!(
        "{} forged tokens over HTTP, {} of them different, each refused alike",
        forgeries.len(),
        different.len()
    );
}

#[tokio::test]
async fn a_key_signs_nothing_that_counts_after_its_end() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await;
    let ours = Forger::ours();
    let fresh = |now: DateTime<Utc>| {
        let at = now.timestamp();
        let claims = claims_of(ana.token().expect("a token"));
        let claims = with(&with(&claims, "iat", Some(json!(at))), "nbf", Some(json!(at)));
        ours.sign(&ours.header(), &text(&with(&claims, "exp", Some(json!(at + 600)))))
    };
    let expected = without_request(&ask(&test, "nonsense").await);
    assert!(has(&ask(&test, &fresh(test.now())).await, &ana), "the key signs");
    let operator = Actor::operator();
    rotate(&test.app, &operator, Handover::Gentle)
        .await
        .expect("another key");
    let end = last_use(test.now(), TimeDelta::minutes(10));
    assert!(has(&ask(&test, &fresh(test.now())).await, &ana), "it still verifies");
    test.pass(end - test.now() - TimeDelta::milliseconds(1));
    assert!(has(&ask(&test, &fresh(test.now())).await, &ana), "to its end");
    test.pass(TimeDelta::milliseconds(1));
    assert_eq!(
        without_request(&ask(&test, &fresh(test.now())).await),
        expected,
        "rotated and over"
    );

    let ana = ana.again().await;
    assert!(has(&ask(&test, ana.token().expect("a token")).await, &ana));
    rotate(&test.app, &operator, Handover::AtOnce)
        .await
        .expect("another key");
    let refused = ask(&test, ana.token().expect("a token")).await;
    assert_eq!(
        without_request(&refused),
        expected,
        "retired, and remembered a moment ago"
    );
}

#[tokio::test]
async fn every_forged_token_closes_a_socket() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await;
    let workshop = Workshop::new(&test, &ana);
    let (address, _stop) = test.listen(Duration::from_secs(10)).await;
    let introduce = async |token: &str| {
        let mut request = format!("ws://{address}/graphql")
            .into_client_request()
            .expect("a request");
        let protocol = "graphql-transport-ws".parse().expect("a value");
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        let (mut stream, _) = connect_async(request).await.expect("a connection");
        let payload = json!({ "authorization": format!("Bearer {token}") });
        let init = json!({ "type": "connection_init", "payload": payload }).to_string();
        stream.send(Message::text(init)).await.expect("it is sent");
        match stream.next().await {
            Some(Ok(Message::Text(said))) => said.to_string(),
            Some(Ok(Message::Close(Some(frame)))) => u16::from(frame.code).to_string(),
            other => panic!("neither a word nor a close: {other:?}"),
        }
    };
    let forgeries = workshop.all();
    for (number, (what, token)) in forgeries.iter().enumerate() {
        assert_eq!(introduce(token).await, "4403", "{what}: {token}");
        if number % 10 == 0 {
            let welcome = introduce(&workshop.good).await;
            assert_eq!(
                serde_json::from_str::<Value>(&welcome).expect("JSON"),
                json!({ "type": "connection_ack" })
            );
        }
    }
    eprintln!(
        "{} forged tokens over the WebSocket, each closed with 4403",
        forgeries.len()
    );
}
