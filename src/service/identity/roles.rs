//! Roles for which an identity provider vouches, as far as the settings map what it says: they begin and end when
//! somebody signs in, and end with the link, the rule and the provider.

use std::collections::BTreeMap;

use crate::app::App;
use crate::auth::provider::Provider;
use crate::domain::actor::{Grant, Scope};
use crate::domain::id::{PersonId, RoleAssignmentId};
use crate::domain::identity::{Claims, RoleRule, mapped};
use crate::domain::institution::InstitutionState;
use crate::domain::policy::Action;
use crate::error::Result;
use crate::store::{Tx, audit, course, edition, identity, institution, role};

/// Gives the person the roles for which the provider vouches now, and ends those for which it did before. A role that
/// somebody granted stays as it is, and one that somebody revoked stays away until somebody grants it. The caller holds
/// the person's row.
pub(super) async fn follow(app: &App, tx: &Tx, provider: &Provider, person: PersonId, claims: &Claims) -> Result<()> {
    let now = app.clock.now();
    let wanted = settled(tx, mapped(&provider.roles, &claims.others)).await?;
    let held = role::of_person(tx, person, now).await?;
    let is_wanted = |row: &role::Model| wanted.iter().any(|grant| is_of(row, *grant));
    for row in &held {
        if row.provider.as_ref() == Some(&provider.key) && !is_wanted(row) {
            end(app, tx, row).await?;
        }
    }
    for grant in wanted {
        if held.iter().any(|row| is_of(row, grant)) || role::was_revoked(tx, person, grant).await? {
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

/// Ends the roles that no rule of the settings gives any more, be it that the rule is gone, the provider, or the issuer
/// by which the person was known; how many there were. Done at start.
pub async fn end_without_a_rule(app: &App) -> Result<usize> {
    let tx = app.db.write().await?;
    let mut owners = BTreeMap::new();
    for provider in app.providers.all() {
        let known = identity::owners_with_roles(&tx, &provider.key, provider.issuer()).await?;
        let given = settled(&tx, provider.roles.iter().map(RoleRule::grant).collect()).await?;
        owners.insert(provider.key.as_str(), (known, given));
    }
    let mut ended = 0;
    for row in role::of_providers(&tx, app.clock.now()).await? {
        let key = row.provider.as_deref().unwrap_or_default();
        let is_given = owners.get(key).is_some_and(|(known, given)| {
            known.contains(&row.person_id) && given.iter().any(|grant| is_of(&row, *grant))
        });
        if !is_given {
            end(app, &tx, &row).await?;
            ended += 1;
        }
    }
    tx.commit().await?;
    Ok(ended)
}

/// What the rules give now: a role in an institution that was merged is one in the institution into which it was.
async fn settled(tx: &Tx, grants: Vec<Grant>) -> Result<Vec<Grant>> {
    let mut given = Vec::new();
    for grant in grants {
        let scope = institution::settled(tx, grant.scope).await?;
        let grant = Grant { scope, ..grant };
        if !given.contains(&grant) {
            given.push(grant);
        }
    }
    Ok(given)
}

fn is_of(row: &role::Model, grant: Grant) -> bool {
    row.role == grant.role && row.scope() == Some(grant.scope)
}

async fn exists(tx: &Tx, scope: Scope) -> Result<bool> {
    Ok(match scope {
        Scope::System => true,
        Scope::Course(id) => course::find(tx, id).await?.is_some(),
        Scope::Edition(id) => edition::find(tx, id).await?.is_some(),
        Scope::Institution(id) => {
            let row = institution::find(tx, id).await?;
            row.is_some_and(|row| row.state == InstitutionState::Registered)
        }
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
