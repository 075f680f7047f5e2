//! What people have granted to clients: codes that wait to be redeemed, and the refresh tokens that came of them.
//!
//! A code works once, and all refresh tokens that descend from it are one family, named by that code. Whoever shows a spent code or a
//! spent refresh token ends the family (RFC 6749 section 4.1.2, RFC 9700 section 4.14): one of two holders is a thief, and nobody knows
//! which. Access tokens already issued live out their five minutes.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use chrono::{DateTime, TimeDelta, Utc};

use super::directory::{Client, Person};
use crate::redacted::redact_debug;

/// How long a code waits to be redeemed.
const CODE_LIFETIME: TimeDelta = TimeDelta::seconds(60);
/// How long a sign-in can be refreshed.
const FAMILY_LIFETIME: TimeDelta = TimeDelta::hours(8);
/// Characters of a PKCE verifier (RFC 7636 section 4.1).
const VERIFIER_LENGTH: RangeInclusive<usize> = 43..=128;
/// 256 bits: codes and refresh tokens cannot be guessed.
const RANDOM_BYTES: usize = 32;

/// A person let a client act for them.
#[derive(Clone)]
pub(super) struct Grant {
    pub(super) client: Client,
    pub(super) person: &'static Person,
    pub(super) scopes: Vec<String>,
    pub(super) nonce: Option<String>,
    /// What ID tokens and logout tokens call this sign-in (`sid`).
    pub(super) session: String,
    pub(super) signed_in_at: DateTime<Utc>,
}

redact_debug!(Grant);

impl Grant {
    /// Whether every scope of this list (RFC 6749 section 3.3) was granted.
    fn holds(&self, scope: &str) -> bool {
        scope.split(' ').all(|scope| self.scopes.iter().any(|granted| granted == scope))
    }
}

/// Why a grant was not refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotRefreshed {
    /// The token is unknown, spent, late or another's.
    NoGrant,
    /// More scopes were asked for than were granted. The token is not spent.
    TooMuch,
}

/// What a code is bound to besides its grant.
#[derive(Clone)]
pub(super) struct Binding {
    pub(super) redirect_uri: String,
    /// The PKCE challenge, by method S256 (RFC 7636 section 4.2).
    pub(super) challenge: String,
}

redact_debug!(Binding);

/// What a client shows to redeem a code.
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
    /// Every refresh token of a living family, spent ones too.
    refresh_tokens: HashMap<String, Code>,
}

struct Family {
    grant: Grant,
    current: String,
}

impl Grants {
    /// A new code for this grant.
    pub(super) fn issue_code(&self, grant: Grant, binding: Binding) -> Code {
        let code = random();
        let mut ledger = self.ledger();
        ledger.forget_expired(grant.signed_in_at);
        ledger.codes.insert(code.clone(), (grant, binding));
        code
    }

    /// The grant and its first refresh token. `None` for a code that is unknown, spent, late or another's, or a proof that does not fit.
    /// Right or wrong, the attempt spends the code, so that a verifier cannot be searched for.
    pub(super) fn redeem(&self, shown: &Redemption<'_>, now: DateTime<Utc>) -> Option<(Grant, String)> {
        let mut ledger = self.ledger();
        let Some((grant, binding)) = ledger.codes.remove(shown.code) else {
            ledger.end_family(shown.code);
            return None;
        };
        let fits = grant.client == shown.client
            && binding.redirect_uri == shown.redirect_uri
            && answers_challenge(shown.verifier, &binding.challenge)
            && now < grant.signed_in_at + CODE_LIFETIME;
        fits.then(|| {
            let refresh_token = ledger.rotate(shown.code, grant.clone());
            (grant, refresh_token)
        })
    }

