//! Whether a rectangle of coordinates lies wholly inside or wholly outside a circle.
//!
//! The index asks this of its cells. An answer of inside or outside is proven for every point of the
//! rectangle, whatever the rounding; when in doubt it is [`Cover::Boundary`], and the points get tested.
//!
//! Four times the haversine is A + k·B, with A = 4 sin²(Δφ/2), B = 4 sin²(Δλ/2) and k = cos φ₁ · cos φ₂.
//! Over a rectangle, A depends on the latitude alone and B on the longitude alone, so bounds of the three
//! bound the whole.

use crate::domain::units::{E7, EARTH_RADIUS_M, HALF_TURN_E7, PointE7, QUARTER_TURN_E7};

/// How a shape and a cell lie to each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cover {
    /// Every point of the cell is inside the shape.
    Inside,
    /// No point of the cell is.
    Outside,
    /// Neither is proven.
    Boundary,
}

/// A closed rectangle in coordinate units; longitudes unwrapped, `west` ≤ `east`, `south` ≤ `north`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rect {
    /// Least longitude.
    pub west: i64,
    /// Greatest longitude.
    pub east: i64,
    /// Least latitude.
    pub south: i64,
    /// Greatest latitude.
    pub north: i64,
}

/// The range of cos φ over a range of latitudes: what cells of one row share.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CosRange {
    low: f64,
    high: f64,
}

/// A circle made ready for many rectangles.
#[derive(Clone, Copy, Debug)]
pub struct CircleCover {
    center: PointE7,
    cos_lat: f64,
    /// 4 sin²(ρ/2) of the angular radius ρ: what A + k·B is compared with.
    pub limit: f64,
}

/// Bounds of A, B and k over a rectangle; radians squared.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Bounds of 4 sin²(Δφ/2).
    pub a: (f64, f64),
    /// Bounds of 4 sin²(Δλ/2).
    pub b: (f64, f64),
    /// Bounds of cos φ₁ · cos φ₂.
    pub k: (f64, f64),
}

/// Rounding of the bounds and of the exact test both stay below this share of the limit, or below
/// [`ABSOLUTE`] where angles are tiny.
const RELATIVE: f64 = 1e-9;

/// The exact test subtracts coordinates after turning them into radians, so distances carry an error of up
/// to 5e-16 rad; times twice the distance that stays below `RELATIVE` · limit plus this (rad²).
const ABSOLUTE: f64 = 1e-21;

impl CircleCover {
    /// `None` when the circle contains nothing: its radius is negative or not a number.
    #[must_use]
    pub fn new(center: PointE7, radius_m: f64) -> Option<Self> {
        if radius_m.is_nan() || radius_m < 0.0 {
            return None;
        }
        let half_angle = (radius_m / EARTH_RADIUS_M).min(std::f64::consts::PI) / 2.0;
        let sin = libm::sin(half_angle);
        // At half the globe and more, every point is inside: the limit is past the greatest chord.
        let limit = if half_angle * 2.0 >= std::f64::consts::PI { 5.0 } else { 4.0 * sin * sin };
        let cos_lat = libm::cos(center.lat_deg().to_radians());
        Some(Self { center, cos_lat, limit })
    }

    /// How the circle and the rectangle, with the range of its cosines, lie to each other.
    #[must_use]
    pub fn classify(&self, rect: Rect, cos: CosRange) -> Cover {
        let Terms { a, b, k } = self.terms(rect, cos);
        let slack = RELATIVE * self.limit + ABSOLUTE;
        if a.0 + k.0 * b.0 > self.limit + slack {
            Cover::Outside
        } else if a.1 + k.1 * b.1 < self.limit - slack {
            Cover::Inside
        } else {
            Cover::Boundary
        }
    }

