//! Resolution of a verified token to its principal.

pub(crate) mod cache;
pub(crate) mod first_contact;
pub(crate) mod provider_profile;
pub(crate) mod resolved_principal;
pub(crate) mod validity;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::TimeDelta;
use diesel::QueryResult;

use crate::cache::hit_counter::MemoryReading;
use crate::clock::Clock;
use crate::database::{Database, DbConnection, Invalidates, Version};
use crate::models::permission::DeclaredPermissions;
use crate::models::{IdentityKey, Principal, PrincipalId, PrincipalKind};
use crate::oidc::{Claims, JitMode};
use crate::repositories::{grants, principals};

use super::accounts::tombstones;
use super::roles::held_role;
use super::{Failure, HeldRole, KnownPrincipal, ResolvedPrincipal};
use cache::{PrincipalCache, RefusedPrincipal, Unknown};
use first_contact::TokenVisit;
use validity::Need;

/// HitCounter the principal of a token, and creates it where the issuer's policy allows that. Cheap to clone.
#[derive(Clone)]
pub struct PrincipalService {
    database: Database,
    clock: Clock,
    rules: Arc<Rules>,
    cache: Arc<PrincipalCache>,
    /// The number of users created by their first request.
    created: Arc<AtomicU64>,
}

struct Rules {
    permissions: Arc<DeclaredPermissions>,
    /// The user who becomes administrator while there is none (`BOOTSTRAP_ADMIN`).
    bootstrap_admin: Option<IdentityKey>,
}

/// A principal as read from the database.
struct FoundPrincipal {
    principal: Principal,
    /// The id of the identity by which it was found.
    identity: String,
    roles: Vec<HeldRole>,
    is_bootstrap: bool,
}

impl PrincipalService {
    /// The service over `database`. `bootstrap_admin` becomes administrator while there is none.
    pub fn new(
        database: Database,
        clock: Clock,
        permissions: Arc<DeclaredPermissions>,
        bootstrap_admin: Option<IdentityKey>,
    ) -> Self {
        let cache = Arc::new(cache_over(&database, TimeDelta::zero()));
        let rules = Arc::new(Rules { permissions, bootstrap_admin });
        Self { database, clock, rules, cache, created: Arc::default() }
    }

    /// The number of users that this process created at their first contact.
    pub(crate) fn made(&self) -> u64 {
        self.created.load(Ordering::Relaxed)
    }

    /// The hits, misses and size of the cache of principals.
    pub(crate) fn memory(&self) -> MemoryReading {
        self.cache.reading()
    }

    /// Sets how long cached principals stay valid while changes by other replicas cannot be read from the database.
    pub fn stale_for(self, stale_for: TimeDelta) -> Self {
        Self { cache: Arc::new(cache_over(&self.database, stale_for)), ..self }
    }

    /// As [`resolve_for`](Self::resolve_for), for an ordinary need.
    #[cfg(test)]
    pub(crate) async fn resolve(
        &self,
        claims: &(impl Clone + Into<Arc<Claims>>),
    ) -> Result<Arc<ResolvedPrincipal>, Failure> {
        self.resolve_for(&claims.clone().into(), Need::Ordinary).await
    }

    /// Returns the principal of `claims` and the roles it holds with this token.
    ///
    /// Costs nothing for a cached principal, admitted or refused ([`PrincipalCache`]), and one read transaction for another known one. A
    /// new user is created in a write transaction, which looks again first: concurrent first requests create one row.
    /// Fails when the principal is unknown or not admitted, and when the token was issued before the principal's tokens were revoked.
    pub async fn resolve_for(&self, claims: &Arc<Claims>, need: Need) -> Result<Arc<ResolvedPrincipal>, Failure> {
        match self.cached(claims, need, self.clock.microseconds()) {
            Some(known) => known.map_err(|refused| refused.why),
            // Boxed, to keep this future small for cached callers.
            None => Box::pin(self.look_up(claims)).await,
        }
    }

