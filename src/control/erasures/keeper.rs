//! Whoever may hold traces of devices.

use crate::identity::Gone;

/// Whether the daemon ends, and what takes long should be left for the next start.
pub type Ends<'e> = &'e dyn Fn() -> bool;

/// Erases devices from one store: gives how many records there were, or `None` if it was cut short.
pub type Erase = Box<dyn FnMut(&Gone, Ends<'_>) -> anyhow::Result<Option<u64>> + Send>;

/// A store that may hold traces of devices.
pub struct Keeper {
    /// What receipts call it.
    pub name: &'static str,
    /// How it forgets. Again and again it comes to the same.
    pub erase: Erase,
}

impl Keeper {
    /// One that goes by this name.
    pub fn new(
        name: &'static str,
        erase: impl FnMut(&Gone, Ends<'_>) -> anyhow::Result<Option<u64>> + Send + 'static,
    ) -> Self {
        Self { name, erase: Box::new(erase) }
    }
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keeper({})", self.name)
    }
}
