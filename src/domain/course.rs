//! Courses: the items of the catalogue.

use super::language::Localized;
use super::text::{ShortCode, fold};

/// What a course is before it is stored.
#[derive(Debug, Clone)]
pub struct CourseDraft {
    /// A unique short code.
    pub code: ShortCode,
    /// The title per language; at least one.
    pub titles: Localized,
    /// What the course is about, per language.
    pub descriptions: Localized,
    /// What a participant will be able to do, per language.
    pub objectives: Localized,
    /// Words to find it by.
    pub topics: Vec<String>,
}

impl CourseDraft {
    /// Everything that a search looks through, folded.
    pub fn search_text(&self) -> String {
        let texts = self
            .titles
            .0
            .values()
            .chain(self.descriptions.0.values())
            .chain(&self.topics);
        let all: Vec<&str> = std::iter::once(self.code.as_ref())
            .chain(texts.map(String::as_str))
            .collect();
        fold(&all.join(" "))
    }
}
