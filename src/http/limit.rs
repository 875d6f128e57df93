//! What an operation takes from the buckets of its caller before it runs, root field by root field, and what a file does.

use std::net::IpAddr;

use async_graphql::{PathSegment, Request as Operation, Response as Answer, Value as Constant};

pub use self::roots::fields;
use self::roots::{Root, by_account, roots};
use super::address;
use crate::api::error::code_of;
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::id::PersonId;
use crate::domain::rate::{self, Class, KNOWN_FOR};
use crate::error::{Error, Result};
use crate::store::rate::{Charge, Key, full_at, give_back, keep_until, take};

mod brake;
mod roots;

/// What sends to an address that it does not name: `service::invitation::send_again` takes from that one's bucket.
const KNOWS_ITS_ADDRESS: &str = "resendInvitation";

/// The field that makes the caller's network known to the account that it names.
const SIGNS_IN: &str = "signIn";

/// The field whose message costs nothing when what was entered is refused.
const REGISTERS: &str = "registerPerson";

/// What was taken and comes back when no proof of identity in the operation failed.
#[derive(Debug, Default)]
pub struct Ticket {
    charges: Vec<Charge>,
    proofs: Vec<Proof>,
    /// One message of this caller's.
    message: Option<Charge>,
    /// What messages took.
    letters: Vec<Charge>,
    /// The fields that register, if no other sends messages: what they took comes back when nobody was registered.
    registrations: Vec<Proof>,
}

/// A root field that proves something.
#[derive(Debug)]
struct Proof {
    answered_as: String,
    /// Whether it is a query, which answers with what it found and nothing else.
    reads: bool,
    /// What keeps in mind that the account that it names signed in from here.
    mark: Option<Key>,
}

impl Proof {
    fn of(root: &Root) -> Self {
        Self {
            answered_as: root.answered_as.clone(),
            reads: root.reads,
            mark: None,
        }
    }
}

/// Takes what an operation costs: ordinary fields from buckets in memory, the others from those in the database.
///
/// # Errors
/// [`Error::Busy`] when there is not enough in one of them: the operation is refused whole.
pub async fn admit(app: &App, operation: &mut Operation, actor: &Actor, caller: IpAddr) -> Result<Ticket> {
    let rates = &app.settings.rates;
    if !rates.enabled {
        return Ok(Ticket::default());
    }
    let now = app.clock.now().timestamp_micros();
    let (is_wide, site) = (caller.to_canonical().is_ipv6(), address::site(caller).to_string());
    let caller = address::network(caller).to_string();
    let roots = roots(operation);
    let who = actor.person.map(|person| person.0);
    let subject = who.as_ref().map_or(caller.as_bytes(), |person| person.as_bytes());
    if let Some(charge) = ordinary(app, Some(actor), &caller, roots.len().max(1)) {
        app.rates.take(charge, now).map_err(busy)?;
    }

    let of = |class| roots.iter().filter(move |root| Class::of(&root.name) == Some(class));
    let count = |class| of(class).count();
    let (proofs, mails, invitations) = (count(Class::SignIn), count(Class::Mail), count(Class::Invite));
    if proofs + mails + invitations == 0 {
        return Ok(Ticket::default());
    }
    let accounts = brake::accounts(app, &by_account(of(Class::SignIn)), subject, &caller);
    let marks = accounts.iter().filter_map(|account| account.mark);
    let known = full_at(app.db.read(), &marks.collect::<Vec<_>>()).await?;
    let is_known = |account: &brake::Account| account.is_marked(&known, now);
    let strange = accounts.iter().filter(|account| !is_known(account));
    let from = Origin {
        network: &caller,
        site: is_wide.then_some(site.as_str()),
        subject,
    };
    let mut ticket = of_proofs(
        app,
        &of(Class::SignIn).collect::<Vec<_>>(),
        &from,
        strange.map(|it| it.units).sum(),
    );
    of_letters(app, &of(Class::Mail).collect::<Vec<_>>(), subject, &mut ticket);
    let mut firm = [ticket.charges.as_slice(), &ticket.letters].concat();
    if invitations > 0 {
        let charge = Charge::new(&[b"invite by", subject], &rates.invitation_sender, invitations);
        firm.push(charge);
    }
    for (address, units) in by_account(of(Class::Invite).filter(|root| root.name != KNOWS_ITS_ADDRESS)) {
        firm.push(Charge::mail_to(address, rates, units));
    }
    look(app, &firm, now).await?;
    let tx = app.db.write().await?;
    for charge in &firm {
        take(&tx, *charge, now).await?.map_err(busy)?;
    }
    for account in &accounts {
        match brake::admit(app, &tx, account, is_known(account), &site, now).await? {
            Ok(charge) => ticket.charges.push(charge),
            Err(wait) => {
                // Nothing was taken, but the place in the line stays.
                drop(tx);
                brake::wait(app, account, &site, now).await?;
                return Err(busy(wait));
            }
        }
    }
    tx.commit().await.map_err(Error::from)?;
    Ok(ticket)
}

