//! Programs: registered by an admin before their first token counts.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{HeldRoleResponse, moment, present};
use crate::models::ClientTime;
use crate::services::{HeldRole, ServiceAccount};

/// A program that may call the API.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServiceAccountResponse {
    /// The principal's id here.
    id: String,
    /// The issuer whose tokens it brings.
    issuer: String,
    /// What the issuer calls it.
    client_id: String,
    /// The name to show.
    display_name: Option<String>,
    /// `active`, `disabled` or `deleted`.
    #[schema(example = "active")]
    status: &'static str,
    /// Why the account is disabled, in the words of who did it.
    disabled_reason: Option<String>,
    /// Tokens issued before this are refused; RFC 3339.
    not_before: Option<String>,
    /// When the account ends by itself; RFC 3339.
    expires_at: Option<String>,
    /// To the hour; RFC 3339.
    last_seen_at: Option<String>,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339.
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

/// A program with the roles that it was granted.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServiceAccountDetailResponse {
    #[serde(flatten)]
    account: ServiceAccountResponse,
    /// Grants that count now.
    roles: Vec<HeldRoleResponse>,
}

impl ServiceAccountDetailResponse {
    pub(crate) fn new(account: ServiceAccount, roles: &[HeldRole]) -> Self {
        Self { account: account.into(), roles: roles.iter().map(Into::into).collect() }
    }
}

/// Registers a program.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegisterServiceAccountRequest {
    /// One of the issuers that this service trusts.
    #[schema(example = "https://id.example.com")]
    pub(crate) issuer: String,
    /// What the issuer calls the program.
    #[schema(example = "reporter")]
    pub(crate) client_id: String,
    /// The name to show; the client id where it is absent.
    #[serde(default)]
    pub(crate) display_name: Option<String>,
    /// Names of roles to grant at once.
    #[serde(default)]
    pub(crate) roles: BTreeSet<String>,
}

/// A merge patch of a program (RFC 7396): what is absent stays, what is null is taken away.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateServiceAccountRequest {
    /// The name to show.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, example = "Nightly report")]
    pub(crate) display_name: Option<Option<String>>,
    /// When the account ends by itself; RFC 3339.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) expires_at: Option<Option<ClientTime>>,
}
