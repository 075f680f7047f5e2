//! Queries of the user list, with keyset pagination: every page costs the same, because each order scans its own index from the
//! start of the page.
//!
//! The filter selects the scanned table: a prefix scans the search terms, a role in the order of ids scans its grants, and every other
//! query scans the users in the requested order. Positions are compared as row values (`(name, id) > (?, ?)`), which an index supports.

use chrono::{DateTime, Utc};
use diesel::dsl::{exists, not, sql};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text, Timestamp};

use crate::database::{DbConnection, MultiBackend};
use crate::models::{
    Moment, PeopleFilter, PeopleOrder, PeoplePlace, Principal, PrincipalId, PrincipalKind, PrincipalStatus, TermRange,
    fold,
};
use crate::schema::{principal_terms, principals, role_grants};

/// A user and its position in the list.
pub type Placed = (PeoplePlace, Principal);

// Aliases of the terms, which Diesel requires for subqueries over the same table.
diesel::alias! {
    principal_terms as earlier_terms: EarlierTerms,
    principal_terms as email_terms: EmailTerms,
}

/// Up to this number, the holders of a role are looked up and sorted. Beyond it, the index of the order is scanned for holders.
const FEW_HOLDERS: i64 = 2_000;

/// Returns up to `limit` users that match `filter`, in `order`, starting after `after`. A position of another order is ignored.
pub fn list(
    conn: &mut DbConnection,
    filter: &PeopleFilter,
    order: &PeopleOrder,
    after: Option<&PeoplePlace>,
    now: DateTime<Utc>,
    limit: i64,
) -> QueryResult<Vec<Placed>> {
    let has_statistics = !matches!(conn, DbConnection::Sqlite(_));
    let list = List { filter, now: now.into(), limit, has_statistics };
    match (order, &filter.role, after) {
        (PeopleOrder::Id, Some(role), after) => list.holders(conn, role, id_of(after)),
        (PeopleOrder::Id, None, after) => list.by_id(conn, id_of(after)),
        (PeopleOrder::DisplayName, _, Some(PeoplePlace::DisplayName(name, id))) => {
            list.by_name(conn, Some((name, *id)))
        }
        (PeopleOrder::DisplayName, ..) => list.by_name(conn, None),
        (PeopleOrder::LastSeen, _, Some(PeoplePlace::LastSeen(Some(seen), id))) => {
            list.seen(conn, Some((*seen, *id)), limit)
        }
        (PeopleOrder::LastSeen, _, Some(PeoplePlace::LastSeen(None, id))) => list.by_last_seen(conn, Some(*id)),
        (PeopleOrder::LastSeen, ..) => list.by_last_seen(conn, None),
        (PeopleOrder::Match(prefix), _, Some(PeoplePlace::Match(term, id))) => {
            list.matching(conn, prefix, Some((term, *id)))
        }
        (PeopleOrder::Match(prefix), ..) => list.matching(conn, prefix, None),
    }
}

fn id_of(place: Option<&PeoplePlace>) -> Option<PrincipalId> {
    match place {
        Some(PeoplePlace::Id(id)) => Some(*id),
        _ => None,
    }
}

struct List<'a> {
    filter: &'a PeopleFilter,
    now: Moment,
    limit: i64,
    /// Whether the query planner of the database has table statistics.
    has_statistics: bool,
}

/// The unexpired grants of a role, for use in a query over `principals`.
macro_rules! live_grants {
    ($role:expr, $now:expr) => {
        role_grants::table
            .filter(role_grants::role.eq($role))
            .filter(role_grants::expires_at.is_null().or(role_grants::expires_at.gt($now)))
    };
}

/// Users, filtered by status and e-mail address, to be scanned by one of their indexes.
macro_rules! people {
    ($list:expr) => {
        narrowed!(principals::table.filter(principals::kind.eq(PrincipalKind::Human)), $list)
    };
}

