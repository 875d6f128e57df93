//! Roles for which an identity provider vouches, as far as the settings map what it says: they begin and end when
//! somebody signs in, and end with the link and with the provider.

use crate::app::App;
use crate::auth::provider::Provider;
use crate::domain::actor::{Grant, Scope};
use crate::domain::id::{PersonId, RoleAssignmentId};
use crate::domain::identity::{Claims, mapped};
use crate::domain::policy::Action;
use crate::error::Result;
use crate::store::{Tx, audit, course, edition, institution, role};

/// Gives the person the roles for which the provider vouches now, and ends those for which it did before. A role that
/// somebody granted stays as it is. The caller holds the person's row.
pub(super) async fn follow(app: &App, tx: &Tx, provider: &Provider, person: PersonId, claims: &Claims) -> Result<()> {
    let now = app.clock.now();
    let wanted = mapped(&provider.roles, &claims.others);
    let held = role::of_person(tx, person, now).await?;
    let is_wanted = |row: &role::Model| wanted.iter().any(|grant| is_of(row, *grant));
    for row in &held {
        if row.provider.as_ref() == Some(&provider.key) && !is_wanted(row) {
            end(app, tx, row).await?;
        }
    }
    for grant in wanted {
        if held.iter().any(|row| is_of(row, grant)) {
            continue;
        }
        if !exists(tx, grant.scope).await? {
            tracing::warn!(provider.key = %provider.key, "a role is mapped in a scope that there is not");
            continue;
        }
        let row = role::new_row(RoleAssignmentId(app.clock.new_id()), person, grant, now, None);
        let provider = Some(provider.key.clone());
        let row = role::insert(tx, role::Model { provider, ..row }).await?;
        note(app, tx, &row, "granted").await?;
    }
    Ok(())
}

/// Ends the roles of a person for which a provider vouched.
pub(super) async fn end_of_provider(app: &App, tx: &Tx, person: PersonId, key: &str) -> Result<()> {
    for row in role::of_person(tx, person, app.clock.now()).await? {
        if row.provider.as_deref() == Some(key) {
            end(app, tx, &row).await?;
        }
    }
    Ok(())
}

/// Ends the roles for which a provider vouched that is no longer in the settings; how many there were. Done at start.
pub async fn end_of_former_providers(app: &App) -> Result<usize> {
    let known: Vec<&str> = app
        .providers
        .all()
        .iter()
        .map(|provider| provider.key.as_str())
        .collect();
    let tx = app.db.write().await?;
    let rows = role::of_other_providers(&tx, &known, app.clock.now()).await?;
    for row in &rows {
        end(app, &tx, row).await?;
    }
    tx.commit().await?;
    Ok(rows.len())
}

fn is_of(row: &role::Model, grant: Grant) -> bool {
    row.role == grant.role && row.scope() == Some(grant.scope)
}

async fn exists(tx: &Tx, scope: Scope) -> Result<bool> {
    Ok(match scope {
        Scope::System => true,
        Scope::Course(id) => course::find(tx, id).await?.is_some(),
        Scope::Edition(id) => edition::find(tx, id).await?.is_some(),
        Scope::Institution(id) => institution::find(tx, id).await?.is_some(),
    })
}

async fn end(app: &App, tx: &Tx, row: &role::Model) -> Result<()> {
    role::set_end(tx, row.id, app.clock.now()).await?;
    note(app, tx, row, "ended").await
}

async fn note(app: &App, tx: &Tx, row: &role::Model, what: &str) -> Result<()> {
    let key = row.provider.as_deref().unwrap_or_default();
    let reason = format!("{what} by the word of the identity provider {key}");
    let subjects = [row.id.into(), row.person_id.into()];
    audit::record(tx, &app.clock, None, Action::GrantRole, &subjects, Some(&reason)).await
}
