//! What admits people: one application is confirmed, four hundred at once are, and who waits comes in for who leaves.
//! The people are put there beforehand, into two editions that nothing else here uses.

use rumbo::clock::Clock;
use rumbo::domain::enrolment::EnrolmentState;
use rumbo::domain::id::{EditionId, EnrolmentId, PersonId};
use rumbo::domain::statistics::Change;
use rumbo::store::history::{self, Step};
use rumbo::store::row::insert_all;
use rumbo::store::{Db, enrolment, snapshot, tally};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Statement, Value};
use serde_json::json;

use super::{ENROLMENT, Moved, Operation, Raw, Writer, take_applications};
use crate::fill::{Kind, Size, id};
use crate::{Failure, say};

/// How many applications are decided on one by one at most; for an eighth of them it is done by hand instead.
const ALONE: i64 = 6_000;
/// How many are decided on with others at most; for a sixth of them it is done by hand instead.
const TOGETHER: i64 = 24_000;
/// How many at once.
const MANY: usize = 400;
/// How many have a seat and leave at most; for an eighth of them it is done by hand instead.
const LEAVERS: i64 = 4_000;
/// How many wait for their seats: ten thousand still do when all have left.
const WAITING: i64 = 14_000;
/// How many enrolments are put there in one transaction.
const BATCH: usize = 1_000;

/// What the three are called.
pub(super) const NAMES: [&str; 3] = [
    "confirm one of the applications",
    "confirm four hundred applications at once",
    "leave, and promote the first of 10,000 who wait",
];

/// All three.
pub(super) async fn all(db: &Db, writer: &Writer, size: Size) -> Result<[Operation; 3], Failure> {
    let [one, many] = confirm(db, writer, size).await?;
    Ok([one, many, promote(db, writer, size).await?])
}

/// Applications of an edition without a limit are confirmed, one by one and four hundred at once.
async fn confirm(db: &Db, writer: &Writer, size: Size) -> Result<[Operation; 2], Failure> {
    let edition = (size.editions - 11).max(1);
    let of = EditionId(id(Kind::Edition, edition, 1));
    let rows = newcomers(db, size, edition, ALONE + TOGETHER).await?;
    store(db, &rows).await?;
    say(&format!("{} applications wait for a decision", rows.len()));
    let waiting: Vec<EnrolmentId> = rows.iter().map(|row| row.id).collect();
    let (alone, together) = waiting.split_at(waiting.len() / 5);
    let (alone, alone_by_hand) = alone.split_at(alone.len() - alone.len() / 8);
    let together: Vec<&[EnrolmentId]> = together.chunks_exact(MANY).collect();
    let (together, together_by_hand) = together.split_at(together.len() - together.len() / 6);
    let one = |id: &EnrolmentId| {
        let input = json!({"enrolmentId": id.to_string(), "version": 1, "decision": "CONFIRM"});
        let asked = (ENROLMENT, "DecideEnrolment");
        writer.request(size.coordinator(), asked, &json!({ "input": input }))
    };
    let many = |ids: &&[EnrolmentId]| {
        let list: Vec<_> = ids
            .iter()
            .map(|id| json!({"id": id.to_string(), "version": 1}))
            .collect();
        let input = json!({"editionId": of.to_string(), "enrolments": list, "decision": "CONFIRM"});
        let asked = (ENROLMENT, "DecideEnrolments");
        writer.request(size.coordinator(), asked, &json!({ "input": input }))
    };
    Ok([
        Operation {
            name: NAMES[0],
            reach: None,
            expected: "\"CONFIRMED\"",
            requests: alone.iter().map(one).collect::<Result<_, _>>()?,
            again: false,
            raw: confirmed_by_hand(of, "confirmed by hand", alone_by_hand.chunks(1)),
        },
        Operation {
            name: NAMES[1],
            reach: None,
            expected: "\"CONFIRMED\"",
            requests: together.iter().map(many).collect::<Result<_, _>>()?,
            again: false,
            raw: confirmed_by_hand(of, "confirmed by hand with others", together_by_hand.iter().copied()),
        },
    ])
}

/// The applications of each batch are confirmed by one statement; all batches are of one length.
fn confirmed_by_hand<'a>(
    edition: EditionId,
    mark: &'static str,
    batches: impl Iterator<Item = &'a [EnrolmentId]>,
) -> Raw {
    let values: Vec<Vec<Value>> = batches
        .map(|ids| ids.iter().map(|id| Value::from(id.0)).collect())
        .collect();
    let count = values.first().map_or(1, Vec::len);
    let places: Vec<String> = (1..=count).map(|place| format!("${place}")).collect();
    Raw {
        sql: format!(
            "UPDATE enrolment SET state = 'confirmed', motivation = '{mark}', version = version + 1 \
             WHERE version = 1 AND id IN ({})",
            places.join(", ")
        ),
        values,
        again: false,
        writes: true,
        moved: Some(Moved {
            edition,
            mark,
            before: |_| EnrolmentState::Applied,
        }),
    }
}

