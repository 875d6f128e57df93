//! Texts in the inputs of mutations: what is refused, and in what form the rest is kept.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::parser::types::{FieldDefinition, InputValueDefinition, Type, TypeDefinition};
use chrono::TimeDelta;
use rumbo::auth::second_factor::DeviceSecret;
use rumbo::auth::token::{self, Kind};
use rumbo::store::identity_claim;
use serde_json::{Value, json};
use unicode_normalization::is_nfc;

use super::hostile::{attempts, faults, half_a_character, judge};
use super::{Form, known, stated};
use crate::matrix::World;
use crate::support::app::{Client, TestApp};
use crate::support::input::{Leaf, fill, places, pointer, with};
use crate::support::letter::token_in;
use crate::support::rows;
use crate::support::scene::{rubric, scores};
use crate::support::sdl::{fields, types};

fn mutations(types: &[TypeDefinition]) -> Vec<(&str, &InputValueDefinition)> {
    let with_input = |field: &&FieldDefinition| !field.arguments.is_empty();
    fields(types, "Mutation")
        .into_iter()
        .filter(with_input)
        .map(|field| (field.name.node.as_str(), &field.arguments[0].node))
        .collect()
}

fn changing(mutation: &str, ty: &Type) -> String {
    format!("mutation ($input: {ty}) {{ {mutation}(input: $input) {{ userErrors {{ code path message }} }} }}")
}

/// Tables in which a refused request may leave something: tries are counted, and looks recorded.
const COUNTED: [&str; 5] = [
    "second_factor",
    "sign_in_challenge",
    "rate_bucket",
    "sign_in_line",
    "access_record",
];

async fn kept(test: &TestApp) -> BTreeMap<String, Vec<String>> {
    let mut all = rows::all(&test.app.db).await;
    all.retain(|table, _| !COUNTED.contains(&table.as_str()));
    all
}

/// What confirms an identity of somebody: the token, as a message would bring it, and the handle of the sign-in.
async fn proof_of_identity(test: &TestApp, owner: &Client<'_>) -> Value {
    let token = token::draw(Kind::OneTime).expect("a token");
    let handle = token::draw(Kind::ProviderSignIn).expect("a handle");
    let row = identity_claim::Model {
        hash: token::digest(Kind::OneTime, &token).expect("a digest"),
        person_id: owner.person.expect("a person"),
        sign_in: token::digest(Kind::ProviderSignIn, &handle).expect("a digest"),
        provider: "campus".to_owned(),
        issuer: "https://login.campus.example".to_owned(),
        subject: "1".to_owned(),
        issued_at: test.now(),
        expires_at: test.now() + TimeDelta::hours(1),
        used_at: None,
    };
    let tx = test.app.db.write().await.expect("a transaction");
    identity_claim::replace(&tx, row).await.expect("a claim");
    tx.commit().await.expect("a commit");
    json!({ "token": token, "handle": handle })
}

/// Somebody new who can prove who they are, and what they have to send.
async fn newcomer<'a>(test: &'a TestApp, mutation: &str) -> (Client<'a>, Value) {
    let name: &'static str = format!("New{mutation}").leak();
    let client = test.person(name).await;
    test.password_of(&client).await;
    let mut mine =
        json!({ "currentPassword": TestApp::PASSWORD, "password": TestApp::PASSWORD, "email": client.email });
    match mutation {
        "confirmSecondFactor" => {
            client.run("BeginSecondFactor", json!({})).await.at("beginSecondFactor");
        }
        "createApiToken" | "removeSecondFactor" | "renewRecoveryCodes" | "changePassword" | "requestEmailChange"
        | "completeSignIn" | "unlinkIdentity" => {
            let begun = client.run("BeginSecondFactor", json!({})).await;
            let secret = begun.text("beginSecondFactor.enrolment.secret");
            let device = DeviceSecret::read(&secret).expect("a secret");
            let code = device.code_at(test.now());
            if mutation == "createApiToken" {
                // The one that was used is used up; the next one is taken as well.
                mine["code"] = json!(device.code_at(test.now() + TimeDelta::seconds(30)));
            }
            let proof = json!({ "input": { "password": TestApp::PASSWORD, "code": code } });
            let done = client.run("ConfirmSecondFactor", proof).await;
            assert_eq!(done.user_errors("confirmSecondFactor"), [""; 0]);
        }
        "confirmIdentityLink" => {
            let proof = proof_of_identity(test, &client).await;
            return (client, proof);
        }
        "resetPassword" => {
            let input = json!({ "input": { "email": client.email } });
            test.anonymous().run("RequestPasswordReset", input).await;
            let token = token_in(&test.mails().await.pop().expect("a message"));
            return (client, json!({ "token": token, "password": "elefante azul en junio" }));
        }
        _ => {}
    }
    drop(test.mails().await);
    (client, mine)
}

