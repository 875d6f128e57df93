//! What people answer to a form as they apply: each answer held against its question.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::consent::{Agreed, Stated};
use super::{CHOICES_LIMIT, Form, Key, PURPOSES_LIMIT, QUESTIONS_LIMIT, Question, QuestionKind, check_length};
use crate::domain::language::Language;
use crate::domain::text::{Comment, Title};
use crate::error::{Code, Fault, Faults, Flaw, Result};

/// What was answered to a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// A text.
    Text(String),
    /// The keys of choices.
    Choices(Vec<String>),
    /// Yes or no.
    YesNo(bool),
    /// A number, in thousandths.
    Number(i64),
    /// A day.
    Date(NaiveDate),
}

/// An answer, and to which question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The key of the question.
    pub question: String,
    /// What was answered.
    pub value: Value,
}

/// An answer as it came: of the values, the one that its question wants.
#[derive(Debug, Clone)]
pub struct Given {
    /// The key of the question.
    pub question: Key,
    /// A text.
    pub text: Option<Comment>,
    /// The keys of choices.
    pub choices: Option<Vec<Key>>,
    /// Yes or no.
    pub yes_no: Option<bool>,
    /// A number, in thousandths.
    pub number: Option<i64>,
    /// A day.
    pub date: Option<NaiveDate>,
}

/// A filled form, as it came.
#[derive(Debug, Clone)]
pub struct Filled {
    /// The version of the form.
    pub form_version: i64,
    /// The language in which it was read.
    pub language: Language,
    /// The answers.
    pub answers: Vec<Given>,
    /// What is said to its purposes.
    pub consents: Vec<Stated>,
}

/// What somebody says as they apply.
#[derive(Debug, Clone)]
pub struct Application {
    /// Why they want to take part.
    pub motivation: Comment,
    /// The filled form; `None` where none came.
    pub filled: Option<Filled>,
}

impl From<Comment> for Application {
    /// Without a form.
    fn from(motivation: Comment) -> Self {
        Self {
            motivation,
            filled: None,
        }
    }
}

/// What a form takes of an application.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// The answers; a question that was left open has none.
    pub answers: Vec<Answer>,
    /// What was said to its purposes.
    pub consents: Vec<Agreed>,
}

/// Why an answer is not taken, and at which of several choices.
struct Misfit(Option<usize>, Flaw);

impl From<Flaw> for Misfit {
    fn from(flaw: Flaw) -> Self {
        Self(None, flaw)
    }
}

impl Given {
    /// The values that came, by their fields.
    fn fields(&self) -> impl Iterator<Item = &'static str> {
        [
            ("text", self.text.is_some()),
            ("choices", self.choices.is_some()),
            ("yesNo", self.yes_no.is_some()),
            ("number", self.number.is_some()),
            ("date", self.date.is_some()),
        ]
        .into_iter()
        .filter(|(_, came)| *came)
        .map(|(field, _)| field)
    }
}

impl Form {
    /// Holds a filled form against what is asked; one that did not come is empty.
    ///
    /// # Errors
    /// A fault at its place below `application` for everything that does not fit, and for everything that is required
    /// and missing, named by its key after `answers` or `consents`.
    pub fn take(&self, filled: Option<&Filled>) -> Result<Taken> {
        let mut faults = Faults::default();
        let answers = filled.map(|filled| filled.answers.as_slice()).unwrap_or_default();
        let answers = self.read_answers(&mut faults, answers);
        let consents = self.read_consents(&mut faults, filled);
        faults.whole(Some(Taken { answers, consents }))
    }

