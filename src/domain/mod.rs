//! The rules: what may be, what may follow what, who may do it. No database, no network, no GraphQL.
//!
//! Time comes in as an argument. Every rule stands in one place and is tested at the foot of its file.

/// An enum that is stored and written as text: its words, the list of all, and the way back.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[derive(sea_orm::EnumIter, sea_orm::DeriveActiveEnum, serde::Serialize, serde::Deserialize)]
        #[sea_orm(rs_type = "String", db_type = "Text")]
        pub enum $name {
            $(
                $(#[$variant_doc])*
                #[sea_orm(string_value = $word)]
                #[serde(rename = $word)]
                $variant,
            )*
        }

        impl $name {
            /// Every value, in the order of the specification.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word that the database, files and reports use.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// The value with this word.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.word() == word)
            }
        }
    };
}

pub mod actor;
pub mod api_token;
pub mod audit;
pub mod calendar;
pub mod course;
pub mod decision;
pub mod deliverable;
pub mod digest;
pub mod edition;
pub mod enrolment;
pub mod export;
pub mod form;
pub mod id;
pub mod idempotency;
pub mod identity;
pub mod import;
pub mod institution;
pub mod invitation;
pub mod language;
pub mod link;
pub mod list;
pub mod nomination;
pub mod notice;
pub mod person;
pub mod policy;
pub mod rate;
pub mod roster;
pub mod scoring;
pub mod seats;
pub mod sheet;
pub mod shift;
pub mod signing_key;
pub mod standing;
pub mod statistics;
pub mod submission;
pub mod text;
pub mod transfer;
pub mod version;
