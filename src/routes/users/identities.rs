//! The identities of a user.

use actix_web::http::header::{ETag, EntityTag, LOCATION};
use actix_web::{HttpResponse, web};

use crate::api_types::{IdentitiesResponse, IdentityRequest, IdentityResponse, Versioned};
use crate::auth::Caller;
use crate::error::Error;
use crate::models::PrincipalId;
use crate::models::permission::{IDENTITIES_WRITE, USERS_READ};
use crate::op;
use crate::request_id::RequestId;
use crate::routes::json_object::JsonObject;
use crate::routes::preconditions::ExpectedVersion;
use crate::routing::Api;
use crate::services::UserService;

const IDENTITIES: &str = "/api/v1/users/{id}/identities";

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
    params(("id" = String, Path, format = "uuid", description = "The id of the user")),
    responses((status = 200, body = IdentitiesResponse), (status = 404, description = "User not found")),
)]
async fn list(
    id: web::Path<PrincipalId>,
    users: web::Data<UserService>,
) -> Result<Versioned<IdentitiesResponse>, Error> {
    let (identities, version) = users.identities(id.into_inner()).await?;
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
    params(("id" = String, Path, format = "uuid", description = "The id of the user")),
    request_body = IdentityRequest,
    responses(
        (status = 201, body = IdentityResponse, headers(("Location" = String, description = "The path of the identity"))),
        (status = 200, body = IdentityResponse, description = "The identity is already linked to the user"),
        (status = 404, description = "User not found"),
        (status = 409, description = "The identity is linked to another user, or belongs to a purged user"),
        (status = 412, description = "The user has been modified"),
    ),
)]
async fn add(
    id: web::Path<PrincipalId>,
    caller: Caller,
    request_id: RequestId,
    version: ExpectedVersion,
    identity: JsonObject<IdentityRequest>,
    users: web::Data<UserService>,
) -> Result<HttpResponse, Error> {
    let (id, actor) = (id.into_inner(), caller.actor(request_id.to_string()));
    let linked = users.link_identity(&actor, id, identity.0.into(), version.0).await?;
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
        ("id" = String, Path, format = "uuid", description = "The id of the user"),
        ("identity_id" = String, Path, format = "uuid", description = "The id of the identity"),
    ),
    responses(
        (status = 204, description = "The identity is unlinked"),
        (status = 404, description = "User or identity not found"),
        (status = 409, description = "The identity is the last one of the user"),
        (status = 412, description = "The user has been modified"),
    ),
)]
async fn remove(
    path: web::Path<(PrincipalId, String)>,
    caller: Caller,
    request_id: RequestId,
    version: ExpectedVersion,
    users: web::Data<UserService>,
) -> Result<HttpResponse, Error> {
    let (id, identity) = path.into_inner();
    let version = users.unlink_identity(&caller.actor(request_id.to_string()), id, identity, version.0).await?;
    Ok(HttpResponse::NoContent().insert_header(ETag(EntityTag::new_strong(version.to_string()))).finish())
}
