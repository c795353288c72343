//! The one thread that writes: it takes what every shard has laid out, writes it in one call, syncs, and
//! tells.
//!
//! While it syncs, shards add to what they lay out next; the slower the disk, the larger the next group.

use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender};

use super::config::JournalConfig;
use super::disk::{Disk, DiskFile};
use super::error::{JournalError, JournalFailure};
use super::handle::Shared;
use super::position::{CommitNo, LogPosition};
use super::record::{GroupMark, RecordKind};
use super::scan::Link;
use super::segment::{self, LOG_FORMAT, SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::identity::Keyring;

/// What the writer is told. It hears all that waits, and then looks at all shards.
pub(super) enum Word {
    /// A shard has laid something out.
    LaidOut,
    /// Write what was laid out before this, and begin a segment.
    NewSegment,
    /// Write what was laid out before this, mark the end as clean, and end.
    Close,
}

/// What a shard has committed, for the writer to take.
pub(super) struct LaidOut {
    /// The last commit in it.
    pub(super) commit: CommitNo,
    pub(super) buffer: Vec<u8>,
}

/// A buffer on its way to the log.
struct Taken {
    shard: usize,
    laid_out: LaidOut,
}

/// What the writer starts from.
pub(super) struct Start {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) config: JournalConfig,
    pub(super) keyring: Keyring,
    /// The end of what is there; `None` for a new log.
    pub(super) link: Option<Link>,
    pub(super) now_ns: fn() -> u64,
    /// Held until the writer ends.
    pub(super) lock: Box<dyn Send>,
}

/// Parts that one call to the system writes at most.
const CALL_PARTS: usize = 64;

/// How long a segment stays open at most where a recording is bounded by age.
const DAY_NS: u64 = 86_400_000_000_000;

/// The first and the longest wait for room on a full disk.
const FULL_WAIT: Duration = Duration::from_millis(20);
const FULL_WAIT_MAX: Duration = Duration::from_secs(1);

/// The writer's state.
pub(super) struct Writer {
    disk: Arc<dyn Disk>,
    config: JournalConfig,
    keyring: Keyring,
    now_ns: fn() -> u64,
    /// Waits so long, or until it is woken; `by_hand` puts in what does not wait.
    pub(super) pause: fn(Duration),
    _lock: Box<dyn Send>,
    shared: Arc<Shared>,
    /// By shard, where its buffers go back to.
    returns: Vec<Sender<Vec<u8>>>,
    segment: OpenSegment,
    /// The group at hand; emptied after each, its memory reused.
    group: Vec<Taken>,
    /// The shard to look at first for the next group.
    first: usize,
    /// The group at hand is full: shards that are left may have laid out more.
    pub(super) is_cut: bool,
    /// Behind the group at hand a segment is to begin.
    is_to_roll: bool,
    /// Behind the group at hand it is to end.
    is_to_close: bool,
    mark: Vec<u8>,
    /// It has failed: buffers go back unwritten and nothing is published, so nothing is acknowledged.
    refuses: bool,
}

/// The segment being written.
struct OpenSegment {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    header: SegmentHeader,
    salt: [u8; 8],
    /// Bytes that are written and synced; what is behind them is to be cut.
    len: u64,
    groups: u64,
    begun_ns: u64,
    /// Of those bytes.
    digest: blake3::Hasher,
}

impl OpenSegment {
    fn end(&self) -> LogPosition {
        LogPosition(self.header.first.0 + self.len)
    }

    fn link(&self) -> Link {
        let digest = *self.digest.finalize().as_bytes();
        Link { number: self.header.number, end: self.end(), digest }
    }

    fn failure(&self, doing: &'static str, error: &io::Error) -> JournalFailure {
        JournalFailure { doing, path: self.path.clone(), reason: error.to_string() }
    }
}

