//! The life cycle of an account. Each operation calls one service, and returns the account with its new version.

use actix_web::{HttpResponse, web};

use super::{Account, Change, Deletion, RoleChange};
use crate::api_types::{DisableRequest, GrantRoleRequest, GrantsResponse, PrincipalAccessResponse, Versioned};
use crate::auth::resource::ProtectedResource;
use crate::error::Error;
use crate::models::permission::DeclaredPermissions;
use crate::services::{AccountType, Failure};

impl<T: AccountType> Account<T> {
    pub(in crate::routes) async fn show<R: From<T::View>>(self) -> Result<R, Error> {
        answer(self.accounts.find(self.id).await)
    }

    pub(in crate::routes) async fn roles(self) -> Result<Versioned<GrantsResponse>, Error> {
        let access = self.accounts.access(self.id).await?;
        Ok(Versioned::new(access.known.principal().version, access.into()))
    }

    pub(in crate::routes) async fn access(
        self,
        declared: &DeclaredPermissions,
        resource: &ProtectedResource,
    ) -> Result<web::Json<PrincipalAccessResponse>, Error> {
        let access = self.accounts.access(self.id).await?;
        Ok(web::Json(PrincipalAccessResponse::new(&access, declared, |permission| resource.scopes([permission]))))
    }
}

impl<T: AccountType> Change<T> {
    pub(in crate::routes) async fn disable<R: From<T::View>>(self, request: DisableRequest) -> Result<R, Error> {
        answer(self.accounts.disable(&self.actor, self.id, request.reason, self.if_match).await)
    }

    pub(in crate::routes) async fn enable<R: From<T::View>>(self) -> Result<R, Error> {
        answer(self.accounts.enable(&self.actor, self.id, self.if_match).await)
    }

    pub(in crate::routes) async fn revoke<R: From<T::View>>(self) -> Result<R, Error> {
        answer(self.accounts.revoke(&self.actor, self.id, self.if_match).await)
    }

    pub(in crate::routes) async fn restore<R: From<T::View>>(self) -> Result<R, Error> {
        answer(self.accounts.restore(&self.actor, self.id, self.if_match).await)
    }
}

impl<T: AccountType> Deletion<T> {
    pub(in crate::routes) async fn run(self) -> Result<HttpResponse, Error> {
        let Change { accounts, id, actor, if_match } = self.0;
        accounts.delete(&actor, id, if_match).await?;
        Ok(HttpResponse::NoContent().finish())
    }
}

impl<T: AccountType> RoleChange<T> {
    pub(in crate::routes) async fn grant<R: From<T::View>>(self, request: GrantRoleRequest) -> Result<R, Error> {
        let Change { accounts, id, actor, if_match } = self.change;
        let expires_at = request.expires_at.map(Into::into);
        answer(accounts.grant_role(&actor, id, &self.role, expires_at, if_match).await)
    }

    pub(in crate::routes) async fn revoke<R: From<T::View>>(self) -> Result<R, Error> {
        let Change { accounts, id, actor, if_match } = self.change;
        answer(accounts.revoke_role(&actor, id, &self.role, if_match).await)
    }
}

/// Returns the response for an account.
fn answer<V, R: From<V>>(outcome: Result<V, Failure>) -> Result<R, Error> {
    Ok(outcome?.into())
}