/// Refuses where there is not enough: whoever has nothing left costs one look, and no transaction.
async fn look(app: &App, charges: &[Charge], now: i64) -> Result<()> {
    let keys: Vec<Key> = charges.iter().map(|charge| charge.key).collect();
    let known = full_at(app.db.read(), &keys).await?;
    for charge in charges {
        let stands = known.get(&charge.key).copied().unwrap_or(now);
        charge.rule.take(stands, now, charge.units).map_err(busy)?;
    }
    Ok(())
}

/// Takes what it costs to bring a link, whatever becomes of it.
///
/// # Errors
/// [`Error::Busy`].
pub fn admit_link(app: &App, actor: &Actor, caller: IpAddr) -> Result<()> {
    let network = address::network(caller).to_string();
    match ordinary(app, Some(actor), &network, 1) {
        Some(charge) => app.rates.take(charge, app.clock.now().timestamp_micros()).map_err(busy),
        None => Ok(()),
    }
}

/// Takes what it costs a person to fetch the records of many.
///
/// # Errors
/// [`Error::Busy`].
pub async fn admit_export(app: &App, person: PersonId) -> Result<()> {
    let rates = &app.settings.rates;
    if !rates.enabled {
        return Ok(());
    }
    let now = app.clock.now().timestamp_micros();
    let charge = Charge::new(&[b"export", person.0.as_bytes()], &rates.export, 1);
    look(app, &[charge], now).await?;
    let tx = app.db.write().await?;
    take(&tx, charge, now).await?.map_err(busy)?;
    tx.commit().await.map_err(Error::from)
}

/// So many units of the ordinary bucket of a caller: the API token's, the person's, or the address's of whom nothing is
/// known. `None` where nothing is limited.
pub fn ordinary(app: &App, actor: Option<&Actor>, caller: &str, units: usize) -> Option<Charge> {
    let rates = &app.settings.rates;
    let person = actor.and_then(|actor| actor.person).map(|person| person.0);
    let token = actor.and_then(|actor| actor.pass).map(|pass| pass.id.0);
    let (kind, owner, rate) = match (&token, &person) {
        (Some(token), _) => ("token", token.as_bytes().as_slice(), &rates.token),
        (None, Some(person)) => ("person", person.as_bytes().as_slice(), &rates.person),
        (None, None) => ("anonymous", caller.as_bytes(), &rates.anonymous),
    };
    rates
        .enabled
        .then(|| Charge::new(&[kind.as_bytes(), owner], rate, units))
}

/// Where an operation comes from.
struct Origin<'a> {
    network: &'a str,
    /// The network around it, of IPv6.
    site: Option<&'a str>,
    /// The person, or the network of who has not signed in.
    subject: &'a [u8],
}

