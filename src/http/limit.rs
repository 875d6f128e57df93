//! What an operation takes from the buckets of its caller before it runs, root field by root field, and what a file
//! does. What comes back afterwards is `settle`'s.

use std::net::IpAddr;

use async_graphql::Request as Operation;

pub use self::roots::fields;
use self::roots::{Root, by_account, roots};
pub use self::settle::settle;
use super::address;
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::id::PersonId;
use crate::domain::rate::{self, Class};
use crate::error::{Error, Result};
use crate::store::rate::{Charge, Key, full_at, hold, take};

mod brake;
mod roots;
mod settle;

/// What sends to addresses that it does not name: `service::invitation::spend_message` takes from their buckets.
const KNOW_THEIR_ADDRESS: [&str; 3] = ["resendInvitation", "endorseNomination", "importNominations"];

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
    if !app.settings.rates.enabled {
        return Ok(Ticket::default());
    }
    let now = app.clock.now().timestamp_micros();
    let (roots, from) = (roots(operation), Origin::of(actor, caller));
    if let Some(charge) = ordinary(app, Some(actor), &from.network, roots.len().max(1)) {
        app.rates.take(charge, now).map_err(busy)?;
    }
    let asked = Asked::of(&roots);
    if asked.is_ordinary() {
        return Ok(Ticket::default());
    }
    let accounts = brake::accounts(app, &by_account(asked.proofs.iter().copied()), &from, now).await?;
    let strange = accounts.iter().filter(|account| !account.is_known);
    let mut ticket = of_proofs(app, &asked.proofs, &from, strange.map(|account| account.units).sum());
    of_letters(app, &asked.letters, &from, &mut ticket);
    let mut firm = [ticket.charges.as_slice(), &ticket.letters].concat();
    firm.extend(of_invitations(app, &asked.invitations, &from));
    look(app, &firm, now).await?;
    let taken = take_all(app, &firm, &accounts, &from, now).await?;
    ticket.charges.extend(taken);
    Ok(ticket)
}

/// Takes all that an operation costs, or nothing: what is firm, and what is tried at accounts, which is answered.
/// Whoever is refused at an account keeps a place in its line.
async fn take_all(
    app: &App,
    firm: &[Charge],
    accounts: &[brake::Account],
    from: &Origin,
    now: i64,
) -> Result<Vec<Charge>> {
    let tx = app.db.write().await?;
    let keys = firm.iter().map(|charge| charge.key);
    hold(&tx, keys.chain(accounts.iter().flat_map(brake::Account::buckets)), now).await?;
    for charge in firm {
        take(&tx, *charge, now).await?.map_err(busy)?;
    }
    let mut taken = Vec::with_capacity(accounts.len());
    for account in accounts {
        match brake::admit(app, &tx, account, &from.site, now).await? {
            Ok(charge) => taken.push(charge),
            Err(wait) => {
                // Nothing was taken, but the place in the line stays.
                drop(tx);
                brake::wait(app, account, &from.site, now).await?;
                return Err(busy(wait));
            }
        }
    }
    tx.commit().await?;
    Ok(taken)
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
struct Origin {
    network: String,
    /// The network around it.
    site: String,
    /// Whether that is one of IPv6, which is as much as one caller can have.
    is_wide: bool,
    /// The person, or the network of who has not signed in.
    subject: Vec<u8>,
}

impl Origin {
    fn of(actor: &Actor, caller: IpAddr) -> Self {
        let network = address::network(caller).to_string();
        let person = actor.person.map(|person| person.0.as_bytes().to_vec());
        Self {
            subject: person.unwrap_or_else(|| network.clone().into_bytes()),
            network,
            site: address::site(caller).to_string(),
            is_wide: caller.to_canonical().is_ipv6(),
        }
    }
}

/// The root fields that are more than ordinary, by their class.
struct Asked<'a> {
    proofs: Vec<&'a Root>,
    letters: Vec<&'a Root>,
    invitations: Vec<&'a Root>,
}

impl<'a> Asked<'a> {
    fn of(roots: &'a [Root]) -> Self {
        let of = |class| {
            roots
                .iter()
                .filter(|root| Class::of(&root.name) == Some(class))
                .collect()
        };
        Self {
            proofs: of(Class::SignIn),
            letters: of(Class::Mail),
            invitations: of(Class::Invite),
        }
    }

    fn is_ordinary(&self) -> bool {
        self.proofs.is_empty() && self.letters.is_empty() && self.invitations.is_empty()
    }
}

/// What proofs of identity take by network, `strange` of them at accounts that do not know it.
fn of_proofs(app: &App, roots: &[&Root], from: &Origin, strange: usize) -> Ticket {
    let rates = &app.settings.rates;
    if roots.is_empty() {
        return Ticket::default();
    }
    let mut charges = vec![Charge::new(
        &[b"sign in", from.network.as_bytes()],
        &rates.sign_in_address,
        roots.len(),
    )];
    if from.is_wide && strange > 0 {
        let parts: [&[u8]; 2] = [b"sign in site", from.site.as_bytes()];
        charges.push(Charge::new(&parts, &rates.sign_in_network, strange));
    }
    let mark = |root: &Root| {
        let address = root.address.as_deref().filter(|_| root.name == SIGNS_IN)?;
        Some(brake::mark(app, address, &from.network))
    };
    let proof = |root: &&Root| Proof {
        mark: mark(root),
        ..Proof::of(root)
    };
    Ticket {
        charges,
        proofs: roots.iter().map(proof).collect(),
        message: Some(Charge::new(&[b"mail by", &from.subject], &rates.mail_sender, 1)),
        ..Ticket::default()
    }
}

/// Adds what messages take, by who sends them and who gets them.
fn of_letters(app: &App, roots: &[&Root], from: &Origin, ticket: &mut Ticket) {
    let rates = &app.settings.rates;
    if roots.is_empty() {
        return;
    }
    let sender = Charge::new(&[b"mail by", &from.subject], &rates.mail_sender, roots.len());
    let recipients = by_account(roots.iter().copied());
    let recipients = recipients
        .iter()
        .map(|(address, units)| Charge::mail_to(address, rates, *units));
    ticket.letters = std::iter::once(sender).chain(recipients).collect();
    if roots.iter().all(|root| root.name == REGISTERS) {
        ticket.registrations = roots.iter().map(|root| Proof::of(root)).collect();
    }
}

/// What invitations take, by who sends them and who gets them.
fn of_invitations(app: &App, roots: &[&Root], from: &Origin) -> Vec<Charge> {
    let rates = &app.settings.rates;
    if roots.is_empty() {
        return Vec::new();
    }
    let sender = Charge::new(&[b"invite by", &from.subject], &rates.invitation_sender, roots.len());
    let names_it = |root: &&Root| !KNOW_THEIR_ADDRESS.contains(&root.name.as_str());
    let recipients = by_account(roots.iter().copied().filter(names_it));
    let recipients = recipients
        .iter()
        .map(|(address, units)| Charge::mail_to(address, rates, *units));
    std::iter::once(sender).chain(recipients).collect()
}

/// Too much was asked for: the refusal that says when to come again.
pub fn busy(micros: i64) -> Error {
    Error::Busy(rate::seconds(micros))
}
