//! What stands around the GraphQL endpoint: methods, media types, limits, headers, and what no answer tells.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::app::{Answer, TestApp};

const JSON: &str = "application/json";

async fn send(test: &TestApp, method: Method, path: &str, media: Option<&str>, body: impl Into<Body>) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(media) = media {
        request = request.header(header::CONTENT_TYPE, media);
    }
    test.send(request.body(body.into()).expect("a request")).await
}

async fn post(test: &TestApp, media: &str, body: impl Into<Body>) -> Answer {
    send(test, Method::POST, "/graphql", Some(media), body).await
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
async fn only_a_posted_json_body_is_an_operation() {
    let test = TestApp::new().await;
    let measures = json!({ "query": "{ measures { measure } }" }).to_string();
    let get = send(&test, Method::GET, "/graphql?query={measures{rule}}", None, "").await;
    assert_eq!(get.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(get.headers[header::ALLOW], "POST");
    for media in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "",
    ] {
        let refused = post(&test, media, measures.clone()).await;
        assert_eq!(refused.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{media}");
        assert_eq!(refused.refusal(), "UNSUPPORTED_MEDIA_TYPE");
    }
    for media in [JSON, "application/json; charset=utf-8", "Application/JSON"] {
        let answer = post(&test, media, measures.clone()).await;
        assert_eq!(answer.status, StatusCode::OK, "{media}");
        assert_eq!(
            answer.headers[header::CONTENT_TYPE],
            "application/graphql-response+json"
        );
        assert!(answer.at("measures").as_array().is_some_and(|rows| !rows.is_empty()));
    }
}

#[tokio::test]
async fn what_is_no_operation_is_refused_and_not_repeated() {
    let test = TestApp::new().await;
    let one = json!({ "query": "{ measures { measure } }" });
    for body in ["", "{", "null", "7", "\"{ measures { rule } }\"", "{\"query\": 7}"] {
        let refused = post(&test, JSON, body).await;
        assert_eq!(
            (refused.status, refused.refusal()),
            (StatusCode::BAD_REQUEST, "BAD_REQUEST"),
            "{body}"
        );
    }
    let batch = post(&test, JSON, json!([one, one]).to_string()).await;
    assert_eq!(
        (batch.status, batch.refusal()),
        (StatusCode::BAD_REQUEST, "BAD_REQUEST"),
        "no batches"
    );
    for (document, code) in [
        ("{ measures( secretsecret", "GRAPHQL_PARSE_FAILED"),
        ("secretsecret", "GRAPHQL_PARSE_FAILED"),
        ("", "GRAPHQL_PARSE_FAILED"),
        ("{ nonsense }", "GRAPHQL_VALIDATION_FAILED"),
        (
            "{ courses(first: \"two\") { nodes { id } } }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        ("subscription { measures }", "GRAPHQL_VALIDATION_FAILED"),
    ] {
        let refused = post(&test, JSON, json!({ "query": document }).to_string()).await;
        assert_eq!(
            (refused.status, refused.refusal()),
            (StatusCode::BAD_REQUEST, code),
            "{document}"
        );
        assert!(!refused.body.contains("secretsecret"), "{}", refused.body);
    }
    let missing = json!({ "query": "query ($id: ID!) { course(id: $id) { id } }" });
    let missing = post(&test, JSON, missing.to_string()).await;
    assert_eq!(missing.refusal(), "GRAPHQL_VALIDATION_FAILED", "a variable is missing");
    let two = json!({ "query": "query A { measures { rule } } query B { measures { rule } }" });
    let undecided = post(&test, JSON, two.to_string()).await;
    assert_eq!(undecided.status, StatusCode::BAD_REQUEST, "which of the two?");
    let unknown = json!({ "query": "query A { measures { rule } }", "operationName": "B" });
    assert_eq!(
        post(&test, JSON, unknown.to_string()).await.status,
        StatusCode::BAD_REQUEST
    );
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
async fn too_much_is_refused_before_it_costs_anything() {
    let test = TestApp::new().await;
    let large = json!({ "query": "{ measures { rule } }", "variables": { "text": "x".repeat(1_048_576) } });
    let refused = post(&test, JSON, large.to_string()).await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
    let unannounced = Body::from_stream(Chunks(17));
    assert_eq!(
        post(&test, JSON, unannounced).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );

    let spread = |place: usize| format!("fragment F{place} on Query {{ ...F{0} ...F{0} }}\n", place + 1);
    let bomb: String = (0..60).map(spread).collect();
    let bomb = format!("query {{ ...F0 }}\n{bomb}fragment F60 on Query {{ measures {{ rule }} }}");
    let deep = format!("{{ {} id {} }}", "course { ".repeat(40), "} ".repeat(40));
    let wide: Vec<String> = (0..300)
        .map(|place| format!("f{place}: editions(first: 100) {{ nodes {{ id }} }}"))
        .collect();
    let wide = wide.join(" ");
    let begun = Instant::now();
    for (document, code) in [
        (bomb.as_str(), "TOO_MANY_FIELDS"),
        (
            "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
            "FRAGMENT_CYCLE",
        ),
        (deep.as_str(), "TOO_DEEP"),
        (&format!("{{ {wide} }}"), "TOO_COSTLY"),
        (
            &format!("{{ measures {{ rule }} }} # {}", "x".repeat(16_384)),
            "DOCUMENT_TOO_LONG",
        ),
    ] {
        let refused = post(&test, JSON, json!({ "query": document }).to_string()).await;
        let answer = (refused.status, refused.refusal());
        assert_eq!(answer, (StatusCode::UNPROCESSABLE_ENTITY, code));
    }
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

/// A body of so many pieces of 64 KiB, whose length nobody announced.
struct Chunks(usize);

impl futures_util::Stream for Chunks {
    type Item = Result<Vec<u8>, std::convert::Infallible>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let piece = self.0.checked_sub(1).map(|left| {
            self.0 = left;
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
    let nobody = send(&test, Method::POST, &in_the_url, Some(JSON), viewer).await;
    assert_eq!(nobody.at("viewer"), &Value::Null);
}
