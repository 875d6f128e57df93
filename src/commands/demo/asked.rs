//! What the next edition of the demonstration asks those who apply, and what they answer. Nothing of it is required, so
//! that whoever tries the API may leave it out.

use super::people::text;
use crate::domain::form::answer::{Application, Filled, Given};
use crate::domain::form::consent::Stated;
use crate::domain::form::{Choice, Form, Key, Purpose, Question, QuestionKind};
use crate::domain::language::{Language, Localized};
use crate::domain::text::Comment;
use crate::error::Result;

/// A text in Spanish and in Portuguese, in which the edition is given.
fn both([es, pt]: [&str; 2]) -> Localized {
    Localized([(Language::Es, es.to_owned()), (Language::Pt, pt.to_owned())].into())
}

/// The form.
pub(super) fn form() -> Form {
    let choice = |(key, label): (&str, [&str; 2])| Choice {
        key: key.to_owned(),
        label: both(label),
    };
    let question = |key: &str, kind, label| Question {
        key: key.to_owned(),
        kind,
        required: false,
        label: both(label),
        help: Localized::default(),
        choices: Vec::new(),
        least: None,
        most: None,
    };
    let experience = Question {
        choices: Vec::from(
            [
                ("none", ["Ninguna", "Nenhuma"]),
                ("some", ["Alguna", "Alguma"]),
                ("much", ["Mucha", "Muita"]),
            ]
            .map(choice),
        ),
        ..question(
            "experience",
            QuestionKind::OneChoice,
            [
                "¿Qué experiencia tiene en prospectiva?",
                "Que experiência tem em prospectiva?",
            ],
        )
    };
    let project = question(
        "project",
        QuestionKind::LongText,
        [
            "¿En qué va a aplicar lo aprendido?",
            "Em que vai aplicar o que aprender?",
        ],
    );
    Form {
        questions: vec![experience, project],
        purposes: vec![Purpose {
            key: "photos".to_owned(),
            required: false,
            title: both(["Fotografías", "Fotografias"]),
            text: both([
                "Acepto que se publiquen fotografías de los encuentros en las que aparezco.",
                "Aceito que sejam publicadas fotografias dos encontros em que apareço.",
            ]),
            text_version: 0,
        }],
    }
}

/// What somebody answers to its first version.
pub(super) fn application(why: &str) -> Result<Application> {
    let open = |question: &str| -> Result<Given> {
        Ok(Given {
            question: text(Key::parse(question))?,
            text: None,
            choices: None,
            yes_no: None,
            number: None,
            date: None,
        })
    };
    let experience = Given {
        choices: Some(vec![text(Key::parse("some"))?]),
        ..open("experience")?
    };
    let project = Given {
        text: Some(text(Comment::parse(
            "En el plan del sector para los próximos tres años.",
        ))?),
        ..open("project")?
    };
    Ok(Application {
        motivation: text(Comment::parse(why))?,
        filled: Some(Filled {
            form_version: 1,
            language: Language::Es,
            answers: vec![experience, project],
            consents: vec![Stated {
                purpose: text(Key::parse("photos"))?,
                given: true,
            }],
        }),
    })
}
