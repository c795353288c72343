//! `geofenced token create | certificate | list | revoke`.

use std::io::Write;
use std::path::PathBuf;

use super::book::{
    Book, BookError, CertificateEntry, CertificateSubject, MAX_NAME_CHARS, TokenEntry,
};
use super::grant::{Apps, Scope};
use super::tls::{read_certificates, sha256};
use super::token::Token;
use crate::domain::ids::{AccountId, AppId};

/// The book's name in the data directory.
pub const BOOK_FILE: &str = "tokens.json";

/// Makes, lists and revokes the credentials of gateways, queue consumers and operators.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    geofenced token create --name gateway-1 --account 1 --app 1 --scope ingest\n  \
    geofenced token create --name worker --account 1 --scope queue\n  \
    geofenced token certificate --name gateway-2 --account 1 --pem gateway-2.pem --scope ingest\n  \
    geofenced token certificate --name all-of-1 --account 1 --uri geofenced://account/1 --scope ingest\n  \
    geofenced token --data-dir /var/lib/geofenced revoke gateway-1\n\n\
    A running daemon takes a change on SIGHUP, and then closes connections whose credentials were revoked.\n\
    Certificates count for gateways alone, and need daemon.tls_client_issuers in the config.")]
pub struct TokenCommand {
    /// The daemon's data directory, daemon.data_dir of its config; its tokens.json is changed.
    #[arg(
        long,
        env = "GEOFENCED__DAEMON__DATA_DIR",
        default_value = "geofenced-data",
        global = true
    )]
    pub data_dir: PathBuf,
    /// Another file of credentials than the data directory's.
    #[arg(long, global = true)]
    pub file: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub action: TokenAction,
}

/// What to do with credentials.
#[derive(Debug, clap::Subcommand)]
pub enum TokenAction {
    /// Make a token and print it. It is shown this once; only its hash is kept.
    Create {
        /// What it allows.
        #[command(flatten)]
        holder: Holder,
    },
    /// Let in a client certificate, by its fingerprint or by the URI among its subject alternative names.
    Certificate {
        /// What it allows.
        #[command(flatten)]
        holder: Holder,
        /// A PEM file whose first certificate is let in, and no other.
        #[arg(long, required_unless_present = "uri", conflicts_with = "uri")]
        pem: Option<PathBuf>,
        /// A URI, for example geofenced://account/1: every certificate with it is let in that one of
        /// daemon.tls_client_issuers has issued.
        #[arg(long)]
        uri: Option<String>,
    },
    /// List tokens and certificates, one a line, without secrets.
    List,
    /// Revoke a token or a certificate by its name.
    Revoke {
        /// Its name.
        name: String,
        /// The account it stands for, where several accounts have one of that name.
        #[arg(long)]
        account: Option<u32>,
    },
}

/// Who holds credentials, and for what.
#[derive(Clone, Debug, clap::Args)]
pub struct Holder {
    /// What to call them; unique among the account's that are not revoked.
    #[arg(long)]
    pub name: String,
    /// The account they stand for.
    #[arg(long)]
    pub account: u32,
    /// An app they may speak for; may be given several times. Without any: all apps of the account.
    #[arg(long = "app")]
    pub apps: Vec<u32>,
    /// What they allow; may be given several times.
    #[arg(long = "scope", value_enum, required = true)]
    pub scopes: Vec<Scope>,
}

impl Holder {
    fn apps(&self) -> Apps {
        if self.apps.is_empty() {
            Apps::All
        } else {
            Apps::only(self.apps.iter().copied().map(AppId))
        }
    }
}

impl TokenCommand {
    /// Does it, writing the answer to `out`. `now` is the instant that is noted. Gives what has changed in the data
    /// directory's own book.
    ///
    /// # Errors
    /// [`BookError`]; the file is then as it was.
    pub fn run(
        &self,
        now: jiff::Timestamp,
        out: &mut dyn Write,
    ) -> Result<Option<Change>, BookError> {
        let change = self.done(now, out)?;
        Ok(change.filter(|_| self.file.is_none()))
    }

