//! Random documents from the schema, valid ones and ones that are broken in every way that came to mind.

use std::fmt::Write as _;

use async_graphql::parser::types::{BaseType, FieldDefinition, InputValueDefinition, Type, TypeDefinition, TypeKind};
use serde_json::{Map, Value, json};

use super::draw::Draw;
use super::input::{named, of_kind};

/// A request that can be made smaller.
#[derive(Debug, Clone)]
pub struct Document {
    head: String,
    nodes: Vec<Node>,
    fragments: Vec<(String, Vec<Node>)>,
    tail: String,
    /// What is done to the text at last: where, how many characters go, and what comes.
    damage: Option<(usize, usize, &'static str)>,
    pub variables: Value,
    pub operation_name: Option<String>,
}

/// A selection: what stands before its braces, and what within them.
#[derive(Debug, Clone)]
struct Node {
    head: String,
    inner: Vec<Node>,
}

impl Document {
    pub fn text(&self) -> String {
        let mut text = format!("{} {{ ", self.head);
        write_nodes(&mut text, &self.nodes);
        text.push('}');
        for (head, nodes) in &self.fragments {
            write!(text, " {head} {{ ").expect("a string takes it");
            write_nodes(&mut text, nodes);
            text.push('}');
        }
        text.push_str(&self.tail);
        if let Some((at, gone, put)) = self.damage {
            let letters: Vec<char> = text.chars().collect();
            let at = at % letters.len();
            let end = (at + gone).min(letters.len());
            text = letters[..at]
                .iter()
                .chain(put.chars().collect::<Vec<_>>().iter())
                .chain(&letters[end..])
                .collect();
        }
        text
    }

    /// How many parts can be left out.
    pub fn parts(&self) -> usize {
        let fragments: usize = self.fragments.iter().map(|(_, nodes)| count(nodes)).sum();
        let variables = self.variables.as_object().map_or(0, Map::len);
        count(&self.nodes) + fragments + variables
    }

    /// The same without one of its parts.
    pub fn without(&self, part: usize) -> Self {
        let mut smaller = self.clone();
        let mut left = part;
        let lists = std::iter::once(&mut smaller.nodes).chain(smaller.fragments.iter_mut().map(|(_, nodes)| nodes));
        for nodes in lists {
            if remove(nodes, &mut left) {
                return smaller;
            }
        }
        if let Some(variables) = smaller.variables.as_object_mut()
            && let Some(name) = variables.keys().nth(left).cloned()
        {
            variables.remove(&name);
        }
        smaller
    }
}

fn write_nodes(text: &mut String, nodes: &[Node]) {
    for node in nodes {
        text.push_str(&node.head);
        if !node.inner.is_empty() {
            text.push_str(" { ");
            write_nodes(text, &node.inner);
            text.push('}');
        }
        text.push(' ');
    }
}

fn count(nodes: &[Node]) -> usize {
    nodes.iter().map(|node| 1 + count(&node.inner)).sum()
}

/// Takes the node out at which `left` comes to nothing.
fn remove(nodes: &mut Vec<Node>, left: &mut usize) -> bool {
    let mut at = 0;
    while at < nodes.len() {
        if *left == 0 {
            nodes.remove(at);
            return true;
        }
        *left -= 1;
        if remove(&mut nodes[at].inner, left) {
            return true;
        }
        at += 1;
    }
    false
}

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

/// What is put into a text that is to be damaged.
const DAMAGE: [&str; 16] = [
    "", "}", "{", "(", "\"", "\"\"\"", "...", "@", "$", "\\u0000", "\\ud800", "\u{0}", "é", "#", "!", "1e",
];

/// Makes documents.
pub struct Maker<'a> {
    types: &'a [TypeDefinition],
    /// Identifiers of the scene by kind.
    known: &'a Value,
    ids: Vec<String>,
    pub draw: Draw,
    /// How often of a hundred something is not as it should be.
    chaos: usize,
    variables: Vec<(String, String, Option<Value>)>,
    fragments: Vec<(String, Vec<Node>)>,
    budget: usize,
}

impl<'a> Maker<'a> {
    pub fn new(types: &'a [TypeDefinition], known: &'a Value, seed: u64) -> Self {
        let ids = known.as_object().expect("identifiers by kind").values();
        Self {
            types,
            known,
            ids: ids.filter_map(Value::as_str).map(str::to_owned).collect(),
            draw: Draw(seed),
            chaos: 0,
            variables: Vec::new(),
            fragments: Vec::new(),
            budget: 0,
        }
    }

