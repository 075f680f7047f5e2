//! Certificate authorities of an operator's own, for an issuer whose certificate no public one has signed.

use std::fmt;

use reqwest::Certificate;

use super::ProviderClient;

/// Authorities that one issuer is trusted by, beside those of the system. Other issuers are not.
#[derive(Clone)]
pub struct ExtraAuthorities {
    pem: String,
    client: ProviderClient,
}

/// The text holds no certificate, or one that can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be certificates in PEM")]
pub struct UnusableAuthorities;

impl ExtraAuthorities {
    /// The certificates of a PEM text, at least one.
    ///
    /// # Errors
    ///
    /// [`UnusableAuthorities`], which never repeats the text.
    pub fn from_pem(pem: &str) -> Result<Self, UnusableAuthorities> {
        let authorities = Certificate::from_pem_bundle(pem.as_bytes()).map_err(|_| UnusableAuthorities)?;
        if authorities.is_empty() {
            return Err(UnusableAuthorities);
        }
        let client = ProviderClient::trusting(&authorities).map_err(|_| UnusableAuthorities)?;
        Ok(Self { pem: pem.to_owned(), client })
    }

    /// The client for the issuer that is trusted by these.
    pub(super) fn client(&self) -> &ProviderClient {
        &self.client
    }
}

impl PartialEq for ExtraAuthorities {
    fn eq(&self, other: &Self) -> bool {
        self.pem == other.pem
    }
}

impl fmt::Debug for ExtraAuthorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExtraAuthorities").finish_non_exhaustive()
    }
}
