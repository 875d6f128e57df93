//! Enrolments follow an institution that was merged: they name the one that stays, and are counted anew.

use super::Admissions;
use crate::domain::id::{InstitutionId, Subject};
use crate::domain::person::SnapshotCause;
use crate::domain::statistics::Change;
use crate::error::Result;
use crate::store::enrolment::{self, naming};
use crate::store::institution;
use crate::store::snapshot::former::{self, Replacement};

/// How many enrolments are read, and written, at a time.
const AT_ONCE: u64 = 1000;

impl Admissions<'_> {
    /// Lets the enrolments that name a merged institution name the one into which it was merged; gives back which ones
    /// they were. What they were counted with before is kept.
    pub(in crate::service) async fn follow(
        &mut self,
        merged: InstitutionId,
        into: &institution::Model,
    ) -> Result<Vec<Subject>> {
        let mut followed = Vec::new();
        loop {
            // Those before name it no more.
            let rows = naming::lock(self.tx, self.edition.id, merged, AT_ONCE).await?;
            if rows.is_empty() {
                return Ok(followed);
            }
            followed.extend(rows.iter().map(|row| Subject::from(row.id)));
            self.lead(&rows, merged, into).await?;
        }
    }

    async fn lead(
        &mut self,
        rows: &[enrolment::Model],
        merged: InstitutionId,
        into: &institution::Model,
    ) -> Result<()> {
        let at = self.clock.now();
        let mut after = rows.to_vec();
        naming::lead(self.tx, &mut after, merged, into).await?;
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
