//! Outgoing mail: from a notice to a message in the reader's language, and out of the process.
//!
//! What is announced is in `domain/notice.rs`; when it is sent, and again, is the worker's business.

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use lettre::Message;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart};
use uuid::Uuid;

use crate::domain::language::Language;

pub mod calendar;
pub mod page;
pub mod preview;
pub mod render;
pub mod transport;

pub use render::{RenderError, Rendered, render};
pub use transport::{Mailer, SendError, Sent, SetupError};

/// What a mail program posts to the address that ends messages (RFC 8058, 3.2).
pub const ONE_CLICK: &str = "List-Unsubscribe=One-Click";

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
    /// The dates in it as a file for calendars (RFC 5545), where some matter.
    pub calendar: Option<String>,
    /// The address that ends messages of its kind (RFC 8058), where they are not essential.
    pub unsubscribe: Option<String>,
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
        let mut head = Message::builder()
            .from(from.clone())
            .to(Mailbox::new((!name.is_empty()).then_some(name), address))
            .subject(one_line(&self.rendered.subject))
            .date(SystemTime::from(self.at))
            .message_id(Some(self.message_id(from.email.domain())))
            .header(AutoSubmitted)
            .header(ContentLanguage(self.to.language));
        if let Some(url) = &self.unsubscribe {
            head = head.header(ListUnsubscribe(one_line(url)));
            // By one click only over a line that nobody else reads (RFC 8058, 3.1).
            if url.starts_with("https://") {
                head = head.header(ListUnsubscribePost);
            }
        }
        head.multipart(self.body()).map_err(SendError::Message)
    }

    /// The text twice, and the file for calendars beside it.
    fn body(&self) -> MultiPart {
        let text = MultiPart::alternative_plain_html(self.rendered.text.clone(), self.rendered.html.clone());
        let Some(calendar) = &self.calendar else {
            return text;
        };
        let kind = ContentType::parse("text/calendar; charset=utf-8").expect("a media type that is well formed");
        let file = Attachment::new("rumbo.ics".to_owned()).body(calendar.clone(), kind);
        MultiPart::mixed().multipart(text).singlepart(file)
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

/// `List-Unsubscribe` (RFC 2369, 3.2): the address that ends messages of this kind.
#[derive(Clone)]
struct ListUnsubscribe(String);

impl Header for ListUnsubscribe {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("List-Unsubscribe")
    }

    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let url = text.trim().strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
        Ok(Self(url.ok_or("no address in angle brackets")?.to_owned()))
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), format!("<{}>", self.0))
    }
}

/// `List-Unsubscribe-Post: List-Unsubscribe=One-Click` (RFC 8058): a mail program may post that there without asking.
#[derive(Clone)]
struct ListUnsubscribePost;

impl Header for ListUnsubscribePost {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("List-Unsubscribe-Post")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), ONE_CLICK.to_owned())
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
            calendar: None,
            unsubscribe: None,
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
    fn what_may_be_ended_says_where_and_by_one_click_over_a_closed_line_only() {
        let mut letter = letter("Ana", "Hello");
        let named = |letter: &Letter| {
            let lines = headers(letter).into_iter();
            lines.filter(|line| line.starts_with("List-")).collect::<Vec<_>>()
        };
        assert_eq!(named(&letter), [""; 0]);
        let link = format!("unsubscribe/uns_{}", "a".repeat(60));
        letter.unsubscribe = Some(format!("https://rumbo.example.org/{link}"));
        assert_eq!(
            named(&letter),
            [
                format!("List-Unsubscribe: <https://rumbo.example.org/{link}>"),
                "List-Unsubscribe-Post: List-Unsubscribe=One-Click".to_owned(),
            ]
        );
        letter.unsubscribe = Some(format!("http://127.0.0.1:8080/{link}"));
        assert_eq!(
            named(&letter),
            [format!("List-Unsubscribe: <http://127.0.0.1:8080/{link}>")]
        );
    }

    #[test]
    fn a_file_for_calendars_hangs_on_the_message() {
        let mut letter = letter("Ana", "Hello");
        letter.calendar = Some("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n".to_owned());
        let from = "Rumbo <no-reply@example.org>".parse().expect("a mailbox");
        let bytes = letter.message(&from).expect("a message").formatted();
        let text = String::from_utf8(bytes).expect("ASCII");
        for part in [
            "Content-Type: multipart/mixed;",
            "Content-Type: multipart/alternative;",
            "Content-Type: text/calendar; charset=utf-8\r\n",
            "Content-Disposition: attachment; filename=\"rumbo.ics\"\r\n",
            "\r\nBEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
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
