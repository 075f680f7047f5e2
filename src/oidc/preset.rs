//! What is known of well-known providers: where their tokens carry what, from their public documentation.
//!
//! A preset is where a configuration starts from; each of its values can be replaced. docs/identity-providers.md says for each what
//! has to be set up on the provider's side.

use std::collections::BTreeSet;

use super::{ClaimMapping, ClaimPath, MachineMatcher, ScopeMode};

macro_rules! presets {
    ($($(#[$meta:meta])* $variant:ident = $word:literal,)+) => {
        /// A provider whose tokens are known.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum Preset {
            $($(#[$meta])* $variant,)+
        }

        impl Preset {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word for it in configuration.
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
    /// Dex, by its ID tokens.
    Dex = "dex",
    /// Firebase Authentication, by its ID tokens.
    Firebase = "firebase",
    /// Whatever follows RFC 9068.
    #[default]
    Generic = "generic",
}

impl Preset {
    /// The variant of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|preset| preset.as_str() == word)
    }

    /// Whether its ID tokens are what clients send, for want of access tokens that could be checked.
    pub const fn accepts_id_tokens(self) -> bool {
        matches!(self, Self::Dex | Self::Firebase)
    }

    /// Whether its access tokens say whom they are meant for. Those of Cognito name the client alone.
    pub const fn names_audience(self) -> bool {
        !matches!(self, Self::Cognito)
    }

    /// How it delegates. ID tokens carry no scopes, nor do ZITADEL's JWTs.
    pub const fn scope_mode(self) -> ScopeMode {
        match self {
            Self::Dex | Self::Firebase | Self::Zitadel => ScopeMode::RolesOnly,
            _ => ScopeMode::Intersect,
        }
    }

    /// Where its tokens carry what.
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
            // `sub` differs from application to application.
            Self::Entra => "oid",
            // `sub` is the login name, which can be changed and given to somebody else.
            Self::Okta => "uid",
            _ => "sub",
        }
    }

    const fn id_token_subject(self) -> &'static str {
        match self {
            Self::Entra => "oid",
            // The `uid` of its access tokens.
            _ => "sub",
        }
    }

    /// What is asked for when a person signs in here, with what it takes to be given a refresh token.
    pub const fn login_scopes(self) -> &'static [&'static str] {
        match self {
            // With refresh tokens for the asking. Keycloak's `offline_access` would make sessions that outlive its own.
            Self::Keycloak | Self::Cognito | Self::PingOne | Self::Firebase => &["openid", "profile", "email"],
            _ => &["openid", "profile", "email", "offline_access"],
        }
    }

    const fn client_id(self) -> &'static [&'static str] {
        match self {
            // OIDC Core, RFC 9068, Entra's first version, Okta.
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
            // Auth0 has roles only in a claim that the operator names.
            Self::Auth0 | Self::Generic => Vec::new(),
        }
    }

    const fn email_verified(self) -> &'static str {
        match self {
            // Entra does not verify addresses, but says whether the tenant owns the domain of one.
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
