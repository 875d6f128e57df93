//! The register of institutions: who keeps it, and who reads it. How it is added to, and what a merged one leads to, is
//! in `merging/`.

use serde_json::{Value, json};

use crate::support::app::{Client, TestApp};

fn inefop() -> Value {
    json!({ "code": "INEFOP", "name": "Instituto Nacional de Empleo", "aliases": ["INEFOP"], "country": "uy", "kind": "TRAINING_INSTITUTION" })
}

/// The same input with one thing changed.
fn but(mut input: Value, field: &str, value: Value) -> Value {
    input[field] = value;
    input
}

async fn names(reader: &Client<'_>, variables: Value) -> Vec<String> {
    let page = reader.run("Institutions", variables).await;
    let edges = page.at("institutions.edges").as_array().expect("a list").clone();
    edges
        .iter()
        .map(|edge| edge["node"]["name"].as_str().expect("a name").to_owned())
        .collect()
}

#[tokio::test]
async fn an_administrator_keeps_the_register_and_whoever_is_signed_in_reads_it() {
    let test = TestApp::new().await;
    let ada = test.administrator().await;
    let made = ada.run("CreateInstitution", json!({ "input": inefop() })).await;
    assert_eq!(made.user_errors("createInstitution"), Vec::<String>::new());
    assert_eq!(made.text("createInstitution.institution.country"), "UY");
    let id = made.text("createInstitution.institution.id");
    let second = but(
        but(inefop(), "code", json!("SENA")),
        "name",
        json!("Servicio Nacional de Aprendizaje"),
    );
    let second = but(second, "aliases", json!([]));
    ada.run(
        "CreateInstitution",
        json!({ "input": but(second.clone(), "country", json!("CO")) }),
    )
    .await;

    let ana = test.person("Ana").await;
    let all = ["Instituto Nacional de Empleo", "Servicio Nacional de Aprendizaje"];
    assert_eq!(names(&ana, json!({ "first": 10 })).await, all);
    assert_eq!(names(&ana, json!({ "first": 10, "country": "CO" })).await, all[1..]);
    assert_eq!(
        names(&ana, json!({ "first": 10, "search": "APRENDIZAJE" })).await,
        all[1..]
    );
    assert_eq!(
        test.anonymous()
            .run("Institutions", json!({ "first": 10 }))
            .await
            .refusal(),
        "UNAUTHENTICATED"
    );

    let changed = but(but(inefop(), "name", json!("INEFOP")), "version", json!(1));
    let changed = but(changed, "institutionId", json!(id));
    let updated = ada.run("UpdateInstitution", json!({ "input": changed })).await;
    assert_eq!(updated.text("updateInstitution.institution.name"), "INEFOP");
    assert_eq!(updated.number("updateInstitution.institution.version"), 2);
    let stale = ada.run("UpdateInstitution", json!({ "input": changed })).await;
    assert_eq!(stale.user_errors("updateInstitution"), ["STALE_VERSION input.version"]);
    let taken = but(but(changed.clone(), "version", json!(2)), "code", json!("SENA"));
    let taken = ada.run("UpdateInstitution", json!({ "input": taken })).await;
    assert_eq!(taken.user_errors("updateInstitution"), ["TAKEN input.code"]);
    let unknown = but(changed, "institutionId", json!("ins_01h455vb4pex5vsknk084sn02q"));
    assert_eq!(
        ada.run("UpdateInstitution", json!({ "input": unknown }))
            .await
            .refusal(),
        "NOT_FOUND"
    );
    assert_eq!(
        names(&ana, json!({ "first": 10, "search": "inefop" })).await,
        ["INEFOP"]
    );
}

#[tokio::test]
async fn it_is_searched_by_name_and_other_names_whatever_case_and_marks() {
    let test = TestApp::new().await;
    let ada = test.administrator().await;
    for (name, aliases) in [
        ("Østfold Fagskole", json!(["Åland \"Nord\"", "Žilina"])),
        ("Servicio de Formación", json!([])),
    ] {
        let input = but(but(inefop(), "name", json!(name)), "aliases", aliases);
        let made = ada
            .run("CreateInstitution", json!({ "input": but(input, "code", json!(null)) }))
            .await;
        assert_eq!(made.user_errors("createInstitution"), [""; 0]);
    }
    for found in ["ØSTFOLD", "østfold fag", "aland", "ZILINA", "\"nord\"", "d"] {
        let first = names(&ada, json!({ "first": 10, "search": found })).await;
        assert!(
            first.iter().any(|name| name == "Østfold Fagskole"),
            "{found}: {first:?}"
        );
    }
    assert_eq!(
        names(&ada, json!({ "first": 10, "search": "formacion" })).await,
        ["Servicio de Formación"]
    );
    // How other names are kept is not searched.
    for nothing in ["[", ", ", "_", "%"] {
        assert_eq!(
            names(&ada, json!({ "first": 10, "search": nothing })).await,
            [""; 0],
            "{nothing}"
        );
    }
}

