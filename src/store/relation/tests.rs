//! Every way of standing to a person, read from one small world.

use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::*;
use crate::config::{Database, Secret};
use crate::domain::actor::{Grant, Scope};
use crate::domain::id::{CourseId, EditionId, InstitutionId};
use crate::domain::language::Language;
use crate::store::Db;

const ANA: u128 = 1;
const MATE: u128 = 2;
const FORMER: u128 = 3;
const OUTSIDER: u128 = 4;
const TUTOR: u128 = 5;
const NEW_TUTOR: u128 = 6;
const EVERYBODY: [u128; 6] = [ANA, MATE, FORMER, OUTSIDER, TUTOR, NEW_TUTOR];
/// The edition of the team, and one in which the outsider is enrolled; both of course 50.
const HERE: u128 = 51;
const ELSEWHERE: u128 = 52;
const NOMINATOR: u128 = 60;

fn id(number: u128) -> String {
    format!("X'{number:032x}'")
}

/// Ana and her mate are in team 70 with its tutor; a former member left it; the outsider is enrolled elsewhere.
fn world() -> String {
    let now = "'2026-01-01T00:00:00+00:00'";
    let mut rows = vec![format!(
        "INSERT INTO course VALUES ({}, 'C', '{{}}', '{{}}', '{{}}', '[]', '', {now}, 1);",
        id(50)
    )];
    for edition in [HERE, ELSEWHERE] {
        rows.push(format!(
            "INSERT INTO edition (id, course_id, code, languages, time_zone, starts_on, ends_on, enrols_from, enrols_until,
             capacity, minimum, seats_taken, modality, policy, state, pass_mark, tutors_release, search_text, created_at, version)
             VALUES ({}, {}, 'E-{edition}', 'es', 'UTC', '2026-02-01', '2026-03-01', {now},
             '2026-01-20T00:00:00+00:00', NULL, 0, 0, 'online', 'open', 'running', 60000, 0, '', {now}, 1);",
            id(edition),
            id(50)
        ));
    }
    rows.push(format!(
        "INSERT INTO institution (id, name, aliases, country, kind, created_at, version, name_key, search_text)
             VALUES ({}, 'N', '[]', 'UY', 'other', {now}, 1, 'n', 'n');",
        id(NOMINATOR)
    ));
    for person in EVERYBODY {
        rows.push(format!(
            "INSERT INTO person VALUES ({}, {person}, '{person}@example.org', 'P', 'Q', 'es', 'UTC', NULL, NULL, NULL, {now}, 1);",
            id(person)
        ));
    }
    for (person, edition, nominator) in [
        (ANA, HERE, "NULL".into()),
        (MATE, HERE, id(NOMINATOR)),
        (FORMER, HERE, "NULL".into()),
        (OUTSIDER, ELSEWHERE, "NULL".into()),
    ] {
        rows.push(format!(
            "INSERT INTO enrolment (id, edition_id, person_id, person_number, state, motivation, applied_at, applied_month, gender,
             country, institution_id, constituent_group, language, nominated_by, works_submitted, works_released, grade, version)
             VALUES ({}, {}, {}, {person}, 'active', '', {now}, '2026-01', 'female', 'UY', NULL,
             'other', 'es', {nominator}, 0, 0, NULL, 1);",
            id(person + 100),
            id(edition),
            id(person)
        ));
    }
    rows.push(format!(
        "INSERT INTO team VALUES ({}, {}, 'T', {now}, 1, 't');",
        id(70),
        id(HERE)
    ));
    for (person, left) in [(ANA, "NULL"), (MATE, "NULL"), (FORMER, now)] {
        let member = [id(person + 200), id(70), id(person + 100)].join(", ");
        rows.push(format!("INSERT INTO team_member VALUES ({member}, {now}, {left});"));
    }
    let allocation = [id(80), id(HERE), id(70), id(TUTOR)].join(", ");
    let role = [id(90), id(NEW_TUTOR)].join(", ");
    rows.push(format!(
        "INSERT INTO tutor_allocation VALUES ({allocation}, {now}, NULL);"
    ));
    rows.push(format!(
        "INSERT INTO role_assignment VALUES ({role}, 'tutor', 'edition', {}, {now}, NULL, NULL, NULL, NULL);",
        id(HERE)
    ));
    rows.concat()
}

