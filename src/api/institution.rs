//! The register of institutions.

use std::borrow::Cow;

use async_graphql::{Context, ID, InputObject, Object, Value};

use super::enums::{InstitutionKind, InstitutionState};
use super::error::ApiResult;
use super::id;
use super::page::{Arguments, PageOf, connection};
use super::payload::payloads;
use super::plain::Plain;
use super::request::Request;
use crate::domain::id::InstitutionId;
use crate::domain::institution::MOST_ALIASES;
use crate::domain::text::{Country, Line, SearchText, ShortCode, Title};
use crate::error::{Code, Error, Fault, Faults};
use crate::service::institution::{self as register, Alias, InstitutionDraft, merging, proposal, refusing};
use crate::store::institution;

mod proposals;

pub use proposals::{
    AcceptInstitutionInput, AcceptInstitutionPayload, MergeInstitutionInput, MergeInstitutionPayload,
    ProposeInstitutionInput, ProposeInstitutionPayload, RefuseInstitutionInput, RefuseInstitutionPayload,
};

/// An institution of the register.
pub struct Institution {
    id: InstitutionId,
    name: String,
    /// The rest, where it was read already.
    row: Option<Box<institution::Model>>,
}

impl From<institution::Model> for Institution {
    fn from(row: institution::Model) -> Self {
        Self {
            id: row.id,
            name: row.name.clone(),
            row: Some(Box::new(row)),
        }
    }
}

impl Institution {
    /// One of which a list read the name; the rest is looked up when it is asked for.
    pub fn named(id: InstitutionId, name: String) -> Self {
        Self { id, name, row: None }
    }

    async fn row<'a>(&'a self, ctx: &Context<'_>) -> ApiResult<Cow<'a, institution::Model>> {
        if let Some(row) = &self.row {
            return Ok(Cow::Borrowed(row));
        }
        let found = Request::of(ctx).loaders.institutions.load_one(self.id).await?;
        let row = found.ok_or_else(|| Error::internal("an institution is gone"))?;
        Ok(Cow::Owned(row))
    }

    /// The institution with this identifier, or the one into which it was merged.
    pub async fn load(request: &Request, id: InstitutionId) -> ApiResult<Option<Self>> {
        let mut row = request.loaders.institutions.load_one(id).await?;
        if let Some(target) = row.as_ref().and_then(|row| row.merged_into) {
            row = request.loaders.institutions.load_one(target).await?;
        }
        Ok(row.map(Self::from))
    }

    /// The same, if it is there for the viewer.
    pub async fn visible(request: &Request, id: InstitutionId) -> ApiResult<Option<Self>> {
        let found = Self::load(request, id).await?;
        Ok(found.filter(|found| {
            let row = found.row.as_deref();
            row.is_some_and(|row| register::is_seen(&request.actor, row))
        }))
    }
}

/// An organisation that sends people: it stands in the register, or was proposed for it (`state`).
#[Object]
impl Institution {
    /// Identifier, `ins_…`. That of an institution which was merged into this one leads here as well, by `node` and
    /// wherever one is sent.
    pub async fn id(&self) -> ID {
        self.id.to_string().into()
    }

    /// A short code, where there is one.
    async fn code(&self, ctx: &Context<'_>) -> ApiResult<Option<String>> {
        Ok(self.row(ctx).await?.code.clone())
    }

    /// Name.
    fn name(&self) -> &str {
        &self.name
    }

    /// Other names under which it is known.
    async fn aliases(&self, ctx: &Context<'_>) -> ApiResult<Vec<String>> {
        Ok(self.row(ctx).await?.other_names())
    }

    /// Country (ISO 3166-1 alpha-2).
    async fn country(&self, ctx: &Context<'_>) -> ApiResult<String> {
        Ok(self.row(ctx).await?.country.clone())
    }

    /// What sort of organisation it is.
    async fn kind(&self, ctx: &Context<'_>) -> ApiResult<InstitutionKind> {
        Ok(self.row(ctx).await?.kind.into())
    }

    /// Where it stands.
    async fn state(&self, ctx: &Context<'_>) -> ApiResult<InstitutionState> {
        Ok(self.row(ctx).await?.standing().into())
    }

    /// The institution into which it was merged; null for one that was not.
    async fn merged_into(&self, ctx: &Context<'_>) -> ApiResult<Option<Institution>> {
        let target = self.row(ctx).await?.merged_into;
        match target {
            Some(target) => Self::load(Request::of(ctx), target).await,
            None => Ok(None),
        }
    }

