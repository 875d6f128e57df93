//! What the program does on the command line, one module a command; `main.rs` reads the arguments.

pub mod admin;
pub mod demo;
pub mod export;
pub mod import;
pub mod keys;
pub mod mail;
pub mod outcome;
pub mod report;
pub mod roster;
pub mod serve;
pub mod verify;
