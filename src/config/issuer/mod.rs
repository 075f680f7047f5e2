//! One issuer, from its settings as written to its settings as used: every fault is told, each with its place.

mod block;
mod claims;
mod file;
mod introspection;

pub(super) use block::{Block, split};
pub(super) use file::blocks;

use std::collections::BTreeSet;

use url::Url;

use super::faults::Faults;
use crate::oidc::{self, Algorithm, IssuerSettings, JitMode, PlainHttp, Preset, ScopeMode, TENANT_PLACE};

const URL_RULE: &str =
    "an https URL; http is for loopback while SERVER_PUBLIC_URL is loopback too, and for OIDC_ALLOW_HTTP_HOSTS";

/// The settings that a block makes; `None` where something is wrong, which is then among the faults.
pub(super) fn read(mut block: Block, plain_http: &PlainHttp, faults: &mut Faults) -> Option<IssuerSettings> {
    let preset = preset(&mut block, faults);
    let preset_or_generic = preset.unwrap_or_default();
    let place = place(&mut block, preset_or_generic, plain_http, faults);
    let algorithms = algorithms(&mut block, faults);
    let static_keys = static_keys(&mut block, algorithms.as_deref(), faults);
    let allowed_clients = set(block.list("allowed_clients", faults));
    let audiences = audiences(&mut block, preset_or_generic, &allowed_clients, faults);
    let accepts_id_tokens = block.flag("accept_id_tokens", preset_or_generic.accepts_id_tokens(), faults);
    let requires_at_jwt = block.flag("require_at_jwt", false, faults);
    let has_tenants = place.as_ref().is_some_and(|place| !place.tenants.is_empty());
    let jit = jit(&mut block, has_tenants || accepts_id_tokens == Some(true), faults);
    let scope_mode = scope_mode(&mut block, preset_or_generic, faults);
    let scope_prefix = block.text("scope_prefix", "", faults);
    let first_party_clients = set(block.list("first_party_clients", faults));
    let mapping = claims::mapping(&mut block, preset_or_generic, faults);
    let requirements = claims::requirements(&mut block, faults);
    let introspection = introspection::read(&mut block, plain_http, faults);
    block.finish(faults);
    let (_, place) = (preset?, place?);
    Some(IssuerSettings {
        issuer: place.issuer,
        short_name: place.short_name,
        accepted_issuers: place.accepted_issuers,
        tenants: place.tenants,
        discovery_url: place.discovery_url,
        jwks_url: place.jwks_url,
        static_keys: static_keys?,
        audiences: audiences?,
        allowed_clients,
        algorithms: algorithms?,
        requires_at_jwt: requires_at_jwt?,
        accepts_id_tokens: accepts_id_tokens?,
        mapping: mapping?,
        requirements: requirements?,
        scope_mode: scope_mode?,
        scope_prefix: scope_prefix?,
        first_party_clients,
        jit: jit?,
        introspection: introspection?,
        plain_http: plain_http.clone(),
    })
}

/// Who the issuer is and where it is asked.
struct IssuerPlace {
    issuer: String,
    short_name: String,
    accepted_issuers: Vec<String>,
    tenants: Vec<String>,
    discovery_url: Option<Url>,
    jwks_url: Option<Url>,
}

fn place(block: &mut Block, preset: Preset, plain_http: &PlainHttp, faults: &mut Faults) -> Option<IssuerPlace> {
    let tenants = tenants(block, faults);
    let accepted_issuers = accepted_issuers(block, !tenants.is_empty(), faults);
    let has_place_for_keys = ["discovery_url", "jwks_url", "static_keys"].iter().any(|setting| block.has(setting));
    let discovery_url = endpoint(block, "discovery_url", plain_http, faults);
    let jwks_url = endpoint(block, "jwks_url", plain_http, faults);
    let issuer_place = block.place_of("issuer");
    let issuer = issuer(block, plain_http, faults)?;
    let is_template = issuer.contains(TENANT_PLACE);
    if is_template == tenants.is_empty() {
        let must_be = format!("with {TENANT_PLACE} in it exactly where tenants are listed");
        faults.add(issuer_place, must_be);
        return None;
    }
    let mut discovery_url = discovery_url?;
    if is_template && !has_place_for_keys {
        discovery_url = keys_of_all_tenants(&issuer, preset);
        if discovery_url.is_none() {
            faults.add(
                block.place_of("discovery_url"),
                "set where the issuer is a template: keys are the same for all tenants",
            );
        }
    }
    let short_name = short_name(block, &issuer, faults)?;
    Some(IssuerPlace { issuer, short_name, accepted_issuers, tenants, discovery_url, jwks_url: jwks_url? })
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

/// What operators call the issuer: its host, if nothing else is said.
fn short_name(block: &mut Block, issuer: &str, faults: &mut Faults) -> Option<String> {
    let host = Url::parse(issuer).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let is_short = |text: &&str| !text.is_empty() && text.len() <= 64 && !text.chars().any(char::is_control);
    let rule = "a short name, of at most 64 bytes";
    block.parse("name", host, rule, |text| Some(text).filter(is_short).map(str::to_owned), faults)
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
        faults.add(place.clone(), format!("with {TENANT_PLACE} in it exactly where tenants are listed"));
    }
    listed.into_iter().map(|(_, issuer)| issuer).collect()
}

