//! Notices as messages: subject, text and HTML in the reader's language.
//!
//! A language is one file of short paragraphs (`templates/es.txt` says how they are marked); the two
//! layouts are shared by all. A paragraph is cut from the file before anything is put into it, so what
//! people wrote can neither make a paragraph nor be taken for a template.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use minijinja::{Environment, UndefinedBehavior, Value, context};

use super::{Recipient, one_line};
use crate::domain::language::{Language, Localized};
use crate::domain::notice::{AboutEdition, AboutWork, Days, Notice};

#[cfg(test)]
mod tests;

const TEXT_LAYOUT: &str = include_str!("templates/layout.txt");
const HTML_LAYOUT: &str = include_str!("templates/layout.html");

/// A message without its envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The subject, on one line.
    pub subject: String,
    /// The message as plain text.
    pub text: String,
    /// The message as HTML; loads nothing from anywhere.
    pub html: String,
}

/// Why a notice cannot be written out.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The language's file lacks the section.
    #[error("the section {0:?} is missing in {1}")]
    Missing(String, &'static str),
    /// The template is wrong, or names what the notice does not have.
    #[error("a template is wrong: {0}")]
    Template(#[from] minijinja::Error),
}

/// Writes `notice` out for `to`; links start with `public_url`.
pub fn render(notice: &Notice, to: &Recipient, public_url: &str) -> Result<Rendered, RenderError> {
    let public_url = public_url.trim_end_matches('/');
    let told = Told {
        language: to.language,
        public_url,
    };
    let ended = ended(notice, to.language)?;
    let facts = context! { ended, ..facts(notice, &told) };
    let writer = Writer::new(to, facts, public_url);
    let subject = one_line(&writer.line("subject.txt", section(to.language, notice.name())?.subject)?);
    Ok(Rendered {
        text: writer.message(notice.name(), &subject, "txt", TEXT_LAYOUT)? + "\n",
        html: writer.message(notice.name(), &subject, "html", HTML_LAYOUT)? + "\n",
        subject,
    })
}

/// One language and the facts of one notice.
struct Writer {
    engine: Environment<'static>,
    language: Language,
    facts: Value,
}

impl Writer {
    fn new(to: &Recipient, facts: Value, public_url: &str) -> Self {
        let mut engine = Environment::new();
        engine.set_undefined_behavior(UndefinedBehavior::Strict);
        let facts = context! { name => one_line(&to.given_name), public_url, ..facts };
        Self {
            engine,
            language: to.language,
            facts,
        }
    }

    /// A piece of a language's file with the facts in it; the ending of `name` decides about escaping.
    fn line(&self, name: &str, source: &str) -> Result<String, RenderError> {
        Ok(self.engine.render_named_str(name, source, &self.facts)?)
    }

    fn message(&self, notice: &str, subject: &str, ending: &str, layout: &str) -> Result<String, RenderError> {
        let name = format!("part.{ending}");
        let greeting = section(self.language, "greeting")?.subject;
        let closing = section(self.language, "closing")?.subject;
        let body = section(self.language, notice)?.paragraphs;
        let mut parts = Vec::new();
        for source in std::iter::once(greeting).chain(body).chain(std::iter::once(closing)) {
            let (kind, source) = kind_of(source);
            let text = self.line(&name, source)?;
            if !text.trim().is_empty() {
                parts.push(context! { kind, body => Value::from_safe_string(text) });
            }
        }
        let footer = self.line(&name, section(self.language, "footer")?.subject)?;
        let whole = context! {
            parts, subject, footer => Value::from_safe_string(footer), language => self.language.code(),
            ..self.facts.clone()
        };
        Ok(self
            .engine
            .render_named_str(&format!("layout.{ending}"), layout, whole)?)
    }
}

/// What a paragraph is, by its mark, and the paragraph without the mark.
fn kind_of(paragraph: &str) -> (&'static str, &str) {
    [("-> ", "link"), ("> ", "quote"), ("` ", "code")]
        .into_iter()
        .find_map(|(mark, kind)| Some((kind, paragraph.strip_prefix(mark)?)))
        .unwrap_or(("plain", paragraph))
}

/// A section of a language's file.
struct Section {
    subject: &'static str,
    paragraphs: Vec<&'static str>,
}

fn section(language: Language, name: &str) -> Result<Section, RenderError> {
    let file = match language {
        Language::Es => include_str!("templates/es.txt"),
        Language::En => include_str!("templates/en.txt"),
        Language::Pt => include_str!("templates/pt.txt"),
    };
    let missing = || RenderError::Missing(name.to_owned(), language.code());
    let body = file
        .split("\n== ")
        .find_map(|section| section.strip_prefix(name)?.strip_prefix('\n'))
        .ok_or_else(missing)?;
    let mut paragraphs = body.lines().map(str::trim_end).filter(|line| !line.is_empty());
    Ok(Section {
        subject: paragraphs.next().ok_or_else(missing)?,
        paragraphs: paragraphs.collect(),
    })
}

/// What is said wherever all ways into an account end, which `service/session/ending.rs` does: all that ends with it.
fn ended(notice: &Notice, language: Language) -> Result<&'static str, RenderError> {
    let said = section(language, "ended")?;
    let missing = || RenderError::Missing("ended".to_owned(), language.code());
    match notice {
        Notice::AccountDisabled { .. } => said.paragraphs.first().copied().ok_or_else(missing),
        _ => Ok(said.subject),
    }
}

