//! What a token reaches: what its scopes cover, and no more than its owner.

use rumbo::domain::actor::{Role, Scope};
use rumbo::domain::policy::scopes::{Scopes, TokenScope};
use serde_json::{Value, json};

use super::given;
use crate::support::app::{Answer, TestApp};
use crate::support::scene::{Class, act, id_of};

/// Documents, and the scopes of which each one lets it in.
#[rustfmt::skip]
const REACH: &[(&[TokenScope], &str)] = &[
    (&[TokenScope::ReadAccount], "{ viewer { roles { role } declaration { country } can(action: CREATE_COURSE) { allowed } } }"),
    (&[TokenScope::ReadCatalogue, TokenScope::WriteCatalogue], "{ editions(first: 1) { nodes { code } } }"),
    (&[TokenScope::ReadCatalogue, TokenScope::WriteCatalogue], "query ($edition: ID!) { node(id: $edition) { id ... on Edition { code } } }"),
    (&[TokenScope::ReadCatalogue, TokenScope::WriteCatalogue, TokenScope::WriteInstitutions], "{ institutions(first: 1) { nodes { name } } }"),
    (&[TokenScope::ReadCatalogue, TokenScope::WriteCatalogue, TokenScope::ReadStatistics], "{ measures { measure } }"),
    (&[TokenScope::WriteCatalogue], "mutation ($edition: ID!) { updateDeliverable(input: { deliverableId: $edition, version: 1 }) { userErrors { code } } }"),
    (&[TokenScope::WriteInstitutions], "mutation { createInstitution(input: { name: \"\", country: \"UY\", kind: OTHER }) { userErrors { code } } }"),
    (&[TokenScope::ReadPeople], "query ($person: ID!) { node(id: $person) { id ... on Person { fullName gender } } }"),
    (&[TokenScope::ReadEnrolments, TokenScope::WriteEnrolments], "{ myEnrolments(first: 1) { nodes { state } } }"),
    (&[TokenScope::ReadEnrolments, TokenScope::WriteEnrolments], "query ($enrolment: ID!) { enrolment(id: $enrolment) { id history { to } } }"),
    (&[TokenScope::WriteEnrolments], "mutation ($enrolment: ID!) { withdrawEnrolment(input: { enrolmentId: $enrolment, version: 0 }) { enrolment { state } userErrors { code } } }"),
    (&[TokenScope::ManageTeams], "mutation ($edition: ID!) { createTeam(input: { editionId: $edition, name: \"\" }) { team { name } userErrors { code } } }"),
    (&[TokenScope::ReadWork, TokenScope::WriteWork, TokenScope::AssessWork, TokenScope::ManageTeams], "{ allocatedTeams(first: 1) { nodes { name } } }"),
    (&[TokenScope::ReadWork, TokenScope::WriteWork, TokenScope::AssessWork], "query ($submission: ID!) { submission(id: $submission) { state versions { assessments { comment } } } }"),
    (&[TokenScope::WriteWork], "mutation ($submission: ID!) { submitWork(input: { submissionId: $submission, version: 0 }) { submission { state } userErrors { code } } }"),
    (&[TokenScope::AssessWork], "mutation ($submission: ID!) { startReview(input: { submissionId: $submission, version: 0 }) { submission { state } userErrors { code } } }"),
    (&[TokenScope::ReadStatistics], "{ statistics(by: []) { total { enrolments } } }"),
    (&[TokenScope::ReadAudit], "{ auditEntries(first: 1) { nodes { action via } } }"),
];

/// What no scope reaches.
const NEVER: &[&str] = &[
    "{ viewer { sessions(first: 1) { nodes { id } } } }",
    "{ viewer { apiTokens(first: 1) { nodes { id } } } }",
    "{ viewer { tableImports(first: 1) { nodes { id } } } }",
    "{ viewer { secondFactor { since } } }",
    "mutation { signOut { signedOut } }",
    "mutation { endAllSessions { ended } }",
    "mutation { beginSecondFactor { enrolment { secret } } }",
    "mutation { createApiToken(input: { name: \"More\", scopes: [READ_AUDIT], expiresAt: \"2026-03-03T00:00:00Z\", password: \"\" }) { created { secret } } }",
    "mutation { revokeApiToken(input: { apiTokenId: \"tok_01h455vb4pex5vsknk084sn02q\" }) { revoked } }",
    "mutation { changePassword(input: { currentPassword: \"\", newPassword: \"\" }) { changed } }",
    "mutation { updateProfile(input: { version: 1, givenName: \"A\", familyName: \"B\", language: EN, timeZone: \"UTC\" }) { userErrors { code } } }",
    "mutation ($person: ID!) { disableAccount(input: { personId: $person, reason: \"So\" }) { disabled } }",
    "mutation ($person: ID!) { grantRole(input: { personId: $person, role: COORDINATOR }) { userErrors { code } } }",
    "mutation { signIn(input: { email: \"a@example.org\", password: \"x\" }) { userErrors { code } } }",
    "mutation { requestPasswordReset(input: { email: \"a@example.org\" }) { accepted } }",
];

