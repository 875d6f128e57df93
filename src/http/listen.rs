//! Connections: taken, given to the router, cut when they only trickle, ended when the server stops.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tower::ServiceExt as _;

/// How long nothing is taken after the machine ran out of files or memory.
const REST: Duration = Duration::from_secs(1);

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
                let (router, stop, open) = (router.clone(), stop.clone(), open.clone());
                tokio::spawn(async move {
                    attend(stream, peer, router, head, stop).await;
                    drop(open);
                });
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
async fn attend(stream: TcpStream, peer: SocketAddr, router: Router, head: Duration, mut stop: watch::Receiver<bool>) {
    if let Err(failure) = stream.set_nodelay(true) {
        tracing::debug!(error.chain = %failure, "the connection has gone");
        return;
    }
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
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
        () = stopped(&mut stop) => {
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
