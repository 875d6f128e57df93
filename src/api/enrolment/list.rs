//! The enrolments of an edition as a list: which of them, in which order, and what is read with them.

use async_graphql::Context;

use super::Enrolment;
use super::input::{ConsentStanding, EnrolmentFilter, EnrolmentOrder};
use crate::api::error::ApiResult;
use crate::api::form;
use crate::api::page::{Arguments, PageOf, connection};
use crate::api::plain::Quick;
use crate::api::request::Request;
use crate::domain::audit::PersonalField;
use crate::domain::policy::{Action, Relation, demand};
use crate::service::edition::relation;
use crate::store::enrolment::{self, Consents};
use crate::store::{edition, roll};

/// A page of an edition's enrolments that exist for the viewer.
pub async fn page_of_edition(
    ctx: &Context<'_>,
    of: &edition::Model,
    filter: Option<EnrolmentFilter>,
    order: EnrolmentOrder,
    arguments: Arguments,
) -> ApiResult<PageOf<Quick<Enrolment>>> {
    let request = Request::of(ctx);
    let wanted = arguments.wanted()?;
    let standing = filter.as_ref().and_then(|filter| filter.consents);
    let mut filter = filter.map(EnrolmentFilter::read).transpose()?.unwrap_or_default();
    let stands = relation(&request.actor, of);
    if let Some(standing) = standing {
        demand(&request.actor, Action::SeeApplication, stands, None)?;
        // In a place of its own: every page would hold the state of the look-up.
        filter.consents = Some(Box::pin(consents(ctx, of, standing)).await?);
    }
    if order == EnrolmentOrder::BestFirst {
        demand(&request.actor, Action::SeeScores, stands, None)?;
    }
    let note = |row: &enrolment::Model| {
        if standing.is_some() {
            note_consents(request, stands, row);
        }
    };
    let order = order.into();
    let db = request.app.db.read();
    let asked = ctx.look_ahead();
    let beside = |name| {
        let in_edges = asked.field("edges").field("node").field(name).exists();
        in_edges || asked.field("nodes").field(name).exists()
    };
    if beside("person") || beside("institution") {
        let page = roll::page_of_edition(db, &request.actor, of.id, &filter, order, &wanted).await?;
        for entry in &page.rows {
            note(&entry.enrolment);
        }
        let place = |entry: &roll::Entry| roll::page_place_in(order, entry);
        return Ok(connection(page, place, |entry| Quick(entry.into())));
    }
    let page = enrolment::page_of_edition(db, &request.actor, of.id, &filter, order, &wanted).await?;
    for row in &page.rows {
        note(row);
    }
    let place = |row: &enrolment::Model| enrolment::page_place_in(order, row);
    Ok(connection(page, place, |row| Quick(row.into())))
}

/// What somebody has to have consented to, or not.
async fn consents(ctx: &Context<'_>, of: &edition::Model, standing: ConsentStanding) -> ApiResult<Consents> {
    let required = form::required(ctx, of.id).await?;
    Ok(match standing {
        ConsentStanding::Missing => Consents::Missing(required),
        ConsentStanding::Given => Consents::Given(required),
    })
}

/// Notes that staff was told of somebody whether they consent, which every row of such a list says.
fn note_consents(request: &Request, stands: Relation, row: &enrolment::Model) {
    request.reads.in_edition(row.edition_id);
    let (number, action) = (row.person_number, Action::SeeApplication);
    request.shows(number, PersonalField::Application, action, stands);
}
