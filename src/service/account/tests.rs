//! Accounts from registration to a reset password, each test on a database of its own.

use chrono::DateTime;
use futures_util::future::join_all;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::*;
use crate::clock::Clock;
use crate::config::Settings;
use crate::domain::institution::{InstitutionKind, InstitutionState};
use crate::service::session::{SessionTokens, SignedIn, actor, refresh, sign_in};
use crate::store::outbox;
use crate::store::session;

pub(crate) const PASSWORD: &str = "tortuga verde en mayo";
const OTHER_PASSWORD: &str = "elefante azul en junio";
const EMAIL: &str = "ana.perez@example.org";

/// An application on a database of its own, and the folder that holds it.
pub(crate) struct Bench {
    pub(crate) app: App,
    _folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}", folder.path().join("test.sqlite").display());
        let mut settings = Settings::load("test", None, &[("database.url", url)]).expect("settings");
        settings.auth.parallel_hashes = 4;
        let start = DateTime::from_timestamp(1_800_000_000, 0).expect("an instant");
        let app = App::new(settings, Clock::fixed(start)).await.expect("an application");
        app.db.migrate().await.expect("a schema");
        crate::service::signing_key::prepare(&app).await.expect("a key");
        Self { app, _folder: folder }
    }

    pub(crate) fn advance(&self, by: TimeDelta) {
        self.app.clock.advance(by);
    }

    /// Takes every message out of the outbox: its name and token.
    pub(crate) async fn mail(&self) -> Vec<(String, Option<String>)> {
        asked::answer(&self.app.db, &self.app.clock).await.expect("answered");
        let mut rows = outbox::Entity::find().all(self.app.db.read()).await.expect("messages");
        rows.sort_by_key(|row| row.id);
        let tx = self.app.db.write().await.expect("a transaction");
        tx.execute_unprepared("DELETE FROM outbox")
            .await
            .expect("an empty outbox");
        tx.commit().await.expect("committed");
        let token = |row: &outbox::Model| {
            row.payload
                .get("token")
                .and_then(|token| Some(token.as_str()?.to_owned()))
        };
        rows.iter().map(|row| (row.notice.clone(), token(row))).collect()
    }

    pub(crate) async fn token(&self, notice: &str) -> String {
        match self.mail().await.as_slice() {
            [(name, Some(token))] if name == notice => token.clone(),
            other => panic!("one {notice} was expected, not {other:?}"),
        }
    }

    /// A person who registered and confirmed the address.
    pub(crate) async fn person(&self) -> PersonId {
        register(&self.app, &registration(PASSWORD)).await.expect("registered");
        confirm_email(&self.app, &self.token("confirm_address").await)
            .await
            .expect("confirmed");
        let email = Email::parse(EMAIL).expect("an address");
        person::find_by_email(self.app.db.read(), &email)
            .await
            .expect("a query")
            .expect("a person")
            .id
    }

    /// Whether the password opens a session.
    async fn opens(&self, password: &str) -> bool {
        open_session(&self.app, EMAIL, password).await.is_ok()
    }

    pub(crate) async fn signed_in(&self) -> Actor {
        let tokens = open_session(&self.app, EMAIL, PASSWORD).await.expect("a session");
        actor(&self.app, Some(&tokens.access), None).await.expect("an actor")
    }
}

/// Signs in to an account without a second factor.
pub(crate) async fn open_session(app: &App, email: &str, password: &str) -> Result<SessionTokens> {
    match sign_in(app, email, password, None).await? {
        SignedIn::Session(tokens) => Ok(tokens),
        SignedIn::Challenge(_) => panic!("there is no second factor"),
    }
}

pub(crate) fn registration(password: &str) -> Registration {
    Registration::parse(&text(password)).expect("a registration")
}

fn text(password: &str) -> RegistrationText<'_> {
    RegistrationText {
        email: EMAIL,
        given_name: "Ana",
        family_name: "Pérez",
        language: Language::Pt,
        time_zone: "America/Montevideo",
        password,
    }
}

pub(crate) fn codes<T: std::fmt::Debug>(result: Result<T>) -> Vec<(Code, String)> {
    match result {
        Err(Error::Invalid(faults)) => faults
            .into_iter()
            .map(|fault| (fault.code, fault.path.join(".")))
            .collect(),
        other => panic!("faults were expected, not {other:?}"),
    }
}

#[tokio::test]
async fn a_registration_tells_everything_that_is_wrong() {
    let wrong = RegistrationText {
        email: "ana",
        given_name: " ",
        time_zone: "Mars/Olympus",
        ..text("short")
    };
    let expected = [
        (Code::Malformed, "input.email"),
        (Code::Required, "input.givenName"),
        (Code::UnknownTimeZone, "input.timeZone"),
        (Code::TooShort, "input.password"),
    ];
    assert_eq!(
        codes(Registration::parse(&wrong)),
        expected.map(|(code, path)| (code, path.to_owned()))
    );
}

