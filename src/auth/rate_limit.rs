//! How often a client may ask.
//!
//! Two budgets, each refilled evenly over a minute. One is of a principal, and every request takes from it. The other is of an address,
//! and refused credentials take from it. It is asked before a credential costs anything: when it is spent, a request from that address
//! is answered 429 without a signature check, a query or a question to the provider. Three kinds of request are not its concern:
//!
//! - one without any credential guesses nothing and costs nothing;
//! - one whose credential is known from memory to be good has been admitted before this budget is asked;
//! - one whose credential was [good the last time](GoodCredentials) is checked as ever, so that whoever shares an address with an
//!   attacker is served as before.
//!
//! A refusal that is known from memory counts as well, but it may use only [half](Share::Half) of the budget: it costs nothing, and a
//! program that was disabled and asks in a loop must not keep everyone else behind the same address from signing in.
//!
//! Both remember a bounded number of clients; those not seen for longest are forgotten first, with what they had used up.

mod address;
mod credentials;
mod requests;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;

use address::{AddressBudget, Reservation, Share};
use credentials::{GoodCredentials, Pass};
use requests::RequestBudget;

use super::client_address::TrustedProxies;
use crate::Clock;
use crate::error::Error;
use crate::services::{RefusedPrincipal, ResolvedPrincipal};

/// How many clients each budget remembers.
const CLIENTS: usize = 100_000;
/// Seconds in which a budget is refilled.
const WINDOW: u32 = 60;

/// The budgets of a service.
pub(crate) struct RateLimits {
    failures: Option<Failures>,
    requests: Option<RequestBudget>,
    proxies: Arc<TrustedProxies>,
}

/// What bounds refused credentials.
struct Failures {
    addresses: AddressBudget,
    good: GoodCredentials,
}

/// One credential that is about to be checked, and its place in the budget.
///
/// Dropped without being [settled](Self::settle), because its sender has gone, it counts as refused.
pub(crate) struct Attempt<'a>(Option<Bounded<'a>>);

struct Bounded<'a> {
    failures: &'a Failures,
    /// `None` where it is good once at the most.
    credential: Option<&'a [u8]>,
    reservation: Reservation<'a>,
    /// Where the budget is spent and the credential was good the last time.
    _pass: Option<Pass>,
}

impl RateLimits {
    /// Budgets of so many a minute; `None` for no end.
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

    /// The address that stands for the client of this request; `None` where the connection has none.
    pub(super) fn client_of(&self, request: &HttpRequest) -> Option<IpAddr> {
        self.proxies.client_of(request).map(address::customer)
    }

    /// Takes one request from the principal's budget.
    pub(super) fn take(&self, principal: &Arc<ResolvedPrincipal>) -> Result<(), Error> {
        let Some(requests) = &self.requests else { return Ok(()) };
        requests.take(principal).map_err(Error::RateLimited)
    }

    /// Asks the budget of the request's address whether `credential` may be checked. To be called before that costs anything.
    pub(crate) fn begin<'a>(&'a self, request: &HttpRequest, credential: &'a [u8]) -> Result<Attempt<'a>, Error> {
        self.reserve(request, Some(credential))
    }

    /// As [`begin`](Self::begin), for a credential that is good once at the most, so that to have been good counts for nothing.
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

    /// What a request is answered whose credential can't even be read: why, or that its address has sent too many bad ones.
    pub(super) fn refuse_unreadable(&self, request: &HttpRequest, refusal: Error) -> Error {
        self.refuse(request, Share::Whole, refusal)
    }

    /// What a request is answered whose principal is known from memory to be refused: why, or that there were too many such requests.
    pub(super) fn refuse_remembered(
        &self,
        request: &HttpRequest,
        credential: &[u8],
        refused: RefusedPrincipal,
    ) -> Error {
        if let Some(Err(limited)) = refused.principal.map(|principal| self.take(&principal)) {
            return limited;
        }
        if let Some(failures) = &self.failures {
            failures.good.remove(credential);
        }
        self.refuse(request, Share::Half, refused.why.into())
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

    /// `None` where nothing is bounded: there is no budget, or the connection has no address.
    fn failures_of(&self, request: &HttpRequest) -> Option<(&Failures, IpAddr)> {
        Some((self.failures.as_ref()?, self.proxies.client_of(request)?))
    }
}

impl Attempt<'_> {
    /// Counts the attempt if `outcome` refuses the credential, and gives its place back otherwise: what is good costs nothing, and
    /// neither does an outage of ours, of which nobody knows whether the credential is good.
    pub(crate) fn settle<T>(self, outcome: &Result<T, Error>) {
        match outcome {
            Ok(_) => self.pass(),
            Err(error) if error.refuses_credential() => self.refuse(),
            Err(_) => self.give_back(),
        }
    }

    /// Counts the attempt.
    pub(crate) fn refuse(self) {
        self.forget();
        if let Some(bounded) = self.0 {
            bounded.reservation.charge();
        }
    }

    /// Gives the place back: the credential was good, and is good no more.
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

/// Rounded up, and never nothing.
fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}
