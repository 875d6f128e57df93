//! Reads the source and keeps the layout: who may name whom, how long a file may be, what it is called.

use std::collections::BTreeSet;
use std::path::Path;

use async_graphql::parser::{parse_query, types::DocumentOperations};

use crate::support::source::{Named, code, files, paths, tokens};

/// The layers from top to bottom. A module may name those below its own, never those above or beside it.
const LAYERS: [&[&str]; 8] = [
    &["main"],
    &["commands", "demo"],
    &["http", "worker"],
    &["api"],
    &["service"],
    &["app"],
    &["store", "auth", "mail", "files", "document"],
    &["domain"],
];

/// Modules that anyone may name; they name nobody but each other.
const LEAVES: [&str; 4] = ["error", "clock", "config", "lib"];

/// What `domain` may take from SeaORM: how its values are written to a column, nothing more.
const VALUE_TRAITS: [&str; 5] = ["EnumIter", "DeriveActiveEnum", "DeriveValueType", "TryFromU64", "DbErr"];

/// Crates that talk to a database.
const DATABASE_CRATES: [&str; 5] = ["sea_orm", "sea_orm_migration", "sea_query", "sqlx", "migrations"];

/// Parts of an entity, and of the database, with which a query is written.
const QUERY_PARTS: [&str; 9] = [
    "Entity",
    "Column",
    "COLUMN",
    "ActiveModel",
    "PrimaryKey",
    "Relation",
    "Db",
    "Tx",
    "Engine",
];

/// The longest that a file may be without its tests.
const LINES: usize = 400;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 9] = [
    "util", "utils", "common", "helper", "helpers", "core", "misc", "shared", "lib",
];

/// One file of `src/`.
struct Source<'a> {
    file: &'a str,
    text: &'a str,
    /// Every file of `src/`, to tell a module from a function.
    all: &'a BTreeSet<String>,
}

