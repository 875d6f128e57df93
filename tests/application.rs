//! Applications: the form of an edition, what people answer to it, and to what they consent.

use chrono::TimeDelta;
use rumbo::domain::actor::{Role, Scope};
use serde_json::{Value, json};

use crate::support::app::{Client, TestApp};
use crate::support::rows;
use crate::support::scene::{
    Plan, act, apply, as_seen, both, done, draft, enrolling, faults, form_input, nominate, question, version, walk,
    withdraw,
};

/// A form with a question of every kind; `name` and consent to `data` are required.
fn asked(edition: &str, version: i64) -> Value {
    let mut name = question("name", "SHORT_TEXT");
    name["required"] = json!(true);
    let mut hours = question("hours", "NUMBER");
    hours["least"] = json!("0");
    hours["most"] = json!("40.5");
    let mut topics = question("topics", "SEVERAL_CHOICES");
    topics["choices"] = json!([
        { "key": "a", "label": both("Data") },
        { "key": "b", "label": both("Foresight") },
        { "key": "c", "label": both("Skills") },
    ]);
    let more = [
        name,
        hours,
        topics,
        question("online", "YES_NO"),
        question("born", "DATE"),
    ];
    let data = json!({ "key": "data", "required": true, "title": both("Data"), "text": both("We keep it.") });
    let mut input = form_input(edition, version);
    input["questions"].as_array_mut().expect("questions").extend(more);
    input["purposes"].as_array_mut().expect("purposes").insert(0, data);
    input
}

/// The form of [`asked`], filled.
fn filled(version: i64) -> Value {
    json!({
        "formVersion": version,
        "language": "PT",
        "answers": [
            { "question": "name", "text": " Jose\u{301} " },
            { "question": "why", "text": "To learn\r\nmuch" },
            { "question": "experience", "choices": ["some"] },
            { "question": "topics", "choices": ["b", "a"] },
            { "question": "hours", "number": "40.5" },
            { "question": "online", "yesNo": false },
            { "question": "born", "date": "1990-02-28" },
        ],
        "consents": [{ "purpose": "data", "given": true }, { "purpose": "photos", "given": false }],
    })
}

/// What is sent to apply with a filled form.
fn application(edition: &str, filled: &Value) -> Value {
    json!({ "editionId": edition, "motivation": "To learn", "application": filled })
}

/// An edition that takes applications by the form of [`asked`], and who coordinates it.
struct Scene<'a> {
    test: &'a TestApp,
    coordinator: Client<'a>,
    edition: String,
}

impl<'a> Scene<'a> {
    async fn new(test: &'a TestApp) -> Self {
        let coordinator = test.coordinator().await;
        let edition = enrolling(&coordinator, Plan::OPEN).await;
        done(&coordinator, "PublishApplicationForm", asked(&edition, 0)).await;
        Self {
            test,
            coordinator,
            edition,
        }
    }

    /// Somebody who applied with the form filled, and the enrolment.
    async fn applicant(&self, name: &'static str) -> (Client<'a>, String) {
        let client = self.test.person(name).await;
        let applied = done(&client, "ApplyToEdition", application(&self.edition, &filled(1))).await;
        (client, applied.text("applyToEdition.enrolment.id"))
    }

    /// What is to be put right in an application with this form.
    async fn faults(&self, client: &Client<'_>, filled: &Value) -> Vec<String> {
        faults(client, "ApplyToEdition", application(&self.edition, filled)).await
    }

    /// How many rows hold what was answered, and what was said to purposes.
    async fn kept(&self) -> (usize, usize) {
        let all = rows::all(&self.test.app.db).await;
        (all["application"].len(), all["consent"].len())
    }
}

/// The form of an edition as somebody sees it.
async fn form(reader: &Client<'_>, edition: &str) -> Value {
    let seen = reader.run("SeeApplicationForm", json!({ "editionId": edition })).await;
    seen.at("edition.applicationForm").clone()
}

/// The value with something else at a place.
fn with(value: &Value, pointer: &str, put: Value) -> Value {
    let mut changed = value.clone();
    *changed.pointer_mut(pointer).expect("a place") = put;
    changed
}

/// Whatever stands in an answer.
fn value_of(answer: &Value) -> Value {
    let fields = ["text", "choices", "yesNo", "number", "date"];
    let mut values = fields.iter().map(|field| &answer[*field]);
    values.find(|value| !value.is_null()).cloned().unwrap_or_default()
}

