//! What a table of nominations may still send: by who brings it in, and by each address.

use crate::app::App;
use crate::domain::id::PersonId;
use crate::domain::rate::seconds;
use crate::error::{Error, Result};
use crate::service::invitation::spend_message;
use crate::store::Tx;
use crate::store::rate::{Charge, Key, full_at, hold, take};

/// The messages of a transaction that names people.
pub(super) struct Purse<'a> {
    app: &'a App,
    tx: &'a Tx,
    /// One message of who brings the table in.
    one: Charge,
    /// When their bucket is full, after what was spent.
    full_at: i64,
    now: i64,
    spent: u32,
}

impl<'a> Purse<'a> {
    /// Holds the buckets from which messages to these addresses are taken, so that two who write to many never wait for
    /// each other; `None` where nothing is limited.
    pub(super) async fn open(app: &'a App, tx: &'a Tx, by: PersonId, emails: &[&str]) -> Result<Option<Self>> {
        let rates = &app.settings.rates;
        if !rates.enabled || emails.is_empty() {
            return Ok(None);
        }
        let now = app.clock.now().timestamp_micros();
        let one = Charge::new(&[b"nominate by table", by.0.as_bytes()], &rates.nomination_sender, 1);
        let mut keys: Vec<Key> = emails
            .iter()
            .map(|email| Charge::mail_to(email, rates, 1).key)
            .collect();
        keys.push(one.key);
        hold(tx, keys, now).await?;
        let known = full_at(tx, &[one.key]).await?;
        Ok(Some(Self {
            app,
            tx,
            one,
            full_at: known.get(&one.key).copied().unwrap_or(now),
            now,
            spent: 0,
        }))
    }

    /// Takes a message to an address.
    ///
    /// # Errors
    /// [`Error::Busy`] when who brings the table in, or the address, has none left; nothing was taken then.
    pub(super) async fn spend(&mut self, email: &str) -> Result<()> {
        let after = self.one.rule.take(self.full_at, self.now, 1);
        let after = after.map_err(|micros| Error::Busy(seconds(micros)))?;
        spend_message(self.app, self.tx, email).await?;
        self.full_at = after;
        self.spent += 1;
        Ok(())
    }

    /// Takes from the bucket of who brings the table in what was spent.
    pub(super) async fn close(self) -> Result<()> {
        if self.spent == 0 {
            return Ok(());
        }
        let all = Charge {
            units: self.spent,
            ..self.one
        };
        // There is as much: it is held since it was looked at.
        let taken = take(self.tx, all, self.now).await?;
        taken.map_err(|micros| Error::Busy(seconds(micros)))
    }
}
