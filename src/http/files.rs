//! Files by their links. A link stands in the query, which no log line has; it opens nothing without the credentials of
//! whom it was made for, and whatever is wrong with it, the answer is the same.

use std::net::IpAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use futures_util::future::BoxFuture;
use futures_util::stream;

use super::body::{Unread, whole};
use super::door::Door;
use super::{Shared, address, auth, execute, limit, request_id, seconds_to_wait};
use crate::api::error::key;
use crate::api::export::Taking;
use crate::app::App;
use crate::auth::token::Bearer;
use crate::domain::actor::Actor;
use crate::domain::audit::Origin;
use crate::domain::export::Format;
use crate::domain::id::PersonId;
use crate::domain::sheet::BYTES_MOST;
use crate::error::{Code, Error, Fault, Result};
use crate::service::audit;
use crate::service::export::{self, Export, Opened};
use crate::service::roster::job;
use crate::service::session;

pub use crate::api::export::PATH;

/// How long a file may take to come.
const LONGEST: Duration = Duration::from_mins(1);
/// A page of ours must not become of it, whatever is in it.
const POLICY: &str = "sandbox; default-src 'none'; frame-ancestors 'none'";

/// The endpoint. HEAD would be a download of which nobody sees anything.
pub fn endpoint() -> MethodRouter<Shared> {
    get(download)
        .put(upload)
        .head(async || (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET,PUT")]))
}

/// What is fetched.
enum Fetched {
    Enrolments(Box<Export>),
    List(Box<Taking>),
}

impl Fetched {
    fn of(opened: Opened, actor: &Actor) -> Result<Self> {
        match opened {
            Opened::Enrolments(export) => Ok(Self::Enrolments(export)),
            Opened::List(selection, reason) => Ok(Self::List(Box::new(Taking::of(actor, selection, reason)?))),
        }
    }

    /// Goes on with what the same person may by now.
    fn renew(&mut self, actor: Actor) -> Result<()> {
        match self {
            Self::Enrolments(export) => export.renew(actor),
            Self::List(list) => {
                list.renew(actor);
                Ok(())
            }
        }
    }

    fn format(&self) -> Format {
        match self {
            Self::Enrolments(_) => Format::Csv,
            Self::List(list) => list.format(),
        }
    }

    fn file_name(&self) -> String {
        match self {
            Self::Enrolments(export) => file_name("enrolments-", export.code().unwrap_or("all"), Format::Csv),
            Self::List(list) => file_name("", list.list().word(), list.format()),
        }
    }
}

/// Who fetches a file.
struct Fetcher {
    actor: Actor,
    headers: HeaderMap,
    caller: IpAddr,
}

impl Fetcher {
    /// The same with what they may by now. Of whoever has signed in the session counts: an access token may run out while
    /// a file comes.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when the session or the API token has ended, or the account is disabled.
    async fn by_now(&self, shared: &Shared, app: &App) -> Result<Actor> {
        if let (Some(person), Some(session)) = (self.actor.person, self.actor.session) {
            return session::standing(app, Bearer { person, session }).await;
        }
        let (actor, _) = known(&Door::new(shared, self.caller), &self.headers).await?;
        Ok(actor)
    }
}

/// What is left of a download.
struct Rest {
    shared: Shared,
    fetcher: Fetcher,
    fetched: Fetched,
    origin: Origin,
    /// Whether a piece was read.
    has_begun: bool,
    /// What was read ahead, so that what fails at once has a status of its own.
    ahead: Option<Vec<u8>>,
}

impl Rest {
    async fn piece(&mut self) -> Result<Option<Vec<u8>>> {
        if let Some(piece) = self.ahead.take() {
            return Ok(Some(piece));
        }
        let app = self.shared.app.for_request();
        if std::mem::replace(&mut self.has_begun, true) {
            // However slow the reader: what is taken from them is not read on.
            let asking = Box::pin(self.fetcher.by_now(&self.shared, &app));
            let actor = execute::piece(&self.shared.places, &app, asking).await?;
            app.db.rest().await;
            self.fetched.renew(actor)?;
        }
        let work: BoxFuture<'_, Result<Option<Vec<u8>>>> = match &mut self.fetched {
            Fetched::Enrolments(export) => Box::pin(audit::from_origin(self.origin.clone(), export.piece(&app, None))),
            Fetched::List(list) => {
                let piece = list.piece(&app, &self.shared.schema, &self.origin);
                Box::pin(audit::from_origin(self.origin.clone(), piece))
            }
        };
        execute::piece(&self.shared.places, &app, work).await
    }
}

async fn download(State(shared): State<Shared>, request: Request) -> Response {
    let name = request_id::of(&request).to_owned();
    match begin(shared, &request.into_parts().0, &name).await {
        Ok(rest) => stream(rest),
        Err(failure) => refused(&failure),
    }
}

/// Everything up to the first piece: who asks, whether they may, and that it is written down.
async fn begin(shared: Shared, asked: &Parts, name: &str) -> Result<Rest> {
    let app = shared.app.for_request();
    let caller = address::of(&asked.extensions, &asked.headers, &app.settings.http);
    let (actor, person) = known(&Door::new(&shared, caller), &asked.headers).await?;
    limit::admit_link(&app, &actor, caller)?;
    let link = asked.uri.query().and_then(|query| query.strip_prefix("link="));
    let work = Box::pin(async {
        let opened = export::by_link(&app, &actor, link.unwrap_or_default()).await?;
        limit::admit_export(&app, person).await?;
        Fetched::of(opened, &actor)
    });
    let fetched = execute::piece(&shared.places, &app, work).await?;
    drop(app);
    let origin = Origin::of(&actor, name);
    let holder = Fetcher {
        actor,
        headers: asked.headers.clone(),
        caller,
    };
    let mut rest = Rest {
        shared,
        fetcher: holder,
        fetched,
        origin,
        has_begun: false,
        ahead: None,
    };
    rest.ahead = rest.piece().await?;
    Ok(rest)
}

async fn upload(State(shared): State<Shared>, request: Request) -> Response {
    let name = request_id::of(&request).to_owned();
    let (asked, body) = request.into_parts();
    match take(&shared, &asked, body, &name).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(NotTaken::BrokenOff) => (StatusCode::BAD_REQUEST, "BAD_REQUEST\n").into_response(),
        Err(NotTaken::Failed(failure)) => refused(&failure),
    }
}

