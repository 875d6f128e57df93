//! Which messages one gets.

use async_graphql::{Context, Enum, InputObject, Object, SimpleObject};

use super::enums::mirror;
use super::error::ApiResult;
use super::payload::payloads;
use super::request::Request;
use crate::domain::notice;
use crate::service::mailing;
use crate::store::outbox::preference::Standing;

mirror! {
    /// A kind of messages.
    MailKind of crate::domain::notice::MailKind {
        /// What opens and secures your account: addresses, passwords, second factors, identities, tokens, its end.
        /// Always sent: whoever does not read it may lose the account.
        Account,
        /// Invitations and nominations, what is asked and told about them, and their end. Always sent: somebody waits
        /// for the answer.
        Invitation,
        /// What becomes of your place in an edition, and with what it is counted: admitted, waiting, offered, refused,
        /// moved, put right, ended. Always sent: a place is lost without an answer in time.
        Seat,
        /// Editions that take place on other days, or not at all. Always sent: you would stand before a closed door.
        Schedule,
        /// That your application arrived, or that an institution that you proposed was settled.
        Receipt,
        /// Comments on your work, and its grades.
        Work,
        /// Whether you completed an edition.
        Outcome,
        /// For coordinators: what waits for a decision at once, such as an edition with too few people to begin.
        Coordination,
        /// For tutors and coordinators: what is new in your editions and teams, once a day.
        Digest,
    }
}

/// A kind of messages, and whether you get it.
#[derive(Debug, SimpleObject)]
pub struct MailChoice {
    /// The kind.
    kind: MailKind,
    /// Whether it is always sent: then it cannot be turned off.
    essential: bool,
    /// Whether you get it.
    wanted: bool,
}

/// How whoever asks stands to messages.
pub struct MailPreferences(Standing);

/// Which messages you get.
#[Object]
impl MailPreferences {
    /// Every kind of messages.
    async fn kinds(&self) -> Vec<MailChoice> {
        let choice = |&kind: &notice::MailKind| MailChoice {
            kind: kind.into(),
            essential: kind.is_essential(),
            wanted: self.0.preferences.wants(kind),
        };
        notice::MailKind::ALL.iter().map(choice).collect()
    }

    /// Rises with every change, also with one that the link of a message made; 1 at first.
    async fn version(&self) -> i64 {
        self.0.version
    }
}

/// Which messages you do without.
#[derive(Debug, InputObject)]
pub struct ChangeMailPreferencesInput {
    /// The version that you saw.
    version: i64,
    /// Every kind that you do without, each once; all others you get.
    muted: Vec<MailKind>,
}

payloads! {
    /// Answer of `changeMailPreferences`.
    ChangeMailPreferencesPayload {
        /// Which messages you get now.
        mail_preferences: MailPreferences
    }
}

/// Which messages whoever asks gets.
pub async fn mine(request: &Request) -> ApiResult<MailPreferences> {
    Ok(MailPreferences(mailing::mine(&request.app, &request.actor).await?))
}

/// Choosing among messages.
#[derive(Debug, Default)]
pub struct MailingMutation;

#[Object]
impl MailingMutation {
    /// Says which kinds of messages you do without; the list replaces the one before, and holds at once, also for
    /// messages that wait to be sent. A kind that is always sent is refused (`ALWAYS_SENT`).
    async fn change_mail_preferences(
        &self,
        ctx: &Context<'_>,
        input: ChangeMailPreferencesInput,
    ) -> ApiResult<ChangeMailPreferencesPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let muted: Vec<notice::MailKind> = input.muted.iter().map(|&kind| kind.into()).collect();
        let result = mailing::change(app, actor, input.version, &muted).await;
        ChangeMailPreferencesPayload::of(result, MailPreferences)
    }
}
