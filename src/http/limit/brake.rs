//! How guesses at one account are slowed: networks from which it signed in lately have buckets of their own, all others
//! share one, and wait for their turn at it.

use std::collections::BTreeMap;

use super::Origin;
use crate::app::App;
use crate::domain::rate::Rule;
use crate::error::{Error, Result};
use crate::store::Tx;
use crate::store::rate::line::{self, Place};
use crate::store::rate::{Charge, Key, full_at, take};

/// An account at which an operation tries something.
#[derive(Debug)]
pub struct Account {
    /// How often.
    pub units: usize,
    /// Whether it signed in from this network lately.
    pub is_known: bool,
    /// The bucket of this network at it.
    pair: Key,
    /// The bucket of all others.
    shared: Key,
    /// It, in the line.
    line: Key,
}

impl Account {
    /// The buckets from which a try at it may take.
    pub fn buckets(&self) -> impl Iterator<Item = Key> {
        self.is_known.then_some(self.pair).into_iter().chain([self.shared])
    }
}

/// The accounts that are named, and the caller itself for what names none.
pub async fn accounts(app: &App, named: &BTreeMap<&str, usize>, from: &Origin, now: i64) -> Result<Vec<Account>> {
    let marks: Vec<Key> = named
        .keys()
        .filter(|address| !address.is_empty())
        .map(|address| mark(app, address, &from.network))
        .collect();
    let known = full_at(app.db.read(), &marks).await?;
    let is_known = |mark| known.get(&mark).is_some_and(|until: &i64| *until > now);
    let account = |(address, units): (&&str, &usize)| {
        let name = if address.is_empty() {
            from.subject.as_slice()
        } else {
            address.as_bytes()
        };
        Account {
            units: *units,
            is_known: !address.is_empty() && is_known(mark(app, address, &from.network)),
            pair: Key::new(&[b"known", from.network.as_bytes(), name]),
            shared: Key::new(&[b"account", name]),
            line: keyed(app, &[b"account in line", name]),
        }
    };
    Ok(named.iter().map(account).collect())
}

/// What keeps in mind that an account signed in from a network.
pub fn mark(app: &App, address: &str, caller: &str) -> Key {
    keyed(app, &[b"signed in from", caller.as_bytes(), address.as_bytes()])
}

/// A digest under a key of ours: it stays for days, and nobody who reads the table shall try addresses on it.
fn keyed(app: &App, parts: &[&[u8]]) -> Key {
    Key::new(&[&app.fingerprints.of(parts)])
}

/// Takes what is tried at an account: from the bucket that the caller's network has there, if it is known, or else from
/// the one of all others, in turn. What was taken, or the microseconds after which to ask again.
pub async fn admit(
    app: &App,
    tx: &Tx,
    account: &Account,
    site: &str,
    now: i64,
) -> Result<std::result::Result<Charge, i64>> {
    let rates = &app.settings.rates;
    let units = u32::try_from(account.units).unwrap_or(u32::MAX);
    let charge = |key, rate| Charge {
        key,
        rule: Rule::new(rate),
        units,
    };
    if account.is_known {
        let pair = charge(account.pair, &rates.sign_in_known);
        if take(tx, pair, now).await?.is_ok() {
            return Ok(Ok(pair));
        }
    }
    let shared = charge(account.shared, &rates.sign_in_account);
    let place = place(app, account, site);
    let ahead = line::ahead(tx, place, now).await?;
    let stands = full_at(tx, &[shared.key]).await?.get(&shared.key).copied();
    if let Err(wait) = shared.rule.leaves(stands.unwrap_or(now), now, units, ahead) {
        return Ok(Err(wait));
    }
    let taken = take(tx, shared, now).await?;
    line::leave(tx, place).await?;
    Ok(taken.map(|()| shared))
}

/// Keeps a place in the line for who was not admitted.
pub async fn wait(app: &App, account: &Account, site: &str, now: i64) -> Result<()> {
    let tx = app.db.write().await?;
    line::wait(&tx, place(app, account, site), now).await?;
    tx.commit().await.map_err(Error::from)
}

fn place(app: &App, account: &Account, site: &str) -> Place {
    Place {
        account: account.line,
        network: keyed(app, &[b"network in line", site.as_bytes()]),
    }
}
