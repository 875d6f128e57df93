//! Courses: created and changed by coordinators, read by anybody once an edition of them is published.

use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::course::CourseDraft;
use crate::domain::id::CourseId;
use crate::domain::policy::{Action, Relation, demand};
use crate::domain::text::SearchText;
use crate::domain::version::expect_version;
use crate::error::{Error, Result};
use crate::store::page::{Page, Wanted};
use crate::store::{audit, course, edition};

/// The course, if it exists for the actor.
pub async fn find(app: &App, actor: &Actor, id: CourseId) -> Result<Option<course::Model>> {
    demand(actor, Action::BrowseCatalogue, Relation::NONE, None)?;
    course::find_for(app.db.read(), actor, id).await
}

/// A page of the courses that exist for the actor, by code.
pub async fn page(app: &App, actor: &Actor, text: Option<&SearchText>, wanted: &Wanted) -> Result<Page<course::Model>> {
    demand(actor, Action::BrowseCatalogue, Relation::NONE, None)?;
    course::page(app.db.read(), actor, text, wanted).await
}

/// Creates a course.
///
/// # Errors
/// `Code::Taken` when another course has the code.
pub async fn create(app: &App, actor: &Actor, draft: &CourseDraft) -> Result<course::Model> {
    demand(actor, Action::PlanCourse, Relation::NONE, None)?;
    let tx = app.db.write().await?;
    let row = course::insert(&tx, CourseId(app.clock.new_id()), draft, app.clock.now()).await?;
    audit::record(
        &tx,
        &app.clock,
        actor.person,
        Action::PlanCourse,
        &[row.id.into()],
        None,
    )
    .await?;
    tx.commit().await?;
    Ok(row)
}

/// Replaces the texts of a course whose version the caller saw.
///
/// # Errors
/// `Code::StaleVersion` when somebody else changed it since.
pub async fn update(
    app: &App,
    actor: &Actor,
    id: CourseId,
    version: i64,
    draft: &CourseDraft,
) -> Result<course::Model> {
    demand(actor, Action::PlanCourse, Relation::NONE, None)?;
    let tx = app.db.write().await?;
    // Its editions first, as everywhere. One that is being made meanwhile is not among them: whoever changes it as soon
    // as it is there may wait for the course, and this for it. PostgreSQL ends one of them (40P01), which is tried
    // again.
    edition::search::lock_all(&tx, id).await?;
    let old = course::lock(&tx, id).await?.ok_or(Error::NotFound("input.courseId"))?;
    expect_version("version", old.version, version)?;
    let row = course::update(&tx, &old, draft).await?;
    edition::search::refresh(&tx, &row).await?;
    audit::record(
        &tx,
        &app.clock,
        actor.person,
        Action::PlanCourse,
        &[row.id.into()],
        None,
    )
    .await?;
    tx.commit().await?;
    Ok(row)
}
