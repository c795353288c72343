//! A workbook as a zip archive that may be a bomb: every part that its reader may open is unpacked and counted first, and
//! nothing of it is kept.
//!
//! What an archive says of its sizes is held against the bound before anything is unpacked, since that costs nothing;
//! then what really comes out of each part, since archives lie. The reader keeps the list of sheets and the shared
//! strings in memory, so those have bounds of their own; reading a workbook takes at most about [256 MiB](MEMORY)
//! whatever it holds. Styles and the like, which the reader would keep too, in copies, are [hidden](super::hidden).

use std::io::{Read, Seek};

use zip::ZipArchive;
use zip::result::ZipError;

use super::hidden::Hidden;
use super::markup::{Markup, Rules, Unfit};
use super::meter::{Meter, Tally};
use crate::control::imports::bounds::Bounds;
use crate::control::imports::error::ImportError;
use crate::control::imports::watch::Watch;

pub(super) const FORMAT: &str = "XLSX workbook";

/// What reading a workbook takes at most, bytes, by the bounds below; a test watches the allocator.
pub const MEMORY: u64 = 256 * 1024 * 1024;

const MIB: u64 = 1024 * 1024;

/// The directory of an archive may be so long. Each entry is kept as a structure of some hundred bytes.
const DIRECTORY_BYTES: u64 = 2 * MIB;

/// The most parts, where a workbook has 20.
const PARTS: usize = 10_000;

/// Shared strings may take so much unpacked: half a million advertising ids as Korean Excel writes them take 52 MB.
const STRINGS_BYTES: u64 = 64 * MIB;

/// The most shared strings: each costs 24 bytes however short it is, and 24 more while the list grows.
const STRINGS: u64 = 1_500_000;

/// The list of sheets and the relations of parts; real ones have some kilobytes.
const BOOK_BYTES: u64 = 2 * MIB;

const CHUNK: usize = 256 * 1024;

/// Elements of the list of sheets, of which the reader keeps what they say. An archive may give any of its parts out for
/// that list.
const LISTED: &[&str] = &["sheet", "definedName", "Relationship"];

/// A sheet's rules: a cell has at most 32,767 characters, as entities these take 300 KiB.
const OF_SHEET: Rules = Rules { run: 1024 * 1024, tags: u64::MAX, strange: LISTED };

/// A string has three tags or more, an honest one four or five.
const OF_STRINGS: Rules = Rules { run: 1024 * 1024, tags: 3 * STRINGS, strange: LISTED };

/// Names and paths are copied for each sheet.
const OF_BOOK: Rules = Rules { run: 8 * 1024, tags: 10_000, strange: &[] };

/// Unpacks and counts everything, and gives the file with all hidden that need not be seen.
///
/// # Errors
/// [`ImportError::Bomb`] past a bound, [`ImportError::Broken`] for what is no archive.
pub(super) fn survey<R: Read + Seek>(
    mut file: R,
    bounds: &Bounds,
    watch: &mut Watch<'_>,
) -> Result<Hidden<R>, ImportError> {
    let (counted, tally) = Meter::new(&mut file);
    let mut archive = open(counted, &tally)?;
    tally.allow(u64::MAX);
    let mut declared = 0_u64;
    let mut covers = Vec::new();
    for at in 0..archive.len() {
        let part = archive.by_index_raw(at).map_err(broken)?;
        if part.encrypted() {
            return Err(ImportError::broken(FORMAT, "it is protected by a password"));
        }
        declared = declared.saturating_add(part.size());
        if role(&part)? == Role::Hidden {
            // The name stands behind 46 bytes of its directory entry; no part that is read begins so.
            covers.push((part.central_header_start() + 46, b'~'));
        }
    }
    if declared > bounds.unpacked_bytes {
        return Err(too_large(declared, bounds));
    }
    let mut unpacked = 0;
    for at in 0..archive.len() {
        if role(&archive.by_index_raw(at).map_err(broken)?)? != Role::Hidden {
            let part = archive.by_index(at).map_err(broken)?;
            unpacked = survey_part(part, unpacked, bounds, watch)?;
        }
    }
    drop(archive);
    Ok(Hidden::new(file, covers)?)
}

/// Opens an archive whose directory is no bomb.
fn open<R: Read + Seek>(
    file: Meter<R>,
    tally: &Tally,
) -> Result<ZipArchive<Meter<R>>, ImportError> {
    tally.allow(DIRECTORY_BYTES);
    let archive = ZipArchive::new(file).map_err(|error| {
        if tally.is_spent() {
            let what = "a directory of more than 2 MiB, or none";
            ImportError::bomb(what, "what a spreadsheet program writes")
        } else {
            broken(error)
        }
    })?;
    if archive.len() > PARTS {
        let what = format!("{} parts", archive.len());
        return Err(ImportError::bomb(what, format!("{PARTS} parts")));
    }
    Ok(archive)
}

