//! The manual says of the settings what the files of the settings say.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rumbo::domain::id::AnyId;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a file of this repository")
}

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
