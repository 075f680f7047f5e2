//! Token responses (OIDC Core section 3.1.3.3) and their errors.

use std::time::Duration;

use chrono::TimeDelta;
use openidconnect::core::{CoreErrorResponseType, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreTokenType};
use openidconnect::{
    EmptyAdditionalClaims, ExtraTokenFields, OAuth2TokenResponse, RequestTokenError, StandardErrorResponse,
    StandardTokenResponse,
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::issuer_key::IdToken;
use super::login_error::LoginError;
use crate::jose::Algorithm;
use crate::oidc::keys::fetch::FetchError;
use crate::redacted::redact_debug;

/// An error response of the token endpoint (RFC 6749 section 5.2).
pub(crate) type TokenError = StandardErrorResponse<CoreErrorResponseType>;

/// A token response.
pub(crate) type TokenResponse = StandardTokenResponse<IdTokenField, CoreTokenType>;

/// The field that OpenID Connect adds to a token response, as text: an ID token is read strictly before openidconnect parses it, and an
/// invalid one is rejected as a token, not as a response.
#[derive(Serialize, Deserialize)]
pub(crate) struct IdTokenField {
    id_token: Option<String>,
}

redact_debug!(IdTokenField);

impl ExtraTokenFields for IdTokenField {}

/// Required of the responses to an openidconnect client, which does not use it.
impl openidconnect::TokenResponse<EmptyAdditionalClaims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, Algorithm>
    for TokenResponse
{
    /// Always `None`: the ID token is not parsed yet. See [`Tokens::id_token`].
    fn id_token(&self) -> Option<&IdToken> {
        None
    }
}

/// The tokens of a token response. None of them is verified.
pub(crate) struct Tokens {
    pub(crate) access_token: SecretString,
    pub(crate) id_token: Option<SecretString>,
    pub(crate) refresh_token: Option<SecretString>,
    pub(crate) expires_in: Option<TimeDelta>,
}

/// Converts a token response. An error repeats nothing from the provider except a registered error code.
pub(crate) fn read(
    response: Result<TokenResponse, RequestTokenError<FetchError, TokenError>>,
) -> Result<Tokens, LoginError> {
    let response = response.map_err(|error| match error {
        RequestTokenError::ServerResponse(refusal) => match refusal.error() {
            CoreErrorResponseType::InvalidGrant => LoginError::Refused,
            CoreErrorResponseType::Extension(_) => LoginError::Misconfigured("provider-specific error".to_owned()),
            known => LoginError::Misconfigured(known.as_ref().to_owned()),
        },
        RequestTokenError::Request(error) => LoginError::Unavailable(error.to_string()),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            LoginError::Unavailable("the response of the token endpoint is malformed".to_owned())
        }
    })?;
    let token = |text: &String| SecretString::from(text.as_str());
    Ok(Tokens {
        access_token: token(response.access_token().secret()),
        id_token: response.extra_fields().id_token.as_ref().map(token),
        refresh_token: response.refresh_token().map(|refresh_token| token(refresh_token.secret())),
        expires_in: response.expires_in().map(lifetime),
    })
}

/// Converts `expires_in` (RFC 6749 section 5.1), which can be any number. A value out of range becomes the maximum.
pub(crate) fn lifetime(expires_in: Duration) -> TimeDelta {
    TimeDelta::from_std(expires_in).unwrap_or(TimeDelta::MAX)
}
