//! Asking for a table to be brought in, the link by which its file is handed over, and wanting no more of it.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::TableImport;
use crate::api::enums::{BulkMode, Language};
use crate::api::error::ApiResult;
use crate::api::export;
use crate::api::id::{self, sole};
use crate::api::payload::payloads;
use crate::api::request::Request;
use crate::domain::sheet::BYTES_MOST;
use crate::error::{Faults, Result};
use crate::service::roster::job::{self, Manner, Rows};

/// How people are brought in.
#[derive(Debug, InputObject)]
pub struct ImportPeopleInput {
    /// How much is carried out when some of it cannot be.
    #[graphql(default_with = "BulkMode::AllOrNothing")]
    mode: BulkMode,
    /// Only tell what would come of each row.
    #[graphql(default)]
    dry_run: bool,
    /// The language of new people whose row names none.
    #[graphql(default_with = "Language::Es")]
    language: Language,
}

/// How enrolments are brought in.
#[derive(Debug, InputObject)]
pub struct ImportEnrolmentsInput {
    /// In which edition.
    edition_id: ID,
    /// How much is carried out when some of it cannot be.
    #[graphql(default_with = "BulkMode::AllOrNothing")]
    mode: BulkMode,
    /// Only tell what would come of each row.
    #[graphql(default)]
    dry_run: bool,
    /// Whether people are told of their enrolment. Whoever has an account that you do not see is told in any case.
    #[graphql(default = true)]
    notify: bool,
    /// The language of new people whose row names none.
    #[graphql(default_with = "Language::Es")]
    language: Language,
}

/// How people are nominated.
#[derive(Debug, InputObject)]
pub struct ImportNominationsInput {
    /// For which edition.
    edition_id: ID,
    /// In the name of which institution, whose focal point you are.
    institution_id: ID,
    /// How much is carried out when some of it cannot be.
    #[graphql(default_with = "BulkMode::AllOrNothing")]
    mode: BulkMode,
    /// Only tell what would come of each row.
    #[graphql(default)]
    dry_run: bool,
    /// The language of the message to those whose row names none.
    #[graphql(default_with = "Language::Es")]
    language: Language,
}

/// Which table is brought in no further.
#[derive(Debug, InputObject)]
pub struct CancelTableImportInput {
    /// Which, `imp_…`.
    table_import_id: ID,
}

/// A link by which a file is handed over. It is good for you alone, in this session, and once. Two files of yours come
/// in at a time: one more is refused with 429, and `Retry-After` says when to send it.
#[derive(Debug, SimpleObject)]
pub struct UploadLink {
    /// Where to send the file, with PUT and the same `Authorization` header as here.
    url: String,
    /// When it ends to work.
    expires_at: DateTime<Utc>,
    /// The most bytes of the file.
    most_bytes: i64,
}

/// An import and the way to hand its file over.
#[derive(SimpleObject)]
pub struct NewTableImport {
    /// The import, which awaits its file.
    table_import: TableImport,
    /// Where the file goes.
    upload: UploadLink,
}

payloads! {
    /// Answer of `importPeople`.
    ImportPeoplePayload {
        /// The import and where its file goes.
        created: NewTableImport
    }
    /// Answer of `importEnrolments`.
    ImportEnrolmentsPayload {
        /// The import and where its file goes.
        created: NewTableImport
    }
    /// Answer of `importNominations`.
    ImportNominationsPayload {
        /// The import and where its file goes.
        created: NewTableImport
    }
    /// Answer of `cancelTableImport`.
    CancelTableImportPayload {
        /// The import as it now is. What was carried out before may be counted a moment later: follow it, or ask again.
        table_import: TableImport
    }
}

/// Bringing tables in.
#[derive(Debug, Default)]
pub struct TableImportMutation;

#[Object]
impl TableImportMutation {
    /// Asks for a table of people to be brought in, for administrators. Send its file (CSV or XLSX) to `upload.url`
    /// within five minutes; it is worked off after that, and `tableImport` tells how far it is. Accounts come without a
    /// password. Whatever they are of, five tables of yours may wait or be worked off at a time, and ten more await
    /// their file: one more is `LIMIT_REACHED` at `input`, until one is over or cancelled. One whose file does not come
    /// is `FAILED` soon after the link is dead.
    async fn import_people(&self, ctx: &Context<'_>, input: ImportPeopleInput) -> ApiResult<ImportPeoplePayload> {
        let manner = manner(input.mode, input.dry_run, false, input.language);
        ImportPeoplePayload::of(ask(ctx, Ok(Rows::People), manner).await, |made| made)
    }

