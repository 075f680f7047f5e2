//! Group commit for SQLite.
//!
//! The commit is most of the cost of a short write: shared pages are written once per transaction, and the lock and the thread change each
//! time. So the writes that wait for the single writer share one transaction. The caller that gets the permit runs all queued work, each
//! in a savepoint, so that a failed write is rolled back alone. No caller gets its result before the commit has ended; if the commit
//! fails, every write of the group fails.

use std::collections::VecDeque;
use std::error::Error;
use std::ops::DerefMut;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use diesel::Connection;
use diesel::connection::TransactionManager;
use tokio::sync::oneshot;
use tracing::Span;

use super::DatabaseError;
use super::connection::DbConnection;
use super::manager::ManagedConnection;

/// The most writes in one group, which bounds how long a caller waits for the others.
const MAX_GROUP_SIZE: usize = 32;

/// The writes that wait for the writer, in order of arrival.
#[derive(Clone, Default)]
pub(super) struct Queue(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    /// The number of the latest ticket.
    latest: u64,
    works: VecDeque<(u64, Box<dyn QueuedWork>)>,
}

/// A place in the queue. Dropping it removes the write from the queue.
pub(super) struct QueueTicket {
    queue: Queue,
    number: u64,
}

/// The result of a write, or its panic.
pub(super) type Ended<T, E> = thread::Result<Result<T, E>>;

/// Why the whole transaction was lost.
type Lost = Arc<dyn Error + Send + Sync>;

impl Queue {
    /// Appends `work` to the queue. `after` runs once the transaction has ended. Both run in the caller's span.
    pub(super) fn join<T, E>(
        &self,
        work: impl FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
        after: impl FnOnce() + Send + 'static,
    ) -> (QueueTicket, oneshot::Receiver<Ended<T, E>>)
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        let (caller, reply) = oneshot::channel();
        let work = Work { span: Span::current(), work: Some(work), ended: None, after, caller };
        let mut waiting = self.lock();
        waiting.latest += 1;
        let number = waiting.latest;
        waiting.works.push_back((number, Box::new(work)));
        (QueueTicket { queue: self.clone(), number }, reply)
    }

    /// Takes the next group out of the queue.
    pub(super) fn next_group(&self) -> Vec<Box<dyn QueuedWork>> {
        let works = &mut self.lock().works;
        let count = works.len().min(MAX_GROUP_SIZE);
        works.drain(..count).map(|(_, work)| work).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // No operation under the lock can fail half-way, so a poisoned lock is harmless.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueueTicket {
    /// Removes the work from the queue. Returns `false` if it was taken out already, because it has started.
    pub(super) fn cancel(&self) -> bool {
        let works = &mut self.queue.lock().works;
        let position = works.iter().position(|(number, _)| *number == self.number);
        position.and_then(|position| works.remove(position)).is_some()
    }
}

impl Drop for QueueTicket {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// The work of one caller, independent of its result type.
pub(super) trait QueuedWork: Send {
    /// Runs the work. Returns whether its changes have to be kept.
    fn run(&mut self, connection: &mut DbConnection) -> bool;

    /// Whether the work has panicked.
    fn has_panicked(&self) -> bool;

    /// Sends the result to the caller, after the transaction has ended. `lost` is set if the transaction was lost.
    fn reply(self: Box<Self>, lost: Option<&Lost>);
}

struct Work<T, E, W, A> {
    span: Span,
    work: Option<W>,
    ended: Option<Ended<T, E>>,
    after: A,
    caller: oneshot::Sender<Ended<T, E>>,
}

impl<T, E, W, A> QueuedWork for Work<T, E, W, A>
where
    T: Send,
    E: From<DatabaseError> + Send,
    W: FnOnce(&mut DbConnection) -> Result<T, E> + Send,
    A: FnOnce() + Send,
{
    fn run(&mut self, connection: &mut DbConnection) -> bool {
        let Some(work) = self.work.take() else { return false };
        // After a panic the savepoint rolls back what was half done.
        let ended = self.span.in_scope(|| catch_unwind(AssertUnwindSafe(|| work(connection))));
        matches!(self.ended.insert(ended), Ok(Ok(_)))
    }

    fn has_panicked(&self) -> bool {
        matches!(self.ended, Some(Err(_)))
    }

    fn reply(self: Box<Self>, lost: Option<&Lost>) {
        let Self { span, ended, after, caller, .. } = *self;
        let ended = match (ended, lost) {
            (Some(Err(panic)), _) => Err(panic),
            // Replaces an error of the work as well: it may depend on another write of the group that was lost.
            (_, Some(cause)) => Ok(Err(DatabaseError::unavailable(Arc::clone(cause)).into())),
            (Some(ended), None) => ended,
            (None, None) => Ok(Err(DatabaseError::unavailable("the work was not started").into())),
        };
        span.in_scope(after);
        // Fails if the caller no longer waits.
        let _ = caller.send(ended);
    }
}

/// Runs a group of works in the transaction `begun`, ends the transaction, and sends each caller its result.
pub(super) fn run_group<L: DerefMut<Target = ManagedConnection>>(
    begun: Result<L, DatabaseError>,
    mut works: Vec<Box<dyn QueuedWork>>,
) {
    let ended = begun.and_then(|mut connection| {
        let ended = run_and_commit(&mut connection, &mut works);
        if ended.is_err() || works.iter().any(|work| work.has_panicked()) {
            // The pool drops the connection, and the database rolls back an open transaction.
            connection.mark_broken();
        }
        ended
    });
    let lost = ended.err().map(|failure| {
        Lost::from(match failure {
            DatabaseError::Unavailable(cause) => cause,
            other => Box::new(other),
        })
    });
    works.into_iter().for_each(|work| work.reply(lost.as_ref()));
}

fn run_and_commit(connection: &mut ManagedConnection, works: &mut [Box<dyn QueuedWork>]) -> Result<(), DatabaseError> {
    type Transactions = <DbConnection as Connection>::TransactionManager;
    if let [alone] = works {
        return Ok(if alone.run(connection) { connection.commit(None) } else { connection.roll_back() }?);
    }
    for work in works {
        Transactions::begin_transaction(&mut **connection)?;
        if work.run(connection) {
            Transactions::commit_transaction(&mut **connection)?;
        } else {
            // Fails if the database has rolled back the whole transaction, for lack of space for example: then the group is lost.
            Transactions::rollback_transaction(&mut **connection)?;
        }
    }
    Ok(connection.commit(None)?)
}
