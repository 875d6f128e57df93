//! Settings: read in layers, checked at start, printable without their secrets.
//!
//! From weak to strong: `config/default.toml` (built in, every key with a comment), the profile's file
//! (`development`, `test` or `production`, built in), a file of the operator's, and the environment
//! (`RUMBO__DATABASE__URL` sets `database.url`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use config::{Config, Environment, File, FileFormat};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

mod fault;
mod print;
mod provider;
mod retention;
mod secret;
mod sound;
mod traffic;

pub use self::fault::ConfigError;
pub use self::provider::{Provider, ProviderName, ProviderRole};
pub use self::retention::Retention;
pub use self::secret::Secret;
use self::secret::{is_example, plain_secrets};
pub use self::traffic::{Forwarded, Live, Load, Rate, Rates, Socket};

const DEFAULT: &str = include_str!("../config/default.toml");
const PROFILES: [(&str, Profile, &str); 3] = [
    (
        "development",
        Profile::Development,
        include_str!("../config/development.toml"),
    ),
    ("test", Profile::Test, include_str!("../config/test.toml")),
    (
        "production",
        Profile::Production,
        include_str!("../config/production.toml"),
    ),
];

/// What the program runs for, as the built-in settings tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// A developer's machine, or the demonstration.
    Development,
    /// The tests.
    Test,
    /// Real use; what is convenient and not safe is refused.
    #[default]
    Production,
}

/// All settings. `config/default.toml` says what each one means.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config/default.toml documents every key")]
pub struct Settings {
    #[serde(skip)]
    pub profile: Profile,
    pub http: Http,
    pub graphql: GraphQl,
    pub database: Database,
    pub auth: Auth,
    pub mail: Mail,
    pub limits: Limits,
    pub load: Load,
    pub socket: Socket,
    pub live: Live,
    pub rates: Rates,
    pub retention: Retention,
    pub log: Log,
}

/// The `[http]` section.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config/default.toml documents every key")]
pub struct Http {
    pub listen: String,
    pub public_url: String,
    pub start_page: bool,
    pub cors_origins: Vec<String>,
    pub proxies: Vec<IpNet>,
    pub forwarded: Forwarded,
    pub stop_seconds: u64,
}

/// Who may explore the schema: introspection, hints in messages, and the pages for trying things out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Explore {
    /// Whoever asks, with hints and pages.
    Everyone,
    /// Introspection for those who have signed in; no hints, no pages.
    SignedIn,
    /// Nobody.
    Nobody,
}

/// Which documents run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Documents {
    /// Those that a request carries; none is known by an id.
    Any,
    /// Those that a request carries, and the registered ones by their ids.
    AnyOrRegistered,
    /// Only the registered ones; administrators may send others.
    Registered,
}

/// The `[graphql]` section.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config/default.toml documents every key")]
pub struct GraphQl {
    pub explore: Explore,
    pub documents: Documents,
    pub registered: PathBuf,
}

/// The `[database]` section.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config/default.toml documents every key")]
pub struct Database {
    pub url: Secret,
    pub listen_url: Secret,
    pub readers: u32,
    pub connections: u32,
    pub statement_seconds: u64,
    pub standing_milliseconds: i64,
}

/// What the address of a database begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `sqlite:`.
    Sqlite,
    /// `postgres:` or `postgresql:`.
    Postgres,
}

impl Database {
    /// Which database the address means.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] for an address of any other kind. It is not repeated: there may be a password in it.
    pub fn scheme(&self) -> Result<Scheme, ConfigError> {
        let url = self.url.reveal();
        match url.split_once(':') {
            Some(("sqlite", _)) => Ok(Scheme::Sqlite),
            Some(("postgres" | "postgresql", _)) => Ok(Scheme::Postgres),
            _ => Err(ConfigError::invalid(
                "database.url",
                if url.is_empty() {
                    "missing: give sqlite://FILE or postgres://USER@HOST/DATABASE"
                } else {
                    "no database that Rumbo knows: give sqlite://FILE or postgres://USER@HOST/DATABASE"
                },
            )),
        }
    }
}

/// The `[auth]` section.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config/default.toml documents every key")]
pub struct Auth {
    pub secret: Secret,
    pub keys_file: PathBuf,
    pub issuer: String,
    pub access_minutes: u64,
    pub refresh_days: u64,
    pub refresh_grace_seconds: u64,
    pub confirm_hours: u64,
    pub reset_minutes: u64,
    pub invitation_days: u64,
    #[serde(deserialize_with = "words")]
    pub require_second_factor: Vec<String>,
    pub factor_issuer: String,
    pub parallel_hashes: usize,
    pub waiting_hashes: usize,
    pub callback_url: String,
    pub provider_seconds: u64,
    pub loopback_providers: bool,
    #[serde(default)]
    pub providers: BTreeMap<String, Provider>,
}

