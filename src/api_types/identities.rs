//! The identities of a user.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::moment;
use crate::models::Identity;
use crate::services::NewIdentity;

/// An identity that a user signs in with.
#[derive(Serialize, ToSchema)]
pub(crate) struct IdentityResponse {
    /// The id of the identity in this service.
    id: String,
    /// The issuer (`iss`) of the tokens.
    #[schema(example = "https://id.example.com")]
    issuer: String,
    /// The subject that the issuer assigns to the user.
    #[schema(example = "3f6c1d2e")]
    subject: String,
    /// When the identity was linked (RFC 3339).
    created_at: String,
}

impl From<Identity> for IdentityResponse {
    fn from(identity: Identity) -> Self {
        Self {
            id: identity.id().to_owned(),
            created_at: moment(identity.created_at),
            issuer: identity.issuer,
            subject: identity.subject,
        }
    }
}

/// The identities of a user.
#[derive(Serialize, ToSchema)]
pub(crate) struct IdentitiesResponse {
    /// The identities, oldest first.
    pub(crate) items: Vec<IdentityResponse>,
}

/// The result of a readmission.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReadmissionResponse {
    /// Whether the identity was blocked before. If false, check the spelling of issuer and subject.
    pub(crate) was_kept_out: bool,
}

/// An identity: an issuer and a subject.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdentityRequest {
    /// The issuer. The service must trust it.
    #[schema(example = "https://id.example.com")]
    issuer: String,
    /// The subject, exactly as in the tokens of the issuer.
    #[schema(example = "3f6c1d2e")]
    subject: String,
}

impl From<IdentityRequest> for NewIdentity {
    fn from(IdentityRequest { issuer, subject }: IdentityRequest) -> Self {
        Self { issuer, subject }
    }
}
