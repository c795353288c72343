//! Outcome, profile and hint records: what devices say besides where they are.
//!
//! Unlike a ping's, their fields hold codes. One without a meaning spoils its record alone, as
//! [`RejectReason::BadRecord`]: a gateway forwards what SDKs wrote, and must not lose its connection over it.

use super::bytes::{Fields, all_zero, put};
use super::header::{FrameKind, Header};
use super::record::{EncodeError, FrameHead, begin, offset};
use crate::domain::ids::{DeviceId, JobId, PlaceId};
use crate::domain::reasons::RejectReason;
use crate::domain::report::{HintVerdict, Outcome, OutcomeKind, PlaceHint, Platform, Profile};
use crate::domain::units::UtcMs;

/// The size of an outcome record.
pub const OUTCOME_BYTES: usize = 40;
/// The size of a profile record.
pub const PROFILE_BYTES: usize = 40;
/// The size of a hint record.
pub const HINT_BYTES: usize = 32;

const ADS_CONSENT: u8 = 1;
const NIGHT_CONSENT: u8 = 2;

macro_rules! records {
    ($(#[$doc:meta])* $name:ident, $size:ident, $record:ident, $decode:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub struct $name<'a> {
            records: &'a [[u8; $size]],
            base: UtcMs,
        }

        impl<'a> $name<'a> {
            /// The header has been checked: the body is a whole number of records.
            pub(super) fn new(header: &Header, body: &'a [u8]) -> Self {
                Self { records: body.as_chunks().0, base: header.base }
            }

            /// How many there are.
            #[must_use]
            pub fn len(&self) -> usize {
                self.records.len()
            }

            /// Whether there are none; a frame has at least one.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.records.is_empty()
            }

            /// The records in the order of the frame; an `Err` where one cannot be read.
            pub fn iter(
                &self,
            ) -> impl ExactSizeIterator<Item = Result<$record, RejectReason>> + use<'a> {
                let base = self.base;
                self.records.iter().map(move |record| $decode(record, base))
            }
        }
    };
}

records!(
    /// The outcomes of a frame.
    Outcomes, OUTCOME_BYTES, Outcome, decode_outcome
);
records!(
    /// The profiles of a frame.
    Profiles, PROFILE_BYTES, Profile, decode_profile
);
records!(
    /// The place hints of a frame.
    Hints, HINT_BYTES, PlaceHint, decode_hint
);

fn decode_outcome(record: &[u8; OUTCOME_BYTES], base: UtcMs) -> Result<Outcome, RejectReason> {
    let kind = match record[36] {
        1 => OutcomeKind::Delivered,
        2 => OutcomeKind::Clicked,
        3 => OutcomeKind::Dismissed,
        _ => return Err(RejectReason::BadRecord),
    };
    padding(&record[37..])?;
    Ok(Outcome {
        device: DeviceId(record.id_at(0)),
        job: JobId(record.id_at(16)),
        happened_at: base + i64::from(record.u32_at(32)),
        kind,
    })
}

fn decode_profile(record: &[u8; PROFILE_BYTES], _base: UtcMs) -> Result<Profile, RejectReason> {
    let platform = match record[32] {
        0 => Platform::Unknown,
        1 => Platform::Android,
        2 => Platform::Ios,
        _ => return Err(RejectReason::BadRecord),
    };
    let consents = record[33];
    if consents & !(ADS_CONSENT | NIGHT_CONSENT) != 0 {
        return Err(RejectReason::BadRecord);
    }
    padding(&record[34..])?;
    Ok(Profile {
        device: DeviceId(record.id_at(0)),
        echo: record.id_at(16),
        platform,
        ads_consent: consents & ADS_CONSENT != 0,
        night_consent: consents & NIGHT_CONSENT != 0,
    })
}

fn decode_hint(record: &[u8; HINT_BYTES], base: UtcMs) -> Result<PlaceHint, RejectReason> {
    let verdict = match record[24] {
        1 => HintVerdict::Enter,
        2 => HintVerdict::Leave,
        3 => HintVerdict::Nearby,
        _ => return Err(RejectReason::BadRecord),
    };
    let place = PlaceId(record.u32_at(16));
    if place.0 == 0 {
        return Err(RejectReason::BadRecord);
    }
    padding(&record[25..])?;
    Ok(PlaceHint {
        device: DeviceId(record.id_at(0)),
        place,
        fixed_at: base + i64::from(record.u32_at(20)),
        verdict,
    })
}

fn padding(bytes: &[u8]) -> Result<(), RejectReason> {
    if all_zero(bytes) { Ok(()) } else { Err(RejectReason::BadRecord) }
}

/// Appends a frame of outcomes. The base time is that of the earliest.
///
/// # Errors
/// [`EncodeError`] when the records do not fit one frame; nothing is appended then.
pub fn encode_outcomes(
    head: FrameHead,
    outcomes: &[Outcome],
    into: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let base = begin(head, FrameKind::Outcomes, outcomes, |outcome| outcome.happened_at, into)?;
    for outcome in outcomes {
        let mut record = [0; OUTCOME_BYTES];
        put(&mut record, 0, &outcome.device.0);
        put(&mut record, 16, &outcome.job.0);
        put(&mut record, 32, &offset(outcome.happened_at, base).to_le_bytes());
        record[36] = outcome.kind as u8;
        into.extend_from_slice(&record);
    }
    Ok(())
}

/// Appends a frame of profiles. Profiles carry no time; the base time is 0.
///
/// # Errors
/// [`EncodeError`] when the records do not fit one frame; nothing is appended then.
pub fn encode_profiles(
    head: FrameHead,
    profiles: &[Profile],
    into: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    begin(head, FrameKind::Profiles, profiles, |_| UtcMs(0), into)?;
    for profile in profiles {
        let mut record = [0; PROFILE_BYTES];
        put(&mut record, 0, &profile.device.0);
        put(&mut record, 16, &profile.echo);
        record[32] = profile.platform as u8;
        record[33] = if profile.ads_consent { ADS_CONSENT } else { 0 }
            | if profile.night_consent { NIGHT_CONSENT } else { 0 };
        into.extend_from_slice(&record);
    }
    Ok(())
}

/// Appends a frame of place hints. The base time is that of the earliest.
///
/// # Errors
/// [`EncodeError`] when the records do not fit one frame; nothing is appended then.
pub fn encode_hints(
    head: FrameHead,
    hints: &[PlaceHint],
    into: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let base = begin(head, FrameKind::Hints, hints, |hint| hint.fixed_at, into)?;
    for hint in hints {
        let mut record = [0; HINT_BYTES];
        put(&mut record, 0, &hint.device.0);
        put(&mut record, 16, &hint.place.0.to_le_bytes());
        put(&mut record, 20, &offset(hint.fixed_at, base).to_le_bytes());
        record[24] = hint.verdict as u8;
        into.extend_from_slice(&record);
    }
    Ok(())
}
