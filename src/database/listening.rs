//! The feed of changes by other replicas, which exist on PostgreSQL alone.

#[cfg(feature = "postgres")]
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{ChangeQuery, DatabaseError, TransactionPools};

/// Listens for changes by other replicas until it is dropped.
#[derive(Debug)]
pub struct Listening {
    #[cfg(feature = "postgres")]
    #[expect(dead_code, reason = "held only for its Drop")]
    listening: super::postgres::Listening,
}

impl TransactionPools {
    #[cfg(feature = "postgres")]
    pub(super) fn listen(
        &self,
        query: ChangeQuery,
        now: impl Fn() -> DateTime<Utc> + Send + 'static,
    ) -> Result<Option<Listening>, DatabaseError> {
        let direct = self.config.direct_url.as_ref();
        let listens = direct.is_some() || !self.config.is_pooled;
        let super::config::DatabaseLocation::Postgres(url) = &direct.unwrap_or(&self.config.url).0 else {
            return Ok(None);
        };
        let listener = super::postgres::Listener {
            url: url.clone(),
            config: Arc::clone(&self.config),
            listens,
            origin: Arc::clone(&self.origin),
            changes: Arc::clone(&self.changes),
            change_feed: Arc::clone(&self.change_feed),
            now,
            query,
        };
        Ok(Some(Listening { listening: listener.start()? }))
    }

    #[cfg(not(feature = "postgres"))]
    pub(super) fn listen(
        &self,
        (): ChangeQuery,
        _: impl Fn() -> DateTime<Utc> + Send + 'static,
    ) -> Result<Option<Listening>, DatabaseError> {
        Ok(None)
    }
}