/// What the templates of a notice may name.
#[rustfmt::skip]
fn facts(notice: &Notice, told: &Told<'_>) -> Value {
    match notice {
        Notice::ConfirmAddress { token, expires_at, .. } => told.link("confirm", token, *expires_at),
        Notice::ResetPassword { token, expires_at } => told.link("reset", token, *expires_at),
        Notice::ConfirmNewAddress { token, expires_at, .. } => told.link("confirm-address", token, *expires_at),
        Notice::InvitedToEdition { inviter, edition: about, token, expires_at, .. } => context! {
            inviter => one_line(inviter), edition => edition(about, told.language),
            ..told.link("invitation", token, *expires_at)
        },
        Notice::InvitedToRole { inviter, role, place, token, expires_at, .. } => context! {
            inviter => one_line(inviter), role, place => place.as_ref().map(|place| told.text(place)).unwrap_or_default(),
            ..told.link("invitation", token, *expires_at)
        },
        Notice::Nominated { institution, inviter, edition: about, token, expires_at, reminder, .. } => context! {
            institution => one_line(institution), inviter => one_line(inviter), reminder,
            edition => edition(about, told.language), ..told.link("invitation", token, *expires_at)
        },
        Notice::NominationWithdrawn { institution, edition: about, .. } => context! {
            institution => one_line(institution), ..told.edition(about)
        },
        Notice::EndorsementAsked { edition: about, institution, inviter, nominee } => context! {
            institution => one_line(institution), inviter => one_line(inviter), nominee => one_line(nominee),
            ..told.edition(about)
        },
        Notice::NominationAnswered { edition: about, nominee, outcome, reason } => context! {
            nominee => one_line(nominee), outcome, reason => prose(reason.as_deref().unwrap_or_default()),
            ..told.edition(about)
        },
        Notice::ApiTokenCreated { name, at, expires_at } => context! {
            token_name => one_line(name), at => told.instant(*at), expires_at => told.instant(*expires_at),
        },
        Notice::ApiTokenExpiring { name, expires_at } => context! {
            token_name => one_line(name), expires_at => told.instant(*expires_at),
        },
        Notice::ConfirmIdentity { provider, at, token, expires_at } => context! {
            provider => told.text(provider), at => told.instant(*at), ..told.link("confirm-identity", token, *expires_at)
        },
        Notice::IdentityLinked { provider, at, password_forgotten } => context! {
            provider => told.text(provider), at => told.instant(*at), password_forgotten,
        },
        Notice::IdentityUnlinked { provider, at } => context! {
            provider => told.text(provider), at => told.instant(*at),
        },
        Notice::AlreadyRegistered | Notice::AddressNotConfirmed | Notice::AddressTaken | Notice::AccountEnabled => context! {},
        Notice::AccountDisabled { reason } => context! { reason => prose(reason) },
        Notice::PasswordChanged { at }
        | Notice::SessionCopied { at }
        | Notice::SecondFactorAdded { at }
        | Notice::SecondFactorRemoved { at }
        | Notice::RecoveryCodesRenewed { at }
        | Notice::AddressChanged { at, .. } => context! { at => told.instant(*at) },
        Notice::ApplicationReceived { edition: about }
        | Notice::EnrolmentConfirmed { edition: about }
        | Notice::EnrolmentWaitlisted { edition: about }
        | Notice::SeatOfferExpired { edition: about } => told.edition(about),
        Notice::SeatOffered { edition: about, until } => context! {
            until => local(*until, &about.time_zone, told.language), ..told.edition(about)
        },
        Notice::ProposalSettled { proposed, registered } => context! {
            proposed => one_line(proposed), registered => one_line(registered),
        },
        Notice::EnrolmentRejected { edition: about, reason }
        | Notice::SnapshotCorrected { edition: about, reason }
        | Notice::EditionCancelled { edition: about, reason }
        | Notice::InvitationEnded { edition: about, reason, .. } => context! {
            reason => prose(reason), ..told.edition(about)
        },
        Notice::DecisionUndone { edition: about, state, reason } => context! {
            state, reason => prose(reason), ..told.edition(about)
        },
        Notice::EnrolmentTransferred { edition: about, from, state, reason } => context! {
            state, reason => prose(reason), left => edition(from, told.language), ..told.edition(about)
        },
        Notice::EditionRescheduled { edition: about, before } => context! {
            before => told.as_it_was(about, before), ..told.edition(about)
        },
        Notice::MinimumNotReached { edition: about, confirmed, minimum } => context! {
            confirmed, minimum, ..told.edition(about)
        },
        Notice::ApplicationEnded { edition: about, reason } | Notice::EnrolmentEnded { edition: about, reason } => {
            context! { reason => prose(reason.as_deref().unwrap_or_default()), ..told.edition(about) }
        }
        Notice::RevisionRequested { work, comment } => context! { comment => prose(comment), ..told.work(work) },
        Notice::GradeReleased { work, grade, comment } => context! {
            comment => prose(comment), grade => points(*grade, told.language), ..told.work(work)
        },
        Notice::CompletionDecided { edition: about, completed, grade } => context! {
            completed, grade => points(*grade, told.language), ..told.edition(about)
        },
    }
}

