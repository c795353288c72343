//! The question "who is this?", answered from the book of credentials as it was last read.
//!
//! A reload replaces the book as a whole; connections that are already in ask again when told of a change,
//! so a revoked token stops working at once.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use rustls_pki_types::CertificateDer;
use tokio::sync::watch;
use x509_parser::extensions::GeneralName;

use super::book::{Book, BookError, CertificateEntry, CertificateSubject, TokenEntry};
use super::grant::{Credential, Grant, Scope};
use super::tls::sha256;
use super::token::{Token, TokenHash};
use crate::domain::problem::{Kind, Problem};

/// Knows all credentials of the installation. One per daemon, shared.
#[derive(Debug)]
pub struct Authority {
    path: Option<PathBuf>,
    /// Held for the length of one pointer copy.
    book: RwLock<Arc<Book>>,
    changes: watch::Sender<u64>,
}

impl Authority {
    /// Reads the book at `path`; one that is not there yet lets nobody in.
    ///
    /// # Errors
    /// [`BookError`]
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, BookError> {
        let path = path.into();
        let book = Book::read(&path)?;
        Ok(Self { path: Some(path), ..Self::of(book) })
    }

    /// An authority over a book in memory: demos and tests.
    #[must_use]
    pub fn of(book: Book) -> Self {
        Self { path: None, book: RwLock::new(Arc::new(book)), changes: watch::Sender::new(0) }
    }

    /// Reads the book again. On an error, as when it is gone, the old one stays in force.
    ///
    /// # Errors
    /// [`BookError`]
    pub fn reload(&self) -> Result<(), BookError> {
        if let Some(path) = &self.path {
            self.replace(Book::existing(path)?);
        }
        Ok(())
    }

    /// Puts another book in force.
    pub fn replace(&self, book: Book) {
        *self.book.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(book);
        self.changes.send_modify(|change| *change += 1);
    }

    /// Changes whenever another book comes in force.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Who shows this token, if it allows `scope`.
    ///
    /// # Errors
    /// [`AuthError`], which never contains the token.
    pub fn by_token(&self, text: &str, scope: Scope) -> Result<Grant, AuthError> {
        if text.is_empty() {
            return Err(AuthError::Missing);
        }
        let token = Token::parse(text).ok_or(AuthError::Malformed)?;
        self.look_up(Credential::Token(token.hash()), scope)
    }

    /// Who shows this client certificate (its DER form, verified by TLS), if it allows `scope`.
    ///
    /// # Errors
    /// [`AuthError`]
    pub fn by_certificate(
        &self,
        certificate: &CertificateDer<'_>,
        scope: Scope,
    ) -> Result<Grant, AuthError> {
        let names = CertificateNames::of(certificate)?;
        self.look_up(Credential::Certificate(Arc::new(names)), scope)
    }

    /// Asks again for somebody who is in, after a change of the book. The answer may allow more or less.
    ///
    /// # Errors
    /// [`AuthError`] when the credentials are no longer good.
    pub fn again(&self, grant: &Grant, scope: Scope) -> Result<Grant, AuthError> {
        self.look_up(grant.credential.clone(), scope)
    }

    fn look_up(&self, credential: Credential, scope: Scope) -> Result<Grant, AuthError> {
        let book = Arc::clone(&self.book.read().unwrap_or_else(PoisonError::into_inner));
        let grant = match &credential {
            Credential::Token(hash) => token_entry(&book, hash)?.grant(credential.clone()),
            Credential::Certificate(names) => {
                certificate_entry(&book, names)?.grant(credential.clone())
            }
        };
        if !grant.allows(scope) {
            let name = grant.name.to_string();
            return Err(AuthError::Scope { name, scope });
        }
        Ok(grant)
    }
}

/// Compares with every entry, so that the time does not tell which one it was.
fn token_entry<'b>(book: &'b Book, hash: &TokenHash) -> Result<&'b TokenEntry, AuthError> {
    let mut found = None;
    for entry in &book.tokens {
        if entry.hash.matches(hash) {
            found = Some(entry);
        }
    }
    let entry = found.ok_or(AuthError::Unknown)?;
    match entry.revoked {
        None => Ok(entry),
        Some(_) => Err(AuthError::Revoked { name: entry.name.clone() }),
    }
}

