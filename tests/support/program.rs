//! Programs that act in somebody's name.

use chrono::TimeDelta;
use rumbo::auth::api_token as secrets;
use rumbo::domain::id::ApiTokenId;
use rumbo::domain::policy::scopes::Scopes;
use rumbo::store::api_token;

use super::app::{Client, TestApp};

/// Puts an API token into the store, past the password: its secret.
pub async fn secret(test: &TestApp, owner: &Client<'_>, scopes: Scopes) -> String {
    let secret = secrets::draw().expect("a secret");
    let row = api_token::Model {
        id: ApiTokenId(test.app.clock.new_id()),
        hash: secrets::digest(&secret).expect("a digest"),
        person_id: owner.person.expect("a person"),
        name: "A program".to_owned(),
        scopes: scopes.write(),
        created_at: test.now(),
        expires_at: test.now() + TimeDelta::days(90),
        factor_at: None,
        used_at: None,
        warned_at: None,
        revoked_at: None,
    };
    let tx = test.app.db.write().await.expect("a transaction");
    api_token::insert(&tx, row).await.expect("a token");
    tx.commit().await.expect("a commit");
    secret
}
