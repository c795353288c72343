//! The shards' knobs.

/// The shards' knobs. Each is in the unit its name ends in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShardConfig {
    /// Shards, each one OS thread. Default 0: one for each processor but one, which the sockets take; at least
    /// 1, at most 256. Output does not depend on it.
    pub shards: u16,
    /// Records that may wait for a shard. Default 65,536. Worst case in memory: 48 bytes each, per shard.
    /// When it is full, connections stop reading.
    pub mailbox_records: u32,
    /// Records stepped as one batch at most, all in one commit. Default 8,192. Larger: fewer syncs, later acks.
    pub batch_records: u32,
    /// Batches that may wait for their sync. Default 32. Worst case in memory: this times the outputs of a batch.
    pub unsynced_batches: u16,
    /// How often timers are looked at, ms. Default 100: a dwell comes true up to this late.
    pub tick_ms: u32,
    /// A checkpoint of every partition is made in so many seconds. Default 300. Longer: recovery reads more.
    pub checkpoint_every_s: u32,
}

impl Default for ShardConfig {
    fn default() -> Self {
        Self {
            shards: 0,
            mailbox_records: 65_536,
            batch_records: 8192,
            unsynced_batches: 32,
            tick_ms: 100,
            checkpoint_every_s: 300,
        }
    }
}

impl ShardConfig {
    /// Says which key is out of range, and what is allowed.
    ///
    /// # Errors
    /// The key and its range.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let checks = [
            ("shards", self.shards <= 256, "0 (by processors) to 256"),
            ("mailbox_records", self.mailbox_records >= 1024, "1,024 or more"),
            ("batch_records", (1..=1_000_000).contains(&self.batch_records), "1 to 1,000,000"),
            ("unsynced_batches", self.unsynced_batches >= 1, "1 or more"),
            ("tick_ms", (1..=10_000).contains(&self.tick_ms), "1 to 10,000"),
            ("checkpoint_every_s", self.checkpoint_every_s >= 1, "1 or more"),
        ];
        checks
            .iter()
            .find(|(_, fine, _)| !fine)
            .map_or(Ok(()), |(key, _, allowed)| Err((*key, (*allowed).to_owned())))
    }

    /// How many shards to start on a machine with `processors`.
    #[must_use]
    pub fn shards_on(&self, processors: usize) -> usize {
        match self.shards {
            0 => processors.saturating_sub(1).clamp(1, 256),
            fixed => usize::from(fixed),
        }
    }
}
