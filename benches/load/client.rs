//! A cheap client: blocking connections that are kept, one thread each, and requests that were written
//! beforehand, so that it takes little from the processes that are measured.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::operations::Operation;
use super::process::{self, Server};
use super::{Failure, Options};

/// What driving one operation showed.
pub struct Driven {
    /// Requests a second.
    pub rate: f64,
    /// The time within which half of the requests were answered, in milliseconds.
    pub median: f64,
    /// The time within which 99 of 100 were answered, in milliseconds.
    pub p99: f64,
    /// CPU milliseconds of the server for each.
    pub server: f64,
    /// CPU milliseconds of the database for each.
    pub database: f64,
}

/// Drives an operation over all connections, after a fifth of the time to warm up.
pub fn drive(
    server: &Server,
    postmaster: Option<u32>,
    operation: &Operation,
    options: &Options,
) -> Result<Driven, Failure> {
    let next = AtomicUsize::new(0);
    let time = Duration::from_secs(options.seconds);
    run(server.address, operation, options.connections, &next, time / 5)?;
    let before = (server.cpu()?, process::database_cpu(postmaster));
    let begun = Instant::now();
    let mut times = run(server.address, operation, options.connections, &next, time)?;
    let elapsed = begun.elapsed();
    let after = (server.cpu()?, process::database_cpu(postmaster));
    if times.is_empty() {
        return Err(format!("{}: there is nothing left to ask", operation.name).into());
    }
    times.sort_unstable();
    let count = f64::from(u32::try_from(times.len())?);
    let within =
        |hundredths: usize| times[(times.len() * hundredths / 100).min(times.len() - 1)].as_secs_f64() * 1000.0;
    Ok(Driven {
        rate: count / elapsed.as_secs_f64(),
        median: within(50),
        p99: within(99),
        server: (after.0 - before.0) / count,
        database: (after.1 - before.1) / count,
    })
}

/// Sends requests over every connection until the time is over, or none is left.
fn run(
    address: SocketAddr,
    operation: &Operation,
    connections: usize,
    next: &AtomicUsize,
    time: Duration,
) -> Result<Vec<Duration>, Failure> {
    let until = Instant::now() + time;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..connections)
            .map(|_| scope.spawn(|| keep_asking(address, operation, next, until)))
            .collect();
        let mut times = Vec::new();
        for thread in threads {
            times.extend(thread.join().map_err(|_| "a connection was lost")??);
        }
        Ok(times)
    })
}

fn keep_asking(
    address: SocketAddr,
    operation: &Operation,
    next: &AtomicUsize,
    until: Instant,
) -> Result<Vec<Duration>, Failure> {
    let mut connection = Connection::open(address)?;
    let mut times = Vec::new();
    while Instant::now() < until {
        let Some(request) = operation.request(next.fetch_add(1, Ordering::Relaxed)) else {
            break;
        };
        let begun = Instant::now();
        let answer = connection.ask(request)?;
        times.push(begun.elapsed());
        let text = String::from_utf8_lossy(answer);
        if !text.contains(operation.expected) || text.contains("\"errors\":[") {
            let shown: String = text.chars().take(2000).collect();
            return Err(format!("{}: an unexpected answer: {shown}", operation.name).into());
        }
    }
    Ok(times)
}

/// A connection that is kept.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Opens one.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self {
            stream,
            buffer: vec![0; 1 << 16],
        })
    }

    /// Sends a request and returns the body of its answer.
    pub fn ask(&mut self, request: &[u8]) -> io::Result<&[u8]> {
        self.stream.write_all(request)?;
        let mut filled = 0;
        let mut end = None;
        loop {
            if filled == self.buffer.len() {
                self.buffer.resize(filled * 2, 0);
            }
            let count = self.stream.read(&mut self.buffer[filled..])?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += count;
            if end.is_none() {
                end = head(&self.buffer[..filled])?;
            }
            if let Some((body, end)) = end.filter(|(_, end)| *end <= filled) {
                return Ok(&self.buffer[body..end]);
            }
        }
    }
}

/// Where the body begins and ends, once the head is complete.
fn head(bytes: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let Some(length) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&bytes[..length]).to_ascii_lowercase();
    let size = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    let size = size.ok_or_else(|| io::Error::other(format!("an answer without content-length: {text}")))?;
    Ok(Some((length + 4, length + 4 + size)))
}
