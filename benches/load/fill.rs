//! Fills an empty database, by SQL that makes its rows in the database itself, and then makes the summaries.
//!
//! The enrolments of an edition lie together, as they come in real life; all but the last edition get the
//! same number of them. Identifiers say what they belong to, so nothing has to be read back.

use rumbo::clock::Clock;
use rumbo::domain::enrolment::EnrolmentState as State;
use rumbo::store::{Db, Engine, Tx, tally_rebuild};
use sea_orm::{ConnectionTrait, Statement};
use uuid::Uuid;

use super::{Failure, Options, say};

/// How many institutions there are.
const INSTITUTIONS: i64 = 300;
/// Where they are.
const COUNTRIES: &str = "ARBOBRCLCOCRCUDOECESGTHNMXNIPAPEPTPYSVUYVECV";
/// How far apart the first people of two editions are.
const STRIDE: i64 = 6151;
const DAY: i64 = 86_400;

/// What an identifier is of.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub enum Kind {
    Course = 1,
    Edition,
    Institution,
    Person,
    Declaration,
    Session,
    Role,
    Enrolment,
    Applied,
    Decided,
    Began,
    Ended,
    Became,
}

/// How much there is to be.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub courses: i64,
    pub editions: i64,
    pub people: i64,
    pub enrolments: i64,
}

impl Size {
    pub fn of(options: &Options) -> Self {
        let Options {
            courses,
            editions,
            people,
            enrolments,
            ..
        } = *options;
        Self {
            courses,
            editions,
            people,
            enrolments,
        }
    }

    /// Who coordinates everything: the person after all others.
    pub fn coordinator(self) -> i64 {
        self.people + 1
    }

    /// The enrolments of each edition but the last.
    fn of_each(self) -> i64 {
        self.enrolments / (self.editions - 1)
    }
}

/// The identifier of the `number`th thing of an edition, or of the whole.
pub fn id(kind: Kind, edition: i64, number: i64) -> Uuid {
    let part = |value: i64| u128::from(value.unsigned_abs());
    Uuid::from_u128((0x0189 << 112) | (u128::from(kind as u8) << 96) | (part(edition) << 64) | part(number))
}

/// Fills what is not there yet. `own` says that the server is ours, and may be told to trust us.
pub async fn fill(db: &Db, size: Size, own: bool) -> Result<(), Failure> {
    if size.editions < 2 || size.of_each() > size.people {
        return Err("nobody is enrolled twice in an edition: give more people or editions".into());
    }
    db.migrate().await?;
    let fill = Fill {
        sqlite: db.engine() == Engine::Sqlite,
        size,
        now: Clock::System.now().timestamp(),
    };
    let people = count(db, "SELECT value FROM counter WHERE name = 'person'").await?;
    if people == 0 {
        say("filling courses, editions and people");
        let tx = db.write().await?;
        fill.catalogue(&tx).await?;
        fill.people(&tx).await?;
        tx.commit().await?;
        analyze(db).await?;
    } else if people != size.coordinator() {
        return Err("the database holds something else".into());
    }
    let there = count(
        db,
        &format!(
            "SELECT count(*) FROM enrolment WHERE edition_id = {}",
            fill.id(Kind::Edition, "1", "1")
        ),
    )
    .await?;
    if there >= size.of_each() {
        return Ok(());
    }
    say(&format!(
        "filling {} enrolments",
        (size.of_each() - there) * (size.editions - 1)
    ));
    for edition in 1..size.editions {
        let tx = db.write().await?;
        if own {
            tx.execute_unprepared("SET LOCAL session_replication_role = replica")
                .await?;
        }
        fill.enrolments(&tx, edition, there, size.of_each()).await?;
        tx.commit().await?;
    }
    say("making the summaries");
    let tx = db.write().await?;
    tally_rebuild::rebuild(&tx).await?;
    if own {
        // No trigger counted the seats, and none may refuse that they are counted here.
        tx.execute_unprepared("SET LOCAL session_replication_role = replica")
            .await?;
    }
    tx.execute_unprepared(
        "UPDATE edition SET seats_taken = (SELECT count(*) FROM enrolment
             WHERE edition_id = edition.id AND enrolment.state IN ('confirmed', 'active'))",
    )
    .await?;
    tx.commit().await?;
    analyze(db).await
}

async fn count(db: &Db, sql: &str) -> Result<i64, Failure> {
    let ask = Statement::from_string(db.read().get_database_backend(), sql);
    let row = db.read().query_one_raw(ask).await?.ok_or("no row")?;
    Ok(row.try_get_by_index(0)?)
}

