//! Why the settings cannot be used, told without any value: one of them may be a secret.

use std::borrow::Cow;
use std::path::Path;

use config::ConfigError as Cause;

use crate::error::Error;

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A layer cannot be read, or a key is unknown or of the wrong type. Holds what to tell.
    #[error("{0}")]
    Unreadable(String),
    /// No profile has this name.
    #[error("there is no profile {0:?}; choose development, test or production")]
    UnknownProfile(String),
    /// A value that cannot work.
    #[error("{key}: {problem}")]
    Invalid {
        /// The key, such as `auth.secret`.
        key: Cow<'static, str>,
        /// What is wrong, and what would be right.
        problem: Cow<'static, str>,
    },
}

impl ConfigError {
    /// The refusal of one value.
    pub fn invalid(key: impl Into<Cow<'static, str>>, problem: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid {
            key: key.into(),
            problem: problem.into(),
        }
    }

    /// What the library found; `file` is the operator's own, if there is one.
    pub(super) fn unreadable(cause: &Cause, file: Option<&Path>) -> Self {
        Self::Unreadable(told(cause, file))
    }
}

impl From<ConfigError> for Error {
    fn from(fault: ConfigError) -> Self {
        Self::internal(fault)
    }
}

/// What is wrong and where. The library's own words quote values and whole lines.
fn told(cause: &Cause, file: Option<&Path>) -> String {
    match cause {
        Cause::FileParse { cause, .. } => {
            let file = file.map_or("the built-in settings".into(), |file| file.display().to_string());
            match cause.downcast_ref::<toml::de::Error>() {
                Some(fault) => format!("{file}{}: {}", place(&file, fault), fault.message()),
                None => format!("{file}: it holds a number that is too large"),
            }
        }
        Cause::Foreign(cause) => match file {
            Some(file) => format!("{}: {cause}", file.display()),
            None => cause.to_string(),
        },
        Cause::NotFound(key) => format!("{key}: missing"),
        Cause::Type {
            origin,
            unexpected,
            expected,
            key,
        } => {
            let found = unexpected.to_string();
            let what = format!("{} given, {expected} wanted", kind(&found));
            named(key.as_deref(), &what, origin.as_deref())
        }
        Cause::At { error, origin, key } => named(key.as_deref(), &told(error, file), origin.as_deref()),
        Cause::Message(text) => message(text).into_owned(),
        Cause::PathParse { .. } => "a key is not written as keys are".to_owned(),
        _ => "the settings cannot be put together".to_owned(),
    }
}

/// The line and the column of a fault in a file.
fn place(file: &str, fault: &toml::de::Error) -> String {
    let (Ok(text), Some(span)) = (std::fs::read_to_string(file), fault.span()) else {
        return String::new();
    };
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|&letter| letter != '\n').count() + 1;
    format!(":{line}:{column}")
}

fn named(key: Option<&str>, what: &str, origin: Option<&str>) -> String {
    let key = key.map(|key| format!("{key}: ")).unwrap_or_default();
    let origin = origin.map(|origin| format!(" (in {origin})")).unwrap_or_default();
    format!("{key}{what}{origin}")
}

/// What kind of value was found, of a text such as `string "the value"`.
fn kind(found: &str) -> &str {
    found.split(['`', '"']).next().unwrap_or_default().trim()
}

