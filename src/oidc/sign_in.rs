//! Where an issuer signs people in, for a page that has to send them there.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Mutex;
use url::Url;

use super::provider::Provider;
use super::{IssuerSettings, ProviderClient};
use crate::Clock;

/// How long after a failed attempt the issuer is left alone: whoever opens a page makes us ask.
const COOLDOWN: TimeDelta = TimeDelta::seconds(30);

/// What the authorization code flow needs to know of an issuer (RFC 6749 section 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInEndpoints {
    /// Where the browser is sent.
    pub authorization: Url,
    /// Where the code is exchanged.
    pub token: Url,
}

/// Finds out where one issuer signs people in: asks when somebody first wants to know, and not again once it is known.
pub struct SignInPlace {
    provider: Provider,
    clock: Clock,
    known: Mutex<Known>,
}

enum Known {
    Nothing,
    Failed(DateTime<Utc>),
    Endpoints(Arc<SignInEndpoints>),
}

impl SignInPlace {
    /// The place of the issuer of `settings`, which is not asked yet.
    pub fn new(settings: &IssuerSettings, client: ProviderClient, clock: Clock) -> Self {
        Self { provider: Provider::new(settings, client), clock, known: Mutex::new(Known::Nothing) }
    }

    /// The endpoints; `None` while the issuer does not tell them, which is logged.
    pub async fn endpoints(&self) -> Option<Arc<SignInEndpoints>> {
        // Held while asking, so that all who want to know share one question.
        let mut known = self.known.lock().await;
        match &*known {
            Known::Endpoints(endpoints) => return Some(Arc::clone(endpoints)),
            Known::Failed(at) if self.clock.now() < *at + COOLDOWN => return None,
            Known::Nothing | Known::Failed(_) => {}
        }
        match self.provider.sign_in_endpoints().await {
            Ok((authorization, token)) => {
                let endpoints = Arc::new(SignInEndpoints { authorization, token });
                *known = Known::Endpoints(Arc::clone(&endpoints));
                Some(endpoints)
            }
            Err(error) => {
                let issuer = self.provider.issuer();
                tracing::warn!(issuer, %error, "an issuer does not say where people sign in");
                *known = Known::Failed(self.clock.now());
                None
            }
        }
    }
}
