//! Report files: whole or not there, listed for so many days and bytes, and nothing left behind.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use jiff::civil::date;

use super::files::{LISTED, ReportShelf, Written};
use super::parts::Brought;
use super::period::PeriodTable;
use super::sheet::Sheet;
use crate::control::config::CampaignsConfig;
use crate::control::desk::calendar;
use crate::control::documents::account::Membership;
use crate::control::documents::report_file::{ReportFile, ReportFormat, ReportOf};
use crate::control::samples::{Installation, NOON, keyring, refused};
use crate::control::store::{Kind, Query, thread};
use crate::domain::ids::AccountId;
use crate::domain::problem::Kind as Problems;
use crate::domain::units::{DAY_MS, UtcMs};

/// A table of so many days.
fn sheet(days: i8) -> Sheet {
    PeriodTable {
        campaign: 1,
        name: "Coffee".to_owned(),
        days: (date(2026, 11, 1), date(2026, 11, days)),
        total: Brought::default(),
        kept_from: None,
        has_ab: false,
        by_day: BTreeMap::new(),
    }
    .into()
}

fn shelf(installation: &Installation, config: CampaignsConfig) -> ReportShelf {
    ReportShelf::open(&installation.dir.path().join("reports"), &config).unwrap()
}

fn document(name: &str, written: &Written) -> ReportFile {
    ReportFile {
        file: name.to_owned(),
        of: ReportOf::Usage,
        campaign: None,
        from: "2026-11-01".to_owned(),
        to: "2026-11-30".to_owned(),
        format: ReportFormat::Csv,
        asked_by: "tests".to_owned(),
        rows: written.rows,
        bytes: written.bytes,
        hash: written.hash.clone(),
    }
}

/// Makes a file and keeps it, as a download does; gives its number.
fn kept(installation: &mut Installation, account: AccountId, shelf: &ReportShelf, days: i8) -> u32 {
    let written = shelf.write(sheet(days), ReportFormat::Csv).unwrap();
    let file = document(&format!("usage-{days}.csv"), &written);
    let (shown, gone) =
        installation.at(account, |desk| desk.keep_report(shelf, &file, &written)).unwrap();
    shelf.discard(&gone);
    shown.id
}

fn listed(installation: &mut Installation, account: AccountId) -> Vec<u32> {
    let mut found = Vec::new();
    let query = Query::all(account, Kind::ReportFile);
    let scan = |tx: &mut dyn crate::control::store::Tx| {
        tx.scan(&query, &mut |record| {
            found.push(record.key.id);
            Ok(())
        })?;
        Ok(())
    };
    thread::read(&mut installation.store, scan).unwrap();
    found
}

/// The numbers in the names of the files that are there.
fn there(installation: &Installation) -> BTreeSet<String> {
    let entries = std::fs::read_dir(installation.dir.path().join("reports")).unwrap();
    let name = |entry: std::fs::DirEntry| entry.file_name().into_string().unwrap();
    let begins = |name: String| name.split('-').take(2).collect::<Vec<_>>().join("-");
    entries.map(|entry| begins(name(entry.unwrap()))).collect()
}

