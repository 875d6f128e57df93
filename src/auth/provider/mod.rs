//! Identity providers: OpenID Connect, authorisation code with PKCE. Here is who they are and how one talks with them;
//! what an identity is worth is `domain/identity.rs`'s.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use openidconnect::{ClientId, ClientSecret, IssuerUrl, RedirectUrl};

use self::line::{Line, Silence};
use self::memory::Memory;
use crate::clock::Clock;
use crate::config::{self, ConfigError, ProviderName, Settings};
use crate::domain::actor::{Grant, Role, Scope};
use crate::domain::id::AnyId;
use crate::domain::identity::{Claims, KEY_MOST, RoleRule};
use crate::domain::language::{Language, Localized};
use crate::error::{Error, Result};

pub mod attempt;
mod line;
mod memory;
mod talk;
mod verify;

/// One identity provider.
pub struct Provider {
    /// By which settings, accounts and front ends name it.
    pub key: String,
    /// As people read it.
    pub name: Localized,
    /// What somebody has to be said of for which role.
    pub roles: Vec<RoleRule>,
    /// Whether its word about an address is as good as a confirmation.
    pub trust_email: bool,
    /// Whether it asks for a second factor itself.
    pub counts_as_second_factor: bool,
    issuer: IssuerUrl,
    client_id: ClientId,
    client_secret: Option<ClientSecret>,
    scopes: Vec<String>,
    memory: Memory,
}

impl fmt::Debug for Provider {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Provider")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Provider {
    /// Who it is to everybody: its identities are unique below this.
    pub fn issuer(&self) -> &str {
        self.issuer.as_str()
    }

    fn read(key: &str, settings: &config::Provider, line: &Line, is_alone: bool) -> Result<Self> {
        let wrong = |field: &str, problem: &'static str| {
            Error::from(ConfigError::invalid(format!("auth.providers.{key}{field}"), problem))
        };
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if key.is_empty() || key.len() > KEY_MOST || !key.bytes().all(plain) {
            return Err(wrong("", "a key has 1 to 40 small letters, digits and _"));
        }
        let issuer = IssuerUrl::new(settings.issuer.clone()).map_err(|_| wrong(".issuer", "this is no URL"))?;
        if !line.allows(issuer.url()) || issuer.url().query().is_some() || issuer.url().fragment().is_some() {
            return Err(wrong(".issuer", "must be https://…, without a query"));
        }
        if settings.client_id.is_empty() {
            return Err(wrong(".client_id", "missing"));
        }
        let name = read_name(&settings.name).ok_or_else(|| wrong(".name", "give a text, or one for es, en or pt"))?;
        let roles = settings.roles.iter();
        let roles: Option<Vec<_>> = roles.map(read_role).collect();
        let roles = roles.ok_or_else(|| {
            wrong(
                ".roles",
                "give a claim, a value, and a coordinator (of everything, a course or an edition) or a focal_point (of \
                 an institution)",
            )
        })?;
        let secret = settings.client_secret.reveal();
        Ok(Self {
            key: key.to_owned(),
            name,
            roles,
            trust_email: settings.trust_email,
            counts_as_second_factor: settings.counts_as_second_factor,
            issuer,
            client_id: ClientId::new(settings.client_id.clone()),
            client_secret: (!secret.is_empty()).then(|| ClientSecret::new(secret.to_owned())),
            scopes: settings.scopes.clone(),
            memory: Memory::new(!is_alone),
        })
    }
}

fn read_name(name: &ProviderName) -> Option<Localized> {
    let texts = match name {
        ProviderName::Plain(text) => [(Language::Es, text.clone())].into(),
        ProviderName::PerLanguage(texts) => texts
            .iter()
            .map(|(code, text)| Some((Language::parse(code).ok()?, text.clone())))
            .collect::<Option<std::collections::BTreeMap<_, _>>>()?,
    };
    let complete = !texts.is_empty() && texts.values().all(|text| !text.trim().is_empty());
    complete.then_some(Localized(texts))
}

fn read_role(settings: &config::ProviderRole) -> Option<RoleRule> {
    let scope = match settings.scope.as_str() {
        "" => Scope::System,
        id => Scope::of(id.parse::<AnyId>().ok()?)?,
    };
    let role = Role::parse(&settings.role)?;
    RoleRule::new(&settings.claim, &settings.value, Grant { role, scope })
}

