//! The disk by itself: what a sync takes on the daemon's disk before the run, while nothing else asks for one: a
//! yardstick for the latencies.

use std::io::{Error, Write};
use std::path::Path;

use geofenced::clock::process_ns;
use hdrhistogram::Histogram;

/// What is written before each sync, bytes: about a commit of the journal at a few hundred thousand pings a second.
const WRITE_BYTES: usize = 64 << 10;

/// Enough for a 99th percentile; a slow disk gets through fewer in its time.
const SYNCS: usize = 2000;
const MOST_NS: u64 = 3_000_000_000;

/// The longest that is told apart, µs: ten seconds.
const MAX_US: u64 = 10_000_000;

/// Appends and syncs in a file of its own below `dir`; the time of each pair, µs.
pub(crate) fn syncs(dir: &Path) -> Result<Histogram<u64>, Error> {
    let mut file = tempfile::tempfile_in(dir)?;
    // Not zeros, which a disk may leave unwritten.
    let bytes: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(WRITE_BYTES).collect();
    let mut took_us = Histogram::new_with_bounds(1, MAX_US, 3).map_err(Error::other)?;
    let until_ns = process_ns() + MOST_NS;
    for _ in 0..SYNCS {
        let began_ns = process_ns();
        if began_ns > until_ns {
            break;
        }
        file.write_all(&bytes)?;
        file.sync_data()?;
        took_us.saturating_record((process_ns() - began_ns) / 1000);
    }
    Ok(took_us)
}
