//! Connections: taken, given to the router, cut when they only trickle, ended when the server stops.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::extract::Request;
use axum::http::header;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tower::ServiceExt as _;

use super::patient::Patient;
use crate::config::Load;

/// How long a client is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For the head of a request, counted from when it connects or from its last answer.
    pub head: Duration,
    /// For taking something of what is sent to it.
    pub unread: Duration,
}

impl Patience {
    /// As the settings say.
    pub const fn from_settings(settings: &Load) -> Self {
        Self {
            head: Duration::from_secs(settings.head_seconds),
            unread: Duration::from_secs(settings.unread_seconds),
        }
    }
}

/// How long nothing is taken after the machine ran out of files or memory.
const REST: Duration = Duration::from_secs(1);

/// For a connection that has become a socket: tells when the server stops, which then waits until this is dropped.
#[derive(Debug, Clone)]
pub struct Stop {
    told: watch::Receiver<bool>,
    _open: mpsc::Sender<Infallible>,
}

impl Stop {
    /// Done when the server stops.
    pub async fn told(&mut self) {
        stopped(&mut self.told).await;
    }
}

/// Takes connections until `stop` is true, and returns when the last of them has ended.
///
/// A client that is waited for longer than that loses its connection, and what was to be sent is let go of.
pub async fn serve(listener: TcpListener, router: Router, patience: Patience, mut stop: watch::Receiver<bool>) {
    // Nothing is ever sent: the receiver learns that every connection has dropped its sender.
    let (open, mut all_closed) = mpsc::channel::<Infallible>(1);
    loop {
        let taken = tokio::select! {
            taken = listener.accept() => taken,
            () = stopped(&mut stop) => break,
        };
        match taken {
            Ok((stream, peer)) => {
                let stop = Stop {
                    told: stop.clone(),
                    _open: open.clone(),
                };
                tokio::spawn(attend(stream, peer, router.clone(), patience, stop));
            }
            Err(failure) if is_of_client(&failure) => {}
            Err(failure) => {
                tracing::error!(error.chain = %failure, "no connection can be taken");
                tokio::time::sleep(REST).await;
            }
        }
    }
    drop((listener, open));
    while all_closed.recv().await.is_some() {}
}

/// Answers the requests of one connection.
async fn attend(stream: TcpStream, peer: SocketAddr, router: Router, patience: Patience, mut stop: Stop) {
    if let Err(failure) = stream.set_nodelay(true) {
        tracing::debug!(error.chain = %failure, "the connection has gone");
        return;
    }
    let of_sockets = stop.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        if request.headers().contains_key(header::UPGRADE) {
            request.extensions_mut().insert(of_sockets.clone());
        }
        router.clone().oneshot(request.map(axum::body::Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience.head)
        .serve_connection(TokioIo::new(Patient::new(stream, patience.unread)), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.told() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(failure) = ended {
        tracing::debug!(error.chain = %failure, "a connection broke");
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // The sender lives as long as the server; if it is gone, it is time to stop as well.
    if stop.wait_for(|stop| *stop).await.is_err() {
        tracing::debug!("nobody is left to say stop");
    }
}

fn is_of_client(failure: &io::Error) -> bool {
    matches!(
        failure.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::timeout;

    use super::*;

    /// More than the two ends of a connection keep for each other.
    const MUCH: usize = 64 << 20;

    #[tokio::test]
    async fn who_does_not_read_an_answer_does_not_keep_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, told) = watch::channel(false);
        let router = Router::new().route("/", get(|| async { vec![0_u8; MUCH] }));
        let patience = Patience {
            head: Duration::from_mins(1),
            unread: Duration::from_millis(100),
        };
        let served = tokio::spawn(serve(listener, router, patience, told));
        let mut caller = TcpStream::connect(address).await.expect("a connection");
        let request = b"GET / HTTP/1.1\r\nhost: rumbo\r\n\r\n";
        caller.write_all(request).await.expect("a request");
        assert_eq!(caller.read_u8().await.expect("an answer begins"), b'H');
        // It ends when the last connection has ended, and waits for those that are still being answered.
        stop.send_replace(true);
        let ended = timeout(Duration::from_secs(20), served).await;
        ended.expect("the connection has ended").expect("no panic");
        drop(caller);
    }
}
