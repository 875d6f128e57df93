//! `rumbo admin`: the first administrator comes from this machine, never from the network, and so does help for
//! somebody who lost the second factor.

use std::io::{BufRead, Write};

use clap::Args;

use crate::app::App;
use crate::domain::language::Language;
use crate::domain::text::Email;
use crate::error::{Error, Faults, Result};
use crate::service::account::{Registration, RegistrationText, create_administrator};
use crate::service::second_factor::forget_as_operator;

/// Who is to be administrator.
#[derive(Debug, Args)]
pub struct Create {
    /// E-mail address; it counts as confirmed.
    #[arg(long)]
    email: String,
    /// Given name.
    #[arg(long)]
    given_name: String,
    /// Family name.
    #[arg(long)]
    family_name: String,
    /// Language of messages: es, en or pt.
    #[arg(long, default_value = "es")]
    language: String,
    /// IANA zone, such as America/Montevideo.
    #[arg(long, default_value = "UTC")]
    time_zone: String,
}

/// Reads the password from the first line of `password`, and creates the administrator.
pub async fn run(app: &App, who: Create, mut password: impl BufRead, out: &mut impl Write) -> Result<()> {
    let mut line = String::new();
    password.read_line(&mut line).map_err(Error::internal)?;
    let registration = Registration::parse(&RegistrationText {
        email: &who.email,
        given_name: &who.given_name,
        family_name: &who.family_name,
        language: Language::parse(&who.language).map_err(|code| Error::at("language", code))?,
        time_zone: &who.time_zone,
        password: line.trim_end_matches(['\r', '\n']),
    })?;
    let id = create_administrator(app, &registration).await?;
    writeln!(out, "{id} is an administrator.").map_err(Error::internal)
}

/// Whose second factor is to be removed.
#[derive(Debug, Args)]
pub struct ForgetFactor {
    /// E-mail address of the account.
    #[arg(long)]
    email: String,
}

/// Removes the second factor of somebody who lost the device and the recovery codes.
pub async fn forget_factor(app: &App, whose: ForgetFactor, out: &mut impl Write) -> Result<()> {
    let mut faults = Faults::default();
    let email = faults.take("email", Email::parse(&whose.email)).ok_or(faults)?;
    let id = forget_as_operator(app, &email).await?;
    writeln!(out, "{id} has no second factor any more.").map_err(Error::internal)
}
