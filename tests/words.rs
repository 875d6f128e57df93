//! Text that comes in: the schema says how long each may be and in what form it is kept, and every place that takes one
//! refuses, by name, what is too long and what cannot be shown. The places are found by walking the schema.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::parser::types::{FieldDefinition, InputValueDefinition, Type, TypeDefinition, TypeKind};
use axum::body::Body;
use axum::http::{Request, header};
use chrono::TimeDelta;
use data_encoding::BASE64URL_NOPAD;
use rumbo::auth::second_factor::DeviceSecret;
use rumbo::auth::token::{self, Kind};
use rumbo::domain::id::IdentityId;
use rumbo::domain::identity::{CODE_MOST, ISSUER_MOST, KEY_MOST, STATE_MOST};
use rumbo::domain::text::{
    Body as WorkBody, Comment, Country, Email, Name, Reason, SearchText, ShortCode, TIME_ZONE_MOST, Title,
};
use rumbo::store::identity_claim;
use serde_json::{Value, json};
use unicode_normalization::is_nfc;

use crate::fields::{document, paths};
use crate::matrix::World;
use crate::support::app::{Answer, Client, TestApp};
use crate::support::input::{Leaf, Place, fill, named, places, with};
use crate::support::rows;
use crate::support::scene::{act, id_of, rubric, scores};
use crate::support::sdl::{fields, types};

/// In what form a text is kept or compared, by the words in which the schema says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    /// Normal form C, without what cannot be shown.
    Nfc,
    /// An address.
    Address,
    Country,
    TimeZone,
    Month,
    /// Passwords.
    Bytes,
    /// Tokens and cursors.
    AsItCame,
    /// Codes of a second factor.
    AsShown,
}

const FORMS: [(&str, Form); 9] = [
    ("(NFC)", Form::Nfc),
    ("lower case", Form::Address),
    ("E-mail address", Form::Address),
    ("address of the account", Form::Address),
    ("ISO 3166-1", Form::Country),
    ("IANA zone", Form::TimeZone),
    ("`2022-04`", Form::Month),
    ("byte for byte", Form::Bytes),
    ("as it came", Form::AsItCame),
];

/// The form and the most characters that descriptions state, the innermost last; the smallest number counts.
fn stated(said: &[String]) -> Option<(Form, usize)> {
    let innermost = said.last()?;
    let form = FORMS
        .iter()
        .find(|(words, _)| innermost.contains(words))
        .map(|found| found.1);
    let form = form.or_else(|| innermost.contains("as it is shown").then_some(Form::AsShown))?;
    let most = said.iter().filter_map(|text| number(text)).min()?;
    number(innermost)?;
    Some((form, most))
}

/// The number that stands before `characters` or `letters`.
fn number(text: &str) -> Option<usize> {
    let words: Vec<&str> = text.split([' ', '\n']).filter(|word| !word.is_empty()).collect();
    let at = words
        .iter()
        .position(|word| word.starts_with("characters") || word.starts_with("letters"))?;
    words[at.checked_sub(1)?].replace(',', "").parse().ok()
}

/// How long texts of a form may be.
fn possible(form: Form) -> Vec<usize> {
    match form {
        Form::Nfc => vec![
            ShortCode::MOST,
            SearchText::MOST,
            Name::MOST,
            80,
            Title::MOST,
            Reason::MOST,
            Comment::MOST,
            WorkBody::MOST,
        ],
        Form::Address => vec![Email::MOST],
        Form::Country => vec![Country::MOST],
        Form::TimeZone => vec![TIME_ZONE_MOST],
        Form::Month => vec![7],
        Form::Bytes => vec![128],
        Form::AsItCame => vec![KEY_MOST, 60, STATE_MOST, ISSUER_MOST, CODE_MOST, 12_000],
        Form::AsShown => vec![40],
    }
}