    /// The next one.
    pub fn document(&mut self) -> Document {
        self.chaos = *self.draw.of(&[0, 0, 1, 5, 20]);
        self.budget = *self.draw.of(&[4, 10, 25, 60]);
        self.variables.clear();
        self.fragments.clear();
        let changes = self.draw.percent(40);
        let (kind, root) = if changes {
            ("mutation", "Mutation")
        } else {
            ("query", "Query")
        };
        let nodes = if !changes && self.draw.percent(3) {
            vec![self.introspection()]
        } else {
            let most = if changes {
                1 + self.draw.below(2)
            } else {
                1 + self.draw.below(3)
            };
            (0..most).map(|_| self.field(root, 0)).collect()
        };
        let name = if self.draw.percent(50) { " Random" } else { "" };
        let kind = if self.broken() {
            *self.draw.of(&["query", "mutation", "subscription", "quary"])
        } else {
            kind
        };
        let head = format!("{kind}{name}{}{}", self.declared(), self.directive());
        let tail = self.tail();
        let damage = self.draw.percent(self.chaos / 2).then(|| {
            let put = *self.draw.of(&DAMAGE);
            (self.draw.below(4_000), self.draw.below(4), put)
        });
        let operation_name = match self.draw.below(40) {
            0 => Some("Nothing".to_owned()),
            1 => Some(String::new()),
            2..20 if !name.is_empty() => Some("Random".to_owned()),
            _ => None,
        };
        Document {
            head,
            nodes,
            fragments: std::mem::take(&mut self.fragments),
            tail,
            damage,
            variables: self.values(),
            operation_name,
        }
    }

    fn broken(&mut self) -> bool {
        self.draw.percent(self.chaos)
    }

