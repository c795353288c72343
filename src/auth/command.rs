//! `geofenced token create | list | revoke`.

use std::io::Write;
use std::path::PathBuf;

use super::book::{Book, BookError, TokenEntry};
use super::grant::{Apps, Scope};
use super::token::Token;
use crate::domain::ids::{AccountId, AppId};

/// Makes, lists and revokes the tokens of gateways, queue consumers and operators.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    geofenced token create --name gateway-1 --account 1 --app 1 --scope ingest\n  \
    geofenced token create --name worker --account 1 --scope queue\n  \
    geofenced token revoke gateway-1\n\n\
    A running daemon takes a change on SIGHUP, and then closes connections whose token was revoked.")]
pub struct TokenCommand {
    /// The file of credentials.
    #[arg(long, env = "GEOFENCED_TOKENS", default_value = "tokens.json", global = true)]
    pub file: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub action: TokenAction,
}

/// What to do with tokens.
#[derive(Debug, clap::Subcommand)]
pub enum TokenAction {
    /// Make a token and print it. It is shown this once; only its hash is kept.
    Create {
        /// What to call it.
        #[arg(long)]
        name: String,
        /// The account it stands for.
        #[arg(long)]
        account: u32,
        /// An app it may speak for; may be given several times. Without any: all apps of the account.
        #[arg(long = "app")]
        apps: Vec<u32>,
        /// What it allows; may be given several times.
        #[arg(long = "scope", value_enum, required = true)]
        scopes: Vec<Scope>,
    },
    /// List tokens, one a line, without secrets.
    List,
    /// Revoke a token by its name.
    Revoke {
        /// Its name.
        name: String,
    },
}

impl TokenCommand {
    /// Does it, writing the answer to `out`. `now` is the instant that is noted.
    ///
    /// # Errors
    /// [`BookError`]; the file is then as it was.
    pub fn run(&self, now: jiff::Timestamp, out: &mut dyn Write) -> Result<(), BookError> {
        match &self.action {
            TokenAction::Create { name, account, apps, scopes } => {
                let apps = if apps.is_empty() {
                    Apps::All
                } else {
                    Apps::only(apps.iter().copied().map(AppId))
                };
                let account = AccountId(*account);
                let wanted = NewToken { name, account, apps, scopes };
                let token = Book::change(&self.file, |book| wanted.add_to(book, now))?;
                writeln!(out, "{}", token.reveal()).map_err(BookError::Output)
            }
            TokenAction::List => list(&Book::read(&self.file)?, out),
            TokenAction::Revoke { name } => {
                Book::change(&self.file, |book| revoke(book, name, now))?;
                writeln!(out, "revoked {name}").map_err(BookError::Output)
            }
        }
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
        let taken = |entry: &TokenEntry| entry.revoked.is_none() && entry.name == self.name;
        if book.tokens.iter().any(taken) {
            return Err(BookError::NameTaken(self.name.to_owned()));
        }
        if self.scopes.is_empty() {
            return Err(BookError::NoScope);
        }
        let token = Token::draw()?;
        self.note(book, &token, now);
        Ok(token)
    }

    /// Notes a token that is there already: for demos and tests, whose tokens are given.
    pub fn note(self, book: &mut Book, token: &Token, now: jiff::Timestamp) {
        let mut scopes = self.scopes.to_vec();
        scopes.sort_unstable();
        scopes.dedup();
        book.tokens.push(TokenEntry {
            hash: token.hash(),
            name: self.name.to_owned(),
            account: self.account,
            apps: self.apps,
            scopes,
            created: now,
            revoked: None,
        });
    }
}

fn list(book: &Book, out: &mut dyn Write) -> Result<(), BookError> {
    for entry in &book.tokens {
        let scopes: Vec<String> = entry.scopes.iter().map(ToString::to_string).collect();
        let state = entry.revoked.map_or_else(|| "live".to_owned(), |at| format!("revoked {at}"));
        writeln!(
            out,
            "{}  {}  account {}  apps {}  scopes {}  created {}  {state}",
            entry.hash.short(),
            entry.name,
            entry.account,
            entry.apps,
            scopes.join(","),
            entry.created,
        )
        .map_err(BookError::Output)?;
    }
    Ok(())
}

fn revoke(book: &mut Book, name: &str, now: jiff::Timestamp) -> Result<(), BookError> {
    let live = |entry: &&mut TokenEntry| entry.revoked.is_none() && entry.name == name;
    let entry = book.tokens.iter_mut().find(live);
    entry.ok_or_else(|| BookError::NoSuchToken(name.to_owned()))?.revoked = Some(now);
    Ok(())
}
