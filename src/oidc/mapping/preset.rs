//! Presets for well-known providers: the claim paths of their tokens, from their public documentation.
//!
//! A preset provides defaults, each of which can be overridden. docs/identity-providers.md describes the setup at each provider.

use std::collections::BTreeSet;

use crate::oidc::{ClaimMapping, ClaimPath, MachineMatcher, ScopeMode};

macro_rules! presets {
    ($($(#[$meta:meta])* $variant:ident = $word:literal,)+) => {
        /// A provider with a known token format.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum Preset {
            $($(#[$meta])* $variant,)+
        }

        impl Preset {
            /// All presets.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The configuration value.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }
    };
}

presets! {
    /// Keycloak.
    Keycloak = "keycloak",
    /// Microsoft Entra ID.
    Entra = "entra",
    /// Auth0.
    Auth0 = "auth0",
    /// Okta, with a custom authorization server.
    Okta = "okta",
    /// Amazon Cognito user pools.
    Cognito = "cognito",
    /// ZITADEL.
    Zitadel = "zitadel",
    /// authentik.
    Authentik = "authentik",
    /// Ory Hydra, with JWT access tokens.
    Hydra = "hydra",
    /// PingOne.
    PingOne = "pingone",
    /// Dex, with its ID tokens.
    Dex = "dex",
    /// Firebase Authentication, with its ID tokens.
    Firebase = "firebase",
    /// Any provider that follows RFC 9068.
    #[default]
    Generic = "generic",
}

impl Preset {
    /// The preset with this configuration value.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|preset| preset.as_str() == word)
    }

    /// Whether clients send ID tokens, because the provider's access tokens cannot be verified.
    pub const fn accepts_id_tokens(self) -> bool {
        matches!(self, Self::Dex | Self::Firebase)
    }

    /// Whether its access tokens have an audience. Those of Cognito name only the client.
    pub const fn names_audience(self) -> bool {
        !matches!(self, Self::Cognito)
    }

    /// The scope mode. ID tokens and ZITADEL's JWTs carry no scopes.
    pub const fn scope_mode(self) -> ScopeMode {
        match self {
            Self::Dex | Self::Firebase | Self::Zitadel => ScopeMode::RolesOnly,
            _ => ScopeMode::Intersect,
        }
    }

    /// The claims mapping.
    pub fn mapping(self) -> ClaimMapping {
        ClaimMapping {
            subject: ClaimPath::member(self.subject()),
            id_token_subject: ClaimPath::member(self.id_token_subject()),
            client_id: members(self.client_id()),
            scopes: members(self.scopes()),
            // https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference: application permissions.
            machine_scopes: matches!(self, Self::Entra).then(|| ClaimPath::member("roles")),
            roles: self.roles(),
            email: ClaimPath::member("email"),
            email_verified: ClaimPath::member(self.email_verified()),
            machine_matcher: self.machine_matcher(),
            role_rules: Vec::new(),
            roles_separator: None,
            administrative_roles: BTreeSet::new(),
        }
    }

    const fn subject(self) -> &'static str {
        match self {
            // `sub` differs between applications.
            Self::Entra => "oid",
            // `sub` is the login name, which can be changed and reassigned to another user.
            Self::Okta => "uid",
            _ => "sub",
        }
    }

    const fn id_token_subject(self) -> &'static str {
        match self {
            Self::Entra => "oid",
            // For Okta, this is the `uid` of its access tokens.
            _ => "sub",
        }
    }

    /// The scopes of a sign-in, including those required for a refresh token.
    pub const fn login_scopes(self) -> &'static [&'static str] {
        match self {
            // These need no scope for refresh tokens. With `offline_access`, sessions would outlive Keycloak's own.
            Self::Keycloak | Self::Cognito | Self::PingOne | Self::Firebase => &["openid", "profile", "email"],
            _ => &["openid", "profile", "email", "offline_access"],
        }
    }

    const fn client_id(self) -> &'static [&'static str] {
        match self {
            // OIDC Core, RFC 9068, Entra v1.0, Okta.
            Self::Generic => &["azp", "client_id", "appid", "cid"],
            Self::Entra => &["azp", "appid"],
            Self::Okta => &["cid"],
            Self::Cognito | Self::Hydra | Self::PingOne => &["client_id"],
            _ => &["azp", "client_id"],
        }
    }

    const fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Entra | Self::Okta => &["scp"],
            Self::Generic | Self::Hydra => &["scope", "scp"],
            _ => &["scope"],
        }
    }

    fn roles(self) -> Vec<ClaimPath> {
        match self {
            Self::Keycloak => vec![ClaimPath::pointer("/realm_access/roles")],
            Self::Entra | Self::PingOne | Self::Firebase => members(&["roles"]),
            Self::Okta | Self::Authentik | Self::Dex => members(&["groups"]),
            Self::Cognito => members(&["cognito:groups"]),
            Self::Zitadel => members(&["urn:zitadel:iam:org:project:roles"]),
            Self::Hydra => vec![ClaimPath::pointer("/ext/roles")],
            // Auth0 has roles only in a custom claim.
            Self::Auth0 | Self::Generic => Vec::new(),
        }
    }

    const fn email_verified(self) -> &'static str {
        match self {
            // Entra does not verify addresses, but reports whether the tenant owns the domain.
            Self::Entra => "xms_edov",
            _ => "email_verified",
        }
    }

    fn machine_matcher(self) -> MachineMatcher {
        let around_client =
            |name, before, after| MachineMatcher::NamesClient { at: ClaimPath::member(name), before, after };
        match self {
            Self::Keycloak => around_client("preferred_username", "service-account-", ""),
            Self::Auth0 => around_client("sub", "", "@clients"),
            Self::Entra => MachineMatcher::Claim { at: ClaimPath::member("idtyp"), value: "app".to_owned() },
            _ => MachineMatcher::SubjectIsClient,
        }
    }
}

fn members(names: &[&str]) -> Vec<ClaimPath> {
    names.iter().copied().map(ClaimPath::member).collect()
}
