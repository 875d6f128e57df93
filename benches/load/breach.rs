//! The question after a breach: whose data did an account read in a period? Asked of very many recorded readings.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rumbo::clock::Clock;
use rumbo::domain::actor::Role;
use rumbo::domain::audit::Origin;
use rumbo::domain::id::{PersonId, RoleAssignmentId};
use rumbo::domain::{actor, audit};
use rumbo::store::access::{self, Record, Seen};
use rumbo::store::role;
use sea_orm::EntityTrait;
use serde_json::json;

use super::client::Connection;
use super::fill::{Kind, Size, id};
use super::operations::Writer;
use super::{Bench, Failure, SECRET, process, say};

const AUDIT: &str = include_str!("../../graphql/operations/audit.graphql");
/// The period, with everything in it.
const FROM: &str = "2020-01-01T00:00:00Z";
const UNTIL: &str = "2100-01-01T00:00:00Z";
/// The people of one reading: a page of enrolments.
const PEOPLE: u32 = 50;
/// Readings stored by one statement.
const BATCH: u32 = 500;

/// Records the readings of one account, then asks about them on the command line and in the API.
pub fn run(bench: &Bench, readings: u32) -> Result<String, Failure> {
    let reader = PersonId(id(Kind::Person, 0, Size::of(&bench.options).coordinator()));
    bench.runtime.block_on(record(bench, reader, readings))?;
    let (took, lines) = on_the_command_line(bench, reader)?;
    let server = process::Server::start(&bench.url)?;
    let question = question(bench, reader)?;
    let mut connection = Connection::open(server.address)?;
    let begun = Instant::now();
    let answer = String::from_utf8_lossy(connection.ask(&question)?).into_owned();
    let page = begun.elapsed();
    if !answer.contains("\"times\"") {
        return Err(format!("the API answers: {answer:.400}").into());
    }
    let seconds = |time: Duration| time.as_secs_f64();
    Ok(format!(
        "{readings} readings of {PEOPLE} people each, by one account, {}\n\n\
         | | s |\n|---|---:|\n| `rumbo admin audit accesses`, {} people listed | {:.2} |\n\
         | `accessOf`, a page of 100 | {:.2} |\n\n(to reach: under 60)\n",
        super::name_of(bench.db.engine()),
        lines - 1,
        seconds(took),
        seconds(page),
    ))
}

async fn record(bench: &Bench, reader: PersonId, readings: u32) -> Result<(), Failure> {
    if access::Entity::find().one(bench.db.read()).await?.is_some() {
        return Ok(());
    }
    say(&format!("recording {readings} readings"));
    let clock = Clock::System;
    let tx = bench.db.write().await?;
    let grant = actor::Grant {
        role: Role::Administrator,
        scope: actor::Scope::System,
    };
    let row = role::new_row(RoleAssignmentId(clock.new_id()), reader, grant, clock.now(), None);
    role::insert(&tx, row).await?;
    tx.commit().await?;
    let people = u32::try_from(bench.options.people)?;
    for first in (0..readings).step_by(usize::try_from(BATCH)?) {
        let records = (first..readings.min(first + BATCH)).map(|number| Record {
            reader: Some(reader),
            origin: Origin {
                via: audit::Via::Session,
                credential: None,
                request: Some(format!("req_{number}")),
            },
            operation: "EditionEnrolments".to_owned(),
            edition: None,
            reason: None,
            seen: vec![Seen {
                role: Role::Coordinator,
                fields: 7,
                people: (0..PEOPLE).map(|place| 1 + (number * 37 + place) % people).collect(),
            }],
        });
        let tx = bench.db.write().await?;
        access::insert(&tx, &clock, records.collect()).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// How long the command takes, and how many lines it prints.
fn on_the_command_line(bench: &Bench, reader: PersonId) -> Result<(Duration, usize), Failure> {
    say("asking on the command line");
    let begun = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_rumbo"))
        .args(["admin", "audit", "accesses", "--database-url", &bench.url])
        .args(["--actor", &reader.to_string()])
        .args(["--from", FROM, "--until", UNTIL])
        .env("RUMBO__AUTH__SECRET", SECRET)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("the command ended: {}", output.status).into());
    }
    Ok((begun.elapsed(), output.stdout.split(|byte| *byte == b'\n').count() - 1))
}

/// The request of an administrator for the first page.
fn question(bench: &Bench, reader: PersonId) -> Result<Vec<u8>, Failure> {
    let variables = json!({ "actorId": reader.to_string(), "from": FROM, "until": UNTIL, "first": 100 });
    let whose = Size::of(&bench.options).coordinator();
    let writer = bench.runtime.block_on(Writer::of(&bench.settings))?;
    writer.request(whose, (AUDIT, "AccessOf"), &variables)
}