/// What the mutations of one's own account need besides, so that each text is looked at.
async fn own(test: &TestApp, mutation: &str, client: &Client<'_>, mut input: Value) -> Value {
    match mutation {
        "completeSignIn" => {
            let proof = json!({ "input": { "email": client.email, "password": TestApp::PASSWORD } });
            let answer = test.anonymous().run("SignIn", proof).await;
            input["challenge"] = json!(answer.text("signIn.challenge.token"));
        }
        "changePassword" => input["newPassword"] = json!("elefante azul en junio"),
        "registerPerson" => {
            input["email"] = json!("nueva@example.org");
            input["password"] = json!("elefante azul en junio");
        }
        "updateProfile" => input["version"] = json!(1),
        "createApiToken" => {
            input["scopes"] = json!(["READ_ACCOUNT"]);
            input["expiresAt"] = json!(test.now() + TimeDelta::days(30));
        }
        _ => {}
    }
    input
}

/// Who sends a mutation that is not about the own account: somebody who may.
pub(super) fn sender<'w, 'a>(world: &'w World<'a>, mutation: &str) -> &'w Client<'a> {
    let who = match mutation {
        "applyToEdition" => "a stranger",
        "saveDraft" | "submitWork" | "withdrawEnrolment" | "acceptOffer" | "declineOffer" | "stateConsent" => {
            "themself"
        }
        "createInstitution" | "updateInstitution" | "disableAccount" | "enableAccount" | "importPeople" => {
            "an administrator"
        }
        "nominate"
        | "substituteNomination"
        | "endorseNomination"
        | "withdrawNomination"
        | "rankNomination"
        | "importNominations" => "the nominating institution",
        _ => "the coordinator of all",
    };
    let found = world.viewers.iter().find(|viewer| viewer.name == who);
    &found.expect("somebody").client
}

/// What can be sent without a fault: by whom, and what.
async fn base<'a>(world: &World<'a>, test: &'a TestApp, mutation: &str) -> (Client<'a>, Value) {
    let client = sender(world, mutation).clone();
    if let Some(input) = world.ready(mutation, &client).await {
        return (client, input);
    }
    let (client, mut input) = newcomer(test, mutation).await;
    match mutation {
        "acceptInvitation" | "declineInvitation" => input["token"] = json!(world.invite(&client.email).await),
        "registerInvited" => {
            input["token"] = json!(world.invite("registered@example.org").await);
            input["password"] = json!("elefante azul en junio");
        }
        _ => {}
    }
    let input = own(test, mutation, &client, input).await;
    (client, input)
}

/// The input of a mutation, whole: what is given, and the rest by the schema.
fn whole(types: &[TypeDefinition], mutation: &str, ty: &Type, given: &Value, known: &Value) -> Value {
    let mut input = fill(types, ty, "input", Some(given), known);
    match mutation {
        // Either of two.
        "grantRole" => {
            input["personId"] = Value::Null;
            input["email"] = json!("nobody@example.org");
        }
        "createSeatPool" => {
            input["institutionId"] = Value::Null;
            input["constituentGroup"] = Value::Null;
        }
        "requestRevision" | "gradeSubmission" => input["scores"] = scores(1, 1),
        "updateDeliverable" => input["rubric"] = rubric(),
        // Everybody is in a team.
        "createTeam" => input["enrolmentIds"] = json!([]),
        "updateTeam" => {
            input["addEnrolmentIds"] = json!([]);
            input["removeEnrolmentIds"] = json!([]);
        }
        _ => {}
    }
    input
}