/// The identity providers of the settings; cheap to clone.
#[derive(Clone)]
pub struct Providers(Arc<Inner>);

struct Inner {
    all: Vec<Provider>,
    line: Line,
    callback: RedirectUrl,
}

impl fmt::Debug for Providers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Providers").field(&self.0.all).finish()
    }
}

impl Providers {
    /// Reads them; nothing is asked of a provider before somebody signs in.
    ///
    /// # Errors
    /// What is wrong in the settings, and where.
    pub fn from_settings(settings: &Settings) -> Result<Self> {
        let auth = &settings.auth;
        let line = Line::new(Duration::from_secs(auth.provider_seconds), auth.loopback_providers)?;
        let callback = match auth.callback_url.as_str() {
            "" => format!("{}/auth/callback", settings.http.public_url.trim_end_matches('/')),
            url => url.to_owned(),
        };
        // A page of the front end. What stands behind a `#` would be lost on the way there (RFC 6749, 3.1.2).
        let callback = RedirectUrl::new(callback)
            .ok()
            .filter(|url| matches!(url.url().scheme(), "https" | "http") && url.url().fragment().is_none())
            .ok_or_else(|| ConfigError::invalid("auth.callback_url", "must be http:// or https://…, without a #"))?;
        // A conversation that ends first is told as what it is; the operation has the rest of its time for the
        // database.
        if !auth.providers.is_empty() && !(1..settings.load.operation_seconds).contains(&auth.provider_seconds) {
            let problem = "must be at least 1 and less than load.operation_seconds";
            return Err(ConfigError::invalid("auth.provider_seconds", problem).into());
        }
        let is_alone = auth.providers.len() == 1;
        let all = auth.providers.iter();
        let all = all.map(|(key, one)| Provider::read(key, one, &line, is_alone));
        let all: Result<Vec<_>> = all.collect();
        Ok(Self(Arc::new(Inner {
            all: all?,
            line,
            callback,
        })))
    }

    /// All, by their keys.
    pub fn all(&self) -> &[Provider] {
        &self.0.all
    }

    /// The one with this key.
    pub fn find(&self, key: &str) -> Option<&Provider> {
        self.0.all.iter().find(|provider| provider.key == key)
    }

    /// The one with this key, if it still is the one that knew somebody: another issuer under the same key knows
    /// others.
    pub fn accepting(&self, key: &str, issuer: &str) -> Option<&Provider> {
        self.find(key).filter(|provider| provider.issuer() == issuer)
    }

    /// Where somebody who begins to sign in is sent. Asks the provider who it is, unless that is known.
    ///
    /// # Errors
    /// [`Error::Provider`] when it does not answer as it should.
    pub async fn address(
        &self,
        provider: &Provider,
        handle: &str,
        language: Language,
        clock: &Arc<Clock>,
    ) -> Result<String> {
        let talk = talk::address(&self.0.line, &self.0.callback, provider, handle, language, clock);
        self.in_time(provider, talk).await
    }

    /// Exchanges the code that somebody brought back for what the provider says of them.
    ///
    /// # Errors
    /// [`crate::error::Code::InvalidToken`] for a code that the provider does not take, [`Error::Provider`] when it
    /// does not answer as it should, or says what cannot be believed.
    pub async fn redeem(&self, provider: &Provider, returned: &Returned<'_>, clock: &Arc<Clock>) -> Result<Claims> {
        let talk = talk::redeem(&self.0.line, &self.0.callback, provider, returned, clock);
        self.in_time(provider, talk).await
    }

    /// Keeps the time of a conversation, however many questions there are in it.
    async fn in_time<T>(&self, provider: &Provider, talk: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::time::timeout(self.0.line.patience(), talk)
            .await
            .unwrap_or_else(|_| Err(talk::told(&provider.issuer, &Silence::TooSlow)))
    }
}

