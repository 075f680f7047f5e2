//! The settings of an issuer that variables and the issuers file share. The file has more.

use std::borrow::Cow;

use url::Url;

use super::endpoint::{Endpoint, URL_RULE};
use crate::config::section::{NONE, described, section, value};
use crate::config::value::{Item, List, Value};
use crate::jose::Algorithm;
use crate::oidc::{ClaimPath, ExtraAuthorities, JitMode, Preset, ScopeMode, Separator};

section!("Issuer", "OIDC_", IssuerSection {
    /// The trusted issuer, exactly as in the `iss` of its tokens.
    issuer: Identifier => described("required to serve");
    /// The accepted audiences: the `aud` of a token must contain one of them. Required unless `OIDC_ALLOWED_CLIENTS` is set: without it, any
    /// token of the issuer would be accepted.
    audience as "audiences": List<String> => described("required to serve");
    /// The preset for the claims of the provider's tokens. See [identity-providers.md](identity-providers.md#the-presets).
    provider as "preset": Preset => value("generic");
    /// The accepted tenants. Set exactly if `OIDC_ISSUER` contains `{tenantid}`.
    tenants: List<Tenant> => NONE;
    /// The URL of the discovery document. The `issuer` in the document must still be `OIDC_ISSUER`.
    discovery_url: Endpoint => described("the issuer's well-known URLs");
    /// The URL of the key set. Keys are then fetched without discovery.
    jwks_url: Endpoint => described("from discovery");
    /// The ids of the accepted clients. Replaces the audience if a provider names none; with `cognito` one of the two lists is required.
    allowed_clients: List<String> => described("any");
    /// The accepted signature algorithms.
    algorithms: List<Algorithm> => value("RS256,PS256,ES256,ES384,EdDSA");
    /// Accepts ID tokens in addition to access tokens, for providers without suitable access tokens. `OIDC_JIT` is then required.
    accept_id_tokens: bool => described("by preset");
    /// Additional certificate authorities for connections to this provider.
    extra_ca: Authorities => NONE;
});

section!("Claims and rights", "OIDC_", RolesSection {
    /// The claim with the role names. Several claims are separated by commas; the first that is present in a token counts.
    roles_claim: List<ClaimPath> => described("by preset");
    /// The separator of role names in a string claim. Without it, the string is one name.
    roles_separator: Separator => NONE;
    /// `true` accepts the role `admin` from tokens. The provider then decides who is an administrator.
    allow_admin_role: bool => value("false");
    /// Other roles with administrative permissions that are accepted from tokens.
    administrative_roles: List<String> => NONE;
});

section!("Claims and rights", "OIDC_", ScopesSection {
    /// Whether the scopes of a token limit its rights in addition to roles.
    scope_mode: ScopeMode => described("by preset, mostly `intersect`");
    /// The prefix of a permission in the provider's scopes, such as `api/`.
    scope_prefix: String => NONE;
    /// Users at first contact: created and active, created but enabled by an administrator, or not created. Required with `OIDC_TENANTS` or
    /// accepted ID tokens.
    jit: JitMode => described("`active`; none with tenants or ID tokens");
    /// The ids of first-party clients, which act with all permissions of their user.
    first_party_clients: List<String> => NONE;
});

/// An issuer identifier (OIDC Discovery section 3, RFC 8414 section 2).
pub(super) struct Identifier(pub(super) String);

impl Value for Identifier {
    const TYPE: &'static str = "URL";

    fn rule() -> Cow<'static, str> {
        format!("the issuer identifier, without query and fragment: {URL_RULE}").into()
    }

    /// Unchanged: it is compared byte for byte with the `iss` of tokens.
    fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        (url.query().is_none() && url.fragment().is_none()).then(|| Self(text.to_owned()))
    }
}

impl Value for Preset {
    const TYPE: &'static str = "word";

    fn rule() -> Cow<'static, str> {
        let words: Vec<String> = Self::ALL.iter().map(|preset| format!("`{}`", preset.as_str())).collect();
        format!("one of {}", words.join(", ")).into()
    }

    fn parse(text: &str) -> Option<Self> {
        Self::from_word(text)
    }
}

/// A tenant id.
pub(super) struct Tenant(pub(super) String);

impl Item for Tenant {
    const RULE: &'static str = "tenant ids of letters, digits, `-`, `.` and `_`";

    fn parse(text: &str) -> Option<Self> {
        let is_tenant = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'));
        is_tenant.then(|| Self(text.to_owned()))
    }
}

impl Item for Algorithm {
    const AT_LEAST: usize = 1;
    const RULE: &'static str =
        "a list of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA; never none, never HS*";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// Certificate authorities.
pub(super) struct Authorities(pub(super) ExtraAuthorities);

impl Value for Authorities {
    const TYPE: &'static str = "PEM";
    const MAY_BE_IN_FILE: bool = true;
    const RULE: &'static str = "CA certificates in PEM";

    fn parse(text: &str) -> Option<Self> {
        ExtraAuthorities::from_pem(text).ok().map(Self)
    }
}

impl Value for ClaimPath {
    const TYPE: &'static str = "claim";
    const RULE: &'static str = "the name of a claim, or a JSON Pointer (RFC 6901) such as `/realm_access/roles`";

    fn parse(text: &str) -> Option<Self> {
        Some(text).filter(|text| !text.is_empty()).and_then(|text| text.parse().ok())
    }
}

impl Item for ClaimPath {
    const TYPE: &'static str = "claim";
    const RULE: &'static str = <Self as Value>::RULE;

    fn parse(text: &str) -> Option<Self> {
        <Self as Value>::parse(text)
    }
}

impl Value for Separator {
    const TYPE: &'static str = "word";
    const RULE: &'static str = "`space`, `comma`, `semicolon` or `pipe`";

    fn parse(text: &str) -> Option<Self> {
        Self::from_word(text)
    }
}

impl Value for ScopeMode {
    const TYPE: &'static str = "word";
    const RULE: &'static str =
        "`intersect` (scopes and roles) or `roles-only` (the provider does not delegate by scope)";

    fn parse(text: &str) -> Option<Self> {
        Self::from_word(text)
    }
}

impl Value for JitMode {
    const TYPE: &'static str = "word";
    const RULE: &'static str = "`active`, `pending` or `off`, for users on first contact";

    fn parse(text: &str) -> Option<Self> {
        Self::from_word(text)
    }
}
