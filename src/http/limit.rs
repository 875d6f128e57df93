//! What an operation takes from the buckets of its caller before it runs, root field by root field, and what a file does.

use std::collections::BTreeMap;
use std::net::IpAddr;

use async_graphql::parser::types::{
    ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet,
};
use async_graphql::{PathSegment, Request as Operation, Response as Answer, ServerError, Value as Constant, Variables};
use async_graphql_value::Value;

use super::address;
use crate::api::error::code_of;
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::id::PersonId;
use crate::domain::rate::{self, Class};
use crate::domain::text::Email;
use crate::error::{Error, Result};
use crate::store::rate::{Charge, Key, full_at, give_back, take};

/// What sends to an address that it does not name: `service::invitation::send_again` takes from that one's bucket.
const KNOWS_ITS_ADDRESS: &str = "resendInvitation";

/// What was taken and comes back when no proof of identity in the operation failed.
#[derive(Debug, Default)]
pub struct Ticket {
    charges: Vec<Charge>,
    proofs: Vec<Proof>,
    /// One message of this caller's.
    message: Option<Charge>,
}

/// A root field that proves something.
#[derive(Debug)]
struct Proof {
    answered_as: String,
    /// Whether it is a query, which answers with what it found and nothing else.
    reads: bool,
}

impl Proof {
    fn of(root: &Root) -> Self {
        Self {
            answered_as: root.answered_as.clone(),
            reads: root.reads,
        }
    }
}

/// What matters of a root field.
#[derive(Debug, PartialEq, Eq)]
struct Root {
    name: String,
    answered_as: String,
    address: Option<String>,
    reads: bool,
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
    let mut firm = Vec::new();
    if proofs > 0 {
        firm.push(Charge::new(
            &[b"sign in", caller.as_bytes()],
            &rates.sign_in_address,
            proofs,
        ));
    }
    if mails > 0 {
        firm.push(Charge::new(&[b"mail by", subject], &rates.mail_sender, mails));
    }
    if invitations > 0 {
        let charge = Charge::new(&[b"invite by", subject], &rates.invitation_sender, invitations);
        firm.push(charge);
    }
    let named = of(Class::Mail).chain(of(Class::Invite));
    for (address, units) in by_account(named.filter(|root| root.name != KNOWS_ITS_ADDRESS)) {
        firm.push(Charge::mail_to(address, rates, units));
    }
    look(app, &firm, now).await?;
    let tx = app.db.write().await?;
    for charge in &firm {
        take(&tx, *charge, now).await?.map_err(busy)?;
    }
    let mut ticket = Ticket::default();
    if proofs > 0 {
        ticket.charges.extend(firm.first());
        ticket.proofs = of(Class::SignIn).map(Proof::of).collect();
        ticket.message = Some(Charge::new(&[b"mail by", subject], &rates.mail_sender, 1));
    }
    for (account, units) in by_account(of(Class::SignIn)) {
        let account = if account.is_empty() {
            subject
        } else {
            account.as_bytes()
        };
        let pair = Charge::new(&[b"known", caller.as_bytes(), account], &rates.sign_in_known, units);
        let fresh = take(&tx, pair, now).await?.is_ok();
        let class: &[u8] = if fresh { b"account" } else { b"account again" };
        let whole = Charge::new(&[class, account], &rates.sign_in_account, units);
        take(&tx, whole, now).await?.map_err(busy)?;
        ticket.charges.extend(fresh.then_some(pair));
        ticket.charges.push(whole);
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

/// What came of a proof of identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It proved something, or nobody could look at it.
    Harmless,
    /// It made a message, which costs what a message costs.
    Mailed,
    /// It may have been a guess.
    Failed,
}

/// Gives back what proofs of identity took, if none of them failed. One that made a message costs its caller a message
/// instead; where none is left it stays what it cost, so that the two limits together hold.
pub async fn settle(app: &App, ticket: &Ticket, answer: &Answer) -> Result<()> {
    let outcomes: Vec<Outcome> = ticket.proofs.iter().map(|proof| outcome(answer, proof)).collect();
    if ticket.charges.is_empty() || outcomes.contains(&Outcome::Failed) {
        return Ok(());
    }
    let mailed = outcomes.iter().filter(|outcome| **outcome == Outcome::Mailed).count();
    let tx = app.db.write().await?;
    if let Some(message) = ticket.message.filter(|_| mailed > 0) {
        let units = u32::try_from(mailed).unwrap_or(u32::MAX);
        let now = app.clock.now().timestamp_micros();
        if take(&tx, Charge { units, ..message }, now).await?.is_err() {
            return Ok(());
        }
    }
    give_back(&tx, &ticket.charges).await?;
    tx.commit().await.map_err(Error::from)
}

/// What a field has answered with: an object, such as a session, a word for what came of it, or true is a success. Lists
/// are of errors, and texts anybody can ask for. What only reads has found something when there is an object at all.
fn outcome(answer: &Answer, proof: &Proof) -> Outcome {
    let field = proof.answered_as.as_str();
    if answer.errors.iter().any(|error| is_of_provider(error, field)) {
        return Outcome::Harmless;
    }
    let Constant::Object(data) = &answer.data else {
        return Outcome::Failed;
    };
    let Some(Constant::Object(payload)) = data.get(field) else {
        return Outcome::Failed;
    };
    if proof.reads {
        return Outcome::Harmless;
    }
    let holds = |fits: fn(&Constant) -> bool| payload.values().any(fits);
    if holds(|value| matches!(value, Constant::Enum(word) if word == "CONFIRM_BY_MAIL")) {
        Outcome::Mailed
    } else if holds(|value| matches!(value, Constant::Object(_) | Constant::Enum(_) | Constant::Boolean(true))) {
        Outcome::Harmless
    } else {
        Outcome::Failed
    }
}

/// Whether a field failed because an identity provider did.
fn is_of_provider(error: &ServerError, field: &str) -> bool {
    let at = matches!(error.path.first(), Some(PathSegment::Field(name)) if name == field);
    at && code_of(error) == Some("PROVIDER_UNAVAILABLE")
}

/// The refusal of who has to wait so long.
pub fn busy(micros: i64) -> Error {
    Error::Busy(rate::seconds(micros))
}

/// How many fields there are for each address that they name, in order.
fn by_account<'a>(roots: impl Iterator<Item = &'a Root>) -> BTreeMap<&'a str, usize> {
    let mut all = BTreeMap::new();
    for root in roots {
        *all.entry(root.address.as_deref().unwrap_or_default()).or_default() += 1;
    }
    all
}

