//! The program itself as a process of its own, and requests to it over the line.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// `rumbo serve` on a database; killed when this is dropped.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// Starts it, with settings as environment variables, and waits until it is ready.
    pub async fn start(database_url: &str, settings: &[(&str, String)]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = port.expect("a port");
        let child = Command::new(env!("CARGO_BIN_EXE_rumbo"))
            .args(["serve", "--profile", "test", "--database-url", database_url])
            .args(["--listen", &address.to_string()])
            .envs(settings.iter().map(|(name, value)| (*name, value)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut server = Self { child, address };
        let begun = Instant::now();
        while exchange(address, "GET /ready HTTP/1.1\r\n", "")
            .await
            .is_none_or(|answer| !answer.starts_with("HTTP/1.1 200"))
        {
            assert_eq!(server.child.try_wait().expect("a process"), None, "the server ended");
            assert!(begun.elapsed() < Duration::from_secs(30), "the server is not ready");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server
    }

    /// SIGKILL: nothing is told, nothing is put in order.
    pub fn kill(&mut self) {
        self.child.kill().expect("it is killed");
        self.child.wait().expect("it is gone");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that was killed already is gone.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Sends one request on a connection of its own; the whole answer, or nothing when it broke off.
pub async fn exchange(address: SocketAddr, head: &str, body: &str) -> Option<String> {
    let whole = format!(
        "{head}host: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(whole.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let length: usize = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())?;
    (body.len() == length).then_some(answer)
}
