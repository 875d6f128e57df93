//! Whoever guesses at an account does not shut its owner out.

use axum::http::StatusCode;
use chrono::TimeDelta;
use serde_json::Value;

use super::{ON, PASSWORD, owner, sign_in};
use crate::support::app::TestApp;

/// Whether a guess at Ana's password was let through to be wrong.
async fn guess(test: &TestApp, peer: &str) -> bool {
    let answer = sign_in(test, peer, "ana@example.org", "wrong wrong wrong").await;
    if answer.status == StatusCode::TOO_MANY_REQUESTS {
        return false;
    }
    assert_eq!(answer.at("signIn.session"), &Value::Null);
    true
}

async fn guesses(test: &TestApp, peers: impl Iterator<Item = String>) -> usize {
    let mut through = 0;
    for peer in peers {
        through += usize::from(guess(test, &peer).await);
    }
    through
}

/// Whether Ana's own password gets her in, or after how many seconds she may ask again.
async fn enter(test: &TestApp, peer: &str) -> Result<(), i64> {
    let answer = sign_in(test, peer, "ana@example.org", PASSWORD).await;
    if answer.status == StatusCode::TOO_MANY_REQUESTS {
        return Err(answer.json["errors"][0]["extensions"]["retryAfter"]
            .as_i64()
            .expect("a wait"));
    }
    answer.text("signIn.session.accessToken");
    Ok(())
}

/// Lets Ana ask again as she is told, while each second somebody guesses; how many seconds she waited.
async fn wait_under_attack(test: &TestApp, own: &str, attacker: impl Fn(i64) -> String) -> (i64, usize) {
    let (mut through, mut second) = (0, 0);
    while let Err(told) = enter(test, own).await {
        assert!((1..=30).contains(&told), "{told}");
        for _ in 0..told {
            test.pass(TimeDelta::seconds(1));
            second += 1;
            through += usize::from(guess(test, &attacker(second)).await);
        }
        assert!(second < 600, "she waits for ever");
    }
    (second, through)
}

#[tokio::test]
async fn a_network_of_ipv6_does_not_shut_an_owner_out() {
    let test = TestApp::with(&[ON]).await;
    owner(&test).await;
    assert_eq!(enter(&test, "203.0.113.7").await, Ok(()));
    let attackers = (0..600).map(|number| format!("[2001:db8:7:{:x}::1]", number % 150));
    assert_eq!(guesses(&test, attackers).await, 20, "they are one network");
    for second in 0..60 {
        test.pass(TimeDelta::seconds(1));
        guess(&test, &format!("[2001:db8:7:{:x}::1]", 1000 + second)).await;
        if second % 3 == 0 {
            assert_eq!(enter(&test, "203.0.113.7").await, Ok(()), "from where she was before");
            let fresh = format!("198.51.100.{second}");
            assert_eq!(enter(&test, &fresh).await, Ok(()), "and from elsewhere");
        }
    }
}

#[tokio::test]
async fn patient_attackers_do_not_shut_an_owner_out() {
    let test = TestApp::with(&[ON]).await;
    owner(&test).await;
    assert_eq!(enter(&test, "203.0.113.7").await, Ok(()));
    let attacker = |number: i64| format!("198.51.{}.{}", 100 + number / 200, 1 + number % 200);
    assert_eq!(guesses(&test, (0..680).map(|number| attacker(number % 170))).await, 100);
    for _ in 0..20 {
        assert_eq!(enter(&test, "203.0.113.7").await, Ok(()), "from where she was before");
        test.pass(TimeDelta::seconds(1));
    }
    // From elsewhere she waits until those who went away are forgotten; who comes later comes after her.
    let (waited, through) = wait_under_attack(&test, "203.0.113.90", |second| attacker(1000 + second)).await;
    assert!((1..=75).contains(&waited), "{waited}");
    assert!(through <= 12, "{through}");
    // Where she got in once she does not wait again.
    assert!(!guess(&test, &attacker(3000)).await);
    assert_eq!(enter(&test, "203.0.113.90").await, Ok(()));
}

#[tokio::test]
async fn strangers_who_keep_asking_take_turns_with_the_owner() {
    let test = TestApp::with(&[ON]).await;
    owner(&test).await;
    let attacker = |number: i64| format!("198.51.{}.{}", 100 + number / 200, 1 + number % 200);
    assert_eq!(guesses(&test, (0..400).map(|number| attacker(number % 100))).await, 100);
    // Twenty go on, one a second, and were there first.
    let still = |second: i64| attacker(second % 20);
    let mut through = 0;
    for second in 0..60 {
        test.pass(TimeDelta::seconds(1));
        through += usize::from(guess(&test, &still(second)).await);
    }
    let (waited, meanwhile) = wait_under_attack(&test, "203.0.113.90", still).await;
    assert!((1..=20 * 5 + 60).contains(&waited), "{waited}");
    // All together get no more than the account gives: twelve a minute.
    for second in 0..120 {
        test.pass(TimeDelta::seconds(1));
        through += usize::from(guess(&test, &attacker(1000 + second)).await);
    }
    let given = (60 + waited + 120) / 5;
    assert!(
        i64::try_from(through + meanwhile).is_ok_and(|all| all <= given),
        "{through} and {meanwhile} of {given}"
    );
}
