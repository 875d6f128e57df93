//! A storm of sign-ins beside ordinary queries: how much slower these become.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::client::Connection;
use super::operations::Operation;
use super::{Failure, Options};

/// Sign-ins that begin in a second, whatever became of those before.
const SIGN_INS: u32 = 200;
/// Ordinary queries that begin in a second: less than the server can take, so that they wait for the storm alone.
const QUERIES: u32 = 100;
/// Connections for the queries.
const ASKING: u32 = 8;

/// Asks ordinary queries for a while without the storm and for as long within it, and tells both.
pub fn run(address: SocketAddr, operation: &Operation, options: &Options) -> Result<String, Failure> {
    let time = Duration::from_secs(options.seconds.max(5));
    super::say("storm: the queries alone");
    let next = AtomicUsize::new(0);
    ask(address, operation, &next, time / 5)?;
    let quiet = ask(address, operation, &next, time)?;
    super::say("storm: the queries among sign-ins");
    let over = AtomicBool::new(false);
    let (within, signed) = std::thread::scope(|scope| {
        let storm: Vec<_> = (0..SIGN_INS)
            .map(|number| {
                scope.spawn({
                    let over = &over;
                    move || keep_signing_in(address, number, over)
                })
            })
            .collect();
        let within = ask(address, operation, &next, time / 5).and_then(|_| ask(address, operation, &next, time));
        over.store(true, Ordering::Relaxed);
        let mut signed = (0, 0);
        for thread in storm {
            let (answered, refused) = thread.join().map_err(|_| "a connection was lost")??;
            signed = (signed.0 + answered, signed.1 + refused);
        }
        Ok::<_, Failure>((within?, signed))
    })?;
    let p95 = |times: &[Duration]| {
        let place = (times.len() * 95 / 100).min(times.len().saturating_sub(1));
        times.get(place).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
    };
    let (alone, among) = (p95(&quiet), p95(&within));
    Ok(format!(
        "{}: {QUERIES} queries a second, limits by class switched off\n\n\
         | | queries | p95 ms |\n|---|---:|---:|\n| alone | {} | {alone:.1} |\n\
         | beside {SIGN_INS} sign-ins a second ({} answered, {} refused) | {} | {among:.1} |\n\n\
         {:.2} times (to reach: under 2)\n",
        operation.name,
        quiet.len(),
        signed.0,
        signed.1,
        within.len(),
        among / alone,
    ))
}

/// The times, sorted, of queries that begin at a steady rate.
fn ask(
    address: SocketAddr,
    operation: &Operation,
    next: &AtomicUsize,
    time: Duration,
) -> Result<Vec<Duration>, Failure> {
    let pause = Duration::from_secs(1) * ASKING / QUERIES;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..ASKING)
            .map(|number| {
                scope.spawn(move || {
                    let mut connection = Connection::open(address)?;
                    let mut times = Vec::new();
                    let mut due = Instant::now() + pause * number / ASKING;
                    let until = due + time;
                    while due < until {
                        std::thread::sleep(due.saturating_duration_since(Instant::now()));
                        let request = operation.request(next.fetch_add(1, Ordering::Relaxed));
                        let request = request.ok_or("there is nothing left to ask")?;
                        connection.ask(request)?;
                        // From when it was due: a query that had to wait for the one before counts its wait.
                        times.push(due.elapsed());
                        due += pause;
                    }
                    Ok::<_, Failure>(times)
                })
            })
            .collect();
        let mut times = Vec::new();
        for thread in threads {
            times.extend(thread.join().map_err(|_| "a connection was lost")??);
        }
        times.sort_unstable();
        Ok(times)
    })
}

/// Signs in wrongly once a second; how many were answered, and how many sent away.
fn keep_signing_in(address: SocketAddr, number: u32, over: &AtomicBool) -> Result<(u32, u32), Failure> {
    let document = "mutation ($email: String!) { signIn(input: { email: $email, password: \"no password at all\" }) { userErrors { code } } }";
    let variables = json!({ "email": format!("storm{number}@example.org") });
    let body = json!({ "query": document, "variables": variables }).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut connection = Connection::open(address)?;
    let mut due = Instant::now() + Duration::from_secs(1) * number / SIGN_INS;
    let mut count = (0, 0);
    while !over.load(Ordering::Relaxed) {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let answer = String::from_utf8_lossy(connection.ask(request.as_bytes())?).into_owned();
        if answer.contains("INVALID_CREDENTIALS") {
            count.0 += 1;
        } else {
            count.1 += 1;
        }
        due += Duration::from_secs(1);
    }
    Ok(count)
}
