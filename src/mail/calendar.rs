//! The dates of a notice as a file for calendars: whoever opens it has them, under the names that the feed of the
//! calendar uses, so that a change moves what stands there and the end of a place or of an edition strikes it out; that
//! of an edition also for who was invited to it. That a nomination was taken back does not: its nominee may take part by
//! another way.

use chrono::{DateTime, Utc};

use super::one_line;
use crate::domain::calendar::{Event, When, host, write};
use crate::domain::enrolment::EnrolmentState;
use crate::domain::language::Language;
use crate::domain::notice::{AboutEdition, Notice};

/// The file for a notice in which a date matters. `at` is when it is sent, `public_url` where the names of events are
/// from.
pub fn file(notice: &Notice, language: Language, public_url: &str, at: DateTime<Utc>) -> Option<String> {
    let host = host(public_url);
    let dates = dates(notice).into_iter().flatten();
    let known = dates.filter(|date| !date.edition.event.is_empty());
    let events: Vec<Event> = known.map(|date| event(&date, language, host, at)).collect();
    (!events.is_empty()).then(|| write("Rumbo", language.code(), &events))
}

/// A date that matters.
struct Date<'a> {
    /// The edition whose days it is about.
    edition: &'a AboutEdition,
    /// Until when an offer of a seat in it stands; the offer is the event then.
    until: Option<DateTime<Utc>>,
    /// Whether it does not take place for the reader.
    is_cancelled: bool,
}

fn event(date: &Date<'_>, language: Language, host: &str, at: DateTime<Utc>) -> Event {
    let edition = date.edition;
    let title = format!(
        "{} ({})",
        one_line(edition.title.get(language)),
        one_line(&edition.code)
    );
    let name = one_line(&edition.event);
    let event = Event {
        uid: format!("{name}@{host}"),
        when: When::Days(edition.starts_on, edition.ends_on),
        summary: title.clone(),
        description: one_line(&edition.time_zone),
        changed_at: at,
        sequence: edition.changes,
        is_busy: false,
        is_cancelled: date.is_cancelled,
    };
    let Some(until) = date.until else { return event };
    Event {
        uid: format!("{name}-offer@{host}"),
        when: When::Instant(until, 0),
        summary: format!("{}: {title}", answer_by(language)),
        description: local(until, &edition.time_zone),
        ..event
    }
}

/// The dates of a notice: of a transfer of somebody with a seat both, one of them over.
fn dates(notice: &Notice) -> [Option<Date<'_>>; 2] {
    let takes_place = |edition, yes: bool| {
        Some(Date {
            edition,
            until: None,
            is_cancelled: !yes,
        })
    };
    if let Notice::EnrolmentConfirmed { edition, .. }
    | Notice::EditionRescheduled { edition, .. }
    | Notice::InvitedToEdition { edition, .. }
    | Notice::Nominated { edition, .. } = notice
    {
        return [takes_place(edition, true), None];
    }
    if let Notice::SeatOffered { edition, until } = notice {
        let until = Some(*until);
        return [takes_place(edition, true).map(|date| Date { until, ..date }), None];
    }
    if let Notice::EditionCancelled { edition, .. }
    | Notice::EnrolmentEnded { edition, .. }
    | Notice::InvitationEnded { edition, .. } = notice
    {
        return [takes_place(edition, false), None];
    }
    if let Notice::DecisionUndone { edition, state, .. } = notice {
        return [takes_place(edition, has_seat(state)), None];
    }
    if let Notice::EnrolmentTransferred {
        edition, from, state, ..
    } = notice
        && has_seat(state)
    {
        return [takes_place(from, false), takes_place(edition, true)];
    }
    [None, None]
}

/// Whether somebody in a state has a seat: as the notice says it, which is a word.
fn has_seat(state: &str) -> bool {
    EnrolmentState::from_word(state).is_some_and(EnrolmentState::takes_seat)
}

/// What there is to do before an offer of a seat ends.
const fn answer_by(language: Language) -> &'static str {
    match language {
        Language::Es => "Responder a la oferta de un lugar",
        Language::En => "Answer the offer of a place",
        Language::Pt => "Responder à oferta de uma vaga",
    }
}

