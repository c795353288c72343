//! The engine's numbers as the config has them now. A reload puts others in force while the daemon runs: intake
//! goes by them at once, and each shard journals them as an input to its partitions, from which on they decide.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::domain::policy::Policy;

/// The policy in force. Cheap to clone; every clone gives the same one.
#[derive(Clone, Debug)]
pub struct PolicyInForce(Arc<ArcSwap<Policy>>);

impl PolicyInForce {
    /// The policy of the start.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(policy)))
    }

    /// The policy as of now; one atomic read.
    #[must_use]
    pub fn now(&self) -> Policy {
        **self.0.load()
    }

    /// Puts another one in force.
    pub fn adopt(&self, policy: Policy) {
        self.0.store(Arc::new(policy));
    }
}
