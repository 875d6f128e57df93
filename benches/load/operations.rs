//! What is asked, over HTTP and in raw SQL.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use rumbo::app::App;
use rumbo::auth::token::Bearer;
use rumbo::clock::Clock;
use rumbo::config::Settings;
use rumbo::domain::enrolment::EnrolmentState;
use rumbo::domain::id::{EditionId, EnrolmentId, PersonId, SessionId};
use rumbo::domain::statistics::Change;
use rumbo::store::{Db, Tx, enrolment, tally};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, Statement, Value};
use serde_json::json;

use super::fill::{Kind, Size, id, words};
use super::process::{database_cpu, own_cpu};
use super::{Failure, Options, say};

mod admission;

const ENROLMENT: &str = include_str!("../../graphql/operations/enrolment.graphql");
const STATISTICS: &str = include_str!("../../graphql/operations/statistics.graphql");
const CATALOGUE: &str = include_str!("../../graphql/operations/catalogue.graphql");
const DISTINCT: &str = include_str!("distinct.graphql");

/// The operation that is asked beside a storm of sign-ins.
pub const PAGE: &str = "an edition with 50 enrolments, each with person and institution";
/// The one that is asked again when there are more enrolments.
pub const OVERALL: &str = "statistics of all by gender and country";
const APPLY: &str = "apply and be confirmed";
const APPLY_SPREAD: &str = "apply and be confirmed, spread over ten editions";

/// How many people apply at most; for an eighth of them a row is inserted by hand instead.
const APPLICANTS: i64 = 40_000;
/// Among how many editions those who apply to different ones are spread.
const SPREAD: i64 = 10;

/// The same question over HTTP and in SQL.
pub struct Operation {
    /// What it is called in the table.
    pub name: &'static str,
    /// The CPU milliseconds of server and database to reach.
    pub reach: Option<f64>,
    /// What every answer contains.
    pub expected: &'static str,
    requests: Vec<Vec<u8>>,
    /// Whether the requests may be sent again and again.
    again: bool,
    raw: Raw,
}

/// A statement with different values each time.
struct Raw {
    sql: String,
    values: Vec<Vec<Value>>,
    again: bool,
    /// Whether it writes enrolments; the identifiers of new ones come first among the values.
    writes: bool,
    /// The enrolments that it moves, where it makes no new ones.
    moved: Option<Moved>,
}

/// Enrolments that statements move past the use cases.
struct Moved {
    /// Of which edition.
    edition: EditionId,
    /// What the statements write as their motivation, by which they are found.
    mark: &'static str,
    /// In which state they were before, by the one in which they are.
    before: fn(EnrolmentState) -> EnrolmentState,
}

impl Moved {
    async fn rows(&self, tx: &Tx) -> Result<Vec<enrolment::Model>, Failure> {
        let list = enrolment::Entity::find()
            .filter(enrolment::Column::EditionId.eq(self.edition))
            .filter(enrolment::Column::Motivation.eq(self.mark));
        Ok(list.all(tx).await?)
    }

    /// Takes the mark off again: another run on the same database counts its own alone.
    async fn forget(&self, tx: &Tx) -> Result<(), Failure> {
        enrolment::Entity::update_many()
            .col_expr(enrolment::Column::Motivation, Expr::value(""))
            .filter(enrolment::Column::EditionId.eq(self.edition))
            .filter(enrolment::Column::Motivation.eq(self.mark))
            .exec(tx)
            .await?;
        Ok(())
    }
}

/// What raw SQL costs.
#[derive(Debug, Clone, Copy)]
pub struct RawCost {
    /// CPU milliseconds of the database for each; of this program with SQLite.
    pub cpu: f64,
    /// Elapsed milliseconds for each.
    pub elapsed: f64,
}

impl Operation {
    /// The request with this number, while there are any.
    pub fn request(&self, number: usize) -> Option<&[u8]> {
        let place = if self.again {
            number % self.requests.len().max(1)
        } else {
            number
        };
        self.requests.get(place).map(Vec::as_slice)
    }

