//! Rows of enrolments in one edition: the coordinator's decision to take somebody in, by the rule of a person's own
//! application. Who finds no seat waits; who has applied is decided on; who left is not brought back.

use std::collections::{HashMap, HashSet};

use super::task::{Judged, Task};
use super::{addresses, gone};
use crate::domain::actor::Actor;
use crate::domain::edition::EnrolmentPolicy;
use crate::domain::enrolment::{Admission, EnrolmentState};
use crate::domain::id::{EditionId, InstitutionId, PersonId};
use crate::domain::language::Language;
use crate::domain::person::Snapshot;
use crate::domain::policy::{Action, may};
use crate::domain::roster::{EnrolmentRow, Kind, Outcome, PersonRow, RowFault, address_of, content_of};
use crate::domain::seats::{Arrivals, Ledger, Origin, Seat};
use crate::error::{Code, Flaw, Result};
use crate::service::account::is_pending;
use crate::store::person::Profile;
use crate::store::{Tx, edition, enrolment, imported_row, person, relation, snapshot, waiting};

/// An edition and its seats, as they are once the rows before are carried out.
pub(super) struct Standing {
    /// By whose sight people are judged.
    actor: Actor,
    edition: edition::Model,
    arrivals: Arrivals,
    /// Those whom a row named already: two addresses may lead to one person.
    met: HashSet<PersonId>,
}

impl Standing {
    pub(super) async fn read(tx: &Tx, actor: Actor, edition: edition::Model, ledger: Ledger) -> Result<Self> {
        let waiting = waiting::alike(tx, edition.id, &ledger).await?;
        Ok(Self {
            actor,
            arrivals: Arrivals::new(ledger, waiting.iter().map(waiting::Alike::origin)),
            edition,
            met: HashSet::new(),
        })
    }

    /// Where somebody comes who is taken in now, and on which seat; who comes next finds it so.
    fn take(
        &mut self,
        who: Origin<'_>,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<(EnrolmentState, Option<Seat>), Code> {
        let row = &self.edition;
        let seat = match row.policy {
            EnrolmentPolicy::Open => self.arrivals.seat_for(who),
            // Whom a coordinator lets wait beside free seats goes on waiting: it keeps nobody else out.
            EnrolmentPolicy::Approval => self.arrivals.free_for(who),
        };
        let admission = Admission {
            state: row.state,
            // The coordinator has decided: nobody waits for approval.
            policy: EnrolmentPolicy::Open,
            room: seat.is_some(),
            window_open: (row.enrols_from..=row.enrols_until).contains(&now),
        };
        let state = admission.admit().map_err(Code::from)?;
        match seat {
            Some(seat) => self.arrivals.take(seat),
            None => self.arrivals.wait(who),
        }
        Ok((state, seat))
    }
}

/// What a row of an enrolment asks for, by what is stored.
pub(super) enum Verdict {
    /// Somebody comes in.
    Create(Box<Entry>),
    /// An application is decided on.
    Decide {
        row: Box<enrolment::Model>,
        to: EnrolmentState,
    },
    /// It is so, or was carried out before, which is noted already then.
    Unchanged { person: PersonId, is_noted: bool },
    /// It cannot be.
    Refused(Vec<RowFault>),
}

/// How somebody comes in.
pub(super) struct Entry {
    pub(super) state: EnrolmentState,
    /// Their seat, where they have one.
    pub(super) seat: Option<Seat>,
    /// What is frozen in the enrolment.
    pub(super) snapshot: Snapshot,
    pub(super) account: Option<Account>,
}

/// The account of somebody who comes in.
pub(super) struct Account {
    pub(super) id: PersonId,
    pub(super) number: i64,
    /// Whether the actor sees it.
    pub(super) is_seen: bool,
    /// What the row says of its owner, where the account is a registration that nobody ever confirmed.
    pub(super) profile: Option<Profile>,
}