#[tokio::test]
async fn an_address_is_confirmed_once_and_in_time() {
    let bench = Bench::new().await;
    register(&bench.app, &registration(PASSWORD)).await.expect("registered");
    let token = bench.token("confirm_address").await;
    assert!(!bench.opens(PASSWORD).await);
    bench.advance(TimeDelta::hours(24));
    let refused = vec![(Code::InvalidToken, "input.token".to_owned())];
    assert_eq!(codes(confirm_email(&bench.app, &token).await), refused);

    // Registered anew: the first token stays dead, the second works, once, with the password of the second.
    register(&bench.app, &registration(OTHER_PASSWORD))
        .await
        .expect("registered");
    let second = bench.token("confirm_address").await;
    assert_eq!(codes(confirm_email(&bench.app, &token).await), refused);
    confirm_email(&bench.app, &second).await.expect("confirmed");
    assert_eq!(codes(confirm_email(&bench.app, &second).await), refused);
    assert!(bench.opens(OTHER_PASSWORD).await && !bench.opens(PASSWORD).await);
}

#[tokio::test]
async fn a_known_address_is_told_by_mail_alone() {
    let bench = Bench::new().await;
    let person = bench.person().await;
    register(&bench.app, &registration(OTHER_PASSWORD))
        .await
        .expect("the same answer");
    assert_eq!(bench.mail().await, [("already_registered".to_owned(), None)]);
    assert!(bench.opens(PASSWORD).await && !bench.opens(OTHER_PASSWORD).await);
    let row = person::find(bench.app.db.read(), person)
        .await
        .expect("a query")
        .expect("a person");
    assert_eq!((row.number, row.language), (1, Language::Pt));

    request_password_reset(&bench.app, "nobody@example.org")
        .await
        .expect("the same answer");
    assert_eq!(bench.mail().await, []);
}

#[tokio::test]
async fn of_two_registrations_at_once_one_makes_the_account() {
    let bench = Bench::new().await;
    let registration = registration(PASSWORD);
    let results = join_all((0..4).map(|_| register(&bench.app, &registration))).await;
    assert!(results.iter().all(Result::is_ok));
    let workers = join_all((0..3).map(|_| asked::answer(&bench.app.db, &bench.app.clock))).await;
    assert!(workers.iter().all(Result::is_ok));
    assert_eq!(bench.mail().await.len(), 4, "each has a link of its own");
    assert_eq!(
        person::Entity::find()
            .all(bench.app.db.read())
            .await
            .expect("people")
            .len(),
        1
    );
}

#[tokio::test]
async fn one_of_parallel_resets_wins_and_ends_every_session() {
    let bench = Bench::new().await;
    bench.person().await;
    let tokens = open_session(&bench.app, EMAIL, PASSWORD).await.expect("a session");
    request_password_reset(&bench.app, EMAIL).await.expect("accepted");
    let older = bench.token("reset_password").await;
    request_password_reset(&bench.app, " Ana.Perez@EXAMPLE.org")
        .await
        .expect("accepted");
    let token = bench.token("reset_password").await;
    assert_eq!(
        codes(reset_password(&bench.app, &older, OTHER_PASSWORD).await)[0].0,
        Code::InvalidToken
    );
    assert_eq!(
        codes(reset_password(&bench.app, &token, "ana perez 2026").await)[0].0,
        Code::WeakPassword
    );

    let results = join_all((0..8).map(|_| reset_password(&bench.app, &token, OTHER_PASSWORD))).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(bench.mail().await, [("password_changed".to_owned(), None)]);
    assert!(bench.opens(OTHER_PASSWORD).await && !bench.opens(PASSWORD).await);
    assert!(matches!(
        actor(&bench.app, Some(&tokens.access), None).await,
        Err(Error::Unauthenticated)
    ));
    assert_eq!(
        codes(refresh(&bench.app, &tokens.refresh).await)[0].0,
        Code::InvalidToken
    );
}

#[tokio::test]
async fn a_changed_password_keeps_only_the_session_that_changed_it() {
    let bench = Bench::new().await;
    bench.person().await;
    let (here, elsewhere) = (bench.signed_in().await, bench.signed_in().await);
    let wrong = change_password(&bench.app, &here, Some(OTHER_PASSWORD), None, PASSWORD).await;
    assert_eq!(
        codes(wrong),
        [(Code::InvalidCredentials, "input.currentPassword".to_owned())]
    );
    let short = change_password(&bench.app, &here, Some(PASSWORD), None, "short").await;
    assert_eq!(codes(short), [(Code::TooShort, "input.newPassword".to_owned())]);
    change_password(&bench.app, &here, Some(PASSWORD), None, OTHER_PASSWORD)
        .await
        .expect("changed");
    let rows = session::Entity::find()
        .filter(session::Column::RevokedAt.is_null())
        .all(bench.app.db.read());
    let live: Vec<_> = rows
        .await
        .expect("sessions")
        .into_iter()
        .map(|row| Some(row.id))
        .collect();
    assert_eq!(live, [here.session]);
    assert_ne!(live, [elsewhere.session]);
    assert!(bench.opens(OTHER_PASSWORD).await);
}

