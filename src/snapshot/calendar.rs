//! Local time compiled to UTC: days, months, nights and weekday windows of a zone.
//!
//! An instant is in a window exactly if the wall clock of the zone shows a time in it. So the compiled span
//! is cut where the zone's offset changes, and within each piece local time is UTC plus a constant: a gap
//! skips what the clock skips, a fold repeats what it repeats. The engine then only compares integers.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};

use super::blocks::CalendarBlock;
use crate::domain::campaign::WindowSpec;
use crate::domain::units::{DAY_MS, UtcMs};

/// How many local days are compiled, from `valid_from` on.
pub const COMPILED_DAYS: i32 = 400;

/// Days before `valid_from` that are compiled too: a fix may be late by a day (`lateness_s`), and "today" in
/// UTC is yesterday or tomorrow elsewhere.
pub const DAYS_BEFORE: i32 = 2;

/// Nights, for the rule on advertising: 21:00 to 08:00.
const NIGHT: [(u16, u16); 2] = [(0, 8 * 60), (21 * 60, 24 * 60)];

const MINUTE_MS: i64 = 60_000;
/// A zone over the compiled span.
#[derive(Debug, Clone)]
pub struct Zone {
    name: String,
    zone: TimeZone,
    pieces: Vec<Piece>,
    ends_at: i64,
}

/// A stretch of constant offset, UTC ms, half-open.
#[derive(Debug, Clone, Copy)]
struct Piece {
    from: i64,
    to: i64,
    offset_ms: i64,
}

/// Why a zone can't be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ZoneError {
    /// The name is unknown.
    #[error("{name:?} is no time zone; write an IANA name such as Asia/Seoul")]
    Unknown {
        /// The name as written.
        name: String,
    },
    /// The day is at the edge of time.
    #[error("{day} is too far away; schedules can start between the years 1800 and 9990")]
    TooFar {
        /// The day.
        day: Date,
    },
}

impl Zone {
    /// The zone of this name over [`COMPILED_DAYS`] days from `valid_from`, and [`DAYS_BEFORE`] it.
    ///
    /// # Errors
    /// When there is no such zone, or the day is at the edge of time.
    pub fn new(name: &str, valid_from: Date) -> Result<Self, ZoneError> {
        let zone = known_zone(name)?;
        let too_far = ZoneError::TooFar { day: valid_from };
        if !(1800..=9990).contains(&valid_from.year()) {
            return Err(too_far);
        }
        let days_after = |days: i32| valid_from.checked_add(Span::new().days(days)).ok();
        let border = |day: Option<Date>| day.and_then(|day| first_instant(&zone, day));
        let from = border(days_after(-DAYS_BEFORE));
        let to = border(days_after(COMPILED_DAYS));
        let (Some(from), Some(to)) = (from, to) else { return Err(too_far) };
        let pieces = pieces(&zone, from, to);
        Ok(Self { name: name.to_owned(), zone, pieces, ends_at: to })
    }

    /// The first instant of a local day.
    ///
    /// # Errors
    /// When the day is at the edge of time.
    pub fn starts_at(&self, day: Date) -> Result<UtcMs, ZoneError> {
        first_instant(&self.zone, day).map(UtcMs).ok_or(ZoneError::TooFar { day })
    }

    /// Its days, months and nights.
    #[must_use]
    pub fn calendar(&self) -> CalendarBlock {
        let mut days: Vec<(i64, i32)> = Vec::new();
        let mut months: Vec<(i64, i32)> = Vec::new();
        for (from, day) in self.pieces.iter().flat_map(|piece| piece.days()) {
            push_border(&mut days, from, day);
            push_border(&mut months, from, month_of(day));
        }
        let night = |(start_min, end_min)| WindowSpec { weekdays: every_day(), start_min, end_min };
        CalendarBlock {
            time_zone: self.name.clone(),
            ends_at: self.ends_at,
            days,
            months,
            nights: self.spans(&NIGHT.map(night)),
        }
    }

    /// The instants of weekly windows: half-open, ascending, apart.
    #[must_use]
    pub fn spans(&self, windows: &[WindowSpec]) -> Vec<(i64, i64)> {
        let mut spans: Vec<(i64, i64)> = Vec::new();
        for piece in &self.pieces {
            for (_, day) in piece.days() {
                let weekday = weekday_of(day);
                let todays = windows.iter().filter(|row| row.weekdays.contains(&weekday));
                spans.extend(todays.filter_map(|row| piece.cut(day, row)));
            }
        }
        spans.sort_unstable();
        joined(spans)
    }
}

