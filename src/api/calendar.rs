//! One's own calendar for other programs: making the link, seeing that there is one, ending it.

use async_graphql::{Context, Object};
use chrono::{DateTime, Utc};

use super::error::ApiResult;
use super::payload::payloads;
use super::request::Request;
use crate::service::calendar::{self, Created};
use crate::store::calendar_link;

/// The link of whoever asks.
pub struct CalendarLink(pub calendar_link::Model);

/// The secret link under which calendar programs subscribe to your calendar. Its address was told once, when it was
/// made.
#[Object]
impl CalendarLink {
    /// When you made it.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

/// A link and its address.
pub struct NewCalendarLink(Created);

/// A link that was just made.
#[Object]
impl NewCalendarLink {
    /// Give it to your calendar program, as the address to subscribe to. Whoever has it reads your calendar, so pass it
    /// to nobody. It is told this once.
    async fn url(&self) -> &str {
        &self.0.url
    }

    /// The link.
    async fn calendar_link(&self) -> CalendarLink {
        CalendarLink(self.0.row.clone())
    }
}

payloads! {
    /// Answer of `createCalendarLink`.
    CreateCalendarLinkPayload {
        /// The link with its address.
        created: NewCalendarLink
    }
    /// Answer of `revokeCalendarLink`.
    RevokeCalendarLinkPayload {
        /// True: no link of yours works any more.
        revoked: bool
    }
}

/// The link of whoever asks, if there is one.
pub async fn mine(request: &Request) -> ApiResult<Option<CalendarLink>> {
    Ok(calendar::mine(&request.app, &request.actor).await?.map(CalendarLink))
}

/// Making and ending the link to one's calendar.
#[derive(Debug, Default)]
pub struct CalendarMutation;

#[Object]
impl CalendarMutation {
    /// Makes the secret link under which calendar programs read your editions, meetings and deadlines (iCalendar); an
    /// earlier one ends. It works until you make another or revoke it, end all sessions or a link to an identity, or
    /// change password, address or second factor, and until your account is disabled, and shows only what you may see
    /// at the time.
    async fn create_calendar_link(&self, ctx: &Context<'_>) -> ApiResult<CreateCalendarLinkPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        CreateCalendarLinkPayload::of(calendar::create(app, actor).await, NewCalendarLink)
    }

    /// Ends the link to your calendar at once.
    async fn revoke_calendar_link(&self, ctx: &Context<'_>) -> ApiResult<RevokeCalendarLinkPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        RevokeCalendarLinkPayload::of(calendar::revoke(app, actor).await, |()| true)
    }
}
