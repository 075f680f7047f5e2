//! Key editions and issuer status: a cached verdict on a token lasts no longer than the key that verified it.

use chrono::{DateTime, Utc};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

use crate::oidc::Issuer;

const NOW: i64 = 1_700_000_000_000_000;

fn closes_at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(NOW + seconds * 1_000_000).expect("a time")
}

/// The current keys, as their edition: weaker than the `ArcSwap` of `KeySet`, and replaced in the order of its `publish`.
struct Keys {
    snapshot: AtomicU32,
    issuer: Issuer,
}

impl Keys {
    fn new() -> Arc<Self> {
        let keys = Self { snapshot: AtomicU32::new(0), issuer: Issuer::new() };
        keys.publish(1);
        Arc::new(keys)
    }

    /// `Shared::publish`.
    fn publish(&self, edition: u32) {
        self.snapshot.store(edition, Ordering::Relaxed);
        self.issuer.publish(u64::from(edition), closes_at(60));
    }

    /// `Examination::verify_jwt`: the edition that the verdict is cached for, and the edition of the key.
    fn verify(&self) -> (Option<u32>, u32) {
        let before = self.issuer.edition(NOW);
        let key = self.snapshot.load(Ordering::Relaxed);
        let is_same = self.issuer.edition(NOW) == before;
        (before.filter(|_| is_same), key)
    }
}

/// The second edition lacks a key of the first. A token verified by that key is not served from the cache once the second is published.
pub(crate) fn withdrawn_key() {
    let keys = Keys::new();
    let verifier = {
        let keys = Arc::clone(&keys);
        thread::spawn(move || keys.verify())
    };
    let refresher = {
        let keys = Arc::clone(&keys);
        thread::spawn(move || keys.publish(2))
    };
    refresher.join().unwrap();
    let (cached_for, key) = verifier.join().unwrap();
    if let Some(edition) = cached_for {
        assert!(key >= edition, "cached for a later edition than that of the key");
        assert!(key == 2 || !keys.issuer.still_trusts_key(edition, NOW), "a withdrawn key is still trusted");
    }
}

/// An edition is never read with the end of another: the second has already ended, and no mixture of the two is open.
pub(crate) fn edition_and_end() {
    let issuer = Issuer::new();
    issuer.publish(1, closes_at(60));
    let reader = {
        let issuer = issuer.clone();
        thread::spawn(move || issuer.edition(NOW))
    };
    issuer.publish(2, closes_at(-60));
    assert!(matches!(reader.join().unwrap(), None | Some(1)));
    assert_eq!(issuer.edition(NOW), None);
}

/// A reload that drops an issuer: once it is acknowledged, no token of that issuer is served from the cache.
pub(crate) fn dismissed_issuer() {
    let keys = Keys::new();
    let acknowledged = Arc::new(AtomicU32::new(0));
    let reload = {
        let (keys, acknowledged) = (Arc::clone(&keys), Arc::clone(&acknowledged));
        thread::spawn(move || {
            keys.issuer.dismiss();
            acknowledged.store(1, Ordering::Release);
        })
    };
    let is_acknowledged = acknowledged.load(Ordering::Acquire) == 1;
    let is_admitted = keys.verify().0.is_some_and(|edition| keys.issuer.still_trusts_key(edition, NOW));
    assert!(!is_admitted || !is_acknowledged, "admitted after the issuer was dismissed");
    reload.join().unwrap();
    assert!(!keys.issuer.still_trusts_key(1, NOW));
}
