//! What the routes of users and of service accounts share: the extractors for an account and for a change of an account.
//!
//! An extractor reads the whole input of an operation, so a handler is its documentation and one call. The operations are in `lifecycle`,
//! the parameters and responses that follow from an extractor in `documentation`.

mod documentation;
mod lifecycle;

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{Error as ActixError, FromRequest, HttpRequest, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::idempotency::IdempotencyKey;
use super::preconditions::{ExpectedVersion, RequiredVersion};
use crate::models::PrincipalId;
use crate::services::{AccountType, Accounts, Actor};

/// An account type in the API documentation.
pub(super) trait Documented: AccountType {
    /// The name, as at the start of a sentence.
    const TITLE: &str;
    /// The body of the response to a creation.
    type Created: ToSchema;
}

/// The account in the path.
pub(super) struct Account<T> {
    pub(super) accounts: web::Data<Accounts<T>>,
    pub(super) id: PrincipalId,
}

/// A change of the account in the path.
pub(super) struct Change<T> {
    pub(super) accounts: web::Data<Accounts<T>>,
    pub(super) id: PrincipalId,
    pub(super) actor: Actor,
    /// The version to change; `None` for any version.
    pub(super) if_match: Option<i64>,
}

/// A change of the account in the path that requires `If-Match`.
pub(super) struct ConditionalChange<T>(pub(super) Change<T>);

/// The deletion of the account in the path, which requires `If-Match`.
pub(super) struct Deletion<T>(Change<T>);

/// A change of a role of the account in the path.
pub(super) struct RoleChange<T> {
    change: Change<T>,
    role: String,
}

/// The creation of an account, which a client can retry with an `Idempotency-Key`.
pub(super) struct Creation<T> {
    pub(super) accounts: web::Data<Accounts<T>>,
    pub(super) actor: Actor,
    pub(super) key: IdempotencyKey,
}

#[derive(Deserialize)]
struct AccountPath {
    id: PrincipalId,
}

#[derive(Deserialize)]
struct RolePath {
    role: String,
}

impl<T: AccountType> Account<T> {
    fn read(request: &HttpRequest) -> Result<Self, ActixError> {
        let AccountPath { id } = web::Path::<AccountPath>::extract(request).into_inner()?.into_inner();
        Ok(Self { accounts: web::Data::extract(request).into_inner()?, id })
    }
}

impl<T: AccountType> Creation<T> {
    fn read(request: &HttpRequest) -> Result<Self, ActixError> {
        let actor = Actor::extract(request).into_inner()?;
        let key = IdempotencyKey::extract(request).into_inner()?;
        Ok(Self { accounts: web::Data::extract(request).into_inner()?, actor, key })
    }
}

impl<T: AccountType> Change<T> {
    fn read(request: &HttpRequest) -> Result<Self, ActixError> {
        let Account { accounts, id } = Account::read(request)?;
        let actor = Actor::extract(request).into_inner()?;
        let ExpectedVersion(if_match) = ExpectedVersion::extract(request).into_inner()?;
        Ok(Self { accounts, id, actor, if_match })
    }
}

impl<T: AccountType> ConditionalChange<T> {
    fn read(request: &HttpRequest) -> Result<Self, ActixError> {
        let change = Change::read(request)?;
        RequiredVersion::extract(request).into_inner()?;
        Ok(Self(change))
    }
}

impl<T: AccountType> Deletion<T> {
    fn read(request: &HttpRequest) -> Result<Self, ActixError> {
        ConditionalChange::read(request).map(|ConditionalChange(change)| Self(change))
    }
}

impl<T: AccountType> RoleChange<T> {
    fn read(request: &HttpRequest) -> Result<Self, ActixError> {
        let change = Change::read(request)?;
        let RolePath { role } = web::Path::<RolePath>::extract(request).into_inner()?.into_inner();
        Ok(Self { change, role })
    }
}

/// Implements the extractors by their `read`, which reads the path first: the first invalid part decides the response.
macro_rules! extract {
    ($($extractor:ident),+) => {$(
        impl<T: AccountType> FromRequest for $extractor<T> {
            type Error = ActixError;
            type Future = Ready<Result<Self, ActixError>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                ready(Self::read(request))
            }
        }
    )+};
}

extract!(Account, Creation, Change, ConditionalChange, Deletion, RoleChange);
