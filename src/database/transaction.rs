//! One transaction on one connection: its end, and the faults of its connection.

use diesel::r2d2::ManageConnection;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::connection::DbConnection;
use super::manager::{ManagedConnection, Manager};
use super::transaction_mode::TransactionMode;
use super::{DatabaseConfig, DatabaseError, DatabaseUrl};

/// Whether the connection is lost, as opposed to a rejected statement.
pub(super) fn is_lost(error: &DieselError) -> bool {
    matches!(
        error,
        DieselError::BrokenTransactionManager
            | DieselError::DatabaseError(
                DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand,
                _
            )
    )
}

/// Runs `work` in one transaction on a new connection, which is closed afterwards.
pub(super) fn transaction_on_new_connection<T>(
    url: &DatabaseUrl,
    config: &DatabaseConfig,
    mode: TransactionMode,
    work: impl FnOnce(&mut DbConnection) -> Result<T, DatabaseError>,
) -> Result<T, DatabaseError> {
    let mut connection = Manager::new(url, config, mode)?.connect()?;
    connection.begin(mode, config)?;
    finish(&mut connection, work, || None)
}

/// Runs `work` in the open transaction of `connection`, and commits it or rolls it back.
pub(super) fn finish<T, E: From<DatabaseError>>(
    mut connection: impl std::ops::DerefMut<Target = ManagedConnection>,
    work: impl FnOnce(&mut DbConnection) -> Result<T, E>,
    notice: impl FnOnce() -> Option<String>,
) -> Result<T, E> {
    match work(&mut connection) {
        Ok(value) => match connection.commit(notice().as_deref()) {
            Ok(()) => Ok(value),
            Err(not_committed) => Err(DatabaseError::from(not_committed).into()),
        },
        Err(failure) => {
            if let Err(not_rolled_back) = connection.roll_back() {
                // The pool drops the connection, and the database rolls back the transaction.
                connection.mark_broken();
                tracing::warn!(%not_rolled_back, "failed to roll back a transaction");
            }
            Err(failure)
        }
    }
}

/// Checks the settings of a server and logs warnings.
pub(super) fn check_server(connection: &mut ManagedConnection) -> Result<(), DatabaseError> {
    match &mut **connection {
        DbConnection::Sqlite(_) => Ok(()),
        #[cfg(feature = "postgres")]
        DbConnection::Postgres(postgres) => Ok(super::postgres::warn_of_other_languages(postgres)?),
    }
}