impl Writer {
    /// Begins a segment behind the log's end. On the caller's thread, so that its errors stop the
    /// start.
    pub(super) fn begin(
        start: Start,
        shared: Arc<Shared>,
        returns: Vec<Sender<Vec<u8>>>,
    ) -> Result<Self, JournalError> {
        let Start { disk, config, keyring, link, now_ns, lock } = start;
        let segment = begin_segment(&*disk, &config, &keyring, link)
            .map_err(|BeginError { path, doing, error }| JournalError::io(doing, &path)(error))?;
        let segment = OpenSegment { begun_ns: age_clock(&config, now_ns), ..segment };
        shared.figures.count_segment();
        shared.synced_end.store(segment.end().0, Ordering::Release);
        let group = Vec::with_capacity(returns.len());
        let mark = Vec::new();
        Ok(Self {
            disk,
            config,
            keyring,
            now_ns,
            pause: std::thread::park_timeout,
            _lock: lock,
            shared,
            returns,
            segment,
            group,
            first: 0,
            is_cut: false,
            is_to_roll: false,
            is_to_close: false,
            mark,
            refuses: false,
        })
    }

    /// Runs until it is told to close, or nobody is left who could tell it anything.
    pub(super) fn run(mut self, told: &Receiver<Word>) {
        let _last = LastWord { shared: Arc::clone(&self.shared), log_dir: self.config.log_dir() };
        while self.turn(told) {}
        self.shared.figures.pulse.rests();
    }

    /// One group. `false` when no more will come. After a failure shards go on laying out until they are told
    /// to end; what they lay out is refused.
    pub(super) fn turn(&mut self, told: &Receiver<Word>) -> bool {
        self.listen(told);
        self.take_group();
        if self.refuses {
            self.return_buffers();
        } else if let Err(failure) = self.write_group() {
            tracing::error!(%failure, "nothing is acknowledged any more");
            self.refuses = true;
            // The first failure stands; the writer comes here once.
            let _first = self.shared.failure.set(failure);
            self.shared.shards.iter().for_each(super::handle::ShardShared::wake);
            self.return_buffers();
        }
        !self.is_to_close
    }

    /// Waits for a word, but where it knows already that there is more to write, and hears all that were said.
    fn listen(&mut self, told: &Receiver<Word>) {
        let pulse = &self.shared.figures.pulse;
        let awaited = (!self.is_cut).then(|| pulse.resting(|| told.recv()).unwrap_or(Word::Close));
        for word in awaited.into_iter().chain(std::iter::from_fn(|| told.try_recv().ok())) {
            match word {
                Word::LaidOut => {}
                Word::NewSegment => self.is_to_roll = true,
                Word::Close => self.is_to_close = true,
            }
        }
    }

    /// Takes what the shards have laid out, up to `commit_max_bytes`; those that are left are the first next time. Before a
    /// new segment and the end nothing is left.
    fn take_group(&mut self) {
        let shards = self.shared.shards.len();
        let is_all = self.is_to_roll || self.is_to_close;
        let most_bytes = if is_all { usize::MAX } else { self.config.commit_max_bytes };
        let mut bytes = 0;
        self.is_cut = false;
        // What is laid out from now on has a word of its own.
        self.shared.is_told.swap(false, Ordering::AcqRel);
        for shard in (self.first..shards).chain(0..self.first) {
            if bytes >= most_bytes {
                (self.first, self.is_cut) = (shard, true);
                return;
            }
            if let Some(laid_out) = self.shared.shards[shard].laid_out.pop() {
                bytes += laid_out.buffer.len();
                if laid_out.buffer.len() >= self.config.shard_buffer_bytes {
                    // It has room again.
                    self.shared.shards[shard].wake();
                }
                self.group.push(Taken { shard, laid_out });
            }
        }
    }

    /// Writes and syncs the group, publishes it and returns its buffers, and does what else it was told to; a last, empty
    /// group marks the end as clean.
    fn write_group(&mut self) -> Result<(), JournalFailure> {
        if !self.group.is_empty() {
            if self.segment.len >= self.config.segment_max_bytes || self.is_long_open() {
                self.roll()?;
            }
            let written = self.append_group(RecordKind::Group)?;
            self.publish(written);
            self.return_buffers();
        }
        if std::mem::take(&mut self.is_to_roll) {
            self.roll()?;
            self.shared.synced_end.store(self.segment.end().0, Ordering::Release);
        }
        if self.is_to_close {
            self.append_group(RecordKind::End)?;
        }
        Ok(())
    }

