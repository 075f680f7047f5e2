//! The grants of users to clients: codes that can be redeemed, and the refresh tokens derived from them.
//!
//! A code can be redeemed once. All refresh tokens derived from it form one family, identified by the code. Reuse of a code or of a refresh
//! token ends the family (RFC 6749 section 4.1.2, RFC 9700 section 4.14): one of the two holders must have stolen it. Access tokens already
//! issued stay valid until they expire after five minutes.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use chrono::{DateTime, TimeDelta, Utc};

use super::directory::{Client, User};
use crate::redacted::redact_debug;

/// How long a code can be redeemed.
const CODE_LIFETIME: TimeDelta = TimeDelta::seconds(60);
/// How long a sign-in can be refreshed.
const FAMILY_LIFETIME: TimeDelta = TimeDelta::hours(8);
/// Characters of a PKCE verifier (RFC 7636 section 4.1).
const VERIFIER_LENGTH: RangeInclusive<usize> = 43..=128;
/// 256 bits: codes and refresh tokens cannot be guessed.
const RANDOM_BYTES: usize = 32;

/// The permission of a user for a client to act on their behalf.
#[derive(Clone)]
pub(super) struct Grant {
    pub(super) client: Client,
    pub(super) user: &'static User,
    pub(super) scopes: Vec<String>,
    pub(super) nonce: Option<String>,
    /// The session id in ID tokens and logout tokens (`sid`).
    pub(super) session: String,
    pub(super) signed_in_at: DateTime<Utc>,
}

redact_debug!(Grant);

impl Grant {
    /// Whether every scope in this list (RFC 6749 section 3.3) was granted.
    fn covers(&self, scope: &str) -> bool {
        scope.split(' ').all(|scope| self.scopes.iter().any(|granted| granted == scope))
    }
}

/// Why a grant was not refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotRefreshed {
    /// The token is unknown, used, expired or was issued to another client.
    InvalidGrant,
    /// The request exceeds the granted scopes. The token stays valid.
    ExcessiveScope,
}

/// The parameters that a code is bound to, in addition to its grant.
#[derive(Clone)]
pub(super) struct Binding {
    pub(super) redirect_uri: String,
    /// The PKCE challenge, of method S256 (RFC 7636 section 4.2).
    pub(super) challenge: String,
}

redact_debug!(Binding);

/// The parameters of a client that redeems a code.
pub(super) struct Redemption<'a> {
    pub(super) client: Client,
    pub(super) code: &'a str,
    pub(super) redirect_uri: &'a str,
    pub(super) verifier: &'a str,
}

/// All grants of one issuer.
#[derive(Default)]
pub(super) struct Grants(Mutex<Ledger>);

type Code = String;

#[derive(Default)]
struct Ledger {
    codes: HashMap<Code, (Grant, Binding)>,
    families: HashMap<Code, Family>,
    /// Every refresh token of an active family, including used ones.
    refresh_tokens: HashMap<String, Code>,
}

struct Family {
    grant: Grant,
    current: String,
}

impl Grants {
    /// Issues a new code for this grant.
    pub(super) fn issue_code(&self, grant: Grant, binding: Binding) -> Code {
        let code = random();
        let mut ledger = self.ledger();
        ledger.remove_expired(grant.signed_in_at);
        ledger.codes.insert(code.clone(), (grant, binding));
        code
    }

    /// Returns the grant and its first refresh token, or `None` if the code is unknown, used, expired or does not match the parameters.
    /// A failed attempt also uses up the code, so that a verifier cannot be guessed.
    pub(super) fn redeem(&self, redemption: &Redemption<'_>, now: DateTime<Utc>) -> Option<(Grant, String)> {
        let mut ledger = self.ledger();
        let Some((grant, binding)) = ledger.codes.remove(redemption.code) else {
            ledger.end_family(redemption.code);
            return None;
        };
        let fits = grant.client == redemption.client
            && binding.redirect_uri == redemption.redirect_uri
            && matches_challenge(redemption.verifier, &binding.challenge)
            && now < grant.signed_in_at + CODE_LIFETIME;
        fits.then(|| {
            let refresh_token = ledger.rotate(redemption.code, grant.clone());
            (grant, refresh_token)
        })
    }