    fn done(&self, now: jiff::Timestamp, out: &mut dyn Write) -> Result<Option<Change>, BookError> {
        let file = self.file.clone().unwrap_or_else(|| self.data_dir.join(BOOK_FILE));
        match &self.action {
            TokenAction::Create { holder } => {
                let Holder { name, account, scopes, .. } = holder;
                let (account, apps) = (AccountId(*account), holder.apps());
                let wanted = NewToken { name, account, apps, scopes };
                let token = Book::change(&file, |book| wanted.add_to(book, now))?;
                writeln!(out, "{}", token.reveal()).map_err(BookError::Output)?;
                Ok(Some(Change::of("create", holder)))
            }
            TokenAction::Certificate { holder, pem, uri } => {
                let subject = match (pem, uri) {
                    (Some(pem), _) => {
                        CertificateSubject::Fingerprint(sha256(&read_certificates(pem)?[0]))
                    }
                    (None, uri) => CertificateSubject::Uri(uri.clone().unwrap_or_default()),
                };
                let told = format!("{} stands for account {}", subject, holder.account);
                Book::change(&file, |book| admit(book, holder, subject))?;
                writeln!(out, "{told}").map_err(BookError::Output)?;
                Ok(Some(Change::of("certificate", holder)))
            }
            TokenAction::List => {
                // A data directory without a book has no credentials yet; a place that is not there is a slip.
                let may_be_absent = self.file.is_none() && self.data_dir.is_dir();
                let book = if may_be_absent { Book::read(&file) } else { Book::existing(&file) };
                list(&book?, out)?;
                Ok(None)
            }
            TokenAction::Revoke { name, account } => {
                let revoked = |book: &mut Book| revoke(book, name, account.map(AccountId), now);
                let account = Book::change(&file, revoked)?;
                writeln!(out, "revoked {name}").map_err(BookError::Output)?;
                let (name, rights) = (name.clone(), None);
                Ok(Some(Change { action: "revoke", account, name, rights }))
            }
        }
    }
}

/// What a command has changed in the book, for the audit log of the account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// create, certificate or revoke.
    pub action: &'static str,
    /// Whose credentials they are.
    pub account: AccountId,
    /// What they are called.
    pub name: String,
    /// What they allow, where they were made.
    pub rights: Option<(Apps, Vec<Scope>)>,
}

impl Change {
    fn of(action: &'static str, holder: &Holder) -> Self {
        let rights = Some((holder.apps(), sorted(&holder.scopes)));
        Self { action, account: AccountId(holder.account), name: holder.name.clone(), rights }
    }
}

/// A token that is to be made.
#[derive(Debug)]
pub struct NewToken<'a> {
    /// What to call it.
    pub name: &'a str,
    /// Whom it stands for.
    pub account: AccountId,
    /// For which apps.
    pub apps: Apps,
    /// For what work.
    pub scopes: &'a [Scope],
}

impl NewToken<'_> {
    /// Draws the token and notes it in the book.
    ///
    /// # Errors
    /// [`BookError`] when the name is taken, no scope is given or there is no randomness.
    pub fn add_to(self, book: &mut Book, now: jiff::Timestamp) -> Result<Token, BookError> {
        check_name(book, self.account, self.name)?;
        if self.scopes.is_empty() {
            return Err(BookError::NoScope);
        }
        let token = Token::draw()?;
        self.note(book, &token, now);
        Ok(token)
    }

    /// Notes a token that is there already: for demos and tests, whose tokens are given.
    pub fn note(self, book: &mut Book, token: &Token, now: jiff::Timestamp) {
        book.tokens.push(TokenEntry {
            hash: token.hash(),
            name: self.name.to_owned(),
            account: self.account,
            apps: self.apps,
            scopes: sorted(self.scopes),
            created: now,
            revoked: None,
        });
    }
}

fn admit(book: &mut Book, holder: &Holder, subject: CertificateSubject) -> Result<(), BookError> {
    let (name, account, apps) = (holder.name.clone(), AccountId(holder.account), holder.apps());
    check_name(book, account, &name)?;
    let scopes = sorted(&holder.scopes);
    book.certificates.push(CertificateEntry {
        name,
        subject,
        account,
        apps,
        scopes,
        revoked: None,
    });
    Ok(())
}

