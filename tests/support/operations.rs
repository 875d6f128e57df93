//! The committed operation documents, by name.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use async_graphql::parser::parse_query;
use async_graphql::parser::types::DocumentOperations;

/// Every operation: its name, and the whole document in which it stands.
static DOCUMENTS: LazyLock<BTreeMap<String, String>> = LazyLock::new(read);

fn read() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("graphql/operations");
    let mut documents = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("the operations are there") {
        let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("a readable document");
        let parsed = parse_query(&text).expect("a document that parses");
        let DocumentOperations::Multiple(operations) = parsed.operations else {
            panic!("every operation has a name");
        };
        for name in operations.keys() {
            let known = documents.insert(name.to_string(), text.clone());
            assert!(known.is_none(), "two operations are called {name}");
        }
    }
    documents
}

/// The document in which the operation `name` stands.
pub fn document(name: &str) -> &'static str {
    DOCUMENTS
        .get(name)
        .unwrap_or_else(|| panic!("no operation is called {name}"))
}

/// Whether the operation `name` is a mutation.
pub fn is_mutation(name: &str) -> bool {
    let text = document(name);
    ['(', ' ']
        .iter()
        .any(|end| text.contains(&format!("mutation {name}{end}")))
}

/// Every name.
pub fn names() -> impl Iterator<Item = &'static str> {
    DOCUMENTS.keys().map(String::as_str)
}