/// Users joined to each row of `$scanned`. For SQLite, the kind is compared as an expression that no index covers: without statistics,
/// SQLite would expect few rows from an index that starts with the kind, and scan that instead. PostgreSQL has statistics, which such an
/// expression would hide.
macro_rules! joined_people {
    ($scanned:expr, $list:expr) => {{
        let people = narrowed!($scanned.inner_join(principals::table), $list);
        if $list.has_statistics {
            people.filter(principals::kind.eq(PrincipalKind::Human))
        } else {
            people.filter(principals::kind.concat("").eq(PrincipalKind::Human))
        }
    }};
}

macro_rules! narrowed {
    ($source:expr, $list:expr) => {{
        let mut people = $source.into_boxed::<MultiBackend>();
        people = match $list.filter.status {
            Some(status) => people.filter(principals::status.eq(status)),
            None => people.filter(principals::status.ne(PrincipalStatus::Deleted)),
        };
        if let Some(email) = &$list.filter.email {
            let found = email_terms
                .filter(email_terms.field(principal_terms::term).eq(fold(email)))
                .filter(email_terms.field(principal_terms::is_email).eq(true))
                .select(email_terms.field(principal_terms::principal_id));
            people = people.filter(principals::id.eq_any(found));
        }
        people
    }};
}

/// Filters `$people` by the requested role.
macro_rules! of_role {
    ($people:expr, $list:expr, $conn:expr) => {{
        let mut people = $people;
        if let Some(role) = &$list.filter.role {
            let grants = live_grants!(role, $list.now);
            people = if has_few_holders($conn, role)? {
                people.filter(principals::id.eq_any(grants.select(role_grants::principal_id)))
            } else {
                people.filter(exists(grants.filter(role_grants::principal_id.eq(principals::id))))
            };
        }
        people
    }};
}

