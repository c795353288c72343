//! Pings out, acks in: frames dealt to streams so that each device keeps its order, and the time of every ack.
//!
//! In an open loop a frame has an instant at which it is due, fixed before the run; its latency counts from there,
//! so that a daemon that stalls also pays for what could not be sent meanwhile. Without a rate it counts from
//! the instant at which the stream was ready to send it, waiting for room included.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use geofenced::client::options::draw_instance;
use geofenced::client::{
    AckSpan, Client, ClientError, ClientOptions, ClientStream, Credentials, Trust,
};
use geofenced::clock::process_ns;
use geofenced::domain::fix::Fix;
use geofenced::domain::ids::{AccountId, AppId, DeviceId, DeviceKey, FrameSeq, StreamNo};
use geofenced::domain::ping::Ping;
use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use tokio::task::JoinSet;

use crate::daemon::Daemon;
use crate::scenario::{Drive, MAX_SENDERS, Mode};

/// The longest latency that is told apart, µs: ten minutes.
const MAX_LATENCY_US: u64 = 600_000_000;

/// A frame spans at most so much time; the protocol's offsets reach 49.7 days.
const FRAME_SPAN_MS: i64 = 40 * 86_400_000;

/// What was measured.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// Pings handed to the client.
    pub(crate) sent: u64,
    /// Pings acknowledged, refused ones included.
    pub(crate) acked: u64,
    /// Pings refused, by reason.
    pub(crate) rejected: u64,
    /// From the first instant due to the last ack, ns.
    pub(crate) elapsed_ns: u64,
    /// A ping's latency, µs.
    pub(crate) latency_us: Latency,
}

/// Latencies, µs.
#[derive(Clone, Debug)]
pub(crate) struct Latency {
    /// Of all.
    pub(crate) all: Histogram<u64>,
    /// Of what was due once the run had warmed up.
    pub(crate) warm: Histogram<u64>,
}

impl Latency {
    fn new() -> Result<Self, DriveError> {
        let all = Histogram::new_with_bounds(1, MAX_LATENCY_US, 3)?;
        Ok(Self { warm: all.clone(), all })
    }

    /// Adds those of another drive.
    pub(crate) fn add(&mut self, other: &Self) {
        // All have the same bounds.
        let _fit = [self.all.add(&other.all), self.warm.add(&other.warm)];
    }
}

/// Why a drive stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DriveError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("no randomness for an instance: {0}")]
    Entropy(String),
    #[error("{devices} devices; in mode device at most {MAX_SENDERS} can have a connection each")]
    TooManyDevices { devices: usize },
    #[error("a sender ended early: {0}")]
    Sender(#[from] tokio::task::JoinError),
    #[error("the histogram: {0}")]
    Histogram(#[from] hdrhistogram::CreationError),
}

/// Whom the pings are from.
#[derive(Clone, Copy)]
pub(crate) struct Sender<'a> {
    pub(crate) daemon: &'a Daemon,
    pub(crate) account: AccountId,
    pub(crate) app: AppId,
    pub(crate) drive: Drive,
}

/// Sends all and waits for all acks.
pub(crate) async fn drive(
    sender: Sender<'_>,
    fixes: &[Fix],
    bar: &ProgressBar,
) -> Result<Measured, DriveError> {
    let lanes = lanes(&sender, fixes)?;
    let per_client = match sender.drive.mode {
        Mode::Gateway => sender.drive.streams as usize,
        Mode::Device => 1,
    };
    let mut clients = Vec::new();
    for _ in 0..lanes.len().div_ceil(per_client) {
        clients.push(connect(&sender).await?);
    }
    // Every sender is ready before the first instant due.
    let started_ns = process_ns() + LEAD_NS;
    let warm_from_ns = started_ns + u64::from(sender.drive.warm_up_s) * 1_000_000_000;
    let meter = Arc::new(Mutex::new(Meter::new(bar.clone(), warm_from_ns)?));
    let mut senders = JoinSet::new();
    for (number, frames) in lanes.into_iter().enumerate() {
        let stream_no = u32::try_from(number % per_client).unwrap_or(0) + 1;
        let due = Arc::new(Mutex::new(VecDeque::new()));
        let on_ack = acks(Arc::clone(&due), Arc::clone(&meter));
        let stream = clients[number / per_client].open(StreamNo(stream_no), FrameSeq(1), on_ack);
        let pace = Pace { started_ns, pings_per_s: sender.drive.pings_per_s };
        senders.spawn(send(stream, sender.app, frames, due, pace));
    }
    while let Some(ended) = senders.join_next().await {
        ended??;
    }
    // All at once: each waits until QUIC has let go of it, which takes most of a second.
    let closing: JoinSet<()> = clients.into_iter().map(Client::close).collect();
    closing.join_all().await;
    let meter = lock(&meter);
    Ok(Measured {
        sent: fixes.len() as u64,
        acked: meter.acked,
        rejected: meter.rejected,
        elapsed_ns: meter.last_ns.saturating_sub(started_ns),
        latency_us: meter.latency_us.clone(),
    })
}

/// Between the last connection and the first instant due.
const LEAD_NS: u64 = 50_000_000;

