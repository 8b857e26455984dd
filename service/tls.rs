//! Who is trusted, and who we are: certificates in PEM files. Nobody is trusted unasked: a file of authorities stands in
//! place of the machine's, not beside them.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore,
    client::WantsClientCert,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};

/// Why TLS cannot be spoken with what is set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("{}: {reason}", file.display())]
    File { file: PathBuf, reason: Reason },
    /// No authorities are named, and the machine has none.
    #[error("no authority is named, and this machine has no list of any (package ca-certificates)")]
    NobodyTrusted,
    /// Half of who we are.
    #[error("{0} and {1} belong together")]
    Half(&'static str, &'static str),
}

/// What is wrong with a file.
#[derive(Debug)]
pub(crate) enum Reason {
    Pem(pem::Error),
    NoCertificate,
    Tls(rustls::Error),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Its own words are those of a program.
            Self::Pem(pem::Error::Io(error)) => error.fmt(f),
            Self::Pem(pem::Error::NoItemsFound) => f.write_str("holds no private key in PEM"),
            Self::Pem(error) => error.fmt(f),
            Self::NoCertificate => f.write_str("holds no certificate in PEM"),
            Self::Tls(error) => error.fmt(f),
        }
    }
}

impl From<Unusable> for io::Error {
    fn from(unusable: Unusable) -> Self {
        Self::other(unusable)
    }
}

/// Files that say who is trusted and who we are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files {
    /// The authorities; without it the machine's.
    pub authorities: Option<PathBuf>,
    /// Our certificate, with what leads from it to its authority, and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Our certificate and its key, of which these are the names, if both are set.
pub(crate) fn identity(
    names: (&'static str, &'static str),
    certificate: Option<String>,
    key: Option<String>,
) -> Result<Option<(PathBuf, PathBuf)>, Unusable> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some((certificate.into(), key.into()))),
        (None, None) => Ok(None),
        _ => Err(Unusable::Half(names.0, names.1)),
    }
}

impl Files {
    /// How a client speaks TLS, by what the files hold now: they may be renewed.
    pub fn client(&self) -> Result<ClientConfig, Unusable> {
        let trusted = match &self.authorities {
            Some(file) => authorities(file)?,
            None => machine_authorities()?.1,
        };
        let client = trusting(trusted);
        let Some((certificate, key)) = &self.identity else {
            return Ok(client.with_no_client_auth());
        };
        let chain = certificates(certificate)?;
        let secret =
            PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, Reason::Pem(error)))?;
        client
            .with_client_auth_cert(chain, secret)
            .map_err(|error| unusable(key, Reason::Tls(error)))
    }
}

/// A client that trusts nobody, where nobody is spoken to with TLS.
pub(crate) fn trusting_nobody() -> ClientConfig {
    trusting(RootCertStore::empty()).with_no_client_auth()
}

fn trusting(store: RootCertStore) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has ciphers for both versions")
        .with_root_certificates(store)
}

/// The machine's authorities, as PEM.
pub(crate) fn machine_pem() -> Result<Vec<u8>, Unusable> {
    let mut all = String::new();
    for certificate in machine_authorities()?.0 {
        all.push_str("-----BEGIN CERTIFICATE-----\n");
        all.push_str(&STANDARD.encode(certificate));
        all.push_str("\n-----END CERTIFICATE-----\n");
    }
    Ok(all.into_bytes())
}

/// Those of the machine's that can be used: one that cannot is no reason to trust none.
fn machine_authorities() -> Result<(Vec<CertificateDer<'static>>, RootCertStore), Unusable> {
    let mut store = RootCertStore::empty();
    let mut certificates = rustls_native_certs::load_native_certs().certs;
    certificates.retain(|certificate| store.add(certificate.clone()).is_ok());
    if certificates.is_empty() {
        return Err(Unusable::NobodyTrusted);
    }
    Ok((certificates, store))
}

fn authorities(file: &Path) -> Result<RootCertStore, Unusable> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(file)? {
        store
            .add(certificate)
            .map_err(|error| unusable(file, Reason::Tls(error)))?;
    }
    Ok(store)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    let found: Vec<_> = read.map_err(|error| unusable(file, Reason::Pem(error)))?;
    if found.is_empty() {
        return Err(unusable(file, Reason::NoCertificate));
    }
    Ok(found)
}

fn unusable(file: &Path, reason: Reason) -> Unusable {
    Unusable::File {
        file: file.to_owned(),
        reason,
    }
}
