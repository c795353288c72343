//! Tokens that are made and revoked over HTTP: by their own accounts within what they hold, by operators for everybody.
//!
//! An account can't fill the book: it has so many live tokens of its own, and the oldest of its revoked ones are
//! forgotten.

use super::authority::Authority;
use super::book::{Book, BookError, TokenEntry};
use super::command::{NewToken, revoke_of};
use super::grant::{Apps, Grant, Scope};
use super::token::Token;
use crate::domain::ids::AccountId;
use crate::domain::problem::{Kind, Problem};
use crate::domain::units::UtcMs;

/// Live tokens that an account may have, for it to make another one over HTTP.
pub const MAX_LIVE: usize = 64;

/// Revoked tokens of an account that stay known by name once it makes others.
const MAX_REVOKED: usize = 64;

/// Who makes or revokes a token.
#[derive(Clone, Debug)]
pub enum By {
    /// An operator, for any account and scope.
    Operator,
    /// Who holds a token of the account: nothing beyond what that allows.
    Holder(Grant),
}

/// A token as it is listed: never its text, which nobody has any more.
#[derive(Clone, Debug)]
pub struct Listed {
    /// As the book has it.
    pub entry: TokenEntry,
    /// How often it was used since [`Authority::counted_since`].
    pub uses: u64,
    /// When last.
    pub last_used: Option<UtcMs>,
}

impl By {
    /// Whether a token with these may be made or revoked.
    fn may(&self, apps: &Apps, scopes: &[Scope]) -> Result<(), BookError> {
        let Self::Holder(grant) = self else { return Ok(()) };
        // An operator's token is an operator's to make, also where the caller holds one.
        let beyond = |scope: &&Scope| **scope == Scope::Admin || !grant.allows(**scope);
        if let Some(scope) = scopes.iter().find(beyond) {
            return Err(BookError::Beyond(format!("the scope {scope}")));
        }
        if !grant.apps.has_all(apps) {
            return Err(BookError::Beyond(format!("apps {apps}")));
        }
        Ok(())
    }

    /// Whether it is shown this one.
    fn sees(&self, entry: &TokenEntry) -> bool {
        matches!(self, Self::Operator) || !entry.scopes.contains(&Scope::Admin)
    }
}

impl Authority {
    /// The tokens of an account, the oldest first. Those of operators are shown to operators.
    #[must_use]
    pub fn tokens(&self, account: AccountId, by: &By) -> Vec<Listed> {
        let now = self.in_force();
        let all = now.book.tokens.iter().zip(&now.uses);
        let own = all.filter(|(entry, _)| entry.account == account && by.sees(entry));
        own.map(|(entry, uses)| Listed {
            entry: entry.clone(),
            uses: uses.count(),
            last_used: uses.last(),
        })
        .collect()
    }

    /// Since when uses are counted: the start of the process.
    #[must_use]
    pub fn counted_since(&self) -> Option<UtcMs> {
        self.watch().since()
    }

    /// Makes a token, whose text is nowhere but in the answer.
    ///
    /// # Errors
    /// [`BookError`], when it would allow more than `by` may give among others.
    pub fn make(
        &self,
        by: &By,
        wanted: NewToken<'_>,
        now: jiff::Timestamp,
    ) -> Result<Token, BookError> {
        by.may(&wanted.apps, wanted.scopes)?;
        let account = wanted.account;
        self.change(|book| {
            forget_oldest(book, account);
            let live = |entry: &&TokenEntry| entry.account == account && entry.revoked.is_none();
            if book.tokens.iter().filter(live).count() >= MAX_LIVE {
                return Err(BookError::AccountFull);
            }
            wanted.add_to(book, now)
        })
    }

    /// The live token of an account with this name, if `by` may revoke it.
    ///
    /// # Errors
    /// [`BookError::NotLive`], or that it allows more than `by` does.
    pub fn revocable(
        &self,
        by: &By,
        account: AccountId,
        name: &str,
    ) -> Result<TokenEntry, BookError> {
        let now = self.in_force();
        let named = |entry: &&TokenEntry| {
            entry.account == account && entry.revoked.is_none() && entry.name == name
        };
        let found = now.book.tokens.iter().find(|entry| named(entry) && by.sees(entry));
        let entry = found.ok_or_else(|| BookError::NotLive(name.to_owned()))?;
        by.may(&entry.apps, &entry.scopes)?;
        Ok(entry.clone())
    }

    /// Revokes it: connections that it has are ended at once.
    ///
    /// # Errors
    /// [`BookError`]
    pub fn revoke(&self, revocable: &TokenEntry, now: jiff::Timestamp) -> Result<(), BookError> {
        self.change(|book| revoke_of(book, revocable, now))
    }
}

/// Revoked tokens of an account beyond those that are kept.
fn forget_oldest(book: &mut Book, account: AccountId) {
    let revoked = |entry: &TokenEntry| entry.account == account && entry.revoked.is_some();
    let known = book.tokens.iter().filter(|entry| revoked(entry)).count();
    let mut surplus = known.saturating_sub(MAX_REVOKED);
    book.tokens.retain(|entry| {
        let goes = surplus > 0 && revoked(entry);
        surplus -= usize::from(goes);
        !goes
    });
}

impl From<BookError> for Problem {
    fn from(error: BookError) -> Self {
        let detail = error.to_string();
        match error {
            BookError::Name => Self::field("/name", detail),
            BookError::NoScope => Self::field("/scopes", detail),
            BookError::NameTaken(_) => Self::new(Kind::Duplicate, detail).at("/name"),
            BookError::NotLive(name) => {
                Self::new(Kind::NotFound, format!("the account has no live token {name:?}"))
            }
            BookError::Beyond(_) => Self::new(Kind::Forbidden, detail),
            BookError::AccountFull => Self::new(Kind::LimitReached, detail),
            BookError::TooMany { .. } => {
                let detail = "the installation has as many tokens as it may; ask the operator";
                Self::new(Kind::LimitReached, detail)
            }
            BookError::Io { .. }
            | BookError::Mode { .. }
            | BookError::Format { .. }
            | BookError::Version { .. }
            | BookError::SubjectTwice { .. }
            | BookError::SameName { .. }
            | BookError::NoEntropy(_)
            | BookError::Certificate(_)
            | BookError::Output(_) => {
                tracing::error!(error = detail, "the book of tokens can't be changed");
                Self::new(Kind::Internal, "the tokens can't be changed; the daemon's log says why")
            }
        }
    }
}