impl Verdict {
    pub(super) fn report(&self) -> Judged {
        match self {
            Self::Create(entry) => (Outcome::Created, Some(entry.state), Vec::new()),
            Self::Decide { to, .. } => (Outcome::Updated, Some(*to), Vec::new()),
            Self::Unchanged { .. } => (Outcome::Unchanged, None, Vec::new()),
            Self::Refused(faults) => (Outcome::Refused, None, faults.clone()),
        }
    }

    /// Whether somebody comes in who has no account.
    pub(super) fn makes_account(&self) -> bool {
        matches!(self, Self::Create(entry) if entry.account.is_none())
    }

    fn refused(column: &str, flaw: impl Into<Flaw>) -> Self {
        Self::Refused(vec![RowFault::at(column, flaw)])
    }
}

/// What is stored of the people of some rows.
struct Known {
    accounts: HashMap<String, person::Model>,
    /// Those whom the actor sees.
    seen: HashSet<PersonId>,
    /// Those who registered and never confirmed: their names may be a stranger's.
    pending: HashSet<PersonId>,
    enrolments: HashMap<PersonId, Vec<enrolment::Model>>,
    candidates: HashMap<PersonId, snapshot::Candidate>,
    /// What was carried out before, by the digest of the address.
    noted: HashMap<Vec<u8>, imported_row::Model>,
}

impl Known {
    /// A `forecast` knows nothing of what people declared whom the actor does not see: they are judged by their rows
    /// alone.
    async fn read(actor: &Actor, tx: &Tx, edition: EditionId, rows: &[&EnrolmentRow], forecast: bool) -> Result<Self> {
        let people: Vec<&PersonRow> = rows.iter().map(|row| &row.person).collect();
        let mut accounts = person::by_emails(tx, &addresses(&people)).await?;
        let digests: Vec<Vec<u8>> = people.iter().map(|row| address_of(row)).collect();
        let noted = imported_row::noted(tx, Kind::Enrolments, edition.0, &digests).await?;
        let moved = imported_row::moved(tx, &gone(&people, &noted, &accounts), false).await?;
        accounts.extend(moved);
        let ids: Vec<PersonId> = accounts.values().map(|row| row.id).collect();
        let unconfirmed = accounts.values().filter(|row| is_pending(row));
        let unconfirmed: Vec<PersonId> = unconfirmed.map(|row| row.id).collect();
        let relations = relation::of_people(tx, actor, &ids).await?;
        let seen = relations
            .into_iter()
            .filter(|(_, relation)| may(actor, Action::SeeEmail, *relation));
        let seen: HashSet<PersonId> = seen.map(|(id, _)| id).collect();
        let mut candidates = snapshot::candidates(tx, &ids).await?;
        candidates.retain(|id, _| !forecast || seen.contains(id));
        Ok(Self {
            seen,
            pending: person::bare_among(tx, &unconfirmed).await?,
            enrolments: enrolment::of_people_in(tx, &ids, edition).await?,
            candidates,
            noted,
            accounts,
        })
    }
}

/// Compares rows with what is stored, one after the other; a `forecast` tells of nobody whom the actor does not see
/// what they declared.
pub(super) async fn judge(
    task: &Task<'_>,
    tx: &Tx,
    edition: EditionId,
    standing: &mut Standing,
    rows: &[&EnrolmentRow],
    forecast: bool,
) -> Result<Vec<Verdict>> {
    let mut known = Known::read(&standing.actor, tx, edition, rows, forecast).await?;
    Ok(rows
        .iter()
        .map(|row| judge_one(task, standing, &mut known, row))
        .collect())
}

fn judge_one(task: &Task<'_>, standing: &mut Standing, known: &mut Known, row: &EnrolmentRow) -> Verdict {
    let institution = match task.register.find(&row.person) {
        Ok(institution) => institution,
        Err(fault) => return Verdict::Refused(vec![fault]),
    };
    let account = known.accounts.remove(row.person.email.as_ref());
    if let Some(person) = account.as_ref().map(|account| account.id)
        && let Some(verdict) = judge_known(task, standing, known, row, person)
    {
        return verdict;
    }
    judge_coming(task, standing, known, row, (institution, account))
}