/// Pings that go together, and the place of the last of them among all.
struct Frame {
    pings: Vec<Ping>,
    place: u64,
}

/// Frames by stream. A device's pings are all in one of them, in their order.
fn lanes(sender: &Sender<'_>, fixes: &[Fix]) -> Result<Vec<Vec<Frame>>, DriveError> {
    let (count, limit) = match sender.drive.mode {
        Mode::Gateway => (
            (sender.drive.connections * sender.drive.streams) as usize,
            sender.drive.frame_pings as usize,
        ),
        Mode::Device => (MAX_SENDERS, 1),
    };
    let mut numbers: HashMap<DeviceId, usize> = HashMap::new();
    let mut lanes: Vec<Vec<Frame>> = (0..count).map(|_| Vec::new()).collect();
    for (place, fix) in (0..).zip(fixes) {
        let lane = match sender.drive.mode {
            Mode::Gateway => {
                DeviceKey { account: sender.account, device: fix.device }.partition().index()
                    % count
            }
            Mode::Device => {
                let next = numbers.len();
                *numbers.entry(fix.device).or_insert(next)
            }
        };
        let devices = numbers.len();
        let frames = lanes.get_mut(lane).ok_or(DriveError::TooManyDevices { devices })?;
        let fits = frames.last().is_some_and(|frame| {
            let span_ms = frame.pings.first().map_or(0, |first| fix.fixed_at.since(first.fixed_at));
            frame.pings.len() < limit && span_ms.abs() < FRAME_SPAN_MS / 2
        });
        if !fits {
            frames.push(Frame { pings: Vec::with_capacity(limit), place });
        }
        if let Some(frame) = frames.last_mut() {
            frame.pings.push(fix.into());
            frame.place = place;
        }
    }
    lanes.retain(|frames| !frames.is_empty());
    Ok(lanes)
}

async fn connect(sender: &Sender<'_>) -> Result<Client, DriveError> {
    let instance = draw_instance().map_err(|error| DriveError::Entropy(error.to_string()))?;
    let token = Credentials::Token(sender.daemon.token.clone());
    let mut options = ClientOptions::new(sender.daemon.quic, Trust::Anybody, token, instance);
    options.max_unacked_frames = sender.drive.unacked_frames as usize;
    Ok(Client::connect(options).await?)
}

/// When frames are due.
#[derive(Clone, Copy)]
struct Pace {
    started_ns: u64,
    pings_per_s: u32,
}

impl Pace {
    /// Waits until the ping at `place` is due; the instant from which its latency counts.
    async fn wait(self, place: u64) -> u64 {
        let due_ns = if self.pings_per_s == 0 {
            self.started_ns
        } else {
            let after_ns = u128::from(place) * 1_000_000_000 / u128::from(self.pings_per_s);
            self.started_ns + u64::try_from(after_ns).unwrap_or(u64::MAX / 2)
        };
        let now_ns = process_ns();
        if due_ns > now_ns {
            tokio::time::sleep(Duration::from_nanos(due_ns - now_ns)).await;
        }
        if self.pings_per_s == 0 { process_ns() } else { due_ns }
    }
}

/// Frames on their way: the instant from which each counts, and its pings.
type Due = Arc<Mutex<VecDeque<(u64, u64)>>>;

async fn send(
    mut stream: ClientStream,
    app: AppId,
    frames: Vec<Frame>,
    due: Due,
    pace: Pace,
) -> Result<(), ClientError> {
    for frame in frames {
        let due_ns = pace.wait(frame.place).await;
        lock(&due).push_back((due_ns, frame.pings.len() as u64));
        stream.pings(app, &frame.pings).await?;
    }
    stream.end().await
}

/// What acks tell, of all streams.
struct Meter {
    latency_us: Latency,
    warm_from_ns: u64,
    acked: u64,
    rejected: u64,
    last_ns: u64,
    bar: ProgressBar,
}

impl Meter {
    fn new(bar: ProgressBar, warm_from_ns: u64) -> Result<Self, DriveError> {
        Ok(Self {
            latency_us: Latency::new()?,
            warm_from_ns,
            acked: 0,
            rejected: 0,
            last_ns: 0,
            bar,
        })
    }
}

fn acks(due: Due, meter: Arc<Mutex<Meter>>) -> impl FnMut(&AckSpan) + Send + 'static {
    move |span| {
        let now_ns = process_ns();
        let frames = usize::try_from(span.upto.0 - span.from.0 + 1).unwrap_or(usize::MAX);
        let mut due = lock(&due);
        let mut meter = lock(&meter);
        meter.last_ns = meter.last_ns.max(now_ns);
        meter.rejected += span.rejects.iter().sum::<u64>() + span.unknown;
        let frames = frames.min(due.len());
        for (due_ns, pings) in due.drain(..frames) {
            let latency_us = (now_ns.saturating_sub(due_ns) / 1000).clamp(1, MAX_LATENCY_US);
            meter.latency_us.all.saturating_record_n(latency_us, pings);
            if due_ns >= meter.warm_from_ns {
                meter.latency_us.warm.saturating_record_n(latency_us, pings);
            }
            meter.acked += pings;
            meter.bar.inc(pings);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
