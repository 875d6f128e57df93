//! The people of the demonstration.

use crate::app::App;
use crate::auth::password::Password;
use crate::domain::actor::{Actor, Grant, Role, Scope};
use crate::domain::id::{DeclarationId, PersonId, RoleAssignmentId};
use crate::domain::language::Language;
use crate::domain::person::{ConstituentGroup, Gender};
use crate::domain::text::fold;
use crate::error::{Error, Flaw, Result};
use crate::store::{declaration, person, role};

/// Given name, family name, gender, country.
pub(super) type Part = (&'static str, &'static str, Gender, &'static str);

pub(super) const PARTICIPANT: Part = ("Paula", "Benítez", Gender::Female, "PY");
pub(super) const TUTOR: Part = ("Tomás", "Ferreira", Gender::Male, "UY");
pub(super) const COORDINATOR: Part = ("Carmen", "Quiroga", Gender::Female, "UY");
/// The members of the other teams, and some who apply to the next edition.
pub(super) const OTHERS: [Part; 11] = [
    ("Andrés", "Molina", Gender::Male, "CO"),
    ("Beatriz", "Souza", Gender::Female, "BR"),
    ("Camille", "Baptiste", Gender::Female, "JM"),
    ("Diego", "Rojas", Gender::Male, "CL"),
    ("Elena", "Vargas", Gender::Female, "PE"),
    ("Francisco", "Lima", Gender::Male, "BR"),
    ("Gabriela", "Núñez", Gender::NotStated, "MX"),
    ("Hugo", "Castro", Gender::Male, "CR"),
    ("Inés", "Paredes", Gender::Female, "EC"),
    ("Julián", "Ortega", Gender::Another, "AR"),
    ("Karina", "Alfaro", Gender::Female, "SV"),
];

pub(super) fn email_of((given, family, ..): Part) -> String {
    let plain = fold(&format!("{given}.{family}"));
    format!("{plain}@demo.example.org")
}

/// Somebody who has signed in and holds no role.
pub(super) fn acting(who: PersonId) -> Actor {
    Actor {
        person: Some(who),
        ..Actor::anonymous(Language::Es)
    }
}

pub(super) fn text<T>(parsed: Result<T, Flaw>) -> Result<T> {
    parsed.map_err(|flaw| Error::internal(format!("a text of the demonstration is refused: {flaw:?}")))
}

/// An account with a confirmed address and a declaration, as yet without a password.
pub(super) async fn engage(app: &App, part: Part) -> Result<PersonId> {
    let (given, family, gender, country) = part;
    let now = app.clock.now();
    let id = PersonId(app.clock.new_id());
    let tx = app.db.write().await?;
    let row = person::Model {
        id,
        number: person::next_number(&tx).await?,
        email: email_of(part),
        given_name: given.to_owned(),
        family_name: family.to_owned(),
        language: Language::Es,
        time_zone: "America/Montevideo".to_owned(),
        password_hash: None,
        email_confirmed_at: Some(now),
        disabled_at: None,
        created_at: now,
        version: 1,
    };
    person::insert(&tx, row).await?;
    let stated = declaration::Model {
        id: DeclarationId(app.clock.new_id()),
        person_id: id,
        stated_at: now,
        gender,
        country: Some(country.to_owned()),
        institution_id: None,
        constituent_group: ConstituentGroup::TrainingInstitution,
    };
    declaration::insert(&tx, stated).await?;
    tx.commit().await?;
    Ok(id)
}

pub(super) async fn grant(app: &App, who: PersonId, held: Role) -> Result<()> {
    let tx = app.db.write().await?;
    let grant = Grant {
        role: held,
        scope: Scope::System,
    };
    let row = role::new_row(RoleAssignmentId(app.clock.new_id()), who, grant, app.clock.now(), None);
    role::insert(&tx, row).await?;
    tx.commit().await.map_err(Error::from)
}

/// Gives somebody a password.
pub async fn set_password(app: &App, who: PersonId, password: &str) -> Result<()> {
    let password = text(Password::parse(password, &[]))?;
    let hash = app.passwords.hash(&password).await?;
    let tx = app.db.write().await?;
    person::set_password(&tx, who, hash).await?;
    tx.commit().await.map_err(Error::from)
}
