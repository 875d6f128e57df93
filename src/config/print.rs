//! The effective settings as a file that can be given back with `--config`.

use super::{ConfigError, Settings};

/// What a hidden value is printed as.
pub(super) const HIDDEN: &str = "(hidden)";

/// What the file says of itself.
const HEAD: &str = "\
# The settings in force. What is hidden is left out: give it from where it came.
";

impl Settings {
    /// The effective settings as TOML. Secrets are hidden, and stand in comments.
    ///
    /// # Errors
    /// [`ConfigError::Unreadable`] when a number is too large for TOML.
    pub fn printable(&self) -> Result<String, ConfigError> {
        let text = toml::to_string(self).map_err(|cause| ConfigError::Unreadable(cause.to_string()))?;
        let hidden = format!(" = \"{HIDDEN}\"");
        let lines = text.lines().map(|line| {
            let mark = if line.ends_with(&hidden) { "# " } else { "" };
            format!("{mark}{line}\n")
        });
        Ok(std::iter::once(HEAD.to_owned()).chain(lines).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Settings in which every shape of a value occurs.
    const GIVEN: &str = r#"
[http]
cors_origins = ["https://learn.example.org"]
proxies = ["10.0.0.0/8", "fd00::/8"]
[database]
url = "postgres://rumbo:whisper@db.example.org/rumbo"
[auth]
secret = "whisper: a secret of 32 bytes or more"
require_second_factor = "tutor, administrator"
[auth.providers.campus]
name = { es = "El \"campus\"", en = "Campus" }
issuer = "https://login.campus.example"
client_id = "rumbo"
client_secret = "whisper"
roles = [{ claim = "groups", value = "c:\\rumbo", role = "coordinator" }, { claim = "a", value = "b", role = "tutor" }]
[auth.providers.other]
name = "Other"
issuer = "https://other.example"
client_id = "rumbo"
[rates]
person = { burst = 7, refill = 8, seconds = 9 }
"#;

    fn loaded(profile: &str, file: &Path) -> Settings {
        Settings::load(profile, Some(file), &[]).expect("settings")
    }

    #[test]
    fn what_is_printed_can_be_given_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let (given, printed) = (folder.path().join("given.toml"), folder.path().join("printed.toml"));
        std::fs::write(&given, GIVEN).expect("a file");
        let settings = loaded("test", &given);
        let text = settings.printable().expect("TOML");
        assert!(!text.contains("whisper"), "{text}");
        for hidden in ["secret", "url", "client_secret"] {
            assert!(
                text.contains(&format!("\n# {hidden} = \"(hidden)\"\n")),
                "{hidden}: {text}"
            );
        }
        std::fs::write(&printed, &text).expect("a file");
        // Every setting comes from the file, whatever profile it is read in.
        for profile in ["test", "production"] {
            let mut again = loaded(profile, &printed);
            assert_eq!(again.database.url.reveal(), "sqlite://rumbo.sqlite");
            again.profile = settings.profile;
            again.database.url = settings.database.url.clone();
            again.auth.secret = settings.auth.secret.clone();
            for (key, provider) in &mut again.auth.providers {
                provider.client_secret = settings.auth.providers[key].client_secret.clone();
            }
            assert_eq!(format!("{again:#?}"), format!("{settings:#?}"), "{profile}");
        }
    }

    #[test]
    fn every_profile_can_be_printed() {
        for profile in ["development", "test", "production"] {
            let settings = Settings::load(profile, None, &[]).expect("settings");
            let text = settings.printable().expect("TOML");
            assert!(toml::from_str::<toml::Table>(&text).is_ok(), "{text}");
        }
    }
}
