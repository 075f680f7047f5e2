//! `Debug` for types that hold personal data or token content: it prints no field.

/// Implements `Debug` that prints the type's name and no field.
macro_rules! redact_debug {
    ($($name:ident $(<$lifetime:lifetime>)?),+ $(,)?) => {
        $(impl $(<$lifetime>)? std::fmt::Debug for $name $(<$lifetime>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        })+
    };
}

pub(crate) use redact_debug;

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use crate::config::Config;
    use crate::database::DatabaseUrl;
    use crate::models::{
        ClaimRoles, PeopleFilter, PeopleOrder, PeoplePlace, PrincipalId, ProviderProfile, SearchTerms, TermRange,
    };
    use crate::services::StoredResponse;

    const MARK: &str = "marked";

    #[test]
    fn debug_output_contains_no_personal_data_or_search_terms() {
        let (mark, id) = (|| MARK.to_owned(), PrincipalId::generate());
        let filter = PeopleFilter { email: Some(mark()), role: Some(mark()), ..PeopleFilter::default() };
        let places = [PeoplePlace::DisplayName(mark(), id), PeoplePlace::Match(mark(), id)];
        let terms = SearchTerms(BTreeMap::from([(mark(), true)]));
        let roles = ClaimRoles(BTreeSet::from([mark()]));
        let profile = ProviderProfile { display_name: Some(mark()), ..ProviderProfile::default() };
        let answer = StoredResponse { id, version: 1, body: mark() };
        let order = PeopleOrder::Match(mark());
        let range = TermRange::of_prefix(MARK);
        let shown = format!("{filter:?} {places:?} {terms:?} {roles:?} {profile:?} {answer:?} {order:?} {range:?}");
        assert!(!shown.contains(MARK), "{shown}");
    }

    #[test]
    fn debug_output_contains_no_secret_of_the_configuration() {
        let config = Config::from_vars([
            ("OIDC_ISSUER", "https://id.example.com"),
            ("OIDC_AUDIENCE", "api"),
            ("OIDC_OPAQUE", "true"),
            ("OIDC_INTROSPECTION_CLIENT_ID", "api"),
            ("OIDC_INTROSPECTION_CLIENT_SECRET", "marked-secret"),
            ("DATABASE_URL", "sqlite:///marked/file.db"),
            ("BOOTSTRAP_ADMIN", "https://id.example.com marked-subject"),
        ])
        .unwrap();
        let shown = format!("{config:?} {:?}", DatabaseUrl::sqlite("/marked/file.db"));
        assert!(!shown.contains(MARK), "{shown}");
    }
}
