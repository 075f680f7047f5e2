//! The client for browser sign-in at an issuer.

use secrecy::SecretString;

use crate::config::block::Block;
use crate::config::faults::Faults;
use crate::config::section::{described, read_issuer, section};
use crate::config::value::Value;
use crate::oidc::{LoginSettings, Preset};

section!("Browser sign-in", "OIDC_", LoginSection {
    /// The client id of this service for browser sign-in, at one issuer at most. Requires `SESSION_KEY`.
    client_id: String => described("none: browser sign-in is not enabled");
    /// The secret of that client. Requires `OIDC_CLIENT_ID`.
    client_secret: SecretString => described("none: a public client");
    /// The scopes that a sign-in requests.
    login_scopes: Scopes => described("by preset, mostly `openid profile email offline_access`"),
        example "openid profile email offline_access";
});

/// The scopes of a sign-in. That `openid` is one of them is checked where a sign-in is enabled.
pub(super) struct Scopes(Vec<String>);

impl Value for Scopes {
    const TYPE: &'static str = "text";
    const RULE: &'static str = "scopes separated by spaces, including `openid`";

    fn parse(text: &str) -> Option<Self> {
        Some(Self(text.split_whitespace().map(str::to_owned).collect()))
    }
}

/// Returns `Some(None)` if browser sign-in is not enabled at the issuer, `None` if a fault was added.
pub(super) fn read(block: &mut Block, preset: Preset, faults: &mut Faults) -> Option<Option<LoginSettings>> {
    let section: LoginSection = read_issuer(block, faults);
    let client_secret = section.client_secret.optional()?;
    let Some(client_id) = section.client_id.optional()?.filter(|id| !id.is_empty()) else {
        if client_secret.is_some() {
            faults.add(block.place_of("client_id"), "set when the client's secret is set");
            return None;
        }
        return Some(None);
    };
    let scopes = section.login_scopes.optional()?.map(|scopes| scopes.0).filter(|scopes| !scopes.is_empty());
    let scopes = scopes.unwrap_or_else(|| preset.login_scopes().iter().map(ToString::to_string).collect());
    if scopes.iter().all(|scope| scope != "openid") {
        faults.add(block.place_of("login_scopes"), Scopes::rule());
        return None;
    }
    Some(Some(LoginSettings { client_id, client_secret, scopes }))
}