    /// Asks for a table of enrolments in an edition to be brought in, for its coordinators: each row is the decision
    /// to take somebody in. Its file is sent as with `importPeople`, and as many may be under way. People are confirmed
    /// while a seat is free for them, as for somebody who applies; otherwise they wait, in the order of the file. An
    /// edition that takes no applications now takes no table (`ENROLMENT_CLOSED` at `input.editionId`); when it closes
    /// before the table is worked off, rows are refused with that code that would bring somebody in.
    async fn import_enrolments(
        &self,
        ctx: &Context<'_>,
        input: ImportEnrolmentsInput,
    ) -> ApiResult<ImportEnrolmentsPayload> {
        let rows = sole("editionId", &input.edition_id).map(Rows::Enrolments);
        let manner = manner(input.mode, input.dry_run, input.notify, input.language);
        ImportEnrolmentsPayload::of(ask(ctx, rows, manner).await, |made| made)
    }

    /// Asks for a table of people to be brought in whom an institution nominates for an edition, for its focal points.
    /// Its file is sent as with `importPeople`, and as many may be under way. People are named in the order of the
    /// file, as many as the institution has seats for, and written to as by `nominate`. Whom it named already is left
    /// alone. By tables you write to 500 people at once, and to 500 more a day, unless whoever runs the server says
    /// otherwise: rows beyond that are refused (`TOO_SOON`, with the time in `detail`), and a dry run does not count
    /// them. With `ROW_BY_ROW` the same file, sent later, goes on from there; with `ALL_OR_NOTHING` a table of more new
    /// people than may be written to at once is refused whole, whenever it comes. An edition for which nobody is
    /// nominated any more takes no table (`ENROLMENT_CLOSED` at `input.editionId`); when it closes before the table is
    /// worked off, rows are refused with that code that would name somebody.
    async fn import_nominations(
        &self,
        ctx: &Context<'_>,
        input: ImportNominationsInput,
    ) -> ApiResult<ImportNominationsPayload> {
        let manner = manner(input.mode, input.dry_run, true, input.language);
        ImportNominationsPayload::of(ask(ctx, input.rows(), manner).await, |made| made)
    }

    /// Ends the import of a table that you asked for, while it waits for its file, waits to be worked off, or is worked
    /// off (`ILLEGAL_TRANSITION` once it is over, or nothing is left to carry out). Once this has answered, nothing more
    /// is carried out. With `ROW_BY_ROW`, rows that were carried out before stay, and are told; with `ALL_OR_NOTHING`
    /// nothing is. For whoever asked for it, as long as they may bring such a table in.
    async fn cancel_table_import(
        &self,
        ctx: &Context<'_>,
        input: CancelTableImportInput,
    ) -> ApiResult<CancelTableImportPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let result: Result<_> = async {
            let id = sole("tableImportId", &input.table_import_id)?;
            job::cancel(app, actor, id).await
        }
        .await;
        CancelTableImportPayload::of(result, TableImport)
    }
}

impl ImportNominationsInput {
    fn rows(&self) -> Result<Rows> {
        let mut faults = Faults::default();
        let edition = id::parse(&mut faults, "editionId", &self.edition_id);
        let institution = id::parse(&mut faults, "institutionId", &self.institution_id);
        let (edition, institution) = faults.whole(edition.zip(institution))?;
        Ok(Rows::Nominations(edition, institution))
    }
}

fn manner(mode: BulkMode, dry_run: bool, notify: bool, language: Language) -> Manner {
    Manner {
        mode: mode.into(),
        dry_run,
        notify,
        language: language.into(),
    }
}

/// Asks for a table of these rows, where what was sent says which.
async fn ask(ctx: &Context<'_>, rows: Result<Rows>, manner: Manner) -> Result<NewTableImport> {
    let Request { app, actor, .. } = Request::of(ctx);
    let (row, link, expires_at) = job::prepare(app, actor, rows?, manner).await?;
    Ok(NewTableImport {
        table_import: TableImport(row),
        upload: UploadLink {
            url: export::address(app, &link),
            expires_at,
            most_bytes: i64::try_from(BYTES_MOST).unwrap_or(i64::MAX),
        },
    })
}
