//! From the parts' own counters to the text of a scrape.
//!
//! A part keeps plain atomics and registers a [`Sampler`], a closure that reads them; it runs at each scrape and at
//! no other time. Latencies are the exception: a part asks once for a histogram's handle and records into
//! it, per frame or per sync, never per ping. There is no global recorder, so tests have one each.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::metrics::{Histogram, Key, KeyName, Label, Metadata, Recorder, SharedString};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use super::metrics::{self as table, Kind, Metric};
use crate::shutdown::Member;

/// Copies a part's counters into a scrape.
pub trait Sampler: Send + Sync {
    /// Called at each scrape, in the order of registration, from the admin thread.
    fn sample(&self, scrape: &Scrape<'_>);
}

impl<F: Fn(&Scrape<'_>) + Send + Sync> Sampler for F {
    fn sample(&self, scrape: &Scrape<'_>) {
        self(scrape);
    }
}

/// The process's metrics. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    shared: Arc<Shared>,
}

struct Shared {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    /// Locked at registration and scrapes only; a scrape holds it to its end, so that two do not interleave.
    samplers: Mutex<Vec<Box<dyn Sampler>>>,
}

impl Metrics {
    /// An empty registry that knows the whole table. `format` is the newest durable format that is written.
    ///
    /// # Errors
    /// [`BadTable`] when a histogram of the table has no buckets.
    pub fn new(format: u16) -> Result<Self, BadTable> {
        let mut builder = PrometheusBuilder::new();
        for metric in table::ALL {
            if let Kind::Histogram(buckets) = metric.kind {
                builder = builder
                    .set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), buckets)
                    .map_err(|reason| BadTable { name: metric.name, reason: reason.to_string() })?;
            }
        }
        let recorder = builder.build_recorder();
        describe(&recorder);
        let handle = recorder.handle();
        let metrics =
            Self { shared: Arc::new(Shared { recorder, handle, samplers: Mutex::default() }) };
        metrics.register(move |scrape: &Scrape<'_>| {
            let version = Cow::Borrowed(env!("CARGO_PKG_VERSION"));
            scrape.set(&table::BUILD, &[version, Cow::Owned(format.to_string())], 1.0);
        });
        Ok(metrics)
    }

    /// Has `sampler` read at each scrape.
    pub fn register(&self, sampler: impl Sampler + 'static) {
        let mut samplers = self.shared.samplers.lock().unwrap_or_else(PoisonError::into_inner);
        samplers.push(Box::new(sampler));
    }

    /// The handle to record a histogram's samples through; ask once and keep it.
    pub fn histogram(&self, metric: &Metric) -> Histogram {
        debug_assert!(matches!(metric.kind, Kind::Histogram(_)), "{} is sampled", metric.name);
        self.shared.recorder.register_histogram(&Key::from_static_name(metric.name), &METADATA)
    }

    /// Samples every part and gives the Prometheus text.
    #[must_use]
    pub fn render(&self) -> String {
        let samplers = self.shared.samplers.lock().unwrap_or_else(PoisonError::into_inner);
        let scrape = Scrape { recorder: &self.shared.recorder };
        for sampler in samplers.iter() {
            sampler.sample(&scrape);
        }
        self.shared.handle.render()
    }

    /// Folds histograms' samples away; call it on a timer, or they pile up between scrapes.
    pub fn upkeep(&self) {
        self.shared.handle.run_upkeep();
    }
}

/// Folds histograms' samples away every `period` until asked to end, whether or not anybody scrapes.
pub async fn keep_up(metrics: Metrics, period: Duration, mut member: Member) {
    let mut ticks = tokio::time::interval(period);
    loop {
        tokio::select! {
            _ = ticks.tick() => metrics.upkeep(),
            () = member.asked() => break,
        }
    }
    // The samplers hold parts of the daemon: they go before the member says that this has ended.
    drop(metrics);
}

/// A histogram whose part counts into buckets of its own: each scrape passes on what has been added.
pub struct Buckets {
    histogram: Histogram,
    bounds_s: Vec<f64>,
    /// The counts at the last scrape. Only scrapes lock it, and they don't overlap.
    passed_on: Mutex<Vec<u64>>,
}