#[test]
fn every_text_of_the_schema_states_its_limit_and_its_form() {
    let types = types();
    let mut silent = Vec::new();
    let mut found = 0;
    let mut look = |place: String, ty: &Type, description: Option<&String>| {
        if named(ty) != "String" {
            return;
        }
        found += 1;
        let said: Vec<String> = description.cloned().into_iter().collect();
        match stated(&said) {
            Some((form, most)) if possible(form).contains(&most) => {}
            other => silent.push(format!("{place}: {other:?}: {said:?}")),
        }
    };
    for of in &types {
        let name = of.name.node.as_str();
        match &of.kind {
            TypeKind::InputObject(input) => {
                for field in input.fields.iter().map(|field| &field.node) {
                    let description = field.description.as_ref().map(|text| &text.node);
                    look(format!("{name}.{}", field.name.node), &field.ty.node, description);
                }
            }
            TypeKind::Object(_) => {
                for field in fields(&types, name) {
                    for argument in field.arguments.iter().map(|argument| &argument.node) {
                        let place = format!("{name}.{}({})", field.name.node, argument.name.node);
                        let description = argument.description.as_ref().map(|text| &text.node);
                        look(place, &argument.ty.node, description);
                    }
                }
            }
            TypeKind::Scalar | TypeKind::Interface(_) | TypeKind::Union(_) | TypeKind::Enum(_) => {}
        }
    }
    assert!(found > 80, "the texts are found: {found}");
    assert_eq!(
        silent, [""; 0],
        "say `up to 200 characters (NFC)`, or another form as docs/api.md has it"
    );
}

/// What was refused: codes with their paths.
fn faults(answer: &Answer) -> Vec<(String, Vec<String>)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let path = |value: &Value| value.as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
    let mut found = Vec::new();
    for error in answer.json["errors"].as_array().into_iter().flatten() {
        let extensions = &error["extensions"];
        found.push((text(&extensions["code"]), path(&extensions["inputPath"])));
    }
    for payload in answer.json["data"]
        .as_object()
        .into_iter()
        .flat_map(|data| data.values())
    {
        for error in payload["userErrors"].as_array().into_iter().flatten() {
            found.push((text(&error["code"]), path(&error["path"])));
        }
    }
    found
}

/// Texts that nothing takes, each with the codes of which one refuses it.
fn hostile(form: Form, most: usize) -> Vec<(String, &'static [&'static str])> {
    let unshown = [
        "a\0b",
        "a\u{7}b",
        "\u{1b}[2J",
        "a\u{85}b",
        "a\u{202e}b",
        "a\u{2066}b",
        "a\u{fffe}b",
    ];
    let (codes, long): (&'static [&'static str], String) = match form {
        Form::Nfc => (&["FORBIDDEN_CHARACTER"], "ñ".repeat(most + 1)),
        Form::Address => (&["MALFORMED"], format!("{}@example.org", "a".repeat(most - 11))),
        Form::Country => (&["UNKNOWN_COUNTRY"], "UYU".to_owned()),
        Form::TimeZone => (&["UNKNOWN_TIME_ZONE"], "A".repeat(most + 1)),
        Form::Month => (&["MALFORMED"], "2026-003".to_owned()),
        Form::Bytes => (&["INVALID_CREDENTIALS", "TOO_SHORT"], "ñandú".repeat(most)),
        Form::AsItCame => (&["INVALID_TOKEN", "MALFORMED"], "A".repeat(most + 1)),
        Form::AsShown => (&["INVALID_CODE"], "1".repeat(most + 1)),
    };
    let mut texts: Vec<(String, &'static [&'static str])> =
        unshown.iter().map(|text| ((*text).to_owned(), codes)).collect();
    let too_long: &'static [&'static str] = match form {
        Form::Nfc | Form::Address => &["TOO_LONG"],
        Form::Bytes => &["TOO_LONG", "INVALID_CREDENTIALS"],
        Form::Country | Form::TimeZone | Form::Month | Form::AsItCame | Form::AsShown => codes,
    };
    texts.push((long, too_long));
    // Prose may be empty, and what shows nothing is.
    if !(form == Form::Nfc && most >= Comment::MOST) {
        let nothing: &'static [&'static str] = match form {
            Form::Nfc => &["REQUIRED"],
            Form::Address => &["MALFORMED", "REQUIRED"],
            _ => codes,
        };
        texts.push(("\u{200b}\u{2060}\u{feff}".to_owned(), nothing));
        if form == Form::Nfc {
            let hidden = ["An\u{200b}a", "Ana\u{e0061}", "\u{ad}Ana", "An\u{61c}a", "An\u{fff9}a"];
            texts.extend(hidden.map(|text| (text.to_owned(), codes)));
            texts.extend(["\u{301}", "\u{110bd}", "\u{1d159}", "\u{2065}"].map(|text| (text.to_owned(), nothing)));
        }
    }
    texts
}

