//! Which documents run: those of a page of a hundred, those that ask for the schema, and those that are registered.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use rumbo::config::{Documents, Explore, Settings};
use rumbo::http::graphql::documents;
use rumbo::http::start::StartPage;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{JSON, MEASURES, get, post};
use crate::support::app::TestApp;

#[tokio::test]
async fn a_page_of_a_hundred_is_allowed_and_an_answer_has_an_end() {
    let test = TestApp::new().await;
    let ask = "{ editions(first: 100) { nodes { id course { id } } } }";
    test.anonymous().query(ask, json!({})).await.at("editions.nodes");
    let small = TestApp::having(|settings| settings.limits.answer_bytes = 200).await;
    let refused = small
        .anonymous()
        .query("{ measures { measure rule } }", json!({}))
        .await;
    let answer = (refused.status, refused.refusal());
    assert_eq!(answer, (StatusCode::UNPROCESSABLE_ENTITY, "ANSWER_TOO_LARGE"));
    assert_eq!(refused.json["errors"][0]["extensions"]["limit"], 200);
    assert!(refused.json.get("data").is_none());
}

#[tokio::test]
async fn the_schema_is_shown_to_those_that_the_settings_name() {
    let asks = [
        "{ __schema { queryType { name } } }",
        "{ ...A } fragment A on Query { __type(name: \"Course\") { name } }",
    ];
    for (explore, anonymous, signed_in) in [
        (Explore::Everyone, true, true),
        (Explore::SignedIn, false, true),
        (Explore::Nobody, false, false),
    ] {
        let test = TestApp::having(|settings| settings.graphql.explore = explore).await;
        let ana = test.person("Ana").await;
        for (client, allowed) in [(test.anonymous(), anonymous), (ana, signed_in)] {
            for document in asks {
                let answer = client.query(document, json!({})).await;
                let found = (answer.status, answer.json.get("errors").is_none());
                let expected = if allowed { StatusCode::OK } else { StatusCode::FORBIDDEN };
                assert_eq!(found, (expected, allowed), "{explore:?} {document}: {}", answer.body);
                if !allowed {
                    assert_eq!(answer.refusal(), "INTROSPECTION_OFF");
                }
            }
            let typename = client.query("{ __typename }", json!({})).await;
            assert_eq!(typename.text("__typename"), "Query", "which everybody knows");
        }
        let hint = test.anonymous().query("{ measure { rule } }", json!({})).await;
        assert_eq!(
            hint.body.contains("measures"),
            explore == Explore::Everyone,
            "{}",
            hint.body
        );
        let page = rumbo::http::router(test.app.clone(), Some(StartPage::default()));
        let request = Request::get("/graphiql").body(Body::empty()).expect("a request");
        let status = page.oneshot(request).await.expect("an answer").status();
        assert_eq!(status == StatusCode::OK, explore == Explore::Everyone);
    }
    let production = Settings::load("production", None, &[]).expect("settings");
    assert_eq!(production.graphql.explore, Explore::SignedIn);
}

/// The id of the built-in document that begins in this way.
fn registered(begin: &str) -> String {
    let manifest: Value = serde_json::from_str(&documents::manifest().expect("a manifest")).expect("JSON");
    let documents = manifest.as_object().expect("a map").clone();
    let is_it = |text: &Value| text.as_str().is_some_and(|text| text.starts_with(begin));
    let (id, _) = documents.into_iter().find(|(_, text)| is_it(text)).expect("a document");
    id
}

#[tokio::test]
async fn a_registered_document_runs_by_its_id() {
    let id = registered("query Measures ");
    assert!(id.starts_with("sha256:") && id.len() == 71, "{id}");
    let unknown = "sha256:secretsecret";
    for (mode, by_id, free) in [
        (Documents::Any, false, true),
        (Documents::AnyOrRegistered, true, true),
        (Documents::Registered, true, false),
    ] {
        let test = TestApp::having(|settings| settings.graphql.documents = mode).await;
        let answer = post(&test, JSON, json!({ "documentId": id }).to_string()).await;
        let url = get(&test, &[("documentId", &id)]).await;
        for answer in [answer, url] {
            assert_eq!(answer.status == StatusCode::OK, by_id, "{mode:?}: {}", answer.body);
        }
        let absent = post(&test, JSON, json!({ "documentId": unknown }).to_string()).await;
        assert_eq!(
            (absent.status, absent.refusal()),
            (StatusCode::NOT_FOUND, "UNKNOWN_DOCUMENT")
        );
        assert!(!absent.body.contains("secretsecret"));
        let ana = test.person("Ana").await;
        for client in [test.anonymous(), ana] {
            let answer = client.query(MEASURES, json!({})).await;
            assert_eq!(answer.status == StatusCode::OK, free, "{mode:?}: {}", answer.body);
            if !free {
                let refusal = (answer.status, answer.refusal());
                assert_eq!(refusal, (StatusCode::FORBIDDEN, "DOCUMENT_NOT_REGISTERED"));
            }
        }
        let administrator = test.administrator().await;
        administrator.query(MEASURES, json!({})).await.at("measures");
    }
}

#[tokio::test]
async fn the_registered_documents_may_be_a_folder_or_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(
        folder.path().join("own.graphql"),
        "query Own {\n  measures { rule }\n}\n",
    )
    .expect("written");
    let file = folder.path().join("own.json");
    let own = "{ measures { measure } }";
    std::fs::write(&file, json!({ documents::id(own): own, "x-short": own }).to_string()).expect("written");
    for (place, id) in [
        (
            folder.path().to_owned(),
            documents::id("query Own {\n  measures { rule }\n}\n"),
        ),
        (file.clone(), documents::id(own)),
        (file, "x-short".to_owned()),
    ] {
        let test = TestApp::having(|settings| {
            settings.graphql.documents = Documents::Registered;
            settings.graphql.registered = place;
        })
        .await;
        let answer = post(&test, JSON, json!({ "documentId": id }).to_string()).await;
        answer.at("measures");
        let built_in = post(
            &test,
            JSON,
            json!({ "documentId": registered("query Measures ") }).to_string(),
        )
        .await;
        assert_eq!(built_in.status, StatusCode::NOT_FOUND);
    }
    let forged = folder.path().join("forged.json");
    std::fs::write(&forged, json!({ "sha256:00": own }).to_string()).expect("written");
    assert!(documents::load(&forged).is_err(), "an id that is not the digest");
}
