//! Every notice, with made-up people, editions and works: what previews of messages are written from.

use chrono::{DateTime, Days as Count, NaiveDate, TimeDelta, Utc};

use super::{AboutEdition, AboutWork, Days, Guest, Notice};
use crate::domain::digest::{EditionNews, Figures, News};
use crate::domain::language::{Language, Localized};

mod nominations;

/// A notice, and which of its shapes it is where its wording has several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The notice.
    pub notice: Notice,
    /// What tells it from the other samples of the same notice; empty where there is no other.
    pub shape: &'static str,
}

impl Sample {
    /// A name that no other sample has, such as `enrolment_ended-by_others`.
    pub fn name(&self) -> String {
        let shape = if self.shape.is_empty() { "" } else { "-" };
        format!("{}{shape}{}", self.notice.name(), self.shape)
    }
}

/// Every notice, by what it is about, once for each shape of its wording.
pub fn all() -> Vec<Sample> {
    let now = DateTime::from_timestamp(1_772_456_400, 0).unwrap_or_default();
    let mut all = about_addresses(now);
    all.extend(about_ways_in(now));
    all.extend(invitations(now));
    all.extend(nominations::all(now));
    all.extend(about_seats(now));
    all.extend(put_right());
    all.extend(about_editions());
    all.extend(about_works(now));
    all
}

fn one(notice: Notice) -> Sample {
    shaped("", notice)
}

fn shaped(shape: &'static str, notice: Notice) -> Sample {
    Sample { notice, shape }
}

/// A token as it looks; it opens nothing.
fn token() -> String {
    "otk_EXAMPLE-of-a-token-that-opens-nothing-at-all".to_owned()
}

fn text(es: &str, en: &str, pt: &str) -> Localized {
    let texts = [(Language::Es, es), (Language::En, en), (Language::Pt, pt)];
    Localized(texts.map(|(language, text)| (language, text.to_owned())).into())
}

fn day(month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, month, day).unwrap_or_default()
}

fn edition() -> AboutEdition {
    AboutEdition {
        code: "FPD-2026".to_owned(),
        title: text(
            "Formación profesional digital",
            "Digital vocational training",
            "Formação profissional digital",
        ),
        starts_on: day(4, 6),
        ends_on: day(7, 31),
        time_zone: "America/Montevideo".to_owned(),
        event: "edn_00000000000000000000000001".to_owned(),
        changes: 3,
    }
}

fn work() -> AboutWork {
    AboutWork {
        edition: edition(),
        deliverable: "Hoja de ruta".to_owned(),
        work: "Talleres abiertos en el interior".to_owned(),
        version: 2,
    }
}

fn guest() -> Guest {
    Guest {
        address: "nora@example.org".to_owned(),
        given_name: "Nora".to_owned(),
        family_name: "Silva".to_owned(),
        language: Language::Es,
    }
}

fn provider() -> Localized {
    text("Campus de la región", "Campus of the region", "Campus da região")
}

fn reason() -> String {
    "La institución pidió el lugar para otra persona.".to_owned()
}

fn comment() -> String {
    "Buen diagnóstico.\nFaltan los plazos y quién responde por cada paso.".to_owned()
}

fn about_addresses(now: DateTime<Utc>) -> Vec<Sample> {
    let tomorrow = now + TimeDelta::days(1);
    vec![
        one(Notice::ConfirmAddress {
            guest: None,
            token: token(),
            expires_at: tomorrow,
        }),
        one(Notice::AlreadyRegistered),
        one(Notice::AddressNotConfirmed),
        one(Notice::AddressTaken),
        one(Notice::ResetPassword {
            token: token(),
            expires_at: now + TimeDelta::minutes(30),
        }),
        one(Notice::PasswordChanged { at: now }),
        one(Notice::ConfirmNewAddress {
            address: "ana.maria@example.org".to_owned(),
            token: token(),
            expires_at: tomorrow,
        }),
        one(Notice::AddressChanged {
            address: "ana@example.org".to_owned(),
            at: now,
        }),
    ]
}