impl Source<'_> {
    /// The module at the root of the crate to which the file belongs.
    fn home(&self) -> &str {
        self.file.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// Everything that is wrong with it.
    fn faults(&self) -> Vec<String> {
        // A file of tests is the foot of its module, kept apart for its length.
        let code = if self.file.ends_with("/tests.rs") {
            String::new()
        } else {
            code(self.text)
        };
        let mut faults = self.shape(&code);
        for named in paths(self.file, &code) {
            let checks = [
                self.import_rule(&named),
                self.database_rule(&named),
                self.api_rule(&named),
            ];
            let place = format!("src/{}:{}: {}", self.file, named.line, named.path.join("::"));
            faults.extend(checks.into_iter().flatten().map(|fault| format!("{place}: {fault}")));
        }
        if ["api", "service"].contains(&self.home()) {
            for (line, _) in tokens(&code).into_iter().filter(|(_, word)| *word == "axum") {
                faults.push(format!(
                    "src/{}:{line}: axum: headers and routes are of `http`",
                    self.file
                ));
            }
        }
        if self.home() == "domain" {
            let banned = ["async", "await", "async_graphql", "axum", "tokio"];
            for (line, word) in tokens(&code).into_iter().filter(|(_, word)| banned.contains(word)) {
                faults.push(format!(
                    "src/{}:{line}: {word}: the domain neither waits nor knows its callers",
                    self.file
                ));
            }
        }
        faults
    }

    fn shape(&self, code: &str) -> Vec<String> {
        let mut faults = Vec::new();
        if !self.text.starts_with("//! ") {
            faults.push(format!(
                "src/{}: says nothing about itself: begin it with `//! `",
                self.file
            ));
        }
        let lines = code.lines().count();
        if lines > LINES {
            faults.push(format!(
                "src/{}: {lines} lines without its tests, {LINES} at most: make it a folder",
                self.file
            ));
        }
        let empty = |part: &&str| EMPTY_NAMES.contains(&part.trim_end_matches(".rs")) && self.file != "lib.rs";
        if let Some(part) = self.file.split('/').find(empty) {
            faults.push(format!("src/{}: {part} does not say what is inside", self.file));
        }
        faults
    }

    /// A module names only what is below it, or a leaf.
    fn import_rule(&self, named: &Named) -> Option<&'static str> {
        if named.path[0] != "crate" {
            return None;
        }
        let target = named.path.get(1).map_or("*", String::as_str);
        if target == self.home() || LEAVES.contains(&target) {
            return None;
        }
        let layer = |module: &str| LAYERS.iter().position(|layer| layer.contains(&module));
        let Some(below) = layer(target) else {
            return Some("no layer has this module");
        };
        if LEAVES.contains(&self.home()) {
            return Some("a leaf names nobody but other leaves");
        }
        match layer(self.home()) {
            None => Some("the file is in no layer"),
            Some(own) if own < below => None,
            Some(own) if own == below => Some("it stands beside this module, not below it"),
            Some(_) => Some("it stands above this module"),
        }
    }

    /// Only `store` and the migrations write queries.
    fn database_rule(&self, named: &Named) -> Option<&'static str> {
        if !DATABASE_CRATES.contains(&named.path[0].as_str()) {
            return None;
        }
        let item = named.path.get(1).map_or("*", String::as_str);
        let of_sea_orm = named.path[0] == "sea_orm";
        match self.home() {
            "store" => None,
            "domain" if of_sea_orm && VALUE_TRAITS.contains(&item) => None,
            "domain" => Some("the domain takes only the value traits from SeaORM"),
            "error" if of_sea_orm && item == "DbErr" => None,
            _ => Some("queries are written in `store` alone"),
        }
    }

    /// The API reads rows from `store` in loaders and pages; elsewhere it only wraps them.
    fn api_rule(&self, named: &Named) -> Option<&'static str> {
        let reads_rows = ["api/loaders", "api/page"].iter().any(|start| {
            self.file
                .strip_prefix(start)
                .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        });
        if self.home() != "api" || reads_rows || !named.path.starts_with(&["crate".to_owned(), "store".to_owned()]) {
            return None;
        }
        let inside = &named.path[2..];
        let item = inside.iter().find(|part| part.starts_with(char::is_uppercase));
        let last = inside.last().map_or("", String::as_str);
        let allowed = match item {
            Some(item) => !QUERY_PARTS.contains(&item.as_str()),
            None if named.imported && self.is_module(inside) => true,
            None => last == "page" || last.starts_with("page_") || last.ends_with("_page"),
        };
        (!allowed).then_some("the API names `store` only in loaders, in pages and to wrap rows")
    }

    fn is_module(&self, inside: &[String]) -> bool {
        let path = ["store"]
            .into_iter()
            .chain(inside.iter().map(String::as_str))
            .collect::<Vec<_>>()
            .join("/");
        self.all.contains(&format!("{path}.rs")) || self.all.contains(&format!("{path}/mod.rs"))
    }
}

/// What is wrong with a file of this name and text, if it stood beside the modules `store` and `store::person`.
fn faults_of(file: &str, text: &str) -> Vec<String> {
    let all = ["store/mod.rs", "store/person.rs"].map(str::to_owned).into();
    Source { file, text, all: &all }.faults()
}

#[test]
fn every_source_file_keeps_the_rules() {
    let sources = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "rs");
    let all: BTreeSet<String> = sources.iter().map(|(file, _)| file.clone()).collect();
    assert!(all.contains("lib.rs"), "the source is not where it was");
    let faults: Vec<String> = sources
        .iter()
        .flat_map(|(file, text)| Source { file, text, all: &all }.faults())
        .collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn the_import_rule_is_told_alike_and_names_every_layer_that_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let told = |file: &str| {
        let text = std::fs::read_to_string(root.join(file)).expect("a file of this repository");
        let rule = text
            .lines()
            .find_map(|line| line.split('`').find(|part| part.starts_with("main -> ")));
        rule.expect("the rule").to_owned()
    };
    let kept: Vec<String> = LAYERS
        .iter()
        .map(|layer| {
            let is_there = |module: &&&str| {
                let file = root.join("src").join(format!("{module}.rs"));
                file.exists() || root.join("src").join(module).is_dir()
            };
            let there: Vec<&str> = layer.iter().filter(is_there).copied().collect();
            match there[..] {
                [one] => one.to_owned(),
                _ => format!("{{{}}}", there.join(", ")),
            }
        })
        .collect();
    assert_eq!(told("src/lib.rs"), kept.join(" -> "));
    assert_eq!(told("ARCHITECTURE.md"), kept.join(" -> "));
}

