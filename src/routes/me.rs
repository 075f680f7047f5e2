//! The caller's own profile and permissions.

use actix_web::web;

use super::json_object::JsonObject;
use super::preconditions::RequiredVersion;
use crate::api_types::{self, AccessResponse, MeResponse, PermissionResponse, UpdateMeRequest, Versioned};
use crate::auth::{AUTHENTICATED, Caller};
use crate::error::Error;
use crate::limits::EditBudget;
use crate::models::permission::{DeclaredPermissions, PROFILE_READ, PROFILE_WRITE, Permission};
use crate::op;
use crate::routing::Api;
use crate::services::{Actor, Decision, MeService};

pub(super) fn register(api: &mut Api) {
    api.get("/api/v1/me", PROFILE_READ, op!(show)).patch("/api/v1/me", PROFILE_WRITE, op!(update)).get(
        "/api/v1/me/access",
        AUTHENTICATED,
        op!(access),
    );
}

/// Returns the caller's own profile.
///
/// `ETag` is the version to send as `If-Match` in a change.
#[utoipa::path(get, path = "", responses((status = 200, body = MeResponse)))]
async fn show(caller: Caller) -> Versioned<MeResponse> {
    let principal = caller.principal().principal().clone();
    Versioned::new(principal.version, principal.into())
}

/// Updates the caller's own profile.
///
/// A member that is set here is no longer synchronized with the identity provider; null restores the synchronization. The provider manages
/// e-mail address and user name.
#[utoipa::path(
    patch,
    path = "",
    params(("If-Match" = String, Header, description = "The `ETag` of the version to change")),
    request_body(content = UpdateMeRequest, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, body = MeResponse),
        (status = 412, description = "The resource has been modified"),
        (status = 428, description = "`If-Match` is required"),
        (status = 429, description = "Too many edits of this profile"),
    ),
)]
async fn update(
    caller: Caller,
    actor: Actor,
    version: RequiredVersion,
    edit: JsonObject<UpdateMeRequest>,
    budget: web::Data<EditBudget>,
    me: web::Data<MeService>,
) -> Result<Versioned<MeResponse>, Error> {
    budget.take(caller.principal_id())?;
    let principal = me.update(&actor, edit.0.into(), version.0).await?;
    Ok(Versioned::new(principal.version, principal.into()))
}

/// Returns the caller's effective permissions.
///
/// A permission is allowed if the token delegates it and a role grants it.
#[utoipa::path(get, path = "", responses((status = 200, body = AccessResponse)))]
async fn access(caller: Caller, declared: web::Data<DeclaredPermissions>) -> web::Json<AccessResponse> {
    let claims = caller.claims();
    web::Json(AccessResponse {
        id: caller.principal_id().to_string(),
        client_id: claims.client_id().map(str::to_owned),
        first_party: claims.is_first_party(),
        delegates_by_scope: !claims.are_scopes_unused(),
        token_expires_at: api_types::rfc3339(claims.expires_at()),
        scopes: claims.scopes().iter().cloned().collect(),
        roles: caller.principal().roles().iter().map(Into::into).collect(),
        permissions: declared.all().map(|permission| explain(&caller, permission)).collect(),
    })
}

fn explain(caller: &Caller, permission: Permission) -> PermissionResponse {
    let grants = caller.principal().roles().iter().filter(|role| role.permissions.contains(&permission));
    PermissionResponse {
        name: permission.name(),
        allowed: caller.decide(permission) == Decision::Allowed,
        delegated: caller.is_delegated(permission),
        granted_by: grants.map(|role| role.name.clone()).collect(),
    }
}