    fn read_answers(&self, faults: &mut Faults, given: &[Given]) -> Vec<Answer> {
        let list = "application.answers";
        check_length(faults, list, given.len(), QUESTIONS_LIMIT);
        let mut answers = Vec::new();
        let mut named = BTreeSet::new();
        for (place, given) in given.iter().enumerate().take(QUESTIONS_LIMIT) {
            let at = format!("{list}.{place}");
            let Some(question) = self.question(given.question.as_ref()) else {
                faults.push(Fault::at(&format!("{at}.question"), Code::FormMismatch));
                continue;
            };
            if !named.insert(question.key.as_str()) {
                faults.push(Fault::at(&format!("{at}.question"), Code::Repeated));
                continue;
            }
            if let Some(value) = question.read(faults, &at, given) {
                answers.push(Answer {
                    question: question.key.clone(),
                    value,
                });
            }
        }
        let missing = self.questions.iter().filter(|question| question.required);
        for question in missing.filter(|question| !named.contains(question.key.as_str())) {
            faults.push(Fault::at(&format!("{list}.{}", question.key), Code::Required));
        }
        answers
    }

    fn read_consents(&self, faults: &mut Faults, filled: Option<&Filled>) -> Vec<Agreed> {
        let list = "application.consents";
        let stated = filled.map(|filled| filled.consents.as_slice()).unwrap_or_default();
        check_length(faults, list, stated.len(), PURPOSES_LIMIT);
        let mut agreed = Vec::new();
        let mut named = BTreeSet::new();
        for (place, one) in stated.iter().enumerate().take(PURPOSES_LIMIT) {
            let at = format!("{list}.{place}");
            let purpose = self.purpose(one.purpose.as_ref());
            let (Some(purpose), Some(filled)) = (purpose, filled) else {
                faults.push(Fault::at(&format!("{at}.purpose"), Code::FormMismatch));
                continue;
            };
            if !named.insert(purpose.key.as_str()) {
                faults.push(Fault::at(&format!("{at}.purpose"), Code::Repeated));
                continue;
            }
            if !purpose.text.0.contains_key(&filled.language) {
                faults.push_once(Fault::at("application.language", Code::FormMismatch));
            }
            if purpose.required && !one.given {
                faults.push(Fault::at(&format!("{at}.given"), Code::ConsentRequired));
            }
            agreed.push(Agreed::to(purpose, filled.language, one.given));
        }
        let missing = self.purposes.iter().filter(|purpose| purpose.required);
        for purpose in missing.filter(|purpose| !named.contains(purpose.key.as_str())) {
            faults.push(Fault::at(&format!("{list}.{}", purpose.key), Code::ConsentRequired));
        }
        agreed
    }
}

impl Question {
    /// The value of an answer at `at`; `None` for one that says nothing, and for one of which a fault is kept.
    fn read(&self, faults: &mut Faults, at: &str, given: &Given) -> Option<Value> {
        let field = self.kind.field();
        if let Some(other) = given.fields().find(|other| *other != field) {
            faults.push(Fault::at(&format!("{at}.{other}"), Code::FormMismatch));
            return None;
        }
        let at = format!("{at}.{field}");
        let read = match self.kind {
            QuestionKind::ShortText | QuestionKind::LongText => self.text(given.text.as_ref()),
            QuestionKind::OneChoice | QuestionKind::SeveralChoices => self.chosen(given.choices.as_deref()),
            QuestionKind::YesNo => Ok(given.yes_no.map(Value::YesNo)),
            QuestionKind::Number => self.number(given.number),
            QuestionKind::Date => Ok(given.date.map(Value::Date)),
        };
        match read {
            Ok(None) if self.required => {
                faults.push(Fault::at(&at, Code::Required));
                None
            }
            Ok(value) => value,
            Err(Misfit(place, flaw)) => {
                let at = place.map_or_else(|| at.clone(), |place| format!("{at}.{place}"));
                faults.take(&at, Err(flaw))
            }
        }
    }

    fn text(&self, text: Option<&Comment>) -> Result<Option<Value>, Misfit> {
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let text = if self.kind == QuestionKind::ShortText {
            Title::parse(text.as_ref())?.into()
        } else {
            text.to_string()
        };
        Ok(Some(Value::Text(text)))
    }

