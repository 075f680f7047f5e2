//! Which migrations the database has, as seen by whoever only reads.

use std::collections::BTreeSet;

use diesel::{QueryDsl, RunQueryDsl};

use super::{Database, DatabaseError};

diesel::table! {
    // Kept by diesel_migrations.
    __diesel_schema_migrations (version) {
        version -> Text,
    }
}

impl Database {
    /// The versions of the migrations that were applied. Fails where the database does not answer or was never migrated.
    pub async fn applied_versions(&self) -> Result<BTreeSet<String>, DatabaseError> {
        self.read(|conn| {
            let versions = __diesel_schema_migrations::table.select(__diesel_schema_migrations::version);
            Ok(versions.load::<String>(conn)?.into_iter().collect())
        })
        .await
    }
}