/// Names are what credentials are revoked by, so tokens and certificates share them. Each account has its own: none
/// learns what another calls its credentials.
fn check_name(book: &Book, account: AccountId, name: &str) -> Result<(), BookError> {
    let fits = (1..=MAX_NAME_CHARS).contains(&name.chars().count());
    if !fits || name.chars().any(char::is_control) {
        return Err(BookError::Name);
    }
    let tokens = book.tokens.iter().map(|entry| (entry.account, &entry.name, entry.revoked));
    let certificates =
        book.certificates.iter().map(|entry| (entry.account, &entry.name, entry.revoked));
    let taken = |(whose, known, revoked): (AccountId, &String, Option<_>)| {
        revoked.is_none() && whose == account && known == name
    };
    if tokens.chain(certificates).any(taken) {
        return Err(BookError::NameTaken(name.to_owned()));
    }
    Ok(())
}

fn sorted(scopes: &[Scope]) -> Vec<Scope> {
    let mut scopes = scopes.to_vec();
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}

fn list(book: &Book, out: &mut dyn Write) -> Result<(), BookError> {
    let tokens = book.tokens.iter().map(|entry| {
        let allowed = allowed(entry.account, &entry.apps, &entry.scopes);
        let (short, name, state) = (entry.hash.short(), &entry.name, state(entry.revoked));
        format!("{short}  {name}  {allowed}  created {}  {state}", entry.created)
    });
    let certificates = book.certificates.iter().map(|entry| {
        let allowed = allowed(entry.account, &entry.apps, &entry.scopes);
        let (name, subject, state) = (&entry.name, &entry.subject, state(entry.revoked));
        format!("certificate  {name}  {allowed}  {subject}  {state}")
    });
    for line in tokens.chain(certificates) {
        writeln!(out, "{line}").map_err(BookError::Output)?;
    }
    Ok(())
}

fn allowed(account: AccountId, apps: &Apps, scopes: &[Scope]) -> String {
    let scopes: Vec<String> = scopes.iter().map(ToString::to_string).collect();
    format!("account {account}  apps {apps}  scopes {}", scopes.join(","))
}

fn state(revoked: Option<jiff::Timestamp>) -> String {
    revoked.map_or_else(|| "live".to_owned(), |at| format!("revoked {at}"))
}

/// The credentials of a book that are live: whose, their names, and where their revocation is noted.
fn live(book: &mut Book) -> impl Iterator<Item = (AccountId, &str, &mut Option<jiff::Timestamp>)> {
    let tokens = book
        .tokens
        .iter_mut()
        .map(|entry| (entry.account, entry.name.as_str(), &mut entry.revoked));
    let certificates = book
        .certificates
        .iter_mut()
        .map(|entry| (entry.account, entry.name.as_str(), &mut entry.revoked));
    tokens.chain(certificates).filter(|(_, _, revoked)| revoked.is_none())
}

fn revoke(
    book: &mut Book,
    name: &str,
    account: Option<AccountId>,
    now: jiff::Timestamp,
) -> Result<AccountId, BookError> {
    let fits = |whose: AccountId| account.is_none_or(|account| account == whose);
    let found = live(book).filter(|(whose, known, _)| *known == name && fits(*whose));
    let mut found: Vec<_> = found.collect();
    if found.len() > 1 {
        let accounts: Vec<String> = found.iter().map(|(whose, ..)| whose.to_string()).collect();
        return Err(BookError::SameName { name: name.to_owned(), accounts: accounts.join(", ") });
    }
    let (whose, _, revoked) = found.pop().ok_or_else(|| BookError::NotLive(name.to_owned()))?;
    *revoked = Some(now);
    Ok(whose)
}

/// Revokes this very token, if it still is live.
pub(super) fn revoke_of(
    book: &mut Book,
    token: &TokenEntry,
    now: jiff::Timestamp,
) -> Result<(), BookError> {
    let same = |entry: &&mut TokenEntry| entry.revoked.is_none() && entry.hash.matches(&token.hash);
    let found = book.tokens.iter_mut().find(same);
    found.ok_or_else(|| BookError::NotLive(token.name.clone()))?.revoked = Some(now);
    Ok(())
}
