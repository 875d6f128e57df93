//! Every change of something that stands says which version of it was seen, and a stale one is refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_graphql::parser::types::{TypeDefinition, TypeKind};
use serde_json::{Value, json};

use crate::support::app::{Client, TestApp};
use crate::support::scene::{Class, act, as_seen, done, edition_input, faults, scores};
use crate::support::sdl::{fields, types};

/// Makes something: there is nothing yet that could be stale.
const MAKES: &str = "makes something new";
/// Adds a row that stands beside the earlier ones; which of two came last is theirs to say.
const ADDS: &str = "adds a row beside the earlier ones";
/// Ends something that has no other change in its life; done twice, it is refused or the same.
const ENDS: &str = "ends something that never changes otherwise";
/// Switches: done twice, it is the same, and it must not wait for an unrelated change.
const SWITCHES: &str = "switches to what it says, whatever stood before";
/// Brings a proof that works once or holds only now: a password, a code, a token.
const PROVES: &str = "brings a proof that stands in the place of a version";

/// The mutations that take no version, and why none is due. A new mutation takes one, or says here why not.
const WITHOUT: &[(&str, &str)] = &[
    ("acceptInvitation", PROVES),
    ("allocateTutor", ADDS),
    ("applyToEdition", MAKES),
    ("beginIdentityLink", PROVES),
    ("beginProviderSignIn", MAKES),
    ("beginSecondFactor", PROVES),
    ("cancelTableImport", ENDS),
    ("changePassword", PROVES),
    ("completeProviderSignIn", PROVES),
    ("completeSignIn", PROVES),
    ("confirmEmail", PROVES),
    ("confirmEmailChange", PROVES),
    ("confirmIdentityLink", PROVES),
    ("confirmSecondFactor", PROVES),
    ("copyEdition", MAKES),
    ("createApiToken", MAKES),
    ("createCalendarLink", MAKES),
    ("createCourse", MAKES),
    ("createDeliverable", MAKES),
    ("createEdition", MAKES),
    ("createInstitution", MAKES),
    ("createSeatPool", MAKES),
    ("createTeam", MAKES),
    ("declineInvitation", PROVES),
    ("disableAccount", SWITCHES),
    ("enableAccount", SWITCHES),
    ("endAllSessions", ENDS),
    ("endAllocation", ENDS),
    ("endOtherSessions", ENDS),
    ("endSession", ENDS),
    ("exportEnrolments", MAKES),
    ("exportList", MAKES),
    ("grantRole", MAKES),
    ("importEnrolments", MAKES),
    ("importNominations", MAKES),
    ("importPeople", MAKES),
    ("inviteToEdition", MAKES),
    ("inviteToRole", MAKES),
    ("linkIdentity", PROVES),
    ("nominate", MAKES),
    ("proposeInstitution", MAKES),
    ("refreshSession", PROVES),
    ("registerInvited", PROVES),
    ("registerPerson", MAKES),
    ("removeSecondFactor", PROVES),
    ("renewRecoveryCodes", PROVES),
    ("requestEmailChange", PROVES),
    ("requestPasswordReset", ADDS),
    ("resetPassword", PROVES),
    ("revokeApiToken", ENDS),
    ("revokeCalendarLink", ENDS),
    ("revokeRole", ENDS),
    ("signIn", PROVES),
    ("signOut", ENDS),
    ("stateConsent", ADDS),
    ("stateDeclaration", ADDS),
    ("unlinkIdentity", PROVES),
];

/// Whether an input holds a version, or a list of things each with one.
fn takes_version(types: &[TypeDefinition], input: &str) -> bool {
    let found = types.iter().find(|found| found.name.node == input);
    let Some(TypeKind::InputObject(object)) = found.map(|found| &found.kind) else {
        return false;
    };
    object.fields.iter().any(|field| {
        let of = field.node.ty.node.to_string();
        field.node.name.node == "version" || of == "[SeenInput!]!"
    })
}