fn endpoint(block: &mut Block, setting: &str, plain_http: &PlainHttp, faults: &mut Faults) -> Option<Option<Url>> {
    let parse = |text: &str| Url::parse(text).ok().filter(|url| plain_http.is_fetchable(url)).map(Some);
    block.parse(setting, None, URL_RULE, parse, faults)
}

fn preset(block: &mut Block, faults: &mut Faults) -> Option<Preset> {
    let words: Vec<&str> = Preset::ALL.iter().map(|preset| preset.as_str()).collect();
    let rule = format!("one of {}", words.join(", "));
    block.parse("preset", Preset::Generic, &rule, Preset::from_word, faults)
}

fn algorithms(block: &mut Block, faults: &mut Faults) -> Option<Vec<Algorithm>> {
    if !block.has("algorithms") {
        return Some(Algorithm::DEFAULTS.to_vec());
    }
    let place = block.place_of("algorithms");
    let listed = block.list("algorithms", faults);
    let algorithms: Result<Vec<Algorithm>, _> = listed.iter().map(|(_, name)| name.parse()).collect();
    let algorithms = algorithms.ok().filter(|algorithms| !algorithms.is_empty());
    if algorithms.is_none() {
        let rule =
            "a list of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA; never none, never HS*";
        faults.add(place, rule);
    }
    algorithms
}

fn static_keys(block: &mut Block, algorithms: Option<&[Algorithm]>, faults: &mut Faults) -> Option<Option<String>> {
    if block.has("static_keys") && block.has("jwks_url") {
        faults.add(block.place_of("static_keys"), "absent where jwks_url is set");
    }
    let is_usable = |text: &str| algorithms.is_none_or(|algorithms| oidc::has_usable_key(text, algorithms));
    let rule = "a JWK Set (RFC 7517) with a public key for one of the algorithms";
    block.parse("static_keys", None, rule, |text| is_usable(text).then(|| Some(text.to_owned())), faults)
}

fn audiences(
    block: &mut Block,
    preset: Preset,
    allowed_clients: &BTreeSet<String>,
    faults: &mut Faults,
) -> Option<Vec<String>> {
    let place = block.place_of("audiences");
    let audiences: Vec<String> = block.list("audiences", faults).into_iter().map(|(_, audience)| audience).collect();
    if !audiences.is_empty() || !allowed_clients.is_empty() {
        return Some(audiences);
    }
    if preset.names_audience() {
        faults.add(place, "at least one audience that tokens for this service carry: there is no default");
    } else {
        faults.add(
            block.place_of("allowed_clients"),
            "the client ids whose tokens are taken: this provider names no audience",
        );
    }
    None
}

fn scope_mode(block: &mut Block, preset: Preset, faults: &mut Faults) -> Option<ScopeMode> {
    let rule = "`intersect` (scopes and roles) or `roles-only` (this provider does not delegate by scope)";
    block.parse("scope_mode", preset.scope_mode(), rule, ScopeMode::from_word, faults)
}

/// Whoever may sign up at a tenant, or hold an ID token, is many more than those whom an operator had in mind.
fn jit(block: &mut Block, must_be_set: bool, faults: &mut Faults) -> Option<JitMode> {
    let rule = "`active`, `pending` or `off`: what becomes of a person who comes for the first time";
    if must_be_set && !block.has("jit") {
        faults.add(
            block.place_of("jit"),
            format!("{rule}; it has no default where tenants are listed or ID tokens accepted"),
        );
        return None;
    }
    block.parse("jit", JitMode::Active, rule, JitMode::from_word, faults)
}

fn set(list: Vec<(String, String)>) -> BTreeSet<String> {
    list.into_iter().map(|(_, text)| text).collect()
}

#[cfg(test)]
mod provider_tests;
#[cfg(test)]
mod tests;
