//! How the viewer stands to an enrolment, and what they see of it.

use std::pin::Pin;

use async_graphql::Context;

use super::Enrolment;
use crate::api::error::ApiResult;
use crate::api::request::Request;
use crate::domain::actor::{Reach, Role};
use crate::domain::audit::PersonalField;
use crate::domain::policy::{Action, Relation};

impl Enrolment {
    /// How the viewer stands to this enrolment; that they see more of the person by another edition opens nothing
    /// here. Whoever coordinates the edition, or is the person, needs no look-up: no other relation shows more.
    pub(super) async fn relation(&self, request: &Request) -> ApiResult<Relation> {
        if let Some(known) = self.known_relation(request) {
            return Ok(known);
        }
        let Request { actor, loaders, .. } = request;
        let mut relation = Relation {
            institution: self.row.is_nominated_by(&actor.institutions()),
            ..Relation::NONE
        };
        if let Reach::Within { courses, .. } = actor.coordinated()
            && !courses.is_empty()
        {
            let edition = loaders.editions.load_one(self.row.edition_id).await?;
            relation.edition = edition.is_some_and(|edition| courses.contains(&edition.course_id));
        }
        if actor.holds(Role::Tutor) && !relation.edition {
            let to_person = loaders.relations.load_one(self.row.person_id).await?;
            relation.assigned = to_person.is_some_and(|relation| relation.assigned);
        }
        Ok(relation)
    }

    pub(super) fn known_relation(&self, request: &Request) -> Option<Relation> {
        if request.actor.person == Some(self.row.person_id) {
            return Some(Relation::OWN);
        }
        match request.actor.coordinated() {
            Reach::Everywhere => Some(Relation::EDITION),
            Reach::Within { editions, .. } => editions.contains(&self.row.edition_id).then_some(Relation::EDITION),
        }
    }

    /// Whether the viewer sees a field of it; what staff sees is noted.
    pub(super) async fn sees(&self, ctx: &Context<'_>, action: Action) -> ApiResult<bool> {
        let field = PersonalField::shown_by(action).unwrap_or(PersonalField::Name);
        self.sees_field(ctx, action, field).await
    }

    /// Whether the viewer reads what the person answered, and to what they consented; what staff reads is noted. In a
    /// place of its own: every field of a page would hold the state of the look-up.
    pub(super) fn sees_application<'a>(
        &'a self,
        ctx: &'a Context<'_>,
    ) -> Pin<Box<dyn Future<Output = ApiResult<bool>> + Send + 'a>> {
        Box::pin(self.sees_field(ctx, Action::SeeApplication, PersonalField::Application))
    }

    /// Whether the viewer sees this field of the person by this action; what staff sees is noted.
    pub(super) async fn sees_field(&self, ctx: &Context<'_>, action: Action, field: PersonalField) -> ApiResult<bool> {
        let request = Request::of(ctx);
        let relation = self.relation(request).await?;
        request.reads.in_edition(self.row.edition_id);
        Ok(request.shows(self.row.person_number, field, action, relation))
    }
}
