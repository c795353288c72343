//! Recorded pings: CSV with the columns `device_id,ts_ms,lat,lon,accuracy_m`, plain or gzipped.
//!
//! Read whole before anything is evaluated, so that an error is told before there are results. A row that
//! cannot be read stops the reading, with its line; a row whose position or time no device can have is
//! counted as a reject, as the daemon would.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use csv::ByteRecord;
use flate2::read::MultiGzDecoder;

use crate::domain::fix::{Fix, FutureRule};
use crate::domain::ids::DeviceId;
use crate::domain::ping::{Ping, PingFlags};
use crate::domain::reasons::RejectReason;
use crate::domain::units::{E7, UtcMs};
use crate::engine::raw::RawPing;

/// The columns of the file, by name in its first line and in any order; others are passed over.
pub const COLUMNS: [&str; 5] = ["device_id", "ts_ms", "lat", "lon", "accuracy_m"];

/// Why a file of pings cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PingsError {
    /// It cannot be opened or read.
    #[error("{}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system or the decoder says.
        reason: io::Error,
    },
    /// It is no CSV.
    #[error("{}, line {line}: {reason}", path.display())]
    NotCsv {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What the CSV reader says.
        reason: csv::Error,
    },
    /// A column is not there.
    #[error("{}, line 1: there is no column {column}; the first line must name {COLUMNS:?}", path.display())]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// Its name.
        column: &'static str,
    },
    /// A field is no number.
    #[error("{}, line {line}, {column}: {text:?} is not a number in range", path.display())]
    BadField {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// The column's name.
        column: &'static str,
        /// What was written.
        text: String,
    },
}

/// All that a file had.
#[derive(Clone, Debug, Default)]
pub struct Recorded<T> {
    /// The good ones, in file order.
    pub pings: Vec<T>,
    /// How many were refused, by reason.
    pub rejected: Vec<(RejectReason, u64)>,
    /// How many good ones stand before each refused row, in file order.
    refused_after: Vec<u64>,
}

impl<T> Recorded<T> {
    /// The rows of the file, refused ones included.
    #[must_use]
    pub fn rows(&self) -> u64 {
        let refused: u64 = self.rejected.iter().map(|(_, count)| count).sum();
        self.pings.len() as u64 + refused
    }

    /// The row of the file, from 0, that a good one was in.
    #[must_use]
    pub fn row_of(&self, place: u64) -> u64 {
        place + self.refused_after.partition_point(|before| *before <= place) as u64
    }

    fn reject(&mut self, reason: RejectReason) {
        self.refused_after.push(self.pings.len() as u64);
        match self.rejected.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => self.rejected.push((reason, 1)),
        }
    }
}

/// Reads pings for raw evaluation: device and position of each.
///
/// # Errors
/// [`PingsError`] with file, line and field.
pub fn read_pings(path: &Path) -> Result<Recorded<RawPing>, PingsError> {
    read_pings_from(open(path)?, path)
}

/// Reads pings for raw evaluation from any source; errors call it `path`.
///
/// # Errors
/// [`PingsError`] with file, line and field.
pub fn read_pings_from(source: impl Read, path: &Path) -> Result<Recorded<RawPing>, PingsError> {
    read_as(source, path, |fix| RawPing { device: fix.device, at: fix.at })
}

/// Reads pings as fixes.
///
/// # Errors
/// [`PingsError`] with file, line and field.
pub fn read_fixes(path: &Path) -> Result<Recorded<Fix>, PingsError> {
    read_as(open(path)?, path, |fix| fix)
}

fn read_as<T>(
    source: impl Read,
    path: &Path,
    keep: impl Fn(Fix) -> T,
) -> Result<Recorded<T>, PingsError> {
    let mut rows = csv::Reader::from_reader(source);
    let columns = columns(path, &mut rows)?;
    let mut recorded =
        Recorded { pings: Vec::new(), rejected: Vec::new(), refused_after: Vec::new() };
    let mut record = ByteRecord::new();
    loop {
        let line = rows.position().line();
        let not_csv = |reason| PingsError::NotCsv { path: path.to_owned(), line, reason };
        if !rows.read_byte_record(&mut record).map_err(not_csv)? {
            return Ok(recorded);
        }
        let row = Row { path, record: &record, columns };
        match row.ping()?.map(|ping| Fix::from_ping(&ping, FutureRule::Off)) {
            Some(Ok(fix)) => recorded.pings.push(keep(fix)),
            Some(Err(reason)) => recorded.reject(reason),
            None => recorded.reject(RejectReason::BadCoordinates),
        }
    }
}