async fn analyze(db: &Db) -> Result<(), Failure> {
    if db.engine() == Engine::Postgres {
        db.read().execute_unprepared("VACUUM ANALYZE").await?;
        db.read().execute_unprepared("CHECKPOINT").await?;
        return Ok(());
    }
    let tx = db.write().await?;
    tx.execute_unprepared("ANALYZE").await?;
    tx.commit().await?;
    Ok(())
}

/// Writes the SQL of either database.
struct Fill {
    sqlite: bool,
    size: Size,
    now: i64,
}

impl Fill {
    /// As [`id`], of what two expressions say.
    fn id(&self, kind: Kind, edition: &str, number: &str) -> String {
        let start = format!("0189{:04x}", kind as u8);
        if self.sqlite {
            format!("unhex(printf('{start}%08x%016x', {edition}, {number}))")
        } else {
            format!("('{start}' || lpad(to_hex({edition}), 8, '0') || lpad(to_hex({number}), 16, '0'))::uuid")
        }
    }

    /// The numbers from `first` to `last` as `s.i`.
    fn series(&self, first: i64, last: i64) -> String {
        if self.sqlite {
            format!(
                "(WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last}) \
                 SELECT i FROM n) AS s"
            )
        } else {
            format!("generate_series({first}::bigint, {last}) AS s(i)")
        }
    }

    /// The instant so many seconds after 1970.
    fn instant(&self, seconds: &str) -> String {
        if self.sqlite {
            format!("strftime('%Y-%m-%dT%H:%M:%S', {seconds}, 'unixepoch') || '+00:00'")
        } else {
            format!("to_timestamp({seconds})")
        }
    }

    fn date(&self, seconds: &str) -> String {
        if self.sqlite {
            format!("strftime('%Y-%m-%d', {seconds}, 'unixepoch')")
        } else {
            format!("CAST(to_timestamp({seconds}) AS date)")
        }
    }

    fn month(&self, seconds: &str) -> String {
        if self.sqlite {
            format!("strftime('%Y-%m', {seconds}, 'unixepoch')")
        } else {
            format!("to_char(to_timestamp({seconds}), 'YYYY-MM')")
        }
    }

    /// The first day of an edition: one begins every 18 days, the last one 30 days from now.
    fn starts(&self, edition: &str) -> String {
        format!(
            "({} - ({} - {edition}) * {})",
            self.now + 30 * DAY,
            self.size.editions,
            18 * DAY
        )
    }

