//! The arguments of a random document: in place or as variables, mostly as the schema wants them.

use async_graphql::parser::types::{BaseType, FieldDefinition, InputValueDefinition, Type, TypeKind};
use serde_json::{Value, json};

use super::Maker;
use crate::support::input::of_kind;

/// A value as a document and as JSON write it.
#[derive(Debug, Clone)]
enum Given {
    /// Written the same in both; the number may be one that JSON has not.
    Raw(String),
    Text(String),
    Word(String),
    List(Vec<Given>),
    Object(Vec<(String, Given)>),
}

impl Given {
    fn literal(&self) -> String {
        match self {
            Self::Raw(text) | Self::Word(text) => text.clone(),
            Self::Text(text) => Value::from(text.as_str()).to_string().replace("\\u007f", "\u{7f}"),
            Self::List(items) => format!("[{}]", items.iter().map(Self::literal).collect::<Vec<_>>().join(", ")),
            Self::Object(fields) => {
                let write = |(name, value): &(String, Self)| format!("{name}: {}", value.literal());
                format!("{{{}}}", fields.iter().map(write).collect::<Vec<_>>().join(", "))
            }
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Raw(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
            Self::Text(text) | Self::Word(text) => json!(text),
            Self::List(items) => items.iter().map(Self::json).collect(),
            Self::Object(fields) => fields
                .iter()
                .map(|(name, value)| (name.clone(), value.json()))
                .collect(),
        }
    }
}

const NUMBERS: [&str; 14] = [
    "0",
    "1",
    "2",
    "3",
    "50",
    "100",
    "101",
    "-1",
    "2147483647",
    "2147483648",
    "-9223372036854775808",
    "9223372036854775808",
    "1e308",
    "0.5",
];

const TEXTS: [&str; 26] = [
    "",
    " ",
    "Text",
    "ñandú",
    "n\u{303}",
    "'",
    "' OR ''='",
    "\"",
    "\\",
    "%",
    "_%",
    "a\0b",
    "\u{1}",
    "\u{7f}",
    "\u{85}",
    "\u{202e}abc",
    "\u{200b}",
    "\u{feff}",
    "😀",
    "𝕏\u{fe0f}",
    "\u{fffe}",
    "{{7*7}}",
    "../../x",
    "=1+1",
    "a\r\nb",
    "DROP",
];

const TIMES: [&str; 12] = [
    "2026-03-02T12:00:00Z",
    "2026-04-01T00:00:00-03:00",
    "2026-05-01",
    "1999-12-31",
    "9999-12-31T23:59:59Z",
    "+262142-12-31T23:59:59Z",
    "-262143-01-01T00:00:00Z",
    "-262143-01-01",
    "0000-00-00",
    "2026-02-30",
    "now",
    "2026-03-02T25:61:61Z",
];

const WORDS: [&str; 8] = [
    "UY",
    "America/Montevideo",
    "2026-03",
    "es",
    "apply",
    "context",
    "ana@example.org",
    "50.5",
];

impl Maker<'_> {
    pub(super) fn arguments(&mut self, of: &str, field: &FieldDefinition) -> String {
        let mut given = Vec::new();
        let forwards = self.draw.percent(80);
        for argument in field.arguments.iter().map(|argument| &argument.node) {
            let name = argument.name.node.as_str();
            let wanted = match name {
                "first" => forwards,
                "last" => !forwards,
                "after" | "before" => (name == "after") == forwards && self.draw.percent(15),
                "id" if of == "Query" => true,
                _ => !argument.ty.node.nullable || self.draw.percent(40),
            };
            if wanted != self.broken() {
                // `course(id: …)` takes a course.
                let name_of_id = if name == "id" { field.name.node.as_str() } else { name };
                let value = self.argument(argument, name_of_id);
                given.push(format!("{name}: {value}"));
            }
        }
        if self.broken() {
            given.push("nope: 1".to_owned());
        }
        if given.is_empty() {
            String::new()
        } else {
            format!("({})", given.join(", "))
        }
    }

    /// The value of an argument, in place or as a variable.
    fn argument(&mut self, argument: &InputValueDefinition, name: &str) -> String {
        let value = self.value(&argument.ty.node, name, 0);
        if self.draw.percent(40) {
            return value.literal();
        }
        let number = self.variables.len();
        let mut ty = argument.ty.node.to_string();
        if self.broken() {
            let wrong = ["Int", "String!", "[[ID!]!]!", "Nope", "Person", "Boolean"];
            (*self.draw.of(&wrong)).clone_into(&mut ty);
        }
        let sent = (!self.broken()).then(|| if self.broken() { Value::Null } else { value.json() });
        self.variables.push((format!("v{number}"), ty, sent));
        format!("$v{number}")
    }

