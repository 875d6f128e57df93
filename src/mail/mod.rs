//! Outgoing mail: from a notice to a message in the reader's language, and out of the process.
//!
//! What is announced is in `domain/notice.rs`; when it is sent, and again, is the worker's business.

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use lettre::Message;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use uuid::Uuid;

use crate::domain::language::Language;

pub mod render;
pub mod transport;

pub use render::{RenderError, Rendered, render};
pub use transport::{Mailer, SendError, Sent, SetupError};

/// Whom a message is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The address.
    pub email: String,
    /// The name in the address line.
    pub full_name: String,
    /// The name in the greeting.
    pub given_name: String,
    /// The language to write in.
    pub language: Language,
}

/// A message that is ready to leave.
#[derive(Debug, Clone)]
pub struct Letter {
    /// The identifier of its outbox entry: a message that is sent twice keeps its Message-ID.
    pub id: Uuid,
    /// The notice's stable name.
    pub notice: String,
    /// Whom it is for.
    pub to: Recipient,
    /// What it says.
    pub rendered: Rendered,
    /// The instant in its Date header.
    pub at: DateTime<Utc>,
}

impl Letter {
    /// The Message-ID, with `domain` being the sender's.
    pub fn message_id(&self, domain: &str) -> String {
        format!("<{}@{domain}>", self.id)
    }

    /// The message as it goes out; refuses an address that is none.
    pub fn message(&self, from: &Mailbox) -> Result<Message, SendError> {
        let address = self.to.email.parse().map_err(SendError::Address)?;
        let name = one_line(&self.to.full_name);
        Message::builder()
            .from(from.clone())
            .to(Mailbox::new((!name.is_empty()).then_some(name), address))
            .subject(one_line(&self.rendered.subject))
            .date(SystemTime::from(self.at))
            .message_id(Some(self.message_id(from.email.domain())))
            .header(AutoSubmitted)
            .header(ContentLanguage(self.to.language))
            .multipart(MultiPart::alternative_plain_html(
                self.rendered.text.clone(),
                self.rendered.html.clone(),
            ))
            .map_err(SendError::Message)
    }
}

/// The text without line breaks and control characters, so that it cannot begin another header.
fn one_line(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `Auto-Submitted: auto-generated` (RFC 3834): out-of-office programs do not answer it.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// `Content-Language` (RFC 3282).
#[derive(Clone)]
struct ContentLanguage(Language);

impl Header for ContentLanguage {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Content-Language")
    }

    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Language::parse(text.trim())
            .map(Self)
            .map_err(|_| "not a language of ours".into())
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), self.0.code().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header lines of a letter, unfolded.
    fn headers(letter: &Letter) -> Vec<String> {
        let from = "Rumbo <no-reply@example.org>".parse().expect("a mailbox");
        let bytes = letter.message(&from).expect("a message").formatted();
        let text = String::from_utf8(bytes).expect("ASCII");
        let head = text.split("\r\n\r\n").next().unwrap_or_default();
        head.replace("\r\n ", " ")
            .replace("\r\n\t", " ")
            .split("\r\n")
            .map(str::to_owned)
            .collect()
    }

    fn letter(name: &str, subject: &str) -> Letter {
        Letter {
            id: Uuid::from_u128(7),
            notice: "already_registered".into(),
            to: Recipient {
                email: "ana@example.org".into(),
                full_name: name.into(),
                given_name: name.into(),
                language: Language::Pt,
            },
            rendered: Rendered {
                subject: subject.into(),
                text: "a".into(),
                html: "<p>a</p>".into(),
            },
            at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn the_headers_are_those_of_an_automatic_message() {
        let headers = headers(&letter("Ana Pérez", "Olá"));
        for wanted in [
            "Message-ID: <00000000-0000-0000-0000-000000000007@example.org>",
            "Date: Thu, 01 Jan 1970 00:00:00 +0000",
            "Auto-Submitted: auto-generated",
            "Content-Language: pt",
            "From: Rumbo <no-reply@example.org>",
        ] {
            assert!(headers.iter().any(|line| line == wanted), "{wanted}: {headers:#?}");
        }
    }

    #[test]
    fn no_text_adds_a_header() {
        let calm: Vec<String> = headers(&letter("Ana", "Hello"))
            .iter()
            .map(|line| name_of(line))
            .collect();
        for evil in [
            "Ana\r\nBcc: eve@example.org",
            "Ana\nBcc: eve@example.org",
            "Ana\rBcc: eve@example.org",
            "Ana\0\r\n\r\nBcc: eve@example.org",
            "Ñandú\r\nBcc: eve@example.org",
            "Ana\u{85}\u{2028}Bcc: eve@example.org",
            "\" <eve@example.org>, \"Ana",
        ] {
            let headers = headers(&letter(evil, evil));
            let names: Vec<String> = headers.iter().map(|line| name_of(line)).collect();
            assert_eq!(names, calm, "{evil:?}");
        }
        let message = letter("\" <eve@example.org>, \"Ana", "x")
            .message(&"no-reply@example.org".parse().expect("a mailbox"))
            .expect("a message");
        assert_eq!(message.envelope().to().len(), 1);
    }

    fn name_of(line: &str) -> String {
        line.split(':').next().unwrap_or_default().to_owned()
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let mut letter = letter("Ana", "Hello");
        for wrong in [
            "",
            "ana",
            "ana@example.org\r\nBcc: eve@example.org",
            "ana@example.org, eve@example.org",
        ] {
            letter.to.email = wrong.into();
            let sent = letter.message(&"no-reply@example.org".parse().expect("a mailbox"));
            assert!(matches!(sent, Err(SendError::Address(_))), "{wrong:?}");
        }
    }
}
