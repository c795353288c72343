//! The journal's log: a segment as it comes, or segments whose checksums fit, read as replay reads them. Whatever is in
//! them, a partition's inputs come in their order without a gap, twice the same, or an error says where it ends.
#![no_main]

use std::path::Path;
use std::sync::{Arc, LazyLock};

use geofenced::identity::Keyring;
use geofenced::journal::{LogReader, Resume};
use geofenced_fuzz::memory_disk::MemoryDisk;
use geofenced_fuzz::shaped_log::ShapedLog;
use libfuzzer_sys::fuzz_target;

static KEYRING: LazyLock<Keyring> = LazyLock::new(|| Keyring::from_seed([0x60; 32]));

fuzz_target!(|bytes: &[u8]| {
    let Some((&mode, script)) = bytes.split_first() else { return };
    let segments = match mode % 4 {
        0 => vec![(0, script.to_vec())],
        // A tear or damage in what was right: the last byte says where, the one before it what is put there.
        1 => damaged(ShapedLog::of(script, KEYRING.clone()).segments, script),
        _ => ShapedLog::of(script, KEYRING.clone()).segments,
    };
    assert_eq!(read(&segments), read(&segments));
});

fn damaged(mut segments: Vec<(u64, Vec<u8>)>, script: &[u8]) -> Vec<(u64, Vec<u8>)> {
    if let (Some((_, last)), &[.., what, at]) = (segments.last_mut(), script) {
        let place = usize::from(at) * last.len() / 256;
        if what == 0 { last.truncate(place) } else { last[place] ^= what }
    }
    segments
}

/// What a reader makes of a log: its inputs, and how it ended.
fn read(segments: &[(u64, Vec<u8>)]) -> Vec<String> {
    let path = |first: &u64| Path::new("/d/log").join(format!("{first:020}.seg"));
    let files = segments.iter().map(|(first, bytes)| (path(first), bytes.clone()));
    let disk = Arc::new(MemoryDisk(files.collect()));
    let mut reader = match LogReader::open_on(disk, Path::new("/d"), &KEYRING, Resume::from_start())
    {
        Ok(reader) => reader,
        Err(error) => return vec![error.to_string()],
    };
    let mut told = vec![format!("{:?}", reader.tail())];
    let mut last = [0u64; 256];
    loop {
        match reader.next_input() {
            Ok(Some((position, input))) => {
                let last = &mut last[position.partition.index()];
                assert_eq!(position.seq.0, *last + 1, "partition {}", position.partition);
                *last = position.seq.0;
                told.push(format!("{position:?} {input:?}"));
            }
            Ok(None) => return told,
            Err(error) => {
                told.push(error.to_string());
                return told;
            }
        }
    }
}
