//! The values of variables: how many, how deep, and of the types that the operation declares.

use std::collections::HashMap;

use async_graphql::parser::types::{BaseType, OperationDefinition, Type};
use async_graphql::{Number, ScalarType, Value, Variables};
use chrono::{DateTime, NaiveDate, Utc};

use super::misfit::Misfit;
use super::refusal::{Limit, Refusal};
use super::shape::{Input, Shape};
use crate::api::decimal::Decimal;
use crate::config::Limits;

/// Refuses too many values, and values that nest too deep, whether the operation declares them or not.
pub fn measure(variables: &Variables, limits: &Limits) -> Result<(), Refusal> {
    let mut left = limits.input_values;
    for value in variables.values() {
        count(value, limits.input_depth, &mut left).map_err(|limit| match limit {
            Limit::InputDepth => Refusal::over(limit, limits.input_depth),
            _ => Refusal::over(limit, limits.input_values),
        })?;
    }
    Ok(())
}

fn count(value: &Value, depth: usize, left: &mut usize) -> Result<(), Limit> {
    *left = left.checked_sub(1).ok_or(Limit::InputValues)?;
    let below = || depth.checked_sub(1).ok_or(Limit::InputDepth);
    match value {
        Value::List(items) => {
            let depth = below()?;
            items.iter().try_for_each(|item| count(item, depth, left))
        }
        Value::Object(fields) => {
            let depth = below()?;
            fields.values().try_for_each(|field| count(field, depth, left))
        }
        Value::Null | Value::Number(_) | Value::String(_) | Value::Boolean(_) | Value::Binary(_) | Value::Enum(_) => {
            Ok(())
        }
    }
}

/// Refuses the first variable that is missing or not of its type. One whose type the schema does not have is refused
/// where it stands (`literals`), or by the library.
pub fn coerce(shape: &Shape, operation: &OperationDefinition, variables: &Variables) -> Result<(), Refusal> {
    for definition in &operation.variable_definitions {
        let definition = &definition.node;
        let name = &definition.name.node;
        let ty = &definition.var_type.node;
        let fits = match variables.get(name) {
            Some(value) => fits(shape, ty, value),
            None if definition.default_value.is_some() || ty.nullable => Ok(()),
            None => Err(Misfit::of(ty)),
        };
        fits.map_err(|misfit| {
            let (path, expected) = misfit.below(name).told();
            Refusal::Variable { path, expected }
        })?;
    }
    Ok(())
}

fn fits(shape: &Shape, ty: &Type, value: &Value) -> Result<(), Misfit> {
    if *value == Value::Null {
        return if ty.nullable { Ok(()) } else { Err(Misfit::of(ty)) };
    }
    match (&ty.base, value) {
        (BaseType::List(inner), Value::List(items)) => {
            for (place, item) in items.iter().enumerate() {
                fits(shape, inner, item).map_err(|misfit| misfit.below(&place.to_string()))?;
            }
            Ok(())
        }
        (BaseType::List(inner), single) => fits(shape, inner, single),
        (BaseType::Named(name), value) => named(shape, name, ty, value),
    }
}

fn named(shape: &Shape, name: &str, ty: &Type, value: &Value) -> Result<(), Misfit> {
    let fits = match (shape.input(name), value) {
        (Some(Input::Object(fields)), Value::Object(given)) => {
            for (field, value) in given {
                let Some((of, _)) = fields.get(field.as_str()) else {
                    return Err(Misfit::of(ty).below(field));
                };
                fits(shape, of, value).map_err(|misfit| misfit.below(field))?;
            }
            return absent(fields, |field| given.contains_key(field)).map_or(Ok(()), Err);
        }
        (Some(Input::Enum(names)), Value::String(text)) => names.contains(text),
        (Some(Input::Object(_) | Input::Enum(_)), _) => false,
        (Some(Input::Scalar) | None, value) => scalar(name, value),
    };
    if fits { Ok(()) } else { Err(Misfit::of(ty)) }
}

/// The first of the fields that must be there and is not, by name.
pub(super) fn absent(fields: &HashMap<String, (Type, bool)>, is_there: impl Fn(&str) -> bool) -> Option<Misfit> {
    let absent = fields
        .iter()
        .filter(|(field, (_, required))| *required && !is_there(field));
    let first = absent.min_by_key(|(field, _)| *field);
    first.map(|(field, (of, _))| Misfit::of(of).below(field))
}

/// Whether a number is an `Int`: whole, and of 32 bits. What is beyond is no value of that type, whatever the field
/// behind it could hold.
fn is_int(number: &Number) -> bool {
    number.as_i64().is_some_and(|number| i32::try_from(number).is_ok())
}

/// Whether a scalar reads the value; one that is not known reads anything. The library would find it too, but where it
/// stands and in which language the reader is told is ours to say.
pub(super) fn scalar(name: &str, value: &Value) -> bool {
    match name {
        "Int" => matches!(value, Value::Number(number) if is_int(number)),
        "Float" => matches!(value, Value::Number(_)),
        "Boolean" => matches!(value, Value::Boolean(_)),
        "String" => matches!(value, Value::String(_)),
        "ID" => match value {
            Value::Number(number) => number.is_i64() || number.is_u64(),
            value => matches!(value, Value::String(_)),
        },
        "DateTime" => DateTime::<Utc>::parse(value.clone()).is_ok(),
        "NaiveDate" => NaiveDate::parse(value.clone()).is_ok(),
        "Decimal" => Decimal::parse(value.clone()).is_ok(),
        _ => true,
    }
}
