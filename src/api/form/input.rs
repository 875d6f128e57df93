//! What is sent about forms: what one is to ask, what somebody answers to it, and what they say to a purpose.

use async_graphql::{ID, InputObject};
use chrono::NaiveDate;

use super::{ApplicationForm, Consent};
use crate::api::course::{LocalizedTextInput, read_texts};
use crate::api::decimal::Decimal;
use crate::api::enums::{Language, QuestionKind};
use crate::api::id;
use crate::api::payload::payloads;
use crate::domain::form::answer::{Filled, Given};
use crate::domain::form::consent::{Stated, Wish};
use crate::domain::form::{Choice, Form, Help, Key, Purpose, Question};
use crate::domain::id::{EditionId, EnrolmentId};
use crate::domain::text::{Comment, Title, parse_day};
use crate::error::{Code, Faults, Flaw, Result};

/// One of the answers that a question offers.
#[derive(InputObject)]
pub struct FormChoiceInput {
    /// By what answers name it, up to 40 characters (NFC): `a` to `z`, `0` to `9` and `_`, not a digit first. Unique in
    /// the question.
    key: String,
    /// What it is called, in each language of the edition; up to 200 characters (NFC).
    label: Vec<LocalizedTextInput>,
}

/// One thing that a form asks.
#[derive(InputObject)]
pub struct FormQuestionInput {
    /// By what answers name it, up to 40 characters (NFC): `a` to `z`, `0` to `9` and `_`, not a digit first. Unique in
    /// the form.
    key: String,
    /// What kind of answer it wants.
    kind: QuestionKind,
    /// Whether nobody applies without an answer.
    #[graphql(default = false)]
    required: bool,
    /// What is asked, in each language of the edition; up to 200 characters (NFC).
    label: Vec<LocalizedTextInput>,
    /// What helps to answer it, in any language; up to 1,000 characters (NFC).
    help: Option<Vec<LocalizedTextInput>>,
    /// 2 to 30 choices, for a question that wants one or several.
    choices: Option<Vec<FormChoiceInput>>,
    /// The smallest number that is taken, for a question that wants one.
    least: Option<Decimal>,
    /// The largest number that is taken, for a question that wants one; not below `least`.
    most: Option<Decimal>,
}

/// Something for which a form asks consent.
#[derive(InputObject)]
pub struct ConsentPurposeInput {
    /// By what consents name it, up to 40 characters (NFC): `a` to `z`, `0` to `9` and `_`, not a digit first. Unique
    /// in the form, and the same from version to version.
    key: String,
    /// Whether nobody takes part without consenting to it.
    #[graphql(default = false)]
    required: bool,
    /// What it is called, in each language of the edition; up to 200 characters (NFC).
    title: Vec<LocalizedTextInput>,
    /// What one consents to, in each language of the edition; up to 10,000 characters (NFC).
    text: Vec<LocalizedTextInput>,
}

/// A form, or the next version of one.
#[derive(InputObject)]
pub struct PublishApplicationFormInput {
    /// Of which edition.
    edition_id: ID,
    /// The version of the form that you saw; 0 where the edition has none.
    pub(super) version: i64,
    /// Up to 50 questions, in the order in which they are shown.
    questions: Vec<FormQuestionInput>,
    /// Up to 10 purposes for which consent is asked, in the order in which they are shown.
    purposes: Vec<ConsentPurposeInput>,
}

/// An answer to a question of the form: of the values, the one that the kind of the question wants.
#[derive(Debug, InputObject)]
pub struct FormAnswerInput {
    /// The key of the question, up to 40 characters (NFC).
    question: String,
    /// For `SHORT_TEXT`, of which 200 are taken, and `LONG_TEXT`: up to 10,000 characters (NFC).
    text: Option<String>,
    /// For `ONE_CHOICE` and `SEVERAL_CHOICES`: the keys of choices, each up to 40 characters (NFC).
    choices: Option<Vec<String>>,
    /// For `YES_NO`.
    yes_no: Option<bool>,
    /// For `NUMBER`.
    number: Option<Decimal>,
    /// For `DATE`.
    date: Option<NaiveDate>,
}

/// What you say to a purpose of the form.
#[derive(Debug, InputObject)]
pub struct ConsentInput {
    /// The key of the purpose, up to 40 characters (NFC).
    purpose: String,
    /// Whether you consent.
    given: bool,
}

/// The form of the edition, filled.
#[derive(Debug, InputObject)]
pub struct ApplicationInput {
    /// The `version` of the form that you answer; it must be the present one.
    form_version: i64,
    /// The language in which you read it; its purposes must have a text in it.
    language: Language,
    /// The answers, each question once; what is not required may be left out.
    answers: Option<Vec<FormAnswerInput>>,
    /// What you say to its purposes. To say nothing is no consent.
    consents: Option<Vec<ConsentInput>>,
}

/// Something that you say to a purpose after you applied.
#[derive(Debug, InputObject)]
pub struct StateConsentInput {
    /// Your enrolment.
    enrolment_id: ID,
    /// The key of the purpose, up to 40 characters (NFC).
    purpose: String,
    /// True to consent, false to take your consent back.
    given: bool,
    /// The language in which you read the text; required to consent.
    language: Option<Language>,
    /// The `textVersion` of the purpose that you read; required to consent.
    text_version: Option<i64>,
}

