//! What passes and what does not, by table.

use std::fmt::Write as _;

use serde_json::json;

use super::*;
use crate::config::Settings;

fn limits() -> Limits {
    Settings::load("test", None, &[])
        .expect("the settings of the tests")
        .limits
}

fn checked(document: &str, variables: serde_json::Value) -> Result<Operation, Refusal> {
    check(document.to_owned(), None, Variables::from_json(variables), &limits())
}

fn code(document: &str) -> Option<&'static str> {
    checked(document, json!({})).err().map(|refusal| refusal.code())
}

#[test]
fn an_ordinary_document_passes() {
    for document in [
        "{ editions(first: 50) { nodes { id course { title } } } }",
        "query ($n: Int = 3) { editions(first: $n) { nodes { id } } }",
        "{ a: measures { rule } ... on Query { measures { ...F } } } fragment F on MeasureRule { measure }",
        "\u{feff}# a word\r\n{ measures { rule } }",
        r#"{ courses(first: 1, text: "{[(\"") { nodes { id } } }"#,
        r#"{ courses(first: 1, text: """ {[( \""" " """) { nodes { id } } }"#,
    ] {
        assert_eq!(code(document), None, "{document}");
    }
}

#[test]
fn each_limit_has_its_code_and_its_number() {
    let repeated = |text: &str, times: usize| text.repeat(times);
    let aliases: String = (0..31).fold(String::new(), |mut text, place| {
        write!(text, "a{place}: id ").expect("a string takes it");
        text
    });
    let levels = |times: usize| format!("{{ {} id {} }}", repeated("course { ", times), repeated("} ", times));
    for (document, expected, most) in [
        ("#".repeat(16_385), "DOCUMENT_TOO_LONG", 16_384),
        (format!("{{ {} }}", repeated("id ", 2_000)), "TOO_MANY_TOKENS", 2_000),
        (levels(10), "TOO_DEEP", 10),
        (levels(1_000), "TOO_DEEP", 10),
        (
            format!("{{ viewer {{ person {{ {aliases} }} }} }}"),
            "TOO_MANY_ALIASES",
            30,
        ),
        (
            format!("{{ measures {} {{ rule }} }}", repeated("@skip(if: false) ", 11)),
            "TOO_MANY_DIRECTIVES",
            10,
        ),
        (
            format!("{{ {} }}", repeated("__typename ", 21)),
            "TOO_MANY_ROOT_FIELDS",
            20,
        ),
        (
            format!("mutation {{ {} }}", repeated("signOut { userErrors { code } } ", 6)),
            "TOO_MANY_MUTATIONS",
            5,
        ),
        (
            format!("{{ a(b: {}{}) }}", repeated("[", 13), repeated("]", 13)),
            "INPUT_TOO_DEEP",
            12,
        ),
        (
            format!("{{ a(b: {}1{}) }}", repeated("{a: ", 13), repeated("}", 13)),
            "INPUT_TOO_DEEP",
            12,
        ),
        (
            format!("query ($a: {}Int{}) {{ a }}", repeated("[", 13), repeated("]", 13)),
            "INPUT_TOO_DEEP",
            12,
        ),
        (
            "{ editions(first: 100) { nodes { enrolments(first: 10) { nodes { id } } } } }".to_owned(),
            "TOO_COSTLY",
            1_000,
        ),
        (
            "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }".to_owned(),
            "INTROSPECTION_TOO_DEEP",
            20,
        ),
        (
            format!(
                "{{ __schema {{ types {} name {} }} }}",
                repeated("{ ofType ", 20),
                repeated("} ", 20)
            ),
            "INTROSPECTION_TOO_DEEP",
            20,
        ),
    ] {
        let refusal = checked(&document, json!({})).err();
        let found = refusal.as_ref().map(|refusal| match refusal {
            Refusal::Over(_, most) => (refusal.code(), *most),
            other => panic!("{other:?}: {document}"),
        });
        assert_eq!(found, Some((expected, most)), "{document:.200}");
    }
}

fn cost(document: &str) -> u64 {
    let operation = checked(document, json!({}));
    operation
        .unwrap_or_else(|refusal| panic!("{refusal:?}: {document}"))
        .cost
}

#[test]
fn a_list_without_pages_counts_as_often_as_is_known_of_it() {
    for (document, expected) in [
        ("{ edition(id: 1) { id } }", 1),
        ("{ editions(first: 50) { nodes { id } } }", 51),
        ("{ editions(last: 7) { edges { node { course { title } } } } }", 22),
        ("{ team(id: 1) { tutors { id } } }", 3),
        ("{ edition(id: 1) { deliverables { id } } }", 5),
        ("{ submission(id: 1) { versions { submittedBy { id } } } }", 11),
        ("{ deliverable(id: 1) { rubric { levels { title } } } }", 111),
        ("{ statistics { rows { enrolments edition { code } } } }", 201),
    ] {
        assert_eq!(cost(document), expected, "{document}");
    }
}

