//! The outbox without its thread, over rows in memory: a test gives the writer its turns, one group each.

use crate::domain::ids::{InputSeq, PartitionId};

use super::config::{Clocks, OutboxConfig, SpaceProbe};
use super::consumer::ConsumerKey;
use super::orders::ConsumerError;
use super::read::{ReadAsk, Reading, scan};
use super::refused::StoreError;
use super::rows::Rows;
use super::sim_rows::SimRows;
use super::store::Outbox;
use super::tables::Tables;
use super::writer::Writer;

/// The writer.
pub(crate) struct HandOutboxWriter(Writer);

impl Outbox {
    /// As [`open_with_space`](Self::open_with_space), with a writer that waits for nobody.
    pub(crate) fn open_by_hand(
        rows: &SimRows,
        config: OutboxConfig,
        clocks: Clocks,
        space: SpaceProbe,
    ) -> Result<(Self, HandOutboxWriter), StoreError> {
        let tables = Tables::over(Rows::Simulated(rows.clone()), "outbox".as_ref())?;
        let (outbox, writer) = Self::assemble(tables, config, clocks, space)?;
        Ok((outbox, HandOutboxWriter(writer)))
    }

    /// The last input of a partition whose outputs were announced.
    pub(crate) fn announced(&self, partition: PartitionId) -> InputSeq {
        InputSeq(self.shared.announced()[partition.index()])
    }

    /// As [`read`](Self::read), but looks through the rows where it is, and not on a thread that may block.
    pub(crate) async fn read_by_hand(
        &self,
        key: &ConsumerKey,
        ask: ReadAsk,
    ) -> Result<Reading, ConsumerError> {
        let (consumer, from) = self.sit_down(key, ask)?;
        let scan = scan(&self.shared, key, &consumer, from, ask.limit)?;
        self.hand_out(key, consumer, from, &scan).await
    }
}

impl HandOutboxWriter {
    /// Writes, syncs and shows one group of what waits. `false` when it has ended or failed.
    pub(crate) fn turn(&mut self) -> bool {
        self.0.turn(std::time::Duration::ZERO)
    }
}
