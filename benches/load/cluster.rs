//! A PostgreSQL server of our own in a temporary folder, as safe as a real one: fsync is on.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::{Failure, process};

/// The server; stopped and removed when this is dropped.
pub struct Cluster {
    server: Child,
    binaries: PathBuf,
    folder: TempDir,
    url: String,
}

impl Cluster {
    /// Makes and starts one of the newest version that is installed.
    pub fn start() -> Result<Self, Failure> {
        let binaries = newest().ok_or("no PostgreSQL server is installed: give --database-url")?;
        let folder = tempfile::Builder::new().prefix("rumbo-load-").tempdir()?;
        if is_root() {
            succeed(Command::new("chown").arg("postgres").arg(folder.path()))?;
        }
        let data = folder.path().join("data");
        succeed(as_server(&binaries.join("initdb")).arg("-D").arg(&data).args([
            "-U",
            "rumbo",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ]))?;
        let port = process::free_port()?;
        let settings = [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
            format!("unix_socket_directories={}", folder.path().display()),
            "shared_buffers=1GB".to_owned(),
            "max_wal_size=8GB".to_owned(),
            "maintenance_work_mem=256MB".to_owned(),
        ];
        let server = as_server(&binaries.join("postgres"))
            .arg("-D")
            .arg(&data)
            .args(settings.iter().flat_map(|setting| ["-c", setting]))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self {
            server,
            binaries,
            folder,
            url: format!("postgres://rumbo@127.0.0.1:{port}/postgres"),
        })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let stopped = succeed(
            as_server(&self.binaries.join("pg_ctl"))
                .arg("-D")
                .arg(self.folder.path().join("data"))
                .args(["-m", "immediate", "stop"]),
        );
        if let Err(failure) = stopped.and_then(|()| Ok(self.server.wait().map(drop)?)) {
            super::say(&format!("PostgreSQL does not stop: {failure}"));
        }
    }
}

/// The folder with the programs of the newest installed server.
fn newest() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.max_by_key(|version| version.file_name().to_string_lossy().parse::<u32>().unwrap_or(0));
    let folder = match newest {
        Some(version) => version.path().join("bin"),
        None => PathBuf::from(text_of(Command::new("pg_config").arg("--bindir"))?.trim()),
    };
    folder.join("initdb").exists().then_some(folder)
}

/// PostgreSQL refuses to run as root.
fn as_server(program: &Path) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/");
    command
}

fn is_root() -> bool {
    text_of(Command::new("id").arg("-u")).is_some_and(|id| id.trim() == "0")
}

fn text_of(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn succeed(command: &mut Command) -> Result<(), Failure> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into())
}
