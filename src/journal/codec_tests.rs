//! Whatever is encoded comes back; whatever is not an encoding is an error, never a panic.

use proptest::prelude::*;

use super::decode::{Decoder, NoInput};
use super::encode::Encoder;
use super::owned::OwnedInput;
use super::record::{self, NoRecord, RECORD_HEADER_BYTES, Record, RecordKind};
use super::test_inputs::{any_input, at, fix, fixes};
use crate::domain::ids::InputPosition;
use crate::domain::input::Input;
use crate::identity::Keyring;

fn keyring() -> Keyring {
    Keyring::from_seed([5; 32])
}

fn decode_all(bytes: &[u8]) -> Vec<(InputPosition, OwnedInput)> {
    let mut decoder = Decoder::new(keyring().sealer());
    let mut found = Vec::new();
    let mut offset = 0;
    // One buffer for all, as recovery does it.
    let mut input = OwnedInput::default();
    while offset < bytes.len() {
        let record = record::parse(&bytes[offset..]).unwrap();
        offset += record.size();
        if record.kind == RecordKind::Context {
            decoder.set_context(&record).unwrap();
        } else {
            decoder.read(&record, &mut input).unwrap();
            found.push((record.position, input.clone()));
        }
    }
    found
}

proptest! {
    #[test]
    fn inputs_come_back(inputs in proptest::collection::vec(any_input(), 1..8)) {
        let mut encoder = Encoder::new(keyring().sealer());
        let mut buffer = Vec::new();
        let mut expected = Vec::new();
        for (n, input) in (1..).zip(inputs) {
            encoder.append(&mut buffer, at(200, n), &input.as_input());
            expected.push((at(200, n), input));
        }
        prop_assert_eq!(decode_all(&buffer), expected);
    }

    #[test]
    fn any_payload_is_an_input_or_an_error(
        kind in 0..=u8::MAX,
        payload in proptest::collection::vec(any::<u8>(), 0..120),
        context in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut decoder = Decoder::new(keyring().sealer());
        let about = Record { kind: RecordKind::Context, position: at(0, 0), payload: &context };
        let _refused_or_taken = decoder.set_context(&about);
        let kinds = [
            RecordKind::Fixes, RecordKind::FixesFar, RecordKind::Outcomes, RecordKind::Profiles,
            RecordKind::Hints, RecordKind::Tick, RecordKind::Publication, RecordKind::Grant,
            RecordKind::Policy, RecordKind::PolicyWithoutVisits, RecordKind::Group,
        ];
        let kind = kinds[usize::from(kind) % kinds.len()];
        let mut input = OwnedInput::default();
        let _read_or_refused =
            decoder.read(&Record { kind, position: at(1, 1), payload: &payload }, &mut input);
    }

    #[test]
    fn any_bytes_are_a_record_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        prop_assert!(record::parse(&bytes).is_err());
    }
}

#[test]
fn a_fix_takes_32_bytes_and_batches_of_a_frame_share_their_context() {
    let mut encoder = Encoder::new(keyring().sealer());
    let mut buffer = Vec::new();
    let records: Vec<_> = (0..100).map(fix).collect();
    encoder.append(&mut buffer, at(1, 1), &fixes(&records, 1));
    let first = buffer.len();
    encoder.append(&mut buffer, at(2, 1), &fixes(&records, 1));
    assert_eq!(buffer.len() - first, RECORD_HEADER_BYTES + 100 * 32);
    assert_eq!(first - (buffer.len() - first), RECORD_HEADER_BYTES + 51, "the context");
    encoder.begin_commit();
    let second = buffer.len();
    encoder.append(&mut buffer, at(3, 1), &fixes(&records, 1));
    assert_eq!(buffer.len() - second, first, "a buffer stands alone");
}

#[test]
fn no_raw_id_is_in_the_bytes() {
    let mut encoder = Encoder::new(keyring().sealer());
    let mut buffer = Vec::new();
    let records: Vec<_> = (0..100).map(fix).collect();
    encoder.append(&mut buffer, at(1, 1), &fixes(&records, 1));
    for record in records {
        assert!(!buffer.windows(16).any(|bytes| bytes == record.device.0));
    }
}

#[test]
fn a_time_far_from_receipt_is_kept_exactly() {
    let mut records: Vec<_> = (0..3).map(fix).collect();
    records[1].fixed_at.0 -= i64::from(i32::MAX) * 4;
    let mut encoder = Encoder::new(keyring().sealer());
    let mut buffer = Vec::new();
    encoder.append(&mut buffer, at(1, 1), &fixes(&records, 1));
    let [(_, found)] = &decode_all(&buffer)[..] else { panic!("one input") };
    assert_eq!(found.as_input(), fixes(&records, 1));
}

#[test]
fn damage_has_a_name() {
    let mut buffer = Vec::new();
    let tick = Input::Tick { now: crate::domain::units::UtcMs(1) };
    Encoder::new(keyring().sealer()).append(&mut buffer, at(1, 1), &tick);
    assert_eq!(record::parse(&buffer[..buffer.len() - 1]).unwrap_err(), NoRecord::Ends);
    for bit in 0..buffer.len() * 8 {
        let mut flipped = buffer.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let reason = record::parse(&flipped).unwrap_err();
        assert!(!matches!(reason, NoRecord::UnknownKind(_)), "bit {bit}: {reason}");
    }
    let mut unknown = buffer.clone();
    unknown[8] = 99;
    let sum = crc32c::crc32c(&unknown[4..]);
    unknown[..4].copy_from_slice(&sum.to_le_bytes());
    assert_eq!(record::parse(&unknown).unwrap_err(), NoRecord::UnknownKind(99));
    let long = [[0; 4], [0xFF; 4]].concat();
    let long = [long, vec![0; 10]].concat();
    assert!(matches!(record::parse(&long).unwrap_err(), NoRecord::TooLong(_)));
}

#[test]
fn a_batch_without_context_is_refused() {
    let record = Record { kind: RecordKind::Fixes, position: at(1, 1), payload: &[] };
    let mut decoder = Decoder::new(keyring().sealer());
    let refused = decoder.read(&record, &mut OwnedInput::default()).unwrap_err();
    assert!(matches!(refused, NoInput::NoContext));
}
