//! Accounts that come into being by a file: without a password, which their owners set by resetting it.

use chrono_tz::Tz;

use super::task::Task;
use crate::domain::id::{DeclarationId, PersonId};
use crate::domain::person::Snapshot;
use crate::domain::roster::PersonRow;
use crate::domain::text::Name;
use crate::error::Result;
use crate::store::row::insert_all;
use crate::store::{Tx, declaration, person};

/// The statement that a snapshot is.
pub(super) fn declaration(task: &Task<'_>, person: PersonId, snapshot: &Snapshot) -> declaration::Model {
    declaration::Model {
        id: DeclarationId(task.app.clock.new_id()),
        person_id: person,
        stated_at: task.app.clock.now(),
        gender: snapshot.gender,
        country: snapshot.country.as_ref().map(|country| country.as_ref().to_owned()),
        institution_id: snapshot.institution,
        constituent_group: snapshot.constituent_group,
    }
}

fn text(name: Option<&Name>) -> String {
    name.map(ToString::to_string).unwrap_or_default()
}

/// Makes the accounts of these rows, with what they declare; gives each one's identifier and dense number. The caller
/// holds the register of people.
pub(super) async fn make(
    task: &Task<'_>,
    tx: &Tx,
    rows: &[(&PersonRow, &Snapshot)],
    zone: Tz,
) -> Result<Vec<(PersonId, i64)>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let first = person::reserve_numbers(tx, rows.len()).await?;
    let mut people = Vec::with_capacity(rows.len());
    let mut declarations = Vec::with_capacity(rows.len());
    let mut made = Vec::with_capacity(rows.len());
    for ((row, snapshot), number) in rows.iter().zip(first..) {
        let id = PersonId(task.app.clock.new_id());
        people.push(person::Model {
            id,
            number,
            email: row.email.to_string(),
            given_name: text(row.given_name.as_ref()),
            family_name: text(row.family_name.as_ref()),
            language: snapshot.language,
            time_zone: row.time_zone.unwrap_or(zone).name().to_owned(),
            password_hash: None,
            email_confirmed_at: None,
            disabled_at: None,
            created_at: task.app.clock.now(),
            version: 1,
        });
        declarations.push(declaration(task, id, snapshot));
        made.push((id, number));
    }
    insert_all(tx, people).await?;
    insert_all(tx, declarations).await?;
    Ok(made)
}
