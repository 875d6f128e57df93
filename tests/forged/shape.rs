//! A good token written otherwise: its parts, its encoding, its signature, and single bits.

use data_encoding::BASE64URL_NOPAD;
use serde_json::json;

use super::{Forgery, Workshop, parts, raw};

impl Workshop<'_> {
    pub(super) fn shapes(&self) -> Vec<Forgery> {
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
    pub(super) fn encodings(&self) -> Vec<Forgery> {
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

    pub(super) fn signatures(&self) -> Vec<Forgery> {
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

    pub(super) fn flips(&self) -> Vec<Forgery> {
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
