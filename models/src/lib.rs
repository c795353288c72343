//! The hand-offs between threads in every order that the memory model allows, by [loom].
//!
//! What runs here are the daemon's own sources, copied by the build script with nothing changed but the primitives
//! ([`sync`]): the ticket and the mailbox of a shard, the slot of snapshots, and the journal's group commit. The
//! scenarios are in the tests beside each.

pub mod sync;

pub mod identity;

/// What the sources name besides, from the daemon itself.
pub use geofenced::{domain, telemetry};

pub mod shard {
    //! Mailbox and ticket.

    pub mod ticket {
        //! As shipped.
        include!(concat!(env!("OUT_DIR"), "/shard_ticket.rs"));
    }
    pub mod mailbox {
        //! As shipped.
        include!(concat!(env!("OUT_DIR"), "/shard_mailbox.rs"));

        impl Inbox {
            /// Takes a delivery if there is one.
            pub fn take(&self) -> Option<Delivery> {
                self.receiver.try_recv().ok()
            }

            /// Waits for one, as a shard does that has nothing else to do.
            pub fn wait(&self) -> Option<Delivery> {
                self.receiver.recv().ok()
            }
        }
    }

    #[cfg(test)]
    mod shard_tests;
}

pub mod snapshot {
    //! The slot; snapshots are no more than their number and whether they were let go.

    pub mod slot {
        //! As shipped.
        include!(concat!(env!("OUT_DIR"), "/snapshot_slot.rs"));
    }
    pub mod load;
    pub mod view {
        //! What is read of a snapshot.
        pub use super::load::SnapshotView;
    }

    #[cfg(test)]
    mod slot_tests;
}

pub mod journal {
    //! The group commit; inputs are encoded as one byte, and there is nothing to read back.

    pub mod writer {
        //! As shipped.
        include!(concat!(env!("OUT_DIR"), "/journal_writer.rs"));
    }
    pub mod shard_log {
        //! As shipped.
        include!(concat!(env!("OUT_DIR"), "/journal_shard_log.rs"));
    }
    pub mod handle {
        //! As shipped.
        include!(concat!(env!("OUT_DIR"), "/journal_handle.rs"));
    }
    pub mod error {
        //! As shipped.
        include!(concat!(env!("OUT_DIR"), "/journal_error.rs"));
    }
    pub mod figures {
        //! As shipped.
        include!(concat!(env!("OUT_DIR"), "/journal_figures.rs"));
    }
    mod record {
        include!(concat!(env!("OUT_DIR"), "/journal_record.rs"));
    }
    mod fields {
        include!(concat!(env!("OUT_DIR"), "/journal_fields.rs"));
    }
    mod segment {
        include!(concat!(env!("OUT_DIR"), "/journal_segment.rs"));
    }
    pub use geofenced::journal::{config, disk, position};
    mod encode;
    mod packed;
    mod recovery;
    mod scan;

    #[cfg(test)]
    mod commit_tests;
}
