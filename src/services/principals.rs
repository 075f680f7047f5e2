//! From a proved token to the principal behind it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::TimeDelta;
use diesel::QueryResult;

use crate::clock::Clock;
use crate::database::{Database, DbConnection, Invalidates, Version};
use crate::hit_counter::MemoryReading;
use crate::models::permission::DeclaredPermissions;
use crate::models::{IdentityKey, Principal, PrincipalId, PrincipalKind};
use crate::oidc::{Claims, JitMode};
use crate::repositories::{grants, principals};

use super::first_contact::{self, TokenVisit};
use super::principal_cache::{Need, PrincipalCache, RefusedPrincipal, Unknown};
use super::{Failure, HeldRole, KnownPrincipal, ResolvedPrincipal, held_role, tombstones};

/// Finds the principal behind a token, and makes it where policy says so. Cheap to clone.
#[derive(Clone)]
pub struct PrincipalService {
    database: Database,
    clock: Clock,
    rules: Arc<Rules>,
    cache: Arc<PrincipalCache>,
    /// How many people became known by their first request.
    made: Arc<AtomicU64>,
}

struct Rules {
    permissions: Arc<DeclaredPermissions>,
    /// Who becomes admin while there is none (`BOOTSTRAP_ADMIN`).
    bootstrap_admin: Option<IdentityKey>,
}

/// A principal as a contact finds it.
struct FoundPrincipal {
    principal: Principal,
    /// The id of the identity that it was found by.
    identity: String,
    roles: Vec<HeldRole>,
    is_bootstrap: bool,
}

impl PrincipalService {
    /// The service over `database`; `bootstrap_admin` becomes admin while there is none.
    pub fn new(
        database: Database,
        clock: Clock,
        permissions: Arc<DeclaredPermissions>,
        bootstrap_admin: Option<IdentityKey>,
    ) -> Self {
        let cache =
            Arc::new(PrincipalCache::new(Arc::clone(database.invalidations()), Arc::clone(database.change_feed())));
        Self { database, clock, rules: Arc::new(Rules { permissions, bootstrap_admin }), cache, made: Arc::default() }
    }

    /// How many people were made at their first contact.
    pub(crate) fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// How the memory of principals stands.
    pub(crate) fn memory(&self) -> MemoryReading {
        self.cache.reading()
    }

    /// The same, which goes on for `stale_for` with whom it knows where the database does not tell what other replicas change.
    pub fn stale_for(self, stale_for: TimeDelta) -> Self {
        let cache =
            PrincipalCache::new(Arc::clone(self.database.invalidations()), Arc::clone(self.database.change_feed()));
        Self { cache: Arc::new(cache.stale_for(stale_for)), ..self }
    }

    /// As [`resolve_for`](Self::resolve_for), for an ordinary need: of a token that is remembered, or of one that is proved anew.
    #[cfg(test)]
    pub(super) async fn resolve(
        &self,
        claims: &(impl Clone + Into<Arc<Claims>>),
    ) -> Result<Arc<ResolvedPrincipal>, Failure> {
        self.resolve_for(&claims.clone().into(), Need::Ordinary).await
    }

    /// The principal behind `claims` and the roles it holds with this token.
    ///
    /// A plain known person costs one reading transaction, and none who came lately ([`PrincipalCache`]); so does one who is refused. A person never seen before is
    /// made in a writing transaction, which looks again first: any number of first requests at once leave one row.
    /// Fails when the principal is not known or not to be let in, and when the token was issued before the principal's tokens were
    /// revoked.
    pub async fn resolve_for(&self, claims: &Arc<Claims>, need: Need) -> Result<Arc<ResolvedPrincipal>, Failure> {
        let now = self.clock.microseconds();
        match self.cached(claims, need, now) {
            Some(known) => Ok(known),
            // Boxed: whoever is remembered would carry it along.
            None => Box::pin(self.look_unless_refused(claims, need, now)).await,
        }
    }

    /// The principal behind `claims` if it came lately, as [`resolve_for`](Self::resolve_for) would find it `now`, in microseconds
    /// since 1970: without waiting.
    pub(crate) fn cached(&self, claims: &Arc<Claims>, need: Need, now: i64) -> Option<Arc<ResolvedPrincipal>> {
        self.cache.find(claims, now, need)
    }

    /// Why the principal behind `claims` is not admitted, if it was refused lately and would be `now`: without waiting.
    pub(crate) fn cached_refusal(&self, claims: &Claims, need: Need, now: i64) -> Option<RefusedPrincipal> {
        self.cache.find_refusal(claims, now, need)
    }

    async fn look_unless_refused(
        &self,
        claims: &Arc<Claims>,
        need: Need,
        now: i64,
    ) -> Result<Arc<ResolvedPrincipal>, Failure> {
        match self.cached_refusal(claims, need, now) {
            Some(refused) => Err(refused.why),
            None => self.look(claims).await,
        }
    }

