//! Tables that are brought in, looked at until they are done. Asking for them is in `asking.rs`.

use async_graphql::{Context, Enum, ID, Object};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::enums::{BulkMode, EnrolmentState, UserErrorCode, mirror};
use super::error::{ApiResult, sentence};
use super::filter;
use super::id::argument;
use super::page::{Arguments, PageOf, connection};
use super::request::Request;
use crate::error::{Code, Faults};
use crate::service::roster::job;
use crate::store::{table_import, table_import_row};

pub mod asking;

mirror! {
    /// What the rows of a table are.
    TableKind of crate::domain::roster::Kind {
        /// Accounts.
        People,
        /// People in an edition.
        Enrolments,
        /// People whom an institution names for an edition.
        Nominations,
    }
}

mirror! {
    /// Where the import of a table stands.
    ImportState of crate::domain::roster::ImportState {
        /// Its file was not handed over yet.
        AwaitingFile,
        /// It waits to be worked off.
        Queued,
        /// It is being worked off.
        Running,
        /// It is done, or told what would come of it.
        Done,
        /// The file is no table; `fault` says why.
        Unreadable,
        /// It was given up: its file did not come in time, as `fault` says then, you may not do it any more, or
        /// something failed on our side. Where `carriedOut` is true, the rows that are told were carried out before;
        /// the same file goes on from there.
        Failed,
        /// You cancelled it, or it was cancelled with all that goes on without you, as when you ended all sessions or
        /// took another password. Where `carriedOut` is true, the rows that are told were carried out before; the same
        /// file goes on from there.
        Cancelled,
    }
}

mirror! {
    /// What became of a row, or would.
    RowOutcome of crate::domain::roster::Outcome {
        /// Something new is stored.
        Created,
        /// Something stored is changed.
        Updated,
        /// It is stored so already, or was carried out before.
        Unchanged,
        /// It cannot be carried out.
        Refused,
    }
}

/// What is kept of a fault.
#[derive(Debug, Clone, Deserialize)]
struct Kept {
    line: Option<i64>,
    column: Option<String>,
    code: Code,
    detail: Option<String>,
}

/// Something that is wrong with a table.
pub struct TableFault(Kept);

/// Something that is wrong with a table or with one of its rows.
#[Object]
impl TableFault {
    /// The line that shows it, the first of the file being 1; null when it is about the whole file, and for rows, which
    /// have their own.
    async fn line(&self) -> Option<i64> {
        self.0.line
    }

    /// The column as the file calls it, or `column 2` where its name is what is wrong; null when it is about the whole
    /// row or file.
    async fn column(&self) -> Option<&str> {
        self.0.column.as_deref()
    }

    /// What is wrong; the codes are stable.
    async fn code(&self) -> UserErrorCode {
        self.0.code.into()
    }

    /// What would be right, or what was found, where there is something to say.
    async fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// A sentence for people, in the language of the request.
    async fn message(&self, ctx: &Context<'_>) -> String {
        sentence(self.0.code, self.0.detail.as_deref(), Request::of(ctx).actor.language)
    }
}

fn fault(value: &Value) -> Option<TableFault> {
    Kept::deserialize(value).ok().map(TableFault)
}

/// What came of one row.
pub struct TableImportRow(table_import_row::Model);

/// What came of one row of a table, or would. It says nothing of what stands in the row.
#[Object]
impl TableImportRow {
    /// The line where the row begins, the first of the file being 1.
    async fn line(&self) -> i64 {
        self.0.line
    }

    /// What became of it.
    async fn outcome(&self) -> RowOutcome {
        self.0.outcome.into()
    }

    /// The state of the enrolment that is created or changed; null otherwise.
    async fn state(&self) -> Option<EnrolmentState> {
        self.0.state.map(Into::into)
    }

    /// Everything that is wrong with it; empty unless it is refused.
    async fn faults(&self) -> Vec<TableFault> {
        let all = self.0.faults.as_array().into_iter().flatten();
        all.filter_map(fault).collect()
    }
}

/// A table that one handed over.
pub struct TableImport(pub table_import::Model);

/// A table that you bring in; nobody else sees it. Follow it over the WebSocket, or ask again for `state`, `done` and
/// `total`, while it is worked off. It is forgotten after some time (30 days, unless whoever runs the server says
/// otherwise), its file once it is done.
#[Object]
impl TableImport {
    /// Identifier, `imp_…`.
    async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// What its rows are.
    async fn kind(&self) -> TableKind {
        self.0.kind.into()
    }

    /// The edition of its enrolments or nominations, `edn_…`; null for people.
    async fn edition_id(&self) -> Option<ID> {
        self.0.edition_id.map(|id| id.to_string().into())
    }

