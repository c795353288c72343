//! Acks: up to which frame everything is safe, and what was refused on the way.

use super::bytes::{Fields, put};
use super::header::{FrameKind, Header};
use crate::domain::ids::{AppId, FrameSeq, StreamNo};
use crate::domain::reasons::{RejectCounts, RejectReason};
use crate::domain::units::UtcMs;

/// The size of one count in an ack.
pub const ACK_ENTRY_BYTES: usize = 16;

/// The longest body of an ack: more reasons than there will be.
pub const MAX_ACK_BODY_BYTES: usize = 64 * ACK_ENTRY_BYTES;

/// Everything up to a frame is on stable storage and stepped over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ack {
    /// Whose frames.
    pub stream: StreamNo,
    /// The highest sequence up to which all is safe.
    pub upto: FrameSeq,
    /// Records refused since the ack before this one, by reason. Those applied before a reconnect count
    /// under [`RejectReason::Resent`].
    pub rejects: RejectCounts,
    /// Records refused under reasons that this side does not know yet.
    pub unknown: u64,
}

impl Ack {
    /// Reads the counts of an ack. Reasons that a newer daemon may have are added up in `unknown`, and what it
    /// may put into the reserved bytes is passed over.
    pub(super) fn decode(header: &Header, body: &[u8]) -> Self {
        let mut ack = Self {
            stream: header.stream,
            upto: header.seq,
            rejects: RejectCounts::default(),
            unknown: 0,
        };
        for entry in body.as_chunks::<ACK_ENTRY_BYTES>().0 {
            let slot = ack.slot(entry.u16_at(0));
            *slot = slot.saturating_add(entry.u64_at(8));
        }
        ack
    }

    /// Appends the ack: one entry for each reason that has a count, in the order of their numbers.
    pub fn encode(&self, into: &mut Vec<u8>) {
        let refused = RejectReason::ALL
            .iter()
            .map(|reason| (*reason, self.rejects[usize::from(reason.number())]))
            .filter(|&(_, count)| count > 0);
        let entries = u16::try_from(refused.clone().count()).unwrap_or(u16::MAX);
        Header {
            kind: FrameKind::Ack,
            records: entries,
            body_bytes: u32::from(entries) * 16,
            seq: self.upto,
            app: AppId(0),
            stream: self.stream,
            base: UtcMs(0),
        }
        .encode(into);
        for (reason, count) in refused {
            let mut entry = [0; ACK_ENTRY_BYTES];
            put(&mut entry, 0, &u16::from(reason.number()).to_le_bytes());
            put(&mut entry, 8, &count.to_le_bytes());
            into.extend_from_slice(&entry);
        }
    }

    fn slot(&mut self, number: u16) -> &mut u64 {
        let known = u8::try_from(number).ok().and_then(RejectReason::from_number);
        match known {
            Some(reason) => &mut self.rejects[usize::from(reason.number())],
            None => &mut self.unknown,
        }
    }
}
