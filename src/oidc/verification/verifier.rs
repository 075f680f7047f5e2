//! The verification of a token, check by check (RFC 7519 section 7.2, RFC 8725, RFC 9068 section 4).
//!
//! Cheap checks come first, so that only a token that passes all other checks can cause a key fetch. Nothing read before the signature is
//! verified leaves this module. The guard caches a verified token as long as its [`TokenValidity`] holds.

use std::net::IpAddr;
use std::sync::Arc;

use super::token_kind::Expected;
use super::token_validity::{TokenValidity, VerifiedToken};
use super::trusted_issuer::TrustedIssuer;
use super::trusted_issuers::Table;
use super::validity::Validity;
use super::{audience, token_kind};
use crate::Clock;
use crate::jose::compact::{MAX_TOKEN_BYTES, UnverifiedToken};
use crate::jose::fault::FormFault;
use crate::jose::header::{HeaderCache, ParsedHeader, UnverifiedHeader};
use crate::jose::unique_json::Object;
use crate::oidc::claims::IssuerPolicy;
use crate::oidc::introspection::opaque;
use crate::oidc::mapping::subject::Subject;
use crate::oidc::{Check, Claims, Introspector, Rejection, TrustedIssuers};
use chrono::{DateTime, Utc};

/// Verifies tokens; the only constructor of [`Claims`].
pub struct TokenVerifier {
    issuers: TrustedIssuers,
    clock: Clock,
    headers: HeaderCache,
}

impl TokenVerifier {
    /// The longest accepted token, in bytes.
    pub const MAX_TOKEN_BYTES: usize = MAX_TOKEN_BYTES;

    /// A verifier that trusts exactly the current `issuers`.
    pub fn new(issuers: TrustedIssuers, clock: Clock) -> Self {
        Self { issuers, clock, headers: HeaderCache::new() }
    }

    /// The claims of a valid token.
    #[cfg(any(test, feature = "dev"))]
    pub async fn verify(&self, unverified_token: &str) -> Result<Arc<Claims>, Rejection> {
        self.prove(unverified_token, None).await.map(|token| token.claims)
    }

    /// Verifies a token and returns its claims and how long they are valid.
    ///
    /// Waits only for a key that is not yet known, once all other checks have passed, or for introspection; both have time limits.
    /// `sender` is the client address, if known: the number of concurrent introspection requests per address is limited.
    pub(crate) async fn prove(
        &self,
        unverified_token: &str,
        sender: Option<IpAddr>,
    ) -> Result<VerifiedToken, Rejection> {
        let table = self.issuers.table();
        let mut examination = Examination { sender, ..self.examination(&table, |_| {}) };
        let verdict = examination.verify(unverified_token).await;
        let counts =
            examination.issuer.map_or(self.issuers.unknown_issuer_verdicts(), |issuer| &issuer.status.verdicts);
        verdict.as_ref().map_or_else(|rejection| counts.refuse(rejection), |_| counts.accept());
        let claims = Arc::new(verdict?);
        let validity = examination.cacheable.map(|(header, validity)| {
            self.headers.insert(&header);
            validity
        });
        Ok(VerifiedToken { claims, validity })
    }

    /// Like [`prove`](Self::prove), but calls `passed` after each passed check.
    pub async fn examine(&self, unverified_token: &str, passed: impl FnMut(Check)) -> Result<Claims, Rejection> {
        self.examination(&self.issuers.table(), passed).verify(unverified_token).await
    }

    fn examination<'a, P: FnMut(Check)>(&'a self, table: &'a Table, passed: P) -> Examination<'a, P> {
        let headers = &self.headers;
        Examination { table, headers, now: self.clock.now(), passed, sender: None, issuer: None, cacheable: None }
    }
}

/// The state of one verification.
struct Examination<'a, P> {
    table: &'a Table,
    headers: &'a HeaderCache,
    now: DateTime<Utc>,
    passed: P,
    sender: Option<IpAddr>,
    /// The issuer that the token names, or the issuer of opaque tokens.
    issuer: Option<&'a TrustedIssuer>,
    /// The header and the validity of a token that may be cached. Introspected tokens have their own cache.
    cacheable: Option<(Arc<ParsedHeader>, TokenValidity)>,
}

