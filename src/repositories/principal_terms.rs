//! Search terms of principals.

use std::collections::BTreeMap;

use diesel::prelude::*;

use crate::database::{DbConnection, directly};
use crate::models::{Principal, PrincipalId, SearchTerms};
use crate::schema::principal_terms;

/// Inserts the search terms of a new principal.
pub(super) fn insert(conn: &mut DbConnection, principal: &Principal) -> QueryResult<()> {
    SearchTerms::of(principal).0.iter().try_for_each(|(term, is_email)| add(conn, principal.id, term, *is_email))
}

/// Updates the search terms of a principal after a change of its names or e-mail address.
pub(super) fn update(conn: &mut DbConnection, principal: &Principal) -> QueryResult<()> {
    let wanted = SearchTerms::of(principal).0;
    let stored: BTreeMap<String, bool> = principal_terms::table
        .filter(principal_terms::principal_id.eq(principal.id))
        .select((principal_terms::term, principal_terms::is_email))
        .load::<(String, bool)>(conn)?
        .into_iter()
        .collect();
    for (term, _) in stored.iter().filter(|(term, is_email)| wanted.get(*term) != Some(is_email)) {
        diesel::delete(principal_terms::table.find((term, principal.id))).execute(conn)?;
    }
    for (term, is_email) in wanted.iter().filter(|(term, is_email)| stored.get(*term) != Some(is_email)) {
        add(conn, principal.id, term, *is_email)?;
    }
    Ok(())
}

fn add(conn: &mut DbConnection, principal: PrincipalId, term: &str, is_email: bool) -> QueryResult<()> {
    let row = (
        principal_terms::term.eq(term),
        principal_terms::principal_id.eq(principal),
        principal_terms::is_email.eq(is_email),
    );
    let added = diesel::insert_into(principal_terms::table).values(row);
    directly!(conn => added.execute(conn))?;
    Ok(())
}
