//! The course of a run: who has a turn when, and what goes wrong when. All of it is drawn by lot.

use std::io::ErrorKind;

use super::clients::Client;
use super::consumer::Consumer;
use super::hardware::{End, Hardware};
use super::judge::{judge, limited_jobs};
use super::lots::Lots;
use super::oracle::reports_in;
use super::process::Process;
use super::seen::Seen;
use super::tally::Tally;
use super::witness::{Witness, beginning};
use crate::journal::sim_disk::Fault;

/// Turns of a run, besides those of its end.
const TURNS: u64 = 150;

/// Turns within which everything must have come to its end once nothing fails any more.
const PATIENCE: usize = 4000;

/// A run.
pub(super) struct Course {
    pub(super) hardware: Hardware,
    pub(super) lots: Lots,
    clients: Vec<Client>,
    consumer: Consumer,
    process: Option<Process>,
    witness: Witness,
    /// By partition, how many inputs the process at hand found.
    found: Vec<usize>,
    seen: Seen,
    pub(super) tally: Tally,
    /// Whether something was told to go wrong in this process.
    pub(super) is_armed: bool,
    /// Whether things go wrong that nobody told.
    is_rough: bool,
    /// Everything that happened.
    digest: blake3::Hasher,
}

impl Course {
    pub(super) fn new(seed: u64) -> Self {
        let mut lots = Lots::of(seed);
        let hardware = Hardware::new(&mut lots);
        let clients = (1..=3).map(Client::new).collect();
        Self {
            hardware,
            lots,
            clients,
            consumer: Consumer::new(),
            process: None,
            witness: Witness::new(),
            found: Vec::new(),
            seen: Seen::default(),
            tally: Tally::default(),
            is_armed: false,
            is_rough: false,
            digest: blake3::Hasher::new(),
        }
    }

    /// Runs with every kind of failure, and judges. Gives what happened, and a digest of all of it.
    pub(super) fn run(mut self) -> (Tally, [u8; 32]) {
        self.is_rough = true;
        let turns = TURNS / 2 + self.lots.below(TURNS);
        for _ in 0..turns {
            self.turn();
        }
        self.come_to_an_end()
    }

    /// The life of one process, up to its end by SIGTERM. Nothing goes wrong but what was told before.
    pub(super) fn live(&mut self, turns: u64) {
        for _ in 0..turns {
            self.turn();
        }
        self.checkpoint_all();
        self.drain();
    }

    /// Something goes wrong in this process, as told.
    pub(super) fn tell(&mut self, goes_wrong: impl FnOnce(&Hardware)) {
        goes_wrong(&self.hardware);
        self.is_armed = true;
    }

    /// Somebody has a turn.
    fn turn(&mut self) {
        if self.process.is_none() {
            self.start();
        }
        let lot = self.lots.below(100);
        match lot {
            0..28 => self.report(),
            28..55 => self.round(),
            55..68 => self.with(|process| process.writer.turn()),
            68..78 => self.with(Process::write_outbox),
            78..86 => self.pass_time(),
            86..90 => self.with(|process| process.checkpoints.turn()),
            90 => self.checkpoint_all(),
            91 => self.trim(),
            92 => self.publish(),
            93..95 => {
                let client = self.lots.index(self.clients.len());
                self.clients[client].reconnect();
                self.consumer.break_off();
            }
            _ if self.is_rough => self.go_wrong(lot),
            _ => {}
        }
        self.talk();
        self.look_after();
        self.digest.update(&[u8::try_from(lot).expect("below 100")]);
        self.digest.update(&self.seen.records.len().to_le_bytes());
        self.digest.update(&self.hardware.disk.calls().to_le_bytes());
    }

    fn go_wrong(&mut self, lot: u64) {
        match lot {
            95 => self.end(End::Kill),
            96 => self.end(End::Power),
            97 => self.arm(40),
            98 if self.lots.one_in(4) => self.step_clock(),
            98 => {
                let is_full = self.lots.one_in(2);
                self.hardware.set_outbox_full(is_full);
            }
            _ if self.lots.one_in(3) => self.drain(),
            _ => {
                let refusals = 1 + self.lots.below(3);
                self.hardware.disk.fill_up(refusals);
            }
        }
    }

