//! Claims that are signed by us and are not as we write them: times, names, and members that come twice.

use rumbo::domain::id::{PersonId, SessionId};
use serde_json::json;
use uuid::Uuid;

use super::{Forgery, Workshop, text, with};

impl Workshop<'_> {
    pub(super) fn times(&self) -> Vec<Forgery> {
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

    pub(super) fn names(&self) -> Vec<Forgery> {
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

    pub(super) fn doubled(&self) -> Vec<Forgery> {
        let written = text(&self.claims);
        let members = self.claims.as_object().expect("an object").iter();
        let doubled = members.map(|(claim, value)| {
            let claims = written.replacen('{', &format!("{{\"{claim}\":{value},"), 1);
            (format!("{claim} twice"), self.claiming(&claims))
        });
        doubled.collect()
    }
}
