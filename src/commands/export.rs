//! `rumbo export`: lists as CSV, or as workbooks, on standard output.

use std::io::Write;

use clap::{Args, Subcommand};

use super::outcome::Failure;
use crate::api;
use crate::api::export::Taking;
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::audit::Origin;
use crate::domain::export::{Format, List, Selection};
use crate::domain::language::Language;
use crate::domain::text::Reason;
use crate::error::Error;
use crate::service;

/// What is exported.
#[derive(Debug, Subcommand)]
pub enum Export {
    /// Enrolments with the demographics frozen in them.
    Enrolments(Enrolments),
    /// A list as the API has it, with its filter and in its order.
    List(Listed),
}

/// Which list, what it is asked with, and what for.
#[derive(Debug, Args)]
pub struct Listed {
    /// `enrolments`, `teams`, `submissions`, `invitations`, `nominations`, `courses`, `editions`, `institutions`,
    /// `institution_proposals`, `audit_entries`, `accessed_people` or `statistics`.
    #[arg(value_parser = list)]
    list: List,
    /// `csv` or `xlsx`.
    #[arg(long, default_value = "csv", value_parser = format)]
    format: Format,
    /// What the list is asked with, as a JSON object with the fields of `ExportListInput`, such as
    /// `{"editionFilter":{"states":["RUNNING"]}}`.
    #[arg(long, default_value = "{}")]
    with: String,
    /// What for; it is kept in the audit log, and the people of whom anything leaves can read it.
    #[arg(long, value_parser = reason)]
    reason: Reason,
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

fn list(text: &str) -> Result<List, String> {
    let words: Vec<&str> = List::ALL.iter().map(|list| list.word()).collect();
    List::from_word(text).ok_or_else(|| format!("one of {}", words.join(", ")))
}

fn format(text: &str) -> Result<Format, String> {
    Format::from_word(text).ok_or_else(|| "csv or xlsx".to_owned())
}

/// Writes the list.
pub async fn run(app: &App, what: Export, out: &mut impl Write) -> Result<(), Failure> {
    match what {
        Export::Enrolments(asked) => enrolments(app, asked, out).await,
        Export::List(asked) => Box::pin(listed(app, asked, out)).await,
    }
}

async fn enrolments(app: &App, asked: Enrolments, out: &mut impl Write) -> Result<(), Failure> {
    let code = asked.edition.as_deref();
    match service::export::enrolments(app, &Actor::operator(), code, &asked.reason, out).await {
        Err(Error::NotFound(_)) => {
            let code = code.unwrap_or_default();
            Err(Failure::Refused(format!(
                "--edition: there is no edition with the code {code:?}"
            )))
        }
        done => Ok(done.map(drop)?),
    }
}

/// A page after the other, each as it is by then.
async fn listed(app: &App, asked: Listed, out: &mut impl Write) -> Result<(), Failure> {
    let selection = Selection {
        list: asked.list,
        format: asked.format,
        asked: asked.with,
    };
    let mut taking = Taking::of(&Actor::operator(), selection, asked.reason).map_err(unfit)?;
    let (schema, origin) = (api::schema(), Origin::command("export"));
    while let Some(piece) = taking.piece(app, &schema, &origin).await.map_err(unfit)? {
        out.write_all(&piece).map_err(Error::internal)?;
    }
    out.flush().map_err(Error::internal)?;
    Ok(())
}

/// What is wrong with what a list is asked with stands in one argument.
fn unfit(failure: Error) -> Failure {
    let faults = match failure {
        Error::Invalid(faults) => faults,
        other => return other.into(),
    };
    let lines = faults.iter().map(|fault| {
        let at = fault.path.iter().skip(1).map(String::as_str);
        let at: Vec<&str> = at.filter(|step| *step != "list").collect();
        let sentence = api::error::sentence(fault.code, fault.detail.as_deref(), Language::En);
        if at.is_empty() {
            format!("--with: {sentence}")
        } else {
            format!("--with: {}: {sentence}", at.join("."))
        }
    });
    Failure::Refused(lines.collect::<Vec<_>>().join("\n"))
}
