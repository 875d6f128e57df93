//! To which actions every field of the schema answers, as `policy.operations` has it.

use std::collections::HashMap;
use std::sync::LazyLock;

/// The file as it is shipped.
pub const OPERATIONS: &str = include_str!("../policy.operations");

/// Instead of an action: an operation that brings its own proof, open to anybody.
pub const CREDENTIALS: &str = "credentials";

/// Instead of an action: part of an object that shows, or only a way to others, each of which answers for itself.
pub const CARRIED: &str = "carried";

/// The mutations that always come with a reason, whoever executes them.
pub const WITH_REASON: [&str; 11] = [
    "correctSnapshot",
    "decideCompletionLate",
    "disableAccount",
    "enableAccount",
    "exportEnrolments",
    "exportList",
    "overrideGrade",
    "refuseInstitution",
    "reopenReview",
    "transferEnrolment",
    "undoDecision",
];

/// A field of the schema and what it answers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The type.
    pub of: &'static str,
    /// The field.
    pub field: &'static str,
    /// The actions; [`CREDENTIALS`] and [`CARRIED`] stand alone.
    pub actions: Vec<&'static str>,
}

/// Every entry of the file, one a field.
///
/// A line is `Type.field action…`, or `Type… action… : field…` for fields that answer to the same; what
/// begins with a blank goes on with the line before.
pub fn entries() -> Vec<Entry> {
    let mut lines: Vec<Vec<&'static str>> = Vec::new();
    for line in OPERATIONS
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
    {
        match lines.last_mut() {
            Some(last) if line.starts_with(' ') => last.extend(line.split_whitespace()),
            _ => lines.push(line.split_whitespace().collect()),
        }
    }
    lines.iter().flat_map(|words| read(words)).collect()
}

fn read(words: &[&'static str]) -> Vec<Entry> {
    let Some(colon) = words.iter().position(|word| *word == ":") else {
        let (of, field) = words.first().and_then(|name| name.split_once('.')).unwrap_or_default();
        let actions = words.get(1..).unwrap_or_default().to_vec();
        return vec![Entry { of, field, actions }];
    };
    let (types, actions): (Vec<_>, Vec<_>) = words[..colon]
        .iter()
        .copied()
        .partition(|word| word.starts_with(|first: char| first.is_ascii_uppercase()));
    let fields = &words[colon + 1..];
    let of_type = |of: &&'static str| {
        let of = *of;
        let actions = actions.clone();
        fields
            .iter()
            .map(move |&field| Entry {
                of,
                field,
                actions: actions.clone(),
            })
            .collect::<Vec<_>>()
    };
    types.iter().flat_map(of_type).collect()
}

static LISTED: LazyLock<HashMap<(&'static str, &'static str), Vec<&'static str>>> = LazyLock::new(|| {
    entries()
        .into_iter()
        .map(|entry| ((entry.of, entry.field), entry.actions))
        .collect()
});

/// To what a field answers; `None` for one that the file does not name, which is denied.
pub fn actions_of<'a>(of: &'a str, field: &'a str) -> Option<&'a [&'static str]> {
    let listed: &HashMap<(&str, &str), Vec<&'static str>> = &LISTED;
    listed.get(&(of, field)).map(Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_one_field_or_several() {
        let entry = |of, field, actions: &[&'static str]| Entry {
            of,
            field,
            actions: actions.to_vec(),
        };
        assert_eq!(
            read(&["Person.email", "see_email"]),
            [entry("Person", "email", &["see_email"])]
        );
        assert_eq!(
            read(&["A", "B", "carried", ":", "x", "y"]),
            [
                entry("A", "x", &["carried"]),
                entry("A", "y", &["carried"]),
                entry("B", "x", &["carried"]),
                entry("B", "y", &["carried"]),
            ]
        );
    }

    #[test]
    fn what_is_not_named_answers_to_nothing() {
        assert_eq!(actions_of("Person", "email"), Some(&["see_email"][..]));
        assert_eq!(actions_of("Person", "password"), None);
    }
}
