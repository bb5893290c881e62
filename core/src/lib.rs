//! sessile: an embedded, crash-safe store for web sessions.
//!
//! A [`Store`] keeps sessions on the local disk: opaque bytes under an id, with an expiry, surviving
//! `kill -9` and power loss as its [`Durability`] promises, at the speed of memory for what is in use.
//!
//! ```no_run
//! use sessile::{Options, SessionId, Store};
//!
//! # fn main() -> sessile::Result<()> {
//! let store = Store::open(Options::new("./sessions"))?;
//! let id = SessionId::new("a1b2c3")?;
//! store.set(&id, b"{\"user\":7}".as_slice(), None)?.wait()?;
//! assert!(store.get(&id)?.is_some());
//! store.close()
//! # }
//! ```
//!
//! How it works, from the top: [`Store`] is a handle on an engine, which has a **table** of sessions in
//! memory, a **log** that makes operations durable in batches, a **base** that holds all sessions, a
//! **checkpoint** that moves changes from table to base, and a **reaper** that removes what has expired.
//! Each is a module of that name. `docs/format.md` draws what is on disk, `docs/durability.md` says what
//! is promised.
#![forbid(unsafe_code)]
// Storage and clock are public items for the simulation, and unreachable without it.
#![cfg_attr(not(feature = "simulation"), allow(unreachable_pub))]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_possible_truncation))]

mod backup;
mod base;
mod check;
mod checkpoint;
mod clock;
mod codec;
mod committer;
mod damage;
mod disk;
mod doorbell;
mod endings;
mod engine;
mod entry;
mod error;
mod events;
mod frame;
mod health;
mod lock;
mod log;
mod lookup;
mod maintenance;
mod numbers;
mod options;
mod owners;
mod progress;
mod reaper;
mod recovery;
mod registry;
mod replay;
mod reserve;
mod salvage;
mod scan;
mod scrub;
mod segment;
mod sequencer;
mod session;
mod shard;
mod slots;
mod stats;
mod storage;
mod store;
mod sweep;
mod sync;
mod table;
mod threads;
mod time;

#[cfg(feature = "simulation")]
pub mod simulation;

pub use check::CheckReport;
pub use damage::Damage;
pub use endings::{EndCause, Ended, Listener};
pub use error::{Error, ErrorCode, Result};
pub use events::{Event, Subscription};
pub use options::{Durability, Options};
pub use progress::Commit;
pub use scan::Page;
pub use session::{Owner, Payload, Session, SessionId, Version};
pub use stats::Stats;
pub use store::{SetOptions, Store};
pub use time::Timestamp;
