//! Roles: who holds them where, granting and ending them.

use async_graphql::{Context, Enum, ID, InputObject, Object};
use chrono::{DateTime, Utc};

use super::enums::Role;
use super::error::ApiResult;
use super::payload::payloads;
use super::person::Person;
use super::request::Request;
use super::{id, reason};
use crate::domain::actor::{Grant, Scope};
use crate::domain::text::{Email, parse_instant};
use crate::error::{Code, Faults, Result};
use crate::service::role::{self as roles, Appointment, Grantee};
use crate::store::role;

/// In what a role holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum RoleScope {
    /// Everywhere.
    System,
    /// For one institution and those it nominates.
    Institution,
    /// For every edition of one course.
    Course,
    /// For one edition.
    Edition,
}

impl RoleScope {
    /// The kind of a scope.
    pub(super) const fn of(scope: Option<Scope>) -> Self {
        match scope {
            None | Some(Scope::System) => Self::System,
            Some(Scope::Institution(_)) => Self::Institution,
            Some(Scope::Course(_)) => Self::Course,
            Some(Scope::Edition(_)) => Self::Edition,
        }
    }
}

/// The identifier of a scope; `None` for everywhere.
pub(super) fn scope_id(scope: Scope) -> Option<ID> {
    match scope {
        Scope::System => None,
        Scope::Institution(id) => Some(id.to_string().into()),
        Scope::Course(id) => Some(id.to_string().into()),
        Scope::Edition(id) => Some(id.to_string().into()),
    }
}

/// A role of a person.
pub struct RoleAssignment(pub role::Model);

/// A role of a person in a scope, for a time.
#[Object]
impl RoleAssignment {
    /// Identifier, `rol_…`.
    async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Who holds it; names show as far as you may see them.
    async fn person(&self, ctx: &Context<'_>) -> ApiResult<Option<Person>> {
        Person::load(Request::of(ctx), self.0.person_id).await
    }

    /// The role.
    async fn role(&self) -> Role {
        self.0.role.into()
    }

    /// In what it holds.
    async fn scope(&self) -> RoleScope {
        RoleScope::of(self.0.scope())
    }

    /// The institution, course or edition in which it holds; null for everywhere.
    async fn scope_id(&self) -> Option<ID> {
        self.0.scope().and_then(scope_id)
    }

    /// The key of the identity provider whose word gave it; null when somebody granted it.
    async fn provider(&self) -> Option<&str> {
        self.0.provider.as_deref()
    }

    /// Since when.
    async fn from_at(&self) -> DateTime<Utc> {
        self.0.from_at
    }

    /// Until when; null for no end.
    async fn until_at(&self) -> Option<DateTime<Utc>> {
        self.0.until_at
    }
}

/// A role to be granted.
#[derive(Debug, InputObject)]
pub struct GrantRoleInput {
    /// To whom; either this or `email`, not both.
    person_id: Option<ID>,
    /// The address of the account to which it is granted, up to 254 characters in any case; either this or `personId`.
    /// For administrators; to everybody else every address is one that nobody has. They take `inviteToRole`.
    email: Option<String>,
    /// The role.
    role: Role,
    /// Where it holds: an edition for a tutor; an edition, a course or nothing (everywhere) for a coordinator;
    /// an institution for a focal point; nothing for an administrator.
    scope_id: Option<ID>,
    /// Until when; without it, until it is revoked.
    until: Option<DateTime<Utc>>,
}

impl GrantRoleInput {
    fn parse(&self) -> Result<Appointment> {
        let mut faults = Faults::default();
        let grantee = self.grantee(&mut faults);
        let scope = read_place(&mut faults, self.scope_id.as_ref());
        let until = faults.take("until", self.until.map(parse_instant).transpose());
        let ((grantee, scope), until) = faults.whole(grantee.zip(scope).zip(until))?;
        let role = self.role.into();
        Ok(Appointment {
            grantee,
            grant: Grant { role, scope },
            until,
        })
    }

    fn grantee(&self, faults: &mut Faults) -> Option<Grantee> {
        match (&self.person_id, &self.email) {
            (Some(id), None) => id::parse(faults, "personId", id).map(Grantee::Person),
            (None, Some(email)) => faults.take("email", Email::parse(email)).map(Grantee::Address),
            (None, None) => faults.take("personId", Err(Code::Required)),
            // Which of the two is meant is not to be guessed.
            (Some(_), Some(_)) => faults.take("email", Err(Code::Malformed)),
        }
    }
}

/// Reads where a role holds; everywhere, when nothing is said.
pub(super) fn read_place(faults: &mut Faults, scope_id: Option<&ID>) -> Option<Scope> {
    faults.take("scopeId", scope_id.map_or(Ok(Scope::System), read_scope))
}

/// Reads the identifier of a scope.
///
/// # Errors
/// [`Code::InvalidId`] for one of nothing that has roles.
pub(super) fn read_scope(id: &ID) -> Result<Scope, Code> {
    id.parse().ok().and_then(Scope::of).ok_or(Code::InvalidId)
}

/// A role to be ended.
#[derive(Debug, InputObject)]
pub struct RevokeRoleInput {
    /// Which assignment.
    role_assignment_id: ID,
    /// Why, up to 1,000 characters (NFC); it goes into the audit log.
    reason: Option<String>,
}

payloads! {
    /// Answer of `grantRole`.
    GrantRolePayload {
        /// The new assignment.
        role_assignment: RoleAssignment
    }
    /// Answer of `revokeRole`.
    RevokeRolePayload {
        /// The assignment with its end.
        role_assignment: RoleAssignment
    }
}

/// Granting and ending roles.
#[derive(Debug, Default)]
pub struct RoleMutation;

#[Object]
impl RoleMutation {
    /// Grants a role: administrators any below their own, coordinators that of tutor in an edition of theirs; nobody
    /// one to themself. Administrators are made on the machine itself. A role holds from the person's next request on;
    /// one that came from an identity provider becomes a granted one.
    async fn grant_role(&self, ctx: &Context<'_>, input: GrantRoleInput) -> ApiResult<GrantRolePayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let result = async { roles::grant_role(app, actor, input.parse()?).await };
        GrantRolePayload::of(result.await, RoleAssignment)
    }

    /// Ends a role, by whoever could grant it; nobody ends one of their own. An identity provider does not give it
    /// again until somebody grants it.
    async fn revoke_role(&self, ctx: &Context<'_>, input: RevokeRoleInput) -> ApiResult<RevokeRolePayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let result = async {
            let mut faults = Faults::default();
            let id = id::parse(&mut faults, "roleAssignmentId", &input.role_assignment_id);
            let reason = reason::read_optional(&mut faults, input.reason.as_deref());
            let (id, reason) = faults.whole(id.zip(reason))?;
            roles::revoke_role(app, actor, id, reason.as_ref()).await
        };
        RevokeRolePayload::of(result.await, RoleAssignment)
    }
}
