//! The identity of an issuer and its endpoints.

use url::Url;

use super::endpoint;
use super::sections::{Identifier, IssuerSection};
use crate::config::block::Block;
use crate::config::faults::Faults;
use crate::config::setting::Setting;
use crate::config::value::{List, Value};
use crate::oidc::{PlainHttp, Preset, TENANT_PLACE};

/// The identity of the issuer and its endpoints.
pub(super) struct IssuerPlace {
    pub(super) issuer: String,
    pub(super) short_name: String,
    pub(super) accepted_issuers: Vec<String>,
    pub(super) tenants: Vec<String>,
    pub(super) discovery_url: Option<Url>,
    pub(super) jwks_url: Option<Url>,
}

/// Reads the identity and the endpoints. Returns `None` if a fault was added.
pub(super) fn read(
    section: &mut IssuerSection,
    block: &mut Block,
    preset: Preset,
    plain_http: &PlainHttp,
    faults: &mut Faults,
) -> Option<IssuerPlace> {
    let has_key_source = section.discovery_url.is_set() || section.jwks_url.is_set() || block.has("static_keys");
    let mut url = |setting, name| endpoint::read(std::mem::take(setting), name, block, plain_http, faults);
    let discovery_url = url(&mut section.discovery_url, "discovery_url");
    let jwks_url = url(&mut section.jwks_url, "jwks_url");
    let accepted_issuers = block.read::<List<String>>("accepted_issuers", faults).or(List(Vec::new()));
    let name = block.read::<ShortName>("name", faults).optional();
    let tenants = std::mem::take(&mut section.tenants).or(List(Vec::new()));
    let issuer = issuer(std::mem::take(&mut section.issuer), block, plain_http, faults);
    let (tenants, accepted_issuers) = (tenants?.0, accepted_issuers?.0);
    for _ in accepted_issuers.iter().filter(|accepted| accepted.contains(TENANT_PLACE) == tenants.is_empty()) {
        faults.add(block.place_of("accepted_issuers"), template_rule());
    }
    let issuer = issuer?;
    let is_template = issuer.contains(TENANT_PLACE);
    if is_template == tenants.is_empty() {
        faults.add(block.place_of("issuer"), template_rule());
        return None;
    }
    let mut discovery_url = discovery_url?;
    if is_template && !has_key_source {
        discovery_url = keys_of_all_tenants(&issuer, preset);
        if discovery_url.is_none() {
            let rule = "set when the issuer is a template: all tenants share one key set";
            faults.add(block.place_of("discovery_url"), rule);
        }
    }
    let short_name = name?.map_or_else(|| host(&issuer), |name| name.0);
    let tenants = tenants.into_iter().map(|tenant| tenant.0).collect();
    Some(IssuerPlace { issuer, short_name, accepted_issuers, tenants, discovery_url, jwks_url: jwks_url? })
}

fn template_rule() -> String {
    format!("written with {TENANT_PLACE} if tenants are listed, and without it otherwise")
}

/// The URL of the metadata that Entra publishes for all tenants, in which the issuer is the template itself.
fn keys_of_all_tenants(issuer: &str, preset: Preset) -> Option<Url> {
    let metadata = issuer.replace(TENANT_PLACE, "organizations") + "/.well-known/openid-configuration";
    if preset == Preset::Entra { Url::parse(&metadata).ok() } else { None }
}

/// The issuer. Its requests go to its host, so plain http must be allowed as for an endpoint.
fn issuer(setting: Setting<Identifier>, block: &Block, plain_http: &PlainHttp, faults: &mut Faults) -> Option<String> {
    let issuer = setting.optional()?.map(|issuer| issuer.0);
    let is_fetchable = |issuer: &String| Url::parse(issuer).is_ok_and(|url| plain_http.is_fetchable(&url));
    let issuer = issuer.filter(is_fetchable);
    if issuer.is_none() {
        faults.add(block.place_of("issuer"), Identifier::rule());
    }
    issuer
}

/// The name in readiness reports and logs.
struct ShortName(String);

impl Value for ShortName {
    const TYPE: &'static str = "text";
    const RULE: &'static str = "a short name of at most 64 bytes";

    fn parse(text: &str) -> Option<Self> {
        let is_short = !text.is_empty() && text.len() <= 64 && !text.chars().any(char::is_control);
        is_short.then(|| Self(text.to_owned()))
    }
}

/// The default short name: the host of the issuer.
fn host(issuer: &str) -> String {
    Url::parse(issuer).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}
