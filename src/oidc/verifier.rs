//! The proof of a token, check by check (RFC 7519 section 7.2, RFC 8725, RFC 9068 section 4).
//!
//! Cheap checks come first, so that only a token that is right in all else can make its issuer be asked for a key. Nothing that is
//! read before the signature is verified leaves this module.

use std::sync::Arc;

use super::compact::{MAX_TOKEN_BYTES, UnverifiedToken};
use super::header::UnverifiedHeader;
use super::subject::Subject;
use super::token_kind::Expected;
use super::validity::Validity;
use super::{Claims, Rejection, TrustedIssuers, audience, token_kind};
use crate::Clock;

/// Proves tokens: the only maker of [`Claims`].
pub struct TokenVerifier {
    issuers: TrustedIssuers,
    clock: Clock,
}

impl TokenVerifier {
    /// The longest token that is looked at, in bytes.
    pub const MAX_TOKEN_BYTES: usize = MAX_TOKEN_BYTES;

    /// A verifier that trusts `issuers`, whoever they are at the time, and nobody else.
    pub fn new(issuers: TrustedIssuers, clock: Clock) -> Self {
        Self { issuers, clock }
    }

    /// The claims of a token that passed every check.
    ///
    /// Waits only where the token is right in all else but its key is not known, and never longer than one fetch may take.
    pub async fn verify(&self, unverified_token: &str) -> Result<Claims, Rejection> {
        let token = UnverifiedToken::split(unverified_token)?;
        let header = UnverifiedHeader::read(token.header()?)?;
        let unverified_claims = token.claims()?;
        let table = self.issuers.table();
        let (canonical, issuer) = table.issuer_of(&unverified_claims)?;
        let settings = &issuer.settings;
        if !settings.algorithms.contains(&header.algorithm) {
            return Err(Rejection::AlgorithmNotAllowed);
        }
        audience::check(&unverified_claims, &settings.audiences, &settings.allowed_clients)?;
        let validity = Validity::check(&unverified_claims, self.clock.now())?;
        let expected = Expected { at_jwt: settings.requires_at_jwt, or_id_token: settings.accepts_id_tokens };
        token_kind::check(header.says_access_token, &unverified_claims, expected)?;
        let subject = Subject::read(&unverified_claims, &settings.mapping)?;
        audience::check_client(subject.client_id.as_deref(), &settings.allowed_clients)?;
        let signature = token.signature()?;

        let key = issuer.keys.find(header.key_id.as_deref(), header.algorithm).await?;
        if !key.verifies(token.signed_text, &signature) {
            return Err(Rejection::BadSignature);
        }
        issuer.require(&unverified_claims)?;
        Ok(issuer.interpret(Arc::clone(canonical), &unverified_claims, subject, validity))
    }
}

#[cfg(test)]
mod tests;
