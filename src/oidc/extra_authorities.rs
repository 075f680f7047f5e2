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

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `openssl req -x509` for this test alone; good for a century.
    const AUTHORITY: &str = "\
-----BEGIN CERTIFICATE-----
MIIBiDCCAS+gAwIBAgIUGS2QmaCLKi+jgC6tKsVvykHLnZ4wCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOVGVzdCBhdXRob3JpdHkwIBcNMjYxMTI0MDYxMDQzWhgPMjEy
NjEwMzEwNjEwNDNaMBkxFzAVBgNVBAMMDlRlc3QgYXV0aG9yaXR5MFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEOyHUn73RymoFY80QqKRx61igZUWgxRCC3g+83tgE
V2GUXUCcY+HfRCG5xBRRZV13jLjDH+caS5UuxY6TelffIaNTMFEwHQYDVR0OBBYE
FCfxFzGnavTQ/lsb6jSF87FULxI2MB8GA1UdIwQYMBaAFCfxFzGnavTQ/lsb6jSF
87FULxI2MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgWMYuFrqV
qckZ6nGCJIobqMdtEFe5J77Wg+69PKL+5b8CICMHIJyQs//vk4+JSw2qF1RNBgGM
uRtueXCoEXnnLD1d
-----END CERTIFICATE-----
";

    #[test]
    fn authorities_are_certificates_in_pem() {
        assert!(ExtraAuthorities::from_pem(AUTHORITY).is_ok());
        assert!(ExtraAuthorities::from_pem(&AUTHORITY.repeat(2)).is_ok());
        let broken = AUTHORITY.replace("MII", "AII");
        for text in ["", "text", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &broken] {
            assert_eq!(ExtraAuthorities::from_pem(text).unwrap_err(), UnusableAuthorities, "{text}");
        }
    }

    #[test]
    fn other_authorities_mean_another_client() {
        let one = ExtraAuthorities::from_pem(AUTHORITY).unwrap();
        assert_eq!(one, one.clone());
        assert_ne!(one, ExtraAuthorities::from_pem(&AUTHORITY.repeat(2)).unwrap());
    }
}
