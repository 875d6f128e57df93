//! Who grants what to whom, and the register of institutions, on a database of their own.

use chrono::TimeDelta;
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::*;
use crate::domain::id::{EditionId, InstitutionId};
use crate::domain::institution::InstitutionKind;
use crate::domain::language::Language;
use crate::domain::text::{Country, Line, SearchText, ShortCode, Title};
use crate::service::account::tests::{Bench, codes};
use crate::service::institution::{self as register, InstitutionDraft};
use crate::store::page::Wanted;

fn holder(person: PersonId, role: Role, scope: Scope) -> Actor {
    Actor {
        person: Some(person),
        grants: vec![Grant { role, scope }],
        ..Actor::anonymous(Language::En)
    }
}

fn edition(number: u128) -> EditionId {
    EditionId(Uuid::from_u128(number))
}

fn stranger() -> PersonId {
    PersonId(Uuid::from_u128(77))
}

fn tutor_of(person: PersonId, number: u128) -> Appointment {
    let grant = Grant {
        role: Role::Tutor,
        scope: Scope::Edition(edition(number)),
    };
    Appointment {
        grantee: Grantee::Person(person),
        grant,
        until: None,
    }
}

/// A person who registered, another one, and two editions: 1 is announced, 2 a draft.
async fn bench() -> (Bench, PersonId) {
    let bench = Bench::new().await;
    let person = bench.person().await;
    let tx = bench.app.db.write().await.expect("a transaction");
    let id = |number: u128| format!("X'{number:032x}'");
    let now = "'2026-01-01T00:00:00+00:00'";
    let edition = |number: u128, state: &str| {
        format!(
            "INSERT INTO edition (id, course_id, code, languages, time_zone, starts_on, ends_on, enrols_from, enrols_until,
             capacity, minimum, seats_taken, modality, policy, state, pass_mark, tutors_release, search_text, created_at, version)
             VALUES ({}, {}, 'E-{number}', 'es', 'UTC', '2026-02-01', '2026-03-01', {now},
             '2026-01-20T00:00:00+00:00', NULL, 0, 0, 'online', 'open', '{state}', 60000, 0, '', {now}, 1);",
            id(number),
            id(9)
        )
    };
    let person_row = format!(
        "INSERT INTO person VALUES ({}, 99, 'x@example.org', 'Xavier', 'Yes', 'es', 'UTC', NULL, NULL, NULL, {now}, 1);",
        id(77)
    );
    let course = format!(
        "INSERT INTO course VALUES ({}, 'C', '{{}}', '{{}}', '{{}}', '[]', '', {now}, 1);",
        id(9)
    );
    let script = [course, edition(1, "announced"), edition(2, "draft"), person_row].concat();
    tx.execute_unprepared(&script).await.expect("rows");
    tx.commit().await.expect("committed");
    (bench, person)
}

