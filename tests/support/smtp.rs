//! A mail server (RFC 5321) inside the test: it takes every message and keeps the bytes as they came.
//!
//! It is as gullible as a server can be: what it would take for a command or a recipient is kept as one, so
//! that a test sees whatever somebody smuggled in.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rumbo::config::{Secret, Transport};
use rumbo::mail::Mailer;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::app::TestApp;
use super::draw::Draw;

/// One message as it came over the line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// The commands since the message before, without their line ends.
    pub commands: Vec<String>,
    /// The bytes after DATA, up to the dot that ends them, which is left out.
    pub data: Vec<u8>,
    /// Whether the client was told that the message is kept.
    pub told: bool,
}

/// Where in a session the server hangs up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Break {
    /// When the client says for whom the message is.
    AtRecipient,
    /// In the middle of the message.
    InData,
    /// After the message is kept, without saying so.
    AfterData,
}

/// What the server says to a command.
#[derive(Debug, Clone, Copy)]
struct Reply {
    command: &'static str,
    reply: &'static str,
}

/// The server; it ends with the test's runtime.
pub struct Sink {
    /// Where it listens.
    pub port: u16,
    kept: Arc<Mutex<Vec<Delivery>>>,
    broken: Arc<AtomicUsize>,
}

impl Sink {
    /// Starts one.
    pub async fn start() -> Self {
        Self::breaking(0).await
    }

    /// Starts one that breaks off so many of a hundred messages, at all the places where that hurts.
    pub async fn breaking(percent: usize) -> Self {
        Self::serve(percent, None).await
    }

    /// Starts one that always gives this reply to a command: `CONNECT` for the greeting, `.` for the end of the message.
    pub async fn replying(command: &'static str, reply: &'static str) -> Self {
        Self::serve(0, Some(Reply { command, reply })).await
    }

    async fn serve(percent: usize, reply: Option<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let kept = Arc::new(Mutex::new(Vec::new()));
        let broken = Arc::new(AtomicUsize::new(0));
        let (keep, count) = (kept.clone(), broken.clone());
        let draw = Arc::new(Mutex::new(Draw(25)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (keep, count, draw) = (keep.clone(), count.clone(), draw.clone());
                tokio::spawn(async move {
                    let next = || {
                        let mut draw = draw.lock().unwrap_or_else(PoisonError::into_inner);
                        let places = [Break::AtRecipient, Break::InData, Break::AfterData];
                        draw.percent(percent).then(|| *draw.of(&places))
                    };
                    // A client that hangs up in the middle has delivered nothing.
                    if converse(stream, &keep, next, reply).await.is_ok_and(|broken| broken) {
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        Self { port, kept, broken }
    }

    /// A mailer of the application that sends here.
    pub fn mailer(&self, test: &TestApp) -> Mailer {
        // Only the first test that gets here installs it.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let mut settings = test.app.settings.mail.clone();
        settings.transport = Transport::Smtp;
        settings.smtp_url = Secret::new(self.url());
        Mailer::from_settings(&settings).expect("a mailer")
    }

    /// Where it is, as the settings say it.
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// How many sessions it broke off.
    pub fn broken(&self) -> usize {
        self.broken.load(Ordering::Relaxed)
    }

    /// What was delivered since the last call, in the order of recipients.
    pub fn take(&self) -> Vec<Delivery> {
        let mut taken = std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        taken.sort_by(|one, two| one.commands.cmp(&two.commands));
        taken
    }
}

/// Talks to a client until one of the two hangs up; whether it was the server, in the middle.
async fn converse(
    stream: TcpStream,
    kept: &Mutex<Vec<Delivery>>,
    mut next: impl FnMut() -> Option<Break>,
    reply: Option<Reply>,
) -> std::io::Result<bool> {
    let answer = |command: &str, usual: &str| {
        let set = reply.filter(|reply| reply.command == command);
        format!("{}\r\n", set.map_or(usual, |reply| reply.reply))
    };
    let mut stream = BufReader::new(stream);
    let mut delivery = Delivery::default();
    let mut broken = next();
    let greeting = answer("CONNECT", "220 sink.example.org");
    stream.write_all(greeting.as_bytes()).await?;
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(false);
        }
        let command = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
        let verb = command
            .split([' ', ':'])
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        delivery.commands.push(command);
        match verb.as_str() {
            "RCPT" if broken == Some(Break::AtRecipient) => return Ok(true),
            "DATA" => {
                let go_on = answer("DATA", "354 go on");
                stream.write_all(go_on.as_bytes()).await?;
                if !go_on.starts_with('3') {
                    continue;
                }
                if broken == Some(Break::InData) {
                    stream.read_until(b'\n', &mut Vec::new()).await?;
                    return Ok(true);
                }
                delivery.data = read_data(&mut stream).await?;
                let kept_it = answer(".", "250 kept");
                if !kept_it.starts_with('2') {
                    stream.write_all(kept_it.as_bytes()).await?;
                    continue;
                }
                delivery.told = broken != Some(Break::AfterData);
                kept.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(std::mem::take(&mut delivery));
                if broken == Some(Break::AfterData) {
                    return Ok(true);
                }
                stream.write_all(kept_it.as_bytes()).await?;
                broken = next();
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(false);
            }
            _ => stream.write_all(answer(&verb, "250 fine").as_bytes()).await?,
        }
    }
}

/// Reads up to the line that is a dot alone. Also a line that ends in a bare line feed is one.
async fn read_data(stream: &mut BufReader<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" || line == b".\n" {
            return Ok(data);
        }
        data.extend(line);
    }
}