/// A list of words, or one text with commas between them; `off` and nothing are the empty list.
fn words<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        List(Vec<String>),
        Text(String),
    }
    let list = match Written::deserialize(from)? {
        Written::List(list) => list,
        Written::Text(text) => text.split(',').map(|word| word.trim().to_owned()).collect(),
    };
    Ok(list
        .into_iter()
        .filter(|word| !word.is_empty() && word != "off")
        .collect())
}

/// How messages leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// To an SMTP server.
    Smtp,
    /// As `.eml` files into a folder.
    Files,
    /// Kept in memory, for tests.
    Memory,
}

/// The `[mail]` section.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config/default.toml documents every key")]
pub struct Mail {
    pub transport: Transport,
    pub from: String,
    pub smtp_url: Secret,
    pub folder: PathBuf,
    pub attempts: i64,
    pub lease_seconds: i64,
    pub poll_milliseconds: u64,
    pub digest: bool,
    pub digest_hour: u32,
}

/// The `[limits]` section.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config/default.toml documents every key")]
pub struct Limits {
    pub body_bytes: usize,
    pub document_bytes: usize,
    pub tokens: usize,
    pub depth: usize,
    pub introspection_depth: usize,
    pub cost: u64,
    pub selections: u64,
    pub aliases: usize,
    pub directives: usize,
    pub root_fields: u64,
    pub root_mutations: u64,
    pub input_depth: usize,
    pub input_values: usize,
    pub errors: usize,
    pub answer_bytes: usize,
    pub kept_answer_bytes: usize,
    pub request_seconds: u64,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// The `[log]` section.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config/default.toml documents every key")]
pub struct Log {
    pub format: LogFormat,
    pub filter: String,
}

impl Settings {
    /// Reads every layer; `overrides` (key and value, from the command line) are the strongest.
    #[allow(clippy::disallowed_methods, reason = "this is the one home of the environment")]
    pub fn load(profile: &str, file: Option<&Path>, overrides: &[(&str, String)]) -> Result<Self, ConfigError> {
        let environment = [environment(), plain_secrets(std::env::vars_os())];
        Self::of(profile, file, environment, overrides)
    }

    /// The same with an environment of its own.
    fn of(
        profile: &str,
        file: Option<&Path>,
        environment: impl IntoIterator<Item = Environment>,
        overrides: &[(&str, String)],
    ) -> Result<Self, ConfigError> {
        let (_, profile, profile_text) = PROFILES
            .into_iter()
            .find(|(name, ..)| *name == profile)
            .ok_or_else(|| ConfigError::UnknownProfile(profile.to_owned()))?;
        let mut layers = Config::builder()
            .add_source(File::from_str(DEFAULT, FileFormat::Toml))
            .add_source(File::from_str(profile_text, FileFormat::Toml));
        if let Some(path) = file {
            layers = layers.add_source(File::from(path).format(FileFormat::Toml));
        }
        for layer in environment {
            layers = layers.add_source(layer);
        }
        let unreadable = |cause: config::ConfigError| ConfigError::unreadable(&cause, file);
        for (key, value) in overrides {
            layers = layers.set_override(*key, value.clone()).map_err(unreadable)?;
        }
        let layers = layers.build().map_err(unreadable)?;
        let settings: Self = layers.try_deserialize().map_err(unreadable)?;
        Ok(Self { profile, ..settings })
    }

