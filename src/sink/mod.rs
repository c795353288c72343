//! To be filled: see the design.
