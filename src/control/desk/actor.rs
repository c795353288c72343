//! Who changes something, and when.

use std::sync::Arc;

use crate::domain::ids::AccountId;
use crate::domain::units::UtcMs;
use crate::identity::Keyring;

/// Who asks for a change.
#[derive(Clone)]
pub struct Actor {
    /// Whose records: the token's account.
    pub account: AccountId,
    /// What the token is called, or which command of the operator it is; for the audit log.
    pub by: Arc<str>,
    /// Whether it is the operator, who may set what accounts pay for.
    pub operator: bool,
    /// When.
    pub now: UtcMs,
    /// What advertising ids are sealed with.
    pub keyring: Keyring,
}
