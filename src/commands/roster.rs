//! `rumbo import people`, `rumbo import enrolments` and `rumbo import nominations`: a table, tried out or brought in.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::import::bar;
use super::outcome::{DONE, FAILED, Failure, Outcome as Ending, REFUSED, unless_gone};
use crate::api::error::{key, sentence};
use crate::app::App;
use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::InstitutionId;
use crate::domain::language::Language;
use crate::domain::list::Mode;
use crate::domain::roster::{Kind, Outcome, RowFault};
use crate::domain::sheet::{BYTES_MOST, Unreadable};
use crate::domain::text::{Email, ShortCode};
use crate::error::{Error, Flaw};
use crate::service::roster::{Answer, BrokeOff, Leash, Order, Report, run_on};
use crate::service::session::on_behalf;

/// What the rows of the file are.
#[derive(Debug, Subcommand)]
pub enum Table {
    /// Bring accounts in from a CSV or XLSX file.
    People(Common),
    /// Bring enrolments in from a CSV or XLSX file.
    Enrolments(Enrolments),
    /// Nominate the people of a CSV or XLSX file, in its order.
    Nominations(Nominations),
}

/// Which file, for whom, and how.
#[derive(Debug, Args)]
pub struct Common {
    /// The file: CSV in UTF-8 or UTF-16, or XLSX.
    file: PathBuf,
    /// The e-mail address of whoever brings it in: it is done by what they may, and written down as theirs.
    #[arg(long = "as", value_name = "EMAIL", value_parser = email)]
    by: Email,
    /// Only tell what would come of each row.
    #[arg(long)]
    dry_run: bool,
    /// Carry out every row that can be, and not all or nothing.
    #[arg(long, visible_alias = "row-by-row")]
    rows: bool,
    /// The language of new people whose row names none: es, en or pt.
    #[arg(long, default_value = "es", value_parser = language)]
    language: Language,
    /// How the report is written.
    #[arg(long, default_value = "table")]
    format: Format,
}

/// The same, of enrolments.
#[derive(Debug, Args)]
pub struct Enrolments {
    #[command(flatten)]
    common: Common,
    /// The code of the edition, where the file has no column for it.
    #[arg(long, value_parser = code)]
    edition: Option<ShortCode>,
    /// Tell nobody by mail, but for people whose account you do not see.
    #[arg(long)]
    silent: bool,
}

/// The same, of nominations.
#[derive(Debug, Args)]
pub struct Nominations {
    #[command(flatten)]
    common: Common,
    /// The code of the edition.
    #[arg(long, value_parser = code)]
    edition: ShortCode,
    /// The institution in whose name they are nominated, by its identifier (`ins_…`).
    #[arg(long, value_name = "ID", value_parser = institution)]
    institution: InstitutionId,
}

/// A file, and what is to be done with it.
struct Asked {
    file: PathBuf,
    by: Email,
    format: Format,
    order: Order,
}

impl Asked {
    fn of(table: Table) -> Self {
        let (kind, common, edition, institution, notify) = match table {
            Table::People(common) => (Kind::People, common, None, None, true),
            Table::Enrolments(of) => (Kind::Enrolments, of.common, of.edition, None, !of.silent),
            Table::Nominations(of) => {
                let (edition, institution) = (Some(of.edition), Some(of.institution));
                (Kind::Nominations, of.common, edition, institution, true)
            }
        };
        let mode = if common.rows {
            Mode::RowByRow
        } else {
            Mode::AllOrNothing
        };
        Self {
            file: common.file,
            by: common.by,
            format: common.format,
            order: Order {
                kind,
                edition,
                institution,
                mode,
                dry_run: common.dry_run,
                notify,
                language: common.language,
            },
        }
    }
}

/// How the report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Sums for people, and a line for each fault.
    Table,
    /// Everything, every row included.
    Json,
}

fn told(flaw: &Flaw) -> String {
    sentence(flaw.code, flaw.detail.as_deref(), Language::En)
}

fn email(text: &str) -> Result<Email, String> {
    Email::parse(text).map_err(|flaw| told(&flaw))
}

fn code(text: &str) -> Result<ShortCode, String> {
    ShortCode::parse(text).map_err(|flaw| told(&flaw))
}

fn institution(text: &str) -> Result<InstitutionId, String> {
    let wrong = |_| "this is no identifier of an institution (ins_…)".to_owned();
    text.parse().map_err(wrong)
}

fn language(text: &str) -> Result<Language, String> {
    Language::parse(text).map_err(|code| told(&code.into()))
}