fn insufficient(answer: &Answer) -> bool {
    let code = answer.json.pointer("/errors/0/extensions/code");
    code.is_some_and(|code| code == "INSUFFICIENT_SCOPE")
}

#[tokio::test]
async fn a_token_reaches_what_its_scopes_cover_and_no_more() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let submission = class.hand_in(&class.people[0], "Our plan").await;
    let owner = class.coordinator.clone();
    test.role_of(&owner, Role::Administrator, Scope::System).await;
    let mut variables = json!({
        "edition": class.edition, "person": id_of(&class.people[0]), "enrolment": class.enrolments[0],
        "submission": submission,
    });
    let everything = given(&test, &owner, Scopes::of(TokenScope::ALL.iter().copied())).await;
    let (mut reached, mut kept) = (0, 0);
    for &scope in TokenScope::ALL {
        let program = given(&test, &owner, Scopes::of([scope])).await;
        for &(scopes, document) in REACH {
            let answer = program.query(document, variables.clone()).await;
            let let_in = scopes.contains(&scope);
            assert_eq!(
                insufficient(&answer),
                !let_in,
                "{scope:?}: {document}\n{:#}",
                answer.json
            );
            assert_eq!(answer.status.as_u16(), if let_in { 200 } else { 403 }, "{document}");
            if let_in {
                reached += 1;
            } else {
                kept += 1;
            }
        }
        for document in NEVER {
            assert!(
                insufficient(&program.query(document, variables.clone()).await),
                "{scope:?}: {document}"
            );
            kept += 1;
        }
    }
    assert_eq!(reached, REACH.iter().map(|(scopes, _)| scopes.len()).sum::<usize>());
    for document in NEVER {
        let answer = everything.query(document, variables.clone()).await;
        assert!(insufficient(&answer), "{document}\n{:#}", answer.json);
    }
    // Which scopes would do is said.
    let program = given(&test, &owner, Scopes::of([TokenScope::ReadStatistics])).await;
    let refused = program
        .query("{ myEnrolments(first: 1) { nodes { state } } }", json!({}))
        .await;
    let would_do = &refused.json["errors"][0]["extensions"]["scopes"];
    assert_eq!(would_do, &json!(["READ_ENROLMENTS", "WRITE_ENROLMENTS"]));
    // However a field is written.
    variables = json!({ "edition": class.edition });
    let program = given(&test, &owner, Scopes::of([TokenScope::ReadCatalogue])).await;
    let whole = "query ($edition: ID!) { edition(id: $edition) { code } }";
    assert_eq!(
        program.query(whole, variables.clone()).await.text("edition.code"),
        "DEMO-2026"
    );
    for part in [
        "enrolments(first: 1) { nodes { state } }",
        "x: enrolments(first: 1) { nodes { state } }",
        "... { enrolments(first: 1) { nodes { state } } }",
        "... on Edition { enrolments(first: 1) { nodes { state } } }",
        "...F",
        "...G",
    ] {
        let fragments = match part {
            "...F" => "fragment F on Edition { teams(first: 1) { nodes { name } } }",
            "...G" => "fragment G on Edition { ...H } fragment H on Edition { submissions(first: 1) { nodes { id } } }",
            _ => "",
        };
        let document = format!("query ($edition: ID!) {{ edition(id: $edition) {{ code {part} }} }} {fragments}");
        let answer = program.query(&document, variables.clone()).await;
        assert!(insufficient(&answer), "{document}\n{:#}", answer.json);
    }
    // A node of another kind is not told from one that there is not.
    for id in [&class.enrolments[0], "enr_01h455vb4pex5vsknk084sn02q"] {
        let answer = program
            .query("query ($id: ID!) { node(id: $id) { id } }", json!({ "id": id }))
            .await;
        assert!(insufficient(&answer), "{:#}", answer.json);
    }
    eprintln!("scopes: {reached} let in, {kept} refused");
}

