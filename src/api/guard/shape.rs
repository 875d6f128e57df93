//! What the guard knows of the schema: which fields are lists, how long those are, and what inputs look like.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use async_graphql::Positioned;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, FieldDefinition, InputValueDefinition, Type, TypeDefinition, TypeKind, TypeSystemDefinition,
};

/// How many items a list counts for whose length nobody asks for, such as the tutors of a team.
const SHORT: u64 = 2;

/// The lists that are as a rule longer than that, and how many items they count for.
const LONG: [(&str, &str, u64); 15] = [
    ("Statistics", "rows", 100),
    ("Deliverable", "rubric", 10),
    ("RubricCriterion", "levels", 10),
    ("AdmissionCriteria", "criteria", 10),
    ("AdmissionReport", "pools", 10),
    ("EditionSeats", "pools", 10),
    ("ApplicationForm", "questions", 10),
    ("FormQuestion", "choices", 4),
    ("Application", "answers", 5),
    ("Submission", "versions", 5),
    ("Submission", "history", 5),
    ("Enrolment", "history", 5),
    ("Invitation", "history", 5),
    ("Nomination", "history", 5),
    ("Edition", "deliverables", 4),
];

/// A list whose length nobody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct List {
    /// How many items it counts for.
    pub items: u64,
    /// The bit by which it is known again within itself; none where it cannot come to stand there.
    pub bit: u64,
}

/// A field of an object or interface.
#[derive(Debug)]
pub struct Output {
    /// The type of the field, or of its items.
    pub of: String,
    /// What it counts for, if it gives a list whose length nobody asks for.
    pub list: Option<List>,
    /// Its arguments, and whether each must be there.
    pub arguments: HashMap<String, (Type, bool)>,
}

/// What a variable may hold.
#[derive(Debug)]
pub enum Input {
    /// An object: its fields, and whether each must be there.
    Object(HashMap<String, (Type, bool)>),
    /// One of these names.
    Enum(HashSet<String>),
    /// A scalar of our own.
    Scalar,
}

/// The schema as far as the guard needs it.
#[derive(Debug, Default)]
pub struct Shape {
    outputs: HashMap<String, HashMap<String, Output>>,
    inputs: HashMap<String, Input>,
}

/// Read once from the definition language, which is the same for every copy of the schema.
pub static SHAPE: LazyLock<Shape> = LazyLock::new(|| Shape::read(&crate::api::sdl()));

impl Shape {
    fn read(sdl: &str) -> Self {
        let mut shape = Self::default();
        let document = parse_schema(sdl).expect("the schema that the library prints is one that it reads");
        for definition in document.definitions {
            if let TypeSystemDefinition::Type(found) = definition {
                shape.learn(found.node);
            }
        }
        shape.number_lists();
        shape
    }

    /// Gives each list of objects a bit of its own. A payload stands at the first level and nowhere else.
    fn number_lists(&mut self) {
        let objects: HashSet<String> = self.outputs.keys().cloned().collect();
        let types = self.outputs.iter_mut().filter(|(name, _)| !name.ends_with("Payload"));
        let fields = types.flat_map(|(_, fields)| fields.values_mut());
        let lists = fields.filter(|field| objects.contains(&field.of));
        for (place, list) in (0..).zip(lists.filter_map(|field| field.list.as_mut())) {
            list.bit = 1_u64
                .checked_shl(place)
                .expect("the schema has no more lists than a number has bits");
        }
    }

    fn learn(&mut self, found: TypeDefinition) {
        let name = found.name.node.to_string();
        match found.kind {
            TypeKind::Object(object) => self.learn_fields(name, object.fields),
            TypeKind::Interface(interface) => self.learn_fields(name, interface.fields),
            TypeKind::Union(_) => {}
            TypeKind::Scalar => {
                self.inputs.insert(name, Input::Scalar);
            }
            TypeKind::Enum(found) => {
                let names = found.values.into_iter().map(|value| value.node.value.node.to_string());
                self.inputs.insert(name, Input::Enum(names.collect()));
            }
            TypeKind::InputObject(found) => {
                let fields = found.fields.iter().map(place).collect();
                self.inputs.insert(name, Input::Object(fields));
            }
        }
    }

    fn learn_fields(&mut self, name: String, fields: Vec<Positioned<FieldDefinition>>) {
        // The nodes of a connection were counted by its page.
        let paged = name.ends_with("Connection");
        let field = |field: Positioned<FieldDefinition>| {
            let ty = &field.node.ty.node;
            let list = (!paged && matches!(ty.base, BaseType::List(_))).then(|| List {
                items: items(&name, field.node.name.node.as_str()),
                bit: 0,
            });
            let of = named(ty).to_owned();
            let arguments = field.node.arguments.iter().map(place).collect();
            (field.node.name.node.to_string(), Output { of, list, arguments })
        };
        let fields = fields.into_iter().map(field).collect();
        self.outputs.insert(name, fields);
    }

    /// A field of a type; `None` for one that the schema does not have.
    pub fn output(&self, of: Option<&str>, field: &str) -> Option<&Output> {
        self.outputs.get(of?)?.get(field)
    }

    /// An input type; `None` for the built-in scalars, and for one that the schema does not have.
    pub fn input(&self, name: &str) -> Option<&Input> {
        self.inputs.get(name)
    }
}

/// The name of an argument or of a field of an input, its type, and whether it must be there.
fn place(found: &Positioned<InputValueDefinition>) -> (String, (Type, bool)) {
    let found = &found.node;
    let required = !found.ty.node.nullable && found.default_value.is_none();
    (found.name.node.to_string(), (found.ty.node.clone(), required))
}

/// How many items a list counts for.
fn items(of: &str, field: &str) -> u64 {
    let known = LONG.iter().find(|(ty, name, _)| (*ty, *name) == (of, field));
    known.map_or(SHORT, |(.., items)| *items)
}

/// The name of a type without its lists.
pub fn named(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name.as_str(),
        BaseType::List(inner) => named(inner),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(of: &str, field: &str) -> Option<List> {
        SHAPE.output(Some(of), field).expect("a field of the schema").list
    }

    #[test]
    fn what_counts_as_long_is_a_list_of_the_schema() {
        for (of, field, items) in LONG {
            assert_eq!(list(of, field).map(|list| list.items), Some(items), "{of}.{field}");
        }
        assert_eq!(list("Team", "members").map(|list| list.items), Some(SHORT));
        assert_eq!(list("EditionConnection", "nodes"), None, "a page has counted them");
    }

    #[test]
    fn every_list_of_objects_is_known_again_and_none_for_another() {
        let mut seen = 0;
        for (of, fields) in &SHAPE.outputs {
            for (field, output) in fields {
                let Some(list) = output.list else { continue };
                let is_known = SHAPE.outputs.contains_key(&output.of) && !of.ends_with("Payload");
                assert_eq!(list.bit.count_ones(), u32::from(is_known), "{of}.{field}");
                assert_eq!(seen & list.bit, 0, "{of}.{field}");
                seen |= list.bit;
            }
        }
        assert!(seen.count_ones() > 20, "{seen:b}");
    }
}
