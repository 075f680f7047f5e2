//! User records: create, update, delete, restore and readmit.

use actix_web::{HttpResponse, web};

use crate::api_types::{
    CreateUserRequest, IdentityRequest, ReadmissionResponse, UpdateUserRequest, UserDetailResponse, Versioned,
};
use crate::auth::Caller;
use crate::error::Error;
use crate::models::PrincipalId;
use crate::models::permission::{IDENTITIES_WRITE, USERS_WRITE};
use crate::op;
use crate::request_id::RequestId;
use crate::routes::idempotency::{IdempotencyKey, created};
use crate::routes::json_object::JsonObject;
use crate::routes::preconditions::{ExpectedVersion, RequiredVersion};
use crate::routing::Api;
use crate::services::{KnownPrincipal, UserService};

const USERS: &str = "/api/v1/users";

pub(crate) fn register(api: &mut Api) {
    api.post(USERS, USERS_WRITE, op!(create))
        .patch("/api/v1/users/{id}", USERS_WRITE, op!(update))
        .delete("/api/v1/users/{id}", USERS_WRITE, op!(delete))
        .post("/api/v1/users/{id}/restore", USERS_WRITE, op!(restore))
        .post("/api/v1/users/readmit", IDENTITIES_WRITE, op!(readmit));
}

/// Creates a user before the first sign-in.
///
/// The user has the given roles from the first sign-in on. Administrators manage the e-mail address and the user name of the account. With
/// an `Idempotency-Key`, a client can retry the request within a day and receives the response of the first request; the user is created
/// once.
#[utoipa::path(
    post,
    path = "",
    params(("Idempotency-Key" = Option<String>, Header, description = "A unique key for this request, such as a UUID")),
    request_body = CreateUserRequest,
    responses(
        (status = 201, body = UserDetailResponse, headers(
            ("Location" = String, description = "The path of the user"),
            ("ETag" = String, description = "The version of the user"),
        )),
        (status = 409, description = "An identity is linked to another user, or belongs to a purged user"),
        (status = 422, description = "The idempotency key was used for another request"),
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

/// Updates the profile or the expiry of a user.
///
/// Names and locale that are set here are no longer synchronized with the identity provider; null restores the synchronization. E-mail
/// address and user name can be changed if an administrator created the account; otherwise the provider manages them.
#[utoipa::path(
    patch,
    path = "",
    params(
        ("id" = String, Path, format = "uuid", description = "The id of the user"),
        ("If-Match" = String, Header, description = "The `ETag` of the version to change"),
    ),
    request_body(content = UpdateUserRequest, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, body = UserDetailResponse),
        (status = 404, description = "User not found"),
        (status = 409, description = "The account of the last administrator cannot expire"),
        (status = 412, description = "The user has been modified"),
        (status = 428, description = "`If-Match` is required"),
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

/// Deletes a user.
///
/// All tokens are refused and all sessions end immediately. The user can be restored for 30 days. After that, all data is purged except
/// a keyed hash of each identity, which blocks the identity until an administrator readmits it.
#[utoipa::path(
    delete,
    path = "",
    params(
        ("id" = String, Path, format = "uuid", description = "The id of the user"),
        ("If-Match" = String, Header, description = "The `ETag` of the version to delete"),
    ),
    responses(
        (status = 204, description = "The user is deleted"),
        (status = 404, description = "User not found"),
        (status = 409, description = "The last administrator cannot be deleted"),
        (status = 412, description = "The user has been modified"),
        (status = 428, description = "`If-Match` is required"),
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

/// Restores a user who was deleted in the last 30 days.
///
/// The user has the previous roles, identities and status. Sessions and tokens from before the deletion stay refused. The rules for
/// granting roles apply to all roles of the user.
#[utoipa::path(
    post,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The id of the user")),
    responses(
        (status = 200, body = UserDetailResponse),
        (status = 404, description = "User not found, or deleted more than 30 days ago"),
        (status = 412, description = "The user has been modified"),
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

/// Readmits the identity of a purged user.
///
/// The next sign-in with this identity creates a new user.
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
