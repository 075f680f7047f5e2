// @generated automatically by Diesel CLI.

diesel::table! {
    audit_events (id) {
        id -> Text,
        at -> Timestamp,
        actor -> Nullable<Text>,
        client -> Nullable<Text>,
        action -> Text,
        target -> Text,
        outcome -> Text,
        request_id -> Nullable<Text>,
        changes -> Text,
        actor_identity -> Nullable<Text>,
    }
}

diesel::table! {
    audit_repetitions (event_id) {
        event_id -> Text,
        times -> BigInt,
    }
}

diesel::table! {
    idempotency_keys (caller, operation, key) {
        caller -> Text,
        operation -> Text,
        key -> Text,
        request_hash -> Text,
        created_id -> Text,
        version -> BigInt,
        answer -> Text,
        answered_at -> Timestamp,
    }
}

diesel::table! {
    identities (id) {
        id -> Text,
        principal_id -> Text,
        issuer -> Text,
        kind -> Text,
        subject -> Text,
        created_at -> Timestamp,
    }
}

diesel::table! {
    key_set_turns (issuer) {
        issuer -> Text,
        taken_until -> Timestamp,
        resting_since -> Nullable<Timestamp>,
        has_failed -> Bool,
    }
}

diesel::table! {
    key_sets (issuer) {
        issuer -> Text,
        document -> Text,
        fetched_at -> Timestamp,
    }
}

diesel::table! {
    principal_terms (term, principal_id) {
        term -> Text,
        principal_id -> Text,
        is_email -> Bool,
    }
}

diesel::table! {
    principals (id) {
        id -> Text,
        kind -> Text,
        display_name -> Nullable<Text>,
        display_name_ci -> Text,
        given_name -> Nullable<Text>,
        family_name -> Nullable<Text>,
        username -> Nullable<Text>,
        email -> Nullable<Text>,
        email_state -> Text,
        locale -> Nullable<Text>,
        provider_profile -> Text,
        edited_fields -> Text,
        status -> Text,
        disabled_by -> Nullable<Text>,
        disabled_reason -> Nullable<Text>,
        origin -> Text,
        external_id -> Nullable<Text>,
        claim_roles -> Text,
        claim_roles_at -> Nullable<Timestamp>,
        not_before -> Nullable<Timestamp>,
        expires_at -> Nullable<Timestamp>,
        deleted_at -> Nullable<Timestamp>,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        changed_at -> Timestamp,
        last_seen_at -> Nullable<Timestamp>,
        deleted_from -> Nullable<Text>,
    }
}

diesel::table! {
    role_grants (principal_id, role, source, source_ref) {
        principal_id -> Text,
        role -> Text,
        source -> Text,
        source_ref -> Text,
        granted_by -> Nullable<Text>,
        granted_at -> Timestamp,
        expires_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    role_permissions (role, permission) {
        role -> Text,
        permission -> Text,
    }
}

diesel::table! {
    roles (name) {
        name -> Text,
        summary -> Text,
        built_in -> Bool,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    sessions (id) {
        id -> Text,
        token_hash -> Text,
        principal_id -> Text,
        issuer -> Text,
        provider_subject -> Text,
        provider_session -> Nullable<Text>,
        claims -> Text,
        refresh_token -> Nullable<Text>,
        id_token -> Text,
        device -> Nullable<Text>,
        signed_in_at -> Timestamp,
        created_at -> Timestamp,
        last_used_at -> Timestamp,
        proved_at -> Timestamp,
        ends_at -> Timestamp,
        leased_until -> Nullable<Timestamp>,
    }
}

diesel::table! {
    tombstone_keys (id) {
        id -> Integer,
        key -> Text,
    }
}

diesel::table! {
    tombstones (identity_hash) {
        identity_hash -> Text,
        principal_id -> Text,
        purged_at -> Timestamp,
    }
}

diesel::joinable!(idempotency_keys -> principals (created_id));
diesel::joinable!(identities -> principals (principal_id));
diesel::joinable!(principal_terms -> principals (principal_id));
diesel::joinable!(role_grants -> principals (principal_id));
diesel::joinable!(role_grants -> roles (role));
diesel::joinable!(role_permissions -> roles (role));
diesel::joinable!(sessions -> principals (principal_id));

diesel::allow_tables_to_appear_in_same_query!(
    audit_events,
    audit_repetitions,
    idempotency_keys,
    identities,
    key_set_turns,
    key_sets,
    principal_terms,
    principals,
    role_grants,
    role_permissions,
    roles,
    sessions,
    tombstone_keys,
    tombstones,
);
