//! What devices do at targets, by UTC day: handed in by the shards every some seconds, summed, and forgotten after some
//! days.
//!
//! A row is of the day on which it was handed in, by the daemon's clock, so that no fix from another time makes a day of
//! its own. What was not handed in when a daemon crashed is in no row; a daemon that ends in order hands in all.

use std::collections::BTreeMap;

use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};

use crate::domain::footfall::{ACCURACY_CLASSES, Footfall, FootfallAt};
use crate::domain::ids::{AccountId, TargetId};
use crate::outbox::OutboxConfig;
use crate::outbox::refused::StoreError;

use super::pad::Pad;
use super::read::FiguresError;
use super::rows::{FootfallDay, Row};
use super::store::Figures;
use super::tables::{Sheet, Tables};

/// Batches that may wait for the figures; past it shards keep what they have. Worst case in memory: this times a
/// shard's table, 2.5 MiB.
const BATCHES_WAITING: usize = 16;

/// Rows that a turn of the figures changes for them, roughly, and old ones that it removes.
const BATCH_ROWS: usize = 16_384;

/// Stands for every account: its row of a day is there once a shard has counted on that day, and has what no account is
/// known for.
const EVERYBODY: AccountId = AccountId(u32::MAX);

/// What a shard counted since it last handed something in.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FootfallBatch {
    /// The UTC day, counted from 1970-01-01.
    pub day: i32,
    /// By target.
    pub counts: Vec<FootfallAt>,
    /// How much more there was at targets that the shard had no room for.
    pub overlooked: u64,
}

/// Where shards hand them in. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FootfallPost(Sender<FootfallBatch>);

impl FootfallPost {
    /// One whose other end a test holds, with room for so many.
    #[cfg(test)]
    pub(crate) fn by_hand(room: usize) -> (Self, Receiver<FootfallBatch>) {
        let (sender, post) = bounded(room);
        (Self(sender), post)
    }

    /// Whether one that is handed in now may have to wait.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0.is_full()
    }

    /// Hands one in. Never waits; nobody takes anything any more once the figures have ended.
    ///
    /// # Errors
    /// The batch, if there is no room.
    pub fn hand_in(&self, batch: FootfallBatch) -> Result<(), FootfallBatch> {
        match self.0.try_send(batch) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => Ok(()),
            Err(TrySendError::Full(batch)) => Err(batch),
        }
    }
}

/// Sums up what is handed in: a part of the figures' thread.
pub(super) struct FootfallCounter {
    post: Receiver<FootfallBatch>,
    days: u16,
    targets: u64,
    /// Days before it are to be forgotten.
    keeps_from: Option<i32>,
}

impl FootfallCounter {
    pub(super) fn new(config: &OutboxConfig) -> (FootfallPost, Self) {
        let (sender, post) = bounded(BATCHES_WAITING);
        let (days, targets) = (config.footfall_days, u64::from(config.footfall_targets));
        (FootfallPost(sender), Self { post, days, targets, keeps_from: None })
    }

    /// Takes what waits into the rows. Whether there was anything.
    pub(super) fn count(&mut self, pad: &mut Pad<'_>) -> Result<bool, StoreError> {
        let mut told = false;
        // Beside what records and tallies change: where there are always more of these, targets have their turn.
        let most = pad.len() + BATCH_ROWS;
        while pad.len() < most {
            let Ok(batch) = self.post.try_recv() else { break };
            self.sum_up(&batch, pad)?;
            told = true;
        }
        Ok(told)
    }

    fn sum_up(&mut self, batch: &FootfallBatch, pad: &mut Pad<'_>) -> Result<(), StoreError> {
        let mut days: BTreeMap<AccountId, FootfallDay> = BTreeMap::new();
        days.entry(EVERYBODY).or_default().overlooked += batch.overlooked;
        for ((account, target), more) in &batch.counts {
            let key = of_target(batch.day, *account, *target);
            let known: Option<Footfall> = pad.find(Sheet::Footfalls, &key)?;
            if known.is_none() {
                let day = days.entry(*account).or_default();
                let before: Option<FootfallDay> =
                    pad.find(Sheet::FootfallDays, &of_account(batch.day, *account))?;
                if before.unwrap_or_default().targets + day.targets >= self.targets {
                    day.overlooked += 1;
                    continue;
                }
                day.targets += 1;
            }
            let mut footfall = known.unwrap_or_default();
            footfall.add(more);
            pad.put(Sheet::Footfalls, key, &footfall);
        }
        for (account, more) in days {
            let key = of_account(batch.day, account);
            pad.change(Sheet::FootfallDays, key, |day: &mut FootfallDay| day.add(&more))?;
        }
        let first = batch.day.saturating_sub(i32::from(self.days) - 1);
        self.keeps_from = Some(self.keeps_from.map_or(first, |from| from.max(first)));
        Ok(())
    }

