//! What is a request and what is none: methods, media types, bodies, URLs, variables, arguments.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

use super::{GRAPHQL, JSON, MEASURES, get, post, send};
use crate::support::app::{Answer, TestApp};

/// Posts a body and says what is accepted; `None` says nothing.
async fn accepting(test: &TestApp, accept: Option<&str>, body: &Value) -> Answer {
    let mut request = Request::post("/graphql").header(header::CONTENT_TYPE, JSON);
    if let Some(accept) = accept {
        request = request.header(header::ACCEPT, accept);
    }
    test.send(request.body(Body::from(body.to_string())).expect("a request"))
        .await
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
            "The value first in the document is not of the type Int."
        );
    }
}

/// Whatever a document states is looked at before any of its fields is carried out.
#[tokio::test]
async fn a_value_that_is_not_of_its_type_lets_nothing_of_its_document_happen() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let courses = async || {
        let all = carla.query("{ courses(first: 1) { nodes { id } } }", json!({})).await;
        all.at("courses.nodes").clone()
    };
    let steps = |path: &str| json!(path.split('.').collect::<Vec<_>>());
    let titles = "[{ language: ES, text: \"x\" }, { language: EN, text: \"x\" }, { language: PT, text: \"x\" }]";
    // A course is made first; what is wrong stands in a fragment after it.
    let after_a_course = |variables: &str, input: &str| {
        format!(
            "mutation {variables} {{
               a: createCourse(input: {{ course: {{ code: \"FIRST\", titles: {titles} }} }}) {{ course {{ id }} }}
               ...B
             }}
             fragment B on Mutation {{ b: copyEdition(input: {{ {input} }}) {{ edition {{ id }} }} }}"
        )
    };
    for (wrong, path, ty) in [
        ("startsOn: \"2021-02-30\"", "input.startsOn", "NaiveDate"),
        ("startsOn: 20210228", "input.startsOn", "NaiveDate"),
        ("code: SHORT", "input.code", "String"),
        ("code: 7", "input.code", "String"),
        ("editionId: true", "input.editionId", "ID!"),
    ] {
        let refused = carla.speaking("es").query(&after_a_course("", wrong), json!({})).await;
        let answer = (refused.status, refused.refusal());
        assert_eq!(answer, (StatusCode::UNPROCESSABLE_ENTITY, "BAD_USER_INPUT"), "{wrong}");
        let error = &refused.json["errors"][0];
        assert_eq!(error["extensions"]["inputPath"], steps(path));
        let message = error["message"].as_str().expect("a sentence");
        let sentence = format!("El valor {path} del documento no es del tipo {ty}");
        assert!(message.starts_with(&sentence), "{message}");
    }
    assert_eq!(courses().await, json!([]));
    // Variables, with a value or without, that may not stand there, or beside what is wrong.
    for (declared, input, path) in [
        ("$v: NaiveDate", "code: \"C\", startsOn: [$v]", "input.startsOn"),
        ("$v: NaiveDate", "code: \"C\", startsOn: { a: $v }", "input.startsOn"),
        ("$v: NaiveDate", "code: \"C\", startsOn: $v", "input.startsOn"),
        ("$v: String", "code: \"C\", startsOn: $v", "input.startsOn"),
        ("$v: [NaiveDate!]", "code: \"C\", startsOn: $v", "input.startsOn"),
        ("$v: ID", "startsOn: \"2026-02-01\", courseId: $v", "input.code"),
        (
            "$v: ID",
            "startsOn: \"2026-02-01\", code: null, courseId: $v",
            "input.code",
        ),
        (
            "$v: ID",
            "startsOn: \"2026-02-01\", code: \"C\", nothing: 1, courseId: $v",
            "input.nothing",
        ),
    ] {
        for value in [json!({ "v": "2026-02-01" }), json!({})] {
            let input = format!("editionId: \"edn_01h455vb4pex5vsknk084sn02q\", {input}");
            let document = after_a_course(&format!("({declared})"), &input);
            let refused = carla.query(&document, value.clone()).await;
            let at = &refused.json["errors"][0]["extensions"]["inputPath"];
            assert_eq!(refused.refusal(), "BAD_USER_INPUT", "{declared} {input} {value}");
            assert_eq!(at, &steps(path), "{declared} {input}");
        }
    }
    // A default stands for what is not given, not for null; a course that nobody names is left out.
    let document = after_a_course(
        "($d: NaiveDate = \"2026-01-01\", $c: ID)",
        "editionId: \"edn_01h455vb4pex5vsknk084sn02q\", code: \"C\", startsOn: $d, courseId: $c",
    );
    let refused = carla.query(&document, json!({ "d": null })).await;
    assert_eq!(refused.refusal(), "BAD_USER_INPUT");
    let at = &refused.json["errors"][0]["extensions"]["inputPath"];
    assert_eq!(at, &json!(["input", "startsOn"]));
    assert_eq!(courses().await, json!([]));
    // Of each kind one that fits.
    let fits = "query ($day: NaiveDate, $state: EditionState = DRAFT, $from: [EditionState!] = [DRAFT]) {
      a: editions(first: 1, filter: { from: $day, until: \"2026-02-28\", states: [$state, RUNNING] }) { nodes { id } }
      b: editions(first: 1, filter: { states: $from, language: ES, text: \"a\", courseId: null }) { nodes { id } }
      c: editions(first: 1, filter: { states: RUNNING }) { nodes { id } }
    }";
    let answer = carla.query(fits, json!({ "day": "2026-02-01" })).await;
    assert_eq!(answer.at("c.nodes"), &json!([]));
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
