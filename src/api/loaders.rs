//! Batched look-ups of one request: whatever the number of nodes, one statement per kind of thing.
//!
//! A loader is made for a request and dies with it.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::{DataLoader, Loader};
use async_graphql::runtime::{TokioSpawner, TokioTimer};

use crate::app::App;
use crate::domain::id::{CourseId, EditionId, InstitutionId, PersonId};
use crate::error::Error;
use crate::store::{Db, course, edition, institution, person};

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

/// All loaders of one request.
pub struct Loaders {
    /// People.
    pub people: DataLoader<People>,
    /// Institutions.
    pub institutions: DataLoader<Institutions>,
    /// Courses.
    pub courses: DataLoader<Courses>,
    /// Editions.
    pub editions: DataLoader<Editions>,
}

impl Loaders {
    /// Fresh loaders.
    pub fn new(app: &App) -> Self {
        Self {
            people: lookup(People(app.db.clone())),
            institutions: lookup(Institutions(app.db.clone())),
            courses: lookup(Courses(app.db.clone())),
            editions: lookup(Editions(app.db.clone())),
        }
    }
}

fn lookup<L>(loader: L) -> DataLoader<L> {
    DataLoader::new(loader, TokioSpawner::current(), TokioTimer::default())
}
