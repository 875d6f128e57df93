//! `rumbo admin keys`: the keys that sign access tokens, looked at and changed from this machine. Running servers take
//! note within a second.

use std::io::Write;

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Subcommand;

use crate::app::App;
use crate::domain::actor::Actor;
use crate::error::{Error, Result};
use crate::service::signing_key::{self, Handover, Listed};

/// What is done with the keys.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// List every key: what it is for, and since when.
    List,
    /// Make a key. The first one signs; any other is published ahead, and signs from the next rotation on.
    Create,
    /// Have the key sign that was published ahead, or a new one. The one before verifies until its last token has died.
    Rotate {
        /// An emergency: all keys of before are retired, everybody has to refresh, and a new key signs.
        #[arg(long)]
        now: bool,
    },
    /// Retire a key at once: nothing that it signed is good any more. If it signs, another one takes its place.
    Retire {
        /// The name of the key, as `list` shows it.
        kid: String,
    },
}

/// Does it, and says what was done.
pub async fn run(app: &App, what: Keys, out: &mut impl Write) -> Result<()> {
    // Whatever a short or borrowed secret seals is as good as open.
    app.settings.check_secret().map_err(Error::internal)?;
    let actor = Actor::operator();
    let said = match what {
        Keys::List => table(&signing_key::list(app, &actor).await?),
        Keys::Create => {
            let key = signing_key::create(app, &actor).await?;
            format!("{} is made: {}.\n", key.kid, key.state.word())
        }
        Keys::Rotate { now } => {
            let handover = if now { Handover::AtOnce } else { Handover::Gentle };
            let key = signing_key::rotate(app, &actor, handover).await?;
            format!("{} signs.\n", key.kid)
        }
        Keys::Retire { kid } => match signing_key::retire(app, &actor, &kid).await? {
            Some(key) => format!("{kid} is retired. {} signs.\n", key.kid),
            None => format!("{kid} is retired.\n"),
        },
    };
    out.write_all(said.as_bytes()).map_err(Error::internal)
}

fn table(keys: &[Listed]) -> String {
    let instant = |at: Option<DateTime<Utc>>| {
        at.map_or_else(|| "-".to_owned(), |at| at.to_rfc3339_opts(SecondsFormat::Secs, true))
    };
    let line = |[kid, state, created, signs, verifies, retired]: [&str; 6]| {
        format!("{kid:<43}  {state:<9}  {created:<20}  {signs:<20}  {verifies:<20}  {retired}\n")
    };
    let head = line(["key", "state", "created", "signs from", "verifies until", "retired"]);
    let lines = keys.iter().map(|key| {
        line([
            &key.kid,
            key.state.word(),
            &instant(key.created_at),
            &instant(key.signs_from),
            &instant(key.verifies_until),
            &instant(key.retired_at),
        ])
    });
    std::iter::once(head).chain(lines).collect()
}
