//! The discovery document (OpenID Connect Discovery section 3, RFC 8414).

use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode, CoreResponseType,
    CoreSubjectIdentifierType,
};
use openidconnect::url::ParseError;
use openidconnect::{
    AdditionalProviderMetadata, AuthUrl, EndSessionUrl, IssuerUrl, JsonWebKeySetUrl, PkceCodeChallengeMethod,
    ProviderMetadata, ResponseTypes, Scope, TokenUrl,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::signing_key::Algorithm;

/// The scopes for an ID token and its claims (OpenID Connect Core section 5.4) and for a refresh token, which is issued in any case.
pub(super) const IDENTITY_SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// Members of later specifications: RFC 8414 (PKCE), RP-Initiated Logout, RFC 9207.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct LaterMembers {
    code_challenge_methods_supported: Vec<PkceCodeChallengeMethod>,
    end_session_endpoint: EndSessionUrl,
    authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for LaterMembers {}

type Metadata = ProviderMetadata<
    LaterMembers,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// The discovery document of the issuer at `url`. Fails if `url` is not a URL.
pub(super) fn document(url: &str, api_scopes: &[String]) -> Result<Value, ParseError> {
    let scopes = IDENTITY_SCOPES.iter().map(ToString::to_string).chain(api_scopes.iter().cloned());
    let metadata = Metadata::new(
        IssuerUrl::new(url.to_owned())?,
        AuthUrl::new(format!("{url}/authorize"))?,
        JsonWebKeySetUrl::new(format!("{url}/jwks"))?,
        vec![ResponseTypes::new(vec![CoreResponseType::Code])],
        vec![CoreSubjectIdentifierType::Public],
        // ID tokens are always signed with the default (OpenID Connect Core section 2).
        vec![Algorithm::Rs256.to_jws()],
        LaterMembers {
            code_challenge_methods_supported: vec![PkceCodeChallengeMethod::new("S256".to_owned())],
            end_session_endpoint: EndSessionUrl::new(format!("{url}/logout"))?,
            authorization_response_iss_parameter_supported: true,
        },
    )
    .set_token_endpoint(Some(TokenUrl::new(format!("{url}/token"))?))
    .set_scopes_supported(Some(scopes.map(Scope::new).collect()))
    .set_response_modes_supported(Some(vec![CoreResponseMode::Query]))
    .set_grant_types_supported(Some(vec![
        CoreGrantType::AuthorizationCode,
        CoreGrantType::ClientCredentials,
        CoreGrantType::RefreshToken,
    ]))
    .set_token_endpoint_auth_methods_supported(Some(vec![
        CoreClientAuthMethod::ClientSecretBasic,
        CoreClientAuthMethod::ClientSecretPost,
        CoreClientAuthMethod::None,
    ]))
    .set_request_parameter_supported(Some(false))
    .set_request_uri_parameter_supported(Some(false));
    Ok(serde_json::to_value(metadata).expect("provider metadata is plain JSON"))
}
