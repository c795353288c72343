//! `geofenced backtest`.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::error::CommandError;
use crate::control::backtests::asked::{CampaignAsked, used, within_campaign};
use crate::control::backtests::{BacktestReport, Trial, TrialError};
use crate::control::compiler::Known;
use crate::control::desk::uses::{Used, note_use};
use crate::control::desk::{Actor, Desk};
use crate::control::documents::Segment;
use crate::control::documents::campaign::Audience;
use crate::control::refusal::Refusal;
use crate::control::store::{CATALOG_FILE, SqliteStore, StoreError, Tx, thread};
use crate::domain::ids::AccountId;
use crate::domain::units::UtcMs;
use crate::identity::Keyring;

/// Tries a campaign against recorded pings, before it starts
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    geofenced backtest --data-dir /var/lib/geofenced --account 1 --campaign 7\n  \
    geofenced backtest --data-dir /var/lib/geofenced --account 1 --campaign lunch.json --json\n\n\
    It goes through the pings that the journal holds, beside a running daemon or without one, sends nothing, and\n\
    changes nothing but to note among the uses of location that it was asked. journal.keep_recording_bytes says how many are held. The campaign is tried beside those that run, and as\n\
    if its period covered the recording; its windows and all else hold.\n\
    Run it as the daemon's user. Exit codes: 0 done, 1 failed, 2 a value that is not allowed.")]
pub struct BacktestCommand {
    /// The daemon's data directory, daemon.data_dir of its config
    #[arg(long, env = "GEOFENCED__DAEMON__DATA_DIR", default_value = "geofenced-data")]
    pub data_dir: PathBuf,
    /// The journal.dir of that daemon, if it is not its data directory
    #[arg(long)]
    pub journal_dir: Option<PathBuf>,
    /// The account's number
    #[arg(long)]
    pub account: u32,
    /// A campaign's number, or a file with a whole one, as the HTTP API takes it
    #[arg(long, value_name = "ID|FILE.json")]
    pub campaign: String,
    /// Print one JSON object, as the HTTP API shows reports
    #[arg(long)]
    pub json: bool,
}

impl BacktestCommand {
    /// Does it, writing the answer to `out`. `now` is the instant that it is done for.
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn run(&self, now: UtcMs, out: &mut dyn Write) -> Result<(), CommandError> {
        let keyring = Keyring::existing(&self.data_dir).map_err(TrialError::from)?;
        let path = self.data_dir.join(CATALOG_FILE);
        if !path.exists() {
            return Err(StoreError::Absent(path).into());
        }
        let mut store = SqliteStore::open(&path)?;
        store.note_keys(&keyring)?;
        let asked = self.asked()?;
        let account = AccountId(self.account);
        let by = "geofenced backtest".into();
        let actor = Actor { account, by, operator: true, now, keyring: keyring.clone() };
        // A daemon that works on the catalog waits for nothing but the note.
        let (trial, used) = thread::read(&mut store, |tx| Ok(compiled(tx, &actor, asked)))??;
        thread::write(&mut store, |tx| note_use(tx, &actor, &used))?;
        let bar = crate::offline::progress::bar(1000, "going through");
        let journal = self.journal_dir.as_deref().unwrap_or(&self.data_dir);
        let report = trial.run(journal, &keyring, |permille| {
            bar.set_position(u64::from(permille));
            true
        });
        bar.finish_and_clear();
        let report = report?;
        if self.json {
            Ok(writeln!(out, "{}", serde_json::to_string(&report)?)?)
        } else {
            Ok(write!(out, "{}", page(&report))?)
        }
    }

    fn asked(&self) -> Result<CampaignAsked, CommandError> {
        if let Ok(number) = self.campaign.parse() {
            return Ok(CampaignAsked::Number(number));
        }
        let path = Path::new(&self.campaign);
        let read = std::fs::read_to_string(path);
        let text = read.map_err(|reason| StoreError::Io { path: path.to_owned(), reason })?;
        let body = serde_json::from_str(&text).map_err(|error| {
            Refusal::field("/campaign", format!("{} is not JSON: {error}", path.display()))
        })?;
        Ok(CampaignAsked::of(&body)?)
    }
}

fn compiled(
    tx: &mut dyn Tx,
    actor: &Actor,
    asked: CampaignAsked,
) -> Result<(Trial, Used), CommandError> {
    let mut desk = Desk::open(tx, actor)?;
    let draft = desk.draft(asked.into()).map_err(within_campaign)?;
    let used = used(draft.0);
    if let Audience::Segment(segment) = draft.1.audience {
        let segment = desk.document::<Segment>(segment)?.document;
        if segment.history.is_some() {
            return Err(CommandError::LookedUp);
        }
    }
    // Whose visits were looked up is in a store that a running daemon has for itself.
    let known = Known { keyring: &actor.keyring, figures: None };
    Ok((Trial::compile(tx, actor.account, known, draft)?, used))
}

/// A report for people.
fn page(report: &BacktestReport) -> String {
    let rows = [
        ("campaign", report.name.clone()),
        ("recorded from", report.recorded_from.clone()),
        ("recorded until", report.recorded_until.clone()),
        ("pings", report.pings.to_string()),
        ("pushes", report.matches.to_string()),
        ("users", report.users.to_string()),
        ("pushes beside", report.beside_pushes.to_string()),
        ("overage", format!("{} KRW", report.cost.overage_krw)),
    ];
    let mut page: String =
        rows.iter().map(|(field, value)| format!("{field:<18}{value}\n")).collect();
    let suppressed = report.suppressed.iter();
    page.extend(suppressed.map(|(reason, count)| format!("not sent: {reason:<14}  {count}\n")));
    let hours = report.hours.iter();
    page.extend(hours.map(|hour| format!("{}  {}\n", hour.from, hour.matches)));
    page
}
