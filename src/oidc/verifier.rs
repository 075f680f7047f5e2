//! The proof of a token, check by check (RFC 7519 section 7.2, RFC 8725, RFC 9068 section 4).
//!
//! Cheap checks come first, so that only a token that is right in all else can make its issuer be asked for a key. Nothing that is
//! read before the signature is verified leaves this module. A token that was proved lately is known again ([`TokenCache`]).

use std::net::IpAddr;
use std::sync::Arc;

use super::claims::IssuerPolicy;
use super::compact::{MAX_TOKEN_BYTES, UnverifiedToken};
use super::header::{KnownHeaders, SpeltHeader, UnverifiedHeader};
use super::strict_json::Object;
use super::subject::Subject;
use super::token_cache::{CacheValidity, TokenCache};
use super::token_kind::Expected;
use super::trusted_issuer::TrustedIssuer;
use super::trusted_issuers::Table;
use super::validity::Validity;
use super::{Check, Claims, Introspector, Rejection, TrustedIssuers, audience, opaque, token_kind};
use crate::Clock;
use crate::hit_counter::MemoryReading;
use chrono::{DateTime, Utc};

/// Proves tokens: the only maker of [`Claims`].
pub struct TokenVerifier {
    issuers: TrustedIssuers,
    clock: Clock,
    headers: KnownHeaders,
    proved: TokenCache,
}

impl TokenVerifier {
    /// The longest token that is looked at, in bytes.
    pub const MAX_TOKEN_BYTES: usize = MAX_TOKEN_BYTES;

    /// A verifier that trusts `issuers`, whoever they are at the time, and nobody else.
    pub fn new(issuers: TrustedIssuers, clock: Clock) -> Self {
        Self { issuers, clock, headers: KnownHeaders::new(), proved: TokenCache::new() }
    }

    /// The claims of a token that passed every check, now or lately: [remembered](Self::cached), or [proved](Self::prove).
    #[cfg(any(test, feature = "dev"))]
    pub async fn verify(&self, unverified_token: &str) -> Result<Arc<Claims>, Rejection> {
        match self.cached(unverified_token.as_bytes(), self.clock.microseconds()) {
            Some(claims) => Ok(claims),
            None => self.prove(unverified_token, None).await,
        }
    }

    /// The claims of a token that passed every check lately, and would pass them `now`, in microseconds since 1970. Anything may be
    /// asked for.
    pub(crate) fn cached(&self, presented: &[u8], now: i64) -> Option<Arc<Claims>> {
        self.proved.find(presented, now)
    }

    /// The claims of a token that passes every check, which is remembered from then on.
    ///
    /// Waits only where the token is right in all else but its key is not known, or where its issuer has to be asked about it, and
    /// never longer than that may take. `sender` is the client address that the token came from, where that is known: none may have too
    /// many questions asked at once.
    pub(crate) async fn prove(&self, unverified_token: &str, sender: Option<IpAddr>) -> Result<Arc<Claims>, Rejection> {
        let table = self.issuers.table();
        let mut examination = Examination { sender, ..self.examination(&table, |_| {}) };
        let verdict = examination.of(unverified_token).await;
        let counts = examination.named.map_or(self.issuers.strangers(), |issuer| &issuer.status.verdicts);
        verdict.as_ref().map_or_else(|rejection| counts.refuse(rejection), |_| counts.accept());
        let claims = Arc::new(verdict?);
        if let Some((header, cache_validity)) = examination.cache_validity {
            self.headers.keep(&header);
            self.proved.keep(unverified_token, &header, &claims, cache_validity);
        }
        Ok(claims)
    }

    /// How the memory of proved tokens stands.
    pub(crate) fn memory(&self) -> MemoryReading {
        self.proved.reading()
    }

    /// As [`prove`](Self::prove), telling `passed` of each check as the token passes it, and remembering nothing.
    pub async fn examine(&self, unverified_token: &str, passed: impl FnMut(Check)) -> Result<Claims, Rejection> {
        self.examination(&self.issuers.table(), passed).of(unverified_token).await
    }

    fn examination<'a, P: FnMut(Check)>(&'a self, table: &'a Table, passed: P) -> Examination<'a, P> {
        let headers = &self.headers;
        Examination { table, headers, now: self.clock.now(), passed, sender: None, named: None, cache_validity: None }
    }
}

/// One token on its way through the checks.
struct Examination<'a, P> {
    table: &'a Table,
    headers: &'a KnownHeaders,
    now: DateTime<Utc>,
    passed: P,
    sender: Option<IpAddr>,
    /// Whom the token names, or whoever gives out such tokens.
    named: Option<&'a TrustedIssuer>,
    /// The header, and what the verdict rests on, where it may be remembered: what an issuer was asked about is remembered there.
    cache_validity: Option<(Arc<SpeltHeader>, CacheValidity)>,
}

