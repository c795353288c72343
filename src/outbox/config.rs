//! The outbox's knobs.

use crate::domain::knobs::BadKnobs;
use crate::domain::units::UtcMs;
use std::sync::Arc;

/// The smallest reserve that keeps a full disk from the store: its own log grows by 64 MiB at once.
const MIN_RESERVE_BYTES: u64 = 128 << 20;

/// The outbox's knobs. Each is in the unit its name ends in.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutboxConfig {
    /// Bytes of records kept for consumers. At this size [`is_full`](super::Outbox::is_full) holds and intake
    /// stops until consumers have acknowledged more; what is already on its way is still written. Default
    /// 8 GiB. Too low: a consumer's outage of minutes stops intake. The files hold up to twice as much while
    /// the store compacts.
    pub outbox_max_bytes: u64,
    /// Bytes that must stay free on the disk. Below it nothing is written but consumers' acknowledgements, and
    /// intake stops, until there is room again. Default 512 MiB; at least 128 MiB, since the store's own log
    /// takes 64 MiB at a time. 0: no reserve, where nothing else shares the disk and room is seen to. Then the
    /// disk may fill under the store, and the failed write stops the outbox until restart.
    pub disk_reserve_bytes: u64,
    /// How long a record stays after all consumers have passed it, s, so that a consumer created later finds a
    /// past. Gives way when `outbox_max_bytes` is near. Default 3,600. 0: removed at once.
    pub retain_min_s: u32,
    /// A consumer that has not asked for so long, s of the daemon's running over all its starts, is dropped with a
    /// warning, since it would keep every record. Steps of the system clock don't count. Default 604,800 (7 days). Too low: a consumer's long outage loses its place.
    pub consumer_ttl_s: u32,
    /// Consumers an account may have. Default 16; each costs its account a scan of the records.
    pub consumers_per_account: u32,
    /// Releases that may wait for the outbox thread. Default 256. When it is full shards keep theirs. Each is
    /// what a shard's batch has caused; what all together hold is bounded by `handoff_bytes`.
    pub handoff_releases: usize,
    /// Memory for jobs, events, visits and tallies that wait to be written, bytes. Default 128 MiB. Beyond it shards take nothing
    /// more, which stops intake: back pressure. Worst case in memory: what one batch of each shard causes besides, up to 36 KiB for a job
    /// whose title, body and links are as long as may be, and a batch of 16 MiB on its way to the disk.
    pub handoff_bytes: u64,
    /// Memory for blocks of records being read, bytes. Default 32 MiB. Worst case in memory: this, and beside it records on their way
    /// to the disk: 32 MiB, and up to four times as much besides where the disk is behind; then writing waits.
    pub cache_bytes: u64,
    /// Memory for blocks of the figures being counted and read, bytes. Default 64 MiB. Worst case in memory: this, and beside it rows
    /// on their way to the disk: 122 MiB, and up to four times as much besides where the disk is behind; then counting waits.
    pub figures_cache_bytes: u64,
    /// UTC days for which it is kept what devices do at targets, today's among them; fence health rests on it. Default
    /// 15. At least 9, so that a week without an enter shows.
    pub footfall_days: u16,
    /// Targets of an account that have a row on a day; those beyond are left out, and fence health says so. Default
    /// 250,000. Worst case on disk: 120 bytes each, a day and account.
    pub footfall_targets: u32,
}

impl Default for OutboxConfig {
    fn default() -> Self {
        Self {
            outbox_max_bytes: 8 << 30,
            disk_reserve_bytes: 512 << 20,
            retain_min_s: 3600,
            consumer_ttl_s: 7 * 86_400,
            consumers_per_account: 16,
            handoff_releases: 256,
            handoff_bytes: 128 << 20,
            cache_bytes: 32 << 20,
            figures_cache_bytes: 64 << 20,
            footfall_days: 15,
            footfall_targets: 250_000,
        }
    }
}

impl OutboxConfig {
    /// Every knob that is out of its range.
    #[must_use]
    pub fn check(&self) -> BadKnobs {
        let mut bad = BadKnobs::new();
        bad.within("outbox_max_bytes", self.outbox_max_bytes, (1 << 20, 1 << 50), "bytes");
        let reserve = self.disk_reserve_bytes;
        bad.unless(
            reserve == 0 || (MIN_RESERVE_BYTES..=1 << 50).contains(&reserve),
            "disk_reserve_bytes",
            &reserve,
            format!("0 (no reserve) or {MIN_RESERVE_BYTES} to {} (bytes)", 1u64 << 50),
        );
        bad.within("consumer_ttl_s", self.consumer_ttl_s, (60, 10 * 365 * 86_400), "s");
        bad.within("consumers_per_account", self.consumers_per_account, (1, 1000), "consumers");
        bad.within("handoff_releases", self.handoff_releases, (1, 65_536), "releases");
        bad.within("handoff_bytes", self.handoff_bytes, (1, 1 << 40), "bytes");
        bad.within("cache_bytes", self.cache_bytes, (1 << 20, 1 << 40), "bytes");
        let figures = self.figures_cache_bytes;
        bad.within("figures_cache_bytes", figures, (1 << 20, 1 << 40), "bytes");
        bad.within("footfall_days", self.footfall_days, (9, 400), "days");
        bad.within("footfall_targets", self.footfall_targets, (1000, 100_000_000), "targets");
        bad
    }
}

/// A clock that someone else reads.
pub type ReadClock = Arc<dyn Fn() -> UtcMs + Send + Sync>;

/// The clocks of the outbox, passed in.
#[derive(Clone)]
pub struct Clocks {
    /// The daemon's monotone clock.
    pub now: ReadClock,
    /// What `expires_at` is held against. The same clock, but where fixes are the clock: then pass one that
    /// stands at [`UtcMs::MIN`], since jobs from the past would all be too late.
    pub expiry: ReadClock,
    /// Milliseconds since some instant of this process, by a clock that nobody sets: how long a consumer was idle.
    pub up_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl Clocks {
    /// One clock for now and expiry.
    #[must_use]
    pub fn both(now: ReadClock, up_ms: Arc<dyn Fn() -> u64 + Send + Sync>) -> Self {
        Self { now: now.clone(), expiry: now, up_ms }
    }
}

impl std::fmt::Debug for Clocks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clocks(…)")
    }
}

/// Tells how many bytes are free on the disk of the outbox.
pub type SpaceProbe = Arc<dyn Fn() -> std::io::Result<u64> + Send + Sync>;