    /// Returns the principal of `claims`, or their refusal, if the cache knows what [`resolve_for`](Self::resolve_for) would return at `now`,
    /// in microseconds since 1970. Does not wait.
    pub(crate) fn cached(
        &self,
        claims: &Claims,
        need: Need,
        now: i64,
    ) -> Option<Result<Arc<ResolvedPrincipal>, RefusedPrincipal>> {
        self.cache.find(claims, need, now)
    }

    /// As [`resolve_for`](Self::resolve_for), without the cache: to be called if [`cached`](Self::cached) returns `None`.
    pub(crate) async fn look_up(&self, claims: &Claims) -> Result<Arc<ResolvedPrincipal>, Failure> {
        self.cache.count_miss();
        let now = self.clock.now();
        let visit = Arc::new(TokenVisit::new(claims, now));
        let version = self.cache.version();
        if let Some(found) = self.find_or_cache_unknown(&visit, version).await? {
            let admitted = first_contact::admit(&found.principal, &visit, found.is_bootstrap);
            let has_changes = || first_contact::observe(&mut found.principal.clone(), &visit).has_changes();
            if admitted.is_err() || !found.is_bootstrap && !has_changes() {
                let known = KnownPrincipal::new(found.principal, found.roles);
                let is_named_admin = self.rules.names_admin(&visit.identity);
                let cached = self.cache.insert(claims, known, &found.identity, version, is_named_admin, now);
                return admitted.map(|()| cached);
            }
        }
        let found = self.record(&visit).await?;
        // Outside the transaction, so that a refusal does not roll back what was recorded.
        first_contact::admit(&found.principal, &visit, false)?;
        let known = KnownPrincipal::new(found.principal, found.roles);
        Ok(Arc::new(ResolvedPrincipal::once(known, &found.identity)))
    }

    /// Returns the principal of the identity; `None` if it is unknown and this visit may create it. Otherwise caches that the identity is
    /// unknown, and fails.
    async fn find_or_cache_unknown(
        &self,
        visit: &Arc<TokenVisit>,
        version: Version,
    ) -> Result<Option<FoundPrincipal>, Failure> {
        let unknown = match self.find_linked(visit).await {
            Ok(None) if !self.rules.may_create(visit) => Unknown::Never,
            Err(Failure::PrincipalDeleted) => Unknown::Purged,
            found => return found,
        };
        self.cache.insert_unknown(&visit.identity, unknown, version, visit.now);
        Err(unknown.failure(visit.identity.kind))
    }

    /// As [`resolve_for`](Self::resolve_for), but read-only: creates, records and caches nothing. `None` if the principal is unknown.
    pub async fn find(&self, claims: &Claims) -> Result<Option<KnownPrincipal>, Failure> {
        let visit = Arc::new(TokenVisit::new(claims, self.clock.now()));
        let Some(found) = self.find_linked(&visit).await? else { return Ok(None) };
        first_contact::admit(&found.principal, &visit, found.is_bootstrap)?;
        Ok(Some(KnownPrincipal::new(found.principal, found.roles)))
    }

    async fn find_linked(&self, visit: &Arc<TokenVisit>) -> Result<Option<FoundPrincipal>, Failure> {
        let (rules, visit) = (Arc::clone(&self.rules), Arc::clone(visit));
        self.database.read(move |conn| find(conn, &rules, &visit, principals::find_linked)).await
    }

    async fn record(&self, visit: &Arc<TokenVisit>) -> Result<FoundPrincipal, Failure> {
        let (found, is_new) = match self.record_once(visit).await {
            // A concurrent request has created the same principal.
            Err(Failure::Database(error)) if error.is_taken() => self.record_once(visit).await?,
            outcome => outcome?,
        };
        if is_new {
            self.created.fetch_add(1, Ordering::Relaxed);
            log_first_contact(found.principal.id);
        }
        Ok(found)
    }