    /// Refuses what cannot work, before anything starts.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let invalid = |key: &'static str, problem: &'static str| Err(ConfigError::invalid(key, problem));
        self.check_secret()?;
        self.database.scheme()?;
        if self.auth.access_minutes == 0 || self.auth.access_minutes > 10 {
            return invalid("auth.access_minutes", "must be 1 to 10");
        }
        if self.auth.invitation_days == 0 || self.auth.invitation_days > 90 {
            return invalid("auth.invitation_days", "must be 1 to 90");
        }
        if !self.retention.is_sound() {
            return invalid("retention", "every period must be 1 to 3650 days");
        }
        let is_origin = |origin: &String| {
            (origin.starts_with("https://") || origin.starts_with("http://"))
                && origin.matches('/').count() == 2
                && origin.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'*')
        };
        if !self.http.cors_origins.iter().all(is_origin) {
            return invalid(
                "http.cors_origins",
                "each must be an origin without a path, such as https://learn.example.org",
            );
        }
        let registered = &self.graphql.registered;
        if !registered.as_os_str().is_empty() && !registered.exists() {
            return invalid("graphql.registered", "there is no such folder or file");
        }
        if !(0..=1000).contains(&self.database.standing_milliseconds) {
            return invalid("database.standing_milliseconds", "must be 0 to 1000");
        }
        if !self.live.is_sound() {
            return invalid(
                "live",
                "readers, check_seconds and pause_milliseconds must be at least 1",
            );
        }
        if self.database.readers == 0 || self.database.connections == 0 {
            return invalid("database", "readers and connections must be at least 1");
        }
        if self.mail.transport == Transport::Smtp && self.mail.smtp_url.reveal().is_empty() {
            return invalid(
                "mail.smtp_url",
                "missing: give smtp://HOST:PORT or smtps://USER:PASSWORD@HOST",
            );
        }
        self.check_sections()
    }

    /// Refuses a secret that is none: missing, short or, in production, one that others may know as well.
    pub fn check_secret(&self) -> Result<(), ConfigError> {
        let invalid = |problem: &'static str| Err(ConfigError::invalid("auth.secret", problem));
        let secret = self.auth.secret.reveal();
        if secret.len() < 32 {
            return invalid("missing or too short: give 32 bytes or more");
        }
        if self.profile == Profile::Production && is_example(secret) {
            return invalid("this is an example that others know: draw 32 random bytes or more");
        }
        Ok(())
    }
}

