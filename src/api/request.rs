//! What every resolver of one request shares: the application, who asks, and the loaders.

use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::Context;

use super::loaders::Loaders;
use super::reads::Reads;
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::audit::{PersonalField, capacity};
use crate::domain::policy::{Action, Relation, Verdict, verdict};
use crate::domain::text::Reason;
use crate::store::announce::{Followed, Topic};

/// One request. Loaders live and die with it, so nothing that one person may see reaches another.
pub struct Request {
    /// The application.
    pub app: App,
    /// Who asks.
    pub actor: Actor,
    /// Batched look-ups.
    pub loaders: Loaders,
    /// What staff reads of other people by it.
    pub reads: Arc<Reads>,
    /// Why it asks, where the policy lets a reason open something.
    pub reason: Option<Reason>,
    /// What a subscription follows by it; `None` for what is asked once.
    pub follows: Option<Arc<Follows>>,
}

/// What a subscription follows, from one of its values to the next: nothing until its first value is read.
#[derive(Debug, Default)]
pub struct Follows(Mutex<Option<(Topic, Followed)>>);

impl Follows {
    /// What is followed, to wait for its next change.
    pub fn followed(&self) -> Option<Followed> {
        let followed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        followed.as_ref().map(|(_, followed)| followed.clone())
    }

    /// What was told so far is in the value that is read next.
    pub fn catch_up(&self) {
        if let Some((_, followed)) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            followed.catch_up();
        }
    }

    /// Follows this, unless it does already.
    fn begin(&self, app: &App, topic: Topic) {
        let mut followed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if followed.as_ref().is_none_or(|(known, _)| *known != topic) {
            *followed = Some((topic, app.db.follow(topic)));
        }
    }
}

impl Request {
    /// Prepares a request of `actor`.
    pub fn new(app: App, actor: Actor) -> Self {
        let loaders = Loaders::new(&app, &actor);
        Self {
            app,
            actor,
            loaders,
            reads: Arc::default(),
            reason: None,
            follows: None,
        }
    }

    /// The same request for one value of a subscription.
    #[must_use]
    pub fn following(mut self, follows: Arc<Follows>) -> Self {
        self.follows = Some(follows);
        self
    }

    /// Follows something for the subscription whose value this request reads; to be called before it is read, so that
    /// no change falls between.
    pub fn follow(&self, topic: Topic) {
        if let Some(follows) = &self.follows {
            follows.begin(&self.app, topic);
        }
    }

    /// The same request with a reason for it.
    #[must_use]
    pub fn because(mut self, reason: Option<Reason>) -> Self {
        self.reason = reason;
        self
    }

    /// Whether the policy lets the viewer do this, with the reason that was given if it takes one.
    pub fn may(&self, action: Action, relation: Relation) -> bool {
        match verdict(&self.actor, action, relation) {
            Verdict::Allowed => true,
            Verdict::WithReason => self.reason.is_some(),
            Verdict::Denied => false,
        }
    }

    /// Whether a field of the person with this number shows to the viewer, who stands to them so. When it shows to
    /// staff, that is noted.
    pub fn shows(&self, number: i64, field: PersonalField, action: Action, relation: Relation) -> bool {
        let shows = self.may(action, relation);
        if let Some(role) = capacity(&self.actor, relation).filter(|_| shows) {
            self.reads.note(role, field, number);
        }
        shows
    }

    /// The request that a resolver belongs to.
    pub fn of<'a>(ctx: &Context<'a>) -> &'a Self {
        ctx.data_unchecked::<Self>()
    }
}
