//! The journal without its thread: a test gives the writer its turns, one group each, and so decides when a
//! sync happens. Everything else is what the daemon runs.

use crossbeam::channel::Receiver;

use super::error::JournalError;
use super::handle::Journal;
use super::recovery::Recovery;
use super::shard_log::ShardLog;
use super::writer::{Word, Writer};

/// The writer, and what it was told.
pub(crate) struct HandWriter {
    writer: Writer,
    told: Receiver<Word>,
}

impl Recovery {
    /// As [`into_journal`](Self::into_journal), with a writer that waits for nobody.
    pub(crate) fn into_journal_by_hand(
        self,
        shards: usize,
    ) -> Result<(Journal, Vec<ShardLog>, HandWriter), JournalError> {
        let start = self.finish(|| 0)?;
        let (journal, logs, (mut writer, told)) = Journal::assemble(start, shards)?;
        // Whoever simulates the disk makes room by itself.
        writer.pause = |_wait| {};
        Ok((journal, logs, HandWriter { writer, told }))
    }
}

impl HandWriter {
    /// Whether something waits to be written.
    pub(crate) fn has_work(&self) -> bool {
        self.writer.is_cut || !self.told.is_empty()
    }

    /// Writes and syncs one group of what waits, if anything does.
    pub(crate) fn turn(&mut self) {
        if self.has_work() {
            self.writer.turn(&self.told);
        }
    }

    /// Writes what waits and marks the end as clean, as the end of the daemon does.
    pub(crate) fn close(mut self, journal: &Journal) {
        journal.tell_end();
        while self.writer.turn(&self.told) {}
    }
}