/// Brings the file in and tells what came of it; the exit code is the one of a refusal when a row is refused, and of a
/// failure when it broke off, or `cancelled` was ready before the end. Faults go to `complaints`, one line each.
///
/// # Errors
/// [`Failure::Refused`] for a file, an address or an edition that is not there, and for somebody who may not.
pub async fn run(
    app: &App,
    table: Table,
    cancelled: impl Future<Output = ()>,
    out: &mut impl Write,
    complaints: &mut impl Write,
) -> Ending {
    let Asked {
        file: path,
        by,
        format,
        order,
    } = Asked::of(table);
    let name = path.display().to_string();
    let file = read(&path).map_err(|cause| Failure::Refused(format!("{name}: {cause}")))?;
    let actor = on_behalf(app, &by).await.map_err(|failure| refusal(failure, None))?;
    let bar = bar();
    let hear = |done: usize, total: usize| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    };
    let stop = AtomicBool::new(false);
    let leash = Leash {
        stop: &stop,
        held: None,
    };
    let work = Box::pin(run_on(app, &actor, &file, &order, leash, hear));
    let answer = until(cancelled, &stop, work).await;
    bar.finish_and_clear();
    let answer = answer.map_err(|failure| refusal(failure, order.edition.as_ref()))?;
    let code = ending(&answer);
    let written = match format {
        Format::Json => write_json(&answer, out),
        Format::Table => write_table(&name, &answer, &order, out, complaints),
    };
    unless_gone(written).map_err(Error::internal)?;
    Ok(code)
}

/// The exit code.
fn ending(answer: &Answer) -> u8 {
    match answer {
        Answer::Report(report) if report.broke_off.is_some() => FAILED,
        Answer::Report(report) if report.count(Outcome::Refused) == 0 => DONE,
        Answer::Report(_) | Answer::Unreadable(_) => REFUSED,
    }
}

/// What comes of the work, to which it is said to stop when `cancelled` is ready first.
async fn until<T>(
    cancelled: impl Future<Output = ()>,
    stop: &AtomicBool,
    mut work: impl Future<Output = T> + Unpin,
) -> T {
    tokio::select! {
        biased;
        () = cancelled => {}
        done = &mut work => return done,
    }
    stop.store(true, Ordering::Relaxed);
    work.await
}

/// What whoever runs the command can put right.
fn refusal(failure: Error, edition: Option<&ShortCode>) -> Failure {
    match failure {
        Error::NotFound("as") => Failure::Refused("--as: nobody with this address can sign in".to_owned()),
        Error::NotFound("edition") => {
            let code = edition.map_or("", AsRef::as_ref);
            Failure::Refused(format!("--edition: there is no edition with the code {code:?}"))
        }
        Error::NotFound("institution") => {
            Failure::Refused("--institution: there is no institution with this identifier".to_owned())
        }
        Error::Forbidden => Failure::Refused("--as: this person may not bring such a file in".to_owned()),
        Error::SecondFactorRequired => {
            Failure::Refused("--as: the roles of this person wait for a second factor".to_owned())
        }
        other => other.into(),
    }
}

/// The file, if it is not longer than any may be.
fn read(path: &PathBuf) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = BYTES_MOST as u64 + 1;
    std::fs::File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

const COUNTED: [Outcome; 4] = [Outcome::Created, Outcome::Updated, Outcome::Unchanged, Outcome::Refused];

fn write_table(
    name: &str,
    answer: &Answer,
    order: &Order,
    out: &mut impl Write,
    complaints: &mut impl Write,
) -> io::Result<()> {
    let report = match answer {
        Answer::Report(report) => report,
        Answer::Unreadable(fault) => return write_unreadable(name, fault, complaints),
    };
    for row in &report.rows {
        for fault in &row.faults {
            writeln!(complaints, "{name}:{}: {}", row.line, plain(&fault_line(fault)))?;
        }
    }
    writeln!(out, "{name} ({})", report.form.name())?;
    for outcome in COUNTED {
        writeln!(out, "{:<10}{:>8}", outcome.word(), report.count(outcome))?;
    }
    if !report.ignored.is_empty() {
        writeln!(
            out,
            "columns that say nothing that is kept: {}",
            plain(&report.ignored.join(", "))
        )?;
    }
    if let Some(broken) = &report.broke_off {
        write_broken(name, broken, complaints)?;
    }
    let ending = match (report.carried_out, order.dry_run) {
        (true, _) => return Ok(()),
        (false, true) => "this is what would come of it; nothing was imported",
        (false, false) => "nothing was imported",
    };
    writeln!(out, "{ending}")
}

fn write_unreadable(name: &str, fault: &Unreadable, complaints: &mut impl Write) -> io::Result<()> {
    write!(complaints, "{name}:")?;
    if let Some(line) = fault.line {
        write!(complaints, "{line}:")?;
    }
    if let Some(column) = &fault.column {
        write!(complaints, " {}:", plain(column))?;
    }
    writeln!(complaints, " {}", plain(&told(&fault.flaw)))?;
    writeln!(complaints, "nothing was imported")
}