    fn chosen(&self, chosen: Option<&[Key]>) -> Result<Option<Value>, Misfit> {
        let Some(chosen) = chosen.filter(|chosen| !chosen.is_empty()) else {
            return Ok(None);
        };
        let most = if self.kind == QuestionKind::OneChoice {
            1
        } else {
            CHOICES_LIMIT
        };
        if chosen.len() > most {
            return Err(Misfit(None, too_many(most)));
        }
        for (place, key) in chosen.iter().enumerate() {
            let named: &str = key.as_ref();
            if !self.choices.iter().any(|choice| choice.key == named) {
                return Err(Misfit(Some(place), Code::FormMismatch.into()));
            }
            if chosen[..place].contains(key) {
                return Err(Misfit(Some(place), Code::Repeated.into()));
            }
        }
        Ok(Some(Value::Choices(chosen.iter().cloned().map(Into::into).collect())))
    }

    fn number(&self, number: Option<i64>) -> Result<Option<Value>, Misfit> {
        let Some(number) = number else { return Ok(None) };
        let beyond = self.least.is_some_and(|least| number < least) || self.most.is_some_and(|most| number > most);
        if beyond {
            let flaw = Flaw {
                code: Code::OutOfRange,
                detail: Some(self.bounds()),
            };
            return Err(Misfit(None, flaw));
        }
        Ok(Some(Value::Number(number)))
    }
}

impl QuestionKind {
    /// The field of an answer that this kind of question wants.
    const fn field(self) -> &'static str {
        match self {
            Self::ShortText | Self::LongText => "text",
            Self::OneChoice | Self::SeveralChoices => "choices",
            Self::YesNo => "yesNo",
            Self::Number => "number",
            Self::Date => "date",
        }
    }
}

