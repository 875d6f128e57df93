//! What stands around the GraphQL endpoint: methods, media types, limits, headers, and what no answer tells.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::Variables;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use rumbo::api::guard::{self, Refusal};
use rumbo::auth::api_token;
use rumbo::auth::token::{self, Kind};
use rumbo::config::{Documents, Explore, Settings};
use rumbo::http::graphql::documents;
use rumbo::http::start::StartPage;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::app::{Answer, TestApp};
use crate::support::operations;

const JSON: &str = "application/json";
const GRAPHQL: &str = "application/graphql-response+json";
const MEASURES: &str = "{ measures { measure } }";

async fn send(test: &TestApp, method: Method, path: &str, media: Option<&str>, body: impl Into<Body>) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(media) = media {
        request = request.header(header::CONTENT_TYPE, media);
    }
    let request = request
        .header(header::ACCEPT, GRAPHQL)
        .header(header::ACCEPT_LANGUAGE, "en");
    test.send(request.body(body.into()).expect("a request")).await
}

async fn post(test: &TestApp, media: &str, body: impl Into<Body>) -> Answer {
    send(test, Method::POST, "/graphql", Some(media), body).await
}

/// Posts a body and says what is accepted; `None` says nothing.
async fn accepting(test: &TestApp, accept: Option<&str>, body: &Value) -> Answer {
    let mut request = Request::post("/graphql").header(header::CONTENT_TYPE, JSON);
    if let Some(accept) = accept {
        request = request.header(header::ACCEPT, accept);
    }
    test.send(request.body(Body::from(body.to_string())).expect("a request"))
        .await
}

/// A query in a URL.
async fn get(test: &TestApp, parameters: &[(&str, &str)]) -> Answer {
    let encode = |text: &str| {
        text.bytes()
            .fold(String::new(), |whole, byte| format!("{whole}%{byte:02x}"))
    };
    let pairs: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    send(test, Method::GET, &format!("/graphql?{}", pairs.join("&")), None, "").await
}

#[tokio::test]
async fn it_lives_and_is_ready() {
    let test = TestApp::new().await;
    for (path, body) in [("/health", "alive\n"), ("/ready", "ready\n")] {
        let answer = send(&test, Method::GET, path, None, "").await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, body));
    }
    let absent = send(&test, Method::GET, "/", None, "").await;
    assert_eq!(absent.status, StatusCode::NOT_FOUND, "the start page is switched off");
}

#[tokio::test]
async fn it_is_not_ready_when_the_schema_is_not_current() {
    let test = TestApp::new().await;
    run(&test, "DROP TABLE seaql_migrations").await;
    let ready = send(&test, Method::GET, "/ready", None, "").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    let alive = send(&test, Method::GET, "/health", None, "").await;
    assert_eq!(alive.status, StatusCode::OK);
}

async fn run(test: &TestApp, statement: &str) {
    let tx = test.app.db.write().await.expect("a transaction");
    tx.execute_unprepared(statement).await.expect("the statement runs");
    tx.commit().await.expect("a commit");
}

