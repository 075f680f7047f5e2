//! The budget of refused credentials of an address.
//!
//! A budget is refilled evenly over a minute (GCRA). An attempt makes a reservation before any expensive step. It counts as refused while
//! it is in flight, and is released when the credential is accepted. A thousand concurrent attempts therefore cost no more than the budget.
//!
//! IPv6 addresses are cheap: a customer has at least a /64 network, often a /48, and a provider a /32. Each of these networks has a budget,
//! the wider one [`WIDER`] times as large, and an attempt needs a reservation in all of them. The wider networks are checked first and are
//! stored separately, so the owner of a /32 fills the table of addresses no faster than the budget of the /32 allows, and cannot evict the
//! budgets of other clients.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quick_cache::sync::Cache;

use super::window::{CLIENTS, WINDOW, whole_seconds};
use crate::Clock;
use crate::error::Limited;

/// The ratio of a network's budget to that of the next narrower network.
const WIDER: u32 = 8;
/// The maximum number of wider networks of each width for which budgets are kept.
const NETWORKS: usize = 32_768;

/// The share of a budget that an attempt may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// The whole budget.
    Whole,
    /// The first half. The other half is left to credentials that are not cached.
    Half,
}

/// The budgets of all addresses.
pub(crate) struct AddressBudget {
    clock: Clock,
    /// IPv6 networks of 32 and of 48 bits, and clients: IPv4 addresses and IPv6 networks of 64 bits.
    levels: [Level; 3],
}

/// The budgets of networks of one width.
struct Level {
    quota: u32,
    /// The time in which one attempt is refilled.
    interval: Duration,
    used: Cache<IpAddr, Arc<Mutex<Used>>>,
}

/// The used part of a budget.
#[derive(Default)]
struct Used {
    /// When the whole budget is refilled, on the steady clock.
    refilled_at: Duration,
    in_flight: u32,
}

/// The reservation of an attempt. If it is dropped, it counts as refused, because an abandoned attempt has already cost its verification.
pub(crate) struct Reservation<'a> {
    clock: &'a Clock,
    places: Vec<(Duration, Arc<Mutex<Used>>)>,
}

impl AddressBudget {
    /// Creates budgets of `quota` refused credentials a minute.
    pub(crate) fn new(quota: NonZeroU32, clock: &Clock) -> Self {
        let widest = quota.saturating_mul(NonZeroU32::MIN.saturating_add(WIDER * WIDER - 1));
        let wide = quota.saturating_mul(NonZeroU32::MIN.saturating_add(WIDER - 1));
        let levels = [Level::new(widest, NETWORKS), Level::new(wide, NETWORKS), Level::new(quota, CLIENTS)];
        Self { clock: clock.clone(), levels }
    }

    /// Reserves an attempt in the budgets of `client` and its networks. Fails if one of them is exhausted.
    pub(crate) fn reserve(&self, client: IpAddr, share: Share) -> Result<Reservation<'_>, Limited> {
        let now = self.clock.steady();
        let mut reservation = Reservation { clock: &self.clock, places: Vec::new() };
        for (level, network) in self.levels.iter().zip(networks(client)) {
            let Some(network) = network else { continue };
            match level.reserve(network, share, now) {
                Ok(used) => reservation.places.push((level.interval, used)),
                Err(limited) => {
                    reservation.release();
                    return Err(limited);
                }
            }
        }
        Ok(reservation)
    }

    /// Reserves an attempt even if a budget is exhausted. If the attempt is refused, the budget is overdrawn.
    pub(crate) fn overdraw(&self, client: IpAddr) -> Reservation<'_> {
        let places = self.levels.iter().zip(networks(client)).filter_map(|(level, network)| {
            let used = level.used_by(network?);
            lock(&used).in_flight += 1;
            Some((level.interval, used))
        });
        Reservation { clock: &self.clock, places: places.collect() }
    }
}

impl Level {
    fn new(quota: NonZeroU32, capacity: usize) -> Self {
        let interval = Duration::from_secs(WINDOW.into()) / quota.get();
        Self { quota: quota.get(), interval, used: Cache::new(capacity) }
    }

    fn used_by(&self, network: IpAddr) -> Arc<Mutex<Used>> {
        let Ok(used) = self.used.get_or_insert_with(&network, || Ok::<_, Infallible>(Arc::default()));
        used
    }

    fn reserve(&self, network: IpAddr, share: Share, now: Duration) -> Result<Arc<Mutex<Used>>, Limited> {
        let used = self.used_by(network);
        let allowed = match share {
            Share::Whole => self.quota,
            Share::Half => (self.quota / 2).max(1),
        };
        let reserved = lock(&used).reserve(self.interval, allowed, now);
        let limited =
            |wait| Limited { budget: "address", quota: self.quota, window: WINDOW, wait: whole_seconds(wait) };
        reserved.map_err(limited).map(|()| used)
    }
}

impl Used {
    /// Fails with the time to wait if the budget is exhausted.
    fn reserve(&mut self, interval: Duration, allowed: u32, now: Duration) -> Result<(), Duration> {
        let refused = self.refilled_at.saturating_sub(now);
        let with_this = refused + interval * self.in_flight.saturating_add(1);
        match with_this.saturating_sub(interval * allowed) {
            Duration::ZERO => {
                self.in_flight += 1;
                Ok(())
            }
            wait => Err(wait),
        }
    }

    fn release(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    fn charge(&mut self, interval: Duration, now: Duration) {
        self.release();
        self.refilled_at = self.refilled_at.max(now) + interval;
    }
}

impl Reservation<'_> {
    /// Releases the reservation: nothing was refused.
    pub(crate) fn release(mut self) {
        for (_, used) in std::mem::take(&mut self.places) {
            lock(&used).release();
        }
    }

    /// Counts the attempt as refused.
    pub(crate) fn charge(self) {
        drop(self);
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        let now = self.clock.steady();
        for (interval, used) in &self.places {
            lock(used).charge(*interval, now);
        }
    }
}

fn lock(used: &Mutex<Used>) -> MutexGuard<'_, Used> {
    used.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the address or network that identifies a client: a /64 for IPv6, because one customer can use all its addresses.
pub(crate) fn client_network(client: IpAddr) -> IpAddr {
    let [.., narrowest] = networks(client);
    narrowest.unwrap_or(client)
}

/// Returns the networks that an address counts against, the widest first.
fn networks(client: IpAddr) -> [Option<IpAddr>; 3] {
    match client {
        IpAddr::V4(_) => [None, None, Some(client)],
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            let network = |c, d| Some(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into());
            [network(0, 0), network(c, 0), network(c, d)]
        }
    }
}

#[cfg(test)]
mod tests;
