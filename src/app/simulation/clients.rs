//! Gateways: each sends frames on a stream of its own, in order, keeps what is not acknowledged, and sends it
//! again after a connection ends.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::catalog::{STORE, device};
use super::lots::Lots;
use crate::domain::ids::{
    AppId, DeviceId, DeviceKey, FrameSeq, InstanceId, JobId, Origin, PartitionId, PlaceId, StreamNo,
};
use crate::domain::ping::{Ping, PingFlags};
use crate::domain::reasons::RejectReason;
use crate::domain::report::{HintVerdict, Outcome, OutcomeKind, PlaceHint, Platform, Profile};
use crate::domain::submission::{Applied, Submission, SubmitError};
use crate::domain::units::UtcMs;
use crate::engine::testkit::{ACCOUNT, north};
use crate::ingest::believe::{self, Believed};
use crate::shard::router::Router;
use crate::shard::ticket::AckTicket;

/// Devices that gateways speak for.
pub(super) const DEVICES: u64 = 5;

/// Frames that a gateway has unacknowledged at most.
const UNACKED: usize = 6;

/// What a frame carries.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Payload {
    Pings(Vec<Ping>),
    Hints(Vec<PlaceHint>),
    Outcomes(Vec<Outcome>),
    Profiles(Vec<Profile>),
}

impl Payload {
    /// Those of its records that come to a partition, if any do.
    pub(super) fn part_of(&self, id: PartitionId) -> Option<Self> {
        match self {
            Self::Pings(all) => part(all, |ping| ping.device, id).map(Self::Pings),
            Self::Hints(all) => part(all, |hint| hint.device, id).map(Self::Hints),
            Self::Outcomes(all) => part(all, |outcome| outcome.device, id).map(Self::Outcomes),
            Self::Profiles(all) => part(all, |profile| profile.device, id).map(Self::Profiles),
        }
    }

    /// Whether each of its records is one of those.
    pub(super) fn is_within(&self, all: &Self) -> bool {
        match (self, all) {
            (Self::Pings(these), Self::Pings(all)) => within(these, all),
            (Self::Hints(these), Self::Hints(all)) => within(these, all),
            (Self::Outcomes(these), Self::Outcomes(all)) => within(these, all),
            (Self::Profiles(these), Self::Profiles(all)) => within(these, all),
            _ => false,
        }
    }
}

fn within<R: PartialEq>(these: &[R], all: &[R]) -> bool {
    these.iter().all(|one| all.contains(one))
}

fn part<R: Copy>(all: &[R], device: impl Fn(&R) -> DeviceId, id: PartitionId) -> Option<Vec<R>> {
    let is_mine = |one: &&R| {
        let device = device(one);
        !device.is_nil() && DeviceKey { account: ACCOUNT, device }.partition() == id
    };
    let mine: Vec<R> = all.iter().filter(is_mine).copied().collect();
    (!mine.is_empty()).then_some(mine)
}

/// A frame, as its gateway keeps it.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) origin: Origin,
    pub(super) app: AppId,
    pub(super) payload: Payload,
    /// Some of its records were refused at intake when it was sent, once at least.
    pub(super) was_refused_in_part: bool,
}

/// A gateway, of one stream.
pub(super) struct Client {
    instance: InstanceId,
    next_seq: u64,
    /// What it reported last; some gateways repeat themselves.
    last: Option<(AppId, Payload)>,
    /// Unacknowledged, oldest first.
    unacked: VecDeque<Frame>,
    /// Of them, those that are handed over on this connection.
    open: VecDeque<Open>,
    /// The end of what was acknowledged.
    pub(super) acked: Vec<Frame>,
    /// What acks said was refused as resent, records.
    pub(super) resent: u64,
}

/// A frame on its way.
enum Open {
    Submitting(Pin<Box<dyn Future<Output = Result<AckTicket, SubmitError>>>>),
    Waiting(AckTicket),
}

impl Client {
    pub(super) fn new(number: u8) -> Self {
        Self {
            instance: InstanceId([number; 16]),
            next_seq: 1,
            last: None,
            unacked: VecDeque::new(),
            open: VecDeque::new(),
            acked: Vec::new(),
            resent: 0,
        }
    }

    /// Has a frame of reports made by now, if not too many wait.
    pub(super) fn report(&mut self, now: UtcMs, lots: &mut Lots) {
        if self.unacked.len() >= UNACKED {
            return;
        }
        // The model knows hints of the first app alone.
        let (app, payload) = if let Some(last) = self.last.take_if(|_| lots.one_in(12)) {
            last
        } else if lots.one_in(6) {
            (AppId(1), Payload::Hints(vec![hint(now, lots)]))
        } else if lots.one_in(12) {
            (AppId(1), Payload::Outcomes(vec![outcome(now, lots), outcome(now, lots)]))
        } else if lots.one_in(24) {
            (AppId(1), Payload::Profiles(vec![profile(lots)]))
        } else {
            let pings = (0..1 + lots.below(4)).map(|_| ping(now, lots)).collect();
            (AppId(if lots.one_in(11) { 2 } else { 1 }), Payload::Pings(pings))
        };
        // Sequences may have gaps.
        self.next_seq += u64::from(lots.one_in(10));
        self.last = Some((app, payload.clone()));
        self.enqueue(app, payload);
    }