    async fn catalogue(&self, tx: &Tx) -> Result<(), Failure> {
        let long_ago = self.instant(&(self.now - 4000 * DAY).to_string());
        let Size { courses, editions, .. } = self.size;
        let texts = |text: &str| format!("'{{\"en\": \"{text} ' || s.i || '\", \"es\": \"{text} ' || s.i || '\"}}'");
        let json = |text: String| {
            if self.sqlite {
                text
            } else {
                format!("CAST({text} AS jsonb)")
            }
        };
        let course = format!(
            "INSERT INTO course (id, code, titles, descriptions, objectives, topics, search_text, created_at, version)
             SELECT {}, 'LOAD-' || s.i, {}, {}, {}, '[]', 'load-' || s.i || ' course', {long_ago}, 1 FROM {}",
            self.id(Kind::Course, "0", "s.i"),
            json(texts("Course")),
            json(texts("What it is about")),
            json(texts("What one learns")),
            self.series(1, courses),
        );
        tx.execute_unprepared(&course).await?;
        let starts = self.starts("s.i");
        let edition = format!(
            "INSERT INTO edition (id, course_id, code, languages, time_zone, starts_on, ends_on, enrols_from, enrols_until,
                 capacity, minimum, seats_taken, modality, policy, state, pass_mark, tutors_release, search_text,
                 created_at, version)
             SELECT {}, {}, 'LOAD-' || s.i, 'es;en', 'UTC', {}, {}, {}, {}, NULL, 0, 0, 'online', 'open',
                 CASE WHEN s.i = {editions} THEN 'enrolling' WHEN s.i > {editions} - 2 THEN 'enrolment_closed'
                      WHEN s.i > {editions} - 12 THEN 'running' ELSE 'closed' END,
                 60000, false, 'load-' || s.i || ' course', {long_ago}, 1 FROM {}",
            self.id(Kind::Edition, "s.i", "1"),
            self.id(Kind::Course, "0", &format!("1 + s.i % {courses}")),
            self.date(&starts),
            // Those that run go on long enough for time not to move them while the benchmark runs.
            self.date(&format!(
                "{starts} + CASE WHEN s.i > {editions} - 12 THEN {} ELSE {} END",
                240 * DAY,
                60 * DAY
            )),
            self.instant(&format!("{starts} - {}", 60 * DAY)),
            self.instant(&format!("{starts} - {DAY}")),
            self.series(1, editions),
        );
        tx.execute_unprepared(&edition).await?;
        let institution = format!(
            "INSERT INTO institution (id, code, name, aliases, country, kind, merged_into, created_at, version,
                 name_key, search_text)
             SELECT {}, NULL, 'Institution ' || s.i, '[]', {},
                 CASE s.i % 5 WHEN 0 THEN 'government' WHEN 1 THEN 'employers' WHEN 2 THEN 'workers'
                      WHEN 3 THEN 'training_institution' ELSE 'other' END, NULL, {long_ago}, 1, 'institution ' || s.i,
                 'institution ' || s.i FROM {}",
            self.id(Kind::Institution, "0", "s.i"),
            country("s.i"),
            self.series(1, INSTITUTIONS),
        );
        tx.execute_unprepared(&institution).await?;
        Ok(())
    }

    async fn people(&self, tx: &Tx) -> Result<(), Failure> {
        let before = self.instant(&(self.now - 4000 * DAY).to_string());
        let after = self.instant(&(self.now + 300 * DAY).to_string());
        let last = self.size.coordinator();
        let everybody = self.series(1, last);
        let person = self.id(Kind::Person, "0", "s.i");
        let institution = format!("1 + (s.i * 31) % {INSTITUTIONS}");
        for sql in [
            format!(
                "INSERT INTO person (id, number, email, given_name, family_name, language, time_zone, password_hash,
                     email_confirmed_at, disabled_at, created_at, version)
                 SELECT {person}, s.i, 'person' || s.i || '@load.example', 'Given' || s.i, 'Family' || s.i,
                     CASE s.i % 8 WHEN 0 THEN 'en' WHEN 1 THEN 'pt' ELSE 'es' END, 'UTC', NULL, {before}, NULL, {before}, 1
                 FROM {everybody}"
            ),
            format!(
                "INSERT INTO declaration (id, person_id, stated_at, gender, country, institution_id, constituent_group)
                 SELECT {}, {person}, {before},
                     CASE WHEN s.i % 20 < 10 THEN 'female' WHEN s.i % 20 < 18 THEN 'male' WHEN s.i % 20 = 18 THEN 'another'
                          ELSE 'not_stated' END,
                     {}, CASE WHEN s.i % 25 = 0 THEN NULL ELSE {} END,
                     CASE s.i % 3 WHEN 0 THEN 'government' WHEN 1 THEN 'employers' ELSE 'workers' END FROM {everybody}",
                self.id(Kind::Declaration, "0", "s.i"),
                country(&format!("({institution})")),
                self.id(Kind::Institution, "0", &institution),
            ),
            format!(
                "INSERT INTO session (id, person_id, created_at, expires_at, revoked_at)
                 SELECT {}, {person}, {before}, {after}, NULL FROM {everybody}",
                self.id(Kind::Session, "0", "s.i"),
            ),
            format!(
                "INSERT INTO role_assignment (id, person_id, role, scope_kind, scope_id, from_at, until_at, granted_by)
                 SELECT {}, {person}, 'coordinator', 'system', NULL, {before}, NULL, NULL FROM {}",
                self.id(Kind::Role, "0", "s.i"),
                self.series(last, last),
            ),
            format!("UPDATE counter SET value = {last} WHERE name = 'person'"),
        ] {
            tx.execute_unprepared(&sql).await?;
        }
        Ok(())
    }

    /// The enrolments of an edition from number `first` to before `last`, their history and their journal.
    async fn enrolments(&self, tx: &Tx, edition: i64, first: i64, last: i64) -> Result<(), Failure> {
        let Size { editions, people, .. } = self.size;
        let of = edition.to_string();
        let state = state_of(edition, editions);
        let admitted = words(|state| state.was_admitted());
        let applied = format!("{} - {} + s.i * 97", self.starts(&of), 59 * DAY);
        let (applied_at, decided_at) = (
            self.instant(&applied),
            self.instant(&format!("{applied} + {}", 2 * DAY)),
        );
        let month = self.month(&applied);
        let submitted = format!("CASE WHEN s.i % 3 = 0 AND {state} IN ({admitted}) THEN 1 ELSE 0 END");
        let released = format!("CASE WHEN s.i % 3 = 0 AND {state} = 'completed' THEN 1 ELSE 0 END");
        let own = self.id(Kind::Enrolment, &of, "s.i");
        let edition_id = self.id(Kind::Edition, &of, "1");
        let numbers = self.series(first, last - 1);
        let known = format!(
            "FROM {numbers} JOIN person p ON p.number = 1 + (s.i + {}) % {people} JOIN declaration d ON d.person_id = p.id \
             LEFT JOIN institution i ON i.id = d.institution_id",
            edition * STRIDE,
        );
        let enrolment = format!(
            "INSERT INTO enrolment (id, edition_id, person_id, person_number, state, motivation, applied_at, applied_month,
                 gender, country, institution_id, constituent_group, language, nominated_by, works_submitted,
                 works_released, grade, version, institution_kind)
             SELECT {own}, {edition_id}, p.id, p.number, {state}, '', {applied_at}, {month}, d.gender,
                 COALESCE(d.country, ''), d.institution_id, d.constituent_group, p.language, NULL, {submitted}, {released},
                 CASE WHEN {state} = 'completed' THEN 60000 + s.i % 40000 END, 2, i.kind {known}"
        );
        tx.execute_unprepared(&enrolment).await?;
        for (kind, from, to, at) in [
            (Kind::Applied, "NULL", "'applied'", &applied_at),
            (Kind::Decided, "'applied'", state.as_str(), &decided_at),
        ] {
            let history = format!(
                "INSERT INTO state_history (id, subject_kind, subject_id, from_state, to_state, at, actor_id, reason)
                 SELECT {}, 'enrolment', {own}, {from}, {to}, {at}, NULL, NULL FROM {numbers}",
                self.id(kind, &of, "s.i"),
            );
            tx.execute_unprepared(&history).await?;
        }
        for (kind, at, status, sign, submitted, released) in [
            (Kind::Began, &applied_at, "'applied'", 1, "0", "0"),
            (Kind::Ended, &decided_at, "'applied'", -1, "0", "0"),
            (
                Kind::Became,
                &decided_at,
                state.as_str(),
                1,
                submitted.as_str(),
                released.as_str(),
            ),
        ] {
            let journal =
                format!(
                "INSERT INTO tally_change (id, at, enrolment_id, person_number, edition_id, status, gender, country,
                     institution_id, constituent_group, language, month, institution_kind, enrolments, submitted, released)
                 SELECT {}, {at}, {own}, p.number, {edition_id}, {status}, d.gender, COALESCE(d.country, ''),
                     COALESCE(d.institution_id, {}), d.constituent_group, p.language, {month}, COALESCE(i.kind, ''), {sign}, {submitted},
                     {released} {known}",
                self.id(kind, &of, "s.i"),
                if self.sqlite { "zeroblob(16)" } else { "'00000000000000000000000000000000'::uuid" },
            );
            tx.execute_unprepared(&journal).await?;
        }
        Ok(())
    }
}

