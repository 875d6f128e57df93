//! The audit log in the API: what was done, and who read personal data.

use async_graphql::connection::{Connection, Edge, EmptyFields};
use async_graphql::{Context, Enum, ID, InputObject, Object};
use chrono::{DateTime, Utc};

use super::enums::{PersonalField, Role, mirror};
use super::error::ApiResult;
use super::page::{Arguments, PageOf, connection};
use super::person::Person;
use super::request::Request;
use super::{filter, id};
use crate::domain::audit as domain;
use crate::domain::id::{AnyId, PersonId, written};
use crate::domain::person::full_name;
use crate::domain::text::{SearchText, parse_instant};
use crate::error::{Code, Error, Fault, Faults, Result};
use crate::service::audit::{self as service, OwnLook, Touched};
use crate::store::access::{Reader, Touch};
use crate::store::audit;
use crate::store::page::{Key, Place};

mirror! {
    /// Through what somebody acted.
    AuditVia of crate::domain::audit::Via {
        /// A session, after signing in.
        Session,
        /// An API token.
        Token,
        /// A command on the machine itself, such as an import.
        Command,
        /// Nobody's doing, or somebody's who had not signed in.
        System,
    }
}

/// An entry of the audit log.
pub struct AuditEntry(audit::Model);

fn via(word: Option<&str>) -> Option<AuditVia> {
    word.and_then(domain::Via::from_word).map(AuditVia::from)
}

/// Something that somebody did. Entries never change; they name people by their identifiers only.
#[Object]
impl AuditEntry {
    /// When.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at
    }

    /// Who did it, their name as far as you may see it; null for the system itself and for commands.
    async fn actor(&self, ctx: &Context<'_>) -> ApiResult<Option<Person>> {
        match self.0.actor_id {
            Some(id) => Person::load(Request::of(ctx), id).await,
            None => Ok(None),
        }
    }

    /// What was done: an action of the policy, such as `decide_enrolment`.
    async fn action(&self) -> &str {
        &self.0.action
    }

    /// To what kind of thing, such as `enrolment`.
    async fn subject_kind(&self) -> &str {
        &self.0.subject_kind
    }

    /// Its identifier; null for the system as a whole.
    async fn subject_id(&self) -> Option<ID> {
        let id = self.0.subject_id.filter(|id| !id.is_nil())?;
        written(&self.0.subject_kind, id).map(ID)
    }

    /// Why, where a reason was given, or what exactly.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// Through what; null in entries from before this was kept.
    async fn via(&self) -> Option<AuditVia> {
        via(self.0.via.as_deref())
    }

    /// The name of the request, as in its `X-Request-Id`, or of the command.
    async fn request_id(&self) -> Option<&str> {
        self.0.request.as_deref()
    }
}

/// A look of staff at your personal data.
pub struct AccessLogEntry(OwnLook);

/// A request by which staff saw personal data of yours.
#[Object]
impl AccessLogEntry {
    /// When.
    async fn at(&self) -> DateTime<Utc> {
        self.0.row.at
    }

    /// Who looked, for you to ask; null for a command on the machine itself.
    async fn reader_name(&self, ctx: &Context<'_>) -> ApiResult<Option<String>> {
        let Some(id) = self.0.row.reader_id else {
            return Ok(None);
        };
        let found = Request::of(ctx).loaders.people.load_one(id).await?;
        Ok(found.map(|reader| full_name(&reader.given_name, &reader.family_name)))
    }

    /// As what.
    async fn role(&self) -> Role {
        self.0.role.into()
    }

    /// Which of your data.
    async fn fields(&self) -> Vec<PersonalField> {
        domain::PersonalField::of_set(self.0.fields)
            .map(PersonalField::from)
            .collect()
    }

    /// For what: the operation that asked for it.
    async fn operation(&self) -> &str {
        &self.0.row.operation
    }

    /// In which edition, where it was one.
    async fn edition_id(&self) -> Option<ID> {
        self.0.row.edition_id.map(|id| id.to_string().into())
    }

    /// Why, where a reason was given.
    async fn reason(&self) -> Option<&str> {
        self.0.row.reason.as_deref()
    }

    /// Through what.
    async fn via(&self) -> Option<AuditVia> {
        via(Some(&self.0.row.via))
    }
}

/// A person of whom an account or a token read something.
pub struct AccessedPerson(Touched);