/// What proofs of identity take by network, `strange` of them at accounts that do not know it.
fn of_proofs(app: &App, roots: &[&Root], from: &Origin<'_>, strange: usize) -> Ticket {
    let rates = &app.settings.rates;
    if roots.is_empty() {
        return Ticket::default();
    }
    let mut charges = vec![Charge::new(
        &[b"sign in", from.network.as_bytes()],
        &rates.sign_in_address,
        roots.len(),
    )];
    if let Some(site) = from.site.filter(|_| strange > 0) {
        let parts: [&[u8]; 2] = [b"sign in site", site.as_bytes()];
        charges.push(Charge::new(&parts, &rates.sign_in_network, strange));
    }
    let mark = |root: &Root| {
        let address = root.address.as_deref().filter(|_| root.name == SIGNS_IN)?;
        Some(brake::mark(app, address, from.network))
    };
    let proof = |root: &&Root| Proof {
        mark: mark(root),
        ..Proof::of(root)
    };
    Ticket {
        charges,
        proofs: roots.iter().map(proof).collect(),
        message: Some(Charge::new(&[b"mail by", from.subject], &rates.mail_sender, 1)),
        ..Ticket::default()
    }
}

/// Adds what messages take, by who sends them and who gets them.
fn of_letters(app: &App, roots: &[&Root], subject: &[u8], ticket: &mut Ticket) {
    let rates = &app.settings.rates;
    if roots.is_empty() {
        return;
    }
    let sender = Charge::new(&[b"mail by", subject], &rates.mail_sender, roots.len());
    let addressed = roots.iter().copied().filter(|root| root.name != KNOWS_ITS_ADDRESS);
    let recipients = by_account(addressed);
    let recipients = recipients
        .iter()
        .map(|(address, units)| Charge::mail_to(address, rates, *units));
    ticket.letters = std::iter::once(sender).chain(recipients).collect();
    if roots.iter().all(|root| root.name == REGISTERS) {
        ticket.registrations = roots.iter().map(|root| Proof::of(root)).collect();
    }
}

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
/// instead; where none is left it stays what it cost, so that the two limits together hold. A network from which somebody
/// signed in is known to the account from now on.
pub async fn settle(app: &App, ticket: &Ticket, answer: &Answer) -> Result<()> {
    let outcomes: Vec<Outcome> = ticket.proofs.iter().map(|proof| outcome(answer, proof)).collect();
    let proved = ticket.proofs.iter().zip(&outcomes);
    let proved = proved.filter(|(_, outcome)| **outcome == Outcome::Proved);
    let mut marks: Vec<Key> = proved.filter_map(|(proof, _)| proof.mark).collect();
    marks.sort_unstable();
    marks.dedup();
    let mut back = Vec::new();
    if !ticket.charges.is_empty() && !outcomes.contains(&Outcome::Failed) {
        back.extend_from_slice(&ticket.charges);
    }
    let unsent = |proof: &Proof| outcome(answer, proof) == Outcome::Harmless;
    if !ticket.registrations.is_empty() && ticket.registrations.iter().all(unsent) {
        back.extend_from_slice(&ticket.letters);
    }
    if back.is_empty() && marks.is_empty() {
        return Ok(());
    }
    let mailed = outcomes.iter().filter(|outcome| **outcome == Outcome::Mailed).count();
    let now = app.clock.now().timestamp_micros();
    let tx = app.db.write().await?;
    if let Some(message) = ticket.message.filter(|_| mailed > 0) {
        let units = u32::try_from(mailed).unwrap_or(u32::MAX);
        if take(&tx, Charge { units, ..message }, now).await?.is_err() {
            return Ok(());
        }
    }
    give_back(&tx, &back).await?;
    keep_until(&tx, &marks, now.saturating_add(KNOWN_FOR)).await?;
    tx.commit().await.map_err(Error::from)
}

/// What a field has answered with: an object, such as a session, a word for what came of it, or true is a success. Lists
/// are of errors, and texts anybody can ask for. What only reads has found something when there is an object at all.
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

/// Whether these are errors about what was entered, each with its code, and none says that a proof was wrong. A code is the
/// one word of the schema in such an error, so a client can leave it out, but not put another one there.
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

pub fn busy(micros: i64) -> Error {
    Error::Busy(rate::seconds(micros))
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