    /// Something will go wrong within the next calls.
    fn arm(&mut self, calls: u64) {
        self.is_armed = true;
        let nth = 1 + self.lots.below(calls);
        if self.lots.one_in(4) {
            let is_written = self.lots.one_in(2);
            self.hardware.rows.fail_commit(1 + self.lots.below(3), is_written);
            return;
        }
        let fault = self.lots.pick(&[
            Fault::Death,
            Fault::Error(ErrorKind::Other),
            Fault::Error(ErrorKind::StorageFull),
        ]);
        self.hardware.disk.fail_at(Some((nth, fault)));
    }

    fn start(&mut self) {
        for _ in 0..10 {
            self.witness.look(&self.hardware);
            let started = Process::start(&self.hardware, &mut self.lots);
            match started {
                Ok(process) => {
                    self.found = self.witness.history.iter().map(Vec::len).collect();
                    self.process = Some(process);
                    return self.look_at_outbox();
                }
                Err(error) => {
                    assert!(self.is_armed, "it does not start: {error:#}");
                    self.tally.failed_starts += 1;
                    let how = self.lots.pick(&[End::Kill, End::Power]);
                    self.hardware.end_process(how, &mut self.lots);
                    self.is_armed = false;
                }
            }
        }
        unreachable!("what goes wrong at a start is told once");
    }

    fn with(&mut self, act: impl FnOnce(&mut Process)) {
        if let Some(process) = &mut self.process {
            act(process);
        }
    }

    fn report(&mut self) {
        let now = self.hardware.true_time();
        let client = self.lots.index(self.clients.len());
        self.clients[client].report(now, &mut self.lots);
    }

    fn round(&mut self) {
        let Some(process) = &mut self.process else { return };
        let shard = self.lots.index(process.shards.len());
        process.round(shard, false);
    }

    fn pass_time(&mut self) {
        let wait_s = self.lots.pick(&[1, 20, 60, 60, 120, 180, 299, 301, 600, 1800, 1801, 9000]);
        self.hardware.hands.advance_ms(wait_s * 1000);
    }

    fn checkpoint_all(&mut self) {
        let Some(process) = &mut self.process else { return };
        let shard = self.lots.index(process.shards.len());
        if let Some(shard) = &mut process.shards[shard] {
            shard.checkpoint_all();
        }
        process.checkpoints.turn();
    }

    fn trim(&mut self) {
        self.witness.look(&self.hardware);
        self.with(|process| process.checkpoints.trim());
        self.note_trimmed();
    }

    fn publish(&mut self) {
        self.hardware.published =
            (self.hardware.published + 1).min(self.hardware.catalog.editions.len());
        self.tally.publications += 1;
        let Some(process) = &self.process else { return };
        process.publish(&self.hardware);
    }

    /// The system's clock steps; sooner or later an operator accepts it.
    fn step_clock(&mut self) {
        self.tally.clock_steps += 1;
        let hour = 3_600_000;
        let step_ms = self.lots.pick(&[hour, -hour, 24 * hour, -24 * hour]);
        self.hardware.step_clock_ms(step_ms);
    }

    fn talk(&mut self) {
        let Some(process) = &self.process else { return };
        if process.clock.stepped().is_some() && self.lots.one_in(8) {
            let _accepted = process.clock.accept_step();
        }
        self.clients.iter_mut().for_each(|client| client.talk(&process.router));
        self.look_at_outbox();
        let Some(process) = &self.process else { return };
        self.consumer.talk(&process.outbox, &mut self.lots);
    }

    /// What consumers can see is taken note of; what they have seen stays.
    fn look_at_outbox(&mut self) {
        let Some(process) = &self.process else { return };
        let (_, newest) = process.outbox.span();
        let known = self.seen.records.len() as u64;
        assert!(newest >= known, "P1: records that were shown are gone: {newest} of {known}");
        if newest > known {
            self.seen.take(&self.hardware, newest);
        }
    }

    /// Identities hold at every moment; what has failed is started again.
    fn look_after(&mut self) {
        let Some(process) = &self.process else { return };
        for shard in process.shards.iter().flatten() {
            let counts = shard.sample().counts;
            assert!(counts.triggers_add_up(), "P6: {counts:?}");
            assert_eq!(counts.open, shard.open_triggers(), "P6: {counts:?}");
        }
        if self.hardware.disk.is_dead() {
            self.end(End::Power);
        } else if process.has_failed() && self.lots.one_in(3) {
            self.tally.failures += 1;
            let how = self.lots.pick(&[End::Kill, End::Power]);
            self.end(how);
        }
    }

