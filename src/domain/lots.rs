//! Keyed hashes that draw lots and derive ids: job id, visit id, holdout, variant, membership in an audience.
//!
//! They take the raw advertising id and the installation key, which never rotates, so that a device keeps its
//! lot and a job its id for ever. The key comes from [`identity`](crate::identity).

use super::campaign::Variant;
use super::decision::Bucket;
use super::ids::{AccountId, CampaignId, DeviceId, DeviceKey, JobId, PlaceId, TargetId, VisitId};
use super::units::UtcMs;

/// The secret of this installation under which all of this module hashes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct InstallationKey(pub [u8; 32]);

/// A key must not leak into a log.
impl std::fmt::Debug for InstallationKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InstallationKey(…)")
    }
}

impl InstallationKey {
    /// The id of the one job of (campaign, device, bucket): a UUID version 8, RFC 9562.
    #[must_use]
    pub fn job_id(&self, campaign: CampaignId, device: DeviceKey, bucket: Bucket) -> JobId {
        let mut input = Lot::new(b"job", device.account, campaign, device.device);
        input.push(&[bucket.mode as u8]);
        input.push(&bucket.span.to_le_bytes());
        JobId(uuid_of(self.hash(&input)))
    }

    /// The id of the visit of (device, place, target, first enter): a UUID version 8, RFC 9562. The target is in it
    /// because a campaign file may give a place two insides, and each has visits of its own.
    #[must_use]
    pub fn visit_id(
        &self,
        device: DeviceKey,
        (place, target): (PlaceId, TargetId),
        first_entered_at: UtcMs,
    ) -> VisitId {
        let mut input = Lot::empty();
        input.push(b"visit");
        input.push(&device.account.0.to_le_bytes());
        input.push(&place.0.to_le_bytes());
        input.push(&target.0.to_le_bytes());
        input.push(&device.device.0);
        input.push(&first_entered_at.0.to_le_bytes());
        VisitId(uuid_of(self.hash(&input)))
    }

    /// Whether the device is held out of the campaign: `holdout_pct` per cent of devices are.
    #[must_use]
    pub fn held_out(&self, campaign: CampaignId, device: DeviceKey, holdout_pct: u8) -> bool {
        if holdout_pct == 0 {
            return false;
        }
        let lot = self.hash(&Lot::new(b"holdout", device.account, campaign, device.device));
        let [low, high, ..] = *lot.as_bytes();
        // 65,536 lots: a per cent is 655.36 of them, so compare 100 × lot with pct × 65,536.
        u32::from(u16::from_le_bytes([low, high])) * 100 < u32::from(holdout_pct) * 65_536
    }

    /// Which of two messages the device gets, evenly and independently of the holdout.
    #[must_use]
    pub fn variant(&self, campaign: CampaignId, device: DeviceKey) -> Variant {
        let lot = self.hash(&Lot::new(b"variant", device.account, campaign, device.device));
        if lot.as_bytes()[0] & 1 == 0 { Variant::A } else { Variant::B }
    }

    /// The hash under which audiences, blacklists and test lists hold a device.
    #[must_use]
    pub fn member(&self, device: DeviceId) -> u64 {
        self.member_of(b"member", device.0)
    }

    /// The hash under which blacklists hold an echo code.
    #[must_use]
    pub fn echo_member(&self, echo: [u8; 16]) -> u64 {
        self.member_of(b"echo", echo)
    }

    fn member_of(&self, purpose: &[u8], id: [u8; 16]) -> u64 {
        let mut input = Lot::empty();
        input.push(purpose);
        input.push(&id);
        let hash = self.hash(&input);
        let [a, b, c, d, e, f, g, h, ..] = *hash.as_bytes();
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    fn hash(&self, input: &Lot) -> blake3::Hash {
        blake3::keyed_hash(&self.0, &input.bytes[..input.len])
    }
}

/// The first half of a hash as a UUID version 8.
fn uuid_of(hash: blake3::Hash) -> [u8; 16] {
    let mut id = [0; 16];
    id.copy_from_slice(&hash.as_bytes()[..16]);
    id[6] = (id[6] & 0x0F) | 0x80;
    id[8] = (id[8] & 0x3F) | 0x80;
    id
}

/// What is hashed: a purpose and the ids, in a buffer on the stack. Purposes differ in length or letters and
/// every id has a fixed length, so no two lots can read the same.
struct Lot {
    bytes: [u8; 64],
    len: usize,
}

impl Lot {
    fn empty() -> Self {
        Self { bytes: [0; 64], len: 0 }
    }

    fn new(purpose: &[u8], account: AccountId, campaign: CampaignId, device: DeviceId) -> Self {
        let mut lot = Self::empty();
        lot.push(purpose);
        lot.push(&account.0.to_le_bytes());
        lot.push(&campaign.0.to_le_bytes());
        lot.push(&device.0);
        lot
    }

    fn push(&mut self, part: &[u8]) {
        self.bytes[self.len..self.len + part.len()].copy_from_slice(part);
        self.len += part.len();
    }
}