async fn database() -> (Db, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let url = Secret::new(format!("sqlite://{}", folder.path().join("test.sqlite").display()));
    let db = Db::connect(&Database {
        url,
        listen_url: Secret::default(),
        readers: 1,
        connections: 1,
        statement_seconds: 5,
        standing_milliseconds: 0,
    })
    .await
    .expect("a database");
    db.migrate().await.expect("a schema");
    let tx = db.write().await.expect("a transaction");
    tx.execute_unprepared(&world()).await.expect("rows");
    tx.commit().await.expect("committed");
    (db, folder)
}

fn actor(person: u128, grants: &[(Role, Scope)]) -> Actor {
    let grants = grants.iter().map(|&(role, scope)| Grant { role, scope }).collect();
    Actor {
        person: Some(PersonId(Uuid::from_u128(person))),
        grants,
        ..Actor::anonymous(Language::En)
    }
}

/// To whom the actor stands as `holds` says.
async fn whom(db: &Db, actor: &Actor, holds: impl Fn(Relation) -> bool) -> Vec<u128> {
    let people = EVERYBODY.map(|person| PersonId(Uuid::from_u128(person)));
    let relations = of_people(db.read(), actor, &people).await.expect("relations");
    EVERYBODY
        .into_iter()
        .filter(|&person| holds(relations[&PersonId(Uuid::from_u128(person))]))
        .collect()
}

#[tokio::test]
async fn relations_come_from_stored_rows() {
    let (db, _folder) = database().await;
    let ana = actor(ANA, &[]);
    assert_eq!(whom(&db, &ana, |relation| relation.own).await, [ANA]);
    assert_eq!(whom(&db, &ana, |relation| relation.team).await, [MATE, TUTOR]);
    assert_eq!(
        whom(&db, &ana, |relation| relation.edition
            || relation.assigned
            || relation.institution)
        .await,
        []
    );
    let nobody = actor(OUTSIDER, &[]);
    assert_eq!(
        whom(&db, &nobody, |relation| relation != Relation::NONE).await,
        [OUTSIDER]
    );
    assert_eq!(
        whom(&db, &Actor::anonymous(Language::En), |relation| relation
            != Relation::NONE)
        .await,
        []
    );

    let here = Scope::Edition(EditionId(Uuid::from_u128(HERE)));
    let tutor = actor(TUTOR, &[(Role::Tutor, here)]);
    assert_eq!(whom(&db, &tutor, |relation| relation.assigned).await, [ANA, MATE]);
    assert_eq!(whom(&db, &actor(TUTOR, &[]), |relation| relation.assigned).await, []);
    let focal_point = actor(
        OUTSIDER,
        &[(
            Role::FocalPoint,
            Scope::Institution(InstitutionId(Uuid::from_u128(NOMINATOR))),
        )],
    );
    assert_eq!(whom(&db, &focal_point, |relation| relation.institution).await, [MATE]);
}

#[tokio::test]
async fn a_coordinator_stands_to_those_of_the_edition_or_course() {
    let (db, _folder) = database().await;
    let edition = |relation: Relation| relation.edition;
    let here = actor(
        77,
        &[(Role::Coordinator, Scope::Edition(EditionId(Uuid::from_u128(HERE))))],
    );
    assert_eq!(whom(&db, &here, edition).await, [ANA, MATE, FORMER, TUTOR, NEW_TUTOR]);
    let course = actor(77, &[(Role::Coordinator, Scope::Course(CourseId(Uuid::from_u128(50))))]);
    assert_eq!(whom(&db, &course, edition).await, EVERYBODY);
    let other = actor(77, &[(Role::Coordinator, Scope::Course(CourseId(Uuid::from_u128(53))))]);
    assert_eq!(whom(&db, &other, edition).await, []);
    let everywhere = actor(77, &[(Role::Coordinator, Scope::System)]);
    assert_eq!(whom(&db, &everywhere, edition).await, EVERYBODY);
    let tutor_elsewhere = actor(77, &[(Role::Tutor, Scope::Edition(EditionId(Uuid::from_u128(HERE))))]);
    assert_eq!(whom(&db, &tutor_elsewhere, edition).await, []);
}