#[tokio::test]
async fn a_profile_is_not_written_over_a_newer_one() {
    let bench = Bench::new().await;
    bench.person().await;
    let me = bench.signed_in().await;
    let mut faults = Faults::default();
    let profile = read_profile(&mut faults, "Ana María", "Pérez", Language::En, "UTC").expect("a profile");
    let row = update_profile(&bench.app, &me, 1, &profile).await.expect("updated");
    assert_eq!(
        (row.given_name.as_str(), row.language, row.version),
        ("Ana María", Language::En, 2)
    );
    let stale = update_profile(&bench.app, &me, 1, &profile).await;
    assert_eq!(codes(stale), [(Code::StaleVersion, "input.version".to_owned())]);
    let anonymous = Actor::anonymous(Language::En);
    assert!(matches!(
        update_profile(&bench.app, &anonymous, 2, &profile).await,
        Err(Error::Unauthenticated)
    ));
}

#[tokio::test]
async fn the_latest_statement_holds_and_follows_a_merged_institution() {
    let bench = Bench::new().await;
    let person = bench.person().await;
    let me = bench.signed_in().await;
    let (kept, merged) = merged_pair(&bench).await;
    let statement = |institution| Statement {
        gender: Gender::NotStated,
        country: None,
        institution,
        constituent_group: ConstituentGroup::Workers,
    };
    let unknown = Some(InstitutionId(bench.app.clock.new_id()));
    let missing = declare(&bench.app, &me, statement(unknown)).await;
    assert!(matches!(missing, Err(Error::NotFound("input.institutionId"))));
    declare(&bench.app, &me, statement(None)).await.expect("stated");
    let row = declare(&bench.app, &me, statement(Some(merged))).await.expect("stated");
    assert_eq!(row.institution_id, Some(kept));
    let current = declaration::current(bench.app.db.read(), &[person])
        .await
        .expect("a query");
    assert_eq!(current, [row]);
}

async fn merged_pair(bench: &Bench) -> (InstitutionId, InstitutionId) {
    let tx = bench.app.db.write().await.expect("a transaction");
    let mut ids = Vec::new();
    for name in ["INEFOP", "Old name"] {
        let row = institution::Model {
            id: InstitutionId(bench.app.clock.new_id()),
            code: None,
            name: name.into(),
            aliases: Vec::<String>::new().into(),
            country: "UY".into(),
            kind: InstitutionKind::TrainingInstitution,
            merged_into: ids.first().copied(),
            created_at: bench.app.clock.now(),
            version: 1,
            name_key: String::new(),
            search_text: String::new(),
            state: if ids.is_empty() {
                InstitutionState::Registered
            } else {
                InstitutionState::Merged
            },
            proposed_by: None,
            merged_at: None,
            followed_at: None,
            refused_at: None,
        };
        ids.push(institution::insert(&tx, row).await.expect("registered").id);
    }
    tx.commit().await.expect("committed");
    (ids[0], ids[1])
}

#[tokio::test]
async fn the_command_line_makes_an_administrator_out_of_anybody_once() {
    let bench = Bench::new().await;
    let person = bench.person().await;
    let old = open_session(&bench.app, EMAIL, PASSWORD).await.expect("a session");
    let made = create_administrator(&bench.app, &registration(OTHER_PASSWORD))
        .await
        .expect("made");
    assert_eq!(made, person);
    let again = create_administrator(&bench.app, &registration(PASSWORD)).await;
    assert_eq!(codes(again), [(Code::AlreadyGranted, "input.role".to_owned())], "once");
    assert!(matches!(
        actor(&bench.app, Some(&old.access), None).await,
        Err(Error::Unauthenticated)
    ));
    let tokens = open_session(&bench.app, EMAIL, OTHER_PASSWORD)
        .await
        .expect("a session");
    let now = actor(&bench.app, Some(&tokens.access), None).await.expect("an actor");
    assert_eq!(
        now.grants,
        [Grant {
            role: Role::Administrator,
            scope: Scope::System
        }]
    );
    // Nobody who can sign in is administrator any more: the command makes one again.
    let tx = bench.app.db.write().await.expect("a transaction");
    person::set_disabled(&tx, person, Some(bench.app.clock.now()))
        .await
        .expect("disabled");
    tx.commit().await.expect("committed");
    create_administrator(&bench.app, &registration(PASSWORD))
        .await
        .expect("made");
    assert!(bench.opens(PASSWORD).await);
}
