//! Stores the last valid key sets in the database, and coordinates replicas by leases so that only one fetches.

use chrono::{DateTime, TimeDelta};
use diesel::QueryResult;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};

use crate::database::{Database, DatabaseError, DbConnection, Invalidates};
use crate::models::{self, KeySetTurn, Moment};
use crate::oidc::{FetchLease, KeySetStore, LeaseEnd, LeaseRequest, StoreError, StoredKeySet};
use crate::repositories::key_sets;

/// How long a replica may hold the lease to fetch; after that it counts as crashed.
const LEASE_TIME: TimeDelta = TimeDelta::seconds(10);
/// How long after a failed fetch, or one requested by a reader, no replica fetches for a reader.
const COOLDOWN: TimeDelta = TimeDelta::seconds(30);

/// The key set store of `oidc`, backed by the database.
pub(super) struct DatabaseKeySetStore(Database);

impl DatabaseKeySetStore {
    pub(super) fn new(database: Database) -> Self {
        Self(database)
    }
}

impl KeySetStore for DatabaseKeySetStore {
    fn load<'a>(&'a self, issuer: &'a str) -> BoxFuture<'a, Result<Option<StoredKeySet>, StoreError>> {
        let issuer = issuer.to_owned();
        let found = self.0.read(move |conn| Ok::<_, DatabaseError>(key_sets::find(conn, &issuer)?));
        found
            .map(
                |found| Ok(found?.map(|row| StoredKeySet { document: row.document, fetched_at: row.fetched_at.utc() })),
            )
            .boxed()
    }

    fn save<'a>(&'a self, issuer: &'a str, key_set: StoredKeySet) -> BoxFuture<'a, Result<(), StoreError>> {
        let key_set = models::StoredKeySet {
            issuer: issuer.to_owned(),
            document: key_set.document,
            fetched_at: key_set.fetched_at.into(),
        };
        let saved = self.0.write_concurrently(move |conn| {
            key_sets::save(conn, &key_set)?;
            Ok::<_, DatabaseError>(((), Invalidates::Nothing))
        });
        saved.map(|saved| saved.map_err(Into::into)).boxed()
    }

    fn take_lease<'a>(
        &'a self,
        issuer: &'a str,
        request: LeaseRequest,
    ) -> BoxFuture<'a, Result<FetchLease, StoreError>> {
        if !self.0.is_shared() {
            return ready(Ok(FetchLease::Acquired)).boxed();
        }
        let issuer = issuer.to_owned();
        let asked = self.0.write_concurrently(move |conn| {
            let lease = take_lease(conn, &issuer, request)?;
            Ok::<_, DatabaseError>((lease, Invalidates::Nothing))
        });
        asked.map(|lease| lease.map_err(Into::into)).boxed()
    }

    fn end_lease<'a>(&'a self, issuer: &'a str, end: LeaseEnd) -> BoxFuture<'a, Result<(), StoreError>> {
        if !self.0.is_shared() {
            return ready(Ok(())).boxed();
        }
        let free = free_lease(issuer);
        let ended = self.0.write_concurrently(move |conn| {
            let before = key_sets::find_turn_for_update(conn, &free)?;
            let starts_cooldown = end.requested_by_reader || end.has_failed;
            let resting_since = if starts_cooldown { Some(end.at.into()) } else { before.resting_since };
            key_sets::update_turn(conn, &KeySetTurn { resting_since, has_failed: end.has_failed, ..free })?;
            Ok::<_, DatabaseError>(((), Invalidates::Nothing))
        });
        ended.map(|ended| ended.map_err(Into::into)).boxed()
    }
}

fn free_lease(issuer: &str) -> KeySetTurn {
    let long_ago = DateTime::UNIX_EPOCH.into();
    KeySetTurn { issuer: issuer.to_owned(), taken_until: long_ago, resting_since: None, has_failed: false }
}

fn take_lease(conn: &mut DbConnection, issuer: &str, request: LeaseRequest) -> QueryResult<FetchLease> {
    let lease = key_sets::find_turn_for_update(conn, &free_lease(issuer))?;
    let stored = key_sets::find(conn, issuer)?
        .map(|row| StoredKeySet { document: row.document, fetched_at: row.fetched_at.utc() });
    let newer = stored.filter(|stored| request.fetched_at.is_none_or(|current| current < stored.fetched_at));
    let cooldown_since = lease.resting_since.map(Moment::utc).filter(|since| {
        // A time in the future comes from a clock that is ahead and is ignored, unless it was written while this call waited for the row.
        (-LEASE_TIME..COOLDOWN).contains(&(request.now - *since))
    });
    match (cooldown_since, newer) {
        (Some(_), _) if lease.has_failed => return Ok(FetchLease::Failed),
        (Some(since), newer) if request.requested_by_reader => return Ok(FetchLease::Settled(newer, since)),
        (_, Some(newer)) => {
            let min_fetched_at = if request.requested_by_reader { request.asked_at } else { request.fresh_since };
            if min_fetched_at <= newer.fetched_at {
                let at = newer.fetched_at;
                return Ok(FetchLease::Settled(Some(newer), at));
            }
        }
        (_, None) => {}
    }
    let taken_until = lease.taken_until.utc();
    // `now` was read before the wait for the row, so a valid lease may end up to twice its time later. A later end comes from a clock that
    // is ahead.
    if request.now < taken_until && taken_until <= request.now + LEASE_TIME * 2 {
        return Ok(FetchLease::HeldElsewhere);
    }
    key_sets::update_turn(conn, &KeySetTurn { taken_until: (request.now + LEASE_TIME).into(), ..lease })?;
    Ok(FetchLease::Acquired)
}
