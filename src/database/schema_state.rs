//! The applied migrations, read without write access.

use std::collections::BTreeSet;

use diesel::{QueryDsl, RunQueryDsl};

use super::{Database, DatabaseError};

diesel::table! {
    // Maintained by diesel_migrations.
    __diesel_schema_migrations (version) {
        version -> Text,
    }
}

impl Database {
    /// Returns the versions of the applied migrations. Fails if the database does not answer or was never migrated.
    pub async fn applied_versions(&self) -> Result<BTreeSet<String>, DatabaseError> {
        self.read(|conn| {
            let versions = __diesel_schema_migrations::table.select(__diesel_schema_migrations::version);
            Ok(versions.load::<String>(conn)?.into_iter().collect())
        })
        .await
    }
}
