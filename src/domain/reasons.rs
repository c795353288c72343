//! Why a ping was refused and why a trigger was withheld: two closed enums, which are also the metric labels.
//!
//! Numbers are durable (acks, journal, outbox) and never reused; labels are what operators see.

macro_rules! reasons {
    ($(#[$doc:meta])* $name:ident { $($(#[$why:meta])* $variant:ident = $number:literal $label:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum $name { $($(#[$why])* $variant = $number,)* }

        impl $name {
            /// Every reason, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
            /// One more than the highest number: the length of an array of counters.
            pub const SLOTS: usize = {
                let mut highest = 0;
                $(if $number > highest { highest = $number; })*
                highest + 1
            };

            /// The metric label.
            #[must_use]
            pub fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)* }
            }

            /// The index of its counter, and its number on the wire.
            #[must_use]
            pub fn number(self) -> u8 {
                self as u8
            }

            /// The reason with this number, if there is one.
            #[must_use]
            pub fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.label())
            }
        }
    };
}

reasons!(
    /// Why an input was refused. Each refused ping is counted once, under one of these.
    RejectReason {
        /// The advertising id is all zeros.
        NilDevice = 1 "nil_device",
        /// A flag bit without a meaning is set.
        UnknownFlags = 2 "unknown_flags",
        /// The position comes from a mock provider.
        Mock = 3 "mock",
        /// Latitude or longitude is off the earth.
        BadCoordinates = 4 "bad_coordinates",
        /// The instant is outside the years 1800 to 9999.
        BadTime = 5 "bad_time",
        /// The fix lies more than `max_future_s` ahead of our clock.
        Future = 6 "future",
        /// The fix is older than the device's last by more than `lateness_s`.
        TooLate = 7 "too_late",
        /// The device's last fix had the same instant: nothing new.
        Duplicate = 8 "duplicate",
        /// The frame was applied before.
        Resent = 9 "resent",
        /// The device would have had to move faster than `max_speed_kmh`.
        Jump = 10 "jump",
        /// The partition's device table is full, for all or for accounts beyond their share, and nobody may be evicted.
        DeviceTableFull = 11 "device_table_full",
        /// The app is not one the credentials speak for, or not one of the account's.
        AppNotAllowed = 12 "app_not_allowed",
        /// The snapshot knows no such account.
        UnknownAccount = 13 "unknown_account",
        /// This daemon does not own the device's partition.
        PartitionNotOwned = 14 "partition_not_owned",
        /// The daemon is draining or not ready; send again.
        Unavailable = 15 "unavailable",
        /// A kind, verdict, platform, consent or place number without a meaning, or padding that is not 0.
        BadRecord = 16 "bad_record",
        /// No job of this id was made for this device of the account.
        UnknownJob = 17 "unknown_job",
    }
);

reasons!(
    /// Why a trigger made no job: the gate that stopped it last, in the order of the gates.
    SuppressReason {
        /// The ping's app is not among the campaign's.
        App = 1 "app",
        /// The campaign is no longer testing or running.
        State = 2 "state",
        /// Before the start date or after the end date.
        Period = 3 "period",
        /// Outside the weekday windows.
        Window = 4 "window",
        /// The device is not in the audience.
        Audience = 5 "audience",
        /// The device is on the account's blacklist.
        Blacklist = 6 "blacklist",
        /// The user has not agreed to advertising.
        Consent = 7 "consent",
        /// Night hours without the user's agreement to advertising at night.
        Night = 8 "night",
        /// The campaign is in testing and the device is not one of its test devices.
        TestDevice = 9 "test_device",
        /// The fix is too coarse for the target.
        Accuracy = 10 "accuracy",
        /// The fix is older than `max_push_age_s`.
        Age = 11 "age",
        /// The device's frequency bucket is used.
        Frequency = 12 "frequency",
        /// The device has had its account's pushes of the day.
        DailyCap = 13 "daily_cap",
        /// No grant is left of the account's monthly or the campaign's total limit.
        Quota = 14 "quota",
        /// Another campaign won this moment.
        Arbitration = 15 "arbitration",
        /// The device is held out to measure lift.
        HeldOut = 16 "held_out",
    }
);

impl SuppressReason {
    /// Whether a trigger stopped by this gate waits for a better moment. The others close it.
    #[must_use]
    pub fn leaves_open(self) -> bool {
        use SuppressReason::{
            Accuracy, Age, App, Arbitration, DailyCap, Night, Period, Quota, Window,
        };
        matches!(
            self,
            App | Period | Window | Night | Accuracy | Age | DailyCap | Quota | Arbitration
        )
    }
}

/// Counts by reject reason, in the order of [`RejectReason::number`].
pub type RejectCounts = [u64; RejectReason::SLOTS];

/// Counts by suppress reason, in the order of [`SuppressReason::number`].
pub type SuppressCounts = [u64; SuppressReason::SLOTS];
