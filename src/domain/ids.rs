//! Who is who: accounts, apps, devices, campaigns, targets, and the partition a device belongs to.
//!
//! Ids arrive from the wire, from campaign files and from the catalog; they leave in journal records,
//! jobs and events. Each is its own type, so one cannot be passed for another.

use std::fmt;

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $raw:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $raw);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

number_id!(
    /// A paying customer. It comes from the credentials of a connection, never from a frame.
    AccountId, u32
);
number_id!(
    /// An app of an account, as the campaign files or the catalog number it.
    AppId, u32
);
number_id!(
    /// A campaign. Unique within its account.
    CampaignId, u32
);
number_id!(
    /// A fence, place or region that an account watches. Stable over edits, and never reused within a
    /// snapshot store, so that a stay survives a publication.
    TargetId, u32
);
number_id!(
    /// A store, as place hints name it. `0` means none.
    PlaceId, u32
);
number_id!(
    /// The number of a snapshot: it grows by one with each publication, rollbacks included.
    Epoch, u64
);
number_id!(
    /// The number of an input within its partition, from 1. Gapless.
    InputSeq, u64
);
number_id!(
    /// The number of a frame within its client instance and stream, from 1, chosen by the client.
    FrameSeq, u64
);
number_id!(
    /// A stream of a client instance, numbered by the client so that it survives reconnects.
    StreamNo, u32
);

impl TargetId {
    /// The target that contains every fix: the left side of a nationwide campaign.
    pub const NATIONWIDE: Self = Self(u32::MAX);
}

/// An advertising id (Android ADID, iOS IDFA), 16 bytes in the order of its text form.
///
/// The text form is a UUID; case does not matter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct DeviceId(pub [u8; 16]);

impl DeviceId {
    /// The id that platforms hand out when the user has limited tracking. It names nobody.
    pub const NIL: Self = Self([0; 16]);

    /// Whether this is [`DeviceId::NIL`].
    #[must_use]
    pub fn is_nil(self) -> bool {
        self == Self::NIL
    }

    /// Reads the text form of an advertising id: a UUID with or without hyphens, in any case.
    ///
    /// # Errors
    /// [`NotADeviceId`] with the offending text.
    pub fn parse(text: &str) -> Result<Self, NotADeviceId> {
        uuid::Uuid::try_parse(text.trim())
            .map(|id| Self(id.into_bytes()))
            .map_err(|reason| NotADeviceId { text: text.to_owned(), reason })
    }

    /// The two halves as little-endian words, the form in which hashes take it.
    #[must_use]
    pub fn words(self) -> (u64, u64) {
        let all = u128::from_le_bytes(self.0);
        #[expect(clippy::cast_possible_truncation, reason = "the low half is what is wanted")]
        (all as u64, (all >> 64) as u64)
    }
}

/// The canonical text form: a lower-case UUID.
impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        uuid::Uuid::from_bytes(self.0).as_hyphenated().fmt(f)
    }
}

/// Device ids are personal: a debug print must not leak one into a log.
impl fmt::Debug for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceId(…)")
    }
}

/// A text that is no advertising id.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{text:?} is not an advertising id: {reason}; write it as 8-4-4-4-12 hexadecimal digits")]
pub struct NotADeviceId {
    /// What was written.
    pub text: String,
    /// What the UUID parser stumbled over.
    pub reason: uuid::Error,
}

/// A device as the engine knows it: the same advertising id in two accounts is two devices.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct DeviceKey {
    /// The account that the ping came for.
    pub account: AccountId,
    /// The advertising id.
    pub device: DeviceId,
}

/// How many partitions there are. Part of the protocol's specification, for ever.
pub const PARTITIONS: usize = 256;

/// One of the [`PARTITIONS`] parts into which devices fall; the unit of ownership and of order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct PartitionId(pub u8);

impl PartitionId {
    /// Every partition, in order.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        (0..=u8::MAX).map(Self)
    }

    /// Its number as an index.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl DeviceKey {
    /// The partition this device belongs to: the top byte of its [`hash`](Self::hash).
    #[must_use]
    pub fn partition(self) -> PartitionId {
        let [.., top] = self.hash().to_le_bytes();
        PartitionId(top)
    }

    /// 64 well-mixed bits of (account, device). `docs/protocol.md` specifies it; it may never change.
    ///
    /// `mix(low ^ mix(high ^ mix(account + 0x9E37_79B9_7F4A_7C15)))`, where `low` and `high` are the halves
    /// of the id read as little-endian words and `mix` is the 64-bit finaliser of MurmurHash3
    /// (Austin Appleby, public domain).
    #[must_use]
    pub fn hash(self) -> u64 {
        let (low, high) = self.device.words();
        let seed = mix(u64::from(self.account.0).wrapping_add(0x9E37_79B9_7F4A_7C15));
        mix(low ^ mix(high ^ seed))
    }
}

fn mix(mut x: u64) -> u64 {
    x ^= x >> 33;
    x = x.wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    x ^= x >> 33;
    x = x.wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    x ^ (x >> 33)
}

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; $len]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

hex_id!(
    /// A client instance: 16 random bytes that a gateway keeps over reconnects, so that its sequences go on.
    InstanceId, 16
);
hex_id!(
    /// The content hash of a snapshot: BLAKE3 of its manifest.
    SnapshotHash, 32
);

/// The id of a push job, derived from (campaign, device, frequency bucket); a UUID version 8.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct JobId(pub [u8; 16]);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        uuid::Uuid::from_bytes(self.0).as_hyphenated().fmt(f)
    }
}

/// The id of a visit, derived from (device, place, target, first enter); a UUID version 8. Its revisions share it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct VisitId(pub [u8; 16]);

impl fmt::Display for VisitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        uuid::Uuid::from_bytes(self.0).as_hyphenated().fmt(f)
    }
}

/// Where an input stands: its partition and its number there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct InputPosition {
    /// The partition.
    pub partition: PartitionId,
    /// The input's number within it.
    pub seq: InputSeq,
}

/// Which frame an input came from; what makes a resent frame recognisable.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Origin {
    /// The account whose credentials the connection showed. Two accounts may pick the same instance.
    pub account: AccountId,
    /// The sending instance.
    pub instance: InstanceId,
    /// Its stream.
    pub stream: StreamNo,
    /// The frame's number on that stream.
    pub seq: FrameSeq,
}
