//! Uses of the location of people, as the catalog keeps them: beside the audit log, which has changes.

use crate::domain::ids::AccountId;
use crate::domain::units::UtcMs;

/// What the location of people was used for. Numbers are durable and never reused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Purpose {
    /// To say why one device got a push or not.
    Explain = 1,
    /// To count who came to a store after a campaign.
    VisitReport = 2,
    /// To count whom a visit history would give, before there is a segment.
    SegmentPreview = 3,
    /// To find the users of a segment by visit history.
    Segment = 4,
    /// To try a campaign against recorded pings.
    Backtest = 5,
    /// To hand visits to a consumer of the queue.
    Visits = 6,
}

impl Purpose {
    /// Every purpose, in the order of its number.
    pub const ALL: [Self; 6] = [
        Self::Explain,
        Self::VisitReport,
        Self::SegmentPreview,
        Self::Segment,
        Self::Backtest,
        Self::Visits,
    ];

    /// What it is called.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Explain => "explain",
            Self::VisitReport => "visit_report",
            Self::SegmentPreview => "segment_preview",
            Self::Segment => "segment",
            Self::Backtest => "backtest",
            Self::Visits => "visits",
        }
    }

    /// The purpose with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| *purpose as u8 == number)
    }

    /// The purpose that is called so.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.label() == label)
    }
}

/// One use of the location of people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocationUse {
    /// Its number; 0 until it is kept.
    pub seq: u64,
    /// Whose users they are.
    pub account: AccountId,
    /// When.
    pub at: UtcMs,
    /// Under which token, by which command of the operator, or by what of the daemon's own.
    pub by: String,
    /// What for.
    pub purpose: Purpose,
    /// The keyed hash of the device, where it was one alone.
    pub device: Option<u64>,
    /// What it was about: a document.
    pub about: String,
}

/// Which uses are asked for, the newest first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UseQuery {
    /// Whose.
    pub account: AccountId,
    /// Only those before this number.
    pub before: u64,
    /// Only those for this.
    pub purpose: Option<Purpose>,
    /// Only those of this device alone.
    pub device: Option<u64>,
    /// From the first instant up to, not with, the second.
    pub span: (UtcMs, UtcMs),
    /// At most so many.
    pub limit: u32,
}
