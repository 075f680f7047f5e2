//! The identity of an issuer and its endpoints.

use url::Url;

use super::block::Block;
use super::{URL_RULE, endpoint};
use crate::config::faults::Faults;
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
    block: &mut Block,
    preset: Preset,
    plain_http: &PlainHttp,
    faults: &mut Faults,
) -> Option<IssuerPlace> {
    let tenants = tenants(block, faults);
    let accepted_issuers = accepted_issuers(block, !tenants.is_empty(), faults);
    let has_key_source = ["discovery_url", "jwks_url", "static_keys"].iter().any(|setting| block.has(setting));
    let discovery_url = endpoint(block, "discovery_url", plain_http, faults);
    let jwks_url = endpoint(block, "jwks_url", plain_http, faults);
    let name = short_name(block, faults);
    let issuer_place = block.place_of("issuer");
    let issuer = issuer(block, plain_http, faults)?;
    let is_template = issuer.contains(TENANT_PLACE);
    if is_template == tenants.is_empty() {
        faults.add(issuer_place, template_rule());
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
    let short_name = name?.unwrap_or_else(|| host(&issuer));
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

/// The issuer, unchanged: it is compared byte for byte with the `iss` of tokens.
fn issuer(block: &mut Block, plain_http: &PlainHttp, faults: &mut Faults) -> Option<String> {
    // OIDC Discovery section 3, RFC 8414 section 2.
    let rule = format!("the issuer identifier, without query and fragment: {URL_RULE}");
    let is_issuer = |url: &Url| url.query().is_none() && url.fragment().is_none() && plain_http.is_fetchable(url);
    let place = block.place_of("issuer");
    let parse = |text: &str| Url::parse(text).is_ok_and(|url| is_issuer(&url)).then(|| text.to_owned());
    let issuer = block.parse("issuer", String::new(), &rule, parse, faults)?;
    if issuer.is_empty() {
        faults.add(place, rule);
        return None;
    }
    Some(issuer)
}

fn short_name(block: &mut Block, faults: &mut Faults) -> Option<Option<String>> {
    let is_short = |text: &&str| !text.is_empty() && text.len() <= 64 && !text.chars().any(char::is_control);
    let rule = "a short name of at most 64 bytes";
    block.parse("name", None, rule, |text| Some(text).filter(is_short).map(|text| Some(text.to_owned())), faults)
}

/// The default short name: the host of the issuer.
fn host(issuer: &str) -> String {
    Url::parse(issuer).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

fn tenants(block: &mut Block, faults: &mut Faults) -> Vec<String> {
    let is_tenant = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'));
    let listed = block.list("tenants", faults);
    for (place, _) in listed.iter().filter(|(_, tenant)| !is_tenant(tenant)) {
        faults.add(place.clone(), "tenant ids of letters, digits, `-`, `.` and `_`");
    }
    listed.into_iter().map(|(_, tenant)| tenant).collect()
}

fn accepted_issuers(block: &mut Block, has_tenants: bool, faults: &mut Faults) -> Vec<String> {
    let listed = block.list("accepted_issuers", faults);
    for (place, _) in listed.iter().filter(|(_, issuer)| issuer.contains(TENANT_PLACE) != has_tenants) {
        faults.add(place.clone(), template_rule());
    }
    listed.into_iter().map(|(_, issuer)| issuer).collect()
}
