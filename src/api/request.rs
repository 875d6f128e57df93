//! What every resolver of one request shares: the application, who asks, and the loaders.

use std::sync::Arc;

use async_graphql::Context;

use super::loaders::Loaders;
use super::reads::Reads;
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::audit::{PersonalField, capacity};
use crate::domain::policy::{Action, Relation, Verdict, verdict};
use crate::domain::text::Reason;

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
