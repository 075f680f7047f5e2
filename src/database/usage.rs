//! How busy a pool is, for whoever watches.

use std::sync::atomic::{AtomicU64, Ordering};

/// How busy a pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolUsage {
    /// What it is for.
    pub pool: &'static str,
    /// How many transactions it can run at once.
    pub size: u64,
    /// How many it runs now.
    pub in_use: u64,
    /// How many wait for their turn.
    pub waiting: u64,
    /// How many it has begun since the start.
    pub transactions: u64,
}

/// Counts one who waits, until it is dropped: also where the wait is given up half-way.
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

    /// The usage of the one pool that writes, once `is_it` holds.
    async fn writer(database: &Database, is_it: impl Fn(PoolUsage) -> bool) -> PoolUsage {
        loop {
            let usage = database.usage().into_iter().find(|usage| usage.pool == "write").unwrap();
            if is_it(usage) {
                return usage;
            }
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn who_writes_and_who_waits_for_it_are_told_apart() {
        let (_folder, database) = Database::temporary_file();
        let (go_on, held) = mpsc::channel::<()>();
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
        let given_up = write(None);
        writer(&database, |usage| usage.waiting == 2).await;
        given_up.abort();
        writer(&database, |usage| usage.waiting == 1).await;
        drop(go_on);
        first.await.unwrap();
        second.await.unwrap();
        assert_eq!(writer(&database, |usage| usage.in_use == 0).await.waiting, 0);
    }
}
