//! How many refused credentials may come from an address.
//!
//! A budget is refilled evenly over a minute (GCRA). An attempt reserves its place before it costs anything: it counts as refused while
//! it is in flight, and is given back when the credential turns out good. So a thousand attempts at once cost no more than the budget.
//!
//! An address of IPv6 is cheap: a customer has at least a network of 64 bits, often one of 48, and a provider one of 32. So each of
//! these networks has a budget, the wider one [`WIDER`] times as large, and an attempt needs a place in all of them. The wider ones are
//! asked first and kept apart, so whoever owns a network of 32 bits fills the table of addresses no faster than that network's budget
//! allows, and pushes out nobody else's count.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quick_cache::sync::Cache;

use super::{CLIENTS, WINDOW, whole_seconds};
use crate::Clock;
use crate::error::Limited;

/// How much larger the budget of a wider network is.
const WIDER: u32 = 8;
/// How many wider networks are remembered, of each width.
const NETWORKS: usize = 32_768;

/// How much of a budget an attempt may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    /// All of it.
    Whole,
    /// The first half: the other one is left to credentials that have not been seen.
    Half,
}

/// The budgets of all addresses.
pub(super) struct AddressBudget {
    clock: Clock,
    /// Networks of 32 and of 48 bits, and addresses: a whole one of IPv4, a network of 64 bits of IPv6.
    levels: [Level; 3],
}

/// The budgets of networks of one width.
struct Level {
    quota: u32,
    /// In which one attempt is refilled.
    interval: Duration,
    used: Cache<IpAddr, Arc<Mutex<Used>>>,
}

/// What an address has used up.
#[derive(Default)]
struct Used {
    /// When the whole budget is refilled, on the steady clock.
    refilled_at: Duration,
    in_flight: u32,
}

/// The place of an attempt. Dropped, it counts as refused: an attempt that its sender gives up has cost what it has cost.
pub(super) struct Reservation<'a> {
    clock: &'a Clock,
    places: Vec<(Duration, Arc<Mutex<Used>>)>,
}

impl AddressBudget {
    /// Budgets of `quota` refused credentials a minute.
    pub(super) fn new(quota: NonZeroU32, clock: &Clock) -> Self {
        let widest = quota.saturating_mul(NonZeroU32::MIN.saturating_add(WIDER * WIDER - 1));
        let wide = quota.saturating_mul(NonZeroU32::MIN.saturating_add(WIDER - 1));
        let levels = [Level::new(widest, NETWORKS), Level::new(wide, NETWORKS), Level::new(quota, CLIENTS)];
        Self { clock: clock.clone(), levels }
    }

    /// Reserves a place in the budget of `client`, and of the networks that it is in; fails where one of them is spent.
    pub(super) fn reserve(&self, client: IpAddr, share: Share) -> Result<Reservation<'_>, Limited> {
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

    /// A place whether or not there is one: what it costs in the end is refilled first.
    pub(super) fn overdraw(&self, client: IpAddr) -> Reservation<'_> {
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
    /// Fails with the time after which there is a place.
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
    /// Gives the place back: nothing was refused.
    pub(super) fn release(mut self) {
        for (_, used) in std::mem::take(&mut self.places) {
            lock(&used).release();
        }
    }

    /// Takes it for good.
    pub(super) fn charge(self) {
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

/// What stands for the client of this address: a network of IPv6 is one customer's, who can take any address in it.
pub(super) fn customer(client: IpAddr) -> IpAddr {
    let [.., narrowest] = networks(client);
    narrowest.unwrap_or(client)
}

/// What an address is counted as, the widest network first.
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
