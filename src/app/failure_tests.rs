//! A cause is told once, whether its error names it or not.

use std::io;

use super::failure::text;

#[derive(Debug, thiserror::Error)]
#[error("the log can't be read: {source}")]
struct Telling {
    source: io::Error,
}

#[test]
fn a_cause_is_told_once() {
    let source = io::Error::other("no such disk");
    let error = anyhow::Error::new(Telling { source }).context("the journal");
    assert_eq!(text(&error), "the journal: the log can't be read: no such disk");
    let plain = anyhow::Error::new(io::Error::other("no such disk")).context("the journal");
    assert_eq!(text(&plain), "the journal: no such disk");
}
