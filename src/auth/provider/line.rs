//! How a provider is asked: one request at a time, without redirects, and with an answer of limited size. The time is
//! that of the whole conversation, which whoever begins one keeps.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use openidconnect::url::{Host, Url};
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use rustls::crypto::aws_lc_rs;

use crate::error::{Error, Result};

/// The largest answer: descriptions and lists of keys have some tens of kilobytes.
const LARGEST: usize = 256 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Silence {
    /// The address is not one that may be asked.
    #[error("the address is neither https nor, where that is allowed, of this machine: {0}")]
    Insecure(String),
    /// It took too long.
    #[error("no answer in time")]
    TooSlow,
    /// Nobody is there, or not somebody with a good certificate.
    #[error("the provider cannot be reached")]
    Unreachable(#[source] hyper_util::client::legacy::Error),
    /// The answer broke off, or is too large.
    #[error("the answer cannot be read")]
    Unreadable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The way to the providers; cheap to clone.
#[derive(Clone)]
pub(super) struct Line {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    patience: Duration,
    loopback: bool,
}

impl Line {
    /// With the certificate authorities of browsers; a conversation takes `patience` at most, and `loopback` also
    /// allows this machine itself without TLS.
    pub(super) fn new(patience: Duration, loopback: bool) -> Result<Self> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(Arc::new(aws_lc_rs::default_provider()))
            .map_err(Error::internal)?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            patience,
            loopback,
        })
    }

    /// How long a conversation may take, from the first question to the last answer.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// Whether this address may be asked, and people sent there.
    pub(super) fn allows(&self, url: &Url) -> bool {
        let here = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
            Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        url.scheme() == "https" && url.host().is_some() || url.scheme() == "http" && self.loopback && here
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Silence> {
        let address = request.uri().to_string();
        if !Url::parse(&address).is_ok_and(|url| self.allows(&url)) {
            return Err(Silence::Insecure(address));
        }
        let answer = self.client.request(request.map(Full::from)).await;
        let (head, body) = answer.map_err(Silence::Unreachable)?.into_parts();
        let body = Limited::new(body, LARGEST).collect().await;
        let body = body.map_err(Silence::Unreadable)?.to_bytes().to_vec();
        Ok(HttpResponse::from_parts(head, body))
    }
}

impl<'c> AsyncHttpClient<'c> for Line {
    type Error = Silence;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Silence>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_is_asked_and_this_machine_where_that_is_allowed() {
        let allowed = |loopback: bool, url: &str| {
            let line = Line::new(Duration::from_secs(5), loopback).expect("a line");
            line.allows(&Url::parse(url).expect("a URL"))
        };
        assert!(allowed(false, "https://login.example.org/a"));
        for here in ["http://127.0.0.1:9000", "http://[::1]:9000", "http://localhost:9000"] {
            assert!(allowed(true, here), "{here}");
            assert!(!allowed(false, here), "{here}");
        }
        for never in [
            "http://login.example.org",
            "http://127.0.0.1.example.org",
            "http://10.0.0.1",
            "file:///etc/passwd",
            "ftp://127.0.0.1",
        ] {
            assert!(!allowed(true, never), "{never}");
        }
    }
}
