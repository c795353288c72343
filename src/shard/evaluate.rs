//! Stepping a batch: each planned input to its partition, and what comes out encoded for the outbox.
//!
//! The inputs ahead are [prepared](crate::engine::prepare) meanwhile, so that their memory is on its way.

use crate::domain::input::Input;
use crate::domain::reasons::{RejectCounts, RejectReason};
use crate::engine::Partition;
use crate::engine::prepare::prepare;
use crate::outbox::Release;
use crate::outbox::tallies::TallyItem;
use crate::snapshot::view::SnapshotView;

use super::batch::What;
use super::ticket::TicketPart;
use super::worker::{OWN, Worker};

impl Worker {
    /// Steps the planned inputs and encodes what comes out, for the release after the sync.
    pub(super) fn evaluate(&mut self, view: Option<SnapshotView<'_>>) -> Release {
        let mut release = Release::default();
        for (number, step) in self.steps.iter().enumerate() {
            prepare(|ahead| {
                let (partition, input) = self.planned(number + ahead)?;
                Some((partition, input, view))
            });
            let place = self.slots[step.partition.index()].expect(OWN);
            let partition = &mut self.parts.partitions[place];
            let before = self.out.counts.rejected;
            partition.step(&step.input(&self.parcels), view, &mut self.out);
            if let What::Part { parcel, .. } = step.what {
                count_rejects(&self.tickets[parcel], &before, &self.out.counts.rejected);
            }
            release.marks.push((step.partition, partition.seq()));
        }
        self.steps.clear();
        if let Some(view) = view {
            let sealer = &mut self.parts.sealer;
            let decisions = self.out.decisions.drain(..);
            release.records.extend(
                decisions.map(|decision| crate::outbox::encode::record(&decision, view, sealer)),
            );
            let tallies = self.out.tallies.drain(..);
            release.tallies.extend(tallies.map(|tally| TallyItem::of(&tally, sealer)));
        }
        release.marks.sort_unstable();
        release.marks.reverse();
        release.marks.dedup_by_key(|(partition, _)| *partition);
        // There was one a step, and it may wait for long.
        release.marks.shrink_to_fit();
        release
    }

    /// A step that is still to come.
    fn planned(&self, number: usize) -> Option<(&Partition, Input<'_>)> {
        let step = self.steps.get(number)?;
        let place = self.slots[step.partition.index()]?;
        Some((&self.parts.partitions[place], step.input(&self.parcels)))
    }
}

fn count_rejects(ticket: &TicketPart, before: &RejectCounts, after: &RejectCounts) {
    for reason in RejectReason::ALL {
        let slot = usize::from(reason.number());
        let refused = after[slot] - before[slot];
        if refused > 0 {
            ticket.count(*reason, u32::try_from(refused).unwrap_or(u32::MAX));
        }
    }
}