/// What comes of the row of somebody who is in the edition, or was, or may not be by this file; `None` for others.
fn judge_known(
    task: &Task<'_>,
    standing: &mut Standing,
    known: &mut Known,
    row: &EnrolmentRow,
    person: PersonId,
) -> Option<Verdict> {
    if !standing.met.insert(person) {
        return Some(Verdict::Unchanged { person, is_noted: true });
    }
    let rows = known.enrolments.remove(&person).unwrap_or_default();
    let live = rows.iter().find(|row| row.state.is_live());
    let applied = live.filter(|row| row.state.is_undecided());
    let noted = known.noted.get(&address_of(&row.person));
    let is_noted = noted.is_some_and(|noted| {
        // Who applied again since asks for another decision.
        let is_older = applied.is_some_and(|row| noted.imported_at < row.applied_at);
        noted.content == content_of(&row.person) && !is_older
    });
    if is_noted || (live.is_some() && applied.is_none()) {
        return Some(Verdict::Unchanged { person, is_noted });
    }
    let email = &row.person.names.email;
    if task.actor.person == Some(person) {
        return Some(Verdict::refused(email, Code::OwnWork));
    }
    if let Some(applied) = applied {
        return Some(match standing.take(applied.origin(), task.app.clock.now()) {
            Ok((to, _)) => Verdict::Decide {
                row: Box::new(applied.clone()),
                to,
            },
            Err(code) => Verdict::refused(&row.column, code),
        });
    }
    rows.last().map(|last| {
        let flaw = Flaw {
            code: Code::LeftBefore,
            detail: Some(last.state.word().to_owned()),
        };
        Verdict::refused(email, flaw)
    })
}

/// What comes of the row of somebody who never was in the edition.
fn judge_coming(
    task: &Task<'_>,
    standing: &mut Standing,
    known: &mut Known,
    row: &EnrolmentRow,
    (institution, account): (Option<InstitutionId>, Option<person::Model>),
) -> Verdict {
    let person = account.as_ref().map(|account| account.id);
    let is_pending = person.is_some_and(|person| known.pending.contains(&person));
    let is_seen = !is_pending && person.is_some_and(|person| known.seen.contains(&person));
    // Names may be left out of people whom the actor sees; of others, that would tell who has an account.
    let missing = missing_names(&row.person);
    if !is_seen && !missing.is_empty() {
        return Verdict::Refused(missing);
    }
    let said = task.register.stated(&row.person, institution, task.order.language);
    let (snapshot, account) = match account {
        None => (said, None),
        Some(account) => {
            let profile = if is_pending {
                profile_of(&row.person, said.language, standing.edition.zone())
            } else {
                None
            };
            let language = profile.as_ref().map_or(account.language, |profile| profile.language);
            let declared = known.candidates.remove(&account.id).and_then(|found| found.snapshot);
            let snapshot = declared.unwrap_or(Snapshot { language, ..said });
            let account = Account {
                id: account.id,
                number: account.number,
                is_seen,
                profile,
            };
            (snapshot, Some(account))
        }
    };
    match standing.take(snapshot.origin(), task.app.clock.now()) {
        Ok((state, seat)) => Verdict::Create(Box::new(Entry {
            state,
            seat,
            snapshot,
            account,
        })),
        Err(code) => Verdict::refused(&row.column, code),
    }
}

/// The profile as the row has it, which says the names of whoever is unconfirmed.
fn profile_of(row: &PersonRow, language: Language, zone: chrono_tz::Tz) -> Option<Profile> {
    Some(Profile {
        given_name: row.given_name.clone()?,
        family_name: row.family_name.clone()?,
        language,
        time_zone: row.time_zone.unwrap_or(zone),
    })
}

fn missing_names(row: &PersonRow) -> Vec<RowFault> {
    let names = [
        (&row.given_name, &row.names.given_name),
        (&row.family_name, &row.names.family_name),
    ];
    let missing = names.into_iter().filter(|(name, _)| name.is_none());
    missing
        .map(|(_, column)| RowFault::at(column, Code::Required))
        .collect()
}
