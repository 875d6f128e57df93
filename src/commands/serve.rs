//! `rumbo serve`: the HTTP server and the worker beside it, until somebody says stop.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::api;
use crate::app::App;
use crate::clock::Clock;
use crate::config::{ConfigError, Settings};
use crate::error::{Error, Result};
use crate::http;
use crate::http::start::StartPage;
use crate::mail::Mailer;
use crate::service::identity::roles;
use crate::service::signing_key;
use crate::store::rate;
use crate::worker::{Worker, imports};

/// Checks the settings, opens the database and the address, and serves until somebody says stop.
pub async fn start(settings: Settings) -> Result<()> {
    settings.validate()?;
    let listener = listen(&settings.http.listen).await?;
    let start = settings.http.start_page.then(StartPage::default);
    let app = App::open(settings, Clock::System).await?;
    signing_key::prepare(&app).await?;
    tracing::info!(http.listen = %app.settings.http.listen, database.engine = ?app.db.engine(), "serving");
    run(app, listener, start, asked_to_stop()?).await
}

/// Takes an address.
///
/// # Errors
/// [`ConfigError`] for what is no address; any other failure, such as one that another process has, with the address.
pub async fn listen(address: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|cause| match cause.kind() {
        ErrorKind::InvalidInput => {
            ConfigError::invalid("http.listen", "no address with a port, such as 127.0.0.1:8080").into()
        }
        _ => Error::internal(format!("cannot listen on {address}: {cause}")),
    })
}

/// Serves until `stop` is done, then lets running requests and the batch of messages in hand end.
pub async fn run(
    app: App,
    listener: TcpListener,
    start: Option<StartPage>,
    stop: impl Future<Output = ()>,
) -> Result<()> {
    let unlisted = api::unlisted(&api::sdl());
    if !unlisted.is_empty() {
        return Err(Error::internal(format!("no policy names {}", unlisted.join(", "))));
    }
    let ended = roles::end_without_a_rule(&app).await?;
    if ended > 0 {
        tracing::warn!(
            roles = ended,
            "roles of identity providers for which the settings have no rule any more were ended"
        );
    }
    let (tell, told) = watch::channel(false);
    let worker = Worker {
        db: app.db.clone(),
        clock: app.clock.clone(),
        mailer: Mailer::from_settings(&app.settings.mail).map_err(Error::internal)?,
        settings: app.settings.mail.clone(),
        retention: app.settings.retention,
        public_url: app.settings.http.public_url.clone(),
        vault: app.vault.clone(),
        wake: app.outbox.clone(),
    };
    let worker = tokio::spawn(worker.run(stopped(told.clone())));
    let imports = tokio::spawn(imports::run(app.clone(), stopped(told.clone())));
    let exchange = tokio::spawn(exchange(app.clone(), told.clone()));
    let patience = Duration::from_secs(app.settings.http.stop_seconds);
    let of_clients = http::listen::Patience::from_settings(&app.settings.load);
    let db = app.db.clone();
    let router = http::router(app, start);
    let server = tokio::spawn(http::listen::serve(listener, router, of_clients, told));
    stop.await;
    tracing::info!("stopping");
    tell.send_replace(true);
    let both_ended = async {
        server.await.map_err(Error::internal)?;
        exchange.await.map_err(Error::internal)?;
        imports.await.map_err(Error::internal)?;
        worker.await.map_err(Error::internal)
    };
    if let Ok(ended) = tokio::time::timeout(patience, both_ended).await {
        ended?;
    } else {
        tracing::warn!("some requests did not end in time");
    }
    db.close().await
}

/// How often copies of Rumbo tell each other what was asked for.
const EXCHANGE_EVERY: Duration = Duration::from_secs(1);
/// How often buckets that have filled up again are removed from the database, in exchanges.
const FORGET_EVERY: u64 = 60;

/// Keeps the buckets of the limits small and, between copies on PostgreSQL, alike.
async fn exchange(app: App, told: watch::Receiver<bool>) {
    let stop = stopped(told);
    tokio::pin!(stop);
    let mut ticks = tokio::time::interval(EXCHANGE_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for count in 0_u64.. {
        tokio::select! {
            () = &mut stop => return,
            _ = ticks.tick() => {}
        }
        let now = app.clock.now().timestamp_micros();
        let mut done = app.rates.exchange(&app.db, now).await;
        if done.is_ok() && count % FORGET_EVERY == 0 {
            done = rate::forget_full(&app.db, now).await;
        }
        if let Err(failure) = done {
            tracing::warn!(error.chain = %failure, "the limits could not be told to the other copies, or full buckets not be removed");
        }
    }
}

async fn stopped(mut told: watch::Receiver<bool>) {
    // The sender lives as long as the server; if it is gone, it is time to stop as well.
    if told.wait_for(|stop| *stop).await.is_err() {
        tracing::debug!("nobody is left to say stop");
    }
}

/// Done when the process is asked to end (SIGINT or SIGTERM). It is heard from the call on, whenever it is waited for.
///
/// # Errors
/// Where the system gives no way to hear it.
pub fn asked_to_stop() -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::internal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::internal)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
