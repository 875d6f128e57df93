//! What questions about abilities are about, loaded with a bounded number of statements.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::Check;
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::decision::Decided;
use crate::domain::id::{
    AnyId, CourseId, DeliverableId, EditionId, EnrolmentId, InstitutionId, InvitationId, PersonId, SubmissionId,
    TableImportId, TeamId,
};
use crate::domain::institution::InstitutionState;
use crate::domain::policy::Relation;
use crate::domain::submission::SubmissionState;
use crate::error::Result;
use crate::service::institution::is_seen;
use crate::store::enrolment::decision;
use crate::store::team_member::Place;
use crate::store::{
    completion, course, deliverable, edition, enrolment, institution, invitation, nomination, person, submission,
    table_import, team, team_member,
};

/// What the questions are about, as far as the actor sees it.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) editions: HashMap<EditionId, edition::Model>,
    pub(super) courses: HashSet<CourseId>,
    pub(super) institutions: HashMap<InstitutionId, InstitutionState>,
    pub(super) enrolments: HashMap<EnrolmentId, enrolment::Model>,
    pub(super) to_enrolments: HashMap<EnrolmentId, Relation>,
    pub(super) decided: HashMap<EnrolmentId, Decided>,
    pub(super) nominations: HashMap<InvitationId, invitation::Model>,
    /// The actor's own, where somebody asks about endorsing.
    pub(super) own_address: Option<String>,
    pub(super) teams: HashMap<TeamId, EditionId>,
    pub(super) to_teams: HashMap<TeamId, Relation>,
    pub(super) submissions: HashMap<SubmissionId, submission::Model>,
    pub(super) to_submissions: HashMap<SubmissionId, Relation>,
    pub(super) deliverables: HashMap<DeliverableId, deliverable::Model>,
    pub(super) answers: HashMap<DeliverableId, SubmissionState>,
    pub(super) places: HashMap<EditionId, Place>,
    pub(super) enrolled: HashSet<EditionId>,
    pub(super) table_imports: HashMap<TableImportId, table_import::Model>,
    /// Who nominates now for the institutions that the tables name: one that was merged, by the one it was merged into.
    pub(super) nominators: HashMap<InstitutionId, InstitutionId>,
}

macro_rules! wanted {
    ($checks:ident, $kind:ident) => {
        $checks
            .iter()
            .filter_map(|check| match check.on {
                Some(AnyId::$kind(id)) => Some(id),
                _ => None,
            })
            .collect::<BTreeSet<$kind>>()
            .into_iter()
            .collect::<Vec<$kind>>()
    };
}

impl Seen {
    pub(super) async fn load(app: &App, actor: &Actor, checks: &[Check]) -> Result<Self> {
        let db = app.db.read();
        let mut seen = Self::default();
        let courses = course::by_ids_visible(db, actor, &wanted!(checks, CourseId)).await?;
        seen.courses = courses.into_iter().map(|row| row.id).collect();
        let institutions = institution::by_ids(db, &wanted!(checks, InstitutionId)).await?;
        let institutions = institutions.into_iter().filter(|row| is_seen(actor, row));
        seen.institutions = institutions.map(|row| (row.id, row.standing())).collect();
        let enrolments = wanted!(checks, EnrolmentId);
        seen.to_enrolments = completion::relations(db, actor, &enrolments).await?;
        if checks.iter().any(|check| check.operation == "undoDecision") {
            seen.decided = decision::on(db, &enrolments).await?;
        }
        let enrolments = enrolment::by_ids_visible(db, actor, &enrolments).await?;
        seen.enrolments = enrolments.into_iter().map(|row| (row.id, row)).collect();
        let teams = wanted!(checks, TeamId);
        seen.to_teams = team::relations(db, actor, &teams).await?;
        let teams = team::by_ids_visible(db, actor, &teams).await?;
        seen.teams = teams.into_iter().map(|row| (row.id, row.edition_id)).collect();
        let tables = table_import::by_ids_visible(db, actor, &wanted!(checks, TableImportId)).await?;
        let nominating: Vec<InstitutionId> = tables.iter().filter_map(|row| row.institution_id).collect();
        let nominators = institution::by_ids(db, &nominating).await?;
        let nominators = nominators
            .into_iter()
            .map(|row| (row.id, row.merged_into.unwrap_or(row.id)));
        seen.nominators = nominators.collect();
        seen.table_imports = tables.into_iter().map(|row| (row.id, row)).collect();
        seen.load_nominations(app, actor, checks).await?;
        seen.load_work(app, actor, checks).await?;
        let named = wanted!(checks, EditionId);
        seen.load_editions(app, &named).await?;
        if let Some(me) = actor.person {
            seen.load_own(app, me, &named).await?;
            seen.places = team_member::places(app.db.read(), me, &seen.written_in(checks)).await?;
        }
        Ok(seen)
    }

