//! From bytes to a snapshot that can be read: every block verified, once.
//!
//! Bytes come from a [`store`](super::store), from a build still in memory, or from another node. What an
//! earlier snapshot of this process already verified is shared, not read again: an edit costs what it touches.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use rkyv::Portable;
use rkyv::api::high::HighValidator;
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Error as ArchiveError;

use super::block::{BlockError, BlockHash, Content, ContentError, Verified};
use super::blocks::{
    ArchivedManifestAccount, ArchivedStandingAccount, BlockKind, CampaignsBlock, Manifest,
    PlacesBlock, Standing, TargetsBlock,
};
use super::build::direct_table;
use super::index::{AtlasBlock, AtlasGrid, GeometryBlock, Index, TileBlock, Tiles};
use super::joins::joins;
use super::memory::{PACK_BYTES, PrivateBytes};
use super::pages::{Page, Pages};
use super::parts::{AccountParts, Awaited, Parts};
use super::shelf::{Row, Shelf};
use super::view::SnapshotView;
use crate::domain::ids::{AccountId, Epoch, SnapshotHash};

/// A snapshot in memory of our own, verified.
#[derive(Debug)]
pub struct Loaded {
    parts: Parts,
}

impl Loaded {
    /// Reads it.
    #[must_use]
    pub fn view(&self) -> SnapshotView<'_> {
        SnapshotView::new(&self.parts)
    }
}

/// Where the blocks of a snapshot come from.
pub trait BlockSource {
    /// The bytes of a block, in private memory. They need not be right: they are verified.
    ///
    /// # Errors
    /// When there is no such block, it can't be read, or its header alone shows that it is none.
    fn read(&mut self, kind: BlockKind, hash: BlockHash) -> Result<PrivateBytes, ReadError>;
}

/// Why there are no bytes of a block.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is missing or unreadable.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Its header says that the rest is not worth reading.
    #[error(transparent)]
    Block(#[from] BlockError),
}

/// Why a snapshot can't be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A block is missing or unreadable.
    #[error(
        "the {kind} block {hash} can't be read: {reason}; restore it from a copy, or build the snapshot again"
    )]
    Read {
        /// The kind of block.
        kind: BlockKind,
        /// Its name.
        hash: BlockHash,
        /// What went wrong.
        reason: io::Error,
    },
    /// There is no memory for blocks.
    #[error("{kind} blocks can't be kept in memory: {reason}; give the process more of it")]
    Memory {
        /// The kind of block.
        kind: BlockKind,
        /// What the system said.
        reason: io::Error,
    },
    /// A block is damaged or hostile.
    #[error("the {kind} block {hash} is refused: {reason}")]
    Block {
        /// The kind of block.
        kind: BlockKind,
        /// Its name.
        hash: BlockHash,
        /// What is wrong with it.
        reason: BlockError,
    },
    /// The manifest or the standing is damaged or hostile.
    #[error("the {kind} is refused: {reason}")]
    Head {
        /// Which of the two.
        kind: BlockKind,
        /// What is wrong with it.
        reason: BlockError,
    },
    /// A sound block under the name of another.
    #[error("the {kind} block {expected} is really {found}; its file was renamed or swapped")]
    WrongBlock {
        /// The kind of block.
        kind: BlockKind,
        /// The name it was asked for by.
        expected: BlockHash,
        /// Its true name.
        found: BlockHash,
    },
    /// The standing belongs to another manifest.
    #[error("the standing names manifest {named}, but stands beside {found}")]
    WrongStanding {
        /// The manifest that it names.
        named: BlockHash,
        /// The manifest that there is.
        found: BlockHash,
    },
    /// Two sound blocks of an account that do not fit each other.
    #[error("the blocks of account {account} do not belong together: {reason}")]
    Join {
        /// The account.
        account: AccountId,
        /// What does not fit.
        reason: ContentError,
    },
    /// The accounts name the same blocks over and over.
    #[error(
        "with account {account} its accounts take more than {} bytes to be joined; it is not ours, or its targets must be split over several snapshots",
        JOINED_BYTES
    )]
    TooMuch {
        /// The account.
        account: AccountId,
    },
    /// The standing lacks an account or a campaign.
    #[error("the standing lacks {what} of account {account}")]
    Standing {
        /// The account.
        account: AccountId,
        /// What it lacks.
        what: &'static str,
    },
}