impl<P: FnMut(Check)> Examination<'_, P> {
    async fn verify(&mut self, unverified_token: &str) -> Result<Claims, Rejection> {
        match UnverifiedToken::split(unverified_token) {
            Ok(token) => self.verify_jwt(unverified_token, token).await,
            // The rare case is boxed to keep the future of the common case small.
            Err(FormFault::NotASignedJwt) => Box::pin(self.verify_opaque(unverified_token)).await,
            Err(fault) => Err(fault.into()),
        }
    }

    async fn verify_jwt(&mut self, text: &str, token: UnverifiedToken<'_>) -> Result<Claims, Rejection> {
        let parsed = self.header(&token)?;
        let header = &parsed.content;
        let payload = token.payload()?;
        let unverified_claims = payload.claims()?;
        let (policy, issuer) = self.table.issuer_of(&unverified_claims)?;
        self.issuer = Some(issuer);
        (self.passed)(Check::Issuer);
        if !issuer.settings.algorithms.contains(&header.algorithm) {
            return Err(Rejection::AlgorithmNotAllowed);
        }
        (self.passed)(Check::Algorithm);
        if let Some(introspector) = issuer.jwt_introspector() {
            // Claims that the token omits are checked after the introspection response has added them.
            Validity::check(&unverified_claims, self.now)?;
            self.signature(issuer, header, &token).await?;
            let claims = Box::pin(self.introspect(introspector, text, unverified_claims)).await?;
            if self.table.issuer_of(&claims)?.0.issuer != policy.issuer {
                return Err(Rejection::UnknownIssuer);
            }
            let (subject, validity) = self.check_claims(issuer, header, &claims)?;
            return self.accept(policy, issuer, &claims, subject, validity);
        }
        let (subject, validity) = self.check_claims(issuer, header, &unverified_claims)?;
        let now = self.now.timestamp_micros();
        let edition = || issuer.keys.in_use().edition(now);
        let before = edition();
        self.signature(issuer, header, &token).await?;
        let claims = self.accept(policy, issuer, &unverified_claims, subject, validity)?;
        // Editions are never reused, so if it is unchanged, the key belongs to it.
        let keys = before.filter(|_| edition() == before);
        self.cacheable = keys.map(|keys| (Arc::clone(&parsed), TokenValidity::new(validity.window(), keys)));
        Ok(claims)
    }

    fn header(&mut self, token: &UnverifiedToken<'_>) -> Result<Arc<ParsedHeader>, Rejection> {
        if let Some(known) = self.headers.find(token.header) {
            (self.passed)(Check::Form);
            (self.passed)(Check::Header);
            return Ok(known);
        }
        let content = token.read_header(|members| {
            (self.passed)(Check::Form);
            UnverifiedHeader::read(members)
        })?;
        (self.passed)(Check::Header);
        Ok(Arc::new(ParsedHeader { text: token.header.into(), content }))
    }

    /// Verifies an opaque token by introspection at the issuer of opaque tokens.
    async fn verify_opaque(&mut self, token: &str) -> Result<Claims, Rejection> {
        let (issuer, introspector) = self.table.issuer_of_opaque().ok_or(Rejection::NotASignedJwt)?;
        self.issuer = Some(issuer);
        let settings = introspector.settings();
        opaque::check(token, &settings.opaque_prefix)?;
        (self.passed)(Check::Issuer);
        let claims = self.introspect(introspector, token, Object::default()).await?;
        let policy = self.table.policy_of_answer(issuer, &claims)?;
        let is_declared = token_kind::check_answer(&claims)?;
        (self.passed)(Check::Kind);
        let is_audience_optional = settings.trust_active || (is_declared && !settings.requires_audience);
        if claims.contains_key("aud") || !is_audience_optional {
            audience::check(&claims, &issuer.settings.audiences, &issuer.settings.allowed_clients)?;
        }
        (self.passed)(Check::Audience);
        let validity = Validity::check(&claims, self.now)?;
        (self.passed)(Check::Times);
        let subject = self.subject(issuer, &claims)?;
        self.accept(policy, issuer, &claims, subject, validity)
    }

    /// The claims of the token, extended and overridden by those of the introspection response.
    async fn introspect<'c>(
        &mut self,
        introspector: &Introspector,
        token: &str,
        mut claims: Object<'c>,
    ) -> Result<Object<'c>, Rejection> {
        let answer = introspector.ask(token, self.sender).await?;
        token_kind::check_answer(&answer)?;
        claims.extend(&answer);
        (self.passed)(Check::Active);
        Ok(claims)
    }

    fn check_claims<'c>(
        &mut self,
        issuer: &TrustedIssuer,
        header: &UnverifiedHeader,
        claims: &'c Object<'c>,
    ) -> Result<(Subject<'c>, Validity), Rejection> {
        let settings = &issuer.settings;
        audience::check(claims, &settings.audiences, &settings.allowed_clients)?;
        (self.passed)(Check::Audience);
        let validity = Validity::check(claims, self.now)?;
        (self.passed)(Check::Times);
        let expected = Expected { at_jwt: settings.requires_at_jwt, or_id_token: settings.accepts_id_tokens };
        token_kind::check(header.is_at_jwt, claims, expected)?;
        (self.passed)(Check::Kind);
        Ok((self.subject(issuer, claims)?, validity))
    }

    fn subject<'c>(&mut self, issuer: &TrustedIssuer, claims: &'c Object<'c>) -> Result<Subject<'c>, Rejection> {
        let subject = Subject::read(claims, &issuer.settings.mapping)?;
        (self.passed)(Check::Subject);
        audience::check_client(subject.client_id, &issuer.settings.allowed_clients)?;
        (self.passed)(Check::Client);
        Ok(subject)
    }

    async fn signature(
        &mut self,
        issuer: &TrustedIssuer,
        header: &UnverifiedHeader,
        token: &UnverifiedToken<'_>,
    ) -> Result<(), Rejection> {
        let signature = token.signature()?;
        let key = issuer.keys.find(header.key_id.as_deref(), header.algorithm).await?;
        issuer.status.verdicts.check_signature();
        if !key.verifies(token.signed_text, &signature) {
            return Err(Rejection::BadSignature);
        }
        (self.passed)(Check::Signature);
        Ok(())
    }

    fn accept(
        &mut self,
        policy: &Arc<IssuerPolicy>,
        issuer: &TrustedIssuer,
        claims: &Object<'_>,
        subject: Subject<'_>,
        validity: Validity,
    ) -> Result<Claims, Rejection> {
        issuer.require(claims)?;
        (self.passed)(Check::Requirements);
        Ok(issuer.interpret(Arc::clone(policy), claims, subject, validity))
    }
}

#[cfg(test)]
mod introspection_tests;
#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
mod validity_tests;
