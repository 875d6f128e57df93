//! Typed identifiers: a prefix that names the kind, then a UUIDv7 in base 32 (TypeID 0.3).
//!
//! Inside Rumbo an identifier of an edition cannot be passed for one of a team; outside it reads
//! `edn_01h455vb4pex5vsknk084sn02q`, and one of another kind is refused by name.

use std::fmt;
use std::str::FromStr;

use sea_orm::DeriveValueType;
use uuid::Uuid;

/// Crockford's base 32 in lower case, most significant digit first.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const SUFFIX_LENGTH: usize = 26;

/// Why a text is no identifier of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdFault {
    /// The text has not the shape `prefix_` and 26 characters of base 32.
    Malformed,
    /// A well-formed identifier, of another kind of thing.
    OtherKind,
}

/// Writes `prefix_` and the 26 characters of `uuid`.
pub fn encode(prefix: &str, uuid: Uuid) -> String {
    let mut value = uuid.as_u128();
    let mut suffix = [0_u8; SUFFIX_LENGTH];
    for place in suffix.iter_mut().rev() {
        *place = ALPHABET[(value & 31) as usize];
        value >>= 5;
    }
    let mut text = String::with_capacity(prefix.len() + 1 + SUFFIX_LENGTH);
    text.push_str(prefix);
    text.push('_');
    text.extend(suffix.iter().map(|&byte| char::from(byte)));
    text
}

/// Splits an identifier into its prefix and its UUID; the prefix may be of any kind.
pub fn decode(text: &str) -> Result<(&str, Uuid), IdFault> {
    let (prefix, suffix) = text.rsplit_once('_').ok_or(IdFault::Malformed)?;
    let shaped = suffix.len() == SUFFIX_LENGTH && suffix.as_bytes()[0] <= b'7';
    if !shaped || prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Err(IdFault::Malformed);
    }
    let mut value = 0_u128;
    for byte in suffix.bytes() {
        let digit = ALPHABET
            .iter()
            .position(|&letter| letter == byte)
            .ok_or(IdFault::Malformed)?;
        value = (value << 5) | digit as u128;
    }
    Ok((prefix, Uuid::from_u128(value)))
}

/// What a row of the history or of the audit log is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    /// The noun, such as `enrolment`.
    pub kind: &'static str,
    /// Its identifier.
    pub id: Uuid,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal, $kind:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, DeriveValueType)]
            #[derive(serde::Serialize, serde::Deserialize)]
            pub struct $name(pub Uuid);

            impl $name {
                /// What stands before the underscore in the written form.
                pub const PREFIX: &'static str = $prefix;
            }

            impl From<$name> for Subject {
                fn from(id: $name) -> Self {
                    Self { kind: $kind, id: id.0 }
                }
            }

            impl sea_orm::TryFromU64 for $name {
                fn try_from_u64(_: u64) -> Result<Self, sea_orm::DbErr> {
                    Err(sea_orm::DbErr::ConvertFromU64(stringify!($name)))
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                    out.write_str(&encode($prefix, self.0))
                }
            }

            impl FromStr for $name {
                type Err = IdFault;

                fn from_str(text: &str) -> Result<Self, IdFault> {
                    match decode(text)? {
                        ($prefix, uuid) => Ok(Self(uuid)),
                        (other, _) if AnyId::PREFIXES.contains(&other) => Err(IdFault::OtherKind),
                        _ => Err(IdFault::Malformed),
                    }
                }
            }
        )*

        /// An identifier in its written form, by the noun of a [`Subject`]; `None` for a noun that has none.
        pub fn written(kind: &str, id: Uuid) -> Option<String> {
            match kind {
                $($kind => Some(encode($prefix, id)),)*
                _ => None,
            }
        }

        /// An identifier of any kind, as `node(id:)` takes it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum AnyId {
            $(
                #[doc = concat!("A `", $prefix, "_…` identifier.")]
                $name($name),
            )*
        }

        impl AnyId {
            /// Every prefix in use.
            pub const PREFIXES: &'static [&'static str] = &[$($prefix),*];
        }

        impl FromStr for AnyId {
            type Err = IdFault;

            fn from_str(text: &str) -> Result<Self, IdFault> {
                match decode(text)? {
                    $(($prefix, uuid) => Ok(Self::$name($name(uuid))),)*
                    _ => Err(IdFault::Malformed),
                }
            }
        }
    };
}