/// Of the messages without a kind only those are passed on that name keys, never values.
fn message(text: &str) -> Cow<'_, str> {
    let not_text = text.split_once(" contains non-Unicode data");
    match not_text {
        _ if text.starts_with("unknown field `") => text.into(),
        Some((variable, _)) if text.starts_with("env variable ") => format!("{variable} is not UTF-8").into(),
        _ => "this is none of the values that it may have; config/default.toml says which".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Settings, environment};

    const SECRET: &str = "tomlSECRET";

    /// What is said of a file.
    fn of_file(text: &str) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("bad.toml");
        std::fs::write(&file, text).expect("a file");
        let refused = Settings::load("test", Some(&file), &[]).expect_err("settings with a fault");
        let told = refused.to_string();
        assert!(
            !told.contains(SECRET) && !format!("{refused:?}").contains(SECRET),
            "{told}"
        );
        told.replace(&folder.path().display().to_string(), "")
    }

    #[test]
    fn a_fault_of_a_file_has_a_place_and_no_content() {
        for (text, wanted) in [
            ("[auth]\nsecret = \"tomlSECRET", "/bad.toml:2:21: invalid basic string"),
            (
                "[auth]\nsecret = tomlSECRET\n",
                "/bad.toml:2:10: invalid boolean, expected `true`",
            ),
            (
                "[auth]\nsecret = 'a'\nsecret = 'tomlSECRET'\n",
                "/bad.toml:3:1: duplicate key",
            ),
            ("tomlSECRET", "/bad.toml:1:"),
            ("[auth]\r\nsecret = \"á\" tomlSECRET\r\n", "/bad.toml:2:14: "),
        ] {
            let told = of_file(text);
            assert!(
                told.starts_with(wanted) && told.lines().count() == 1,
                "{text:?}: {told}"
            );
        }
        let missing = Settings::load("test", Some(Path::new("/nowhere/rumbo.toml")), &[]);
        let told = missing.expect_err("no file").to_string();
        assert!(told.starts_with("/nowhere/rumbo.toml: "), "{told}");
    }

    #[test]
    fn a_value_of_the_wrong_type_is_not_repeated() {
        for (text, wanted) in [
            ("auth = 'tomlSECRET'", "auth: this is none of the values"),
            (
                "[auth]\naccess_minutes = 'tomlSECRET'",
                "auth.access_minutes: string given, ",
            ),
            ("[auth]\nsecret = ['tomlSECRET']", "auth.secret: sequence given, "),
            ("[log]\nformat = 'tomlSECRET'", "log.format: this is none of the values"),
            (
                "[http]\nproxies = ['tomlSECRET']",
                "http.proxies[0]: this is none of the values",
            ),
            ("[http]\nstart_page = 'tomlSECRET'", "http.start_page: string given, "),
            ("[auth.providers.campus]\nname = 7", "auth.providers.campus"),
            (
                "[auth]\nsecretly = 'tomlSECRET'",
                "auth: unknown field `secretly`, expected one of `secret`",
            ),
        ] {
            let told = of_file(text);
            assert!(
                told.starts_with(wanted) && told.lines().count() == 1,
                "{text:?}: {told}"
            );
        }
    }

    #[test]
    fn a_variable_of_the_wrong_type_is_not_repeated() {
        for (name, value, wanted) in [
            (
                "RUMBO__AUTH__ACCESS_MINUTES",
                SECRET,
                "auth.access_minutes: string given, ",
            ),
            ("RUMBO__LOG__FORMAT", SECRET, "log.format: this is none of the values"),
            ("RUMBO__HTTP__START_PAGE", SECRET, "http.start_page: string given, "),
            ("RUMBO__AUTH", SECRET, "auth: this is none of the values"),
            (
                "RUMBO__HTTP__PROXIES",
                "10.0.0.0/8,tomlSECRET",
                "http.proxies[1]: this is none of the values",
            ),
            (
                "RUMBO__DATABASE__READERS",
                "-8765",
                "database.readers: 64-bit integer given, ",
            ),
        ] {
            let variables = [(name.to_owned(), value.to_owned())];
            let layer = environment().source(Some(variables.into_iter().collect()));
            let refused = Settings::of("test", None, [layer], &[]).expect_err("settings with a fault");
            let told = refused.to_string();
            assert!(!told.contains(SECRET) && !told.contains("8765"), "{told}");
            assert!(told.starts_with(wanted) && told.lines().count() == 1, "{name}: {told}");
        }
    }

    #[test]
    fn a_variable_that_is_no_text_is_named_and_not_shown() {
        let text = "env variable \"auth.secret\" contains non-Unicode data: \"tomlSECRET\\xFF\"";
        assert_eq!(message(text), "env variable \"auth.secret\" is not UTF-8");
    }
}
