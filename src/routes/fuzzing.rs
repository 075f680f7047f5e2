//! The entry points of the fuzz targets into this module. See [`crate::fuzzing`] for the properties.

use chrono::SecondsFormat;

use super::json_object::JsonObject;
use crate::api_types::{UpdateMeRequest, UpdateServiceAccountRequest, UpdateUserRequest};
use crate::models::ClientTime;

/// The resource that a merge patch changes.
#[derive(Clone, Copy, Debug)]
pub enum Patch {
    /// The caller's own profile.
    Me,
    /// A user.
    User,
    /// A service account.
    ServiceAccount,
}

type Member<T> = (&'static str, Option<Option<T>>);

pub(crate) fn patch_body(kind: Patch, body: &[u8]) -> Option<Vec<(&'static str, Option<String>)>> {
    let (texts, end): (Vec<Member<String>>, _) = match kind {
        Patch::Me => {
            let JsonObject(UpdateMeRequest { display_name, given_name, family_name, locale }) =
                serde_json::from_slice(body).ok()?;
            (names(display_name, given_name, family_name, locale).into(), None)
        }
        Patch::User => {
            let JsonObject(UpdateUserRequest {
                display_name,
                given_name,
                family_name,
                locale,
                username,
                email,
                expires_at,
            }) = serde_json::from_slice(body).ok()?;
            let names = names(display_name, given_name, family_name, locale);
            (names.into_iter().chain([("username", username), ("email", email)]).collect(), expires_at)
        }
        Patch::ServiceAccount => {
            let JsonObject(UpdateServiceAccountRequest { display_name, expires_at }) =
                serde_json::from_slice(body).ok()?;
            (vec![("display_name", display_name)], expires_at)
        }
    };
    let text = |end: ClientTime| end.utc().to_rfc3339_opts(SecondsFormat::Nanos, true);
    let end = end.map(|end: Option<ClientTime>| ("expires_at", end.map(text)));
    let present = texts.into_iter().filter_map(|(name, member)| Some((name, member?)));
    Some(present.chain(end).collect())
}

fn names(
    display_name: Option<Option<String>>,
    given_name: Option<Option<String>>,
    family_name: Option<Option<String>>,
    locale: Option<Option<String>>,
) -> [Member<String>; 4] {
    [("display_name", display_name), ("given_name", given_name), ("family_name", family_name), ("locale", locale)]
}
