//! Having a fjall database let go of what was removed from it: removal alone leaves the bytes in older tables and in the log.
//!
//! The log ends only once it is 64 MB long, and a quiet database takes weeks for that; it is filled up with noise. A file of it
//! goes with the first flush at which the tables of every keyspace have something at least as new as the file has of it. A
//! removal may be the newest that a keyspace has, and merging drops it from the tables; so every keyspace gets one
//! more removal, of a key that is never there, and is flushed, until the files are gone. Then tables are merged. Those from
//! before go with a flush too, once nobody reads them.

use std::path::PathBuf;
use std::time::Duration;

use fjall::{Database, Keyspace, KeyspaceCreateOptions};

/// What fjall lets its log grow to before a flush ends it, and some.
const NOISE_CHUNKS: u32 = 66;
const CHUNK_BYTES: usize = 1 << 20;

/// The name of the keyspace of noise, and the key that no keyspace has.
const NOISE: &str = "noise";

/// The pause after the first flush, which doubles with each, up to the last: who reads may read for long.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LAST_PAUSE: Duration = Duration::from_secs(2);

/// Leaves nothing in the files of the database but what its keyspaces hold now. Takes as long as it takes to read and
/// write all of them, and as long as readers take that began before; `false` if it was asked to end before.
pub(super) fn purge(
    database: &Database,
    keyspaces: &[Keyspace],
    ends: &dyn Fn() -> bool,
) -> fjall::Result<bool> {
    let files = log_files(keyspaces)?;
    let noise = end_log(database)?;
    let with_noise = [keyspaces, std::slice::from_ref(&noise)].concat();
    if !flush_until_gone(database, &with_noise, &files, ends)? {
        return Ok(false);
    }
    database.delete_keyspace(noise)?;
    for keyspace in keyspaces {
        if ends() {
            return Ok(false);
        }
        keyspace.major_compact()?;
    }
    flush_until_gone(database, keyspaces, &[], ends)
}

/// The files of the log, which lie two folders above each keyspace.
fn log_files(keyspaces: &[Keyspace]) -> std::io::Result<Vec<PathBuf>> {
    let Some(dir) = keyspaces.first().and_then(|keyspace| keyspace.path().ancestors().nth(2))
    else {
        return Ok(Vec::new());
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension() == Some("jnl".as_ref()) {
            files.push(path);
        }
    }
    Ok(files)
}

/// Noise does not pack, so it fills the log.
fn end_log(database: &Database) -> fjall::Result<Keyspace> {
    let noise = database.keyspace(NOISE, KeyspaceCreateOptions::default)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut source = blake3::Hasher::new().update(NOISE.as_bytes()).finalize_xof();
    for _ in 0..NOISE_CHUNKS {
        source.fill(&mut chunk);
        noise.insert([0], chunk.as_slice())?;
    }
    Ok(noise)
}

/// Flushes until these files are gone, and all tables that were replaced by now; `false` if it was asked to end before.
fn flush_until_gone(
    database: &Database,
    keyspaces: &[Keyspace],
    files: &[PathBuf],
    ends: &dyn Fn() -> bool,
) -> fjall::Result<bool> {
    let (now, mut pause) = (database.visible_seqno(), FIRST_PAUSE);
    loop {
        if ends() {
            return Ok(false);
        }
        // It is a flush that takes note of who reads, and the next that removes what nobody does. Writers have to wait where
        // several are under way in a keyspace.
        let is_unread = database.supervisor.snapshot_tracker.get_seqno_safe_to_gc() >= now;
        let mut has_flushed = false;
        for keyspace in keyspaces.iter().filter(|one| one.sealed_memtable_count() == 0) {
            keyspace.remove(NOISE)?;
            has_flushed |= keyspace.rotate_memtable()?;
        }
        if is_unread && has_flushed && !files.iter().any(|file| file.exists()) {
            return Ok(true);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(LAST_PAUSE);
    }
}
