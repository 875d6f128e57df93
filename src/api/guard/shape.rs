//! What the guard knows of the schema: which fields are lists, and what inputs look like.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use async_graphql::Positioned;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, FieldDefinition, InputValueDefinition, Type, TypeDefinition, TypeKind, TypeSystemDefinition,
};

/// A field of an object or interface.
#[derive(Debug)]
pub struct Output {
    /// The type of the field, or of its items.
    pub of: String,
    /// Whether it gives a list whose length nobody asks for.
    pub is_list: bool,
    /// The types of its arguments.
    pub arguments: HashMap<String, Type>,
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
        shape
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
                let field = |field: Positioned<InputValueDefinition>| {
                    let field = field.node;
                    let required = !field.ty.node.nullable && field.default_value.is_none();
                    (field.name.node.to_string(), (field.ty.node, required))
                };
                self.inputs
                    .insert(name, Input::Object(found.fields.into_iter().map(field).collect()));
            }
        }
    }

    fn learn_fields(&mut self, name: String, fields: Vec<Positioned<FieldDefinition>>) {
        // The nodes of a connection were counted by its page.
        let paged = name.ends_with("Connection");
        let field = |field: Positioned<FieldDefinition>| {
            let ty = &field.node.ty.node;
            let is_list = !paged && matches!(ty.base, BaseType::List(_));
            let of = named(ty).to_owned();
            let argument = |argument: &Positioned<InputValueDefinition>| {
                (argument.node.name.node.to_string(), argument.node.ty.node.clone())
            };
            let arguments = field.node.arguments.iter().map(argument).collect();
            (field.node.name.node.to_string(), Output { of, is_list, arguments })
        };
        self.outputs.insert(name, fields.into_iter().map(field).collect());
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

/// The name of a type without its lists.
pub fn named(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name.as_str(),
        BaseType::List(inner) => named(inner),
    }
}
