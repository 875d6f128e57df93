//! The languages that Rumbo speaks, and texts that exist in several of them.

use sea_orm::{DeriveActiveEnum, EnumIter};
use serde::{Deserialize, Serialize};

use crate::error::Code;

/// A language of messages, e-mails and documents (ISO 639-1).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, EnumIter, DeriveActiveEnum,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Spanish.
    #[sea_orm(string_value = "es")]
    Es,
    /// English.
    #[sea_orm(string_value = "en")]
    En,
    /// Portuguese.
    #[sea_orm(string_value = "pt")]
    Pt,
}

impl Language {
    /// Every language, the first one being the fallback of texts.
    pub const ALL: [Self; 3] = [Self::Es, Self::En, Self::Pt];

    /// The two letters of ISO 639-1.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Es => "es",
            Self::En => "en",
            Self::Pt => "pt",
        }
    }

    /// Reads the two letters, whatever their case.
    pub fn parse(text: &str) -> Result<Self, Code> {
        Self::ALL
            .into_iter()
            .find(|language| language.code().eq_ignore_ascii_case(text))
            .ok_or(Code::Malformed)
    }

    /// The first language of an `Accept-Language` header (RFC 9110, 12.5.4) that Rumbo speaks.
    pub fn negotiate(header: &str) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        for range in header.split(',') {
            let mut parts = range.split(';');
            let tag = parts.next().unwrap_or_default().trim();
            let quality = parts
                .find_map(|part| part.trim().strip_prefix("q="))
                .map_or(1.0, |value| value.parse().unwrap_or(0.0));
            let primary = tag.split('-').next().unwrap_or_default();
            if let Ok(language) = Self::parse(primary)
                && quality > best.map_or(0.0, |(known, _)| known)
            {
                best = Some((quality, language));
            }
        }
        best.map(|(_, language)| language)
    }
}

/// A text in one or more languages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Localized(pub std::collections::BTreeMap<Language, String>);

impl Localized {
    /// A text in one language.
    pub fn of(language: Language, text: impl Into<String>) -> Self {
        Self([(language, text.into())].into())
    }

    /// The text in `language`, or else in the first language that has one, or else empty.
    pub fn get(&self, language: Language) -> &str {
        self.0
            .get(&language)
            .or_else(|| Language::ALL.iter().find_map(|other| self.0.get(other)))
            .map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_by_quality_then_order() {
        let cases = [
            ("pt-BR,pt;q=0.9,en;q=0.8", Some(Language::Pt)),
            ("fr, en;q=0.4, es;q=0.6", Some(Language::Es)),
            ("fr", None),
            ("es;q=0", None),
            ("", None),
            ("EN-gb", Some(Language::En)),
        ];
        for (header, expected) in cases {
            assert_eq!(Language::negotiate(header), expected, "{header}");
        }
    }

    #[test]
    fn a_missing_language_falls_back() {
        let text = Localized([(Language::En, "Hello".to_owned())].into());
        assert_eq!(text.get(Language::Pt), "Hello");
        assert_eq!(Localized::default().get(Language::Es), "");
    }
}
