//! `OIDC_`: the trusted issuers and the mapping of their tokens. One issuer is set by variables, any number by a file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::ConfigError;
use super::block::Block;
use super::faults::Faults;
use super::issuer::{self, ISSUER_SECTIONS};
use super::section::{NONE, Variables, section};
use super::server::ServerConfig;
use super::setting::Setting;
use super::value::{Item, List, Value};
use crate::oidc::{IssuerSettings, PlainHttp};

section!("Issuer", "OIDC_", IssuersSection {
    /// Additional or alternative issuers. The file is read again on SIGHUP. See
    /// [identity-providers.md](identity-providers.md#several-issuers).
    issuers_file: IssuersFile => NONE;
    /// Internal hosts to which plain http is allowed. Not allowed while `SERVER_PUBLIC_URL` is https.
    allow_http_hosts: List<HostAndPort> => NONE;
});

section!("Documentation page", "OIDC_", DocsSection {
    /// The public client with which `/docs/` signs users in at the first issuer: code and PKCE, with the redirect URI
    /// `<SERVER_PUBLIC_URL>/docs/oauth2-redirect.html`.
    docs_client_id: String => NONE;
    /// Additional authorization parameters of that client, such as `audience=https://api.example.com`. Requires `OIDC_DOCS_CLIENT_ID`.
    docs_parameters: Parameters => NONE;
});

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
    /// Returns `None` if no issuer is configured, or if a setting is bad.
    pub(super) fn new(variables: &Variables, server: Option<&ServerConfig>, faults: &mut Faults) -> Option<Self> {
        let section: IssuersSection = variables.section(faults);
        let plain_http = plain_http(section.allow_http_hosts, server, faults);
        let docs = docs_client(variables.section(faults), faults);
        let by_variables = by_variables(&variables.0, &plain_http, faults);
        let source = IssuerSource { by_variables, file: section.issuers_file.good().map(|file| file.0), plain_http };
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
                Err(_) => faults.add("OIDC_ISSUERS_FILE", IssuersFile::RULE),
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

fn by_variables(
    values: &BTreeMap<String, String>,
    plain_http: &PlainHttp,
    faults: &mut Faults,
) -> Option<IssuerSettings> {
    let specs = || ISSUER_SECTIONS.iter().flat_map(|group| group.settings);
    if !values.contains_key("OIDC_ISSUER") {
        if specs().any(|spec| values.contains_key(spec.variable)) {
            faults.add("OIDC_ISSUER", "set when other variables of an issuer are set");
        }
        return None;
    }
    let names = specs().map(|spec| (spec.setting, spec.variable));
    issuer::read(Block::of_variables("OIDC_ISSUER", names, values.clone()), plain_http, faults)
}

/// The path of the issuers file.
pub(super) struct IssuersFile(PathBuf);

impl Value for IssuersFile {
    const TYPE: &'static str = "path";
    const RULE: &'static str = "the path of a readable TOML file in UTF-8";

    fn parse(text: &str) -> Option<Self> {
        Some(Self(text.into()))
    }
}

/// Authorization parameters.
pub(super) struct Parameters(BTreeMap<String, String>);

impl Value for Parameters {
    const TYPE: &'static str = "text";
    const RULE: &'static str = "`name=value` pairs, joined by `&`";

    fn parse(text: &str) -> Option<Self> {
        let pairs = url::form_urlencoded::parse(text.as_bytes()).into_owned();
        let pairs = pairs.map(|(name, value)| (!name.is_empty() && !value.is_empty()).then_some((name, value)));
        pairs.collect::<Option<_>>().map(Self)
    }
}

fn docs_client(section: DocsSection, faults: &mut Faults) -> Option<DocsClient> {
    let parameters = section.docs_parameters.optional()?;
    if !section.docs_client_id.is_set() && parameters.is_some() {
        faults.add("OIDC_DOCS_CLIENT_ID", "set when OIDC_DOCS_PARAMETERS is set");
    }
    let parameters = parameters.map(|parameters| parameters.0).unwrap_or_default();
    Some(DocsClient { id: section.docs_client_id.good()?, parameters })
}

/// `host:port` in lower case.
pub(super) struct HostAndPort(String);

impl Item for HostAndPort {
    const RULE: &'static str = "a comma-separated list of `host:port` entries";

    fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let is_host_and_port = !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok();
        is_host_and_port.then(|| Self(text.to_ascii_lowercase()))
    }
}

fn plain_http(setting: Setting<List<HostAndPort>>, server: Option<&ServerConfig>, faults: &mut Faults) -> PlainHttp {
    let hosts: BTreeSet<String> = setting.good().into_iter().flat_map(|list| list.0).map(|host| host.0).collect();
    if !hosts.is_empty() && server.is_some_and(ServerConfig::is_https) {
        faults.add("OIDC_ALLOW_HTTP_HOSTS", "absent when SERVER_PUBLIC_URL is https");
    }
    PlainHttp { loopback: server.is_some_and(ServerConfig::is_loopback), hosts }
}
