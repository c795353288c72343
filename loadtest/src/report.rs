//! What a run says: figures for people, or one line of JSON.

use geofenced::telemetry::process::Usage;
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::check::Verdict;
use crate::daemon::Restart;
use crate::drive::{Latency, Measured};
use crate::swaps::Swapped;

/// All that a run has measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    sent: u64,
    acked: u64,
    rejected: u64,
    elapsed_s: f64,
    latency_us: Option<Latency>,
    /// What a sync takes on the daemon's disk while nothing else asks for one, µs.
    pub(crate) bare_sync_us: Option<Histogram<u64>>,
    /// Snapshots put in force while pings flowed, and how many the daemon held at once.
    swapped: Swapped,
    /// Processor time and memory of the daemon, where its process is known.
    pub(crate) usage: Option<Usage>,
    /// Its processor time while it was driven, s.
    pub(crate) cpu_s: f64,
    /// Its restart after it was killed, where that was asked for.
    pub(crate) restart: Option<Restart>,
    /// Whether the daemon's journal was replayed and held against its outbox.
    pub(crate) journal_checked: bool,
    /// What the checks found.
    pub(crate) verdict: Verdict,
}

impl Report {
    /// Adds a drive.
    pub(crate) fn add(&mut self, (measured, swapped): (Measured, Swapped)) {
        self.swapped.swaps += swapped.swaps;
        self.swapped.most_live = self.swapped.most_live.max(swapped.most_live);
        self.sent += measured.sent;
        self.acked += measured.acked;
        self.rejected += measured.rejected;
        self.elapsed_s += seconds(measured.elapsed_ns);
        self.latency_us = Some(match self.latency_us.take() {
            Some(mut all) => {
                all.add(&measured.latency_us);
                all
            }
            None => measured.latency_us,
        });
    }

    /// Pings that the daemon has refused.
    pub(crate) fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Whether every ping was acknowledged and every job was right.
    pub(crate) fn is_clean(&self) -> bool {
        self.acked == self.sent && self.verdict.is_clean()
    }

    /// One line.
    pub(crate) fn json(&self) -> Value {
        json!({
            "pings_sent": self.sent,
            "pings_acked": self.acked,
            "pings_per_s": self.rate().round(),
            "ack_p50_ms": self.ack_ms(50.0),
            "ack_p99_ms": self.ack_ms(99.0),
            "ack_p999_ms": self.ack_ms(99.9),
            "ack_p9999_ms": self.ack_ms(99.99),
            "ack_warm_p50_ms": self.warm_ack_ms(50.0),
            "ack_warm_p99_ms": self.warm_ack_ms(99.0),
            "ack_warm_p999_ms": self.warm_ack_ms(99.9),
            "bare_sync_p99_ms": ms(self.bare_sync_us.as_ref(), 99.0),
            "jobs": self.verdict.jobs,
            "missing": self.verdict.missing,
            "repeated": self.verdict.repeated,
            "unexpected": self.verdict.unexpected,
            "daemon_cpu_s": self.usage.map(|_known| (self.cpu_s * 100.0).round() / 100.0),
            "daemon_rss_mb": self.usage.map(Usage::peak_rss_mb),
            "restart_s": self.restart.map(|restart| (restart.s * 100.0).round() / 100.0),
            "restart_journal_mb": self.restart.map(|restart| restart.journal_bytes / 1_000_000),
            "restart_checkpoints_mb": self.restart.map(|restart| restart.checkpoint_bytes / 1_000_000),
            "journal_checked": self.journal_checked,
            "swaps": self.swapped.swaps,
            "most_live_snapshots": self.swapped.most_live,
        })
    }

    /// For people.
    pub(crate) fn print(&self) {
        let rate = self.rate();
        println!(
            "pings    {} sent, {} acked, {} of them refused",
            self.sent, self.acked, self.rejected
        );
        println!("rate     {rate:.0} pings/s over {:.2} s", self.elapsed_s);
        let quantiles = [50.0, 90.0, 99.0, 99.9, 99.99];
        let latencies = quantiles.map(|at| format!("p{at} {:.2} ms", self.ack_ms(at)));
        println!("acks     {}", latencies.join(", "));
        let [p50, p99] = [50.0, 99.0].map(|at| self.warm_ack_ms(at));
        println!("         once warmed up: p50 {p50:.2} ms, p99 {p99:.2} ms");
        let [p50, p99] = [50.0, 99.0].map(|at| ms(self.bare_sync_us.as_ref(), at));
        println!("disk     a sync alone: p50 {p50:.2} ms, p99 {p99:.2} ms");
        let Swapped { swaps, most_live } = self.swapped;
        if swaps > 0 {
            println!("swaps    {swaps}, at most {most_live} snapshots in memory");
        }
        if let Some(usage) = self.usage {
            let (cpu_s, peak_mb) = (self.cpu_s, usage.peak_rss_mb());
            println!("daemon   {cpu_s:.2} s of processor time, {peak_mb:.0} MB at most");
        }
        let Verdict { jobs, missing, repeated, unexpected } = self.verdict;
        println!(
            "jobs     {jobs}: {missing} missing, {repeated} repeated, {unexpected} unexpected"
        );
        if let Some(Restart { s, journal_bytes, checkpoint_bytes }) = self.restart {
            let [journal_mb, checkpoints_mb] =
                [journal_bytes, checkpoint_bytes].map(|bytes| bytes / 1_000_000);
            println!(
                "restart  {s:.2} s, through {checkpoints_mb} MB of checkpoints and {journal_mb} MB of journal"
            );
        }
        let checked = if self.journal_checked { "replayed and checked" } else { "not checked" };
        println!("journal  {checked}");
    }

    fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let acked = self.acked as f64;
        if self.elapsed_s > 0.0 { acked / self.elapsed_s } else { 0.0 }
    }

    fn ack_ms(&self, percentile: f64) -> f64 {
        ms(self.latency_us.as_ref().map(|latency| &latency.all), percentile)
    }

    fn warm_ack_ms(&self, percentile: f64) -> f64 {
        ms(self.latency_us.as_ref().map(|latency| &latency.warm), percentile)
    }
}

fn ms(all_us: Option<&Histogram<u64>>, percentile: f64) -> f64 {
    let us = all_us.map_or(0, |all| all.value_at_percentile(percentile));
    f64::from(u32::try_from(us).unwrap_or(u32::MAX)) / 1000.0
}

fn seconds(ns: u64) -> f64 {
    std::time::Duration::from_nanos(ns).as_secs_f64()
}