#[tokio::test]
async fn what_was_answered_is_read_by_the_applicant_and_the_coordinators_alone() {
    let test = TestApp::new().await;
    let scene = Scene::new(&test).await;
    let (ana, enrolment) = scene.applicant("Ana").await;
    let institution = test.institution("INEFOP", "UY").await;
    nominate(&test, &enrolment, institution.0).await;
    let variables = json!({ "enrolmentId": enrolment });
    let here = Scope::Edition(scene.edition.parse().expect("an edition"));
    let cora = test.holder("Cora", Role::Coordinator, here).await;
    for reader in [&ana, &scene.coordinator, &cora] {
        let seen = reader.run("SeeApplication", variables.clone()).await;
        let answers = seen.at("enrolment.application.answers").as_array().expect("a list");
        let told: Vec<(&str, Value)> = answers
            .iter()
            .map(|answer| (answer["key"].as_str().expect("a key"), value_of(answer)))
            .collect();
        assert_eq!(
            told,
            [
                ("name", json!("José")),
                ("why", json!("To learn\nmuch")),
                ("experience", json!(["some"])),
                ("topics", json!(["b", "a"])),
                ("hours", json!("40.5")),
                ("online", json!(false)),
                ("born", json!("1990-02-28")),
            ]
        );
        assert_eq!(seen.number("enrolment.application.form.version"), 1);
        assert_eq!(seen.text("enrolment.application.language"), "PT");
        let consents = seen.at("enrolment.consents").as_array().expect("a list");
        let said: Vec<Value> = consents
            .iter()
            .map(|one| {
                json!([
                    one["purpose"],
                    one["given"],
                    one["textVersion"],
                    one["language"],
                    one["via"]
                ])
            })
            .collect();
        assert_eq!(
            said,
            [
                json!(["data", true, 1, "PT", "SESSION"]),
                json!(["photos", false, 1, "PT", "SESSION"])
            ]
        );
    }
    // The focal point of the nominating institution sees the enrolment, and nothing of this.
    let of_institution = Scope::Institution(institution);
    let flor = test.holder("Flor", Role::FocalPoint, of_institution).await;
    let seen = flor.run("SeeApplication", variables.clone()).await;
    assert_eq!(seen.text("enrolment.id"), enrolment);
    assert_eq!(seen.at("enrolment.application"), &Value::Null);
    assert_eq!(seen.at("enrolment.consents"), &Value::Null);
    let (ben, _) = scene.applicant("Ben").await;
    let ada = test.administrator().await;
    for stranger in [&ben, &ada, &test.anonymous()] {
        let seen = stranger.run("SeeApplication", variables.clone()).await;
        assert_eq!(seen.at("enrolment"), &Value::Null, "{}", stranger.email);
    }
    // Whoever of the staff looked stands in the access log, with what they saw.
    let log = "{ viewer { accessLog(first: 20) { nodes { operation role fields } } } }";
    let log = ana.query(log, json!({})).await;
    let looks = log.at("viewer.accessLog.nodes").as_array().expect("a list").clone();
    let noted = |operation: &str| {
        let of = looks.iter().filter(|look| look["operation"] == operation);
        of.filter(|look| look["fields"].to_string().contains("APPLICATION"))
            .count()
    };
    assert_eq!(noted("SeeApplication"), 2, "{looks:#?}");
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}

