//! The endpoints of an issuer, which are reached by https unless the configuration allows plain http.

use url::Url;

use crate::config::block::Block;
use crate::config::faults::Faults;
use crate::config::setting::Setting;
use crate::config::value::Value;
use crate::oidc::PlainHttp;

pub(super) const URL_RULE: &str =
    "an https URL; http is allowed for loopback while SERVER_PUBLIC_URL is loopback too, and for OIDC_ALLOW_HTTP_HOSTS";

/// The URL of an endpoint.
pub(in crate::config) struct Endpoint(Url);

impl Value for Endpoint {
    const TYPE: &'static str = "URL";
    const RULE: &'static str = URL_RULE;

    fn parse(text: &str) -> Option<Self> {
        Url::parse(text).ok().map(Self)
    }
}

/// The endpoint in `setting`. Returns `Some(None)` if it is absent, `None` if it is bad or may not be reached.
pub(super) fn read(
    setting: Setting<Endpoint>,
    name: &str,
    block: &Block,
    plain_http: &PlainHttp,
    faults: &mut Faults,
) -> Option<Option<Url>> {
    let url = setting.optional()?.map(|endpoint| endpoint.0);
    if url.as_ref().is_some_and(|url| !plain_http.is_fetchable(url)) {
        faults.add(block.place_of(name), URL_RULE);
        return None;
    }
    Some(url)
}
