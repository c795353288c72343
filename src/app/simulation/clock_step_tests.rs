//! The system's clock steps by an hour or a day, while a dwell is awaited and after a daily push: nothing comes
//! early, and no day gets a second push.

use std::sync::Arc;

use super::catalog::{device, plain};
use super::clients::{Client, Payload};
use super::hardware::{End, Hardware};
use super::lots::Lots;
use super::process::Process;
use super::seen::Seen;
use crate::domain::campaign::{CampaignSpec, Condition, Frequency};
use crate::domain::decision::Transition;
use crate::domain::ids::{AppId, CampaignId};
use crate::domain::ping::{Ping, PingFlags};
use crate::engine::testkit::{campaign, north};
use crate::outbox::codec;
use crate::outbox::record::Content;

const HOUR_MS: i64 = 3_600_000;
const DWELL_S: u32 = 180;

/// The daemon, one device inside the first fence, and what came out.
struct Bench {
    hardware: Hardware,
    lots: Lots,
    client: Client,
    process: Option<Process>,
    seen: Seen,
}

impl Bench {
    /// Daily campaigns on enter and on dwell.
    fn new(seed: u64) -> Self {
        let daily = CampaignSpec { frequency: Frequency::OncePerDay, ..campaign(10, &[1]) };
        let condition = Condition::Dwell { dwell_s: DWELL_S };
        let dwelling = CampaignSpec { id: CampaignId(11), condition, ..daily.clone() };
        let mut lots = Lots::of(seed);
        let catalog = Arc::new(plain(&[daily, dwelling]));
        let hardware = Hardware { catalog, ..Hardware::new(&mut lots) };
        let process = Process::start(&hardware, &mut lots).unwrap();
        let (client, seen) = (Client::new(1), Seen::default());
        Self { hardware, lots, client, process: Some(process), seen }
    }

    fn process(&mut self) -> &mut Process {
        self.process.as_mut().unwrap()
    }

    /// The device says that it is inside.
    fn see(&mut self) {
        let at = north(3.0);
        let ping = Ping {
            device: device(1),
            lat_e7: at.lat,
            lon_e7: at.lon,
            fixed_at: self.hardware.true_time(),
            accuracy_m: 5,
            flags: PingFlags(0),
        };
        self.client.enqueue(AppId(1), Payload::Pings(vec![ping]));
    }

    fn pass_s(&mut self, seconds: u32) {
        for _ in 0..seconds {
            self.hardware.hands.advance_ms(1000);
            let process = self.process.as_mut().unwrap();
            for _ in 0..3 {
                self.client.talk(&process.router);
                process.turn_all(false);
            }
            let (_, newest) = process.outbox.span();
            // It also holds each record against the devices' time.
            self.seen.take(&self.hardware, newest);
        }
    }

    fn restart(&mut self) {
        self.client.reconnect();
        self.process = None;
        self.hardware.end_process(End::Kill, &mut self.lots);
        self.process = Some(Process::start(&self.hardware, &mut self.lots).unwrap());
    }

    /// How many jobs came of a transition.
    fn jobs(&self, wanted: Transition) -> usize {
        let is_wanted = |bytes: &&Vec<u8>| match codec::decode(bytes).unwrap().content {
            Content::Job(job) => job.transition == wanted,
            Content::Event(_) | Content::Visit(_) => false,
        };
        self.seen.records.iter().filter(is_wanted).count()
    }

    /// For so long the device reports every half a minute.
    fn stay_s(&mut self, seconds: u32) {
        for _ in 0..seconds / 30 {
            self.see();
            self.pass_s(30);
        }
    }
}

/// The device comes in; 20 s later the clock steps, and 20 s later an operator accepts it.
fn stepped(step_ms: i64, restarts: bool) -> Bench {
    let mut bench = Bench::new(step_ms.unsigned_abs());
    bench.see();
    bench.pass_s(20);
    assert_eq!(bench.jobs(Transition::Enter), 1, "it came in");
    bench.hardware.step_clock_ms(step_ms);
    bench.pass_s(1);
    assert_eq!(bench.process().clock.stepped(), Some(step_ms));
    bench.see();
    bench.pass_s(19);
    assert!(!bench.client.is_done(), "intake is closed until somebody looks");
    if restarts {
        bench.restart();
    }
    let _accepted = bench.process().clock.accept_step();
    bench
}

#[test]
fn no_dwell_comes_early_and_no_day_gets_two() {
    for step_ms in [HOUR_MS, -HOUR_MS, 24 * HOUR_MS, -24 * HOUR_MS] {
        for restarts in [false, true] {
            let what = format!("a step of {step_ms} ms, restarted: {restarts}");
            let mut bench = stepped(step_ms, restarts);
            bench.pass_s(DWELL_S - 40 - 1);
            assert_eq!(bench.jobs(Transition::Dwell), 0, "{what}: it comes early");
            bench.stay_s(300);
            // The clock is put right again.
            bench.hardware.step_clock_ms(-step_ms);
            bench.pass_s(2);
            let _accepted = bench.process().clock.accept_step();
            bench.stay_s(300);
            let (enters, dwells) = (bench.jobs(Transition::Enter), bench.jobs(Transition::Dwell));
            assert_eq!(enters, 1, "{what}: a day gets two");
            // A clock ahead makes all fixes late, and late ones never push; put right, it stands still for as long.
            assert_eq!(dwells, usize::from(step_ms < 0), "{what}");
        }
    }
}

#[test]
fn without_a_step_the_dwell_comes_on_time() {
    let mut bench = Bench::new(1);
    bench.see();
    bench.pass_s(DWELL_S - 1);
    assert_eq!(bench.jobs(Transition::Dwell), 0);
    bench.pass_s(5);
    assert_eq!((bench.jobs(Transition::Enter), bench.jobs(Transition::Dwell)), (1, 1));
}