#[test]
fn planted_faults_are_found() {
    let long = format!("//! Long.\n{}", "const A: u8 = 1;\n".repeat(LINES));
    let cases = [
        ("domain/course.rs", "//! C.\nuse crate::api;", "stands above"),
        (
            "domain/course.rs",
            "//! C.\nfn f() { crate::api::course::g() }",
            "src/domain/course.rs:2: crate::api::course::g",
        ),
        (
            "domain/course.rs",
            "//! C.\nuse super::super::store::person;",
            "stands above",
        ),
        (
            "domain/course.rs",
            "//! C.\nuse crate::{error::Error, service::{self, course as other}};",
            "crate::service::course",
        ),
        ("domain/course.rs", "//! C.\nuse crate::*;", "no layer"),
        ("domain/course.rs", "//! C.\nuse crate as everything;", "no layer"),
        (
            "domain/course.rs",
            "//! C.\nuse sea_orm::{EnumIter, EntityTrait};",
            "only the value traits",
        ),
        (
            "domain/course.rs",
            "//! C.\nuse sea_orm as s;\ntype A = s::Condition;",
            "sea_orm::Condition",
        ),
        ("domain/course.rs", "//! C.\nasync fn f() {}", "async"),
        ("domain/course.rs", "//! C.\nuse async_graphql::Enum;", "async_graphql"),
        ("domain/course.rs", "//! C.\nuse axum::Router;", "axum"),
        ("store/person.rs", "//! P.\nuse crate::auth::token;", "stands beside"),
        ("store/person.rs", "//! P.\nuse crate::app::App;", "stands above"),
        (
            "service/person.rs",
            "//! P.\nuse sea_orm::EntityTrait;",
            "`store` alone",
        ),
        (
            "service/person.rs",
            "//! P.\nfn f() { sqlx::query(\"select 1\"); }",
            "`store` alone",
        ),
        ("error.rs", "//! E.\nuse crate::domain::id::PersonId;", "a leaf"),
        ("error.rs", "//! E.\nuse sea_orm::Condition;", "`store` alone"),
        (
            "api/person.rs",
            "//! P.\nuse crate::store::person;\nfn f() { person::get(1) }",
            "store::person::get",
        ),
        (
            "api/person.rs",
            "//! P.\nuse crate::store::person::get;",
            "only in loaders",
        ),
        (
            "api/person.rs",
            "//! P.\nuse crate::store::person::Entity;",
            "only in loaders",
        ),
        ("api/person.rs", "//! P.\nuse crate::store::Db;", "only in loaders"),
        ("api/person.rs", "//! P.\nuse crate::http;", "stands above"),
        (
            "api/person.rs",
            "//! P.\nuse axum::http::HeaderName;",
            "headers and routes",
        ),
        ("http/mod.rs", "//! H.\nuse crate::worker;", "stands beside"),
        ("somewhere.rs", "//! S.\nuse crate::domain::id;", "in no layer"),
        ("domain/utils.rs", "//! U.\n", "does not say"),
        ("common/mod.rs", "//! U.\n", "does not say"),
        ("domain/course.rs", "const A: u8 = 1;", "says nothing"),
        ("domain/course.rs", long.as_str(), "401 lines"),
    ];
    for (file, text, expected) in cases {
        let faults = faults_of(file, text);
        assert!(
            faults.iter().any(|fault| fault.contains(expected)),
            "{file}: {text}\nfound {faults:?}"
        );
    }
}