fn too_many(most: usize) -> Flaw {
    Flaw {
        code: Code::TooLong,
        detail: Some(most.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{purpose, question, told};
    use super::*;
    use proptest::prelude::*;

    fn key(text: &str) -> Key {
        Key::parse(text).expect("a key")
    }

    fn open(question: &str) -> Given {
        Given {
            question: key(question),
            text: None,
            choices: None,
            yes_no: None,
            number: None,
            date: None,
        }
    }

    fn text(question: &str, text: &str) -> Given {
        Given {
            text: Some(Comment::parse(text).expect("a text")),
            ..open(question)
        }
    }

    fn choices(question: &str, keys: &[&str]) -> Given {
        Given {
            choices: Some(keys.iter().map(|text| key(text)).collect()),
            ..open(question)
        }
    }

    fn number(question: &str, number: i64) -> Given {
        Given {
            number: Some(number),
            ..open(question)
        }
    }

    fn filled(answers: Vec<Given>, consents: &[(&str, bool)]) -> Filled {
        let stated = |&(purpose, given): &(&str, bool)| Stated {
            purpose: key(purpose),
            given,
        };
        Filled {
            form_version: 1,
            language: Language::Pt,
            answers,
            consents: consents.iter().map(stated).collect(),
        }
    }

    /// One question of each kind, called as its kind.
    fn form(required: bool) -> Form {
        let of = |&kind: &QuestionKind| question(kind.word(), kind, required);
        let mut questions: Vec<Question> = QuestionKind::ALL.iter().map(of).collect();
        let numbers = questions
            .iter_mut()
            .filter(|question| question.kind == QuestionKind::Number);
        for question in numbers {
            (question.least, question.most) = (Some(0), Some(10_500));
        }
        Form {
            questions,
            purposes: vec![
                purpose("data", required, "We keep it."),
                purpose("photos", false, "We show them."),
            ],
        }
        .numbered(1, None)
    }

    fn everything() -> Vec<Given> {
        vec![
            text("short_text", " Jose\u{301} "),
            text("long_text", "One\r\ntwo"),
            choices("one_choice", &["b"]),
            choices("several_choices", &["c", "a"]),
            Given {
                yes_no: Some(false),
                ..open("yes_no")
            },
            number("number", 10_500),
            Given {
                date: Some("2026-03-01".parse().expect("a day")),
                ..open("date")
            },
        ]
    }

    #[test]
    fn answers_of_every_kind_are_taken_as_they_came() {
        let filled = filled(everything(), &[("photos", false), ("data", true)]);
        let taken = form(true).take(Some(&filled)).expect("it fits");
        let values: Vec<Value> = taken.answers.into_iter().map(|answer| answer.value).collect();
        assert_eq!(
            values,
            [
                Value::Text("José".to_owned()),
                Value::Text("One\ntwo".to_owned()),
                Value::Choices(vec!["b".to_owned()]),
                Value::Choices(vec!["c".to_owned(), "a".to_owned()]),
                Value::YesNo(false),
                Value::Number(10_500),
                Value::Date("2026-03-01".parse().expect("a day")),
            ]
        );
        let said: Vec<_> = taken
            .consents
            .iter()
            .map(|one| (one.purpose.as_str(), one.given, one.language, one.text_version))
            .collect();
        assert_eq!(
            said,
            [("photos", false, Language::Pt, 1), ("data", true, Language::Pt, 1)]
        );
    }

    #[test]
    fn what_is_required_is_named_by_its_key_where_nothing_came() {
        let missing = told(form(true).take(None));
        let mut expected: Vec<String> = QuestionKind::ALL
            .iter()
            .map(|kind| format!("Required input.application.answers.{}", kind.word()))
            .collect();
        expected.push("ConsentRequired input.application.consents.data".to_owned());
        assert_eq!(missing, expected);
        assert_eq!(form(false).take(None).expect("nothing is required"), Taken::default());
    }

    #[test]
    fn what_does_not_fit_is_named_at_its_place() {
        let long = "ñ".repeat(201);
        let cases: [(Given, &str); 14] = [
            (text("other", "x"), "FormMismatch input.application.answers.0.question"),
            (
                number("short_text", 1),
                "FormMismatch input.application.answers.0.number",
            ),
            (text("number", "1"), "FormMismatch input.application.answers.0.text"),
            (
                text("short_text", "a\nb"),
                "ForbiddenCharacter input.application.answers.0.text",
            ),
            (text("short_text", &long), "TooLong input.application.answers.0.text"),
            (text("short_text", " "), "Required input.application.answers.0.text"),
            (open("long_text"), "Required input.application.answers.0.text"),
            (open("yes_no"), "Required input.application.answers.0.yesNo"),
            (
                choices("one_choice", &["a", "b"]),
                "TooLong input.application.answers.0.choices",
            ),
            (
                choices("one_choice", &["z"]),
                "FormMismatch input.application.answers.0.choices.0",
            ),
            (
                choices("one_choice", &[]),
                "Required input.application.answers.0.choices",
            ),
            (
                choices("several_choices", &["a", "b", "a"]),
                "Repeated input.application.answers.0.choices.2",
            ),
            (number("number", -1), "OutOfRange input.application.answers.0.number"),
            (
                number("number", 10_501),
                "OutOfRange input.application.answers.0.number",
            ),
        ];
        for (given, expected) in cases {
            let told = told(form(true).take(Some(&filled(vec![given], &[("data", true)]))));
            assert_eq!(told.first().map(String::as_str), Some(expected));
        }
        let twice = filled(vec![number("number", 1), number("number", 2)], &[]);
        assert_eq!(
            told(form(false).take(Some(&twice))),
            ["Repeated input.application.answers.1.question"]
        );
        let many = filled(vec![number("number", 1); QUESTIONS_LIMIT + 1], &[]);
        let told_of_many = told(form(false).take(Some(&many)));
        assert_eq!(told_of_many[0], "TooLong input.application.answers");
        assert_eq!(told_of_many.len(), QUESTIONS_LIMIT);
    }

    #[test]
    fn consent_is_given_to_what_is_asked_in_a_language_in_which_it_is_said() {
        let cases: [(&[(&str, bool)], &str); 4] = [
            (&[("data", false)], "ConsentRequired input.application.consents.0.given"),
            (&[("other", true)], "FormMismatch input.application.consents.0.purpose"),
            (
                &[("data", true), ("data", true)],
                "Repeated input.application.consents.1.purpose",
            ),
            (&[("photos", true)], "ConsentRequired input.application.consents.data"),
        ];
        for (consents, expected) in cases {
            let told = told(form(true).take(Some(&filled(everything(), consents))));
            assert_eq!(told.first().map(String::as_str), Some(expected));
        }
        let mut english = filled(everything(), &[("data", true), ("photos", true)]);
        english.language = Language::En;
        assert_eq!(
            told(form(true).take(Some(&english))),
            ["FormMismatch input.application.language"]
        );
    }

    fn any_answer() -> impl Strategy<Value = Given> {
        let kinds = QuestionKind::ALL.iter().map(|kind| kind.word()).chain(["other"]);
        let keys = || proptest::collection::vec(proptest::sample::select(vec!["a", "b", "c", "z"]), 0..4);
        (
            proptest::sample::select(kinds.collect::<Vec<_>>()),
            proptest::option::weighted(0.3, "[ a-zñ\n]{0,12}"),
            proptest::option::weighted(0.3, keys()),
            proptest::option::weighted(0.3, any::<bool>()),
            proptest::option::weighted(0.3, -1_000_i64..12_000),
        )
            .prop_map(|(question, text, keys, yes_no, number)| Given {
                text: text.map(|text| Comment::parse(&text).expect("a text")),
                choices: keys.map(|keys| keys.into_iter().map(key).collect()),
                yes_no,
                number,
                ..open(question)
            })
    }

    proptest! {
        /// Whatever is taken answers questions of the form, each once and as its kind wants, and leaves none open that
        /// is required; sent again as it was kept, it is taken as it was.
        #[test]
        fn what_is_taken_fits_and_is_taken_again(
            answers in proptest::collection::vec(any_answer(), 0..9), required: bool, consents: bool
        ) {
            let form = form(required);
            let given = filled(answers, if consents { &[("data", true)] } else { &[] });
            let Ok(taken) = form.take(Some(&given)) else { return Ok(()) };
            let mut named = BTreeSet::new();
            for Answer { question, value } in &taken.answers {
                let asked = form.question(question).expect("a question of the form");
                prop_assert!(named.insert(question.clone()));
                let fits = match (asked.kind, value) {
                    (QuestionKind::ShortText, Value::Text(text)) => !text.contains('\n'),
                    (QuestionKind::LongText, Value::Text(text)) => !text.is_empty(),
                    (QuestionKind::OneChoice, Value::Choices(keys)) => keys.len() == 1,
                    (QuestionKind::SeveralChoices, Value::Choices(keys)) => (1..=3).contains(&keys.len()),
                    (QuestionKind::YesNo, Value::YesNo(_)) | (QuestionKind::Date, Value::Date(_)) => true,
                    (QuestionKind::Number, Value::Number(number)) => (0..=10_500).contains(number),
                    _ => false,
                };
                prop_assert!(fits, "{:?} {:?}", asked.kind, value);
            }
            let left = form.questions.iter().filter(|question| question.required && !named.contains(&question.key));
            prop_assert_eq!(left.count(), 0);
            prop_assert_eq!(taken.consents.len(), usize::from(consents));
            let again = taken.answers.iter().map(|answer| {
                let mut given = open(&answer.question);
                match &answer.value {
                    Value::Text(text) => given.text = Some(Comment::parse(text).expect("a text")),
                    Value::Choices(keys) => given.choices = Some(keys.iter().map(|text| key(text)).collect()),
                    Value::YesNo(yes) => given.yes_no = Some(*yes),
                    Value::Number(number) => given.number = Some(*number),
                    Value::Date(day) => given.date = Some(*day),
                }
                given
            });
            let again = Filled { answers: again.collect(), ..given };
            prop_assert_eq!(form.take(Some(&again)).expect("the same again"), taken.clone());
            let stored = serde_json::to_value(&taken.answers).expect("a value");
            prop_assert_eq!(serde_json::from_value::<Vec<Answer>>(stored).expect("answers"), taken.answers);
        }
    }
}
