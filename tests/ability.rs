//! What a front end asks before it shows a button: what there is to ask about, and how much the answers cost.

use async_graphql::parser::types::TypeKind;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::scene::{Class, Plan, act, apply, enrolling, id_of, roadmap_input, walk};
use crate::support::sdl::types;

#[tokio::test]
async fn asking_about_work_in_many_editions_costs_as_much_as_in_one() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let ana = test.person("Ana").await;
    let mut checks: Vec<Value> = Vec::new();
    let mut spent = Vec::new();
    for code in ["A-1", "B-1", "C-1", "D-1"] {
        let edition = enrolling(&coordinator, Plan { code, ..Plan::OPEN }).await;
        apply(&ana, &edition).await;
        walk(&coordinator, &edition, &["ENROLMENT_CLOSED", "RUNNING"]).await;
        let mut asked = roadmap_input(&edition);
        asked["kind"] = json!("INDIVIDUAL_TASK");
        let asked = act(&coordinator, "CreateDeliverable", asked).await;
        let task = asked.text("createDeliverable.deliverable.id");
        let draft = json!({ "deliverableId": task, "title": "Mine", "body": "What I learnt" });
        let saved = act(&ana, "SaveDraft", draft).await;
        checks.push(json!({ "action": "SAVE_DRAFT", "on": task }));
        checks.push(json!({ "action": "SUBMIT_WORK", "on": saved.text("saveDraft.submission.id") }));
        let ana = ana.again().await;
        ana.warm_up().await;
        let before = test.app.db.statements();
        let answer = ana.run("MayIEach", json!({ "checks": checks })).await;
        spent.push(test.app.db.statements() - before);
        let rows = answer.at("viewer.canEach").as_array().expect("a list").clone();
        assert_eq!(rows.len(), checks.len());
        assert!(rows.iter().all(|row| row["allowed"] == true), "{}", answer.body);
    }
    assert!(spent.iter().all(|spent_now| *spent_now == spent[0]), "{spent:?}");
    // Who asks about a grade is not asked where they work.
    let grades = json!([{ "action": "GRADE_SUBMISSION", "on": checks[1]["on"] }]);
    ana.warm_up().await;
    let before = test.app.db.statements();
    ana.run("MayIEach", json!({ "checks": grades })).await;
    assert!(test.app.db.statements() - before < spent[0], "{spent:?}");
    drop(test.mails().await);
}

/// The mutations that one may ask about, each with the words of the schema that say on what.
fn abilities() -> Vec<(String, String)> {
    let types = types();
    let found = types.iter().find(|found| found.name.node == "Ability");
    let TypeKind::Enum(abilities) = &found.expect("the abilities").kind else {
        panic!("the abilities are an enumeration");
    };
    let values = abilities.values.iter().map(|value| &value.node);
    let read = values.map(|value| {
        let words = &value.description.as_ref().expect("a description").node;
        (value.value.node.to_string(), words.clone())
    });
    read.collect()
}

#[tokio::test]
async fn nothing_may_be_done_to_what_it_is_not_done_to() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let submission = class.hand_in(&class.people[0], "In eighteen months.").await;
    let seen = class
        .coordinator
        .run("SeeEdition", json!({ "id": class.edition }))
        .await;
    let things = [
        ("nothing", Value::Null),
        ("course", json!(seen.text("edition.course.id"))),
        ("institution", json!(test.institution("INEFOP", "UY").await.to_string())),
        ("edition", json!(class.edition)),
        ("enrolment", json!(class.enrolments[0])),
        ("team", json!(class.team)),
        ("deliverable", json!(class.roadmap)),
        ("submission", json!(submission)),
        ("person", json!(id_of(&class.people[0]))),
    ];
    let ada = test.administrator().await;
    let (mut asked, mut allowed) = (0, 0);
    for asker in [&class.coordinator, &class.tutor, &class.people[0], &ada] {
        // As many as one request takes.
        for some in abilities().chunks(100 / things.len()) {
            let pairs: Vec<_> = some
                .iter()
                .flat_map(|ability| things.iter().map(move |thing| (ability, thing)))
                .collect();
            let check =
                |((action, _), (_, on)): &(&(String, String), &(&str, Value))| json!({ "action": action, "on": on });
            let checks: Vec<Value> = pairs.iter().map(check).collect();
            let answer = asker.run("MayIEach", json!({ "checks": checks })).await;
            let rows = answer.at("viewer.canEach").as_array().expect("a list");
            assert_eq!(rows.len(), pairs.len());
            asked += rows.len();
            for (((action, words), (kind, _)), row) in pairs.iter().zip(rows) {
                if row["allowed"] == true {
                    allowed += 1;
                    let mut about = words.split(|letter: char| !letter.is_alphanumeric());
                    assert!(
                        about.any(|word| word == *kind),
                        "{action} on {kind}, for {}: {words}",
                        asker.email
                    );
                }
            }
        }
    }
    assert!(asked > 1000 && allowed > 20, "{allowed} of {asked}");
    drop(test.mails().await);
}