ids! {
    /// A person: an account.
    PersonId = "psn", "person";
    /// An institution.
    InstitutionId = "ins", "institution";
    /// A course of the catalogue.
    CourseId = "crs", "course";
    /// One run of a course.
    EditionId = "edn", "edition";
    /// One synchronous session of an edition.
    MeetingId = "mtg", "meeting";
    /// One person in one edition.
    EnrolmentId = "enr", "enrolment";
    /// The people of one edition who hand in together.
    TeamId = "tea", "team";
    /// A tutor's charge of one team.
    AllocationId = "alc", "allocation";
    /// What is asked for.
    DeliverableId = "dlv", "deliverable";
    /// The answer of a team or a person.
    SubmissionId = "sub", "submission";
    /// One immutable hand-in of a submission.
    VersionId = "ver", "version";
    /// One assessor's scores and comment on one version.
    AssessmentId = "asm", "assessment";
    /// A released grade.
    GradeId = "grd", "grade";
    /// A person's role in a scope.
    RoleAssignmentId = "rol", "role";
    /// What a person stated about themself.
    DeclarationId = "dcl", "declaration";
    /// The decided outcome of an enrolment.
    CompletionId = "cpl", "completion";
    /// An API token of a person.
    ApiTokenId = "tok", "api_token";
    /// Somebody as an identity provider knows them.
    IdentityId = "idn", "identity";
    /// A signed-in session.
    SessionId = "ses", "session";
    /// A key that signs access tokens.
    SigningKeyId = "sgk", "signing_key";
    /// An invitation.
    InvitationId = "inv", "invitation";
    /// Seats of an edition that are kept for some.
    SeatPoolId = "pol", "seat_pool";
    /// One version of the form by which people apply to an edition.
    ApplicationFormId = "frm", "application_form";
    /// What somebody answered as they applied.
    ApplicationId = "apl", "application";
    /// What somebody said to a purpose, once.
    ConsentId = "cst", "consent";
    /// A table that somebody brings in.
    TableImportId = "imp", "table_import";
}

/// A thing, and the version of it that somebody saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen<T> {
    /// Which.
    pub id: T,
    /// The version.
    pub version: i64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_published_example_reads_back() {
        // TypeID specification, valid example.
        let uuid: Uuid = "01890a5d-ac96-774b-bcce-b302099a8057".parse().expect("a valid UUID");
        assert_eq!(encode("prefix", uuid), "prefix_01h455vb4pex5vsknk084sn02q");
        assert_eq!(decode("prefix_01h455vb4pex5vsknk084sn02q"), Ok(("prefix", uuid)));
    }

    #[test]
    fn another_kind_is_told_apart_from_nonsense() {
        let team = TeamId(Uuid::from_u128(7)).to_string();
        assert_eq!(team.parse::<EditionId>(), Err(IdFault::OtherKind));
        for nonsense in [
            "",
            "edn",
            "edn_",
            "edn_zzz",
            "edn_8zzzzzzzzzzzzzzzzzzzzzzzzz",
            "xyz_01h455vb4pex5vsknk084sn02q",
            "edn_01H455VB4PEX5VSKNK084SN02Q",
        ] {
            assert_eq!(nonsense.parse::<EditionId>(), Err(IdFault::Malformed), "{nonsense}");
        }
    }

    proptest! {
        #[test]
        fn every_uuid_survives_the_round_trip(value: u128) {
            let id = EnrolmentId(Uuid::from_u128(value));
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            prop_assert!(text.parse::<AnyId>().is_err() || text.len() > 26);
        }
    }
}
