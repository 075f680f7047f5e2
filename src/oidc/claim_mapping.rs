//! Where an issuer's tokens carry what, and what makes their bearer a program.

use std::collections::BTreeSet;

use super::ClaimPath;
use super::rule::{Evaluation, RoleRule, Rule, RuleContext};
use super::strict_json::{Json, Object};

/// Where an issuer's tokens carry what. Of several places the first that is there counts, but for roles, which add up.
#[derive(Clone, Debug)]
pub struct ClaimMapping {
    /// The subject of a person.
    pub subject: ClaimPath,
    /// The subject of a person in ID tokens: what names the same person there.
    pub id_token_subject: ClaimPath,
    /// The client that obtained the token.
    pub client_id: Vec<ClaimPath>,
    /// The delegated scopes.
    pub scopes: Vec<ClaimPath>,
    /// The delegated scopes of a program, where they stand elsewhere; the claim then gives programs no roles.
    pub machine_scopes: Option<ClaimPath>,
    /// Role names.
    pub roles: Vec<ClaimPath>,
    /// The e-mail address.
    pub email: ClaimPath,
    /// Whether the issuer has verified it.
    pub email_verified: ClaimPath,
    /// What tells a program.
    pub machine_matcher: MachineMatcher,
    /// Roles that follow from what the claims say.
    pub role_rules: Vec<RoleRule>,
    /// What parts several role names in one text; without it a text is one name.
    pub roles_separator: Option<Separator>,
    /// The roles with administrative permissions that may come from a token.
    pub administrative_roles: BTreeSet<String>,
}

/// What parts role names in one text.
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
    /// The variant of this word.
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
    pub(super) fn split(self, text: &str) -> impl Iterator<Item = &str> {
        let separator = match self {
            Self::Space => ' ',
            Self::Comma => ',',
            Self::Semicolon => ';',
            Self::Pipe => '|',
        };
        text.split(separator).map(str::trim)
    }
}

/// What tells a program from a person. A client id has to be there besides: it names the program.
#[derive(Clone, Debug)]
pub enum MachineMatcher {
    /// `sub` is the client id (RFC 9068 section 5), or there is none.
    SubjectIsClient,
    /// A claim has this value, as Entra's `idtyp` has `app`.
    Claim {
        /// Where it is.
        at: ClaimPath,
        /// What it must be.
        value: String,
    },
    /// A claim is the client id with these texts around it, as Auth0's `sub` is `<client>@clients`. Where only this tells a program,
    /// nothing follows from an absent `sub`: Keycloak leaves it out of the tokens of people too if it is told to.
    NamesClient {
        /// Where it is.
        at: ClaimPath,
        /// What stands before the client id.
        before: &'static str,
        /// What stands after it.
        after: &'static str,
    },
    /// A rule holds.
    Rule(Rule),
}

impl MachineMatcher {
    /// Whether the claims bear the mark; where that can't be told, they don't.
    pub(super) fn matches(&self, claims: &Object<'_>, client_id: &str) -> bool {
        match self {
            Self::SubjectIsClient => claims.get("sub").is_none_or(|subject| subject.as_str() == Some(client_id)),
            Self::Claim { at, value } => at.find(claims).and_then(Json::as_str) == Some(value),
            Self::NamesClient { at, before, after } => {
                let named = at.find(claims).and_then(Json::as_str).and_then(|name| name.strip_prefix(before));
                named.and_then(|name| name.strip_suffix(after)) == Some(client_id)
            }
            Self::Rule(rule) => rule.judge(&RuleContext::of(claims)) == Evaluation::Holds,
        }
    }
}