#[test]
fn a_plain_value_under_another_name_counts_as_often_as_it_comes() {
    for (document, expected) in [
        ("{ edition(id: 1) { id code id code } }", 1),
        ("{ edition(id: 1) { id a: code b: code __typename } }", 3),
        ("{ edition(id: 1) { a: __typename } }", 2),
        ("{ editions(first: 10) { nodes { course { a: title b: title } } } }", 41),
        (
            "{ editions(first: 10) { nodes { course { ...C } } } } fragment C on Course { a: title }",
            31,
        ),
        ("{ submission(id: 1) { versions { a: body } } }", 11),
    ] {
        assert_eq!(cost(document), expected, "{document}");
    }
}

#[test]
fn a_page_is_as_long_as_the_variable_says_that_is_given_or_its_default() {
    let direct = "query ($n: Int = 10) { editions(first: $n) { nodes { course { id } } } }";
    let spread = "query A($n: Int = 10) { ...F } query B($n: Int = 90) { ...F } query C($n: Int) { ...F }
        fragment F on Query { editions(first: $n) { nodes { course { id } } } }";
    for (document, name, given, expected) in [
        (direct, None, json!({}), 21),
        (direct, None, json!({ "n": 7 }), 15),
        (direct, None, json!({ "n": null }), 201),
        (spread, Some("A"), json!({}), 21),
        (spread, Some("A"), json!({ "n": 20 }), 41),
        (spread, Some("B"), json!({}), 181),
        (spread, Some("C"), json!({}), 201),
    ] {
        let variables = Variables::from_json(given.clone());
        let operation = check(document.to_owned(), name.map(ToOwned::to_owned), variables, &limits());
        let found = operation.map(|operation| operation.cost);
        assert_eq!(found, Ok(expected), "{name:?} {given}: {document}");
    }
    let wide = "query ($n: Int = 10) { editions(first: $n) { nodes { enrolments(first: $n) { nodes { id } } } } }";
    assert_eq!(code(wide), None);
}

#[test]
fn a_list_without_pages_may_stand_beside_itself_and_not_within() {
    let beside = "{ edition(id: 1) { deliverables { ...D } ...E } deliverable(id: 1) { edition { ...E } } }
        fragment D on Deliverable { mySubmission { history { to } versions { id } } }
        fragment E on Edition { deliverables { ...D } }";
    assert_eq!(code(beside), None);
    for within in [
        "{ edition(id: 1) { deliverables { edition { deliverables { id } } } } }",
        "{ team(id: 1) { submissions { team { submissions { id } } } } }",
        "{ team(id: 1) { submissions { team { ... on Team { ...T } } } } } fragment T on Team { submissions { id } }",
        "{ team(id: 1) { ...T } } fragment T on Team { submissions { deliverable { edition { teams(first: 1) { nodes {
            submissions { id } } } } } } }",
    ] {
        assert_eq!(code(within), Some("TOO_COSTLY"), "{within}");
    }
}

#[test]
fn fragments_that_spread_each_other_are_counted_not_expanded() {
    let bomb = |count: usize| {
        let mut bomb = String::from("query { ...F0 }\n");
        for place in 0..count {
            let next = place + 1;
            let spreads = format!("...F{next} ").repeat(8);
            write!(bomb, "fragment F{place} on Query {{ {spreads} }} ").expect("a string takes it");
        }
        write!(bomb, "fragment F{count} on Query {{ measures {{ rule }} }}").expect("a string takes it");
        bomb
    };
    assert_eq!(code(&bomb(8)), Some("TOO_MANY_ROOT_FIELDS"));
    assert_eq!(
        code(&bomb(8).replace("query { ...F0 }", "{ id }")),
        Some("TOO_MANY_FIELDS"),
        "unused ones count"
    );
    assert_eq!(code(&bomb(60)), Some("TOO_DEEP"), "nor may they form a chain");
    let beside = format!(
        "{} query B {{ measures {{ rule }} }}",
        bomb(8).replace("query {", "query A {")
    );
    let aside = check(beside, Some("B".into()), Variables::default(), &limits());
    assert_eq!(
        aside.err().map(|refusal| refusal.code()),
        Some("TOO_MANY_ROOT_FIELDS"),
        "nor those of an operation that does not run"
    );
    for cycle in [
        "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
        "{ measures { rule } } fragment A on Query { ...A }",
    ] {
        assert_eq!(code(cycle), Some("FRAGMENT_CYCLE"), "{cycle}");
    }
}

