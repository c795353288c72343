//! A block: an archive behind a 64-byte header, and the proof that it was verified.
//!
//! Header, little-endian: magic (8), format version (2), kind (2), zero (4), length of the archive (8),
//! count of its main entries (8), BLAKE3 of all that precedes it and of the archive (32). That digest is the
//! block's name everywhere: in manifests, as a file name, as the snapshot's hash.
//!
//! [`encode`] writes one; [`Verified::check`] is the only way to read one, so that whoever holds a
//! [`Verified`] need not check again.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU32, Ordering};

use rkyv::api::high::{HighSerializer, HighValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Error as ArchiveError;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::AlignedVec;
use rkyv::{Archive, Portable, Serialize};

use super::blocks::BlockKind;
use super::memory::PrivateBytes;

/// The version of the format that this release writes.
pub const FORMAT_VERSION: u16 = 1;

/// The length of the header; a cache line, so that the archive behind it is aligned to one too.
pub const HEADER_LEN: usize = 64;

const MAGIC: [u8; 8] = *b"GFBLOCK\n";
const DIGEST_AT: usize = 32;

/// The digest of a block.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockHash(pub [u8; 32]);

impl std::fmt::Display for BlockHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for BlockHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BlockHash({self})")
    }
}

/// Why bytes are no block, or not the one expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// Shorter than a header, or than the header says.
    #[error("it has {found} bytes where {expected} are needed; it was cut short")]
    Short {
        /// Bytes there are.
        found: u64,
        /// Bytes needed.
        expected: u64,
    },
    /// Longer than the header says.
    #[error("{extra} bytes follow its end; something was appended")]
    Long {
        /// How many.
        extra: u64,
    },
    /// Larger than any block of its kind.
    #[error("it has {found} bytes, and a block of its kind has at most {allowed}; it is not ours")]
    TooLarge {
        /// Bytes it has.
        found: u64,
        /// Bytes allowed.
        allowed: u64,
    },
    /// It does not start with the magic.
    #[error("it does not start like a snapshot block; it is another kind of file")]
    Magic,
    /// A format that this release does not read.
    #[error(
        "its format version is {found}, this release reads {FORMAT_VERSION}; use a release that fits, or build the snapshot again"
    )]
    Version {
        /// The version it has.
        found: u16,
    },
    /// Another kind of block.
    #[error("it is a block of kind {found} where {expected} is needed")]
    Kind {
        /// The number it has.
        found: u16,
        /// The kind needed.
        expected: BlockKind,
    },
    /// A reserved field is in use.
    #[error(
        "a reserved field of its header is not zero; it was changed or comes from a newer release"
    )]
    Reserved,
    /// The digest is not that of the content.
    #[error("its content does not match its BLAKE3 digest; it was changed after it was written")]
    Digest,
    /// The archive breaks its own rules.
    #[error("its archive is malformed: {reason}")]
    Archive {
        /// What the validator found.
        reason: String,
    },
    /// The content contradicts itself.
    #[error("its content contradicts itself: {0}")]
    Content(#[from] ContentError),
}

/// A rule that a block's content breaks: which array, where, and what should hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{array}[{position}]: {rule}")]
pub struct ContentError {
    /// The array or field.
    pub array: &'static str,
    /// The position in it.
    pub position: usize,
    /// What should hold.
    pub rule: &'static str,
}

/// What can stand in a block.
pub trait Content: Archive {
    /// Its kind.
    const KIND: BlockKind;

    /// Checks what the archive's own validation cannot know: order, ranges, offsets.
    ///
    /// # Errors
    /// The first rule that is broken.
    fn verify(archived: &Self::Archived) -> Result<(), ContentError>;

    /// How many main entries it has, for the header.
    fn count(archived: &Self::Archived) -> usize;
}

/// A content that can be written.
pub trait Written:
    Content + for<'a> Serialize<HighSerializer<AlignedVec<64>, ArenaHandle<'a>, ArchiveError>>
{
}

impl<T> Written for T where
    T: Content + for<'a> Serialize<HighSerializer<AlignedVec<64>, ArenaHandle<'a>, ArchiveError>>
{
}

/// Archives `content` behind its header.
///
/// # Errors
/// When memory for it is refused.
pub fn encode<T: Written>(content: &T) -> Result<(BlockHash, AlignedVec<64>), TooLarge> {
    let mut bytes = AlignedVec::<64>::new();
    bytes.resize(HEADER_LEN, 0);
    let refused = |reason: ArchiveError| TooLarge { kind: T::KIND, reason: reason.to_string() };
    let mut bytes = rkyv::api::high::to_bytes_in(content, bytes).map_err(refused)?;
    let archive_len = bytes.len() - HEADER_LEN;
    let count = T::count(trusted::<T>(&bytes));
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..10].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    bytes[10..12].copy_from_slice(&(T::KIND as u16).to_le_bytes());
    bytes[16..24].copy_from_slice(&(archive_len as u64).to_le_bytes());
    bytes[24..32].copy_from_slice(&(count as u64).to_le_bytes());
    let hash = digest(&bytes);
    bytes[DIGEST_AT..HEADER_LEN].copy_from_slice(&hash.0);
    Ok((hash, bytes))
}

