//! Who may come in: a budget of handshakes, a bound on connections, and one connection per instance.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::config::IngestConfig;
use crate::domain::ids::{AccountId, InstanceId};
use crate::wire::close::CloseCode;

/// Counts who is in. Shared by the endpoint and all its connections.
pub(super) struct Admission {
    max_handshakes: u32,
    retry_above: u32,
    connections: Arc<Semaphore>,
    max_per_account: usize,
    /// Held for single look-ups; touched when a handshake begins or ends.
    handshakes: Mutex<Handshakes>,
    /// Held for single look-ups; touched when a connection comes or goes, never by frames.
    guests: Mutex<Guests>,
}

#[derive(Default)]
struct Handshakes {
    under_way: u32,
    by_host: HashMap<IpAddr, u32>,
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
            max_handshakes: config.max_handshakes,
            retry_above: config.retry_above_handshakes,
            connections: Arc::new(Semaphore::new(config.max_connections as usize)),
            max_per_account: config.max_connections_per_account as usize,
            handshakes: Mutex::default(),
            guests: Mutex::default(),
        })
    }

    /// Whether a stranger must prove its address before costing us a handshake.
    pub(super) fn asks_for_proof(&self) -> bool {
        self.handshakes().under_way >= self.retry_above
    }

    /// Leave to shake hands and say hello; `None` when too many are at it. One host may have half of all
    /// handshakes, a restart's crowd of gateways behind one address; of the other half it gets no more than a
    /// quarter of all, so that hosts which shake hands and fall silent do not keep the others out.
    pub(super) fn handshake(self: &Arc<Self>, address: IpAddr) -> Option<Leave> {
        let host = host(address);
        let mut handshakes = self.handshakes();
        let here = handshakes.by_host.get(&host).copied().unwrap_or(0);
        let crowded = handshakes.under_way >= self.max_handshakes.div_ceil(2);
        let most = if crowded { self.max_handshakes.div_ceil(4) } else { self.max_handshakes };
        if handshakes.under_way >= self.max_handshakes || here >= most {
            return None;
        }
        handshakes.under_way += 1;
        *handshakes.by_host.entry(host).or_default() += 1;
        Some(Leave { admission: Arc::clone(self), host })
    }

    /// Leave to stay; `None` when the daemon has all the connections it may have. Whoever takes the place of
    /// its own older connection waits until that one has gone.
    pub(super) async fn slot(&self, takes_over: bool) -> Option<OwnedSemaphorePermit> {
        match Arc::clone(&self.connections).try_acquire_owned() {
            Ok(slot) => Some(slot),
            Err(_) if takes_over => Arc::clone(&self.connections).acquire_owned().await.ok(),
            Err(_) => None,
        }
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

    fn handshakes(&self) -> MutexGuard<'_, Handshakes> {
        self.handshakes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn guests(&self) -> MutexGuard<'_, Guests> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What counts as one host: an IPv4 address, or the network of 64 bits that a site gets of IPv6.
fn host(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// A handshake under way; dropping it says that it has ended.
pub(super) struct Leave {
    admission: Arc<Admission>,
    host: IpAddr,
}

impl Drop for Leave {
    fn drop(&mut self) {
        let mut handshakes = self.admission.handshakes();
        handshakes.under_way -= 1;
        let here = handshakes.by_host.entry(self.host).or_insert(1);
        *here -= 1;
        if *here == 0 {
            handshakes.by_host.remove(&self.host);
        }
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
