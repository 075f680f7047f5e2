//! The identities by which a person comes in.

use actix_web::http::header::{ETag, EntityTag, LOCATION};
use actix_web::{HttpResponse, web};

use super::json_object::JsonObject;
use super::preconditions::ExpectedVersion;
use crate::api_types::{IdentitiesResponse, IdentityRequest, IdentityResponse, Versioned};
use crate::auth::{Api, Caller};
use crate::error::Error;
use crate::models::PrincipalId;
use crate::models::permission::{IDENTITIES_WRITE, USERS_READ};
use crate::op;
use crate::request_id::RequestId;
use crate::services::UserService;

const IDENTITIES: &str = "/api/v1/users/{id}/identities";

pub(super) fn register(api: &mut Api) {
    api.get(IDENTITIES, USERS_READ, op!(list)).post(IDENTITIES, IDENTITIES_WRITE, op!(add)).delete(
        "/api/v1/users/{id}/identities/{identity_id}",
        IDENTITIES_WRITE,
        op!(remove),
    );
}

/// The identities of a person, oldest first. The ETag is the person's.
#[utoipa::path(
    get,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The principal's id")),
    responses((status = 200, body = IdentitiesResponse), (status = 404, description = "No such person")),
)]
async fn list(
    id: web::Path<PrincipalId>,
    users: web::Data<UserService>,
) -> Result<Versioned<IdentitiesResponse>, Error> {
    let (identities, version) = users.identities(id.into_inner()).await?;
    Ok(Versioned::new(version, IdentitiesResponse { items: identities.into_iter().map(Into::into).collect() }))
}

/// Links one more identity to a person, who can sign in by it from now on. Sessions and tokens issued until now are refused.
///
/// Whoever signs in by the identity gets all that the person may do, so the rules of granting apply to it; one's own account is refused.
/// Linking an identity that is linked already changes nothing.
#[utoipa::path(
    post,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The principal's id")),
    request_body = IdentityRequest,
    responses(
        (status = 201, body = IdentityResponse, headers(("Location" = String, description = "The identity's address"))),
        (status = 200, body = IdentityResponse, description = "It was the person's already"),
        (status = 404, description = "No such person"),
        (status = 409, description = "The identity is somebody else's, or that of somebody who was purged"),
        (status = 412, description = "It has changed since it was read"),
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

/// Takes an identity from a person; not the last one. Whoever comes by it is somebody new from then on.
#[utoipa::path(
    delete,
    path = "",
    params(
        ("id" = String, Path, format = "uuid", description = "The principal's id"),
        ("identity_id" = String, Path, format = "uuid", description = "The identity's id"),
    ),
    responses(
        (status = 204, description = "Taken away"),
        (status = 404, description = "No such person or identity"),
        (status = 409, description = "It is the last one"),
        (status = 412, description = "It has changed since it was read"),
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
