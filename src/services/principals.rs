//! From a proved token to the principal behind it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::TimeDelta;
use diesel::QueryResult;

use crate::clock::Clock;
use crate::database::{Database, DbConnection, Mark, Touched};
use crate::finds::MemoryReading;
use crate::models::permission::DeclaredPermissions;
use crate::models::{IdentityKey, Principal, PrincipalId, PrincipalKind};
use crate::oidc::{Claims, JitMode};
use crate::repositories::{grants, principals};

use super::first_contact::{self, Contact};
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
struct Sighting {
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
        let cache = Arc::new(PrincipalCache::new(Arc::clone(database.changes()), Arc::clone(database.freshness())));
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
        let cache = PrincipalCache::new(Arc::clone(self.database.changes()), Arc::clone(self.database.freshness()));
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
        match self.recall(claims, need, now) {
            Some(known) => Ok(known),
            // Boxed: whoever is remembered would carry it along.
            None => Box::pin(self.look_unless_refused(claims, need, now)).await,
        }
    }

    /// The principal behind `claims` if it came lately, as [`resolve_for`](Self::resolve_for) would find it `now`, in microseconds
    /// since 1970: without waiting.
    pub(crate) fn recall(&self, claims: &Arc<Claims>, need: Need, now: i64) -> Option<Arc<ResolvedPrincipal>> {
        self.cache.find(claims, now, need)
    }

    /// Why the principal behind `claims` is not admitted, if it was refused lately and would be `now`: without waiting.
    pub(crate) fn recall_refusal(&self, claims: &Claims, need: Need, now: i64) -> Option<RefusedPrincipal> {
        self.cache.find_refusal(claims, now, need)
    }

    async fn look_unless_refused(
        &self,
        claims: &Arc<Claims>,
        need: Need,
        now: i64,
    ) -> Result<Arc<ResolvedPrincipal>, Failure> {
        match self.recall_refusal(claims, need, now) {
            Some(refused) => Err(refused.why),
            None => self.look(claims).await,
        }
    }

    async fn look(&self, claims: &Arc<Claims>) -> Result<Arc<ResolvedPrincipal>, Failure> {
        self.cache.note_miss();
        let now = self.clock.now();
        let contact = Arc::new(Contact::new(claims, now));
        let mark = self.cache.mark();
        if let Some(sighting) = self.sight_or_keep_unknown(&contact, mark).await? {
            let admitted = first_contact::admit(&sighting.principal, &contact, sighting.is_bootstrap);
            let has_news = || first_contact::observe(&mut sighting.principal.clone(), &contact).is_something();
            if admitted.is_err() || !sighting.is_bootstrap && !has_news() {
                let known = KnownPrincipal::new(sighting.principal, sighting.roles);
                let is_named_admin = self.rules.names_admin(&contact.identity);
                let kept = self.cache.keep(claims, known, &sighting.identity, mark, is_named_admin, now);
                return admitted.map(|()| kept);
            }
        }
        let sighting = self.record(&contact).await?;
        // Only now, outside the transaction: what was recorded is kept though the answer may be no.
        first_contact::admit(&sighting.principal, &contact, false)?;
        let known = KnownPrincipal::new(sighting.principal, sighting.roles);
        Ok(Arc::new(ResolvedPrincipal::once(known, &sighting.identity)))
    }

    /// Who has the identity; `None` where nobody has it yet, and this contact may change that. Remembers where it may not.
    async fn sight_or_keep_unknown(&self, contact: &Arc<Contact>, mark: Mark) -> Result<Option<Sighting>, Failure> {
        let unknown = match self.sight(contact).await {
            Ok(None) if !self.rules.may_make(contact) => Unknown::Never,
            Err(Failure::PrincipalDeleted) => Unknown::Purged,
            sighted => return sighted,
        };
        self.cache.keep_unknown(&contact.identity, unknown, mark, contact.now);
        Err(unknown.failure(contact.identity.kind))
    }

    /// As [`resolve`](Self::resolve), without making, noting or changing anything: `None` where nobody is known yet.
    pub async fn find(&self, claims: &Claims) -> Result<Option<KnownPrincipal>, Failure> {
        let contact = Arc::new(Contact::new(claims, self.clock.now()));
        let Some(sighting) = self.sight(&contact).await? else { return Ok(None) };
        first_contact::admit(&sighting.principal, &contact, sighting.is_bootstrap)?;
        Ok(Some(KnownPrincipal::new(sighting.principal, sighting.roles)))
    }

    async fn sight(&self, contact: &Arc<Contact>) -> Result<Option<Sighting>, Failure> {
        let (rules, contact) = (Arc::clone(&self.rules), Arc::clone(contact));
        self.database.read(move |conn| sight(conn, &rules, &contact, principals::find_linked)).await
    }

    async fn record(&self, contact: &Arc<Contact>) -> Result<Sighting, Failure> {
        let (sighting, is_new) = match self.record_once(contact).await {
            // Another request made the same principal beside this one, and has ended: now it is there.
            Err(Failure::Database(error)) if error.is_taken() => self.record_once(contact).await?,
            outcome => outcome?,
        };
        if is_new {
            self.made.fetch_add(1, Ordering::Relaxed);
            log_first_contact(sighting.principal.id);
        }
        Ok(sighting)
    }

    async fn record_once(&self, contact: &Arc<Contact>) -> Result<(Sighting, bool), Failure> {
        let (rules, contact) = (Arc::clone(&self.rules), Arc::clone(contact));
        let may_become_admin = rules.names_admin(&contact.identity);
        let work = move |conn: &mut DbConnection| {
            let (sighting, is_new) = record(conn, &rules, &contact)?;
            let touched = Touched::one(&sighting.principal.id);
            Ok::<_, Failure>(((sighting, is_new), touched))
        };
        // Whether there is an admin already may only be asked by one at a time.
        if may_become_admin { self.database.write_touching(work).await } else { self.database.write_beside(work).await }
    }
}

