//! Values that come in as text: parsed once, at the edge, into types that cannot hold anything else.
//!
//! Every text is brought to Unicode normal form C and refused when it holds NUL, control characters,
//! bidirectional overrides or noncharacters; lengths are counted in code points. One line, such as a name, holds
//! nothing that does not show either, but for what scripts and emoji join letters with.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use unicode_normalization::UnicodeNormalization;

use crate::error::{Code, Flaw};

mod shown;

/// One line of 1 to `MAX` code points, without space at its ends.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Line<const MAX: usize>(String);

/// Text of up to `MAX` code points in which lines may break; it may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prose<const MAX: usize>(String);

/// A given or family name, or the name of a team.
pub type Name = Line<120>;
/// A title.
pub type Title = Line<200>;
/// A short code of a course or an edition, such as `BDG-2022`.
pub type ShortCode = Line<40>;
/// What a reader searches for.
pub type SearchText = Line<100>;
/// Why a step is taken.
pub type Reason = Line<1000>;
/// A comment, a description, instructions or a motivation.
pub type Comment = Prose<10_000>;
/// The text of a roadmap or project.
pub type Body = Prose<100_000>;

impl<const MAX: usize> Line<MAX> {
    /// The most code points.
    pub const MOST: usize = MAX;

    /// Trims and normalises; refuses what is blank, too long or holds a forbidden character.
    pub fn parse(text: &str) -> Result<Self, Flaw> {
        let clean: String = text.trim().nfc().collect();
        if !clean.chars().any(shown::shows) {
            return Err(Code::Required.into());
        }
        let forbidden = |letter| is_forbidden(letter) || is_line_break(letter);
        if clean.chars().any(forbidden) || shown::hides(&clean) {
            return Err(Code::ForbiddenCharacter.into());
        }
        at_most::<MAX>(&clean)?;
        Ok(Self(clean))
    }

    /// Like [`Line::parse`], with `None` for an absent or blank text.
    pub fn parse_optional(text: Option<&str>) -> Result<Option<Self>, Flaw> {
        text.filter(|text| !text.trim().is_empty()).map(Self::parse).transpose()
    }
}

impl<const MAX: usize> Prose<MAX> {
    /// The most code points.
    pub const MOST: usize = MAX;

    /// Normalises, with line breaks as `\n`; refuses what is too long or holds a forbidden character. A text that shows
    /// nothing is the empty one.
    pub fn parse(text: &str) -> Result<Self, Flaw> {
        let clean: String = text.replace("\r\n", "\n").trim().nfc().collect();
        if clean
            .chars()
            .any(|letter| is_forbidden(letter) && letter != '\n' && letter != '\t')
        {
            return Err(Code::ForbiddenCharacter.into());
        }
        at_most::<MAX>(&clean)?;
        Ok(if clean.chars().any(shown::shows) {
            Self(clean)
        } else {
            Self::default()
        })
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

macro_rules! text_traits {
    ($name:ident) => {
        impl<const MAX: usize> AsRef<str> for $name<MAX> {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl<const MAX: usize> From<$name<MAX>> for String {
            fn from(text: $name<MAX>) -> Self {
                text.0
            }
        }

        impl<const MAX: usize> fmt::Display for $name<MAX> {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }
    };
}

text_traits!(Line);
text_traits!(Prose);

/// An e-mail address in its one normal form: width folded, lower case, domain in ASCII letters. The part before the `@`
/// has ASCII letters only: mailboxes with others are not promised to be reachable.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Email(String);

impl Email {
    /// The most characters (RFC 5321).
    pub const MOST: usize = 254;

    /// Refuses what has no single `@`, no dot in its domain, or more than [`Email::MOST`] characters.
    pub fn parse(text: &str) -> Result<Self, Flaw> {
        let clean: String = text.trim().nfkc().collect::<String>().to_lowercase();
        if clean.is_empty() {
            return Err(Code::Required.into());
        }
        at_most::<{ Self::MOST }>(&clean)?;
        let (local, domain) = clean.rsplit_once('@').ok_or(Code::Malformed)?;
        // A name with other letters in it has one form in ASCII (IDNA, UTS 46), in which it is kept and compared.
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| Code::Malformed)?;
        let clean = format!("{local}@{domain}");
        at_most::<{ Self::MOST }>(&clean)?;
        let local_fits = !local.is_empty()
            && local.len() <= 64
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..")
            && local
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte));
        let labels: Vec<&str> = domain.split('.').collect();
        let domain_fits = labels.len() > 1 && labels.iter().all(|label| !label.is_empty());
        if local_fits && domain_fits {
            Ok(Self(clean))
        } else {
            Err(Code::Malformed.into())
        }
    }
}

