//! A file that somebody uploads: CSV, XLSX, XLS or GeoJSON, of the kind that its first byte says. Every row is a draft or
//! its wrong cells, each with a reason; or the file is refused with one.
#![no_main]

use std::io::Cursor;
use std::ops::ControlFlow;

use geofenced::control::imports::bounds::Bounds;
use geofenced::control::imports::columns::Kind;
use geofenced::control::imports::read;
use geofenced::control::imports::rows::bad_cell::BadCell;
use geofenced::control::imports::rows::devices::DeviceRow;
use geofenced::control::imports::watch::Watch;
use libfuzzer_sys::fuzz_target;

/// What a run may take, so that there are many of them.
fn bounds(kind: Kind) -> Bounds {
    let most = Bounds::of(kind);
    Bounds { bytes: 1 << 16, unpacked_bytes: 1 << 20, rows: 500, cell_chars: 1 << 12, ..most }
}

/// Rows that were handed on.
#[derive(Default)]
struct Seen {
    sound: u64,
    bad: u64,
}

impl Seen {
    fn take<T>(&mut self, row: Result<T, Vec<BadCell>>) -> ControlFlow<()> {
        match row {
            Ok(_) => self.sound += 1,
            Err(cells) => {
                self.bad += 1;
                assert!(!cells.is_empty());
                for cell in cells {
                    assert!(cell.row >= 1 && !cell.reason.is_empty(), "{cell:?}");
                    assert!(cell.value.chars().count() <= 200, "{cell:?}");
                }
            }
        }
        ControlFlow::Continue(())
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&first, file)) = bytes.split_first() else { return };
    let kind = Kind::ALL[usize::from(first) % Kind::ALL.len()];
    let (file, bounds) = (Cursor::new(file), &bounds(kind));
    let mut look = |_| Ok(());
    let watch = &mut Watch::new(100, &mut look);
    let mut seen = Seen::default();
    let outcome = match kind {
        Kind::Group => read::fences(file, bounds, watch, &mut |row| seen.take(row)),
        Kind::Places => read::places(file, bounds, watch, &mut |row| seen.take(row)),
        Kind::Regions => read::regions(file, bounds, watch, &mut |row| seen.take(row)),
        Kind::Addresses => read::addresses(file, bounds, watch, &mut |row| seen.take(row)),
        Kind::Segment | Kind::Blacklist => {
            read::devices(file, (kind, bounds), watch, &mut |row: Result<DeviceRow, _>| {
                assert!(row.as_ref().map_or(true, |row| (1..=2).contains(&row.devices.len())));
                seen.take(row)
            })
        }
    };
    assert!(seen.sound + seen.bad <= bounds.rows, "{} rows", seen.sound + seen.bad);
    match outcome {
        Ok(totals) => assert_eq!((totals.sound, totals.bad), (seen.sound, seen.bad)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
