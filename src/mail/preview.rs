//! Every message as it would look, written from made-up data: for translators, for who designs them, and for the
//! manual.

use chrono::DateTime;

use super::render::{RenderError, Rendered, kind_name, render};
use super::{Recipient, calendar};
use crate::domain::language::Language;
use crate::domain::notice::samples::{self, Sample};
use crate::domain::person::full_name;

/// Where the links of previews lead; nobody is there.
const PUBLIC_URL: &str = "https://rumbo.example.org";
/// What stands for the link that ends messages; it ends none.
const UNSUBSCRIBE: &str = "https://rumbo.example.org/unsubscribe/uns_EXAMPLE";

/// A message that would leave.
#[derive(Debug, Clone)]
pub struct Preview {
    /// A name that no other preview of the language has, fit for a file.
    pub name: String,
    /// What its kind is called.
    pub kind: &'static str,
    /// Whether it is always sent.
    pub is_essential: bool,
    /// What it says.
    pub rendered: Rendered,
    /// The file for calendars that comes with it.
    pub calendar: Option<String>,
}

/// Every message in a language, by what it is about.
pub fn all(language: Language) -> Result<Vec<Preview>, RenderError> {
    samples::all().iter().map(|sample| one(sample, language)).collect()
}

fn one(sample: &Sample, language: Language) -> Result<Preview, RenderError> {
    let notice = &sample.notice;
    let kind = notice.kind();
    let (given, family) = notice.guest().map_or(("Ana", "Pérez"), |guest| {
        (guest.given_name.as_str(), guest.family_name.as_str())
    });
    let to = Recipient {
        email: "ana@example.org".to_owned(),
        full_name: full_name(given, family),
        given_name: given.to_owned(),
        language,
    };
    let unsubscribe = notice.can_be_ended().then_some(UNSUBSCRIBE);
    Ok(Preview {
        name: sample.name(),
        kind: kind_name(language, kind)?,
        is_essential: kind.is_essential(),
        rendered: render(notice, &to, PUBLIC_URL, unsubscribe)?,
        calendar: calendar::file(notice, language, PUBLIC_URL, DateTime::UNIX_EPOCH),
    })
}

/// The chapter of the manual for a language: every message as plain text.
pub fn manual(language: Language) -> Result<String, RenderError> {
    let head = format!(
        "# Messages: `{}`\n\nMade by `rumbo mail preview`, from made-up data. Those that are always sent cannot be turned \
         off; `rumbo.ics` is a\nfile for calendars that comes with the message.\n",
        language.code()
    );
    let all = all(language)?;
    let sections: Vec<String> = all.iter().map(section).collect();
    Ok(head + &sections.concat())
}

fn section(preview: &Preview) -> String {
    let Preview { name, kind, .. } = preview;
    let Rendered { subject, text, .. } = &preview.rendered;
    let always = if preview.is_essential { "; always sent" } else { "" };
    let file = if preview.calendar.is_some() {
        "; with `rumbo.ics`"
    } else {
        ""
    };
    format!("\n## `{name}`\n\n{kind}{always}{file}\n\n**{subject}**\n\n```text\n{text}```\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_manual_shows_the_messages_as_they_are() {
        for language in Language::ALL {
            let file = format!("docs/mail/{}.md", language.code());
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&file);
            let committed = std::fs::read_to_string(path).unwrap_or_default();
            assert!(
                committed == manual(language).expect("the chapter"),
                "{file} is not what the templates say: cargo run -- mail preview FOLDER, and copy {}.md from it",
                language.code()
            );
        }
    }

    #[test]
    fn every_preview_has_a_file_of_its_own() {
        for language in Language::ALL {
            let all = all(language).expect("previews");
            let names: BTreeSet<&str> = all.iter().map(|preview| preview.name.as_str()).collect();
            assert_eq!(names.len(), all.len());
            let fit = |letter: char| letter.is_ascii_lowercase() || "_-".contains(letter);
            assert!(names.iter().all(|name| name.chars().all(fit)), "{names:?}");
        }
    }
}
