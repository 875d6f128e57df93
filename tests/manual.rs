//! The manual says of settings, codes and operations what the files and the source say, and its links lead somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rumbo::api::error::key;
use rumbo::domain::id::AnyId;
use rumbo::error::Code;

use crate::support::manual::read;
use crate::support::operations::names;

/// A chapter of the manual for operators.
fn chapter(title: &str) -> String {
    let manual = read("docs/operations.md");
    let (_, rest) = manual.split_once(&format!("\n## {title}\n")).expect("the chapter");
    rest.split("\n## ").next().expect("a text").to_owned()
}

/// The keys that a file of settings sets, each with its section before it.
fn keys(file: &str) -> BTreeSet<String> {
    let table: toml::Table = toml::from_str(&read(file)).expect("settings");
    let of = |(section, value): (&String, &toml::Value)| {
        let keys = value.as_table().expect("a section").keys();
        keys.map(|key| format!("{section}.{key}")).collect::<Vec<_>>()
    };
    table.iter().flat_map(of).collect()
}

#[test]
fn the_manual_has_every_section_of_the_settings() {
    let text = chapter("Settings");
    let told: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `[")?.split_once("]` |"))
        .map(|(section, _)| section)
        .collect();
    let all = keys("config/default.toml");
    let sections: BTreeSet<&str> = all.iter().filter_map(|key| Some(key.split_once('.')?.0)).collect();
    assert_eq!(told, sections);
}

#[test]
fn the_manual_has_every_key_in_which_the_profiles_differ() {
    let text = chapter("Settings");
    let set: BTreeSet<String> = ["development", "production"]
        .iter()
        .flat_map(|profile| keys(&format!("config/{profile}.toml")))
        .collect();
    let told: BTreeSet<String> = text
        .lines()
        .skip_while(|line| !line.starts_with("| | development | production |"))
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .map(|(key, _)| key.to_owned())
        .collect();
    assert_eq!(told, set);
}

#[test]
fn the_manual_has_every_page_to_which_mails_lead() {
    let text = chapter("Behind a proxy");
    let source = read("src/mail/render.rs");
    let pages: BTreeSet<&str> = source
        .split("told.link(\"")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once('"')?.0))
        .collect();
    assert!(pages.len() > 3, "{pages:?}");
    for page in pages {
        assert!(text.contains(&format!("`PUBLIC_URL/{page}?token=")), "{page}");
    }
}

#[test]
fn the_manual_for_front_ends_has_every_prefix_of_identifiers() {
    let manual = read("docs/api.md");
    let (_, table) = manual.split_once("\n| prefix | of a |").expect("the table");
    let (table, _) = table.split_once("\n\n").expect("its end");
    let told: BTreeSet<&str> = table
        .split('|')
        .filter_map(|cell| cell.trim().strip_prefix('`')?.strip_suffix('`'))
        .collect();
    let all: BTreeSet<&str> = AnyId::PREFIXES.iter().copied().collect();
    assert_eq!(told, all);
}

#[test]
fn the_manual_for_front_ends_has_every_code_that_a_person_can_put_right() {
    let manual = read("docs/api.md");
    let (_, table) = manual
        .split_once("\n## When something is refused\n")
        .expect("the chapter");
    let (table, _) = table.split_once("\n**Everything else**").expect("its end");
    for code in Code::ALL {
        let name = key(*code);
        assert!(table.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn the_manual_for_front_ends_names_every_committed_operation() {
    let manual = read("docs/api.md");
    let named = |name: &str| {
        ["`", "\""]
            .iter()
            .any(|quote| manual.contains(&format!("{quote}{name}{quote}")))
    };
    let unnamed: Vec<&str> = names().filter(|name| !named(name)).collect();
    assert!(unnamed.is_empty(), "{unnamed:?}");
}

#[test]
fn the_journeys_by_copy_and_paste_ask_committed_operations() {
    let readme = read("README.md");
    let asked: BTreeSet<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("ask ")?.split(' ').next())
        .collect();
    assert!(asked.contains("Nominate") && asked.contains("SubmitWork"), "{asked:?}");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("graphql/operations");
    let files = fs::read_dir(folder).expect("a folder");
    let documents: String = files
        .map(|file| fs::read_to_string(file.expect("a file").path()).expect("a text"))
        .collect();
    let committed: BTreeSet<&str> = documents
        .lines()
        .filter_map(|line| line.strip_prefix("query ").or_else(|| line.strip_prefix("mutation ")))
        .filter_map(|rest| rest.split(['(', ' ']).next())
        .collect();
    let missing: Vec<_> = asked.difference(&committed).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Every page of documentation.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [root.to_owned(), root.join("docs"), root.join("docs/security")];
    let files = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).expect("a folder"));
    let paths = files.map(|file| file.expect("a file").path());
    paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"))
        .collect()
}

/// By what links name the headings of a page: in small letters, dashes for spaces, no other signs.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let small = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = small
            .chars()
            .filter(|&sign| sign.is_alphanumeric() || " -_".contains(sign));
        kept.map(|sign| if sign == ' ' { '-' } else { sign })
            .collect::<String>()
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_between_pages_leads_somewhere() {
    let mut count = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page");
        let links = text
            .split("](")
            .skip(1)
            .filter_map(|rest| Some(rest.split_once(')')?.0));
        for link in links.filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                page.clone()
            } else {
                page.with_file_name(file)
            };
            assert!(target.exists(), "{}: {link}", page.display());
            if !anchor.is_empty() {
                let there = anchors(&fs::read_to_string(&target).expect("a page"));
                assert!(there.contains(anchor), "{}: {link}", page.display());
            }
            count += 1;
        }
    }
    assert!(count > 40, "{count} links");
}
