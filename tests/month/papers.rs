//! What the month leaves in its folder, for the script that knows nothing of the daemon: pings, records of the queue,
//! outcomes, definitions and reports, as plain CSV and JSON.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use geofenced::domain::report::{Outcome, OutcomeKind};
use h3o::{LatLng, Resolution};

use crate::gateway::Record;
use crate::walk::Sent;

/// Pings lie in so many files, each device's in one, so that they can be gone through side by side.
const FILES: usize = 16;

/// The folder.
pub(crate) struct Papers {
    pub(crate) folder: PathBuf,
    pings: Vec<BufWriter<File>>,
    outcomes: BufWriter<File>,
    records: BufWriter<File>,
}

impl Papers {
    pub(crate) fn new(folder: &Path) -> Self {
        let file = |name: &str, header: &str| {
            let mut file = BufWriter::new(File::create(folder.join(name)).unwrap());
            writeln!(file, "{header}").unwrap();
            file
        };
        let pings = "half,account,app,device,lat_e7,lon_e7,fixed_at,accuracy_m,flags,cell";
        let named = |number: usize| file(&format!("pings-{number:02}.csv"), pings);
        let outcomes = "account,device,job,kind,happened_at";
        let records = "account,kind,campaign,device,at,variant,mode,job,visit,place,revision,entered_at,left_at";
        Self {
            folder: folder.to_owned(),
            pings: (0..FILES).map(named).collect(),
            outcomes: file("outcomes.csv", outcomes),
            records: file("records.csv", records),
        }
    }

    /// A ping, in the order of sending. Python has no H3 of its own: `cell` comes from the library.
    pub(crate) fn ping(&mut self, half: usize, account: usize, app: u64, sent: &Sent) {
        let ping = &sent.ping;
        let (lat, lon) = (f64::from(ping.lat_e7) / 1e7, f64::from(ping.lon_e7) / 1e7);
        let cell = LatLng::new(lat, lon).map(|point| u64::from(point.to_cell(Resolution::Eight)));
        let cell = cell.unwrap_or_default();
        let file = &mut self.pings[usize::from(ping.device.0[15]) % FILES];
        let (device, at, flags) = (ping.device, ping.fixed_at.0, ping.flags.0);
        let (lat, lon, accuracy_m) = (ping.lat_e7, ping.lon_e7, ping.accuracy_m);
        writeln!(
            file,
            "{half},{account},{app},{device},{lat},{lon},{at},{accuracy_m},{flags},{cell}"
        )
        .unwrap();
    }

    pub(crate) fn outcome(&mut self, account: usize, outcome: &Outcome) {
        let Outcome { device, job, happened_at, kind } = outcome;
        let kind = match kind {
            OutcomeKind::Delivered => "delivered",
            OutcomeKind::Clicked => "clicked",
            OutcomeKind::Dismissed => "dismissed",
        };
        writeln!(self.outcomes, "{account},{device},{job},{kind},{}", happened_at.0).unwrap();
    }

    /// A record of the queue.
    pub(crate) fn record(&mut self, account: usize, record: &Record) {
        fn shown(value: Option<impl ToString>) -> String {
            value.map_or_else(String::new, |value| value.to_string())
        }
        let told = &record.data;
        let ms = |at: Option<jiff::Timestamp>| shown(at.map(jiff::Timestamp::as_millisecond));
        let cells = [
            account.to_string(),
            record.kind().to_owned(),
            shown(told.campaign.as_ref().map(|campaign| campaign.id)),
            record.device().to_string(),
            ms(Some(told.at)),
            told.variant.clone(),
            told.mode.clone(),
            shown(told.job_id.as_ref()),
            shown(told.visit_id.as_ref()),
            shown(told.place),
            shown(told.revision),
            ms(told.entered_at),
            ms(told.left_at),
        ];
        writeln!(self.records, "{}", cells.join(",")).unwrap();
    }

    /// All of it on the disk.
    pub(crate) fn close(&mut self) {
        let plain = [&mut self.outcomes, &mut self.records];
        self.pings.iter_mut().chain(plain).for_each(|file| file.flush().unwrap());
    }
}
