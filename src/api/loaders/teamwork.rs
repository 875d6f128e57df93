//! Look-ups about teams and their work. What depends on who asks is read through the actor's eyes; the rest is
//! reached only from rows that the actor was found to see.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::Loader;

use super::{Lookup, Shared, lookup};
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::id::{DeliverableId, EditionId, EnrolmentId, SubmissionId, TeamId, VersionId};
use crate::domain::policy::Relation;
use crate::store::snapshot::former;
use crate::store::{
    Db, allocation, assessment, author, completion, deliverable, grade, submission, team, team_member, version,
};

macro_rules! lists {
    ($(
        $(#[$doc:meta])*
        $name:ident($field:ident): $key:ty => $row:ty,
        |$db:ident, $actor:ident, $keys:ident| $load:expr, $key_of:expr;
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub struct $name(Db, Actor);

            impl Loader<$key> for $name {
                type Value = Vec<$row>;
                type Error = Shared;

                async fn load(&self, keys: &[$key]) -> Result<HashMap<$key, Self::Value>, Shared> {
                    let ($db, $actor, $keys) = (self.0.read(), &self.1, keys);
                    let rows = $load.await.map_err(Arc::new)?;
                    // Actors matter to some of the lists only.
                    let _: &Actor = $actor;
                    let mut found: HashMap<$key, Self::Value> = HashMap::new();
                    for row in rows {
                        found.entry($key_of(&row)).or_default().push(row);
                    }
                    Ok(found)
                }
            }
        )*

        /// The look-ups of one request about teams and their work.
        pub struct Teamwork {
            $($(#[$doc])* pub $field: Lookup<$name>,)*
            /// How the viewer stands to submissions.
            pub standings: Lookup<Standings>,
        }

        impl Teamwork {
            /// Fresh loaders for what `actor` asks.
            pub fn new(app: &App, actor: &Actor) -> Self {
                Self {
                    $($field: lookup($name(app.db.clone(), actor.clone())),)*
                    standings: lookup(Standings(app.db.clone(), actor.clone())),
                }
            }
        }
    };
}

lists! {
    /// Teams.
    Teams(teams): TeamId => team::Model,
        |db, actor, keys| team::by_ids(db, keys), |row: &team::Model| row.id;
    /// Who belongs to a team now.
    Members(members): TeamId => team_member::Member,
        |db, actor, keys| team_member::of_teams(db, keys), |row: &team_member::Member| row.team;
    /// Who is in charge of a team now.
    Tutors(tutors): TeamId => allocation::Model,
        |db, actor, keys| allocation::of_teams(db, keys), |row: &allocation::Model| row.team_id;
    /// The team of an enrolment.
    TeamsOfEnrolments(teams_of_enrolments): EnrolmentId => (EnrolmentId, team::Model),
        |db, actor, keys| team::of_enrolments_visible(db, actor, keys), |row: &(EnrolmentId, team::Model)| row.0;
    /// The work of a team.
    Work(work): TeamId => submission::Model,
        |db, actor, keys| submission::of_teams_visible(db, actor, keys),
        |row: &submission::Model| row.team_id.unwrap_or(TeamId(uuid::Uuid::nil()));
    /// What is asked for.
    Deliverables(deliverables): DeliverableId => deliverable::Model,
        |db, actor, keys| deliverable::by_ids(db, keys), |row: &deliverable::Model| row.id;
    /// What an edition asks for.
    Asked(asked): EditionId => deliverable::Model,
        |db, actor, keys| deliverable::of_editions_visible(db, actor, keys), |row: &deliverable::Model| row.edition_id;
    /// How many drafts were closed at the cut-off.
    ClosedDrafts(closed_drafts): DeliverableId => (DeliverableId, i64),
        |db, actor, keys| submission::closed_drafts(db, keys), |row: &(DeliverableId, i64)| row.0;
    /// The viewer's own answer.
    OwnAnswers(own_answers): DeliverableId => submission::Model,
        |db, actor, keys| submission::own_answers(db, actor, keys), |row: &submission::Model| row.deliverable_id;
    /// What was handed in.
    Versions(versions): SubmissionId => version::Model,
        |db, actor, keys| version::of_submissions(db, keys), |row: &version::Model| row.submission_id;
    /// Whose a version is.
    Authors(authors): VersionId => author::Author,
        |db, actor, keys| author::of_versions(db, keys), |row: &author::Author| row.version;
    /// What assessors found.
    Assessments(assessments): SubmissionId => assessment::Model,
        |db, actor, keys| assessment::of_submissions(db, keys), |row: &assessment::Model| row.submission_id;
    /// Released grades.
    Grades(grades): SubmissionId => grade::Model,
        |db, actor, keys| grade::of_submissions(db, keys), |row: &grade::Model| row.submission_id;
    /// What enrolments were counted with before.
    FormerSnapshots(former_snapshots): EnrolmentId => former::Model,
        |db, actor, keys| former::of_enrolments(db, keys), |row: &former::Model| row.enrolment_id;
    /// Decided outcomes.
    Completions(completions): EnrolmentId => completion::Model,
        |db, actor, keys| completion::of_enrolments(db, keys), |row: &completion::Model| row.enrolment_id;
}

/// How the viewer stands to submissions.
#[derive(Debug)]
pub struct Standings(Db, Actor);

impl Loader<SubmissionId> for Standings {
    type Value = Relation;
    type Error = Shared;

    async fn load(&self, ids: &[SubmissionId]) -> Result<HashMap<SubmissionId, Relation>, Shared> {
        submission::relations(self.0.read(), &self.1, ids)
            .await
            .map_err(Arc::new)
    }
}