impl LoadError {
    /// A block whose bytes are not to be had.
    pub(super) fn unread(kind: BlockKind, hash: BlockHash, error: ReadError) -> Self {
        match error {
            ReadError::Io(reason) => Self::Read { kind, hash, reason },
            ReadError::Block(reason) => Self::Block { kind, hash, reason },
        }
    }
}

/// Puts a snapshot together, verifying what the shelf does not hold.
///
/// # Errors
/// The first block that is missing, damaged, or does not fit the others.
pub(super) fn assemble(
    manifest: PrivateBytes,
    standing: PrivateBytes,
    blocks: &mut dyn BlockSource,
    shelf: Shelf,
) -> Result<Loaded, LoadError> {
    assemble_within(manifest, standing, blocks, shelf, JOINED_BYTES)
}

/// The same within so many bytes for what is joined.
pub(super) fn assemble_within(
    manifest: PrivateBytes,
    standing: PrivateBytes,
    blocks: &mut dyn BlockSource,
    mut shelf: Shelf,
    joined_bytes: u64,
) -> Result<Loaded, LoadError> {
    let head = |kind| move |reason| LoadError::Head { kind, reason };
    let manifest = Verified::<Manifest>::check(manifest).map_err(head(BlockKind::Manifest))?;
    let standing = Verified::<Standing>::check(standing).map_err(head(BlockKind::Standing))?;
    let named = BlockHash(standing.get().snapshot);
    if named != manifest.hash() {
        return Err(LoadError::WrongStanding { named, found: manifest.hash() });
    }
    let geometry = get_all(blocks, &mut shelf.geometry, &manifest.get().geometry)?;
    let geometry = geometry.into();
    let mut fetch = Fetch { blocks, shelf: &mut shelf, geometry, left: joined_bytes };
    let mut accounts = Vec::with_capacity(manifest.get().accounts.len());
    for entry in manifest.get().accounts.iter() {
        let rows = &standing.get().accounts;
        let at = rows.binary_search_by_key(&entry.id.to_native(), |one| one.id.to_native());
        let stands = at.ok().and_then(|at| rows.get(at));
        let missing =
            LoadError::Standing { account: AccountId(entry.id.to_native()), what: "the row" };
        accounts.push(fetch.account(entry, stands.ok_or(missing)?)?);
    }
    let geometry = fetch.geometry;
    let ids: Vec<u32> = accounts.iter().map(|account| account.id.0).collect();
    let parts = Parts {
        epoch: Epoch(standing.get().epoch.to_native()),
        hash: SnapshotHash(manifest.hash().0),
        manifest: Arc::new(manifest),
        standing: Arc::new(standing),
        geometry,
        accounts,
        direct: direct_table(&ids, 0),
    };
    Ok(Loaded { parts })
}

struct Fetch<'a> {
    blocks: &'a mut dyn BlockSource,
    shelf: &'a mut Shelf,
    /// The polygons that all accounts share.
    geometry: Arc<[Arc<Verified<GeometryBlock>>]>,
    /// What accounts yet to come may take beside their blocks, bytes.
    left: u64,
}

/// What all accounts together may take to be joined, bytes: blocks are read once, however many accounts name them,
/// but each has a grid of its own, and its rows are held against each other. A hundred accounts of a million targets
/// take half of it.
const JOINED_BYTES: u64 = 4 << 30;

