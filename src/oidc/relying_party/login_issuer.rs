//! The issuer of browser sign-in and this service's client at it. They are kept beside the trusted issuers and reloaded with them.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::endpoint::RelyingParty;
use super::login_error::LoginError;
use crate::Clock;
use crate::oidc::verification::trusted_issuer::TrustedIssuer;
use crate::oidc::verification::trusted_issuers::Table;
use crate::oidc::{ProviderClient, TrustedIssuers};

/// The relying party of the issuer that is configured for browser sign-in. Cheap to clone; clones share one value.
#[derive(Clone)]
pub struct RelyingParties(Arc<Shared>);

struct Shared {
    issuers: TrustedIssuers,
    client: ProviderClient,
    clock: Clock,
    current: ArcSwapOption<LoginIssuer>,
}

/// The issuer of browser sign-in, as of one version of the table of trusted issuers.
pub(crate) struct LoginIssuer {
    pub(crate) table: Arc<Table>,
    pub(crate) issuer: Arc<TrustedIssuer>,
    pub(crate) party: RelyingParty,
}

impl RelyingParties {
    /// Creates the relying party of the first of `issuers` that is configured for browser sign-in. `client` sends its requests.
    pub fn new(issuers: TrustedIssuers, client: ProviderClient, clock: Clock) -> Self {
        let parties = Self(Arc::new(Shared { issuers, client, clock, current: ArcSwapOption::empty() }));
        parties.reload();
        parties
    }

    /// Adopts a replacement of the trusted issuers. Requests in progress still use the former issuer.
    pub fn reload(&self) {
        let Shared { issuers, client, clock, current } = &*self.0;
        let table = issuers.table();
        let login = table.issuers().iter().find_map(|issuer| {
            let party = RelyingParty::new(&issuer.settings, client, clock)?;
            Some(Arc::new(LoginIssuer { table: Arc::clone(&table), issuer: Arc::clone(issuer), party }))
        });
        current.store(login);
    }

    /// Returns the issuer of browser sign-in. Fails if no issuer is configured for it.
    pub(crate) fn current(&self) -> Result<Arc<LoginIssuer>, LoginError> {
        self.0.current.load_full().ok_or(LoginError::Off)
    }
}

impl LoginIssuer {
    /// The client id, which is the audience of the issuer's ID tokens and logout tokens.
    pub(crate) fn client_id(&self) -> &str {
        self.party.client_id()
    }
}