/// A content that can't be archived.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "the {kind} block can't be archived: {reason}; split the account's targets over several accounts"
)]
pub struct TooLarge {
    /// The kind of block.
    pub kind: BlockKind,
    /// What the archive writer said.
    pub reason: String,
}

/// A block in memory of our own whose bytes were checked: header, digest, archive and content.
pub struct Verified<T> {
    bytes: PrivateBytes,
    hash: BlockHash,
    serial: u32,
    content: PhantomData<fn() -> T>,
}

impl<T> Verified<T>
where
    T: Content,
    T::Archived: Portable + for<'a> CheckBytes<HighValidator<'a, ArchiveError>>,
{
    /// Checks everything, once.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn check(bytes: PrivateBytes) -> Result<Self, BlockError> {
        let hash = check_header(&bytes, T::KIND)?;
        let archived = rkyv::access::<T::Archived, ArchiveError>(&bytes[HEADER_LEN..])
            .map_err(|reason| BlockError::Archive { reason: reason.to_string() })?;
        T::verify(archived)?;
        let count = u64_at(&bytes, 24);
        if count != T::count(archived) as u64 {
            return Err(ContentError {
                array: "header",
                position: 24,
                rule: "the count must be that of the archive",
            }
            .into());
        }
        // Only uniqueness counts, not the order in which threads verify.
        let serial = VERIFIED.fetch_add(1, Ordering::Relaxed);
        Ok(Self { bytes, hash, serial, content: PhantomData })
    }
}

impl<T: Content> Verified<T>
where
    T::Archived: Portable,
{
    /// What it holds, in place.
    #[must_use]
    pub fn get(&self) -> &T::Archived {
        trusted::<T>(&self.bytes)
    }

    /// Its name.
    #[must_use]
    pub fn hash(&self) -> BlockHash {
        self.hash
    }

    /// A number that no other block verified by this process has.
    #[must_use]
    pub fn serial(&self) -> u32 {
        self.serial
    }

    /// Header and archive.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// How many blocks this process has verified.
static VERIFIED: AtomicU32 = AtomicU32::new(1);

impl<T> std::fmt::Debug for Verified<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verified")
            .field("hash", &self.hash)
            .field("len", &self.bytes.len())
            .finish()
    }
}

/// Checks a header and the digest; gives the digest.
///
/// # Errors
/// What is wrong.
pub fn check_header(bytes: &[u8], kind: BlockKind) -> Result<BlockHash, BlockError> {
    let found = bytes.len() as u64;
    let short = BlockError::Short { found, expected: HEADER_LEN as u64 };
    check_prelude(bytes.first_chunk().ok_or(short)?, kind, found)?;
    let hash = digest(bytes);
    if bytes[DIGEST_AT..HEADER_LEN] != hash.0 {
        return Err(BlockError::Digest);
    }
    Ok(hash)
}

/// Checks what a header alone tells about a block of `found` bytes: before memory is taken for the rest.
///
/// # Errors
/// What is wrong.
pub fn check_prelude(
    header: &[u8; HEADER_LEN],
    kind: BlockKind,
    found: u64,
) -> Result<(), BlockError> {
    if header[..8] != MAGIC {
        return Err(BlockError::Magic);
    }
    let version = u16::from_le_bytes([header[8], header[9]]);
    if version != FORMAT_VERSION {
        return Err(BlockError::Version { found: version });
    }
    let number = u16::from_le_bytes([header[10], header[11]]);
    if number != kind as u16 {
        return Err(BlockError::Kind { found: number, expected: kind });
    }
    if header[12..16] != [0; 4] {
        return Err(BlockError::Reserved);
    }
    let expected = u64_at(header, 16).saturating_add(HEADER_LEN as u64);
    if found < expected {
        return Err(BlockError::Short { found, expected });
    }
    if found > expected {
        return Err(BlockError::Long { extra: found - expected });
    }
    let allowed = kind.max_bytes();
    if found > allowed {
        return Err(BlockError::TooLarge { found, allowed });
    }
    Ok(())
}

fn digest(bytes: &[u8]) -> BlockHash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&bytes[..DIGEST_AT]);
    hasher.update(&bytes[HEADER_LEN..]);
    BlockHash(*hasher.finalize().as_bytes())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

/// Reads an archive that this process wrote itself or has validated.
#[expect(
    unsafe_code,
    reason = "validating an archive at each access would cost more than the access"
)]
fn trusted<T: Content>(bytes: &[u8]) -> &T::Archived
where
    T::Archived: Portable,
{
    // SAFETY: both callers vouch for the bytes. `encode` passes what the serialiser of the same type has just
    // written; `Verified::get` passes what `rkyv::access` accepted in `Verified::check`, the only constructor,
    // and nobody can change since: `PrivateBytes` hands out no mutable access and is mapped privately.
    unsafe { rkyv::access_unchecked::<T::Archived>(&bytes[HEADER_LEN..]) }
}