#[tokio::test]
async fn nobody_else_changes_the_register() {
    let test = TestApp::new().await;
    let id = test.institution("INEFOP", "UY").await.to_string();
    let update = but(but(inefop(), "institutionId", json!(id)), "version", json!(1));
    for (stranger, code) in [
        (test.anonymous(), "UNAUTHENTICATED"),
        (test.person("Saul").await, "FORBIDDEN"),
        (test.coordinator().await, "FORBIDDEN"),
    ] {
        let made = stranger.run("CreateInstitution", json!({ "input": inefop() })).await;
        assert_eq!(made.refusal(), code);
        let updated = stranger.run("UpdateInstitution", json!({ "input": update })).await;
        assert_eq!(updated.refusal(), code);
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_with_its_path() {
    let test = TestApp::new().await;
    let ada = test.administrator().await;
    for (field, value, expected) in [
        ("name", json!(" "), "REQUIRED input.name"),
        ("name", json!("x".repeat(501)), "TOO_LONG input.name"),
        ("name", json!("a\u{0}b"), "FORBIDDEN_CHARACTER input.name"),
        ("country", json!("XX"), "UNKNOWN_COUNTRY input.country"),
        ("aliases", json!(vec!["a"; 21]), "TOO_LONG input.aliases"),
    ] {
        let input = but(inefop(), field, value);
        let refused = ada.run("CreateInstitution", json!({ "input": input })).await;
        assert_eq!(refused.user_errors("createInstitution"), [expected]);
        assert_eq!(refused.at("createInstitution.institution"), &Value::Null);
    }
    assert_eq!(
        names(&ada, json!({ "first": 10 })).await,
        Vec::<String>::new(),
        "nothing was changed"
    );
}

#[tokio::test]
async fn a_name_stands_where_a_reader_looks_for_it() {
    let test = TestApp::new().await;
    let ada = test.administrator().await;
    let sorted = [
        "Abaco 2", "ábaco 3", "alfa", "Árbol", "banco", "Co op", "Co-op", "coop", "ñandú", "Nandutí", "Zorro",
    ];
    for name in [
        "Zorro", "coop", "ábaco 3", "banco", "Nandutí", "Árbol", "Co-op", "alfa", "ñandú", "Co op", "Abaco 2",
    ] {
        let input = json!({ "name": name, "aliases": [], "country": "UY", "kind": "OTHER" });
        let made = ada.run("CreateInstitution", json!({ "input": input })).await;
        assert_eq!(made.user_errors("createInstitution"), [""; 0], "{name}");
    }
    assert_eq!(names(&ada, json!({ "first": 20 })).await, sorted);
    let mut seen = Vec::new();
    let mut after = Value::Null;
    loop {
        let page = ada.run("Institutions", json!({ "first": 3, "after": after })).await;
        let edges = page.at("institutions.edges").as_array().expect("a list").clone();
        seen.extend(
            edges
                .iter()
                .map(|edge| edge["node"]["name"].as_str().expect("a name").to_owned()),
        );
        if page.at("institutions.pageInfo.hasNextPage") == false {
            break;
        }
        after = page.at("institutions.pageInfo.endCursor").clone();
    }
    assert_eq!(seen, sorted, "page by page");
    // A new name, a new place.
    let first = ada.run("Institutions", json!({ "first": 1 })).await;
    let input = json!({
        "institutionId": first.text("institutions.edges.0.node.id"), "version": 1, "name": "zzz", "aliases": [],
        "country": "UY", "kind": "OTHER",
    });
    let renamed = ada.run("UpdateInstitution", json!({ "input": input })).await;
    assert_eq!(renamed.user_errors("updateInstitution"), [""; 0]);
    let all = names(&ada, json!({ "first": 20 })).await;
    assert_eq!(all[..10], sorted[1..]);
    assert_eq!(all[10], "zzz");
}
