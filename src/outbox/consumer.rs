//! A named durable consumer: whose it is, what it wants, how far it has come, and what it was handed when.
//!
//! The outbox thread alone changes consumers, durably; readers look at copies.
//!
//! **Jobs that come too late.** Whether a job leaves as a job or as an `expired` event is decided for each
//! consumer once, at its first hand-out, by the clock of that moment. The decision is durable before the job
//! leaves: the consumer keeps a [`HandOut`] (up to which offset, at what instant), and every redelivery until
//! the ack is decided by that instant again. So no consumer is ever given the same job both ways.

use std::fmt;

use crate::domain::ids::AccountId;
use crate::domain::units::UtcMs;

use super::record::RecordKind;

/// Who may use a consumer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Owner {
    /// The daemon itself (a relay): it sees every account's records.
    Operator,
    /// An account: it sees its own records alone.
    Account(AccountId),
}

impl Owner {
    /// Whether this owner may see a record of `account`.
    #[must_use]
    pub fn sees(self, account: AccountId) -> bool {
        match self {
            Self::Operator => true,
            Self::Account(own) => own == account,
        }
    }
}

/// The name of a consumer: 1 to 64 of `a–z`, `0–9`, `-`, `_` and `.`, the first a letter or digit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConsumerName(String);

impl ConsumerName {
    /// The longest name, bytes.
    pub const MAX_LEN: usize = 64;

    /// Checks a name.
    ///
    /// # Errors
    /// [`NotAName`] with the offending text.
    pub fn parse(text: &str) -> Result<Self, NotAName> {
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = text.as_bytes();
        let ok = bytes.len() <= Self::MAX_LEN
            && bytes.first().is_some_and(|&first| letter(first))
            && bytes.iter().all(|&byte| letter(byte) || b"-_.".contains(&byte));
        if ok { Ok(Self(text.to_owned())) } else { Err(NotAName { text: text.to_owned() }) }
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConsumerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that can't name a consumer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} can't name a consumer: use 1 to {max} of a-z, 0-9, '-', '_' and '.', beginning with a letter or digit",
    max = ConsumerName::MAX_LEN
)]
pub struct NotAName {
    /// What was written.
    pub text: String,
}

/// A consumer's name within its owner.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConsumerKey {
    /// Whose it is.
    pub owner: Owner,
    /// Its name.
    pub name: ConsumerName,
}

impl fmt::Display for ConsumerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.owner {
            Owner::Operator => write!(f, "{}", self.name),
            Owner::Account(account) => write!(f, "{} of account {account}", self.name),
        }
    }
}

impl ConsumerKey {
    /// Its key in the store: an owner tag, the account, the name.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let (tag, account) = match self.owner {
            Owner::Operator => (0, AccountId(0)),
            Owner::Account(account) => (1, account),
        };
        let mut bytes = vec![tag];
        bytes.extend(account.0.to_be_bytes());
        bytes.extend(self.name.0.as_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&[tag, a, b, c, d], name) = bytes.split_first_chunk()?;
        let owner = match tag {
            0 => Owner::Operator,
            1 => Owner::Account(AccountId(u32::from_be_bytes([a, b, c, d]))),
            _ => return None,
        };
        let name = ConsumerName::parse(std::str::from_utf8(name).ok()?).ok()?;
        Some(Self { owner, name })
    }
}

/// Which kinds of records a consumer wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Filter(u16);

impl Filter {
    /// Every kind.
    pub const ALL: Self = Self((1 << RecordKind::ALL.len()) - 1);

    /// These kinds; `None` if there is none among them.
    #[must_use]
    pub fn of(kinds: &[RecordKind]) -> Option<Self> {
        let bits = kinds.iter().fold(0, |bits, kind| bits | 1 << kind.number());
        (bits != 0).then_some(Self(bits))
    }

    /// Whether it wants this kind.
    #[must_use]
    pub fn has(self, kind: RecordKind) -> bool {
        self.0 & (1 << kind.number()) != 0
    }

    /// The kinds it wants.
    pub fn kinds(self) -> impl Iterator<Item = RecordKind> {
        RecordKind::ALL.into_iter().filter(move |&kind| self.has(kind))
    }

    /// Whether what became of a job matters to it.
    pub(super) fn wants_jobs(self) -> bool {
        self.has(RecordKind::PushJob) || self.has(RecordKind::Expired)
    }
}