/// What the check of a watched target's rows is counted as.
const ROW_BYTES: u64 = 16;

impl Fetch<'_> {
    fn account(
        &mut self,
        entry: &ArchivedManifestAccount,
        stands: &ArchivedStandingAccount,
    ) -> Result<AccountParts, LoadError> {
        let id = AccountId(entry.id.to_native());
        let joined = |reason| LoadError::Join { account: id, reason };
        let Fetch { blocks, shelf, geometry, left } = self;
        let campaigns = get(*blocks, &mut shelf.campaigns, entry.campaigns)?;
        let run_since = run_since(id, &campaigns, stands)?;
        let before = shelf.accounts.remove(&id);
        let atlas: Arc<Verified<AtlasBlock>> = get(*blocks, &mut shelf.atlases, entry.atlas)?;
        let tiles: Vec<Arc<Verified<TileBlock>>> =
            get_all(*blocks, &mut shelf.tiles, &entry.tiles)?;
        let index = index(&atlas, tiles, before.as_ref()).map_err(joined)?;
        let places: Arc<Verified<PlacesBlock>> = get(*blocks, &mut shelf.places, entry.places)?;
        let account = AccountParts {
            id,
            changed_in: Epoch(stands.changed_in.to_native()),
            next_target_id: stands.next_target_id.to_native(),
            index,
            atlas,
            shapes: pages(*blocks, &mut shelf.shapes, &entry.shapes)?.map_err(joined)?,
            geometry: Arc::clone(geometry),
            targets: pages(*blocks, &mut shelf.targets, &entry.targets)?.map_err(joined)?,
            watch: pages(*blocks, &mut shelf.watch, &entry.watch)?.map_err(joined)?,
            has_homes: places.get().has_homes(),
            places,
            calendar: get(*blocks, &mut shelf.calendars, entry.calendar)?,
            schedule: get(*blocks, &mut shelf.schedules, entry.schedule)?,
            awaited: Awaited::by(campaigns.get()),
            campaigns,
            audiences: get_all(*blocks, &mut shelf.audiences, &entry.audiences)?,
            run_since,
        };
        let rows: usize = account.watch.iter().map(|page| page.targets.ids.len()).sum();
        let taken = account.index.len_bytes() as u64 + rows as u64 * ROW_BYTES;
        *left = left.checked_sub(taken).ok_or(LoadError::TooMuch { account: id })?;
        joins(&account, before.as_ref()).map_err(joined)?;
        let last = account.targets.iter().last().and_then(TargetsBlock::ends);
        if last.is_some_and(|(_, last)| last >= account.next_target_id) {
            return Err(LoadError::Standing { account: id, what: "a next target id beyond those" });
        }
        Ok(account)
    }
}

/// The index of these blocks: that of the account before where it has the same ones.
fn index(
    atlas: &Arc<Verified<AtlasBlock>>,
    tiles: Vec<Arc<Verified<TileBlock>>>,
    before: Option<&AccountParts>,
) -> Result<Arc<Index>, ContentError> {
    let same_tiles = |old: &[Arc<Verified<TileBlock>>]| {
        old.len() == tiles.len() && old.iter().zip(&tiles).all(|(old, new)| Arc::ptr_eq(old, new))
    };
    let same = before.filter(|before| {
        Arc::ptr_eq(&before.atlas, atlas) && same_tiles(before.index.tiles.blocks())
    });
    if let Some(before) = same {
        return Ok(Arc::clone(&before.index));
    }
    let is_empty =
        |tile: u32| tiles.get(tile as usize).is_none_or(|tile| tile.get().members.is_empty());
    let grid = AtlasGrid::of(atlas.get(), is_empty)?;
    Ok(Arc::new(Index { atlas: grid, tiles: Tiles::of(tiles) }))
}

