//! What it costs to refuse each attack of the tests: processor time of the thread that does it, from the
//! request to the answer, without the network.
//!
//! ```text
//! cargo bench --bench refusals
//! ```
//!
//! Nothing is asserted; what is aimed at is 20 ms, and memory that does not grow. It reads Linux's own counts of the
//! thread's time and of resident memory, in which the bodies that this program itself holds are counted too.

use std::io::{self, Write};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use http_body_util::BodyExt;
use rumbo::app::App;
use rumbo::clock::Clock;
use rumbo::config::Settings;
use rumbo::http;
use rumbo::store::Db;
use tower::ServiceExt;

#[path = "../../tests/support/attacks.rs"]
mod attacks;

/// What ends the program: a text for a person.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How often each attack is made.
const TIMES: usize = 21;

fn main() -> Result<(), Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(measure())
}

async fn measure() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite://{}/refusals.sqlite", folder.path().display());
    let settings = Settings::load("test", None, &[("database.url", url)])?;
    Db::connect(&settings.database).await?.migrate().await?;
    let router = http::router(App::new(settings, Clock::System).await?, None);
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "| attack | bytes | median ms | worst ms | code |\n|---|---|---|---|---|"
    )?;
    let mut worst_of_all = 0.0_f64;
    let attacks = attacks::all();
    // The first one of all reads the schema, which is done once in the life of a process.
    for attack in &attacks {
        refuse(&router, attack).await?;
    }
    let before = resident("VmRSS:")?;
    for attack in &attacks {
        let mut costs = Vec::new();
        for _ in 0..TIMES {
            costs.push(refuse(&router, attack).await?);
        }
        costs.sort_by(f64::total_cmp);
        let (median, worst) = (costs[costs.len() / 2], costs[costs.len() - 1]);
        worst_of_all = worst_of_all.max(worst);
        writeln!(
            out,
            "| {} | {} | {median:.3} | {worst:.3} | {} |",
            attack.name,
            attack.body.len(),
            attack.code
        )?;
    }
    writeln!(out, "\nthe worst of all: {worst_of_all:.3} ms")?;
    writeln!(
        out,
        "resident memory: {before:.1} MiB after each attack once, {:.1} MiB after each {TIMES} times more, {:.1} MiB at most",
        resident("VmRSS:")?,
        resident("VmHWM:")?
    )?;
    Ok(())
}

/// Makes an attack; the milliseconds of this thread that it took.
async fn refuse(router: &Router, attack: &attacks::Attack) -> Result<f64, Failure> {
    let request = Request::post("/graphql")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/graphql-response+json")
        .header(header::CONTENT_LENGTH, attack.body.len())
        .body(Body::from(attack.body.clone()))?;
    let begun = spent()?;
    let response = router.clone().oneshot(request).await?;
    response.into_body().collect().await?;
    Ok(spent()? - begun)
}

/// A size from the operating system's account of this process, in MiB.
fn resident(line: &str) -> Result<f64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let size = status.lines().find_map(|text| text.strip_prefix(line));
    let kibibytes: f64 = size
        .and_then(|size| size.split_whitespace().next())
        .ok_or("the operating system does not say")?
        .parse()?;
    Ok(kibibytes / 1024.0)
}

/// The processor time of this thread so far, in milliseconds.
fn spent() -> Result<f64, Failure> {
    let counts = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: u64 = counts.split(' ').next().unwrap_or_default().parse()?;
    #[allow(
        clippy::cast_precision_loss,
        reason = "a program that runs for seconds stays far below 2^52 ns"
    )]
    Ok(nanoseconds as f64 / 1_000_000.0)
}
