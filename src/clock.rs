//! The only reader of the OS clock. It never goes back, not over a restart either.
//!
//! Everybody else is handed a [`Clock`] by `app` and stamps batches, ticks and latencies with it. Time is the
//! system clock's, carried forward by the monotonic one: small corrections (NTP) are followed, and while
//! the system clock is behind what was already handed out, time stands still. A change of more than
//! [`STEP_LIMIT_MS`] between the two clocks is a *step*: the clock then runs on by the monotonic clock
//! alone and [`Clock::stepped`] tells intake to stop, until an operator looks and [`Clock::accept_step`]s.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use crate::domain::units::UtcMs;

/// A change of the system clock against the monotonic one beyond this is a step, not a correction. 60 s is
/// the default of `max_future_s`: a smaller error can't turn a good fix into one from the future.
pub const STEP_LIMIT_MS: i64 = 60_000;

/// Two readings farther apart than this were torn by the scheduler and are taken again.
const TORN_NS: u64 = 10_000_000;

/// How often a torn reading is taken again before the last one is used as it is.
const TORN_RETRIES: usize = 8;

const NS_PER_MS: i64 = 1_000_000;

/// What the operating system says. Tests put their own in.
pub trait OsClock: Send + Sync {
    /// The system clock, ms since 1970 in UTC; an operator or NTP may move it either way.
    fn system_ms(&self) -> i64;
    /// A clock that only runs forward, ns since some fixed instant of this process.
    fn monotonic_ns(&self) -> u64;
}

/// The clock. Cheap to clone; every clone tells the same time.
#[derive(Clone)]
pub struct Clock {
    shared: Arc<Shared>,
}

struct Shared {
    os: Box<dyn OsClock>,
    /// System minus monotonic time, ms, as last accepted. Relaxed: any recent value is right to within a
    /// correction, and `latest` keeps the order.
    offset_ms: AtomicI64,
    /// The latest instant handed out. It only grows (`fetch_max`), which is what makes the clock monotone
    /// over threads; relaxed, since one atomic has one modification order.
    latest: AtomicI64,
    /// How far the system clock jumped, ms; meaningful while `stepped`.
    step_ms: AtomicI64,
    /// Set by whoever notices a step (release, after `step_ms`), cleared by the operator's acceptance.
    stepped: AtomicBool,
}

impl Clock {
    /// Starts on the system's clocks. `floor` is the latest instant an earlier run has used, from the
    /// journal; a system clock more than [`STEP_LIMIT_MS`] behind it counts as a step at once.
    #[must_use]
    pub fn start(floor: UtcMs) -> Self {
        Self::start_on(floor, SystemOs::new())
    }

    /// Starts on other clocks, otherwise as [`Clock::start`].
    #[must_use]
    pub fn start_on(floor: UtcMs, os: impl OsClock + 'static) -> Self {
        let shared = Shared {
            os: Box::new(os),
            offset_ms: AtomicI64::new(0),
            latest: AtomicI64::new(floor.0),
            step_ms: AtomicI64::new(0),
            stepped: AtomicBool::new(false),
        };
        let reading = shared.read();
        let behind_ms = floor.0.saturating_sub(reading.system_ms);
        if behind_ms > STEP_LIMIT_MS {
            shared.offset_ms.store(floor.0.saturating_sub(reading.monotonic_ms), Ordering::Relaxed);
            shared.notice(-behind_ms);
        } else {
            shared.offset_ms.store(reading.offset_ms(), Ordering::Relaxed);
        }
        Self { shared: Arc::new(shared) }
    }

    /// A clock that stands still until its hands are moved, for tests and simulations.
    #[must_use]
    pub fn manual(start: UtcMs) -> (Self, Hands) {
        let hands = Hands {
            system_ms: Arc::new(AtomicI64::new(start.0)),
            monotonic_ns: Arc::new(AtomicU64::new(0)),
        };
        (Self::start_on(UtcMs::MIN, hands.clone()), hands)
    }

    /// The time. Never earlier than what any clone has handed out before, nor than the floor.
    #[must_use]
    pub fn now(&self) -> UtcMs {
        self.shared.now()
    }

    /// Nanoseconds since the clock started, for durations and latencies.
    #[must_use]
    pub fn monotonic_ns(&self) -> u64 {
        self.shared.os.monotonic_ns()
    }

    /// How far the system clock has jumped, ms (negative: back), while no operator has accepted it. Intake
    /// stops on `Some`.
    #[must_use]
    pub fn stepped(&self) -> Option<i64> {
        // Acquire pairs with the release in `notice`, so the distance read is the one of this step.
        let stepped = self.shared.stepped.load(Ordering::Acquire);
        stepped.then(|| self.shared.step_ms.load(Ordering::Relaxed))
    }

