//! The form by which people apply to an edition: what it asks, for what it asks their consent, and which of it is
//! required. What an application answers to it is in [`answer`], what people consent to in [`consent`].

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::language::{Language, Localized};
use super::text::{Line, ShortCode};
use crate::error::{Code, Fault, Faults, Flaw};

pub mod answer;
pub mod consent;

words! {
    /// What kind of answer a question wants.
    QuestionKind {
        /// One line.
        ShortText = "short_text",
        /// Text in which lines may break.
        LongText = "long_text",
        /// One of the choices.
        OneChoice = "one_choice",
        /// Some of the choices.
        SeveralChoices = "several_choices",
        /// Yes or no.
        YesNo = "yes_no",
        /// A number, within bounds where there are some.
        Number = "number",
        /// A day.
        Date = "date",
    }
}

impl QuestionKind {
    /// Whether an answer names choices of the question.
    pub const fn has_choices(self) -> bool {
        matches!(self, Self::OneChoice | Self::SeveralChoices)
    }
}

/// The key of a question, of a choice or of a purpose: up to 40 of the letters `a` to `z`, the digits and `_`, the
/// first of them a letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// Refuses what is no such key.
    pub fn parse(text: &str) -> Result<Self, Flaw> {
        let line = ShortCode::parse(text)?;
        let key: &str = line.as_ref();
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if key.bytes().all(plain) && key.starts_with(|first: char| first.is_ascii_lowercase()) {
            Ok(Self(line.into()))
        } else {
            Err(Code::Malformed.into())
        }
    }
}

impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.0
    }
}

/// What helps to answer a question.
pub type Help = Line<1000>;

/// One of the answers that a question offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// By what answers name it; unique in the question.
    pub key: String,
    /// What it is called, per language.
    pub label: Localized,
}

/// One thing that a form asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// By what answers name it; unique in the form.
    pub key: String,
    /// What kind of answer it wants.
    pub kind: QuestionKind,
    /// Whether nobody applies without an answer.
    pub required: bool,
    /// What is asked, per language.
    pub label: Localized,
    /// What helps to answer it, per language; may be empty.
    pub help: Localized,
    /// Of which to choose, for a question that wants choices.
    pub choices: Vec<Choice>,
    /// The smallest number that is taken, in thousandths.
    pub least: Option<i64>,
    /// The largest number that is taken, in thousandths.
    pub most: Option<i64>,
}

/// For what a form asks consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purpose {
    /// By what consents name it; unique in the form.
    pub key: String,
    /// Whether nobody takes part without consenting to it.
    pub required: bool,
    /// What it is called, per language.
    pub title: Localized,
    /// What one consents to, per language.
    pub text: Localized,
    /// The version of the form with which this text came.
    pub text_version: i64,
}

/// What an edition asks those who apply.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// What it asks, in their order.
    pub questions: Vec<Question>,
    /// For what it asks consent, in their order.
    pub purposes: Vec<Purpose>,
}

/// The most questions of a form.
pub const QUESTIONS_LIMIT: usize = 50;
/// The fewest choices of a question that wants one or several.
pub const CHOICES_LEAST: usize = 2;
/// The most choices of a question.
pub const CHOICES_LIMIT: usize = 30;
/// The most purposes of a form.
pub const PURPOSES_LIMIT: usize = 10;

impl Form {
    /// Everything that is wrong with the form of an edition that is given in these languages, by path.
    pub fn check(&self, languages: &[Language]) -> Faults {
        let mut faults = Faults::default();
        check_length(&mut faults, "questions", self.questions.len(), QUESTIONS_LIMIT);
        check_length(&mut faults, "purposes", self.purposes.len(), PURPOSES_LIMIT);
        check_keys(
            &mut faults,
            "questions",
            self.questions.iter().map(|question| &question.key),
        );
        check_keys(
            &mut faults,
            "purposes",
            self.purposes.iter().map(|purpose| &purpose.key),
        );
        for (place, question) in self.questions.iter().enumerate() {
            question.check(&mut faults, &format!("questions.{place}"), languages);
        }
        for (place, purpose) in self.purposes.iter().enumerate() {
            check_texts(
                &mut faults,
                &format!("purposes.{place}.title"),
                &purpose.title,
                languages,
            );
            check_texts(&mut faults, &format!("purposes.{place}.text"), &purpose.text, languages);
        }
        faults
    }