/// People with a seat leave a full edition, and the first of more than ten thousand who wait has it.
async fn promote(db: &Db, writer: &Writer, size: Size) -> Result<Operation, Failure> {
    let edition = (size.editions - 12).max(1);
    let of = EditionId(id(Kind::Edition, edition, 1));
    let mut rows = newcomers(db, size, edition, LEAVERS + WAITING).await?;
    let leavers = rows.len() * usize::try_from(LEAVERS)? / usize::try_from(LEAVERS + WAITING)?;
    for (place, row) in rows.iter_mut().enumerate() {
        row.state = if place < leavers {
            EnrolmentState::Confirmed
        } else {
            EnrolmentState::Waitlisted
        };
    }
    store(db, &rows).await?;
    fill_up(db, of).await?;
    say(&format!("{leavers} may leave, {} wait", rows.len() - leavers));
    let (leave, by_hand) = rows[..leavers].split_at(leavers - leavers / 8);
    let request = |row: &enrolment::Model| {
        let input = json!({"enrolmentId": row.id.to_string(), "version": 1, "reason": "Asked for it."});
        let asked = (ENROLMENT, "WithdrawEnrolment");
        writer.request(size.coordinator(), asked, &json!({ "input": input }))
    };
    let mark = "promoted by hand";
    Ok(Operation {
        name: NAMES[2],
        reach: None,
        expected: "\"WITHDRAWN\"",
        requests: leave.iter().map(request).collect::<Result<_, _>>()?,
        again: false,
        raw: Raw {
            sql: format!(
                "UPDATE enrolment SET state = CASE id WHEN $1 THEN 'withdrawn' ELSE 'confirmed' END, \
                 motivation = '{mark}', version = version + 1 WHERE id = $1 OR id = (SELECT w.id FROM enrolment w \
                 WHERE w.edition_id = $2 AND w.state = 'waitlisted' AND w.offered_until IS NULL \
                 ORDER BY COALESCE(w.waiting_rank, 2147483647), w.applied_at, w.id LIMIT 1)"
            ),
            values: by_hand.iter().map(|row| vec![row.id.0.into(), of.0.into()]).collect(),
            again: false,
            writes: true,
            moved: Some(Moved {
                edition: of,
                mark,
                before: |after| {
                    if after == EnrolmentState::Withdrawn {
                        EnrolmentState::Confirmed
                    } else {
                        EnrolmentState::Waitlisted
                    }
                },
            }),
        },
    })
}

/// The edition has as many seats as are taken.
async fn fill_up(db: &Db, edition: EditionId) -> Result<(), Failure> {
    let sql = "UPDATE edition SET capacity = seats_taken WHERE id = $1";
    let backend = db.read().get_database_backend();
    let tx = db.write().await?;
    tx.execute_raw(Statement::from_sql_and_values(backend, sql, [edition.0.into()]))
        .await?;
    tx.commit().await?;
    Ok(())
}

/// Up to so many people who are not in an edition, which takes applications from now on, as applications to it.
async fn newcomers(db: &Db, size: Size, edition: i64, count: i64) -> Result<Vec<enrolment::Model>, Failure> {
    take_applications(db, size, edition).await?;
    let free = "SELECT number FROM person p WHERE number <= $2 AND NOT EXISTS \
                (SELECT 1 FROM enrolment e WHERE e.edition_id = $1 AND e.person_id = p.id) ORDER BY number LIMIT $3";
    let key = id(Kind::Edition, edition, 1);
    let values = [Value::from(key), size.people.into(), count.into()];
    let backend = db.read().get_database_backend();
    let found = db
        .read()
        .query_all_raw(Statement::from_sql_and_values(backend, free, values))
        .await?;
    let like = enrolment::Entity::find()
        .filter(enrolment::Column::EditionId.eq(EditionId(key)))
        .one(db.read())
        .await?
        .ok_or("nobody is in the edition")?;
    let mut rows = Vec::with_capacity(found.len());
    for person in &found {
        let number: i64 = person.try_get_by_index(0)?;
        rows.push(enrolment::Model {
            id: EnrolmentId(Clock::System.new_id()),
            person_id: PersonId(id(Kind::Person, 0, number)),
            person_number: number,
            state: EnrolmentState::Applied,
            works_submitted: 0,
            works_released: 0,
            grade: None,
            version: 1,
            ..like.clone()
        });
    }
    let people: Vec<PersonId> = rows.iter().map(|row| row.person_id).collect();
    let declared = snapshot::candidates(db.read(), &people).await?;
    for row in &mut rows {
        if let Some(now) = declared.get(&row.person_id).and_then(|person| person.snapshot.as_ref()) {
            enrolment::freeze(row, now);
        }
    }
    Ok(rows)
}

/// Stores new enrolments with their history, and counts them.
async fn store(db: &Db, rows: &[enrolment::Model]) -> Result<(), Failure> {
    for rows in rows.chunks(BATCH) {
        let steps = rows.iter().map(|row| Step {
            subject: row.id.into(),
            from: None,
            to: row.state.word(),
            at: row.applied_at,
            actor: None,
            reason: None,
        });
        let changes = rows.iter().map(|row| Change {
            at: row.applied_at,
            before: None,
            after: Some(enrolment::fact(row)),
        });
        let (steps, changes): (Vec<Step<'_>>, Vec<Change>) = (steps.collect(), changes.collect());
        let tx = db.write().await?;
        insert_all(&tx, rows.to_vec()).await?;
        history::record(&tx, &Clock::System, &steps).await?;
        tally::record(&tx, &Clock::System, &changes).await?;
        tx.commit().await?;
    }
    Ok(())
}