fn about_ways_in(now: DateTime<Utc>) -> Vec<Sample> {
    let expires_at = now + TimeDelta::days(90);
    let linked = |password_forgotten| Notice::IdentityLinked {
        provider: provider(),
        at: now,
        password_forgotten,
    };
    vec![
        one(Notice::SessionCopied { at: now }),
        one(Notice::SecondFactorAdded { at: now }),
        one(Notice::SecondFactorRemoved { at: now }),
        one(Notice::RecoveryCodesRenewed { at: now }),
        one(Notice::ApiTokenCreated {
            name: "Informes".to_owned(),
            at: now,
            expires_at,
        }),
        one(Notice::ApiTokenExpiring {
            name: "Informes".to_owned(),
            expires_at: now + TimeDelta::days(7),
        }),
        one(Notice::ConfirmIdentity {
            provider: provider(),
            at: now,
            token: token(),
            expires_at: now + TimeDelta::hours(1),
        }),
        shaped("", linked(false)),
        shaped("password_forgotten", linked(true)),
        one(Notice::IdentityUnlinked {
            provider: provider(),
            at: now,
        }),
        one(Notice::AccountDisabled {
            reason: "La dirección de correo ya no es suya.".to_owned(),
        }),
        one(Notice::AccountEnabled),
    ]
}

fn invitations(now: DateTime<Utc>) -> Vec<Sample> {
    let expires_at = now + TimeDelta::days(7);
    let to_role = |role: &str, place: Option<Localized>| Notice::InvitedToRole {
        guest: guest(),
        inviter: "Carla Gómez".to_owned(),
        role: role.to_owned(),
        place,
        token: token(),
        expires_at,
    };
    let institution = text("INEFOP", "INEFOP", "INEFOP");
    vec![
        one(Notice::InvitedToEdition {
            guest: guest(),
            inviter: "Carla Gómez".to_owned(),
            edition: edition(),
            token: token(),
            expires_at,
        }),
        shaped("tutor", to_role("tutor", Some(edition().title))),
        shaped("focal_point", to_role("focal_point", Some(institution))),
        shaped("coordinator", to_role("coordinator", Some(edition().title))),
        shaped("coordinator_of_all", to_role("coordinator", None)),
        one(Notice::InvitationEnded {
            guest: guest(),
            edition: edition(),
            reason: "No hay suficientes personas inscritas.".to_owned(),
        }),
    ]
}

fn about_seats(now: DateTime<Utc>) -> Vec<Sample> {
    let edition = edition();
    let (about, until) = (|| edition.clone(), now + TimeDelta::hours(48));
    let confirmed = |asks_consent| Notice::EnrolmentConfirmed {
        edition: about(),
        asks_consent,
    };
    vec![
        one(Notice::ApplicationReceived {
            edition: about(),
            asks_consent: false,
        }),
        one(confirmed(false)),
        shaped("asking_consent", confirmed(true)),
        one(Notice::EnrolmentWaitlisted {
            edition: about(),
            asks_consent: false,
        }),
        one(Notice::SeatOffered {
            edition: about(),
            until,
        }),
        one(Notice::SeatOfferExpired { edition: about() }),
        one(Notice::EnrolmentRejected {
            edition: about(),
            reason: reason(),
        }),
        shaped(
            "by_oneself",
            Notice::ApplicationEnded {
                edition: about(),
                reason: None,
            },
        ),
        shaped(
            "by_others",
            Notice::ApplicationEnded {
                edition: about(),
                reason: Some(reason()),
            },
        ),
        shaped(
            "by_oneself",
            Notice::EnrolmentEnded {
                edition: about(),
                reason: None,
            },
        ),
        shaped(
            "by_others",
            Notice::EnrolmentEnded {
                edition: about(),
                reason: Some(reason()),
            },
        ),
    ]
}

