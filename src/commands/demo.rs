//! `rumbo demo`

use clap::Args;
use std::path::PathBuf;
use std::net::SocketAddr;
use crate::error::Result;

/// How the demo runs.
#[derive(Debug, Args)]
pub struct Options {
    /// The directory.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// The address.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// JSON.
    #[arg(long)]
    json: bool,
}

/// Runs.
pub async fn run(_options: Options, _database_url: Option<String>) -> Result<()> {
    Ok(())
}
