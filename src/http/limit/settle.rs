//! What comes back of what an operation took, when its answer shows that nobody guessed.

use async_graphql::{PathSegment, Response as Answer, Value as Constant};

use super::{Proof, Ticket};
use crate::api::error::code_of;
use crate::app::App;
use crate::domain::rate::KNOWN_FOR;
use crate::error::{Error, Result};
use crate::store::rate::{Charge, Key, give_back, hold, keep_until, take};

/// What came of a proof of identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It proved something.
    Proved,
    /// Something else than a proof was refused, or nobody could look at it.
    Harmless,
    /// It made a message, which costs what a message costs.
    Mailed,
    /// It may have been a guess.
    Failed,
}

/// Gives back what proofs of identity took, if none of them failed. One that made a message costs its caller a message
/// instead; where none is left it stays what it cost, so that the two limits together hold. A network from which
/// somebody signed in is known to the account from now on.
pub async fn settle(app: &App, ticket: &Ticket, answer: &Answer) -> Result<()> {
    let outcomes: Vec<Outcome> = ticket.proofs.iter().map(|proof| outcome(answer, proof)).collect();
    let (marks, back) = (marks(ticket, &outcomes), due_back(ticket, &outcomes, answer));
    if back.is_empty() && marks.is_empty() {
        return Ok(());
    }
    let mailed = outcomes.iter().filter(|outcome| **outcome == Outcome::Mailed).count();
    let units = u32::try_from(mailed).unwrap_or(u32::MAX);
    let message = ticket.message.filter(|_| mailed > 0);
    let message = message.map(|message| Charge { units, ..message });
    let now = app.clock.now().timestamp_micros();
    let tx = app.db.write().await?;
    let keys = back.iter().chain(&message).map(|charge| charge.key);
    hold(&tx, keys.chain(marks.iter().copied()), now).await?;
    if let Some(message) = message
        && take(&tx, message, now).await?.is_err()
    {
        return Ok(());
    }
    give_back(&tx, &back).await?;
    keep_until(&tx, &marks, now.saturating_add(KNOWN_FOR)).await?;
    tx.commit().await.map_err(Error::from)
}

/// What keeps in mind from where somebody proved something.
fn marks(ticket: &Ticket, outcomes: &[Outcome]) -> Vec<Key> {
    let proved = ticket.proofs.iter().zip(outcomes);
    let proved = proved.filter(|(_, outcome)| **outcome == Outcome::Proved);
    let mut marks: Vec<Key> = proved.filter_map(|(proof, _)| proof.mark).collect();
    marks.sort_unstable();
    marks.dedup();
    marks
}

/// What comes back: of proofs if none failed, of messages if they only register and nobody was registered.
fn due_back(ticket: &Ticket, outcomes: &[Outcome], answer: &Answer) -> Vec<Charge> {
    let mut back = Vec::new();
    if !outcomes.contains(&Outcome::Failed) {
        back.extend_from_slice(&ticket.charges);
    }
    let unsent = |proof: &Proof| outcome(answer, proof) == Outcome::Harmless;
    if !ticket.registrations.is_empty() && ticket.registrations.iter().all(unsent) {
        back.extend_from_slice(&ticket.letters);
    }
    back
}

/// What a field has answered with: an object, such as a session, a word for what came of it, or true is a success.
/// Lists are of errors, and texts anybody can ask for. What only reads has found something when there is an object at
/// all.
fn outcome(answer: &Answer, proof: &Proof) -> Outcome {
    let field = proof.answered_as.as_str();
    let of_field = answer
        .errors
        .iter()
        .filter(|error| matches!(error.path.first(), Some(PathSegment::Field(name)) if name == field));
    if of_field.filter_map(code_of).any(|code| NO_GUESS.contains(&code)) {
        return Outcome::Harmless;
    }
    let Constant::Object(data) = &answer.data else {
        return Outcome::Failed;
    };
    let Some(Constant::Object(payload)) = data.get(field) else {
        return Outcome::Failed;
    };
    if proof.reads {
        return Outcome::Proved;
    }
    let holds = |fits: fn(&Constant) -> bool| payload.values().any(fits);
    if holds(|value| matches!(value, Constant::Enum(word) if word == "CONFIRM_BY_MAIL")) {
        Outcome::Mailed
    } else if holds(|value| matches!(value, Constant::Object(_) | Constant::Enum(_) | Constant::Boolean(true))) {
        Outcome::Proved
    } else if holds(is_of_other_faults) {
        Outcome::Harmless
    } else {
        Outcome::Failed
    }
}

