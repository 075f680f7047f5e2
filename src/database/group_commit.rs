//! Writers that share a transaction.
//!
//! To commit is most of what a short write costs: pages that many have touched are written once for each of them, and the lock and the
//! thread change hands each time. So those who wait for the one writer of a file go together: whoever gets the turn takes along who
//! stands in the queue, each in a savepoint, so that what fails is undone without the others. Nobody is told that something is kept
//! before the commit has ended, and where it is not kept, that goes for all of them.

use std::collections::VecDeque;
use std::error::Error;
use std::ops::DerefMut;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use diesel::Connection;
use diesel::connection::TransactionManager;
use tokio::sync::oneshot;

use super::DatabaseError;
use super::connection::DbConnection;
use super::manager::ManagedConnection;
use crate::scope::Surroundings;

/// How many go together at the most: no one is to wait long for the work of a crowd.
const AT_MOST: usize = 32;

/// Those who wait for the writer, in their order.
#[derive(Clone, Default)]
pub(super) struct Queue(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    /// The number of the last one who came.
    latest: u64,
    works: VecDeque<(u64, Box<dyn Shared>)>,
}

/// A place in the queue, which is left when this is dropped.
pub(super) struct QueueTicket {
    queue: Queue,
    number: u64,
}

/// How the work of one ended: what it came to, or its panic.
pub(super) type Ended<T, E> = thread::Result<Result<T, E>>;

/// Why nothing of a transaction was kept.
type Lost = Arc<dyn Error + Send + Sync>;

impl Queue {
    /// Stands at the end of the queue, with `work` to be done and `after` to be run once its transaction has ended. Both run within the
    /// caller's surroundings.
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
        let work = Work { surroundings: Surroundings::current(), work: Some(work), ended: None, after, caller };
        let mut line = self.line();
        line.latest += 1;
        let number = line.latest;
        line.works.push_back((number, Box::new(work)));
        (QueueTicket { queue: self.clone(), number }, reply)
    }

    /// Takes those who are next, and may go together.
    pub(super) fn next(&self) -> Vec<Box<dyn Shared>> {
        let works = &mut self.line().works;
        let count = works.len().min(AT_MOST);
        works.drain(..count).map(|(_, work)| work).collect()
    }

    fn line(&self) -> MutexGuard<'_, Waiting> {
        // Nothing that happens under the lock can fail half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueueTicket {
    /// Leaves the queue; `false` for whoever stands in it no more, because the work has begun.
    pub(super) fn leave(&self) -> bool {
        let works = &mut self.queue.line().works;
        let place = works.iter().position(|(number, _)| *number == self.number);
        place.and_then(|place| works.remove(place)).is_some()
    }
}

impl Drop for QueueTicket {
    fn drop(&mut self) {
        self.leave();
    }
}

/// The work of one, whatever it returns.
pub(super) trait Shared: Send {
    /// Does it, and returns whether it is to be kept.
    fn run(&mut self, connection: &mut DbConnection) -> bool;

    /// Whether it has panicked.
    fn has_panicked(&self) -> bool;

    /// Tells its caller how it ended, once the transaction has; `lost` where nothing was kept.
    fn tell(self: Box<Self>, lost: Option<&Lost>);
}

struct Work<T, E, W, A> {
    surroundings: Surroundings,
    work: Option<W>,
    ended: Option<Ended<T, E>>,
    after: A,
    caller: oneshot::Sender<Ended<T, E>>,
}

impl<T, E, W, A> Shared for Work<T, E, W, A>
where
    T: Send,
    E: From<DatabaseError> + Send,
    W: FnOnce(&mut DbConnection) -> Result<T, E> + Send,
    A: FnOnce() + Send,
{
    fn run(&mut self, connection: &mut DbConnection) -> bool {
        let Some(work) = self.work.take() else { return false };
        // What was half-done is undone with the savepoint.
        let ended = self.surroundings.enter(|| catch_unwind(AssertUnwindSafe(|| work(connection))));
        matches!(self.ended.insert(ended), Ok(Ok(_)))
    }

    fn has_panicked(&self) -> bool {
        matches!(self.ended, Some(Err(_)))
    }

    fn tell(self: Box<Self>, lost: Option<&Lost>) {
        let Self { surroundings, ended, after, caller, .. } = *self;
        let ended = match (ended, lost) {
            (Some(Err(panic)), _) => Err(panic),
            // A refusal too: it may rest on what another did, which was not kept.
            (_, Some(cause)) => Ok(Err(DatabaseError::unavailable(Arc::clone(cause)).into())),
            (Some(ended), None) => ended,
            (None, None) => Ok(Err(DatabaseError::unavailable("the work was not begun").into())),
        };
        surroundings.enter(after);
        // Whoever waits no longer is told nothing.
        let _ = caller.send(ended);
    }
}

/// Does these works in the transaction that `begun` has opened, ends it, and tells each caller what became of theirs.
pub(super) fn go<L: DerefMut<Target = ManagedConnection>>(
    begun: Result<L, DatabaseError>,
    mut works: Vec<Box<dyn Shared>>,
) {
    let ended = begun.and_then(|mut connection| {
        let ended = keep(&mut connection, &mut works);
        if ended.is_err() || works.iter().any(|work| work.has_panicked()) {
            // The pool drops the connection, and the database rolls back what is still open.
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
    works.into_iter().for_each(|work| work.tell(lost.as_ref()));
}

fn keep(connection: &mut ManagedConnection, works: &mut [Box<dyn Shared>]) -> Result<(), DatabaseError> {
    type Transactions = <DbConnection as Connection>::TransactionManager;
    if let [alone] = works {
        return Ok(if alone.run(connection) { connection.commit(None) } else { connection.roll_back() }?);
    }
    for work in works {
        Transactions::begin_transaction(&mut **connection)?;
        if work.run(connection) {
            Transactions::commit_transaction(&mut **connection)?;
        } else {
            // Fails where the database has undone the whole transaction, as for want of space: then all is lost.
            Transactions::rollback_transaction(&mut **connection)?;
        }
    }
    Ok(connection.commit(None)?)
}