/// Values of the other scalars that nothing takes, with the codes of which one refuses it.
fn hostile_scalar(leaf: Leaf) -> Vec<(String, &'static [&'static str])> {
    let wrong: &'static [&'static str] = match leaf {
        Leaf::Id => &["INVALID_ID"],
        _ => &["BAD_USER_INPUT"],
    };
    let mut texts: Vec<(String, &'static [&'static str])> = ["", "a\0b", "\u{202e}", "ñ"]
        .iter()
        .map(|text| ((*text).to_owned(), wrong))
        .collect();
    texts.push(("x".repeat(10_000), wrong));
    let beyond: &[&str] = match leaf {
        Leaf::Instant => &[
            "-262143-01-01T00:00:00Z",
            "+262142-12-31T23:59:59Z",
            "0001-01-01T00:00:00Z",
        ],
        Leaf::Day => &["-262143-01-01", "+262142-12-31", "0001-01-01"],
        _ => &[],
    };
    texts.extend(beyond.iter().map(|text| ((*text).to_owned(), &["OUT_OF_RANGE"][..])));
    texts
}

/// What one place is asked with, and what it may be refused with.
fn attempts(place: &Place) -> Vec<(String, &'static [&'static str])> {
    if place.leaf != Leaf::Text {
        return hostile_scalar(place.leaf);
    }
    let Some((form, most)) = stated(&place.said) else {
        panic!("{}: no limit: {:?}", place.path.join("."), place.said);
    };
    hostile(form, most)
}

/// The variable that the walk gives an argument.
fn variable(argument: &str) -> String {
    format!("a_{argument}")
}

/// Holds a refusal against what it has to be.
fn judge(answer: &Answer, place: &Place, codes: &[&str], sent: &str, wrong: &mut Vec<String>) {
    let found = faults(answer);
    let said = || {
        let sent: String = sent.chars().take(20).collect();
        format!(
            "{} with {sent:?}: {} {found:?}, not {codes:?}",
            place.path.join("."),
            answer.status
        )
    };
    // What is not of its type is found in the variable, whose name the walk makes of the argument's.
    let leads_here = |path: &[String]| match (path.split_first(), place.path.split_first()) {
        (Some((first, rest)), Some((argument, below))) => {
            rest == below && (first == argument || *first == variable(argument))
        }
        _ => false,
    };
    let named = |(code, path): &(String, Vec<String>)| codes.contains(&code.as_str()) && leads_here(path);
    if answer.status.is_server_error() || !found.iter().any(named) {
        wrong.push(said());
    }
}

/// Sends a body as it is.
async fn raw(test: &TestApp, client: &Client<'_>, body: String) -> Answer {
    let mut request = Request::post("/graphql")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/graphql-response+json");
    if let Some(token) = client.token() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    test.send(request.body(Body::from(body)).expect("a request")).await
}

/// Half a character, as JSON can write it, at this place.
async fn half_a_character(test: &TestApp, client: &Client<'_>, document: &str, variables: &Value) -> Answer {
    let body = json!({ "query": document, "variables": variables }).to_string();
    raw(test, client, body.replace("HALF", "\\ud800")).await
}

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