/// What somebody brings back from a provider.
#[derive(Debug, Clone, Copy)]
pub struct Returned<'a> {
    /// The handle of the sign-in that they began.
    pub handle: &'a str,
    /// The parameter `state`.
    pub state: &'a str,
    /// The parameter `code`.
    pub code: &'a str,
    /// The parameter `iss`, where there was one (RFC 9207).
    pub issuer: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(toml: &str) -> Result<Providers> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("providers.toml");
        std::fs::write(&file, toml).expect("a file");
        let settings = Settings::load("production", Some(&file), &[]).expect("settings");
        assert!(
            !settings.printable().expect("TOML").contains("whisper"),
            "a secret is never printed"
        );
        assert!(!format!("{settings:?}").contains("whisper"));
        Providers::from_settings(&settings)
    }

    fn campus(more: &str) -> String {
        format!(
            "[auth.providers.campus]\nname = \"Campus\"\nclient_id = \"rumbo\"\nclient_secret = \"whisper\"\n{more}"
        )
    }

    #[test]
    fn a_provider_is_read_from_the_settings() {
        let found = read(&campus(
            "issuer = \"https://login.example.org/a\"\nroles = [{ claim = \"groups\", value = \"x\", role = \"coordinator\" }]",
        ))
        .expect("providers");
        let provider = found.find("campus").expect("it is there");
        assert_eq!(provider.name.get(Language::Pt), "Campus");
        assert_eq!((provider.trust_email, provider.counts_as_second_factor), (false, false));
        assert_eq!(provider.scopes, ["email", "profile"]);
        assert_eq!(provider.roles.len(), 1);
        assert!(!format!("{found:?}").contains("whisper"));
        assert!(found.find("other").is_none());
        assert_eq!(found.0.callback.as_str(), "http://127.0.0.1:8080/auth/callback");
    }

    #[test]
    fn people_come_back_to_a_page_of_the_front_end() {
        let at = |url: &str| {
            let found = read(&format!("[auth]\ncallback_url = \"{url}\"\n"))?;
            Ok::<_, Error>(found.0.callback.as_str().to_owned())
        };
        let page = "https://rumbo.example.org/back?from=provider";
        assert_eq!(at(page).expect("a page"), page);
        for wrong in [
            "nonsense",
            "/auth/callback",
            "javascript:alert(1)",
            "ftp://rumbo.example.org",
            "https://rumbo.example.org/#/back",
        ] {
            let refused = at(wrong).expect_err(wrong).to_string();
            assert!(refused.contains("auth.callback_url"), "{wrong}: {refused}");
        }
    }

    #[test]
    fn what_cannot_work_is_told_at_start() {
        let issuer = "issuer = \"https://login.example.org\"\n";
        let role = |text: &str| {
            campus(&format!(
                "{issuer}roles = [{{ claim = \"groups\", value = \"x\", {text} }}]"
            ))
        };
        for (toml, expected) in [
            (campus("issuer = \"http://login.example.org\""), "campus.issuer"),
            (campus("issuer = \"http://127.0.0.1:9000\""), "campus.issuer"),
            (campus("issuer = \"https://login.example.org?a=b\""), "campus.issuer"),
            (campus("issuer = \"nonsense\""), "campus.issuer"),
            (
                campus(issuer) + "[auth]\nprovider_seconds = 9\n",
                "auth.provider_seconds",
            ),
            (
                campus(issuer) + "[auth]\nprovider_seconds = 0\n",
                "auth.provider_seconds",
            ),
            (role("role = \"administrator\""), "campus.roles"),
            (role("role = \"focal_point\""), "campus.roles"),
            (role("role = \"nobody\""), "campus.roles"),
            (role("role = \"coordinator\", scope = \"nonsense\""), "campus.roles"),
            (
                campus(issuer).replace("\"Campus\"", "{ fr = \"Campus\" }"),
                "campus.name",
            ),
            (campus(issuer).replace("\"Campus\"", "{}"), "campus.name"),
            (campus(issuer).replace("\"rumbo\"", "\"\""), "campus.client_id"),
            (
                campus(issuer).replace("providers.campus", "providers.\"Cam-pus\""),
                "Cam-pus",
            ),
        ] {
            let refused = read(&toml).expect_err(&toml).to_string();
            assert!(refused.contains(expected), "{toml}: {refused}");
        }
    }
}
