//! How providers know a person.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::moment;
use crate::models::Identity;
use crate::services::NewIdentity;

/// An identity by which a person comes in.
#[derive(Serialize, ToSchema)]
pub(crate) struct IdentityResponse {
    /// The identity's id here.
    id: String,
    /// The issuer.
    #[schema(example = "https://id.example.com")]
    issuer: String,
    /// The issuer's subject.
    #[schema(example = "3f6c1d2e")]
    subject: String,
    /// RFC 3339.
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

/// The identities of a person.
#[derive(Serialize, ToSchema)]
pub(crate) struct IdentitiesResponse {
    /// Oldest first.
    pub(crate) items: Vec<IdentityResponse>,
}

/// What came of letting somebody come again.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReadmissionResponse {
    /// Whether they were kept out until now. If not, the identity may be spelt otherwise.
    pub(crate) was_kept_out: bool,
}

/// Names an identity.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdentityRequest {
    /// One of the issuers that this service trusts.
    #[schema(example = "https://id.example.com")]
    issuer: String,
    /// The issuer's subject, byte by byte as its tokens spell it.
    #[schema(example = "3f6c1d2e")]
    subject: String,
}

impl From<IdentityRequest> for NewIdentity {
    fn from(IdentityRequest { issuer, subject }: IdentityRequest) -> Self {
        Self { issuer, subject }
    }
}
