//! The export of all data stored about a user.

use serde::Serialize;
use utoipa::ToSchema;

use super::access::GrantResponse;
use super::{AuditEventResponse, IdentityResponse, UserResponse, moment};
use crate::models::ProfileField;
use crate::services::UserExport;

/// All data stored about a user.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserExportResponse {
    /// The profile and status.
    user: UserResponse,
    /// The origin of the account: `first-contact`, `manual` or `scim`.
    #[schema(example = "first-contact")]
    origin: &'static str,
    /// The id of the user in the provisioning system of the identity provider.
    external_id: Option<String>,
    /// The last names and locale from the identity provider.
    provider_profile: std::collections::BTreeMap<&'static str, String>,
    /// The members of these that were edited here.
    edited: Vec<&'static str>,
    /// The role names in the last token seen.
    claim_roles: Vec<String>,
    /// When the user was deleted (RFC 3339); null if the user is not deleted.
    deleted_at: Option<String>,
    /// The identities of the user.
    identities: Vec<IdentityResponse>,
    /// The role grants of the user.
    grants: Vec<GrantResponse>,
    /// The members that are omitted because the caller lacks a permission: `audit_events` without `audit:read`.
    omitted: Vec<&'static str>,
    /// The audit events with the user as actor or target, oldest first. Absent if the caller lacks `audit:read`.
    #[serde(skip_serializing_if = "Option::is_none")]
    audit_events: Option<Vec<AuditEventResponse>>,
}

impl UserExportResponse {
    /// Returns the JSON before and after the elements of `audit_events`, which are streamed because of their number.
    pub(crate) fn around_audit_events(&self) -> Result<(String, &'static str), serde_json::Error> {
        let mut opening = serde_json::to_string(self)?;
        // The closing brace of the object.
        opening.pop();
        opening.push_str(",\"audit_events\":[");
        Ok((opening, "]}"))
    }
}

impl From<UserExport> for UserExportResponse {
    fn from(export: UserExport) -> Self {
        let UserExport { user, identities, grants, has_history } = export;
        let from_provider = |field: ProfileField| Some((field.as_str(), user.provider_profile.get(field)?.to_owned()));
        Self {
            origin: user.origin.as_str(),
            external_id: user.external_id.clone(),
            provider_profile: ProfileField::ALL.into_iter().filter_map(from_provider).collect(),
            edited: user.edited_fields.0.iter().map(|field| field.as_str()).collect(),
            claim_roles: user.claim_roles.0.iter().cloned().collect(),
            deleted_at: user.deleted_at.map(moment),
            identities: identities.into_iter().map(Into::into).collect(),
            grants: grants.into_iter().map(Into::into).collect(),
            omitted: if has_history { Vec::new() } else { vec!["audit_events"] },
            audit_events: None,
            user: user.into(),
        }
    }
}