    fn kind(&self, name: &str) -> Option<&'a TypeKind> {
        let types: &'a [TypeDefinition] = self.types;
        types
            .iter()
            .find(|found| found.name.node == name)
            .map(|found| &found.kind)
    }

    fn fields(&self, name: &str) -> Vec<&'a FieldDefinition> {
        let fields = match self.kind(name) {
            Some(TypeKind::Object(object)) => &object.fields,
            Some(TypeKind::Interface(interface)) => &interface.fields,
            _ => return Vec::new(),
        };
        fields.iter().map(|field| &field.node).collect()
    }

    fn objects(&self) -> Vec<&'a str> {
        let types: &'a [TypeDefinition] = self.types;
        let is_object = |found: &&TypeDefinition| matches!(found.kind, TypeKind::Object(_));
        types
            .iter()
            .filter(is_object)
            .map(|found| found.name.node.as_str())
            .collect()
    }

    /// A selection of one field of a type, with what is selected of it.
    fn field(&mut self, of: &str, depth: usize) -> Node {
        let fields = self.fields(of);
        if fields.is_empty() || self.draw.percent(4) {
            return leaf("__typename");
        }
        let field = *self.draw.of(&fields);
        let mut head = String::new();
        if self.draw.percent(10) {
            write!(head, "a{}: ", self.draw.below(20)).expect("a string takes it");
        }
        head += field.name.node.as_str();
        if self.broken() {
            head.push(*self.draw.of(&['s', '_', '1']));
        }
        head += &self.arguments(of, field);
        head += &self.directive();
        let to = named(&field.ty.node);
        let mut inner = Vec::new();
        if self.is_leaf(to) == self.broken() {
            inner = self.set(to, depth + 1);
        }
        Node { head, inner }
    }

    fn is_leaf(&self, name: &str) -> bool {
        !matches!(
            self.kind(name),
            Some(TypeKind::Object(_) | TypeKind::Interface(_) | TypeKind::Union(_))
        )
    }

    fn set(&mut self, of: &str, depth: usize) -> Vec<Node> {
        let most = 1 + self.draw.below(4);
        let mut nodes = Vec::new();
        for _ in 0..most {
            if self.budget == 0 || depth > 12 {
                break;
            }
            self.budget -= 1;
            nodes.push(match self.draw.below(20) {
                0 => self.spread(of, depth),
                1 | 2 => self.inline(of, depth),
                _ => self.field(of, depth),
            });
        }
        if nodes.is_empty() {
            nodes.push(leaf("__typename"));
        }
        nodes
    }

    fn inline(&mut self, of: &str, depth: usize) -> Node {
        let abstracted = !matches!(self.kind(of), Some(TypeKind::Object(_)));
        let objects = self.objects();
        let on = if abstracted || self.broken() {
            (*self.draw.of(&objects)).to_owned()
        } else {
            of.to_owned()
        };
        let head = format!("... on {on}{}", self.directive());
        let inner = self.set(&on, depth);
        Node { head, inner }
    }

    fn spread(&mut self, of: &str, depth: usize) -> Node {
        let number = self.fragments.len();
        let objects = self.objects();
        let on = if self.broken() {
            (*self.draw.of(&objects)).to_owned()
        } else {
            of.to_owned()
        };
        let head = format!("fragment F{number} on {on}");
        self.fragments.push((head, Vec::new()));
        let mut nodes = self.set(&on, depth);
        if self.broken() {
            nodes.push(leaf(&format!("...F{}", self.draw.below(number + 2))));
        }
        self.fragments[number].1 = nodes;
        let number = if self.broken() { number + 7 } else { number };
        leaf(&format!("...F{number}{}", self.directive()))
    }

    fn directive(&mut self) -> String {
        match self.draw.below(60) {
            0 => " @include(if: true)".to_owned(),
            1 => " @skip(if: true)".to_owned(),
            2 => {
                let number = self.variables.len();
                self.variables
                    .push((format!("v{number}"), "Boolean!".to_owned(), Some(json!(true))));
                format!(" @skip(if: $v{number})")
            }
            3 if self.broken() => " @nope".to_owned(),
            4 if self.broken() => " @deprecated(reason: 1)".to_owned(),
            5 if self.broken() => " @include".to_owned(),
            _ => String::new(),
        }
    }

    fn introspection(&mut self) -> Node {
        let way = *self.draw.of(&[
            &["__schema", "types", "name"][..],
            &["__schema", "queryType", "fields", "args", "type", "ofType", "name"][..],
            &[
                "__schema", "types", "fields", "type", "fields", "type", "fields", "name",
            ][..],
            &["__type(name: \"Person\")", "fields", "name"][..],
            &["__type(name: \"\\u0000\")", "possibleTypes", "name"][..],
            &["__schema", "directives", "args", "defaultValue"][..],
        ]);
        let mut ways = way.iter().rev();
        let last = leaf(ways.next().expect("a way"));
        ways.fold(last, |inner, head| Node {
            head: (*head).to_owned(),
            inner: vec![inner],
        })
    }

    fn arguments(&mut self, of: &str, field: &FieldDefinition) -> String {
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

    /// The declarations of the variables, some of them with defaults.
    fn declared(&mut self) -> String {
        let mut all = Vec::new();
        for (name, ty, sent) in &self.variables {
            let default = match sent {
                Some(Value::Bool(yes)) if self.draw.percent(20) => format!(" = {yes}"),
                _ => String::new(),
            };
            if !self.draw.percent(self.chaos / 4) {
                all.push(format!("${name}: {ty}{default}"));
            }
        }
        if self.draw.percent(self.chaos / 2) {
            all.push("$unused: [Int!]".to_owned());
        }
        if all.is_empty() {
            String::new()
        } else {
            format!(" ({})", all.join(", "))
        }
    }

    /// What stands after the operation.
    fn tail(&mut self) -> String {
        if !self.broken() {
            return String::new();
        }
        let tails = [
            " query Other { __typename }",
            " { __typename }",
            " fragment Unused on Person { id }",
            " fragment Loop on Person { ...Loop }",
            " type Nope { a: Int }",
            " # nothing",
            " subscription { nope }",
        ];
        (*self.draw.of(&tails)).to_owned()
    }

    fn values(&mut self) -> Value {
        let mut all = Map::new();
        for (name, _, sent) in std::mem::take(&mut self.variables) {
            all.extend(sent.map(|value| (name, value)));
        }
        if self.draw.percent(3) {
            all.insert("more".to_owned(), json!([{ "a": "\u{0}" }]));
        }
        Value::Object(all)
    }
}

fn leaf(head: &str) -> Node {
    Node {
        head: head.to_owned(),
        inner: Vec::new(),
    }
}