/// A person of whom an account or a token read something in a period.
#[Object]
impl AccessedPerson {
    /// Who it is; names show as far as you may see them.
    async fn person(&self, ctx: &Context<'_>) -> ApiResult<Option<Person>> {
        Person::load(Request::of(ctx), self.0.0).await
    }

    /// Which data.
    async fn fields(&self) -> Vec<PersonalField> {
        domain::PersonalField::of_set(self.0.1.fields)
            .map(PersonalField::from)
            .collect()
    }

    /// In how many requests.
    async fn times(&self) -> u64 {
        self.0.1.times
    }

    /// When first in the period.
    async fn first_at(&self) -> DateTime<Utc> {
        self.0.1.first_at
    }

    /// When last in the period.
    async fn last_at(&self) -> DateTime<Utc> {
        self.0.1.last_at
    }
}

/// The most actions of one filter.
const MOST_ACTIONS: usize = 20;

/// Which entries of the audit log are wanted; what is left out does not restrict. An empty list is refused
/// (`REQUIRED`).
#[derive(InputObject, Default)]
pub struct AuditFilter {
    /// Of what this person did.
    actor_id: Option<ID>,
    /// Of what was done to this thing or person.
    subject_id: Option<ID>,
    /// One of these actions, up to 20, such as `decide_enrolment`; each up to 100 characters (NFC).
    actions: Option<Vec<String>>,
    /// From this instant on.
    from: Option<DateTime<Utc>>,
    /// Before this instant; not before `from`.
    until: Option<DateTime<Utc>>,
}

impl AuditFilter {
    pub(super) fn read(self) -> Result<audit::Filter> {
        let subject = |id: ID| match crate::domain::id::decode(&id) {
            Ok((prefix, uuid)) if AnyId::PREFIXES.contains(&prefix) => Ok(uuid),
            _ => Err(Code::InvalidId),
        };
        let actor = |id: ID| id.parse::<PersonId>().map_err(|_| Code::InvalidId);
        let mut faults = Faults::default();
        let given = filter::up_to(MOST_ACTIONS, &mut faults, "filter.actions", self.actions);
        let mut actions = Vec::new();
        for (place, action) in given.iter().enumerate() {
            let at = format!("filter.actions.{place}");
            actions.extend(faults.take_argument(&at, SearchText::parse(action)).map(String::from));
        }
        let actor = faults.take_argument("filter.actorId", self.actor_id.map(actor).transpose());
        let subject = faults.take_argument("filter.subjectId", self.subject_id.map(subject).transpose());
        let from = faults.take_argument("filter.from", self.from.map(parse_instant).transpose());
        let until = faults.take_argument("filter.until", self.until.map(parse_instant).transpose());
        let (from, until) = (from.flatten(), until.flatten());
        filter::in_order(&mut faults, "filter.until", from, until);
        faults.check()?;
        Ok(audit::Filter {
            actor: actor.flatten(),
            subject: subject.flatten(),
            actions,
            from,
            until,
        })
    }
}

fn argument_fault(name: &str, code: Code) -> Error {
    Fault {
        code,
        path: name.split('.').map(Into::into).collect(),
        detail: None,
    }
    .into()
}

/// The looks of staff at the viewer's own data.
pub(super) async fn access_log(
    ctx: &Context<'_>,
    first: i32,
    after: Option<String>,
) -> ApiResult<Connection<String, AccessLogEntry, EmptyFields, EmptyFields>> {
    let request = Request::of(ctx);
    let arguments = Arguments {
        first: Some(first),
        after,
        ..Arguments::default()
    };
    let wanted = arguments.wanted()?;
    let before = match &wanted.beyond {
        None => None,
        Some(Place {
            key: Key::Instant(_),
            id,
        }) => Some(*id),
        Some(_) => return Err(wanted.stray().into()),
    };
    let limit = usize::try_from(wanted.limit).map_err(Error::internal)?;
    let (looks, more) = service::own_looks(&request.app, &request.actor, before, limit).await?;
    let mut page = Connection::new(before.is_some(), more);
    page.edges.extend(looks.into_iter().map(|look| {
        let place = Place {
            key: Key::Instant(look.row.at),
            id: look.row.id,
        };
        Edge::new(id::write_cursor(&place), AccessLogEntry(look))
    }));
    Ok(page)
}

/// Queries about the audit log.
#[derive(Default)]
pub struct AuditQuery;

