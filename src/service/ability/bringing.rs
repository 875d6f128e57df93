//! What whoever brings a table in may do to it, as its operations have it.

use super::seen::Seen;
use super::{Asked, Facts};
use crate::domain::policy::Relation;
use crate::domain::roster::Kind;
use crate::store::table_import;

impl Seen {
    /// A table of the actor's own. The right is that to bring in such a table now.
    pub(super) fn of_table_import(&self, asked: &Asked<'_>, row: &table_import::Model) -> Option<Facts<'_>> {
        let edition = row.edition_id.and_then(|id| self.editions.get(&id));
        let covers = edition.is_some_and(|edition| asked.covers(edition));
        let nominator = row.institution_id.and_then(|id| self.nominators.get(&id));
        let institutions = asked.actor.institutions();
        let (right, relation): (&'static [&'static str], Relation) = match row.kind {
            Kind::People => (&["import_records"], Relation::NONE),
            Kind::Enrolments => (
                &["import_enrolments"],
                Relation {
                    edition: covers,
                    ..Relation::NONE
                },
            ),
            Kind::Nominations => (
                &["nominate"],
                Relation {
                    institution: nominator.is_some_and(|id| institutions.contains(id)),
                    ..Relation::NONE
                },
            ),
        };
        match asked.operation {
            "cancelTableImport" => {
                let is_left = row.state.cancel(row.progress()).is_ok();
                Some(asked.facts(relation).only(right).if_possible(is_left))
            }
            _ => None,
        }
    }
}
