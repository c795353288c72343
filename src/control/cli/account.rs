//! `geofenced account create | list | show | set`.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::error::CommandError;
use super::fields::Fields;
use crate::control::desk::changes::Seen;
use crate::control::desk::listing::{ListRequest, MAX_LIMIT};
use crate::control::desk::{Actor, Desk, operator};
use crate::control::documents::account::spans;
use crate::control::documents::{Account, Membership, Shown};
use crate::control::store::{CATALOG_FILE, SqliteStore, StoreError, thread};
use crate::domain::ids::AccountId;
use crate::domain::units::UtcMs;
use crate::identity::Keyring;

/// Makes, lists, shows and changes the accounts of an installation.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    geofenced account create --name \"Coffee Seoul\" --membership premium --night-rule\n  \
    geofenced account list --search coffee\n  \
    geofenced account show 1 --json\n  \
    geofenced account set 1 --membership basic --monthly-limit 500000 --daily-cap none\n  \
    geofenced account --data-dir /var/lib/geofenced set 1 --time-zone Asia/Tokyo\n\n\
    They work on catalog.db of the data directory, whether or not a daemon runs: a daemon that runs takes a change up\n\
    within a second or two, without a signal. Each change is noted in the account's audit log.\n\
    Run them as the daemon's user. Exit codes: 0 done, 1 failed, 2 a value that is not allowed.")]
pub struct AccountCommand {
    /// The daemon's data directory, daemon.data_dir of its config
    #[arg(
        long,
        env = "GEOFENCED__DAEMON__DATA_DIR",
        default_value = "geofenced-data",
        global = true
    )]
    pub data_dir: PathBuf,
    /// Print one JSON object a line, as the HTTP API shows accounts
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do
    #[command(subcommand)]
    pub action: AccountAction,
}

/// What to do with accounts.
#[derive(Debug, Subcommand)]
pub enum AccountAction {
    /// Make an account, and print its number. A catalog that is not there is made
    Create {
        /// What to call it, 1 to 100 characters
        #[arg(long)]
        name: String,
        /// What it pays for
        #[arg(long, value_enum)]
        membership: Membership,
        /// The rest
        #[command(flatten)]
        fields: Fields,
    },
    /// List accounts, one a line
    List {
        /// Only those with this in their names, in any case
        #[arg(long, default_value = "", hide_default_value = true)]
        search: String,
    },
    /// Show an account
    Show {
        /// Its number
        id: u32,
    },
    /// Change an account: what is given, and nothing else
    Set {
        /// Its number
        id: u32,
        /// What to call it, 1 to 100 characters
        #[arg(long)]
        name: Option<String>,
        /// What it pays for
        #[arg(long, value_enum)]
        membership: Option<Membership>,
        /// The rest
        #[command(flatten)]
        fields: Fields,
    },
}

impl AccountCommand {
    /// Does it, writing the answer to `out`. `now` is the instant that is noted.
    ///
    /// # Errors
    /// [`CommandError`]; the catalog is then as it was.
    pub fn run(&self, now: UtcMs, out: &mut dyn Write) -> Result<(), CommandError> {
        match &self.action {
            AccountAction::Create { name, membership, fields } => {
                let account = fields.account(name, *membership);
                let mut store = self.open(true)?;
                let actor = actor("account create", AccountId(0), now);
                let made =
                    thread::write(&mut store, |tx| operator::create_account(tx, &actor, &account))?;
                self.tell(&made, format!("account {} was made", made.id), out)
            }
            AccountAction::List { search } => self.list(search, out),
            AccountAction::Show { id } => {
                let actor = actor("account show", AccountId(*id), now);
                let mut store = self.open(false)?;
                let shown =
                    thread::read(&mut store, |tx| Desk::open(tx, &actor)?.get::<Account>(*id))?;
                if self.json { print(&shown, out) } else { Ok(write!(out, "{}", page(&shown))?) }
            }
            AccountAction::Set { id, name, membership, fields } => {
                if name.is_none() && membership.is_none() && fields.is_empty() {
                    return Err(CommandError::NothingToSet);
                }
                let actor = actor("account set", AccountId(*id), now);
                let mut store = self.open(false)?;
                let set = thread::write(&mut store, |tx| {
                    let mut desk = Desk::open(tx, &actor)?;
                    let mut account = desk.account().clone();
                    account.name = name.clone().unwrap_or(account.name);
                    account.membership = membership.unwrap_or(account.membership);
                    fields.put_into(&mut account);
                    desk.replace(*id, &Seen::Any, account)
                })?;
                self.tell(&set, format!("account {id} was changed"), out)
            }
        }
    }

