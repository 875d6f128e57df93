//! Nominations: of them, of what is asked about them, and of what became of them.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Sample, edition, guest, one, shaped, token};
use crate::domain::notice::Notice;

const INSTITUTION: &str = "INEFOP";
const INVITER: &str = "Flor Duarte";
const NOMINEE: &str = "Nora Silva";

/// Every notice about nominations.
pub(super) fn all(now: DateTime<Utc>) -> Vec<Sample> {
    let nominated = |reminder| Notice::Nominated {
        guest: guest(),
        institution: INSTITUTION.to_owned(),
        inviter: INVITER.to_owned(),
        edition: edition(),
        token: token(),
        expires_at: now + TimeDelta::days(7),
        reminder,
    };
    let answered = |outcome: &'static str, reason: Option<&str>| {
        let notice = Notice::NominationAnswered {
            edition: edition(),
            nominee: NOMINEE.to_owned(),
            outcome: outcome.to_owned(),
            reason: reason.map(str::to_owned),
        };
        shaped(outcome, notice)
    };
    vec![
        shaped("", nominated(false)),
        shaped("reminder", nominated(true)),
        one(Notice::NominationWithdrawn {
            guest: guest(),
            institution: INSTITUTION.to_owned(),
            edition: edition(),
        }),
        one(Notice::EndorsementAsked {
            edition: edition(),
            institution: INSTITUTION.to_owned(),
            inviter: INVITER.to_owned(),
            nominee: NOMINEE.to_owned(),
        }),
        answered("endorsed", None),
        answered("not_endorsed", None),
        answered("accepted", None),
        answered("declined", Some("En esas semanas estoy de viaje.")),
        answered("withdrawn", Some("Cambió de puesto.")),
        answered("expired", None),
    ]
}
