//! All that is held on one person.

use serde::Serialize;
use utoipa::ToSchema;

use super::access::GrantResponse;
use super::{AuditEventResponse, IdentityResponse, UserResponse, moment};
use crate::models::ProfileField;
use crate::services::UserExport;

/// All that is held on one person.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserExportResponse {
    /// What describes them.
    user: UserResponse,
    /// How the account came to be: `first-contact`, `manual` or `scim`.
    #[schema(example = "first-contact")]
    origin: &'static str,
    /// The id by which the provider's provisioning knows them.
    external_id: Option<String>,
    /// What the provider last said of names and locale.
    provider_profile: std::collections::BTreeMap<&'static str, String>,
    /// Which of these were edited here since.
    edited: Vec<&'static str>,
    /// The role names of the last token seen.
    claim_roles: Vec<String>,
    /// RFC 3339; null unless they are deleted.
    deleted_at: Option<String>,
    /// By what they come in.
    identities: Vec<IdentityResponse>,
    /// The roles they were given.
    grants: Vec<GrantResponse>,
    /// Members that are left out because the request lacks `audit:read`: then `audit_events` is not there.
    omitted: Vec<&'static str>,
    /// The events of the audit trail that name the person as actor or target, oldest first. Absent without `audit:read`.
    #[serde(skip_serializing_if = "Option::is_none")]
    audit_events: Option<Vec<AuditEventResponse>>,
}

impl UserExportResponse {
    /// The JSON before and after the elements of `audit_events`, which are too many to be held at once.
    pub(crate) fn around_audit_events(&self) -> Result<(String, &'static str), serde_json::Error> {
        let mut opening = serde_json::to_string(self)?;
        // The brace that closes the object.
        opening.pop();
        opening.push_str(",\"audit_events\":[");
        Ok((opening, "]}"))
    }
}

impl From<UserExport> for UserExportResponse {
    fn from(export: UserExport) -> Self {
        let UserExport { user, identities, grants, has_history } = export;
        let said = |field: ProfileField| Some((field.as_str(), user.provider_profile.get(field)?.to_owned()));
        Self {
            origin: user.origin.as_str(),
            external_id: user.external_id.clone(),
            provider_profile: ProfileField::ALL.into_iter().filter_map(said).collect(),
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
