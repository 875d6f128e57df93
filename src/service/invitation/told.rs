//! What messages about invitations say, and what things are called in them.

use std::collections::HashMap;

use crate::domain::actor::Scope;
use crate::domain::id::PersonId;
use crate::domain::invitation::Offer;
use crate::domain::language::{Language, Localized};
use crate::domain::notice::{Guest, Notice};
use crate::domain::person::full_name;
use crate::error::{Error, Result};
use crate::store::invitation::Model;
use crate::store::{Connection, Tx, course, edition, institution, person};

/// The message that carries the token.
pub(super) async fn notice(tx: &Tx, row: &Model, offer: Offer, guest: Guest, token: String) -> Result<Notice> {
    let expires_at = row.expires_at;
    let inviter = inviter_name(tx, row.invited_by).await?;
    let gone = || Error::internal("what somebody is invited to is gone");
    Ok(match offer {
        Offer::TakePart(id) => {
            let edition = edition::find(tx, id).await?.ok_or_else(gone)?;
            let course = course::get(tx, edition.course_id).await?;
            Notice::InvitedToEdition {
                guest,
                inviter,
                edition: edition.about(&course),
                token,
                expires_at,
            }
        }
        Offer::HoldRole(grant) => Notice::InvitedToRole {
            guest,
            inviter,
            role: grant.role.word().to_owned(),
            place: place_name(tx, grant.scope).await?,
            token,
            expires_at,
        },
    })
}

/// Whom messages about an invitation go to.
pub(in crate::service) fn guest_of(row: &Model) -> Guest {
    Guest {
        address: row.email.clone(),
        given_name: row.given_name.clone(),
        family_name: row.family_name.clone(),
        language: row.language,
    }
}

/// The name of who invites, as the message and the holder of its token read it.
pub(in crate::service) async fn inviter_name(connection: &impl Connection, id: PersonId) -> Result<String> {
    let found = inviter_names(connection, &[id]).await?.remove(&id);
    found.ok_or_else(|| Error::internal("an invitation of nobody"))
}

/// The names of those who invite.
pub(in crate::service) async fn inviter_names(
    connection: &impl Connection,
    ids: &[PersonId],
) -> Result<HashMap<PersonId, String>> {
    let rows = person::by_ids(connection, ids).await?;
    let name = |row: person::Model| (row.id, full_name(&row.given_name, &row.family_name));
    Ok(rows.into_iter().map(name).collect())
}

/// What a scope is called; `None` for everywhere.
pub(super) async fn place_name(connection: &impl Connection, scope: Scope) -> Result<Option<Localized>> {
    let gone = || Error::internal("a scope is gone");
    Ok(match scope {
        Scope::System => None,
        Scope::Institution(id) => {
            let row = institution::resolve(connection, id).await?.ok_or_else(gone)?;
            Some(Localized::of(Language::Es, row.name))
        }
        Scope::Course(id) => Some(course::get(connection, id).await?.titles()),
        Scope::Edition(id) => {
            let row = edition::find(connection, id).await?.ok_or_else(gone)?;
            let course = course::get(connection, row.course_id).await?;
            let mut titles = course.titles();
            for title in titles.0.values_mut() {
                *title = format!("{title} ({})", row.code);
            }
            Some(titles)
        }
    })
}
