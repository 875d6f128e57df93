//! The versions of a form: who publishes them, and that answers name the one that they answered.

use serde_json::{Value, json};

use super::{Scene, application, asked, filled, form};
use crate::support::app::TestApp;
use crate::support::input::with;
use crate::support::scene::{Plan, act, apply, both, cancel, done, draft, enrolling, faults, question, walk};

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
    let olga = test.coordinator_of("Olga", &there).await;
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
    let one_language = json!([{ "language": "ES", "text": "Why?" }]);
    let too_many = json!(vec![question("why", "DATE"); 51]);
    for (place, put, expected) in [
        ("/questions/0/label", one_language, "REQUIRED input.questions.0.label"),
        (
            "/questions/0/key",
            json!("experience"),
            "REPEATED input.questions.1.key",
        ),
        ("/questions/0/key", json!("Why?"), "MALFORMED input.questions.0.key"),
        (
            "/questions/0/least",
            json!("1"),
            "FORM_MISMATCH input.questions.0.least",
        ),
        ("/questions/1/choices", json!([]), "TOO_SHORT input.questions.1.choices"),
        ("/questions/3/most", json!("-1"), "OUT_OF_RANGE input.questions.3.most"),
        (
            "/purposes/0/text/1/text",
            json!(" "),
            "REQUIRED input.purposes.0.text.1.text",
        ),
        (
            "/purposes/0/title/1/language",
            json!("ES"),
            "REPEATED input.purposes.0.title.1.language",
        ),
        ("/questions", too_many, "TOO_LONG input.questions"),
    ] {
        let told = refused(with(&whole, place, put)).await;
        assert_eq!(told.first().map(String::as_str), Some(expected), "{told:?}");
    }
    assert_eq!(refused(whole).await, [""; 0]);
    let empty = json!({ "editionId": edition, "version": 1, "questions": [], "purposes": [] });
    let forbidden = act(&ana, "PublishApplicationForm", with(&empty, "/editionId", json!(there))).await;
    assert_eq!(forbidden.refusal(), "FORBIDDEN");
    walk(&carla, &edition, &["ANNOUNCED"]).await;
    cancel(&carla, &edition, "No funds").await;
    assert_eq!(refused(empty).await, ["ILLEGAL_TRANSITION input.editionId"]);
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
