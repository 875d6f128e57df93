//! Repeating a mutation under a key: the first answer again, as long as the person may see what it shows.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::app::App;
use crate::domain::actor::{Actor, Grant, Role, Scope};
use crate::domain::audit::PersonalField;
use crate::domain::id::{AnyId, EditionId};
use crate::domain::idempotency::Key;
use crate::error::{Error, KeyRefusal, Result};
use crate::service::audit::{Look, Reading};
use crate::store::idempotency::{self, Answer};
use crate::store::{deliverable, enrolment, submission, team};

pub use crate::store::idempotency::Claim;

/// The claim of a request. A key belongs to the person; of somebody who has not signed in, to what is asked: only
/// whoever knows all of that asks for the same.
pub fn claim(app: &App, actor: &Actor, key: &Key, payload: &[&[u8]]) -> Claim {
    let fingerprint = app.fingerprints.of(payload);
    let owner: [&[u8]; 2] = match &actor.person {
        Some(person) => [b"person", person.0.as_bytes()],
        None => [b"anybody", &fingerprint],
    };
    Claim {
        id: app.fingerprints.of(&[owner[0], owner[1], key.text().as_bytes()]),
        person: actor.person,
        fingerprint,
        grants: words(actor).into_iter().collect::<Vec<_>>().join(" "),
        at: app.clock.now(),
    }
}

/// What was answered before.
#[derive(Debug, Clone)]
pub struct Replay {
    /// The answer as it was sent.
    pub answer: Vec<u8>,
    /// What staff read by it, which is read again now.
    pub reading: Option<Reading>,
}

/// The first answer under a key; `None` when nothing was done under it. `names` is a text that holds the identifiers
/// that the request names.
///
/// # Errors
/// [`KeyRefusal::Reused`] when something else was asked; [`KeyRefusal::Withheld`] when a role that the person then
/// held is over, or something that the request or its answer names is out of their sight.
pub async fn recall(app: &App, actor: &Actor, claim: &Claim, names: &str) -> Result<Option<Replay>> {
    let Some(row) = idempotency::find(app.db.read(), &claim.id, claim.at).await? else {
        return Ok(None);
    };
    if row.fingerprint != claim.fingerprint {
        return Err(KeyRefusal::Reused.into());
    }
    let held = words(actor);
    let holds_all = row.grants.split_whitespace().all(|word| held.contains(word));
    let mut shown = ids_in(names);
    shown.extend(ids_in(&String::from_utf8_lossy(&row.answer)));
    if !holds_all || !sees_all(app, actor, &shown).await? {
        return Err(KeyRefusal::Withheld.into());
    }
    let reading = row
        .reading
        .map(|kept| read(&kept).ok_or_else(|| Error::internal("a reading that is none")));
    Ok(Some(Replay {
        answer: row.answer,
        reading: reading.transpose()?,
    }))
}

/// How a request with a key ends.
#[derive(Debug, Clone)]
pub enum End {
    /// Its answer is kept.
    Keep(Vec<u8>),
    /// What it committed lasts; the key is free.
    Release,
    /// Nothing of it lasts.
    Undo,
}

/// Ends the transaction that waits for the answer, if one does.
///
/// # Errors
/// Nothing was done then.
pub async fn settle(app: &App, end: End, reading: Option<&Reading>) -> Result<()> {
    let Some(keyed) = app.db.key() else { return Ok(()) };
    match end {
        End::Keep(text) => {
            let reading = reading.map(write);
            keyed.keep(Answer { text, reading }).await?;
        }
        End::Release => keyed.release().await?,
        End::Undo => return keyed.undo().await,
    }
    // The use case has woken the worker before there was anything to see.
    app.outbox.notify_one();
    Ok(())
}

