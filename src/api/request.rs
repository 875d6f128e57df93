//! What every resolver of one request shares: the application, who asks, and the loaders.

use async_graphql::Context;

use super::loaders::Loaders;
use crate::app::App;
use crate::domain::actor::Actor;

/// One request. Loaders live and die with it, so nothing that one person may see reaches another.
pub struct Request {
    /// The application.
    pub app: App,
    /// Who asks.
    pub actor: Actor,
    /// Batched look-ups.
    pub loaders: Loaders,
}

impl Request {
    /// Prepares a request of `actor`.
    pub fn new(app: App, actor: Actor) -> Self {
        let loaders = Loaders::new(&app, &actor);
        Self { app, actor, loaders }
    }

    /// The request that a resolver belongs to.
    pub fn of<'a>(ctx: &Context<'a>) -> &'a Self {
        ctx.data_unchecked::<Self>()
    }
}
