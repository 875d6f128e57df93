//! Text that comes in: the schema says how long each may be and in what form it is kept, and every place that takes one
//! refuses, by name, what is too long and what cannot be shown. The places are found by walking the schema.

use async_graphql::parser::types::{Type, TypeKind};
use rumbo::domain::id::IdentityId;
use rumbo::domain::identity::{CODE_MOST, ISSUER_MOST, KEY_MOST, STATE_MOST};
use rumbo::domain::text::{
    Body as WorkBody, Comment, Country, Email, Name, Reason, SearchText, ShortCode, TIME_ZONE_MOST, Title,
};
use serde_json::{Value, json};

pub(crate) use self::mutation::change_everything;
use crate::matrix::World;
use crate::support::input::named;
use crate::support::sdl::{fields, types};

mod argument;
mod hostile;
mod mutation;

/// In what form a text is kept or compared, by the words in which the schema says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    /// Normal form C, without what cannot be shown.
    Nfc,
    /// An address.
    Address,
    Country,
    TimeZone,
    Month,
    /// Passwords.
    Bytes,
    /// Tokens and cursors.
    AsItCame,
    /// Codes of a second factor.
    AsShown,
}

const FORMS: [(&str, Form); 9] = [
    ("(NFC)", Form::Nfc),
    ("lower case", Form::Address),
    ("E-mail address", Form::Address),
    ("address of the account", Form::Address),
    ("ISO 3166-1", Form::Country),
    ("IANA zone", Form::TimeZone),
    ("`2022-04`", Form::Month),
    ("byte for byte", Form::Bytes),
    ("as it came", Form::AsItCame),
];

/// The form and the most characters that descriptions state, the innermost last; the smallest number counts.
fn stated(said: &[String]) -> Option<(Form, usize)> {
    let innermost = said.last()?;
    let form = FORMS
        .iter()
        .find(|(words, _)| innermost.contains(words))
        .map(|found| found.1);
    let form = form.or_else(|| innermost.contains("as it is shown").then_some(Form::AsShown))?;
    let most = said.iter().filter_map(|text| number(text)).min()?;
    number(innermost)?;
    Some((form, most))
}

/// The number that stands before `characters` or `letters`.
fn number(text: &str) -> Option<usize> {
    let words: Vec<&str> = text.split([' ', '\n']).filter(|word| !word.is_empty()).collect();
    let at = words
        .iter()
        .position(|word| word.starts_with("characters") || word.starts_with("letters"))?;
    words[at.checked_sub(1)?].replace(',', "").parse().ok()
}

/// How long texts of a form may be.
fn possible(form: Form) -> Vec<usize> {
    match form {
        Form::Nfc => vec![
            ShortCode::MOST,
            SearchText::MOST,
            Name::MOST,
            80,
            Title::MOST,
            Reason::MOST,
            Comment::MOST,
            WorkBody::MOST,
        ],
        Form::Address => vec![Email::MOST],
        Form::Country => vec![Country::MOST],
        Form::TimeZone => vec![TIME_ZONE_MOST],
        Form::Month => vec![7],
        Form::Bytes => vec![128],
        Form::AsItCame => vec![KEY_MOST, 60, STATE_MOST, ISSUER_MOST, CODE_MOST, 12_000],
        Form::AsShown => vec![40],
    }
}

#[test]
fn every_text_of_the_schema_states_its_limit_and_its_form() {
    let types = types();
    let mut silent = Vec::new();
    let mut found = 0;
    let mut look = |place: String, ty: &Type, description: Option<&String>| {
        if named(ty) != "String" {
            return;
        }
        found += 1;
        let said: Vec<String> = description.cloned().into_iter().collect();
        match stated(&said) {
            Some((form, most)) if possible(form).contains(&most) => {}
            other => silent.push(format!("{place}: {other:?}: {said:?}")),
        }
    };
    for of in &types {
        let name = of.name.node.as_str();
        match &of.kind {
            TypeKind::InputObject(input) => {
                for field in input.fields.iter().map(|field| &field.node) {
                    let description = field.description.as_ref().map(|text| &text.node);
                    look(format!("{name}.{}", field.name.node), &field.ty.node, description);
                }
            }
            TypeKind::Object(_) => {
                for field in fields(&types, name) {
                    for argument in field.arguments.iter().map(|argument| &argument.node) {
                        let place = format!("{name}.{}({})", field.name.node, argument.name.node);
                        let description = argument.description.as_ref().map(|text| &text.node);
                        look(place, &argument.ty.node, description);
                    }
                }
            }
            TypeKind::Scalar | TypeKind::Interface(_) | TypeKind::Union(_) | TypeKind::Enum(_) => {}
        }
    }
    assert!(found > 80, "the texts are found: {found}");
    assert_eq!(
        silent, [""; 0],
        "say `up to 200 characters (NFC)`, or another form as docs/api.md has it"
    );
}

/// The identifiers of the scene by their kind.
fn known(world: &World<'_>) -> Value {
    let mut known = world.variables();
    known["actor"] = known["person"].clone();
    known["subject"] = known["enrolment"].clone();
    known["nominatedby"] = known["institution"].clone();
    known["identity"] = json!(IdentityId(uuid::Uuid::from_u128(7)).to_string());
    known
}
