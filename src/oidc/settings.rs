//! The settings of an issuer, filled from the configuration.

use std::collections::BTreeSet;

use url::Url;

use super::{
    ClaimMapping, ExtraAuthorities, IntrospectionSettings, LoginSettings, PlainHttp, ProviderClient, Requirement,
};
use crate::jose::Algorithm;

/// The placeholder for the tenant in an issuer template, as Entra publishes it.
pub const TENANT_PLACE: &str = "{tenantid}";

/// One trusted issuer, or one per tenant if `issuer` is a template.
#[derive(Clone, Debug)]
pub struct IssuerSettings {
    /// The canonical issuer, compared octet by octet with `iss` and with the discovery document. If it contains [`TENANT_PLACE`], it is
    /// a template: each of `tenants` is a separate issuer, and all use the same keys.
    pub issuer: String,
    /// The name in readiness reports and logs.
    pub short_name: String,
    /// Further accepted values of `iss`; templates if the issuer is a template. The `iss` of an ID token of a browser sign-in must be a URL
    /// (OIDC Core section 2).
    pub accepted_issuers: Vec<String>,
    /// The tenants of a template; otherwise empty.
    pub tenants: Vec<String>,
    /// The URL of the discovery document, if it is not at the issuer's well-known URLs.
    pub discovery_url: Option<Url>,
    /// The URL of the key set. If it is set, discovery is skipped.
    pub jwks_url: Option<Url>,
    /// The key set itself (RFC 7517 section 5). If it is set, nothing is fetched.
    pub static_keys: Option<String>,
    /// The accepted audiences: `aud` must contain one of them. If the list is empty, `allowed_clients` replaces the check.
    pub audiences: Vec<String>,
    /// The allowed clients. If the list is empty and audiences are configured, every client is allowed.
    pub allowed_clients: BTreeSet<String>,
    /// The allowed signature algorithms.
    pub algorithms: Vec<Algorithm>,
    /// Whether `typ` in the header must be `at+jwt` (RFC 9068 section 4).
    pub requires_at_jwt: bool,
    /// Whether ID tokens are accepted too, for issuers without verifiable access tokens.
    pub accepts_id_tokens: bool,
    /// The claims mapping.
    pub mapping: ClaimMapping,
    /// Additional conditions that its tokens must meet.
    pub requirements: Vec<Requirement>,
    /// Whether the issuer delegates by scope.
    pub scope_mode: ScopeMode,
    /// The prefix of its scopes, stripped when a token is read. Scopes without it are ignored.
    pub scope_prefix: String,
    /// The clients that act with all permissions of their principal.
    pub first_party_clients: BTreeSet<String>,
    /// Just-in-time provisioning of its users.
    pub jit: JitMode,
    /// Token introspection; `None` if it is not used.
    pub introspection: Option<IntrospectionSettings>,
    /// The client for browser sign-in; `None` if it is not enabled at this issuer.
    pub login: Option<LoginSettings>,
    /// Certificate authorities trusted for this issuer in addition to those of the system.
    pub extra_authorities: Option<ExtraAuthorities>,
    /// The hosts that may be reached by plain http.
    pub plain_http: PlainHttp,
}

/// The effect of an issuer's scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScopeMode {
    /// A request requires both the scope and the role.
    #[default]
    Intersect,
    /// The issuer does not delegate by scope: only the role is required.
    RolesOnly,
}

impl ScopeMode {
    /// The variant with this configuration value.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "intersect" => Some(Self::Intersect),
            "roles-only" => Some(Self::RolesOnly),
            _ => None,
        }
    }
}

/// Just-in-time provisioning: the handling of a user's first token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JitMode {
    /// The user is created and active.
    #[default]
    Active,
    /// The user is created and waits for approval by an administrator.
    Pending,
    /// The user is not created.
    Off,
}

impl JitMode {
    /// The variant with this configuration value.
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
    /// Pairs of each accepted `iss` and its canonical issuer.
    ///
    /// Aliases of one issuer share its users. Tenants do not, because the administrator of one tenant could otherwise use the subjects of
    /// another.
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

    /// Whether `other` uses the same keys: the same source, fetched in the same way.
    pub fn has_keys_of(&self, other: &Self) -> bool {
        self.issuer == other.issuer
            && self.discovery_url == other.discovery_url
            && self.jwks_url == other.jwks_url
            && self.static_keys == other.static_keys
            && self.algorithms == other.algorithms
            && self.extra_authorities == other.extra_authorities
            && self.plain_http == other.plain_http
    }

    /// The client for requests to this issuer: `default`, unless it has extra certificate authorities.
    pub(super) fn client(&self, default: &ProviderClient) -> ProviderClient {
        self.extra_authorities.as_ref().map_or(default, ExtraAuthorities::client).clone()
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
    fn alias_maps_to_the_canonical_issuer() {
        let mut settings = testing::settings("https://accounts.example");
        settings.accepted_issuers = vec!["accounts.example".to_owned()];
        let canonical = || "https://accounts.example".to_owned();
        assert_eq!(pairs(&settings), [(canonical(), canonical()), ("accounts.example".to_owned(), canonical())]);
        assert_eq!(settings.canonical_issuers(), [canonical()]);
    }

    #[test]
    fn each_tenant_of_a_template_is_a_separate_issuer() {
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
