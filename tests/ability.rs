//! What a front end asks before it shows a button: how much the answers cost.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::scene::{Plan, act, apply, enrolling, roadmap_input, walk};

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
