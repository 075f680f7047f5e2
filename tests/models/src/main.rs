//! Models of the lock-free code, checked by loom in every order that the memory model allows.
//!
//! The files under test are included from `src/`; their `crate::sync` is loom's here. Parts that loom can't run (the database, the maps of
//! the caches, `ArcSwap`) are replaced by the weakest implementation of their contract. `scripts/models` runs the models, and with
//! `--weakened` checks that each model fails when a rule is removed from the code.

mod callers;
mod database;
mod keys;
mod oidc;

/// The counterpart of `src/sync.rs`.
mod sync {
    pub(crate) use loom::sync::{Arc, atomic};
}

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The most preemptions per execution.
const PREEMPTIONS: usize = 3;

/// A name, and a function that asserts an invariant.
type Model = (&'static str, fn());

const MODELS: [Model; 8] = [
    ("caller-cache: one change", callers::one_change),
    ("caller-cache: two changes of one principal", callers::two_changes),
    ("caller-cache: a change of everything", callers::everything),
    ("caller-cache: entry that depends on all changes", callers::all_changes),
    ("caller-cache: an unknown identity", callers::unknown_identity),
    ("key-edition: a withdrawn key", keys::withdrawn_key),
    ("key-edition: edition and end are one", keys::edition_and_end),
    ("issuer-status: a dismissed issuer", keys::dismissed_issuer),
];

fn main() -> ExitCode {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let mut failed = 0;
    for (name, model) in MODELS.into_iter().filter(|(name, _)| name.starts_with(&wanted)) {
        let orders = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&orders);
        let run = || {
            let mut models = loom::model::Builder::new();
            // More preemptions find nothing that fewer do not, and take hours.
            models.preemption_bound = Some(PREEMPTIONS);
            models.check(move || {
                counted.fetch_add(1, Ordering::Relaxed);
                model();
            })
        };
        let held = catch_unwind(AssertUnwindSafe(run)).is_ok();
        println!("{} {name}: {} orders", if held { "ok  " } else { "FAIL" }, orders.load(Ordering::Relaxed));
        failed += u64::from(!held);
    }
    println!(
        "models: {} passed, {failed} failed",
        MODELS.iter().filter(|(name, _)| name.starts_with(&wanted)).count() as u64 - failed
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
