//! Editions by the codes that people write.

use std::collections::BTreeSet;

use sea_orm::entity::prelude::*;

use super::{Column, Entity, Model, visible_to};
use crate::domain::actor::Actor;
use crate::error::Result;

/// The most codes of one statement.
const BATCH: usize = 1000;

/// The edition with this code, if it exists for the actor.
pub async fn find_by_code(connection: &impl ConnectionTrait, actor: &Actor, code: &str) -> Result<Option<Model>> {
    Ok(Entity::find()
        .filter(Column::Code.eq(code))
        .filter(visible_to(actor))
        .one(connection)
        .await?)
}

/// The editions with these codes that exist for the actor, in no order.
pub async fn by_codes(connection: &impl ConnectionTrait, actor: &Actor, codes: &[&str]) -> Result<Vec<Model>> {
    let codes: BTreeSet<&str> = codes.iter().copied().collect();
    let codes: Vec<&str> = codes.into_iter().collect();
    let mut found = Vec::new();
    for batch in codes.chunks(BATCH) {
        let rows = Entity::find()
            .filter(Column::Code.is_in(batch.iter().copied()))
            .filter(visible_to(actor));
        found.extend(rows.all(connection).await?);
    }
    Ok(found)
}