    async fn look(&self, claims: &Arc<Claims>) -> Result<Arc<ResolvedPrincipal>, Failure> {
        self.cache.note_miss();
        let now = self.clock.now();
        let visit = Arc::new(TokenVisit::new(claims, now));
        let version = self.cache.version();
        if let Some(found) = self.find_or_cache_unknown(&visit, version).await? {
            let admitted = first_contact::admit(&found.principal, &visit, found.is_bootstrap);
            let has_news = || first_contact::observe(&mut found.principal.clone(), &visit).is_something();
            if admitted.is_err() || !found.is_bootstrap && !has_news() {
                let known = KnownPrincipal::new(found.principal, found.roles);
                let is_named_admin = self.rules.names_admin(&visit.identity);
                let kept = self.cache.keep(claims, known, &found.identity, version, is_named_admin, now);
                return admitted.map(|()| kept);
            }
        }
        let found = self.record(&visit).await?;
        // Only now, outside the transaction: what was recorded is kept though the answer may be no.
        first_contact::admit(&found.principal, &visit, false)?;
        let known = KnownPrincipal::new(found.principal, found.roles);
        Ok(Arc::new(ResolvedPrincipal::once(known, &found.identity)))
    }

    /// Who has the identity; `None` where nobody has it yet, and this contact may change that. Remembers where it may not.
    async fn find_or_cache_unknown(
        &self,
        visit: &Arc<TokenVisit>,
        version: Version,
    ) -> Result<Option<FoundPrincipal>, Failure> {
        let unknown = match self.find_linked(visit).await {
            Ok(None) if !self.rules.may_make(visit) => Unknown::Never,
            Err(Failure::PrincipalDeleted) => Unknown::Purged,
            found => return found,
        };
        self.cache.keep_unknown(&visit.identity, unknown, version, visit.now);
        Err(unknown.failure(visit.identity.kind))
    }

    /// As [`resolve`](Self::resolve), without making, noting or changing anything: `None` where nobody is known yet.
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
            // Another request made the same principal beside this one, and has ended: now it is there.
            Err(Failure::Database(error)) if error.is_taken() => self.record_once(visit).await?,
            outcome => outcome?,
        };
        if is_new {
            self.made.fetch_add(1, Ordering::Relaxed);
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
        // Whether there is an admin already may only be asked by one at a time.
        if may_become_admin {
            self.database.write_invalidating(work).await
        } else {
            self.database.write_concurrently(work).await
        }
    }
}

impl Rules {
    /// Whether an unknown identity may become a principal by its token.
    fn may_make(&self, visit: &TokenVisit) -> bool {
        let identity = &visit.identity;
        identity.kind == PrincipalKind::Human && (visit.jit != JitMode::Off || self.names_admin(identity))
    }

    fn names_admin(&self, identity: &IdentityKey) -> bool {
        self.bootstrap_admin.as_ref() == Some(identity)
    }
}

/// How [`find`] looks for the principal of an identity: to read it, or to write it as well.
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
        // An account that ends is no counted admin, so bootstrapping it would settle nothing.
        && principal.expires_at.is_none()
        && !grants::has_counted_admin(conn)?;
    let roles = held_role::list(conn, &rules.permissions, principal.id, visit.claimed_roles(), visit.now)?;
    Ok(Some(FoundPrincipal { principal, identity, roles, is_bootstrap }))
}

/// Looks again and does what is to be done. Also says whether the principal is new.
fn record(conn: &mut DbConnection, rules: &Rules, visit: &TokenVisit) -> Result<(FoundPrincipal, bool), Failure> {
    let (mut found, is_new) = match find(conn, rules, visit, principals::find_linked_for_update)? {
        Some(found) => (found, false),
        None => (make(conn, rules, visit)?, true),
    };
    // Somebody may have shut them out since the first look.
    if first_contact::admit(&found.principal, visit, found.is_bootstrap).is_err() {
        return Ok((found, is_new));
    }
    let observed = first_contact::observe(&mut found.principal, visit);
    if observed.is_something() {
        first_contact::save_observed(conn, &found.principal, &observed, visit)?;
    }
    if found.is_bootstrap {
        first_contact::make_first_admin(conn, &mut found.principal, visit)?;
        let id = found.principal.id;
        found.roles = held_role::list(conn, &rules.permissions, id, visit.claimed_roles(), visit.now)?;
    }
    Ok((found, is_new))
}

fn make(conn: &mut DbConnection, rules: &Rules, visit: &TokenVisit) -> Result<FoundPrincipal, Failure> {
    let is_bootstrap = rules.names_admin(&visit.identity) && !grants::has_counted_admin(conn)?;
    let jit = if is_bootstrap { JitMode::Active } else { visit.jit };
    let (principal, identity) = first_contact::make_person(conn, visit, jit)?;
    let roles = held_role::list(conn, &rules.permissions, principal.id, visit.claimed_roles(), visit.now)?;
    Ok(FoundPrincipal { principal, identity: identity.id().to_owned(), roles, is_bootstrap })
}

fn log_first_contact(id: PrincipalId) {
    tracing::info!(principal = %id, "first contact; to make this person an admin: portcullis users grant {id} admin");
}