    /// The version to send back with `updateInstitution`, `acceptInstitution`,
    /// `refuseInstitution` and `mergeInstitution`.
    async fn version(&self, ctx: &Context<'_>) -> ApiResult<i64> {
        Ok(self.row(ctx).await?.version)
    }
}

impl Plain for Institution {
    fn plain(&self, ctx: &Context<'_>) -> Option<Value> {
        match ctx.item.node.name.node.as_str() {
            "id" => Some(self.id.to_string().into()),
            "name" => Some(self.name.as_str().into()),
            _ => None,
        }
    }
}

/// Reading the register.
#[derive(Debug, Default)]
pub struct InstitutionQuery;

#[Object]
impl InstitutionQuery {
    /// The register of institutions by name, whatever its case and accents, for anybody who has signed in: people state
    /// theirs from it. What you proposed stands among them as long as it waits.
    #[allow(clippy::too_many_arguments, reason = "a field takes its arguments one by one")]
    async fn institutions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start or after `after`, 1 to 100")] first: Option<i32>,
        #[graphql(desc = "A cursor, up to 12,000 characters as it came.")] after: Option<String>,
        #[graphql(desc = "How many from the end or before `before`, 1 to 100")] last: Option<i32>,
        #[graphql(desc = "A cursor, up to 12,000 characters as it came.")] before: Option<String>,
        #[graphql(
            desc = "Part of a name or of another name, whatever its case and accents; up to 100 characters (NFC)"
        )]
        search: Option<String>,
        #[graphql(desc = "Of this country only: the 2 letters of ISO 3166-1 alpha-2, in any case")] country: Option<
            String,
        >,
    ) -> ApiResult<PageOf<Institution>> {
        let request = Request::of(ctx);
        let wanted = Arguments::new(first, after, last, before).wanted()?;
        let mut faults = Faults::default();
        let search = faults
            .take_argument("search", SearchText::parse_optional(search.as_deref()))
            .flatten();
        let country = faults
            .take_argument("country", country.as_deref().map(Country::parse).transpose())
            .flatten();
        faults.check()?;
        let filter = register::Filter { search, country };
        let page = register::list(&request.app, &request.actor, &filter, &wanted).await?;
        Ok(connection(page, register::page_place, Institution::from))
    }

    /// What applicants proposed and nobody settled yet, the oldest first; for coordinators and administrators.
    async fn institution_proposals(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start or after `after`, 1 to 100")] first: Option<i32>,
        #[graphql(desc = "A cursor, up to 12,000 characters as it came.")] after: Option<String>,
        #[graphql(desc = "How many from the end or before `before`, 1 to 100")] last: Option<i32>,
        #[graphql(desc = "A cursor, up to 12,000 characters as it came.")] before: Option<String>,
    ) -> ApiResult<PageOf<Institution>> {
        let request = Request::of(ctx);
        let wanted = Arguments::new(first, after, last, before).wanted()?;
        let page = proposal::list(&request.app, &request.actor, &wanted).await?;
        Ok(connection(page, proposal::page_place, Institution::from))
    }
}

/// What is registered of a new institution.
#[derive(Debug, InputObject)]
pub struct CreateInstitutionInput {
    /// A short code, unique where there is one; up to 40 characters (NFC).
    code: Option<String>,
    /// Name, up to 200 characters (NFC).
    name: String,
    /// Other names, up to 20 of up to 200 characters (NFC).
    #[graphql(default)]
    aliases: Vec<String>,
    /// Country, the 2 letters of ISO 3166-1 alpha-2, kept in capitals.
    country: String,
    /// What sort of organisation it is.
    kind: InstitutionKind,
}

/// What is registered of an institution from now on; every field is replaced.
#[derive(Debug, InputObject)]
pub struct UpdateInstitutionInput {
    /// Which institution.
    institution_id: ID,
    /// The version that you saw.
    version: i64,
    /// A short code, unique where there is one; up to 40 characters (NFC).
    code: Option<String>,
    /// Name, up to 200 characters (NFC).
    name: String,
    /// Other names, up to 20 of up to 200 characters (NFC).
    #[graphql(default)]
    aliases: Vec<String>,
    /// Country, the 2 letters of ISO 3166-1 alpha-2, kept in capitals.
    country: String,
    /// What sort of organisation it is.
    kind: InstitutionKind,
}