/// The names of the root fields that an operation runs, those in fragments included.
pub fn fields(operation: &mut Operation) -> Vec<String> {
    roots(operation).into_iter().map(|root| root.name).collect()
}

/// The root fields that an operation runs, those in fragments included.
fn roots(operation: &mut Operation) -> Vec<Root> {
    let name = operation.operation_name.clone();
    let variables = operation.variables.clone();
    let Ok(document) = operation.parsed_query() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (this, definition) in document.operations.iter() {
        let definition: &OperationDefinition = &definition.node;
        if name
            .as_deref()
            .is_none_or(|name| this.is_none_or(|this| this.as_str() == name))
        {
            let begin = found.len();
            let given = Given {
                definition,
                variables: &variables,
            };
            gather(document, &definition.selection_set.node, &given, &mut found);
            for root in &mut found[begin..] {
                root.reads = definition.ty == OperationType::Query;
            }
        }
    }
    found
}

/// The variables of one operation.
struct Given<'a> {
    definition: &'a OperationDefinition,
    variables: &'a Variables,
}

impl Given<'_> {
    /// What a variable is when the operation runs: what came with the request, or else its default.
    fn get(&self, name: &str) -> Option<&Constant> {
        self.variables.get(name).or_else(|| {
            let mut defined = self.definition.variable_definitions.iter();
            let found = defined.find(|variable| variable.node.name.node == name)?;
            found.node.default_value.as_ref().map(|value| &value.node)
        })
    }
}

fn gather(document: &ExecutableDocument, set: &SelectionSet, given: &Given<'_>, found: &mut Vec<Root>) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => found.push(root(&field.node, given)),
            Selection::InlineFragment(fragment) => {
                gather(document, &fragment.node.selection_set.node, given, found);
            }
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = document.fragments.get(&spread.node.fragment_name.node) {
                    gather(document, &fragment.node.selection_set.node, given, found);
                }
            }
        }
    }
}