#[tokio::test]
async fn what_does_not_fit_the_form_is_refused_by_name_and_nothing_is_kept() {
    let test = TestApp::new().await;
    let scene = Scene::new(&test).await;
    let ana = test.person("Ana").await;
    let whole = filled(1);
    let answer = |place: usize, put: Value| with(&whole, &format!("/answers/{place}"), put);
    let named = |text: &str| json!({ "question": "name", "text": text });
    let long = "ñ".repeat(201);
    let at = "input.application";
    let cases = [
        (
            Value::Null,
            vec![
                format!("REQUIRED {at}.answers.name"),
                format!("CONSENT_REQUIRED {at}.consents.data"),
            ],
        ),
        (
            answer(0, json!({ "question": "nobody", "text": "x" })),
            vec![
                format!("FORM_MISMATCH {at}.answers.0.question"),
                format!("REQUIRED {at}.answers.name"),
            ],
        ),
        (
            answer(0, json!({ "question": "Name!", "text": "x" })),
            vec![format!("MALFORMED {at}.answers.0.question")],
        ),
        (answer(0, named(&long)), vec![format!("TOO_LONG {at}.answers.0.text")]),
        (
            answer(0, named("a\nb")),
            vec![format!("FORBIDDEN_CHARACTER {at}.answers.0.text")],
        ),
        (
            answer(0, named(" \u{200b}")),
            vec![format!("REQUIRED {at}.answers.0.text")],
        ),
        (
            answer(1, named("again")),
            vec![format!("REPEATED {at}.answers.1.question")],
        ),
        (
            answer(2, json!({ "question": "experience", "choices": ["some", "none"] })),
            vec![format!("TOO_LONG {at}.answers.2.choices")],
        ),
        (
            answer(3, json!({ "question": "topics", "choices": ["a", "z"] })),
            vec![format!("FORM_MISMATCH {at}.answers.3.choices.1")],
        ),
        (
            answer(4, json!({ "question": "hours", "number": "40.501" })),
            vec![format!("OUT_OF_RANGE {at}.answers.4.number")],
        ),
        (
            answer(5, json!({ "question": "online", "text": "no" })),
            vec![format!("FORM_MISMATCH {at}.answers.5.text")],
        ),
        (
            answer(6, json!({ "question": "born", "date": "0001-01-01" })),
            vec![format!("OUT_OF_RANGE {at}.answers.6.date")],
        ),
        (
            with(&whole, "/consents/0/given", json!(false)),
            vec![format!("CONSENT_REQUIRED {at}.consents.0.given")],
        ),
        (
            with(&whole, "/consents/1/purpose", json!("data")),
            vec![format!("REPEATED {at}.consents.1.purpose")],
        ),
        (
            with(&whole, "/consents/1/purpose", json!("other")),
            vec![format!("FORM_MISMATCH {at}.consents.1.purpose")],
        ),
        (
            with(&whole, "/language", json!("EN")),
            vec![format!("FORM_MISMATCH {at}.language")],
        ),
        (filled(2), vec![format!("STALE_VERSION {at}.formVersion")]),
    ];
    for (sent, expected) in cases {
        assert_eq!(scene.faults(&ana, &sent).await, expected, "{sent:#}");
    }
    let seen = ana.run("SeeEdition", json!({ "id": scene.edition })).await;
    assert_eq!(seen.at("edition.myEnrolment"), &Value::Null);
    assert_eq!(scene.kept().await, (0, 0));
    // What is not required may be left open, and its purposes unanswered.
    let least = json!({
        "formVersion": 1, "language": "ES", "answers": [{ "question": "name", "text": "Ana" }],
        "consents": [{ "purpose": "data", "given": true }],
    });
    assert_eq!(scene.faults(&ana, &least).await, [""; 0]);
    assert_eq!(scene.kept().await, (1, 1));
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}

#[tokio::test]
async fn an_edition_without_a_form_is_applied_to_as_before() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, Plan::OPEN).await;
    let (ana, ben) = (test.person("Ana").await, test.person("Ben").await);
    assert_eq!(apply(&ana, &edition).await.1, "CONFIRMED");
    let seen = ana.run("SeeApplicationForm", json!({ "editionId": edition })).await;
    assert_eq!(seen.at("edition.applicationForm"), &Value::Null);
    let nothing = |version: i64| json!({ "formVersion": version, "language": "ES" });
    let refused = faults(&ben, "ApplyToEdition", application(&edition, &nothing(1))).await;
    assert_eq!(refused, ["STALE_VERSION input.application.formVersion"]);
    let mut answered = nothing(0);
    answered["answers"] = json!([{ "question": "name", "text": "Ben" }]);
    let refused = faults(&ben, "ApplyToEdition", application(&edition, &answered)).await;
    assert_eq!(refused, ["FORM_MISMATCH input.application.answers.0.question"]);
    done(&ben, "ApplyToEdition", application(&edition, &nothing(0))).await;
    let all = rows::all(&test.app.db).await;
    assert_eq!((all["application"].len(), all["consent"].len()), (0, 0));
    drop(test.mails().await);
}