impl CreateInstitutionInput {
    /// What is registered, without what is wrong in it.
    fn parse(&self, faults: &mut Faults) -> Option<InstitutionDraft> {
        let code = faults.take("code", ShortCode::parse_optional(self.code.as_deref()));
        let name = faults.take("name", Title::parse(&self.name));
        let country = faults.take("country", Country::parse(&self.country));
        if self.aliases.len() > MOST_ALIASES {
            faults.push(Fault::at("aliases", Code::TooLong).with(MOST_ALIASES));
        }
        let aliases: Vec<Option<Alias>> = (self.aliases.iter().enumerate().take(MOST_ALIASES))
            .map(|(place, alias)| faults.take(&format!("aliases.{place}"), Line::parse(alias)))
            .collect();
        let aliases = aliases.into_iter().flatten().collect();
        Some(InstitutionDraft {
            code: code?,
            name: name?,
            aliases,
            country: country?,
            kind: self.kind.into(),
        })
    }
}

payloads! {
    /// Answer of `createInstitution`.
    CreateInstitutionPayload {
        /// The new institution.
        institution: Institution
    }
    /// Answer of `updateInstitution`.
    UpdateInstitutionPayload {
        /// The institution as it now is.
        institution: Institution
    }
}

/// Keeping the register.
#[derive(Debug, Default)]
pub struct InstitutionMutation;

#[Object]
impl InstitutionMutation {
    /// Registers an institution; for administrators.
    async fn create_institution(
        &self,
        ctx: &Context<'_>,
        input: CreateInstitutionInput,
    ) -> ApiResult<CreateInstitutionPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let result = async {
            let mut faults = Faults::default();
            let content = input.parse(&mut faults);
            register::create(app, actor, faults.whole(content)?).await
        };
        CreateInstitutionPayload::of(result.await, Institution::from)
    }

    /// Replaces what is registered of an institution; for administrators.
    async fn update_institution(
        &self,
        ctx: &Context<'_>,
        input: UpdateInstitutionInput,
    ) -> ApiResult<UpdateInstitutionPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let UpdateInstitutionInput {
            institution_id,
            version,
            code,
            name,
            aliases,
            country,
            kind,
        } = input;
        let content = CreateInstitutionInput {
            code,
            name,
            aliases,
            country,
            kind,
        };
        let result = async {
            let mut faults = Faults::default();
            let id = id::parse(&mut faults, "institutionId", &institution_id);
            let content = content.parse(&mut faults);
            let (id, content) = faults.whole(id.zip(content))?;
            register::update(app, actor, id, version, content).await
        };
        UpdateInstitutionPayload::of(result.await, Institution::from)
    }

    /// Proposes an institution that is missing in the register, up to 10 in 24 hours, of which 5 may wait. You may
    /// state it as yours at once (`stateDeclaration`); whoever settles it takes it into the register, merges it into
    /// what stands there already, or refuses it, and you are told.
    async fn propose_institution(
        &self,
        ctx: &Context<'_>,
        input: ProposeInstitutionInput,
    ) -> ApiResult<ProposeInstitutionPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let result = async {
            let mut faults = Faults::default();
            let content = input.parse(&mut faults);
            proposal::propose(app, actor, faults.whole(content)?).await
        };
        ProposeInstitutionPayload::of(result.await, Institution::from)
    }

    /// Takes a proposed institution into the register, as it is to be registered; for coordinators and administrators.
    async fn accept_institution(
        &self,
        ctx: &Context<'_>,
        input: AcceptInstitutionInput,
    ) -> ApiResult<AcceptInstitutionPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let result = async {
            let (id, version, content) = input.read()?;
            proposal::accept(app, actor, id, version, content).await
        };
        AcceptInstitutionPayload::of(result.await, Institution::from)
    }

    /// Refuses a proposed institution, which then stands in no list and is there for nobody; for coordinators and
    /// administrators. Who proposed it is told why, may propose one more, and names no institution any more where they
    /// stated this one. Enrolments that were confirmed with it name it until somebody corrects them
    /// (`correctSnapshot`). There is no way back.
    async fn refuse_institution(
        &self,
        ctx: &Context<'_>,
        input: RefuseInstitutionInput,
    ) -> ApiResult<RefuseInstitutionPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let result = async {
            let (id, version, reason) = input.read()?;
            refusing::refuse(app, actor, id, version, &reason).await
        };
        RefuseInstitutionPayload::of(result.await, Institution::from)
    }

    /// Merges an institution into one of the register: its identifier leads there from now on, and declarations, roles,
    /// enrolments, seats that are kept for it and figures follow within seconds; figures of earlier instants stay as
    /// they were. A proposal is merged by coordinators and administrators, one of the register by administrators.
    async fn merge_institution(
        &self,
        ctx: &Context<'_>,
        input: MergeInstitutionInput,
    ) -> ApiResult<MergeInstitutionPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let result = async { merging::merge(app, actor, input.read()?).await };
        MergeInstitutionPayload::of(result.await, Institution::from)
    }
}
