//! Compiled schedules against the wall clock, minute by minute.

use jiff::Timestamp;
use jiff::civil::{Date, Weekday, date};

use super::calendar::{Zone, ZoneError, day_number, day_of};
use crate::domain::campaign::WindowSpec;

const MINUTE_MS: i64 = 60_000;

fn windows() -> Vec<WindowSpec> {
    use Weekday::{Friday, Monday, Saturday, Sunday, Thursday, Tuesday, Wednesday};
    let row = |weekdays: &[Weekday], start_min, end_min| WindowSpec {
        weekdays: weekdays.to_vec(),
        start_min,
        end_min,
    };
    vec![
        row(&[Monday, Tuesday], 9 * 60, 18 * 60),
        row(&[Wednesday, Thursday], 0, 24 * 60),
        row(&[Friday], 22 * 60, 24 * 60),
        row(&[Saturday], 0, 60),
        row(&[Sunday], 60 + 30, 3 * 60 + 10),
    ]
}

fn holds(spans: &[(i64, i64)], at: i64) -> bool {
    spans.iter().any(|(from, to)| (*from..*to).contains(&at))
}

/// Compares days, months, nights and windows with the wall clock over some days around a change of offset.
fn agrees_with_the_wall_clock(zone_name: &str, valid_from: Date, days: i64) {
    let zone = Zone::new(zone_name, valid_from).unwrap();
    let (calendar, spans) = (zone.calendar(), zone.spans(&windows()));
    let tz = jiff::tz::TimeZone::get(zone_name).unwrap();
    let start = zone.starts_at(valid_from).unwrap().0 - 2 * 86_400_000;
    for minute in 0..days * 24 * 60 {
        let at = start + minute * MINUTE_MS;
        let wall =
            Timestamp::from_millisecond(at).unwrap().to_zoned_datetime(tz.clone()).datetime();
        let wall_min =
            u16::try_from(i32::from(wall.hour()) * 60 + i32::from(wall.minute())).unwrap();
        let open = windows().iter().any(|row| {
            row.weekdays.contains(&wall.date().weekday())
                && (row.start_min..row.end_min).contains(&wall_min)
        });
        assert_eq!(holds(&spans, at), open, "{zone_name} window at {wall}");
        let night = !(8 * 60..21 * 60).contains(&wall_min);
        assert_eq!(holds(&calendar.nights, at), night, "{zone_name} night at {wall}");
        let border = |borders: &[(i64, i32)]| borders.iter().rev().find(|b| b.0 <= at).unwrap().1;
        assert_eq!(day_of(border(&calendar.days)), wall.date(), "{zone_name} day at {wall}");
        let month = (i32::from(wall.year()) - 1970) * 12 + i32::from(wall.month()) - 1;
        assert_eq!(border(&calendar.months), month, "{zone_name} month at {wall}");
    }
}

#[test]
fn windows_agree_with_the_wall_clock_over_gaps_and_folds() {
    agrees_with_the_wall_clock("Europe/Berlin", date(2026, 3, 28), 6);
    agrees_with_the_wall_clock("Europe/Berlin", date(2026, 10, 24), 6);
    agrees_with_the_wall_clock("America/New_York", date(2026, 3, 7), 6);
    agrees_with_the_wall_clock("America/New_York", date(2026, 10, 31), 6);
    agrees_with_the_wall_clock("Asia/Seoul", date(2026, 12, 30), 6);
}

#[test]
fn odd_zones_agree_too() {
    // A half-hour change, a midnight that does not exist, a clock turned back over midnight, a day left out.
    agrees_with_the_wall_clock("Australia/Lord_Howe", date(2026, 4, 4), 5);
    agrees_with_the_wall_clock("America/Sao_Paulo", date(2018, 11, 3), 5);
    agrees_with_the_wall_clock("America/St_Johns", date(2010, 11, 6), 5);
    agrees_with_the_wall_clock("Pacific/Apia", date(2011, 12, 29), 5);
}

#[test]
fn four_hundred_days_are_compiled() {
    let zone = Zone::new("Asia/Seoul", date(2026, 1, 1)).unwrap();
    let calendar = zone.calendar();
    assert_eq!(calendar.days.len(), 402);
    assert_eq!(calendar.days[2].1, day_number(date(2026, 1, 1)));
    assert_eq!(calendar.days[401].1, day_number(date(2027, 2, 4)));
    assert_eq!(calendar.ends_at, zone.starts_at(date(2027, 2, 5)).unwrap().0);
    // A window of all hours of all days is one span.
    let always = WindowSpec { weekdays: super::calendar::every_day(), start_min: 0, end_min: 1440 };
    assert_eq!(zone.spans(&[always]), vec![(calendar.days[0].0, calendar.ends_at)]);
}

#[test]
fn an_unknown_zone_or_a_far_day_is_refused() {
    let unknown = Zone::new("Asia/Seul", date(2026, 1, 1)).unwrap_err();
    assert!(unknown.to_string().contains("Asia/Seul"));
    assert!(matches!(Zone::new("UTC", date(-5, 1, 1)), Err(ZoneError::TooFar { .. })));
}

#[test]
fn day_numbers_go_both_ways() {
    for number in [-719_162, -1, 0, 1, 20_000, 2_932_896] {
        assert_eq!(day_number(day_of(number)), number);
    }
}
