//! Service accounts.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{HeldRoleResponse, moment, present};
use crate::models::ClientTime;
use crate::services::{HeldRole, ServiceAccount, ServiceAccountEdit};

/// A service account: a program that may call the API.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServiceAccountResponse {
    /// The id of the service account.
    id: String,
    /// The issuer of its tokens.
    issuer: String,
    /// Its client id at the issuer.
    client_id: String,
    /// The display name.
    display_name: Option<String>,
    /// The status: `active`, `disabled` or `deleted`.
    #[schema(example = "active")]
    status: &'static str,
    /// The reason that was given when the account was disabled.
    disabled_reason: Option<String>,
    /// Tokens issued before this time are refused (RFC 3339).
    not_before: Option<String>,
    /// When the account expires (RFC 3339).
    expires_at: Option<String>,
    /// When a token of the account was last seen, to the hour (RFC 3339).
    last_seen_at: Option<String>,
    /// When the account was created (RFC 3339).
    created_at: String,
    /// When the account was last modified (RFC 3339).
    updated_at: String,
}

impl From<ServiceAccount> for ServiceAccountResponse {
    fn from(account: ServiceAccount) -> Self {
        let ServiceAccount { principal, issuer, client_id } = account;
        Self {
            id: principal.id.to_string(),
            issuer,
            client_id,
            display_name: principal.display_name,
            status: principal.status.as_str(),
            disabled_reason: principal.disabled_reason,
            not_before: principal.not_before.map(moment),
            expires_at: principal.expires_at.map(moment),
            last_seen_at: principal.last_seen_at.map(moment),
            created_at: moment(principal.created_at),
            updated_at: moment(principal.updated_at),
        }
    }
}

/// A service account with its roles.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServiceAccountDetailResponse {
    #[serde(flatten)]
    account: ServiceAccountResponse,
    /// The roles of the current grants.
    roles: Vec<HeldRoleResponse>,
}

impl ServiceAccountDetailResponse {
    pub(crate) fn new(account: ServiceAccount, roles: &[HeldRole]) -> Self {
        Self { account: account.into(), roles: roles.iter().map(Into::into).collect() }
    }
}

/// The service account to register.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegisterServiceAccountRequest {
    /// The issuer. The service must trust it.
    #[schema(example = "https://id.example.com")]
    pub(crate) issuer: String,
    /// The client id at the issuer.
    #[schema(example = "reporter")]
    pub(crate) client_id: String,
    /// The display name; defaults to the client id.
    #[serde(default)]
    pub(crate) display_name: Option<String>,
    /// The names of the roles to grant.
    #[serde(default)]
    pub(crate) roles: BTreeSet<String>,
}

/// A JSON merge patch of a service account (RFC 7396). Absent members are not changed; null removes a member.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateServiceAccountRequest {
    /// The display name.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, example = "Nightly report")]
    pub(crate) display_name: Option<Option<String>>,
    /// When the account expires (RFC 3339).
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) expires_at: Option<Option<ClientTime>>,
}

impl From<UpdateServiceAccountRequest> for ServiceAccountEdit {
    fn from(UpdateServiceAccountRequest { display_name, expires_at }: UpdateServiceAccountRequest) -> Self {
        Self { display_name, expires_at: expires_at.map(|end| end.map(ClientTime::utc)) }
    }
}
