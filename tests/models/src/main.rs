//! What threads of the service share without a lock, in every order that the memory model allows (loom).
//!
//! The files under test are the service's own, included from `src/`; what they have from `crate::sync` is loom's here. The parts that
//! loom can't run (the database, the caches' maps, `ArcSwap`) are stood in for by the weakest thing that does what is asked of them.
//! `scripts/models` runs them, and with `--weakened` shows that each model fails once the code is weaker.

mod callers;
mod database;
mod keys;
mod lines;
mod oidc;
mod telemetry;

/// What `src/sync.rs` is in the service.
mod sync {
    pub(crate) use loom::sync::{Arc, Mutex, MutexGuard, atomic};
    pub(crate) use std::sync::PoisonError;
}

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How often a thread is stopped in the middle, at the most.
const PREEMPTIONS: usize = 3;

/// What holds in every order.
type Model = (&'static str, fn());

const MODELS: [Model; 9] = [
    ("caller-cache: one change", callers::one_change),
    ("caller-cache: two changes of one principal", callers::two_changes),
    ("caller-cache: a change of everyone", callers::everyone),
    ("caller-cache: whoever depends on all changes", callers::all_changes),
    ("caller-cache: an identity that nobody has", callers::unknown_identity),
    ("key-edition: a withdrawn key", keys::withdrawn_key),
    ("key-edition: edition and end are one", keys::edition_and_end),
    ("issuer-status: an issuer that is dismissed", keys::dismissed_issuer),
    ("log-writer: no line is left behind", lines::none_is_left),
];

fn main() -> ExitCode {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let mut failed = 0;
    for (name, model) in MODELS.into_iter().filter(|(name, _)| name.starts_with(&wanted)) {
        let orders = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&orders);
        let run = || {
            let mut models = loom::model::Builder::new();
            // More than three threads that are stopped in the middle find nothing that fewer do not, and take hours.
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