impl List<'_> {
    fn by_id(&self, conn: &mut DbConnection, after: Option<PrincipalId>) -> QueryResult<Vec<Placed>> {
        let mut people = people!(self).order(principals::id).limit(self.limit);
        if let Some(after) = after {
            people = people.filter(principals::id.gt(after));
        }
        let people: Vec<Principal> = people.select(Principal::as_select()).load(conn)?;
        Ok(people.into_iter().map(|person| (PeoplePlace::Id(person.id), person)).collect())
    }

    fn holders(&self, conn: &mut DbConnection, role: &str, after: Option<PrincipalId>) -> QueryResult<Vec<Placed>> {
        let mut ids = joined_people!(live_grants!(role, self.now), self)
            .order(role_grants::principal_id)
            .limit(self.limit)
            .select(role_grants::principal_id)
            // One role may be held from several sources.
            .distinct();
        if let Some(after) = after {
            ids = ids.filter(role_grants::principal_id.gt(after));
            if self.has_statistics {
                // PostgreSQL does not infer this condition and might scan the other side from its start.
                ids = ids.filter(principals::id.gt(after));
            }
        }
        let ids: Vec<PrincipalId> = ids.load(conn)?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let people: Vec<Principal> = principals::table
            .filter(principals::id.eq_any(ids))
            .order(principals::id)
            .select(Principal::as_select())
            .load(conn)?;
        Ok(people.into_iter().map(|person| (PeoplePlace::Id(person.id), person)).collect())
    }

    fn by_name(&self, conn: &mut DbConnection, after: Option<(&str, PrincipalId)>) -> QueryResult<Vec<Placed>> {
        let mut people =
            of_role!(people!(self), self, conn).order((principals::display_name_ci, principals::id)).limit(self.limit);
        if let Some((name, id)) = after {
            let is_after = sql::<Bool>("(principals.display_name_ci, principals.id) > (").bind::<Text, _>(name);
            people = people.filter(is_after.sql(", ").bind::<Text, _>(id).sql(")"));
        }
        let people: Vec<Principal> = people.select(Principal::as_select()).load(conn)?;
        let place = |person: &Principal| PeoplePlace::DisplayName(person.display_name_ci.clone(), person.id);
        Ok(people.into_iter().map(|person| (place(&person), person)).collect())
    }

    /// Returns the users never seen, starting after `after`, and fills the rest of the page with the other users.
    fn by_last_seen(&self, conn: &mut DbConnection, after: Option<PrincipalId>) -> QueryResult<Vec<Placed>> {
        let mut people = of_role!(people!(self), self, conn)
            .filter(principals::last_seen_at.is_null())
            .order(principals::id)
            .limit(self.limit);
        if let Some(after) = after {
            people = people.filter(principals::id.gt(after));
        }
        let never_seen: Vec<Principal> = people.select(Principal::as_select()).load(conn)?;
        let mut placed: Vec<Placed> =
            never_seen.into_iter().map(|person| (PeoplePlace::LastSeen(None, person.id), person)).collect();
        let remaining = self.limit - i64::try_from(placed.len()).unwrap_or(self.limit);
        if remaining > 0 {
            placed.append(&mut self.seen(conn, None, remaining)?);
        }
        Ok(placed)
    }

    fn seen(
        &self,
        conn: &mut DbConnection,
        after: Option<(Moment, PrincipalId)>,
        limit: i64,
    ) -> QueryResult<Vec<Placed>> {
        let mut people = of_role!(people!(self), self, conn)
            .filter(principals::last_seen_at.is_not_null())
            .order((principals::last_seen_at, principals::id))
            .limit(limit);
        if let Some((seen, id)) = after {
            let is_after = sql::<Bool>("(principals.last_seen_at, principals.id) > (").bind::<Timestamp, _>(seen);
            people = people.filter(is_after.sql(", ").bind::<Text, _>(id).sql(")"));
        }
        let people: Vec<Principal> = people.select(Principal::as_select()).load(conn)?;
        let place = |person: &Principal| PeoplePlace::LastSeen(person.last_seen_at, person.id);
        Ok(people.into_iter().map(|person| (place(&person), person)).collect())
    }

    fn matching(
        &self,
        conn: &mut DbConnection,
        prefix: &str,
        after: Option<(&str, PrincipalId)>,
    ) -> QueryResult<Vec<Placed>> {
        let TermRange { from, below } = TermRange::of_prefix(prefix);
        // A user with several matching terms is listed only under the first.
        let earlier = earlier_terms
            .filter(earlier_terms.field(principal_terms::principal_id).eq(principal_terms::principal_id))
            .filter(earlier_terms.field(principal_terms::term).ge(from.clone()))
            .filter(earlier_terms.field(principal_terms::term).lt(principal_terms::term));
        let found = joined_people!(principal_terms::table.filter(not(exists(earlier))), self);
        let mut found =
            of_role!(found, self, conn).order((principal_terms::term, principal_terms::principal_id)).limit(self.limit);
        if let Some(below) = below {
            found = found.filter(principal_terms::term.lt(below));
        }
        found = match after {
            None => found.filter(principal_terms::term.ge(from)),
            Some((term, id)) => {
                let is_after = sql::<Bool>("(principal_terms.term, principal_terms.principal_id) > (");
                found.filter(is_after.bind::<Text, _>(term).sql(", ").bind::<Text, _>(id).sql(")"))
            }
        };
        let found: Vec<(String, Principal)> =
            found.select((principal_terms::term, Principal::as_select())).load(conn)?;
        Ok(found.into_iter().map(|(term, person)| (PeoplePlace::Match(term, person.id), person)).collect())
    }
}

fn has_few_holders(conn: &mut DbConnection, role: &str) -> QueryResult<bool> {
    let one_more = role_grants::table.filter(role_grants::role.eq(role)).select(role_grants::principal_id);
    let one_more: Option<PrincipalId> = one_more.offset(FEW_HOLDERS).first(conn).optional()?;
    Ok(one_more.is_none())
}

#[cfg(test)]
mod tests;