impl AsRef<str> for Email {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// A country of ISO 3166-1, by its two letters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Country(String);

impl Country {
    /// The letters of a code.
    pub const MOST: usize = 2;

    /// Refuses letters that no country of ISO 3166-1 alpha-2 has.
    pub fn parse(text: &str) -> Result<Self, Flaw> {
        let code = text.trim().to_ascii_uppercase();
        match rust_iso3166::from_alpha2(&code) {
            Some(_) => Ok(Self(code)),
            None => Err(Code::UnknownCountry.into()),
        }
    }
}

impl AsRef<str> for Country {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// The most characters of the name of a time zone.
pub const TIME_ZONE_MOST: usize = 40;

/// Reads the name of a zone of the IANA database, such as `America/Montevideo`.
pub fn parse_time_zone(text: &str) -> Result<chrono_tz::Tz, Flaw> {
    text.trim().parse().map_err(|_| Code::UnknownTimeZone.into())
}

/// The years in which something of ours can lie; both databases count further, but not equally far.
const YEARS: std::ops::RangeInclusive<i32> = 1900..=9999;

/// The instant, if its year is within 1900 and 9999.
pub fn parse_instant(instant: DateTime<Utc>) -> Result<DateTime<Utc>, Flaw> {
    within_years(&instant).map(|()| instant)
}

/// The day, if its year is within 1900 and 9999.
pub fn parse_day(day: NaiveDate) -> Result<NaiveDate, Flaw> {
    within_years(&day).map(|()| day)
}

fn within_years(time: &impl Datelike) -> Result<(), Flaw> {
    if YEARS.contains(&time.year()) {
        return Ok(());
    }
    Err(Flaw {
        code: Code::OutOfRange,
        detail: Some(format!("{}–{}", YEARS.start(), YEARS.end())),
    })
}

/// The text as search compares it: lower case, without accents, single spaces.
pub fn fold(text: &str) -> String {
    let plain: String = text
        .nfkd()
        .filter(|letter| !unicode_normalization::char::is_combining_mark(*letter))
        .collect();
    plain.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// How many code points of a name decide on its place in a list.
const ORDERED_BY: usize = 120;

/// Where a name stands in a list: whatever its case, accents and spaces, as a reader looks for it. It is compared byte
/// by byte, so that every database puts names into the same order.
pub fn order_key(name: &str) -> String {
    fold(name).chars().take(ORDERED_BY).collect()
}

/// What a cell begins with that a spreadsheet takes for a formula.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
/// What a spreadsheet may skip before it.
const SKIPPED: [char; 3] = ['\t', '\r', '\n'];
/// After what a spreadsheet may begin another cell, whatever the file means: in Spanish and Portuguese it separates the
/// cells of a line by semicolons, and then quotes within the line hold nothing together, not even lines.
const BREAKS: [char; 4] = [';', '\t', '\r', '\n'];
/// What hides a formula and is no part of it: apostrophes, as they are put here, and quotes that a spreadsheet takes away.
const HIDES: [char; 2] = ['\'', '"'];

/// Where in a text a spreadsheet may begin a cell that it takes for a formula once what hides that is gone.
fn formulas(text: &str) -> impl Iterator<Item = usize> {
    let bare = move |at: usize| text[at..].trim_start_matches(HIDES);
    let first = (bare(0).starts_with(FORMULA) || bare(0).starts_with(SKIPPED)).then_some(0);
    let others = text.match_indices(BREAKS).map(|(at, found)| at + found.len());
    let others = others.filter(move |&at| bare(at).starts_with(FORMULA));
    first.into_iter().chain(others)
}

/// The text as a cell in which no spreadsheet finds a formula: what begins like one gets an apostrophe before it (OWASP,
/// "CSV injection"), at the beginning of the text and wherever a spreadsheet may divide it. So does what begins like one
/// with apostrophes before it: [`formula_plain`] takes one away at each place and always finds the text again, since an
/// apostrophe makes and ends no such place.
pub fn formula_safe(text: &str) -> Cow<'_, str> {
    let (mut safe, mut from) = (String::new(), 0);
    for at in formulas(text) {
        safe.push_str(&text[from..at]);
        safe.push('\'');
        from = at;
    }
    if safe.is_empty() {
        return text.into();
    }
    safe.push_str(&text[from..]);
    safe.into()
}

/// The text of a cell that [`formula_safe`] made.
pub fn formula_plain(cell: &str) -> Cow<'_, str> {
    let (mut plain, mut from) = (String::new(), 0);
    for at in formulas(cell).filter(|&at| cell[at..].starts_with('\'')) {
        plain.push_str(&cell[from..at]);
        from = at + 1;
    }
    if from == 0 {
        return cell.into();
    }
    plain.push_str(&cell[from..]);
    plain.into()
}

fn at_most<const MAX: usize>(text: &str) -> Result<(), Flaw> {
    if text.len() > MAX && text.chars().count() > MAX {
        return Err(Flaw {
            code: Code::TooLong,
            detail: Some(MAX.to_string()),
        });
    }
    Ok(())
}

/// Control characters, bidirectional overrides and isolates, and noncharacters.
fn is_forbidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FDD0}'..='\u{FDEF}')
        || (letter as u32) & 0xFFFE == 0xFFFE
}

