//! Batched look-ups of one request: whatever the number of nodes, one statement per kind of thing.
//!
//! A loader is made for a request and dies with it.

pub mod forms;
pub mod teamwork;

use std::collections::HashMap;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;

use async_graphql::dataloader::{DataLoader, Loader};
use async_graphql::runtime::TokioTimer;
use uuid::Uuid;

use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::id::{CourseId, EditionId, EnrolmentId, InstitutionId, PersonId};
use crate::domain::policy::Relation;
use crate::error::Error;
use crate::store::criteria::score;
use crate::store::enrolment::transfer;
use crate::store::seat_pool::standings;
use crate::store::{
    Db, course, criteria, declaration, edition, enrolment, history, institution, patience, person, relation, seat_pool,
};

/// A failure that all nodes of a batch share.
pub type Shared = Arc<Error>;

macro_rules! by_id {
    ($($(#[$doc:meta])* $name:ident: $id:ty => $store:ident;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub struct $name(Db);

            impl Loader<$id> for $name {
                type Value = $store::Model;
                type Error = Shared;

                async fn load(&self, ids: &[$id]) -> Result<HashMap<$id, Self::Value>, Shared> {
                    let rows = $store::by_ids(self.0.read(), ids).await.map_err(Arc::new)?;
                    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
                }
            }
        )*
    };
}

by_id! {
    /// People.
    People: PersonId => person;
    /// Institutions.
    Institutions: InstitutionId => institution;
    /// Courses.
    Courses: CourseId => course;
    /// Editions.
    Editions: EditionId => edition;
}

/// What people state about themselves now.
#[derive(Debug)]
pub struct Declarations(Db);

impl Loader<PersonId> for Declarations {
    type Value = declaration::Model;
    type Error = Shared;

    async fn load(&self, people: &[PersonId]) -> Result<HashMap<PersonId, Self::Value>, Shared> {
        let rows = declaration::current(self.0.read(), people).await.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (row.person_id, row)).collect())
    }
}

/// How the viewer stands to people.
#[derive(Debug)]
pub struct Relations(Db, Actor);

impl Loader<PersonId> for Relations {
    type Value = Relation;
    type Error = Shared;

    async fn load(&self, people: &[PersonId]) -> Result<HashMap<PersonId, Relation>, Shared> {
        relation::of_people(self.0.read(), &self.1, people)
            .await
            .map_err(Arc::new)
    }
}

/// The states that things entered.
#[derive(Debug)]
pub struct Histories(Db);

impl Loader<Uuid> for Histories {
    type Value = Vec<history::Model>;
    type Error = Shared;

    async fn load(&self, subjects: &[Uuid]) -> Result<HashMap<Uuid, Self::Value>, Shared> {
        let rows = history::of(self.0.read(), subjects).await.map_err(Arc::new)?;
        let mut all: HashMap<Uuid, Self::Value> = HashMap::new();
        for row in rows {
            all.entry(row.subject_id).or_default().push(row);
        }
        Ok(all)
    }
}

/// The figures of editions' seats.
#[derive(Debug)]
pub struct Seats(Db);

impl Loader<EditionId> for Seats {
    type Value = seat_pool::Figures;
    type Error = Shared;

    async fn load(&self, editions: &[EditionId]) -> Result<HashMap<EditionId, Self::Value>, Shared> {
        seat_pool::figures(self.0.read(), editions).await.map_err(Arc::new)
    }
}

/// The criteria that editions have for applications now.
#[derive(Debug)]
pub struct Criteria(Db);

impl Loader<EditionId> for Criteria {
    type Value = criteria::Model;
    type Error = Shared;

    async fn load(&self, editions: &[EditionId]) -> Result<HashMap<EditionId, Self::Value>, Shared> {
        let rows = criteria::latest_of(self.0.read(), editions).await.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (row.edition_id, row)).collect())
    }
}

/// What was found in applications, the oldest first.
#[derive(Debug)]
pub struct Scores(Db);

impl Loader<EnrolmentId> for Scores {
    type Value = Vec<score::Numbered>;
    type Error = Shared;

    async fn load(&self, ids: &[EnrolmentId]) -> Result<HashMap<EnrolmentId, Self::Value>, Shared> {
        let rows = score::of_enrolments(self.0.read(), ids).await.map_err(Arc::new)?;
        let mut all: HashMap<EnrolmentId, Self::Value> = HashMap::new();
        for found in rows {
            all.entry(found.row.enrolment_id).or_default().push(found);
        }
        Ok(all)
    }
}

