//! What the catalog keeps: records that belong to an account, and links between them.
//!
//! To the store a document is a body of text with a few columns beside it, by which it is found. What the text
//! means is for [`documents`](crate::control::documents) to know.

use crate::domain::ids::AccountId;
use crate::domain::units::UtcMs;

/// The account of records that belong to the installation itself: the accounts are among them.
pub const INSTALLATION: AccountId = AccountId(0);

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $one:literal, $path:literal;)*) => {
        /// What a record is. Numbers are durable and never reused.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Kind {
            $($(#[$doc])* $name = $number,)*
        }

        impl Kind {
            /// Every kind, in the order of its number.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// What people call one of them.
            #[must_use]
            pub fn noun(self) -> &'static str {
                match self { $(Self::$name => $one,)* }
            }

            /// What paths call all of them.
            #[must_use]
            pub fn path(self) -> &'static str {
                match self { $(Self::$name => $path,)* }
            }
        }
    };
}

kinds! {
    /// A paying customer; belongs to [`INSTALLATION`].
    Account = 1, "account", "accounts";
    /// An app that pings.
    App = 2, "app", "apps";
    /// A district or a trade area.
    Region = 3, "region", "regions";
    /// Whose stores they are.
    Brand = 4, "brand", "brands";
    /// What stores sell; a tree.
    Category = 5, "category", "categories";
    /// A store.
    Place = 6, "place", "places";
    /// Geofences that came in one file.
    Group = 7, "group", "groups";
    /// A circle or polygon of the account's own.
    Geofence = 8, "geofence", "geofences";
    /// Users by visit history or from a file.
    Segment = 9, "segment", "segments";
    /// What is pushed, where, when and to whom.
    Campaign = 10, "campaign", "campaigns";
    /// A file that is read in.
    Import = 11, "import", "imports";
    /// A token, in the audit log alone: tokens are kept in their own book.
    Token = 12, "token", "tokens";
    /// What has happened, told to whoever follows the account.
    Notice = 13, "notice", "notices";
    /// An address whose place is known.
    Address = 14, "address", "addresses";
    /// A device that campaigns are tried on.
    TestDevice = 15, "test device", "test-devices";
    /// A device of which nothing is to be kept.
    Erasure = 16, "erasure", "erasures";
    /// A report file that was made.
    ReportFile = 17, "report file", "reports";
}

impl Kind {
    /// The kind with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| *kind as u8 == number)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.noun())
    }
}

/// Which record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key {
    /// Whose.
    pub account: AccountId,
    /// What it is.
    pub kind: Kind,
    /// Its number among those of its kind and account, from 1; never dealt again.
    pub id: u32,
}

impl Key {
    /// A record of an account.
    #[must_use]
    pub fn new(account: AccountId, kind: Kind, id: u32) -> Self {
        Self { account, kind, id }
    }

    /// The record of an account itself.
    #[must_use]
    pub fn of_account(account: AccountId) -> Self {
        Self::new(INSTALLATION, Kind::Account, account.0)
    }
}

/// A record to be kept; the columns are those by which it is found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Content {
    /// For people; searched.
    pub name: String,
    /// The owner's own code for it, may be empty; searched.
    pub code: String,
    /// What no other of its kind and account may share, if there is such a thing.
    pub natural: Option<String>,
    /// Where it stands, where its kind has states; empty otherwise.
    pub state: String,
    /// The document.
    pub body: String,
}

/// A record as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Which.
    pub key: Key,
    /// Grows by one with each change.
    pub revision: u64,
    /// When it was made.
    pub created_at: UtcMs,
    /// When it was changed last.
    pub updated_at: UtcMs,
    /// What it holds.
    pub content: Content,
}

/// That one record needs another of the same account: while it does, that one can't be deleted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Link {
    /// What the other is.
    pub kind: Kind,
    /// Its number.
    pub id: u32,
}

/// A list of devices that hangs on a record. Numbers are durable.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum DeviceList {
    /// A segment's upload.
    Segment = 1,
    /// An account's blacklist, by advertising id.
    Blacklist = 2,
    /// A campaign's test devices.
    Test = 3,
    /// A campaign's own audience.
    Audience = 4,
    /// An account's blacklist, by echo code. They are codes of the SDK, not ids, and kept as they are.
    EchoBlacklist = 5,
    /// The id of a test device.
    TestDevice = 6,
    /// What a segment is being filled with, until it takes the place of the upload before.
    SegmentToBe = 7,
    /// The device that is to be erased, until it is.
    Erasure = 8,
}

/// Whom a listing is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Query {
    /// Whose.
    pub account: AccountId,
    /// Of which kind.
    pub kind: Kind,
    /// Part of the name or the code, in any case; empty for all.
    pub search: String,
    /// Only those in one of these states; empty for all.
    pub states: Vec<String>,
    /// Only those that are linked to all of these.
    pub linked: Vec<Link>,
    /// How they are sorted.
    pub order: Order,
    /// Only those after this one.
    pub after: Option<Cursor>,
    /// At most so many.
    pub limit: u32,
}

impl Query {
    /// All of a kind, by number.
    #[must_use]
    pub fn all(account: AccountId, kind: Kind) -> Self {
        Self {
            account,
            kind,
            search: String::new(),
            states: Vec::new(),
            linked: Vec::new(),
            order: Order { by: By::Id, descending: false },
            after: None,
            limit: u32::MAX,
        }
    }
}

/// How a listing is sorted; ties go by number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Order {
    /// By what.
    pub by: By,
    /// The largest first.
    pub descending: bool,
}

/// What a listing is sorted by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// The number, which is the order in which they were made.
    Id,
    /// The name, by code point.
    Name,
    /// The last change.
    UpdatedAt,
}

/// Where a listing goes on: behind the record that has these.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cursor {
    /// What it is sorted by, as text; empty where that is the number.
    pub value: String,
    /// Its number.
    pub id: u32,
}

/// What a change was, for those who ask later.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditEntry {
    /// Its number; 0 until it is kept.
    pub seq: u64,
    /// Whose records.
    pub account: AccountId,
    /// When.
    pub at: UtcMs,
    /// Under which token, or which command of the operator.
    pub by: String,
    /// `create`, `update`, `delete`, or what a kind has besides.
    pub action: String,
    /// What was changed.
    pub kind: Kind,
    /// Which of them.
    pub id: u32,
    /// The body before; empty where there was none.
    pub before: String,
    /// The body after; empty where there is none.
    pub after: String,
}

/// An answer that was given to a request with an idempotency key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remembered {
    /// What the request was, hashed.
    pub request: [u8; 32],
    /// What it made.
    pub made: Key,
    /// When.
    pub at: UtcMs,
}
