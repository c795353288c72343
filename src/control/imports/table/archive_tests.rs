//! Bombs of every make.

use std::io::Cursor;

use super::archive::survey;
use super::samples::{archive, plain, rows, sheet, strings, with_part, workbook};
use crate::control::imports::bounds::Bounds;
use crate::control::imports::columns::Kind;
use crate::control::imports::error::ImportError;
use crate::control::imports::watch::{Stopped, Watch};

const MIB: usize = 1024 * 1024;

fn is_bomb<T>(outcome: &Result<T, ImportError>) -> bool {
    matches!(outcome, Err(ImportError::Bomb { .. }))
}

fn look(bytes: &[u8], bounds: Bounds) -> Result<(), ImportError> {
    let mut look = |_| Ok(());
    survey(Cursor::new(bytes), &bounds, &mut Watch::new(1, &mut look)).map(drop)
}

#[test]
fn the_sum_of_the_parts_is_bounded() {
    let parts: [(&str, &[u8]); 2] =
        [("xl/worksheets/a.xml", &[b' '; 600]), ("xl/media/b.png", &[0; 400])];
    let bytes = archive(&parts);
    let within =
        |unpacked_bytes| look(&bytes, Bounds { unpacked_bytes, ..Bounds::of(Kind::Group) });
    assert!(within(1_000).is_ok());
    assert!(is_bomb(&within(999)));
}

/// A directory that says a part is small: the declared size stands at the same place in both of its headers.
#[test]
fn an_archive_that_lies_is_found_out() {
    let mut bytes = archive(&[("xl/worksheets/a.xml", &vec![b' '; 3 * MIB])]);
    let true_size = u32::try_from(3 * MIB).unwrap().to_le_bytes();
    let places: Vec<usize> =
        (0..bytes.len() - 4).filter(|at| bytes[*at..at + 4] == true_size).collect();
    assert!(!places.is_empty(), "the size is written somewhere");
    for at in places {
        bytes[at..at + 4].copy_from_slice(&10_u32.to_le_bytes());
    }
    let outcome = look(&bytes, Bounds { unpacked_bytes: 1_000_000, ..Bounds::of(Kind::Group) });
    assert!(
        matches!(outcome, Err(ImportError::Bomb { .. } | ImportError::Broken { .. })),
        "{outcome:?}"
    );
}

#[test]
fn what_stays_in_memory_has_a_bound_of_its_own() {
    let long = |name: &str, size: usize| {
        let text = [&b"<a>"[..], &[b'x'; 5_000]].concat().repeat(size / 5_003);
        look(&archive(&[(name, &text)]), Bounds::of(Kind::Group))
    };
    assert!(long("xl/workbook.xml", MIB).is_ok());
    assert!(is_bomb(&long("xl/workbook.xml", 3 * MIB)));
    assert!(is_bomb(&long("xl/sharedStrings.xml", 65 * MIB)));
    assert!(is_bomb(&long("XL/WORKSHEETS/SHAREDSTRINGS.XML", 65 * MIB)));
    let many = b"<si><t/></si>".repeat(1_600_000);
    assert!(is_bomb(&rows(&archive(&[("xl/sharedStrings.xml", &many)]))));
    assert!(is_bomb(&rows(&workbook(&sheet("<!-- -->"), &strings(&[])))));
    assert!(is_bomb(&rows(&workbook(&sheet(&"x".repeat(2 * MIB)), &strings(&[])))));
}

#[test]
fn room_is_not_made_by_what_a_list_claims() {
    let claim =
        |count: &str| format!("<sst count=\"9\" uniqueCount=\"{count}\"></sst>").into_bytes();
    let cell = sheet(r#"<row r="1"><c r="A1"><v>1</v></c></row>"#);
    assert!(rows(&workbook(&cell, &claim("1500000"))).is_ok());
    for count in ["1500001", "99999999999", "18446744073709551615", "0000000000000001500001"] {
        assert!(is_bomb(&rows(&workbook(&cell, &claim(count)))), "{count}");
    }
    let behind = [&b"<a/>"[..], &claim("99999999999")].concat();
    assert!(matches!(rows(&workbook(&cell, &behind)), Err(ImportError::Broken { .. })));
}

/// Each cell format copies the name of its font.
#[test]
fn styles_are_not_seen() {
    let cell = sheet(r#"<row r="1"><c r="A1" s="1"><v>1</v></c></row>"#);
    let fonts = format!(
        "<styleSheet><fonts><font><name val=\"{}\"/></font></fonts><cellXfs>",
        "x".repeat(MIB)
    );
    let styles = format!("{fonts}{}</cellXfs></styleSheet>", "<xf fontId=\"0\"/>".repeat(100_000));
    let bytes = with_part(&cell, ("xl/styles.xml", styles.as_bytes()));
    assert_eq!(plain(&rows(&bytes).unwrap()), [(1, vec!["1"])]);
}

#[test]
fn thousands_of_parts_are_refused() {
    let names: Vec<String> = (0..10_001).map(|at| format!("{at}")).collect();
    let parts: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    assert!(is_bomb(&rows(&archive(&parts))));
}

#[test]
fn what_is_no_archive_is_broken() {
    let whole = workbook(&sheet(""), &strings(&[]));
    for cut in [5, 60, whole.len() / 2, whole.len() - 1] {
        let outcome = rows(&whole[..cut]);
        assert!(matches!(outcome, Err(ImportError::Broken { .. })), "{cut}: {outcome:?}");
    }
    let other = rows(&archive(&[("mimetype", b"application/epub+zip")]));
    assert!(matches!(other, Err(ImportError::Broken { .. } | ImportError::Empty)), "{other:?}");
}

#[test]
fn unpacking_can_be_stopped() {
    let bytes = archive(&[("xl/worksheets/a.xml", &vec![b' '; MIB / 2])]);
    let mut look = |_| Err(Stopped::Cancelled);
    let mut watch = Watch::new(1, &mut look);
    let outcome = survey(Cursor::new(&bytes), &Bounds::of(Kind::Group), &mut watch);
    assert!(matches!(outcome, Err(ImportError::Stopped(Stopped::Cancelled))));
}
