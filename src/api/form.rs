//! Forms in the API: what an edition asks those who apply, and what they answered. What they consented to is in
//! `consent.rs`.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, NaiveDate, Utc};

use super::decimal::Decimal;
use super::enums::{Language, QuestionKind};
use super::error::ApiResult;
use super::loaders::forms::Version;
use super::request::Request;
use crate::domain::form::answer::Value;
use crate::domain::form::{self as domain, Choice, Question};
use crate::domain::id::{ApplicationFormId, EnrolmentId};
use crate::domain::language::{self, Localized};
use crate::error::Error;
use crate::service;
use crate::store::form::{self as store, application};

mod consent;
mod input;

pub use consent::{Consent, lacking, mine as consents, of_enrolment as consents_of, required};
pub use input::{
    ApplicationInput, ConsentInput, ConsentPurposeInput, FormAnswerInput, FormChoiceInput, FormQuestionInput,
    PublishApplicationFormInput, PublishApplicationFormPayload, StateConsentInput, StateConsentPayload,
};

/// One version of the form of an edition.
pub struct ApplicationForm(store::Model);

/// The version of a form to which something was said.
async fn version_of(request: &Request, id: ApplicationFormId) -> ApiResult<Arc<Version>> {
    let found = request.loaders.forms.versions.load_one(id).await?;
    found.ok_or_else(|| Error::internal("an application without its form").into())
}

/// What an edition asks those who apply. A version never changes: whoever answered it answered this.
#[Object]
impl ApplicationForm {
    /// Identifier, `frm_…`.
    async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Its number in the edition, from 1; to be sent with an application, and with the next version.
    async fn version(&self) -> i64 {
        self.0.number
    }

    /// When it was published.
    async fn published_at(&self) -> DateTime<Utc> {
        self.0.published_at
    }

    /// What it asks, in the order in which it is shown.
    async fn questions(&self) -> ApiResult<Vec<FormQuestion>> {
        Ok(self.0.form()?.questions.into_iter().map(FormQuestion).collect())
    }

    /// For what it asks consent, in the order in which it is shown.
    async fn purposes(&self) -> ApiResult<Vec<ConsentPurpose>> {
        Ok(self.0.form()?.purposes.into_iter().map(ConsentPurpose).collect())
    }
}

/// A text in the language that is asked for, if it has one in that; or else in the viewer's, or else in the first that
/// it has.
fn told(ctx: &Context<'_>, text: &Localized, language: Option<Language>) -> Option<String> {
    let found = match language {
        Some(wanted) => text.0.get(&language::Language::from(wanted)).map(String::as_str),
        None => Some(text.get(Request::of(ctx).actor.language)),
    };
    found.filter(|text| !text.is_empty()).map(ToOwned::to_owned)
}

/// One thing that a form asks.
pub struct FormQuestion(Question);

/// One thing that a form asks.
#[Object]
impl FormQuestion {
    /// By what answers name it; unique in the form.
    async fn key(&self) -> &str {
        &self.0.key
    }

    /// What kind of answer it wants.
    async fn kind(&self) -> QuestionKind {
        self.0.kind.into()
    }

    /// Whether nobody applies without an answer.
    async fn required(&self) -> bool {
        self.0.required
    }

    /// What is asked: in this language, null where it is not said in it; or else in yours, or the first that there is.
    async fn label(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "In exactly this language.")] language: Option<Language>,
    ) -> Option<String> {
        told(ctx, &self.0.label, language)
    }

    /// What helps to answer it, in the same way; null where nothing does.
    async fn help(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "In exactly this language.")] language: Option<Language>,
    ) -> Option<String> {
        told(ctx, &self.0.help, language)
    }

    /// Of which to choose, for a question that wants choices.
    async fn choices(&self) -> Vec<FormChoice> {
        self.0.choices.iter().cloned().map(FormChoice).collect()
    }

    /// The smallest number that is taken; null without a bound.
    async fn least(&self) -> Option<Decimal> {
        self.0.least.map(Decimal::thousandths)
    }

    /// The largest number that is taken; null without a bound.
    async fn most(&self) -> Option<Decimal> {
        self.0.most.map(Decimal::thousandths)
    }
}

/// One of the answers that a question offers.
pub struct FormChoice(Choice);

/// One of the answers that a question offers.
#[Object]
impl FormChoice {
    /// By what answers name it; unique in the question.
    async fn key(&self) -> &str {
        &self.0.key
    }

    /// What it is called: in this language, null where it is not said in it; or else in yours, or the first that there
    /// is.
    async fn label(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "In exactly this language.")] language: Option<Language>,
    ) -> Option<String> {
        told(ctx, &self.0.label, language)
    }
}

/// Something for which a form asks consent.
pub struct ConsentPurpose(domain::Purpose);

/// Something for which a form asks consent.
#[Object]
impl ConsentPurpose {
    /// By what consents name it; unique in the form.
    async fn key(&self) -> &str {
        &self.0.key
    }

    /// Whether nobody takes part without consenting to it.
    async fn required(&self) -> bool {
        self.0.required
    }

    /// What it is called: in this language, null where it is not said in it; or else in yours, or the first that there
    /// is.
    async fn title(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "In exactly this language.")] language: Option<Language>,
    ) -> Option<String> {
        told(ctx, &self.0.title, language)
    }

    /// What one consents to, in the same way.
    async fn text(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "In exactly this language.")] language: Option<Language>,
    ) -> Option<String> {
        told(ctx, &self.0.text, language)
    }

    /// The version of the form with which this text came: it stays as long as title and text say the same.
    async fn text_version(&self) -> i64 {
        self.0.text_version
    }

    /// In which languages it has a text; consent is given in one of them.
    async fn languages(&self) -> Vec<Language> {
        self.0.text.0.keys().map(|&language| language.into()).collect()
    }
}

