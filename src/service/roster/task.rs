//! A file while it is brought in: its rows by edition and in pieces, each piece judged, and carried out where that is
//! asked for, which is `carrying`'s.

use std::collections::{BTreeMap, HashMap};

use super::enrolments::{self, Standing};
use super::{
    BrokeOff, Leash, Order, Report, RowReport, Rows, addresses, is_forbidden, nominated_for, nominations, people,
    register,
};
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::EditionId;
use crate::domain::list::Mode;
use crate::domain::nomination::Slate;
use crate::domain::policy::{Action, demand};
use crate::domain::roster::{EnrolmentRow, Kind, Outcome, PersonRow, Register, Roster, RowFault};
use crate::domain::sheet::{Form, Sheet};
use crate::error::{Code, Error, Result};
use crate::service::edition::relation as edition_relation;
use crate::service::nomination::table::{self, nominator};
use crate::store::{Tx, edition, person, seat_pool};

mod carrying;

/// How many rows are judged at a time where nothing is written, or all in one transaction.
const AT_ONCE: usize = 1000;

/// Rows that are judged together: places in the list, of one edition where they are enrolments.
struct Batch {
    edition: Option<EditionId>,
    places: Vec<usize>,
}

/// A file while it is brought in.
pub(super) struct Task<'a> {
    pub(super) app: &'a App,
    pub(super) actor: &'a Actor,
    pub(super) order: &'a Order,
    pub(super) register: Register,
    /// What the audit log says of the file.
    pub(super) source: String,
    /// Whether any of it is stored.
    pub(super) has_committed: bool,
    leash: Leash<'a>,
    /// Whether it was ended before its end.
    is_cancelled: bool,
    form: Form,
    ignored: Vec<String>,
    people: Vec<Option<PersonRow>>,
    enrolments: Vec<Option<EnrolmentRow>>,
    /// The lines of all entries.
    lines: Vec<u64>,
    /// What became of each entry, once it is known.
    reports: Vec<Option<RowReport>>,
    /// The places of what can be carried out, by their edition, each in the order of the file.
    groups: Vec<(Option<EditionId>, Vec<usize>)>,
}

impl<'a> Task<'a> {
    pub(super) async fn new(
        app: &'a App,
        actor: &'a Actor,
        order: &'a Order,
        (sheet, rows): (Sheet, Rows),
        digest: &str,
        leash: Leash<'a>,
    ) -> Result<Self> {
        let mut task = Self {
            app,
            actor,
            order,
            register: register::read(app).await?,
            source: format!("file {digest}"),
            has_committed: false,
            leash,
            is_cancelled: false,
            form: sheet.form,
            ignored: Vec::new(),
            people: Vec::new(),
            enrolments: Vec::new(),
            lines: Vec::new(),
            reports: Vec::new(),
            groups: Vec::new(),
        };
        match rows {
            Rows::People(roster) => task.take_people(roster, None),
            Rows::Nominations(roster) => {
                let edition = nominated_for(app, actor, order.edition.as_ref()).await?;
                task.take_people(roster, Some(edition));
            }
            Rows::Enrolments(roster) => {
                task.ignored = roster.ignored;
                for entry in roster.entries {
                    let row = task.add(entry.line, entry.row);
                    task.enrolments.push(row);
                }
                task.group_by_edition().await?;
            }
        }
        Ok(task)
    }

    /// Keeps the rows of a table that names people, all for one edition or for none.
    fn take_people(&mut self, roster: Roster<PersonRow>, edition: Option<EditionId>) {
        self.ignored = roster.ignored;
        for entry in roster.entries {
            let row = self.add(entry.line, entry.row);
            self.people.push(row);
        }
        let all = (0..self.people.len()).filter(|&place| self.people[place].is_some());
        self.groups = vec![(edition, all.collect())];
    }

