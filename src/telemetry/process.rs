//! What the kernel says about a process, read from `/proc`: about this one at each scrape, about a daemon under test
//! when its figures are taken.
//!
//! A machine without `/proc` simply has none of these metrics.

use super::metrics as table;
use super::sampler::Scrape;

/// Clock ticks a second in `/proc/self/stat`: `USER_HZ`, 100 on every architecture that we build for.
const USER_HZ: u64 = 100;

/// Samples processor time, memory, descriptors and threads. Register it with
/// [`Metrics::register`](super::sampler::Metrics::register).
pub fn sample(scrape: &Scrape<'_>) {
    if let Some(ticks) = read("/proc/self/stat").as_deref().and_then(cpu_ticks) {
        scrape.total(&table::PROCESS_CPU_SECONDS, ticks / USER_HZ);
    }
    if let Some(status) = read("/proc/self/status") {
        if let Some(kib) = field(&status, "VmRSS:") {
            scrape.gauge(&table::PROCESS_RESIDENT_BYTES, kib * 1024);
        }
        if let Some(threads) = field(&status, "Threads:") {
            scrape.gauge(&table::PROCESS_THREADS, threads);
        }
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        // The directory that is being read is one of them.
        let open = open.count().saturating_sub(1);
        scrape.gauge(&table::PROCESS_OPEN_FDS, u64::try_from(open).unwrap_or(u64::MAX));
    }
}

/// What a process has used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// Processor time, user and system, in ticks of a hundredth of a second.
    cpu_ticks: u64,
    /// The most memory that was resident, KiB.
    peak_kib: u64,
}

impl Usage {
    /// Processor time, s.
    #[must_use]
    pub fn cpu_s(self) -> f64 {
        to_f64(self.cpu_ticks) / to_f64(USER_HZ)
    }

    /// The most memory that was resident, MB, to a tenth.
    #[must_use]
    pub fn peak_rss_mb(self) -> f64 {
        (to_f64(self.peak_kib) * 1.024 / 100.0).round() / 10.0
    }
}

/// What a process, by its number or `self`, has used so far; `None` where the system does not tell.
#[must_use]
pub fn usage_of(process: &str) -> Option<Usage> {
    let status = read(&format!("/proc/{process}/status"))?;
    let cpu_ticks = cpu_ticks(&read(&format!("/proc/{process}/stat"))?)?;
    Some(Usage { cpu_ticks, peak_kib: field(&status, "VmHWM:")? })
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn to_f64(value: u64) -> f64 {
    value as f64
}

/// User and system time out of `/proc/self/stat`, fields 14 and 15; the name in field 2 may hold spaces.
pub(crate) fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// The number after a name in `/proc/self/status`.
pub(crate) fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}