#[tokio::test]
async fn a_version_never_changes_and_answers_name_the_one_that_they_answered() {
    let test = TestApp::new().await;
    let scene = Scene::new(&test).await;
    let (ana, enrolment) = scene.applicant("Ana").await;
    let publish = async |input: Value| faults(&scene.coordinator, "PublishApplicationForm", input).await;
    // Another question, another text of one purpose, and the first of the questions gone.
    let mut second = asked(&scene.edition, 1);
    second["questions"][0] = question("goal", "SHORT_TEXT");
    second["purposes"][1]["text"] = both("They may show me, and my name.");
    assert_eq!(
        publish(with(&second, "/version", json!(0))).await,
        ["STALE_VERSION input.version"]
    );
    assert_eq!(publish(second).await, [""; 0]);
    let published = form(&ana, &scene.edition).await;
    assert_eq!(published["version"], 2);
    let keys = |list: &str| -> Vec<Value> {
        let rows = published[list].as_array().expect("a list").iter();
        rows.map(|row| row["key"].clone()).collect()
    };
    assert_eq!(
        keys("questions"),
        ["goal", "experience", "name", "hours", "topics", "online", "born"]
    );
    let texts: Vec<_> = published["purposes"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|purpose| (purpose["key"].clone(), purpose["textVersion"].clone()))
        .collect();
    assert_eq!(texts, [(json!("data"), json!(1)), (json!("photos"), json!(2))]);
    let seen = ana.run("SeeApplication", json!({ "enrolmentId": enrolment })).await;
    assert_eq!(seen.number("enrolment.application.form.version"), 1);
    let labels = "query ($id: ID!) { enrolment(id: $id) { application { answers { key question {
        es: label(language: ES) pt: label(language: PT) en: label(language: EN) help(language: PT) } } } } }";
    let seen = ana.query(labels, json!({ "id": enrolment })).await;
    let answers = seen.at("enrolment.application.answers");
    assert_eq!(
        answers[1],
        json!({ "key": "why", "question": {
            "es": "What about why?", "pt": "What about why? (pt)", "en": null, "help": null,
        } })
    );
    assert_eq!(answers[2]["question"]["help"], "In years of work (pt)");
    // Who applies now answers what is asked now.
    let ben = test.person("Ben").await;
    assert_eq!(
        scene.faults(&ben, &filled(1)).await,
        ["STALE_VERSION input.application.formVersion"]
    );
    let now = with(&filled(2), "/answers/1/question", json!("goal"));
    let now = with(&now, "/answers/1/text", json!("To learn"));
    assert_eq!(scene.faults(&ben, &now).await, [""; 0]);
    // A form that asks nothing takes it away.
    let empty = json!({ "editionId": scene.edition, "version": 2, "questions": [], "purposes": [] });
    assert_eq!(publish(empty).await, [""; 0]);
    assert_eq!(apply(&test.person("Cy").await, &scene.edition).await.1, "CONFIRMED");
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}

#[tokio::test]
async fn a_form_is_published_by_who_coordinates_the_edition_until_it_is_over() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = draft(&carla, Plan::OPEN).await.text("createEdition.edition.id");
    let there = enrolling(&carla, Plan::OTHER).await;
    let elsewhere = Scope::Edition(there.parse().expect("an edition"));
    let olga = test.holder("Olga", Role::Coordinator, elsewhere).await;
    let ana = test.person("Ana").await;
    for (client, refusal) in [
        (&olga, "NOT_FOUND"),
        (&ana, "NOT_FOUND"),
        (&test.anonymous(), "UNAUTHENTICATED"),
    ] {
        let refused = act(client, "PublishApplicationForm", asked(&edition, 0)).await;
        assert_eq!(refused.refusal(), refusal);
    }
    let unseen = ana.run("SeeApplicationForm", json!({ "editionId": edition })).await;
    assert_eq!(unseen.at("edition"), &Value::Null);
    let refused = async |input: Value| faults(&carla, "PublishApplicationForm", input).await;
    let whole = asked(&edition, 0);
    let cases = [
        (
            with(
                &whole,
                "/questions/0/label",
                json!([{ "language": "ES", "text": "Why?" }]),
            ),
            "REQUIRED input.questions.0.label",
        ),
        (
            with(&whole, "/questions/0/key", json!("experience")),
            "REPEATED input.questions.1.key",
        ),
        (
            with(&whole, "/questions/0/key", json!("Why?")),
            "MALFORMED input.questions.0.key",
        ),
        (
            with(&whole, "/questions/0/least", json!("1")),
            "FORM_MISMATCH input.questions.0.least",
        ),
        (
            with(&whole, "/questions/1/choices", json!([])),
            "TOO_SHORT input.questions.1.choices",
        ),
        (
            with(&whole, "/questions/3/most", json!("-1")),
            "OUT_OF_RANGE input.questions.3.most",
        ),
        (
            with(&whole, "/purposes/0/text/1/text", json!(" ")),
            "REQUIRED input.purposes.0.text.1.text",
        ),
        (
            with(&whole, "/purposes/0/title/1/language", json!("ES")),
            "REPEATED input.purposes.0.title.1.language",
        ),
        (
            with(&whole, "/questions", json!(vec![question("why", "DATE"); 51])),
            "TOO_LONG input.questions",
        ),
    ];
    for (input, expected) in cases {
        let told = refused(input).await;
        assert_eq!(told.first().map(String::as_str), Some(expected), "{told:?}");
    }
    assert_eq!(refused(whole).await, [""; 0]);
    let empty = json!({ "editionId": edition, "version": 1, "questions": [], "purposes": [] });
    let forbidden = act(&ana, "PublishApplicationForm", with(&empty, "/editionId", json!(there))).await;
    assert_eq!(forbidden.refusal(), "FORBIDDEN");
    walk(&carla, &edition, &["ANNOUNCED"]).await;
    let seen = carla.run("SeeEdition", json!({ "id": edition })).await;
    let cancel = json!({
        "editionId": edition, "version": seen.number("edition.version"), "to": "CANCELLED", "reason": "No funds",
    });
    done(&carla, "MoveEdition", cancel).await;
    assert_eq!(refused(empty).await, ["ILLEGAL_TRANSITION input.editionId"]);
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}

