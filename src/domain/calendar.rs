//! A calendar as other programs subscribe to it: events written out as iCalendar (RFC 5545).
//!
//! The same events are the same bytes, whenever they are written.

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};

/// When something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// From one day to another, both included, wherever one is.
    Days(NaiveDate, NaiveDate),
    /// From an instant on, for so many minutes; none for an instant alone.
    Instant(DateTime<Utc>, i64),
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its name, the same at every time; no other event has it.
    pub uid: String,
    /// When it is.
    pub when: When,
    /// What it is called.
    pub summary: String,
    /// What is to be known of it.
    pub description: String,
    /// Since when it is as it is.
    pub changed_at: DateTime<Utc>,
    /// Rises with every change of what it is about.
    pub sequence: i64,
    /// Whether the time is taken: nothing else can be done then.
    pub is_busy: bool,
    /// Whether it does not take place, or not for whoever reads of it.
    pub is_cancelled: bool,
}

/// The most octets of a line, without its end (RFC 5545, 3.1).
const LINE_OCTETS: usize = 75;

/// The host of an address, for names of events that no other server gives.
pub fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    if host.is_empty() { "rumbo" } else { host }
}

/// Writes a calendar of this name, for readers of this language.
pub fn write(name: &str, language: &str, events: &[Event]) -> String {
    let mut out = String::new();
    let mut line = |property: &str, value: &str| fold(&mut out, &format!("{property}:{value}"));
    line("BEGIN", "VCALENDAR");
    line("VERSION", "2.0");
    line("PRODID", &format!("-//Rumbo//Calendar//{}", language.to_uppercase()));
    line("CALSCALE", "GREGORIAN");
    line("X-WR-CALNAME", &text(name));
    for event in events {
        write_event(&mut line, event);
    }
    line("END", "VCALENDAR");
    out
}

fn write_event(line: &mut impl FnMut(&str, &str), event: &Event) {
    line("BEGIN", "VEVENT");
    line("UID", &text(&event.uid));
    // Without a METHOD the stamp is when the event was last changed (RFC 5545, 3.8.7.2).
    line("DTSTAMP", &instant(event.changed_at));
    line("LAST-MODIFIED", &instant(event.changed_at));
    line("SEQUENCE", &event.sequence.max(0).to_string());
    match event.when {
        When::Days(first, last) => {
            line("DTSTART;VALUE=DATE", &day(first));
            // The end is the first day that does not belong to it; a year has four digits.
            match last.checked_add_days(Days::new(1)).filter(|end| end.year() <= 9999) {
                Some(end) => line("DTEND;VALUE=DATE", &day(end)),
                None => line("DURATION", &format!("P{}D", (last - first).num_days() + 1)),
            }
        }
        When::Instant(at, minutes) => {
            line("DTSTART", &instant(at));
            if minutes > 0 {
                line("DURATION", &format!("PT{minutes}M"));
            }
        }
    }
    line("SUMMARY", &text(&event.summary));
    if !event.description.is_empty() {
        line("DESCRIPTION", &text(&event.description));
    }
    if event.is_cancelled {
        line("STATUS", "CANCELLED");
    }
    line("TRANSP", if event.is_busy { "OPAQUE" } else { "TRANSPARENT" });
    line("END", "VEVENT");
}

fn instant(at: DateTime<Utc>) -> String {
    at.format("%Y%m%dT%H%M%SZ").to_string()
}

fn day(day: NaiveDate) -> String {
    day.format("%Y%m%d").to_string()
}

/// A value of the type TEXT (RFC 5545, 3.3.11): its marks escaped, its line breaks written out, other control
/// characters left out.
fn text(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for letter in value.replace("\r\n", "\n").replace('\r', "\n").chars() {
        match letter {
            '\\' | ';' | ',' => {
                out.push('\\');
                out.push(letter);
            }
            '\n' => out.push_str("\\n"),
            _ if letter.is_control() => {}
            _ => out.push(letter),
        }
    }
    out
}