#[tokio::test]
async fn no_mutation_takes_a_text_that_cannot_be() {
    let test = TestApp::new().await;
    let world = World::new(&test).await;
    let types = types();
    let known = known(&world);
    let (mut wrong, mut count, mut texts) = (Vec::new(), 0, 0);
    for (mutation, argument) in mutations(&types) {
        let ty = &argument.ty.node;
        let document = changing(mutation, ty);
        let (client, given) = base(&world, &test, mutation).await;
        let input = whole(&types, mutation, ty, &given, &known);
        drop(test.mails().await);
        let before = kept(&test).await;
        for place in places(&types, ty, &["input".to_owned()], &[], &input) {
            texts += 1;
            let below = &place.path[1..];
            // A challenge takes five codes.
            let mut input = input.clone();
            if mutation == "completeSignIn" && below == ["code"] {
                input = own(&test, mutation, &client, input).await;
            }
            for (turn, (text, codes)) in attempts(&place).into_iter().enumerate() {
                if mutation == "completeSignIn" && below == ["code"] && turn == 4 {
                    input = own(&test, mutation, &client, input).await;
                }
                count += 1;
                let answer = client
                    .query(
                        &document,
                        json!({ "input": with(&input, &pointer(below), json!(text)) }),
                    )
                    .await;
                let mut place = place.clone();
                // Of a sign-in it is not told what was wrong with it.
                if mutation == "signIn" {
                    place.path.truncate(1);
                    judge(&answer, &place, &["INVALID_CREDENTIALS"], &text, &mut wrong);
                } else {
                    judge(&answer, &place, codes, &text, &mut wrong);
                }
            }
            let halved = json!({ "input": with(&input, &pointer(below), json!("HALF")) });
            let answer = half_a_character(&test, &client, &document, &halved).await;
            if (answer.status.as_u16(), answer.refusal()) != (400, "BAD_REQUEST") {
                wrong.push(format!("{mutation}: {}", answer.body));
            }
        }
        let after = kept(&test).await;
        for (table, rows) in &before {
            if after[table] != *rows && mutation != "completeSignIn" {
                wrong.push(format!("{mutation}: {table} was changed"));
            }
        }
        drop(test.mails().await);
    }
    eprintln!(
        "texts: {texts} places in mutations, {count} refusals, {} wrong",
        wrong.len()
    );
    assert!(texts > 100 && wrong.is_empty(), "{wrong:#?}");
}

/// A text of this length in which every letter is two code points that compose to one.
fn decomposed(most: usize, serial: usize) -> String {
    let text = format!("{serial}{}", "n\u{303}".repeat(most));
    let letters = serial.to_string().chars().count();
    let count = most.min(60);
    text.chars().take(letters + 2 * (count - letters)).collect()
}

/// Sends every mutation that takes a text, each as it is taken, with texts that are not in normal form C; gives those
/// that were done, and what was refused.
pub(crate) async fn change_everything(test: &TestApp) -> (BTreeSet<String>, Vec<String>) {
    let world = World::new(test).await;
    let types = types();
    let known = known(&world);
    let (mut wrong, mut done) = (Vec::new(), BTreeSet::new());
    for (serial, (mutation, argument)) in mutations(&types).into_iter().enumerate() {
        let ty = &argument.ty.node;
        let (client, given) = base(&world, test, mutation).await;
        let mut input = whole(&types, mutation, ty, &given, &known);
        // What is answered to a form goes with that form: `application/` sends it.
        if input.get("application").is_some() {
            input["application"] = Value::Null;
        }
        if mutation == "exportList" {
            // This list takes no more; the filters of the others stand in their own queries.
            for (name, value) in input.as_object_mut().expect("an object") {
                if !["list", "reason", "text"].contains(&name.as_str()) {
                    *value = Value::Null;
                }
            }
        }
        let mut changed = false;
        for place in places(&types, ty, &["input".to_owned()], &[], &input.clone()) {
            let below = &place.path[1..];
            // The key of a criterion is one that the rubric has, that of a purpose one that the form has.
            let refers = place
                .path
                .last()
                .is_some_and(|name| ["criterion", "key", "purpose"].contains(&name.as_str()));
            if let (Leaf::Text, false, Some((Form::Nfc, most))) = (place.leaf, refers, stated(&place.said)) {
                input = with(&input, &pointer(below), json!(decomposed(most, serial + 100)));
                changed = true;
            }
        }
        if !changed {
            continue;
        }
        let answer = client.query(&changing(mutation, ty), json!({ "input": input })).await;
        if faults(&answer).is_empty() && !answer.status.is_server_error() {
            done.insert(mutation.to_owned());
        } else {
            wrong.push(format!("{mutation}: {} {:?}", answer.status, faults(&answer)));
        }
    }
    drop(test.mails().await);
    (done, wrong)
}

#[tokio::test]
async fn every_text_is_kept_in_its_normal_form() {
    let test = TestApp::new().await;
    let (done, mut wrong) = change_everything(&test).await;
    let mut composed = 0;
    for (table, rows) in rows::all(&test.app.db).await {
        for row in rows {
            composed += usize::from(row.contains("ñññ"));
            if !is_nfc(&row) {
                wrong.push(format!("{table}: {row:.300}"));
            }
        }
    }
    eprintln!(
        "texts: {} mutations keep them in normal form C, in {composed} rows",
        done.len()
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(done.len() > 20 && composed > 40, "{composed} {done:?}");
}