#[tokio::test]
async fn a_coordinator_makes_tutors_in_their_own_editions_alone() {
    let (bench, person) = bench().await;
    let app = &bench.app;
    let coordinator = holder(stranger(), Role::Coordinator, Scope::Edition(edition(1)));
    let unseen = grant_role(app, &coordinator, tutor_of(person, 1)).await;
    assert!(matches!(unseen, Err(Error::NotFound("input.personId"))));
    let by_address = Appointment {
        grantee: Grantee::Address(Email::parse("ANA.perez@example.org").expect("an address")),
        ..tutor_of(person, 1)
    };
    let unknown = Appointment {
        grantee: Grantee::Address(Email::parse("nobody@example.org").expect("an address")),
        ..tutor_of(person, 1)
    };
    for appointment in [by_address.clone(), unknown] {
        let refused = grant_role(app, &coordinator, appointment).await;
        assert!(matches!(refused, Err(Error::NotFound("input.email"))), "{refused:?}");
    }
    let administrator = holder(stranger(), Role::Administrator, Scope::System);
    let row = grant_role(app, &administrator, by_address).await.expect("granted");
    assert_eq!(
        (row.granted_by, row.scope()),
        (Some(stranger()), Some(Scope::Edition(edition(1))))
    );
    let again = grant_role(app, &coordinator, tutor_of(person, 1)).await;
    assert_eq!(codes(again), [(Code::AlreadyGranted, "input.role".to_owned())]);
    let own = grant_role(app, &coordinator, tutor_of(stranger(), 1)).await;
    assert_eq!(codes(own), [(Code::RoleNotGrantable, "input.role".to_owned())]);
    let draft_of_others = grant_role(app, &coordinator, tutor_of(person, 2)).await;
    assert!(matches!(draft_of_others, Err(Error::NotFound("input.scopeId"))));
    let unknown = grant_role(app, &coordinator, tutor_of(PersonId(Uuid::from_u128(5)), 1)).await;
    assert!(matches!(unknown, Err(Error::NotFound("input.personId"))));
    for role in [Role::Coordinator, Role::Administrator, Role::FocalPoint] {
        let grant = Grant {
            role,
            scope: if role == Role::Coordinator {
                Scope::Edition(edition(1))
            } else {
                Scope::System
            },
        };
        let refused = grant_role(
            app,
            &coordinator,
            Appointment {
                grant,
                ..tutor_of(person, 1)
            },
        )
        .await;
        assert!(
            matches!(refused, Err(Error::Forbidden | Error::Invalid(_))),
            "{role:?}: {refused:?}"
        );
    }
    let elsewhere = holder(stranger(), Role::Coordinator, Scope::Edition(edition(2)));
    assert!(matches!(
        grant_role(app, &elsewhere, tutor_of(person, 1)).await,
        Err(Error::Forbidden)
    ));
    assert!(matches!(
        revoke_role(app, &elsewhere, row.id, None).await,
        Err(Error::NotFound(_))
    ));
    let ended = revoke_role(app, &coordinator, row.id, None).await.expect("revoked");
    assert_eq!(ended.until_at, Some(app.clock.now()));
    assert_eq!(
        codes(revoke_role(app, &coordinator, row.id, None).await)[0].0,
        Code::IllegalTransition
    );
}

#[tokio::test]
async fn a_role_holds_from_the_next_request_until_its_end() {
    let (bench, person) = bench().await;
    let app = &bench.app;
    let administrator = holder(stranger(), Role::Administrator, Scope::System);
    let until = Some(app.clock.now() + TimeDelta::minutes(5));
    let email = Email::parse("ANA.perez@example.org").expect("an address");
    let grant = Grant {
        role: Role::Coordinator,
        scope: Scope::System,
    };
    let appointment = Appointment {
        grantee: Grantee::Address(email),
        grant,
        until,
    };
    let row = grant_role(app, &administrator, appointment.clone())
        .await
        .expect("granted");
    assert_eq!(row.person_id, person);
    assert_eq!(bench.signed_in().await.grants, [grant]);
    bench.advance(TimeDelta::minutes(5));
    assert_eq!(bench.signed_in().await.grants, []);
    let past = grant_role(app, &administrator, appointment).await;
    assert_eq!(codes(past), [(Code::DatesOutOfOrder, "input.until".to_owned())]);
    let anonymous = Actor::anonymous(Language::En);
    assert!(matches!(
        grant_role(app, &anonymous, tutor_of(person, 1)).await,
        Err(Error::Unauthenticated)
    ));
    let own = holder(person, Role::Administrator, Scope::System);
    assert_eq!(
        codes(revoke_role(app, &own, row.id, None).await)[0].0,
        Code::RoleNotGrantable
    );
}

