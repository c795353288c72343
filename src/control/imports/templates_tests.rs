//! A template that is sent back as it is, is sound.

use std::io::Cursor;
use std::ops::ControlFlow;

use super::bounds::Bounds;
use super::columns::{Kind, Language};
use super::error::ImportError;
use super::read::{Totals, addresses, devices, fences, places, regions};
use super::rows::bad_cell::BadCell;
use super::templates;
use super::watch::Watch;

fn read(kind: Kind, bytes: Vec<u8>) -> Result<Totals, ImportError> {
    fn sound<T>(row: Result<T, Vec<BadCell>>) -> ControlFlow<()> {
        if let Err(bad) = row {
            panic!("{bad:?}");
        }
        ControlFlow::Continue(())
    }
    let (file, bounds) = (Cursor::new(bytes), Bounds::of(kind));
    let mut look = |_| Ok(());
    let watch = &mut Watch::new(1, &mut look);
    match kind {
        Kind::Group => fences(file, &bounds, watch, &mut sound),
        Kind::Places => places(file, &bounds, watch, &mut sound),
        Kind::Regions => regions(file, &bounds, watch, &mut sound),
        Kind::Addresses => addresses(file, &bounds, watch, &mut sound),
        Kind::Segment | Kind::Blacklist => devices(file, (kind, &bounds), watch, &mut sound),
    }
}

#[test]
fn every_template_reads_back_as_sound_rows() {
    for kind in Kind::ALL {
        for language in [Language::Korean, Language::English] {
            let rows = u64::try_from(kind.samples().len()).unwrap();
            let expected = Totals { sound: rows, bad: 0 };
            let csv = templates::csv(kind, language).unwrap();
            assert!(csv.starts_with(b"\xEF\xBB\xBF") && csv.ends_with(b"\r\n"));
            assert_eq!(read(kind, csv).unwrap(), expected, "{kind:?} {language:?} CSV");
            let xlsx = templates::xlsx(kind, language).unwrap();
            assert_eq!(read(kind, xlsx).unwrap(), expected, "{kind:?} {language:?} XLSX");
        }
    }
}
