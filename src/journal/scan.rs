//! Reading the log from a position on, record by record, proving it sound on the way.
//!
//! Both readers stand on this: recovery, which goes on to write, and the read-only one of replay. A
//! segment is held in memory while it is read, so that its digest can be checked against the next
//! one's header.

use std::path::PathBuf;
use std::sync::Arc;

use super::decode::Decoder;
use super::disk::Disk;
use super::error::JournalError;
use super::owned::OwnedInput;
use super::packed::Original;
use super::position::{LogPosition, Resume};
use super::record::{self, GroupMark, NoRecord, RecordKind};
use super::segment::{NoHeader, SEGMENT_HEADER_BYTES, SegmentFile, SegmentHeader};
use super::tail;
use crate::domain::ids::{InputPosition, InputSeq, PARTITIONS, PartitionId};
use crate::identity::Keyring;

/// A reader of the log's sound part.
pub(super) struct LogScan {
    disk: Arc<dyn Disk>,
    keyring: Keyring,
    resume: Resume,
    segments: Vec<SegmentFile>,
    /// The segment to open next.
    next_segment: usize,
    /// The segment at hand, and how much of it is read.
    bytes: Vec<u8>,
    offset: usize,
    /// Its header, position and salt. The header is `None` before the first and after the last
    /// segment.
    header: Option<SegmentHeader>,
    first: LogPosition,
    salt: [u8; 8],
    /// What it was as it was written, where it was packed.
    original: Option<Original>,
    /// Number and digest of the segment before; `None` at the first one read.
    previous: Option<Link>,
    decoder: Decoder,
    /// By partition, the last input met; 0 before the first.
    met: Box<[InputSeq; PARTITIONS]>,
    last: Option<InputPosition>,
    input: OwnedInput,
}

/// What the header of the next segment must agree with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) number: u64,
    pub(super) end: LogPosition,
    pub(super) digest: [u8; 32],
}

