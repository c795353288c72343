//! Whole files of a kind.

use std::io::Cursor;
use std::ops::ControlFlow;

use super::bounds::Bounds;
use super::columns::Kind;
use super::error::ImportError;
use super::read::{Totals, devices, fences};
use super::rows::bad_cell::BadCell;
use super::rows::fences::FenceRow;
use super::watch::{Stopped, Watch};

type Draft = Result<FenceRow, Vec<BadCell>>;

fn group(text: &str) -> (Result<Totals, ImportError>, Vec<Draft>) {
    let mut look = |_| Ok(());
    let mut rows = Vec::new();
    let totals = fences(
        Cursor::new(text.as_bytes()),
        &Bounds::of(Kind::Group),
        &mut Watch::new(1, &mut look),
        &mut |row| {
            rows.push(row);
            ControlFlow::Continue(())
        },
    );
    (totals, rows)
}

#[test]
fn sound_and_bad_rows_come_in_their_order() {
    let text =
        "이름,위도,경도,반경\n가,37,127,100\n나,37,127,10\n\n다,37,127,100,5\n라,37,127,200\n";
    let (totals, rows) = group(text);
    assert_eq!(totals.unwrap(), Totals { sound: 2, bad: 2 });
    let bad: Vec<_> = rows.iter().filter_map(|row| row.as_ref().err()).flatten().collect();
    assert_eq!((bad[0].row, bad[0].column.as_str(), bad[0].value.as_str()), (3, "반경", "10"));
    assert_eq!((bad[1].row, bad[1].column.as_str(), bad[1].value.as_str()), (5, "#5", "5"));
    assert_eq!(rows[3].as_ref().unwrap().row, 6);
}

#[test]
fn a_polygon_without_quotation_marks_is_told_as_one() {
    let (totals, rows) = group("name,polygon\na,(127 37,127.1 37,127.1 37.1)\n");
    assert_eq!(totals.unwrap().bad, 1);
    let bad = rows[0].as_ref().unwrap_err();
    assert!(bad.iter().any(|cell| cell.reason.contains("quotation")), "{bad:?}");
}

#[test]
fn a_file_without_its_columns_is_refused() {
    let (outcome, rows) = group("shop,where\n1,2\n");
    assert!(matches!(outcome, Err(ImportError::Header(faults)) if faults.len() >= 3));
    assert!(rows.is_empty());
    let (outcome, _) = group("a\0b,c\n");
    assert!(matches!(outcome, Err(ImportError::Header(_))));
}

#[test]
fn a_list_may_begin_without_a_header_and_has_no_features() {
    let read = |text: &str| {
        let mut look = |_| Ok(());
        let mut all = Vec::new();
        let totals = devices(
            Cursor::new(text.as_bytes()),
            (Kind::Segment, &Bounds::of(Kind::Segment)),
            &mut Watch::new(1, &mut look),
            &mut |row| {
                all.push(row);
                ControlFlow::Continue(())
            },
        );
        totals.map(|totals| (totals, all.len()))
    };
    let ids = "38400000-8cf0-11bd-b23e-10b96e40000d\n38400000-8cf0-11bd-b23e-10b96e40000e\n";
    assert_eq!(read(ids).unwrap(), (Totals { sound: 2, bad: 0 }, 2));
    assert_eq!(read(&format!("adid\n{ids}x\n")).unwrap(), (Totals { sound: 2, bad: 1 }, 3));
    assert!(matches!(read("{\"type\":\"FeatureCollection\"}"), Err(ImportError::Format { .. })));
}

#[test]
fn reading_ends_where_it_is_told_to() {
    let text = "name,lat,lon,radius\n".to_owned() + &"a,37,127,100\n".repeat(100);
    let mut look = |progress: super::watch::Progress| {
        if progress.rows >= 10 { Err(Stopped::Cancelled) } else { Ok(()) }
    };
    let mut rows = 0;
    let mut count = |_| {
        rows += 1;
        ControlFlow::Continue(())
    };
    let bounds = Bounds::of(Kind::Group);
    let stopped = fences(Cursor::new(&text), &bounds, &mut Watch::new(1, &mut look), &mut count);
    assert!(matches!(stopped, Err(ImportError::Stopped(Stopped::Cancelled))));
    assert_eq!(rows, 9);
    let mut look = |_| Ok(());
    let mut once = |_| ControlFlow::Break(());
    let broken = fences(Cursor::new(&text), &bounds, &mut Watch::new(1, &mut look), &mut once);
    assert_eq!(broken.unwrap(), Totals { sound: 1, bad: 0 });
}
