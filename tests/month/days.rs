//! The days of the month: 28 of them in the autumn of 2026, with a change of the clocks in Berlin.
//!
//! The daemon lives on three days: on the first it is told what runs, in the middle of the month a segment and a campaign
//! come, on the last all is over and reports can be made of it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::support::Launch;

const HOUR_MS: i64 = 3_600_000;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;

/// 2026-10-05T00:00Z, a Monday.
pub(crate) const FIRST_DAY_MS: i64 = 1_791_158_400_000;

/// Where the daemon's clock stands on its three days: each time at 03:00Z.
pub(crate) const CLOCK_MS: [i64; 3] =
    [at_day(0) + 3 * HOUR_MS, at_day(14) + 3 * HOUR_MS, at_day(46) + 3 * HOUR_MS];

/// From when to when each half of the month has fixes. Between them nobody is heard of for hours, so that no stay lasts
/// over what is published then.
pub(crate) const HALVES_MS: [(i64, i64); 2] = [
    (at_day(-1) + 20 * HOUR_MS, at_day(13) + 16 * HOUR_MS),
    (at_day(13) + 20 * HOUR_MS, at_day(27) + 14 * HOUR_MS),
];

const fn at_day(day: i64) -> i64 {
    FIRST_DAY_MS + day * DAY_MS
}

/// A clock of the daemon's own, that stands on another day at each start.
pub(crate) struct MovedClock {
    library: PathBuf,
    by_s: Arc<AtomicI64>,
}

impl MovedClock {
    /// Compiles it into a folder.
    pub(crate) fn new(folder: &Path) -> Self {
        let library = folder.join("clock.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/month/clock.c");
        let made = Command::new("cc")
            .args(["-O1", "-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .status()
            .unwrap();
        assert!(made.success());
        Self { library, by_s: Arc::default() }
    }

    /// From the next start on the clock stands there.
    pub(crate) fn stand_at(&self, at_ms: i64) {
        let now_ms = jiff::Timestamp::now().as_millisecond();
        self.by_s.store((at_ms - now_ms) / 1000, Ordering::SeqCst);
    }

    /// How a daemon is begun by this clock.
    pub(crate) fn launch(&self) -> Launch {
        let (library, by_s) = (self.library.clone(), Arc::clone(&self.by_s));
        Box::new(move |log| {
            let log = std::fs::File::options().create(true).append(true).open(log).unwrap();
            let mut command = Command::new(env!("CARGO_BIN_EXE_geofenced"));
            command.arg("serve").stdin(Stdio::null()).stderr(log);
            command.env("LD_PRELOAD", &library);
            command.env("MONTH_CLOCK_S", by_s.load(Ordering::SeqCst).to_string());
            command
        })
    }
}
