//! How much of a file is read. Past a bound the file is refused, before memory or time is spent on it.

use super::columns::Kind;

const MIB: u64 = 1024 * 1024;

/// The bounds of one import.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Bytes of the file as it was sent.
    pub bytes: u64,
    /// Bytes of all parts of a workbook together, once unpacked.
    pub unpacked_bytes: u64,
    /// Rows with something in them, the header not counted; features of a GeoJSON file.
    pub rows: u64,
    /// Cells of one row, empty ones at its end not counted.
    pub columns: usize,
    /// Characters of one cell.
    pub cell_chars: usize,
    /// Seconds from start to end.
    pub seconds: u32,
}

impl Bounds {
    /// What one kind of import may take.
    #[must_use]
    pub const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Group => Self { rows: GROUP_ROWS, seconds: 60, ..COMMON },
            Kind::Places | Kind::Addresses => {
                Self { bytes: STREAMED_BYTES, rows: PLACE_ROWS, seconds: 600, ..COMMON }
            }
            Kind::Regions => Self {
                bytes: STREAMED_BYTES,
                rows: REGION_ROWS,
                cell_chars: REGION_CELL_CHARS,
                seconds: 600,
                ..COMMON
            },
            Kind::Segment | Kind::Blacklist => Self { rows: DEVICE_ROWS, columns: 16, ..COMMON },
        }
    }
}

/// A group's rows: the promise to the marketer, and what a console still shows.
pub const GROUP_ROWS: u64 = 10_000;

/// All stores of the largest brands together; the addresses of a large city.
pub const PLACE_ROWS: u64 = 1_000_000;

/// Ten times the districts and trade areas of Korea.
pub const REGION_ROWS: u64 = 50_000;

/// An upload may name each of its half million devices twice before it is too long to be an honest one.
pub const DEVICE_ROWS: u64 = 1_000_000;

/// So many distinct devices make the largest segment; whoever gathers the rows counts them.
pub const SEGMENT_DEVICES: usize = 500_000;

/// A million places at about 200 bytes each, or a country's districts: formats that are streamed cost no more memory
/// when they are longer.
const STREAMED_BYTES: u64 = 256 * MIB;

/// A district's boundary as text; larger ones come as GeoJSON.
const REGION_CELL_CHARS: usize = 4 * 1024 * 1024;

const COMMON: Bounds = Bounds {
    // Ten thousand polygons of 300 vertices, or a million advertising ids.
    bytes: 64 * MIB,
    // Sheets shrink about tenfold when packed; a hundredfold is a bomb.
    unpacked_bytes: 512 * MIB,
    rows: GROUP_ROWS,
    // Our widest table has 12 columns; people keep their own beside them until they are told which are not known.
    columns: 64,
    // A polygon of 2,000 vertices, each of two numbers of 17 digits, takes 80,000.
    cell_chars: 128 * 1024,
    // One import has one thread of the daemon; nobody waits longer for a form to answer.
    seconds: 120,
};