/// When jobs were first handed out: those after the previous hand-out and up to `through`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HandOut {
    /// The last offset it covers.
    pub through: u64,
    /// The clock that decided which of its jobs were too late.
    pub decided_at: UtcMs,
}

/// Hand-outs a consumer may have without an ack: 16 KiB. One more comes only with new jobs, so a consumer that
/// acks what it read never has more than a few.
pub const MAX_HAND_OUTS: usize = 1024;

/// The state of a consumer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Consumer {
    /// All records up to this offset are done with.
    pub acked: u64,
    /// What it wants.
    pub filter: Filter,
    /// When it was created.
    pub created_at: UtcMs,
    /// When it last asked or acknowledged.
    pub seen_at: UtcMs,
    /// How long the daemon has run since then, over all its starts, ms.
    pub idle_ms: u64,
    /// Hand-outs after `acked`, ascending by offset.
    pub hand_outs: Vec<HandOut>,
}

/// The version of a consumer's bytes.
pub(super) const CONSUMER_VERSION: u8 = 1;

/// Why bytes are no consumer that we know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NoConsumer {
    /// A newer release wrote them.
    Newer(u8),
    Malformed,
}

impl Consumer {
    /// The last offset whose jobs are decided.
    #[must_use]
    pub fn decided_through(&self) -> u64 {
        self.hand_outs.last().map_or(self.acked, |last| last.through.max(self.acked))
    }

    /// When the job at `offset` was first handed out; `None` if it was not.
    #[must_use]
    pub fn decided_at(&self, offset: u64) -> Option<UtcMs> {
        let place = self.hand_outs.partition_point(|hand_out| hand_out.through < offset);
        self.hand_outs.get(place).map(|hand_out| hand_out.decided_at)
    }

    /// Notes that jobs up to `through` were handed out at `decided_at`, unless they had been before.
    pub(super) fn hand_out(&mut self, hand_out: HandOut) {
        if hand_out.through <= self.decided_through() {
            return;
        }
        match self.hand_outs.last_mut() {
            Some(last) if last.decided_at == hand_out.decided_at => last.through = hand_out.through,
            Some(_) | None => self.hand_outs.push(hand_out),
        }
    }

    /// Done with everything up to `offset`; an offset before the last one changes nothing.
    pub(super) fn ack(&mut self, offset: u64) {
        self.acked = self.acked.max(offset);
        self.hand_outs.retain(|hand_out| hand_out.through > self.acked);
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![CONSUMER_VERSION];
        bytes.extend(self.filter.0.to_le_bytes());
        bytes.extend(self.acked.to_le_bytes());
        bytes.extend(self.created_at.0.to_le_bytes());
        bytes.extend(self.seen_at.0.to_le_bytes());
        bytes.extend(self.idle_ms.to_le_bytes());
        for hand_out in &self.hand_outs {
            bytes.extend(hand_out.through.to_le_bytes());
            bytes.extend(hand_out.decided_at.0.to_le_bytes());
        }
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, NoConsumer> {
        match bytes.split_first() {
            Some((&CONSUMER_VERSION, rest)) => Self::parse(rest).ok_or(NoConsumer::Malformed),
            Some((&newer, _)) if newer > CONSUMER_VERSION => Err(NoConsumer::Newer(newer)),
            Some(_) | None => Err(NoConsumer::Malformed),
        }
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (&[low, high], rest) = bytes.split_first_chunk()?;
        let filter = Filter(u16::from_le_bytes([low, high]));
        if filter.0 == 0 || filter.0 & !Filter::ALL.0 != 0 {
            return None;
        }
        let (words, []) = rest.as_chunks::<8>() else { return None };
        let (&[acked, created_at, seen_at, idle_ms], words) = words.split_first_chunk()?;
        let (pairs, []) = words.as_chunks::<2>() else { return None };
        let hand_outs = pairs.iter().map(|&[through, decided_at]| HandOut {
            through: u64::from_le_bytes(through),
            decided_at: UtcMs(i64::from_le_bytes(decided_at)),
        });
        let hand_outs: Vec<_> = hand_outs.collect();
        let ascending = hand_outs.is_sorted_by(|a, b| a.through < b.through);
        (ascending && hand_outs.len() <= MAX_HAND_OUTS).then(|| Self {
            acked: u64::from_le_bytes(acked),
            filter,
            created_at: UtcMs(i64::from_le_bytes(created_at)),
            seen_at: UtcMs(i64::from_le_bytes(seen_at)),
            idle_ms: u64::from_le_bytes(idle_ms),
            hand_outs,
        })
    }
}