/// How the applications to editions stand.
#[derive(Debug)]
pub struct Standings(Db);

impl Loader<EditionId> for Standings {
    type Value = standings::ByPool;
    type Error = Shared;

    async fn load(&self, editions: &[EditionId]) -> Result<HashMap<EditionId, Self::Value>, Shared> {
        standings::of(self.0.read(), editions).await.map_err(Arc::new)
    }
}

/// Where enrolments came from and go on, as far as the viewer sees it.
#[derive(Debug)]
pub struct Transfers(Db, Actor);

impl Loader<EnrolmentId> for Transfers {
    type Value = transfer::Ends;
    type Error = Shared;

    async fn load(&self, ids: &[EnrolmentId]) -> Result<HashMap<EnrolmentId, Self::Value>, Shared> {
        transfer::of(self.0.read(), &self.1, ids).await.map_err(Arc::new)
    }
}

/// As what enrolments stand, however often their people were transferred, as far as the viewer sees it.
#[derive(Debug)]
pub struct Continued(Db, Actor);

impl Loader<EnrolmentId> for Continued {
    type Value = enrolment::Model;
    type Error = Shared;

    async fn load(&self, ids: &[EnrolmentId]) -> Result<HashMap<EnrolmentId, Self::Value>, Shared> {
        transfer::last_of(self.0.read(), &self.1, ids).await.map_err(Arc::new)
    }
}

/// All loaders of one request.
pub struct Loaders {
    /// People.
    pub people: Lookup<People>,
    /// Institutions.
    pub institutions: Lookup<Institutions>,
    /// Courses.
    pub courses: Lookup<Courses>,
    /// Editions.
    pub editions: Lookup<Editions>,
    /// What people state about themselves now.
    pub declarations: Lookup<Declarations>,
    /// How the viewer stands to people.
    pub relations: Lookup<Relations>,
    /// The states that things entered.
    pub histories: Lookup<Histories>,
    /// The figures of editions' seats.
    pub seats: Lookup<Seats>,
    /// The criteria that editions have had for applications.
    pub criteria: Lookup<Criteria>,
    /// What was found in applications.
    pub scores: Lookup<Scores>,
    /// How the applications to editions stand.
    pub standings: Lookup<Standings>,
    /// Where enrolments came from and go on.
    pub transfers: Lookup<Transfers>,
    /// As what enrolments stand after transfers.
    pub continued: Lookup<Continued>,
    /// Forms, and what was said to them.
    pub forms: forms::Forms,
    /// Teams and their work.
    pub teamwork: teamwork::Teamwork,
}

impl Loaders {
    /// Fresh loaders for what `actor` asks.
    pub fn new(app: &App, actor: &Actor) -> Self {
        Self {
            people: lookup(People(app.db.clone())),
            institutions: lookup(Institutions(app.db.clone())),
            courses: lookup(Courses(app.db.clone())),
            editions: lookup(Editions(app.db.clone())),
            declarations: lookup(Declarations(app.db.clone())),
            relations: lookup(Relations(app.db.clone(), actor.clone())),
            histories: lookup(Histories(app.db.clone())),
            seats: lookup(Seats(app.db.clone())),
            criteria: lookup(Criteria(app.db.clone())),
            scores: lookup(Scores(app.db.clone())),
            standings: lookup(Standings(app.db.clone())),
            transfers: lookup(Transfers(app.db.clone(), actor.clone())),
            continued: lookup(Continued(app.db.clone(), actor.clone())),
            forms: forms::Forms::new(app),
            teamwork: teamwork::Teamwork::new(app, actor),
        }
    }
}

/// A loader whose look-ups stand apart from the field that waits for them: a field's own state stays small,
/// and every field of a page has one.
pub struct Lookup<L>(DataLoader<L>);

/// What a look-up comes to.
type Found<'a, K, L> =
    Pin<Box<dyn Future<Output = Result<Option<<L as Loader<K>>::Value>, <L as Loader<K>>::Error>> + Send + 'a>>;

impl<L> Lookup<L> {
    /// The value of a key, from one batch with everything else that is asked meanwhile.
    pub fn load_one<K>(&self, key: K) -> Found<'_, K, L>
    where
        K: Send + Sync + Hash + Eq + Clone + 'static,
        L: Loader<K>,
    {
        Box::pin(self.0.load_one(key))
    }
}

fn lookup<L>(loader: L) -> Lookup<L> {
    Lookup(DataLoader::new(loader, patience::Spawner, TokioTimer::default()))
}
