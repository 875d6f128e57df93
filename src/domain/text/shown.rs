//! What of a text shows, by the properties that Unicode gives its characters.

use icu_properties::props::{
    DefaultIgnorableCodePoint, ExtendedPictographic, GeneralCategory, GeneralCategoryGroup, Script,
};
use icu_properties::{CodePointMapData, CodePointSetData};

const ZERO_WIDTH_NON_JOINER: char = '\u{200C}';
const ZERO_WIDTH_JOINER: char = '\u{200D}';
const EMOJI_STYLE: char = '\u{FE0F}';

/// Symbols whose picture is empty: the blank of Braille, a note without a head, and what stands for a lost object.
const BLANK: [char; 3] = ['\u{2800}', '\u{1D159}', '\u{FFFC}'];

/// Scripts whose letters may have to be joined or kept apart within a word (the core specification of Unicode, 9.2 and
/// 12).
const JOINS: [Script; 21] = [
    Script::Arabic,
    Script::Balinese,
    Script::Bengali,
    Script::Devanagari,
    Script::Gujarati,
    Script::Gurmukhi,
    Script::Javanese,
    Script::Kannada,
    Script::Khmer,
    Script::Malayalam,
    Script::Mandaic,
    Script::Mongolian,
    Script::Myanmar,
    Script::Nko,
    Script::Oriya,
    Script::Sinhala,
    Script::Sundanese,
    Script::Syriac,
    Script::Tamil,
    Script::Telugu,
    Script::Tibetan,
];

/// Whether a character shows something by itself: a letter, a digit, a symbol or a sign of punctuation, and no mark.
pub fn shows(letter: char) -> bool {
    let seen = GeneralCategoryGroup::Letter
        .union(GeneralCategoryGroup::Number)
        .union(GeneralCategoryGroup::Symbol)
        .union(GeneralCategoryGroup::Punctuation);
    seen.contains(category(letter)) && !is_ignorable(letter) && !BLANK.contains(&letter)
}

/// Whether something hides between the letters: a format character, or one that is left out where it is not understood.
/// What joins letters of a script that needs it, and emoji, does not.
pub fn hides(text: &str) -> bool {
    let mut before = None;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if is_ignorable(letter) || category(letter) == GeneralCategory::Format {
            let next = letters.peek().copied();
            let serves = match letter {
                ZERO_WIDTH_JOINER => joins_emoji(before, next) || joins_script(before, next),
                ZERO_WIDTH_NON_JOINER => joins_script(before, next),
                EMOJI_STYLE => {
                    before.is_some_and(|before| CodePointSetData::new::<ExtendedPictographic>().contains(before))
                }
                _ => false,
            };
            if !serves {
                return true;
            }
        }
        before = Some(letter);
    }
    false
}

fn joins_script(before: Option<char>, next: Option<char>) -> bool {
    let scripts = CodePointMapData::<Script>::new();
    let word = GeneralCategoryGroup::Letter.union(GeneralCategoryGroup::Mark);
    let is_of_word = |letter: &char| word.contains(category(*letter)) && !is_ignorable(*letter);
    match (before.filter(is_of_word), next.filter(is_of_word)) {
        (Some(before), Some(next)) => [before, next]
            .iter()
            .all(|letter| JOINS.contains(&scripts.get(*letter))),
        _ => false,
    }
}

fn joins_emoji(before: Option<char>, next: Option<char>) -> bool {
    let pictures = CodePointSetData::new::<ExtendedPictographic>();
    let tones = '\u{1F3FB}'..='\u{1F3FF}';
    let ends = |letter: char| pictures.contains(letter) || tones.contains(&letter) || letter == EMOJI_STYLE;
    before.is_some_and(ends) && next.is_some_and(|next| pictures.contains(next))
}

fn is_ignorable(letter: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(letter)
}

fn category(letter: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(letter)
}
