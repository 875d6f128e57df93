//! Reads Rust source far enough to know which paths it names. It is no compiler: names that a macro puts
//! together are not seen.

use std::collections::BTreeMap;
use std::path::Path;

/// A path that a file names, from `crate` or from the name of another crate on.
pub struct Named {
    /// The line it starts on, counted from one.
    pub line: usize,
    /// Its segments; the last one is `*` when everything is imported.
    pub path: Vec<String>,
    /// Whether a `use` names it.
    pub imported: bool,
}

/// Every file below `root` with this extension: its path from there on, with `/`, and its text. None where
/// there is no such folder.
pub fn files(root: &Path, extension: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.expect("an entry of the folder").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                let name = path
                    .strip_prefix(root)
                    .expect("it is below the root")
                    .to_string_lossy()
                    .replace('\\', "/");
                found.push((name, std::fs::read_to_string(&path).expect("UTF-8 text")));
            }
        }
    }
    found.sort();
    found
}

/// The text without comments, contents of literals, and the tests at its foot. Lines stay where they are.
pub fn code(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let in_word = out.ends_with(|last: char| last.is_alphanumeric() || last == '_');
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if next == '"' {
            quoted(rest, '"')
        } else if next == 'r' && (!in_word || out.ends_with(" b")) {
            raw_string(rest)
        } else if next == '\'' {
            character(rest)
        } else {
            0
        };
        if skipped == 0 {
            out.push(next);
            rest = &rest[next.len_utf8()..];
        } else {
            out.extend(rest[..skipped].chars().filter(|skipped| *skipped == '\n'));
            rest = &rest[skipped..];
        }
    }
    let tests = out
        .match_indices("#[cfg(test)]")
        .find(|(at, mark)| out[at + mark.len()..].trim_start().starts_with("mod "));
    out.truncate(tests.map_or(out.len(), |(at, _)| at));
    out
}

/// How many bytes the comment takes; such comments nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// How many bytes a literal takes that starts with a quote and in which `\` escapes.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        if !escaped && letter == quote {
            return at + letter.len_utf8();
        }
        escaped = letter == '\\' && !escaped;
    }
    text.len()
}

/// How many bytes the raw string takes; none when it is only a word that starts with `r`.
fn raw_string(text: &str) -> usize {
    let hashes = text[1..].chars().take_while(|letter| *letter == '#').count();
    let start = 1 + hashes;
    if !text[start..].starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    text[start + 1..]
        .find(&end)
        .map_or(text.len(), |at| start + 1 + at + end.len())
}

/// How many bytes the character takes; none when it is a lifetime.
fn character(text: &str) -> usize {
    let mut letters = text[1..].chars();
    match (letters.next(), letters.next()) {
        (Some('\\'), _) | (Some(_), Some('\'')) => quoted(text, '\''),
        _ => 0,
    }
}

/// The words and marks of a text, each with its line; `::` is one mark.
pub fn tokens(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (line, text) in code.lines().enumerate() {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
            let length = if is_word(first) {
                rest.find(|letter| !is_word(letter)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            found.push((line + 1, &rest[..length]));
            rest = rest[length..].trim_start();
        }
    }
    found
}

/// Every path that the file names, imported names and `super` resolved.
pub fn paths(file: &str, code: &str) -> Vec<Named> {
    let tokens = tokens(code);
    let word = |at: usize| tokens.get(at).map_or("", |(_, token)| *token);
    let module = module_of(file);
    let mut imports = Vec::new();
    let mut inline = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let line = tokens[at].0;
        if word(at) == "use" && word(at + 1) != "<" {
            at += 1;
            let mut leaves = Vec::new();
            tree(&word, &mut at, &[], &mut leaves);
            imports.extend(
                leaves
                    .into_iter()
                    .map(|(path, alias)| (line, absolute(&path, &module), alias)),
            );
        } else if word(at + 1) == "::" && starts_word(word(at)) {
            let mut path = vec![word(at).to_owned()];
            while word(at + 1) == "::" && starts_word(word(at + 2)) {
                path.push(word(at + 2).to_owned());
                at += 2;
            }
            inline.push((line, path));
        }
        at += 1;
    }
    let aliases: BTreeMap<&str, &Vec<String>> = imports.iter().map(|(_, path, alias)| (alias.as_str(), path)).collect();
    let expanded = inline.iter().map(|(line, path)| {
        let path = match aliases.get(path[0].as_str()) {
            Some(start) => start.iter().chain(&path[1..]).cloned().collect(),
            None => absolute(path, &module),
        };
        Named {
            line: *line,
            path,
            imported: false,
        }
    });
    let imported = imports.iter().map(|(line, path, _)| Named {
        line: *line,
        path: path.clone(),
        imported: true,
    });
    imported.chain(expanded).collect()
}

fn starts_word(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Where in the crate a file of `src/` stands: `store/page.rs` is `store::page`, `store/mod.rs` is `store`.
fn module_of(file: &str) -> Vec<String> {
    let mut module: Vec<String> = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        module.pop();
    }
    module
}

/// Reads one branch of a `use` tree: the paths of its leaves and the names that they get.
fn tree<'a>(
    word: &impl Fn(usize) -> &'a str,
    at: &mut usize,
    start: &[String],
    leaves: &mut Vec<(Vec<String>, String)>,
) {
    let mut path = start.to_vec();
    loop {
        match word(*at) {
            "::" => *at += 1,
            "{" => {
                *at += 1;
                while !matches!(word(*at), "}" | ";" | "") {
                    if word(*at) == "," {
                        *at += 1;
                    } else {
                        tree(word, at, &path, leaves);
                    }
                }
                *at += 1;
                return;
            }
            segment @ ("*" | "self") if !path.is_empty() => {
                if segment == "*" {
                    path.push(segment.to_owned());
                }
                *at += 1;
                break;
            }
            segment if starts_word(segment) => {
                path.push(segment.to_owned());
                *at += 1;
                if word(*at) != "::" {
                    break;
                }
            }
            // Only in source that does not compile, or in the pattern of a macro.
            _ => {
                *at += 1;
                return;
            }
        }
    }
    let mut alias = path.last().cloned().unwrap_or_default();
    if word(*at) == "as" {
        word(*at + 1).clone_into(&mut alias);
        *at += 2;
    }
    leaves.push((path, alias));
}

/// The path as it is named from outside the module.
fn absolute(path: &[String], module: &[String]) -> Vec<String> {
    let climbs = path.iter().take_while(|segment| *segment == "super").count();
    let inside = |depth: usize, skip: usize| {
        let own = module[..depth].iter().chain(&path[skip..]).cloned();
        std::iter::once("crate".to_owned()).chain(own).collect()
    };
    match path[0].as_str() {
        "super" => inside(module.len().saturating_sub(climbs), climbs),
        "self" => inside(module.len(), 1),
        // The binary names the library by its name.
        "rumbo" => inside(0, 1),
        _ => path.to_vec(),
    }
}