/// Looks at every entry that names the certificate. One that names this very certificate counts before those
/// that name what its issuer wrote into it; of entries with one subject the live one counts (there is no
/// second); a name that was revoked lets nobody in by another.
fn certificate_entry<'b>(
    book: &'b Book,
    names: &CertificateNames,
) -> Result<&'b CertificateEntry, AuthError> {
    let named = |entry: &&CertificateEntry| names.has(&entry.subject);
    let (exact, by_uri): (Vec<_>, Vec<_>) = book
        .certificates
        .iter()
        .filter(named)
        .partition(|entry| matches!(entry.subject, CertificateSubject::Fingerprint(_)));
    let matches = if exact.is_empty() { by_uri } else { exact };
    let replaced = |old: &CertificateEntry| {
        matches.iter().any(|entry| entry.revoked.is_none() && entry.subject == old.subject)
    };
    if let Some(old) = matches.iter().find(|old| old.revoked.is_some() && !replaced(old)) {
        return Err(AuthError::Revoked { name: old.name.clone() });
    }
    let mut live = matches.iter().filter(|entry| entry.revoked.is_none());
    match (live.next(), live.next()) {
        (None, _) => Err(AuthError::Unknown),
        (Some(entry), None) => Ok(entry),
        (Some(one), Some(other)) => {
            Err(AuthError::Ambiguous { name: one.name.clone(), other: other.name.clone() })
        }
    }
}

/// Everything about a certificate that an entry of the book may name.
#[derive(Debug)]
pub(super) struct CertificateNames {
    fingerprint: [u8; 32],
    uris: Vec<String>,
}

impl CertificateNames {
    fn of(certificate: &CertificateDer<'_>) -> Result<Self, AuthError> {
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate.as_ref())
            .map_err(|_unreadable| AuthError::Certificate)?;
        let names =
            parsed.subject_alternative_name().map_err(|_repeated| AuthError::Certificate)?;
        let uris = names
            .iter()
            .flat_map(|extension| &extension.value.general_names)
            .filter_map(|name| {
                if let GeneralName::URI(uri) = name { Some((*uri).to_owned()) } else { None }
            })
            .collect();
        Ok(Self { fingerprint: sha256(certificate.as_ref()), uris })
    }

    fn has(&self, subject: &CertificateSubject) -> bool {
        match subject {
            CertificateSubject::Fingerprint(fingerprint) => *fingerprint == self.fingerprint,
            CertificateSubject::Uri(uri) => self.uris.contains(uri),
        }
    }
}

/// Why somebody is not let in. It names what the operator called the credentials, never the token.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AuthError {
    /// Neither token nor certificate.
    #[error(
        "no credentials: send a token (`geofenced token create` prints one) or a client certificate"
    )]
    Missing,
    /// Not the shape of a token.
    #[error(
        "this is no token: a token is gf_ and 43 characters of base64url, without spaces around it"
    )]
    Malformed,
    /// The shape is right, but nobody has it.
    #[error("these credentials are not known here: check which installation they were made for")]
    Unknown,
    /// They were good once.
    #[error("the credentials {name:?} were revoked: ask the operator for new ones")]
    Revoked {
        /// What the operator called them.
        name: String,
    },
    /// They are good for something else.
    #[error(
        "the credentials {name:?} lack the scope {scope}: ask the operator for some that have it"
    )]
    Scope {
        /// What the operator called them.
        name: String,
        /// What they lack.
        scope: Scope,
    },
    /// Names that stand for different things.
    #[error(
        "the client certificate has two names in the book, {name:?} and {other:?}: ask the operator to revoke one"
    )]
    Ambiguous {
        /// What the operator called the one.
        name: String,
        /// What the operator called the other.
        other: String,
    },
    /// A certificate that cannot be read, though TLS accepted it.
    #[error(
        "the client certificate cannot be read: give it one well-formed subject alternative name"
    )]
    Certificate,
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        let kind = match error {
            AuthError::Scope { .. } => Kind::Forbidden,
            AuthError::Missing
            | AuthError::Malformed
            | AuthError::Unknown
            | AuthError::Revoked { .. }
            | AuthError::Ambiguous { .. }
            | AuthError::Certificate => Kind::Unauthenticated,
        };
        Self::new(kind, error.to_string())
    }
}