    async fn record_once(&self, visit: &Arc<TokenVisit>) -> Result<(FoundPrincipal, bool), Failure> {
        let (rules, visit) = (Arc::clone(&self.rules), Arc::clone(visit));
        let may_become_admin = rules.names_admin(&visit.identity);
        let work = move |conn: &mut DbConnection| {
            let (found, is_new) = record(conn, &rules, &visit)?;
            let invalidates = Invalidates::one(&found.principal.id);
            Ok::<_, Failure>(((found, is_new), invalidates))
        };
        // The check for an existing administrator must not run concurrently.
        if may_become_admin {
            self.database.write_invalidating(work).await
        } else {
            self.database.write_concurrently(work).await
        }
    }
}

impl Rules {
    /// Whether an unknown identity may become a principal by its token.
    fn may_create(&self, visit: &TokenVisit) -> bool {
        let identity = &visit.identity;
        identity.kind == PrincipalKind::Human && (visit.jit != JitMode::Off || self.names_admin(identity))
    }

    fn names_admin(&self, identity: &IdentityKey) -> bool {
        self.bootstrap_admin.as_ref() == Some(identity)
    }
}

fn cache_over(database: &Database, stale_for: TimeDelta) -> PrincipalCache {
    PrincipalCache::new(Arc::clone(database.invalidations()), Arc::clone(database.change_feed()), stale_for)
}

/// The query with which [`find`] reads the principal of an identity, with or without a lock for an update.
type Lookup = fn(&mut DbConnection, &IdentityKey) -> QueryResult<Option<(Principal, String)>>;

fn find(
    conn: &mut DbConnection,
    rules: &Rules,
    visit: &TokenVisit,
    lookup: Lookup,
) -> Result<Option<FoundPrincipal>, Failure> {
    let Some((principal, identity)) = lookup(conn, &visit.identity)? else {
        return match tombstones::find(conn, &visit.identity)? {
            Some(_) => Err(Failure::PrincipalDeleted),
            None => Ok(None),
        };
    };
    let is_bootstrap = rules.names_admin(&visit.identity)
        // An account with an expiry does not count as an administrator, so bootstrapping it would not help.
        && principal.expires_at.is_none()
        && !grants::has_counted_admin(conn)?;
    let roles = held_role::list(conn, &rules.permissions, principal.id, visit.claimed_roles(), visit.now)?;
    Ok(Some(FoundPrincipal { principal, identity, roles, is_bootstrap }))
}

/// HitCounter or creates the principal, and saves the changes of this visit. Also returns whether the principal is new.
fn record(conn: &mut DbConnection, rules: &Rules, visit: &TokenVisit) -> Result<(FoundPrincipal, bool), Failure> {
    let (mut found, is_new) = match find(conn, rules, visit, principals::find_linked_for_update)? {
        Some(found) => (found, false),
        None => (create(conn, rules, visit)?, true),
    };
    // The principal may have been disabled since it was read.
    if first_contact::admit(&found.principal, visit, found.is_bootstrap).is_err() {
        return Ok((found, is_new));
    }
    let observed = first_contact::observe(&mut found.principal, visit);
    if observed.has_changes() {
        first_contact::save_observed(conn, &found.principal, &observed, visit)?;
    }
    if found.is_bootstrap {
        first_contact::make_first_admin(conn, &mut found.principal, visit)?;
        let id = found.principal.id;
        found.roles = held_role::list(conn, &rules.permissions, id, visit.claimed_roles(), visit.now)?;
    }
    Ok((found, is_new))
}

fn create(conn: &mut DbConnection, rules: &Rules, visit: &TokenVisit) -> Result<FoundPrincipal, Failure> {
    let is_bootstrap = rules.names_admin(&visit.identity) && !grants::has_counted_admin(conn)?;
    let jit = if is_bootstrap { JitMode::Active } else { visit.jit };
    let (principal, identity) = first_contact::create_user(conn, visit, jit)?;
    let roles = held_role::list(conn, &rules.permissions, principal.id, visit.claimed_roles(), visit.now)?;
    Ok(FoundPrincipal { principal, identity: identity.id().to_owned(), roles, is_bootstrap })
}

fn log_first_contact(id: PrincipalId) {
    tracing::info!(
        principal = %id,
        "first contact: created a user; to make this user an administrator, run `portcullis users grant {id} admin`"
    );
}
