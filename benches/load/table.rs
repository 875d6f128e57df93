//! The report: one Markdown table, and what the server needs to start and to be.

use std::fmt;
use std::time::Duration;

use rumbo::store::{Db, Engine};

use super::client::Driven;
use super::operations::{Operation, RawCost};
use super::{Options, name_of};

/// All that one run showed.
pub struct Report {
    title: String,
    sqlite: bool,
    rows: Vec<Row>,
    ready_after: Duration,
    at_rest: f64,
    under_load: f64,
    notes: Vec<String>,
}

struct Row {
    name: &'static str,
    reach: Option<f64>,
    driven: Driven,
    raw: RawCost,
}

impl Report {
    /// An empty one.
    pub fn new(db: &Db, options: &Options, ready_after: Duration, at_rest: f64) -> Self {
        let Options {
            enrolments,
            people,
            editions,
            courses,
            connections,
            seconds,
            ..
        } = options;
        let title = format!(
            "{}, {courses} courses, {editions} editions, {people} people, {enrolments} enrolments; \
             {connections} connections, {seconds} s an operation; limits by class switched off",
            name_of(db.engine())
        );
        let sqlite = db.engine() == Engine::Sqlite;
        Self {
            title,
            sqlite,
            rows: Vec::new(),
            ready_after,
            at_rest,
            under_load: 0.0,
            notes: Vec::new(),
        }
    }

    /// Adds what driving an operation showed.
    pub fn add(&mut self, operation: &Operation, driven: Driven, raw: RawCost) {
        self.rows.push(Row {
            name: operation.name,
            reach: operation.reach,
            driven,
            raw,
        });
    }

    /// Sets the most memory that the server took, in MiB.
    pub fn under_load(&mut self, memory: f64) {
        self.under_load = memory;
    }
}

/// Notes what the operations of a second report cost beside those of the first.
pub fn compare(report: &mut Report, more: &Report, before: i64, after: i64) {
    for row in &more.rows {
        let Some(first) = report.rows.iter().find(|other| other.name == row.name) else {
            continue;
        };
        let (once, again) = (first.driven.both(), row.driven.both());
        report.notes.push(format!(
            "{}: {once:.2} ms CPU at {before} enrolments, {again:.2} ms at {after}: {:.2} times (to reach: 1.3); raw SQL {:.0} ms and {:.0} ms",
            row.name,
            again / once,
            first.raw.cpu,
            row.raw.cpu,
        ));
    }
    report.notes.push(format!(
        "start to ready at {after} enrolments: {} ms",
        more.ready_after.as_millis()
    ));
}

impl Driven {
    /// CPU milliseconds of server and database.
    fn both(&self) -> f64 {
        self.server + self.database
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}\n", self.title)?;
        writeln!(
            out,
            "| operation | CPU ms | reach | of the server | of the database | requests/s | p50 ms | p99 ms | raw SQL, CPU ms | raw SQL, ms |"
        )?;
        writeln!(out, "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")?;
        for Row {
            name,
            reach,
            driven,
            raw,
        } in &self.rows
        {
            let reach = reach.map_or_else(String::new, |reach| format!("{reach}"));
            let database = if self.sqlite {
                "in the server".to_owned()
            } else {
                format!("{:.2}", driven.database)
            };
            writeln!(
                out,
                "| {name} | **{:.2}** | {reach} | {:.2} | {database} | {:.0} | {:.1} | {:.1} | {:.2} | {:.2} |",
                driven.both(),
                driven.server,
                driven.rate,
                driven.median,
                driven.p99,
                raw.cpu,
                raw.elapsed,
            )?;
        }
        writeln!(out, "\n| server | measured | reach |\n|---|---:|---:|")?;
        writeln!(
            out,
            "| start to ready on the filled database | {} ms | 300 ms |",
            self.ready_after.as_millis()
        )?;
        writeln!(out, "| resident memory at rest | {:.0} MiB | 60 MiB |", self.at_rest)?;
        writeln!(
            out,
            "| resident memory under load, at most | {:.0} MiB | 200 MiB |",
            self.under_load
        )?;
        for note in &self.notes {
            writeln!(out, "\n{note}")?;
        }
        Ok(())
    }
}