    /// The grant and its next refresh token.
    pub(super) fn refresh(
        &self,
        client: Client,
        token: &str,
        scope: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<(Grant, String), NotRefreshed> {
        let mut ledger = self.ledger();
        let code = ledger.refresh_tokens.get(token).ok_or(NotRefreshed::NoGrant)?.clone();
        let family = ledger.families.get(&code).ok_or(NotRefreshed::NoGrant)?;
        let fits = family.grant.client == client && family.current == token && !family.is_over(now);
        if !fits {
            ledger.end_family(&code);
            return Err(NotRefreshed::NoGrant);
        }
        let grant = family.grant.clone();
        // Before the token is spent: a client that asked for too much may ask again.
        if scope.is_some_and(|scope| !grant.holds(scope)) {
            return Err(NotRefreshed::TooMuch);
        }
        let next = ledger.rotate(&code, grant.clone());
        Ok((grant, next))
    }

    /// Ends what this person granted to this client: nothing of it can be refreshed or redeemed any more.
    pub(super) fn end(&self, client: Client, login: &str) {
        let theirs = |grant: &Grant| grant.client == client && grant.person.login == login;
        let mut ledger = self.ledger();
        ledger.codes.retain(|_, (grant, _)| !theirs(grant));
        ledger.families.retain(|_, family| !theirs(&family.grant));
        ledger.forget_orphans();
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // Every change below is complete or not begun when it could panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    /// Begins or continues the family of this code with a new refresh token.
    fn rotate(&mut self, code: &str, grant: Grant) -> String {
        let token = random();
        self.refresh_tokens.insert(token.clone(), code.to_owned());
        self.families.insert(code.to_owned(), Family { grant, current: token.clone() });
        token
    }

    fn end_family(&mut self, code: &str) {
        if self.families.remove(code).is_some() {
            self.forget_orphans();
        }
    }

    fn forget_expired(&mut self, now: DateTime<Utc>) {
        self.codes.retain(|_, (grant, _)| now < grant.signed_in_at + CODE_LIFETIME);
        self.families.retain(|_, family| !family.is_over(now));
        self.forget_orphans();
    }

    fn forget_orphans(&mut self) {
        let families = &self.families;
        self.refresh_tokens.retain(|_, code| families.contains_key(code));
    }
}

impl Family {
    fn is_over(&self, now: DateTime<Utc>) -> bool {
        now >= self.grant.signed_in_at + FAMILY_LIFETIME
    }
}

/// RFC 7636 section 4.6. A verifier that is too short to be one (section 4.1) fails here, as it would at a stricter provider.
fn answers_challenge(verifier: &str, challenge: &str) -> bool {
    let expected = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    VERIFIER_LENGTH.contains(&verifier.len())
        && verify_slices_are_equal(expected.as_bytes(), challenge.as_bytes()).is_ok()
}

pub(super) fn random() -> String {
    let mut bytes = [0; RANDOM_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system has randomness: the signing keys were made of it");
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
            Grant { client: Client::Spa, person: &ALICE, scopes: vec![], nonce: None, session, signed_in_at: START };
        grants.issue_code(grant, Binding { redirect_uri: REDIRECT.to_owned(), challenge: CHALLENGE.to_owned() })
    }

    fn right(code: &str) -> Redemption<'_> {
        Redemption { client: Client::Spa, code, redirect_uri: REDIRECT, verifier: VERIFIER }
    }

    #[test]
    fn a_code_is_redeemed_once_by_whoever_asked_for_it_in_time() {
        let grants = Grants::default();
        let (one, two, three, four, five) = (code(&grants), code(&grants), code(&grants), code(&grants), code(&grants));
        assert!(grants.redeem(&right(&one), START + TimeDelta::seconds(59)).is_some());
        assert!(grants.redeem(&right(&two), START + TimeDelta::seconds(60)).is_none());
        assert!(grants.redeem(&Redemption { client: Client::Machine, ..right(&three) }, START).is_none());
        assert!(grants.redeem(&Redemption { redirect_uri: "http://localhost/x", ..right(&four) }, START).is_none());
        assert!(grants.redeem(&Redemption { verifier: CHALLENGE, ..right(&five) }, START).is_none());
        assert!(grants.redeem(&right(&five), START).is_none(), "a wrong attempt spends the code");
    }

    #[test]
    fn a_verifier_is_long_enough_not_to_be_guessed() {
        let challenge = |verifier: &str| BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        for (length, accepted) in [(42, false), (43, true), (128, true), (129, false)] {
            let verifier = "v".repeat(length);
            assert_eq!(answers_challenge(&verifier, &challenge(&verifier)), accepted, "{length}");
        }
    }

    #[test]
    fn a_code_shown_twice_ends_what_came_of_it() {
        let grants = Grants::default();
        let code = code(&grants);
        let (_, refresh_token) = grants.redeem(&right(&code), START).unwrap();
        assert!(grants.redeem(&right(&code), START).is_none());
        assert!(grants.refresh(Client::Spa, &refresh_token, None, START).is_err());
    }

    #[test]
    fn a_spent_refresh_token_ends_its_family_only() {
        let grants = Grants::default();
        let (_, first) = grants.redeem(&right(&code(&grants)), START).unwrap();
        let (_, other) = grants.redeem(&right(&code(&grants)), START).unwrap();
        let (_, second) = grants.refresh(Client::Spa, &first, None, START).unwrap();
        assert!(grants.refresh(Client::Spa, &first, None, START).is_err());
        assert!(grants.refresh(Client::Spa, &second, None, START).is_err());
        assert!(grants.refresh(Client::Spa, &other, None, START).is_ok());
    }

    #[test]
    fn asking_for_too_much_does_not_spend_the_token() {
        let grants = Grants::default();
        let (_, token) = grants.redeem(&right(&code(&grants)), START).unwrap();
        let refused = grants.refresh(Client::Spa, &token, Some("everything"), START);
        assert_eq!(refused.unwrap_err(), NotRefreshed::TooMuch);
        assert!(grants.refresh(Client::Spa, &token, None, START).is_ok());
    }

    #[test]
    fn refreshing_does_not_prolong_a_sign_in() {
        let grants = Grants::default();
        let (_, first) = grants.redeem(&right(&code(&grants)), START).unwrap();
        let (_, second) = grants.refresh(Client::Spa, &first, None, START + TimeDelta::hours(7)).unwrap();
        assert!(grants.refresh(Client::Spa, &second, None, START + TimeDelta::hours(8)).is_err());
    }

    #[test]
    fn nothing_expired_is_kept() {
        let grants = Grants::default();
        code(&grants);
        grants.redeem(&right(&code(&grants)), START).unwrap();
        grants.ledger().forget_expired(START + TimeDelta::hours(8));
        let ledger = grants.ledger();
        assert!(ledger.codes.is_empty() && ledger.families.is_empty() && ledger.refresh_tokens.is_empty());
    }
}
