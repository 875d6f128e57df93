//! Exports: links by which files are fetched.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::error::ApiResult;
use super::payload::payloads;
use super::request::Request;
use super::{id, reason};
use crate::error::Faults;
use crate::service::export as service;

/// Where the files are.
pub const PATH: &str = "/files";

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
        let Request { app, actor, .. } = Request::of(ctx);
        let result = async {
            let mut faults = Faults::default();
            let id = id::parse(&mut faults, "editionId", &input.edition_id);
            let reason = reason::read(&mut faults, &input.reason);
            let (id, reason) = faults.whole(id.zip(reason))?;
            service::link(app, actor, id, reason).await
        };
        ExportEnrolmentsPayload::of(result.await, |(link, expires_at)| {
            let public = app.settings.http.public_url.trim_end_matches('/');
            FileLink {
                url: format!("{public}{PATH}?link={link}"),
                expires_at,
            }
        })
    }
}
