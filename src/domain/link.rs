//! Links to files: what one names, why it was asked for, for whom it is, how long it lives. How it is written so that
//! nobody can make one or read one is `auth/link.rs`'s.
//!
//! A link gives no right. Whoever brings it is asked again what they may, with everything as it is then.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::actor::Actor;
use super::id::{EditionId, PersonId, TableImportId};
use super::text::Reason;

/// How long a link lives.
pub const LIFETIME: TimeDelta = TimeDelta::minutes(5);

/// A file that can be fetched or handed over, and by that what may be done with the link: nothing but this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum File {
    /// The enrolments of an edition, as `export_enrolments` gives them out.
    Enrolments(EditionId),
    /// The file of a table that is to be brought in: the link takes it, and gives nothing out.
    Upload(TableImportId),
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

    /// In bytes: the kind, what it names, the end in microseconds, the reason.
    pub fn write(&self) -> Vec<u8> {
        let (kind, id) = match self.file {
            File::Enrolments(edition) => (ENROLMENTS, edition.0),
            File::Upload(import) => (UPLOAD, import.0),
        };
        let mut bytes = vec![kind];
        bytes.extend(id.as_bytes());
        bytes.extend(self.until.timestamp_micros().to_be_bytes());
        bytes.extend(self.reason.as_ref().as_bytes());
        bytes
    }

    /// Reads what [`Link::write`] writes; `None` for anything else.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (&kind, rest) = bytes.split_first()?;
        let (id, rest) = rest.split_first_chunk::<16>()?;
        let (until, reason) = rest.split_first_chunk::<8>()?;
        let text = std::str::from_utf8(reason).ok()?;
        let reason = Reason::parse(text).ok().filter(|reason| reason.as_ref() == text)?;
        let until = DateTime::from_timestamp_micros(i64::from_be_bytes(*until))?;
        let id = Uuid::from_bytes(*id);
        let file = match kind {
            ENROLMENTS => File::Enrolments(EditionId(id)),
            UPLOAD => File::Upload(TableImportId(id)),
            _ => return None,
        };
        Some(Self { file, reason, until })
    }
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
            let id = Uuid::from_u128(id);
            for file in [File::Enrolments(EditionId(id)), File::Upload(TableImportId(id))] {
                let link = Link::new(file, Reason::parse(&reason).expect("a reason"), at);
                prop_assert_eq!(Link::read(&link.write()), Some(link));
            }
        }

        /// Whatever the bytes, they are no link, or those that this link is written with: there is one form.
        #[test]
        fn other_bytes_are_no_link_or_its_only_form(bytes: Vec<u8>, place: prop::sample::Index, changed: u8, cut: prop::sample::Index) {
            let mut near = link().write();
            let index = place.index(near.len());
            near[index] = changed;
            let short = near[..cut.index(near.len())].to_vec();
            for bytes in [bytes, near, short] {
                if let Some(link) = Link::read(&bytes) {
                    prop_assert_eq!(link.write(), bytes);
                }
            }
        }
    }
}
