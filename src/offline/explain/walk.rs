//! One partition through its inputs, with somebody looking at one of its devices.
//!
//! Each moment that is kept holds on to the snapshot that decided it, for the words. Snapshots are loaded when they
//! are needed first: most ticks find nothing due, and ask none.

use std::collections::VecDeque;
use std::sync::Arc;

use super::question::{ExplainError, FindSnapshot, Question};
use crate::domain::ids::Epoch;
use crate::domain::input::Input;
use crate::domain::units::UtcMs;
use crate::engine::trace::Look;
use crate::engine::{Outputs, Partition};
use crate::offline::rerun::RerunError;
use crate::snapshot::load::Loaded;

/// What the walk has found.
pub(super) struct Walked {
    /// The last moments, in their order.
    pub(super) moments: VecDeque<Moment>,
    /// The device as it is known at the end; nothing where it is not.
    pub(super) standing: Option<Moment>,
    /// What decides at the end; nothing before the first publication.
    pub(super) in_force: Option<Arc<Loaded>>,
    /// From when on there are records of the partition.
    pub(super) since: Option<UtcMs>,
}

/// A moment, and what decided it.
pub(super) struct Moment {
    pub(super) look: Look,
    pub(super) by: Arc<Loaded>,
}

/// The partition on its way.
pub(super) struct Walk<'a> {
    partition: Partition,
    out: Outputs,
    find: &'a FindSnapshot,
    /// The one that was loaded last.
    loaded: Option<Arc<Loaded>>,
    moments: VecDeque<Moment>,
    last: usize,
    since: Option<UtcMs>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(partition: Partition, find: &'a FindSnapshot, question: &Question) -> Self {
        let out = Outputs::default().tracing(question.device, question.campaign);
        let last = question.last.max(1);
        let moments = VecDeque::new();
        let mut walk = Self { partition, out, find, loaded: None, moments, last, since: None };
        walk.note_since();
        walk
    }

    /// Takes the next input of the partition.
    ///
    /// # Errors
    /// [`RerunError`] when the snapshot that decided is not to be had.
    pub(super) fn take(&mut self, input: &Input<'_>) -> Result<(), ExplainError> {
        let by = if self.asks_the_snapshot(input) { self.in_force()? } else { None };
        let view = by.as_ref().map(|loaded| loaded.view());
        self.partition.step(input, view, &mut self.out);
        self.out.decisions.clear();
        self.out.wants.clear();
        self.note_since();
        let looks = self.out.trace.as_mut().map(|trace| trace.take()).unwrap_or_default();
        for look in looks {
            let Some(by) = &by else { continue };
            if self.moments.len() == self.last {
                self.moments.pop_front();
            }
            self.moments.push_back(Moment { look, by: Arc::clone(by) });
        }
        Ok(())
    }

    /// The log is at its end.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub(super) fn end(mut self) -> Result<Walked, ExplainError> {
        let in_force = self.in_force()?;
        let mut standing = None;
        if let Some(by) = &in_force {
            self.partition.look_now(by.view(), &mut self.out);
            let looks = self.out.trace.as_mut().map(|trace| trace.take()).unwrap_or_default();
            standing = looks.into_iter().next().map(|look| Moment { look, by: Arc::clone(by) });
        }
        let Self { moments, since, .. } = self;
        Ok(Walked { moments, standing, in_force, since })
    }

    /// A tick that finds nothing due needs none, and there is one every second.
    fn asks_the_snapshot(&self, input: &Input<'_>) -> bool {
        match input {
            Input::Fixes(_) | Input::Outcomes(_) | Input::Profiles(_) | Input::Hints(_) => true,
            Input::Tick { now } => self.partition.has_work_at(*now),
            Input::Erasures(_) | Input::Publication { .. } | Input::Grant(_) | Input::Policy(_) => {
                false
            }
        }
    }

    /// The snapshot that decides now.
    fn in_force(&mut self) -> Result<Option<Arc<Loaded>>, RerunError> {
        let (partition, epoch) = (self.partition.id(), self.partition.epoch());
        let wanted = self.partition.snapshot();
        if epoch == Epoch(0) {
            return Ok(None);
        }
        if let Some(loaded) = self.loaded.as_ref().filter(|one| one.view().epoch() == epoch) {
            return Ok(Some(Arc::clone(loaded)));
        }
        let loaded = (self.find)(epoch, self.loaded.as_deref());
        let loaded = loaded.map_err(|reason| RerunError::Snapshot { epoch, partition, reason })?;
        let found = loaded.view().hash();
        if found != wanted {
            return Err(RerunError::OtherSnapshot { epoch, partition, wanted, found });
        }
        self.loaded = Some(Arc::clone(&loaded));
        Ok(Some(loaded))
    }

    fn note_since(&mut self) {
        let clock = self.partition.clock();
        if self.since.is_none() && clock != UtcMs::MIN {
            self.since = Some(clock);
        }
    }
}
