//! What a look-up gives: a small value that stands for the set of targets around a point.

/// The set of targets that contain a point, as a tile, a group of it and a mask: 16 bytes.
///
/// Under one index, equal values mean equal sets. Unequal values may still mean equal sets in two groups;
/// [`changes`](super::IndexView::changes) then finds none.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Contained {
    /// The tile's number.
    pub(super) tile: u32,
    /// The group's offset; the top bit marks a wide one.
    pub(super) group: u32,
    /// Which of the group's undecided targets contain the point; the point itself for a wide group.
    pub(super) mask: u64,
}

impl Contained {
    /// No target at all, under any index: what a device has before its first fix.
    pub const NONE: Self = Self { tile: NO_TILE, group: 0, mask: 0 };

    /// Set in a group whose mask is the point.
    pub(super) const WIDE: u32 = 1 << 31;

    /// The group's offset, without the mark.
    #[inline]
    pub(super) const fn offset(self) -> u32 {
        self.group & !Self::WIDE
    }

    /// Whether both are of one group, so that their masks tell the difference.
    #[inline]
    #[must_use]
    pub const fn same_group(self, other: Self) -> bool {
        self.tile == other.tile && self.group == other.group && self.group & Self::WIDE == 0
    }

    /// As four words, for tables that keep one per device.
    #[inline]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the mask is cut in its halves")]
    pub const fn to_words(self) -> [u32; 4] {
        [self.tile, self.group, self.mask as u32, (self.mask >> 32) as u32]
    }

    /// From [`to_words`](Self::to_words).
    #[inline]
    #[must_use]
    pub const fn from_words([tile, group, low, high]: [u32; 4]) -> Self {
        Self { tile, group, mask: low as u64 | (high as u64) << 32 }
    }
}

/// One more than the number of any tile.
pub(super) const NO_TILE: u32 = u32::MAX;
