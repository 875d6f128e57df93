//! The three ways in which a message leaves: to an SMTP server, into a folder, or into memory.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lettre::address::AddressError;
use lettre::message::Mailbox;
use lettre::transport::smtp;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use uuid::Uuid;

use super::Letter;
use crate::config;

/// How long the SMTP server may take for one answer.
const ANSWER: Duration = Duration::from_secs(15);

/// A message as tests read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The address it went to.
    pub to: String,
    /// The notice's stable name.
    pub notice: String,
    /// The subject.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The HTML.
    pub html: String,
    /// The Message-ID with its angle brackets.
    pub message_id: String,
    /// The file for calendars.
    pub calendar: Option<String>,
    /// The address that ends messages of its kind.
    pub unsubscribe: Option<String>,
}

/// Why the mailer cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The sender is no mailbox.
    #[error("mail.from is no mailbox: write Name <address@domain>")]
    From(#[source] AddressError),
    /// The URL of the SMTP server cannot be used; its text may hold a password and is not repeated.
    #[error("mail.smtp_url cannot be used: write smtp://HOST:PORT or smtps://USER:PASSWORD@HOST")]
    Server,
}

/// Why a message did not leave. The sentence names no address: it may be logged.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The recipient's address is none.
    #[error("the recipient's address cannot be used")]
    Address(#[source] AddressError),
    /// The message cannot be put together.
    #[error("the message cannot be put together")]
    Message(#[source] lettre::error::Error),
    /// The SMTP server refused for now, or did not answer.
    #[error("{}", describe(.0))]
    Smtp(#[source] smtp::Error),
    /// The SMTP server refused the recipient or the message for good.
    #[error("the SMTP server refused the message for good{}", code(.0))]
    Refused(#[source] smtp::Error),
    /// The file cannot be written.
    #[error("the message cannot be written to the mail folder: {}", .0.kind())]
    File(#[source] std::io::Error),
}

impl SendError {
    /// Whether trying again cannot help.
    pub fn is_hopeless(&self) -> bool {
        match self {
            Self::Address(_) | Self::Message(_) | Self::Refused(_) => true,
            Self::Smtp(_) | Self::File(_) => false,
        }
    }
}

fn describe(error: &smtp::Error) -> String {
    if error.status().is_some() {
        return format!("the SMTP server refused the message{}", code(error));
    }
    let problem = match () {
        () if error.is_timeout() => "did not answer in time",
        () if error.is_tls() => "offers no TLS that can be trusted",
        () if error.is_client() => "cannot be spoken to as it is configured",
        () => "cannot be reached",
    };
    format!("the SMTP server {problem}")
}

fn code(error: &smtp::Error) -> String {
    error.status().map(|code| format!(" with {code}")).unwrap_or_default()
}

/// Whether a reply says for good that this recipient, or this message, will not do (RFC 5321, 4.2.3), as far as the
/// reply itself tells: a code that answers RCPT or DATA, with an enhanced one (RFC 3463) that is not about the sender,
/// the server or its policy, which somebody may put right. A plain code does not tell which command it answers.
fn is_about_the_message(error: &smtp::Error) -> bool {
    let code = error.status().map(u16::from).unwrap_or_default();
    if !error.is_permanent() || !matches!(code, 550..=554 | 556) {
        return false;
    }
    let text = std::error::Error::source(error)
        .map(ToString::to_string)
        .unwrap_or_default();
    match enhanced(&text) {
        Some((1, detail)) => !matches!(detail, 7 | 8),
        Some((2 | 6, _) | (3, 4)) => true,
        Some(_) | None => false,
    }
}

/// The subject and the detail of the enhanced code with which the text of a reply begins, if it does.
fn enhanced(text: &str) -> Option<(u16, u16)> {
    let mut numbers = text.split_whitespace().next()?.strip_prefix("5.")?.split('.');
    let subject = numbers.next()?.parse().ok()?;
    let detail = numbers.next()?.parse().ok()?;
    numbers.next().is_none().then_some((subject, detail))
}

/// Sends messages; clones share the connections or the memory.
#[derive(Debug, Clone)]
pub struct Mailer {
    from: Mailbox,
    route: Route,
}

#[derive(Debug, Clone)]
enum Route {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    Files(PathBuf),
    Memory(Arc<Mutex<Vec<Sent>>>),
}

impl Mailer {
    /// The mailer that the settings ask for; nothing is connected to yet.
    pub fn from_settings(settings: &config::Mail) -> Result<Self, SetupError> {
        let from = settings.from.parse().map_err(SetupError::From)?;
        let route = match settings.transport {
            config::Transport::Smtp => {
                let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(settings.smtp_url.reveal())
                    .map_err(|_| SetupError::Server)?;
                Route::Smtp(server.timeout(Some(ANSWER)).build())
            }
            config::Transport::Files => Route::Files(settings.folder.clone()),
            config::Transport::Memory => Route::Memory(Arc::default()),
        };
        Ok(Self { from, route })
    }

    /// Sends one message; a message that is sent again keeps its Message-ID, or replaces its file.
    pub async fn send(&self, letter: &Letter) -> Result<(), SendError> {
        let message = letter.message(&self.from)?;
        match &self.route {
            Route::Smtp(server) => {
                if let Err(refusal) = server.send(message).await {
                    return Err(judged(server, refusal).await);
                }
            }
            Route::Files(folder) => write(folder, letter.id, &message).await.map_err(SendError::File)?,
            Route::Memory(sent) => {
                let copy = Sent {
                    to: letter.to.email.clone(),
                    notice: letter.notice.clone(),
                    subject: letter.rendered.subject.clone(),
                    text: letter.rendered.text.clone(),
                    html: letter.rendered.html.clone(),
                    message_id: letter.message_id(self.from.email.domain()),
                    calendar: letter.calendar.clone(),
                    unsubscribe: letter.unsubscribe.clone(),
                };
                sent.lock().unwrap_or_else(PoisonError::into_inner).push(copy);
            }
        }
        Ok(())
    }

    /// Takes what was kept in memory, in the order in which it was announced; nothing on other ways.
    pub fn take_sent(&self) -> Vec<Sent> {
        let Route::Memory(sent) = &self.route else {
            return Vec::new();
        };
        let mut taken = std::mem::take(&mut *sent.lock().unwrap_or_else(PoisonError::into_inner));
        taken.sort_by(|one, two| one.message_id.cmp(&two.message_id));
        taken
    }
}

/// What a refusal is worth. A server that is out of service answers with the same codes when it is connected to, so it
/// is asked whether it takes anything at all.
async fn judged(server: &AsyncSmtpTransport<Tokio1Executor>, refusal: smtp::Error) -> SendError {
    if is_about_the_message(&refusal) && server.test_connection().await.is_ok_and(|works| works) {
        SendError::Refused(refusal)
    } else {
        SendError::Smtp(refusal)
    }
}

/// Writes the message under another name first, so that nobody ever reads half of it.
async fn write(folder: &Path, id: Uuid, message: &Message) -> std::io::Result<()> {
    tokio::fs::create_dir_all(folder).await?;
    let draft = folder.join(format!(".{id}.part"));
    tokio::fs::write(&draft, message.formatted()).await?;
    tokio::fs::rename(&draft, folder.join(format!("{id}.eml"))).await
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::config::{Secret, Transport};
    use crate::domain::language::Language;
    use crate::mail::{Recipient, Rendered};

    fn settings(transport: Transport, folder: &Path) -> config::Mail {
        config::Mail {
            transport,
            from: "Rumbo <no-reply@example.org>".into(),
            smtp_url: Secret::default(),
            folder: folder.to_owned(),
            attempts: 3,
            lease_seconds: 60,
            poll_milliseconds: 1000,
            digest: false,
            digest_hour: 7,
        }
    }

    fn letter(id: u128) -> Letter {
        Letter {
            id: Uuid::from_u128(id),
            notice: "already_registered".into(),
            to: Recipient {
                email: "ana@example.org".into(),
                full_name: "Ana".into(),
                given_name: "Ana".into(),
                language: Language::Es,
            },
            rendered: Rendered {
                subject: "Hola".into(),
                text: "Texto\n".into(),
                html: "<p>Texto</p>".into(),
            },
            calendar: None,
            unsubscribe: None,
            at: DateTime::UNIX_EPOCH,
        }
    }

    #[tokio::test]
    async fn a_file_is_whole_and_replaced_when_sent_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let inside = folder.path().join("mail");
        let mailer = Mailer::from_settings(&settings(Transport::Files, &inside)).expect("a mailer");
        for _ in 0..2 {
            mailer.send(&letter(7)).await.expect("sent");
        }
        let names: Vec<_> = std::fs::read_dir(&inside)
            .expect("a folder")
            .flatten()
            .map(|entry| entry.file_name())
            .collect();
        assert_eq!(names, ["00000000-0000-0000-0000-000000000007.eml"]);
        let text = std::fs::read_to_string(inside.join(&names[0])).expect("a file");
        for part in [
            "To: Ana <ana@example.org>\r\n",
            "Subject: Hola\r\n",
            "Content-Type: multipart/alternative;",
            "<p>Texto</p>",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[tokio::test]
    async fn memory_is_shared_and_emptied_by_taking() {
        let mailer = Mailer::from_settings(&settings(Transport::Memory, Path::new(""))).expect("a mailer");
        for id in [2, 1] {
            mailer.clone().send(&letter(id)).await.expect("sent");
        }
        let ids: Vec<String> = mailer.take_sent().into_iter().map(|sent| sent.message_id).collect();
        let wanted = [1, 2].map(|id| format!("<{}@example.org>", Uuid::from_u128(id)));
        assert_eq!(ids, wanted);
        assert!(mailer.take_sent().is_empty());
    }

    #[tokio::test]
    async fn a_server_is_configured_by_url_and_wrong_settings_are_told() {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let mut settings = settings(Transport::Smtp, Path::new(""));
        for (url, works) in [
            ("smtp://localhost:2525", true),
            ("smtps://user:secret@mail.example.org", true),
            ("smtp://mail.example.org?tls=required", true),
            ("", false),
            ("https://user:secret@mail.example.org", false),
        ] {
            settings.smtp_url = Secret::new(url);
            let mailer = Mailer::from_settings(&settings);
            assert_eq!(mailer.is_ok(), works, "{url}");
            assert!(!format!("{mailer:?}").contains("secret"), "{mailer:?}");
        }
        settings.from = "nobody".into();
        assert!(matches!(Mailer::from_settings(&settings), Err(SetupError::From(_))));
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_an_error_without_the_address() {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|it| it.local_addr())
            .expect("a free port")
            .port();
        let mut settings = settings(Transport::Smtp, Path::new(""));
        settings.smtp_url = Secret::new(format!("smtp://127.0.0.1:{port}"));
        let error = Mailer::from_settings(&settings)
            .expect("a mailer")
            .send(&letter(1))
            .await
            .expect_err("nobody listens");
        assert!(!error.is_hopeless());
        assert_eq!(error.to_string(), "the SMTP server cannot be reached");
    }
}
