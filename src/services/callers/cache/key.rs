//! The key of a cached principal.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

use quick_cache::Equivalent;

use crate::oidc::{Claims, SubjectKind};

/// The allocator's overhead of a text.
pub(super) const PER_TEXT: usize = 40;

/// The identity and role names of the token with which a principal was resolved.
#[derive(PartialEq, Eq)]
pub(crate) struct Key {
    issuer: String,
    kind: SubjectKind,
    subject: String,
    /// The role names of the token.
    roles: BTreeSet<String>,
    /// Those of them with administrative permissions that the issuer may assign.
    administrative: BTreeSet<String>,
}

/// Claims as a lookup key.
pub(crate) struct Presented<'a>(pub(crate) &'a Claims);

impl Hash for Presented<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let claims = self.0;
        hash(claims.issuer(), claims.kind(), claims.subject(), claims.roles().iter(), state);
    }
}

impl Equivalent<Key> for Presented<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        let claims = self.0;
        claims.subject() == key.subject
            && claims.kind() == key.kind
            && claims.issuer() == key.issuer
            && key.roles == *claims.roles()
            && key.administrative.iter().eq(administrative(claims))
    }
}

impl Key {
    /// Returns the approximate memory of the key in addition to its own size.
    pub(crate) fn bytes(&self) -> usize {
        let roles: usize = self.roles.iter().chain(&self.administrative).map(|role| role.len() + PER_TEXT).sum();
        self.issuer.len() + self.subject.len() + roles
    }

    pub(crate) fn of(claims: &Claims) -> Self {
        Self {
            issuer: claims.issuer().to_owned(),
            kind: claims.kind(),
            subject: claims.subject().to_owned(),
            roles: claims.roles().clone(),
            administrative: administrative(claims).cloned().collect(),
        }
    }
}

/// Returns the role names of the token that may be administrative. They are part of the key because the issuer's settings can be reloaded
/// while an entry is cached.
fn administrative(claims: &Claims) -> impl Iterator<Item = &String> {
    claims.administrative_roles().intersection(claims.roles())
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash(&self.issuer, self.kind, &self.subject, self.roles.iter(), state);
    }
}

fn hash<'a>(
    issuer: &str,
    kind: SubjectKind,
    subject: &str,
    roles: impl Iterator<Item = &'a String>,
    state: &mut impl Hasher,
) {
    (issuer, kind, subject).hash(state);
    roles.for_each(|role| role.hash(state));
}