#[tokio::test]
async fn only_a_json_body_is_an_operation() {
    let test = TestApp::new().await;
    let measures = json!({ "query": MEASURES }).to_string();
    for media in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/json; charset=latin1",
        "",
    ] {
        let refused = post(&test, media, measures.clone()).await;
        assert_eq!(refused.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{media}");
        assert_eq!(refused.refusal(), "UNSUPPORTED_MEDIA_TYPE");
    }
    let silent = send(&test, Method::POST, "/graphql", None, measures.clone()).await;
    assert_eq!(silent.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    for media in [JSON, "application/json; charset=utf-8", "Application/JSON"] {
        let answer = post(&test, media, measures.clone()).await;
        assert_eq!(answer.status, StatusCode::OK, "{media}");
        assert!(answer.at("measures").as_array().is_some_and(|rows| !rows.is_empty()));
    }
    for method in [
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
        Method::TRACE,
        Method::OPTIONS,
    ] {
        let refused = send(&test, method.clone(), "/graphql", Some(JSON), measures.clone()).await;
        let answer = (refused.status, refused.refusal());
        assert_eq!(
            answer,
            (StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED"),
            "{method}"
        );
        assert_eq!(refused.headers[header::ALLOW], "GET, HEAD, POST");
    }
}

#[tokio::test]
async fn the_answer_comes_in_the_media_type_that_is_accepted() {
    let test = TestApp::new().await;
    let whole = json!({ "query": MEASURES });
    for (accept, media) in [
        (None, JSON),
        (Some("*/*"), JSON),
        (Some(JSON), JSON),
        (Some(GRAPHQL), GRAPHQL),
    ] {
        let answer = accepting(&test, accept, &whole).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(
            answer.headers[header::CONTENT_TYPE],
            format!("{media}; charset=utf-8").as_str()
        );
    }
    let refused = accepting(&test, Some("text/html"), &whole).await;
    assert_eq!(
        (refused.status, refused.refusal()),
        (StatusCode::NOT_ACCEPTABLE, "NOT_ACCEPTABLE")
    );

    // What is about the document is told by the status to those who take the newer type, and by the body to all.
    let unused = json!({ "query": "query ($id: ID!) { course(id: $id) { id } }", "variables": { "id": null } });
    for (body, status, code) in [
        (json!({ "query": "{" }), StatusCode::BAD_REQUEST, "GRAPHQL_PARSE_FAILED"),
        (
            json!({ "query": "{ nonsense }" }),
            StatusCode::UNPROCESSABLE_ENTITY,
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (unused, StatusCode::BAD_REQUEST, "BAD_USER_INPUT"),
        (
            json!({ "query": "{ a ".repeat(11) + &"}".repeat(11) }),
            StatusCode::UNPROCESSABLE_ENTITY,
            "TOO_DEEP",
        ),
    ] {
        let told = accepting(&test, Some(GRAPHQL), &body).await;
        assert_eq!((told.status, told.refusal()), (status, code), "{body}");
        let old = accepting(&test, Some(JSON), &body).await;
        assert_eq!((old.status, old.refusal()), (StatusCode::OK, code), "{body}");
        for answer in [told, old] {
            assert!(answer.json.get("data").is_none(), "nothing ran: {}", answer.body);
        }
    }
    // What is no request is one for nobody.
    for accept in [JSON, GRAPHQL] {
        let refused = accepting(&test, Some(accept), &json!({ "qeury": "{ a }" })).await;
        assert_eq!(
            (refused.status, refused.refusal()),
            (StatusCode::BAD_REQUEST, "BAD_REQUEST")
        );
    }
}

#[tokio::test]
async fn a_query_may_stand_in_a_url_and_nothing_else_may() {
    let test = TestApp::new().await;
    let answer = get(&test, &[("query", MEASURES)]).await;
    assert!(answer.at("measures").as_array().is_some_and(|rows| !rows.is_empty()));
    let two = "query A { measures { rule } } query B($name: String!) { __type(name: $name) { name } }";
    let chosen = [
        ("query", two),
        ("operationName", "B"),
        ("variables", "{\"name\": \"Course\"}"),
    ];
    assert_eq!(get(&test, &chosen).await.text("__type.name"), "Course");
    let change = get(&test, &[("query", "mutation { signOut { userErrors { code } } }")]).await;
    assert_eq!(
        (change.status, change.refusal()),
        (StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED")
    );
    assert_eq!(change.headers[header::ALLOW], "POST");
    for wrong in [
        &[][..],
        &[("query", MEASURES), ("query", MEASURES)],
        &[("query", MEASURES), ("variables", "[]")],
        &[("query", MEASURES), ("variables", "nonsense")],
        &[("query", MEASURES), ("extensions", "1")],
    ] {
        let refused = get(&test, wrong).await;
        assert_eq!(
            (refused.status, refused.refusal()),
            (StatusCode::BAD_REQUEST, "BAD_REQUEST"),
            "{wrong:?}"
        );
    }
    for name in ["access_token", "token", "Authorization"] {
        let refused = get(&test, &[("query", MEASURES), (name, "secretsecret")]).await;
        assert_eq!(
            (refused.status, refused.refusal()),
            (StatusCode::BAD_REQUEST, "TOKEN_IN_URL")
        );
        assert!(!refused.body.contains("secretsecret"));
    }
}

#[tokio::test]
async fn what_is_no_operation_is_refused_and_not_repeated() {
    let test = TestApp::new().await;
    let one = json!({ "query": MEASURES });
    for body in [
        "",
        "{",
        "null",
        "7",
        "\"{ measures { rule } }\"",
        "{\"query\": 7}",
        "{\"query\": \"{ a }\", \"variables\": [1]}",
        "{\"query\": \"{ a }\", \"operationName\": {}}",
        "{\"query\": \"{ a }\", \"extensions\": \"a\"}",
        "{\"query\": \"{ a }\", \"documentId\": \"b\"}",
    ] {
        let refused = post(&test, JSON, body).await;
        let answer = (refused.status, refused.refusal());
        assert_eq!(answer, (StatusCode::BAD_REQUEST, "BAD_REQUEST"), "{body}");
    }
    let batch = post(&test, JSON, json!([one, one]).to_string()).await;
    assert_eq!(
        (batch.status, batch.refusal()),
        (StatusCode::BAD_REQUEST, "BATCH_REFUSED")
    );
    let long = "x".repeat(5_000);
    for (document, status, code) in [
        ("{ measures( secretsecret", 400, "GRAPHQL_PARSE_FAILED"),
        ("secretsecret", 400, "GRAPHQL_PARSE_FAILED"),
        ("", 400, "GRAPHQL_PARSE_FAILED"),
        ("{ nonsense }", 422, "GRAPHQL_VALIDATION_FAILED"),
        (&format!("{{ {long} }}"), 422, "GRAPHQL_VALIDATION_FAILED"),
        (
            "{ measures { rule } } fragment A on Query { measures { rule } }",
            422,
            "GRAPHQL_VALIDATION_FAILED",
        ),
        ("{ courses(first: \"two\") { nodes { id } } }", 422, "BAD_USER_INPUT"),
        (
            "{ editions(first: 1, filter: { states: [NOTHING] }) { nodes { id } } }",
            422,
            "BAD_USER_INPUT",
        ),
        (
            "{ courses(first: 99999999999999999999) { nodes { id } } }",
            422,
            "BAD_USER_INPUT",
        ),
        ("subscription { measures }", 422, "SUBSCRIPTION_NEEDS_SOCKET"),
        ("subscription { __typename }", 422, "GRAPHQL_VALIDATION_FAILED"),
    ] {
        let refused = post(&test, JSON, json!({ "query": document }).to_string()).await;
        assert_eq!(
            (refused.status.as_u16(), refused.refusal()),
            (status, code),
            "{document:.200}"
        );
        assert!(!refused.body.contains("secretsecret"), "{}", refused.body);
        assert!(refused.body.len() < 2_000, "a long name is not sent back");
    }
    let asks = "query ($id: ID!) { course(id: $id) { id } }";
    for variables in [json!({}), json!({ "id": null }), json!({ "id": {} }), Value::Null] {
        let body = json!({ "query": asks, "variables": variables });
        let refused = post(&test, JSON, body.to_string()).await;
        assert_eq!(
            (refused.status, refused.refusal()),
            (StatusCode::BAD_REQUEST, "BAD_USER_INPUT")
        );
        assert_eq!(refused.json["errors"][0]["extensions"]["inputPath"], json!(["id"]));
        assert_eq!(
            refused.json["errors"][0]["message"],
            "The variable id is not of the type ID!."
        );
    }
    let two = json!({ "query": "query A { measures { rule } } query B { measures { rule } }" });
    let unknown = json!({ "query": "query A { measures { rule } }", "operationName": "B" });
    for body in [two, unknown] {
        let undecided = post(&test, JSON, body.to_string()).await;
        let answer = (undecided.status, undecided.refusal());
        assert_eq!(answer, (StatusCode::UNPROCESSABLE_ENTITY, "OPERATION_NOT_FOUND"));
    }
}

#[tokio::test]
async fn what_does_not_fit_the_schema_is_told_in_the_readers_language() {
    let test = TestApp::new().await;
    for (language, sentence) in [
        (
            "es",
            "El documento no se ajusta al esquema; extensions.detail dice en qué.",
        ),
        (
            "en",
            "The document does not fit the schema; extensions.detail says in what.",
        ),
        (
            "pt",
            "O documento não se ajusta ao esquema; extensions.detail diz em quê.",
        ),
    ] {
        let refused = test
            .anonymous()
            .speaking(language)
            .query("{ nonsense }", json!({}))
            .await;
        let error = &refused.json["errors"][0];
        assert_eq!(
            (refused.refusal(), &error["message"]),
            ("GRAPHQL_VALIDATION_FAILED", &json!(sentence))
        );
        let detail = error["extensions"]["detail"].as_str().expect("a detail");
        assert!(detail.contains("nonsense"), "{detail}");
        assert_eq!(error["locations"], json!([{ "line": 1, "column": 3 }]));
    }
}

#[tokio::test]
async fn every_error_has_a_code_also_those_of_values_that_are_not_of_their_type() {
    let test = TestApp::new().await;
    let asks = "query ($at: DateTime) { statistics(by: [], asAt: $at) { total { enrolments } } }";
    let answer = test.anonymous().query(asks, json!({ "at": "yesterday" })).await;
    let refused = (answer.status, answer.refusal());
    assert_eq!(refused, (StatusCode::BAD_REQUEST, "BAD_USER_INPUT"));
    assert_eq!(answer.json["errors"][0]["extensions"]["inputPath"], json!(["at"]));
    assert_eq!(
        answer.json["errors"][0]["message"],
        "The variable at is not of the type DateTime."
    );
    let written = "{ statistics(by: [], asAt: \"2026-02-30T00:00:00Z\") { total { enrolments } } }";
    let literal = test.anonymous().query(written, json!({})).await;
    assert_eq!(literal.refusal(), "BAD_USER_INPUT");
    let message = literal.json["errors"][0]["message"].as_str().expect("a sentence");
    assert!(
        message.starts_with("A value in the document is not of the expected type: "),
        "{message}"
    );
    let many = format!("{{ {} }}", "nonsense ".repeat(20));
    let faults = test.anonymous().query(&many, json!({})).await;
    let errors = faults.json["errors"].as_array().expect("a list").clone();
    assert!(errors.len() <= 20, "{}", errors.len());
    assert!(errors.iter().all(|error| error["extensions"]["code"].is_string()));
    let nested = format!("{{ measures {{ {} }} }}", "nonsense ".repeat(100));
    let faults = test.anonymous().query(&nested, json!({})).await;
    assert_eq!(faults.json["errors"].as_array().map(Vec::len), Some(20));
}

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
async fn every_committed_operation_is_within_the_limits_with_pages_of_fifty() {
    let limits = Settings::load("test", None, &[]).expect("settings").limits;
    for name in operations::names() {
        let document = operations::document(name).to_owned();
        let variables = Variables::from_json(json!({ "first": 50 }));
        match guard::check(document, Some(name.to_owned()), variables, &limits) {
            // The types of the other variables are looked at last, and not what is asked here.
            Ok(_) | Err(Refusal::Variable { .. }) => {}
            Err(refusal) => panic!("{name}: {refusal:?}"),
        }
    }
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

#[tokio::test]
async fn an_argument_that_is_no_page_or_no_identifier_has_its_code() {
    let test = TestApp::new().await;
    let ask = async |document: &str| {
        let answer = test.anonymous().query(document, json!({})).await;
        let code = answer.refusal().to_owned();
        (code, answer.json["errors"][0]["extensions"]["inputPath"].clone())
    };
    for (document, code, path) in [
        ("{ courses { nodes { id } } }", "REQUIRED", json!(["first"])),
        (
            "{ courses(first: 0) { nodes { id } } }",
            "OUT_OF_RANGE",
            json!(["first"]),
        ),
        (
            "{ courses(first: 101) { nodes { id } } }",
            "OUT_OF_RANGE",
            json!(["first"]),
        ),
        (
            "{ courses(first: 1, after: \"nonsense\") { nodes { id } } }",
            "MALFORMED",
            json!(["after"]),
        ),
        ("{ course(id: \"crs_nonsense\") { id } }", "INVALID_ID", json!(["id"])),
        (
            "{ course(id: \"edn_01h455vb4pex5vsknk084sn02q\") { id } }",
            "INVALID_ID",
            json!(["id"]),
        ),
    ] {
        assert_eq!(ask(document).await, (code.to_owned(), path), "{document}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_is_not_read() {
    let test = TestApp::new().await;
    let large = json!({ "query": "{ measures { rule } }", "variables": { "text": "x".repeat(1_048_576) } });
    let announced = post(&test, JSON, large.to_string()).await;
    let pieces = Arc::new(AtomicUsize::new(160));
    let unannounced = post(&test, JSON, Body::from_stream(Chunks(pieces.clone()))).await;
    for refused in [announced, unannounced] {
        let answer = (refused.status, refused.refusal());
        assert_eq!(answer, (StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE"));
        assert_eq!(refused.json["errors"][0]["extensions"]["limit"], 1_048_576);
    }
    assert!(
        pieces.load(Ordering::SeqCst) > 140,
        "of ten megabytes no more than one was read"
    );
}

/// A body of so many pieces of 64 KiB, whose length nobody announced.
struct Chunks(Arc<AtomicUsize>);

impl futures_util::Stream for Chunks {
    type Item = Result<Vec<u8>, std::convert::Infallible>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let left = self.0.load(Ordering::SeqCst);
        let piece = left.checked_sub(1).map(|left| {
            self.0.store(left, Ordering::SeqCst);
            Ok(vec![b' '; 65_536])
        });
        std::task::Poll::Ready(piece)
    }
}

#[tokio::test]
async fn a_failure_inside_is_told_by_its_code_and_nothing_else() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await;
    run(&test, "DROP TABLE declaration").await;
    let nobody = test.anonymous().run("Viewer", json!({})).await;
    assert_eq!(
        nobody.at("viewer"),
        &Value::Null,
        "what does not need the table is answered"
    );
    let answer = ana.run("Viewer", json!({})).await;
    assert_eq!((answer.status, answer.refusal()), (StatusCode::OK, "INTERNAL"));
    let fault = &answer.json["errors"][0];
    let message = "Something failed on our side. Quote the request id if you report it.";
    assert_eq!(fault["message"], message);
    let extensions = json!({ "code": "INTERNAL", "requestId": answer.headers["x-request-id"].to_str().expect("text") });
    assert_eq!(fault["extensions"], extensions);
    for word in ["SELECT", "select", "relation", "no such table", "sqlx"] {
        assert!(!answer.body.contains(word), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_failure_before_the_operation_is_told_in_the_same_way() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await;
    run(&test, "ALTER TABLE role_assignment RENAME TO gone").await;
    let answer = ana.speaking("pt").run("Measures", json!({})).await;
    assert_eq!(
        (answer.status, answer.refusal()),
        (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL")
    );
    let fault = &answer.json["errors"][0];
    assert!(
        fault["message"]
            .as_str()
            .is_some_and(|text| text.starts_with("Algo falhou do nosso lado."))
    );
    assert!(!answer.body.contains("role_assignment"), "{}", answer.body);
    assert_eq!(
        answer.headers["x-request-id"],
        fault["extensions"]["requestId"].as_str().expect("a name")
    );
}

#[tokio::test]
async fn a_request_keeps_its_name() {
    let test = TestApp::new().await;
    let request = Request::get("/health").header("x-request-id", "from-the-balancer-7");
    let answer = test.send(request.body(Body::empty()).expect("a request")).await;
    assert_eq!(answer.headers["x-request-id"], "from-the-balancer-7");
    for forged in ["a b", "a,b", "", "<b>", "a=1;b", &"x".repeat(65)] {
        let request = Request::get("/health").header("x-request-id", forged);
        let answer = test.send(request.body(Body::empty()).expect("a request")).await;
        let name = answer.headers["x-request-id"].to_str().expect("text");
        assert!(name.starts_with("req_"), "{forged:?}");
    }
    let twice = Request::get("/health")
        .header("x-request-id", "a")
        .header("x-request-id", "b");
    let twice = test.send(twice.body(Body::empty()).expect("a request")).await;
    assert_eq!(twice.headers.get_all("x-request-id").iter().count(), 1);
    let first = send(&test, Method::GET, "/health", None, "").await;
    let second = send(&test, Method::GET, "/health", None, "").await;
    let name = |answer: &Answer| answer.headers["x-request-id"].to_str().expect("text").to_owned();
    assert!(name(&first).starts_with("req_"));
    assert_ne!(name(&first), name(&second));
}

#[tokio::test]
async fn every_answer_is_kept_from_caches_frames_and_guesses() {
    let test = TestApp::new().await;
    let answers = [
        send(&test, Method::GET, "/health", None, "").await,
        send(&test, Method::GET, "/nowhere", None, "").await,
        send(&test, Method::GET, "/graphql", None, "").await,
        post(&test, "text/plain", "").await,
        post(&test, JSON, "x".repeat(2_000_000)).await,
        test.anonymous().run("Measures", json!({})).await,
    ];
    for answer in answers {
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(answer.headers[name], value, "{}", answer.status);
        }
        assert!(!answer.headers.contains_key(header::SERVER));
        let policy = answer.headers["content-security-policy"].to_str().expect("text");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(
            !answer.headers.contains_key("access-control-allow-origin"),
            "no other site may read it"
        );
    }
}

#[tokio::test]
async fn a_token_counts_only_whole_and_in_its_header() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await;
    assert_eq!(
        ana.run("Viewer", json!({})).await.text("viewer.person.email"),
        "ana@example.org"
    );
    let token = ana.token().expect("a token").to_owned();
    let (head, signature) = token.rsplit_once('.').expect("three parts");
    let (header_part, claims) = head.split_once('.').expect("three parts");
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let turned: String = signature.chars().rev().collect();
    for forged in [
        format!("{head}.{turned}"),
        format!("{head}."),
        head.to_owned(),
        format!("{none}.{claims}."),
        format!("{header_part}.{claims}x.{signature}"),
        "nonsense".to_owned(),
        String::new(),
    ] {
        let refused = test
            .anonymous()
            .bearing(&forged)
            .speaking("es")
            .run("Measures", json!({}))
            .await;
        let answer = (refused.status, refused.refusal());
        assert_eq!(answer, (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"), "{forged}");
        assert_eq!(refused.json["errors"][0]["message"], "Inicie sesión para continuar.");
    }
    let in_the_url = format!("/graphql?access_token={token}");
    let viewer = json!({ "query": "{ viewer { person { id } } }" }).to_string();
    let refused = send(&test, Method::POST, &in_the_url, Some(JSON), viewer).await;
    assert_eq!(
        (refused.status, refused.refusal()),
        (StatusCode::BAD_REQUEST, "TOKEN_IN_URL")
    );
    assert!(!refused.body.contains(&token));
}

#[tokio::test]
async fn other_sites_call_only_where_the_settings_name_them() {
    let site = "https://learn.example.org";
    let ask = async |test: &TestApp, method: Method, origin: &str| {
        let request = Request::builder()
            .method(method)
            .uri("/graphql")
            .header(header::ORIGIN, origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type")
            .header(header::CONTENT_TYPE, JSON)
            .body(Body::from(json!({ "query": MEASURES }).to_string()));
        test.send(request.expect("a request")).await
    };
    let closed = TestApp::new().await;
    let answer = ask(&closed, Method::POST, site).await;
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
    assert!(
        !answer.headers.contains_key(header::STRICT_TRANSPORT_SECURITY),
        "it is not served over https"
    );
    let open = TestApp::having(|settings| {
        settings.http.cors_origins = vec![site.to_owned()];
        settings.http.public_url = "https://api.example.org".to_owned();
    })
    .await;
    for method in [Method::OPTIONS, Method::POST] {
        let answer = ask(&open, method.clone(), site).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.headers["access-control-allow-origin"], site);
        assert!(!answer.headers.contains_key("access-control-allow-credentials"));
        assert_eq!(answer.headers[header::STRICT_TRANSPORT_SECURITY], "max-age=31536000");
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
        let other = ask(&open, method, "https://evil.example.org").await;
        assert!(!other.headers.contains_key("access-control-allow-origin"));
    }
    let plain = Request::post("/graphql")
        .header(header::ORIGIN, site)
        .body(Body::from("x"));
    let refused = open.send(plain.expect("a request")).await;
    assert_eq!(refused.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(
        refused.headers["access-control-allow-origin"], site,
        "a page can read why"
    );
}

#[tokio::test]
async fn a_token_is_refused_wherever_in_a_url_it_stands_and_whatever_its_kind() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await;
    let access = ana.token().expect("a token");
    let program = api_token::draw().expect("a token");
    let [refresh, once, challenge, provider] = [Kind::Refresh, Kind::OneTime, Kind::Challenge, Kind::ProviderSignIn]
        .map(|kind| token::draw(kind).expect("a token"));
    let encode = |text: &str| {
        text.bytes()
            .fold(String::new(), |whole, byte| format!("{whole}%{byte:02x}"))
    };
    for secret in [access, &program, &refresh, &once, &challenge, &provider] {
        let variables = encode(&json!({ "t": format!("Bearer {secret}") }).to_string());
        let document = encode(&format!("{{ course(id: \"{secret}\") {{ id }} }}"));
        for path in [
            format!("/graphql?query=%7Bmeasures%7Brule%7D%7D&x={secret}"),
            format!("/graphql?query=%7Bmeasures%7Brule%7D%7D&pat={}", encode(secret)),
            format!("/graphql?query=%7Bmeasures%7Brule%7D%7D&{secret}"),
            format!("/graphql?query=%7Bmeasures%7Brule%7D%7D&variables={variables}"),
            format!("/graphql?query={document}"),
            format!("/.well-known/jwks.json?x={secret}"),
            format!("/health?{secret}=1"),
            format!("/nowhere?x={secret}"),
        ] {
            let refused = send(&test, Method::GET, &path, None, "").await;
            let answer = (refused.status, refused.refusal());
            assert_eq!(answer, (StatusCode::BAD_REQUEST, "TOKEN_IN_URL"), "{path}");
            assert!(!refused.body.contains(secret), "{path}");
        }
    }
    // Links hold secrets of their own, in their paths.
    let link = send(
        &test,
        Method::GET,
        "/calendar/abcdefghijklmnopqrstuvwxyz.ics?x=1",
        None,
        "",
    )
    .await;
    assert_eq!(link.status, StatusCode::NOT_FOUND);
    assert_eq!(
        send(&test, Method::GET, "/health?x=1", None, "").await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_whole_number_has_32_bits() {
    let test = TestApp::new().await;
    let asks = "query ($n: Int) { courses(first: $n) { nodes { id } } }";
    for number in [
        json!(2_147_483_648_u64),
        json!(9_007_199_254_740_993_u64),
        json!(u64::MAX),
        json!(1e20),
    ] {
        let body = json!({ "query": asks, "variables": { "n": number } });
        let refused = post(&test, JSON, body.to_string()).await;
        let answer = (refused.status, refused.refusal());
        assert_eq!(answer, (StatusCode::BAD_REQUEST, "BAD_USER_INPUT"), "{number}");
        assert_eq!(refused.json["errors"][0]["extensions"]["inputPath"], json!(["n"]));
    }
    for number in [
        "2147483648",
        "-2147483649",
        "9223372036854775807",
        "9223372036854775808",
    ] {
        let body = json!({ "query": format!("{{ courses(first: {number}) {{ nodes {{ id }} }} }}") });
        let refused = post(&test, JSON, body.to_string()).await;
        let answer = (refused.status, refused.refusal());
        assert_eq!(answer, (StatusCode::UNPROCESSABLE_ENTITY, "BAD_USER_INPUT"), "{number}");
        let error = &refused.json["errors"][0];
        assert_eq!(error["extensions"]["inputPath"], json!(["first"]));
        assert_eq!(error["locations"], json!([{ "line": 1, "column": 18 }]));
        assert_eq!(
            error["message"],
            "The number first in the document is not of the type Int."
        );
    }
}

#[tokio::test]
async fn an_error_without_a_place_in_the_document_names_none() {
    let test = TestApp::new().await;
    let body = json!({ "query": MEASURES }).to_string();
    let request = Request::post("/graphql")
        .header(header::CONTENT_TYPE, JSON)
        .header(header::AUTHORIZATION, "Bearer nonsense");
    let refused = test.send(request.body(Body::from(body)).expect("a request")).await;
    assert_eq!(refused.refusal(), "UNAUTHENTICATED");
    assert_eq!(refused.json["errors"][0].get("locations"), None, "{}", refused.body);
}

#[tokio::test]
async fn a_compressed_body_is_refused_with_what_would_do() {
    let test = TestApp::new().await;
    let with = async |encoding: &str| {
        let request = Request::post("/graphql")
            .header(header::CONTENT_TYPE, JSON)
            .header(header::ACCEPT_LANGUAGE, "en")
            .header(header::CONTENT_ENCODING, encoding)
            .body(Body::from(json!({ "query": MEASURES }).to_string()));
        test.send(request.expect("a request")).await
    };
    for encoding in ["gzip", "br", "identity, gzip", ""] {
        let refused = with(encoding).await;
        let answer = (refused.status, refused.refusal());
        assert_eq!(
            answer,
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE"),
            "{encoding}"
        );
        assert_eq!(refused.headers[header::ACCEPT_ENCODING], "identity");
        assert_eq!(
            refused.json["errors"][0]["message"],
            "Send the body as it is, not compressed, without Content-Encoding."
        );
    }
    with("Identity").await.at("measures");
}
