//! Who and what a filled demonstration holds: the people to sign in as, and where journeys begin.

use serde_json::{Value, json};

use super::people::{COORDINATOR, PARTICIPANT, TUTOR, acting, email_of, text};
use super::seed::{ENROLLING, RUNNING};
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::id::PersonId;
use crate::domain::person::full_name;
use crate::domain::submission::SubmissionState;
use crate::domain::text::Email;
use crate::error::{Error, Result};
use crate::service::enrolment;
use crate::store::{self, person};

/// Somebody to sign in as.
pub struct Member {
    /// `participant`, `tutor` or `coordinator`.
    pub role: &'static str,
    /// What to call them.
    pub name: String,
    /// The address.
    pub email: String,
    /// The person.
    pub id: PersonId,
}

/// Who and what the start page begins with.
pub struct Cast {
    /// The three people.
    pub people: Vec<Member>,
    /// The identifiers that journeys begin with.
    pub ids: Value,
}

/// The people and identifiers that a filled demonstration holds.
pub(super) async fn cast(app: &App) -> Result<Cast> {
    let operator = Actor::operator();
    let mut people = Vec::new();
    for (part, role) in [
        (PARTICIPANT, "participant"),
        (TUTOR, "tutor"),
        (COORDINATOR, "coordinator"),
    ] {
        let email = email_of(part);
        let row = person::find_by_email(app.db.read(), &text(Email::parse(&email))?).await?;
        let row = row.ok_or_else(|| Error::internal("a person of the demonstration is missing"))?;
        people.push(Member {
            role,
            name: full_name(&row.given_name, &row.family_name),
            email,
            id: row.id,
        });
    }
    let by_code = async |code| {
        let found = store::edition::find_by_code(app.db.read(), &operator, code).await?;
        found
            .map(|row| row.id)
            .ok_or_else(|| Error::internal("an edition of the demonstration is missing"))
    };
    let (running, enrolling) = (by_code(RUNNING).await?, by_code(ENROLLING).await?);
    let deliverables = store::deliverable::of_editions(app.db.read(), &[running]).await?;
    let asked = deliverables
        .first()
        .ok_or_else(|| Error::internal("the roadmap of the demonstration is missing"))?;
    let own = enrolment::mine(app, &acting(people[0].id), running).await?;
    let assessed = store::submission::of_deliverable(app.db.read(), &operator, asked.id).await?;
    let assessed = assessed.into_iter().find(|row| row.state == SubmissionState::Assessed);
    let author = assessed.as_ref().and_then(|row| row.counted_for);
    Ok(Cast {
        ids: json!({
            "editionEnrolling": enrolling.to_string(),
            "editionRunning": running.to_string(),
            "deliverable": asked.id.to_string(),
            "enrolmentRunning": own.map(|row| row.id.to_string()),
            "submissionAssessed": assessed.map(|row| row.id.to_string()),
            "enrolmentAssessed": author.map(|id| id.to_string()),
            "tutor": people[1].id.to_string(),
        }),
        people,
    })
}
