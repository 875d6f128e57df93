//! Which rows of other tables belong to editions within somebody's reach.

use sea_orm::Condition;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Query;

use super::{Column, Entity};
use crate::domain::actor::{Actor, Reach};

/// The rows of editions that the actor coordinates; `column` holds their edition.
pub fn coordinated(actor: &Actor, column: impl ColumnTrait) -> Condition {
    within(actor.coordinated(), column)
}

/// The rows of editions within reach; `column` holds their edition.
pub fn within(reach: Reach, column: impl ColumnTrait) -> Condition {
    match reach {
        Reach::Everywhere => Condition::all(),
        Reach::Within { courses, editions } => {
            let of_courses = Query::select()
                .column(Column::Id)
                .from(Entity)
                .and_where(Column::CourseId.is_in(courses.iter().copied()))
                .to_owned();
            let mut listed = Condition::any();
            // No list at all would let everything through: where there is neither, the empty one is asked for.
            if !editions.is_empty() || courses.is_empty() {
                listed = listed.add(column.is_in(editions));
            }
            if !courses.is_empty() {
                listed = listed.add(column.in_subquery(of_courses));
            }
            listed
        }
    }
}
