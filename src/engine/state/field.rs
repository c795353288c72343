//! How each type of the state is written and read: one rule per type, composed.

use crate::domain::campaign::RunMode;
use crate::domain::decision::{Transition, VisitEnd};
use crate::domain::ids::{
    AccountId, AppId, CampaignId, Epoch, FrameSeq, InputSeq, InstanceId, PlaceId, SnapshotHash,
    StreamNo, TargetId,
};
use crate::domain::input::LimitId;
use crate::domain::reasons::SuppressReason;
use crate::domain::report::{HintVerdict, Platform};
use crate::domain::units::{PointE7, UtcMs};
use crate::engine::device::{
    Anchor, DayPushes, Hint, Night, Phase, ProfileNote, Stay, Trigger, UsedBucket, VisitNote,
};
use crate::engine::grants::GrantState;

/// Bytes that are no state of this format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the state is damaged at byte {offset}: expected {expected}; use the checkpoint before it")]
pub struct Damaged {
    /// Where.
    pub offset: usize,
    /// What should have stood there.
    pub expected: String,
}

/// Walks over the bytes of a state.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn damaged(&self, expected: &str) -> Damaged {
        Damaged { offset: self.at, expected: expected.to_owned() }
    }

    pub(super) fn bytes(&mut self, len: usize) -> Result<&'a [u8], Damaged> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..len).ok_or_else(|| self.damaged("more bytes"))?;
        self.at += len;
        Ok(taken)
    }

    /// The length of a list whose entries take at least `entry_len` bytes: never more than can follow, so a
    /// damaged length asks for no memory.
    pub(super) fn len(&mut self, entry_len: usize) -> Result<usize, Damaged> {
        let len = u32::take(self)? as usize;
        if len > (self.bytes.len() - self.at) / entry_len {
            return Err(self.damaged("a list no longer than what follows"));
        }
        Ok(len)
    }

    pub(super) fn finish(self) -> Result<(), Damaged> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.damaged("the end")) }
    }
}

/// The length of a list as it is written.
pub(super) fn list_len(len: usize) -> u32 {
    u32::try_from(len).expect("no list of a partition reaches 4 billion entries")
}