/// What Ana said to purposes, the latest first: purpose, whether it was given, and whether it stands.
async fn log_of(client: &Client<'_>) -> Vec<Value> {
    let seen = client.run("MyConsents", json!({ "first": 50 })).await;
    let rows = seen.at("viewer.consents.nodes").as_array().expect("a list").iter();
    rows.map(|one| json!([one["purpose"], one["given"], one["current"]]))
        .collect()
}

#[tokio::test]
async fn consent_is_taken_back_and_given_again_and_nothing_of_it_is_forgotten() {
    let test = TestApp::new().await;
    let scene = Scene::new(&test).await;
    let (ana, enrolment) = scene.applicant("Ana").await;
    let input = |purpose: &str, given: bool| {
        json!({
            "enrolmentId": enrolment, "purpose": purpose, "given": given, "language": "ES", "textVersion": 1,
        })
    };
    let back = |purpose: &str| json!({ "enrolmentId": enrolment, "purpose": purpose, "given": false });
    test.pass(TimeDelta::seconds(1));
    let given = done(&ana, "StateConsent", input("photos", true)).await;
    assert_eq!(given.text("stateConsent.consent.language"), "ES");
    // What stands so already stays as it was said.
    let again = done(&ana, "StateConsent", input("photos", true)).await;
    assert_eq!(
        again.text("stateConsent.consent.id"),
        given.text("stateConsent.consent.id")
    );
    test.pass(TimeDelta::seconds(1));
    let taken = done(&ana, "StateConsent", back("photos")).await;
    assert_eq!(taken.at("stateConsent.consent.given"), &json!(false));
    assert_eq!(taken.number("stateConsent.consent.textVersion"), 1);
    assert_eq!(
        log_of(&ana).await,
        [
            json!(["photos", false, true]),
            json!(["photos", true, false]),
            json!(["photos", false, false]),
            json!(["data", true, true]),
        ]
    );
    let seen = ana.run("MyConsents", json!({ "first": 50 })).await;
    assert_eq!(seen.text("viewer.consents.nodes.1.text"), "They may show me.");
    assert_eq!(seen.text("viewer.consents.nodes.2.text"), "They may show me. (pt)");
    assert_eq!(seen.text("viewer.consents.nodes.3.edition.id"), scene.edition);
    let standing = scene
        .coordinator
        .run("SeeApplication", json!({ "enrolmentId": enrolment }))
        .await;
    assert_eq!(standing.at("enrolment.consents").as_array().map(Vec::len), Some(2));

    for (sent, expected) in [
        (back("data"), vec!["CONSENT_REQUIRED input.given"]),
        (back("other"), vec!["FORM_MISMATCH input.purpose"]),
        (input("other", true), vec!["FORM_MISMATCH input.purpose"]),
        (
            with(&input("photos", true), "/textVersion", json!(2)),
            vec!["STALE_VERSION input.textVersion"],
        ),
        (
            with(&input("photos", true), "/language", json!("EN")),
            vec!["FORM_MISMATCH input.language"],
        ),
        (
            json!({ "enrolmentId": enrolment, "purpose": "photos", "given": true }),
            vec!["REQUIRED input.language", "REQUIRED input.textVersion"],
        ),
        (
            with(&back("photos"), "/enrolmentId", json!(scene.edition)),
            vec!["INVALID_ID input.enrolmentId"],
        ),
    ] {
        assert_eq!(faults(&ana, "StateConsent", sent).await, expected);
    }
    let ben = test.person("Ben").await;
    for (client, refusal) in [
        (&scene.coordinator, "FORBIDDEN"),
        (&ben, "NOT_FOUND"),
        (&test.anonymous(), "UNAUTHENTICATED"),
    ] {
        let refused = act(client, "StateConsent", input("photos", true)).await;
        assert_eq!(refused.refusal(), refusal);
    }
    assert!(log_of(&ben).await.is_empty());
    assert_eq!(scene.kept().await, (1, 4), "what was refused left nothing");

    // Who takes part no more takes back all of it.
    withdraw(&ana, &enrolment).await;
    test.pass(TimeDelta::seconds(1));
    done(&ana, "StateConsent", back("data")).await;
    assert_eq!(log_of(&ana).await[0], json!(["data", false, true]));
    let entries = "query ($subject: ID!) { auditEntries(first: 20, filter: { subjectId: $subject }) { nodes { action reason } } }";
    let entries = ana.query(entries, json!({ "subject": enrolment })).await;
    let stated: Vec<&str> = entries
        .at("auditEntries.nodes")
        .as_array()
        .expect("a list")
        .iter()
        .filter(|entry| entry["action"] == "state_consent")
        .filter_map(|entry| entry["reason"].as_str())
        .collect();
    assert_eq!(stated, ["data taken back", "photos taken back", "photos given"]);
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}

