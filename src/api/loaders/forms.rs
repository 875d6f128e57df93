//! Look-ups about the forms of editions and what was said to them. They are reached only from rows that the actor was
//! found to see; whether what hangs on those shows is asked where it is shown.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::Loader;

use super::{Lookup, Shared, lookup};
use crate::app::App;
use crate::domain::form::Form;
use crate::domain::id::{ApplicationFormId, EditionId, EnrolmentId};
use crate::store::Db;
use crate::store::form::{self, application, consent};

/// A version of a form, and what it asks: read once, however many have answered it.
#[derive(Debug)]
pub struct Version {
    /// As it is stored.
    pub row: form::Model,
    /// What it asks.
    pub form: Form,
}

/// Versions of forms.
#[derive(Debug)]
pub struct Versions(Db);

impl Loader<ApplicationFormId> for Versions {
    type Value = Arc<Version>;
    type Error = Shared;

    async fn load(&self, ids: &[ApplicationFormId]) -> Result<HashMap<ApplicationFormId, Self::Value>, Shared> {
        let rows = form::by_ids(self.0.read(), ids).await.map_err(Arc::new)?;
        let version = |row: form::Model| -> Result<(ApplicationFormId, Self::Value), Shared> {
            let form = row.form().map_err(Arc::new)?;
            Ok((row.id, Arc::new(Version { row, form })))
        };
        rows.into_iter().map(version).collect()
    }
}

/// What editions ask now.
#[derive(Debug)]
pub struct Current(Db);

impl Loader<EditionId> for Current {
    type Value = form::Model;
    type Error = Shared;

    async fn load(&self, editions: &[EditionId]) -> Result<HashMap<EditionId, Self::Value>, Shared> {
        let rows = form::current_of(self.0.read(), editions).await.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (row.edition_id, row)).collect())
    }
}

/// What was answered for enrolments.
#[derive(Debug)]
pub struct Applications(Db);

impl Loader<EnrolmentId> for Applications {
    type Value = application::Model;
    type Error = Shared;

    async fn load(&self, enrolments: &[EnrolmentId]) -> Result<HashMap<EnrolmentId, Self::Value>, Shared> {
        let rows = application::of_enrolments(self.0.read(), enrolments)
            .await
            .map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (row.enrolment_id, row)).collect())
    }
}

/// The consents of enrolments that stand.
#[derive(Debug)]
pub struct Standing(Db);

impl Loader<EnrolmentId> for Standing {
    type Value = Vec<consent::Model>;
    type Error = Shared;

    async fn load(&self, enrolments: &[EnrolmentId]) -> Result<HashMap<EnrolmentId, Self::Value>, Shared> {
        let rows = consent::standing(self.0.read(), enrolments).await.map_err(Arc::new)?;
        let mut found: HashMap<EnrolmentId, Self::Value> = HashMap::new();
        for row in rows {
            found.entry(row.enrolment_id).or_default().push(row);
        }
        Ok(found)
    }
}

/// The look-ups of one request about forms.
pub struct Forms {
    /// Versions of forms.
    pub versions: Lookup<Versions>,
    /// What editions ask now.
    pub current: Lookup<Current>,
    /// What was answered for enrolments.
    pub applications: Lookup<Applications>,
    /// The consents of enrolments that stand.
    pub standing: Lookup<Standing>,
}

impl Forms {
    /// Fresh loaders.
    pub fn new(app: &App) -> Self {
        Self {
            versions: lookup(Versions(app.db.clone())),
            current: lookup(Current(app.db.clone())),
            applications: lookup(Applications(app.db.clone())),
            standing: lookup(Standing(app.db.clone())),
        }
    }
}
