//! The claims of a verified token.
//!
//! Only the verifier constructs [`Claims`], so a value proves that signature, issuer, audience and times were checked.

use std::collections::BTreeSet;
use std::fmt;
use std::mem::size_of;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::JitMode;
use super::keys::issuer_status::IssuerStatus;
use super::texts::Texts;
use crate::cache::interner::Interner;

/// Whether a token was issued to a user or to a service account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubjectKind {
    /// A user signed in.
    Human,
    /// A client with its own credentials (RFC 6749 section 4.4).
    Machine,
}

/// The descriptive claims about a user. They neither grant permissions nor link accounts.
///
/// Its `Debug` prints no personal data.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Profile<'a> {
    /// OIDC `name`.
    pub display_name: Option<&'a str>,
    /// OIDC `given_name`.
    pub given_name: Option<&'a str>,
    /// OIDC `family_name`.
    pub family_name: Option<&'a str>,
    /// OIDC `preferred_username`.
    pub username: Option<&'a str>,
    /// OIDC `email`.
    pub email: Option<&'a str>,
    /// OIDC `email_verified`; `None` if the provider omits it.
    pub email_verified: Option<bool>,
    /// OIDC `locale`, a BCP 47 tag.
    pub locale: Option<&'a str>,
}

impl fmt::Debug for Profile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile").finish_non_exhaustive()
    }
}

/// The settings that apply to all tokens of one canonical issuer, shared by their claims.
#[derive(Clone)]
pub(crate) struct IssuerPolicy {
    /// The canonical issuer.
    pub(super) issuer: Box<str>,
    pub(super) issuer_name: Box<str>,
    pub(super) scope_prefix: Box<str>,
    pub(super) scopes_unused: bool,
    /// The roles with administrative permissions that its tokens may give.
    pub(super) administrative_roles: BTreeSet<String>,
    pub(super) jit: JitMode,
    /// The current status of the issuer.
    pub(super) status: Arc<IssuerStatus>,
}

/// The string claims of one token.
#[derive(Clone)]
pub(super) struct ClaimTexts(Texts<8>);

impl ClaimTexts {
    pub(super) fn new(subject: &str, client_id: Option<&str>, profile: &Profile<'_>) -> Self {
        let Profile { display_name, given_name, family_name, username, email, locale, .. } = *profile;
        let texts = [Some(subject), client_id, display_name, given_name, family_name, username, email, locale];
        Self(Texts::new(texts))
    }

    fn subject(&self) -> &str {
        self.0.get(0).unwrap_or_default()
    }

    fn client_id(&self) -> Option<&str> {
        self.0.get(1)
    }

    fn profile(&self, email_verified: Option<bool>) -> Profile<'_> {
        let [display_name, given_name, family_name, username, email, locale] =
            [2, 3, 4, 5, 6, 7].map(|index| self.0.get(index));
        Profile { display_name, given_name, family_name, username, email, email_verified, locale }
    }

    /// The total length in bytes.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The claims of a token that passed every check of the verifier.
///
/// They are cached for the life of the token, so sets that are equal in many tokens are shared.
///
/// Its `Debug` prints the issuer and the kind of subject, and no claim that could identify a person.
#[derive(Clone)]
pub struct Claims {
    pub(super) policy: Arc<IssuerPolicy>,
    pub(super) kind: SubjectKind,
    pub(super) first_party: bool,
    pub(super) email_verified: Option<bool>,
    pub(super) texts: ClaimTexts,
    pub(super) scopes: Arc<BTreeSet<String>>,
    pub(super) roles: Arc<BTreeSet<String>>,
    pub(super) issued_at: Option<DateTime<Utc>>,
    pub(super) expires_at: DateTime<Utc>,
}

impl Claims {
    /// The canonical issuer, as configured.
    pub fn issuer(&self) -> &str {
        &self.policy.issuer
    }

    /// The configured short name of the issuer.
    pub fn issuer_name(&self) -> &str {
        &self.policy.issuer_name
    }

    /// The kind of subject.
    pub fn kind(&self) -> SubjectKind {
        self.kind
    }

    /// The caller's subject at the issuer; for a service account, its client id.
    pub fn subject(&self) -> &str {
        self.texts.subject()
    }

    /// The client that obtained the token, if the token names it.
    pub fn client_id(&self) -> Option<&str> {
        self.texts.client_id()
    }

    /// Whether the client is first-party for this issuer: it acts with all permissions of its principal.
    pub fn is_first_party(&self) -> bool {
        self.first_party
    }

