//! Exports: links by which files are fetched.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::error::ApiResult;
use super::payload::payloads;
use super::request::Request;
use super::{id, reason};
use crate::app::App;
use crate::domain::id::EditionId;
use crate::error::{Error, Faults, Result};
use crate::service::{edition, export as service};

mod input;
mod lists;
mod taking;

pub use input::{ExportListInput, ExportedList, FileFormat};
pub use taking::Taking;

/// Where the files are.
pub const PATH: &str = "/files";

/// The address at which the file of a link is fetched, or handed over.
pub(super) fn address(app: &App, link: &str) -> String {
    let public = app.settings.http.public_url.trim_end_matches('/');
    format!("{public}{PATH}?link={link}")
}

/// A list of enrolments to be taken out.
#[derive(Debug, InputObject)]
pub struct ExportEnrolmentsInput {
    /// Of which edition.
    edition_id: ID,
    /// What for, up to 1,000 characters (NFC). Whoever is in the list reads it with each download.
    reason: String,
}

/// A link to a file. It is good for you alone, in this session or by this API token, and gives no right of its own.
#[derive(Debug, SimpleObject)]
pub struct FileLink {
    /// Where to fetch it, with GET and the same `Authorization` header as here.
    url: String,
    /// When it ends to work.
    expires_at: DateTime<Utc>,
}

payloads! {
    /// Answer of `exportEnrolments`.
    ExportEnrolmentsPayload {
        /// The link to the file.
        link: FileLink
    }
    /// Answer of `exportList`.
    ExportListPayload {
        /// The link to the file.
        link: FileLink
    }
}

impl FileLink {
    /// A link, and until when it lives.
    fn of(request: &Request, (link, expires_at): (String, DateTime<Utc>)) -> Self {
        Self {
            url: address(&request.app, &link),
            expires_at,
        }
    }
}

/// Taking lists out.
#[derive(Debug, Default)]
pub struct ExportMutation;

#[Object]
impl ExportMutation {
    /// A link to the enrolments of an edition as CSV, with names, addresses and demographics. For its coordinators. It
    /// lives five minutes; whether you may is asked again with each download, and each is recorded with your reason.
    async fn export_enrolments(
        &self,
        ctx: &Context<'_>,
        input: ExportEnrolmentsInput,
    ) -> ApiResult<ExportEnrolmentsPayload> {
        let request = Request::of(ctx);
        let result = async {
            let mut faults = Faults::default();
            let id = id::parse(&mut faults, "editionId", &input.edition_id);
            let reason = reason::read(&mut faults, &input.reason);
            let (id, reason) = faults.whole(id.zip(reason))?;
            service::link(&request.app, &request.actor, id, reason).await
        };
        ExportEnrolmentsPayload::of(result.await, |made| FileLink::of(request, made))
    }

    /// A link to a list as a file, as CSV or as a workbook: what the list shows you, all pages of it, with the filter and in
    /// the order that you ask for. It lives five minutes; what you see is asked again with each download, and each is
    /// recorded with your reason. For whoever has signed in; an API token reads the list itself.
    async fn export_list(&self, ctx: &Context<'_>, input: ExportListInput) -> ApiResult<ExportListPayload> {
        let request = Request::of(ctx);
        let result = async {
            let wanted = input.read()?;
            seen(request, wanted.edition).await?;
            service::list_link(&request.app, &request.actor, wanted.selection, wanted.reason)
        };
        ExportListPayload::of(result.await, |made| FileLink::of(request, made))
    }
}

/// Refuses the list of an edition that the viewer does not see.
async fn seen(request: &Request, edition: Option<EditionId>) -> Result<()> {
    let Some(id) = edition else { return Ok(()) };
    let found = edition::find(&request.app, &request.actor, id).await?;
    found.map(drop).ok_or(Error::NotFound("input.editionId"))
}
