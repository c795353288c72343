//! Over the days that are asked for each device counts once, whichever days those are.

use jiff::civil::date;
use tempfile::tempdir;

use super::live::Reports;
use super::period::{PeriodReport, PeriodRequest};
use super::subject::Subject;
use super::visits_tests::subject;
use crate::domain::decision::EventKind;
use crate::domain::ids::{AccountId, DeviceId, DeviceKey};
use crate::domain::units::DAY_MS;
use crate::outbox::derived::{Figures, RetentionConfig};
use crate::outbox::samples::*;
use crate::outbox::{OutboxConfig, OutboxRecord};

/// What became of a device so many days after [`NOON`].
fn record((number, days, kind): (u8, i64, EventKind), seq: u64) -> OutboxRecord {
    let device = DeviceKey { account: AccountId(1), device: DeviceId([number; 16]) };
    let at = NOON + days * DAY_MS;
    OutboxRecord { device: keyring().seal(device), at, ..event(1, (3, seq, 0), kind) }
}

/// Reports over these, in which campaign 11 begins with [`NOON`], 2026-09-21 in Seoul.
fn reports(happened: &[(u8, i64, EventKind)]) -> Reports {
    let (dir, counts) = (tempdir().expect("a folder"), tempdir().expect("a folder"));
    let outbox = World::new().open(dir.path(), OutboxConfig::default());
    let (sealer, retention) = (keyring().sealer(), RetentionConfig::default());
    let figures = Figures::follow(counts.path(), 1 << 20, &outbox, sealer, retention);
    let figures = figures.expect("a new store");
    let records = happened.iter().zip(1..).map(|(one, seq)| record(*one, seq));
    outbox.release(records.collect()).expect("it runs");
    outbox.close().expect("written");
    figures.close();
    Reports::new(figures)
}

#[tokio::test]
async fn who_was_held_out_on_several_days_is_one_in_all_and_one_on_the_later_ones() {
    let (held_out, matched) = (EventKind::HeldOut, EventKind::Matched);
    let happened = [(8, 0, held_out), (8, 2, held_out), (9, 2, held_out), (8, 3, held_out)];
    let reached = [(1, 0, matched), (1, 2, matched), (2, 3, matched)];
    let reports = reports(&[&happened[..], &reached].concat());
    let days = (date(2026, 9, 21), date(2026, 9, 24));
    let subject = Subject { state: "ended".to_owned(), days, ..subject() };
    let total = |from: &str, to: &str| {
        let asked = PeriodRequest { from: Some(from.to_owned()), to: Some(to.to_owned()) };
        let report = PeriodReport::from(reports.period(&subject, &asked).expect("kept"));
        (report.total.reached, report.total.held_out)
    };
    assert_eq!(total("2026-09-21", "2026-09-24"), (2, 2));
    assert_eq!(total("2026-09-22", "2026-09-24"), (2, 2), "on days after their first, too");
    assert_eq!(total("2026-09-24", "2026-09-24"), (1, 1));
    assert_eq!(total("2026-09-22", "2026-09-22"), (0, 0));
}
