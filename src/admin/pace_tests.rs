//! Who does not take an answer is let go of; who takes it slowly, but steadily, gets all of it. On a stopped clock.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::{Instant, sleep};

use super::pace::{PacedStream, STEP_BYTES};

const LIMIT: Duration = Duration::from_secs(10);

/// A stream of which the other side has room for a little.
fn paced() -> (PacedStream<DuplexStream>, DuplexStream) {
    let (ours, theirs) = duplex(STEP_BYTES / 4);
    (PacedStream::new(ours, LIMIT), theirs)
}

/// Takes `bytes` each time that `pause` has passed; gives how many it got.
fn reading(
    mut theirs: DuplexStream,
    bytes: usize,
    pause: Duration,
) -> tokio::task::JoinHandle<usize> {
    tokio::spawn(async move {
        let (mut all, mut some) = (0, vec![0; bytes]);
        loop {
            sleep(pause).await;
            match theirs.read(&mut some).await {
                Ok(0) | Err(_) => return all,
                Ok(read) => all += read,
            }
        }
    })
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_reads_is_broken_off_in_time() {
    let (mut ours, _theirs) = paced();
    let (stall, began) = (ours.stall(), Instant::now());
    let error = ours.write_all(&vec![7; 1 << 20]).await.expect_err("nobody reads");
    assert_eq!((error.kind(), began.elapsed().as_secs()), (ErrorKind::TimedOut, LIMIT.as_secs()));
    assert!(stall.is_on());
}

#[tokio::test(start_paused = true)]
async fn a_trickle_is_no_reading() {
    let (mut ours, theirs) = paced();
    let _reader = reading(theirs, 16, Duration::from_millis(100));
    let began = Instant::now();
    let error = ours.write_all(&vec![7; 1 << 20]).await.expect_err("too slow");
    assert_eq!((error.kind(), began.elapsed().as_secs()), (ErrorKind::TimedOut, LIMIT.as_secs()));
}

#[tokio::test(start_paused = true)]
async fn a_slow_but_steady_reader_gets_all() {
    let (mut ours, theirs) = paced();
    // A step takes eight seconds of the ten.
    let reader = reading(theirs, STEP_BYTES / 8, Duration::from_secs(1));
    let began = Instant::now();
    ours.write_all(&vec![7; 1 << 20]).await.expect("steady");
    ours.flush().await.expect("all is written");
    assert!(began.elapsed() > 10 * LIMIT, "it took {:?}", began.elapsed());
    assert!(!ours.stall().is_on());
    drop(ours);
    assert_eq!(reader.await.expect("read"), 1 << 20);
}

#[tokio::test(start_paused = true)]
async fn silence_between_answers_is_nobody_s_fault() {
    let (mut ours, mut theirs) = paced();
    for _ in 0..3 {
        let (mut got, answer) = (vec![0; STEP_BYTES / 2], vec![7; STEP_BYTES / 2]);
        let (written, read) = tokio::join!(ours.write_all(&answer), theirs.read_exact(&mut got));
        written.and(read.map(drop)).expect("as it comes");
        ours.flush().await.expect("all is written");
        sleep(10 * LIMIT).await;
    }
}
