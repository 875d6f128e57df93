//! Bringing a table in by the command line: how long it takes, what it costs, and how much memory it needs.

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::fill::Size;
use super::{Bench, Failure, SECRET, process, say};

/// How often the process is looked at while it works.
const EVERY: Duration = Duration::from_millis(2);

/// What a run of the command used.
struct Used {
    seconds: f64,
    cpu: f64,
    database: f64,
    peak: f64,
}

/// Brings so many rows in: tried out, row by row, again, others all or nothing, and people as such.
pub fn run(bench: &Bench, rows: u32) -> Result<String, Failure> {
    let folder = tempfile::tempdir()?;
    let file = |name: &str, prefix: &str| -> Result<String, Failure> {
        let path = folder.path().join(name);
        let mut text = String::from("username;firstname;lastname;email;country;institution;profile_field_gender\n");
        for number in 0..rows {
            let (country, institution) = (["UY", "BR", "CR", "DO"][number as usize % 4], number % 300 + 1);
            let gender = ["female", "male", "another", ""][number as usize % 4];
            writeln!(
                text,
                "{prefix}{number};Ana María;Núñez {number};{prefix}{number}@mass.example;{country};Institution {institution};{gender}"
            )?;
        }
        std::fs::write(&path, text)?;
        Ok(path.display().to_string())
    };
    let stamp = std::process::id();
    let (first, second) = (
        file("one.csv", &format!("a{stamp}x"))?,
        file("two.csv", &format!("b{stamp}x"))?,
    );
    let by = format!("person{}@load.example", Size::of(&bench.options).coordinator());
    let edition = format!("LOAD-{}", bench.options.editions);
    let of = |file: &str, more: &[&str]| {
        let mut arguments = vec!["import", "enrolments", file, "--edition", &edition, "--as", &by];
        arguments.extend(more);
        call(bench, &arguments)
    };
    let size = std::fs::metadata(&first)?.len();
    let mut report = format!(
        "{rows} rows ({size} bytes) of people without an account, as enrolments in one edition, {}\n\n\
         | | s | program, CPU s | database, CPU s | peak MiB |\n|---|---:|---:|---:|---:|\n",
        super::name_of(bench.db.engine())
    );
    for (name, file, more) in [
        ("tried out", &first, ["--dry-run"].as_slice()),
        ("row by row", &first, &["--rows"]),
        ("the same file again", &first, &["--rows"]),
        ("others, all or nothing", &second, &[]),
    ] {
        say(&format!("importing: {name}"));
        let used = of(file, more)?;
        writeln!(
            report,
            "| {name} | {:.2} | {:.2} | {:.2} | {:.0} |",
            used.seconds, used.cpu, used.database, used.peak
        )?;
    }
    report.push_str("\n(to reach: under 30 s)\n");
    Ok(report)
}

fn call(bench: &Bench, arguments: &[&str]) -> Result<Used, Failure> {
    let postmaster = bench.runtime.block_on(process::postmaster(&bench.db));
    let before = process::database_cpu(postmaster);
    let begun = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_rumbo"))
        .args(arguments)
        .args(["--profile", "production", "--database-url", &bench.url])
        .env("RUMBO__AUTH__SECRET", SECRET)
        .env("RUMBO__AUTH__REQUIRE_SECOND_FACTOR", "off")
        .stdout(Stdio::null())
        .spawn()?;
    let (mut cpu, mut peak) = (0.0, 0.0);
    let status = loop {
        if let Some(used) = process::used(child.id()) {
            (cpu, peak) = used;
        }
        match child.try_wait()? {
            Some(status) => break status,
            None => std::thread::sleep(EVERY),
        }
    };
    let seconds = begun.elapsed().as_secs_f64();
    if !status.success() {
        return Err(format!("the import ended with {status}").into());
    }
    Ok(Used {
        seconds,
        cpu: cpu / 1000.0,
        database: (process::database_cpu(postmaster) - before) / 1000.0,
        peak,
    })
}
