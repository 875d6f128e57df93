//! Names that stand in one row of somebody, and are blank in the others.

use std::collections::HashMap;

use super::{EnrolmentRow, Entry};
use crate::domain::text::{Email, Name};

/// Gives rows without names those of the first row of the same address that has both. Somebody who comes into several
/// editions has a row for each, and any of them may be carried out first.
pub(super) fn share(entries: &mut [Entry<EnrolmentRow>]) {
    let mut said: HashMap<Email, (Name, Name)> = HashMap::new();
    for row in entries.iter().filter_map(|entry| entry.row.as_ref().ok()) {
        let person = &row.person;
        if let (Some(given), Some(family)) = (&person.given_name, &person.family_name) {
            said.entry(person.email.clone())
                .or_insert_with(|| (given.clone(), family.clone()));
        }
    }
    for row in entries.iter_mut().filter_map(|entry| entry.row.as_mut().ok()) {
        let person = &mut row.person;
        let Some((given, family)) = said.get(&person.email) else {
            continue;
        };
        if person.given_name.is_none() {
            person.given_name = Some(given.clone());
        }
        if person.family_name.is_none() {
            person.family_name = Some(family.clone());
        }
    }
}
