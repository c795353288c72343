//! Having a fjall database let go of what was removed from it: removal alone leaves the bytes in older tables and in the log.
//!
//! Rows that are written or removed lie in fjall's log until all tables have what it has, and in tables until these are
//! merged. So everything is flushed and merged into one table a keyspace. The log ends only once it is 64 MB long, and a quiet
//! database takes weeks for that; it is filled up with noise.

use fjall::{Database, Keyspace, KeyspaceCreateOptions};

/// What fjall lets its log grow to before a flush ends it, and some.
const NOISE_CHUNKS: u32 = 66;
const CHUNK_BYTES: usize = 1 << 20;

const NOISE: &str = "noise";

/// Leaves nothing in the files of the database but what its keyspaces hold now. Takes as long as it takes to read and
/// write all of them; `false` if it was asked to end before.
pub(super) fn purge(
    database: &Database,
    keyspaces: &[Keyspace],
    ends: &dyn Fn() -> bool,
) -> fjall::Result<bool> {
    if !merge(keyspaces, ends)? {
        return Ok(false);
    }
    end_log(database)?;
    // The log that has ended goes with the next flush of any keyspace, when all have what it has.
    merge(keyspaces, ends)
}

fn merge(keyspaces: &[Keyspace], ends: &dyn Fn() -> bool) -> fjall::Result<bool> {
    for keyspace in keyspaces {
        if ends() {
            return Ok(false);
        }
        keyspace.rotate_memtable_and_wait()?;
        keyspace.major_compact()?;
    }
    Ok(true)
}

/// Noise does not pack, so it fills the log.
fn end_log(database: &Database) -> fjall::Result<()> {
    let noise = database.keyspace(NOISE, KeyspaceCreateOptions::default)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut source = blake3::Hasher::new().update(NOISE.as_bytes()).finalize_xof();
    for _ in 0..NOISE_CHUNKS {
        source.fill(&mut chunk);
        noise.insert([0], chunk.as_slice())?;
    }
    noise.rotate_memtable_and_wait()?;
    database.delete_keyspace(noise)
}
