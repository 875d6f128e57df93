//! Rows of people: accounts that are made, and what is put right in those that are there.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::task::{Judged, Task};
use super::{gone, newcomers};
use crate::domain::id::{InstitutionId, PersonId, Subject};
use crate::domain::person::Snapshot;
use crate::domain::policy::Action;
use crate::domain::roster::{Kind, Outcome, PersonRow, RowFault, address_of, content_of};
use crate::domain::text::{Name, parse_time_zone};
use crate::error::{Error, Result};
use crate::store::person::Profile;
use crate::store::row::insert_all;
use crate::store::{Tx, audit, declaration, imported_row, person};

/// What a row of a person asks for, by what is stored.
pub(super) enum Verdict {
    /// There is no such account; what is stated of the person.
    Create(Box<Snapshot>),
    /// The account differs from what the row says.
    Update(Box<Update>),
    /// It is so, or was carried out before, which is noted already then.
    Unchanged { person: PersonId, is_noted: bool },
    /// It cannot be.
    Refused(Vec<RowFault>),
}

/// What differs.
pub(super) struct Update {
    known: person::Model,
    profile: Option<Profile>,
    declaration: Option<Snapshot>,
}

impl Verdict {
    pub(super) fn report(&self) -> Judged {
        match self {
            Self::Create(_) => (Outcome::Created, None, Vec::new()),
            Self::Update(_) => (Outcome::Updated, None, Vec::new()),
            Self::Unchanged { .. } => (Outcome::Unchanged, None, Vec::new()),
            Self::Refused(faults) => (Outcome::Refused, None, faults.clone()),
        }
    }
}

/// Compares rows with the accounts that are known; unless it is a `forecast`, those are held.
pub(super) async fn judge(
    task: &Task<'_>,
    tx: &Tx,
    mut known: HashMap<String, person::Model>,
    rows: &[&PersonRow],
    forecast: bool,
) -> Result<Vec<Verdict>> {
    let digests: Vec<Vec<u8>> = rows.iter().map(|row| address_of(row)).collect();
    let noted = imported_row::noted(tx, Kind::People, Uuid::nil(), &digests).await?;
    let moved = imported_row::moved(tx, &gone(rows, &noted, &known), !forecast).await?;
    known.extend(moved);
    let ids: Vec<PersonId> = known.values().map(|row| row.id).collect();
    let mut met = HashSet::new();
    let current = declaration::current(tx, &ids).await?;
    let declared: HashMap<PersonId, declaration::Model> = current.into_iter().map(|row| (row.person_id, row)).collect();
    let mut verdicts = Vec::with_capacity(rows.len());
    for row in rows {
        let institution = match task.register.find(row) {
            Ok(institution) => institution,
            Err(fault) => {
                verdicts.push(Verdict::Refused(vec![fault]));
                continue;
            }
        };
        let Some(account) = known.remove(row.email.as_ref()) else {
            let snapshot = task.register.stated(row, institution, task.order.language);
            verdicts.push(Verdict::Create(Box::new(snapshot)));
            continue;
        };
        let person = account.id;
        let before = noted.get(&address_of(row));
        if !met.insert(person) || before.is_some_and(|before| before.content == content_of(row)) {
            verdicts.push(Verdict::Unchanged { person, is_noted: true });
            continue;
        }
        let profile = profile_of(row, &account)?;
        let declaration = declaration_of(task, row, institution, declared.get(&person))?;
        verdicts.push(if profile.is_none() && declaration.is_none() {
            Verdict::Unchanged {
                person,
                is_noted: false,
            }
        } else {
            Verdict::Update(Box::new(Update {
                known: account,
                profile,
                declaration,
            }))
        });
    }
    Ok(verdicts)
}

/// The profile as the row has it; `None` when it is so already. What the row does not say stays.
fn profile_of(row: &PersonRow, known: &person::Model) -> Result<Option<Profile>> {
    let stored = |text: &str| Name::parse(text).map_err(|_| Error::internal("a stored name is none"));
    let zone = || parse_time_zone(&known.time_zone).map_err(|_| Error::internal("a stored time zone is unknown"));
    let profile = Profile {
        given_name: row.given_name.clone().map_or_else(|| stored(&known.given_name), Ok)?,
        family_name: row.family_name.clone().map_or_else(|| stored(&known.family_name), Ok)?,
        language: row.language.unwrap_or(known.language),
        time_zone: row.time_zone.map_or_else(zone, Ok)?,
    };
    let is_so = profile.given_name.as_ref() == known.given_name
        && profile.family_name.as_ref() == known.family_name
        && profile.language == known.language
        && profile.time_zone.name() == known.time_zone;
    Ok((!is_so).then_some(profile))
}

/// The statement as the row has it; `None` when it is so already, or the row states nothing.
fn declaration_of(
    task: &Task<'_>,
    row: &PersonRow,
    institution: Option<InstitutionId>,
    known: Option<&declaration::Model>,
) -> Result<Option<Snapshot>> {
    let language = task.order.language;
    let before = known.map(|known| -> Result<Snapshot> {
        Ok(Snapshot {
            gender: known.gender,
            country: known.stated_country()?,
            institution: known.institution_id,
            institution_kind: task.register.kind(known.institution_id),
            constituent_group: known.constituent_group,
            language,
        })
    });
    Ok(task
        .register
        .restated(row, institution, before.transpose()?.as_ref(), language))
}

/// Carries rows out, as they were judged. The caller holds the accounts, and the register where some have none.
pub(super) async fn write(task: &Task<'_>, tx: &Tx, rows: &[&PersonRow], verdicts: Vec<Verdict>) -> Result<()> {
    let mut new = Vec::new();
    let mut notes: Vec<(PersonId, &PersonRow)> = Vec::new();
    let mut subjects: Vec<Subject> = Vec::new();
    let mut profiles = Vec::new();
    let mut declarations = Vec::new();
    for (row, verdict) in rows.iter().zip(verdicts) {
        match verdict {
            Verdict::Create(snapshot) => new.push((*row, snapshot)),
            Verdict::Update(update) => {
                let Update {
                    known,
                    profile,
                    declaration,
                } = *update;
                profiles.extend(profile.map(|profile| (known.id, profile)));
                declarations.extend(declaration.map(|snapshot| newcomers::declaration(task, known.id, &snapshot)));
                subjects.push(known.id.into());
                notes.push((known.id, *row));
            }
            Verdict::Unchanged {
                person,
                is_noted: false,
            } => notes.push((person, *row)),
            Verdict::Unchanged { is_noted: true, .. } | Verdict::Refused(_) => {}
        }
    }
    person::set_profiles(tx, &profiles).await?;
    insert_all(tx, declarations).await?;
    let new: Vec<_> = new.iter().map(|(row, snapshot)| (*row, &**snapshot)).collect();
    let made = newcomers::make(task, tx, &new, chrono_tz::UTC).await?;
    subjects.extend(made.iter().map(|(person, _)| Subject::from(*person)));
    notes.extend(
        made.iter()
            .map(|(person, _)| *person)
            .zip(new.iter().map(|(row, _)| *row)),
    );
    let now = task.app.clock.now();
    let said = notes.into_iter().map(|(person_id, row)| imported_row::Model {
        kind: Kind::People,
        scope_id: Uuid::nil(),
        address: address_of(row),
        person_id,
        content: content_of(row),
        imported_at: now,
    });
    imported_row::note(tx, said.collect()).await?;
    let why = Some(task.source.as_str());
    audit::record(
        tx,
        &task.app.clock,
        task.actor.person,
        Action::ImportRecords,
        &subjects,
        why,
    )
    .await
}
