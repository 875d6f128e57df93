//! The processes that work: the server, which is started here, and those of the database; what they cost,
//! read from `/proc`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rumbo::store::{Db, Engine};
use sea_orm::{ConnectionTrait, Statement};

use super::{Failure, SECRET};

/// Linux counts CPU time for its readers in hundredths of a second, whatever its own clock does.
const MILLISECONDS_PER_TICK: f64 = 10.0;

/// The released server, stopped when this is dropped.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// How long it took to be ready.
    pub ready_after: Duration,
    /// A mail server that takes connections and never answers, so that messages are queued and stay so.
    _mail: TcpListener,
}

/// The CPU milliseconds that a server at rest may use in two seconds: the operating system counts in tens.
const IDLE: f64 = 20.0;

impl Server {
    /// Starts `rumbo serve` on a database and waits until it is ready.
    pub fn start(database_url: &str) -> Result<Self, Failure> {
        let mail = TcpListener::bind("127.0.0.1:0")?;
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let begun = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_rumbo"))
            .args(["serve", "--profile", "production", "--database-url", database_url])
            .env("RUMBO__AUTH__SECRET", SECRET)
            .env("RUMBO__AUTH__REQUIRE_SECOND_FACTOR", "off")
            .env("RUMBO__RATES__ENABLED", "false")
            .env("RUMBO__HTTP__LISTEN", address.to_string())
            .env("RUMBO__MAIL__SMTP_URL", format!("smtp://{}", mail.local_addr()?))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut server = Self {
            child,
            address,
            ready_after: Duration::ZERO,
            _mail: mail,
        };
        while !is_ready(address) {
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("the server ended: {status}").into());
            }
            if begun.elapsed() > Duration::from_secs(30) {
                return Err("the server is not ready after 30 seconds".into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        server.ready_after = begun.elapsed();
        Ok(server)
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The CPU time that all its threads have used, in milliseconds.
    pub fn cpu(&self) -> Result<f64, Failure> {
        Ok(stat(self.id())?.own)
    }

    /// Waits until it has nothing left to do of what it found when it started, such as sealing what was written
    /// before, and has given back the memory that this took.
    pub fn settle(&self) -> Result<(), Failure> {
        let mut before = (self.cpu()?, self.memory()?);
        for _ in 0..30 {
            std::thread::sleep(Duration::from_secs(2));
            let now = (self.cpu()?, self.memory()?);
            if now.0 - before.0 <= IDLE && (now.1 - before.1).abs() < 1.0 {
                return Ok(());
            }
            before = now;
        }
        Err("the server does not come to rest".into())
    }

    /// Its resident memory in MiB.
    pub fn memory(&self) -> Result<f64, Failure> {
        status(self.id(), "VmRSS:")
    }

    /// The most resident memory that it ever had, in MiB.
    pub fn peak_memory(&self) -> Result<f64, Failure> {
        status(self.id(), "VmHWM:")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(failure) = self.child.kill().and_then(|()| self.child.wait().map(drop)) {
            super::say(&format!("the server does not stop: {failure}"));
        }
    }
}

/// A port of the loopback address on which nobody listens.
pub fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn is_ready(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer.starts_with(b"HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}

/// What a process has used.
struct Usage {
    parent: u32,
    /// By itself, in milliseconds.
    own: f64,
    /// By its children that have ended.
    ended: f64,
}

fn stat(process: u32) -> Result<Usage, Failure> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name stands in parentheses and may hold anything; the fields after it are numbers.
    let (_, fields) = text.rsplit_once(')').ok_or("an unknown format of /proc")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |place: usize| {
        fields
            .get(place)
            .and_then(|field| field.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    let parent = fields.get(1).and_then(|field| field.parse().ok()).unwrap_or(0);
    Ok(Usage {
        parent,
        own: (ticks(11) + ticks(12)) * MILLISECONDS_PER_TICK,
        ended: (ticks(13) + ticks(14)) * MILLISECONDS_PER_TICK,
    })
}

fn status(process: u32, key: &str) -> Result<f64, Failure> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(key))
        .ok_or("an unknown format of /proc")?;
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes / 1024.0)
}

/// The CPU milliseconds that a process has used, and the most resident memory that it ever had, in MiB; `None` once it
/// is gone.
pub fn used(process: u32) -> Option<(f64, f64)> {
    let cpu = stat(process).ok()?.own;
    let peak = status(process, "VmHWM:").ok()?;
    Some((cpu, peak))
}

/// The process that all others of the PostgreSQL server come from, if it runs on this machine.
pub async fn postmaster(db: &Db) -> Option<u32> {
    if db.engine() == Engine::Sqlite {
        return None;
    }
    let ask = Statement::from_string(db.read().get_database_backend(), "SELECT pg_backend_pid()");
    let row = db.read().query_one_raw(ask).await.ok()??;
    let backend = u32::try_from(row.try_get_by_index::<i32>(0).ok()?).ok()?;
    let name = std::fs::read_to_string(format!("/proc/{backend}/comm")).ok()?;
    if name.trim() != "postgres" {
        return None;
    }
    stat(backend).ok().map(|usage| usage.parent)
}

/// The CPU time that the whole database server has used, in milliseconds; zero where that is not known.
pub fn database_cpu(postmaster: Option<u32>) -> f64 {
    let Some(postmaster) = postmaster else { return 0.0 };
    let Ok(parent) = stat(postmaster) else { return 0.0 };
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let children = ids
        .filter_map(|id| stat(id).ok())
        .filter(|usage| usage.parent == postmaster);
    parent.own + parent.ended + children.map(|usage| usage.own).sum::<f64>()
}

/// The CPU time that this process has used, in milliseconds.
pub fn own_cpu() -> f64 {
    stat(std::process::id()).map_or(0.0, |usage| usage.own)
}