    /// Takes the system clock as right again, and gives the distance of the step that was accepted, ms;
    /// `None` when there was none. After a step back, time stands still until the system clock has caught
    /// up with what was handed out before.
    pub fn accept_step(&self) -> Option<i64> {
        let accepted = self.stepped()?;
        let reading = self.shared.read();
        self.shared.offset_ms.store(reading.offset_ms(), Ordering::Relaxed);
        // Release, so that a thread which sees the step gone also sees the offset that ended it.
        self.shared.stepped.store(false, Ordering::Release);
        Some(accepted)
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let latest = UtcMs(self.shared.latest.load(Ordering::Relaxed));
        f.debug_struct("Clock").field("latest", &latest).field("stepped", &self.stepped()).finish()
    }
}

impl Shared {
    fn now(&self) -> UtcMs {
        let stepped = self.stepped.load(Ordering::Acquire);
        let reading = self.read();
        let offset_ms = self.offset_ms.load(Ordering::Relaxed);
        let moved_ms = reading.offset_ms().saturating_sub(offset_ms);
        let offset_ms = if stepped {
            offset_ms
        } else if moved_ms.abs() > STEP_LIMIT_MS {
            self.notice(moved_ms);
            offset_ms
        } else {
            self.offset_ms.store(reading.offset_ms(), Ordering::Relaxed);
            reading.offset_ms()
        };
        let now = reading.monotonic_ms.saturating_add(offset_ms);
        let before = self.latest.fetch_max(now, Ordering::Relaxed);
        UtcMs(before.max(now))
    }

    fn notice(&self, step_ms: i64) {
        self.step_ms.store(step_ms, Ordering::Relaxed);
        self.stepped.store(true, Ordering::Release);
    }

    /// Both clocks at the same moment: a thread that is put to sleep between the two reads would otherwise
    /// see a step where there is none.
    fn read(&self) -> Reading {
        let mut before_ns = self.os.monotonic_ns();
        let mut system_ms = self.os.system_ms();
        for _ in 0..TORN_RETRIES {
            let after_ns = self.os.monotonic_ns();
            if after_ns.saturating_sub(before_ns) <= TORN_NS {
                break;
            }
            before_ns = after_ns;
            system_ms = self.os.system_ms();
        }
        let monotonic_ms = i64::try_from(before_ns).unwrap_or(i64::MAX) / NS_PER_MS;
        Reading { system_ms, monotonic_ms }
    }
}

#[derive(Clone, Copy)]
struct Reading {
    system_ms: i64,
    monotonic_ms: i64,
}

impl Reading {
    fn offset_ms(self) -> i64 {
        self.system_ms.saturating_sub(self.monotonic_ms)
    }
}

/// The clocks of this machine.
struct SystemOs {
    started: std::time::Instant,
}

impl SystemOs {
    #[expect(clippy::disallowed_methods, reason = "this file is the one reader of the OS clock")]
    fn new() -> Self {
        Self { started: std::time::Instant::now() }
    }
}

impl OsClock for SystemOs {
    #[expect(clippy::disallowed_methods, reason = "this file is the one reader of the OS clock")]
    fn system_ms(&self) -> i64 {
        let epoch = std::time::SystemTime::UNIX_EPOCH;
        match std::time::SystemTime::now().duration_since(epoch) {
            Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
        }
    }

    fn monotonic_ns(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The hands of a [`Clock::manual`].
#[derive(Clone, Debug)]
pub struct Hands {
    system_ms: Arc<AtomicI64>,
    monotonic_ns: Arc<AtomicU64>,
}

impl Hands {
    /// Lets time pass on both clocks.
    pub fn advance_ms(&self, ms: u32) {
        let ns = u64::from(ms) * NS_PER_MS.unsigned_abs();
        self.monotonic_ns.fetch_add(ns, Ordering::SeqCst);
        self.system_ms.fetch_add(i64::from(ms), Ordering::SeqCst);
    }

    /// Moves the system clock alone, as an operator or NTP does.
    pub fn step_ms(&self, ms: i64) {
        self.system_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl OsClock for Hands {
    fn system_ms(&self) -> i64 {
        self.system_ms.load(Ordering::SeqCst)
    }

    fn monotonic_ns(&self) -> u64 {
        self.monotonic_ns.load(Ordering::SeqCst)
    }
}

/// Nanoseconds since the process first asked, for parts that take a plain function and only measure spans.
#[must_use]
pub fn process_ns() -> u64 {
    static STARTED: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "this file is the reader of the OS clock")]
    let now = std::time::Instant::now();
    let spent = now.duration_since(*STARTED.get_or_init(|| now));
    u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX)
}
