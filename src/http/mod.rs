//! HTTP: what a request says about itself before GraphQL reads it.

pub mod auth;