#[tokio::test]
async fn whom_no_withdrawal_ends_any_more_takes_back_what_was_required() {
    let test = TestApp::new().await;
    let scene = Scene::new(&test).await;
    let (ana, enrolment) = scene.applicant("Ana").await;
    let carla = &scene.coordinator;
    walk(carla, &scene.edition, &["ENROLMENT_CLOSED", "RUNNING"]).await;
    let back = json!({ "enrolmentId": enrolment, "purpose": "data", "given": false });
    let refused = faults(&ana, "StateConsent", back.clone()).await;
    assert_eq!(refused, ["CONSENT_REQUIRED input.given"]);
    let list = as_seen(carla, json!([enrolment])).await;
    done(carla, "DecideCompletion", json!({ "enrolments": list })).await;
    test.pass(TimeDelta::seconds(1));
    done(&ana, "StateConsent", back).await;
    assert_eq!(log_of(&ana).await[0], json!(["data", false, true]));
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}

#[tokio::test]
async fn nobody_is_brought_back_without_the_consent_that_they_took_back() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN.by_approval()).await;
    done(&carla, "PublishApplicationForm", asked(&edition, 0)).await;
    let ana = test.person("Ana").await;
    let applied = done(&ana, "ApplyToEdition", application(&edition, &filled(1))).await;
    let enrolment = applied.text("applyToEdition.enrolment.id");
    let decide = async |decision: &str| {
        let input = json!({
            "enrolmentId": enrolment, "version": version(&carla, &enrolment).await, "decision": decision,
            "reason": "So decided",
        });
        done(&carla, "DecideEnrolment", input).await
    };
    let undo = async || {
        let seen = version(&carla, &enrolment).await;
        let input = json!({ "enrolmentId": enrolment, "version": seen, "reason": "The wrong row" });
        faults(&carla, "UndoDecision", input).await
    };
    // What is free to give is free to take back, and is nothing that a decision hangs on.
    let say = |purpose: &str, given: bool| json!({ "enrolmentId": enrolment, "purpose": purpose, "given": given, "language": "ES", "textVersion": 1 });
    decide("REJECT").await;
    for given in [true, false] {
        test.pass(TimeDelta::seconds(1));
        done(&ana, "StateConsent", say("photos", given)).await;
    }
    assert_eq!(undo().await, [""; 0]);
    decide("REJECT").await;
    test.pass(TimeDelta::seconds(1));
    done(&ana, "StateConsent", say("data", false)).await;
    assert_eq!(undo().await, ["NOT_UNDOABLE input.enrolmentId"]);
    // Who gives it again may come back.
    test.pass(TimeDelta::seconds(1));
    done(&ana, "StateConsent", say("data", true)).await;
    assert_eq!(undo().await, [""; 0]);
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}

#[tokio::test]
async fn what_an_edition_requires_no_more_is_taken_back() {
    let test = TestApp::new().await;
    let scene = Scene::new(&test).await;
    let (ana, enrolment) = scene.applicant("Ana").await;
    let back = json!({ "enrolmentId": enrolment, "purpose": "data", "given": false });
    let refused = faults(&ana, "StateConsent", back.clone()).await;
    assert_eq!(refused, ["CONSENT_REQUIRED input.given"]);
    done(
        &scene.coordinator,
        "PublishApplicationForm",
        with(&asked(&scene.edition, 1), "/purposes/0/required", json!(false)),
    )
    .await;
    test.pass(TimeDelta::seconds(1));
    let taken = done(&ana, "StateConsent", back).await;
    assert_eq!(taken.at("stateConsent.consent.given"), &json!(false));
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}

#[tokio::test]
async fn a_purpose_that_is_asked_later_is_consented_to_later() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let ana = test.person("Ana").await;
    let (enrolment, _) = apply(&ana, &edition).await;
    let input = json!({
        "enrolmentId": enrolment, "purpose": "photos", "given": true, "language": "PT", "textVersion": 1,
    });
    assert_eq!(
        faults(&ana, "StateConsent", input.clone()).await,
        ["FORM_MISMATCH input.purpose"]
    );
    done(&carla, "PublishApplicationForm", form_input(&edition, 0)).await;
    let said = done(&ana, "StateConsent", input).await;
    assert_eq!(said.at("stateConsent.consent.current"), &json!(true));
    let seen = ana.run("SeeApplication", json!({ "enrolmentId": enrolment })).await;
    assert_eq!(seen.at("enrolment.application"), &Value::Null, "nothing was answered");
    assert_eq!(seen.text("enrolment.consents.0.purpose"), "photos");
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}