    /// Keeps a row, or what is wrong with it.
    fn add<T>(&mut self, line: u64, row: Result<T, Vec<RowFault>>) -> Option<T> {
        self.lines.push(line);
        let (row, faults) = match row {
            Ok(row) => (Some(row), None),
            Err(faults) => (None, Some(faults)),
        };
        let report = faults.map(|faults| refusal(line, faults));
        self.reports.push(report);
        row
    }

    /// Finds the editions of the rows, in the order in which they are locked.
    async fn group_by_edition(&mut self) -> Result<()> {
        let named = self.order.edition.as_ref();
        let codes: Vec<&str> = self
            .enrolments
            .iter()
            .flatten()
            .filter_map(|row| row.edition.as_ref().or(named).map(AsRef::as_ref))
            .collect();
        let found = edition::by_codes(self.app.db.read(), self.actor, &codes).await?;
        let coordinated = found.into_iter().filter(|row| {
            let relation = edition_relation(self.actor, row);
            demand(self.actor, Action::ImportEnrolments, relation, None).is_ok()
        });
        let by_code: HashMap<String, edition::Model> = coordinated.map(|row| (row.code.clone(), row)).collect();
        let mut groups: BTreeMap<EditionId, Vec<usize>> = BTreeMap::new();
        for (place, row) in self.enrolments.iter().enumerate() {
            let Some(row) = row else { continue };
            let code = row.edition.as_ref().or(named).map_or("", AsRef::as_ref);
            if let Some(edition) = by_code.get(code) {
                groups.entry(edition.id).or_default().push(place);
            } else {
                let fault = RowFault::at(&row.column, Code::NotCoordinated);
                self.reports[place] = Some(refusal(self.lines[place], vec![fault]));
            }
        }
        self.groups = groups.into_iter().map(|(id, places)| (Some(id), places)).collect();
        Ok(())
    }

    /// What is told of the file, `failure` of what broke it off.
    pub(super) fn into_report(self, carried_out: bool, failure: Option<&Error>) -> Report {
        let left = self.reports.iter().filter(|row| row.is_none()).count();
        let cancelled = self.is_cancelled.then(|| BrokeOff {
            cause: "it was cancelled".to_owned(),
            is_forbidden: false,
            is_cancelled: true,
            left,
        });
        let failed = failure.map(|failure| BrokeOff {
            cause: failure.to_string(),
            is_forbidden: is_forbidden(failure),
            is_cancelled: false,
            left,
        });
        Report {
            form: self.form,
            ignored: self.ignored,
            carried_out,
            broke_off: failed.or(cancelled),
            rows: self.reports.into_iter().flatten().collect(),
        }
    }

    fn batches(&self, size: usize) -> Vec<Batch> {
        let mut batches = Vec::new();
        for (edition, places) in &self.groups {
            batches.extend(places.chunks(size).map(|places| Batch {
                edition: *edition,
                places: places.to_vec(),
            }));
        }
        batches
    }

    /// How many rows are refused by what they say alone, and are done with from the beginning.
    fn refused_before(&self) -> usize {
        let carried: usize = self.groups.iter().map(|(_, places)| places.len()).sum();
        self.lines.len() - carried
    }

    fn is_refused(&self) -> bool {
        let refused = |row: &RowReport| row.outcome == Outcome::Refused;
        self.reports.iter().flatten().any(refused)
    }

    /// Does what is asked for; whether anything was carried out.
    pub(super) async fn perform(&mut self, progress: &mut impl FnMut(usize, usize)) -> Result<bool> {
        progress(self.refused_before(), self.lines.len());
        match (self.order.dry_run, self.order.mode) {
            (true, _) => self.forecast(progress).await.map(|()| false),
            (false, Mode::RowByRow) => {
                self.row_by_row(progress).await?;
                Ok(self.has_committed || !self.is_cancelled)
            }
            (false, Mode::AllOrNothing) => {
                self.forecast(&mut |_, _| {}).await?;
                let carried_out = !self.is_cancelled && !self.is_refused() && self.all_or_nothing(progress).await?;
                if self.is_cancelled {
                    // What was judged, or written and undone, is nothing to tell.
                    self.reports.fill(None);
                }
                Ok(carried_out)
            }
        }
    }

