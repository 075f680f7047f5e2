//! The proof of a token, check by check (RFC 7519 section 7.2, RFC 8725, RFC 9068 section 4).
//!
//! Cheap checks come first, so that only a token that is right in all else can make its issuer be asked for a key. Nothing that is
//! read before the signature is verified leaves this module.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::compact::{MAX_TOKEN_BYTES, UnverifiedToken};
use super::header::UnverifiedHeader;
use super::mapping::{self, NoRoles};
use super::subject::Subject;
use super::validity::Validity;
use super::{ClaimPath, Claims, IssuerSettings, KeySet, Rejection, ScopeMode, audience, token_kind};
use crate::Clock;

/// Proves tokens: the only maker of [`Claims`].
pub struct TokenVerifier {
    /// By `iss`, which is compared octet by octet.
    issuers: HashMap<Arc<str>, TrustedIssuer>,
    clock: Clock,
}

struct TrustedIssuer {
    settings: IssuerSettings,
    keys: KeySet,
}

impl TokenVerifier {
    /// The longest token that is looked at, in bytes.
    pub const MAX_TOKEN_BYTES: usize = MAX_TOKEN_BYTES;

    /// A verifier that trusts `issuers` and nobody else.
    pub fn new(issuers: impl IntoIterator<Item = (IssuerSettings, KeySet)>, clock: Clock) -> Self {
        let trusted = |(settings, keys): (IssuerSettings, KeySet)| {
            (Arc::from(settings.issuer.as_str()), TrustedIssuer { settings, keys })
        };
        Self { issuers: issuers.into_iter().map(trusted).collect(), clock }
    }

    /// The claims of a token that passed every check.
    ///
    /// Waits only where the token is right in all else but its key is not known, and never longer than one fetch may take.
    pub async fn verify(&self, unverified_token: &str) -> Result<Claims, Rejection> {
        let token = UnverifiedToken::split(unverified_token)?;
        let header = UnverifiedHeader::read(token.header()?)?;
        let unverified_claims = token.claims()?;
        let (name, issuer) = self.issuer_of(&unverified_claims)?;
        if !issuer.settings.algorithms.contains(&header.algorithm) {
            return Err(Rejection::AlgorithmNotAllowed);
        }
        audience::check(&unverified_claims, &issuer.settings.audiences)?;
        let validity = Validity::check(&unverified_claims, self.clock.now())?;
        token_kind::check(header.says_access_token, &unverified_claims)?;
        let subject = Subject::read(&unverified_claims)?;
        let signature = token.signature()?;

        let key = issuer.keys.find(header.key_id.as_deref(), header.algorithm).await?;
        if !key.verifies(token.signed_text, &signature) {
            return Err(Rejection::BadSignature);
        }
        Ok(issuer.settings.map(Arc::clone(name), &unverified_claims, subject, validity))
    }

    fn issuer_of(&self, claims: &Map<String, Value>) -> Result<(&Arc<str>, &TrustedIssuer), Rejection> {
        let iss = claims.get("iss").and_then(Value::as_str);
        iss.and_then(|iss| self.issuers.get_key_value(iss)).ok_or(Rejection::UnknownIssuer)
    }
}

impl IssuerSettings {
    /// The claims of a token whose signature has been verified.
    fn map(&self, issuer: Arc<str>, claims: &Map<String, Value>, subject: Subject, validity: Validity) -> Claims {
        let Subject { kind, name, client_id } = subject;
        Claims {
            issuer,
            kind,
            subject: name,
            first_party: client_id.as_ref().is_some_and(|client| self.first_party_clients.contains(client)),
            client_id,
            scopes_unused: self.scope_mode == ScopeMode::RolesOnly,
            scopes: mapping::scopes(claims, &self.scope_prefix),
            roles: self.roles_claim.as_ref().map(|path| self.roles(claims, path)).unwrap_or_default(),
            profile: mapping::profile(claims),
            issued_at: validity.issued_at,
            expires_at: validity.expires_at,
        }
    }

    fn roles(&self, claims: &Map<String, Value>, path: &ClaimPath) -> BTreeSet<String> {
        mapping::roles(claims, path).unwrap_or_else(|reason| {
            let issuer = self.issuer.as_str();
            match reason {
                // Usual for those who hold no role.
                NoRoles::Absent => tracing::debug!(issuer, "the role claim of a token is absent and gives nothing"),
                NoRoles::Malformed => {
                    tracing::warn!(issuer, "the role claim of a token is malformed and gives nothing")
                }
                NoRoles::CutOff => {
                    tracing::warn!(
                        issuer,
                        "the role claim of a token is cut off and gives nothing: have the issuer send fewer roles"
                    )
                }
            }
            BTreeSet::new()
        })
    }
}

#[cfg(test)]
mod tests;
