//! `OIDC_`: the issuer whose tokens are taken, and how its tokens are read.

use std::collections::BTreeSet;

use url::Url;

use super::environment::RawOidc;
use super::faults::Faults;
use super::server::ServerConfig;
use crate::models::JitMode;
use crate::oidc::{Algorithm, ClaimPath, IssuerSettings, PlainHttp, ScopeMode};

const URL_RULE: &str =
    "an https URL; http is for loopback while SERVER_PUBLIC_URL is loopback too, and for OIDC_ALLOW_HTTP_HOSTS";

/// The issuer, and what becomes of its people when they come for the first time.
#[derive(Clone, Debug)]
pub(crate) struct OidcConfig {
    pub(crate) issuer: IssuerSettings,
    pub(crate) jit: JitMode,
}

impl OidcConfig {
    /// `None` where no issuer is named, and where something is wrong, which is then among the faults.
    pub(super) fn parse(mut raw: RawOidc, server: Option<&ServerConfig>, faults: &mut Faults) -> Option<Self> {
        let plain_http = plain_http(raw.allow_http_hosts.take(), server, faults);
        let discovery_url = endpoint("OIDC_DISCOVERY_URL", raw.discovery_url.take(), &plain_http, faults);
        let jwks_url = endpoint("OIDC_JWKS_URL", raw.jwks_url.take(), &plain_http, faults);
        let algorithms = algorithms(raw.algorithms.take(), faults);
        let scope_mode = scope_mode(raw.scope_mode.take(), faults);
        let jit = jit(raw.jit.take(), faults);
        let roles_claim = roles_claim(raw.roles_claim.take(), faults);
        let audiences = list(raw.audience.take());
        let Some(issuer) = raw.issuer.take() else {
            if !audiences.is_empty() || discovery_url.flatten().is_some() || jwks_url.flatten().is_some() {
                faults.add("OIDC_ISSUER", "set where other OIDC_ variables are");
            }
            return None;
        };
        if audiences.is_empty() {
            faults
                .add("OIDC_AUDIENCE", "at least one audience that tokens for this service carry: there is no default");
        }
        let issuer = issuer_url(issuer, &plain_http, faults);
        Some(Self {
            issuer: IssuerSettings {
                issuer: issuer?,
                discovery_url: discovery_url?,
                jwks_url: jwks_url?,
                audiences,
                algorithms: algorithms?,
                roles_claim: roles_claim?,
                scope_mode: scope_mode?,
                scope_prefix: raw.scope_prefix.unwrap_or_default(),
                first_party_clients: list(raw.first_party_clients).into_iter().collect(),
                plain_http,
            },
            jit: jit?,
        })
    }
}

/// The issuer is compared octet by octet with what tokens say, so it is kept as it is written.
fn issuer_url(text: String, plain_http: &PlainHttp, faults: &mut Faults) -> Option<String> {
    let is_issuer = |url: &Url| url.query().is_none() && url.fragment().is_none() && plain_http.is_fetchable(url);
    if Url::parse(&text).is_ok_and(|url| is_issuer(&url)) {
        return Some(text);
    }
    // OIDC Discovery section 3, RFC 8414 section 2.
    faults.add("OIDC_ISSUER", format!("the issuer's identifier, {URL_RULE}; without query and fragment"));
    None
}

fn endpoint(variable: &str, raw: Option<String>, plain_http: &PlainHttp, faults: &mut Faults) -> Option<Option<Url>> {
    faults.parse(variable, raw, None, URL_RULE, |text| {
        Url::parse(text).ok().filter(|url| plain_http.is_fetchable(url)).map(Some)
    })
}

fn plain_http(raw: Option<String>, server: Option<&ServerConfig>, faults: &mut Faults) -> PlainHttp {
    let hosts: BTreeSet<String> = list(raw).into_iter().map(|host| host.to_ascii_lowercase()).collect();
    if !hosts.is_empty() && server.is_some_and(ServerConfig::is_https) {
        faults.add("OIDC_ALLOW_HTTP_HOSTS", "absent where SERVER_PUBLIC_URL is https");
    }
    if hosts.iter().any(|host| !is_host_and_port(host)) {
        faults.add("OIDC_ALLOW_HTTP_HOSTS", "a comma-separated list of host:port");
    }
    PlainHttp { loopback: server.is_some_and(ServerConfig::is_loopback), hosts }
}

fn is_host_and_port(text: &str) -> bool {
    text.rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok())
}

fn algorithms(raw: Option<String>, faults: &mut Faults) -> Option<Vec<Algorithm>> {
    let rule = "a comma-separated list of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA; never none, never HS*";
    faults.parse("OIDC_ALGORITHMS", raw, Algorithm::DEFAULTS.to_vec(), rule, |text| {
        let algorithms: Result<Vec<Algorithm>, _> = split(text).map(str::parse).collect();
        algorithms.ok().filter(|algorithms| !algorithms.is_empty())
    })
}

fn scope_mode(raw: Option<String>, faults: &mut Faults) -> Option<ScopeMode> {
    let rule = "`intersect` (scopes and roles) or `roles-only` (this provider does not delegate by scope)";
    faults.parse("OIDC_SCOPE_MODE", raw, ScopeMode::Intersect, rule, |text| match text {
        "intersect" => Some(ScopeMode::Intersect),
        "roles-only" => Some(ScopeMode::RolesOnly),
        _ => None,
    })
}

fn jit(raw: Option<String>, faults: &mut Faults) -> Option<JitMode> {
    let rule = "`active`, `pending` or `off`: what becomes of a person who comes for the first time";
    faults.parse("OIDC_JIT", raw, JitMode::Active, rule, JitMode::from_word)
}

fn roles_claim(raw: Option<String>, faults: &mut Faults) -> Option<Option<ClaimPath>> {
    let rule = "the name of a claim, or a JSON Pointer (RFC 6901) such as /realm_access/roles";
    faults.parse("OIDC_ROLES_CLAIM", raw, None, rule, |text| text.parse().ok().map(Some))
}

fn list(raw: Option<String>) -> Vec<String> {
    raw.iter().flat_map(|text| split(text)).map(str::to_owned).collect()
}

/// The entries of a comma-separated list; empty ones mean nothing.
fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}