/// To whom it is told: in which language, and with links that begin how.
struct Told<'a> {
    language: Language,
    public_url: &'a str,
}

impl Told<'_> {
    /// A token, until when it works, and the link that takes it to a page of the front end.
    fn link(&self, page: &str, token: &str, expires_at: DateTime<Utc>) -> Value {
        let link = format!("{}/{page}?token={token}", self.public_url);
        context! { token, link, expires_at => self.instant(expires_at) }
    }

    fn edition(&self, about: &AboutEdition) -> Value {
        context! { edition => edition(about, self.language) }
    }

    /// An edition with the days and the zone that it had before.
    fn as_it_was(&self, about: &AboutEdition, before: &Days) -> Value {
        let was = AboutEdition {
            starts_on: before.starts_on,
            ends_on: before.ends_on,
            time_zone: before.time_zone.clone(),
            ..about.clone()
        };
        edition(&was, self.language)
    }

    fn work(&self, about: &AboutWork) -> Value {
        context! { work => work(about), ..self.edition(&about.edition) }
    }

    fn text(&self, text: &Localized) -> String {
        one_line(text.get(self.language))
    }

    fn instant(&self, at: DateTime<Utc>) -> String {
        instant(at, self.language)
    }
}

fn edition(about: &AboutEdition, language: Language) -> Value {
    context! {
        code => one_line(&about.code),
        title => one_line(about.title.get(language)),
        starts => day(about.starts_on, language),
        ends => day(about.ends_on, language),
        zone => about.time_zone.replace('_', " "),
    }
}

fn work(about: &AboutWork) -> Value {
    context! {
        deliverable => one_line(&about.deliverable),
        title => one_line(&about.work),
        version => about.version,
    }
}

/// What somebody wrote, with plain line breaks.
fn prose(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").trim().to_owned()
}

/// A day as the language writes it: `7 de marzo de 2022`, `7 March 2022`.
fn day(date: NaiveDate, language: Language) -> String {
    let months = match language {
        Language::Es => [
            "enero",
            "febrero",
            "marzo",
            "abril",
            "mayo",
            "junio",
            "julio",
            "agosto",
            "septiembre",
            "octubre",
            "noviembre",
            "diciembre",
        ],
        Language::En => [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ],
        Language::Pt => [
            "janeiro",
            "fevereiro",
            "março",
            "abril",
            "maio",
            "junho",
            "julho",
            "agosto",
            "setembro",
            "outubro",
            "novembro",
            "dezembro",
        ],
    };
    let month = months[date.month0() as usize];
    match language {
        Language::En => format!("{} {month} {}", date.day(), date.year()),
        Language::Es | Language::Pt => format!("{} de {month} de {}", date.day(), date.year()),
    }
}

/// An instant in UTC: `7 March 2022, 14:30 UTC`.
fn instant(at: DateTime<Utc>, language: Language) -> String {
    format!("{}, {} UTC", day(at.date_naive(), language), at.format("%H:%M"))
}

/// An instant in a zone, to the minute: `7 March 2022, 11:30`.
fn local(at: DateTime<Utc>, zone: &str, language: Language) -> String {
    let at = at.with_timezone(&zone.parse().unwrap_or(chrono_tz::UTC));
    format!("{}, {}", day(at.date_naive(), language), at.format("%H:%M"))
}

/// Thousandths of a point as points, with at least one decimal and no zeros after it: `83.3`, `83,125`.
fn points(thousandths: i64, language: Language) -> String {
    let digits = format!("{:03}", thousandths % 1000);
    let decimals = &digits[..digits.trim_end_matches('0').len().max(1)];
    let mark = if language == Language::En { '.' } else { ',' };
    format!("{}{mark}{decimals}", thousandths / 1000)
}