fn run_since(
    account: AccountId,
    campaigns: &Verified<CampaignsBlock>,
    stands: &ArchivedStandingAccount,
) -> Result<Vec<Epoch>, LoadError> {
    let since = |id: &rkyv::rend::unaligned::u32_ule| {
        let at = stands.campaigns.binary_search_by_key(&id.to_native(), |one| one.id.to_native());
        let found = at.ok().and_then(|at| stands.campaigns.get(at));
        found.map(|one| Epoch(one.run_since.to_native()))
    };
    let all: Option<Vec<Epoch>> = campaigns.get().ids.ids.iter().map(since).collect();
    all.ok_or(LoadError::Standing { account, what: "a campaign" })
}

fn pages<T>(
    blocks: &mut dyn BlockSource,
    row: &mut Row<T>,
    hashes: &[[u8; 32]],
) -> Result<Result<Pages<T>, ContentError>, LoadError>
where
    T: Page,
    T::Archived: Portable + for<'a> CheckBytes<HighValidator<'a, ArchiveError>>,
{
    Ok(Pages::of(get_all(blocks, row, hashes)?))
}

/// Blocks by their names. Those that have to be read lie together in memory.
fn get_all<T>(
    blocks: &mut dyn BlockSource,
    row: &mut Row<T>,
    hashes: &[[u8; 32]],
) -> Result<Vec<Arc<Verified<T>>>, LoadError>
where
    T: Content,
    T::Archived: Portable + for<'a> CheckBytes<HighValidator<'a, ArchiveError>>,
{
    let mut missing: Vec<BlockHash> = hashes.iter().map(|hash| BlockHash(*hash)).collect();
    let mut seen = HashSet::new();
    missing.retain(|hash| !row.contains_key(hash) && seen.insert(*hash));
    let mut missing = missing.into_iter().peekable();
    while missing.peek().is_some() {
        let (mut names, mut read, mut len) = (Vec::new(), Vec::new(), 0);
        while let Some(hash) = missing.next_if(|_| len < PACK_BYTES) {
            let bytes = read_block::<T>(blocks, hash)?;
            len += bytes.len();
            names.push(hash);
            read.push(bytes);
        }
        let refused = |reason| LoadError::Memory { kind: T::KIND, reason };
        let packed = PrivateBytes::packed(read).map_err(refused)?;
        for (hash, bytes) in names.into_iter().zip(packed) {
            row.insert(hash, Arc::new(checked(hash, bytes)?));
        }
    }
    hashes.iter().map(|hash| get(blocks, row, *hash)).collect()
}

fn get<T>(
    blocks: &mut dyn BlockSource,
    row: &mut Row<T>,
    hash: [u8; 32],
) -> Result<Arc<Verified<T>>, LoadError>
where
    T: Content,
    T::Archived: Portable + for<'a> CheckBytes<HighValidator<'a, ArchiveError>>,
{
    let hash = BlockHash(hash);
    if let Some(block) = row.get(&hash) {
        return Ok(Arc::clone(block));
    }
    let block = Arc::new(checked(hash, read_block::<T>(blocks, hash)?)?);
    row.insert(hash, Arc::clone(&block));
    Ok(block)
}

fn read_block<T: Content>(
    blocks: &mut dyn BlockSource,
    hash: BlockHash,
) -> Result<PrivateBytes, LoadError> {
    blocks.read(T::KIND, hash).map_err(|error| LoadError::unread(T::KIND, hash, error))
}

fn checked<T>(hash: BlockHash, bytes: PrivateBytes) -> Result<Verified<T>, LoadError>
where
    T: Content,
    T::Archived: Portable + for<'a> CheckBytes<HighValidator<'a, ArchiveError>>,
{
    let kind = T::KIND;
    let block =
        Verified::<T>::check(bytes).map_err(|reason| LoadError::Block { kind, hash, reason })?;
    if block.hash() != hash {
        return Err(LoadError::WrongBlock { kind, expected: hash, found: block.hash() });
    }
    Ok(block)
}