#[test]
fn every_mutation_takes_a_version_or_says_why_not() {
    let types = types();
    let without: BTreeMap<&str, &str> = WITHOUT.iter().copied().collect();
    assert_eq!(without.len(), WITHOUT.len(), "each stands once");
    let mut names = Vec::new();
    for mutation in fields(&types, "Mutation") {
        let name = mutation.name.node.as_str();
        let takes = mutation
            .arguments
            .iter()
            .any(|argument| takes_version(&types, argument.node.ty.node.to_string().trim_end_matches('!')));
        assert_ne!(takes, without.contains_key(name), "{name}");
        names.push(name.to_owned());
    }
    for name in without.keys() {
        assert!(
            names.iter().any(|found| found == name),
            "{name} is no mutation any more"
        );
    }
}

/// What twenty people change at once: the thing, who changes it, and how.
struct Contest<'a> {
    operation: &'static str,
    mutation: &'static str,
    thing: String,
    by: Client<'a>,
    /// The input; its field `version` is put in.
    input: Value,
}

/// Twenty change the same thing at once, three times each, with the version that each has just read. Returns how
/// many changes were accepted.
async fn contend(test: &Arc<TestApp>, contest: &Contest<'_>) -> i64 {
    let mut tasks = Vec::new();
    for _ in 0..20 {
        let (test, token) = (test.clone(), contest.by.token().map(str::to_owned));
        let (operation, mutation) = (contest.operation, contest.mutation);
        let (thing, mut input) = (contest.thing.clone(), contest.input.clone());
        tasks.push(tokio::spawn(async move {
            let client = test.bearer(token);
            let mut accepted = 0;
            for _ in 0..3 {
                input["version"] = as_seen(&client, json!([thing])).await[0]["version"].clone();
                let refused = act(&client, operation, input.clone()).await.user_errors(mutation);
                match refused.first().map(String::as_str) {
                    None => accepted += 1,
                    Some("STALE_VERSION input.version") => {}
                    Some(other) => panic!("{operation}: {other}"),
                }
            }
            accepted
        }));
    }
    let mut accepted = 0;
    for task in tasks {
        accepted += task.await.expect("a task that ends");
    }
    accepted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_last_version_counts_the_accepted_updates() {
    let test = Arc::new(TestApp::new().await);
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let administrator = test.administrator().await;
    let institution = test.institution("INEFOP", "UY").await.to_string();
    let course = class
        .coordinator
        .query(
            "query ($id: ID!) { edition(id: $id) { course { id } } }",
            json!({ "id": class.edition }),
        )
        .await
        .text("edition.course.id");
    let draft = class
        .save(&class.people[0], "A plan")
        .await
        .text("saveDraft.submission.id");
    let graded = graded_work(&class).await;
    let texts = json!({ "code": "C-DEMO-2026", "titles": [{ "language": "ES", "text": "Formación" }] });
    let contest = |operation, mutation, thing: &str, by: &Client<'_>, input| Contest {
        operation,
        mutation,
        thing: thing.to_owned(),
        by: test.bearer(by.token().map(str::to_owned)),
        input,
    };
    let me = crate::support::scene::id_of(&class.people[0]);
    for contest in [
        contest(
            "UpdateCourse",
            "updateCourse",
            &course,
            &class.coordinator,
            json!({ "courseId": course, "course": texts }),
        ),
        contest(
            "UpdateEdition",
            "updateEdition",
            &class.edition,
            &class.coordinator,
            json!({ "editionId": class.edition, "edition": edition_input(crate::support::scene::Plan::OPEN) }),
        ),
        contest(
            "UpdateTeam",
            "updateTeam",
            &class.team,
            &class.coordinator,
            json!({ "teamId": class.team, "name": "Tala" }),
        ),
        contest(
            "SaveDraft",
            "saveDraft",
            &draft,
            &class.people[0],
            json!({ "deliverableId": class.roadmap, "title": "Ours", "body": "In a year." }),
        ),
        contest(
            "OverrideGrade",
            "overrideGrade",
            &graded,
            &class.coordinator,
            json!({ "submissionId": graded, "value": "70", "reason": "A point was counted twice" }),
        ),
        contest(
            "UpdateInstitution",
            "updateInstitution",
            &institution,
            &administrator,
            json!({ "institutionId": institution, "name": "INEFOP", "country": "UY", "kind": "TRAINING_INSTITUTION" }),
        ),
        contest(
            "UpdateProfile",
            "updateProfile",
            &me,
            &class.people[0],
            json!({ "givenName": "Ana", "familyName": "Tester", "language": "EN", "timeZone": "America/Montevideo" }),
        ),
    ] {
        let version = async || as_seen(&contest.by, json!([contest.thing])).await[0]["version"].as_i64();
        let before = version().await.expect("a version");
        let accepted = contend(&test, &contest).await;
        assert!(accepted >= 3, "{}: somebody is always first", contest.operation);
        assert_eq!(version().await, Some(before + accepted), "{}", contest.operation);
    }
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}

