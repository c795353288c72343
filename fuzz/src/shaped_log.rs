//! Segments whose checksums, marks and chain are right, whatever the bytes say otherwise: a fuzzer does not find a
//! CRC32C, and behind it lies what is to be tried.

use geofenced::identity::Keyring;

/// The magic of a segment, as `journal::segment` has it.
const MAGIC: &[u8; 8] = b"GFDLOG\r\n";

/// Segments made from a script: each step is a byte that picks what follows.
pub struct ShapedLog {
    keyring: Keyring,
    /// The segments, with the position that each begins at.
    pub segments: Vec<(u64, Vec<u8>)>,
    salt: [u8; 8],
    marks: u64,
}

impl ShapedLog {
    /// Follows a script to its end.
    #[must_use]
    pub fn of(script: &[u8], keyring: Keyring) -> Self {
        let mut log = Self { keyring, segments: Vec::new(), salt: [0; 8], marks: 0 };
        log.begin_segment();
        let mut rest = script;
        while let Some((&step, behind)) = rest.split_first() {
            rest = match step {
                0xFF if log.segments.len() < 4 => {
                    log.begin_segment();
                    behind
                }
                // A mark that belongs where it lies, of kind 1 or 3.
                0xF0..=0xFE => {
                    log.mark(if step % 2 == 0 { 1 } else { 3 });
                    behind
                }
                _ => log.record(step, behind),
            };
        }
        log
    }

    fn begin_segment(&mut self) {
        let (number, first, digest) = match self.segments.last() {
            None => (0, 0, [0; 32]),
            Some((first, bytes)) => {
                let end = first + bytes.len() as u64;
                (self.segments.len() as u64, end, *blake3::hash(bytes).as_bytes())
            }
        };
        let version = self.keyring.key_version();
        let check = self.keyring.check(version).expect("its own version");
        let mut header = MAGIC.to_vec();
        header.extend_from_slice(&geofenced::journal::LOG_FORMAT.to_le_bytes());
        header.extend_from_slice(&version.to_le_bytes());
        header.extend_from_slice(&check.0);
        header.extend_from_slice(&number.to_le_bytes());
        header.extend_from_slice(&first.to_le_bytes());
        header.extend_from_slice(&digest);
        header.extend_from_slice(&crc32c::crc32c(&header).to_le_bytes());
        self.salt.copy_from_slice(&blake3::hash(&header).as_bytes()[..8]);
        self.marks = 0;
        self.segments.push((first, header));
        self.mark(1);
    }

    fn mark(&mut self, kind: u8) {
        let Some((first, bytes)) = self.segments.last() else { return };
        let mut payload = (first + bytes.len() as u64).to_le_bytes().to_vec();
        payload.extend_from_slice(&self.salt);
        let number = self.marks;
        self.marks += 1;
        self.append(kind, 0, number, &payload);
    }

    /// `step`: the kind; then partition, sequence (both small, so that they meet), length, payload.
    fn record<'s>(&mut self, step: u8, script: &'s [u8]) -> &'s [u8] {
        let Some((&[partition, seq, length], rest)) = script.split_first_chunk::<3>() else {
            return &[];
        };
        let (payload, rest) = rest.split_at(usize::from(length).min(rest.len()));
        self.append(step, partition, seq.into(), payload);
        rest
    }

    fn append(&mut self, kind: u8, partition: u8, seq: u64, payload: &[u8]) {
        let mut record = (payload.len() as u32).to_le_bytes().to_vec();
        record.extend_from_slice(&[kind, partition]);
        record.extend_from_slice(&seq.to_le_bytes());
        record.extend_from_slice(payload);
        let Some((_, bytes)) = self.segments.last_mut() else { return };
        bytes.extend_from_slice(&crc32c::crc32c(&record).to_le_bytes());
        bytes.extend_from_slice(&record);
    }
}
