//! Usage of the connection pools, for the metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// The usage of one pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolUsage {
    /// The name of the pool.
    pub pool: &'static str,
    /// The number of transactions that it can run at once.
    pub size: u64,
    /// The number of transactions that it runs now.
    pub in_use: u64,
    /// The number of transactions that wait for a permit.
    pub waiting: u64,
    /// The number of transactions begun since the start.
    pub transactions: u64,
}

/// Counts one waiting transaction until it is dropped, also if the wait is cancelled.
pub(super) struct Waiting<'a>(&'a AtomicU64);

impl<'a> Waiting<'a> {
    pub(super) fn one(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::database::{Database, DatabaseError};

    /// Waits until `condition` holds for the usage of the write pool, and returns it.
    async fn writer(database: &Database, condition: impl Fn(PoolUsage) -> bool) -> PoolUsage {
        loop {
            let usage = database.usage().into_iter().find(|usage| usage.pool == "write").unwrap();
            if condition(usage) {
                return usage;
            }
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn running_and_waiting_transactions_are_counted_separately() {
        let (_folder, database) = Database::temporary_file();
        let (release, held) = mpsc::channel::<()>();
        let write = |held: Option<mpsc::Receiver<()>>| {
            let database = database.clone();
            tokio::spawn(async move {
                let work = move |_: &mut _| Ok::<_, DatabaseError>(held.map(|held| held.recv()));
                database.write(work).await.unwrap();
            })
        };
        let first = write(Some(held));
        writer(&database, |usage| usage.in_use == 1).await;
        let second = write(None);
        let usage = writer(&database, |usage| usage.waiting == 1).await;
        assert_eq!((usage.size, usage.in_use), (1, 1));
        let cancelled = write(None);
        writer(&database, |usage| usage.waiting == 2).await;
        cancelled.abort();
        writer(&database, |usage| usage.waiting == 1).await;
        drop(release);
        first.await.unwrap();
        second.await.unwrap();
        assert_eq!(writer(&database, |usage| usage.in_use == 0).await.waiting, 0);
    }
}