    /// Bounds of the three terms over the rectangle.
    #[must_use]
    pub fn terms(&self, rect: Rect, CosRange { low, high }: CosRange) -> Terms {
        // Beyond a pole there are no points, and past 180° a chord would shrink again.
        let pole = i64::from(QUARTER_TURN_E7);
        let [south, north] =
            [rect.south, rect.north].map(|lat| lat.clamp(-pole, pole) - self.lat());
        let near_lat = if south <= 0 && north >= 0 { 0 } else { south.abs().min(north.abs()) };
        let far_lat = south.abs().max(north.abs());
        let (near_lon, far_lon) = turn_range(rect.west - self.lon(), rect.east - self.lon());
        Terms {
            a: (chord_low(near_lat), chord_high(far_lat)),
            b: (chord_low(near_lon), chord_high(far_lon)),
            k: (self.cos_lat * low * (1.0 - RELATIVE), self.cos_lat * high * (1.0 + RELATIVE)),
        }
    }

    /// The rectangle around the circle; longitudes may leave ±180°, and span 360° if it holds a pole.
    #[must_use]
    pub fn bounds(&self) -> Rect {
        let half_turn = i64::from(HALF_TURN_E7);
        let pole = i64::from(QUARTER_TURN_E7);
        let angle = 2.0 * libm::asin(libm::sqrt(self.limit.min(4.0)) / 2.0);
        let reach = units_up(angle);
        let (south, north) = (self.lat() - reach, self.lat() + reach);
        let ratio = libm::sin(angle) / self.cos_lat;
        let holds_pole = south <= -pole || north >= pole || ratio >= 1.0;
        let width = if holds_pole { half_turn } else { units_up(libm::asin(ratio)).min(half_turn) };
        Rect {
            west: self.lon() - width,
            east: self.lon() + width,
            south: south.max(-pole),
            north: north.min(pole),
        }
    }

    fn lat(&self) -> i64 {
        i64::from(self.center.lat)
    }

    fn lon(&self) -> i64 {
        i64::from(self.center.lon)
    }
}

/// The nearest and farthest that a range of longitude differences comes to 0, on the circle of longitudes.
fn turn_range(from: i64, to: i64) -> (i64, i64) {
    let (half, full) = (i64::from(HALF_TURN_E7), 2 * i64::from(HALF_TURN_E7));
    let start = (from + half).rem_euclid(full) - half;
    let end = start + (to - from);
    let apart = |difference: i64| {
        let turned = difference.rem_euclid(full);
        turned.min(full - turned)
    };
    let holds = |angle: i64| start <= angle && angle <= end;
    let near = if holds(0) || holds(full) { 0 } else { apart(start).min(apart(end)) };
    let far = if holds(half) || holds(-half) { half } else { apart(start).max(apart(end)) };
    (near, far)
}

impl CosRange {
    /// The range over the latitudes `south ..= north`, cut to the poles.
    #[must_use]
    pub fn over(south: i64, north: i64) -> Self {
        let cos = |lat: i64| libm::cos(radians(lat.abs().min(i64::from(QUARTER_TURN_E7)))).max(0.0);
        let (a, b) = (cos(south), cos(north));
        let high = if south <= 0 && north >= 0 { 1.0 } else { a.max(b) };
        Self { low: a.min(b), high }
    }
}

/// Angles below this (0.1 rad) take t² and t²(1 − t²/12), which enclose 4 sin²(t/2), and save the sine.
const SMALL: f64 = 0.1;

fn chord_low(e7: i64) -> f64 {
    let t = radians(e7);
    if t < SMALL { t * t * (1.0 - t * t / 12.0) } else { chord(t) * (1.0 - RELATIVE) }
}

fn chord_high(e7: i64) -> f64 {
    let t = radians(e7);
    if t < SMALL { t * t } else { chord(t) * (1.0 + RELATIVE) }
}

fn chord(t: f64) -> f64 {
    let sin = libm::sin(t / 2.0);
    4.0 * sin * sin
}

#[expect(clippy::cast_precision_loss, reason = "coordinates are far below 2^53")]
fn radians(e7: i64) -> f64 {
    (e7 as f64 / E7).to_radians()
}

/// An angle in coordinate units, rounded up with room for rounding.
#[expect(clippy::cast_possible_truncation, reason = "an angle up to 2π is below 2^36 units")]
fn units_up(angle: f64) -> i64 {
    libm::ceil(angle.to_degrees() * E7 * (1.0 + RELATIVE)) as i64 + 2
}
