//! Which encoding a text file has, and its text as UTF-8.
//!
//! Korean spreadsheets write CP949 (windows-949, which `encoding_rs` calls EUC-KR after the WHATWG standard) unless told
//! otherwise. A text that is valid UTF-8 is UTF-8: CP949 of any length hardly ever is. The whole file is looked through
//! before the first row is read, so that no half of an import is in the wrong letters.

use std::io::{self, Read, Seek, SeekFrom};

use encoding_rs::{DecoderResult, EUC_KR, Encoding, UTF_8};

use crate::control::imports::error::ImportError;
use crate::control::imports::watch::Watch;

/// So much is decoded at a time.
const CHUNK: usize = 64 * 1024;

/// UTF-8, with or without a byte-order mark, or CP949.
///
/// # Errors
/// [`ImportError::Encoding`] with the first wrong byte by either.
pub(super) fn detect(
    file: &mut (impl Read + Seek),
    watch: &mut Watch<'_>,
) -> Result<&'static Encoding, ImportError> {
    let Some(utf8_at) = first_wrong(file, UTF_8, watch)? else { return Ok(UTF_8) };
    let Some(cp949_at) = first_wrong(file, EUC_KR, watch)? else { return Ok(EUC_KR) };
    Err(ImportError::Encoding { utf8_at, cp949_at })
}

/// Where the text stops being in this encoding, in bytes from 0. The file is at its start afterwards.
fn first_wrong(
    file: &mut (impl Read + Seek),
    encoding: &'static Encoding,
    watch: &mut Watch<'_>,
) -> Result<Option<u64>, ImportError> {
    file.seek(SeekFrom::Start(0))?;
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut bytes = vec![0; CHUNK];
    // Three bytes of UTF-8 for one of CP949, and what the decoder wants to have left.
    let mut text = vec![0; 3 * CHUNK + 16];
    let mut position = 0;
    let wrong = loop {
        let len = read_full(file, &mut bytes)?;
        let last = len < bytes.len();
        let (result, read, _) =
            decoder.decode_to_utf8_without_replacement(&bytes[..len], &mut text, last);
        position += read as u64;
        match result {
            DecoderResult::Malformed(bad, after) => {
                break Some(position.saturating_sub(u64::from(bad) + u64::from(after)));
            }
            DecoderResult::OutputFull | DecoderResult::InputEmpty if last => break None,
            DecoderResult::OutputFull | DecoderResult::InputEmpty => watch.pause()?,
        }
    };
    file.seek(SeekFrom::Start(0))?;
    Ok(wrong)
}

/// Text as UTF-8, without its byte-order mark.
pub(super) struct Utf8<R> {
    inner: R,
    decoder: encoding_rs::Decoder,
    bytes: Vec<u8>,
    /// Decoded and not yet handed out.
    text: Vec<u8>,
    handed: usize,
    ended: bool,
}

impl<R: Read> Utf8<R> {
    /// `encoding` is what [`detect`] has found, so nothing is replaced.
    pub(super) fn new(inner: R, encoding: &'static Encoding) -> Self {
        let decoder = encoding.new_decoder_with_bom_removal();
        Self { inner, decoder, bytes: vec![0; CHUNK], text: Vec::new(), handed: 0, ended: false }
    }

    fn fill(&mut self) -> io::Result<()> {
        let len = read_full(&mut self.inner, &mut self.bytes)?;
        self.ended = len < self.bytes.len();
        self.text.resize(3 * CHUNK + 16, 0);
        let (_, _, written, _) =
            self.decoder.decode_to_utf8(&self.bytes[..len], &mut self.text, self.ended);
        self.text.truncate(written);
        self.handed = 0;
        Ok(())
    }
}

impl<R: Read> Read for Utf8<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.handed == self.text.len() && !self.ended {
            self.fill()?;
        }
        let len = into.len().min(self.text.len() - self.handed);
        into[..len].copy_from_slice(&self.text[self.handed..self.handed + len]);
        self.handed += len;
        Ok(len)
    }
}

/// Reads until `into` is full or the file ends, so that a short read means the end.
fn read_full(from: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < into.len() {
        match from.read(&mut into[len..]) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}
