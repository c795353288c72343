//! The daemon's own certificate and, where client certificates are wanted, their issuers.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider};
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// What the daemon shows of itself, and whose certificates it believes.
#[derive(Debug)]
pub struct ServerIdentity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    client_roots: Option<RootCertStore>,
}

impl ServerIdentity {
    /// Reads a certificate chain (leaf first) and its key, both PEM.
    ///
    /// # Errors
    /// [`TlsError`] naming the file.
    pub fn load(chain: &Path, key: &Path) -> Result<Self, TlsError> {
        let chain = read_certificates(chain)?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(|reason| TlsError::pem(key, reason))?;
        Ok(Self { chain, key, client_roots: None })
    }

    /// Makes a certificate for these names and signs it itself: for demos, tests and first steps. A client
    /// has to be told to trust exactly this one.
    ///
    /// # Errors
    /// [`TlsError::SelfSigned`] for a name that no certificate may have.
    pub fn self_signed(names: &[&str]) -> Result<Self, TlsError> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).map_err(TlsError::SelfSigned)?;
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        Ok(Self { chain: vec![made.cert.der().clone()], key: key.into(), client_roots: None })
    }

    /// The self-signed certificate of a folder: made there at the first start, the same from then on, so that
    /// clients need to be told of it once. `cert.pem` is for them, `key.pem` is secret (mode 0600).
    ///
    /// # Errors
    /// [`TlsError`] naming the file that can't be read or written.
    pub fn kept(dir: &Path, names: &[&str]) -> Result<Self, TlsError> {
        let (chain, key) = (dir.join("cert.pem"), dir.join("key.pem"));
        if !key.exists() {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            let made = rcgen::generate_simple_self_signed(names).map_err(TlsError::SelfSigned)?;
            write_files(
                dir,
                &[
                    (&chain, made.cert.pem(), 0o644),
                    (&key, made.signing_key.serialize_pem(), 0o600),
                ],
            )?;
        }
        Self::load(&chain, &key)
    }

    /// Asks clients for a certificate by one of these issuers. It stays optional: a token will do.
    ///
    /// # Errors
    /// [`TlsError`] naming the file.
    pub fn with_client_issuers(mut self, issuers: &Path) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in read_certificates(issuers)? {
            roots
                .add(certificate)
                .map_err(|reason| TlsError::Rejected { path: issuers.to_owned(), reason })?;
        }
        self.client_roots = Some(roots);
        Ok(self)
    }

    /// The leaf, for a client that is to trust exactly this one.
    #[must_use]
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.chain[0].clone()
    }

    /// The TLS side of an endpoint that speaks `alpn`: TLS 1.3 alone, no early data.
    ///
    /// # Errors
    /// [`TlsError::Mismatch`] when key and certificate do not belong together.
    pub fn server_config(&self, alpn: &[u8]) -> Result<rustls::ServerConfig, TlsError> {
        let builder = rustls::ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(TlsError::Mismatch)?;
        let builder = match &self.client_roots {
            None => builder.with_no_client_auth(),
            Some(roots) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(
                    Arc::new(roots.clone()),
                    provider(),
                )
                .allow_unauthenticated()
                .build()
                .map_err(TlsError::Issuers)?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder
            .with_single_cert(self.chain.clone(), self.key.clone_key())
            .map_err(TlsError::Mismatch)?;
        config.alpn_protocols = vec![alpn.to_vec()];
        config.max_early_data_size = 0;
        Ok(config)
    }
}

/// Writes new files, the last one last: its being there says that all are.
fn write_files(dir: &Path, files: &[(&Path, String, u32)]) -> Result<(), TlsError> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |reason| TlsError::Write { path, reason }
    };
    std::fs::create_dir_all(dir).map_err(failed(dir))?;
    for (path, text, mode) in files {
        let mut open = std::fs::OpenOptions::new();
        let file = open.write(true).create(true).truncate(true).mode(*mode).open(path);
        let mut file = file.map_err(failed(path))?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed(path))?;
    }
    Ok(())
}

/// The one provider of cryptography in the project.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(default_provider())
}

/// The SHA-256 of some bytes, by the TLS library's own implementation: certificates are known by it.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let suite = cipher_suite::TLS13_AES_128_GCM_SHA256.tls13().expect("a suite of TLS 1.3");
    let digest = suite.common.hash_provider.hash(bytes);
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}

/// Reads every certificate of a PEM file.
///
/// # Errors
/// [`TlsError`] naming the file.
pub fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|reason| TlsError::pem(path, reason))?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate { path: path.to_owned() });
    }
    Ok(certificates)
}

/// What is wrong with certificates or keys.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file of our own making cannot be written.
    #[error("cannot write {path}: {reason}; check that the data directory is writable")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// The file cannot be read.
    #[error("{}: {reason}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: io::Error,
    },
    /// The file is not PEM, or has no key.
    #[error("{} has no PEM section of the kind wanted: {reason}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What it has.
        reason: rustls_pki_types::pem::Error,
    },
    /// The file has no certificate.
    #[error("{} has no certificate: a PEM file with BEGIN CERTIFICATE is wanted", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// A certificate that cannot be an issuer.
    #[error("a certificate in {} cannot be an issuer: {reason}", path.display())]
    Rejected {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: rustls::Error,
    },
    /// A certificate could not be made.
    #[error("no certificate can be made for these names: {0}")]
    SelfSigned(rcgen::Error),
    /// The issuers are no use.
    #[error("the client issuers cannot be used: {0}")]
    Issuers(rustls::server::VerifierBuilderError),
    /// Key and certificate do not belong together.
    #[error("the certificate and its key cannot be used together: {0}")]
    Mismatch(rustls::Error),
}

impl TlsError {
    fn pem(path: &Path, reason: rustls_pki_types::pem::Error) -> Self {
        let path = path.to_owned();
        if let rustls_pki_types::pem::Error::Io(reason) = reason {
            Self::Io { path, reason }
        } else {
            Self::Pem { path, reason }
        }
    }
}