/// A type that can be written and read.
pub(super) trait Field: Sized {
    fn put(&self, out: &mut Vec<u8>);
    fn take(reader: &mut Reader<'_>) -> Result<Self, Damaged>;
}

macro_rules! little_endian {
    ($($number:ty),*) => { $(
        impl Field for $number {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            fn take(reader: &mut Reader<'_>) -> Result<Self, Damaged> {
                Ok(Self::from_le_bytes(<[u8; size_of::<$number>()]>::take(reader)?))
            }
        }
    )* };
}
little_endian!(u8, u16, u32, u64, i32, i64);

impl<const LEN: usize> Field for [u8; LEN] {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
    fn take(reader: &mut Reader<'_>) -> Result<Self, Damaged> {
        let bytes = reader.bytes(LEN)?;
        bytes.try_into().map_err(|_wrong_len| reader.damaged("more bytes"))
    }
}

macro_rules! wrapped {
    ($($name:ident($inner:ty)),*) => { $(
        impl Field for $name {
            fn put(&self, out: &mut Vec<u8>) { self.0.put(out); }
            fn take(reader: &mut Reader<'_>) -> Result<Self, Damaged> { Ok(Self(Field::take(reader)?)) }
        }
    )* };
}
wrapped!(
    AccountId(u32),
    AppId(u32),
    CampaignId(u32),
    TargetId(u32),
    PlaceId(u32),
    StreamNo(u32),
    Epoch(u64),
    InputSeq(u64),
    FrameSeq(u64),
    UtcMs(i64),
    InstanceId([u8; 16]),
    SnapshotHash([u8; 32])
);

macro_rules! record {
    ($($name:ident { $($field:ident),* })*) => { $(
        impl Field for $name {
            fn put(&self, out: &mut Vec<u8>) { $(self.$field.put(out);)* }
            fn take(reader: &mut Reader<'_>) -> Result<Self, Damaged> {
                Ok(Self { $($field: Field::take(reader)?),* })
            }
        }
    )* };
}
record! {
    PointE7 { lat, lon }
    Stay { target, began, entered_at, next_dwell_s, outside, inside, seen_in, hinted_s }
    UsedBucket { campaign, mode, span, keep_until }
    Hint { place, verdict, fixed_at }
    VisitNote {
        target, place, revision, first_entered_at, entered_at, outside_before, inside_at, outside_after, hinted_at,
        ended_by, confidence_pct, cell
    }
    Night { cell, last, nights }
    Anchor { at, fixed_at, accuracy_m }
    ProfileNote { echo, platform, ads_consent, night_consent, heard_at }
    DayPushes { day, count }
    GrantState { limit, granted, left, touched_at }
}

macro_rules! numbered {
    ($($name:ident { $($variant:ident = $number:literal),* })*) => { $(
        impl Field for $name {
            fn put(&self, out: &mut Vec<u8>) {
                match self { $(Self::$variant => $number as u8),* }.put(out);
            }
            fn take(reader: &mut Reader<'_>) -> Result<Self, Damaged> {
                match u8::take(reader)? {
                    $($number => Ok(Self::$variant),)*
                    _ => Err(reader.damaged(concat!("a ", stringify!($name)))),
                }
            }
        }
    )* };
}
numbered! {
    RunMode { Testing = 1, Running = 2 }
    Transition { Enter = 1, Dwell = 2, Exit = 3 }
    VisitEnd { Exit = 1, Silence = 2, FenceRemoved = 3 }
    HintVerdict { Enter = 1, Leave = 2, Nearby = 3 }
    Platform { Unknown = 0, Android = 1, Ios = 2 }
}

/// Beside a trigger's phase: it is of a test. States of earlier releases do not tell, and say of the real run.
const OF_TEST: u8 = 1 << 7;

impl Field for Trigger {
    fn put(&self, out: &mut Vec<u8>) {
        (self.campaign, self.target, self.made_in).put(out);
        let phase = out.len();
        (self.phase as u8).put(out);
        if self.mode == RunMode::Testing {
            out[phase] |= OF_TEST;
        }
        (self.transition, self.stopped_by).put(out);
        (self.due_at, self.since).put(out);
    }
    fn take(reader: &mut Reader<'_>) -> Result<Self, Damaged> {
        let (campaign, target, made_in) = Field::take(reader)?;
        let phase = u8::take(reader)?;
        let mode = if phase & OF_TEST == 0 { RunMode::Running } else { RunMode::Testing };
        let phase =
            Phase::from_number(phase & !OF_TEST).ok_or_else(|| reader.damaged("a Phase"))?;
        let (transition, stopped_by) = Field::take(reader)?;
        let (due_at, since) = Field::take(reader)?;
        Ok(Self { campaign, target, made_in, phase, transition, mode, stopped_by, due_at, since })
    }
}

impl Field for bool {
    fn put(&self, out: &mut Vec<u8>) {
        u8::from(*self).put(out);
    }
    fn take(reader: &mut Reader<'_>) -> Result<Self, Damaged> {
        match u8::take(reader)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(reader.damaged("0 or 1")),
        }
    }
}

impl<T: Field> Field for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }
    fn take(reader: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(if bool::take(reader)? { Some(T::take(reader)?) } else { None })
    }
}

impl<A: Field, B: Field> Field for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }
    fn take(reader: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok((A::take(reader)?, B::take(reader)?))
    }
}

impl<A: Field, B: Field, C: Field> Field for (A, B, C) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
        self.2.put(out);
    }
    fn take(reader: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok((A::take(reader)?, B::take(reader)?, C::take(reader)?))
    }
}

impl<T: Field> Field for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        list_len(self.len()).put(out);
        self.iter().for_each(|entry| entry.put(out));
    }
    fn take(reader: &mut Reader<'_>) -> Result<Self, Damaged> {
        (0..reader.len(1)?).map(|_| T::take(reader)).collect()
    }
}

impl Field for SuppressReason {
    fn put(&self, out: &mut Vec<u8>) {
        self.number().put(out);
    }
    fn take(reader: &mut Reader<'_>) -> Result<Self, Damaged> {
        let number = u8::take(reader)?;
        Self::from_number(number).ok_or_else(|| reader.damaged("a suppress reason"))
    }
}

impl Field for LimitId {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Month { account, month } => {
                1u8.put(out);
                account.put(out);
                month.put(out);
            }
            Self::Campaign { account, campaign } => {
                2u8.put(out);
                account.put(out);
                campaign.put(out);
            }
        }
    }
    fn take(reader: &mut Reader<'_>) -> Result<Self, Damaged> {
        match u8::take(reader)? {
            1 => Ok(Self::Month { account: Field::take(reader)?, month: Field::take(reader)? }),
            2 => {
                Ok(Self::Campaign { account: Field::take(reader)?, campaign: Field::take(reader)? })
            }
            _ => Err(reader.damaged("a limit")),
        }
    }
}
