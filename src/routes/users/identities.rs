//! The identities of a user.

use actix_web::http::header::{ETag, EntityTag, LOCATION};
use actix_web::{HttpResponse, web};
use serde::Deserialize;

use crate::api_types::{IdentitiesResponse, IdentityRequest, IdentityResponse, Versioned};
use crate::error::Error;
use crate::models::permission::{IDENTITIES_WRITE, USERS_READ};
use crate::op;
use crate::routes::accounts::{Account, Change};
use crate::routes::json_object::JsonObject;
use crate::routing::Api;
use crate::services::User;

const IDENTITIES: &str = "/api/v1/users/{id}/identities";

#[derive(Deserialize)]
struct IdentityPath {
    identity_id: String,
}

pub(crate) fn register(api: &mut Api) {
    api.get(IDENTITIES, USERS_READ, op!(list)).post(IDENTITIES, IDENTITIES_WRITE, op!(add)).delete(
        "/api/v1/users/{id}/identities/{identity_id}",
        IDENTITIES_WRITE,
        op!(remove),
    );
}

/// Lists the identities of a user, oldest first.
///
/// `ETag` is the version of the user.
#[utoipa::path(
    get,
    path = "",
    params(Account<User>),
    responses((status = 200, body = IdentitiesResponse), Account<User>),
)]
async fn list(account: Account<User>) -> Result<Versioned<IdentitiesResponse>, Error> {
    let (identities, version) = account.accounts.identities(account.id).await?;
    Ok(Versioned::new(version, IdentitiesResponse { items: identities.into_iter().map(Into::into).collect() }))
}

/// Links an identity to a user.
///
/// The user can then sign in with this identity. Sessions and tokens issued before now are refused. A sign-in with the identity has all
/// permissions of the user, so the rules for granting roles apply. An administrator cannot link an identity to their own account. Linking
/// an identity again has no effect.
#[utoipa::path(
    post,
    path = "",
    params(Change<User>),
    request_body = IdentityRequest,
    responses(
        (status = 201, body = IdentityResponse, headers(("Location" = String, description = "The path of the identity"))),
        (status = 200, body = IdentityResponse, description = "The identity is already linked to the user"),
        Change<User>,
        (status = 409, description = "The identity is linked to another user, or belongs to a purged user"),
    ),
)]
async fn add(change: Change<User>, identity: JsonObject<IdentityRequest>) -> Result<HttpResponse, Error> {
    let Change { accounts, id, actor, if_match } = change;
    let linked = accounts.link_identity(&actor, id, identity.0.into(), if_match).await?;
    let mut response = if linked.is_new { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(response
        .insert_header((LOCATION, format!("/api/v1/users/{id}/identities/{}", linked.identity.id())))
        .insert_header(ETag(EntityTag::new_strong(linked.version.to_string())))
        .json(IdentityResponse::from(linked.identity)))
}

/// Unlinks an identity from a user.
///
/// The last identity cannot be unlinked. A later sign-in with an unlinked identity creates a new user.
#[utoipa::path(
    delete,
    path = "",
    params(
        Change<User>,
        ("identity_id" = String, Path, format = "uuid", description = "The id of the identity"),
    ),
    responses(
        (status = 204, description = "The identity is unlinked"),
        Change<User>,
        (status = 404, description = "User or identity not found"),
        (status = 409, description = "The identity is the last one of the user"),
    ),
)]
async fn remove(change: Change<User>, identity: web::Path<IdentityPath>) -> Result<HttpResponse, Error> {
    let Change { accounts, id, actor, if_match } = change;
    let version = accounts.unlink_identity(&actor, id, identity.into_inner().identity_id, if_match).await?;
    Ok(HttpResponse::NoContent().insert_header(ETag(EntityTag::new_strong(version.to_string()))).finish())
}
