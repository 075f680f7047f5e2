//! Rate limits.
//!
//! There are two kinds of budget, each refilled evenly over a minute. Every request counts against the budget of its principal. Refused
//! credentials count against the budget of their address. The address budget is checked before a credential is verified: if it is
//! exhausted, the response is 429 without a signature check, a query or a request to the provider. It does not limit three kinds of
//! request:
//!
//! - a request without a credential, which guesses nothing and costs nothing;
//! - a request with a cached credential and an admitted principal, which is authenticated before the address budget is checked;
//! - a request whose credential was [accepted the last time](GoodCredentials), which is verified as usual, so that clients that share an
//!   address with an attacker are still served.
//!
//! A cached refusal counts too, but it can use only [half](Share::Half) of the budget. It costs nothing, and a disabled service account
//! that retries in a loop must not block sign-in for the other clients of its address.
//!
//! Both kinds are kept for a bounded number of clients. The budgets that were not used for longest are evicted first.

mod address;
mod credentials;
mod requests;
mod window;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use actix_web::HttpRequest;

use address::{AddressBudget, Reservation, Share};
use credentials::{GoodCredentials, Pass};
use requests::{RequestBudget, Used};

use super::client_address::TrustedProxies;
use crate::Clock;
use crate::error::Error;
use crate::models::PrincipalId;

/// The budgets of the service.
pub(crate) struct RateLimits {
    failures: Option<Failures>,
    requests: Option<RequestBudget>,
    proxies: Arc<TrustedProxies>,
}

/// The used part of a principal's request budget, to be kept with the cached caller.
#[derive(Clone, Default)]
pub(crate) struct RateState(Option<Used>);

/// The limit of refused credentials.
struct Failures {
    addresses: AddressBudget,
    good: GoodCredentials,
}

/// A credential that is about to be verified, and its reservation in the budget.
///
/// If it is dropped without being [settled](Self::settle), because the client has disconnected, it counts as refused.
pub(crate) struct Attempt<'a>(Option<Bounded<'a>>);

struct Bounded<'a> {
    failures: &'a Failures,
    /// `None` for a single-use credential.
    credential: Option<&'a [u8]>,
    reservation: Reservation<'a>,
    /// Present if the budget is exhausted and the credential was accepted the last time.
    _pass: Option<Pass>,
}

impl RateLimits {
    /// Creates budgets with these quotas per minute; `None` for no limit.
    pub(crate) fn new(
        failures: Option<NonZeroU32>,
        requests: Option<NonZeroU32>,
        proxies: Arc<TrustedProxies>,
        clock: &Clock,
    ) -> Self {
        let failures = failures
            .map(|quota| Failures { addresses: AddressBudget::new(quota, clock), good: GoodCredentials::default() });
        Self { failures, requests: requests.map(|quota| RequestBudget::new(quota, clock)), proxies }
    }

    /// Returns the address or network that identifies the client, or `None` if the connection has no address.
    pub(crate) fn client_of(&self, request: &HttpRequest) -> Option<IpAddr> {
        self.proxies.client_of(request).map(address::client_network)
    }

    /// Returns the used part of the principal's budget. It is empty if there is no limit.
    pub(crate) fn state_of(&self, principal: &PrincipalId) -> RateState {
        RateState(self.requests.as_ref().map(|requests| requests.state_of(principal)))
    }

    /// Takes one request from the budget of a principal. Fails if the budget is exhausted.
    pub(crate) fn take(&self, RateState(state): &RateState) -> Result<(), Error> {
        let Some((requests, state)) = self.requests.as_ref().zip(state.as_ref()) else { return Ok(()) };
        requests.take(state).map_err(Error::RateLimited)
    }

    /// Reserves the verification of `credential` in the budget of the address. Call it before any expensive step. Fails if the budget is
    /// exhausted.
    pub(crate) fn begin<'a>(&'a self, request: &HttpRequest, credential: &'a [u8]) -> Result<Attempt<'a>, Error> {
        self.reserve(request, Some(credential))
    }

    /// Like [`begin`](Self::begin), for a single-use credential, which cannot have been accepted before.
    pub(crate) fn begin_once(&self, request: &HttpRequest) -> Result<Attempt<'_>, Error> {
        self.reserve(request, None)
    }

    fn reserve<'a>(&'a self, request: &HttpRequest, credential: Option<&'a [u8]>) -> Result<Attempt<'a>, Error> {
        let Some((failures, client)) = self.failures_of(request) else { return Ok(Attempt(None)) };
        let (reservation, pass) = match failures.addresses.reserve(client, Share::Whole) {
            Ok(reservation) => (reservation, None),
            Err(limited) => {
                let pass = credential.and_then(|credential| failures.good.pass(credential));
                let pass = pass.ok_or(Error::RateLimited(limited))?;
                (failures.addresses.overdraw(client), Some(pass))
            }
        };
        Ok(Attempt(Some(Bounded { failures, credential, reservation, _pass: pass })))
    }

    /// Returns the response to a malformed credential: `refusal`, or 429 if the budget of the address is exhausted.
    pub(crate) fn refuse_unreadable(&self, request: &HttpRequest, refusal: Error) -> Error {
        self.refuse(request, Share::Whole, refusal)
    }

    /// Returns the response to a request whose principal has a cached `refusal`: the refusal, or 429 if a budget is exhausted. `rate` is
    /// the budget of the principal, and empty if the identity is unknown.
    pub(crate) fn refuse_cached(
        &self,
        request: &HttpRequest,
        credential: &[u8],
        rate: &RateState,
        refusal: Error,
    ) -> Error {
        if let Err(limited) = self.take(rate) {
            return limited;
        }
        if let Some(failures) = &self.failures {
            failures.good.remove(credential);
        }
        self.refuse(request, Share::Half, refusal)
    }

    fn refuse(&self, request: &HttpRequest, share: Share, refusal: Error) -> Error {
        let Some((failures, client)) = self.failures_of(request) else { return refusal };
        match failures.addresses.reserve(client, share) {
            Ok(reservation) => {
                reservation.charge();
                refusal
            }
            Err(limited) => Error::RateLimited(limited),
        }
    }

    /// Returns `None` if there is no limit or the connection has no address.
    fn failures_of(&self, request: &HttpRequest) -> Option<(&Failures, IpAddr)> {
        Some((self.failures.as_ref()?, self.proxies.client_of(request)?))
    }
}

impl Attempt<'_> {
    /// Counts the attempt if `outcome` refuses the credential. Otherwise releases the reservation: an accepted credential does not count,
    /// and after an outage of this service or the provider it is unknown whether the credential is valid.
    pub(crate) fn settle<T>(self, outcome: &Result<T, Error>) {
        match outcome {
            Ok(_) => self.pass(),
            Err(error) if error.refuses_credential() => self.refuse(),
            Err(_) => self.give_back(),
        }
    }

    /// Counts the attempt as refused.
    pub(crate) fn refuse(self) {
        self.forget();
        if let Some(bounded) = self.0 {
            bounded.reservation.charge();
        }
    }

    /// Releases the reservation of a credential that was valid and is now consumed.
    pub(crate) fn use_up(self) {
        self.forget();
        self.give_back();
    }

    fn pass(self) {
        if let Some(Bounded { failures, credential: Some(credential), .. }) = &self.0 {
            failures.good.add(credential);
        }
        self.give_back();
    }

    fn forget(&self) {
        if let Some(Bounded { failures, credential: Some(credential), .. }) = &self.0 {
            failures.good.remove(credential);
        }
    }

    fn give_back(self) {
        if let Some(bounded) = self.0 {
            bounded.reservation.release();
        }
    }
}