    /// Whether the segment was begun more than a day ago, where that matters: what is recorded is let go by segments.
    fn is_long_open(&self) -> bool {
        let now_ns = age_clock(&self.config, self.now_ns);
        now_ns.saturating_sub(self.segment.begun_ns) > DAY_NS
    }

    /// Appends a mark and the group's buffers, and syncs. Gives the bytes written.
    fn append_group(&mut self, kind: RecordKind) -> Result<u64, JournalFailure> {
        let Self { segment, mark, group, .. } = self;
        mark.clear();
        GroupMark { at: segment.end(), salt: segment.salt }.append(mark, kind, segment.groups);
        let mut wait = FullWait::default();
        while let Err(error) = append_parts(&mut *segment.file, mark, group) {
            // What was written of it must go before anything else is written behind it.
            let cut = segment.file.truncate(segment.len);
            cut.map_err(|error| segment.failure("cut", &error))?;
            if !is_full(&error) || !wait.for_room(&self.shared, self.pause) {
                return Err(segment.failure("write", &error));
            }
        }
        wait.over(&self.shared);
        let began_ns = (self.now_ns)();
        // A disk may take its time: that is no hang.
        let synced = self.shared.figures.pulse.resting(|| segment.file.sync_data());
        if let Err(error) = synced {
            if kind == RecordKind::End {
                // From now on the system takes the mark for written, and so would the next start. Where it can't
                // be cut either, nothing more can be done.
                let _cut = segment.file.truncate(segment.len);
            }
            return Err(segment.failure("sync", &error));
        }
        self.shared.figures.count_sync((self.now_ns)().saturating_sub(began_ns));
        let before = segment.len;
        for part in std::iter::once(&*mark).chain(group.iter().map(|taken| &taken.laid_out.buffer))
        {
            segment.digest.update(part);
            segment.len += part.len() as u64;
        }
        segment.groups += 1;
        Ok(segment.len - before)
    }

    /// Tells the shards that the group, of so many bytes, is on stable storage.
    fn publish(&self, written: u64) {
        let of = |taken: &Taken| &self.shared.shards[taken.shard].synced;
        let commits = |taken: &Taken| taken.laid_out.commit.0 - of(taken).load(Ordering::Relaxed);
        self.shared.figures.count_group(self.group.iter().map(commits).sum(), written);
        self.shared.synced_end.store(self.segment.end().0, Ordering::Release);
        for taken in &self.group {
            of(taken).store(taken.laid_out.commit.0, Ordering::Release);
        }
    }

    /// Gives the buffers back and wakes their shards.
    fn return_buffers(&mut self) {
        for Taken { shard, laid_out: LaidOut { commit: _, mut buffer } } in self.group.drain(..) {
            buffer.clear();
            // A shard that is gone needs no buffer.
            let _gone = self.returns[shard].try_send(buffer);
            self.shared.shards[shard].wake();
        }
    }

    /// Closes the segment, whose bytes are all synced, and begins the next.
    fn roll(&mut self) -> Result<(), JournalFailure> {
        let link = self.segment.link();
        let mut wait = FullWait::default();
        loop {
            match begin_segment(&*self.disk, &self.config, &self.keyring, Some(link)) {
                Ok(segment) => {
                    wait.over(&self.shared);
                    self.segment =
                        OpenSegment { begun_ns: age_clock(&self.config, self.now_ns), ..segment };
                    self.shared.figures.count_segment();
                    return Ok(());
                }
                // The file may be there in part; making it again replaces it.
                Err(BeginError { doing: "create" | "write", error, .. })
                    if is_full(&error) && wait.for_room(&self.shared, self.pause) => {}
                Err(BeginError { doing, path, error }) => {
                    return Err(JournalFailure { doing, path, reason: error.to_string() });
                }
            }
        }
    }
}

