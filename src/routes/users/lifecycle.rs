//! User records: create, update, delete, restore and readmit.

use actix_web::{HttpResponse, web};

use crate::api_types::{
    CreateUserRequest, IdentityRequest, ReadmissionResponse, UpdateUserRequest, UserDetailResponse, Versioned,
};
use crate::error::Error;
use crate::models::permission::{IDENTITIES_WRITE, USERS_WRITE};
use crate::op;
use crate::routes::accounts::{Change, ConditionalChange, Creation, Deletion};
use crate::routes::idempotency::created;
use crate::routes::json_object::JsonObject;
use crate::routing::Api;
use crate::services::{Actor, KnownPrincipal, User, UserService};

type Detail = Versioned<UserDetailResponse>;

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
    params(Creation<User>),
    request_body = CreateUserRequest,
    responses(
        Creation<User>,
        (status = 409, description = "An identity is linked to another user, or belongs to a purged user"),
    ),
)]
async fn create(creation: Creation<User>, request: JsonObject<CreateUserRequest>) -> Result<HttpResponse, Error> {
    let request = request.0;
    let once = creation.key.once("users.create", &request, |user: &KnownPrincipal| {
        serde_json::json!(UserDetailResponse::from(user.clone()))
    });
    let answer = creation.accounts.create(&creation.actor, request.into(), once).await?;
    Ok(created(USERS, answer))
}

/// Updates the profile or the expiry of a user.
///
/// Names and locale that are set here are no longer synchronized with the identity provider; null restores the synchronization. E-mail
/// address and user name can be changed if an administrator created the account; otherwise the provider manages them.
#[utoipa::path(
    patch,
    path = "",
    params(ConditionalChange<User>, ("If-Match" = String, Header, description = "The `ETag` of the version to change")),
    request_body(content = UpdateUserRequest, content_type = "application/merge-patch+json"),
    responses(
        Detail,
        ConditionalChange<User>,
        (status = 409, description = "The account of the last administrator cannot expire"),
    ),
)]
async fn update(
    ConditionalChange(change): ConditionalChange<User>,
    edit: JsonObject<UpdateUserRequest>,
) -> Result<Detail, Error> {
    Ok(change.accounts.update(&change.actor, change.id, edit.0.into(), change.if_match).await?.into())
}

/// Deletes a user.
///
/// All tokens are refused and all sessions end immediately. The user can be restored for 30 days. After that, all data is purged except
/// a keyed hash of each identity, which blocks the identity until an administrator readmits it.
#[utoipa::path(
    delete,
    path = "",
    params(Deletion<User>),
    responses(Deletion<User>, (status = 409, description = "The last administrator cannot be deleted")),
)]
async fn delete(deletion: Deletion<User>) -> Result<HttpResponse, Error> {
    deletion.run().await
}

/// Restores a user who was deleted in the last 30 days.
///
/// The user has the previous roles, identities and status. Sessions and tokens from before the deletion stay refused. The rules for
/// granting roles apply to all roles of the user.
#[utoipa::path(
    post,
    path = "",
    params(Change<User>),
    responses(Detail, Change<User>, (status = 404, description = "User not found, or deleted more than 30 days ago")),
)]
async fn restore(change: Change<User>) -> Result<Detail, Error> {
    change.restore().await
}

/// Readmits the identity of a purged user.
///
/// The next sign-in with this identity creates a new user.
#[utoipa::path(post, path = "", request_body = IdentityRequest, responses(
    (status = 200, body = ReadmissionResponse),
))]
async fn readmit(
    actor: Actor,
    identity: JsonObject<IdentityRequest>,
    users: web::Data<UserService>,
) -> Result<web::Json<ReadmissionResponse>, Error> {
    let was_kept_out = users.readmit(&actor, identity.0.into()).await?;
    Ok(web::Json(ReadmissionResponse { was_kept_out }))
}