fn write_broken(name: &str, broken: &BrokeOff, complaints: &mut impl Write) -> io::Result<()> {
    if broken.is_cancelled {
        writeln!(complaints, "{name}: {}", broken.cause)?;
    } else {
        writeln!(complaints, "{name}: it broke off: {}", broken.cause)?;
    }
    let left = broken.left;
    writeln!(
        complaints,
        "{left} rows were not reached; the same file goes on from there"
    )
}

/// A text of the file as a terminal may show it: what would steer the terminal, or turn the text, is written out.
fn plain(text: &str) -> String {
    let steers = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
    };
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if steers(letter) {
            shown.extend(letter.escape_unicode());
        } else {
            shown.push(letter);
        }
    }
    shown
}

fn fault_line(fault: &RowFault) -> String {
    let text = sentence(fault.code, fault.detail.as_deref(), Language::En);
    match &fault.column {
        Some(column) => format!("{column}: {text}"),
        None => text,
    }
}

fn write_json(answer: &Answer, out: &mut impl Write) -> io::Result<()> {
    let value = match answer {
        Answer::Report(report) => report_json(report),
        Answer::Unreadable(Unreadable { line, column, flaw }) => json!({
            "unreadable": {
                "line": line,
                "column": column,
                "code": key(flaw.code),
                "detail": flaw.detail,
                "message": told(flaw),
            }
        }),
    };
    serde_json::to_writer_pretty(&mut *out, &value)?;
    writeln!(out)
}

fn report_json(report: &Report) -> serde_json::Value {
    let fault = |fault: &RowFault| {
        json!({
            "column": fault.column,
            "code": key(fault.code),
            "detail": fault.detail,
            "message": sentence(fault.code, fault.detail.as_deref(), Language::En),
        })
    };
    let rows = report.rows.iter().map(|row| {
        json!({
            "line": row.line,
            "outcome": row.outcome.word(),
            "state": row.state.map(EnrolmentState::word),
            "faults": row.faults.iter().map(fault).collect::<Vec<_>>(),
        })
    });
    let counts = COUNTED.map(|outcome| (outcome.word().to_owned(), json!(report.count(outcome))));
    json!({
        "form": report.form.name(),
        "carriedOut": report.carried_out,
        "counts": serde_json::Map::from_iter(counts),
        "brokeOff": report.broke_off.as_ref().map(|broken| json!({
            "cause": broken.cause, "cancelled": broken.is_cancelled, "left": broken.left,
        })),
        "ignoredColumns": report.ignored,
        "rows": rows.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sheet::Form;

    #[tokio::test]
    async fn who_says_stop_is_heard_and_the_work_tells_how_far_it_came() {
        let stop = AtomicBool::new(false);
        let work = || Box::pin(async { stop.load(Ordering::Relaxed) });
        assert!(!until(std::future::pending(), &stop, work()).await);
        assert!(until(std::future::ready(()), &stop, work()).await);
    }

    #[test]
    fn what_was_cancelled_says_so_and_how_much_is_left() {
        let answer = Answer::Report(Report {
            form: Form::Workbook,
            ignored: Vec::new(),
            carried_out: false,
            broke_off: Some(BrokeOff {
                cause: "it was cancelled".to_owned(),
                is_forbidden: false,
                is_cancelled: true,
                left: 7,
            }),
            rows: Vec::new(),
        });
        let order = Order {
            kind: Kind::People,
            edition: None,
            institution: None,
            mode: Mode::AllOrNothing,
            dry_run: false,
            notify: true,
            language: Language::Es,
        };
        let (mut out, mut complaints) = (Vec::new(), Vec::new());
        write_table("list.xlsx", &answer, &order, &mut out, &mut complaints).expect("memory");
        assert_eq!(
            String::from_utf8(complaints).expect("text"),
            "list.xlsx: it was cancelled\n7 rows were not reached; the same file goes on from there\n"
        );
        assert!(
            String::from_utf8(out)
                .expect("text")
                .ends_with("\nnothing was imported\n")
        );
        assert_eq!(ending(&answer), FAILED);
        let mut json = Vec::new();
        write_json(&answer, &mut json).expect("memory");
        let told: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
        assert_eq!(
            told["brokeOff"],
            json!({ "cause": "it was cancelled", "cancelled": true, "left": 7 })
        );
    }

    #[test]
    fn a_file_does_not_steer_the_terminal() {
        assert_eq!(
            plain("Añ\u{1B}[2Jo\u{202E}x\r\n"),
            "Añ\\u{1b}[2Jo\\u{202e}x\\u{d}\\u{a}"
        );
        assert_eq!(
            plain("profile_field_shoe size, ñandú €"),
            "profile_field_shoe size, ñandú €"
        );
    }
}