/// The environment as a layer.
fn environment() -> Environment {
    Environment::with_prefix("RUMBO")
        .prefix_separator("__")
        .separator("__")
        .try_parsing(true)
        .list_separator(",")
        .with_list_parse_key("http.cors_origins")
        .with_list_parse_key("http.proxies")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "a secret of the tests, 32 bytes or longer";

    #[test]
    fn every_profile_loads() {
        for (profile, ..) in PROFILES {
            let settings = Settings::load(profile, None, &[("auth.secret", SECRET.into())]);
            assert!(settings.is_ok(), "{profile}: {settings:?}");
        }
        assert!(matches!(
            Settings::load("nowhere", None, &[]),
            Err(ConfigError::UnknownProfile(_))
        ));
    }

    #[test]
    fn a_secret_of_digits_is_no_number() {
        let digits = "31415926535897932384626433832795";
        let given = [
            ("RUMBO__AUTH__SECRET", digits),
            ("RUMBO__AUTH__PROVIDERS__CAMPUS__CLIENT_SECRET", "12345"),
            ("rumbo__auth__providers__lower__client_secret", "0123"),
            ("RUMBO__Auth__Providers__Mixed__Client_Secret", "1e3"),
            ("RUMBO__AUTH__ISSUER", "7"),
        ];
        let layer = plain_secrets(given.map(|(name, value)| (name.into(), value.into())).into_iter());
        let read = Config::builder().add_source(layer).build().expect("settings");
        assert_eq!(read.get_string("auth.secret").ok().as_deref(), Some(digits));
        for (provider, secret) in [("campus", "12345"), ("lower", "0123"), ("mixed", "1e3")] {
            let key = format!("auth.providers.{provider}.client_secret");
            assert_eq!(read.get_string(&key).ok().as_deref(), Some(secret), "{provider}");
        }
        assert!(read.get_string("auth.issuer").is_err(), "the others are read as before");
    }

    #[test]
    fn secrets_are_never_printed() {
        let settings = Settings::load("test", None, &[("auth.secret", SECRET.into())]).expect("settings");
        for text in [settings.printable().expect("TOML"), format!("{settings:?}")] {
            assert!(!text.contains(SECRET));
            assert!(text.contains("(hidden)"));
        }
    }

    #[test]
    fn a_database_is_sqlite_or_postgresql() {
        for (url, wanted) in [
            ("sqlite://rumbo.sqlite", Some(Scheme::Sqlite)),
            ("sqlite::memory:", Some(Scheme::Sqlite)),
            ("postgres://rumbo@db.example.org/rumbo", Some(Scheme::Postgres)),
            ("postgresql://rumbo@db.example.org/rumbo", Some(Scheme::Postgres)),
            ("SQLite://rumbo.sqlite", None),
            ("mysql://rumbo:whisper@db.example.org/rumbo", None),
            ("postgresqls://rumbo:whisper@db.example.org/rumbo", None),
            ("rumbo.sqlite", None),
            ("", None),
        ] {
            let settings = Settings::load("test", None, &[("database.url", url.to_owned())]).expect("settings");
            let scheme = settings.database.scheme();
            assert_eq!(scheme.as_ref().ok(), wanted.as_ref(), "{url}");
            assert_eq!(settings.validate().is_ok(), wanted.is_some(), "{url}");
            if let Err(refused) = scheme {
                let told = refused.to_string();
                assert!(
                    told.starts_with("database.url: ") && !told.contains("whisper"),
                    "{told}"
                );
            }
        }
    }

    #[test]
    fn an_access_token_lives_ten_minutes_at_most() {
        for (minutes, works) in [("0", false), ("1", true), ("10", true), ("11", false)] {
            let given = [("auth.access_minutes", minutes.to_owned())];
            let settings = Settings::load("test", None, &given).expect("settings");
            assert_eq!(settings.validate().is_ok(), works, "{minutes}");
        }
    }

    #[test]
    fn what_is_removed_is_kept_for_a_day_at_least() {
        for key in ["invitation_days", "message_days", "session_days", "import_days"] {
            for (days, works) in [("0", false), ("1", true), ("3650", true), ("3651", false)] {
                let key = format!("retention.{key}");
                let settings = Settings::load("test", None, &[(&key, days.to_owned())]).expect("settings");
                assert_eq!(settings.validate().is_ok(), works, "{key} {days}");
            }
        }
    }

    #[test]
    fn an_invitation_is_open_for_a_day_at_least_and_ninety_at_most() {
        for (days, works) in [("0", false), ("1", true), ("90", true), ("91", false)] {
            let given = [("auth.invitation_days", days.to_owned())];
            let settings = Settings::load("test", None, &given).expect("settings");
            assert_eq!(settings.validate().is_ok(), works, "{days}");
        }
    }

    #[test]
    fn an_origin_is_written_out() {
        let check = |origins: &[&str]| {
            let mut settings = Settings::load("test", None, &[]).expect("settings");
            settings.http.cors_origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
            settings.validate()
        };
        assert!(check(&["https://learn.example.org", "http://localhost:5173"]).is_ok());
        for wrong in [
            "*",
            "https://*.example.org",
            "learn.example.org",
            "https://learn.example.org/",
            "null",
        ] {
            assert!(check(&[wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn staff_needs_a_second_factor_unless_somebody_says_otherwise() {
        let names = |profile: &str, given: Option<&str>| {
            let given = given.map(|text| ("auth.require_second_factor", text.to_owned()));
            let settings = Settings::load(profile, None, given.as_slice()).expect("settings");
            settings.auth.require_second_factor
        };
        assert_eq!(names("production", None), ["coordinator", "administrator"]);
        for profile in ["development", "test"] {
            assert_eq!(names(profile, None), Vec::<String>::new());
        }
        assert_eq!(names("production", Some("off")), Vec::<String>::new());
        assert_eq!(names("test", Some("tutor, administrator")), ["tutor", "administrator"]);
    }

    #[test]
    fn a_secret_is_long_and_nobody_elses() {
        let check = |profile: &str, secret: Option<&str>| {
            let given = secret.map(|text| ("auth.secret", text.to_owned()));
            let settings = Settings::load(profile, None, given.as_slice()).expect("settings");
            settings.check_secret()
        };
        assert!(check("development", None).is_ok() && check("test", None).is_ok());
        let of_the_tests = Settings::load("test", None, &[]).expect("settings").auth.secret;
        for wrong in [
            None,
            Some(""),
            Some("31 bytes, which are not enough."),
            Some("for development only, protects nothing at all"),
            Some(of_the_tests.reveal()),
            Some("CHANGE-ME-CHANGE-ME-CHANGE-ME-CHANGE-ME"),
            Some("an example of a secret of 32 bytes or more"),
            Some("your-secret-here-your-secret-here"),
            Some("Your_Secret_Key_Of_Thirty-Two_Bytes"),
            Some("5f0c2b9e7d1a48f3-5f0c2b9e7d1a48f3-"),
            Some("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        ] {
            assert!(check("production", wrong).is_err(), "{wrong:?}");
        }
        for right in [
            SECRET,
            "5f0c2b9e7d1a48f36b5e9c0d2f7a1b3c",
            "q4mZr0Yk2VnTt8cJx1LhWb6sPfGdUe3A",
        ] {
            assert!(check("production", Some(right)).is_ok(), "{right}");
        }
        let settings = Settings::load("production", None, &[]).expect("settings");
        assert!(settings.validate().is_err(), "the server looks at it");
    }
}
