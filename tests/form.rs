//! Everything that is wrong with the form of an input comes at once, whatever stands in it: identifiers, texts, lists.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::scene::{Plan, edition_input, faults, roadmap_input, rubric};

/// What every input of the table holds for an identifier.
const WRONG: &str = "nonsense";

fn long(characters: usize) -> String {
    "x".repeat(characters + 1)
}

/// An operation, an input in which everything is wrong that can be, and what is told of it.
type Case = (&'static str, Value, &'static [&'static str]);

fn about_editions() -> Vec<Case> {
    let mut edition = edition_input(Plan::OPEN);
    edition["code"] = json!(long(40));
    let course = json!({ "code": long(40), "titles": [] });
    let mut deliverable = roadmap_input(WRONG);
    deliverable["title"] = json!(long(200));
    vec![
        (
            "UpdateCourse",
            json!({ "courseId": WRONG, "version": 1, "course": course }),
            &["INVALID_ID courseId", "TOO_LONG course.code", "REQUIRED course.titles"],
        ),
        (
            "CreateEdition",
            json!({ "courseId": WRONG, "edition": edition }),
            &["INVALID_ID courseId", "TOO_LONG edition.code"],
        ),
        (
            "UpdateEdition",
            json!({ "editionId": WRONG, "version": 1, "edition": edition }),
            &["INVALID_ID editionId", "TOO_LONG edition.code"],
        ),
        (
            "CopyEdition",
            json!({ "editionId": WRONG, "courseId": WRONG, "code": long(40), "startsOn": "1800-01-01" }),
            &[
                "INVALID_ID editionId",
                "INVALID_ID courseId",
                "TOO_LONG code",
                "OUT_OF_RANGE startsOn",
            ],
        ),
        (
            "MoveEdition",
            json!({ "editionId": WRONG, "version": 1, "to": "ANNOUNCED", "reason": long(1000) }),
            &["INVALID_ID editionId", "TOO_LONG reason"],
        ),
        (
            "CreateDeliverable",
            deliverable,
            &["INVALID_ID editionId", "TOO_LONG title"],
        ),
        (
            "UpdateDeliverable",
            json!({ "deliverableId": WRONG, "version": 1, "title": long(200) }),
            &["INVALID_ID deliverableId", "TOO_LONG title"],
        ),
        (
            "UpdateInstitution",
            json!({ "institutionId": WRONG, "version": 1, "name": long(200), "country": "ZZ", "kind": "OTHER" }),
            &["INVALID_ID institutionId", "TOO_LONG name", "UNKNOWN_COUNTRY country"],
        ),
        (
            "CreateSeatPool",
            json!({ "editionId": WRONG, "country": "ZZ", "seats": 1, "releasesAt": "1800-01-01T00:00:00Z" }),
            &[
                "INVALID_ID editionId",
                "UNKNOWN_COUNTRY country",
                "OUT_OF_RANGE releasesAt",
            ],
        ),
        (
            "ChangeSeatPool",
            json!({ "seatPoolId": WRONG, "version": 1, "seats": 1, "releasesAt": "1800-01-01T00:00:00Z" }),
            &["INVALID_ID seatPoolId", "OUT_OF_RANGE releasesAt"],
        ),
        (
            "InviteToEdition",
            json!({ "editionId": WRONG, "email": "nowhere", "givenName": long(120), "familyName": "Tester", "language": "EN" }),
            &["INVALID_ID editionId", "MALFORMED email", "TOO_LONG givenName"],
        ),
        (
            "Nominate",
            json!({
                "editionId": WRONG, "institutionId": WRONG, "email": "nowhere", "givenName": long(120),
                "familyName": "Tester", "language": "EN",
            }),
            &[
                "INVALID_ID editionId",
                "INVALID_ID institutionId",
                "MALFORMED email",
                "TOO_LONG givenName",
            ],
        ),
        (
            "SubstituteNomination",
            json!({
                "nominationId": WRONG, "version": 1, "email": "nowhere", "givenName": "Nora",
                "familyName": long(120), "language": "EN",
            }),
            &["INVALID_ID nominationId", "MALFORMED email", "TOO_LONG familyName"],
        ),
        (
            "WithdrawNomination",
            json!({ "nominationId": WRONG, "version": 1, "reason": long(1000) }),
            &["INVALID_ID nominationId", "TOO_LONG reason"],
        ),
    ]
}

fn about_institutions() -> Vec<Case> {
    let declaration = json!({
        "gender": "FEMALE", "country": "ZZ", "institutionId": WRONG, "constituentGroup": "OTHER",
    });
    vec![
        (
            "ProposeInstitution",
            json!({ "name": long(200), "country": "ZZ", "kind": "OTHER" }),
            &["TOO_LONG name", "UNKNOWN_COUNTRY country"],
        ),
        (
            "AcceptInstitution",
            json!({
                "institutionId": WRONG, "version": 1, "code": long(40), "name": long(200), "aliases": [long(200)],
                "country": "ZZ", "kind": "OTHER",
            }),
            &[
                "INVALID_ID institutionId",
                "TOO_LONG code",
                "TOO_LONG name",
                "UNKNOWN_COUNTRY country",
                "TOO_LONG aliases.0",
            ],
        ),
        (
            "RefuseInstitution",
            json!({ "institutionId": WRONG, "version": 1, "reason": long(1000) }),
            &["INVALID_ID institutionId", "TOO_LONG reason"],
        ),
        (
            "MergeInstitution",
            json!({ "institutionId": WRONG, "version": 1, "intoId": WRONG, "reason": long(1000) }),
            &["INVALID_ID institutionId", "INVALID_ID intoId", "TOO_LONG reason"],
        ),
        (
            "CorrectSnapshot",
            json!({ "enrolmentId": WRONG, "version": 1, "declaration": declaration, "reason": long(1000) }),
            &[
                "INVALID_ID enrolmentId",
                "UNKNOWN_COUNTRY declaration.country",
                "INVALID_ID declaration.institutionId",
                "TOO_LONG reason",
            ],
        ),
    ]
}

fn about_people() -> Vec<Case> {
    let seen = json!([{ "id": WRONG, "version": 1 }, { "id": "tea_", "version": 1 }]);
    vec![
        (
            "GrantRole",
            json!({ "personId": WRONG, "role": "TUTOR", "scopeId": WRONG, "until": "1800-01-01T00:00:00Z" }),
            &["INVALID_ID personId", "INVALID_ID scopeId", "OUT_OF_RANGE until"],
        ),
        (
            "InviteToRole",
            json!({ "email": "nowhere", "givenName": "Nora", "familyName": long(120), "language": "EN", "role": "TUTOR", "scopeId": WRONG }),
            &["MALFORMED email", "TOO_LONG familyName", "INVALID_ID scopeId"],
        ),
        (
            "RevokeRole",
            json!({ "roleAssignmentId": WRONG, "reason": long(1000) }),
            &["INVALID_ID roleAssignmentId", "TOO_LONG reason"],
        ),
        (
            "WithdrawInvitation",
            json!({ "invitationId": WRONG, "version": 1, "reason": long(1000) }),
            &["INVALID_ID invitationId", "TOO_LONG reason"],
        ),
        (
            "DisableAccount",
            json!({ "personId": WRONG, "reason": long(1000) }),
            &["INVALID_ID personId", "TOO_LONG reason"],
        ),
        (
            "ExportEnrolments",
            json!({ "editionId": WRONG, "reason": long(1000) }),
            &["INVALID_ID editionId", "TOO_LONG reason"],
        ),
        (
            "ExportList",
            json!({
                "list": "ENROLMENTS", "editionId": WRONG, "text": long(100), "reason": long(1000),
                "enrolmentFilter": { "states": [], "countries": ["ZZ"] },
            }),
            &[
                "MALFORMED text",
                "TOO_LONG reason",
                "INVALID_ID editionId",
                "TOO_LONG text",
                "REQUIRED enrolmentFilter.states",
                "UNKNOWN_COUNTRY enrolmentFilter.countries.0",
            ],
        ),
        (
            "ApplyToEdition",
            json!({ "editionId": WRONG, "motivation": long(10_000) }),
            &["INVALID_ID editionId", "TOO_LONG motivation"],
        ),
        (
            "WithdrawEnrolment",
            json!({ "enrolmentId": WRONG, "version": 1, "reason": long(1000) }),
            &["INVALID_ID enrolmentId", "TOO_LONG reason"],
        ),
        (
            "DeclineOffer",
            json!({ "enrolmentId": WRONG, "version": 1, "reason": long(1000) }),
            &["INVALID_ID enrolmentId", "TOO_LONG reason"],
        ),
        (
            "DecideEnrolment",
            json!({ "enrolmentId": WRONG, "version": 1, "decision": "CONFIRM", "reason": long(1000) }),
            &["INVALID_ID enrolmentId", "TOO_LONG reason"],
        ),
        (
            "DecideEnrolments",
            json!({ "editionId": WRONG, "enrolments": seen, "decision": "CONFIRM", "reason": long(1000) }),
            &[
                "INVALID_ID editionId",
                "INVALID_ID enrolments.0.id",
                "INVALID_ID enrolments.1.id",
                "TOO_LONG reason",
            ],
        ),
        (
            "UndoDecision",
            json!({ "enrolmentId": WRONG, "version": 1, "reason": long(1000) }),
            &["INVALID_ID enrolmentId", "TOO_LONG reason"],
        ),
        (
            "TransferEnrolment",
            json!({ "enrolmentId": WRONG, "version": 1, "editionId": WRONG, "reason": long(1000) }),
            &["INVALID_ID enrolmentId", "INVALID_ID editionId", "TOO_LONG reason"],
        ),
        (
            "DecideCompletion",
            json!({ "enrolments": seen }),
            &["INVALID_ID enrolments.0.id", "INVALID_ID enrolments.1.id"],
        ),
        (
            "DecideCompletionLate",
            json!({ "enrolmentId": WRONG, "version": 1, "reason": long(1000) }),
            &["INVALID_ID enrolmentId", "TOO_LONG reason"],
        ),
    ]
}

fn about_work() -> Vec<Case> {
    let seen = json!([{ "id": WRONG, "version": 1 }, { "id": "tea_", "version": 1 }]);
    let scores = json!([{ "criterion": long(40), "level": -1 }, { "criterion": "what", "level": -2 }]);
    let by_criteria = json!({ "enrolmentId": WRONG, "version": 1, "scores": scores, "comment": long(10_000) });
    let assessed = json!({ "submissionId": WRONG, "version": 1, "scores": scores, "comment": long(10_000) });
    let told: &'static [&'static str] = &[
        "INVALID_ID submissionId",
        "RUBRIC_MISMATCH scores.0.level",
        "TOO_LONG scores.0.criterion",
        "RUBRIC_MISMATCH scores.1.level",
        "TOO_LONG comment",
    ];
    let mut rubric = rubric();
    rubric[1]["title"] = json!(long(200));
    vec![
        (
            "SetAdmissionCriteria",
            json!({ "editionId": WRONG, "version": 0, "rubric": rubric }),
            &["INVALID_ID editionId", "TOO_LONG rubric.1.title"],
        ),
        (
            "ScoreApplication",
            by_criteria,
            &[
                "INVALID_ID enrolmentId",
                "RUBRIC_MISMATCH scores.0.level",
                "TOO_LONG scores.0.criterion",
                "RUBRIC_MISMATCH scores.1.level",
                "TOO_LONG comment",
            ],
        ),
        (
            "CreateTeam",
            json!({ "editionId": WRONG, "name": long(120), "enrolmentIds": [WRONG, "enr_"] }),
            &[
                "INVALID_ID editionId",
                "TOO_LONG name",
                "INVALID_ID enrolmentIds.0",
                "INVALID_ID enrolmentIds.1",
            ],
        ),
        (
            "UpdateTeam",
            json!({ "teamId": WRONG, "version": 1, "name": long(120), "addEnrolmentIds": [WRONG], "removeEnrolmentIds": [WRONG] }),
            &[
                "INVALID_ID teamId",
                "TOO_LONG name",
                "INVALID_ID addEnrolmentIds.0",
                "INVALID_ID removeEnrolmentIds.0",
            ],
        ),
        (
            "AllocateTutor",
            json!({ "teamIds": [WRONG, WRONG], "personId": WRONG }),
            &["INVALID_ID teamIds.0", "INVALID_ID teamIds.1", "INVALID_ID personId"],
        ),
        (
            "SaveDraft",
            json!({ "deliverableId": WRONG, "title": long(200), "body": long(100_000) }),
            &["INVALID_ID deliverableId", "TOO_LONG title", "TOO_LONG body"],
        ),
        ("RequestRevision", assessed.clone(), told),
        ("GradeSubmission", assessed, told),
        (
            "ReleaseGrades",
            json!({ "submissions": seen, "reason": long(1000) }),
            &[
                "INVALID_ID submissions.0.id",
                "INVALID_ID submissions.1.id",
                "TOO_LONG reason",
            ],
        ),
        (
            "FinalizeGrades",
            json!({ "submissions": seen, "reason": long(1000) }),
            &[
                "INVALID_ID submissions.0.id",
                "INVALID_ID submissions.1.id",
                "TOO_LONG reason",
            ],
        ),
        (
            "OverrideGrade",
            json!({ "submissionId": WRONG, "version": 1, "value": "1", "reason": long(1000) }),
            &["INVALID_ID submissionId", "TOO_LONG reason"],
        ),
        (
            "ReopenReview",
            json!({ "submissionId": WRONG, "version": 1, "reason": long(1000) }),
            &["INVALID_ID submissionId", "TOO_LONG reason"],
        ),
    ]
}

#[tokio::test]
async fn everything_that_is_wrong_with_the_form_of_an_input_comes_at_once() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    for (operation, input, told) in [about_editions(), about_institutions(), about_people(), about_work()].concat() {
        let expected: Vec<String> = told.iter().map(|fault| fault.replacen(' ', " input.", 1)).collect();
        assert_eq!(faults(&coordinator, operation, input).await, expected, "{operation}");
    }
}

#[tokio::test]
async fn a_list_that_is_wrong_throughout_tells_a_hundred_of_its_faults() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let input = json!({ "teamIds": vec![WRONG; 5000], "personId": WRONG });
    let told = faults(&coordinator, "AllocateTutor", input).await;
    assert_eq!(told.len(), 101);
    assert_eq!(told[99], "INVALID_ID input.teamIds.99");
    assert_eq!(told[100], "INVALID_ID input.personId");
}