    /// The process ends, and something may be wrong with what the next one finds or does.
    fn end(&mut self, how: End) {
        match how {
            End::Kill => self.tally.kills += 1,
            End::Power => self.tally.power_losses += 1,
        }
        self.tally.calls += self.hardware.disk.calls();
        self.tally.commits += self.hardware.rows.commits();
        self.clients.iter_mut().for_each(Client::reconnect);
        self.consumer.break_off();
        self.process = None;
        self.hardware.end_process(how, &mut self.lots);
        self.is_armed = false;
        if self.is_rough && self.lots.one_in(4) {
            self.arm(12);
        }
        if self.is_rough && self.lots.one_in(6) {
            self.tally.damaged_checkpoints +=
                u64::from(self.hardware.damage_checkpoint(&mut self.lots));
        }
    }

    /// As SIGTERM ends it.
    fn drain(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        self.tally.drains += 1;
        process.router.drain();
        for _ in 0..PATIENCE {
            process.turn_all(true);
            self.clients.iter_mut().for_each(|client| client.talk(&process.router));
            if process.shards.iter().all(Option::is_none) {
                break;
            }
        }
        assert!(process.shards.iter().all(Option::is_none), "a drain does not end");
        let (witness, hardware) = (&mut self.witness, &self.hardware);
        let counted = process.counted();
        let is_sound = !process.has_failed() && !hardware.disk.is_dead();
        process.close(|| witness.look(hardware));
        self.note_trimmed();
        if is_sound {
            self.check_counts(counted);
        }
        let how = self.lots.pick(&[End::Kill, End::Power]);
        self.end(how);
    }

    fn note_trimmed(&mut self) {
        let begins_at = beginning(&self.hardware).0;
        self.tally.trimmed_bytes = self.tally.trimmed_bytes.max(begins_at);
    }

    /// P6: of the reports that this process took in, each was evaluated or refused, and counted once.
    fn check_counts(&self, counted: u64) {
        let taken = self.witness.history.iter().zip(&self.found);
        let reports: u64 =
            taken.flat_map(|(inputs, found)| inputs.iter().skip(*found)).map(reports_in).sum();
        assert_eq!(counted, reports, "P6: evaluated and refused are not what was taken in");
    }

    /// Nothing goes wrong any more: everything that was sent is acknowledged, and everything comes out.
    pub(super) fn come_to_an_end(mut self) -> (Tally, [u8; 32]) {
        self.is_rough = false;
        self.hardware.set_outbox_full(false);
        self.hardware.disk.set_capacity(None);
        if self.is_armed {
            self.end(End::Kill);
        }
        for _ in 0..PATIENCE {
            if self.process.as_ref().is_some_and(Process::has_failed) {
                self.end(End::Power);
            }
            if self.process.is_none() {
                self.start();
            }
            self.hardware.hands.advance_ms(1000);
            self.with(|process| process.turn_all(false));
            self.talk();
            if self.clients.iter().all(Client::is_done) {
                break;
            }
        }
        assert!(
            self.clients.iter().all(Client::is_done),
            "P1: what was sent is never acknowledged"
        );
        self.drain();
        // Once more, to see that what a clean end leaves is whole.
        self.start();
        self.hand_out_all();
        self.consumer.judge(&self.seen, &mut self.tally);
        let all = judge(&self.witness, &self.hardware.catalog, &self.clients, &self.seen);
        self.tally.jobs = all.iter().map(|expected| expected.jobs.len() as u64).sum();
        if self.hardware.catalog.limit.is_some() {
            self.tally.limited_jobs = limited_jobs(&all);
        }
        self.tally.acked = self.clients.iter().map(|client| client.acked.len() as u64).sum();
        self.tally.resent = self.clients.iter().map(|client| client.resent).sum();
        for bytes in &self.seen.records {
            self.digest.update(bytes);
        }
        self.digest.update(format!("{:?}", self.witness.history).as_bytes());
        (self.tally, *self.digest.finalize().as_bytes())
    }

    /// What the last recovery brings comes out, and the consumer is handed all that there is.
    fn hand_out_all(&mut self) {
        (0..20).for_each(|_| self.with(|process| process.turn_all(false)));
        for _ in 0..PATIENCE {
            self.with(Process::write_outbox);
            self.talk();
            if self.consumer.has_all(self.seen.records.len() as u64) {
                return;
            }
        }
        unreachable!("P1: a consumer is never handed what is there for it");
    }
}
