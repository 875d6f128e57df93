//! Links to files: what one names, why it was asked for, for whom it is, how long it lives. How it is written so that
//! nobody can make one or read one is `auth/link.rs`'s.
//!
//! A link gives no right. Whoever brings it is asked again what they may, with everything as it is then.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::actor::Actor;
use super::export::{Format, List, Selection};
use super::id::{EditionId, PersonId, TableImportId};
use super::text::Reason;

/// How long a link lives.
pub const LIFETIME: TimeDelta = TimeDelta::minutes(5);

/// A file that can be fetched or handed over, and by that what may be done with the link: nothing but this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum File {
    /// The enrolments of an edition, as `export_enrolments` gives them out.
    Enrolments(EditionId),
    /// The file of a table that is to be brought in: the link takes it, and gives nothing out.
    Upload(TableImportId),
    /// A list as its holder sees it.
    List(Selection),
}

/// For whom a link is: a person, by what they were signed in with when it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    person: PersonId,
    /// Whether it was an API token, and which one or which session.
    by: (bool, Uuid),
}

impl Holder {
    /// Whoever asks; `None` for nobody.
    pub fn of(actor: &Actor) -> Option<Self> {
        let by_pass = actor.pass.map(|pass| (true, pass.id.0));
        let by = by_pass.or_else(|| actor.session.map(|session| (false, session.0)))?;
        Some(Self {
            person: actor.person?,
            by,
        })
    }

    /// The holder in bytes: no two have the same.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.person.0.as_bytes().to_vec();
        bytes.push(self.by.0.into());
        bytes.extend(self.by.1.as_bytes());
        bytes
    }
}

/// What a link says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The file.
    pub file: File,
    /// Why it was asked for.
    pub reason: Reason,
    /// From when on it is dead.
    pub until: DateTime<Utc>,
}

/// The kind of a link to enrolments, in its first byte.
const ENROLMENTS: u8 = 1;
/// The kind of a link that takes a table.
const UPLOAD: u8 = 2;
/// The kind of a link to a list.
const LIST: u8 = 3;
/// What stands between the texts of a link; no reason and no word of a list has it.
const BETWEEN: &str = "\0";

impl Link {
    /// A link that is made at `now`.
    pub fn new(file: File, reason: Reason, now: DateTime<Utc>) -> Self {
        let until = now + LIFETIME;
        Self { file, reason, until }
    }

    /// Whether it lives at `now`. The clocks of copies may differ, so that one may see it before it was made.
    pub fn lives(&self, now: DateTime<Utc>) -> bool {
        now < self.until
    }

    /// In bytes: the kind, for enrolments their edition, the end in microseconds, the reason; for a list then its name, its
    /// form, and what it was asked with, apart from each other.
    pub fn write(&self) -> Vec<u8> {
        let until = self.until.timestamp_micros().to_be_bytes();
        let reason: &str = self.reason.as_ref();
        let (kind, id) = match &self.file {
            File::Enrolments(edition) => (ENROLMENTS, edition.0),
            File::Upload(import) => (UPLOAD, import.0),
            File::List(selection) => {
                let (list, format) = (selection.list.word(), selection.format.word());
                let texts = [reason, list, format, selection.asked.as_str()].join(BETWEEN);
                return [&[LIST][..], &until[..], texts.as_bytes()].concat();
            }
        };
        [&[kind][..], &id.as_bytes()[..], &until[..], reason.as_bytes()].concat()
    }

    /// Reads what [`Link::write`] writes; `None` for anything else.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (&kind, rest) = bytes.split_first()?;
        if kind == LIST {
            let (until, text) = read_end(rest)?;
            let mut texts = text.splitn(4, BETWEEN);
            let reason = read_reason(texts.next()?)?;
            let selection = Selection {
                list: List::from_word(texts.next()?)?,
                format: Format::from_word(texts.next()?)?,
                asked: texts.next()?.to_owned(),
            };
            let file = File::List(selection);
            return Some(Self { file, reason, until });
        }
        let (id, rest) = rest.split_first_chunk::<16>()?;
        let (until, reason) = read_end(rest)?;
        let id = Uuid::from_bytes(*id);
        let file = match kind {
            ENROLMENTS => File::Enrolments(EditionId(id)),
            UPLOAD => File::Upload(TableImportId(id)),
            _ => return None,
        };
        let reason = read_reason(reason)?;
        Some(Self { file, reason, until })
    }
}

