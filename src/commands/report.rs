//! `rumbo report editions`: the table of the annual report, as text, CSV or JSON.

use std::fmt::Write as _;
use std::io::Write;

use chrono::{DateTime, NaiveDate, Utc};
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::id::EditionId;
use crate::domain::statistics::{Dimension, Filter, Measure, Period, PeriodRule};
use crate::error::{Error, Result};
use crate::service::statistics::{Answer, Question, Row, ask};
use crate::store::edition;
use crate::store::statistics::{Figure, Part};

/// Which report.
#[derive(Debug, Subcommand)]
pub enum Report {
    /// The editions of a period, one line each, and their total.
    Editions(Editions),
}

/// The editions of which period, and as at when.
#[derive(Debug, Args)]
pub struct Editions {
    /// First day of the period.
    #[arg(long)]
    from: NaiveDate,
    /// Last day of the period.
    #[arg(long)]
    to: NaiveDate,
    /// Which editions the period means.
    #[arg(long)]
    rule: Rule,
    /// An earlier instant (RFC 3339), to get the figures as they then were.
    #[arg(long)]
    as_at: Option<DateTime<Utc>>,
    /// How the table is written.
    #[arg(long, default_value = "table")]
    format: Format,
}

/// How the table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned columns for people.
    Table,
    /// RFC 4180.
    Csv,
    /// A list of objects.
    Json,
}

/// Which editions a period means, on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Rule {
    /// Those that started in it.
    Started,
    /// Those that ended in it.
    Ended,
    /// Those that overlapped it.
    Overlapped,
}

impl From<Rule> for PeriodRule {
    fn from(rule: Rule) -> Self {
        match rule {
            Rule::Started => Self::Started,
            Rule::Ended => Self::Ended,
            Rule::Overlapped => Self::Overlapped,
        }
    }
}

/// One line of the table: an edition, or `TOTAL`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "`Measure::rule` says what each figure counts")]
pub struct Line {
    pub code: String,
    pub participants: i64,
    pub enrolments: i64,
    pub women: i64,
    pub men: i64,
    pub another: i64,
    pub not_stated: i64,
    pub institutions: i64,
    pub countries: i64,
    pub completed: i64,
    pub withdrawn: i64,
    pub submitted: i64,
}

/// The columns of the table, in their order.
pub const COLUMNS: [&str; 12] = [
    "code",
    "participants",
    "enrolments",
    "women",
    "men",
    "another",
    "not_stated",
    "institutions",
    "countries",
    "completed",
    "withdrawn",
    "submitted",
];

impl Line {
    fn of(code: String, row: &Row) -> Self {
        let figures = row.figures;
        Self {
            code,
            participants: row.participants,
            enrolments: figures.enrolments,
            women: figures.women,
            men: figures.men,
            another: figures.another,
            not_stated: figures.not_stated,
            institutions: row.institutions,
            countries: row.countries,
            completed: figures.completed,
            withdrawn: figures.withdrawn,
            submitted: figures.submitted,
        }
    }

    fn cells(&self) -> [String; 12] {
        let figures = [
            self.participants,
            self.enrolments,
            self.women,
            self.men,
            self.another,
            self.not_stated,
            self.institutions,
            self.countries,
            self.completed,
            self.withdrawn,
            self.submitted,
        ];
        let mut cells = std::array::from_fn(|_| String::new());
        cells[0].clone_from(&self.code);
        for (cell, figure) in cells[1..].iter_mut().zip(figures) {
            *cell = figure.to_string();
        }
        cells
    }
}

/// The lines of the editions of a period, by first day, and the line `TOTAL`.
pub async fn lines(app: &App, actor: &Actor, period: Period, as_at: Option<DateTime<Utc>>) -> Result<Vec<Line>> {
    use Figure::{Another, Completed, Enrolments, Men, NotStated, Submitted, Withdrawn, Women};
    let question = Question {
        by: vec![Dimension::Edition],
        filter: Filter {
            period: Some(period),
            ..Filter::default()
        },
        as_at,
        figures: vec![
            Enrolments, Women, Men, Another, NotStated, Completed, Withdrawn, Submitted,
        ],
        measures: [Measure::Participants, Measure::Institutions, Measure::Countries].into(),
    };
    let Answer { rows, total, .. } = ask(app, actor, &question).await?;
    let ids: Vec<EditionId> = rows.iter().filter_map(edition_of).collect();
    let editions = edition::by_ids(app.db.read(), &ids).await?;
    let code = |row: &Row| {
        let found = editions.iter().find(|edition| Some(edition.id) == edition_of(row));
        found.map(|edition| edition.code.clone()).unwrap_or_default()
    };
    let mut lines: Vec<Line> = rows.iter().map(|row| Line::of(code(row), row)).collect();
    lines.push(Line::of("TOTAL".to_owned(), &total));
    Ok(lines)
}

fn edition_of(row: &Row) -> Option<EditionId> {
    match row.key.first() {
        Some(Part::Id(id)) => Some(EditionId(*id)),
        _ => None,
    }
}

/// Writes the table of a period.
pub async fn run(app: &App, what: Report, out: &mut impl Write) -> Result<()> {
    let Report::Editions(asked) = what;
    let period = Period {
        from: asked.from,
        to: asked.to,
        rule: asked.rule.into(),
    };
    let lines = lines(app, &Actor::operator(), period, asked.as_at).await?;
    match asked.format {
        Format::Table => write_table(&lines, out),
        Format::Csv => write_csv(&lines, out),
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, &lines).map_err(Error::internal)?;
            writeln!(out).map_err(Error::internal)
        }
    }
}

fn write_csv(lines: &[Line], out: &mut impl Write) -> Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(COLUMNS).map_err(Error::internal)?;
    for line in lines {
        writer.write_record(line.cells()).map_err(Error::internal)?;
    }
    writer.flush().map_err(Error::internal)
}

/// Writes the lines as aligned columns.
pub fn write_table(lines: &[Line], out: &mut impl Write) -> Result<()> {
    let mut rows = vec![COLUMNS.map(ToOwned::to_owned)];
    rows.extend(lines.iter().map(Line::cells));
    let widths: Vec<usize> = (0..COLUMNS.len())
        .map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or_default())
        .collect();
    for row in &rows {
        let mut text = format!("{:<width$}", row[0], width = widths[0]);
        for (cell, width) in row.iter().zip(&widths).skip(1) {
            write!(text, "  {cell:>width$}").map_err(Error::internal)?;
        }
        writeln!(out, "{text}").map_err(Error::internal)?;
    }
    Ok(())
}
