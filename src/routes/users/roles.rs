//! The roles of a user and the permissions that they grant.

use actix_web::web;

use crate::api_types::{GrantsResponse, PrincipalAccessResponse, Versioned};
use crate::auth::resource::ProtectedResource;
use crate::error::Error;
use crate::models::permission::{DeclaredPermissions, USERS_READ};
use crate::op;
use crate::routes::accounts::Account;
use crate::routing::Api;
use crate::services::User;

pub(crate) fn register(api: &mut Api) {
    api.get("/api/v1/users/{id}/roles", USERS_READ, op!(roles)).get(
        "/api/v1/users/{id}/access",
        USERS_READ,
        op!(access),
    );
}

/// Lists the role grants of a user.
///
/// The list includes expired grants, and the roles of the last token seen. `ETag` is the version of the user.
#[utoipa::path(get, path = "", params(Account<User>), responses((status = 200, body = GrantsResponse), Account<User>))]
async fn roles(account: Account<User>) -> Result<Versioned<GrantsResponse>, Error> {
    account.roles().await
}

/// Returns the effective permissions of a user.
///
/// For each permission, the response lists the roles that grant it, the source of each role, and the scope that a token requires.
#[utoipa::path(
    get,
    path = "",
    params(Account<User>),
    responses((status = 200, body = PrincipalAccessResponse), Account<User>),
)]
async fn access(
    account: Account<User>,
    declared: web::Data<DeclaredPermissions>,
    resource: web::Data<ProtectedResource>,
) -> Result<web::Json<PrincipalAccessResponse>, Error> {
    account.access(&declared, &resource).await
}