#[test]
fn what_cannot_be_read_is_refused_without_an_echo() {
    for document in [
        "{ a( secretsecretsecret } ",
        "{ a(b: \"secretsecret }",
        "{ a(b: \"secretsecret\n\") }",
        "{ a(b: \"\"\" a \" [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[secretsecret) }",
        "{ a(b: [}]) { secretsecret } }",
        "{ ..secretsecret }",
        "{ a } \u{0} secretsecret",
        "{ secretsecret ? }",
        "",
    ] {
        match checked(document, json!({})).err() {
            Some(Refusal::Syntax(place)) => assert!(!place.contains("secretsecret"), "{place}"),
            other => panic!("{document}: {other:?}"),
        }
    }
}

#[test]
fn what_a_document_states_is_of_the_type_of_its_place() {
    let ask = |document: &str| match checked(document, json!({})).err() {
        None => "fits".to_owned(),
        Some(Refusal::Literal { place, path, expected }) => format!("{place} {} {expected}", path.join(".")),
        Some(other) => panic!("{document}: {other:?}"),
    };
    for (document, expected) in [
        ("{ courses(first: 2147483647) { nodes { id } } }", "fits"),
        ("{ courses(first: -2147483648) { nodes { id } } }", "fits"),
        ("{ courses(first: 2147483648) { nodes { id } } }", "1:18 first Int"),
        (
            "{ courses(first: 9223372036854775808) { nodes { id } } }",
            "1:18 first Int",
        ),
        (
            "{ ... on Query { courses(first: -2147483649) { nodes { id } } } }",
            "1:33 first Int",
        ),
        (
            "{ ...F } fragment F on Query { courses(first: 2147483648) { nodes { id } } }",
            "1:47 first Int",
        ),
        (
            "query ($n: Int = 2147483648) { courses(first: $n) { nodes { id } } }",
            "1:18 n Int",
        ),
        ("{ node(id: 2147483648) { id } }", "fits"),
        ("{ nothing(first: 2147483648) { id } }", "fits"),
        (
            "mutation { grantRole(input: { nothing: 2147483648 }) { userErrors { code } } }",
            "1:29 input.nothing GrantRoleInput!",
        ),
        (
            "query ($n: String) { courses(first: $n) { nodes { id } } }",
            "1:37 first Int",
        ),
        ("query ($n: Int) { node(id: $n) { id } }", "1:28 id ID!"),
        ("query ($n: ID = 1) { node(id: $n) { id } }", "fits"),
        ("query ($n: Nothing) { node(id: $n) { id } }", "1:32 id ID!"),
        (
            "query ($n: __TypeKind) { courses(first: $n) { nodes { id } } }",
            "1:41 first Int",
        ),
        (
            "query ($n: Boolean) { measures @include(if: $n) { rule } }",
            "1:45 if Boolean!",
        ),
        ("query ($n: Boolean = true) { measures @skip(if: $n) { rule } }", "fits"),
        ("{ measures @skip(if: \"no\") { rule } }", "1:22 if Boolean!"),
    ] {
        assert_eq!(ask(document), expected, "{document}");
    }
}

