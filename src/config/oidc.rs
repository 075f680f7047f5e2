//! `OIDC_`: the trusted issuers and the mapping of their tokens. One issuer is set by variables, any number by a file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::ConfigError;
use super::environment::RawOidc;
use super::faults::Faults;
use super::issuer::{self, Block, split};
use super::server::ServerConfig;
use crate::oidc::{IssuerSettings, PlainHttp};

/// The settings of the issuer that is configured by variables, each with its variable.
const VARIABLES: &[(&str, &str)] = &[
    ("issuer", "OIDC_ISSUER"),
    ("preset", "OIDC_PROVIDER"),
    ("tenants", "OIDC_TENANTS"),
    ("discovery_url", "OIDC_DISCOVERY_URL"),
    ("jwks_url", "OIDC_JWKS_URL"),
    ("audiences", "OIDC_AUDIENCE"),
    ("allowed_clients", "OIDC_ALLOWED_CLIENTS"),
    ("algorithms", "OIDC_ALGORITHMS"),
    ("accept_id_tokens", "OIDC_ACCEPT_ID_TOKENS"),
    ("roles_claim", "OIDC_ROLES_CLAIM"),
    ("roles_separator", "OIDC_ROLES_SEPARATOR"),
    ("allow_admin_role", "OIDC_ALLOW_ADMIN_ROLE"),
    ("administrative_roles", "OIDC_ADMINISTRATIVE_ROLES"),
    ("scope_mode", "OIDC_SCOPE_MODE"),
    ("scope_prefix", "OIDC_SCOPE_PREFIX"),
    ("jit", "OIDC_JIT"),
    ("first_party_clients", "OIDC_FIRST_PARTY_CLIENTS"),
    ("opaque", "OIDC_OPAQUE"),
    ("opaque_prefix", "OIDC_OPAQUE_PREFIX"),
    ("introspect", "OIDC_INTROSPECT"),
    ("introspection_url", "OIDC_INTROSPECTION_URL"),
    ("introspection_client_id", "OIDC_INTROSPECTION_CLIENT_ID"),
    ("introspection_auth", "OIDC_INTROSPECTION_AUTH"),
    ("introspection_client_secret", "OIDC_INTROSPECTION_CLIENT_SECRET"),
    ("introspection_private_key", "OIDC_INTROSPECTION_PRIVATE_KEY"),
    ("introspection_private_key_id", "OIDC_INTROSPECTION_PRIVATE_KEY_ID"),
    ("introspection_require_aud", "OIDC_INTROSPECTION_REQUIRE_AUD"),
    ("trust_active", "OIDC_TRUST_ACTIVE"),
    ("extra_ca", "OIDC_EXTRA_CA"),
    ("client_id", "OIDC_CLIENT_ID"),
    ("client_secret", "OIDC_CLIENT_SECRET"),
    ("login_scopes", "OIDC_LOGIN_SCOPES"),
];

/// The issuers, and the source to reload them from.
#[derive(Clone, Debug)]
pub(crate) struct OidcConfig {
    /// At least one. The issuer configured by variables comes first.
    pub(crate) issuers: Vec<IssuerSettings>,
    /// The client with which the documentation page signs users in at the first issuer; `None` disables that.
    pub(crate) docs: Option<DocsClient>,
    source: IssuerSource,
}

/// The client of the documentation page.
#[derive(Clone, Debug)]
pub(crate) struct DocsClient {
    pub(crate) id: String,
    /// Additional authorization parameters, for providers that need them to issue a token for this service.
    pub(crate) parameters: BTreeMap<String, String>,
}

/// The source of the issuers.
#[derive(Clone, Debug)]
struct IssuerSource {
    by_variables: Option<IssuerSettings>,
    file: Option<PathBuf>,
    plain_http: PlainHttp,
}

impl OidcConfig {
    /// Returns `None` if no issuer is configured, or if a fault was added.
    pub(super) fn parse(mut raw: RawOidc, server: Option<&ServerConfig>, faults: &mut Faults) -> Option<Self> {
        let plain_http = plain_http(raw.allow_http_hosts.take(), server, faults);
        let file = raw.issuers_file.take().map(PathBuf::from);
        let docs = docs_client(raw.docs_client_id.take(), raw.docs_parameters.take(), faults);
        let by_variables = by_variables(raw, &plain_http, faults);
        let source = IssuerSource { by_variables, file, plain_http };
        let issuers = source.read(faults);
        (!issuers.is_empty()).then_some(Self { issuers, docs, source })
    }

    /// Whether `issuer` is the canonical name of a trusted issuer.
    pub(crate) fn trusts(&self, issuer: &str) -> bool {
        self.issuers.iter().flat_map(IssuerSettings::canonical_issuers).any(|trusted| trusted == issuer)
    }

    /// Whether browser sign-in is enabled at an issuer.
    pub(crate) fn signs_in(&self) -> bool {
        self.issuers.iter().any(|issuer| issuer.login.is_some())
    }

    /// The scope prefix of the first issuer, which the OpenAPI document uses.
    pub(crate) fn scope_prefix(&self) -> &str {
        self.issuers.first().map_or("", |issuer| &issuer.scope_prefix)
    }

    /// Reads the issuers file again. The variables keep their values from startup.
    ///
    /// # Errors
    ///
    /// Returns all faults at once. An empty list of issuers is a fault.
    pub(crate) fn read_again(&self) -> Result<Vec<IssuerSettings>, ConfigError> {
        let mut faults = Faults::default();
        let issuers = self.source.read(&mut faults);
        faults.into_result()?;
        Ok(issuers)
    }
}

