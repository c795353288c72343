//! The question "who is this?", answered from the book of credentials as it was last read.
//!
//! A reload replaces the book as a whole; connections that are already in ask again when told of a change,
//! so a revoked token stops working at once.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustls_pki_types::CertificateDer;
use tokio::sync::watch;
use x509_parser::extensions::GeneralName;

use super::book::{Book, BookError, CertificateEntry, CertificateSubject, TokenEntry};
use super::grant::{Credential, Grant, Scope};
use super::tls::sha256;
use super::token::{Token, TokenHash};
use super::uses::{Uses, Watch};
use crate::clock::Clock;
use crate::domain::problem::{Kind, Problem};

/// Knows all credentials of the installation. One per daemon, shared.
#[derive(Debug)]
pub struct Authority {
    path: Option<PathBuf>,
    /// Held for the length of one pointer copy.
    in_force: RwLock<Arc<InForce>>,
    /// Held from reading a book to putting it in force, so that no older one comes after a newer one.
    turn: Mutex<()>,
    watch: Watch,
    changes: watch::Sender<u64>,
}

/// A book, and how often each of its tokens was used.
#[derive(Debug)]
pub(super) struct InForce {
    pub(super) book: Book,
    /// One for each token, in the order of the book.
    pub(super) uses: Vec<Arc<Uses>>,
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
        let uses = book.tokens.iter().map(|_| Arc::default()).collect();
        Self {
            path: None,
            in_force: RwLock::new(Arc::new(InForce { book, uses })),
            turn: Mutex::default(),
            watch: Watch::default(),
            changes: watch::Sender::new(0),
        }
    }

    /// Lets it know the time, for noting when tokens were used.
    #[must_use]
    pub fn told_by(mut self, clock: Clock) -> Self {
        self.watch = Watch::of(clock);
        self
    }

    /// Reads the book again. On an error, as when it is gone, the old one stays in force.
    ///
    /// # Errors
    /// [`BookError`]
    pub fn reload(&self) -> Result<(), BookError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = &self.path {
            self.put(Book::existing(path)?);
        }
        Ok(())
    }

    /// Changes the book, on the disk where it lies there, and puts it in force. May wait for the disk, and for a
    /// command that changes it.
    ///
    /// # Errors
    /// [`BookError`]; the old book is then in force.
    pub fn change<T>(
        &self,
        change: impl FnOnce(&mut Book) -> Result<T, BookError>,
    ) -> Result<T, BookError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let (outcome, book) = match &self.path {
            Some(path) => Book::change(path, |book| Ok((change(book)?, book.clone())))?,
            None => {
                let mut book = self.in_force().book.clone();
                (change(&mut book)?, book)
            }
        };
        self.put(book);
        Ok(outcome)
    }

    /// Puts another book in force.
    pub fn replace(&self, book: Book) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.put(book);
    }

    /// What was counted of a token goes on with it.
    fn put(&self, book: Book) {
        let old = self.in_force();
        let known = old.book.tokens.iter().map(|entry| entry.hash.to_string());
        let mut known: HashMap<_, _> = known.zip(&old.uses).collect();
        let tokens = book.tokens.iter();
        let uses = tokens
            .map(|entry| known.remove(&entry.hash.to_string()).cloned().unwrap_or_default())
            .collect();
        let new = Arc::new(InForce { book, uses });
        *self.in_force.write().unwrap_or_else(PoisonError::into_inner) = new;
        self.changes.send_modify(|change| *change += 1);
    }

    pub(super) fn in_force(&self) -> Arc<InForce> {
        Arc::clone(&self.in_force.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn watch(&self) -> &Watch {
        &self.watch
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
        let now = self.in_force();
        let (grant, at) = look_up_token(&now.book, token.hash(), scope)?;
        self.watch.note(&now.uses[at]);
        Ok(grant)
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
        let now = self.in_force();
        match credential {
            Credential::Token(hash) => Ok(look_up_token(&now.book, hash, scope)?.0),
            Credential::Certificate(names) => {
                let entry = certificate_entry(&now.book, &names)?;
                allowing(entry.grant(Credential::Certificate(names)), scope)
            }
        }
    }
}

/// The token's grant, and which of the book's it is.
fn look_up_token(book: &Book, hash: TokenHash, scope: Scope) -> Result<(Grant, usize), AuthError> {
    let (at, entry) = token_entry(book, &hash)?;
    Ok((allowing(entry.grant(Credential::Token(hash)), scope)?, at))
}

fn allowing(grant: Grant, scope: Scope) -> Result<Grant, AuthError> {
    if grant.allows(scope) {
        return Ok(grant);
    }
    Err(AuthError::Scope { name: grant.name.to_string(), scope })
}

/// Compares with every entry, so that the time does not tell which one it was.
fn token_entry<'b>(book: &'b Book, hash: &TokenHash) -> Result<(usize, &'b TokenEntry), AuthError> {
    let mut found = None;
    for (at, entry) in book.tokens.iter().enumerate() {
        if entry.hash.matches(hash) {
            found = Some((at, entry));
        }
    }
    let (at, entry) = found.ok_or(AuthError::Unknown)?;
    match entry.revoked {
        None => Ok((at, entry)),
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
