//! What is known about an issuer before it is asked anything: the values that configuration fills.

use std::collections::BTreeSet;

use url::Url;

use super::{
    Algorithm, ClaimMapping, ExtraAuthorities, IntrospectionSettings, LoginSettings, PlainHttp, ProviderClient,
    Requirement,
};

/// What stands for the tenant in the issuer of a provider that has one per tenant, as Entra publishes it.
pub const TENANT_PLACE: &str = "{tenantid}";

/// One trusted issuer, or one per tenant where the issuer is a template.
#[derive(Clone, Debug)]
pub struct IssuerSettings {
    /// The canonical issuer, compared octet by octet with `iss` and with the discovery document. With [`TENANT_PLACE`] in it, each of
    /// `tenants` makes an issuer of its own, and the keys are the same for all.
    pub issuer: String,
    /// What operators call it: in readiness and in logs.
    pub short_name: String,
    /// Further values of `iss` that mean this issuer; templates where the issuer is one.
    pub accepted_issuers: Vec<String>,
    /// The tenants of a template; empty where the issuer is none.
    pub tenants: Vec<String>,
    /// Where the discovery document is, if not at the issuer's well-known places.
    pub discovery_url: Option<Url>,
    /// Where the keys are; discovery is skipped if it is set.
    pub jwks_url: Option<Url>,
    /// The keys themselves (a JWK Set, RFC 7517 section 5): nothing is fetched if they are set.
    pub static_keys: Option<String>,
    /// The names of this service: `aud` must hold one of them. Where the list is empty, `allowed_clients` stands in for it.
    pub audiences: Vec<String>,
    /// The clients whose tokens are taken; empty means any, where there are audiences.
    pub allowed_clients: BTreeSet<String>,
    /// What the issuer may sign with.
    pub algorithms: Vec<Algorithm>,
    /// Whether a token must say `at+jwt` in its header (RFC 9068 section 4).
    pub requires_at_jwt: bool,
    /// Whether ID tokens are taken too, of issuers that give their clients nothing better.
    pub accepts_id_tokens: bool,
    /// Where its tokens carry what, and what it means here.
    pub mapping: ClaimMapping,
    /// What its tokens must say besides.
    pub requirements: Vec<Requirement>,
    /// Whether it delegates by scope.
    pub scope_mode: ScopeMode,
    /// What its scopes start with; stripped when a token is read. Scopes without it are not ours.
    pub scope_prefix: String,
    /// The clients that act with all the rights of their principal.
    pub first_party_clients: BTreeSet<String>,
    /// What becomes of its people when they come for the first time.
    pub jit: JitMode,
    /// How it is asked about tokens; without it, it is not.
    pub introspection: Option<IntrospectionSettings>,
    /// As which client people are signed in there; without it, they are not.
    pub login: Option<LoginSettings>,
    /// Who may sign its certificate, beside the authorities that the system trusts.
    pub extra_authorities: Option<ExtraAuthorities>,
    /// Where plain http may be spoken.
    pub plain_http: PlainHttp,
}

/// How an issuer's tokens delegate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScopeMode {
    /// A request needs the scope and the role.
    #[default]
    Intersect,
    /// The issuer does not delegate by scope: the role decides alone.
    RolesOnly,
}

impl ScopeMode {
    /// The variant of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "intersect" => Some(Self::Intersect),
            "roles-only" => Some(Self::RolesOnly),
            _ => None,
        }
    }
}

/// What happens when a person is seen for the first time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JitMode {
    /// They are let in.
    #[default]
    Active,
    /// They are known from now on and wait for an admin.
    Pending,
    /// They stay unknown.
    Off,
}

impl JitMode {
    /// The variant of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "active" => Some(Self::Active),
            "pending" => Some(Self::Pending),
            "off" => Some(Self::Off),
            _ => None,
        }
    }
}

impl IssuerSettings {
    /// Each `iss` that is taken, beside the canonical issuer that it means.
    ///
    /// Aliases of one issuer share its people; tenants never do, or one tenant's administrator could name subjects of another's.
    pub fn trusted_names(&self) -> Vec<(String, String)> {
        let own = |issuer: &str| (issuer.to_owned(), self.issuer.clone());
        let of_tenant = |tenant: &String, issuer: &str| {
            (issuer.replace(TENANT_PLACE, tenant), self.issuer.replace(TENANT_PLACE, tenant))
        };
        let issuers = || std::iter::once(&self.issuer).chain(&self.accepted_issuers);
        if self.tenants.is_empty() {
            return issuers().map(|issuer| own(issuer)).collect();
        }
        self.tenants.iter().flat_map(|tenant| issuers().map(move |issuer| of_tenant(tenant, issuer))).collect()
    }

    /// The canonical issuers, one per tenant of a template.
    pub fn canonical_issuers(&self) -> Vec<String> {
        match self.tenants.as_slice() {
            [] => vec![self.issuer.clone()],
            tenants => tenants.iter().map(|tenant| self.issuer.replace(TENANT_PLACE, tenant)).collect(),
        }
    }

    /// Whether the keys of `other` are those of this issuer: the same place, asked in the same way.
    pub fn has_keys_of(&self, other: &Self) -> bool {
        self.issuer == other.issuer
            && self.discovery_url == other.discovery_url
            && self.jwks_url == other.jwks_url
            && self.static_keys == other.static_keys
            && self.algorithms == other.algorithms
            && self.extra_authorities == other.extra_authorities
            && self.plain_http == other.plain_http
    }

    /// The client that asks this issuer: `usual`, unless it is trusted by authorities of its own.
    pub(super) fn client(&self, usual: &ProviderClient) -> ProviderClient {
        self.extra_authorities.as_ref().map_or(usual, ExtraAuthorities::client).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::testing;

    fn pairs(settings: &IssuerSettings) -> Vec<(String, String)> {
        settings.trusted_names()
    }

    #[test]
    fn an_alias_means_the_canonical_issuer() {
        let mut settings = testing::settings("https://accounts.example");
        settings.accepted_issuers = vec!["accounts.example".to_owned()];
        let canonical = || "https://accounts.example".to_owned();
        assert_eq!(pairs(&settings), [(canonical(), canonical()), ("accounts.example".to_owned(), canonical())]);
        assert_eq!(settings.canonical_issuers(), [canonical()]);
    }

    #[test]
    fn each_tenant_of_a_template_is_an_issuer_of_its_own() {
        let mut settings = testing::settings("https://login.example/{tenantid}/v2.0");
        settings.accepted_issuers = vec!["https://sts.example/{tenantid}/".to_owned()];
        settings.tenants = vec!["a".to_owned(), "b".to_owned()];
        let pair = |iss: &str, canonical: &str| (iss.to_owned(), canonical.to_owned());
        assert_eq!(
            pairs(&settings),
            [
                pair("https://login.example/a/v2.0", "https://login.example/a/v2.0"),
                pair("https://sts.example/a/", "https://login.example/a/v2.0"),
                pair("https://login.example/b/v2.0", "https://login.example/b/v2.0"),
                pair("https://sts.example/b/", "https://login.example/b/v2.0"),
            ]
        );
        assert_eq!(settings.canonical_issuers(), ["https://login.example/a/v2.0", "https://login.example/b/v2.0"]);
    }
}
