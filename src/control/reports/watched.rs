//! Devices of a campaign, and which of them came to a store afterwards: 17 bytes for each, for there may be millions.

use crate::domain::units::UtcMs;

/// Devices whose visits count, each from an instant on.
#[derive(Debug)]
pub(super) struct Watched {
    /// By their keyed hashes, ascending.
    since: Vec<(u64, UtcMs)>,
    /// Which of them came, in the same order.
    came: Vec<bool>,
    /// Visits of theirs.
    pub(super) visits: u64,
}

impl Watched {
    /// With room for so many, so that no room is taken for more.
    pub(super) fn of(devices: u64) -> Self {
        let devices = usize::try_from(devices).unwrap_or(0);
        let (since, came) = (Vec::with_capacity(devices), Vec::with_capacity(devices));
        Self { since, came, visits: 0 }
    }

    /// Adds a device behind the others, as the rows have them.
    pub(super) fn push(&mut self, device: u64, since: UtcMs) {
        debug_assert!(self.since.last().is_none_or(|(last, _)| *last < device), "rows ascend");
        self.since.push((device, since));
        self.came.push(false);
    }

    /// How many there are.
    pub(super) fn devices(&self) -> u64 {
        self.since.len() as u64
    }

    /// From when on a visit may count.
    pub(super) fn first(&self) -> Option<UtcMs> {
        self.since.iter().map(|(_, since)| *since).min()
    }

    /// Notes a visit, if it is of one of them. A stay that had begun by then does not count.
    pub(super) fn note(&mut self, device: u64, entered_at: UtcMs) {
        let Ok(at) = self.since.binary_search_by_key(&device, |(device, _)| *device) else {
            return;
        };
        if entered_at > self.since[at].1 {
            self.came[at] = true;
            self.visits += 1;
        }
    }

    /// How many came.
    pub(super) fn visitors(&self) -> u64 {
        self.came.iter().filter(|came| **came).count() as u64
    }
}
