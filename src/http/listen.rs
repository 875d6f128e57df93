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
/// A client has `head` to send the head of a request, counted from when it connects or from its last answer;
/// after that the connection is closed.
pub async fn serve(listener: TcpListener, router: Router, head: Duration, mut stop: watch::Receiver<bool>) {
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
                tokio::spawn(attend(stream, peer, router.clone(), head, stop));
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
async fn attend(stream: TcpStream, peer: SocketAddr, router: Router, head: Duration, mut stop: Stop) {
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
        .header_read_timeout(head)
        .serve_connection(TokioIo::new(stream), service)
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