#[tokio::test]
async fn a_copy_of_an_edition_asks_the_same_as_its_first_version() {
    let test = TestApp::new().await;
    let scene = Scene::new(&test).await;
    let mut second = asked(&scene.edition, 1);
    second["purposes"][1]["text"] = both("They may show me, and my name.");
    done(&scene.coordinator, "PublishApplicationForm", second).await;
    let input = json!({ "editionId": scene.edition, "code": "AGAIN", "startsOn": "2027-04-06" });
    let copied = done(&scene.coordinator, "CopyEdition", input).await;
    let copy = copied.text("copyEdition.edition.id");
    let (was, is) = (
        form(&scene.coordinator, &scene.edition).await,
        form(&scene.coordinator, &copy).await,
    );
    assert_eq!((&was["version"], &is["version"]), (&json!(2), &json!(1)));
    assert_eq!(was["questions"], is["questions"]);
    assert_eq!(is["purposes"][1]["text"], was["purposes"][1]["text"]);
    assert_eq!(is["purposes"][1]["textVersion"], 1);
    // The next one follows it.
    done(&scene.coordinator, "PublishApplicationForm", asked(&copy, 1)).await;
    assert_eq!(form(&scene.coordinator, &copy).await["purposes"][0]["textVersion"], 1);
    assert_eq!(test.violations().await, []);
}

/// Invites somebody to the edition; the token of the message.
async fn invited(scene: &Scene<'_>, email: &str) -> String {
    let input = json!({
        "editionId": scene.edition, "email": email, "givenName": "Nora", "familyName": "Núñez", "language": "ES",
    });
    done(&scene.coordinator, "InviteToEdition", input).await;
    token_of(scene.test).await
}

/// The token of the last message with one.
async fn token_of(test: &TestApp) -> String {
    let mails = test.mails().await;
    let mail = mails
        .iter()
        .rfind(|mail| mail.text.contains("otk_"))
        .expect("a message");
    let at = mail.text.find("otk_").expect("a token");
    mail.text[at..].split_whitespace().next().expect("a token").to_owned()
}

#[tokio::test]
async fn who_is_invited_answers_the_form_as_they_accept() {
    let test = TestApp::new().await;
    let scene = Scene::new(&test).await;
    let nora = test.person("Nora").await;
    let token = invited(&scene, &nora.email).await;
    let missing = [
        "REQUIRED input.application.answers.name",
        "CONSENT_REQUIRED input.application.consents.data",
    ];
    assert_eq!(
        faults(&nora, "AcceptInvitation", json!({ "token": token })).await,
        missing
    );
    // It was refused for what can be put right: the token stays good.
    done(
        &nora,
        "AcceptInvitation",
        json!({ "token": token, "application": filled(1) }),
    )
    .await;
    let token = invited(&scene, "eva.nueva@example.org").await;
    let mut joining = json!({
        "token": token, "givenName": "Eva", "familyName": "Nueva", "language": "ES",
        "timeZone": "America/Montevideo", "password": "elefante azul en junio",
        "declaration": { "gender": "FEMALE", "country": "UY", "constituentGroup": "WORKERS" },
    });
    let anyone = test.anonymous();
    assert_eq!(faults(&anyone, "RegisterInvited", joining.clone()).await, missing);
    joining["application"] = filled(1);
    done(&anyone, "RegisterInvited", joining).await;
    assert_eq!(scene.kept().await, (2, 4));
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}

#[tokio::test]
async fn who_is_nominated_answers_the_form_as_they_accept() {
    let test = TestApp::new().await;
    let scene = Scene::new(&test).await;
    let institution = test.institution("INEFOP", "UY").await;
    let of_institution = Scope::Institution(institution);
    let flor = test.holder("Flor", Role::FocalPoint, of_institution).await;
    let nora = test.person("Nora").await;
    let input = json!({
        "editionId": scene.edition, "institutionId": institution.to_string(), "email": nora.email, "givenName": "Nora",
        "familyName": "Núñez", "language": "ES",
    });
    done(&flor, "Nominate", input).await;
    let token = token_of(&test).await;
    let missing = [
        "REQUIRED input.application.answers.name",
        "CONSENT_REQUIRED input.application.consents.data",
    ];
    assert_eq!(
        faults(&nora, "AcceptInvitation", json!({ "token": token })).await,
        missing
    );
    let input = json!({ "token": token, "application": filled(1) });
    done(&nora, "AcceptInvitation", input).await;
    assert_eq!(scene.kept().await, (1, 2));
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}