    fn value(&mut self, ty: &Type, name: &str, depth: usize) -> Given {
        if self.broken() {
            return self.wrong(depth);
        }
        if ty.nullable && self.draw.percent(5) {
            return Given::Raw("null".to_owned());
        }
        match &ty.base {
            BaseType::List(inner) => {
                let most = self.draw.below(3);
                Given::List((0..most).map(|_| self.value(inner, name, depth + 1)).collect())
            }
            BaseType::Named(of) => self.scalar(of, name, depth),
        }
    }

    fn scalar(&mut self, of: &str, name: &str, depth: usize) -> Given {
        match self.kind(of) {
            Some(TypeKind::InputObject(input)) => {
                let mut fields = Vec::new();
                for field in input.fields.iter().map(|field| &field.node) {
                    let optional = field.ty.node.nullable || field.default_value.is_some();
                    if optional && self.draw.percent(50) || self.broken() {
                        continue;
                    }
                    let name = field.name.node.as_str();
                    fields.push((name.to_owned(), self.value(&field.ty.node, name, depth + 1)));
                }
                if self.broken() {
                    fields.push(("nope".to_owned(), Given::Raw("1".to_owned())));
                }
                return Given::Object(fields);
            }
            Some(TypeKind::Enum(found)) => {
                let value = self.draw.of(&found.values).node.value.node.to_string();
                return Given::Word(if self.broken() { value.to_lowercase() } else { value });
            }
            _ => {}
        }
        match of {
            "Boolean" => Given::Raw(self.draw.of(&["true", "false"]).to_string()),
            "Int" if ["first", "last"].contains(&name) => Given::Raw(
                self.draw
                    .of(&["1", "2", "3", "5", "3", "5", "20", "100", "0"])
                    .to_string(),
            ),
            "Int" if name == "version" => Given::Raw(self.draw.of(&["1", "2", "3", "4"]).to_string()),
            "Int" | "Float" => Given::Raw(self.draw.of(&NUMBERS).to_string()),
            "ID" => self.id(name),
            "DateTime" | "NaiveDate" => Given::Text(self.draw.of(&TIMES).to_string()),
            "Decimal" => Given::Text(
                self.draw
                    .of(&["0", "7.5", "50", "100", "999999999999.999", "-1", "1e3"])
                    .to_string(),
            ),
            _ => self.text(name),
        }
    }

    /// Mostly of the kind that the name says.
    fn id(&mut self, name: &str) -> Given {
        let fitting = of_kind(self.known, name).as_str().unwrap_or_default().to_owned();
        let any = self.draw.of(&self.ids).clone();
        Given::Text(match self.draw.below(20) {
            0 => any[..any.len() - 1].to_owned(),
            1 => any.to_uppercase(),
            2 => format!("{}_7zzzzzzzzzzzzzzzzzzzzzzzzz", &fitting[..3]),
            3 => self.draw.of(&TEXTS).to_string(),
            4 => return Given::Raw("7".to_owned()),
            5 => any,
            _ => fitting,
        })
    }

    fn text(&mut self, name: &str) -> Given {
        let fitting = match name {
            "country" | "countries" => "UY",
            "timeZone" => "America/Montevideo",
            "email" => "ana@example.org",
            "password" | "newPassword" => "elefante azul en junio",
            "currentPassword" => "tortuga verde en mayo",
            "criterion" | "key" => "context",
            "months" => "2026-03",
            _ => "Some words",
        };
        Given::Text(match self.draw.below(10) {
            0 => self.draw.of(&TEXTS).to_string(),
            1 => self.draw.of(&WORDS).to_string(),
            2 => self.draw.of(&["x", "ñ", "😀", "\u{301}"]).repeat(self.draw.below(400)),
            3 => format!("{fitting}{}", self.draw.of(&TEXTS)),
            _ => format!("{fitting}{}", ["", "", " 2"][self.draw.below(3)]),
        })
    }

    /// A value of any other type.
    fn wrong(&mut self, depth: usize) -> Given {
        match self.draw.below(9) {
            0 => Given::Raw("null".to_owned()),
            1 => Given::Raw(self.draw.of(&NUMBERS).to_string()),
            2 => Given::Text(self.draw.of(&TEXTS).to_string()),
            3 => Given::Word("NOPE".to_owned()),
            4 => Given::Raw("true".to_owned()),
            5 if depth < 14 => Given::List(vec![self.wrong(depth + 1)]),
            6 if depth < 14 => Given::Object(vec![("nope".to_owned(), self.wrong(depth + 1))]),
            7 => Given::Raw("9".repeat(1 + self.draw.below(400))),
            _ => self.id("id"),
        }
    }
}
