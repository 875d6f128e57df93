//! A mail server (RFC 5321) inside the test: it takes every message and keeps the bytes as they came.
//!
//! It is as gullible as a server can be: what it would take for a command or a recipient is kept as one, so
//! that a test sees whatever somebody smuggled in.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// One message as it came over the line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// The commands since the message before, without their line ends.
    pub commands: Vec<String>,
    /// The bytes after DATA, up to the dot that ends them, which is left out.
    pub data: Vec<u8>,
}

/// The server; it ends with the test's runtime.
pub struct Sink {
    /// Where it listens.
    pub port: u16,
    kept: Arc<Mutex<Vec<Delivery>>>,
}

impl Sink {
    /// Starts one.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let kept = Arc::new(Mutex::new(Vec::new()));
        let keep = kept.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let keep = keep.clone();
                tokio::spawn(async move {
                    // A client that hangs up in the middle has delivered nothing.
                    drop(converse(stream, &keep).await);
                });
            }
        });
        Self { port, kept }
    }

    /// What was delivered since the last call, in the order of recipients.
    pub fn take(&self) -> Vec<Delivery> {
        let mut taken = std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        taken.sort_by(|one, two| one.commands.cmp(&two.commands));
        taken
    }
}

async fn converse(stream: TcpStream, kept: &Mutex<Vec<Delivery>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut delivery = Delivery::default();
    stream.write_all(b"220 sink.example.org\r\n").await?;
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let command = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
        let verb = command
            .split([' ', ':'])
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        delivery.commands.push(command);
        match verb.as_str() {
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                delivery.data = read_data(&mut stream).await?;
                kept.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(std::mem::take(&mut delivery));
                stream.write_all(b"250 kept\r\n").await?;
            }
            "QUIT" => return stream.write_all(b"221 bye\r\n").await,
            _ => stream.write_all(b"250 fine\r\n").await?,
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
