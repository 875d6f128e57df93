//! Random documents from the schema, valid ones and ones that are broken in every way that came to mind.

use std::fmt::Write as _;

use async_graphql::parser::types::TypeDefinition;
use serde_json::{Map, Value, json};

use super::draw::Draw;

mod selection;
mod value;

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
