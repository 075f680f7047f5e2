//! What a proved token says.
//!
//! Only the verifier builds [`Claims`], so holding them is the proof that signature, issuer, audience and times were checked.

use std::collections::BTreeSet;
use std::fmt;
use std::mem::size_of;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::JitMode;
use super::issuer_status::IssuerStatus;
use super::texts::Texts;
use crate::interner::SharedSets;

/// Whether a token was issued to a person or to a program acting for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubjectKind {
    /// A person signed in.
    Human,
    /// A program with its own credentials (RFC 6749 section 4.4).
    Machine,
}

/// Who the provider says this is. Descriptive only: nothing here decides a right or links an account.
///
/// Its `Debug` prints nothing personal.
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
    /// OIDC `email_verified`; `None` where the provider does not say.
    pub email_verified: Option<bool>,
    /// OIDC `locale`, a BCP 47 tag.
    pub locale: Option<&'a str>,
}

impl fmt::Debug for Profile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile").finish_non_exhaustive()
    }
}

/// Whose tokens they are, and how the operator wants them to be taken: the same for all of an issuer.
#[derive(Clone)]
pub(super) struct IssuerPolicy {
    /// The canonical issuer.
    pub(super) issuer: Box<str>,
    pub(super) issuer_name: Box<str>,
    pub(super) scope_prefix: Box<str>,
    pub(super) scopes_unused: bool,
    /// The roles with administrative permissions that its tokens may carry.
    pub(super) administrative_roles: BTreeSet<String>,
    pub(super) jit: JitMode,
    /// How the issuer stands by now.
    pub(super) status: Arc<IssuerStatus>,
}

/// The texts of one token that are kept.
#[derive(Clone, PartialEq, Eq)]
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
            [2, 3, 4, 5, 6, 7].map(|place| self.0.get(place));
        Profile { display_name, given_name, family_name, username, email, email_verified, locale }
    }

    /// How many bytes they have together.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The claims of a token that passed every check of the verifier.
///
/// They are kept for as long as the token is known again, so what many tokens have alike is shared between them.
///
/// Its `Debug` shows who issued it and for what kind of subject, and no claim that could identify a person.
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

    /// What operators call the issuer.
    pub fn issuer_name(&self) -> &str {
        &self.policy.issuer_name
    }

    /// Person or program.
    pub fn kind(&self) -> SubjectKind {
        self.kind
    }

    /// The subject that the issuer knows the caller by; for a program, its client id.
    pub fn subject(&self) -> &str {
        self.texts.subject()
    }

    /// The client that obtained the token, where the issuer says.
    pub fn client_id(&self) -> Option<&str> {
        self.texts.client_id()
    }

    /// Whether the client is listed as first-party for this issuer: it acts with all the rights of its principal.
    pub fn is_first_party(&self) -> bool {
        self.first_party
    }

    /// Whether this issuer does not delegate by scope at all (`scope_mode = roles-only`).
    pub fn are_scopes_unused(&self) -> bool {
        self.policy.scopes_unused
    }

    /// The delegated scopes, without the issuer's prefix.
    pub fn scopes(&self) -> &BTreeSet<String> {
        &self.scopes
    }

    /// A permission's name as the scope that a client asks this issuer for.
    pub fn spelled_scope(&self, permission: &str) -> String {
        format!("{}{permission}", self.policy.scope_prefix)
    }

    /// The roles with administrative permissions that this issuer may give by its tokens; any other such role counts only as a stored
    /// grant.
    pub fn administrative_roles(&self) -> &BTreeSet<String> {
        &self.policy.administrative_roles
    }

    /// What becomes of this issuer's people when they come for the first time.
    pub fn jit(&self) -> JitMode {
        self.policy.jit
    }

    /// The role names that the token carries.
    pub fn roles(&self) -> &BTreeSet<String> {
        &self.roles
    }

    /// The descriptive claims.
    pub fn profile(&self) -> Profile<'_> {
        self.texts.profile(self.email_verified)
    }

    /// Whether they say the same of who came, and by which client.
    pub(crate) fn describes_as(&self, other: &Self) -> bool {
        self.texts == other.texts && self.email_verified == other.email_verified
    }

    /// `iat`, where the token has one.
    pub fn issued_at(&self) -> Option<DateTime<Utc>> {
        self.issued_at
    }

    /// `exp`, without leeway.
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.expires_at
    }

    /// The memory that they take, in bytes, roughly.
    pub(crate) fn bytes(&self) -> usize {
        let kept = size_of::<Self>() + self.texts.len() + 2 * PER_PIECE;
        // What others have too costs nothing, and stays when this one goes.
        let sets = [&self.scopes, &self.roles].into_iter().filter(|set| !SharedSets::is_shared(set));
        kept + sets.map(|set| bytes_of_set(set)).sum::<usize>()
    }
}

/// What the allocator spends on each piece of memory, in bytes.
pub(super) const PER_PIECE: usize = 16;

/// A set keeps its texts in nodes of up to eleven, which are half full at the least.
fn bytes_of_set(set: &BTreeSet<String>) -> usize {
    const NODE: usize = 11 * size_of::<String>() + PER_PIECE;
    set.len().div_ceil(6) * NODE + set.iter().map(|text| text.len() + PER_PIECE).sum::<usize>()
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims").field("issuer", &self.issuer()).field("kind", &self.kind).finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Claims {
    /// Claims as the verifier would give them, for tests of what comes after it.
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
