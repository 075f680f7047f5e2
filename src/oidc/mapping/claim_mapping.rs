//! The claims mapping of an issuer, and how its tokens identify service accounts.

use std::collections::BTreeSet;

use super::rule::{Evaluation, RoleRule, Rule, RuleContext};
use crate::jose::unique_json::{Json, Object};
use crate::oidc::ClaimPath;

/// The claim paths of an issuer's tokens. Of several paths the first present one is used; roles are collected from all.
#[derive(Clone, Debug)]
pub struct ClaimMapping {
    /// The subject of a user.
    pub subject: ClaimPath,
    /// The subject of a user in ID tokens, which must identify the same user as `subject` does.
    pub id_token_subject: ClaimPath,
    /// The client that obtained the token.
    pub client_id: Vec<ClaimPath>,
    /// The delegated scopes.
    pub scopes: Vec<ClaimPath>,
    /// The delegated scopes of a service account, if they differ from `scopes`; this claim then gives service accounts no roles.
    pub machine_scopes: Option<ClaimPath>,
    /// Role names.
    pub roles: Vec<ClaimPath>,
    /// The e-mail address.
    pub email: ClaimPath,
    /// Whether the issuer has verified it.
    pub email_verified: ClaimPath,
    /// How a service account is identified.
    pub machine_matcher: MachineMatcher,
    /// Rules that give roles.
    pub role_rules: Vec<RoleRule>,
    /// The separator of role names in one string; without it a string is one name.
    pub roles_separator: Option<Separator>,
    /// The roles with administrative permissions that may come from a token.
    pub administrative_roles: BTreeSet<String>,
}

/// The separator of role names in one string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Separator {
    /// U+0020.
    Space,
    /// A comma, with or without spaces around it.
    Comma,
    /// A semicolon, with or without spaces around it.
    Semicolon,
    /// A vertical line, with or without spaces around it.
    Pipe,
}

impl Separator {
    /// The variant with this configuration value.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "space" => Some(Self::Space),
            "comma" => Some(Self::Comma),
            "semicolon" => Some(Self::Semicolon),
            "pipe" => Some(Self::Pipe),
            _ => None,
        }
    }

    /// The parts of `text`, without spaces around them.
    pub(crate) fn split(self, text: &str) -> impl Iterator<Item = &str> {
        let separator = match self {
            Self::Space => ' ',
            Self::Comma => ',',
            Self::Semicolon => ';',
            Self::Pipe => '|',
        };
        text.split(separator).map(str::trim)
    }
}

/// How a token of a service account is identified. It must also have a client id, which is its subject here.
#[derive(Clone, Debug)]
pub enum MachineMatcher {
    /// `sub` equals the client id (RFC 9068 section 5) or is absent.
    SubjectIsClient,
    /// A claim has this value, such as `app` in Entra's `idtyp`.
    Claim {
        /// The path of the claim.
        at: ClaimPath,
        /// The required value.
        value: String,
    },
    /// A claim is the client id with a prefix and a suffix, such as `<client>@clients` in Auth0's `sub`. An absent `sub` does not count
    /// as a match: Keycloak can be configured to omit it from the tokens of users too.
    NamesClient {
        /// The path of the claim.
        at: ClaimPath,
        /// The prefix of the client id.
        before: &'static str,
        /// The suffix of the client id.
        after: &'static str,
    },
    /// A rule holds.
    Rule(Rule),
}

impl MachineMatcher {
    /// Whether the claims match; `false` if a rule cannot be evaluated.
    pub(crate) fn matches(&self, claims: &Object<'_>, client_id: &str) -> bool {
        match self {
            Self::SubjectIsClient => claims.get("sub").is_none_or(|subject| subject.as_str() == Some(client_id)),
            Self::Claim { at, value } => at.find(claims).and_then(Json::as_str) == Some(value),
            Self::NamesClient { at, before, after } => {
                let named = at.find(claims).and_then(Json::as_str).and_then(|name| name.strip_prefix(before));
                named.and_then(|name| name.strip_suffix(after)) == Some(client_id)
            }
            Self::Rule(rule) => rule.evaluate(&RuleContext::of(claims)) == Evaluation::Holds,
        }
    }
}
