//! `rumbo export`: lists as CSV on standard output.

use std::io::Write;

use clap::{Args, Subcommand};

use super::outcome::Failure;
use crate::api;
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::language::Language;
use crate::domain::text::Reason;
use crate::error::Error;
use crate::service;

/// What is exported.
#[derive(Debug, Subcommand)]
pub enum Export {
    /// Enrolments with the demographics frozen in them.
    Enrolments(Enrolments),
}

/// Which enrolments, and what for.
#[derive(Debug, Args)]
pub struct Enrolments {
    /// Only those of the edition with this code.
    #[arg(long)]
    edition: Option<String>,
    /// What for; it is kept in the audit log, and the people in the list can read it.
    #[arg(long, value_parser = reason)]
    reason: Reason,
}

fn reason(text: &str) -> Result<Reason, String> {
    Reason::parse(text).map_err(|flaw| api::error::sentence(flaw.code, flaw.detail.as_deref(), Language::En))
}

/// Writes the list.
pub async fn run(app: &App, what: Export, out: &mut impl Write) -> Result<(), Failure> {
    let Export::Enrolments(Enrolments { edition, reason }) = what;
    let code = edition.as_deref();
    match service::export::enrolments(app, &Actor::operator(), code, &reason, out).await {
        Err(Error::NotFound(_)) => {
            let code = code.unwrap_or_default();
            Err(Failure::Refused(format!(
                "--edition: there is no edition with the code {code:?}"
            )))
        }
        done => Ok(done.map(drop)?),
    }
}
