//! One thing that is wrong with what somebody sent: where, and what is allowed there.

use std::fmt;

/// A wrong value. Whoever answers shows it beside the field it names.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Fault {
    /// The field: a JSON pointer (RFC 6901) into the body, or the name of a file's column.
    pub pointer: String,
    /// A sentence with the value and what is allowed: `radius_m is 49; allowed: 50 to 100000 m`.
    pub detail: String,
}

impl Fault {
    /// A fault at `pointer`.
    #[must_use]
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }

    /// The same fault, seen from outside of the value that it lies in.
    #[must_use]
    pub fn under(self, pointer: &str) -> Self {
        Self { pointer: format!("{pointer}{}", self.pointer), ..self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pointer.is_empty() {
            f.write_str(&self.detail)
        } else {
            write!(f, "{}: {}", self.pointer, self.detail)
        }
    }
}
