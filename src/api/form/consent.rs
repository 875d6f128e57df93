//! Consents in the API: what somebody said to the purposes of a form, each time.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};

use super::{told, version_of};
use crate::api::audit::AuditVia;
use crate::api::edition::Edition;
use crate::api::enums::Language;
use crate::api::error::ApiResult;
use crate::api::loaders::forms::Version;
use crate::api::page::{Arguments, PageOf, connection};
use crate::api::request::Request;
use crate::domain::form::Purpose;
use crate::domain::id::{EditionId, EnrolmentId};
use crate::error::Error;
use crate::service;
use crate::store::enrolment;
use crate::store::form::consent as store;

/// What somebody said to a purpose, once.
pub struct Consent(store::Model);

impl From<store::Model> for Consent {
    fn from(row: store::Model) -> Self {
        Self(row)
    }
}

impl Consent {
    /// What was asked then.
    async fn asked(&self, ctx: &Context<'_>) -> ApiResult<Arc<Version>> {
        version_of(Request::of(ctx), self.0.form_id).await
    }

    /// The purpose, as it was asked then.
    fn purpose_of<'a>(&self, asked: &'a Version) -> ApiResult<&'a Purpose> {
        let found = asked.form.purpose(&self.0.purpose);
        found.ok_or_else(|| Error::internal("a consent without its purpose").into())
    }
}

/// What somebody said to a purpose of an edition: when, to which text, in which language, through what. It never
/// changes; what is said later stands beside it.
#[Object]
impl Consent {
    /// Identifier, `cst_…`.
    async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The enrolment for which it was said.
    async fn enrolment_id(&self) -> ID {
        self.0.enrolment_id.to_string().into()
    }

    /// The edition that asked.
    async fn edition(&self, ctx: &Context<'_>) -> ApiResult<Edition> {
        let request = Request::of(ctx);
        let asked = self.asked(ctx).await?;
        let found = request.loaders.editions.load_one(asked.row.edition_id).await?;
        Ok(Edition(found.ok_or_else(|| Error::internal("a form without edition"))?))
    }

    /// The key of the purpose.
    async fn purpose(&self) -> &str {
        &self.0.purpose
    }

    /// What the purpose is called, in the language in which it was read or in another one.
    async fn title(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "In exactly this language; left out for the one in which it was read.")] language: Option<
            Language,
        >,
    ) -> ApiResult<Option<String>> {
        let asked = self.asked(ctx).await?;
        Ok(told(
            ctx,
            &self.purpose_of(&asked)?.title,
            Some(language.unwrap_or(self.0.language.into())),
        ))
    }

    /// What was consented to, or not: the text in the language in which it was read, or in another one.
    async fn text(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "In exactly this language; left out for the one in which it was read.")] language: Option<
            Language,
        >,
    ) -> ApiResult<Option<String>> {
        let asked = self.asked(ctx).await?;
        let text = &self.purpose_of(&asked)?.text;
        Ok(told(ctx, text, Some(language.unwrap_or(self.0.language.into()))))
    }

    /// The version of the form with which the text came.
    async fn text_version(&self) -> i64 {
        self.0.text_version
    }

    /// The language in which it was read.
    async fn language(&self) -> Language {
        self.0.language.into()
    }

    /// Whether nobody took part without it.
    async fn required(&self) -> bool {
        self.0.required
    }

    /// Whether it was consented to; false for a refusal, and for a consent that was taken back.
    async fn given(&self) -> bool {
        self.0.given
    }

    /// Through what it was said.
    async fn via(&self) -> AuditVia {
        self.0.via.into()
    }

    /// When it was said.
    async fn stated_at(&self) -> DateTime<Utc> {
        self.0.stated_at
    }

    /// Whether it stands: nothing was said to this purpose later.
    async fn current(&self, ctx: &Context<'_>) -> ApiResult<bool> {
        let loaders = &Request::of(ctx).loaders;
        let standing = loaders.forms.standing.load_one(self.0.enrolment_id).await?;
        Ok(standing.unwrap_or_default().iter().any(|row| row.id == self.0.id))
    }
}

/// What stands of an enrolment; whether it shows is asked where it is shown.
pub async fn of_enrolment(ctx: &Context<'_>, enrolment: EnrolmentId) -> ApiResult<Vec<Consent>> {
    let found = Request::of(ctx).loaders.forms.standing.load_one(enrolment).await?;
    Ok(found.unwrap_or_default().into_iter().map(Consent).collect())
}

/// What the edition of an enrolment requires now and the person does not consent to, by the keys of the purposes.
pub async fn lacking(ctx: &Context<'_>, row: &enrolment::Model) -> ApiResult<Vec<String>> {
    let request = Request::of(ctx);
    let forms = &request.loaders.forms;
    let Some(asked) = forms.current.load_one(row.edition_id).await? else {
        return Ok(Vec::new());
    };
    let said = forms.standing.load_one(row.id).await?.unwrap_or_default();
    let given = said.iter().filter(|said| said.given);
    let given: Vec<&str> = given.map(|said| said.purpose.as_str()).collect();
    let asked = version_of(request, asked.id).await?;
    Ok(asked.form.lacking(&given).into_iter().map(ToOwned::to_owned).collect())
}

/// What an edition requires now, by the keys of the purposes.
pub async fn required(ctx: &Context<'_>, edition: EditionId) -> ApiResult<Vec<String>> {
    let request = Request::of(ctx);
    let Some(asked) = request.loaders.forms.current.load_one(edition).await? else {
        return Ok(Vec::new());
    };
    let form = asked.form()?;
    Ok(form.lacking(&[]).into_iter().map(ToOwned::to_owned).collect())
}

/// A page of everything that the viewer said.
pub async fn mine(ctx: &Context<'_>, arguments: Arguments) -> ApiResult<PageOf<Consent>> {
    let Request { app, actor, .. } = Request::of(ctx);
    let page = service::consent::mine(app, actor, &arguments.wanted()?).await?;
    Ok(connection(page, service::consent::page_place, Consent))
}
