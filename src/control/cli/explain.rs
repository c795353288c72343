//! `geofenced explain`.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::error::CommandError;
use crate::control::desk::uses::note_use;
use crate::control::desk::{Actor, Desk};
use crate::control::explain::{Asked, ExplainError, ExplainRequest, Explainer, MOMENTS, Question};
use crate::control::refusal::Refusal;
use crate::control::store::{CATALOG_FILE, SqliteStore, thread};
use crate::domain::ids::AccountId;
use crate::domain::units::UtcMs;
use crate::identity::Keyring;
use crate::offline::explain::page;
use crate::snapshot::load::Loaded;
use crate::snapshot::store::Store;

/// Explain why a device got a campaign's push, or why not: every gate, for its last fixes
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    geofenced explain --account 1 --device 3f2504e0-4f89-41d3-9a0c-0305e82c3301 --campaign 7\n  \
    geofenced explain --data-dir /var/lib/geofenced --account 1 --device 3F2504E0-4F89-41D3-9A0C-0305E82C3301 \
--campaign 7 --last 5\n  \
    geofenced explain --account 1 --device 3f2504e0-4f89-41d3-9a0c-0305e82c3301 --campaign 7 --json | jq .because\n\n\
    It reads the journal of the data directory, whether or not a daemon runs, and changes nothing there. That it was\n\
    asked is noted in the catalog among the uses of location, which the account reads. How far back the records go hangs on journal.keep_recording_bytes. Run it as the daemon's user.\n\
    Exit codes: 0 explained, 1 failed, 2 a value that is not allowed.")]
pub struct ExplainCommand {
    /// The daemon's data directory, daemon.data_dir of its config
    #[arg(long, env = "GEOFENCED__DAEMON__DATA_DIR", default_value = "geofenced-data")]
    pub data_dir: PathBuf,
    /// The journal.dir of that daemon, if it is not its data directory
    #[arg(long)]
    pub journal_dir: Option<PathBuf>,
    /// The snapshot store of that daemon, if it is not `snapshots` in its data directory
    #[arg(long)]
    pub snapshots: Option<PathBuf>,
    /// The account's number
    #[arg(long)]
    pub account: u32,
    /// The advertising id of the device, in any case
    #[arg(long)]
    pub device: String,
    /// The campaign's number
    #[arg(long)]
    pub campaign: u32,
    /// How many of the device's last moments to tell, 1 to 100
    #[arg(long, default_value_t = MOMENTS)]
    pub last: usize,
    /// Print one JSON object, as the HTTP API has it
    #[arg(long)]
    pub json: bool,
}

impl ExplainCommand {
    /// Does it, writing the answer to `out`.
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn run(&self, now: UtcMs, out: &mut dyn Write) -> Result<(), CommandError> {
        let request = ExplainRequest::of(&self.device, self.campaign, self.last);
        let asked = request.read()?;
        let keyring = Keyring::existing(&self.data_dir).map_err(ExplainError::from)?;
        let default = self.data_dir.join("snapshots");
        let store = Store::existing(self.snapshots.as_deref().unwrap_or(&default));
        let store = store.map_err(ExplainError::from)?;
        let question = self.question(asked, now, &keyring)?;
        let find = move |epoch, before: Option<&Loaded>| {
            store.load(epoch, before).map(Arc::new).map_err(|error| error.to_string())
        };
        let journal = self.journal_dir.as_ref().unwrap_or(&self.data_dir).clone();
        let explainer = Explainer::new(journal, keyring, Arc::new(find));
        let told = explainer.explain(&question, &explainer.leave(question.account())?)?;
        if self.json {
            writeln!(out, "{}", serde_json::to_string(&told)?)?;
        } else {
            write!(out, "{}", page(&told))?;
        }
        Ok(())
    }

    /// With what the catalog says, where it has the account; noted there before it is answered.
    fn question(
        &self,
        asked: Asked,
        now: UtcMs,
        keyring: &Keyring,
    ) -> Result<Question, CommandError> {
        let (path, account) = (self.data_dir.join(CATALOG_FILE), AccountId(self.account));
        let by = "geofenced explain".into();
        let actor = Actor { account, by, operator: true, now, keyring: keyring.clone() };
        let mut store = SqliteStore::open(&path)?;
        store.note_keys(keyring)?;
        let looked = thread::write(&mut store, |tx| {
            let found = Desk::open(tx, &actor).and_then(|mut desk| asked.of_desk(&mut desk));
            let question = match found {
                // Its campaigns come from files.
                Err(Refusal::NoAccount(account)) => asked.of_account(account),
                found => found?,
            };
            note_use(tx, &actor, &asked.used())?;
            Ok(question)
        });
        Ok(looked?)
    }
}