/// Why a file was not taken.
enum NotTaken {
    /// It did not come to its end.
    BrokenOff,
    Failed(Error),
}

impl From<Error> for NotTaken {
    fn from(failure: Error) -> Self {
        Self::Failed(failure)
    }
}

/// Takes a file by its link. Who sends it and whether the link is good is asked before a byte is read.
async fn take(shared: &Shared, asked: &Parts, body: Body, name: &str) -> Result<(), NotTaken> {
    let app = shared.app.for_request();
    let caller = address::of(&asked.extensions, &asked.headers, &app.settings.http);
    let door = Door::new(shared, caller);
    let (actor, person) = known(&door, &asked.headers).await?;
    limit::admit_link(&app, &actor, caller)?;
    let link = asked.uri.query().and_then(|query| query.strip_prefix("link="));
    let link = link.unwrap_or_default();
    let asking = Box::pin(async { job::awaited(&app, &actor, link).await.map(drop) });
    execute::piece(&shared.places, &app, asking).await?;
    app.db.rest().await;
    let _place = shared.places.for_file(person)?;
    let too_long = || Error::from(Fault::at("file", Code::TooLong).with(BYTES_MOST));
    let length = asked.headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > BYTES_MOST as u64) {
        return Err(too_long().into());
    }
    let reading = tokio::time::timeout(LONGEST, whole(body, BYTES_MOST));
    let file = reading.await.map_err(|_| Error::Timeout)?;
    let file = file.map_err(|why| match why {
        Unread::TooLong => NotTaken::Failed(too_long()),
        Unread::BrokenOff => NotTaken::BrokenOff,
    })?;
    // Sending it took a while: who it is then counts.
    let (actor, _) = known(&door, &asked.headers).await?;
    let taking = job::receive(&app, &actor, link, file.into());
    let taking = Box::pin(audit::from_origin(Origin::of(&actor, name), taking));
    execute::piece(&shared.places, &app, taking).await?;
    Ok(())
}

