//! `OIDC_`: the issuers whose tokens are taken, and how their tokens are read: one by variables, any number by a file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::ConfigError;
use super::environment::RawOidc;
use super::faults::Faults;
use super::issuer::{self, Block, split};
use super::server::ServerConfig;
use crate::oidc::{IssuerSettings, PlainHttp};

/// Settings of the issuer by variables, beside the variables.
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

/// The issuers, and where to read of them again.
#[derive(Clone, Debug)]
pub(crate) struct OidcConfig {
    /// At least one. The one by variables comes first.
    pub(crate) issuers: Vec<IssuerSettings>,
    /// As which client the documentation page signs people in at the first issuer; `None` where it does not.
    pub(crate) docs: Option<DocsClient>,
    source: IssuerSource,
}

/// The documentation page as a client.
#[derive(Clone, Debug)]
pub(crate) struct DocsClient {
    pub(crate) id: String,
    /// What it sends to the provider besides, where that has words of its own to ask for a token of this service.
    pub(crate) parameters: BTreeMap<String, String>,
}

/// Where issuers come from.
#[derive(Clone, Debug)]
struct IssuerSource {
    by_variables: Option<IssuerSettings>,
    file: Option<PathBuf>,
    plain_http: PlainHttp,
}

impl OidcConfig {
    /// `None` where no issuer is named, and where something is wrong, which is then among the faults.
    pub(super) fn parse(mut raw: RawOidc, server: Option<&ServerConfig>, faults: &mut Faults) -> Option<Self> {
        let plain_http = plain_http(raw.allow_http_hosts.take(), server, faults);
        let file = raw.issuers_file.take().map(PathBuf::from);
        let docs = docs_client(raw.docs_client_id.take(), raw.docs_parameters.take(), faults);
        let by_variables = by_variables(raw, &plain_http, faults);
        let source = IssuerSource { by_variables, file, plain_http };
        let issuers = source.read(faults);
        (!issuers.is_empty()).then_some(Self { issuers, docs, source })
    }

    /// Whether this is the canonical name of an issuer whose tokens are taken.
    pub(crate) fn trusts(&self, issuer: &str) -> bool {
        self.issuers.iter().flat_map(IssuerSettings::canonical_issuers).any(|trusted| trusted == issuer)
    }

    /// Whether there is an issuer at which people sign in here.
    pub(crate) fn signs_in(&self) -> bool {
        self.issuers.iter().any(|issuer| issuer.login.is_some())
    }

    /// What the first issuer puts before a permission to spell the scope: the one that documents are written for.
    pub(crate) fn scope_prefix(&self) -> &str {
        self.issuers.first().map_or("", |issuer| &issuer.scope_prefix)
    }

    /// Reads the issuers' file again; the variables stay as they were at the start.
    ///
    /// # Errors
    ///
    /// All faults at once; no issuer is one too.
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
        tell_doubles(&issuers, faults);
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

/// An `iss` must mean one issuer, and a short name must name one.
fn tell_doubles(issuers: &[(String, IssuerSettings)], faults: &mut Faults) {
    let (mut names, mut short_names) = (BTreeMap::new(), BTreeSet::new());
    for (index, (place, settings)) in issuers.iter().enumerate() {
        let doubles = settings.trusted_names().into_iter().filter(|(name, _)| {
            // The same name twice within one issuer is harmless.
            names.insert(name.clone(), index).is_some_and(|other| other != index)
        });
        if doubles.count() > 0 {
            faults.add(place.clone(), "another issuer than the others: a token's `iss` must mean one");
        } else if !short_names.insert(&settings.short_name) {
            faults.add(place.clone(), "beside a `name` that no other issuer has");
        }
    }
    let is_opaque = |settings: &IssuerSettings| settings.introspection.as_ref().is_some_and(|asked| asked.opaque);
    for (place, _) in issuers.iter().filter(|(_, settings)| is_opaque(settings)).skip(1) {
        faults.add(
            place.clone(),
            "without `opaque`, which one issuer has already: an opaque token does not say whose it is",
        );
    }
    for (place, _) in issuers.iter().filter(|(_, settings)| settings.login.is_some()).skip(1) {
        faults.add(place.clone(), "without `client_id`, which one issuer has already: people sign in at one");
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
            faults.add("OIDC_ISSUER", "set where other variables of an issuer are");
        }
        return None;
    }
    issuer::read(Block::of_variables(VARIABLES, values), plain_http, faults)
}

fn docs_client(id: Option<String>, parameters: Option<String>, faults: &mut Faults) -> Option<DocsClient> {
    let rule = "of the form name=value, joined by & where there are several";
    let parameters = faults.parse("OIDC_DOCS_PARAMETERS", parameters, BTreeMap::new(), rule, |text| {
        let pairs = url::form_urlencoded::parse(text.as_bytes()).into_owned();
        let pairs = pairs.map(|(name, value)| (!name.is_empty() && !value.is_empty()).then_some((name, value)));
        pairs.collect()
    })?;
    if id.is_none() && !parameters.is_empty() {
        faults.add("OIDC_DOCS_CLIENT_ID", "set where OIDC_DOCS_PARAMETERS is");
    }
    Some(DocsClient { id: id?, parameters })
}

fn plain_http(raw: Option<String>, server: Option<&ServerConfig>, faults: &mut Faults) -> PlainHttp {
    let hosts: BTreeSet<String> = raw.iter().flat_map(|raw| split(raw)).map(str::to_ascii_lowercase).collect();
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