    /// Forgets some rows of days that are no longer kept. Whether there were any.
    pub(super) fn forget_old(&mut self, tables: &Tables) -> Result<bool, StoreError> {
        let Some(from) = self.keeps_from else { return Ok(false) };
        let mut batch = tables.batch();
        for sheet in [Sheet::Footfalls, Sheet::FootfallDays] {
            for pair in tables.range(sheet, Vec::new(), of_day(from)).take(BATCH_ROWS) {
                batch.remove(tables.keyspace(sheet), pair?.0);
            }
        }
        if batch.is_empty() {
            // The next batch says again what is old by then.
            self.keeps_from = None;
            return Ok(false);
        }
        batch.commit().map_err(|error| tables.refused("written", error))?;
        Ok(true)
    }
}

impl Figures {
    /// The UTC days on which footfalls of an account were counted, and whether all of them were: that of a target
    /// without a row is 0 only where they were.
    ///
    /// # Errors
    /// [`FiguresError`] if the store can't be read.
    pub fn footfall_days(&self, account: AccountId) -> Result<BTreeMap<i32, bool>, FiguresError> {
        let mut days = BTreeMap::new();
        let mut from = Vec::new();
        // Each look finds the first row of the next day.
        while let Some(pair) = self.tables.range(Sheet::FootfallDays, from, vec![u8::MAX; 9]).next()
        {
            let day = day_of(&pair?.0).ok_or_else(|| self.malformed())?;
            let all = self.footfall_day(day, EVERYBODY)?;
            let own = self.footfall_day(day, account)?.unwrap_or_default();
            if let Some(all) = all {
                days.insert(day, all.overlooked == 0 && own.overlooked == 0);
            }
            let Some(next) = day.checked_add(1) else { break };
            from = of_day(next);
        }
        Ok(days)
    }

    fn footfall_day(
        &self,
        day: i32,
        account: AccountId,
    ) -> Result<Option<FootfallDay>, FiguresError> {
        let row = self.tables.get(Sheet::FootfallDays, &of_account(day, account))?;
        row.map(|row| self.row(&row)).transpose()
    }

    /// Calls `each` with what devices did at each target of an account on a UTC day.
    ///
    /// # Errors
    /// [`FiguresError`] if the store can't be read.
    pub fn footfalls(
        &self,
        day: i32,
        account: AccountId,
        mut each: impl FnMut(TargetId, &Footfall),
    ) -> Result<(), FiguresError> {
        for pair in self.tables.prefix(Sheet::Footfalls, &of_account(day, account)) {
            let (key, row) = pair?;
            let target = key.last_chunk().ok_or_else(|| self.malformed())?;
            each(TargetId(u32::from_be_bytes(*target)), &self.row(&row)?);
        }
        Ok(())
    }
}

/// Bytes of a row's words.
const WORD: usize = 4;

impl Row for Footfall {
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, []) = bytes.as_chunks::<WORD>() else { return None };
        let (head, accuracy) = words.split_first_chunk::<4>()?;
        let [enters, exits, returns, too_coarse] = head.map(u32::from_le_bytes);
        let accuracy: [[u8; WORD]; ACCURACY_CLASSES] = accuracy.try_into().ok()?;
        let accuracy = accuracy.map(u32::from_le_bytes);
        Some(Self { enters, exits, returns, too_coarse, accuracy })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let head = [self.enters, self.exits, self.returns, self.too_coarse];
        head.into_iter().chain(self.accuracy).flat_map(u32::to_le_bytes).collect()
    }
}

/// The rows of a day. Days before 1970 are none of ours.
fn of_day(day: i32) -> Vec<u8> {
    day.max(0).cast_unsigned().to_be_bytes().to_vec()
}

/// The rows of an account on a day.
fn of_account(day: i32, account: AccountId) -> Vec<u8> {
    [&of_day(day)[..], &account.0.to_be_bytes()].concat()
}

/// The row of a target on a day.
fn of_target(day: i32, account: AccountId, target: TargetId) -> Vec<u8> {
    [&of_account(day, account)[..], &target.0.to_be_bytes()].concat()
}

/// The day that a row is of.
fn day_of(key: &[u8]) -> Option<i32> {
    key.first_chunk().and_then(|day| i32::try_from(u32::from_be_bytes(*day)).ok())
}
