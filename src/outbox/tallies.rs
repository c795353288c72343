//! Tallies on their way from the shards to the [figures](super::derived): rows of items of one fixed size.
//!
//! A row holds some of one batch of the outbox thread, all of each input, under the next number; whoever keeps figures takes them in
//! that order and removes them. Devices are in here by their keyed hash alone.

use crate::domain::ids::{AccountId, AppId, CampaignId, InputPosition, InputSeq, PartitionId};
use crate::domain::reasons::SuppressReason;
use crate::domain::tally::{Fact, Tally};
use crate::domain::units::{DAY_MS, UtcMs};
use crate::identity::Sealer;

/// The first byte of each row.
const ROW_VERSION: u8 = 1;

/// Bytes of an item.
const ITEM: usize = 32;

const WITHHELD: u8 = 1;
const SEEN: u8 = 2;

/// A quarter of an hour, the grain of figures: every local day and hour of today's time zones begins with one. Counted
/// from 1970.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Quarter(pub u32);

/// How long one lasts.
const QUARTER_MS: i64 = 15 * 60_000;

impl Quarter {
    /// The one that an instant lies in; instants before 1970 are in the first.
    #[must_use]
    pub fn of(at: UtcMs) -> Self {
        let quarters = at.0.div_euclid(QUARTER_MS);
        Self(u32::try_from(quarters.max(0)).unwrap_or(u32::MAX))
    }

    /// When it begins.
    #[must_use]
    pub fn begins_at(self) -> UtcMs {
        UtcMs(i64::from(self.0) * QUARTER_MS)
    }
}

/// A tally as it is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TallyItem {
    /// The input that caused it.
    pub position: InputPosition,
    /// Whose it is.
    pub account: AccountId,
    /// What is counted.
    pub counted: Counted,
}

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counted {
    /// A trigger closed without a job.
    Withheld {
        /// Its campaign.
        campaign: CampaignId,
        /// Why.
        reason: SuppressReason,
        /// When.
        quarter: Quarter,
    },
    /// A device was seen.
    Seen {
        /// Through which app.
        app: AppId,
        /// The device's keyed hash.
        member: u64,
        /// The day, UTC, counted from 1970.
        day: u32,
    },
}

impl TallyItem {
    /// A tally of the engine, its device hashed.
    #[must_use]
    pub fn of(tally: &Tally, sealer: &Sealer) -> Self {
        let position = tally.position;
        match tally.fact {
            Fact::Withheld { account, campaign, reason, at } => {
                let counted = Counted::Withheld { campaign, reason, quarter: Quarter::of(at) };
                Self { position, account, counted }
            }
            Fact::Seen { device, app, at } => {
                let day = u32::try_from(at.utc_day().max(0)).unwrap_or(u32::MAX);
                let counted = Counted::Seen { app, member: sealer.member(device.device), day };
                Self { position, account: device.account, counted }
            }
        }
    }

    /// When it was, as far as it is known: when its quarter, or its day, began.
    #[must_use]
    pub fn at(&self) -> UtcMs {
        match self.counted {
            Counted::Withheld { quarter, .. } => quarter.begins_at(),
            Counted::Seen { day, .. } => UtcMs(i64::from(day) * DAY_MS),
        }
    }

    fn put(&self, out: &mut Vec<u8>) {
        let (kind, reason, of, member, when) = match self.counted {
            Counted::Withheld { campaign, reason, quarter } => {
                (WITHHELD, reason.number(), campaign.0, 0, quarter.0)
            }
            Counted::Seen { app, member, day } => (SEEN, 0, app.0, member, day),
        };
        out.extend([kind, reason, self.position.partition.0, 0]);
        out.extend(self.account.0.to_le_bytes());
        out.extend(self.position.seq.0.to_le_bytes());
        out.extend(of.to_le_bytes());
        out.extend(when.to_le_bytes());
        out.extend(member.to_le_bytes());
    }

    fn read(item: &[u8; ITEM]) -> Option<Self> {
        let [kind, reason, partition, 0, rest @ ..] = item else { return None };
        let (account, rest) = rest.split_first_chunk()?;
        let (seq, rest) = rest.split_first_chunk()?;
        let (of, rest) = rest.split_first_chunk()?;
        let (when, member) = rest.split_first_chunk()?;
        let (of, when) = (u32::from_le_bytes(*of), u32::from_le_bytes(*when));
        let member = u64::from_le_bytes(member.try_into().ok()?);
        let counted = match *kind {
            WITHHELD => Counted::Withheld {
                campaign: CampaignId(of),
                reason: SuppressReason::from_number(*reason)?,
                quarter: Quarter(when),
            },
            SEEN => Counted::Seen { app: AppId(of), member, day: when },
            _ => return None,
        };
        let seq = InputSeq(u64::from_le_bytes(*seq));
        let position = InputPosition { partition: PartitionId(*partition), seq };
        Some(Self { position, account: AccountId(u32::from_le_bytes(*account)), counted })
    }
}

/// A row of the items.
pub(super) fn encode(items: &[TallyItem], out: &mut Vec<u8>) {
    out.push(ROW_VERSION);
    items.iter().for_each(|item| item.put(out));
}

/// The items of a row; `None` for what [`encode`] never writes.
pub(super) fn decode(row: &[u8]) -> Option<Vec<TallyItem>> {
    let [ROW_VERSION, items @ ..] = row else { return None };
    let (items, []) = items.as_chunks::<ITEM>() else { return None };
    items.iter().map(TallyItem::read).collect()
}
