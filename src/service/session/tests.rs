//! Sessions on a database of their own: rotation, reuse, and what ends them.

use chrono::TimeDelta;
use futures_util::future::join_all;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, Set};

use super::*;
use crate::service::account::tests::{Bench, PASSWORD, codes, open_session};

const EMAIL: &str = "ana.perez@example.org";

async fn tokens(bench: &Bench) -> SessionTokens {
    bench.person().await;
    open_session(&bench.app, EMAIL, PASSWORD).await.expect("a session")
}

async fn lives(bench: &Bench, tokens: &SessionTokens) -> bool {
    actor(&bench.app, Some(&tokens.access), None).await.is_ok()
}

async fn live_refresh_tokens(bench: &Bench) -> usize {
    let rows = refresh::Entity::find()
        .filter(refresh::Column::UsedAt.is_null())
        .all(bench.app.db.read());
    rows.await.expect("tokens").len()
}

#[tokio::test]
async fn every_failed_sign_in_looks_the_same() {
    let bench = Bench::new().await;
    let person = bench.person().await;
    let refused = vec![(Code::InvalidCredentials, "input".to_owned())];
    for (email, password) in [
        (EMAIL, "wrong password"),
        ("nobody@example.org", PASSWORD),
        ("nonsense", PASSWORD),
    ] {
        assert_eq!(
            codes(open_session(&bench.app, email, password).await),
            refused,
            "{email}"
        );
    }
    let tx = bench.app.db.write().await.expect("a transaction");
    let disabled = person::ActiveModel {
        id: Set(person),
        disabled_at: Set(Some(bench.app.clock.now())),
        ..Default::default()
    };
    disabled.update(&tx).await.expect("disabled");
    tx.commit().await.expect("committed");
    assert_eq!(codes(open_session(&bench.app, EMAIL, PASSWORD).await), refused);
}

#[tokio::test]
async fn a_session_says_who_asks_and_in_which_language() {
    let bench = Bench::new().await;
    let first = tokens(&bench).await;
    assert_eq!(first.expires_in, 600);
    let known = actor(&bench.app, Some(&first.access), Some("en"))
        .await
        .expect("an actor");
    assert_eq!((known.person.is_some(), known.language), (true, Language::Pt));
    let nobody = actor(&bench.app, None, Some("en-GB, es;q=0.5"))
        .await
        .expect("an actor");
    assert_eq!((nobody.person, nobody.language), (None, Language::En));
    for wrong in ["", "nonsense", &first.refresh] {
        assert!(
            matches!(actor(&bench.app, Some(wrong), None).await, Err(Error::Unauthenticated)),
            "{wrong}"
        );
    }
    bench.advance(TimeDelta::minutes(11));
    assert!(!lives(&bench, &first).await);
}

#[tokio::test]
async fn an_ended_or_disabled_account_is_out_at_once() {
    let bench = Bench::new().await;
    let first = tokens(&bench).await;
    let other = open_session(&bench.app, EMAIL, PASSWORD).await.expect("a session");
    let me = actor(&bench.app, Some(&first.access), None).await.expect("an actor");
    sign_out(&bench.app, &me).await.expect("signed out");
    assert!(!lives(&bench, &first).await && lives(&bench, &other).await);
    assert_eq!(
        codes(refresh(&bench.app, &first.refresh).await)[0].0,
        Code::InvalidToken
    );

    let tx = bench.app.db.write().await.expect("a transaction");
    let now = bench.app.clock.now();
    let all = person::Entity::update_many().col_expr(person::Column::DisabledAt, Expr::value(now));
    all.exec(&tx).await.expect("disabled");
    tx.commit().await.expect("committed");
    assert!(!lives(&bench, &other).await);
    assert_eq!(
        codes(refresh(&bench.app, &other.refresh).await)[0].0,
        Code::InvalidToken
    );
}

#[tokio::test]
async fn a_refresh_token_is_followed_by_the_next() {
    let bench = Bench::new().await;
    let mut last = tokens(&bench).await;
    for _ in 0..3 {
        bench.advance(TimeDelta::days(20));
        last = refresh(&bench.app, &last.refresh).await.expect("the next pair");
        assert!(lives(&bench, &last).await);
        assert_eq!(live_refresh_tokens(&bench).await, 1);
    }
    bench.advance(TimeDelta::days(30));
    let late = refresh(&bench.app, &last.refresh).await;
    assert_eq!(codes(late), [(Code::InvalidToken, "input.refreshToken".to_owned())]);
}

#[tokio::test]
async fn a_lost_answer_is_given_again_and_one_branch_lives() {
    let bench = Bench::new().await;
    let first = tokens(&bench).await;
    let results = join_all((0..10).map(|_| refresh(&bench.app, &first.refresh))).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(live_refresh_tokens(&bench).await, 1);
    bench.advance(TimeDelta::seconds(10));
    assert!(refresh(&bench.app, &first.refresh).await.is_ok());
}

#[tokio::test]
async fn a_refresh_token_that_comes_again_later_ends_the_session() {
    let bench = Bench::new().await;
    let first = tokens(&bench).await;
    let second = refresh(&bench.app, &first.refresh).await.expect("the next pair");
    bench.advance(TimeDelta::seconds(11));
    assert_eq!(
        codes(refresh(&bench.app, &first.refresh).await)[0].0,
        Code::InvalidToken
    );
    assert!(!lives(&bench, &second).await);
    assert_eq!(
        codes(refresh(&bench.app, &second.refresh).await)[0].0,
        Code::InvalidToken
    );
    let entries = audit::Entity::find()
        .filter(audit::Column::SubjectKind.eq("session"))
        .all(bench.app.db.read());
    assert_eq!(entries.await.expect("entries").len(), 1);
    assert_eq!(bench.mail().await, [("session_copied".to_owned(), None)]);
}