fn country(number: &str) -> String {
    format!(
        "substr('{COUNTRIES}', 1 + 2 * CAST({number} % {} AS integer), 2)",
        COUNTRIES.len() / 2
    )
}

/// The states for which `wanted` holds, as a list of SQL.
pub fn words(wanted: impl Fn(&State) -> bool) -> String {
    let words = State::ALL
        .iter()
        .filter(|state| wanted(state))
        .map(|state| format!("'{}'", state.word()));
    words.collect::<Vec<_>>().join(", ")
}

/// Where the enrolments of an edition stand, as its own state allows.
fn state_of(edition: i64, editions: i64) -> String {
    let taking_part = if edition > editions - 2 {
        "WHEN d < 82 THEN 'confirmed'"
    } else if edition > editions - 12 {
        "WHEN d < 82 THEN 'active'"
    } else {
        "WHEN d < 70 THEN 'completed' WHEN d < 82 THEN 'not_completed'"
    };
    let text = format!(
        "(CASE {taking_part} WHEN d < 90 THEN 'withdrawn' WHEN d < 94 THEN 'rejected' WHEN d < 95 THEN 'excluded' \
         WHEN d < 98 THEN 'cancelled' ELSE 'expired' END)"
    );
    text.replace("WHEN d ", &format!("WHEN (s.i * 37 + {edition}) % 100 "))
}
