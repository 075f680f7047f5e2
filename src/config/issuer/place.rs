//! Who an issuer is and where it is asked.

use url::Url;

use super::block::Block;
use super::{URL_RULE, endpoint};
use crate::config::faults::Faults;
use crate::oidc::{PlainHttp, Preset, TENANT_PLACE};

/// Who the issuer is and where it is asked.
pub(super) struct IssuerPlace {
    pub(super) issuer: String,
    pub(super) short_name: String,
    pub(super) accepted_issuers: Vec<String>,
    pub(super) tenants: Vec<String>,
    pub(super) discovery_url: Option<Url>,
    pub(super) jwks_url: Option<Url>,
}

/// `None` where something is wrong, which is then among the faults.
pub(super) fn read(
    block: &mut Block,
    preset: Preset,
    plain_http: &PlainHttp,
    faults: &mut Faults,
) -> Option<IssuerPlace> {
    let tenants = tenants(block, faults);
    let accepted_issuers = accepted_issuers(block, !tenants.is_empty(), faults);
    let has_place_for_keys = ["discovery_url", "jwks_url", "static_keys"].iter().any(|setting| block.has(setting));
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
    if is_template && !has_place_for_keys {
        discovery_url = keys_of_all_tenants(&issuer, preset);
        if discovery_url.is_none() {
            let rule = "set where the issuer is a template: keys are the same for all tenants";
            faults.add(block.place_of("discovery_url"), rule);
        }
    }
    let short_name = name?.unwrap_or_else(|| host(&issuer));
    Some(IssuerPlace { issuer, short_name, accepted_issuers, tenants, discovery_url, jwks_url: jwks_url? })
}

fn template_rule() -> String {
    format!("with {TENANT_PLACE} in it exactly where tenants are listed")
}

/// Where Entra publishes the metadata of all tenants, in which the issuer is the template itself.
fn keys_of_all_tenants(issuer: &str, preset: Preset) -> Option<Url> {
    let metadata = issuer.replace(TENANT_PLACE, "organizations") + "/.well-known/openid-configuration";
    if preset == Preset::Entra { Url::parse(&metadata).ok() } else { None }
}

/// The issuer is compared octet by octet with what tokens say, so it is kept as it is written.
fn issuer(block: &mut Block, plain_http: &PlainHttp, faults: &mut Faults) -> Option<String> {
    // OIDC Discovery section 3, RFC 8414 section 2.
    let rule = format!("the issuer's identifier, {URL_RULE}; without query and fragment");
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
    let rule = "a short name, of at most 64 bytes";
    block.parse("name", None, rule, |text| Some(text).filter(is_short).map(|text| Some(text.to_owned())), faults)
}

/// What operators call an issuer of which nothing else is said.
fn host(issuer: &str) -> String {
    Url::parse(issuer).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

fn tenants(block: &mut Block, faults: &mut Faults) -> Vec<String> {
    let is_tenant = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'));
    let listed = block.list("tenants", faults);
    for (place, _) in listed.iter().filter(|(_, tenant)| !is_tenant(tenant)) {
        faults.add(place.clone(), "tenant ids: letters, digits, `-`, `.` and `_`");
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