impl Buckets {
    /// Buckets with these upper bounds, s, and one more for what is longer, which is passed on as twice the
    /// last bound. Samples count as their bucket's bound, so sums err upwards.
    #[must_use]
    pub fn new(
        metrics: &Metrics,
        metric: &Metric,
        bounds_s: impl IntoIterator<Item = f64>,
    ) -> Self {
        let mut bounds_s: Vec<f64> = bounds_s.into_iter().collect();
        bounds_s.extend(bounds_s.last().map(|last| last * 2.0));
        let passed_on = Mutex::new(vec![0; bounds_s.len()]);
        Self { histogram: metrics.histogram(metric), bounds_s, passed_on }
    }

    /// Passes on what the counts have grown by. Extra counts are left out.
    pub fn pass_on(&self, counts: &[u64]) {
        let mut passed_on = self.passed_on.lock().unwrap_or_else(PoisonError::into_inner);
        for ((bound_s, before), count) in self.bounds_s.iter().zip(passed_on.iter_mut()).zip(counts)
        {
            let added = count.saturating_sub(*before);
            self.histogram.record_many(*bound_s, usize::try_from(added).unwrap_or(usize::MAX));
            *before = *count;
        }
    }
}

/// A line of the table that the exporter refuses.
#[derive(Debug, thiserror::Error)]
#[error("metric {name}: {reason}; mend its line in telemetry/metrics.rs")]
pub struct BadTable {
    name: &'static str,
    reason: String,
}

/// One scrape under way: where samplers put what they read.
pub struct Scrape<'s> {
    recorder: &'s PrometheusRecorder,
}

impl Scrape<'_> {
    /// A counter's total since the start.
    pub fn total(&self, metric: &Metric, total: u64) {
        self.count(metric, &[], total);
    }

    /// A counter's total under one value of its label.
    pub fn total_by(&self, metric: &Metric, label: &'static str, total: u64) {
        self.count(metric, &[Cow::Borrowed(label)], total);
    }

    /// A counter's total since the start under one value of each of its two labels.
    pub fn total_by_both(&self, metric: &Metric, labels: [&'static str; 2], total: u64) {
        self.count(metric, &labels.map(Cow::Borrowed), total);
    }

    /// A gauge's value now.
    pub fn gauge(&self, metric: &Metric, value: u64) {
        self.set(metric, &[], to_f64(value));
    }

    /// A gauge's value now under one value of its label.
    pub fn gauge_by(&self, metric: &Metric, label: &'static str, value: u64) {
        self.set(metric, &[Cow::Borrowed(label)], to_f64(value));
    }

    /// A gauge that is 1 or 0.
    pub fn flag(&self, metric: &Metric, on: bool) {
        self.set(metric, &[], if on { 1.0 } else { 0.0 });
    }

    fn count(&self, metric: &Metric, labels: &[Cow<'static, str>], total: u64) {
        debug_assert_eq!(metric.kind, Kind::Counter, "{}", metric.name);
        self.recorder.register_counter(&key(metric, labels), &METADATA).absolute(total);
    }

    fn set(&self, metric: &Metric, labels: &[Cow<'static, str>], value: f64) {
        debug_assert_eq!(metric.kind, Kind::Gauge, "{}", metric.name);
        self.recorder.register_gauge(&key(metric, labels), &METADATA).set(value);
    }
}

/// What the facade asks for and this exporter ignores.
static METADATA: Metadata<'static> =
    Metadata::new("geofenced", ::metrics::Level::INFO, Some(module_path!()));

fn key(metric: &Metric, values: &[Cow<'static, str>]) -> Key {
    debug_assert_eq!(metric.labels.len(), values.len(), "labels of {}", metric.name);
    let labels = metric.labels.iter().zip(values);
    let labels: Vec<_> = labels.map(|(name, value)| Label::new(*name, value.clone())).collect();
    Key::from_parts(metric.name, labels)
}

fn describe(recorder: &PrometheusRecorder) {
    for metric in table::ALL {
        let name = KeyName::from_const_str(metric.name);
        let help = SharedString::const_str(metric.help);
        match metric.kind {
            Kind::Counter => recorder.describe_counter(name, Some(metric.unit), help),
            Kind::Gauge => recorder.describe_gauge(name, Some(metric.unit), help),
            Kind::Histogram(_) => recorder.describe_histogram(name, Some(metric.unit), help),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge of over 2^53 may lose its last digits")]
fn to_f64(value: u64) -> f64 {
    value as f64
}
