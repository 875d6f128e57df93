//! What a search of the catalogue looks through: the code of an edition and the texts of its course, kept with the
//! edition.
//!
//! Whoever stores it holds the course against changes, after the edition.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{BinOper, CaseStatement, Expr, ExprTrait};
use sea_orm::{QueryOrder, QuerySelect};

use super::{Column, Entity};
use crate::domain::id::{CourseId, EditionId};
use crate::domain::text::fold;
use crate::error::Result;
use crate::store::{Tx, course};

/// What a search looks through, of an edition with this code and a course with this text.
pub fn text(code: &str, of_course: &str) -> String {
    part_of(code) + of_course
}

/// What the edition itself has of it.
fn part_of(code: &str) -> String {
    format!("{} ", fold(code))
}

/// Locks the editions of a course, so that nobody changes one while their search texts are made anew.
pub async fn lock_all(tx: &Tx, course: CourseId) -> Result<()> {
    let editions = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::CourseId.eq(course))
        .order_by_asc(Column::Id);
    let _locked: Vec<EditionId> = editions.lock_exclusive().into_tuple().all(tx).await?;
    Ok(())
}

/// Brings the search texts of a course's editions up to date, a thousand with one statement. The course is locked, so
/// nobody stores texts of it with an edition meanwhile. The editions that it had are locked as well; one that was made
/// until the course was locked is not, and may be waited for.
pub async fn refresh(tx: &Tx, course: &course::Model) -> Result<()> {
    let editions: Vec<(EditionId, String)> = Entity::find()
        .select_only()
        .columns([Column::Id, Column::Code])
        .filter(Column::CourseId.eq(course.id))
        .into_tuple()
        .all(tx)
        .await?;
    for batch in editions.chunks(1000) {
        let mut codes = CaseStatement::new();
        for (id, code) in batch {
            codes = codes.case(Expr::col(Column::Id).eq(*id), part_of(code));
        }
        // What the course says goes to the database once, however many editions it has.
        let codes: Expr = codes.into();
        let texts = codes.binary(BinOper::Custom("||"), Expr::value(course.search_text.as_str()));
        Entity::update_many()
            .col_expr(Column::SearchText, texts)
            .filter(Column::Id.is_in(batch.iter().map(|(id, _)| *id)))
            .exec(tx)
            .await?;
    }
    Ok(())
}
