//! Which frames a partition has applied: the last sequence of each client stream, in a bounded table.
//!
//! A client resends what it has no ack for; whatever is at or below the last applied sequence of its stream
//! was applied before. When the table is full, the account with the most streams forgets the one of its own that
//! has been silent longest: who makes up streams without end pushes out nobody else's.

use std::collections::BTreeSet;

use hashbrown::HashMap;

use crate::domain::ids::{AccountId, FrameSeq, InstanceId, Origin, StreamNo};

/// A client stream of an account.
type Sender = (AccountId, InstanceId, StreamNo);

type Hasher = foldhash::fast::FixedState;

/// The last applied sequence of each sender.
#[derive(Clone, Debug)]
pub(crate) struct Origins {
    /// Where a sender's entry is.
    index: HashMap<Sender, u32, Hasher>,
    entries: Vec<Entry>,
    free: Vec<u32>,
    accounts: HashMap<AccountId, Streams, Hasher>,
    /// How many streams each account has, so that the one with the most is known; of equals the one with the
    /// highest number.
    by_streams: BTreeSet<(u32, AccountId)>,
    capacity: usize,
}

/// One sender, in the list of its account.
#[derive(Clone, Copy, Debug)]
struct Entry {
    sender: Sender,
    seq: FrameSeq,
    /// Used before it, and after it; [`NIL`] at the ends.
    older: u32,
    newer: u32,
}

/// The streams of an account, as a list in the order of use.
#[derive(Clone, Copy, Debug)]
struct Streams {
    count: u32,
    oldest: u32,
    newest: u32,
}

const NIL: u32 = u32::MAX;

impl Origins {
    pub(crate) fn new(capacity: u32, seed: u64) -> Self {
        Self {
            index: HashMap::with_hasher(Hasher::with_seed(seed)),
            entries: Vec::new(),
            free: Vec::new(),
            accounts: HashMap::with_hasher(Hasher::with_seed(seed)),
            by_streams: BTreeSet::new(),
            capacity: capacity as usize,
        }
    }

    pub(crate) fn set_capacity(&mut self, capacity: u32) {
        self.capacity = capacity as usize;
        while self.index.len() > self.capacity.max(1) {
            self.forget_one(None);
        }
    }

    /// Whether the frame was applied before.
    pub(crate) fn has_applied(&self, origin: &Origin) -> bool {
        let place = self.index.get(&sender(origin));
        place.is_some_and(|place| origin.seq <= self.entries[*place as usize].seq)
    }

    /// Remembers that the frame is applied.
    pub(crate) fn apply(&mut self, origin: &Origin) {
        self.insert(sender(origin), origin.seq);
    }

    /// Senders and sequences: by account, and of each the least recently used first.
    pub(crate) fn in_order_of_use(&self) -> Vec<(Sender, FrameSeq)> {
        let mut accounts: Vec<AccountId> = self.by_streams.iter().map(|(_, id)| *id).collect();
        accounts.sort_unstable();
        let mut all = Vec::with_capacity(self.index.len());
        for account in accounts {
            let mut place = self.accounts[&account].oldest;
            while place != NIL {
                let entry = &self.entries[place as usize];
                all.push((entry.sender, entry.seq));
                place = entry.newer;
            }
        }
        all
    }

    /// Takes note of one sender; to restore, call in the order of use.
    pub(crate) fn insert(&mut self, sender: Sender, seq: FrameSeq) {
        if let Some(&place) = self.index.get(&sender) {
            let known = &mut self.entries[place as usize].seq;
            *known = seq.max(*known);
            self.unlink(place);
            self.link_newest(place);
            return;
        }
        while !self.index.is_empty() && self.index.len() >= self.capacity {
            self.forget_one(Some(sender.0));
        }
        let entry = Entry { sender, seq, older: NIL, newer: NIL };
        let place = self.place_for(entry);
        self.index.insert(sender, place);
        self.count(sender.0, 1);
        self.link_newest(place);
    }

    fn place_for(&mut self, entry: Entry) -> u32 {
        if let Some(place) = self.free.pop() {
            self.entries[place as usize] = entry;
            return place;
        }
        self.entries.push(entry);
        u32::try_from(self.entries.len() - 1).expect("capacity is a u32")
    }

    /// Makes room, for a stream of `newcomer` if there is one: it makes it itself if no account has more streams.
    fn forget_one(&mut self, newcomer: Option<AccountId>) {
        let Some(&(most, largest)) = self.by_streams.last() else { return };
        let has_most =
            |account: &AccountId| self.accounts.get(account).is_some_and(|its| its.count == most);
        let account = newcomer.filter(has_most).unwrap_or(largest);
        let place = self.accounts[&account].oldest;
        self.unlink(place);
        self.index.remove(&self.entries[place as usize].sender);
        self.free.push(place);
        self.count(account, -1);
    }

    /// An account has one stream more or less; one without any is forgotten.
    fn count(&mut self, account: AccountId, change: i32) {
        let none = Streams { count: 0, oldest: NIL, newest: NIL };
        let streams = self.accounts.entry(account).or_insert(none);
        self.by_streams.remove(&(streams.count, account));
        streams.count = streams.count.saturating_add_signed(change);
        if streams.count == 0 {
            self.accounts.remove(&account);
        } else {
            self.by_streams.insert((streams.count, account));
        }
    }

    fn unlink(&mut self, place: u32) {
        let Entry { sender, older, newer, .. } = self.entries[place as usize];
        let streams = self.accounts.get_mut(&sender.0).expect("an account with a stream is kept");
        match self.entries.get_mut(older as usize) {
            Some(entry) => entry.newer = newer,
            None => streams.oldest = newer,
        }
        match self.entries.get_mut(newer as usize) {
            Some(entry) => entry.older = older,
            None => streams.newest = older,
        }
    }

    fn link_newest(&mut self, place: u32) {
        let account = self.entries[place as usize].sender.0;
        let streams = self.accounts.get_mut(&account).expect("it was counted before");
        let before = std::mem::replace(&mut streams.newest, place);
        match self.entries.get_mut(before as usize) {
            Some(entry) => entry.newer = place,
            None => streams.oldest = place,
        }
        let entry = &mut self.entries[place as usize];
        (entry.older, entry.newer) = (before, NIL);
    }
}

fn sender(origin: &Origin) -> Sender {
    (origin.account, origin.instance, origin.stream)
}