    /// Asks in SQL, over one connection, for about half of `seconds`.
    pub async fn ask_raw(&self, db: &Db, postmaster: Option<u32>, seconds: u64) -> Result<RawCost, Failure> {
        let backend = db.read().get_database_backend();
        let cpu = || {
            if postmaster.is_some() {
                database_cpu(postmaster)
            } else {
                own_cpu()
            }
        };
        let (before, begun) = (cpu(), Instant::now());
        let mut count = 0_u32;
        while begun.elapsed() < Duration::from_millis(seconds * 500) || count < 3 {
            let number = usize::try_from(count)?;
            let place = if self.raw.again {
                number % self.raw.values.len()
            } else {
                number
            };
            let Some(values) = self.raw.values.get(place) else {
                break;
            };
            let statement = Statement::from_sql_and_values(backend, &self.raw.sql, values.clone());
            if self.raw.writes {
                let tx = db.write().await?;
                tx.execute_raw(statement).await?;
                tx.commit().await?;
            } else {
                db.read().query_all_raw(statement).await?;
            }
            count += 1;
        }
        let cost = RawCost {
            cpu: (cpu() - before) / f64::from(count),
            elapsed: begun.elapsed().as_secs_f64() * 1000.0 / f64::from(count),
        };
        if self.raw.writes {
            self.count_written(db, usize::try_from(count)?).await?;
        }
        Ok(cost)
    }

