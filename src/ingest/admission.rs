//! Who may come in: a budget of handshakes, a bound on connections, and one connection per instance.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::config::IngestConfig;
use crate::domain::ids::{AccountId, InstanceId};
use crate::wire::close::CloseCode;

/// Counts who is in. Shared by the endpoint and all its connections.
pub(super) struct Admission {
    handshakes: Arc<Semaphore>,
    connections: Arc<Semaphore>,
    max_handshakes: u32,
    retry_above: u32,
    max_per_account: usize,
    /// Held for single look-ups; touched when a connection comes or goes, never by frames.
    guests: Mutex<Guests>,
}

#[derive(Default)]
struct Guests {
    next_visit: u64,
    accounts: HashMap<AccountId, HashMap<InstanceId, Guest>>,
}

struct Guest {
    visit: u64,
    connection: quinn::Connection,
}

impl Admission {
    pub(super) fn new(config: &IngestConfig) -> Arc<Self> {
        Arc::new(Self {
            handshakes: Arc::new(Semaphore::new(config.max_handshakes as usize)),
            connections: Arc::new(Semaphore::new(config.max_connections as usize)),
            max_handshakes: config.max_handshakes,
            retry_above: config.retry_above_handshakes,
            max_per_account: config.max_connections_per_account as usize,
            guests: Mutex::default(),
        })
    }

    /// Whether a stranger must prove its address before costing us a handshake.
    pub(super) fn asks_for_proof(&self) -> bool {
        let free = u32::try_from(self.handshakes.available_permits()).unwrap_or(u32::MAX);
        self.max_handshakes.saturating_sub(free) >= self.retry_above
    }

    /// Leave to shake hands and say hello; `None` when too many are at it.
    pub(super) fn handshake(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.handshakes).try_acquire_owned().ok()
    }

    /// Leave to stay; `None` when the daemon has all the connections it may have.
    pub(super) fn connection(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.connections).try_acquire_owned().ok()
    }

    /// Notes that an instance is in. An older connection of the same instance is returned, to be closed: the
    /// client came back before we saw it go.
    ///
    /// # Errors
    /// [`CloseCode::TooManyForAccount`] when the account has all the connections it may have.
    pub(super) fn enter(
        self: &Arc<Self>,
        account: AccountId,
        instance: InstanceId,
        connection: &quinn::Connection,
    ) -> Result<(Visit, Option<quinn::Connection>), CloseCode> {
        let mut guests = self.guests();
        guests.next_visit += 1;
        let visit = guests.next_visit;
        let of_account = guests.accounts.entry(account).or_default();
        if of_account.len() >= self.max_per_account && !of_account.contains_key(&instance) {
            return Err(CloseCode::TooManyForAccount);
        }
        let older = of_account.insert(instance, Guest { visit, connection: connection.clone() });
        let admission = Arc::clone(self);
        Ok((Visit { admission, account, instance, visit }, older.map(|guest| guest.connection)))
    }

    fn guests(&self) -> MutexGuard<'_, Guests> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's entry among the guests; dropping it strikes it out, unless a newer one took its place.
pub(super) struct Visit {
    admission: Arc<Admission>,
    account: AccountId,
    instance: InstanceId,
    visit: u64,
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut guests = self.admission.guests();
        let Some(of_account) = guests.accounts.get_mut(&self.account) else { return };
        if of_account.get(&self.instance).is_some_and(|guest| guest.visit == self.visit) {
            of_account.remove(&self.instance);
        }
        if of_account.is_empty() {
            guests.accounts.remove(&self.account);
        }
    }
}
