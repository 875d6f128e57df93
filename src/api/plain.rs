//! Objects of long lists, written at once where nothing has to be looked up for them.
//!
//! The library makes a task of every field of every row. A page of fifty enrolments with people and
//! institutions has some eight hundred, and nearly all of them only hand over what the row holds. An object
//! that implements [`Plain`] says which those are; one that stands in [`Quick`] is written in one go when all
//! that is asked of it is plain, and goes the library's way otherwise. Both ways give the same answer.

use std::borrow::Cow;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{Field, Selection};
use async_graphql::registry::Registry;
use async_graphql::{
    ContainerType, Context, ContextSelectionSet, Name, OutputType, Positioned, ScalarType, ServerResult, Value,
};

/// An object that has most of its fields at hand.
pub trait Plain: ContainerType {
    /// The value of the field that is asked for; `None` when it takes arguments or a look-up, or may fail.
    fn plain(&self, ctx: &Context<'_>) -> Option<Value>;
}

/// An object in a long list. For the schema it is the object itself.
#[derive(Debug)]
pub struct Quick<T>(pub T);

impl<T: Plain + Send + Sync> OutputType for Quick<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        match object(ctx, &self.0) {
            Some(value) => Ok(value),
            // In a place of its own: the whole list holds a state as large as the largest for each row.
            None => Box::pin(self.0.resolve(ctx, field)).await,
        }
    }
}

/// The object, when everything that is asked of it is plain: fields by name, each once.
pub fn object<T: Plain>(ctx: &ContextSelectionSet<'_>, object: &T) -> Option<Value> {
    let asked = &ctx.item.node.items;
    let mut fields: IndexMap<Name, Value> = IndexMap::with_capacity(asked.len());
    for selection in asked {
        let Selection::Field(field) = &selection.node else {
            return None;
        };
        if !field.node.directives.is_empty() {
            return None;
        }
        let value = if field.node.name.node == "__typename" {
            object.introspection_type_name().into_owned().into()
        } else {
            object.plain(&ctx.with_field(field))?
        };
        // The same key twice is merged, which is the library's.
        if fields.insert(field.node.response_key().node.clone(), value).is_some() {
            return None;
        }
    }
    Some(Value::Object(fields))
}

/// An object within another one, or null.
pub fn within<T: Plain>(ctx: &Context<'_>, inner: Option<&T>) -> Option<Value> {
    match inner {
        Some(inner) => object(&ctx.with_selection_set(&ctx.item.node.selection_set), inner),
        None => Some(Value::Null),
    }
}

/// A scalar.
pub fn scalar(value: &impl ScalarType) -> Value {
    value.to_value()
}

/// A text that is shown, or null.
pub fn text(shown: Option<&str>) -> Value {
    shown.map_or(Value::Null, Value::from)
}