    /// Counts the enrolments that were written past the use cases, so that the summaries stay right.
    async fn count_written(&self, db: &Db, count: usize) -> Result<(), Failure> {
        let written = self
            .raw
            .values
            .iter()
            .take(count)
            .filter_map(|values| match values.first() {
                Some(Value::Uuid(Some(id))) => Some(EnrolmentId(*id)),
                _ => None,
            });
        let written: Vec<EnrolmentId> = written.collect();
        let tx = db.write().await?;
        let moved = self.raw.moved.as_ref();
        let rows = match moved {
            Some(moved) => moved.rows(&tx).await?,
            None => enrolment::by_ids(&tx, &written).await?,
        };
        let before = |row: &enrolment::Model| {
            moved.map(|moved| {
                let state = (moved.before)(row.state);
                enrolment::fact(&enrolment::Model { state, ..row.clone() })
            })
        };
        let changes: Vec<Change> = rows
            .iter()
            .map(|row| Change {
                at: row.applied_at,
                before: before(row),
                after: Some(enrolment::fact(row)),
            })
            .collect();
        tally::record(&tx, &Clock::System, &changes).await?;
        if let Some(moved) = moved {
            moved.forget(&tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

/// Writes requests.
pub struct Writer {
    app: App,
}

impl Writer {
    /// For a server with these settings.
    pub async fn of(settings: &Settings) -> Result<Self, Failure> {
        let app = App::new(settings.clone(), Clock::System).await?;
        // The server has the same key from the database.
        app.keyring.renew(app.db.read(), app.clock.now()).await?;
        Ok(Self { app })
    }

    /// A request of the person with this number.
    pub fn request(
        &self,
        person: i64,
        (document, name): (&str, &str),
        variables: &serde_json::Value,
    ) -> Result<Vec<u8>, Failure> {
        let bearer = Bearer {
            person: PersonId(id(Kind::Person, 0, person)),
            session: SessionId(id(Kind::Session, 0, person)),
        };
        let token = self.app.tokens.issue(bearer, self.app.clock.now())?;
        let query = operation(document, name).ok_or("no such operation")?;
        let body = json!({"query": query, "operationName": name, "variables": variables}).to_string();
        let head = format!(
            "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        Ok([head.as_bytes(), body.as_bytes()].concat())
    }
}

/// One named operation out of a file, which stands between blank lines, without its comment.
fn operation(document: &str, name: &str) -> Option<String> {
    let named = |part: &&str| {
        let mut first = part.lines().filter(|line| !line.starts_with('#'));
        first
            .next()
            .is_some_and(|line| line.split([' ', '(', '{']).nth(1) == Some(name))
    };
    let part = document.split("\n\n").find(named)?;
    Some(
        part.lines()
            .filter(|line| !line.starts_with('#'))
            .collect::<Vec<_>>()
            .join("\n"),
    )
}

/// Every operation, or those whose name contains `only`, with requests that are good for the next minutes.
#[allow(clippy::too_many_lines, reason = "a list of operations, each beside its raw SQL")]
pub async fn all(
    db: &Db,
    settings: &Settings,
    options: &Options,
    only: Option<&str>,
) -> Result<Vec<Operation>, Failure> {
    let size = Size::of(options);
    let wanted = |name: &str| only.is_none_or(|only| name.contains(only));
    let writer = Writer::of(settings).await?;
    let admitted = words(|state| state.was_admitted());
    let each = |variables: &dyn Fn(EditionId) -> serde_json::Value, asked| {
        let editions = (1..size.editions).map(|edition| EditionId(id(Kind::Edition, edition, 1)));
        editions
            .map(|edition| writer.request(size.coordinator(), asked, &variables(edition)))
            .collect::<Result<_, _>>()
    };
    let of_edition = |sql: String| Raw {
        sql,
        values: (1..size.editions)
            .map(|edition| vec![id(Kind::Edition, edition, 1).into()])
            .collect(),
        again: true,
        writes: false,
        moved: None,
    };
    let of_all = |sql: String| Raw {
        sql,
        values: vec![Vec::new()],
        again: true,
        writes: false,
        moved: None,
    };
    let single = |variables, asked| Ok::<_, Failure>(vec![writer.request(size.coordinator(), asked, &variables)?]);
    let filter = |edition: EditionId| json!({"filter": {"editions": [edition.to_string()]}});
    let instant = writer.app.clock.now() - TimeDelta::days(200);
    let counted = "\"enrolments\":";
    let by_gender = (STATISTICS, "StatisticsByGenderAndCountry");
    let distinct = (DISTINCT, "DistinctPeople");
    let group = |measure: &str, rest: &str| {
        format!(
            "SELECT gender, country, {measure} FROM enrolment WHERE state IN ({admitted}){rest} GROUP BY gender, country"
        )
    };
    let operation = |name, reach, expected, requests, raw| Operation {
        name,
        reach,
        expected,
        requests,
        again: true,
        raw,
    };
    // What changes the database is made ready only where it is asked for.
    let mut changing = Vec::new();
    if admission::NAMES.into_iter().any(wanted) {
        changing.extend(Box::pin(admission::all(db, &writer, size)).await?);
    }
    for (name, editions) in [
        (APPLY, size.editions..=size.editions),
        (APPLY_SPREAD, (size.editions - SPREAD).max(1)..=size.editions - 1),
    ] {
        if wanted(name) {
            changing.push(apply(db, &writer, size, name, editions).await?);
        }
    }
    let reading = [
        operation(
            PAGE,
            Some(0.85),
            "\"familyName\":",
            each(&|edition| json!({"editionId": edition.to_string(), "first": 50}), (ENROLMENT, "EditionEnrolments"))?,
            of_edition(
                "SELECT e.id, e.state, e.applied_at, e.version, e.gender, e.country, p.id AS person_id, p.given_name, \
                 p.family_name, p.email, i.id AS institution_id, i.name FROM enrolment e JOIN person p ON p.id = e.person_id \
                 LEFT JOIN institution i ON i.id = e.institution_id WHERE e.edition_id = $1 \
                 ORDER BY e.applied_at, e.id LIMIT 51"
                    .to_owned(),
            ),
        ),
        operation(
            "the admission work list, a page of 50 by state and group, the newest first",
            Some(3.0),
            "\"familyName\":",
            each(
                &|edition| {
                    json!({"editionId": edition.to_string(), "first": 50, "order": "NEWEST_FIRST",
                        "filter": {"states": ["REJECTED", "WITHDRAWN"], "constituentGroups": ["WORKERS"]}})
                },
                (ENROLMENT, "EditionEnrolments"),
            )?,
            of_edition(
                "SELECT e.id, e.state, e.applied_at, e.version, e.gender, e.country, p.id AS person_id, p.given_name, \
                 p.family_name, p.email, i.id AS institution_id, i.name FROM enrolment e JOIN person p ON p.id = e.person_id \
                 LEFT JOIN institution i ON i.id = e.institution_id WHERE e.edition_id = $1 \
                 AND e.state IN ('rejected', 'withdrawn') AND e.constituent_group = 'workers' \
                 ORDER BY e.applied_at DESC, e.id DESC LIMIT 51"
                    .to_owned(),
            ),
        ),
    ];
    let counting = [
        operation(
            "statistics of one edition by gender and country",
            Some(0.5),
            counted,
            each(&filter, by_gender)?,
            of_edition(group("count(*)", " AND edition_id = $1")),
        ),
        operation(OVERALL, Some(2.0), counted, single(json!({}), by_gender)?, of_all(group("count(*)", ""))),
        operation(
            "distinct people of one edition by gender and country",
            None,
            "\"participants\":",
            each(&filter, distinct)?,
            of_edition(group("count(DISTINCT person_id)", " AND edition_id = $1")),
        ),
        operation(
            "distinct people of all by gender and country",
            None,
            "\"participants\":",
            single(json!({}), distinct)?,
            of_all(group("count(DISTINCT person_id)", "")),
        ),
        operation(
            "statistics of one edition by gender and country as at an earlier instant",
            None,
            counted,
            each(
                &|edition| json!({"filter": {"editions": [edition.to_string()]}, "asAt": instant.to_rfc3339()}),
                by_gender,
            )?,
            Raw {
                values: (1..size.editions)
                    .map(|edition| vec![id(Kind::Edition, edition, 1).into(), instant.into()])
                    .collect(),
                ..of_edition(format!(
                    "SELECT e.gender, e.country, count(*) FROM enrolment e WHERE e.edition_id = $1 AND e.applied_at <= $2 \
                     AND (SELECT h.to_state FROM state_history h WHERE h.subject_id = e.id AND h.at <= $2 \
                          ORDER BY h.at DESC LIMIT 1) IN ({admitted}) GROUP BY e.gender, e.country"
                ))
            },
        ),
        operation(
            "browse the catalogue, a page of 20",
            None,
            "\"startsOn\":",
            single(json!({"first": 20}), (CATALOGUE, "BrowseCatalogue"))?,
            of_all(
                "SELECT e.id, e.code, e.state, e.starts_on, e.ends_on, e.time_zone, e.languages, e.capacity, e.seats_taken, \
                 c.titles FROM edition e JOIN course c ON c.id = e.course_id ORDER BY e.starts_on DESC, e.id DESC LIMIT 21"
                    .to_owned(),
            ),
        ),
    ];
    let all = reading.into_iter().chain(changing).chain(counting);
    Ok(all.filter(|operation| wanted(operation.name)).collect())
}

/// Lets an edition take applications for as long as the last one does, and as many: an earlier run may have filled it up.
async fn take_applications(db: &Db, size: Size, edition: i64) -> Result<(), Failure> {
    let open = "UPDATE edition SET state = 'enrolling', starts_on = open.starts_on, ends_on = open.ends_on, \
                enrols_from = open.enrols_from, enrols_until = open.enrols_until, capacity = open.capacity \
                FROM edition AS open WHERE edition.id = $1 AND open.id = $2";
    let both = [edition, size.editions].map(|number| Value::from(id(Kind::Edition, number, 1)));
    let backend = db.read().get_database_backend();
    let tx = db.write().await?;
    tx.execute_raw(Statement::from_sql_and_values(backend, open, both))
        .await?;
    tx.commit().await?;
    Ok(())
}

/// People who are not yet in one of these editions apply to it, each once; all the editions take applications.
async fn apply(
    db: &Db,
    writer: &Writer,
    size: Size,
    name: &'static str,
    editions: RangeInclusive<i64>,
) -> Result<Operation, Failure> {
    let free = "SELECT number FROM person p WHERE number <= $2 AND number % $3 = $4 AND NOT EXISTS \
                (SELECT 1 FROM enrolment e WHERE e.edition_id = $1 AND e.person_id = p.id) ORDER BY number LIMIT $5";
    let backend = db.read().get_database_backend();
    let parts = editions.end() - editions.start() + 1;
    let mut applicants = Vec::new();
    for edition in editions {
        let key = id(Kind::Edition, edition, 1);
        take_applications(db, size, edition).await?;
        // Everybody applies to one edition only.
        let limits = [size.people, parts, edition % parts, APPLICANTS / parts].map(Value::from);
        let rows = db
            .read()
            .query_all_raw(Statement::from_sql_and_values(
                backend,
                free,
                [Value::from(key)].into_iter().chain(limits),
            ))
            .await?;
        for (place, row) in rows.iter().enumerate() {
            applicants.push((place, row.try_get_by_index::<i64>(0)?, edition));
        }
    }
    // Those who come after one another apply to different editions.
    applicants.sort_unstable();
    let by_hand = applicants.split_off(applicants.len() - applicants.len() / 8);
    say(&format!("{} applications may be made", applicants.len()));
    let requests = applicants.iter().map(|(_, number, edition)| {
        let edition = EditionId(id(Kind::Edition, *edition, 1)).to_string();
        let variables = json!({"input": {"editionId": edition, "motivation": "To learn."}});
        writer.request(*number, (ENROLMENT, "ApplyToEdition"), &variables)
    });
    let values = by_hand.iter().map(|(_, number, edition)| {
        vec![
            id(Kind::Enrolment, *edition, *number).into(),
            id(Kind::Edition, *edition, 1).into(),
            id(Kind::Person, 0, *number).into(),
            Value::from(*number),
        ]
    });
    let now = if backend == DbBackend::Sqlite {
        "'2026-01-01T00:00:00+00:00'"
    } else {
        "'2026-01-01T00:00:00Z'"
    };
    Ok(Operation {
        name,
        reach: Some(1.5),
        expected: "\"CONFIRMED\"",
        requests: requests.collect::<Result<_, _>>()?,
        again: false,
        raw: Raw {
            sql: format!(
                "INSERT INTO enrolment (id, edition_id, person_id, person_number, state, motivation, applied_at, \
                 applied_month, gender, country, institution_id, constituent_group, language, nominated_by, \
                 works_submitted, works_released, grade, version) VALUES ($1, $2, $3, $4, 'confirmed', 'by hand', {now}, \
                 '2026-01', 'female', 'UY', NULL, 'workers', 'es', NULL, 0, 0, NULL, 1)"
            ),
            values: values.collect(),
            again: false,
            writes: true,
            moved: None,
        },
    })
}
