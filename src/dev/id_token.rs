//! ID tokens: issued to clients, and verified when they come back as a hint at sign-out.

use chrono::DateTime;
use openidconnect::core::{
    CoreGenderClaim, CoreIdTokenVerifier, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
};
use openidconnect::{
    AccessToken, AdditionalClaims, Audience, ClientId, EndUserEmail, EndUserFamilyName, EndUserGivenName, EndUserName,
    EndUserUsername, IdTokenClaims as Claims, LanguageTag, Nonce, StandardClaims, SubjectIdentifier,
};
use serde::{Deserialize, Serialize};

use super::directory::{self, Client, User};
use super::grants::Grant;
use super::provider::Provider;
use super::signing_key::Algorithm;
use super::token_builder::TOKEN_LIFETIME;

/// The claim of OpenID Connect's logout specifications.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct SessionClaim {
    sid: String,
}

impl AdditionalClaims for SessionClaim {}

type IdTokenClaims = Claims<SessionClaim, CoreGenderClaim>;
pub(super) type IdToken =
    openidconnect::IdToken<SessionClaim, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;

/// Issues the ID token for this access token.
pub(super) fn issue(provider: &Provider, grant: &Grant, access_token: &str) -> IdToken {
    let now = provider.clock.now();
    let claims = IdTokenClaims::new(
        provider.issuer.clone(),
        vec![Audience::new(grant.client.id().to_owned())],
        now + TOKEN_LIFETIME,
        now,
        StandardClaims::new(SubjectIdentifier::new(grant.user.login.to_owned())),
        SessionClaim { sid: grant.session.clone() },
    )
    .set_auth_time(Some(grant.signed_in_at))
    .set_nonce(grant.nonce.clone().map(Nonce::new));
    let algorithm = Algorithm::Rs256;
    IdToken::new(
        describe(claims, grant),
        &provider.keys.current(algorithm),
        algorithm.to_jws(),
        Some(&AccessToken::new(access_token.to_owned())),
        None,
    )
    .expect("claims are plain JSON and the key is of the algorithm")
}

/// Adds the claims of the scopes `profile` and `email` (OpenID Connect Core section 5.4).
fn describe(claims: IdTokenClaims, grant: &Grant) -> IdTokenClaims {
    let user = grant.user;
    let is_granted = |scope: &str| grant.scopes.iter().any(|granted| granted == scope);
    let claims = if is_granted("email") {
        claims.set_email(Some(EndUserEmail::new(user.email.to_owned()))).set_email_verified(Some(true))
    } else {
        claims
    };
    if !is_granted("profile") {
        return claims;
    }
    claims
        .set_name(Some(EndUserName::new(user.name()).into()))
        .set_given_name(Some(EndUserGivenName::new(user.given_name.to_owned()).into()))
        .set_family_name(Some(EndUserFamilyName::new(user.family_name.to_owned()).into()))
        .set_preferred_username(Some(EndUserUsername::new(user.login.to_owned())))
        .set_locale(Some(LanguageTag::new(user.locale.to_owned())))
}

/// The client and the user of an ID token. `None` if this issuer did not issue it.
///
/// Its expiry is ignored: users sign out long after it expired (RP-Initiated Logout section 2).
pub(super) fn read_hint(provider: &Provider, hint: &str) -> Option<(Client, &'static User)> {
    let token: IdToken = hint.parse().ok()?;
    let any_client = ClientId::new(String::new());
    let verifier =
        CoreIdTokenVerifier::new_public_client(any_client, provider.issuer.clone(), provider.keys.verification_keys())
            .require_audience_match(false)
            .set_time_fn(|| DateTime::UNIX_EPOCH);
    let claims = token.claims(&verifier, |_: Option<&Nonce>| Ok(())).ok()?;
    let client = claims.audiences().iter().find_map(|audience| Client::find(audience))?;
    Some((client, directory::find_user(claims.subject())?))
}
