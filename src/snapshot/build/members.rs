//! Lists of devices as member hashes.
//!
//! Raw ids never enter a snapshot. Short lists stay inside the campaigns block; a long one is a block of its
//! own, so that editing a campaign does not rewrite its audience.

use crate::domain::ids::DeviceId;
use crate::domain::lots::InstallationKey;
use crate::snapshot::blocks::{AudienceBlock, MemberSet};

/// Up to so many members are kept in place: half a KiB, less than a file and its header are worth.
const HERE_UP_TO: usize = 64;

/// Hashes lists and gathers the long ones.
#[derive(Debug)]
pub(super) struct Members<'a> {
    key: &'a InstallationKey,
    /// The long lists, in the order of their positions.
    pub(super) blocks: Vec<AudienceBlock>,
}

impl<'a> Members<'a> {
    pub(super) fn under(key: &'a InstallationKey) -> Self {
        Self { key, blocks: Vec::new() }
    }

    /// A list of advertising ids.
    pub(super) fn devices(&mut self, devices: &[DeviceId]) -> MemberSet {
        let members = self.hashes(devices);
        self.keep(members)
    }

    /// A list of devices that are hashed already.
    pub(super) fn hashed(&mut self, members: &[u64]) -> MemberSet {
        self.keep(sorted(members.to_vec()))
    }

    /// A list of echo codes.
    pub(super) fn echoes(&mut self, echoes: &[[u8; 16]]) -> MemberSet {
        let members = sorted(echoes.iter().map(|echo| self.key.echo_member(*echo)).collect());
        self.keep(members)
    }

    /// The hashes of advertising ids, ascending, without repeats.
    pub(super) fn hashes(&self, devices: &[DeviceId]) -> Vec<u64> {
        sorted(devices.iter().map(|device| self.key.member(*device)).collect())
    }

    /// Equal lists of an account share a block.
    fn keep(&mut self, members: Vec<u64>) -> MemberSet {
        if members.len() <= HERE_UP_TO {
            return MemberSet::Here(members);
        }
        let known = self.blocks.iter().position(|block| block.members == members);
        let at = known.unwrap_or_else(|| {
            self.blocks.push(AudienceBlock { members });
            self.blocks.len() - 1
        });
        MemberSet::Block(u32::try_from(at).unwrap_or(u32::MAX))
    }
}

fn sorted(mut members: Vec<u64>) -> Vec<u64> {
    members.sort_unstable();
    members.dedup();
    members
}