    /// Opens the catalog of the data directory; makes it only if asked to, for another directory is easily mistyped.
    fn open(&self, make: bool) -> Result<SqliteStore, CommandError> {
        let path = self.data_dir.join(CATALOG_FILE);
        if make {
            make_dir(&self.data_dir)?;
        } else if !path.exists() {
            return Err(StoreError::Absent(path).into());
        }
        Ok(SqliteStore::open(&path)?)
    }

    fn list(&self, search: &str, out: &mut dyn Write) -> Result<(), CommandError> {
        let mut store = self.open(false)?;
        let mut asked = ListRequest {
            search: search.to_owned(),
            limit: Some(MAX_LIMIT),
            ..ListRequest::default()
        };
        loop {
            let page = thread::read(&mut store, |tx| operator::accounts(tx, &asked))?;
            for shown in &page.items {
                if self.json {
                    print(shown, out)?;
                } else {
                    let Account { name, membership, time_zone, .. } = &shown.document;
                    writeln!(out, "{}  {membership}  {time_zone}  {name}", shown.id)?;
                }
            }
            let Some(next) = page.next else { return Ok(()) };
            asked.cursor = next;
        }
    }

    fn tell(
        &self,
        shown: &Shown<Account>,
        said: String,
        out: &mut dyn Write,
    ) -> Result<(), CommandError> {
        if self.json { print(shown, out) } else { Ok(writeln!(out, "{said}")?) }
    }
}

fn make_dir(dir: &Path) -> Result<(), StoreError> {
    let made = std::fs::create_dir_all(dir);
    made.map_err(|reason| StoreError::Io { path: dir.to_owned(), reason })
}

/// An operator at the command line.
fn actor(command: &str, account: AccountId, now: UtcMs) -> Actor {
    // An account has no list of devices, so nothing is sealed or opened.
    let keyring = Keyring::from_seed([0; 32]);
    let by = format!("geofenced {command}").into();
    Actor { account, by, operator: true, now, keyring }
}

fn print(shown: &Shown<Account>, out: &mut dyn Write) -> Result<(), CommandError> {
    Ok(writeln!(out, "{}", serde_json::to_string(shown)?)?)
}

/// An account for people, a field a line.
fn page(shown: &Shown<Account>) -> String {
    let Account {
        name,
        membership,
        time_zone,
        night_rule,
        daily_cap,
        monthly_limit,
        measure_visits,
        visits_measured,
        limits,
    } = &shown.document;
    let most = |most: Option<u64>| most.map_or_else(|| "none".to_owned(), |most| most.to_string());
    let rows = [
        ("account", shown.id.to_string()),
        ("name", name.clone()),
        ("membership", membership.to_string()),
        ("time zone", time_zone.clone()),
        ("night rule", night_rule.to_string()),
        ("daily cap", most(daily_cap.map(u64::from))),
        ("monthly limit", most(*monthly_limit)),
        ("measure visits", measure_visits.to_string()),
        ("measured", spans(visits_measured)),
        ("requests a minute", limits.requests_per_min.to_string()),
        ("uploads a day", limits.uploads_per_day.to_string()),
        ("records a second", most(limits.records_per_s.map(u64::from))),
        ("revision", shown.revision.to_string()),
        ("made", shown.created_at.to_string()),
        ("changed", shown.updated_at.to_string()),
    ];
    rows.iter().map(|(field, value)| format!("{field:<18}{value}\n")).collect()
}
