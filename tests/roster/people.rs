//! Rows of people.

use rumbo::domain::list::Mode;
use rumbo::error::Error;
use rumbo::service::roster::{Answer, Order};
use rumbo::store::declaration;
use serde_json::json;

use super::{account, accounts, bring, counts, of_people, report, told};
use crate::support::app::TestApp;
use crate::support::scene::faults;

const FILE: &str = "username,firstname,lastname,email,country,institution,lang,timezone,profile_field_gender\n\
    apaz,Ana,Paz,ana@example.org,UY,inefop,es,99,female\n\
    ,Beto,Gil,Beto@Example.org,BR,,pt_br,America/Sao_Paulo,\n";

#[tokio::test]
async fn accounts_come_in_once_and_without_a_password() {
    let test = TestApp::new().await;
    let ada = test.administrator().await;
    let inefop = test.institution("INEFOP", "UY").await;
    let tried = report(
        &test,
        &ada,
        FILE,
        &Order {
            dry_run: true,
            ..of_people()
        },
    )
    .await;
    assert_eq!(counts(&tried), [2, 0, 0, 0]);
    assert!(!tried.carried_out);
    assert_eq!(accounts(&test).await, 1, "nothing was stored by a dry run");

    let done = report(&test, &ada, FILE, &of_people()).await;
    assert_eq!((counts(&done), done.carried_out), ([2, 0, 0, 0], true));
    let ana = account(&test, "ana@example.org").await.expect("an account");
    assert_eq!((ana.password_hash, ana.email_confirmed_at), (None, None));
    let declared = declaration::current(test.app.db.read(), &[ana.id])
        .await
        .expect("a statement");
    assert_eq!(declared[0].institution_id, Some(inefop));
    assert_eq!(declared[0].constituent_group.word(), "training_institution");
    let beto = account(&test, "beto@example.org").await.expect("an account");
    assert_eq!(
        (beto.language.code(), beto.time_zone.as_str()),
        ("pt", "America/Sao_Paulo")
    );

    for mode in [Mode::RowByRow, Mode::AllOrNothing] {
        let again = report(&test, &ada, FILE, &Order { mode, ..of_people() }).await;
        assert_eq!(counts(&again), [0, 0, 2, 0]);
    }
    assert_eq!(accounts(&test).await, 3);
    assert_eq!(test.notices().await, [""; 0]);
    let entries = ada
        .run(
            "AuditEntries",
            json!({ "first": 50, "filter": { "actions": ["import_records"] } }),
        )
        .await;
    assert_eq!(entries.at("auditEntries.nodes").as_array().map(Vec::len), Some(2));
    test.fine().await;
}

#[tokio::test]
async fn another_row_changes_what_it_says_and_the_same_one_nothing_that_its_owner_changed() {
    let test = TestApp::new().await;
    let ada = test.administrator().await;
    let ana = test.person("Ana").await;
    let file = "email,firstname,lastname,country\nana@example.org,Ana María,Paz,\n";
    let tried = report(
        &test,
        &ada,
        file,
        &Order {
            dry_run: true,
            ..of_people()
        },
    )
    .await;
    assert_eq!(counts(&tried), [0, 1, 0, 0]);
    assert_eq!(counts(&report(&test, &ada, file, &of_people()).await), [0, 1, 0, 0]);
    let stored = account(&test, &ana.email).await.expect("an account");
    assert_eq!((stored.given_name.as_str(), stored.version), ("Ana María", 2));
    let declared = declaration::current(test.app.db.read(), &[stored.id])
        .await
        .expect("a statement");
    assert_eq!(
        declared[0].country.as_deref(),
        Some("UY"),
        "what a row does not say stays"
    );

    let own = json!({
        "givenName": "Anita", "familyName": "Paz", "language": "EN", "timeZone": "America/Montevideo", "version": 2,
    });
    assert_eq!(faults(&ana, "UpdateProfile", own).await, [""; 0]);
    assert_eq!(counts(&report(&test, &ada, file, &of_people()).await), [0, 0, 1, 0]);
    assert_eq!(
        account(&test, &ana.email).await.expect("an account").given_name,
        "Anita"
    );

    let moved = "email,firstname,lastname,country\nana@example.org,Ana María,Paz,BR\n";
    test.pass(chrono::TimeDelta::seconds(1));
    assert_eq!(counts(&report(&test, &ada, moved, &of_people()).await), [0, 1, 0, 0]);
    let declared = declaration::current(test.app.db.read(), &[stored.id])
        .await
        .expect("a statement");
    assert_eq!(declared[0].country.as_deref(), Some("BR"));
}

#[tokio::test]
async fn all_or_nothing_stores_nothing_where_a_row_is_refused_and_row_by_row_the_others() {
    let test = TestApp::new().await;
    let ada = test.administrator().await;
    let file = "email,firstname,lastname,institution\n\
        a@example.org,Ana,Paz,\n\
        b@example.org,Beto,Gil,Nowhere\n\
        c@example.org,Caro,,\n";
    let all = Order {
        mode: Mode::AllOrNothing,
        ..of_people()
    };
    let refused = report(&test, &ada, file, &all).await;
    let rows = [
        "2 created -",
        "3 refused - NOT_REGISTERED@institution",
        "4 refused - REQUIRED@lastname",
    ];
    assert_eq!(told(&refused), rows);
    assert!(!refused.carried_out);
    assert_eq!(accounts(&test).await, 1);
    let done = report(&test, &ada, file, &of_people()).await;
    assert_eq!(told(&done), rows);
    assert!(done.carried_out);
    assert_eq!(accounts(&test).await, 2);
}

#[tokio::test]
async fn institutions_are_found_by_every_name_and_refused_where_several_have_it() {
    let test = TestApp::new().await;
    let ada = test.administrator().await;
    for (name, country) in [("Formación", "UY"), ("Formación", "BR"), ("INA", "CR")] {
        test.institution(name, country).await;
    }
    let file = "email,firstname,lastname,country,institution\n\
        a@example.org,A,Paz,UY,FORMACION\n\
        b@example.org,B,Paz,,formación\n\
        c@example.org,C,Paz,AR,formación\n\
        d@example.org,D,Paz,AR,ina\n";
    let done = report(&test, &ada, file, &of_people()).await;
    assert_eq!(
        told(&done),
        [
            "2 created -",
            "3 refused - NOT_REGISTERED@institution",
            "4 refused - NOT_REGISTERED@institution",
            "5 created -"
        ]
    );
}

#[tokio::test]
async fn only_administrators_bring_people_in() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let ana = test.person("Ana").await;
    for client in [&carla, &ana] {
        let answer = bring(&test, client, FILE, &of_people()).await;
        assert!(matches!(answer, Err(Error::Forbidden)), "{answer:?}");
    }
    let ada = test.administrator().await;
    let answer = bring(&test, &ada, "email;emial\n", &of_people())
        .await
        .expect("an answer");
    assert!(matches!(answer, Answer::Unreadable(_)), "{answer:?}");
}