    /// The same form as this version of an edition's. A purpose that says what it said in the version before keeps the
    /// version of its text; any other text comes with this one.
    #[must_use]
    pub fn numbered(mut self, number: i64, before: Option<&Self>) -> Self {
        for purpose in &mut self.purposes {
            let earlier = before.and_then(|before| before.purpose(&purpose.key));
            let same = earlier.filter(|earlier| earlier.title == purpose.title && earlier.text == purpose.text);
            purpose.text_version = same.map_or(number, |earlier| earlier.text_version);
        }
        self
    }

    /// The question with this key.
    pub fn question(&self, key: &str) -> Option<&Question> {
        self.questions.iter().find(|question| question.key == key)
    }

    /// The keys of the purposes without which nobody takes part, but for those to which somebody consents.
    pub fn lacking(&self, given: &[&str]) -> Vec<&str> {
        let required = self.purposes.iter().filter(|purpose| purpose.required);
        let keys = required.map(|purpose| purpose.key.as_str());
        keys.filter(|key| !given.contains(key)).collect()
    }

    /// The purpose with this key.
    pub fn purpose(&self, key: &str) -> Option<&Purpose> {
        self.purposes.iter().find(|purpose| purpose.key == key)
    }
}

impl Question {
    fn check(&self, faults: &mut Faults, at: &str, languages: &[Language]) {
        check_texts(faults, &format!("{at}.label"), &self.label, languages);
        self.check_choices(faults, &format!("{at}.choices"), languages);
        for (name, bound) in [("least", self.least), ("most", self.most)] {
            if bound.is_some() && self.kind != QuestionKind::Number {
                faults.push(Fault::at(&format!("{at}.{name}"), Code::FormMismatch));
            }
        }
        if let (Some(least), Some(most)) = (self.least, self.most)
            && most < least
        {
            let fault = Fault::at(&format!("{at}.most"), Code::OutOfRange);
            faults.push(fault.with(format!("≥ {}", written(least))));
        }
    }

    fn check_choices(&self, faults: &mut Faults, at: &str, languages: &[Language]) {
        match (self.kind.has_choices(), self.choices.len()) {
            (true, 0..CHOICES_LEAST) => faults.push(Fault::at(at, Code::TooShort).with(CHOICES_LEAST)),
            (false, 1..) => faults.push(Fault::at(at, Code::FormMismatch)),
            (_, count) => check_length(faults, at, count, CHOICES_LIMIT),
        }
        check_keys(faults, at, self.choices.iter().map(|choice| &choice.key));
        for (place, choice) in self.choices.iter().enumerate() {
            check_texts(faults, &format!("{at}.{place}.label"), &choice.label, languages);
        }
    }

    /// The bounds of its numbers, as a sentence names them.
    fn bounds(&self) -> String {
        match (self.least, self.most) {
            (Some(least), Some(most)) => format!("{}–{}", written(least), written(most)),
            (Some(least), None) => format!("≥ {}", written(least)),
            (None, Some(most)) => format!("≤ {}", written(most)),
            (None, None) => String::new(),
        }
    }
}

fn check_length(faults: &mut Faults, at: &str, count: usize, most: usize) {
    if count > most {
        faults.push(Fault::at(at, Code::TooLong).with(most));
    }
}

fn check_keys<'a>(faults: &mut Faults, at: &str, keys: impl Iterator<Item = &'a String>) {
    let mut known = BTreeSet::new();
    for (place, key) in keys.enumerate() {
        if !known.insert(key) {
            faults.push(Fault::at(&format!("{at}.{place}.key"), Code::Repeated));
        }
    }
}

/// Refuses a text that is not there in each of the languages; the fault names the one in which it is not.
fn check_texts(faults: &mut Faults, at: &str, text: &Localized, languages: &[Language]) {
    for language in languages {
        if !text.0.contains_key(language) {
            faults.push(Fault::at(at, Code::Required).with(language.code()));
        }
    }
}

