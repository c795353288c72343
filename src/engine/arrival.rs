//! How a fix relates to its device's past: the next one, the first after a gap, late, a repeat, a jump.
//!
//! Pure rules on two fixes and a policy; the partition acts on the verdict.

use crate::domain::fix::Fix;
use crate::domain::policy::Policy;
use crate::domain::reasons::RejectReason;
use crate::domain::units::{EARTH_RADIUS_M, PointE7, UtcMs};
use crate::geo::circle::distance_m;

use super::device::{Anchor, Row};

/// What to do with a fix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arrival {
    /// It follows the device's last fix.
    Next,
    /// The first of the device, or the first after a gap or a confirmed jump: stays end at the last fix.
    Anew,
    /// It lies before the device's last fix: nothing may be pushed.
    Late,
    /// Refused, and remembered as where the device may have jumped to.
    Jumped,
    /// Refused.
    Refused(RejectReason),
}

/// Judges `fix` by what is known of its device.
pub(crate) fn judge(row: &Row, anchor: Option<&Anchor>, fix: &Fix, policy: &Policy) -> Arrival {
    if row.fixed_at == UtcMs::MIN {
        return Arrival::Anew;
    }
    let elapsed_ms = fix.fixed_at.since(row.fixed_at);
    let gap_ms = i64::from(policy.gap_s) * 1000;
    if !row.placed() && elapsed_ms.abs() <= gap_ms {
        // Only hints came so far, by a way of their own: the first fix may well lie behind the newest.
        return Arrival::Next;
    }
    if elapsed_ms == 0 {
        return Arrival::Refused(RejectReason::Duplicate);
    }
    if elapsed_ms < -i64::from(policy.lateness_s) * 1000 {
        return Arrival::Refused(RejectReason::TooLate);
    }
    if elapsed_ms < 0 {
        return Arrival::Late;
    }
    if elapsed_ms > gap_ms {
        return Arrival::Anew;
    }
    let last = Anchor { at: row.at, fixed_at: row.fixed_at, accuracy_m: row.accuracy_m };
    if !is_jump(&last, fix, policy) {
        return Arrival::Next;
    }
    match anchor {
        Some(anchor) if agrees(anchor, fix, policy) => Arrival::Anew,
        _ => Arrival::Jumped,
    }
}

/// Two jump rejects agree when the device could have come from the one to the other.
fn agrees(anchor: &Anchor, fix: &Fix, policy: &Policy) -> bool {
    fix.fixed_at > anchor.fixed_at && !is_jump(anchor, fix, policy)
}

/// Whether the device would have had to move faster than the policy allows, both fixes being as wrong as
/// their accuracy says.
fn is_jump(from: &Anchor, to: &Fix, policy: &Policy) -> bool {
    let slack_m = f64::from(from.accuracy_m) + f64::from(to.accuracy_m);
    #[expect(clippy::cast_precision_loss, reason = "below gap_s, far within 53 bits")]
    let elapsed_s = to.fixed_at.since(from.fixed_at) as f64 / 1000.0;
    let reach_m = f64::from(policy.max_speed_kmh) / 3.6 * elapsed_s + slack_m;
    detour_m(from.at, to.at) > reach_m && distance_m(from.at, to.at) > reach_m
}

/// A way along a meridian and a parallel: never shorter than the distance, and it costs no sine.
fn detour_m(a: PointE7, b: PointE7) -> f64 {
    const METRES_PER_E7: f64 = EARTH_RADIUS_M * std::f64::consts::PI / 180.0 / 1e7;
    let lat = f64::from(a.lat.abs_diff(b.lat));
    let lon = f64::from(a.lon.abs_diff(b.lon));
    (lat + lon.min(3.6e9 - lon)) * METRES_PER_E7
}
