//! What a list shows of an enrolment without a look-up.

use async_graphql::resolver_utils::enum_value;
use async_graphql::{Context, Value};

use super::Enrolment;
use crate::api::decimal::Decimal;
use crate::api::enums::{EnrolmentState, Gender};
use crate::api::institution::Institution;
use crate::api::person::Person;
use crate::api::plain::{self, Plain};
use crate::api::request::Request;
use crate::domain::audit::PersonalField;
use crate::domain::policy::Action;

impl Plain for Enrolment {
    fn plain(&self, ctx: &Context<'_>) -> Option<Value> {
        let request = Request::of(ctx);
        let shows = |action| {
            let field = PersonalField::shown_by(action).unwrap_or(PersonalField::Name);
            let relation = self.known_relation(request)?;
            request.reads.in_edition(self.row.edition_id);
            Some(request.shows(self.row.person_number, field, action, relation))
        };
        match ctx.item.node.name.node.as_str() {
            "id" => Some(self.row.id.to_string().into()),
            "state" => Some(enum_value(EnrolmentState::from(self.row.state))),
            "appliedAt" => Some(plain::scalar(&self.row.applied_at)),
            "version" => Some(self.row.version.into()),
            "offeredUntil" => Some(self.row.offered_until.as_ref().map_or(Value::Null, plain::scalar)),
            "score" => {
                let may = request.may(Action::SeeScores, self.known_relation(request)?);
                let mean = self.row.mean().filter(|_| may).map(Decimal::thousandths);
                Some(mean.as_ref().map_or(Value::Null, plain::scalar))
            }
            "waitingRank" if self.row.waiting_rank.is_none() => Some(Value::Null),
            "gender" => shows(Action::SeeGender).map(|shows| {
                if shows {
                    enum_value(Gender::from(self.row.gender))
                } else {
                    Value::Null
                }
            }),
            "country" if self.row.country.is_empty() => Some(Value::Null),
            "country" => shows(Action::SeeOrigin).map(|shows| plain::text(shows.then_some(self.row.country.as_str()))),
            "person" => {
                let person = self.beside.as_ref()?.person.clone();
                request.reads.in_edition(self.row.edition_id);
                plain::within(ctx, Some(&Person::listed(person, self.known_relation(request))))
            }
            "institution" if self.row.institution_id.is_none() => Some(Value::Null),
            "institution" => {
                let named = self.row.institution_id.zip(self.beside.as_ref()?.institution.clone())?;
                let institution = shows(Action::SeeOrigin)?.then(|| Institution::named(named.0, named.1));
                plain::within(ctx, institution.as_ref())
            }
            _ => None,
        }
    }
}