#[tokio::test]
async fn whom_a_coordinator_transfers_answers_nothing_and_consents_later() {
    let test = TestApp::new().await;
    let scene = Scene::new(&test).await;
    let carla = &scene.coordinator;
    let other = enrolling(carla, Plan::OTHER).await;
    done(carla, "PublishApplicationForm", form_input(&other, 0)).await;
    let ana = test.person("Ana").await;
    let said = json!({
        "formVersion": 1, "language": "ES", "answers": [{ "question": "why", "text": "To learn" }], "consents": [],
    });
    let applied = done(&ana, "ApplyToEdition", application(&other, &said)).await;
    let left = applied.text("applyToEdition.enrolment.id");
    let input = json!({
        "enrolmentId": left, "version": version(carla, &left).await, "editionId": scene.edition,
        "reason": "The dates suit better",
    });
    let moved = done(carla, "TransferEnrolment", input).await;
    let new = moved.text("transferEnrolment.enrolment.id");
    // What she answered stays where it was asked.
    for reader in [&ana, carla] {
        let seen = reader.run("SeeApplication", json!({ "enrolmentId": new })).await;
        assert_eq!(seen.at("enrolment.application"), &Value::Null);
        assert_eq!(seen.at("enrolment.consents"), &Value::Null);
        let seen = reader.run("SeeApplication", json!({ "enrolmentId": left })).await;
        assert_eq!(seen.text("enrolment.application.answers.0.text"), "To learn");
    }
    let input = json!({
        "enrolmentId": new, "purpose": "data", "given": true, "language": "ES", "textVersion": 1,
    });
    let said = done(&ana, "StateConsent", input).await;
    assert_eq!(said.at("stateConsent.consent.current"), &json!(true));
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}

#[tokio::test]
async fn a_page_of_applications_costs_a_bounded_number_of_statements() {
    let test = TestApp::new().await;
    let scene = Scene::new(&test).await;
    let cost = async |count: usize| {
        scene.coordinator.warm_up().await;
        let before = test.app.db.statements();
        let variables = json!({ "editionId": scene.edition, "first": 50 });
        let page = scene.coordinator.run("EditionApplications", variables).await;
        let nodes = page.at("edition.enrolments.nodes").as_array().expect("a list");
        assert_eq!(nodes.len(), count);
        assert!(
            nodes
                .iter()
                .all(|node| node["application"]["answers"][0]["text"] == "José")
        );
        test.app.db.statements() - before
    };
    for name in ["Ana", "Ben"] {
        scene.applicant(name).await;
    }
    let few = cost(2).await;
    for name in ["Cy", "Dan", "Eva", "Fay", "Gus"] {
        scene.applicant(name).await;
    }
    assert_eq!(cost(7).await, few, "the number of rows does not matter");
    assert!(few <= 7, "{few}");
    drop(test.mails().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_applies_while_a_version_is_published_answers_one_of_them() {
    let test = std::sync::Arc::new(TestApp::new().await);
    let (edition, token) = {
        let scene = Scene::new(&test).await;
        (scene.edition.clone(), scene.coordinator.token().map(str::to_owned))
    };
    let mut applicants = Vec::new();
    for name in ["Ana", "Ben", "Cy", "Dan", "Eva", "Fay"] {
        applicants.push(test.person(name).await.token().map(str::to_owned));
    }
    let mut tasks = Vec::new();
    for applicant in applicants {
        let (shared, edition) = (test.clone(), edition.clone());
        tasks.push(tokio::spawn(async move {
            let client = shared.bearer(applicant);
            // Whoever comes too late with the first version sends the second one.
            for (place, version) in [(1_usize, 1_i64), (2, 2)] {
                let told = faults(&client, "ApplyToEdition", application(&edition, &filled(version))).await;
                if told.is_empty() {
                    return place;
                }
                assert_eq!(told, ["STALE_VERSION input.application.formVersion"]);
            }
            panic!("neither version was taken");
        }));
    }
    let coordinator = test.bearer(token);
    done(&coordinator, "PublishApplicationForm", asked(&edition, 1)).await;
    let mut answered = [0_usize; 3];
    for task in tasks {
        answered[task.await.expect("an applicant")] += 1;
    }
    let variables = json!({ "editionId": edition, "first": 50 });
    let document = "query ($editionId: ID!, $first: Int!) { edition(id: $editionId) {
        enrolments(first: $first) { nodes { application { form { version } } } } } }";
    let page = coordinator.query(document, variables).await;
    let nodes = page.at("edition.enrolments.nodes").as_array().expect("a list");
    let of = |version: usize| {
        let versions = nodes.iter().map(|node| &node["application"]["form"]["version"]);
        versions.filter(|found| **found == version).count()
    };
    assert_eq!((of(1), of(2)), (answered[1], answered[2]));
    assert_eq!(nodes.len(), 6);
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}
