//! A workbook bomb is refused within the memory bound: an allocator counts what is held while files are read.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Cursor, Write};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use geofenced::control::imports::bounds::Bounds;
use geofenced::control::imports::columns::Kind;
use geofenced::control::imports::error::ImportError;
use geofenced::control::imports::table::MEMORY;
use geofenced::control::imports::table::source::Table;
use geofenced::control::imports::watch::Watch;
use zip::write::SimpleFileOptions;

/// Counts the bytes that are held, and the most that were.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn took(bytes: usize) {
    // Relaxed: the test reads them after the threads that it waits for.
    let held = HELD.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(held, Ordering::Relaxed);
}

#[expect(unsafe_code, reason = "an allocator can only be watched by being one")]
// SAFETY: every call goes on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        took(layout.size());
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(at, layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both are held while one is copied to the other.
        took(size);
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One measurement at a time: the tests of a file share a process.
static TURN: Mutex<()> = Mutex::new(());

/// Reads a file, and tells how many bytes more than before were held at most.
fn measured(file: &[u8]) -> (Result<u64, ImportError>, usize) {
    let before = HELD.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let mut rows = 0;
    let mut look = |_| Ok(());
    let bounds = Bounds { rows: u64::MAX, ..Bounds::of(Kind::Segment) };
    let outcome = Table::open(Cursor::new(file), bounds).and_then(|table| {
        table.rows(&mut Watch::new(1_000, &mut look), &mut |_| {
            rows += 1;
            ControlFlow::Continue(())
        })
    });
    (outcome.map(|()| rows), PEAK.load(Ordering::Relaxed) - before)
}

const RELATIONS: &str = r#"<Relationships xmlns="r"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#;
const PACKAGE: &str = r#"<Relationships xmlns="r"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
const BOOK: &str = r#"<workbook xmlns:r="r"><sheets><sheet name="one" sheetId="1" r:id="r1"/></sheets></workbook>"#;

/// A workbook with one part of a start, so many repetitions and an end; packed piece by piece, so that making it takes
/// no memory either.
fn workbook(part: &str, (start, piece, times, end): (&str, &str, usize, &str)) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    let sheet =
        "<worksheet><sheetData><row r=\"1\"><c r=\"A1\"><v>1</v></c></row></sheetData></worksheet>";
    let others = [
        ("_rels/.rels", PACKAGE),
        ("xl/_rels/workbook.xml.rels", RELATIONS),
        ("xl/workbook.xml", BOOK),
        ("xl/worksheets/sheet1.xml", sheet),
    ];
    for (name, text) in others.into_iter().filter(|(name, _)| *name != part) {
        zip.start_file(name, options).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.start_file(part, options).unwrap();
    zip.write_all(start.as_bytes()).unwrap();
    let many = piece.repeat(1_000);
    for _ in 0..times / 1_000 {
        zip.write_all(many.as_bytes()).unwrap();
    }
    zip.write_all(end.as_bytes()).unwrap();
    zip.finish().unwrap().into_inner()
}

#[test]
fn bombs_are_refused_within_the_bound() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let long = format!("<t>{}</t>", "x".repeat(1_000));
    let bombs = [
        // 300 MB of one cell.
        (
            "xl/worksheets/sheet1.xml",
            (
                "<worksheet><sheetData><row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>",
                "xxxxxxxxxx",
                30_000_000,
                "</t></is></c></row></sheetData></worksheet>",
            ),
        ),
        // The same in runs of rich text.
        (
            "xl/worksheets/sheet1.xml",
            (
                "<worksheet><sheetData><row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is>",
                long.as_str(),
                300_000,
                "</is></c></row></sheetData></worksheet>",
            ),
        ),
        // Twelve million strings of nothing.
        ("xl/sharedStrings.xml", ("<sst>", "<si><t/></si>", 12_000_000, "</sst>")),
        // Room for as many strings as memory has bytes.
        ("xl/sharedStrings.xml", ("<sst uniqueCount=\"9999999999\">", "", 0, "</sst>")),
        // A list of sheets without an end.
        (
            "xl/workbook.xml",
            (
                "<workbook><sheets>",
                "<sheet name=\"a\" r:id=\"r1\"/>",
                2_000_000,
                "</sheets></workbook>",
            ),
        ),
        // More blanks than all parts may have.
        ("xl/worksheets/sheet1.xml", ("<worksheet>", "          <a/>", 40_000_000, "</worksheet>")),
    ];
    for (part, content) in bombs {
        let file = workbook(part, content);
        let (outcome, peak) = measured(&file);
        let refused = matches!(outcome, Err(ImportError::Bomb { .. }));
        assert!(refused, "{part} {}: {outcome:?}", content.0);
        assert!(peak as u64 <= MEMORY, "{part} {}: {peak} bytes held", content.0);
        assert!(file.len() < 8 * 1024 * 1024, "it is small when packed: {}", file.len());
    }
}

/// What is just within the bounds is read, and takes no more than the bound either. This is the test that tells whether
/// the bounds are low enough.
#[test]
fn the_largest_workbooks_are_read_within_the_bound() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let largest = [
        (
            "xl/sharedStrings.xml",
            ("<sst uniqueCount=\"1500000\">", "<si><t>a</t></si>", 1_120_000, "</sst>"),
        ),
        (
            "xl/sharedStrings.xml",
            ("<sst>", "<si><t>38400000-8cf0-11bd-b23e-10b96e40000d</t></si>", 1_120_000, "</sst>"),
        ),
        (
            "xl/worksheets/sheet1.xml",
            (
                "<worksheet><dimension ref=\"A1:XFD1048576\"/><sheetData>",
                "<row><c><v>1</v></c></row>",
                1_000_000,
                "</sheetData></worksheet>",
            ),
        ),
    ];
    for (part, content) in largest {
        let (outcome, peak) = measured(&workbook(part, content));
        assert!(outcome.is_ok(), "{part}: {outcome:?}");
        assert!(peak as u64 <= MEMORY, "{part}: {peak} bytes held");
    }
}

/// The counter counts: a list of strings that is kept shows in it.
#[test]
fn the_measure_can_fail() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let content =
        ("<sst>", "<si><t>38400000-8cf0-11bd-b23e-10b96e40000d</t></si>", 1_000_000, "</sst>");
    let (_, peak) = measured(&workbook("xl/sharedStrings.xml", content));
    assert!(peak > 50_000_000, "{peak} bytes held");
}
