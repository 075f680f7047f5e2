//! Direct-mapped cache from claims to principal, which spares frequent callers the lookup by name.
//!
//! A slot is chosen by the address of the claims. The slot holds a weak reference to the claims, which keeps their allocation, so the
//! address is not reused while the slot refers to it. The number of slots is fixed, and a later entry replaces an earlier one. The weak
//! references keep neither claims nor principals alive, so no other cache has to invalidate a slot.

use std::sync::{Arc, Mutex, OnceLock, Weak};

use crate::oidc::Claims;

/// The number of slots, as a power of two.
const BITS: u32 = 15;

/// The slots, each with a cached value.
pub(crate) struct Seats<T>(OnceLock<Box<[Seat<T>]>>);

/// A slot. It is never waited for: a locked slot counts as empty.
type Seat<T> = Mutex<Option<(Weak<Claims>, Weak<T>)>>;

impl<T> Default for Seats<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T> Seats<T> {
    /// Returns the value for these claims, compared by address, if it is still alive.
    pub(crate) fn find(&self, claims: &Arc<Claims>) -> Option<Arc<T>> {
        let seats = self.0.get()?;
        let seat = seats.get(slot_of(claims))?.try_lock().ok()?;
        seat.as_ref().filter(|(owner, _)| owner.as_ptr() == Arc::as_ptr(claims))?.1.upgrade()
    }

    /// Stores `known` for these claims, unless the slot is locked.
    pub(crate) fn put(&self, claims: &Arc<Claims>, known: &Arc<T>) {
        let seats = self.0.get_or_init(|| (0..1 << BITS).map(|_| Mutex::default()).collect());
        if let Some(Ok(mut seat)) = seats.get(slot_of(claims)).map(Mutex::try_lock) {
            *seat = Some((Arc::downgrade(claims), Arc::downgrade(known)));
        }
    }
}

/// Returns the slot of the claims. Claims that are neighbours in memory have neighbouring slots, as they are often used together. Claims
/// with the texts of their token take more than one step.
fn slot_of(claims: &Arc<Claims>) -> usize {
    const STEP: usize = 256;
    Arc::as_ptr(claims).addr() / STEP % (1 << BITS)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::oidc::SubjectKind;

    fn claims() -> Arc<Claims> {
        Arc::new(Claims::for_test("https://issuer.test", SubjectKind::Human, "alice", DateTime::UNIX_EPOCH))
    }

    #[test]
    fn claims_find_their_own_value_and_equal_claims_do_not() {
        let (seats, claims, known) = (Seats::default(), claims(), Arc::new(1));
        assert_eq!(seats.find(&claims), None);
        seats.put(&claims, &known);
        assert_eq!(seats.find(&claims), Some(Arc::clone(&known)));
        assert_eq!(seats.find(&Arc::new((*claims).clone())), None);
        seats.put(&claims, &Arc::new(2));
        assert_eq!(seats.find(&claims), None, "the value is no longer alive");
    }

    #[test]
    fn slot_of_dropped_claims_is_not_found_by_new_claims() {
        let (seats, known) = (Seats::default(), Arc::new(1));
        for _ in 0..10_000 {
            // They would get the address of the previous ones if the slot did not keep that allocation.
            let claims = claims();
            assert_eq!(seats.find(&claims), None);
            seats.put(&claims, &known);
        }
    }

    #[test]
    fn more_claims_than_slots_find_their_own_value_or_none() {
        let seats = Seats::default();
        let all: Vec<_> = (0..1 << (BITS + 1)).map(|number| (claims(), Arc::new(number))).collect();
        all.iter().for_each(|(claims, known)| seats.put(claims, known));
        let found = all.iter().filter(|(claims, known)| {
            let found = seats.find(claims);
            assert!(found.is_none() || found.as_ref() == Some(known));
            found.is_some()
        });
        assert!((1 << (BITS - 1)..=1 << BITS).contains(&found.count()));
    }
}
