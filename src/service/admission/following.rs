//! Enrolments follow an institution that was merged: they name the one that stays, and are counted anew.

use super::Admissions;
use crate::domain::id::InstitutionId;
use crate::domain::person::SnapshotCause;
use crate::domain::statistics::Change;
use crate::error::Result;
use crate::store::enrolment;
use crate::store::institution::{self, merger};
use crate::store::snapshot::former::{self, Replacement};

impl Admissions<'_> {
    /// Lets locked enrolments name the institution into which one was merged that they name; what they were counted
    /// with before is kept.
    pub(in crate::service) async fn follow(
        &mut self,
        rows: Vec<enrolment::Model>,
        merged: InstitutionId,
        into: &institution::Model,
    ) -> Result<()> {
        let at = self.clock.now();
        let mut after = rows.clone();
        merger::lead_enrolments(self.tx, &mut after, merged, into).await?;
        let counted = rows.iter().filter(|row| row.institution_id == Some(merged));
        let counted: Vec<enrolment::Model> = counted.cloned().collect();
        let replaced = Replacement {
            at,
            cause: SnapshotCause::Merged,
            reason: None,
            by: None,
        };
        former::keep(self.tx, self.clock, &counted, replaced).await?;
        self.changes.extend(rows.iter().zip(&after).map(|(old, new)| Change {
            at,
            before: Some(enrolment::fact(old)),
            after: Some(enrolment::fact(new)),
        }));
        Ok(())
    }
}
