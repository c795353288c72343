//! `tokens.json`: every token and certificate mapping of an installation, readable by its owner alone.
//!
//! Changed by `geofenced token …`, one process at a time under a lock file, and replaced as a whole: a reader
//! sees the old book or the new one.

use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::grant::{Apps, Credential, Grant, Scope};
use super::token::{TokenHash, from_hex};
use crate::domain::ids::AccountId;

/// The version that is written, and the only one that is read.
pub const BOOK_VERSION: u32 = 1;

/// So many entries a book may have. A look-up compares with each of them, in constant time each; this many
/// take about 100 µs.
pub const MAX_ENTRIES: usize = 4096;

/// So long a file may be: entries of 4 KiB.
const MAX_BYTES: u64 = 16 << 20;

/// So many characters a name may have.
pub const MAX_NAME_CHARS: usize = 100;

/// All credentials of an installation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Book {
    version: u32,
    /// Tokens, oldest first. A revoked one stays, so that its use can be told from a typing error.
    pub tokens: Vec<TokenEntry>,
    /// Client certificates and whom they stand for.
    #[serde(default)]
    pub certificates: Vec<CertificateEntry>,
}

/// A token, as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenEntry {
    /// The token's hash.
    pub hash: TokenHash,
    /// What the operator calls it; unique among its account's that are not revoked.
    pub name: String,
    /// Whom it stands for.
    pub account: AccountId,
    /// For which apps.
    pub apps: Apps,
    /// For what work.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created: jiff::Timestamp,
    /// When it was revoked, if it was.
    pub revoked: Option<jiff::Timestamp>,
}

/// A client certificate, or all that a trusted issuer gives a name.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateEntry {
    /// What the operator calls it.
    pub name: String,
    /// How it is recognised.
    pub subject: CertificateSubject,
    /// Whom it stands for.
    pub account: AccountId,
    /// For which apps.
    pub apps: Apps,
    /// For what work.
    pub scopes: Vec<Scope>,
    /// When it was revoked, if it was.
    #[serde(default)]
    pub revoked: Option<jiff::Timestamp>,
}

impl TokenEntry {
    pub(super) fn grant(&self, credential: Credential) -> Grant {
        Grant {
            account: self.account,
            apps: self.apps.clone(),
            scopes: self.scopes.as_slice().into(),
            name: self.name.as_str().into(),
            credential,
        }
    }
}

impl CertificateEntry {
    pub(super) fn grant(&self, credential: Credential) -> Grant {
        Grant {
            account: self.account,
            apps: self.apps.clone(),
            scopes: self.scopes.as_slice().into(),
            name: self.name.as_str().into(),
            credential,
        }
    }
}

/// How a certificate is recognised. In the file: `sha256:` and 64 hexadecimal digits, or `uri:` and a URI.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum CertificateSubject {
    /// The SHA-256 of its DER form.
    Fingerprint([u8; 32]),
    /// A subject alternative name of type URI, such as `geofenced://account/1`.
    Uri(String),
}

impl fmt::Display for CertificateSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uri(uri) => write!(f, "uri:{uri}"),
            Self::Fingerprint(bytes) => {
                f.write_str("sha256:")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

impl Serialize for CertificateSubject {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CertificateSubject {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let fingerprint = text.strip_prefix("sha256:").and_then(from_hex).map(Self::Fingerprint);
        let uri = text.strip_prefix("uri:").map(|uri| Self::Uri(uri.to_owned()));
        fingerprint.or(uri).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "a certificate's subject {text:?} is neither sha256: and 64 hexadecimal digits nor \
                 uri: and a URI"
            ))
        })
    }
}