#[Object]
impl AuditQuery {
    /// What was done, the latest first: by you and to you; for coordinators also to their editions; for
    /// administrators everything.
    #[allow(
        clippy::too_many_arguments,
        reason = "the four arguments of every connection, and the filter"
    )]
    async fn audit_entries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which of them.")] filter: Option<AuditFilter>,
        #[graphql(desc = "How many from the start, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor, up to 12,000 characters as it came.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor, up to 12,000 characters as it came.")] before: Option<String>,
    ) -> ApiResult<PageOf<AuditEntry>> {
        let request = Request::of(ctx);
        let arguments = Arguments::new(first, after, last, before);
        let (filter, wanted) = (filter.unwrap_or_default().read()?, arguments.wanted()?);
        let page = service::entries(&request.app, &request.actor, &filter, &wanted).await?;
        Ok(connection(page, audit::page_place, AuditEntry))
    }

    /// Everybody of whom one account or one API token read personal data in a period, and which data: what a
    /// notice about a breach needs. For administrators. Give `actorId` or `tokenId`, not both.
    #[allow(
        clippy::too_many_arguments,
        reason = "whose reading, the period, and the arguments of a connection"
    )]
    async fn access_of(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account, `psn_…`.")] actor_id: Option<ID>,
        #[graphql(desc = "The session or API token, by its identifier.")] token_id: Option<ID>,
        #[graphql(desc = "From this instant on.")] from: DateTime<Utc>,
        #[graphql(desc = "Before this instant; not before `from`.")] until: DateTime<Utc>,
        #[graphql(desc = "How many from the start, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor, up to 12,000 characters as it came.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor, up to 12,000 characters as it came.")] before: Option<String>,
    ) -> ApiResult<Connection<String, AccessedPerson, EmptyFields, EmptyFields>> {
        let request = Request::of(ctx);
        let reader = match (actor_id, token_id) {
            (Some(actor), None) => Reader::Person(id::argument("actorId", &actor)?),
            (None, Some(token)) => Reader::Credential(credential(&token)?),
            (None, None) => return Err(argument_fault("actorId", Code::Required).into()),
            // Whose reading is meant is not to be guessed.
            (Some(_), Some(_)) => return Err(argument_fault("tokenId", Code::Malformed).into()),
        };
        let arguments = Arguments::new(first, after, last, before);
        let wanted = arguments.wanted()?;
        let mut faults = Faults::default();
        let from = faults.take_argument("from", parse_instant(from));
        let until = faults.take_argument("until", parse_instant(until));
        filter::in_order(&mut faults, "until", from, until);
        faults.check()?;
        let (Some(from), Some(until)) = (from, until) else {
            return Err(Error::internal("an instant that is neither there nor refused").into());
        };
        let all = service::touched(&request.app, &request.actor, reader, from, until).await?;
        let beyond = match &wanted.beyond {
            None => None,
            Some(place) => match &place.key {
                Key::Text(number) => Some(number.parse::<u32>().map_err(|_| wanted.stray())?),
                Key::Instant(_) | Key::Day(_) | Key::Number(_) => return Err(wanted.stray().into()),
            },
        };
        let limit = usize::try_from(wanted.limit).map_err(Error::internal)?;
        let (part, earlier, later) = part_of(&all, beyond, limit, wanted.backwards);
        let mut page = Connection::new(earlier, later);
        for (person, touch) in service::people_of(&request.app, part).await? {
            let place = Place {
                key: Key::Text(touch.number.to_string()),
                id: person.0,
            };
            page.edges
                .push(Edge::new(id::write_cursor(&place), AccessedPerson((person, touch))));
        }
        Ok(page)
    }
}

/// The session or the API token that is meant.
pub(super) fn credential(id: &ID) -> Result<uuid::Uuid> {
    let (_, uuid) = crate::domain::id::decode(id).map_err(|_| argument_fault("tokenId", Code::InvalidId))?;
    Ok(uuid)
}

/// The part of the list that is wanted, and whether there is more before and after it.
fn part_of(all: &[Touch], beyond: Option<u32>, limit: usize, backwards: bool) -> (&[Touch], bool, bool) {
    let (start, end) = match (beyond, backwards) {
        (None, false) => (0, limit),
        (None, true) => (all.len().saturating_sub(limit), all.len()),
        (Some(number), false) => {
            let start = all.partition_point(|touch| touch.number <= number);
            (start, start + limit)
        }
        (Some(number), true) => {
            let end = all.partition_point(|touch| touch.number < number);
            (end.saturating_sub(limit), end)
        }
    };
    let end = end.min(all.len());
    (&all[start.min(end)..end], start > 0, end < all.len())
}