    /// Keeps a frame to be sent.
    pub(super) fn enqueue(&mut self, app: AppId, payload: Payload) {
        let origin = Origin {
            account: ACCOUNT,
            instance: self.instance,
            stream: StreamNo(1),
            seq: FrameSeq(self.next_seq),
        };
        self.next_seq += 1;
        self.unacked.push_back(Frame { origin, app, payload, was_refused_in_part: false });
    }

    /// Whether everything is acknowledged.
    pub(super) fn is_done(&self) -> bool {
        self.unacked.is_empty()
    }

    /// The connection ends: what is unacknowledged is sent again on the next one.
    pub(super) fn reconnect(&mut self) {
        self.open.clear();
    }

    /// Hands over what the daemon takes, one frame after the other, and hears its acks.
    pub(super) fn talk(&mut self, router: &Router) {
        while self.push_on(router) {}
        while let Some(Open::Waiting(ticket)) = self.open.front_mut() {
            match poll(Pin::new(ticket)) {
                Poll::Pending => return,
                Poll::Ready(Ok(applied)) => self.acknowledge(&applied),
                Poll::Ready(Err(_lost)) => return self.reconnect(),
            }
        }
    }

    /// Gets the next frame on its way; `false` when there is none, or it has to wait.
    fn push_on(&mut self, router: &Router) -> bool {
        if let Some(Open::Submitting(submitting)) = self.open.back_mut() {
            match poll(submitting.as_mut()) {
                Poll::Pending => return false,
                Poll::Ready(Ok(ticket)) => {
                    self.open.pop_back();
                    self.open.push_back(Open::Waiting(ticket));
                }
                Poll::Ready(Err(_closed)) => {
                    self.reconnect();
                    return false;
                }
            }
        }
        let Some(frame) = self.unacked.get_mut(self.open.len()) else { return false };
        let submission = believed(frame, router);
        let router = router.clone();
        let submitting = Box::pin(async move { router.submit(submission).await });
        self.open.push_back(Open::Submitting(submitting));
        true
    }

    fn acknowledge(&mut self, applied: &Applied) {
        self.open.pop_front();
        let frame = self.unacked.pop_front().expect("what is open is unacknowledged");
        let unavailable = applied.rejects[usize::from(RejectReason::Unavailable.number())];
        assert_eq!(unavailable, 0, "a snapshot is in force from the start: {frame:?}");
        self.resent += applied.resent();
        self.acked.push(frame);
    }
}

/// What intake makes of a frame.
fn believed(frame: &mut Frame, router: &Router) -> Submission {
    let received_at = router.received_at();
    let rule = router.future_rule(received_at);
    let Believed { records, rejects } = match &frame.payload {
        Payload::Pings(pings) => believe::pings(pings.iter().copied(), rule),
        Payload::Hints(hints) => believe::hints(hints.iter().copied().map(Ok), rule),
        // Whether their jobs were made is asked where frames come in.
        Payload::Outcomes(outcomes) => believe::outcomes(outcomes.iter().copied().map(Ok), rule),
        Payload::Profiles(profiles) => believe::profiles(profiles.iter().copied().map(Ok)),
    };
    frame.was_refused_in_part |= rejects.iter().any(|count| *count > 0);
    Submission {
        account: ACCOUNT,
        app: frame.app,
        origin: Some(frame.origin),
        received_at,
        records,
    }
}

pub(super) fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Edges of fences lie on full tens, positions beside them: no rounding can tell the two apart.
fn ping(now: UtcMs, lots: &mut Lots) -> Ping {
    let tens = f64::from(i32::try_from(lots.below(80)).expect("small") - 40);
    let far = lots.pick(&[1403.0, -1503.0, 300_003.0]);
    let point = north(if lots.one_in(12) { far } else { tens * 10.0 + 3.0 });
    let delay_s = lots.pick(&[0, 0, 0, 0, 0, 30, 200, 299, 301]);
    Ping {
        device: device(one_of(DEVICES, lots)),
        lat_e7: point.lat,
        lon_e7: point.lon,
        fixed_at: now - delay_s * 1000,
        accuracy_m: lots.pick(&[5, 5, 5, 40, 100, 101, 150, 500]),
        flags: PingFlags(0),
    }
}

fn hint(now: UtcMs, lots: &mut Lots) -> PlaceHint {
    PlaceHint {
        device: device(one_of(DEVICES, lots)),
        place: PlaceId(STORE),
        fixed_at: now - lots.pick(&[0, 0, 0, 30, 200, 299, 301]) * 1000,
        verdict: lots.pick(&[HintVerdict::Leave, HintVerdict::Nearby, HintVerdict::Enter]),
    }
}

fn outcome(now: UtcMs, lots: &mut Lots) -> Outcome {
    Outcome {
        device: device(one_of(DEVICES, lots)),
        job: JobId(u128::from(lots.below(40)).to_be_bytes()),
        happened_at: now - lots.pick(&[0, 0, 30]) * 1000,
        kind: lots.pick(&[OutcomeKind::Delivered, OutcomeKind::Clicked, OutcomeKind::Dismissed]),
    }
}

/// With every consent: the model knows of none.
fn profile(lots: &mut Lots) -> Profile {
    Profile {
        device: device(one_of(DEVICES, lots)),
        echo: u128::from(lots.next()).to_be_bytes(),
        platform: Platform::Android,
        ads_consent: true,
        night_consent: true,
    }
}

fn one_of(devices: u64, lots: &mut Lots) -> u32 {
    1 + u32::try_from(lots.below(devices)).expect("a few")
}