fn is_line_break(letter: char) -> bool {
    matches!(letter, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_refuses_what_cannot_be_shown() {
        let cases = [
            ("", Code::Required),
            (" \u{200B} ", Code::Required),
            ("a\0b", Code::ForbiddenCharacter),
            ("a\nb", Code::ForbiddenCharacter),
            ("a\u{202E}b", Code::ForbiddenCharacter),
            ("a\u{2028}b", Code::ForbiddenCharacter),
            ("An\u{200B}a", Code::ForbiddenCharacter),
            ("Ana\u{E0061}", Code::ForbiddenCharacter),
            ("Ana\u{200D}", Code::ForbiddenCharacter),
            ("An\u{200C}a", Code::ForbiddenCharacter),
            ("Ana\u{FE0F}", Code::ForbiddenCharacter),
        ];
        for (text, code) in cases {
            assert_eq!(Name::parse(text).map_err(|flaw| flaw.code), Err(code), "{text:?}");
        }
        assert_eq!(
            Name::parse(&"ñ".repeat(121)),
            Err(Flaw {
                code: Code::TooLong,
                detail: Some("120".into())
            })
        );
        assert!(Name::parse(&"ñ".repeat(120)).is_ok());
    }

    #[test]
    fn scripts_and_emoji_keep_what_joins_them() {
        for name in [
            "علی\u{200C}رضا",
            "क्\u{200D}ष",
            "ශ්\u{200D}රී",
            "👩\u{200D}💻",
            "👩🏽\u{200D}🚀",
            "❤\u{FE0F}",
            "👩\u{200D}❤\u{FE0F}\u{200D}👨",
            "José",
            "C++",
            "王",
        ] {
            assert_eq!(Name::parse(name).map(String::from), Ok(name.to_owned()), "{name:?}");
        }
        for name in [
            "علی\u{200C}",
            "\u{200C}علی",
            "علی\u{200C}\u{200C}رضا",
            "a\u{200D}💻",
            "👩\u{200D}a",
        ] {
            assert_eq!(
                Name::parse(name).map_err(|flaw| flaw.code),
                Err(Code::ForbiddenCharacter),
                "{name:?}"
            );
        }
    }

    #[test]
    fn text_is_stored_in_normal_form_c() {
        let name = Name::parse("  Jose\u{301} ").expect("a plain name");
        assert_eq!(name.as_ref(), "José");
    }

    #[test]
    fn prose_that_shows_nothing_is_empty() {
        for text in ["", " \n ", "\u{200B}\u{2060}"] {
            assert!(Comment::parse(text).expect("nothing").is_empty(), "{text:?}");
        }
        assert_eq!(Comment::parse("a\u{200B}").expect("a text").as_ref(), "a\u{200B}");
    }

    #[test]
    fn times_lie_in_years_that_both_databases_know() {
        let day = |text: &str| parse_day(text.parse().expect("a day")).map_err(|flaw| flaw.code);
        assert!(day("1900-01-01").is_ok() && day("9999-12-31").is_ok());
        for text in ["1899-12-31", "-262143-01-01", "+10000-01-01"] {
            assert_eq!(day(text), Err(Code::OutOfRange), "{text}");
        }
        let instant = |text: &str| parse_instant(text.parse().expect("an instant")).map_err(|flaw| flaw.code);
        assert!(instant("2026-03-02T12:00:00Z").is_ok());
        assert_eq!(instant("+10000-01-01T00:00:00Z"), Err(Code::OutOfRange));
    }

    #[test]
    fn no_time_zone_has_a_longer_name() {
        let longest = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name().len()).max();
        assert!(longest.is_some_and(|length| length <= TIME_ZONE_MOST), "{longest:?}");
    }

    #[test]
    fn two_spellings_of_an_address_are_one() {
        let one = Email::parse("Ana.Perez@Example.org").expect("an address");
        let two = Email::parse(" ana.perez@ｅxample.ORG ").expect("an address");
        assert_eq!(one, two);
        for spelling in [
            "ana@exämple.org",
            "ANA@EXÄMPLE.ORG",
            "ana@exa\u{308}mple.org",
            "ana@xn--exmple-cua.org",
            "ana@exämple。org",
            "ａｎａ＠ｅxämple．org",
        ] {
            let email = Email::parse(spelling).expect("an address");
            assert_eq!(email.as_ref(), "ana@xn--exmple-cua.org", "{spelling}");
        }
        for wrong in [
            "añá@example.org",
            "ana@xn--a.org",
            "ana@exa mple.org",
            "ana@example.org.",
            "ana@example..org",
            "ana@ex_ample.org",
            "ana",
            "ana@",
            "@example.org",
            "a b@example.org",
            "ana@example",
            "ana@-x.org",
            "a\r\nb@example.org",
            "a..b@example.org",
        ] {
            assert!(Email::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_cell_is_never_a_formula() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "＝1", "\"=1", "\n\n=1"] {
            assert!(formula_safe(text).starts_with('\''), "{text:?}");
        }
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "＝1"] {
            assert_eq!(formula_safe(text), format!("'{text}"));
        }
        assert_eq!(formula_safe("O'Brien"), "O'Brien");
        assert_eq!(formula_safe("'=1"), "''=1");
    }

    #[test]
    fn no_part_of_a_cell_is_a_formula_either() {
        for (text, cell) in [
            ("Ana;=1+1", "Ana;'=1+1"),
            ("=1;=2;3", "'=1;'=2;3"),
            ("Ana;'=1", "Ana;''=1"),
            ("Ana;\"=1;\"", "Ana;'\"=1;\""),
            ("One\r\n- two\n\nthree", "One\r\n'- two\n\nthree"),
            ("a\t@b", "a\t'@b"),
            ("Ana; Ben; -", "Ana; Ben; -"),
            ("a-b=c;d+e", "a-b=c;d+e"),
            ("Núñez;＝1", "Núñez;'＝1"),
        ] {
            assert_eq!(formula_safe(text), cell);
            assert_eq!(formula_plain(cell), text);
        }
    }

    #[test]
    fn names_stand_together_whatever_their_case_and_accents() {
        let mut names = ["Zorro", "árbol", "banco", "Arbusto", "Ñandú", "nanduti"];
        names.sort_by_key(|name| order_key(name));
        assert_eq!(names, ["árbol", "Arbusto", "banco", "Ñandú", "nanduti", "Zorro"]);
        // One letter that stands for eighteen.
        assert_eq!(order_key(&"\u{FDFA}".repeat(120)).chars().count(), 120);
    }

    #[test]
    fn folding_finds_accented_words() {
        assert_eq!(fold("  Formación  PROFESIONAL "), "formacion profesional");
    }

    proptest! {
        /// Whatever the text, its cell is no formula, wherever it is divided, and says the same.
        #[test]
        fn a_cell_says_what_its_text_says(text in "['\"=+@＝a;\\t\\r\\n-]{0,10}") {
            let cell = formula_safe(&text);
            prop_assert!(!cell.starts_with(FORMULA) && !cell.starts_with(SKIPPED));
            for part in cell.split(BREAKS) {
                prop_assert!(!part.trim_start_matches('"').starts_with(FORMULA), "{}", cell);
            }
            prop_assert_eq!(formula_plain(&cell), text.as_str());
        }

        /// Whatever is taken as a name shows something, in normal form C, and nothing that hides or turns text.
        #[test]
        fn a_name_that_is_taken_can_be_shown(text in "(\\PC|\\pC|\\p{Mn}){0,12}") {
            if let Ok(name) = Name::parse(&text) {
                let name = name.as_ref();
                prop_assert!(unicode_normalization::is_nfc(name));
                prop_assert!(name.chars().any(shown::shows));
                prop_assert!(!name.chars().any(char::is_control));
                let turns = |letter| matches!(letter, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
                prop_assert!(!name.chars().any(turns));
            }
        }

        /// One forbidden character spoils a name wherever it stands.
        #[test]
        fn a_forbidden_character_is_found_anywhere(
            before in "[a-zñ]{1,8}",
            bad in "[\\x00-\\x1f\\x7f-\\u{9f}\\u{202a}-\\u{202e}\\u{2066}-\\u{2069}]",
            after in "[a-zñ]{1,8}",
        ) {
            let text = format!("{before}{bad}{after}");
            prop_assert!(Name::parse(&text).is_err());
        }

        /// What shows nothing is no name, however long. Another library says which characters these are.
        #[test]
        fn nothing_visible_is_no_name(text in "[\\p{Cf}\\p{Default_Ignorable_Code_Point}\\p{M}\\p{Z}\\p{Cc}]{0,40}") {
            prop_assert_eq!(Name::parse(&text).map_err(|flaw| flaw.code), Err(Code::Required));
        }

        /// What does not show spoils a name wherever it stands, so that no two names look alike by it.
        #[test]
        fn nothing_hides_in_a_name(
            before in "[a-zñ]{1,8}",
            hidden in "[\\p{Cf}\\p{Default_Ignorable_Code_Point}]",
            after in "[a-zñ]{0,8}",
        ) {
            let text = format!("{before}{hidden}{after}");
            prop_assert_eq!(Name::parse(&text).map_err(|flaw| flaw.code), Err(Code::ForbiddenCharacter));
        }

        /// An address is its own normal form, and case and width never make another one.
        #[test]
        fn an_address_has_one_form(local in "[a-z0-9]{1,10}", domain in "[a-zäöñç]{1,10}") {
            let text = format!("{local}@{domain}.org");
            if let Ok(email) = Email::parse(&text) {
                prop_assert_eq!(Email::parse(email.as_ref()), Ok(email.clone()));
                prop_assert_eq!(Email::parse(&text.to_uppercase()), Ok(email.clone()));
                let wide: String = text.chars().map(|letter| match u32::from(letter) {
                    code @ 0x21..=0x7e => char::from_u32(code + 0xfee0).unwrap_or(letter),
                    _ => letter,
                }).collect();
                prop_assert_eq!(Email::parse(&wide), Ok(email));
            }
        }

        #[test]
        fn parsing_is_idempotent(text in "\\PC{0,200}") {
            if let Ok(line) = Line::<150>::parse(&text) {
                prop_assert_eq!(Line::<150>::parse(line.as_ref()), Ok(line));
            }
            if let Ok(prose) = Prose::<150>::parse(&text) {
                prop_assert_eq!(Prose::<150>::parse(prose.as_ref()), Ok(prose));
            }
        }
    }
}