    /// Judges every row by one state of everything, as if those before it had been carried out.
    async fn forecast(&mut self, progress: &mut impl FnMut(usize, usize)) -> Result<()> {
        let tx = self.app.db.snapshot().await?;
        let mut standings: HashMap<EditionId, Standing> = HashMap::new();
        let mut done = self.refused_before();
        let mut slate = None;
        for batch in self.batches(AT_ONCE) {
            if self.leash.is_pulled() {
                self.is_cancelled = true;
                break;
            }
            if self.order.kind == Kind::Nominations {
                let reports = self.forecast_nominations(&tx, &batch, &mut slate).await?;
                self.note(&batch, reports);
            } else if let Some(id) = batch.edition {
                let mut standing = if let Some(standing) = standings.remove(&id) {
                    standing
                } else {
                    let edition = edition::find(&tx, id).await?.ok_or(Error::NotFound("edition"))?;
                    let ledger = seat_pool::ledger(&tx, &edition).await?;
                    Standing::read(&tx, self.actor.clone(), edition, ledger).await?
                };
                let rows = self.enrolments_of(&batch);
                let verdicts = enrolments::judge(self, &tx, id, &mut standing, &rows, true).await?;
                let reports = verdicts.iter().map(enrolments::Verdict::report).collect();
                self.note(&batch, reports);
                standings.insert(id, standing);
            } else {
                let rows = self.people_of(&batch);
                let known = person::by_emails(&tx, &addresses(&rows)).await?;
                let verdicts = people::judge(self, &tx, known, &rows, true).await?;
                let reports = verdicts.iter().map(people::Verdict::report).collect();
                self.note(&batch, reports);
            }
            done += batch.places.len();
            progress(done, self.lines.len());
        }
        tx.commit().await?;
        Ok(())
    }

    async fn forecast_nominations(&self, tx: &Tx, batch: &Batch, slate: &mut Option<Slate>) -> Result<Vec<Judged>> {
        let absent = || Error::NotFound("edition");
        let edition = edition::find(tx, batch.edition.ok_or_else(absent)?).await?;
        let edition = edition.ok_or_else(absent)?;
        let institution = nominator(tx, self.actor, self.order.institution).await?;
        let now = self.app.clock.now();
        let mut next = if let Some(slate) = *slate {
            slate
        } else {
            table::slate(tx, &edition, &institution, now).await?
        };
        let rows = self.people_of(batch);
        let verdicts = nominations::judge(tx, (&edition, &institution), &mut next, &rows, now).await?;
        *slate = Some(next);
        Ok(verdicts.iter().map(nominations::Verdict::report).collect())
    }

    fn people_of(&self, batch: &Batch) -> Vec<&PersonRow> {
        let rows = batch.places.iter().map(|&place| self.people[place].as_ref());
        rows.flatten().collect()
    }

    fn enrolments_of(&self, batch: &Batch) -> Vec<&EnrolmentRow> {
        let rows = batch.places.iter().map(|&place| self.enrolments[place].as_ref());
        rows.flatten().collect()
    }

    fn note(&mut self, batch: &Batch, reports: Vec<Judged>) {
        for (&place, (outcome, state, faults)) in batch.places.iter().zip(reports) {
            self.reports[place] = Some(RowReport {
                line: self.lines[place],
                outcome,
                state,
                faults,
            });
        }
    }
}

/// What is told of a row.
pub(super) type Judged = (Outcome, Option<EnrolmentState>, Vec<RowFault>);

fn refusal(line: u64, faults: Vec<RowFault>) -> RowReport {
    RowReport {
        line,
        outcome: Outcome::Refused,
        state: None,
        faults,
    }
}