fn root(field: &Field, given: &Given<'_>) -> Root {
    let name = field.name.node.to_string();
    Root {
        answered_as: field.response_key().node.to_string(),
        // Few fields are worth the look.
        address: Class::of(&name).and_then(|_| named_address(field, given)),
        reads: false,
        name,
    }
}

/// The address that a field's input names, as accounts are kept.
fn named_address(field: &Field, given: &Given<'_>) -> Option<String> {
    let text = match &field.get_argument("input")?.node {
        Value::Variable(name) => match given.get(name)? {
            Constant::Object(input) => text(input.get("email")?)?,
            _ => return None,
        },
        Value::Object(input) => match input.get("email")? {
            Value::Variable(name) => text(given.get(name)?)?,
            Value::String(text) => text.clone(),
            _ => return None,
        },
        _ => return None,
    };
    Some(Email::parse(&text).map_or_else(|_| text.trim().to_lowercase(), |email| email.to_string()))
}

fn text(value: &Constant) -> Option<String> {
    match value {
        Constant::String(text) => Some(text.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::Name;
    use serde_json::json;

    use super::*;

    fn found(document: &str, variables: serde_json::Value) -> Vec<(String, String)> {
        let mut operation = Operation::new(document).variables(Variables::from_json(variables));
        let write = |root: Root| {
            (
                format!("{}:{}", root.answered_as, root.name),
                root.address.unwrap_or_default(),
            )
        };
        roots(&mut operation).into_iter().map(write).collect()
    }

    #[test]
    fn root_fields_are_found_wherever_they_stand() {
        let pair = |name: &str, address: &str| (name.to_owned(), address.to_owned());
        let document = "mutation ($i: SignInInput!, $e: String!) {
            a: signIn(input: {email: \"Ana@Example.org\", password: \"x\"}) { session { accessToken } }
            b: signIn(input: $i) { session { accessToken } }
            ... on Mutation { c: signIn(input: {email: $e, password: \"x\"}) { session { accessToken } } }
            ...F
        } fragment F on Mutation { signOut { signedOut } }";
        assert_eq!(
            found(
                document,
                json!({ "i": { "email": "bea@example.org" }, "e": " EVA@example.org " })
            ),
            [
                pair("a:signIn", "ana@example.org"),
                pair("b:signIn", "bea@example.org"),
                pair("c:signIn", "eva@example.org"),
                pair("signOut:signOut", ""),
            ]
        );
    }

    #[test]
    fn a_variable_that_is_not_given_has_its_default() {
        let whole = "mutation A($i: RequestPasswordResetInput! = {email: \"Ana@example.org\"}) {
            requestPasswordReset(input: $i) { accepted } }";
        let part = "mutation ($e: String! = \"Ana@example.org\") { ...F }
            fragment F on Mutation { requestPasswordReset(input: {email: $e}) { accepted } }";
        let pair = |address: &str| {
            (
                "requestPasswordReset:requestPasswordReset".to_owned(),
                address.to_owned(),
            )
        };
        assert_eq!(found(whole, json!({})), [pair("ana@example.org")]);
        assert_eq!(found(part, json!({})), [pair("ana@example.org")]);
        // What is given counts, also where it is nothing.
        let given = json!({ "i": { "email": "bea@example.org" }, "e": null });
        assert_eq!(found(whole, given.clone()), [pair("bea@example.org")]);
        assert_eq!(found(part, given), [pair("")]);
    }

    #[test]
    fn only_a_session_or_a_yes_is_a_success() {
        let proof = |reads| Proof {
            answered_as: "a".to_owned(),
            reads,
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
        assert_eq!(word("SECOND_FACTOR"), Outcome::Harmless);
        assert_eq!(word("CONFIRM_BY_MAIL"), Outcome::Mailed);
        let session = json!({ "a": { "session": { "accessToken": "x" } } });
        assert_eq!(outcome(session), Outcome::Harmless);
        let yes = json!({ "a": { "changed": true, "userErrors": [] } });
        assert_eq!(outcome(yes), Outcome::Harmless);
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
}
