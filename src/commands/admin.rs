//! `rumbo admin`: the first administrator comes from this machine, never from the network, and so does help for
//! somebody who lost the second factor; the audit log is looked at from here.

use std::io::{BufRead, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, Subcommand};

use super::outcome::Failure;
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::audit::PersonalField;
use crate::domain::id::PersonId;
use crate::domain::language::Language;
use crate::domain::text::Email;
use crate::error::{Code, Error, Faults, Result};
use crate::service::account::{Registration, RegistrationText, create_administrator};
use crate::service::audit as trail;
use crate::service::second_factor::forget_as_operator;
use crate::store::access::Reader;
use crate::store::seal;

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
///
/// # Errors
/// [`Failure::Refused`] for options that are, and as long as there is an administrator who can sign in.
pub async fn run(app: &App, who: Create, mut password: impl BufRead, out: &mut impl Write) -> Result<(), Failure> {
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
    let id = match create_administrator(app, &registration).await {
        Err(Error::Invalid(faults)) if faults.iter().any(|fault| fault.code == Code::AlreadyGranted) => {
            return Err(Failure::Refused(
                "there is an administrator who can sign in: they grant the role to others, by the operation GrantRole of \
                 the API; if all that they lost is the second factor, use `rumbo admin forget-factor`"
                    .to_owned(),
            ));
        }
        created => created?,
    };
    Ok(writeln!(out, "{id} is an administrator.").map_err(Error::internal)?)
}

/// Whose second factor is to be removed.
#[derive(Debug, Args)]
pub struct ForgetFactor {
    /// E-mail address of the account.
    #[arg(long)]
    email: String,
}

/// Removes the second factor of somebody who lost the device and the recovery codes.
///
/// # Errors
/// [`Failure::Refused`] for an address that is none, has no account, or whose account has no second factor.
pub async fn forget_factor(app: &App, whose: ForgetFactor, out: &mut impl Write) -> Result<(), Failure> {
    let mut faults = Faults::default();
    let email = faults.take("email", Email::parse(&whose.email));
    let email = email.ok_or_else(|| Error::from(faults))?;
    let refused = |what: &str| Err(Failure::Refused(format!("--email: {what}")));
    let id = match forget_as_operator(app, &email).await {
        Err(Error::NotFound(_)) => return refused("no account has this address"),
        Err(Error::Invalid(_)) => return refused("the account with this address has no second factor"),
        forgotten => forgotten?,
    };
    Ok(writeln!(out, "{id} has no second factor any more.").map_err(Error::internal)?)
}

/// What is asked of the audit log.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Print the latest seal, to be kept outside as an anchor for `rumbo verify --anchor`.
    Head,
    /// List as CSV of whom an account, or a session or token, read personal data in a period.
    Accesses(Accesses),
}

/// Whose reading is listed.
#[derive(Debug, Args)]
pub struct Accesses {
    /// The account, `psn_...`.
    #[arg(long, required_unless_present = "credential", conflicts_with = "credential")]
    actor: Option<String>,
    /// The session or the API token, by its identifier.
    #[arg(long)]
    credential: Option<String>,
    /// From this instant on (RFC 3339).
    #[arg(long)]
    from: DateTime<Utc>,
    /// Before this instant.
    #[arg(long)]
    until: DateTime<Utc>,
}

impl Accesses {
    fn reader(&self) -> Result<Reader> {
        let wrong = |name| move |_| Error::at(name, Code::InvalidId);
        match (&self.actor, &self.credential) {
            (Some(actor), _) => Ok(Reader::Person(actor.parse::<PersonId>().map_err(wrong("actor"))?)),
            (None, credential) => {
                let text = credential.as_deref().unwrap_or_default();
                let (_, id) = crate::domain::id::decode(text).map_err(wrong("credential"))?;
                Ok(Reader::Credential(id))
            }
        }
    }
}

/// Answers what is asked of the audit log.
pub async fn audit(app: &App, what: Audit, out: &mut impl Write) -> Result<()> {
    match what {
        Audit::Head => match seal::head(app.db.read()).await? {
            Some(head) => writeln!(out, "{head}").map_err(Error::internal),
            None => writeln!(out, "Nothing is sealed yet.").map_err(Error::internal),
        },
        Audit::Accesses(whose) => {
            let (reader, actor) = (whose.reader()?, Actor::operator());
            let touched = trail::touched(app, &actor, reader, whose.from, whose.until).await?;
            let mut writer = csv::Writer::from_writer(out);
            let head = ["person", "fields", "times", "first_at", "last_at"];
            writer.write_record(head).map_err(Error::internal)?;
            for (person, touch) in trail::people_of(app, &touched).await? {
                let fields: Vec<&str> = PersonalField::of_set(touch.fields).map(PersonalField::word).collect();
                let instant = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
                let line = [
                    person.to_string(),
                    fields.join(" "),
                    touch.times.to_string(),
                    instant(touch.first_at),
                    instant(touch.last_at),
                ];
                writer.write_record(line).map_err(Error::internal)?;
            }
            writer.flush().map_err(Error::internal)
        }
    }
}