/// What somebody answered as they applied, and to which version of the form.
pub struct Application(application::Model);

/// What somebody answered as they applied.
#[Object]
impl Application {
    /// Identifier, `apl_…`.
    async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The version of the form that was answered, which may not be the present one.
    async fn form(&self, ctx: &Context<'_>) -> ApiResult<ApplicationForm> {
        let asked = version_of(Request::of(ctx), self.0.form_id).await?;
        Ok(ApplicationForm(asked.row.clone()))
    }

    /// The language in which it was read.
    async fn language(&self) -> Language {
        self.0.language.into()
    }

    /// When it was answered.
    async fn given_at(&self) -> DateTime<Utc> {
        self.0.given_at
    }

    /// The answers, in the order in which they came; a question that was left open has none.
    async fn answers(&self, ctx: &Context<'_>) -> ApiResult<Vec<FormAnswer>> {
        let asked = version_of(Request::of(ctx), self.0.form_id).await?;
        let answer = |answer: domain::answer::Answer| -> ApiResult<FormAnswer> {
            let question = asked.form.question(&answer.question).cloned();
            let question = question.ok_or_else(|| Error::internal("an answer without its question"))?;
            Ok(FormAnswer {
                question,
                value: answer.value,
            })
        };
        self.0.answers()?.into_iter().map(answer).collect()
    }
}

/// An answer, and to what.
pub struct FormAnswer {
    question: Question,
    value: Value,
}

/// An answer: of the values, the one that the kind of the question wants.
#[Object]
impl FormAnswer {
    /// The key of the question.
    async fn key(&self) -> &str {
        &self.question.key
    }

    /// The question, as it was asked then.
    async fn question(&self) -> FormQuestion {
        FormQuestion(self.question.clone())
    }

    /// For `SHORT_TEXT` and `LONG_TEXT`.
    async fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text.as_str()),
            Value::Choices(_) | Value::YesNo(_) | Value::Number(_) | Value::Date(_) => None,
        }
    }

    /// For `ONE_CHOICE` and `SEVERAL_CHOICES`: the keys of the choices.
    async fn choices(&self) -> Option<&[String]> {
        match &self.value {
            Value::Choices(keys) => Some(keys.as_slice()),
            Value::Text(_) | Value::YesNo(_) | Value::Number(_) | Value::Date(_) => None,
        }
    }

    /// For `YES_NO`.
    async fn yes_no(&self) -> Option<bool> {
        match self.value {
            Value::YesNo(yes) => Some(yes),
            Value::Text(_) | Value::Choices(_) | Value::Number(_) | Value::Date(_) => None,
        }
    }

    /// For `NUMBER`.
    async fn number(&self) -> Option<Decimal> {
        match self.value {
            Value::Number(number) => Some(Decimal::thousandths(number)),
            Value::Text(_) | Value::Choices(_) | Value::YesNo(_) | Value::Date(_) => None,
        }
    }

    /// For `DATE`.
    async fn date(&self) -> Option<NaiveDate> {
        match self.value {
            Value::Date(day) => Some(day),
            Value::Text(_) | Value::Choices(_) | Value::YesNo(_) | Value::Number(_) => None,
        }
    }
}

/// What an edition that the viewer sees asks now.
pub async fn of_edition(
    ctx: &Context<'_>,
    edition: &crate::store::edition::Model,
) -> ApiResult<Option<ApplicationForm>> {
    if edition.form_number == 0 {
        return Ok(None);
    }
    let found = Request::of(ctx).loaders.forms.current.load_one(edition.id).await?;
    Ok(found.map(ApplicationForm))
}

/// What was answered for an enrolment; whether it shows is asked where it is shown.
pub async fn of_enrolment(ctx: &Context<'_>, enrolment: EnrolmentId) -> ApiResult<Option<Application>> {
    let found = Request::of(ctx).loaders.forms.applications.load_one(enrolment).await?;
    Ok(found.map(Application))
}

/// Changes of forms and consents.
#[derive(Default)]
pub struct FormMutation;

#[Object]
impl FormMutation {
    /// Publishes the form by which people apply to an edition, or the next version of it: who applies from then on
    /// answers it. What was answered before stays with the version that it answered. A form without questions and
    /// purposes asks nothing. For coordinators of the edition.
    async fn publish_application_form(
        &self,
        ctx: &Context<'_>,
        input: PublishApplicationFormInput,
    ) -> ApiResult<PublishApplicationFormPayload> {
        let request = Request::of(ctx);
        let run = async {
            let (edition, form) = input.read()?;
            service::form::publish(&request.app, &request.actor, edition, input.version, form).await
        };
        PublishApplicationFormPayload::of(Box::pin(run).await, ApplicationForm)
    }

    /// Consents to a purpose of an edition in which you are enrolled, or takes that back. What the edition required as
    /// you consented, and requires now, is not taken back while the enrolment goes on: withdraw that. Once its outcome
    /// is decided, its edition is over, or the edition requires it no more, it is taken back. What stands so already
    /// stays as you said it.
    async fn state_consent(&self, ctx: &Context<'_>, input: StateConsentInput) -> ApiResult<StateConsentPayload> {
        let request = Request::of(ctx);
        let run = async {
            let (enrolment, purpose, wish) = input.read()?;
            service::consent::state(&request.app, &request.actor, enrolment, &purpose, wish).await
        };
        StateConsentPayload::of(Box::pin(run).await, Consent::from)
    }
}