/// What coordinators put right, and enrolments that go on elsewhere.
fn put_right() -> Vec<Sample> {
    let other = AboutEdition {
        code: "FPD-2027".to_owned(),
        event: "edn_00000000000000000000000002".to_owned(),
        ..edition()
    };
    let undone = |shape: &'static str| {
        let notice = Notice::DecisionUndone {
            edition: edition(),
            state: shape.to_owned(),
            reason: "Fue un error de lista.".to_owned(),
        };
        shaped(shape, notice)
    };
    let transfer = |state: &str, asks_consent| Notice::EnrolmentTransferred {
        edition: other.clone(),
        from: edition(),
        state: state.to_owned(),
        reason: "Pidió otra fecha.".to_owned(),
        asks_consent,
    };
    let transferred = |shape: &'static str| shaped(shape, transfer(shape, false));
    let states = ["confirmed", "waitlisted", "applied"];
    let mut all = Vec::from(states.map(undone));
    all.extend(states.map(transferred));
    all.push(shaped("asking_consent", transfer("confirmed", true)));
    all.push(one(Notice::SnapshotCorrected {
        edition: edition(),
        reason: "La institución estaba mal elegida.".to_owned(),
    }));
    all.push(one(Notice::ProposalSettled {
        proposed: "Inst. Nac. de Empleo".to_owned(),
        registered: "INEFOP".to_owned(),
    }));
    all.push(one(Notice::ProposalRefused {
        proposed: "Mi empresa".to_owned(),
        reason: "No es una institución.".to_owned(),
    }));
    all
}

fn about_editions() -> Vec<Sample> {
    let now = edition();
    let before = Days {
        starts_on: now.starts_on - Count::new(7),
        ends_on: now.ends_on - Count::new(7),
        time_zone: now.time_zone.clone(),
    };
    vec![
        one(Notice::EditionCancelled {
            edition: edition(),
            reason: "No hay suficientes personas inscritas.".to_owned(),
        }),
        one(Notice::EditionRescheduled { edition: now, before }),
        one(Notice::MinimumNotReached {
            edition: edition(),
            confirmed: 11,
            minimum: 12,
        }),
    ]
}

fn about_works(now: DateTime<Utc>) -> Vec<Sample> {
    let decided = |completed, grade| Notice::CompletionDecided {
        edition: edition(),
        completed,
        grade,
    };
    let graded = |comment: String| Notice::GradeReleased {
        work: work(),
        grade: 83_300,
        comment,
    };
    vec![
        one(Notice::RevisionRequested {
            work: work(),
            comment: comment(),
        }),
        shaped("", graded(String::new())),
        shaped("with_a_comment", graded(comment())),
        shaped("completed", decided(true, 83_300)),
        shaped("not_completed", decided(false, 41_000)),
        one(Notice::Digest {
            news: news(now - TimeDelta::hours(3)),
        }),
    ]
}

fn news(now: DateTime<Utc>) -> News {
    let busy = Figures {
        applied: 12,
        left: 1,
        undecided: 9,
        ..Figures::default()
    };
    let running = Figures {
        handed_in: 4,
        unreviewed: 3,
        charges: 1,
        ..Figures::default()
    };
    let other = AboutEdition {
        code: "IDS-2026".to_owned(),
        title: text("Diálogo social", "Social dialogue", "Diálogo social"),
        ..edition()
    };
    let editions = [(edition(), busy), (other, running)];
    News {
        since: now - TimeDelta::days(1),
        until: now,
        time_zone: "America/Montevideo".to_owned(),
        editions: editions
            .map(|(edition, figures)| EditionNews { edition, figures })
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::notice::MailKind;

    #[test]
    fn every_sample_has_a_name_of_its_own_and_every_kind_has_a_sample() {
        let all = all();
        let names: BTreeSet<String> = all.iter().map(Sample::name).collect();
        assert_eq!(names.len(), all.len(), "{names:?}");
        let kinds: BTreeSet<MailKind> = all.iter().map(|sample| sample.notice.kind()).collect();
        assert_eq!(kinds, MailKind::ALL.iter().copied().collect());
    }
}
