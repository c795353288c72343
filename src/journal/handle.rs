//! The handle: opened at start, asked for figures and trimming, shut down at the end.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use crossbeam::channel::{Receiver, Sender, bounded};
use crossbeam::queue::ArrayQueue;

use super::config::JournalConfig;
use super::disk::{Disk, RealDisk};
use super::encode::Encoder;
use super::error::{JournalError, JournalFailure};
use super::figures::JournalFigures;
use super::position::{LogPosition, Resume};
use super::recovery::{Recovery, lock};
use super::segment;
use super::shard_log::{BUFFERS_A_SHARD, ShardLog};
use super::writer::{LaidOut, Start, Word, Writer};
use crate::identity::Keyring;

/// The journal, being written. Dropping it shuts the writer down, as [`shutdown`](Self::shutdown)
/// does.
pub struct Journal {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) config: JournalConfig,
    pub(super) shared: Arc<Shared>,
    /// Held while a segment's name is exchanged for that of its packed copy, and while names are looked at.
    pub(super) names: Mutex<()>,
    pub(super) to_writer: Sender<Word>,
    /// Taken by whoever shuts it down first; none where the writer is run by hand.
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// What writer, shards and handle all see.
pub(super) struct Shared {
    pub(super) shards: Box<[ShardShared]>,
    /// Whether the writer has been told that something is laid out, and has not begun to look. Exchanged by both sides
    /// (`AcqRel`): a shard that finds it set knows that the writer will look after it has laid out.
    pub(super) is_told: AtomicBool,
    /// The end of what is synced. Stored with `Release` after the sync and read with `Acquire`, so
    /// whoever sees a position also sees what was counted and published before it.
    pub(super) synced_end: AtomicU64,
    /// Set once, by the writer, when it stops for good.
    pub(super) failure: OnceLock<JournalFailure>,
    /// Set at the end, by the handle or a shard: the writer must not wait for room on the disk any longer. It orders
    /// nothing else.
    pub(super) closing: AtomicBool,
    /// Recovery needs nothing before it. Told by trimming, read by the recorder; it orders nothing else.
    pub(super) keep_from: AtomicU64,
    /// The newest checkpoints need nothing before it. It orders nothing else.
    pub(super) checkpointed: AtomicU64,
    pub(super) figures: JournalFigures,
}

/// What one shard and the writer tell each other.
pub(super) struct ShardShared {
    /// What the shard has committed and the writer has not taken: one buffer at most, which either takes out before it
    /// touches it.
    pub(super) laid_out: ArrayQueue<LaidOut>,
    /// The shard's last synced commit. `Release` by the writer after the sync, `Acquire` by the
    /// shard: an acknowledgement that follows the load also follows the sync.
    pub(super) synced: AtomicU64,
    /// Wakes the shard. Set once, before its first commit.
    pub(super) waker: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl ShardShared {
    fn new() -> Self {
        Self { laid_out: ArrayQueue::new(1), synced: AtomicU64::new(0), waker: OnceLock::new() }
    }

    pub(super) fn wake(&self) {
        if let Some(waker) = self.waker.get() {
            waker();
        }
    }
}

/// A writer and where it is told things, without a thread.
pub(super) type Unstarted = (Writer, Receiver<Word>);

impl Journal {
    /// Opens the log for reading back; the journal is had from the [`Recovery`] once that is done.
    ///
    /// # Errors
    /// [`JournalError`]: locked, damaged, under other keys, or not reaching back to where `resume`
    /// begins.
    pub fn open(
        config: JournalConfig,
        keyring: &Keyring,
        resume: Resume,
    ) -> Result<Recovery, JournalError> {
        Self::open_on(Arc::new(RealDisk), config, keyring, resume)
    }

    /// Whether there is no log yet.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn is_absent(config: &JournalConfig) -> Result<bool, JournalError> {
        let log_dir = config.log_dir();
        Ok(!log_dir.exists() || segment::list(&RealDisk, &log_dir)?.is_empty())
    }

    /// Keeps every daemon off the log of a data directory until the answer is dropped; `None` where there is no log.
    ///
    /// # Errors
    /// [`JournalError::Locked`] while one is running on it, or [`JournalError::Io`].
    pub fn hold(dir: &Path) -> Result<Option<Box<dyn Send>>, JournalError> {
        let log_dir = dir.join("log");
        if !log_dir.exists() {
            return Ok(None);
        }
        lock(&RealDisk, &log_dir).map(Some)
    }

