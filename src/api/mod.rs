//! GraphQL, thin: decode the input, call one use case, wrap what comes back.

pub mod enums;
pub mod error;
pub mod id;
pub mod loaders;
pub mod page;
mod payload;
pub mod request;
