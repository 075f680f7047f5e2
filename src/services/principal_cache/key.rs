//! What a remembered principal is found by.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

use quick_cache::Equivalent;

use super::weight::PER_TEXT;
use crate::oidc::{Claims, SubjectKind};

/// How a principal was presented.
#[derive(PartialEq, Eq)]
pub(super) struct Key {
    issuer: String,
    kind: SubjectKind,
    subject: String,
    /// The role names that the token carried.
    roles: BTreeSet<String>,
    /// Those among them that its issuer may give although they hold administrative permissions.
    administrative: BTreeSet<String>,
}

/// The claims as a key to be found by.
pub(super) struct Presented<'a>(pub(super) &'a Claims);

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
    /// The memory that it takes besides its own size, roughly.
    pub(super) fn bytes(&self) -> usize {
        let roles: usize = self.roles.iter().chain(&self.administrative).map(|role| role.len() + PER_TEXT).sum();
        self.issuer.len() + self.subject.len() + roles
    }

    pub(super) fn of(claims: &Claims) -> Self {
        Self {
            issuer: claims.issuer().to_owned(),
            kind: claims.kind(),
            subject: claims.subject().to_owned(),
            roles: claims.roles().clone(),
            administrative: administrative(claims).cloned().collect(),
        }
    }
}

/// The administrative roles that count of those that the token carries. The issuer's settings can be read again while it is cached.
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
