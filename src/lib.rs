//! Rumbo: the backend of a learning management platform for cohort-based, tutor-accompanied courses.
//!
//! Layers outside, the same noun inside each. A module may name those to its right, never those to its
//! left; `tests/architecture.rs` reads the `use` lines and keeps it so:
//!
//! `main -> commands -> {http, worker} -> api -> service -> app -> {store, auth, mail, document} -> domain`
//!
//! `error`, `clock` and `config` are leaves that anyone may use. ARCHITECTURE.md walks through it.

pub mod api;
pub mod app;
pub mod auth;
pub mod clock;
pub mod commands;
pub mod config;
pub mod document;
pub mod domain;
pub mod error;
pub mod http;
pub mod mail;
pub mod service;
pub mod store;
pub mod worker;