impl LogScan {
    /// Starts at the segment in which the checkpoints' position lies. `segments` are all that the
    /// log has, the last one as long as it is whole.
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        keyring: &Keyring,
        resume: Resume,
        segments: Vec<SegmentFile>,
    ) -> Result<Self, JournalError> {
        let first = segments.first().map_or(LogPosition::START, |segment| segment.first);
        let mut resume = resume;
        if resume.is_anywhere() {
            resume.from = first;
        }
        let end = segments.last().map_or(LogPosition::START, SegmentFile::end);
        if first > resume.from {
            return Err(JournalError::StartsLate { from: resume.from, first });
        }
        if end < resume.from {
            return Err(JournalError::EndsEarly { from: resume.from, end });
        }
        let behind = segments.partition_point(|segment| segment.first <= resume.from);
        Ok(Self {
            disk,
            keyring: keyring.clone(),
            resume,
            segments,
            next_segment: behind.saturating_sub(1),
            bytes: Vec::new(),
            offset: 0,
            header: None,
            first,
            salt: [0; 8],
            original: None,
            previous: None,
            decoder: Decoder::new(keyring.sealer()),
            met: Box::new([InputSeq(0); PARTITIONS]),
            last: None,
            input: OwnedInput::default(),
        })
    }

    /// How much of the log there is to read, bytes, whole segments.
    pub(super) fn bytes_ahead(&self) -> u64 {
        let ahead = self.segments.get(self.next_segment..).unwrap_or_default();
        ahead.iter().map(|segment| segment.len).sum()
    }

    /// The next input after the marks; `None` at the end, when all has been proven.
    pub(super) fn next_input(
        &mut self,
    ) -> Result<Option<(InputPosition, &OwnedInput)>, JournalError> {
        while let Some(position) = self.step()? {
            if position.seq > self.resume.mark(position.partition) {
                return Ok(Some((position, &self.input)));
            }
        }
        Ok(None)
    }

    /// Where reading began, where it is, and where the log ended when it was opened.
    pub(super) fn span(&self) -> [LogPosition; 3] {
        let end = self.segments.last().map_or(self.resume.from, SegmentFile::end);
        [self.resume.from, self.at(self.offset).max(self.resume.from), end]
    }

    /// Reads all that is left. Then, what the next segment has to agree with; `None` if the log is
    /// empty.
    pub(super) fn finish(mut self) -> Result<Option<Link>, JournalError> {
        while self.step()?.is_some() {}
        Ok(self.previous)
    }

    /// Reads up to the next input, and into `self.input` if it lies after its mark.
    fn step(&mut self) -> Result<Option<InputPosition>, JournalError> {
        loop {
            // A run that wrote nothing has left a segment without records.
            while self.offset == self.bytes.len() {
                if !self.open_next()? {
                    self.check_marks()?;
                    return Ok(None);
                }
            }
            let offset = self.offset;
            let record = record::parse(&self.bytes[offset..])
                .map_err(|reason| self.corrupt(offset, reason))?;
            self.offset += record.size();
            match record.kind {
                RecordKind::Group | RecordKind::End => {
                    let expected = GroupMark { at: self.at(offset), salt: self.salt };
                    if GroupMark::of(&record) != Some(expected) {
                        return Err(self.corrupt(offset, NoRecord::ForeignMark));
                    }
                    self.decoder.begin_group();
                }
                RecordKind::Context => {
                    let taken = self.decoder.set_context(&record);
                    taken.map_err(|reason| self.corrupt(offset, reason))?;
                }
                RecordKind::Fixes
                | RecordKind::FixesFar
                | RecordKind::Outcomes
                | RecordKind::Profiles
                | RecordKind::Hints
                | RecordKind::Erasures
                | RecordKind::Tick
                | RecordKind::Publication
                | RecordKind::Grant
                | RecordKind::PolicyWithoutVisits
                | RecordKind::PolicyWithoutDays
                | RecordKind::Policy => {
                    let position = record.position;
                    if !self.resume.reads(position.partition) {
                        continue;
                    }
                    self.check_seq(position, offset)?;
                    if position.seq > self.resume.mark(position.partition) {
                        let read = self.decoder.read(&record, &mut self.input);
                        read.map_err(|reason| self.corrupt(offset, reason))?;
                    }
                    self.met[position.partition.index()] = position.seq;
                    self.last = Some(position);
                    return Ok(Some(position));
                }
            }
        }
    }

    /// Closes the segment at hand and opens the next; `false` if there is none.
    fn open_next(&mut self) -> Result<bool, JournalError> {
        if let Some(header) = self.header.take() {
            let written = || *blake3::hash(&self.bytes).as_bytes();
            let digest = self.original.map_or_else(written, |original| original.digest);
            let end = self.at(self.bytes.len());
            self.previous = Some(Link { number: header.number, end, digest });
        }
        if !self.read_next()? {
            return Ok(false);
        }
        let segment = &self.segments[self.next_segment - 1];
        let path = &segment.path;
        let len = usize::try_from(segment.len).unwrap_or(usize::MAX);
        if self.bytes.len() < len {
            let shorter = format!("it has {} bytes, {len} a moment ago", self.bytes.len());
            return Err(self.corrupt(self.bytes.len(), shorter));
        }
        self.bytes.truncate(len);
        let header = SegmentHeader::parse(&self.bytes).map_err(|reason| match reason {
            NoHeader::Newer(format) => tail::newer(segment, format),
            NoHeader::Ends | NoHeader::BadMagic | NoHeader::BadSum => self.corrupt(0, reason),
        })?;
        self.check_header(&header)?;
        header.check_keys(path, &self.keyring)?;
        self.header = Some(header);
        self.salt = header.salt();
        self.offset = SEGMENT_HEADER_BYTES;
        self.decoder.begin_group();
        Ok(true)
    }

    /// Reads the next segment's bytes; `false` if there is none. Whoever begins anywhere lets go of those that a running
    /// daemon has trimmed meanwhile.
    fn read_next(&mut self) -> Result<bool, JournalError> {
        loop {
            let Some(segment) = self.segments.get(self.next_segment) else { return Ok(false) };
            self.next_segment += 1;
            self.first = segment.first;
            let read = segment.read(&*self.disk, &mut self.bytes);
            let begins = self.previous.is_none() && self.resume.is_anywhere();
            match read {
                Err(JournalError::Io { source, .. })
                    if begins && source.kind() == std::io::ErrorKind::NotFound => {}
                read => {
                    self.original = read?;
                    // Who begins anywhere takes what there is; a replay would come to other outputs.
                    if !self.resume.is_anywhere() && self.original.is_some_and(|one| one.is_erased)
                    {
                        return Err(JournalError::Erased { path: segment.path.clone() });
                    }
                    return Ok(true);
                }
            }
        }
    }

    /// Name, number and chain.
    fn check_header(&self, header: &SegmentHeader) -> Result<(), JournalError> {
        if header.first != self.first {
            let reason = format!("its header says that it begins at {}", header.first);
            return Err(self.corrupt(0, reason));
        }
        let Some(previous) = self.previous else { return Ok(()) };
        if header.first != previous.end || header.number != previous.number + 1 {
            let reason = format!(
                "the log before it ends at {}, as segment {}; this is segment {}",
                previous.end, previous.number, header.number
            );
            return Err(self.corrupt(0, reason));
        }
        if header.previous_digest != previous.digest {
            return Err(self.corrupt(0, "the segment before it is not the one it was chained to"));
        }
        Ok(())
    }

    /// An input must be the one after the last of its partition, or at the beginning at most the
    /// one after the mark, if what came before matters.
    fn check_seq(&self, position: InputPosition, offset: usize) -> Result<(), JournalError> {
        let InputPosition { partition, seq } = position;
        let met = self.met[partition.index()];
        let expected =
            if met == InputSeq(0) { self.resume.mark(partition).0 } else { met.0 }.wrapping_add(1);
        let is_next = seq.0 == expected;
        let is_first = met == InputSeq(0) && seq.0 != 0;
        let is_known = is_first && (seq.0 < expected || self.resume.is_anywhere());
        if is_next || is_known {
            return Ok(());
        }
        Err(JournalError::Gap {
            partition,
            expected: InputSeq(expected),
            found: seq,
            path: self.path(),
            offset: offset as u64,
        })
    }

    /// A partition whose inputs end before its checkpoint has lost some.
    fn check_marks(&self) -> Result<(), JournalError> {
        for partition in PartitionId::all() {
            let (mark, last) = (self.resume.mark(partition), self.met[partition.index()]);
            if last != InputSeq(0) && last < mark {
                return Err(JournalError::BehindCheckpoint { partition, mark, last });
            }
        }
        Ok(())
    }

    fn at(&self, offset: usize) -> LogPosition {
        LogPosition(self.first.0 + offset as u64)
    }

    fn path(&self) -> PathBuf {
        let open = self.next_segment.checked_sub(1).and_then(|place| self.segments.get(place));
        open.map(|segment| segment.path.clone()).unwrap_or_default()
    }

    fn corrupt(&self, offset: usize, reason: impl ToString) -> JournalError {
        JournalError::Corrupt {
            path: self.path(),
            offset: offset as u64,
            after: self.last,
            reason: reason.to_string(),
        }
    }
}