impl Rules {
    /// Whether an unknown identity may become a principal by its token.
    fn may_make(&self, contact: &Contact) -> bool {
        let identity = &contact.identity;
        identity.kind == PrincipalKind::Human && (contact.jit != JitMode::Off || self.names_admin(identity))
    }

    fn names_admin(&self, identity: &IdentityKey) -> bool {
        self.bootstrap_admin.as_ref() == Some(identity)
    }
}

/// How `find` looks for the principal of an identity: to read it, or to write it as well.
type Find = fn(&mut DbConnection, &IdentityKey) -> QueryResult<Option<(Principal, String)>>;

fn sight(conn: &mut DbConnection, rules: &Rules, contact: &Contact, find: Find) -> Result<Option<Sighting>, Failure> {
    let Some((principal, identity)) = find(conn, &contact.identity)? else {
        return match tombstones::find(conn, &contact.identity)? {
            Some(_) => Err(Failure::PrincipalDeleted),
            None => Ok(None),
        };
    };
    let is_bootstrap = rules.names_admin(&contact.identity)
        // An account that ends is no counted admin, so bootstrapping it would settle nothing.
        && principal.expires_at.is_none()
        && !grants::has_counted_admin(conn)?;
    let roles = held_role::list(conn, &rules.permissions, principal.id, contact.claimed_roles(), contact.now)?;
    Ok(Some(Sighting { principal, identity, roles, is_bootstrap }))
}

/// Looks again and does what is to be done. Also says whether the principal is new.
fn record(conn: &mut DbConnection, rules: &Rules, contact: &Contact) -> Result<(Sighting, bool), Failure> {
    let (mut sighting, is_new) = match sight(conn, rules, contact, principals::find_linked_for_update)? {
        Some(sighting) => (sighting, false),
        None => (make(conn, rules, contact)?, true),
    };
    // Somebody may have shut them out since the first look.
    if first_contact::admit(&sighting.principal, contact, sighting.is_bootstrap).is_err() {
        return Ok((sighting, is_new));
    }
    let observed = first_contact::observe(&mut sighting.principal, contact);
    if observed.is_something() {
        first_contact::save_observed(conn, &sighting.principal, &observed, contact)?;
    }
    if sighting.is_bootstrap {
        first_contact::make_first_admin(conn, &mut sighting.principal, contact)?;
        let id = sighting.principal.id;
        sighting.roles = held_role::list(conn, &rules.permissions, id, contact.claimed_roles(), contact.now)?;
    }
    Ok((sighting, is_new))
}

fn make(conn: &mut DbConnection, rules: &Rules, contact: &Contact) -> Result<Sighting, Failure> {
    let is_bootstrap = rules.names_admin(&contact.identity) && !grants::has_counted_admin(conn)?;
    let jit = if is_bootstrap { JitMode::Active } else { contact.jit };
    let (principal, identity) = first_contact::make_person(conn, contact, jit)?;
    let roles = held_role::list(conn, &rules.permissions, principal.id, contact.claimed_roles(), contact.now)?;
    Ok(Sighting { principal, identity: identity.id().to_owned(), roles, is_bootstrap })
}

fn log_first_contact(id: PrincipalId) {
    tracing::info!(principal = %id, "first contact; to make this person an admin: portcullis users grant {id} admin");
}