    /// Whether the issuer does not delegate by scope (`scope_mode = roles-only`).
    pub fn are_scopes_unused(&self) -> bool {
        self.policy.scopes_unused
    }

    /// The delegated scopes, without the issuer's prefix.
    pub fn scopes(&self) -> &BTreeSet<String> {
        &self.scopes
    }

    /// The scope that a client requests from this issuer for `permission`.
    pub fn spelled_scope(&self, permission: &str) -> String {
        format!("{}{permission}", self.policy.scope_prefix)
    }

    /// The roles with administrative permissions that this issuer's tokens may give; any other such role is effective only as a stored
    /// grant.
    pub fn administrative_roles(&self) -> &BTreeSet<String> {
        &self.policy.administrative_roles
    }

    /// The just-in-time provisioning of this issuer's users.
    pub fn jit(&self) -> JitMode {
        self.policy.jit
    }

    /// The role names in the token.
    pub fn roles(&self) -> &BTreeSet<String> {
        &self.roles
    }

    /// The descriptive claims.
    pub fn profile(&self) -> Profile<'_> {
        self.texts.profile(self.email_verified)
    }

    /// Counts a verdict on the same token that was taken from a cache.
    pub(crate) fn count_accepted_again(&self) {
        self.policy.status.verdicts.accept();
    }

    /// `iat`, where the token has one.
    pub fn issued_at(&self) -> Option<DateTime<Utc>> {
        self.issued_at
    }

    /// `exp`, without leeway.
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.expires_at
    }

    /// The approximate memory use in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let own = size_of::<Self>() + self.texts.len() + 2 * ALLOCATION_OVERHEAD;
        // A shared set takes no extra memory and outlives this value.
        let sets = [&self.scopes, &self.roles].into_iter().filter(|set| !Interner::is_shared(set));
        own + sets.map(|set| bytes_of_set(set)).sum::<usize>()
    }
}

/// The overhead of one allocation in bytes.
pub(super) const ALLOCATION_OVERHEAD: usize = 16;

/// A `BTreeSet` stores its strings in nodes of up to eleven, which are at least half full.
fn bytes_of_set(set: &BTreeSet<String>) -> usize {
    const NODE: usize = 11 * size_of::<String>() + ALLOCATION_OVERHEAD;
    set.len().div_ceil(6) * NODE + set.iter().map(|text| text.len() + ALLOCATION_OVERHEAD).sum::<usize>()
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims").field("issuer", &self.issuer()).field("kind", &self.kind).finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Claims {
    /// Claims as the verifier would return them, for tests of later stages.
    pub(crate) fn for_test(issuer: &str, kind: SubjectKind, subject: &str, issued_at: DateTime<Utc>) -> Self {
        Self {
            policy: Arc::new(IssuerPolicy {
                issuer: issuer.into(),
                issuer_name: "test".into(),
                scope_prefix: "".into(),
                scopes_unused: false,
                administrative_roles: BTreeSet::new(),
                jit: JitMode::Active,
                status: Arc::default(),
            }),
            kind,
            first_party: false,
            email_verified: None,
            texts: ClaimTexts::new(subject, Some("client"), &Profile::default()),
            scopes: Arc::default(),
            roles: Arc::default(),
            issued_at: Some(issued_at),
            expires_at: issued_at + chrono::TimeDelta::minutes(5),
        }
    }

    pub(crate) fn with_roles(self, roles: &[&str]) -> Self {
        Self { roles: Arc::new(roles.iter().map(ToString::to_string).collect()), ..self }
    }

    pub(crate) fn with_administrative_role(mut self, role: &str) -> Self {
        Arc::make_mut(&mut self.policy).administrative_roles.insert(role.to_owned());
        self
    }

    pub(crate) fn with_scopes(self, scopes: &[&str]) -> Self {
        Self { scopes: Arc::new(scopes.iter().map(ToString::to_string).collect()), ..self }
    }

    pub(crate) fn with_jit(mut self, jit: JitMode) -> Self {
        Arc::make_mut(&mut self.policy).jit = jit;
        self
    }

    pub(crate) fn with_profile(self, profile: Profile<'_>) -> Self {
        let texts = ClaimTexts::new(self.subject(), self.client_id(), &profile);
        Self { texts, email_verified: profile.email_verified, ..self }
    }

    pub(crate) fn without_issued_at(self) -> Self {
        Self { issued_at: None, ..self }
    }
}