/// Who asks; whoever is nobody pays for being refused.
async fn known(door: &Door<'_>, headers: &HeaderMap) -> Result<(Actor, PersonId)> {
    let found = auth::actor(door, headers).await;
    let known = found.and_then(|actor| actor.signed_in().map(|person| (actor, person)));
    if matches!(known, Err(Error::Unauthenticated)) {
        door.refuse(None)?;
    }
    known
}

fn stream(rest: Rest) -> Response {
    let (name, format) = (rest.fetched.file_name(), rest.fetched.format());
    let pieces = stream::try_unfold(rest, async |mut rest| {
        let piece = rest.piece().await.inspect_err(|failure| {
            // The reader sees that it broke off.
            tracing::error!(error.chain = %failure, "a download broke off");
        })?;
        Ok::<_, Error>(piece.map(|piece| (piece, rest)))
    });
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(match format {
            Format::Csv => "text/csv; charset=utf-8",
            Format::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }),
    );
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    (headers, Body::from_stream(pieces)).into_response()
}

/// What a browser keeps it as: a code may hold any letter, a name of ours plain ones.
fn file_name(kind: &str, name: &str, format: Format) -> String {
    let plain = |letter: char| {
        if letter.is_ascii_alphanumeric() || letter == '-' {
            letter
        } else {
            '_'
        }
    };
    let name: String = name.chars().map(plain).collect();
    format!("{kind}{name}.{}", format.word())
}

/// A refusal has its code as its only line.
fn refused(failure: &Error) -> Response {
    let (status, code) = match failure {
        Error::Unauthenticated => (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"),
        Error::NotFound(_) | Error::NotFoundIn(..) => (StatusCode::NOT_FOUND, "NOT_FOUND"),
        Error::Forbidden => (StatusCode::FORBIDDEN, "FORBIDDEN"),
        Error::SecondFactorRequired => (StatusCode::FORBIDDEN, "SECOND_FACTOR_REQUIRED"),
        Error::Busy(_) => (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED"),
        Error::Invalid(faults) => match faults.first().map(|fault| fault.code) {
            Some(Code::TooLong) => (StatusCode::PAYLOAD_TOO_LARGE, "TOO_LONG"),
            code => (StatusCode::UNPROCESSABLE_ENTITY, code.map_or("MALFORMED", key)),
        },
        Error::Timeout => (StatusCode::SERVICE_UNAVAILABLE, "TIMEOUT"),
        Error::Overloaded | Error::Conflict { lock: true, .. } => (StatusCode::SERVICE_UNAVAILABLE, "OVERLOADED"),
        failure => {
            tracing::error!(error.chain = %failure, "a file cannot be given");
            (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL")
        }
    };
    let mut response = (status, format!("{code}\n")).into_response();
    let headers = response.headers_mut();
    if matches!(failure, Error::Unauthenticated) {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(seconds) = seconds_to_wait(failure) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_may_come_again_is_told_when() {
        for (failure, wait) in [
            (Error::Timeout, Some("1")),
            (Error::Overloaded, Some("1")),
            (Error::Busy(9), Some("9")),
            (Error::Unauthenticated, None),
        ] {
            let answer = refused(&failure);
            let told = answer.headers().get(header::RETRY_AFTER);
            assert_eq!(told.and_then(|value| value.to_str().ok()), wait, "{failure}");
        }
    }

    #[test]
    fn what_a_list_refuses_has_its_code_as_the_only_line() {
        for (failure, status) in [
            (Error::Forbidden, 403),
            (Error::SecondFactorRequired, 403),
            (Error::at("list", crate::error::Code::OutOfRange), 422),
            (Error::NotFound("list"), 404),
        ] {
            assert_eq!(refused(&failure).status(), status, "{failure}");
        }
    }

    #[test]
    fn a_file_name_is_plain() {
        assert_eq!(
            file_name("enrolments-", "DEMO-2026", Format::Csv),
            "enrolments-DEMO-2026.csv"
        );
        assert_eq!(
            file_name("enrolments-", "a/../b\"\r\nñ", Format::Csv),
            "enrolments-a____b____.csv"
        );
        assert_eq!(file_name("", "audit_entries", Format::Xlsx), "audit_entries.xlsx");
    }
}
