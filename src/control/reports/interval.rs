//! How sure a difference of two shares is.

/// The normal distribution's 97.5th percentile: 95 in 100 lie between it and its negative.
const Z: f64 = 1.959_963_984_540_054;

/// So many of so many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Share {
    pub(super) part: u64,
    pub(super) whole: u64,
}

impl Share {
    #[expect(clippy::cast_precision_loss, reason = "counts of devices are far below 2^53")]
    fn of(self) -> (f64, f64) {
        debug_assert!(self.part <= self.whole, "a part of its whole: {self:?}");
        let whole = self.whole as f64;
        (self.part as f64 / whole, whole)
    }

    /// Wilson's score interval.
    fn wilson(self) -> (f64, f64) {
        let (share, whole) = self.of();
        let middle = share + Z * Z / (2.0 * whole);
        let spread = Z * (share * (1.0 - share) / whole + Z * Z / (4.0 * whole * whole)).sqrt();
        let scale = 1.0 + Z * Z / whole;
        ((middle - spread) / scale, (middle + spread) / scale)
    }
}

/// The first share less the second, and the 95 % interval of that: Newcombe's hybrid score interval without correction
/// (method 10 of R. G. Newcombe, Interval estimation for the difference between independent proportions, Statistics
/// in Medicine 17, 1998, 873–890). `None` where one of them is of nothing.
pub(super) fn difference(one: Share, other: Share) -> Option<(f64, (f64, f64))> {
    if one.whole == 0 || other.whole == 0 {
        return None;
    }
    let ((p, _), (q, _)) = (one.of(), other.of());
    let ((p_low, p_high), (q_low, q_high)) = (one.wilson(), other.wilson());
    let difference = p - q;
    let below = (p - p_low).hypot(q_high - q);
    let above = (p_high - p).hypot(q - q_low);
    Some((difference, (difference - below, difference + above)))
}