    /// Whom institutions named, and where whoever endorses them is written to.
    async fn load_nominations(&mut self, app: &App, actor: &Actor, checks: &[Check]) -> Result<()> {
        let db = app.db.read();
        let rows = nomination::by_ids_visible(db, actor, &wanted!(checks, InvitationId)).await?;
        self.nominations = rows.into_iter().map(|row| (row.id, row)).collect();
        let endorses = checks.iter().any(|check| check.operation == "endorseNomination");
        if let Some(me) = actor.person.filter(|_| endorses) {
            self.own_address = person::find(db, me).await?.map(|row| row.email);
        }
        Ok(())
    }

    /// What is asked for, and what was handed in.
    async fn load_work(&mut self, app: &App, actor: &Actor, checks: &[Check]) -> Result<()> {
        let db = app.db.read();
        let submissions = wanted!(checks, SubmissionId);
        self.to_submissions = submission::relations(db, actor, &submissions).await?;
        let submissions = submission::by_ids_visible(db, actor, &submissions).await?;
        self.submissions = submissions.into_iter().map(|row| (row.id, row)).collect();
        let asked = wanted!(checks, DeliverableId);
        let answers = submission::own_answers(db, actor, &asked).await?;
        self.answers = answers.into_iter().map(|row| (row.deliverable_id, row.state)).collect();
        let mut rows = deliverable::by_ids_visible(db, actor, &asked).await?;
        let answered: Vec<DeliverableId> = self.submissions.values().map(|row| row.deliverable_id).collect();
        rows.extend(deliverable::by_ids(db, &answered).await?);
        self.deliverables = rows.into_iter().map(|row| (row.id, row)).collect();
        Ok(())
    }

    /// The editions that are named, and those of all that was loaded.
    async fn load_editions(&mut self, app: &App, named: &[EditionId]) -> Result<()> {
        let mut editions: BTreeSet<EditionId> = named.iter().copied().collect();
        editions.extend(self.nominations.values().filter_map(invitation::Model::edition));
        editions.extend(self.table_imports.values().filter_map(|row| row.edition_id));
        editions.extend(self.teams.values());
        editions.extend(self.enrolments.values().map(|row| row.edition_id));
        editions.extend(self.submissions.values().map(|row| row.edition_id));
        editions.extend(self.deliverables.values().map(|row| row.edition_id));
        let editions: Vec<EditionId> = editions.into_iter().collect();
        let rows = edition::by_ids(app.db.read(), &editions).await?;
        self.editions = rows.into_iter().map(|row| (row.id, row)).collect();
        Ok(())
    }

    /// Where the actor takes part.
    async fn load_own(&mut self, app: &App, me: PersonId, named: &[EditionId]) -> Result<()> {
        let db = app.db.read();
        let own = enrolment::of_person_in(db, me, named).await?;
        let live = own.iter().filter(|row| row.state.is_live());
        self.enrolled = live.map(|row| row.edition_id).collect();
        Ok(())
    }

    /// The editions of the work that somebody asks about writing.
    fn written_in(&self, checks: &[Check]) -> Vec<EditionId> {
        let edition = |check: &Check| match (check.operation, check.on) {
            ("saveDraft", Some(AnyId::DeliverableId(id))) => self.deliverables.get(&id).map(|row| row.edition_id),
            ("submitWork", Some(AnyId::SubmissionId(id))) => self.submissions.get(&id).map(|row| row.edition_id),
            _ => None,
        };
        let editions: BTreeSet<EditionId> = checks.iter().filter_map(edition).collect();
        editions.into_iter().collect()
    }
}