/// A regular file's bytes and mode. Anything else could keep the reader waiting, or never end.
fn read_file(path: &Path) -> io::Result<(Vec<u8>, u32)> {
    let no_wait = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(no_wait).open(path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    if about.len() > MAX_BYTES {
        return Err(io::Error::other(format!("it is longer than {MAX_BYTES} bytes")));
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok((bytes, about.permissions().mode() & 0o777))
}

impl Default for Book {
    fn default() -> Self {
        Self { version: BOOK_VERSION, tokens: Vec::new(), certificates: Vec::new() }
    }
}

impl Book {
    /// Reads a book; one that is not there yet is empty.
    ///
    /// # Errors
    /// [`BookError`] when it cannot be read, is not a book, or others may read it too.
    pub fn read(path: &Path) -> Result<Self, BookError> {
        match Self::existing(path) {
            Err(BookError::Io { reason, .. }) if reason.kind() == io::ErrorKind::NotFound => {
                Ok(Self::default())
            }
            read => read,
        }
    }

    /// Reads a book that must be there.
    ///
    /// # Errors
    /// [`BookError`] as [`read`](Self::read), and when there is none.
    pub fn existing(path: &Path) -> Result<Self, BookError> {
        let (bytes, mode) = read_file(path).map_err(|reason| BookError::io(path, reason))?;
        if mode & 0o077 != 0 {
            return Err(BookError::Mode { path: path.to_owned(), mode });
        }
        let book: Self = serde_json::from_slice(&bytes)
            .map_err(|reason| BookError::Format { path: path.to_owned(), reason })?;
        book.check(path)?;
        Ok(book)
    }

    /// Reads a book, changes it and replaces the file, with other writers kept out meanwhile.
    ///
    /// # Errors
    /// [`BookError`]; the file is then as it was.
    pub fn change<T>(
        path: &Path,
        change: impl FnOnce(&mut Self) -> Result<T, BookError>,
    ) -> Result<T, BookError> {
        let lock_path = path.with_extension("lock");
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir).map_err(|reason| BookError::io(dir, reason))?;
        }
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(|reason| BookError::io(&lock_path, reason))?;
        lock.lock().map_err(|reason| BookError::io(&lock_path, reason))?;
        let mut book = Self::read(path)?;
        let outcome = change(&mut book)?;
        book.check(path)?;
        book.replace(path).map_err(|reason| BookError::io(path, reason))?;
        Ok(outcome)
    }

    fn check(&self, path: &Path) -> Result<(), BookError> {
        if self.version != BOOK_VERSION {
            return Err(BookError::Version { path: path.to_owned(), version: self.version });
        }
        let entries = self.tokens.len() + self.certificates.len();
        if entries > MAX_ENTRIES {
            return Err(BookError::TooMany { path: path.to_owned(), entries });
        }
        let mut subjects = HashSet::new();
        let live = self.certificates.iter().filter(|entry| entry.revoked.is_none());
        for entry in live {
            if !subjects.insert(&entry.subject) {
                let subject = entry.subject.clone();
                return Err(BookError::SubjectTwice { path: path.to_owned(), subject });
            }
        }
        Ok(())
    }

    /// Temporary file, sync, rename, directory sync: after a crash it is the old book or the new one.
    fn replace(&self, path: &Path) -> io::Result<()> {
        let temporary = path.with_extension("json.new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        // An old temporary file may have been left with another mode.
        file.set_permissions(Permissions::from_mode(0o600))?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    }
}

/// What is wrong with a book. None of these shows a token or a hash.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// The file system said no.
    #[error("{}: {reason}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        reason: io::Error,
    },
    /// Others may read it.
    #[error("{0} has mode {mode:o}, so others may use its credentials; run: chmod 600 {0}", path.display())]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is not JSON, or not a book.
    #[error("{} is no book of credentials: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Where and why.
        reason: serde_json::Error,
    },
    /// It was written by another release.
    #[error("{} has version {version}; this release reads version {BOOK_VERSION}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// It is too long.
    #[error("{} has {entries} entries; at most {MAX_ENTRIES}: remove revoked ones", path.display())]
    TooMany {
        /// The file.
        path: PathBuf,
        /// How many it has.
        entries: usize,
    },
    /// Two answers to one question.
    #[error("{} has two live certificates with the subject {subject}; revoke one", path.display())]
    SubjectTwice {
        /// The file.
        path: PathBuf,
        /// The subject.
        subject: CertificateSubject,
    },
    /// A name that no list could show.
    #[error("a name has 1 to {MAX_NAME_CHARS} characters, none of them a control character")]
    Name,
    /// A name that is taken.
    #[error("{0:?} is taken already; revoke it first or choose another name")]
    NameTaken(String),
    /// A name that is not there.
    #[error("nothing live is named {0:?}; `geofenced token list` shows tokens and certificates")]
    NotLive(String),
    /// A token for nothing.
    #[error("a token needs at least one scope: ingest, queue, campaigns or admin")]
    NoScope,
    /// One name, and credentials of several accounts that have it.
    #[error("{name:?} is a name at the accounts {accounts}; say which with --account")]
    SameName {
        /// The name.
        name: String,
        /// Which accounts.
        accounts: String,
    },
    /// A token for more than whoever asks may give away.
    #[error(
        "a token makes and revokes none that allows more than itself, and this one lacks {0}; ask the operator"
    )]
    Beyond(String),
    /// An account with as many tokens as it may have.
    #[error(
        "the account has {} live tokens, and no more are allowed; revoke one",
        super::delegation::MAX_LIVE
    )]
    AccountFull,
    /// The system has no randomness.
    #[error(transparent)]
    NoEntropy(#[from] super::token::NoEntropy),
    /// The certificate that is to be let in cannot be read.
    #[error(transparent)]
    Certificate(#[from] super::tls::TlsError),
    /// The answer could not be printed.
    #[error("the answer could not be written: {0}")]
    Output(io::Error),
}

impl BookError {
    fn io(path: &Path, reason: io::Error) -> Self {
        Self::Io { path: path.to_owned(), reason }
    }
}