/// What the age of segments goes by: it stands still where no age is asked for.
fn age_clock(config: &JournalConfig, now_ns: fn() -> u64) -> u64 {
    if config.keep_recording_days > 0 { now_ns() } else { 0 }
}

/// Tells the shards if the thread panics: nothing will be synced any more.
struct LastWord {
    shared: Arc<Shared>,
    log_dir: PathBuf,
}

impl Drop for LastWord {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (path, reason) = (self.log_dir.clone(), "the writer's thread panicked".to_owned());
            let failure = JournalFailure { doing: "write", path, reason };
            // An earlier failure stands.
            let _first = self.shared.failure.set(failure);
            self.shared.shards.iter().for_each(super::handle::ShardShared::wake);
        }
    }
}

fn append_parts(file: &mut dyn DiskFile, mark: &[u8], group: &[Taken]) -> io::Result<()> {
    let buffers = group.iter().map(|taken| &*taken.laid_out.buffer);
    let mut texts = std::iter::once(mark).chain(buffers).peekable();
    while texts.peek().is_some() {
        let mut parts = [IoSlice::new(&[]); CALL_PARTS];
        let mut count = 0;
        for (part, text) in parts.iter_mut().zip(texts.by_ref()) {
            *part = IoSlice::new(text);
            count += 1;
        }
        file.append(&mut parts[..count])?;
    }
    Ok(())
}

/// Whether there may be room later.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Waiting for room on a full disk, longer each time.
#[derive(Default)]
struct FullWait {
    waits: u32,
}

impl FullWait {
    /// Waits a while. `false` if the daemon is closing: then there is no more waiting.
    fn for_room(&mut self, shared: &Shared, pause: fn(Duration)) -> bool {
        if shared.closing.load(Ordering::Relaxed) {
            return false;
        }
        if self.waits == 0 {
            tracing::warn!("the disk is full: nothing is acknowledged until there is room");
        }
        shared.figures.count_full_wait();
        let wait = FULL_WAIT.saturating_mul(1 << self.waits.min(8)).min(FULL_WAIT_MAX);
        self.waits = self.waits.saturating_add(1);
        shared.figures.pulse.resting(|| pause(wait));
        true
    }

    fn over(self, shared: &Shared) {
        if self.waits > 0 {
            shared.figures.has_room();
            tracing::info!("there is room on the disk again");
        }
    }
}

/// Why a segment could not be begun.
struct BeginError {
    doing: &'static str,
    path: PathBuf,
    error: io::Error,
}

/// Makes a segment behind `link`, durable with its name and header before anything is written to
/// it.
fn begin_segment(
    disk: &dyn Disk,
    config: &JournalConfig,
    keyring: &Keyring,
    link: Option<Link>,
) -> Result<OpenSegment, BeginError> {
    let key_version = keyring.key_version();
    let header = SegmentHeader {
        format: LOG_FORMAT,
        key_version,
        key_check: keyring.check(key_version).expect("a keyring has its newest key"),
        number: link.map_or(0, |link| link.number + 1),
        first: link.map_or(LogPosition::START, |link| link.end),
        previous_digest: link.map_or([0; 32], |link| link.digest),
    };
    let log_dir = config.log_dir();
    let path = segment::path_of(&log_dir, header.first);
    let failed = |doing, path: &PathBuf| {
        let path = path.clone();
        move |error| BeginError { doing, path, error }
    };
    let bytes = header.to_bytes();
    let mut file = disk.create(&path).map_err(failed("create", &path))?;
    file.append(&mut [IoSlice::new(&bytes)]).map_err(failed("write", &path))?;
    file.sync_data().map_err(failed("sync", &path))?;
    disk.sync_dir(&log_dir).map_err(failed("sync", &log_dir))?;
    let mut digest = blake3::Hasher::new();
    digest.update(&bytes);
    let salt = header.salt();
    let len = SEGMENT_HEADER_BYTES as u64;
    Ok(OpenSegment { file, path, header, salt, len, groups: 0, begun_ns: 0, digest })
}
