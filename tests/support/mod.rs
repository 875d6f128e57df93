//! What the tests stand on: a database, a running application, people of every role, and a client that
//! executes the committed operation documents.

pub mod app;
pub mod attacks;
pub mod db;
pub mod documents;
pub mod draw;
pub mod input;
pub mod issuer;
pub mod keys;
pub mod letter;
pub mod manual;
pub mod operations;
pub mod program;
pub mod rows;
pub mod scene;
pub mod sdl;
pub mod server;
pub mod smtp;
pub mod source;
