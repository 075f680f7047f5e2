//! The mode of a transaction.

/// The mode of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TransactionMode {
    /// Queries only: the database rejects every change.
    Read,
    /// Any change, one transaction at a time across all replicas.
    Exclusive,
    /// Changes to rows that the transaction has locked or inserts, concurrently with others where the database allows it.
    Concurrent,
    /// Changes to the schema, one process at a time.
    Migrate,
}
