//! The pages behind the link that ends messages: one that asks, one that says that it is done. They load nothing and
//! run nothing.

use minijinja::context;

use super::render::{RenderError, engine, kind_name, section};
use crate::domain::language::Language;
use crate::domain::notice::MailKind;

const LAYOUT: &str = include_str!("templates/page.html");

/// Asks whether messages of a kind shall end: a form with one button, which posts what a mail program would.
pub fn ask(language: Language, kind: MailKind) -> Result<String, RenderError> {
    let said = section(language, "page_ask")?;
    let missing = || RenderError::Missing("page_ask".to_owned(), language.code());
    let [text, button, note] = said.paragraphs[..] else {
        return Err(missing());
    };
    page(language, kind, said.subject, text, Some(button), note)
}

/// Says that messages of a kind have ended.
pub fn done(language: Language, kind: MailKind) -> Result<String, RenderError> {
    let said = section(language, "page_done")?;
    let missing = || RenderError::Missing("page_done".to_owned(), language.code());
    let [text, note] = said.paragraphs[..] else {
        return Err(missing());
    };
    page(language, kind, said.subject, text, None, note)
}

fn page(
    language: Language,
    kind: MailKind,
    title: &str,
    text: &str,
    button: Option<&str>,
    note: &str,
) -> Result<String, RenderError> {
    let engine = engine();
    let kind = kind_name(language, kind)?;
    let text = engine.render_named_str("part.txt", text, context! { kind })?;
    let facts = context! { language => language.code(), title, text, button, note };
    Ok(engine.render_named_str("page.html", LAYOUT, facts)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_asks_with_one_button_and_then_says_that_it_is_done() {
        for language in Language::ALL {
            for &kind in MailKind::ALL {
                let asked = ask(language, kind).expect("a page");
                let said = done(language, kind).expect("a page");
                let name = kind_name(language, kind).expect("a name");
                for page in [&asked, &said] {
                    assert!(page.contains(name), "{page}");
                    assert!(page.contains(&format!("<html lang=\"{}\">", language.code())), "{page}");
                    assert!(
                        !page.contains("{{") && !page.contains("src=") && !page.contains("href="),
                        "{page}"
                    );
                }
                let form = "<input type=\"hidden\" name=\"List-Unsubscribe\" value=\"One-Click\">";
                assert!(asked.contains(form) && asked.matches("<button").count() == 1, "{asked}");
                assert!(!said.contains("<form"), "{said}");
            }
        }
    }
}