#[test]
fn a_file_is_kept_as_it_was_made_and_the_same_one_once() {
    let (mut installation, account) = Installation::with(Membership::Basic);
    let shelf = shelf(&installation, CampaignsConfig::default());
    assert_eq!(kept(&mut installation, account, &shelf, 3), 1);
    assert_eq!(kept(&mut installation, account, &shelf, 4), 2);
    assert_eq!(kept(&mut installation, account, &shelf, 3), 1, "it is there already");
    let shown = installation.at(account, |desk| desk.get::<ReportFile>(1)).unwrap();
    let mut text = Vec::new();
    let hash = shown.document.hash.clone();
    shelf.read(&(account, 1, hash.clone())).unwrap().read_to_end(&mut text).unwrap();
    let mut plain = Vec::new();
    assert_eq!(sheet(3).write_csv(&mut plain).unwrap(), 4, "three days and the total");
    assert_eq!(text, plain);
    let (rows, bytes) = (shown.document.rows, shown.document.bytes);
    assert_eq!((rows, bytes, &*shown.state), (4, plain.len() as u64, "ready"));
    assert_eq!(blake3::hash(&plain).to_hex().as_str(), shown.document.hash);
    assert_eq!(there(&installation), ["1-1", "1-2"].map(str::to_owned).into());
    let notes = installation.at(account, |desk| Ok(desk.tx().notes(account, u64::MAX >> 1, 99)?));
    assert!(notes.unwrap().iter().all(|note| note.kind != Kind::ReportFile), "it changes nothing");
    // What is not what was written is as good as gone.
    let path = installation.dir.path().join("reports").join(format!("{account}-1-{hash}"));
    text[3] ^= 1;
    std::fs::write(&path, &text).unwrap();
    let damaged = shelf.read(&(account, 1, hash)).unwrap_err();
    assert_eq!(damaged.kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn the_oldest_go_past_the_bytes_and_the_days() {
    let (mut installation, account) = Installation::with(Membership::Basic);
    let other = installation.account(Membership::Basic);
    let one = shelf(&installation, CampaignsConfig::default());
    let bytes = one.write(sheet(9), ReportFormat::Csv).unwrap().bytes;
    let least = one.write(sheet(7), ReportFormat::Csv).unwrap().bytes;
    let config = |bytes| CampaignsConfig {
        report_files_bytes: bytes,
        report_files_days: 2,
        ..CampaignsConfig::default()
    };
    let two = shelf(&installation, config(2 * bytes));
    assert_eq!(kept(&mut installation, other, &two, 9), 1);
    for days in [9, 8, 7] {
        installation.now = UtcMs(NOON.0 + i64::from(9 - days) * DAY_MS);
        kept(&mut installation, account, &two, days);
    }
    assert_eq!(listed(&mut installation, account), [2, 3], "the first made room for the third");
    assert_eq!(there(&installation), ["1-2", "1-3", "2-1"].map(str::to_owned).into());
    // The second was made a day after noon, the third two.
    let mut look = |days: i64, ms: i64| {
        let now = UtcMs(NOON.0 + days * DAY_MS + ms);
        let looked = thread::write(&mut installation.store, |tx| {
            calendar::look(tx, now, &keyring(), &config(1), &two)
        });
        two.discard(&looked.unwrap().gone);
        there(&installation)
    };
    assert_eq!(look(3, 0), ["1-2", "1-3"].map(str::to_owned).into(), "the other's is too old");
    assert_eq!(look(3, 1), ["1-3"].map(str::to_owned).into());
    assert_eq!(look(4, 1), BTreeSet::new());
    assert_eq!(listed(&mut installation, account), [0; 0]);
    assert_eq!(kept(&mut installation, account, &two, 7), 4, "numbers only grow");

    // One that fits, and one that is a byte too long by itself.
    let tight = shelf(&installation, config(least));
    assert_eq!(kept(&mut installation, account, &tight, 7), 4, "it was there");
    let shelf = shelf(&installation, config(least - 1));
    let written = shelf.write(sheet(7), ReportFormat::Csv).unwrap();
    let file = document("other.csv", &written);
    let refusal = installation.at(account, |desk| desk.keep_report(&shelf, &file, &written));
    assert_eq!(refused(refusal), Some(Problems::LimitReached));
}

#[test]
fn a_file_that_is_made_again_is_kept_as_long_as_a_new_one() {
    let (mut installation, account) = Installation::with(Membership::Basic);
    let one = shelf(&installation, CampaignsConfig::default());
    let bytes = one.write(sheet(9), ReportFormat::Csv).unwrap().bytes;
    let config = CampaignsConfig {
        report_files_bytes: 2 * bytes,
        report_files_days: 90,
        ..CampaignsConfig::default()
    };
    let shelf = shelf(&installation, config);
    for (day, days) in [(0, 9), (1, 8), (89, 9)] {
        installation.now = UtcMs(NOON.0 + day * DAY_MS);
        kept(&mut installation, account, &shelf, days);
    }
    assert_eq!(listed(&mut installation, account), [1, 2]);
    let shown = installation.at(account, |desk| desk.get::<ReportFile>(1)).unwrap();
    let made = [shown.created_at, shown.updated_at].map(|at| at.as_millisecond() - NOON.0);
    assert_eq!((made, &*shown.document.asked_by), ([0, 89 * DAY_MS], "tests"));
    // Past the bytes the other is the older one.
    kept(&mut installation, account, &shelf, 7);
    assert_eq!(listed(&mut installation, account), [1, 3]);
    let mut gone = |day: i64, ms: i64| {
        installation.now = UtcMs(NOON.0 + day * DAY_MS + ms);
        let gone = installation.at(account, |desk| desk.drop_old_reports(&shelf)).unwrap();
        gone.iter().map(|(_, id, _)| *id).collect::<Vec<_>>()
    };
    assert_eq!((gone(90, 1), gone(179, 0)), (vec![], vec![]));
    assert_eq!(gone(179, 1), [1, 3]);
}

#[test]
fn what_a_crash_left_is_removed_at_the_next_start() {
    let (mut installation, account) = Installation::with(Membership::Basic);
    let shelf = shelf(&installation, CampaignsConfig::default());
    kept(&mut installation, account, &shelf, 3);
    let dir = installation.dir.path().join("reports");
    for left in ["arriving-7", "1-2-0123", "5-1-0123"] {
        std::fs::write(dir.join(left), "half").unwrap();
    }
    thread::read(&mut installation.store, |tx| shelf.tidy(tx)).unwrap();
    assert_eq!(there(&installation), ["1-1".to_owned()].into());
    // What is written and not kept is removed at once.
    drop(shelf.write(sheet(2), ReportFormat::Xlsx).unwrap());
    assert_eq!(there(&installation), ["1-1".to_owned()].into());
}

#[test]
fn so_many_files_are_listed() {
    let (mut installation, account) = Installation::with(Membership::Basic);
    let shelf = shelf(&installation, CampaignsConfig::default());
    let written = shelf.write(sheet(1), ReportFormat::Csv).unwrap();
    let of = (account, Kind::ReportFile);
    let fill = |tx: &mut dyn crate::control::store::Tx| {
        for number in 0..LISTED {
            let file = document(&format!("{number}.csv"), &written);
            tx.insert(of, crate::control::desk::changes::content(&file, "ready"), NOON)?;
        }
        Ok(())
    };
    thread::write(&mut installation.store, fill).unwrap();
    kept(&mut installation, account, &shelf, 2);
    let listed = listed(&mut installation, account);
    assert_eq!((listed.len(), listed[0]), (LISTED, 2));
}