impl Piece {
    /// Each local day that shows in this piece, with its first instant here.
    fn days(self) -> impl Iterator<Item = (i64, i32)> {
        let first = (self.from + self.offset_ms).div_euclid(DAY_MS);
        let last = (self.to - 1 + self.offset_ms).div_euclid(DAY_MS);
        (first..=last).map(move |day| {
            let midnight = day * DAY_MS - self.offset_ms;
            (midnight.max(self.from), i32::try_from(day).unwrap_or(i32::MAX))
        })
    }

    /// The part of a day's window that lies in this piece.
    fn cut(self, day: i32, row: &WindowSpec) -> Option<(i64, i64)> {
        let midnight = i64::from(day) * DAY_MS - self.offset_ms;
        let from = (midnight + i64::from(row.start_min) * MINUTE_MS).max(self.from);
        let to = (midnight + i64::from(row.end_min) * MINUTE_MS).min(self.to);
        (from < to).then_some((from, to))
    }
}

/// The zone of an IANA name, from the table that is compiled in: the same on every machine.
///
/// # Errors
/// When there is none.
pub fn known_zone(name: &str) -> Result<TimeZone, ZoneError> {
    TimeZone::get(name)
        .map_err(|_no_reason_beyond_the_name| ZoneError::Unknown { name: name.to_owned() })
}

/// A day as days since 1970-01-01.
#[must_use]
pub fn day_number(day: Date) -> i32 {
    let since = day.duration_since(Date::constant(1970, 1, 1));
    i32::try_from(since.as_hours() / 24).unwrap_or(i32::MAX)
}

/// The day with this number, the nearest one in the years −9999 to 9999.
#[must_use]
pub fn day_of(number: i32) -> Date {
    Date::constant(1970, 1, 1).saturating_add(SignedDuration::from_hours(i64::from(number) * 24))
}

/// The day in UTC. The compiled span begins [`DAYS_BEFORE`] it, so it need not be the day of each account.
#[must_use]
pub fn today(now: UtcMs) -> Date {
    day_of(i32::try_from(now.0.div_euclid(DAY_MS)).unwrap_or(0))
}

/// All weekdays.
#[must_use]
pub fn every_day() -> Vec<Weekday> {
    ALL_DAYS.to_vec()
}

const ALL_DAYS: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

fn weekday_of(day: i32) -> Weekday {
    // 1970-01-01 was a Thursday, three days after a Monday.
    let since_monday = usize::try_from((i64::from(day) + 3).rem_euclid(7)).unwrap_or(0);
    ALL_DAYS[since_monday]
}

fn month_of(day: i32) -> i32 {
    let date = day_of(day);
    (i32::from(date.year()) - 1970) * 12 + i32::from(date.month()) - 1
}

/// The first instant whose wall clock shows the day, UTC ms. Where midnight falls into a gap, the end of it.
fn first_instant(zone: &TimeZone, day: Date) -> Option<i64> {
    let start = zone.to_zoned_datetime(day.at(0, 0, 0, 0)).ok()?;
    Some(start.timestamp().as_millisecond())
}

fn pieces(zone: &TimeZone, from: i64, to: i64) -> Vec<Piece> {
    let Ok(start) = Timestamp::from_millisecond(from) else { return Vec::new() };
    let offset_ms = |offset: jiff::tz::Offset| i64::from(offset.seconds()) * 1000;
    let mut pieces = Vec::new();
    let mut piece = Piece { from, to, offset_ms: offset_ms(zone.to_offset(start)) };
    for change in zone.following(start) {
        let at = change.timestamp().as_millisecond();
        if at >= to {
            break;
        }
        pieces.push(Piece { to: at, ..piece });
        piece = Piece { from: at, to, offset_ms: offset_ms(change.offset()) };
    }
    pieces.push(piece);
    pieces
}

fn push_border(borders: &mut Vec<(i64, i32)>, from: i64, number: i32) {
    if borders.last().is_none_or(|last| last.1 != number) {
        borders.push((from, number));
    }
}

fn joined(sorted: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    let mut joined: Vec<(i64, i64)> = Vec::with_capacity(sorted.len());
    for (from, to) in sorted {
        match joined.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    joined
}
