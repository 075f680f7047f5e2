//! Straight ways from a token's claims to its principal, so that whoever comes again and again is not looked up by name each time.
//!
//! A seat is found by where the claims lie in memory, which stays theirs for as long as the seat knows of them. There is a fixed number,
//! and who comes later takes the seat. A seat keeps nobody: what else forgets the claims or the principal need not know of it.

use std::sync::{Arc, Mutex, OnceLock, Weak};

use crate::oidc::Claims;

/// How many there are, as a power of two.
const BITS: u32 = 15;

/// The seats, of what is known of a principal.
pub(super) struct Seats<T>(OnceLock<Box<[Seat<T>]>>);

/// Asked by many at once, and waited for by nobody: a seat that is being asked is as good as empty.
type Seat<T> = Mutex<Option<(Weak<Claims>, Weak<T>)>>;

impl<T> Default for Seats<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T> Seats<T> {
    /// What was put there for these very claims, if it is still remembered elsewhere.
    pub(super) fn find(&self, claims: &Arc<Claims>) -> Option<Arc<T>> {
        let seats = self.0.get()?;
        let seat = seats.get(place(claims))?.try_lock().ok()?;
        seat.as_ref().filter(|(whose, _)| whose.as_ptr() == Arc::as_ptr(claims))?.1.upgrade()
    }

    /// Has these claims lead to `known`.
    pub(super) fn put(&self, claims: &Arc<Claims>, known: &Arc<T>) {
        let seats = self.0.get_or_init(|| (0..1 << BITS).map(|_| Mutex::default()).collect());
        if let Some(Ok(mut seat)) = seats.get(place(claims)).map(Mutex::try_lock) {
            *seat = Some((Arc::downgrade(claims), Arc::downgrade(known)));
        }
    }
}

/// Neighbours in memory sit side by side, as they come together. Claims with all that is kept of their token take more than a step.
fn place(claims: &Arc<Claims>) -> usize {
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
    fn claims_lead_to_what_was_put_there_for_them_and_equal_ones_do_not() {
        let (seats, claims, known) = (Seats::default(), claims(), Arc::new(1));
        assert_eq!(seats.find(&claims), None);
        seats.put(&claims, &known);
        assert_eq!(seats.find(&claims), Some(Arc::clone(&known)));
        assert_eq!(seats.find(&Arc::new((*claims).clone())), None);
        seats.put(&claims, &Arc::new(2));
        assert_eq!(seats.find(&claims), None, "nobody else remembers it");
    }

    #[test]
    fn claims_that_are_gone_leave_their_seat_to_nobody() {
        let (seats, known) = (Seats::default(), Arc::new(1));
        for _ in 0..10_000 {
            // Where the ones before lay, if their seat did not keep the place.
            let claims = claims();
            assert_eq!(seats.find(&claims), None);
            seats.put(&claims, &known);
        }
    }

    #[test]
    fn with_more_claims_than_seats_each_leads_to_its_own_or_to_nothing() {
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