impl IssuerSource {
    fn read(&self, faults: &mut Faults) -> Vec<IssuerSettings> {
        let mut issuers: Vec<_> =
            self.by_variables.iter().map(|settings| ("OIDC_ISSUER".to_owned(), settings.clone())).collect();
        if let Some(path) = &self.file {
            match std::fs::read_to_string(path) {
                Ok(text) => issuers.extend(self.in_file(&text, faults)),
                Err(_) => faults.add("OIDC_ISSUERS_FILE", "the path of a readable TOML file in UTF-8"),
            }
        }
        reject_duplicates(&issuers, faults);
        issuers.into_iter().map(|(_, settings)| settings).collect()
    }

    fn in_file(&self, text: &str, faults: &mut Faults) -> Vec<(String, IssuerSettings)> {
        let blocks = issuer::blocks(text, faults);
        let read = |block: Block| {
            let place = block.place_of("issuer");
            issuer::read(block, &self.plain_http, faults).map(|settings| (place, settings))
        };
        blocks.into_iter().filter_map(read).collect()
    }
}

/// An `iss` must identify one issuer, and a short name must name one.
fn reject_duplicates(issuers: &[(String, IssuerSettings)], faults: &mut Faults) {
    let (mut names, mut short_names) = (BTreeMap::new(), BTreeSet::new());
    for (index, (place, settings)) in issuers.iter().enumerate() {
        let duplicates = settings.trusted_names().into_iter().filter(|(name, _)| {
            // The same name twice within one issuer is harmless.
            names.insert(name.clone(), index).is_some_and(|other| other != index)
        });
        if duplicates.count() > 0 {
            faults.add(place.clone(), "unique: a token's `iss` must identify exactly one issuer");
        } else if !short_names.insert(&settings.short_name) {
            faults.add(place.clone(), "given a unique `name`: another issuer has the same short name");
        }
    }
    let is_opaque = |issuer: &IssuerSettings| issuer.introspection.as_ref().is_some_and(|settings| settings.opaque);
    for (place, _) in issuers.iter().filter(|(_, settings)| is_opaque(settings)).skip(1) {
        faults.add(
            place.clone(),
            "without `opaque`, which another issuer already has: an opaque token does not identify its issuer",
        );
    }
    for (place, _) in issuers.iter().filter(|(_, settings)| settings.login.is_some()).skip(1) {
        faults.add(
            place.clone(),
            "without `client_id`, which another issuer already has: browser sign-in uses one issuer",
        );
    }
}

fn by_variables(raw: RawOidc, plain_http: &PlainHttp, faults: &mut Faults) -> Option<IssuerSettings> {
    let values = [
        raw.issuer,
        raw.provider,
        raw.tenants,
        raw.discovery_url,
        raw.jwks_url,
        raw.audience,
        raw.allowed_clients,
        raw.algorithms,
        raw.accept_id_tokens,
        raw.roles_claim,
        raw.roles_separator,
        raw.allow_admin_role,
        raw.administrative_roles,
        raw.scope_mode,
        raw.scope_prefix,
        raw.jit,
        raw.first_party_clients,
        raw.opaque,
        raw.opaque_prefix,
        raw.introspect,
        raw.introspection_url,
        raw.introspection_client_id,
        raw.introspection_auth,
        raw.introspection_client_secret,
        raw.introspection_private_key,
        raw.introspection_private_key_id,
        raw.introspection_require_aud,
        raw.trust_active,
        raw.extra_ca,
        raw.client_id,
        raw.client_secret,
        raw.login_scopes,
    ];
    let [issuer, others @ ..] = &values;
    if issuer.is_none() {
        if others.iter().any(Option::is_some) {
            faults.add("OIDC_ISSUER", "set when other variables of an issuer are set");
        }
        return None;
    }
    issuer::read(Block::of_variables(VARIABLES, values), plain_http, faults)
}

fn docs_client(id: Option<String>, parameters: Option<String>, faults: &mut Faults) -> Option<DocsClient> {
    let rule = "name=value pairs, joined by `&`";
    let parameters = faults.parse("OIDC_DOCS_PARAMETERS", parameters, BTreeMap::new(), rule, |text| {
        let pairs = url::form_urlencoded::parse(text.as_bytes()).into_owned();
        let pairs = pairs.map(|(name, value)| (!name.is_empty() && !value.is_empty()).then_some((name, value)));
        pairs.collect()
    })?;
    if id.is_none() && !parameters.is_empty() {
        faults.add("OIDC_DOCS_CLIENT_ID", "set when OIDC_DOCS_PARAMETERS is set");
    }
    Some(DocsClient { id: id?, parameters })
}

fn plain_http(raw: Option<String>, server: Option<&ServerConfig>, faults: &mut Faults) -> PlainHttp {
    let hosts: BTreeSet<String> = raw.iter().flat_map(|raw| split(raw)).map(str::to_ascii_lowercase).collect();
    if !hosts.is_empty() && server.is_some_and(ServerConfig::is_https) {
        faults.add("OIDC_ALLOW_HTTP_HOSTS", "absent when SERVER_PUBLIC_URL is https");
    }
    if hosts.iter().any(|host| !is_host_and_port(host)) {
        faults.add("OIDC_ALLOW_HTTP_HOSTS", "a comma-separated list of host:port entries");
    }
    PlainHttp { loopback: server.is_some_and(ServerConfig::is_loopback), hosts }
}

fn is_host_and_port(text: &str) -> bool {
    text.rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok())
}
