//! GraphQL, thin: decode the input, call one use case, wrap what comes back.

pub mod account;
pub mod enums;
pub mod error;
pub mod id;
pub mod institution;
pub mod loaders;
pub mod page;
mod payload;
pub mod person;
pub mod request;
pub mod role;