#[test]
fn variables_are_held_against_their_types() {
    let ask = |declared: &str, value: serde_json::Value| {
        let document = format!("query ($v: {declared}) {{ measures {{ rule }} }}");
        match checked(&document, json!({ "v": value })).err() {
            None => "fits".to_owned(),
            Some(Refusal::Variable { path, expected }) => format!("{} {expected}", path.join(".")),
            Some(other) => panic!("{other:?}"),
        }
    };
    for (declared, value, expected) in [
        ("Int", json!(1), "fits"),
        ("Int", json!(null), "fits"),
        ("Int!", json!(null), "v Int!"),
        ("Int", json!("1"), "v Int"),
        ("Int", json!(2_147_483_647), "fits"),
        ("Int", json!(-2_147_483_648), "fits"),
        ("Int", json!(2_147_483_648_u64), "v Int"),
        ("Int", json!(-2_147_483_649_i64), "v Int"),
        ("Int", json!(9_007_199_254_740_993_u64), "v Int"),
        ("Int", json!(u64::MAX), "v Int"),
        ("[Int!]", json!([1, 2_147_483_648_u64]), "v.1 Int!"),
        ("ID!", json!(2_147_483_648_u64), "fits"),
        ("Int", json!(1.5), "v Int"),
        ("Float", json!(1), "fits"),
        ("String", json!(1), "v String"),
        ("ID!", json!(7), "fits"),
        ("ID!", json!(true), "v ID!"),
        ("Boolean", json!(0), "v Boolean"),
        ("[Int!]", json!(1), "fits"),
        ("[Int!]", json!([1, null]), "v.1 Int!"),
        ("EditionState", json!("RUNNING"), "fits"),
        ("EditionState", json!("running"), "v EditionState"),
        ("EditionState", json!(1), "v EditionState"),
        ("SignInInput!", json!({ "email": "a", "password": "b" }), "fits"),
        ("SignInInput!", json!({ "email": "a" }), "v.password String!"),
        (
            "SignInInput!",
            json!({ "email": "a", "password": "b", "role": 1 }),
            "v.role SignInInput!",
        ),
        ("SignInInput!", json!({}), "v.email String!"),
        ("SignInInput!", json!([]), "v SignInInput!"),
        (
            "EditionFilter",
            json!({ "states": ["RUNNING", "NOTHING"] }),
            "v.states.1 EditionState!",
        ),
        ("DateTime", json!(1), "v DateTime"),
        ("DateTime", json!("2026-02-30T00:00:00Z"), "v DateTime"),
        ("DateTime", json!("2026-02-28T00:00:00-03:00"), "fits"),
        ("NaiveDate", json!("2026-02-30"), "v NaiveDate"),
        ("[NaiveDate!]", json!(["2026-02-28"]), "fits"),
        ("Decimal", json!("1e309"), "v Decimal"),
        ("Decimal", json!("87.5"), "fits"),
    ] {
        assert_eq!(ask(declared, value.clone()), expected, "{declared} {value}");
    }
    // As they are sent, not by name.
    let sent = serde_json::from_str(r#"{ "v": { "password": 1, "email": 2 } }"#).expect("variables");
    let first = check(
        "query ($v: SignInInput!) { measures { rule } }".to_owned(),
        None,
        sent,
        &limits(),
    );
    let Some(Refusal::Variable { path, .. }) = first.err() else {
        panic!("both are wrong")
    };
    assert_eq!(path, ["v", "password"]);
    let missing = checked("query ($v: Int!) { measures { rule } }", json!({})).err();
    assert!(matches!(missing, Some(Refusal::Variable { .. })), "{missing:?}");
    let defaulted = checked("query ($v: Int! = 1) { measures { rule } }", json!({})).err();
    assert_eq!(defaulted, None);
    let mut deep = json!(1);
    for _ in 0..13 {
        deep = json!([deep]);
    }
    for (value, code) in [(deep, "INPUT_TOO_DEEP"), (json!(vec![0; 10_001]), "INPUT_TOO_LARGE")] {
        let refusal = checked("{ measures { rule } }", json!({ "unused": value })).err();
        assert_eq!(refusal.map(|refusal| refusal.code()), Some(code));
    }
}

#[test]
fn an_operation_must_be_chosen() {
    let two = "query A { measures { rule } } query B { measures { rule } }";
    let choose = |document: &str, name: Option<&str>| {
        check(
            document.to_owned(),
            name.map(ToOwned::to_owned),
            Variables::default(),
            &limits(),
        )
        .err()
        .map(|refusal| refusal.code())
    };
    assert_eq!(choose(two, Some("A")), None);
    assert_eq!(choose(two, None), Some("OPERATION_NOT_FOUND"));
    assert_eq!(choose(two, Some("C")), Some("OPERATION_NOT_FOUND"));
    assert_eq!(choose("{ measures { rule } }", Some("A")), Some("OPERATION_NOT_FOUND"));
}

#[test]
fn half_a_character_is_refused_before_the_parser_would_panic() {
    for half in [r"\ud800", r"\uDFFF", r"\ud83d\ude00", r"\\\ud800"] {
        let found = code(&format!("{{ course(id: \"{half}\") {{ id }} }}"));
        assert_eq!(found, Some("GRAPHQL_PARSE_FAILED"), "{half}");
    }
    for whole in [r"\\ud800", r"\ud7ff", r"\ue000", "😀"] {
        assert_eq!(
            code(&format!("{{ course(id: \"{whole}\") {{ id }} }}")),
            None,
            "{whole}"
        );
    }
}

#[test]
fn a_number_that_nothing_holds_is_told_without_the_readers_place() {
    let document = format!("{{ courses(first: {}) {{ nodes {{ id }} }} }}", "9".repeat(400));
    let said = "invalid number: number out of range".to_owned();
    assert_eq!(checked(&document, json!({})).err(), Some(Refusal::Syntax(said)));
}
