//! Signing in tells nothing by its refusals: not by what they say, and not by how long they take.

use std::time::Instant;

use chrono::{DateTime, Utc};
use rumbo::store::{person, second_factor};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;

use crate::support::app::{Answer, Client, TestApp};

const PASSWORD: &str = TestApp::PASSWORD;

/// Why a sign-in is refused, and what is sent.
struct Class {
    name: &'static str,
    email: &'static str,
    password: &'static str,
}

const CLASSES: [Class; 8] = [
    Class {
        name: "wrong password",
        email: "ana@example.org",
        password: "elefante azul en junio",
    },
    Class {
        name: "unknown address",
        email: "nobody@example.org",
        password: PASSWORD,
    },
    Class {
        name: "unknown, after all others",
        email: "zoe@example.org",
        password: PASSWORD,
    },
    Class {
        name: "no address",
        email: "nobody",
        password: PASSWORD,
    },
    Class {
        name: "disabled",
        email: "dora@example.org",
        password: PASSWORD,
    },
    Class {
        name: "not confirmed",
        email: "uma@example.org",
        password: PASSWORD,
    },
    Class {
        name: "no password yet",
        email: "ines@example.org",
        password: PASSWORD,
    },
    Class {
        name: "second factor, wrong password",
        email: "flor@example.org",
        password: "elefante azul en junio",
    },
];

/// An account for every class.
async fn scene(test: &TestApp) {
    for name in ["Ana", "Dora", "Uma", "Flor"] {
        let client = test.person(name).await;
        test.password_of(&client).await;
    }
    test.person("Ines").await;
    let tx = test.app.db.write().await.expect("a transaction");
    let of = |email: &str| rumbo::domain::text::Email::parse(email).expect("an address");
    let find = async |email: &str| {
        let found = person::find_by_email(&tx, &of(email)).await.expect("a query");
        found.expect("a person").id
    };
    let disabled = find("dora@example.org").await;
    let now = test.now();
    person::set_disabled(&tx, disabled, Some(now)).await.expect("disabled");
    let with_factor = find("flor@example.org").await;
    let row = second_factor::Model {
        person_id: with_factor,
        secret: vec![0; 48],
        begun_at: now,
        confirmed_at: Some(now),
        last_step: 0,
        failures: 0,
        blocked_until: None,
    };
    second_factor::replace(&tx, row).await.expect("a factor");
    let unconfirmed = find("uma@example.org").await;
    person::Entity::update_many()
        .col_expr(person::Column::EmailConfirmedAt, Expr::value(None::<DateTime<Utc>>))
        .filter(person::Column::Id.eq(unconfirmed))
        .exec(&tx)
        .await
        .expect("unconfirmed");
    tx.commit().await.expect("a commit");
}

async fn attempt(anyone: &Client<'_>, class: &Class) -> Answer {
    let input = json!({ "email": class.email, "password": class.password });
    anyone.run("SignIn", json!({ "input": input })).await
}

#[tokio::test]
async fn every_refusal_is_the_same_to_the_letter() {
    let test = TestApp::new().await;
    scene(&test).await;
    let anyone = test.anonymous();
    let seen = |answer: &Answer| {
        let mut headers: Vec<String> = answer
            .headers
            .iter()
            .map(|(name, value)| match name.as_str() {
                "x-request-id" | "date" => name.to_string(),
                _ => format!("{name}: {value:?}"),
            })
            .collect();
        headers.sort();
        (answer.status, headers, answer.body.clone())
    };
    let first = attempt(&anyone, &CLASSES[0]).await;
    assert_eq!(first.user_errors("signIn"), ["INVALID_CREDENTIALS input"]);
    for class in &CLASSES {
        assert_eq!(seen(&attempt(&anyone, class).await), seen(&first), "{}", class.name);
    }
}

/// As much is read for an address that nobody has, wherever it stands among the others.
#[tokio::test]
async fn an_unknown_address_finds_a_row_too() {
    let test = TestApp::new().await;
    let found = async |address: &str| {
        let row = person::at_or_after(test.app.db.read(), address).await.expect("a query");
        row.map(|row| row.email)
    };
    assert_eq!(found("ana@example.org").await, None, "there is nobody at all");
    scene(&test).await;
    for (address, first) in [
        ("ana@example.org", "ana@example.org"),
        ("", "ana@example.org"),
        ("bea@example.org", "dora@example.org"),
        ("zoe@example.org", "uma@example.org"),
    ] {
        assert_eq!(found(address).await.as_deref(), Some(first), "{address}");
    }
}

/// The middle of the times, in milliseconds.
fn median(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// The two-sample Kolmogorov-Smirnov statistic, and how likely one as large is if both are of one kind.
#[allow(clippy::cast_precision_loss, reason = "some thousand samples")]
fn kolmogorov_smirnov(one: &[f64], two: &[f64]) -> (f64, f64) {
    let below = |sample: &[f64], time: f64| sample.iter().filter(|other| **other <= time).count() as f64;
    let (n, m) = (one.len() as f64, two.len() as f64);
    let gap = |time: &f64| (below(one, *time) / n - below(two, *time) / m).abs();
    let statistic = one.iter().chain(two).map(gap).fold(0.0, f64::max);
    let root = (n * m / (n + m)).sqrt();
    let scaled = (root + 0.12 + 0.11 / root) * statistic;
    let term = |k: i32| {
        let sign = if k % 2 == 1 { 1.0 } else { -1.0 };
        sign * (-2.0 * f64::from(k * k) * scaled * scaled).exp()
    };
    let likely = 2.0 * (1..=100).map(term).sum::<f64>();
    (statistic, if scaled < 0.2 { 1.0 } else { likely.clamp(0.0, 1.0) })
}

/// Times so many sign-ins of each class, in turns, and prints what can be told from them.
async fn time_sign_ins(count: usize) {
    let test = TestApp::new().await;
    scene(&test).await;
    let anyone = test.anonymous();
    let mut times = vec![Vec::with_capacity(count); CLASSES.len()];
    for round in 0..count + 5 {
        for turn in 0..CLASSES.len() {
            // Every round begins with another class, so that none always follows the same one.
            let class = (turn + round) % CLASSES.len();
            let begun = Instant::now();
            attempt(&anyone, &CLASSES[class]).await;
            if round >= 5 {
                times[class].push(begun.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
    eprintln!("{count} sign-ins of each class, {:?}", test.app.db.engine());
    let reference = median(&times[0]);
    for (class, times_of) in CLASSES.iter().zip(&times) {
        let (statistic, likely) = kolmogorov_smirnov(&times[0], times_of);
        let middle = median(times_of);
        let apart = (middle / reference - 1.0) * 100.0;
        eprintln!(
            "{:<30} median {middle:7.2} ms ({apart:+5.1} %)  KS {statistic:.3}, p {likely:.3}",
            class.name
        );
    }
}

#[tokio::test]
#[ignore = "measures, on a machine that does nothing else: cargo test --test rumbo -- --ignored --nocapture sign_ins"]
async fn two_hundred_sign_ins_of_each_class_are_timed() {
    time_sign_ins(200).await;
}

#[tokio::test]
#[ignore = "measures for some minutes, on a machine that does nothing else"]
async fn a_thousand_sign_ins_of_each_class_are_timed() {
    time_sign_ins(1_000).await;
}
