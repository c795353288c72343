//! The opening: a hello or hello_ack whose header is right, so that its body is what is read; and the way back to the
//! same bytes.
#![no_main]

use geofenced::wire::frame::{self, Body, Step};
use geofenced::wire::limits::FrameLimits;
use geofenced_fuzz::plain::compare;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&pick, body)) = bytes.split_first() else { return };
    let mut opening = vec![1 + pick % 2, 0, 0, 0];
    opening.extend_from_slice(
        &u32::try_from(body.len()).expect("libFuzzer's are shorter").to_le_bytes(),
    );
    opening.resize(32, 0);
    opening.extend_from_slice(body);
    compare(&opening, 4096);
    let Ok(Step::Whole(frame, _)) = frame::next(&opening, FrameLimits::PROTOCOL) else { return };
    let mut again = Vec::new();
    match frame.body {
        Body::Hello(hello) => {
            hello.encode(&mut again).expect("what was read can be written");
            assert_eq!(again, opening);
        }
        Body::HelloAck(ack) => {
            ack.encode(&mut again);
            let Ok(Step::Whole(read, _)) = frame::next(&again, FrameLimits::PROTOCOL) else {
                panic!("what was written can be read")
            };
            assert_eq!(read.body, Body::HelloAck(ack));
        }
        _ => unreachable!("the type says hello or hello_ack"),
    }
});