    /// Returns the grant and its next refresh token.
    pub(super) fn refresh(
        &self,
        client: Client,
        token: &str,
        scope: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<(Grant, String), NotRefreshed> {
        let mut ledger = self.ledger();
        let code = ledger.refresh_tokens.get(token).ok_or(NotRefreshed::InvalidGrant)?.clone();
        let family = ledger.families.get(&code).ok_or(NotRefreshed::InvalidGrant)?;
        let fits = family.grant.client == client && family.current == token && !family.is_expired(now);
        if !fits {
            ledger.end_family(&code);
            return Err(NotRefreshed::InvalidGrant);
        }
        let grant = family.grant.clone();
        // Checked before the token is used up, so that the client can retry with fewer scopes.
        if scope.is_some_and(|scope| !grant.covers(scope)) {
            return Err(NotRefreshed::ExcessiveScope);
        }
        let next = ledger.rotate(&code, grant.clone());
        Ok((grant, next))
    }

    /// Ends all grants of this user to this client: their codes and refresh tokens become invalid.
    pub(super) fn end(&self, client: Client, login: &str) {
        let is_affected = |grant: &Grant| grant.client == client && grant.user.login == login;
        let mut ledger = self.ledger();
        ledger.codes.retain(|_, (grant, _)| !is_affected(grant));
        ledger.families.retain(|_, family| !is_affected(&family.grant));
        ledger.remove_orphans();
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // No code can panic in the middle of a change, so a poisoned lock is harmless.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    /// Starts or continues the family of this code with a new refresh token.
    fn rotate(&mut self, code: &str, grant: Grant) -> String {
        let token = random();
        self.refresh_tokens.insert(token.clone(), code.to_owned());
        self.families.insert(code.to_owned(), Family { grant, current: token.clone() });
        token
    }

    fn end_family(&mut self, code: &str) {
        if self.families.remove(code).is_some() {
            self.remove_orphans();
        }
    }

    fn remove_expired(&mut self, now: DateTime<Utc>) {
        self.codes.retain(|_, (grant, _)| now < grant.signed_in_at + CODE_LIFETIME);
        self.families.retain(|_, family| !family.is_expired(now));
        self.remove_orphans();
    }

    fn remove_orphans(&mut self) {
        let families = &self.families;
        self.refresh_tokens.retain(|_, code| families.contains_key(code));
    }
}

impl Family {
    fn is_expired(&self, now: DateTime<Utc>) -> bool {
        now >= self.grant.signed_in_at + FAMILY_LIFETIME
    }
}

/// Whether the verifier matches the challenge (RFC 7636 section 4.6) and has a valid length (section 4.1).
fn matches_challenge(verifier: &str, challenge: &str) -> bool {
    let expected = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    VERIFIER_LENGTH.contains(&verifier.len())
        && verify_slices_are_equal(expected.as_bytes(), challenge.as_bytes()).is_ok()
}

pub(super) fn random() -> String {
    let mut bytes = [0; RANDOM_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system has randomness: the signing keys were generated with it");
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::directory::ALICE;

    /// RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    const REDIRECT: &str = "http://localhost/";
    const START: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn code(grants: &Grants) -> Code {
        let session = String::new();
        let grant =
            Grant { client: Client::Spa, user: &ALICE, scopes: vec![], nonce: None, session, signed_in_at: START };
        grants.issue_code(grant, Binding { redirect_uri: REDIRECT.to_owned(), challenge: CHALLENGE.to_owned() })
    }

    fn redemption(code: &str) -> Redemption<'_> {
        Redemption { client: Client::Spa, code, redirect_uri: REDIRECT, verifier: VERIFIER }
    }

    #[test]
    fn code_is_redeemed_in_time_with_matching_parameters_only() {
        let grants = Grants::default();
        let (one, two, three, four, five) = (code(&grants), code(&grants), code(&grants), code(&grants), code(&grants));
        assert!(grants.redeem(&redemption(&one), START + TimeDelta::seconds(59)).is_some());
        assert!(grants.redeem(&redemption(&two), START + TimeDelta::seconds(60)).is_none());
        assert!(grants.redeem(&Redemption { client: Client::Machine, ..redemption(&three) }, START).is_none());
        let other_uri = Redemption { redirect_uri: "http://localhost/x", ..redemption(&four) };
        assert!(grants.redeem(&other_uri, START).is_none());
        assert!(grants.redeem(&Redemption { verifier: CHALLENGE, ..redemption(&five) }, START).is_none());
        assert!(grants.redeem(&redemption(&five), START).is_none(), "a failed attempt uses up the code");
    }

    #[test]
    fn verifier_of_invalid_length_is_rejected() {
        let challenge = |verifier: &str| BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        for (length, accepted) in [(42, false), (43, true), (128, true), (129, false)] {
            let verifier = "v".repeat(length);
            assert_eq!(matches_challenge(&verifier, &challenge(&verifier)), accepted, "{length}");
        }
    }

    #[test]
    fn code_reuse_ends_its_refresh_tokens() {
        let grants = Grants::default();
        let code = code(&grants);
        let (_, refresh_token) = grants.redeem(&redemption(&code), START).unwrap();
        assert!(grants.redeem(&redemption(&code), START).is_none());
        assert!(grants.refresh(Client::Spa, &refresh_token, None, START).is_err());
    }

    #[test]
    fn refresh_token_reuse_ends_its_family_only() {
        let grants = Grants::default();
        let (_, first) = grants.redeem(&redemption(&code(&grants)), START).unwrap();
        let (_, other) = grants.redeem(&redemption(&code(&grants)), START).unwrap();
        let (_, second) = grants.refresh(Client::Spa, &first, None, START).unwrap();
        assert!(grants.refresh(Client::Spa, &first, None, START).is_err());
        assert!(grants.refresh(Client::Spa, &second, None, START).is_err());
        assert!(grants.refresh(Client::Spa, &other, None, START).is_ok());
    }

    #[test]
    fn refresh_with_excessive_scope_keeps_the_token_valid() {
        let grants = Grants::default();
        let (_, token) = grants.redeem(&redemption(&code(&grants)), START).unwrap();
        let refused = grants.refresh(Client::Spa, &token, Some("everything"), START);
        assert_eq!(refused.unwrap_err(), NotRefreshed::ExcessiveScope);
        assert!(grants.refresh(Client::Spa, &token, None, START).is_ok());
    }

    #[test]
    fn refresh_does_not_extend_the_sign_in() {
        let grants = Grants::default();
        let (_, first) = grants.redeem(&redemption(&code(&grants)), START).unwrap();
        let (_, second) = grants.refresh(Client::Spa, &first, None, START + TimeDelta::hours(7)).unwrap();
        assert!(grants.refresh(Client::Spa, &second, None, START + TimeDelta::hours(8)).is_err());
    }

    #[test]
    fn expired_codes_and_families_are_removed() {
        let grants = Grants::default();
        code(&grants);
        grants.redeem(&redemption(&code(&grants)), START).unwrap();
        grants.ledger().remove_expired(START + TimeDelta::hours(8));
        let ledger = grants.ledger();
        assert!(ledger.codes.is_empty() && ledger.families.is_empty() && ledger.refresh_tokens.is_empty());
    }
}