/// The end of a link, and the text after it.
fn read_end(bytes: &[u8]) -> Option<(DateTime<Utc>, &str)> {
    let (until, text) = bytes.split_first_chunk::<8>()?;
    let until = DateTime::from_timestamp_micros(i64::from_be_bytes(*until))?;
    Some((until, std::str::from_utf8(text).ok()?))
}

/// A reason in its only form.
fn read_reason(text: &str) -> Option<Reason> {
    Reason::parse(text).ok().filter(|reason| reason.as_ref() == text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::actor::Pass;
    use crate::domain::id::{ApiTokenId, SessionId};
    use crate::domain::language::Language;
    use crate::domain::policy::scopes::Scopes;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).expect("an instant")
    }

    fn link() -> Link {
        let file = File::Enrolments(EditionId(Uuid::from_u128(7)));
        Link::new(file, Reason::parse("The annual report").expect("a reason"), now())
    }

    fn of_a_list() -> Link {
        let selection = Selection {
            list: List::Courses,
            format: Format::Xlsx,
            asked: "{\"text\":\"gestión\"}".to_owned(),
        };
        Link::new(File::List(selection), Reason::parse("So").expect("a reason"), now())
    }

    #[test]
    fn a_link_dies_five_minutes_after_it_was_made() {
        let second = TimeDelta::seconds(1);
        for (at, lives) in [
            (now() - second, true),
            (now(), true),
            (now() + TimeDelta::minutes(5) - second, true),
            (now() + TimeDelta::minutes(5), false),
            (now() + TimeDelta::days(1), false),
        ] {
            assert_eq!(link().lives(at), lives, "{at}");
        }
    }

    #[test]
    fn nobody_holds_a_link_and_everybody_else_holds_it_apart() {
        let person = |number| Actor {
            person: Some(PersonId(Uuid::from_u128(number))),
            ..Actor::anonymous(Language::En)
        };
        let in_session = |number, session| Actor {
            session: Some(SessionId(Uuid::from_u128(session))),
            ..person(number)
        };
        let by_token = |number, token| Actor {
            pass: Some(Pass {
                id: ApiTokenId(Uuid::from_u128(token)),
                scopes: Scopes::of([]),
            }),
            ..person(number)
        };
        for nobody in [Actor::anonymous(Language::En), Actor::operator(), person(1)] {
            assert_eq!(Holder::of(&nobody), None);
        }
        let all = [
            in_session(1, 3),
            in_session(1, 4),
            in_session(2, 3),
            by_token(1, 3),
            by_token(1, 4),
        ];
        let mut bytes: Vec<_> = all
            .iter()
            .map(|actor| Holder::of(actor).expect("a holder").bytes())
            .collect();
        bytes.sort();
        bytes.dedup();
        assert_eq!(bytes.len(), all.len());
    }

    proptest! {
        #[test]
        fn a_link_is_read_as_it_was_written(id: u128, reason in "[a-zñ ]{0,40}[a-zñ]", seconds in 0_i64..4_000_000_000) {
            let at = DateTime::from_timestamp(seconds, 0).expect("an instant");
            let reason = Reason::parse(&reason).expect("a reason");
            let selection = Selection {
                list: List::ALL[usize::try_from(id % List::ALL.len() as u128).expect("a place")],
                format: if id % 2 == 0 { Format::Csv } else { Format::Xlsx },
                asked: format!("{{\"text\":\"{id}\"}}"),
            };
            let id = Uuid::from_u128(id);
            let files = [
                File::Enrolments(EditionId(id)),
                File::Upload(TableImportId(id)),
                File::List(selection),
            ];
            for file in files {
                let link = Link::new(file, reason.clone(), at);
                prop_assert_eq!(Link::read(&link.write()), Some(link));
            }
        }

        /// Whatever the bytes, they are no link, or those that this link is written with: there is one form.
        #[test]
        fn other_bytes_are_no_link_or_its_only_form(bytes: Vec<u8>, place: prop::sample::Index, changed: u8, cut: prop::sample::Index) {
            let mut all = vec![bytes];
            for link in [link(), of_a_list()] {
                let mut near = link.write();
                let index = place.index(near.len());
                near[index] = changed;
                all.push(near[..cut.index(near.len())].to_vec());
                all.push(near);
            }
            for bytes in all {
                if let Some(link) = Link::read(&bytes) {
                    prop_assert_eq!(link.write(), bytes);
                }
            }
        }
    }
}