impl<P: FnMut(Check)> Examination<'_, P> {
    async fn of(&mut self, unverified_token: &str) -> Result<Claims, Rejection> {
        match UnverifiedToken::split(unverified_token) {
            Ok(token) => self.of_jwt(unverified_token, token).await,
            // What is rarely waited for is boxed, so that what every token passes through is small.
            Err(Rejection::NotASignedJwt) => Box::pin(self.of_opaque(unverified_token)).await,
            Err(rejection) => Err(rejection),
        }
    }

    async fn of_jwt(&mut self, text: &str, token: UnverifiedToken<'_>) -> Result<Claims, Rejection> {
        let spelt = self.header(&token)?;
        let header = &spelt.says;
        let payload = token.payload()?;
        let unverified_claims = payload.claims()?;
        let (policy, issuer) = self.table.issuer_of(&unverified_claims)?;
        self.named = Some(issuer);
        (self.passed)(Check::Issuer);
        if !issuer.settings.algorithms.contains(&header.algorithm) {
            return Err(Rejection::AlgorithmNotAllowed);
        }
        (self.passed)(Check::Algorithm);
        if let Some(introspector) = issuer.asked_about_jwts() {
            // What the token leaves out is judged when its issuer has told it.
            Validity::check(&unverified_claims, self.now)?;
            self.signature(issuer, header, &token).await?;
            let claims = Box::pin(self.ask(introspector, text, unverified_claims)).await?;
            if self.table.issuer_of(&claims)?.0.issuer != policy.issuer {
                return Err(Rejection::UnknownIssuer);
            }
            let (subject, validity) = self.judge(issuer, header, &claims)?;
            return self.accept(policy, issuer, &claims, subject, validity);
        }
        let (subject, validity) = self.judge(issuer, header, &unverified_claims)?;
        let now = self.now.timestamp_micros();
        let edition = || issuer.keys.in_use().edition(now);
        let before = edition();
        self.signature(issuer, header, &token).await?;
        let claims = self.accept(policy, issuer, &unverified_claims, subject, validity)?;
        // Editions never come back, so where it is the same before and after, it is that of the key.
        let keys = before.filter(|_| edition() == before);
        self.cache_validity = keys.map(|keys| (Arc::clone(&spelt), CacheValidity { keys, window: validity.window() }));
        Ok(claims)
    }

    fn header(&mut self, token: &UnverifiedToken<'_>) -> Result<Arc<SpeltHeader>, Rejection> {
        if let Some(known) = self.headers.find(token.header) {
            (self.passed)(Check::Form);
            (self.passed)(Check::Header);
            return Ok(known);
        }
        let says = token.read_header(|members| {
            (self.passed)(Check::Form);
            UnverifiedHeader::read(members)
        })?;
        (self.passed)(Check::Header);
        Ok(Arc::new(SpeltHeader { text: token.header.into(), says }))
    }

    /// A token that says nothing itself: the issuer that gives out such tokens says what it means.
    async fn of_opaque(&mut self, token: &str) -> Result<Claims, Rejection> {
        let (issuer, introspector) = self.table.issuer_of_opaque().ok_or(Rejection::NotASignedJwt)?;
        self.named = Some(issuer);
        let settings = introspector.settings();
        opaque::check(token, &settings.opaque_prefix)?;
        (self.passed)(Check::Issuer);
        let claims = self.ask(introspector, token, Object::default()).await?;
        let policy = self.table.policy_of_answer(issuer, &claims)?;
        let says_access_token = token_kind::check_answer(&claims)?;
        (self.passed)(Check::Kind);
        let may_be_unnamed = settings.trust_active || (says_access_token && !settings.requires_audience);
        if claims.contains_key("aud") || !may_be_unnamed {
            audience::check(&claims, &issuer.settings.audiences, &issuer.settings.allowed_clients)?;
        }
        (self.passed)(Check::Audience);
        let validity = Validity::check(&claims, self.now)?;
        (self.passed)(Check::Times);
        let subject = self.subject(issuer, &claims)?;
        self.accept(policy, issuer, &claims, subject, validity)
    }

    /// What the issuer says of the token, added to what the token says itself.
    async fn ask<'c>(
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

    fn judge<'c>(
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
        token_kind::check(header.says_access_token, claims, expected)?;
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
mod proved_tests;
#[cfg(test)]
mod tests;