/// The roles of an actor as words.
fn words(actor: &Actor) -> BTreeSet<String> {
    let word = |grant: &Grant| {
        let scope = match grant.scope {
            Scope::System => String::new(),
            Scope::Institution(id) => id.to_string(),
            Scope::Course(id) => id.to_string(),
            Scope::Edition(id) => id.to_string(),
        };
        format!("{}:{scope}", grant.role.word())
    };
    actor.grants.iter().map(word).collect()
}

/// The identifiers that stand in a text, wherever they stand.
fn ids_in(text: &str) -> BTreeSet<String> {
    let parts = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    parts
        .filter(|part| part.parse::<AnyId>().is_ok())
        .map(ToOwned::to_owned)
        .collect()
}

/// Whether the actor sees each of these things, of the kinds that can come out of sight while roles last.
async fn sees_all(app: &App, actor: &Actor, named: &BTreeSet<String>) -> Result<bool> {
    let (mut enrolments, mut teams, mut works, mut asked) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for id in named.iter().filter_map(|text| text.parse::<AnyId>().ok()) {
        match id {
            AnyId::EnrolmentId(id) => enrolments.push(id),
            AnyId::TeamId(id) => teams.push(id),
            AnyId::SubmissionId(id) => works.push(id),
            AnyId::DeliverableId(id) => asked.push(id),
            _ => {}
        }
    }
    let db = app.db.read();
    Ok(
        (enrolments.is_empty() || enrolment::by_ids_visible(db, actor, &enrolments).await?.len() == enrolments.len())
            && (teams.is_empty() || team::by_ids_visible(db, actor, &teams).await?.len() == teams.len())
            && (works.is_empty() || submission::by_ids_visible(db, actor, &works).await?.len() == works.len())
            && (asked.is_empty() || deliverable::by_ids_visible(db, actor, &asked).await?.len() == asked.len()),
    )
}

fn write(reading: &Reading) -> Value {
    let look = |look: &Look| json!([look.number, look.role.word(), look.field.word()]);
    json!({
        "operation": reading.operation,
        "edition": reading.edition.map(|id| id.to_string()),
        "reason": reading.reason,
        "looks": reading.looks.iter().map(look).collect::<Vec<_>>(),
    })
}

fn read(kept: &Value) -> Option<Reading> {
    let look = |look: &Value| {
        Some(Look {
            number: look[0].as_i64()?,
            role: Role::parse(look[1].as_str()?)?,
            field: PersonalField::from_word(look[2].as_str()?)?,
        })
    };
    let edition = match &kept["edition"] {
        Value::Null => None,
        id => Some(id.as_str()?.parse::<EditionId>().ok()?),
    };
    Some(Reading {
        operation: kept["operation"].as_str()?.to_owned(),
        edition,
        reason: kept["reason"].as_str().map(ToOwned::to_owned),
        looks: kept["looks"].as_array()?.iter().map(look).collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::id::{SubmissionId, TeamId};

    #[test]
    fn identifiers_are_found_wherever_they_stand() {
        let team = TeamId(Uuid::from_u128(7)).to_string();
        let work = SubmissionId(Uuid::from_u128(8)).to_string();
        let text = format!("{{\"a\":[\"{team}\"],\"b\":\"x_y {work}, tea_0\"}} mutation {{ f(id: \"{team}\") }}");
        assert_eq!(ids_in(&text), BTreeSet::from([team, work]));
    }

    #[test]
    fn a_reading_reads_back() {
        let reading = Reading {
            operation: "EditionEnrolments".into(),
            edition: Some(EditionId(Uuid::from_u128(9))),
            reason: None,
            looks: vec![Look {
                number: 3,
                role: Role::FocalPoint,
                field: PersonalField::Email,
            }],
        };
        let back = read(&write(&reading)).expect("a reading");
        assert_eq!(
            (back.operation, back.edition, back.reason),
            (reading.operation, reading.edition, None)
        );
        assert_eq!(back.looks, reading.looks);
        assert!(read(&json!({ "operation": "X", "looks": [[1, "nobody", "name"]] })).is_none());
    }
}
