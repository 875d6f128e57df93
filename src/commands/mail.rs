//! `rumbo mail preview`: every message as files, from made-up data. It needs no database and sends nothing.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use crate::domain::language::Language;
use crate::error::{Error, Result};
use crate::mail::preview::{self, Preview};

/// What is done with messages.
#[derive(Debug, Subcommand)]
pub enum Mail {
    /// Write every message in every language into a folder: text, HTML, calendar files, a page that leads to all.
    Preview {
        /// The folder; it is made where there is none, and files of the same names are replaced.
        folder: PathBuf,
    },
}

/// Does it, and says what was done.
pub fn run(what: &Mail, out: &mut impl Write) -> Result<()> {
    let Mail::Preview { folder } = what;
    let (mut index, mut count) = (String::from(HEAD), 0_usize);
    for language in Language::ALL {
        let all = preview::all(language).map_err(Error::internal)?;
        write_language(folder, language, &all)?;
        index.push_str(&list(language, &all));
        count += all.len();
    }
    write_file(&folder.join("index.html"), &index)?;
    let said = format!("{count} messages in {}: begin with index.html.\n", folder.display());
    out.write_all(said.as_bytes()).map_err(Error::internal)
}

/// The beginning of the page that leads to all.
const HEAD: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Messages</title>\n";

/// The messages of one language, each as its files, and the chapter of the manual beside them.
fn write_language(folder: &Path, language: Language, all: &[Preview]) -> Result<()> {
    let code = language.code();
    let own = folder.join(code);
    std::fs::create_dir_all(&own).map_err(Error::internal)?;
    for preview in all {
        let text = format!("Subject: {}\n\n{}", preview.rendered.subject, preview.rendered.text);
        write_file(&own.join(format!("{}.txt", preview.name)), &text)?;
        write_file(&own.join(format!("{}.html", preview.name)), &preview.rendered.html)?;
        if let Some(calendar) = &preview.calendar {
            write_file(&own.join(format!("{}.ics", preview.name)), calendar)?;
        }
    }
    let manual = preview::manual(language).map_err(Error::internal)?;
    write_file(&folder.join(format!("{code}.md")), &manual)
}

/// The links to the messages of one language.
fn list(language: Language, all: &[Preview]) -> String {
    let code = language.code();
    let lines: Vec<String> = all.iter().map(|preview| line(code, preview)).collect();
    format!("<h1>{code}</h1>\n<ul>\n{}</ul>\n", lines.concat())
}

/// The links to one message. Its name is one of ours and needs no escaping.
fn line(code: &str, preview: &Preview) -> String {
    let name = &preview.name;
    let calendar = if preview.calendar.is_some() {
        format!(", <a href=\"{code}/{name}.ics\">calendar</a>")
    } else {
        String::new()
    };
    format!("<li><a href=\"{code}/{name}.html\">{name}</a>, <a href=\"{code}/{name}.txt\">text</a>{calendar}</li>\n")
}

fn write_file(path: &Path, text: &str) -> Result<()> {
    let told = |cause: std::io::Error| Error::internal(format!("cannot write {}: {cause}", path.display()));
    std::fs::write(path, text).map_err(told)
}