/// Work of a second deliverable whose grade is released.
async fn graded_work(class: &Class<'_>) -> String {
    let mut input = crate::support::scene::roadmap_input(&class.edition);
    input["title"] = json!("Project");
    input["kind"] = json!("PROJECT");
    let asked = act(&class.coordinator, "CreateDeliverable", input).await;
    let asked = asked.text("createDeliverable.deliverable.id");
    let draft = json!({ "deliverableId": asked, "title": "Ours", "body": "In two years." });
    let saved = act(&class.people[0], "SaveDraft", draft).await;
    let work = saved.text("saveDraft.submission.id");
    act(
        &class.people[0],
        "SubmitWork",
        json!({ "submissionId": work, "version": 1 }),
    )
    .await
    .text("submitWork.submission.id");
    class.grade(&class.tutor, &work, scores(1, 1)).await;
    assert_eq!(class.release(&[&work]).await.user_errors("releaseGrades"), [""; 0]);
    work
}

#[tokio::test]
async fn a_stale_entry_of_a_list_is_named_with_the_current_version_and_nothing_is_done() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy"]).await;
    let work = class.hand_in(&class.people[0], "Our plan").await;
    class.grade(&class.tutor, &work, scores(2, 2)).await;
    let current = class.version(&work).await;
    let stale = json!({ "submissions": [{ "id": work, "version": current - 1 }] });
    for (operation, mutation) in [("ReleaseGrades", "releaseGrades"), ("FinalizeGrades", "finalizeGrades")] {
        let refused = act(&class.coordinator, operation, stale.clone()).await;
        assert_eq!(
            refused.user_errors(mutation),
            ["STALE_VERSION input.submissions.0.version"]
        );
        let message = refused.text(&format!("{mutation}.userErrors.0.message"));
        assert!(message.contains(&class.version(&work).await.to_string()), "{message}");
        assert_eq!(
            class.release(&[&work]).await.user_errors("releaseGrades").len(),
            usize::from(mutation == "finalizeGrades")
        );
    }
    let released = class.version(&work).await;
    for (operation, mutation, more) in [
        ("OverrideGrade", "overrideGrade", json!({ "value": "70" })),
        ("ReopenReview", "reopenReview", json!({})),
    ] {
        let mut input = json!({ "submissionId": work, "version": released - 1, "reason": "An appeal" });
        input
            .as_object_mut()
            .expect("fields")
            .extend(more.as_object().expect("fields").clone());
        let refused = act(&class.coordinator, operation, input).await;
        assert_eq!(refused.user_errors(mutation), ["STALE_VERSION input.version"]);
    }
    assert_eq!(class.version(&work).await, released, "nothing was changed");

    let both = json!([class.enrolments[0], class.enrolments[2]]);
    let mut list = as_seen(&class.coordinator, both).await;
    list[1]["version"] = json!(1);
    let refused = faults(&class.coordinator, "DecideCompletion", json!({ "enrolments": list })).await;
    assert_eq!(refused, ["STALE_VERSION input.enrolments.1.version"]);
    let input = json!({ "editionId": class.edition, "enrolments": list, "decision": "EXCLUDE", "reason": "Left" });
    let refused = faults(&class.coordinator, "DecideEnrolments", input).await;
    assert_eq!(refused, ["STALE_VERSION input.enrolments.1.version"]);
    let first = as_seen(&class.coordinator, json!([class.enrolments[2]])).await;
    done(&class.coordinator, "DecideCompletion", json!({ "enrolments": first })).await;
    let late = json!({ "enrolmentId": class.enrolments[2], "version": 1, "reason": "She was ill" });
    let refused = faults(&class.coordinator, "DecideCompletionLate", late).await;
    assert_eq!(refused, ["STALE_VERSION input.version"]);
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}
