//! Certificates that are made for one case.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Result;
use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio_rustls::rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};

/// An authority that vouches for whom it is told to.
pub struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
    folder: PathBuf,
    name: String,
}

/// A certificate and its key, as PEM and as files.
pub struct Identity {
    pub certificate: String,
    pub key: String,
    pub files: (PathBuf, PathBuf),
}

impl Authority {
    /// One called `name`, with its files in `folder`.
    pub fn new(folder: &Path, name: &str) -> Result<Self> {
        let mut params = named(name, &[])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        let authority = Self {
            certificate,
            issuer: Issuer::new(params, key),
            folder: folder.to_owned(),
            name: name.to_owned(),
        };
        fs::write(authority.file(), authority.pem())?;
        Ok(authority)
    }

    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    pub fn file(&self) -> PathBuf {
        self.folder.join(format!("{}.pem", self.name))
    }

    /// Vouches for `name`, on `hosts`.
    pub fn vouch(&self, name: &str, hosts: &[&str]) -> Result<Identity> {
        let key = KeyPair::generate()?;
        let certificate = named(name, hosts)?.signed_by(&key, &self.issuer)?.pem();
        let key = key.serialize_pem();
        let file = |kind: &str| self.folder.join(format!("{}-{name}.{kind}", self.name));
        let files = (file("crt"), file("key"));
        fs::write(&files.0, &certificate)?;
        fs::write(&files.1, &key)?;
        Ok(Identity {
            certificate,
            key,
            files,
        })
    }
}

impl Identity {
    /// How a server with this identity speaks TLS: with whom `asks` vouches for, or with anybody.
    pub fn serves(&self, asks: Option<&Authority>) -> Result<ServerConfig> {
        let ring = Arc::new(ring::default_provider());
        let clients = match asks {
            None => WebPkiClientVerifier::no_client_auth(),
            Some(authority) => {
                let mut trusted = RootCertStore::empty();
                trusted.add(CertificateDer::from_pem_file(authority.file())?)?;
                WebPkiClientVerifier::builder_with_provider(trusted.into(), ring.clone()).build()?
            }
        };
        let chain = vec![CertificateDer::from_pem_slice(self.certificate.as_bytes())?];
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes())?;
        Ok(ServerConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, key)?)
    }
}

fn named(name: &str, hosts: &[&str]) -> Result<CertificateParams> {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}
