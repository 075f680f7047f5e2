//! The rows that the change feed polls.

use crate::database::ChangeQuery;

/// The query of principals that changed, and of all roles.
#[cfg(feature = "postgres")]
pub const QUERY: ChangeQuery = changed_rows;
/// See [`ChangeQuery`].
#[cfg(not(feature = "postgres"))]
pub const QUERY: ChangeQuery = ();

#[cfg(feature = "postgres")]
fn changed_rows(
    conn: &mut diesel::pg::PgConnection,
    since: chrono::NaiveDateTime,
    limit: i64,
) -> diesel::QueryResult<crate::database::ChangedRows> {
    use diesel::prelude::*;

    use crate::schema::{principals, roles};

    let changed = principals::table.filter(principals::changed_at.ge(since)).limit(limit);
    let changed: Vec<_> = changed.select((principals::id, principals::changed_at)).load(conn)?;
    let shared = roles::table.order(roles::name).select((roles::name, roles::version)).load(conn)?;
    Ok(crate::database::ChangedRows { changed: changed.into_iter().collect(), shared })
}
