//! Tokens that the issuer signs for this client: ID tokens and logout tokens. The checks that both share, with the signature.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::login_issuer::LoginIssuer;
use crate::jose::compact::UnverifiedToken;
use crate::jose::fault::FormFault;
use crate::jose::header::UnverifiedHeader;
use crate::jose::jwk::VerificationKey;
use crate::jose::unique_json::{Json, Object};
use crate::oidc::Rejection;
use crate::oidc::claims::IssuerPolicy;
use crate::oidc::verification::audience;
use crate::oidc::verification::validity::Validity;

/// The kind of a token for this client.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// An ID token (OIDC Core section 2).
    Id,
    /// A logout token (OIDC Back-Channel Logout section 2.4).
    Logout,
}

/// A token for this client. Everything but the rules of its kind is checked.
pub(crate) struct ClientToken {
    pub(crate) claims: Object<'static>,
    pub(crate) policy: Arc<IssuerPolicy>,
    pub(crate) validity: Validity,
    pub(crate) header: UnverifiedHeader,
    /// The key that has signed it.
    pub(crate) key: Arc<VerificationKey>,
}

impl Kind {
    /// The rejection of a token of another kind.
    pub(crate) fn mismatch(self) -> Rejection {
        match self {
            Self::Id => Rejection::NotAnIdToken,
            Self::Logout => Rejection::NotALogoutToken,
        }
    }

    /// The accepted `typ` of the header, in addition to `JWT`.
    fn header_type(self) -> &'static str {
        match self {
            Self::Id => "jwt",
            Self::Logout => "logout+jwt",
        }
    }
}

/// Reads a token strictly, and verifies that the issuer has signed it for this client and that it is valid at `now`.
pub(crate) async fn verify(
    login: &LoginIssuer,
    token: &str,
    kind: Kind,
    now: DateTime<Utc>,
) -> Result<ClientToken, Rejection> {
    let LoginIssuer { table, issuer, .. } = login;
    let token = UnverifiedToken::split(token)?;
    let header = token.read_header(|members| UnverifiedHeader::read_of_kind(members, kind.header_type()));
    let header = header.map_err(|fault| match fault {
        FormFault::WrongType => kind.mismatch(),
        fault => fault.into(),
    })?;
    let payload = token.payload()?;
    let claims = payload.claims()?;
    let (policy, named) = table.issuer_of(&claims)?;
    // A token of another trusted issuer may be valid, but does not belong to this response.
    if !std::ptr::eq(named, &**issuer) {
        return Err(Rejection::UnknownIssuer);
    }
    if !issuer.settings.algorithms.contains(&header.algorithm) {
        return Err(Rejection::AlgorithmNotAllowed);
    }
    audience::check(&claims, &[login.client_id().to_owned()], &BTreeSet::new())?;
    check_authorized_party(&claims, login.client_id())?;
    let validity = Validity::check(&claims, now)?;
    let key = issuer.keys.find(header.key_id.as_deref(), header.algorithm).await?;
    issuer.status.verdicts.check_signature();
    if !key.verifies(token.signed_text, &token.signature()?) {
        return Err(Rejection::BadSignature);
    }
    let (claims, policy) = (claims.into_owned(), Arc::clone(policy));
    Ok(ClientToken { claims, policy, validity, header, key })
}

/// Checks `azp`: if present, it must be this client. It is required if there are several audiences.
fn check_authorized_party(claims: &Object<'_>, client_id: &str) -> Result<(), Rejection> {
    let is_for_several = claims.get("aud").and_then(Json::as_list).is_some_and(|audiences| audiences.len() > 1);
    match claims.get("azp") {
        Some(party) if party.as_str() == Some(client_id) => Ok(()),
        None if !is_for_several => Ok(()),
        _ => Err(Rejection::WrongAudience),
    }
}
