//! What a proved token says.
//!
//! Only the verifier builds [`Claims`], so holding them is the proof that signature, issuer, audience and times were checked.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::JitMode;

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
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// OIDC `name`.
    pub display_name: Option<String>,
    /// OIDC `given_name`.
    pub given_name: Option<String>,
    /// OIDC `family_name`.
    pub family_name: Option<String>,
    /// OIDC `preferred_username`.
    pub username: Option<String>,
    /// OIDC `email`.
    pub email: Option<String>,
    /// OIDC `email_verified`; `None` where the provider does not say.
    pub email_verified: Option<bool>,
    /// OIDC `locale`, a BCP 47 tag.
    pub locale: Option<String>,
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile").finish_non_exhaustive()
    }
}

/// The claims of a token that passed every check of the verifier.
///
/// Its `Debug` shows who issued it and for what kind of subject, and no claim that could identify a person.
#[derive(Clone)]
pub struct Claims {
    pub(super) issuer: Arc<str>,
    pub(super) issuer_name: Arc<str>,
    pub(super) kind: SubjectKind,
    pub(super) subject: String,
    pub(super) client_id: Option<String>,
    pub(super) first_party: bool,
    pub(super) scopes_unused: bool,
    pub(super) scope_prefix: Arc<str>,
    pub(super) scopes: BTreeSet<String>,
    pub(super) roles: BTreeSet<String>,
    pub(super) admin_allowed: bool,
    pub(super) jit: JitMode,
    pub(super) profile: Profile,
    pub(super) issued_at: Option<DateTime<Utc>>,
    pub(super) expires_at: DateTime<Utc>,
}

impl Claims {
    /// The canonical issuer, as configured.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What operators call the issuer.
    pub fn issuer_name(&self) -> &str {
        &self.issuer_name
    }

    /// Person or program.
    pub fn kind(&self) -> SubjectKind {
        self.kind
    }

    /// The subject that the issuer knows the caller by; for a program, its client id.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The client that obtained the token, where the issuer says.
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    /// Whether the client is listed as first-party for this issuer: it acts with all the rights of its principal.
    pub fn is_first_party(&self) -> bool {
        self.first_party
    }

    /// Whether this issuer does not delegate by scope at all (`scope_mode = roles-only`).
    pub fn are_scopes_unused(&self) -> bool {
        self.scopes_unused
    }

    /// The delegated scopes, without the issuer's prefix.
    pub fn scopes(&self) -> &BTreeSet<String> {
        &self.scopes
    }

    /// A permission's name as the scope that a client asks this issuer for.
    pub fn spelled_scope(&self, permission: &str) -> String {
        format!("{}{permission}", self.scope_prefix)
    }

    /// Whether `admin` may be among the roles that the token carries.
    pub fn is_admin_allowed(&self) -> bool {
        self.admin_allowed
    }

    /// What becomes of this issuer's people when they come for the first time.
    pub fn jit(&self) -> JitMode {
        self.jit
    }

    /// The role names that the token carries.
    pub fn roles(&self) -> &BTreeSet<String> {
        &self.roles
    }

    /// The descriptive claims.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// `iat`, where the token has one.
    pub fn issued_at(&self) -> Option<DateTime<Utc>> {
        self.issued_at
    }

    /// `exp`, without leeway.
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.expires_at
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims").field("issuer", &self.issuer).field("kind", &self.kind).finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Claims {
    /// Claims as the verifier would give them, for tests of what comes after it.
    pub(crate) fn for_test(issuer: &str, kind: SubjectKind, subject: &str, issued_at: DateTime<Utc>) -> Self {
        Self {
            issuer: issuer.into(),
            issuer_name: "test".into(),
            kind,
            subject: subject.to_owned(),
            client_id: Some("client".to_owned()),
            first_party: false,
            scopes_unused: false,
            scope_prefix: "".into(),
            scopes: BTreeSet::new(),
            roles: BTreeSet::new(),
            admin_allowed: false,
            jit: JitMode::Active,
            profile: Profile::default(),
            issued_at: Some(issued_at),
            expires_at: issued_at + chrono::TimeDelta::minutes(5),
        }
    }

    pub(crate) fn with_roles(self, roles: &[&str]) -> Self {
        Self { roles: roles.iter().map(ToString::to_string).collect(), ..self }
    }

    pub(crate) fn with_admin_allowed(self) -> Self {
        Self { admin_allowed: true, ..self }
    }

    pub(crate) fn with_jit(self, jit: JitMode) -> Self {
        Self { jit, ..self }
    }

    pub(crate) fn with_profile(self, profile: Profile) -> Self {
        Self { profile, ..self }
    }

    pub(crate) fn without_issued_at(self) -> Self {
        Self { issued_at: None, ..self }
    }
}
