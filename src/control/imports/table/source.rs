//! The way in: a file, its format, its rows.

use std::io::{Read, Seek, SeekFrom};

use super::format::{self, Format};
use super::gather::{Gather, Take};
use super::{comma, xls, xlsx};
use crate::control::imports::bounds::Bounds;
use crate::control::imports::error::ImportError;
use crate::control::imports::watch::Watch;

/// A file whose format is known and whose length is within its bound.
#[derive(Debug)]
pub struct Table<F> {
    file: F,
    format: Format,
    length: u64,
    bounds: Bounds,
}

impl<F: Read + Seek> Table<F> {
    /// Looks at a file, from its start.
    ///
    /// # Errors
    /// [`ImportError::TooLong`], or [`ImportError::Format`] for what is not read.
    pub fn open(mut file: F, bounds: Bounds) -> Result<Self, ImportError> {
        let length = file.seek(SeekFrom::End(0))?;
        if length > bounds.bytes {
            return Err(ImportError::TooLong { limit: bounds.bytes });
        }
        let format = format::detect(&mut file)?;
        Ok(Self { file, format, length, bounds })
    }

    /// Which format it has.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// The file itself, at its start, and its length in bytes.
    #[must_use]
    pub fn into_file(self) -> (F, u64) {
        (self.file, self.length)
    }

    /// Hands on each row that is not blank, the header among them, until `take` breaks.
    ///
    /// # Errors
    /// Why the file is refused; rows before that have been handed on. GeoJSON has no rows: see
    /// [`geojson`](crate::control::imports::geojson).
    pub fn rows(self, watch: &mut Watch<'_>, take: Take<'_>) -> Result<(), ImportError> {
        let Self { file, format, length, bounds } = self;
        let gather = Gather::new(&bounds, watch, take);
        match format {
            Format::Csv => comma::read(file, length, gather),
            Format::Xlsx => xlsx::read(file, gather),
            Format::Xls => xls::read(file, length, gather),
            Format::GeoJson => Err(ImportError::Format {
                found: "GeoJSON, which has no columns",
                allowed: "CSV (UTF-8 or CP949), XLSX or XLS",
            }),
        }
    }
}