fn open(path: &Path) -> Result<Box<dyn Read>, PingsError> {
    let unreadable = |reason| PingsError::Unreadable { path: path.to_owned(), reason };
    let file = BufReader::with_capacity(1 << 16, File::open(path).map_err(unreadable)?);
    let is_gzip = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("gz"));
    Ok(if is_gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

/// Where each of [`COLUMNS`] is.
fn columns(path: &Path, rows: &mut csv::Reader<impl Read>) -> Result<[usize; 5], PingsError> {
    let not_csv = |reason| PingsError::NotCsv { path: path.to_owned(), line: 1, reason };
    let header = rows.headers().map_err(not_csv)?;
    let mut at = [0; 5];
    for (at, column) in at.iter_mut().zip(COLUMNS) {
        let named = |name: &str| name.trim().trim_start_matches('\u{feff}') == column;
        let missing = || PingsError::NoColumn { path: path.to_owned(), column };
        *at = header.iter().position(named).ok_or_else(missing)?;
    }
    Ok(at)
}

struct Row<'a> {
    path: &'a Path,
    record: &'a ByteRecord,
    columns: [usize; 5],
}

impl Row<'_> {
    /// The ping of the row; `None` when its position is not on earth.
    fn ping(&self) -> Result<Option<Ping>, PingsError> {
        let fixed_at = UtcMs(self.number(1)?);
        let (lat, lon): (f64, f64) = (self.number(2)?, self.number(3)?);
        let accuracy_m: f64 = self.number(4)?;
        if !(0.0..f64::INFINITY).contains(&accuracy_m) {
            return Err(self.bad(4));
        }
        let on_earth = lat.abs() <= 90.0 && lon.abs() <= 180.0;
        #[expect(clippy::cast_possible_truncation, reason = "checked to be degrees")]
        let e7 = |degrees: f64| libm::round(degrees * E7) as i32;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        let accuracy_m = libm::ceil(accuracy_m).min(f64::from(u16::MAX)) as u16;
        Ok(on_earth.then(|| Ping {
            device: device(self.field(0)),
            lat_e7: e7(lat),
            lon_e7: e7(lon),
            fixed_at,
            accuracy_m,
            flags: PingFlags(0),
        }))
    }

    fn number<T: std::str::FromStr>(&self, column: usize) -> Result<T, PingsError> {
        let text = self.field(column);
        let parsed = std::str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok());
        parsed.ok_or_else(|| self.bad(column))
    }

    fn bad(&self, column: usize) -> PingsError {
        PingsError::BadField {
            path: self.path.to_owned(),
            line: self.record.position().map_or(0, csv::Position::line),
            column: COLUMNS[column],
            text: String::from_utf8_lossy(self.field(column)).into_owned(),
        }
    }

    fn field(&self, column: usize) -> &[u8] {
        self.columns.get(column).and_then(|&at| self.record.get(at)).unwrap_or_default()
    }
}

/// An advertising id as it is; any other text stands for the first half of its BLAKE3 hash.
fn device(text: &[u8]) -> DeviceId {
    let text = text.trim_ascii();
    let parsed = std::str::from_utf8(text).ok().filter(|text| text.len() >= UUID_DIGITS);
    if let Some(Ok(id)) = parsed.map(DeviceId::parse) {
        return id;
    }
    let hash = blake3::hash(text);
    let mut id = [0; 16];
    id.copy_from_slice(hash.as_bytes().split_at(16).0);
    DeviceId(id)
}

/// No UUID is written with fewer characters.
const UUID_DIGITS: usize = 32;