/// Thousandths as a decimal.
fn written(thousandths: i64) -> String {
    let (sign, size) = (if thousandths < 0 { "-" } else { "" }, thousandths.unsigned_abs());
    let text = format!("{sign}{}.{:03}", size / 1000, size % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, Result};
    use proptest::prelude::*;

    /// A text in the two languages of the tests' editions.
    pub(super) fn texts(text: &str) -> Localized {
        Localized([(Language::Es, text.to_owned()), (Language::Pt, text.to_owned())].into())
    }

    /// A question of a kind, with what its kind needs.
    pub(super) fn question(key: &str, kind: QuestionKind, required: bool) -> Question {
        let choice = |key: &str| Choice {
            key: key.to_owned(),
            label: texts(key),
        };
        let choices = if kind.has_choices() {
            Vec::from(["a", "b", "c"].map(choice))
        } else {
            Vec::new()
        };
        Question {
            key: key.to_owned(),
            kind,
            required,
            label: texts("What?"),
            help: Localized::default(),
            choices,
            least: None,
            most: None,
        }
    }

    /// A purpose with this text, not numbered yet.
    pub(super) fn purpose(key: &str, required: bool, text: &str) -> Purpose {
        Purpose {
            key: key.to_owned(),
            required,
            title: texts(key),
            text: texts(text),
            text_version: 0,
        }
    }

    /// What is wrong, as code and path.
    pub(super) fn told<T>(result: Result<T>) -> Vec<String> {
        match result {
            Ok(_) => Vec::new(),
            Err(Error::Invalid(faults)) => {
                let tell = |fault: &Fault| format!("{:?} {}", fault.code, fault.path.join("."));
                faults.iter().map(tell).collect()
            }
            Err(other) => panic!("{other}"),
        }
    }

    fn faults_of(form: &Form) -> Vec<String> {
        told(form.check(&[Language::Es, Language::Pt]).check())
    }

    #[test]
    fn what_is_required_and_not_consented_to_is_lacking() {
        let form = Form {
            questions: Vec::new(),
            purposes: vec![
                purpose("data", true, "We keep it."),
                purpose("photos", false, "We show them."),
                purpose("news", true, "We send some."),
            ],
        };
        assert_eq!(form.lacking(&[]), ["data", "news"]);
        assert_eq!(form.lacking(&["photos", "data"]), ["news"]);
        assert_eq!(form.lacking(&["news", "data"]), [""; 0]);
        assert_eq!(Form::default().lacking(&[]), [""; 0]);
    }

    #[test]
    fn a_key_is_made_of_plain_letters() {
        for good in ["a", "why_us", "q2", &"k".repeat(40)] {
            assert_eq!(Key::parse(good).map(String::from).as_deref(), Ok(good));
        }
        let long = "k".repeat(41);
        for (bad, code) in [
            ("", Code::Required),
            ("Why", Code::Malformed),
            ("2q", Code::Malformed),
            ("_a", Code::Malformed),
            ("a.b", Code::Malformed),
            ("a b", Code::Malformed),
            ("año", Code::Malformed),
            ("a\0", Code::ForbiddenCharacter),
            (long.as_str(), Code::TooLong),
        ] {
            assert_eq!(Key::parse(bad).map_err(|flaw| flaw.code), Err(code), "{bad:?}");
        }
    }

    #[test]
    fn a_form_of_every_kind_is_sound() {
        let questions = QuestionKind::ALL
            .iter()
            .map(|&kind| question(kind.word(), kind, true))
            .collect();
        let form = Form {
            questions,
            purposes: vec![
                purpose("data", true, "We keep it."),
                purpose("photos", false, "We show them."),
            ],
        };
        assert_eq!(faults_of(&form), [""; 0]);
        assert_eq!(faults_of(&Form::default()), [""; 0]);
    }

    #[test]
    fn everything_that_is_wrong_with_a_form_is_named_at_its_place() {
        let mut twice = question("why", QuestionKind::Number, false);
        (twice.least, twice.most) = (Some(2_000), Some(1_500));
        let mut bounded = question("bounded", QuestionKind::Date, false);
        bounded.least = Some(1);
        let mut alone = question("alone", QuestionKind::OneChoice, false);
        alone.choices.truncate(1);
        alone.choices[0].label.0.remove(&Language::Pt);
        let mut doubled = question("doubled", QuestionKind::SeveralChoices, false);
        doubled.choices[2].key = "a".to_owned();
        let mut chosen = question("chosen", QuestionKind::YesNo, false);
        chosen.choices = doubled.choices[..2].to_vec();
        let mut mute = question("mute", QuestionKind::LongText, false);
        mute.label = Localized::of(Language::En, "What?");
        let mut silent = purpose("data", true, "We keep it.");
        silent.text.0.remove(&Language::Es);
        let form = Form {
            questions: vec![
                question("why", QuestionKind::ShortText, true),
                twice,
                bounded,
                alone,
                doubled,
                chosen,
                mute,
            ],
            purposes: vec![silent, purpose("data", false, "Again")],
        };
        assert_eq!(
            faults_of(&form),
            [
                "Repeated input.questions.1.key",
                "Repeated input.purposes.1.key",
                "OutOfRange input.questions.1.most",
                "FormMismatch input.questions.2.least",
                "TooShort input.questions.3.choices",
                "Required input.questions.3.choices.0.label",
                "Repeated input.questions.4.choices.2.key",
                "FormMismatch input.questions.5.choices",
                "Required input.questions.6.label",
                "Required input.questions.6.label",
                "Required input.purposes.0.text",
            ]
        );
    }

    #[test]
    fn a_form_has_its_limits() {
        let question = |number: usize| question(&format!("q{number}"), QuestionKind::YesNo, false);
        let form = |questions: usize, purposes: usize| Form {
            questions: (0..questions).map(question).collect(),
            purposes: (0..purposes)
                .map(|number| purpose(&format!("p{number}"), false, "So"))
                .collect(),
        };
        assert_eq!(faults_of(&form(QUESTIONS_LIMIT, PURPOSES_LIMIT)), [""; 0]);
        assert_eq!(
            faults_of(&form(QUESTIONS_LIMIT + 1, PURPOSES_LIMIT + 1)),
            ["TooLong input.questions", "TooLong input.purposes"]
        );
    }

    proptest! {
        /// From version to version, a text keeps its version as long as it says the same, and a new one has a version
        /// that no text of the purpose had before.
        #[test]
        fn a_text_has_a_version_of_its_own(texts in proptest::collection::vec(proptest::option::of(0_u8..3), 1..12)) {
            let mut before: Option<Form> = None;
            let mut known: Vec<(i64, u8)> = Vec::new();
            for (number, text) in (1_i64..).zip(texts) {
                let purposes = text.map(|text| purpose("data", true, &format!("Text {text}"))).into_iter().collect();
                let form = Form { questions: Vec::new(), purposes }.numbered(number, before.as_ref());
                if let (Some(text), Some(purpose)) = (text, form.purpose("data")) {
                    let said_before = before.as_ref().and_then(|form| form.purpose("data"));
                    let same = said_before.is_some_and(|earlier| earlier.text == purpose.text);
                    prop_assert_eq!(purpose.text_version < number, same);
                    prop_assert!(known.iter().all(|&(version, said)| version != purpose.text_version || said == text));
                    known.push((purpose.text_version, text));
                }
                before = Some(form);
            }
        }

        #[test]
        fn a_form_reads_back(required: bool, least in proptest::option::of(-5_000_i64..5_000)) {
            let mut number = question("number", QuestionKind::Number, required);
            number.least = least;
            let purposes = vec![purpose("data", required, "We keep it.")];
            let form = Form { questions: vec![number], purposes }.numbered(3, None);
            let stored = serde_json::to_value(&form).expect("a value");
            prop_assert_eq!(serde_json::from_value::<Form>(stored).expect("a form"), form);
        }
    }
}
