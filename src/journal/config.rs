//! The journal's knobs.

use std::path::PathBuf;

use crate::domain::knobs::BadKnobs;

/// The journal's knobs: unit, default and worst case each.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JournalConfig {
    /// The data directory; the log is in its `log`, checkpoints are in its `checkpoints`. Default:
    /// `daemon.data_dir`, which the config puts in; `data` where there is no config. Keep it on a
    /// local disk: an ack waits for its sync.
    pub dir: PathBuf,
    /// A segment is closed once it is this long, bytes. Default 64 MiB; 64 KiB to 1 GiB. Smaller
    /// ones free space sooner after a checkpoint. Recovery holds one segment in memory; the file
    /// may exceed this by one group.
    pub segment_max_bytes: u64,
    /// What one sync carries at most, bytes, but for the buffer that crosses it. Default 4 MiB; at
    /// least 64 KiB. Smaller bounds the wait of an ack behind others' bytes; larger carries more on
    /// a slow disk.
    pub commit_max_bytes: usize,
    /// What a shard may have committed behind the sync under way before it takes in no more, bytes.
    /// Default 1 MiB; at least 4 KiB. Each shard has three buffers, none longer than this and
    /// what it commits in one round; its memory may be twice its length.
    pub shard_buffer_bytes: usize,
    /// Log kept behind what recovery needs, packed, for backtest, explain and `replay --journal`,
    /// bytes on the disk. Default 0: none. Worst case on disk: this, one segment that is being
    /// packed, and what two rounds of checkpoints span.
    pub keep_recording_bytes: u64,
    /// For how many days at most, from the day on which recovery needed it no more. Default 0: as
    /// long as there is room; up to 366. Worst case: a ping is kept for two days longer, since a
    /// segment stays open for a day at most.
    pub keep_recording_days: u32,
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("data"),
            segment_max_bytes: 64 << 20,
            commit_max_bytes: 4 << 20,
            shard_buffer_bytes: 1 << 20,
            keep_recording_bytes: 0,
            keep_recording_days: 0,
        }
    }
}

impl JournalConfig {
    /// Every knob that is out of its range.
    #[must_use]
    pub fn check(&self) -> BadKnobs {
        let mut bad = BadKnobs::new();
        bad.within("segment_max_bytes", self.segment_max_bytes, (64 << 10, 1 << 30), "bytes");
        bad.within("commit_max_bytes", self.commit_max_bytes, (64 << 10, 1 << 30), "bytes");
        bad.within("shard_buffer_bytes", self.shard_buffer_bytes, (4 << 10, 1 << 30), "bytes");
        let unbounded = "days; 0 is as long as there is room";
        bad.within("keep_recording_days", self.keep_recording_days, (0, 366), unbounded);
        bad
    }

    /// What this many shards may have appended and not yet synced at most, bytes: the three buffers of each.
    #[must_use]
    pub fn unsynced_most_bytes(&self, shards: usize) -> u64 {
        let buffer = self.shard_buffer_bytes as u64 + LONGEST_BATCH_BYTES;
        buffer.saturating_mul(3).saturating_mul(shards as u64)
    }

    /// Where segments lie.
    #[must_use]
    pub fn log_dir(&self) -> PathBuf {
        self.dir.join("log")
    }

    /// Where checkpoints lie.
    #[must_use]
    pub fn checkpoint_dir(&self) -> PathBuf {
        self.dir.join("checkpoints")
    }
}

/// What a shard commits in one round at most: 1,000,000 records, the most that may be asked for, of a frame each.
const LONGEST_BATCH_BYTES: u64 = 128 << 20;