/// The token in the last message.
async fn token_in_mail(test: &TestApp) -> String {
    let mail = test.mails().await.pop().expect("a message");
    let at = mail.text.find("otk_").expect("a token");
    mail.text[at..].split_whitespace().next().expect("a token").to_owned()
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
            let token = token_in_mail(test).await;
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
fn sender<'w, 'a>(world: &'w World<'a>, mutation: &str) -> &'w Client<'a> {
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

/// The identifiers of the scene by their kind.
fn known(world: &World<'_>) -> Value {
    let mut known = world.variables();
    known["actor"] = known["person"].clone();
    known["subject"] = known["enrolment"].clone();
    known["nominatedby"] = known["institution"].clone();
    known["identity"] = json!(IdentityId(uuid::Uuid::from_u128(7)).to_string());
    known
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
                    .query(&document, json!({ "input": with(&input, below, json!(text)) }))
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
            let halved = json!({ "input": with(&input, below, json!("HALF")) });
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
        // What is answered to a form goes with that form: `application.rs` sends it.
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
                input = with(&input, below, json!(decomposed(most, serial + 100)));
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

/// What is asked of a field with the text at one of its arguments.
struct Question {
    document: String,
    variables: Value,
    place: Place,
}

/// Whether an argument stands in the question about another one.
fn belongs(field: &str, argument: &InputValueDefinition, about: &str) -> bool {
    match argument.name.node.as_str() {
        name if name == about => true,
        "first" => about != "before",
        "last" => about == "before",
        "actorId" => field == "accessOf" && about != "tokenId",
        _ => !argument.ty.node.nullable && argument.default_value.is_none(),
    }
}

/// One question for every place in the arguments of a field where a text stands.
fn questions(types: &[TypeDefinition], of: &str, field: &FieldDefinition, known: &Value) -> Vec<Question> {
    let mut found = Vec::new();
    // `course(id: …)` takes a course.
    let mut known = known.clone();
    let kind = field.name.node.as_str();
    known["id"] = known.get(kind).unwrap_or(&known["edition"]).clone();
    let known = &known;
    let arguments: Vec<&InputValueDefinition> = field.arguments.iter().map(|argument| &argument.node).collect();
    for about in &arguments {
        let name = about.name.node.as_str();
        let value = fill(types, &about.ty.node, name, None, known);
        let said: Vec<String> = about.description.iter().map(|text| text.node.clone()).collect();
        for place in places(types, &about.ty.node, &[name.to_owned()], &said, &value) {
            let (mut head, mut given, mut variables) = (String::new(), String::new(), known.clone());
            for argument in arguments
                .iter()
                .filter(|other| belongs(field.name.node.as_str(), other, name))
            {
                let name = argument.name.node.as_str();
                let variable = variable(name);
                head = format!("{head}${variable}: {}, ", argument.ty.node);
                given = format!("{given}{name}: ${variable}, ");
                variables[variable] = fill(types, &argument.ty.node, name, None, known);
            }
            let leaf = types.iter().all(|found| found.name.node != named(&field.ty.node));
            let inner = if leaf { "" } else { " { __typename }" };
            let asked = format!("{}({given}){inner}", field.name.node);
            let way = paths(types, of).into_iter().min_by_key(Vec::len).unwrap_or_default();
            let whole = if of == "Query" {
                format!("query ({head}) {{ {asked} }}")
            } else {
                document(&way, &asked)
                    .replacen("query", &format!("query ({head})"), 1)
                    .replacen(") (", "", 1)
            };
            found.push(Question {
                document: whole,
                variables,
                place,
            });
        }
    }
    found
}

/// Cursors that no list wrote, and of lists with another order.
fn cursors() -> Vec<String> {
    let id = "0".repeat(32);
    let long = "t".repeat(20_000);
    let keys = [
        "t\0",
        "t",
        "tx",
        "i0",
        "i-9223372036854775808",
        "i9223372036854775807",
        "d-4800-01-01",
        "d2026-01-01",
        "x",
        "t99",
        "n7",
        "n9223372036854775808",
        &long,
    ];
    let mut found: Vec<String> = keys
        .iter()
        .map(|key| BASE64URL_NOPAD.encode(format!("{id}{key}").as_bytes()))
        .collect();
    found.push(BASE64URL_NOPAD.encode(b"\xff\xfe"));
    found
}

#[tokio::test]
async fn no_argument_takes_a_text_that_cannot_be() {
    let test = TestApp::new().await;
    let world = World::new(&test).await;
    let types = types();
    let mut known = known(&world);
    known["token"] = json!(rumbo::domain::id::SessionId(uuid::Uuid::from_u128(7)).to_string());
    let (mut wrong, mut count, mut asked) = (Vec::new(), 0, 0);
    let carla = sender(&world, "createTeam");
    let administrator = sender(&world, "createInstitution");
    // What she brings in is hers alone to see.
    let made = act(carla, "ImportEnrolments", json!({ "editionId": known["edition"] })).await;
    for field in ["tableImport", "tableImportRows"] {
        known[field] = json!(made.text("importEnrolments.created.tableImport.id"));
    }
    for of in types
        .iter()
        .map(|found| found.name.node.as_str())
        // Of subscriptions `live.rs` asks, over the socket.
        .filter(|name| !["Mutation", "Subscription"].contains(name))
    {
        for field in fields(&types, of) {
            for Question {
                document,
                variables,
                place,
            } in questions(&types, of, field, &known)
            {
                asked += 1;
                let argument = variable(&place.path[0]);
                let reads = ["accessOf", "auditEntries"].contains(&field.name.node.as_str());
                let client = if reads { administrator } else { carla };
                let sent = |text: &str| {
                    let mut variables = variables.clone();
                    let put = json!(text);
                    variables[&argument] = match place.path.len() {
                        1 => put,
                        _ => with(&variables[&argument], &place.path[1..], put),
                    };
                    variables
                };
                let is_cursor = ["after", "before"].contains(&place.path[0].as_str());
                // What is good for something is asked with in `invitation.rs`.
                if !is_cursor && field.name.node != "openInvitation" {
                    let plain = client.query(&document, variables.clone()).await;
                    let code = plain.json.pointer("/errors/0/extensions/code").and_then(Value::as_str);
                    if code.is_some_and(|code| code != "NOT_FOUND") {
                        wrong.push(format!("{document}: {:#}", plain.json));
                    }
                }
                for (text, codes) in attempts(&place) {
                    count += 1;
                    let answer = client.query(&document, sent(&text)).await;
                    judge(&answer, &place, codes, &text, &mut wrong);
                }
                for cursor in cursors().iter().filter(|_| is_cursor) {
                    count += 1;
                    let answer = client.query(&document, sent(cursor)).await;
                    let refused = faults(&answer);
                    let named = ("MALFORMED".to_owned(), place.path.clone());
                    if answer.status.is_server_error() || !(refused.is_empty() || refused == [named]) {
                        wrong.push(format!("{document} after {cursor}: {refused:?}"));
                    }
                }
                let answer = half_a_character(&test, client, &document, &sent("HALF")).await;
                if (answer.status.as_u16(), answer.refusal()) != (400, "BAD_REQUEST") {
                    wrong.push(format!("{document}: {}", answer.body));
                }
            }
        }
    }
    eprintln!(
        "texts: {asked} places in arguments, {count} refusals, {} wrong",
        wrong.len()
    );
    assert!(asked > 30 && wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn half_a_character_in_a_document_is_refused() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await;
    let asking = |text: &str| format!("{{ courses(first: 1, text: {text}) {{ nodes {{ id }} }} }}");
    for half in [r#""\ud800""#, r#""\uDFFF""#, r#""a\ud83d\ude00b""#, r#""\\\ud8000""#] {
        let answer = ana.query(&asking(half), json!({})).await;
        assert_eq!(
            (answer.status.as_u16(), answer.refusal()),
            (400, "GRAPHQL_PARSE_FAILED"),
            "{half}"
        );
    }
    for whole in [
        r#""\\ud800""#,
        r#""😀""#,
        r#""a\ud7ff""#,
        r#""a\ue000""#,
        r#""""\ud800""""#,
    ] {
        let answer = ana.query(&asking(whole), json!({})).await;
        assert_eq!(answer.json["errors"], Value::Null, "{whole}: {:#}", answer.json);
    }
    let answer = ana.query(&asking(r#""a\u0000""#), json!({})).await;
    assert_eq!(
        faults(&answer),
        [("FORBIDDEN_CHARACTER".to_owned(), vec!["text".to_owned()])]
    );
    assert_eq!(id_of(&ana).len(), 30);
}
