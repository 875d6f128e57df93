//! Why a database is out of reach, told without the user and the password that its address holds.
//!
//! What a server itself says of a refusal names the user, so only the code of it is read.

use std::path::{Path, PathBuf};

use sea_orm::sqlx::Error as SqlxError;
use sea_orm::sqlx::postgres::PgConnectOptions;

use super::pool::PATIENCE;
use crate::config::ConfigError;
use crate::error::Error;

/// The refusal of an address that cannot be read; the words of the library may repeat a part of it.
pub(super) fn malformed(_: SqlxError) -> Error {
    malformed_at("database.url")
}

/// The same, of the address under another key.
pub(super) fn malformed_at(key: &'static str) -> Error {
    let problem = "this is not written as an address: give sqlite://FILE or postgres://USER:PASSWORD@HOST:PORT/DATABASE, \
                   with what is neither a letter nor a digit in user and password as %XX";
    ConfigError::invalid(key, problem).into()
}

/// The failure to open the file of SQLite.
pub(super) fn file(path: &Path, cause: &SqlxError) -> Error {
    Error::internal(format!("the database {} cannot be opened: {cause}", path.display()))
}

/// Where a server of PostgreSQL listens.
#[derive(Debug, Clone)]
pub(super) struct Server {
    host: String,
    port: u16,
    /// The folder of its socket, in place of a host.
    socket: Option<PathBuf>,
}

impl Server {
    /// The one that is asked with these options.
    pub(super) fn of(options: &PgConnectOptions) -> Self {
        Self {
            host: options.get_host().to_owned(),
            port: options.get_port(),
            socket: options.get_socket().cloned(),
        }
    }

    /// The failure to get a first connection.
    pub(super) fn unreached(&self, cause: &SqlxError) -> Error {
        let host = match &self.socket {
            Some(folder) => folder.display().to_string(),
            None => self.host.clone(),
        };
        let code = match cause {
            SqlxError::Database(fault) => fault.code(),
            _ => None,
        };
        let port = self.port;
        let reason = reason(cause, code.as_deref());
        Error::internal(format!("PostgreSQL at {host}:{port} cannot be used: {reason}"))
    }
}

/// What a failure means, with its SQLSTATE where the server answered.
fn reason(cause: &SqlxError, code: Option<&str>) -> String {
    match (cause, code) {
        (SqlxError::Database(_), Some("3D000")) => "it has no database of that name".to_owned(),
        (SqlxError::Database(_), Some("53300")) => "it has as many connections as it takes".to_owned(),
        (SqlxError::Database(_), Some("57P03")) => "it is starting or stopping".to_owned(),
        (SqlxError::Database(_), Some(code)) if code.starts_with("28") => {
            "it refuses the user or the password".to_owned()
        }
        (SqlxError::Database(_), code) => format!("it refuses with SQLSTATE {}", code.unwrap_or("unknown")),
        (SqlxError::PoolTimedOut, _) => format!("nobody answers within {} s", PATIENCE.as_secs()),
        (SqlxError::Io(cause), _) => cause.to_string(),
        (SqlxError::Tls(cause), _) => format!("no TLS with it: {cause}"),
        _ => "it does not speak as PostgreSQL does".to_owned(),
    }
}
