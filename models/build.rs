//! Copies the sources under test with their primitives exchanged for loom's, so that what is modelled is what is
//! shipped. A primitive that a source no longer names stops the build: then the table below has to follow.

use std::fs;
use std::path::Path;

/// A source below `src`, and the words in it that are exchanged.
const SOURCES: &[(&str, &[(&str, &str)])] = &[
    (
        "shard/ticket.rs",
        &[
            ("std::sync::Arc", "crate::sync::Arc"),
            ("std::sync::atomic::", "crate::sync::atomic::"),
            ("atomic_waker::AtomicWaker", "crate::sync::AtomicWaker"),
            (
                "[const { AtomicU32::new(0) }; RejectReason::SLOTS]",
                "std::array::from_fn(|_| AtomicU32::new(0))",
            ),
        ],
    ),
    (
        "shard/mailbox.rs",
        &[
            ("std::sync::Arc", "crate::sync::Arc"),
            ("std::sync::atomic::", "crate::sync::atomic::"),
            ("crossbeam::channel::", "crate::sync::channel::"),
            ("tokio::sync::Semaphore", "crate::sync::Semaphore"),
        ],
    ),
    (
        "snapshot/slot.rs",
        &[("std::sync::", "crate::sync::"), ("arc_swap::", "crate::sync::arc_swap::")],
    ),
    (
        "journal/handle.rs",
        &[
            ("std::sync::atomic::", "crate::sync::atomic::"),
            ("std::sync::{Arc", "crate::sync::{Arc"),
            ("std::thread::JoinHandle", "loom::thread::JoinHandle"),
            ("std::thread::Builder", "loom::thread::Builder"),
            ("crossbeam::channel::", "crate::sync::channel::"),
            ("crossbeam::queue::", "crate::sync::queue::"),
            ("Arc<dyn Disk>", "std::sync::Arc<dyn Disk>"),
            ("Arc::new(RealDisk)", "std::sync::Arc::new(RealDisk)"),
            ("Arc::clone(&start.disk)", "std::sync::Arc::clone(&start.disk)"),
        ],
    ),
    (
        "journal/writer.rs",
        &[
            ("std::sync::atomic::", "crate::sync::atomic::"),
            ("use std::sync::Arc", "use crate::sync::Arc"),
            ("pause: std::thread::park_timeout", "pause: crate::sync::park_timeout"),
            ("blake3::Hasher", "crate::identity::Hasher"),
            ("crossbeam::channel::", "crate::sync::channel::"),
            ("Arc<dyn Disk>", "std::sync::Arc<dyn Disk>"),
        ],
    ),
    (
        "journal/shard_log.rs",
        &[
            ("std::sync::atomic::", "crate::sync::atomic::"),
            ("use std::sync::Arc", "use crate::sync::Arc"),
            ("crossbeam::channel::", "crate::sync::channel::"),
        ],
    ),
    ("journal/error.rs", &[]),
    ("journal/figures.rs", &[]),
    ("journal/record.rs", &[]),
    ("journal/fields.rs", &[]),
    ("journal/segment.rs", &[("*blake3::hash(&self.to_bytes()).as_bytes()", "[0u8; 32]")]),
];

fn main() {
    let out = std::env::var("OUT_DIR").expect("cargo sets it");
    for (name, exchanged) in SOURCES {
        let path = Path::new("../src").join(name);
        println!("cargo::rerun-if-changed={}", path.display());
        let mut text = fs::read_to_string(&path).expect("the source is there");
        for (shipped, modelled) in *exchanged {
            assert!(text.contains(shipped), "{name} no longer names {shipped}");
            text = text.replace(shipped, modelled);
        }
        // Inner documentation has no place in a file that is included.
        let body: Vec<&str> = text.lines().filter(|line| !line.starts_with("//!")).collect();
        let to = Path::new(&out).join(name.replace('/', "_"));
        fs::write(to, body.join("\n")).expect("the build's own directory");
    }
}