#[test]
fn what_is_allowed_is_not_reported() {
    let tested = format!(
        "//! T.\n#[cfg(test)]\nmod tests {{\nuse crate::api;\n{}}}",
        "// a line\n".repeat(LINES)
    );
    let cases = [
        ("main.rs", "//! M.\nuse rumbo::{http, domain::id::PersonId};"),
        ("http/mod.rs", "//! H.\nuse crate::{api, app::App, error::Error};"),
        (
            "commands/mod.rs",
            "//! C.\nuse crate::http;\nuse crate::service::course;",
        ),
        (
            "domain/course.rs",
            "//! C.\nuse super::id::CourseId;\nuse crate::error::Code;",
        ),
        (
            "domain/course.rs",
            "//! C.\n#[derive(sea_orm::EnumIter)]\n#[sea_orm(rs_type = \"String\")]\nenum A {}",
        ),
        (
            "domain/course.rs",
            "//! An async crate::api in axum.\n/* crate::api /* crate::api */ async */\nconst A: u8 = 1;",
        ),
        (
            "domain/course.rs",
            "//! C.\nconst A: &str = \"\\\" crate::api\";\nconst B: &str = r#\"\" crate::api\"#;",
        ),
        (
            "domain/course.rs",
            "//! C.\nconst A: char = '\"'; fn f<'a>(a: &'a str) {} const B: char = '\\'';",
        ),
        ("domain/course.rs", tested.as_str()),
        ("error.rs", "//! E.\nfn f(_: sea_orm::DbErr) {}"),
        ("worker/tests.rs", "//! T.\nuse sea_orm::EntityTrait;"),
        (
            "store/person.rs",
            "//! P.\nuse sea_orm::EntityTrait;\nuse super::page::Page;\nuse crate::domain::id::PersonId;",
        ),
        (
            "api/person.rs",
            "//! P.\nuse crate::store::person;\nstruct Person(person::Model);",
        ),
        (
            "api/person.rs",
            "//! P.\nuse crate::store::person;\nasync fn f() { person::page(1).await }",
        ),
        (
            "api/loaders.rs",
            "//! L.\nuse crate::store::{Db, person};\nfn f() { person::by_ids() }",
        ),
    ];
    for (file, text) in cases {
        assert_eq!(faults_of(file, text), Vec::<String>::new(), "{file}: {text}");
    }
}

/// Whether a name in the source is one database's alone.
fn is_of_one_database(word: &str) -> bool {
    let rest = ["Sqlite", "Postgres", "Pg"]
        .into_iter()
        .find_map(|name| word.strip_prefix(name));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_uppercase)) && word != "Pg"
}

#[test]
fn the_files_that_know_the_database_are_those_of_the_list() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let is_test = |file: &str| file.ends_with("tests.rs");
    let knows = |text: &str| tokens(&code(text)).iter().any(|(_, word)| is_of_one_database(word));
    let sources = files(&root.join("src"), "rs");
    let found: BTreeSet<String> = sources
        .into_iter()
        .filter(|(file, text)| !is_test(file) && knows(text))
        .map(|(file, _)| file)
        .collect();
    let text = std::fs::read_to_string(root.join("ARCHITECTURE.md")).expect("a text");
    let (_, section) = text
        .split_once("## How the two databases are kept alike")
        .expect("the section");
    let rows = section.lines().skip_while(|line| !line.starts_with("| file |")).skip(2);
    let first = rows.map_while(|line| line.strip_prefix("| ")?.split(" | ").next());
    let listed: BTreeSet<String> = first
        .flat_map(|cell| cell.split(", "))
        .map(|file| file.trim_matches('`').to_owned())
        .collect();
    assert_eq!(listed, found);
    assert!(knows("fn f() { Engine::Sqlite }") && knows("use sqlx::PgPool;"));
    assert!(!knows("// Postgres\nfn f() { \"Sqlite\"; Pgx; }"));
}

/// Why the text is not a document of named operations.
fn fault_of_document(text: &str) -> Option<String> {
    match parse_query(text) {
        Err(fault) => Some(fault.to_string()),
        Ok(document) => matches!(document.operations, DocumentOperations::Single(_))
            .then(|| "an operation without a name cannot be asked for".to_owned()),
    }
}

#[test]
fn every_operation_document_can_be_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("graphql/operations");
    for (file, text) in files(&root, "graphql") {
        assert_eq!(fault_of_document(&text), None, "graphql/operations/{file}");
    }
    assert_eq!(fault_of_document("query Me { me { id } }"), None);
    assert!(fault_of_document("query Me { me { id }").is_some());
    assert!(fault_of_document("{ me { id } }").is_some());
}