#[tokio::test]
async fn a_role_exists_in_its_own_kind_of_scope_only() {
    let (bench, person) = bench().await;
    let administrator = holder(stranger(), Role::Administrator, Scope::System);
    let course = Scope::Course(crate::domain::id::CourseId(Uuid::from_u128(9)));
    let institution = Scope::Institution(InstitutionId(Uuid::from_u128(3)));
    let wrong = [
        (Role::Tutor, Scope::System, Code::Required),
        (Role::Tutor, course, Code::InvalidId),
        (Role::FocalPoint, Scope::System, Code::Required),
        (Role::FocalPoint, course, Code::InvalidId),
        (Role::Administrator, Scope::Edition(edition(1)), Code::InvalidId),
        (Role::Coordinator, institution, Code::InvalidId),
    ];
    for (role, scope, code) in wrong {
        let appointment = Appointment {
            grant: Grant { role, scope },
            ..tutor_of(person, 1)
        };
        let refused = grant_role(&bench.app, &administrator, appointment).await;
        assert_eq!(codes(refused), [(code, "input.scopeId".to_owned())], "{role:?}");
    }
}

fn draft(name: &str, code: Option<&str>, alias: &str, country: &str) -> InstitutionDraft {
    InstitutionDraft {
        code: ShortCode::parse_optional(code).expect("a code"),
        name: Title::parse(name).expect("a name"),
        aliases: vec![Line::parse(alias).expect("an alias")],
        country: Country::parse(country).expect("a country"),
        kind: InstitutionKind::TrainingInstitution,
    }
}

#[tokio::test]
async fn the_register_is_kept_by_administrators_and_searched_without_accents() {
    let (bench, person) = bench().await;
    let app = &bench.app;
    let administrator = holder(person, Role::Administrator, Scope::System);
    let mut rows = Vec::new();
    for (name, code, alias, country) in [
        ("Ágora de FORMACIÓN 100%", Some("AGO"), "Plaza", "UY"),
        ("Servicio Nacional", None, "Formação Sul", "BR"),
        ("Instituto Técnico", None, "IT_1", "UY"),
    ] {
        rows.push(
            register::create(app, &administrator, draft(name, code, alias, country))
                .await
                .expect("registered"),
        );
    }
    let taken = register::create(app, &administrator, draft("Other", Some("AGO"), "x", "UY")).await;
    assert_eq!(codes(taken), [(Code::Taken, "input.code".to_owned())]);
    let stranger = holder(person, Role::Coordinator, Scope::System);
    let forbidden = register::create(app, &stranger, draft("Other", None, "x", "UY")).await;
    assert!(matches!(forbidden, Err(Error::Forbidden)));
    let stale = register::update(app, &administrator, rows[0].id, 7, draft("Other", None, "x", "UY")).await;
    assert_eq!(codes(stale), [(Code::StaleVersion, "input.version".to_owned())]);

    let wanted = Wanted {
        limit: 10,
        beyond: None,
        backwards: false,
    };
    for (search, country, names) in [
        ("formaci", None, vec!["Ágora de FORMACIÓN 100%"]),
        ("FORMAÇÃO", None, vec!["Servicio Nacional"]),
        ("tecnico", Some("UY"), vec!["Instituto Técnico"]),
        ("tecnico", Some("BR"), vec![]),
        ("0%", None, vec!["Ágora de FORMACIÓN 100%"]),
        ("t_1", None, vec!["Instituto Técnico"]),
        ("a_o", None, vec![]),
    ] {
        let search = Some(SearchText::parse(search).expect("a text"));
        let country = country.map(|country| Country::parse(country).expect("a country"));
        let filter = institution::Filter { search, country };
        let page = register::list(app, &stranger, &filter, &wanted).await.expect("a page");
        assert_eq!(
            page.rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(),
            names,
            "{filter:?}"
        );
    }
    let anonymous = register::list(
        app,
        &Actor::anonymous(Language::Es),
        &institution::Filter::default(),
        &wanted,
    )
    .await;
    assert!(matches!(anonymous, Err(Error::Unauthenticated)));
}
