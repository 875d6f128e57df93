//! The pages of this repository, and of the manual for operators the statements that tests follow to the letter.

use std::fs;
use std::path::Path;

/// The text of a file of this repository.
pub fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a file of this repository")
}

/// The one block of SQL in the manual that has all these words in it.
pub fn block(words: &[&str]) -> String {
    let manual = read("docs/operations.md");
    let blocks = manual
        .split("```sql\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    let found: Vec<&str> = blocks
        .filter(|block| words.iter().all(|word| block.contains(word)))
        .collect();
    assert_eq!(found.len(), 1, "one block of the manual has {words:?}");
    found[0].to_owned()
}