    /// As [`open`](Self::open), on another disk.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_on(
        disk: Arc<dyn Disk>,
        config: JournalConfig,
        keyring: &Keyring,
        resume: Resume,
    ) -> Result<Recovery, JournalError> {
        Recovery::open(disk, config, keyring, resume)
    }

    pub(super) fn start(
        start: Start,
        shards: usize,
    ) -> Result<(Self, Vec<ShardLog>), JournalError> {
        let (journal, logs, (writer, told)) = Self::assemble(start, shards)?;
        let thread = std::thread::Builder::new()
            .name("journal-writer".to_owned())
            .spawn(move || writer.run(&told))
            .map_err(JournalError::Thread)?;
        *journal.writer.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok((journal, logs))
    }

    /// All but the thread: whoever takes its place gives the writer its turns.
    pub(super) fn assemble(
        start: Start,
        shards: usize,
    ) -> Result<(Self, Vec<ShardLog>, Unstarted), JournalError> {
        let shared = Arc::new(Shared {
            shards: (0..shards).map(|_| ShardShared::new()).collect(),
            is_told: AtomicBool::new(false),
            synced_end: AtomicU64::new(0),
            failure: OnceLock::new(),
            closing: AtomicBool::new(false),
            keep_from: AtomicU64::new(0),
            checkpointed: AtomicU64::new(0),
            figures: JournalFigures::default(),
        });
        // It hears all of them at once, so a few are enough.
        let (to_writer, told) = bounded(4);
        let (mut logs, mut returns) = (Vec::with_capacity(shards), Vec::with_capacity(shards));
        for shard in 0..shards {
            let (to_shard, free) = bounded(BUFFERS_A_SHARD);
            logs.push(ShardLog::new(
                shard,
                Encoder::new(start.keyring.sealer()),
                (to_writer.clone(), free),
                Arc::clone(&shared),
                start.config.shard_buffer_bytes,
            ));
            returns.push(to_shard);
        }
        let (disk, config) = (Arc::clone(&start.disk), start.config.clone());
        let writer = Writer::begin(start, Arc::clone(&shared), returns)?;
        let (names, writer_thread) = (Mutex::default(), Mutex::default());
        let journal = Self { disk, config, shared, names, to_writer, writer: writer_thread };
        Ok((journal, logs, (writer, told)))
    }

    /// Everything before this is on stable storage. A checkpoint of a partition keeps the log from
    /// the position that this gave before its next input was appended.
    #[must_use]
    pub fn synced_end(&self) -> LogPosition {
        LogPosition(self.shared.synced_end.load(Ordering::Acquire))
    }

    /// Where the log begins by now: trimming has removed what was before.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn begins_at(&self) -> Result<LogPosition, JournalError> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let segments = segment::list(&*self.disk, &self.config.log_dir());
        drop(names);
        Ok(segments?.first().map_or(LogPosition::START, |oldest| oldest.first))
    }

    /// Why nothing is acknowledged any more, until restart; `None` while all is well.
    #[must_use]
    pub fn failed(&self) -> Option<&JournalFailure> {
        self.shared.failure.get()
    }

    /// What it has done so far.
    #[must_use]
    pub fn figures(&self) -> &JournalFigures {
        &self.shared.figures
    }

    /// Bytes of the log that a start would go through now: all behind what the newest checkpoints stand for.
    #[must_use]
    pub fn recovery_bytes(&self) -> u64 {
        self.synced_end().0.saturating_sub(self.shared.checkpointed.load(Ordering::Relaxed))
    }

    /// Takes note of so many new checkpoints, and that the newest one of every partition needs nothing before this.
    pub fn note_checkpoints(&self, made: u64, newest_from: LogPosition) {
        self.shared.figures.count_checkpoints(made);
        self.shared.checkpointed.fetch_max(newest_from.0, Ordering::Relaxed);
    }

    /// Removes the segments that lie wholly before `keep_from`, or leaves them to the recording that the
    /// config asks to keep. Gives the bytes removed.
    ///
    /// # Errors
    /// [`JournalError::Io`]. What was not removed now will be the next time.
    pub fn trim(&self, keep_from: LogPosition) -> Result<u64, JournalError> {
        self.shared.keep_from.fetch_max(keep_from.0, Ordering::Relaxed);
        if self.config.keep_recording_bytes > 0 {
            return Ok(0);
        }
        let log_dir = self.config.log_dir();
        let segments = segment::list(&*self.disk, &log_dir)?;
        let mut removed_bytes = 0;
        // The oldest first: a crash on the way leaves a log without a hole. The last one is being
        // written.
        for pair in segments.windows(2) {
            let [old, next] = pair else { continue };
            if next.first > keep_from {
                break;
            }
            self.disk.remove(&old.path).map_err(JournalError::io("remove", &old.path))?;
            removed_bytes += old.file_len;
        }
        if removed_bytes > 0 {
            self.disk.sync_dir(&log_dir).map_err(JournalError::io("sync", &log_dir))?;
        }
        Ok(removed_bytes)
    }

    /// Writes and syncs all that was committed, marks the end as clean and ends the writer. The
    /// shards' logs should be dropped before: what they commit later is not written.
    ///
    /// # Errors
    /// [`JournalError::Failed`] if the writer had failed, or the disk stayed full.
    pub fn shutdown(&self) -> Result<(), JournalError> {
        self.close();
        match self.failed() {
            Some(failure) => Err(failure.clone().into()),
            None => Ok(()),
        }
    }

    /// Has the writer write what came before, mark the end as clean, and end.
    pub(super) fn tell_end(&self) {
        // An error means that the writer is gone, which is what is wanted.
        let _gone = self.to_writer.send(Word::Close);
    }

    fn close(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(writer) = writer else { return };
        self.shared.closing.store(true, Ordering::Relaxed);
        // It may be waiting for room on the disk; then this wakes it, and it gives up.
        writer.thread().unpark();
        self.tell_end();
        if writer.join().is_err() {
            tracing::error!("the journal's writer thread panicked");
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.close();
    }
}
