//! Requests that are meant to stall or drain a server, each with the code that it must be refused with.
//! The tests send them, and `benches/refusals` measures what each refusal costs.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// One request.
pub struct Attack {
    /// What it tries.
    pub name: &'static str,
    /// The body that is posted.
    pub body: String,
    /// The code of the refusal.
    pub code: &'static str,
}

/// A list that opens so often and never closes.
fn open(bracket: &str, times: usize) -> String {
    bracket.repeat(times)
}

/// Fragments that each spread the next one so often.
fn bomb(fragments: usize, spreads: usize) -> String {
    let mut text = String::new();
    for place in 0..fragments {
        let next = format!("...F{} ", place + 1).repeat(spreads);
        write!(text, "fragment F{place} on Person {{ {next} }} ").expect("a string takes it");
    }
    write!(text, "fragment F{fragments} on Person {{ id }}").expect("a string takes it");
    text
}

/// Twenty roots that each lead in a circle, from what has a list to what is in it and back, as deep as may be.
fn circles(root: &str, back: &str, list: &str) -> String {
    let (open, close) = (format!("{list}{{{back}{{").repeat(3), "}}".repeat(3));
    let circle = |place| format!("a{place}:{root}(id:\"x\"){{{back}{{{open}{list}{{id}}{close}}}}}");
    format!("{{ {} }}", numbered(20, circle))
}

fn numbered(count: usize, write_one: impl Fn(usize) -> String) -> String {
    (0..count).map(write_one).collect::<Vec<_>>().join(" ")
}

/// A value within so many lists.
fn deep(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!([inner]))
}

/// Every attack.
pub fn all() -> Vec<Attack> {
    let mut attacks = documents();
    attacks.extend(requests());
    attacks
}

/// Those that stand in the document.
fn documents() -> Vec<Attack> {
    let person = "query A { viewer { person { ...F0 } } }";
    let looping = numbered(6, |_| "fields { type {".to_owned());
    let cases = [
        ("a fragment bomb of 700 bytes", format!("{person} {}", bomb(20, 2)), "TOO_DEEP"),
        ("a fragment bomb, flat", format!("{person} {}", bomb(8, 20)), "TOO_MANY_FIELDS"),
        ("a fragment bomb in fragments that nobody uses", format!("{{ measures {{ rule }} }} {}", bomb(8, 20)), "TOO_MANY_FIELDS"),
        ("fragments in a circle", "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }".to_owned(), "FRAGMENT_CYCLE"),
        (
            "pages of pages",
            "{ courses(first: 100) { nodes { editions(first: 100) { nodes { enrolments(first: 100) { nodes { id } } } } } } }".to_owned(),
            "TOO_COSTLY",
        ),
        ("lists that hold themselves: what an edition asks for", circles("deliverable", "edition", "deliverables"), "TOO_COSTLY"),
        ("lists that hold themselves: the work of a team", circles("submission", "team", "submissions"), "TOO_COSTLY"),
        (
            "a list that holds itself in a fragment",
            "{ edition(id: \"x\") { deliverables { edition { ...F } } } } fragment F on Edition { deliverables { id } }".to_owned(),
            "TOO_COSTLY",
        ),
        ("20 times the figures of every group", format!("{{ {} }}", numbered(20, |place| format!("a{place}:statistics(by:[MONTH]){{rows{{enrolments}}}}"))), "TOO_COSTLY"),
        ("the levels of every criterion of pages of work", "{ reviewQueue(first: 20) { nodes { deliverable { rubric { levels { title } } } } } }".to_owned(), "TOO_COSTLY"),
        (
            "the longest texts of a page 27 times",
            format!(
                "{{ editions(first: 100) {{ ...E }} {} }} fragment E on EditionConnection {{ nodes {{ course {{ {} objectives }} }} }}",
                numbered(3, |place| format!("b{place}: editions(first: 100) {{ ...E }}")),
                numbered(27, |place| format!("a{place}:description"))
            ),
            "TOO_COSTLY",
        ),
        (
            "every text of every version 30 times",
            format!("{{ reviewQueue(first: 9) {{ nodes {{ versions {{ {} }} }} }} }}", numbered(30, |place| format!("a{place}:body"))),
            "TOO_COSTLY",
        ),
        ("10,000 aliases", format!("{{ {} }}", numbered(10_000, |place| format!("a{place}:measures{{rule}}"))), "DOCUMENT_TOO_LONG"),
        ("600 short aliases", format!("{{ {} }}", numbered(600, |place| format!("a{place}:__typename"))), "TOO_MANY_ALIASES"),
        ("1,300 fields at the first level", format!("{{ {} }}", "__typename ".repeat(1_300)), "TOO_MANY_ROOT_FIELDS"),
        ("200 changes in one operation", format!("mutation {{ {} }}", "signOut{userErrors{code}}".repeat(200)), "TOO_MANY_MUTATIONS"),
        ("a flood of directives", format!("{{ measures {} {{ rule }} }}", "@a".repeat(5_000)), "TOO_MANY_DIRECTIVES"),
        ("a flood of tokens", format!("{{ {} }}", "a ".repeat(8_000)), "TOO_MANY_TOKENS"),
        ("a flood of variables", format!("query ({}) {{ measures {{ rule }} }}", numbered(1_000, |place| format!("$v{place}:Int"))), "TOO_MANY_TOKENS"),
        ("fields within fields", format!("{}id{}", open("{ a ", 3_000), open("}", 3_000)), "TOO_DEEP"),
        ("fields that never close", open("{a", 8_000), "TOO_DEEP"),
        ("inline fragments within each other", open("{...on Query", 1_000), "TOO_DEEP"),
        ("lists within lists", format!("{{ a(b: {}", open("[", 16_000)), "INPUT_TOO_DEEP"),
        ("objects within objects", format!("{{ a(b: {}", open("{c:", 5_000)), "INPUT_TOO_DEEP"),
        ("types within types", format!("query ($a: {}", open("[", 16_000)), "INPUT_TOO_DEEP"),
        ("introspection in a loop", format!("{{ __schema {{ types {{ {looping} name {} }} }} }}", "}".repeat(12)), "INTROSPECTION_TOO_DEEP"),
        ("a text of 100 kB", format!("{{ courses(first: 1, text: \"{}\") {{ nodes {{ id }} }} }}", "x".repeat(100_000)), "DOCUMENT_TOO_LONG"),
        ("a block of text that never ends", format!("{{ a(b: \"\"\"{}", "\\\"\"\"".repeat(4_000)), "GRAPHQL_PARSE_FAILED"),
        ("a number of 4,000 digits", format!("{{ courses(first: {}) {{ nodes {{ id }} }} }}", "9".repeat(4_000)), "GRAPHQL_PARSE_FAILED"),
        ("an exponent that overflows", "{ courses(first: 1e999) { nodes { id } } }".to_owned(), "GRAPHQL_PARSE_FAILED"),
        ("1,900 names that nothing has", format!("{{ viewer {{ person {{ {} }} }} }}", "nam ".repeat(1_900)), "GRAPHQL_VALIDATION_FAILED"),
        ("a name of 16 kB", format!("{{ {} }}", "m".repeat(16_000)), "GRAPHQL_VALIDATION_FAILED"),
    ];
    let attack = |(name, document, code)| Attack {
        name,
        body: json!({ "query": document, "operationName": Value::Null }).to_string(),
        code,
    };
    cases.into_iter().map(attack).collect()
}

