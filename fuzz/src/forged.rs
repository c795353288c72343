//! A sound snapshot in a store, and ways to change a byte of it so that every digest still fits: digests keep out
//! accidents, and behind them lies what a forger could reach.

use std::fs;
use std::path::{Path, PathBuf};

use geofenced::domain::ids::Epoch;
use geofenced::domain::lots::InstallationKey;
use geofenced::snapshot::block::HEADER_LEN;
use geofenced::snapshot::build::{BuildOptions, build};
use geofenced::snapshot::load::Loaded;
use geofenced::snapshot::source::{
    FileNames, TargetDirectory, compose, parse_campaigns, parse_fences,
};
use geofenced::snapshot::store::{Store, StoreError};

const FENCES: &[u8] = include_bytes!("../../configs/example/fences.geojson");
const CAMPAIGNS: &[u8] = include_bytes!("../../configs/example/campaigns.json");

/// Where a block's digest of everything else lies.
const DIGEST: std::ops::Range<usize> = 32..64;

/// A store whose files are changed and put back.
pub struct Forger {
    store: Store,
    dir: PathBuf,
    /// Its blocks by name, but for the manifest; sorted.
    blocks: Vec<(String, Vec<u8>)>,
    manifest: Vec<u8>,
    standing: Vec<u8>,
}

impl Forger {
    /// Builds the example's snapshot and stores it, in memory where the system has a place for that.
    #[must_use]
    pub fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let dir = place.join(format!("geofenced-fuzz-snapshot-{}", std::process::id()));
        let _left_by_an_earlier_run = fs::remove_dir_all(&dir);
        let store = Store::open(&dir).expect("a directory for the store");
        let file = parse_campaigns("campaigns", CAMPAIGNS).expect("the example is sound");
        let fences = parse_fences("fences", FENCES, file.sole_account()).expect("it is sound");
        let names = FileNames { fences: "fences", campaigns: "campaigns" };
        let source = compose(names, fences, file, TargetDirectory::of(None)).expect("they fit");
        let (key, valid_from) = (InstallationKey([7; 32]), jiff::civil::date(2026, 11, 23));
        let options = BuildOptions { epoch: Epoch(1), valid_from, key: &key, previous: None };
        let built = build(&source, options).expect("the example can be built");
        store.publish(&built).expect("there is room");
        let mut blocks: Vec<_> =
            built.fresh().iter().map(|one| (one.hash.to_string(), one.bytes.to_vec())).collect();
        blocks.sort();
        let (manifest, standing) =
            (built.manifest().bytes.to_vec(), built.standing().bytes.to_vec());
        for bytes in blocks.iter().map(|(_, bytes)| bytes).chain([&manifest, &standing]) {
            let mut again = bytes.clone();
            seal(&mut again);
            assert_eq!(&again, bytes, "the format has changed: seal() has to follow it");
        }
        let forger = Self { store, dir, blocks, manifest, standing };
        forger.store.load(Epoch(1), None).expect("what was published loads");
        forger
    }

    /// Changes one block, or one of the two heads, as `edits` say (three bytes each: where, and what is put there), seals
    /// whatever names it anew, loads it all, and puts the old files back.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn load(&self, which: u8, edits: &[u8]) -> Result<Loaded, StoreError> {
        let (mut manifest, mut standing) = (self.manifest.clone(), self.standing.clone());
        let which = usize::from(which) % (self.blocks.len() + 2);
        let mut written = Vec::new();
        match self.blocks.get(which) {
            Some((_, old)) => {
                let mut block = old.clone();
                edit(&mut block, edits);
                seal(&mut block);
                rename(&mut manifest, &old[DIGEST], &block[DIGEST]);
                written.push((self.block_path(&block), block));
            }
            None if which == self.blocks.len() => edit(&mut manifest, edits),
            None => {}
        }
        seal(&mut manifest);
        rename(&mut standing, &self.manifest[DIGEST], &manifest[DIGEST]);
        if which > self.blocks.len() {
            edit(&mut standing, edits);
        }
        seal(&mut standing);
        written.push((self.block_path(&manifest), manifest));
        written.push((self.dir.join(format!("epochs/{:020}", 1)), standing));
        for (path, bytes) in &written {
            fs::write(path, bytes).expect("the store's place can be written");
        }
        let loaded = self.store.load(Epoch(1), None);
        let sound = |path: &Path| {
            let named = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            self.blocks.iter().any(|(name, _)| name == named)
        };
        for (path, _) in written.iter().filter(|(path, _)| !sound(path)) {
            fs::remove_file(path).expect("it was written a moment ago");
        }
        loaded
    }

    fn block_path(&self, block: &[u8]) -> PathBuf {
        let name: String = block[DIGEST].iter().map(|byte| format!("{byte:02x}")).collect();
        self.dir.join("blocks").join(name)
    }
}

impl Default for Forger {
    fn default() -> Self {
        Self::new()
    }
}

/// Behind the header, which has nothing but lengths and the digest.
fn edit(block: &mut [u8], edits: &[u8]) {
    let archive = &mut block[HEADER_LEN..];
    for &[low, high, value] in edits.as_chunks::<3>().0 {
        let at = usize::from(u16::from_le_bytes([low, high])) % archive.len();
        archive[at] = value;
    }
}

fn rename(bytes: &mut [u8], old: &[u8], new: &[u8]) {
    for at in 0..bytes.len().saturating_sub(old.len() - 1) {
        if &bytes[at..at + old.len()] == old {
            bytes[at..at + old.len()].copy_from_slice(new);
        }
    }
}

/// Gives a block the digest that its bytes call for.
pub fn seal(block: &mut [u8]) {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&block[..DIGEST.start]).update(&block[HEADER_LEN..]);
    block[DIGEST].copy_from_slice(hasher.finalize().as_bytes());
}