impl FormChoiceInput {
    fn read(&self, faults: &mut Faults, at: &str) -> Option<Choice> {
        let key = faults.take(&format!("{at}.key"), Key::parse(&self.key));
        let label = read_texts(faults, &format!("{at}.label"), &self.label, Title::parse);
        Some(Choice {
            key: key?.into(),
            label,
        })
    }
}

impl FormQuestionInput {
    fn read(&self, faults: &mut Faults, at: &str) -> Option<Question> {
        let key = faults.take(&format!("{at}.key"), Key::parse(&self.key));
        let label = read_texts(faults, &format!("{at}.label"), &self.label, Title::parse);
        let help = self.help.as_deref().unwrap_or_default();
        let help = read_texts(faults, &format!("{at}.help"), help, Help::parse);
        let choices = self.choices.as_deref().unwrap_or_default();
        let choices = id::each(choices, |place, choice| {
            choice.read(faults, &format!("{at}.choices.{place}"))
        });
        Some(Question {
            key: key?.into(),
            kind: self.kind.into(),
            required: self.required,
            label,
            help,
            choices: choices?,
            least: self.least.map(Decimal::in_thousandths),
            most: self.most.map(Decimal::in_thousandths),
        })
    }
}

impl ConsentPurposeInput {
    fn read(&self, faults: &mut Faults, at: &str) -> Option<Purpose> {
        let key = faults.take(&format!("{at}.key"), Key::parse(&self.key));
        let title = read_texts(faults, &format!("{at}.title"), &self.title, Title::parse);
        let text = read_texts(faults, &format!("{at}.text"), &self.text, said);
        Some(Purpose {
            key: key?.into(),
            required: self.required,
            title,
            text,
            // It gets its version as it is published.
            text_version: 0,
        })
    }
}

/// Nobody consents to nothing.
fn said(text: &str) -> Result<Comment, Flaw> {
    let text = Comment::parse(text)?;
    if text.is_empty() {
        return Err(Code::Required.into());
    }
    Ok(text)
}

impl PublishApplicationFormInput {
    pub(super) fn read(&self) -> Result<(EditionId, Form)> {
        let mut faults = Faults::default();
        let edition: Option<EditionId> = id::parse(&mut faults, "editionId", &self.edition_id);
        let questions = id::each(&self.questions, |place, question| {
            question.read(&mut faults, &format!("questions.{place}"))
        });
        let purposes = id::each(&self.purposes, |place, purpose| {
            purpose.read(&mut faults, &format!("purposes.{place}"))
        });
        let ((edition, questions), purposes) = faults.whole(edition.zip(questions).zip(purposes))?;
        Ok((edition, Form { questions, purposes }))
    }
}

impl FormAnswerInput {
    fn read(&self, faults: &mut Faults, at: &str) -> Option<Given> {
        let question = faults.take(&format!("{at}.question"), Key::parse(&self.question));
        let text = self.text.as_deref().map(Comment::parse).transpose();
        let text = faults.take(&format!("{at}.text"), text);
        let choices = match &self.choices {
            None => Some(None),
            Some(keys) => {
                let key = |place: usize, key: &String| faults.take(&format!("{at}.choices.{place}"), Key::parse(key));
                id::each(keys, key).map(Some)
            }
        };
        let date = faults.take(&format!("{at}.date"), self.date.map(parse_day).transpose());
        Some(Given {
            question: question?,
            text: text?,
            choices: choices?,
            yes_no: self.yes_no,
            number: self.number.map(Decimal::in_thousandths),
            date: date?,
        })
    }
}

impl ConsentInput {
    fn read(&self, faults: &mut Faults, at: &str) -> Option<Stated> {
        let purpose = faults.take(&format!("{at}.purpose"), Key::parse(&self.purpose));
        Some(Stated {
            purpose: purpose?,
            given: self.given,
        })
    }
}

impl ApplicationInput {
    /// Reads it, keeping what is wrong with its form; what the edition asks is not known here.
    pub fn read(&self, faults: &mut Faults) -> Option<Filled> {
        let answers = self.answers.as_deref().unwrap_or_default();
        let answers = id::each(answers, |place, answer| {
            answer.read(faults, &format!("application.answers.{place}"))
        });
        let consents = self.consents.as_deref().unwrap_or_default();
        let consents = id::each(consents, |place, consent| {
            consent.read(faults, &format!("application.consents.{place}"))
        });
        Some(Filled {
            form_version: self.form_version,
            language: self.language.into(),
            answers: answers?,
            consents: consents?,
        })
    }
}

impl StateConsentInput {
    pub(super) fn read(&self) -> Result<(EnrolmentId, Key, Wish)> {
        let mut faults = Faults::default();
        let enrolment: Option<EnrolmentId> = id::parse(&mut faults, "enrolmentId", &self.enrolment_id);
        let purpose = faults.take("purpose", Key::parse(&self.purpose));
        let wish = if self.given {
            let language = faults.take("language", self.language.ok_or(Code::Required));
            let version = faults.take("textVersion", self.text_version.ok_or(Code::Required));
            language
                .zip(version)
                .map(|(language, version)| Wish::Give(language.into(), version))
        } else {
            Some(Wish::TakeBack)
        };
        let ((enrolment, purpose), wish) = faults.whole(enrolment.zip(purpose).zip(wish))?;
        Ok((enrolment, purpose, wish))
    }
}

payloads! {
    /// The published form.
    PublishApplicationFormPayload {
        /// The form, unless there are `userErrors`.
        application_form: ApplicationForm
    }
    /// What stands now.
    StateConsentPayload {
        /// What you said last, unless there are `userErrors`.
        consent: Consent
    }
}
