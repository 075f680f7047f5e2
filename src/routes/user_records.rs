//! A person's record: added, edited, deleted, restored.

use actix_web::{HttpResponse, web};

use super::idempotency::{IdempotencyKey, created};
use super::json_object::JsonObject;
use super::preconditions::{ExpectedVersion, RequiredVersion};
use crate::api_types::{
    CreateUserRequest, IdentityRequest, ReadmissionResponse, UpdateUserRequest, UserDetailResponse, Versioned,
};
use crate::auth::{Api, Caller};
use crate::error::Error;
use crate::models::PrincipalId;
use crate::models::permission::{IDENTITIES_WRITE, USERS_WRITE};
use crate::op;
use crate::request_id::RequestId;
use crate::services::{KnownPrincipal, UserService};

const USERS: &str = "/api/v1/users";

pub(super) fn register(api: &mut Api) {
    api.post(USERS, USERS_WRITE, op!(create))
        .patch("/api/v1/users/{id}", USERS_WRITE, op!(update))
        .delete("/api/v1/users/{id}", USERS_WRITE, op!(delete))
        .post("/api/v1/users/{id}/restore", USERS_WRITE, op!(restore))
        .post("/api/v1/users/readmit", IDENTITIES_WRITE, op!(readmit));
}

/// Adds a person before they first come, so that they find their roles when they do.
///
/// E-mail address and user name belong to the administrators from then on. With an `Idempotency-Key` the request can be sent again
/// within a day: it is answered as it was the first time, and nobody is added twice.
#[utoipa::path(
    post,
    path = "",
    params(("Idempotency-Key" = Option<String>, Header, description = "A name for this very request, as a UUID")),
    request_body = CreateUserRequest,
    responses(
        (status = 201, body = UserDetailResponse, headers(
            ("Location" = String, description = "The person's address"),
            ("ETag" = String, description = "The version"),
        )),
        (status = 409, description = "An identity is somebody's already, or that of somebody who was purged"),
        (status = 422, description = "The idempotency key came with another request before"),
    ),
)]
async fn create(
    caller: Caller,
    request_id: RequestId,
    key: IdempotencyKey,
    request: JsonObject<CreateUserRequest>,
    users: web::Data<UserService>,
) -> Result<HttpResponse, Error> {
    let request = request.0;
    let once = key.once("users.create", &request, |user: &KnownPrincipal| {
        serde_json::json!(UserDetailResponse::from(user.clone()))
    });
    let answer = users.create(&caller.actor(request_id.to_string()), request.into(), once).await?;
    Ok(created(USERS, answer))
}

/// Changes a person's description, or when the account ends.
///
/// Names and locale that are set here no longer follow the provider; null gives them back. E-mail address and user name can be changed
/// where an administrator made the account; else they are the provider's.
#[utoipa::path(
    patch,
    path = "",
    params(
        ("id" = String, Path, format = "uuid", description = "The principal's id"),
        ("If-Match" = String, Header, description = "The ETag that was read"),
    ),
    request_body(content = UpdateUserRequest, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, body = UserDetailResponse),
        (status = 404, description = "No such person"),
        (status = 409, description = "The last administrator's account can't be given an end"),
        (status = 412, description = "It has changed since it was read"),
        (status = 428, description = "`If-Match` is missing"),
    ),
)]
async fn update(
    id: web::Path<PrincipalId>,
    caller: Caller,
    request_id: RequestId,
    version: RequiredVersion,
    edit: JsonObject<UpdateUserRequest>,
    users: web::Data<UserService>,
) -> Result<Versioned<UserDetailResponse>, Error> {
    let actor = caller.actor(request_id.to_string());
    Ok(users.update(&actor, id.into_inner(), edit.0.into(), version.0).await?.into())
}

/// Deletes a person: they are shut out at once, their sessions end, and they can be restored for 30 days. Then all that is held on them is removed but a keyed
/// hash of each identity, which keeps them out until an administrator readmits them.
#[utoipa::path(
    delete,
    path = "",
    params(
        ("id" = String, Path, format = "uuid", description = "The principal's id"),
        ("If-Match" = String, Header, description = "The ETag that was read"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "No such person"),
        (status = 409, description = "The last administrator can't be deleted"),
        (status = 412, description = "It has changed since it was read"),
        (status = 428, description = "`If-Match` is missing"),
    ),
)]
async fn delete(
    id: web::Path<PrincipalId>,
    caller: Caller,
    request_id: RequestId,
    version: RequiredVersion,
    users: web::Data<UserService>,
) -> Result<HttpResponse, Error> {
    users.delete(&caller.actor(request_id.to_string()), id.into_inner(), version.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Restores a person who was deleted in the last 30 days, with roles and identities, as what they were before. Sessions and tokens from
/// before stay refused. The rules of granting apply to all that the person holds.
#[utoipa::path(
    post,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The principal's id")),
    responses(
        (status = 200, body = UserDetailResponse),
        (status = 404, description = "No such person, or deleted too long ago"),
        (status = 412, description = "It has changed since it was read"),
    ),
)]
async fn restore(
    id: web::Path<PrincipalId>,
    caller: Caller,
    request_id: RequestId,
    version: ExpectedVersion,
    users: web::Data<UserService>,
) -> Result<Versioned<UserDetailResponse>, Error> {
    Ok(users.restore(&caller.actor(request_id.to_string()), id.into_inner(), version.0).await?.into())
}

/// Lets somebody come again who was deleted more than 30 days ago: as somebody new, by this identity.
#[utoipa::path(post, path = "", request_body = IdentityRequest, responses(
    (status = 200, body = ReadmissionResponse),
))]
async fn readmit(
    caller: Caller,
    request_id: RequestId,
    identity: JsonObject<IdentityRequest>,
    users: web::Data<UserService>,
) -> Result<web::Json<ReadmissionResponse>, Error> {
    let was_kept_out = users.readmit(&caller.actor(request_id.to_string()), identity.0.into()).await?;
    Ok(web::Json(ReadmissionResponse { was_kept_out }))
}