/// Unpacks one part. Gives what all parts so far have come to.
fn survey_part(
    mut part: zip::read::ZipFile<'_, impl Read>,
    mut unpacked: u64,
    bounds: &Bounds,
    watch: &mut Watch<'_>,
) -> Result<u64, ImportError> {
    let role = role(&part)?;
    let name = part.name().map_err(broken)?;
    let name: String = name.chars().filter(|letter| !letter.is_control()).take(60).collect();
    let mut markup = Markup::new(role.rules());
    let mut own = 0_u64;
    let mut chunk = vec![0; CHUNK];
    loop {
        let len = part.read(&mut chunk).map_err(|error| ImportError::broken(FORMAT, error))?;
        if len == 0 {
            break;
        }
        own += len as u64;
        unpacked += len as u64;
        if unpacked > bounds.unpacked_bytes {
            return Err(too_large(unpacked, bounds));
        }
        if own > role.bytes() {
            let what = format!("{name} unpacks to more than {} bytes", role.bytes());
            return Err(ImportError::bomb(what, format!("{} bytes; send it as CSV", role.bytes())));
        }
        markup.look(&chunk[..len]).map_err(|unfit| refused(&name, unfit))?;
        watch.pause()?;
    }
    if role == Role::Strings {
        claims(markup.first())?;
    }
    Ok(unpacked)
}

fn refused(name: &str, unfit: Unfit) -> ImportError {
    ImportError::bomb(
        format!("{} in {name}", unfit.what()),
        "what a spreadsheet program writes; save it again with one, or send it as CSV",
    )
}

/// Holds what the list of shared strings says of its length against the bound: the reader makes room for so many before
/// it has read one.
fn claims(first: &[u8]) -> Result<(), ImportError> {
    const CLAIM: &[u8] = b"uniqueCount";
    let name = first.split(|byte| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>')).next();
    let local = name.and_then(|name| name.rsplit(|byte| *byte == b':').next());
    if local != Some(b"sst") {
        return Err(ImportError::broken(FORMAT, "its shared strings begin with another tag"));
    }
    for at in 0..first.len() {
        let Some(rest) = first[at..].strip_prefix(CLAIM) else { continue };
        let digits = rest
            .iter()
            .skip_while(|byte| !byte.is_ascii_digit())
            .take_while(|byte| byte.is_ascii_digit());
        let count = digits.fold(0_u64, |sum, digit| {
            sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
        });
        if count > STRINGS {
            let what = format!("it claims to have {count} shared strings");
            return Err(ImportError::bomb(what, format!("{STRINGS}; send it as CSV")));
        }
    }
    Ok(())
}

/// What the reader of workbooks does with a part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    /// Reads it front to back and keeps nothing.
    Sheet,
    /// Keeps every string.
    Strings,
    /// Keeps what it says of sheets and parts.
    Book,
    /// Never sees it.
    Hidden,
}

fn role(part: &zip::read::ZipFile<'_, impl Read>) -> Result<Role, ImportError> {
    part.name().map(|name| Role::of(&name)).map_err(broken)
}

impl Role {
    /// By its name, whose case does not matter to the reader.
    fn of(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let mut folders = name.split(['/', '\\']);
        let file = folders.next_back().unwrap_or_default();
        if file == "sharedstrings.xml" {
            Self::Strings
        } else if file.ends_with(".rels")
            || (file.starts_with("workbook") && file.ends_with(".xml"))
        {
            Self::Book
        } else if folders.any(|folder| folder == "worksheets") {
            Self::Sheet
        } else {
            Self::Hidden
        }
    }

    const fn rules(self) -> Rules {
        match self {
            Self::Strings => OF_STRINGS,
            Self::Book => OF_BOOK,
            Self::Sheet | Self::Hidden => OF_SHEET,
        }
    }

    const fn bytes(self) -> u64 {
        match self {
            Self::Strings => STRINGS_BYTES,
            Self::Book => BOOK_BYTES,
            Self::Sheet | Self::Hidden => u64::MAX,
        }
    }
}

fn too_large(unpacked: u64, bounds: &Bounds) -> ImportError {
    ImportError::bomb(
        format!("it unpacks to {unpacked} bytes or more"),
        format!("{} bytes", bounds.unpacked_bytes),
    )
}

fn broken(error: ZipError) -> ImportError {
    ImportError::broken(FORMAT, error)
}
