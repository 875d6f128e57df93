//! What was nominated by an institution that is merged into another one.

use rumbo::domain::actor::{Role, Scope};
use rumbo::domain::id::InstitutionId;
use rumbo::service::institution::following;
use serde_json::{Value, json};

use super::{Place, accept, accepted, list, seats, token};
use crate::support::app::TestApp;
use crate::support::scene::{Plan, act, done, edition_input, faults, replan};

/// What names somebody at this address for another institution than Flor's.
fn naming(place: &Place<'_>, institution: InstitutionId, email: &str) -> Value {
    let mut input = place.naming(email);
    input["institutionId"] = json!(institution.to_string());
    input
}

/// What merges an institution into Flor's.
fn into(place: &Place<'_>, old: InstitutionId) -> Value {
    json!({ "institutionId": old.to_string(), "version": 1, "intoId": place.institution.to_string() })
}

fn states(rows: &[Value]) -> Vec<&str> {
    let mut states: Vec<&str> = rows
        .iter()
        .map(|row| row["state"].as_str().unwrap_or_default())
        .collect();
    states.sort_unstable();
    states
}

#[tokio::test]
async fn nominations_follow_and_of_two_to_one_address_one_goes_on() {
    let test = TestApp::new().await;
    let place = Place::new(&test).await;
    let ada = test.administrator().await;
    let old = test.institution("Old", "UY").await;
    let fede = test.holder("Fede", Role::FocalPoint, Scope::Institution(old)).await;
    let (nora, olga, otto) = (
        test.person("Nora").await,
        test.person("Olga").await,
        test.person("Otto").await,
    );
    let (_, of_nora) = place.nominate(&test, "nora@example.org").await;
    let mut tokens = Vec::new();
    for email in ["nora@example.org", "olga@example.org", "otto@example.org"] {
        done(&fede, "Nominate", naming(&place, old, email)).await;
        tokens.push(token(&test, email).await);
    }
    assert_eq!(accepted(&otto, &tokens[2]).await, "CONFIRMED");
    drop(test.mails().await);

    done(&ada, "MergeInstitution", into(&place, old)).await;
    // Who wrote the one that ended is told; its nominee has the other one.
    assert_eq!(test.notices().await, ["nomination_answered fede@example.org"]);
    for reader in [&place.flor, &fede, &place.carla] {
        let rows = list(reader, &place.edition, json!({})).await;
        assert_eq!(states(&rows), ["ACCEPTED", "SUBMITTED", "SUBMITTED", "WITHDRAWN"]);
        let led = |row: &Value| row["institution"]["name"] == "INEFOP";
        assert!(rows.iter().all(led), "{rows:?}");
    }
    // Either identifier means the one that stays, also where somebody is named by it.
    assert_eq!(seats(&fede, &place.edition, old).await, place.seats().await);
    done(&fede, "Nominate", naming(&place, old, "late@example.org")).await;
    assert_eq!(
        faults(&place.flor, "Nominate", place.naming("late@example.org")).await,
        ["ALREADY_INVITED input.email"]
    );
    let refused = accept(&nora, &tokens[0]).await;
    assert_eq!(refused.user_errors("acceptInvitation"), ["INVALID_TOKEN input.token"]);
    assert_eq!(accepted(&nora, &of_nora).await, "CONFIRMED");
    assert_eq!(accepted(&olga, &tokens[1]).await, "CONFIRMED");
    test.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn of_two_the_one_goes_on_that_can_be_answered() {
    let test = TestApp::new().await;
    let place = Place::new(&test).await;
    let ada = test.administrator().await;
    let old = test.institution("Old", "UY").await;
    let fede = test.holder("Fede", Role::FocalPoint, Scope::Institution(old)).await;
    let nora = test.person("Nora").await;
    done(&fede, "Nominate", naming(&place, old, "nora@example.org")).await;
    let written = token(&test, "nora@example.org").await;
    // From now on a second focal point endorses: of Flor's nobody has written to Nora.
    let mut plan = edition_input(Plan::OPEN);
    plan["endorsesNominations"] = json!(true);
    let changed = replan(&place.carla, &place.edition, plan).await;
    assert_eq!(changed.user_errors("updateEdition"), [""; 0]);
    done(&place.flor, "Nominate", place.naming("nora@example.org")).await;
    drop(test.mails().await);

    done(&ada, "MergeInstitution", into(&place, old)).await;
    assert_eq!(test.notices().await, ["nomination_answered flor@example.org"]);
    assert_eq!(accepted(&nora, &written).await, "CONFIRMED");
    test.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn much_follows_with_as_many_statements_as_little() {
    let mut spent = Vec::new();
    for names in [&["Gil"][..], &["Gil", "Hilda", "Ines", "Jon", "Kai", "Lea"]] {
        let test = TestApp::new().await;
        let place = Place::new(&test).await;
        let ada = test.administrator().await;
        let old = test.institution("Old", "UY").await;
        let fede = test.holder("Fede", Role::FocalPoint, Scope::Institution(old)).await;
        for &name in names {
            let both = test.holder(name, Role::FocalPoint, Scope::Institution(old)).await;
            let scope = Scope::Institution(place.institution);
            test.role_of(&both, Role::FocalPoint, scope).await;
            let email = format!("nominee.{}@example.org", name.to_lowercase());
            place.nominate(&test, &email).await;
            done(&fede, "Nominate", naming(&place, old, &email)).await;
        }
        drop(test.mails().await);
        done(&ada, "MergeInstitution", into(&place, old)).await;
        let before = test.app.db.statements();
        following::pass(&test.app.db, &test.app.clock).await.expect("a pass");
        spent.push(test.app.db.statements() - before);
        let told = vec!["nomination_answered fede@example.org".to_owned(); names.len()];
        assert_eq!(test.notices().await, told);
        test.fine().await;
    }
    eprintln!("one and six of each follow: {spent:?} statements");
    assert_eq!(spent[0], spent[1]);
}

#[tokio::test]
async fn nobody_is_named_for_what_somebody_else_proposed() {
    let test = TestApp::new().await;
    let place = Place::new(&test).await;
    let input = json!({ "name": "Missing", "country": "UY", "kind": "OTHER" });
    let made = done(&test.person("Ana").await, "ProposeInstitution", input).await;
    let mut input = place.naming("nora@example.org");
    // What one may not see is not there: the answer is that to an identifier of nothing.
    for institution in [
        made.text("proposeInstitution.institution.id"),
        "ins_01h455vb4pex5vsknk084sn02q".to_owned(),
    ] {
        input["institutionId"] = json!(institution);
        let refused = act(&place.flor, "Nominate", input.clone()).await;
        assert_eq!(refused.refusal(), "NOT_FOUND", "{institution}");
    }
}