/// Those that stand around the document.
fn requests() -> Vec<Attack> {
    let asking = |variables: Value| json!({ "query": "{ measures { rule } }", "variables": variables }).to_string();
    let many: serde_json::Map<String, Value> = (0..50_000).map(|place| (format!("v{place}"), json!(1))).collect();
    let cases = [
        (
            "a body of 10 MB",
            asking(json!({ "text": "x".repeat(10_000_000) })),
            "BODY_TOO_LARGE",
        ),
        (
            "variables within each other",
            asking(json!({ "deep": deep(100) })),
            "INPUT_TOO_DEEP",
        ),
        (
            "JSON that never closes",
            format!("{{\"query\":\"{{a}}\",\"variables\":{{\"a\":{}", open("[", 900_000)),
            "BAD_REQUEST",
        ),
        ("50,000 variables", asking(Value::Object(many)), "INPUT_TOO_LARGE"),
        (
            "a list of 300,000 values",
            asking(json!({ "list": vec![1; 300_000] })),
            "INPUT_TOO_LARGE",
        ),
        (
            "as many small values as a body can hold",
            format!(
                "{{\"query\":\"{{a}}\",\"variables\":{{\"a\":[{}1]}}}}",
                "1,".repeat(524_000)
            ),
            "INPUT_TOO_LARGE",
        ),
        (
            "a number that no JSON has",
            "{\"query\":\"{a}\",\"variables\":{\"a\":1e999}}".to_owned(),
            "BAD_REQUEST",
        ),
        (
            "a thousand requests in one",
            format!("[{}]", vec!["{\"query\":\"{measures{rule}}\"}"; 1_000].join(",")),
            "BATCH_REFUSED",
        ),
    ];
    let attack = |(name, body, code)| Attack { name, body, code };
    cases.into_iter().map(attack).collect()
}
