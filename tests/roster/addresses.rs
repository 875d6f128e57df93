//! People who took another address since a file brought them in, and two addresses that lead to one person.

use rumbo::domain::list::Mode;
use rumbo::error::Error;
use rumbo::service::roster::Order;
use rumbo::store::person;

use super::{account, accounts, counts, of_people, order, report, told};
use crate::support::app::TestApp;
use crate::support::scene::{Plan, enrolling};

const FILE: &str = "email,firstname,lastname,country\na@example.org,Ana,Paz,UY\nb@example.org,Beto,Gil,BR\n";

/// Gives the account with one address another.
async fn move_to(test: &TestApp, from: &str, to: &str) {
    let id = account(test, from).await.expect("an account").id;
    let tx = test.app.db.write().await.expect("a transaction");
    let moved = person::set_email(&tx, id, to, test.now(), Error::Timeout).await;
    moved.expect("a new address");
    tx.commit().await.expect("a commit");
}

#[tokio::test]
async fn who_took_another_address_is_not_enrolled_a_second_time() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    enrolling(&carla, Plan::OPEN).await;
    assert_eq!(counts(&report(&test, &carla, FILE, &order()).await), [2, 0, 0, 0]);
    drop(test.mails().await);
    move_to(&test, "a@example.org", "ana@example.org").await;
    let other = FILE.replace("Ana,Paz,UY", "Ana,Paz,AR");
    let both = format!("{other}ana@example.org,Ana,Paz,UY\n");
    for dry_run in [true, false] {
        for mode in [Mode::RowByRow, Mode::AllOrNothing] {
            let order = Order {
                dry_run,
                mode,
                ..order()
            };
            for file in [FILE, &other, &both] {
                let [created, updated, _, refused] = counts(&report(&test, &carla, file, &order).await);
                assert_eq!([created, updated, refused], [0, 0, 0], "{file}");
            }
        }
    }
    assert_eq!(accounts(&test).await, 3);
    assert_eq!(test.notices().await, [""; 0]);
    test.fine().await;

    report(&test, &carla, FILE, &order()).await;
    // Who has the address now is somebody else, as any row but the one that was carried out says.
    test.person("A").await;
    assert_eq!(told(&report(&test, &carla, FILE, &order()).await)[0], "2 unchanged -");
    assert_eq!(
        told(&report(&test, &carla, &FILE.replace("Ana,Paz", "Alba,Paz"), &order()).await)[0],
        "2 created confirmed"
    );
    test.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn who_took_another_address_gets_no_second_account() {
    let test = TestApp::new().await;
    let ada = test.administrator().await;
    assert_eq!(counts(&report(&test, &ada, FILE, &of_people()).await), [2, 0, 0, 0]);
    move_to(&test, "a@example.org", "ana@example.org").await;
    assert_eq!(counts(&report(&test, &ada, FILE, &of_people()).await), [0, 0, 2, 0]);
    let other = FILE.replace("Ana,Paz", "Ana María,Paz");
    assert_eq!(counts(&report(&test, &ada, &other, &of_people()).await), [0, 1, 1, 0]);
    let ana = account(&test, "ana@example.org").await.expect("an account");
    assert_eq!(ana.given_name, "Ana María");
    assert_eq!(accounts(&test).await, 3);
    test.fine().await;
}