/// An instant as the clock of the edition shows it, with its zone.
fn local(at: DateTime<Utc>, zone: &str) -> String {
    let there = at.with_timezone(&zone.parse().unwrap_or(chrono_tz::UTC));
    format!("{} ({})", there.format("%Y-%m-%d %H:%M"), one_line(zone))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::notice::samples;

    fn files() -> Vec<(String, String)> {
        let at = "2026-03-02T13:00:00Z".parse().expect("an instant");
        let all = samples::all().into_iter();
        all.filter_map(|sample| {
            let file = file(&sample.notice, Language::En, "https://rumbo.example.org", at)?;
            Some((sample.name(), file))
        })
        .collect()
    }

    #[test]
    fn a_date_that_matters_comes_as_a_file() {
        let names: Vec<String> = files().into_iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            [
                "invited_to_edition",
                "invitation_ended",
                "nominated",
                "nominated-reminder",
                "enrolment_confirmed",
                "enrolment_confirmed-asking_consent",
                "seat_offered",
                "enrolment_ended-by_oneself",
                "enrolment_ended-by_others",
                "decision_undone-confirmed",
                "decision_undone-waitlisted",
                "decision_undone-applied",
                "enrolment_transferred-confirmed",
                "enrolment_transferred-asking_consent",
                "edition_cancelled",
                "edition_rescheduled",
            ]
        );
        for (name, file) in files() {
            let parts = ["ended", "cancelled", "-waitlisted", "-applied", "transferred"];
            let ended = parts.iter().any(|part| name.contains(part));
            assert_eq!(file.contains("STATUS:CANCELLED\r\n"), ended, "{name}: {file}");
            assert!(file.contains("SEQUENCE:3\r\n"), "{file}");
        }
    }

    #[test]
    fn an_offer_ends_at_its_instant_and_an_edition_has_its_days() {
        let of = |wanted: &str| {
            let mut found = files().into_iter().filter(|(name, _)| name == wanted);
            found.next().expect("a file").1
        };
        let confirmed = of("enrolment_confirmed");
        for line in [
            "UID:edn_00000000000000000000000001@rumbo.example.org\r\n",
            "DTSTART;VALUE=DATE:20260406\r\n",
            "DTEND;VALUE=DATE:20260801\r\n",
            "SUMMARY:Digital vocational training (FPD-2026)\r\n",
        ] {
            assert!(confirmed.contains(line), "{line}: {confirmed}");
        }
        let offered = of("seat_offered");
        for line in [
            "UID:edn_00000000000000000000000001-offer@rumbo.example.org\r\n",
            "DTSTART:20260304T130000Z\r\n",
            "DESCRIPTION:2026-03-04 10:00 (America/Montevideo)\r\n",
        ] {
            assert!(offered.contains(line), "{line}: {offered}");
        }
    }

    #[test]
    fn a_transfer_strikes_out_the_one_edition_and_names_the_other() {
        let mut all = files().into_iter();
        let found = all.find(|(name, _)| name == "enrolment_transferred-confirmed");
        let file = found.expect("a file").1;
        let events: Vec<&str> = file.split("BEGIN:VEVENT").skip(1).collect();
        assert_eq!(events.len(), 2, "{file}");
        assert!(events[0].contains("UID:edn_00000000000000000000000001@") && events[0].contains("STATUS:CANCELLED"));
        assert!(events[1].contains("UID:edn_00000000000000000000000002@") && !events[1].contains("STATUS:CANCELLED"));
    }

    #[test]
    fn a_message_of_before_has_no_file() {
        let mut notice = samples::all().remove(0).notice;
        for sample in samples::all() {
            if let Notice::EnrolmentConfirmed {
                mut edition,
                asks_consent,
            } = sample.notice
            {
                edition.event = String::new();
                notice = Notice::EnrolmentConfirmed { edition, asks_consent };
            }
        }
        assert_eq!(notice.name(), "enrolment_confirmed");
        assert_eq!(file(&notice, Language::En, "", DateTime::UNIX_EPOCH), None);
    }
}