    /// The institution that nominates, `ins_…`; null for people and enrolments.
    async fn institution_id(&self) -> Option<ID> {
        self.0.institution_id.map(|id| id.to_string().into())
    }

    /// How much is carried out when some of it cannot be.
    async fn mode(&self) -> BulkMode {
        self.0.mode.into()
    }

    /// Whether it is only told what would come of it.
    async fn dry_run(&self) -> bool {
        self.0.dry_run
    }

    /// Whether people are told of their enrolment; whoever is nominated is told in any case.
    async fn notify(&self) -> bool {
        self.0.notify
    }

    /// Where it stands.
    async fn state(&self) -> ImportState {
        self.0.state.into()
    }

    /// How many rows are done.
    async fn done(&self) -> i64 {
        self.0.done
    }

    /// How many rows there are; 0 until the file was read.
    async fn total(&self) -> i64 {
        self.0.total
    }

    /// How many rows are `CREATED`.
    async fn created(&self) -> i64 {
        self.0.created
    }

    /// How many rows are `UPDATED`.
    async fn updated(&self) -> i64 {
        self.0.updated
    }

    /// How many rows are `UNCHANGED`.
    async fn unchanged(&self) -> i64 {
        self.0.unchanged
    }

    /// How many rows are `REFUSED`.
    async fn refused(&self) -> i64 {
        self.0.refused
    }

    /// How many rows were not carried out because it was cancelled or given up before; 0 until it is over.
    async fn not_reached(&self) -> i64 {
        let left = self.0.finished_at.map(|_| self.0.total - self.0.done);
        left.unwrap_or_default().max(0)
    }

    /// Whether it was carried out, or some of it before it was cancelled or given up; otherwise nothing was, and the
    /// outcomes are what would be.
    async fn carried_out(&self) -> bool {
        self.0.carried_out
    }

    /// How the file is written, such as `UTF-8, semicolon`; null until it was read.
    async fn form(&self) -> Option<&str> {
        self.0.form.as_deref()
    }

    /// Columns that are known and say nothing that is kept.
    async fn ignored_columns(&self) -> Vec<&str> {
        let names = self.0.ignored_columns.as_array().into_iter().flatten();
        names.filter_map(Value::as_str).collect()
    }

    /// Why the file is no table, or until when it would have had to come (`DEADLINE_PASSED`); null otherwise.
    async fn fault(&self) -> Option<TableFault> {
        self.0.fault.as_ref().and_then(fault)
    }

    /// When you asked for it.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it was done, cancelled or given up; null before.
    async fn finished_at(&self) -> Option<DateTime<Utc>> {
        self.0.finished_at
    }
}

/// A page of the viewer's own, the newest first.
pub async fn table_imports(request: &Request, arguments: Arguments) -> ApiResult<PageOf<TableImport>> {
    let page = job::mine(&request.app, &request.actor, &arguments.wanted()?).await?;
    Ok(connection(page, job::place_of_mine, TableImport))
}

/// Looking at tables that are brought in.
#[derive(Debug, Default)]
pub struct TableImportQuery;

#[Object]
impl TableImportQuery {
    /// A table that you bring in; null for what is not yours.
    async fn table_import(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Identifier, `imp_…`.")] id: ID,
    ) -> ApiResult<Option<TableImport>> {
        let Request { app, actor, .. } = Request::of(ctx);
        let found = job::find(app, actor, argument("id", &id)?).await?;
        Ok(found.map(TableImport))
    }

    /// What came of each row of a table that you bring in, in the order of the file; empty until it is done. A row of
    /// several editions has several.
    #[allow(
        clippy::too_many_arguments,
        reason = "the arguments of a connection, and what it is of"
    )]
    async fn table_import_rows(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Identifier, `imp_…`.")] id: ID,
        #[graphql(desc = "Only those with one of these outcomes, 1 to 1,000 values.")] outcomes: Option<
            Vec<RowOutcome>,
        >,
        #[graphql(desc = "How many from the start, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor, up to 12,000 characters as it came.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor, up to 12,000 characters as it came.")] before: Option<String>,
    ) -> ApiResult<PageOf<TableImportRow>> {
        let Request { app, actor, .. } = Request::of(ctx);
        let wanted = Arguments::new(first, after, last, before).wanted()?;
        let mut faults = Faults::default();
        let outcomes = filter::all(&mut faults, "outcomes", outcomes);
        faults.check()?;
        let page = job::rows(app, actor, argument("id", &id)?, &outcomes, &wanted).await?;
        Ok(connection(page, job::page_place, TableImportRow))
    }
}
