//! What stands in an answer: codes, sentences, names of requests, headers; and what no answer tells.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

use super::{JSON, MEASURES, post, run, send};
use crate::support::app::{Answer, TestApp};

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
    assert_eq!(literal.json["errors"][0]["extensions"]["inputPath"], json!(["asAt"]));
    assert_eq!(
        literal.json["errors"][0]["message"],
        "The value asAt in the document is not of the type DateTime."
    );
    let missing = "{ editions(first: 1, filter: { text: \"a\" }) { nodes { course } } node { id } }";
    let missing = test.anonymous().query(missing, json!({})).await;
    assert_eq!(missing.refusal(), "GRAPHQL_VALIDATION_FAILED");
    let many = format!("{{ {} }}", "nonsense ".repeat(20));
    let faults = test.anonymous().query(&many, json!({})).await;
    let errors = faults.json["errors"].as_array().expect("a list").clone();
    assert!((1..=20).contains(&errors.len()), "{}", errors.len());
    assert!(errors.iter().all(|error| error["extensions"]["code"].is_string()));
    let nested = format!("{{ measures {{ {} }} }}", "nonsense ".repeat(100));
    let faults = test.anonymous().query(&nested, json!({})).await;
    assert_eq!(faults.json["errors"].as_array().map(Vec::len), Some(20));
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