/// The codes of errors by which nobody looked at a proof.
const NO_GUESS: [&str; 3] = ["PROVIDER_UNAVAILABLE", "UNAUTHENTICATED", "FORBIDDEN"];

/// The codes that say that a proof was wrong.
const WRONG: [&str; 3] = ["INVALID_CREDENTIALS", "INVALID_CODE", "INVALID_TOKEN"];

/// Whether these are errors about what was entered, each with its code, and none says that a proof was wrong. A code is
/// the one word of the schema in such an error, so a client can leave it out, but not put another one there.
fn is_of_other_faults(value: &Constant) -> bool {
    let Constant::List(faults) = value else {
        return false;
    };
    let is_other = |fault: &Constant| {
        let Constant::Object(fault) = fault else { return false };
        let mut words = fault.values().filter_map(|value| match value {
            Constant::Enum(word) => Some(word.as_str()),
            _ => None,
        });
        words.next().is_some_and(|code| !WRONG.contains(&code))
    };
    !faults.is_empty() && faults.iter().all(is_other)
}

#[cfg(test)]
mod tests {
    use async_graphql::Name;
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_session_or_a_yes_is_a_success() {
        let proof = |reads| Proof {
            answered_as: "a".to_owned(),
            reads,
            mark: None,
        };
        let read = |data: Constant| {
            let found =
                matches!(&data, Constant::Object(fields) if matches!(fields.get("a"), Some(Constant::Object(_))));
            let answer = Answer::new(data);
            assert_eq!(outcome(&answer, &proof(true)) != Outcome::Failed, found);
            outcome(&answer, &proof(false))
        };
        let outcome = |data: serde_json::Value| read(Constant::from_json(data).expect("a value"));
        let object = |name: &str, value| Constant::Object([(Name::new(name), value)].into_iter().collect());
        let word = |word: &str| read(object("a", object("outcome", Constant::Enum(Name::new(word)))));
        assert_eq!(word("SECOND_FACTOR"), Outcome::Proved);
        assert_eq!(word("CONFIRM_BY_MAIL"), Outcome::Mailed);
        let session = json!({ "a": { "session": { "accessToken": "x" } } });
        assert_eq!(outcome(session), Outcome::Proved);
        let yes = json!({ "a": { "changed": true, "userErrors": [] } });
        assert_eq!(outcome(yes), Outcome::Proved);
        for failure in [
            json!({ "a": { "session": null, "__typename": "SignInPayload" } }),
            json!({ "a": { "x": "SignInPayload", "userErrors": [{ "code": "INVALID_CREDENTIALS" }] } }),
            json!({ "a": null }),
            json!({ "a": { "outcome": "CONFIRM_BY_MAIL" } }),
            json!({ "b": { "session": {} } }),
            json!(null),
        ] {
            assert_eq!(outcome(failure.clone()), Outcome::Failed, "{failure}");
        }
    }

    #[test]
    fn only_a_wrong_proof_is_a_failure() {
        let proof = Proof {
            answered_as: "a".to_owned(),
            reads: false,
            mark: None,
        };
        let object = |name: &str, value| Constant::Object([(Name::new(name), value)].into_iter().collect());
        let refused = |codes: &[&str]| {
            let faults = codes
                .iter()
                .map(|code| object("code", Constant::Enum(Name::new(*code))));
            let payload = object("userErrors", Constant::List(faults.collect()));
            outcome(&Answer::new(object("a", payload)), &proof)
        };
        for codes in [&["WEAK_PASSWORD"][..], &["REQUIRED"], &["TOO_LONG", "REQUIRED"]] {
            assert_eq!(refused(codes), Outcome::Harmless, "{codes:?}");
        }
        for wrong in WRONG {
            assert_eq!(refused(&[wrong]), Outcome::Failed, "{wrong}");
            assert_eq!(refused(&["REQUIRED", wrong]), Outcome::Failed, "{wrong}");
        }
        assert_eq!(refused(&[]), Outcome::Failed);
        // Without its code, or with a text in its place, it may be anything.
        let text = object("code", Constant::String("WEAK_PASSWORD".to_owned()));
        let payload = object("userErrors", Constant::List(vec![text]));
        assert_eq!(outcome(&Answer::new(object("a", payload)), &proof), Outcome::Failed);
    }
}
