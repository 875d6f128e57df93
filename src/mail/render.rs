//! Notices as messages: subject, text and HTML in the reader's language.
//!
//! A language is one file of short paragraphs (`templates/es.txt` says how they are marked); the two
//! layouts are shared by all. A paragraph is cut from the file before anything is put into it, so what
//! people wrote can neither make a paragraph nor be taken for a template.

use chrono::{DateTime, Utc};
use minijinja::{Environment, UndefinedBehavior, Value, context};

use super::{Recipient, one_line};
use crate::domain::digest::EditionNews;
use crate::domain::language::{Language, Localized};
use crate::domain::notice::{AboutEdition, AboutWork, Days, MailKind, Notice};

mod figures;
#[cfg(test)]
mod tests;

use figures::{day, instant, local, points, prose};

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

/// Writes `notice` out for `to`; links start with `public_url`. Where messages of its kind can be ended, `unsubscribe`
/// is the address that does it.
pub fn render(
    notice: &Notice,
    to: &Recipient,
    public_url: &str,
    unsubscribe: Option<&str>,
) -> Result<Rendered, RenderError> {
    let public_url = public_url.trim_end_matches('/');
    let told = Told {
        language: to.language,
        public_url,
    };
    let ended = ended(notice, to.language)?;
    let kind = kind_name(to.language, notice.kind())?;
    let facts = context! { ended, kind, unsubscribe, ..facts(notice, &told) };
    let writer = Writer::new(to, facts, public_url);
    let subject = one_line(&writer.line("subject.txt", section(to.language, notice.name())?.subject)?);
    Ok(Rendered {
        text: writer.message(notice.name(), &subject, "txt", TEXT_LAYOUT)? + "\n",
        html: writer.message(notice.name(), &subject, "html", HTML_LAYOUT)? + "\n",
        subject,
    })
}

/// What a kind of messages is called.
pub(super) fn kind_name(language: Language, kind: MailKind) -> Result<&'static str, RenderError> {
    Ok(section(language, &format!("kind_{}", kind.word()))?.subject)
}

/// What fills templates; a fact that a template names and does not have is a fault.
pub(super) fn engine() -> Environment<'static> {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine
}

/// One language and the facts of one notice.
struct Writer {
    engine: Environment<'static>,
    language: Language,
    facts: Value,
}

impl Writer {
    fn new(to: &Recipient, facts: Value, public_url: &str) -> Self {
        let facts = context! { name => one_line(&to.given_name), public_url, ..facts };
        Self {
            engine: engine(),
            language: to.language,
            facts,
        }
    }

    /// A piece of a language's file with the facts in it; the ending of `name` decides about escaping.
    fn line(&self, name: &str, source: &str) -> Result<String, RenderError> {
        Ok(self.engine.render_named_str(name, source, &self.facts)?)
    }

    /// The same once for each of the `items` among the facts, which the piece calls `item`.
    fn lines(&self, name: &str, source: &str) -> Result<Vec<String>, RenderError> {
        let items = self.facts.get_attr("items")?.try_iter()?;
        let line = |item: Value| -> Result<String, RenderError> {
            let facts = context! { item, ..self.facts.clone() };
            Ok(self.engine.render_named_str(name, source, facts)?)
        };
        items.map(line).collect()
    }

    fn message(&self, notice: &str, subject: &str, ending: &str, layout: &str) -> Result<String, RenderError> {
        let name = format!("part.{ending}");
        let greeting = section(self.language, "greeting")?.subject;
        let closing = section(self.language, "closing")?.subject;
        let body = section(self.language, notice)?.paragraphs;
        let mut parts = Vec::new();
        for source in std::iter::once(greeting).chain(body).chain(std::iter::once(closing)) {
            let (kind, source) = kind_of(source);
            let texts = if kind == "item" {
                self.lines(&name, source)?
            } else {
                vec![self.line(&name, source)?]
            };
            for text in texts.into_iter().filter(|text| !text.trim().is_empty()) {
                parts.push(context! { kind, body => Value::from_safe_string(text) });
            }
        }
        let footer = self.line(&name, section(self.language, "footer")?.subject)?;
        let way_out = self.line(&name, section(self.language, "unsubscribe")?.subject)?;
        let whole = context! {
            parts, subject, footer => Value::from_safe_string(footer), way_out => Value::from_safe_string(way_out),
            language => self.language.code(), ..self.facts.clone()
        };
        Ok(self
            .engine
            .render_named_str(&format!("layout.{ending}"), layout, whole)?)
    }
}

/// What a paragraph is, by its mark, and the paragraph without the mark.
fn kind_of(paragraph: &str) -> (&'static str, &str) {
    [("-> ", "link"), ("> ", "quote"), ("` ", "code"), ("* ", "item")]
        .into_iter()
        .find_map(|(mark, kind)| Some((kind, paragraph.strip_prefix(mark)?)))
        .unwrap_or(("plain", paragraph))
}

/// A section of a language's file.
pub(super) struct Section {
    pub(super) subject: &'static str,
    pub(super) paragraphs: Vec<&'static str>,
}

pub(super) fn section(language: Language, name: &str) -> Result<Section, RenderError> {
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
        Notice::ApplicationReceived { edition: about, asks_consent }
        | Notice::EnrolmentConfirmed { edition: about, asks_consent }
        | Notice::EnrolmentWaitlisted { edition: about, asks_consent } => context! {
            asks_consent, ..told.edition(about)
        },
        Notice::SeatOfferExpired { edition: about } => told.edition(about),
        Notice::SeatOffered { edition: about, until } => context! {
            until => local(*until, &about.time_zone, told.language), ..told.edition(about)
        },
        Notice::ProposalSettled { proposed, registered } => context! {
            proposed => one_line(proposed), registered => one_line(registered),
        },
        Notice::ProposalRefused { proposed, reason } => context! {
            proposed => one_line(proposed), reason => prose(reason),
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
        Notice::EnrolmentTransferred { edition: about, from, state, reason, asks_consent } => context! {
            state, reason => prose(reason), left => edition(from, told.language), asks_consent, ..told.edition(about)
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
        Notice::Digest { news } => context! {
            since => local(news.since, &news.time_zone, told.language),
            until => local(news.until, &news.time_zone, told.language),
            zone => news.time_zone.replace('_', " "),
            items => news.editions.iter().map(|part| told.news(part)).collect::<Vec<_>>(),
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

    fn news(&self, part: &EditionNews) -> Value {
        let figures = part.figures;
        context! {
            applied => figures.applied,
            left => figures.left,
            undecided => figures.undecided,
            handed_in => figures.handed_in,
            unreviewed => figures.unreviewed,
            charges => figures.charges,
            ..self.edition(&part.edition)
        }
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
