//! A coordinator of one edition learns nothing of people whom they do not see, and nobody is enrolled in secret.

use rumbo::domain::id::PersonId;
use rumbo::domain::language::Language;
use rumbo::domain::list::Mode;
use rumbo::service::roster::Order;
use rumbo::store::{declaration, enrolment, person};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;

use super::{account, accounts, of_people, order, report, told};
use crate::support::app::TestApp;
use crate::support::letter::token_in;
use crate::support::scene::{Plan, act, apply, enrolling, faults};

#[tokio::test]
async fn somebody_unseen_is_judged_like_somebody_absent() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let own = enrolling(&carla, Plan::OPEN).await;
    let other = enrolling(&carla, Plan::OTHER).await;
    let dora = test.coordinator_of("Dora", &own).await;
    let unseen = test.person("Unseen").await;
    apply(&unseen, &other).await;
    drop(test.mails().await);
    let rows =
        |name: &str, cells: &str| format!("email,firstname,lastname,country,institution\n{name}@example.org,{cells}\n");
    let before = accounts(&test).await;
    for cells in [
        "Ana,Paz,UY,",
        ",,,",
        "Ana,,UY,",
        "Ana,Paz,XX,",
        "Ana,Paz,UY,Nowhere",
        "Other,Name,BR,",
    ] {
        for mode in [Mode::RowByRow, Mode::AllOrNothing] {
            let tried = Order {
                dry_run: true,
                mode,
                ..order()
            };
            let seen = report(&test, &dora, &rows("unseen", cells), &tried).await;
            let absent = report(&test, &dora, &rows("absent", cells), &tried).await;
            assert_eq!(seen, absent, "{cells}");
        }
    }
    assert_eq!(accounts(&test).await, before);

    // Silent for those who come into being, never for those who were there.
    let silent = Order {
        notify: false,
        ..order()
    };
    let done = report(&test, &dora, &rows("unseen", "Ana,Paz,BR,"), &silent).await;
    let made = report(&test, &dora, &rows("absent", "Ana,Paz,BR,"), &silent).await;
    assert_eq!(done, made);
    assert_eq!(told(&done), ["2 created confirmed"]);
    assert_eq!(test.notices().await, ["enrolment_confirmed unseen@example.org"]);
    // The account is as its owner made it.
    let stored = account(&test, "unseen@example.org").await.expect("an account");
    assert_eq!(stored.given_name, "Unseen");
    test.fine().await;
}

#[tokio::test]
async fn nobody_declares_for_an_account_that_is_there() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let own = enrolling(&carla, Plan::OPEN).await;
    let dora = test.coordinator_of("Dora", &own).await;
    let unseen = test.person("Unseen").await.person.expect("a person");
    let forgotten = declaration::Entity::delete_many().filter(declaration::Column::PersonId.eq(unseen));
    let tx = test.app.db.write().await.expect("a transaction");
    forgotten.exec(&tx).await.expect("a statement less");
    tx.commit().await.expect("a commit");
    let file = "email,firstname,lastname,country\nunseen@example.org,Ana,Paz,BR\n";
    let done = report(&test, &dora, file, &order()).await;
    assert_eq!(told(&done), ["2 created confirmed"]);
    let declared = declaration::current(test.app.db.read(), &[unseen]).await;
    assert!(declared.expect("statements").is_empty());
    let row = enrolment::Entity::find().one(test.app.db.read()).await.expect("a look");
    assert_eq!(row.expect("an enrolment").country, "BR");
    test.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn the_names_of_a_stranger_who_registered_the_address_do_not_stay() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    enrolling(&carla, Plan::OPEN).await;
    let tx = test.app.db.write().await.expect("a transaction");
    let stranger = person::Model {
        id: PersonId(test.app.clock.new_id()),
        number: person::next_number(&tx).await.expect("a number"),
        email: "ana@example.org".to_owned(),
        given_name: "Rude".to_owned(),
        family_name: "Word".to_owned(),
        language: Language::En,
        time_zone: "Asia/Tokyo".to_owned(),
        password_hash: Some("of a stranger".to_owned()),
        email_confirmed_at: None,
        disabled_at: None,
        created_at: test.now(),
        version: 1,
    };
    person::insert(&tx, stranger).await.expect("a person");
    tx.commit().await.expect("a commit");
    let nameless = report(&test, &carla, "email\nana@example.org\n", &order()).await;
    assert_eq!(told(&nameless), ["2 refused - REQUIRED@firstname REQUIRED@lastname"]);
    let file = "email,firstname,lastname\nana@example.org,Ana,Paz\n";
    assert_eq!(
        told(&report(&test, &carla, file, &order()).await),
        ["2 created confirmed"]
    );
    let ana = account(&test, "ana@example.org").await.expect("an account");
    assert_eq!((ana.given_name.as_str(), ana.family_name.as_str()), ("Ana", "Paz"));
    assert_eq!((ana.language, ana.password_hash), (Language::Es, None));
    test.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn what_a_stranger_registered_before_does_not_get_in_with_an_enrolment() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    enrolling(&carla, Plan::OPEN).await;
    let file = "email,firstname,lastname\nana@example.org,Ana,Paz\n";
    let made = report(&test, &test.administrator().await, file, &of_people()).await;
    assert_eq!(told(&made), ["2 created -"]);
    let anyone = test.anonymous();
    let stranger = json!({
        "email": "ana@example.org", "givenName": "Rude", "familyName": "Word", "language": "EN", "timeZone": "UTC",
        "password": "tortuga verde en mayo",
    });
    act(&anyone, "RegisterPerson", stranger).await;
    let mails = test.mails().await;
    let mail = mails.iter().find(|mail| mail.notice == "confirm_address");
    let token = token_in(mail.expect("a message"));
    assert_eq!(
        told(&report(&test, &carla, file, &order()).await),
        ["2 created confirmed"]
    );
    let dead = faults(&anyone, "ConfirmEmail", json!({ "token": token })).await;
    assert_eq!(dead, ["INVALID_TOKEN input.token"]);
    let ana = account(&test, "ana@example.org").await.expect("an account");
    assert_eq!((ana.given_name.as_str(), ana.password_hash), ("Ana", None));
    test.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn a_disabled_account_comes_in_like_any_other_and_gets_no_mail() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    enrolling(&carla, Plan::OPEN).await;
    let closed = test.person("Ana").await.person.expect("a person");
    let tx = test.app.db.write().await.expect("a transaction");
    let disabled = person::set_disabled(&tx, closed, Some(test.now())).await;
    disabled.expect("a disabled account");
    tx.commit().await.expect("a commit");
    drop(test.mails().await);
    let file = "email,firstname,lastname\nana@example.org,Ana,Paz\nabsent@example.org,Ana,Paz\n";
    assert_eq!(
        told(&report(&test, &carla, file, &order()).await),
        ["2 created confirmed", "3 created confirmed"]
    );
    assert_eq!(test.notices().await, ["enrolment_confirmed absent@example.org"]);
}