#[tokio::test]
async fn a_token_does_no_more_than_its_owner() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let everything = Scopes::of(TokenScope::ALL.iter().copied());
    let stranger = test.person("Saul").await;
    let program = given(&test, &stranger, everything).await;
    let page = "query ($id: ID!) { edition(id: $id) { enrolments(first: 9) { nodes { id person { email } } } } }";
    let edition = json!({ "id": class.edition });
    assert_eq!(
        program.query(page, edition.clone()).await.json,
        stranger.query(page, edition.clone()).await.json
    );
    let input = json!({ "editionId": class.edition, "name": "Mine" });
    assert_eq!(act(&program, "CreateTeam", input).await.refusal(), "FORBIDDEN");
    // A role that ends takes the token's reach with it.
    let cora = test.person("Cora").await;
    let input = json!({ "email": cora.email, "role": "COORDINATOR", "scopeId": class.edition });
    let ada = test.administrator().await;
    let granted = act(&ada, "GrantRole", input).await;
    let role = granted.text("grantRole.roleAssignment.id");
    let program = given(&test, &cora, everything).await;
    assert_eq!(
        program
            .query(page, edition.clone())
            .await
            .at("edition.enrolments.nodes")
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    act(&ada, "RevokeRole", json!({ "roleAssignmentId": role }))
        .await
        .at("revokeRole.roleAssignment");
    assert_eq!(
        program.query(page, edition).await.at("edition.enrolments.nodes"),
        &json!([])
    );
}

#[tokio::test]
async fn a_filter_tells_a_token_no_more_than_the_field_would() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let institution = test.institution("INEFOP", "UY").await.to_string();
    let owner = class.coordinator.clone();
    let lists = Scopes::of([TokenScope::ReadEnrolments, TokenScope::ReadCatalogue]);
    let people = Scopes::of([
        TokenScope::ReadEnrolments,
        TokenScope::ReadCatalogue,
        TokenScope::ReadPeople,
    ]);
    let (blind, seeing) = (given(&test, &owner, lists).await, given(&test, &owner, people).await);
    let list = |arguments: &str, declared: &str| {
        format!(
            "query ($edition: ID!{declared}) {{ edition(id: $edition) {{
                enrolments(first: 50{arguments}) {{ nodes {{ state }} }} }} }}"
        )
    };
    let with = |more: Value| {
        let mut all = json!({ "edition": class.edition });
        all.as_object_mut()
            .expect("fields")
            .extend(more.as_object().expect("fields").clone());
        all
    };
    let by_literal = list(", filter: { countries: [\"UY\"] }", "");
    let by_part = list(", filter: { countries: $countries }", ", $countries: [String!]");
    let by_default = list(
        ", filter: $filter",
        ", $filter: EnrolmentFilter = { countries: [\"UY\"] }",
    );
    let by_variable = list(", filter: $filter", ", $filter: EnrolmentFilter");
    let by_fragment = format!(
        "query ($edition: ID!) {{ edition(id: $edition) {{ ...F }} }}
        fragment F on Edition {{ enrolments(first: 50, filter: {{ institutionIds: [\"{institution}\"] }}) {{ nodes {{ state }} }} }}"
    );
    let asked = [
        (by_literal, json!({})),
        (by_part, json!({ "countries": ["UY"] })),
        (by_default, json!({})),
        (by_variable.clone(), json!({ "filter": { "countries": ["UY"] } })),
        (
            by_variable.clone(),
            json!({ "filter": { "institutionIds": [institution] } }),
        ),
        (
            by_variable.clone(),
            json!({ "filter": { "nominatedByIds": [institution] } }),
        ),
        (by_variable.clone(), json!({ "filter": { "consents": "MISSING" } })),
        (
            by_variable.clone(),
            json!({ "filter": { "constituentGroups": ["WORKERS"] } }),
        ),
        (by_variable.clone(), json!({ "filter": { "languages": ["ES"] } })),
        (by_fragment, json!({})),
    ];
    for (document, variables) in asked {
        let refused = blind.query(&document, with(variables.clone())).await;
        assert_eq!(refused.refusal(), "INSUFFICIENT_SCOPE", "{document}");
        let let_in = seeing.query(&document, with(variables)).await;
        assert!(let_in.at("edition.enrolments.nodes").is_array(), "{document}");
    }
    // What restricts by what the list itself shows needs nothing more, and neither does what is not given.
    for filter in [
        json!({ "states": ["ACTIVE"] }),
        json!({ "countries": null }),
        json!({}),
        Value::Null,
    ] {
        let answer = blind.query(&by_variable, with(json!({ "filter": filter }))).await;
        assert_eq!(answer.at("edition.enrolments.nodes").as_array().map(Vec::len), Some(2));
    }
}