/// Writes a line and its end, broken where it is too long, never inside a character.
fn fold(out: &mut String, line: &str) {
    let mut octets = 0;
    for letter in line.chars() {
        if octets + letter.len_utf8() > LINE_OCTETS {
            out.push_str("\r\n ");
            octets = 1;
        }
        out.push(letter);
        octets += letter.len_utf8();
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(summary: &str, when: When) -> Event {
        Event {
            uid: "edn_1@rumbo.example.org".into(),
            when,
            summary: summary.into(),
            description: String::new(),
            changed_at: "2026-03-02T12:00:00Z".parse().expect("an instant"),
            sequence: 3,
            is_busy: false,
            is_cancelled: false,
        }
    }

    #[test]
    fn what_ends_on_the_last_day_that_can_be_written_has_a_length() {
        let until = |last: &str| When::Days("9999-12-30".parse().expect("a day"), last.parse().expect("a day"));
        let written = |when| write("Rumbo", "en", &[event("The last", when)]);
        assert!(written(until("9999-12-31")).contains("\r\nDURATION:P2D\r\n"));
        assert!(!written(until("9999-12-31")).contains("DTEND"));
        assert!(written(until("9999-12-30")).contains("\r\nDTEND;VALUE=DATE:99991231\r\n"));
    }

    #[test]
    fn a_calendar_is_written_as_the_standard_says() {
        let days = When::Days(
            "2026-04-06".parse().expect("a day"),
            "2026-07-31".parse().expect("a day"),
        );
        let meeting = Event {
            description: "Line one\nline two".into(),
            is_busy: true,
            ..event(
                "A; b, c\\d",
                When::Instant("2026-04-07T13:00:00Z".parse().expect("an instant"), 90),
            )
        };
        let written = write("Rumbo", "en", &[event("Digital training", days), meeting]);
        let expected = "BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//Rumbo//Calendar//EN\r
CALSCALE:GREGORIAN\r
X-WR-CALNAME:Rumbo\r
BEGIN:VEVENT\r
UID:edn_1@rumbo.example.org\r
DTSTAMP:20260302T120000Z\r
LAST-MODIFIED:20260302T120000Z\r
SEQUENCE:3\r
DTSTART;VALUE=DATE:20260406\r
DTEND;VALUE=DATE:20260801\r
SUMMARY:Digital training\r
TRANSP:TRANSPARENT\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:edn_1@rumbo.example.org\r
DTSTAMP:20260302T120000Z\r
LAST-MODIFIED:20260302T120000Z\r
SEQUENCE:3\r
DTSTART:20260407T130000Z\r
DURATION:PT90M\r
SUMMARY:A\\; b\\, c\\\\d\r
DESCRIPTION:Line one\\nline two\r
TRANSP:OPAQUE\r
END:VEVENT\r
END:VCALENDAR\r
";
        assert_eq!(written, expected);
    }

    #[test]
    fn what_does_not_take_place_says_so() {
        let day = "2026-04-06".parse().expect("a day");
        let cancelled = Event {
            is_cancelled: true,
            ..event("Digital training", When::Days(day, day))
        };
        let written = write("Rumbo", "en", &[cancelled]);
        assert!(
            written.contains("STATUS:CANCELLED\r\nTRANSP:TRANSPARENT\r\n"),
            "{written}"
        );
        assert_eq!(host("https://rumbo.example.org:8443/x"), "rumbo.example.org");
        assert_eq!(host(""), "rumbo");
    }

    proptest! {
        /// Whatever people write: no line is too long, none begins a property of theirs, and unfolded and unescaped it
        /// is what they wrote.
        #[test]
        fn what_people_write_stays_in_its_line(summary in "\\PC{0,200}", break_at in 0_usize..200) {
            let mut summary = summary;
            let place = summary.char_indices().map(|(at, _)| at).nth(break_at).unwrap_or(summary.len());
            summary.insert_str(place, "\r\nEND:VEVENT\n");
            let at = When::Instant(DateTime::UNIX_EPOCH, 0);
            let written = write("Rumbo", "en", &[event(&summary, at)]);
            prop_assert!(written.lines().all(|line| line.len() <= LINE_OCTETS));
            prop_assert_eq!(written.matches('\n').count(), written.matches("\r\n").count());
            let unfolded = written.replace("\r\n ", "");
            prop_assert_eq!(unfolded.lines().filter(|line| *line == "END:VEVENT").count(), 1);
            let line = unfolded.lines().find_map(|line| line.strip_prefix("SUMMARY:")).expect("a summary");
            let mut read = String::new();
            let mut letters = line.chars();
            while let Some(letter) = letters.next() {
                match letter {
                    '\\' => read.push(match letters.next() { Some('n') => '\n', Some(other) => other, None => '?' }),
                    other => read.push(other),
                }
            }
            prop_assert_eq!(read, summary.replace("\r\n", "\n"));
        }
    }
}
