//! The enrolment window of an edition moves, and the nominations that can still be answered move with it: nobody is
//! left with a token that ends before the window opens, nor with one that looks good when the window is over.

use crate::app::App;
use crate::domain::nomination::{new_end, reminds_at};
use crate::error::Result;
use crate::service::invitation::lasts;
use crate::store::{Tx, edition, nomination};

/// Lets the open nominations for a locked edition end as its window, which is another one now, wants it. Who was
/// reminded already is not reminded again. That those of a window that is over have ended is written down, and told to
/// who nominated, as of all others.
pub(in crate::service) async fn follow(app: &App, tx: &Tx, row: &edition::Model) -> Result<()> {
    let now = app.clock.now();
    let window = row.enrols_from..=row.enrols_until;
    let end = new_end(now, lasts(app)?, &window);
    nomination::set_ends(tx, row.id, now, end, reminds_at(now, end.at(), &window)).await
}
