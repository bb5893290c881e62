//! Endings: sessions that are no more, for whoever has asked to be told of them.
//!
//! Each listener has a mailbox of its own, which fills where a session ends and is emptied at the listener's pace.
//! What it keeps true:
//! - where nobody listens it costs the reading of a flag;
//! - an application's code runs on the completion thread alone, and never holds up who ends a session;
//! - a listener that does not keep up has what expires wait on the disk, not in memory: the reaper leaves it alone for
//!   as long as a mailbox is full, but for what one of its steps has taken on.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use crate::doorbell::Doorbell;
use crate::events::Tasks;
use crate::lock::Mutex;
use crate::numbers::to_u64;
use crate::session::{Session, SessionId};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::time::Timestamp;

/// A mailbox with this many bytes of payload is full,
const FULL_BYTES: u64 = 4 * 1024 * 1024;
/// or with so many sessions.
const FULL_LEN: usize = 10_000;

/// Why a session is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndCause {
    /// Its time was over.
    Expired,
    /// It was removed: by [`crate::Store::destroy`], or with others of its owner.
    Destroyed,
}

impl EndCause {
    /// Of a session that something has come to replace or remove at `now`.
    pub(crate) fn of(expires_at: Timestamp, now: Timestamp) -> Self {
        if expires_at <= now { Self::Expired } else { Self::Destroyed }
    }
}

/// A session that is no more, as it was last.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended {
    /// The id it had. Another session may have it by now.
    pub id: SessionId,
    /// Its last content.
    pub session: Session,
    /// Why it is no more.
    pub cause: EndCause,
}

/// The mailboxes of a store.
pub(crate) struct Endings {
    expired: Mailboxes,
    destroyed: Mailboxes,
    tasks: Tasks,
}

/// Those of one cause.
#[derive(Default)]
struct Mailboxes {
    /// Whether there are any.
    are_there: AtomicBool,
    list: Mutex<Vec<Arc<Mailbox>>>,
}

struct Mailbox {
    waiting: Mutex<Waiting>,
    notify: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct Waiting {
    ended: VecDeque<Ended>,
    payload_bytes: u64,
}

impl Waiting {
    fn is_full(&self) -> bool {
        self.payload_bytes >= FULL_BYTES || self.ended.len() >= FULL_LEN
    }
}

impl Endings {
    pub(crate) fn new(tasks: Tasks) -> Self {
        Self { expired: Mailboxes::default(), destroyed: Mailboxes::default(), tasks }
    }

    const fn of(&self, cause: EndCause) -> &Mailboxes {
        match cause {
            EndCause::Expired => &self.expired,
            EndCause::Destroyed => &self.destroyed,
        }
    }

    /// Whether anybody wants to know of sessions that end so.
    pub(crate) fn are_wanted(&self, cause: EndCause) -> bool {
        self.of(cause).are_there.load(Ordering::Relaxed)
    }

    /// Whether anybody wants to know of sessions that end in whatever way.
    pub(crate) fn are_any_wanted(&self) -> bool {
        self.are_wanted(EndCause::Expired) || self.are_wanted(EndCause::Destroyed)
    }

    /// Whether a listener has more to take than it is to be given.
    pub(crate) fn are_held_up(&self) -> bool {
        self.are_wanted(EndCause::Expired)
            && self.expired.list.lock().iter().any(|mailbox| mailbox.waiting.lock().is_full())
    }

    /// Puts a session that has ended into the mailboxes for it. Called with a shard's lock held: nothing here waits.
    pub(crate) fn tell(&self, cause: EndCause, id: &SessionId, session: impl FnOnce() -> Session) {
        if !self.are_wanted(cause) {
            return;
        }
        let ended = Ended { id: id.clone(), session: session(), cause };
        for mailbox in self.of(cause).list.lock().iter() {
            let mut waiting = mailbox.waiting.lock();
            let is_first = waiting.ended.is_empty();
            waiting.payload_bytes += to_u64(ended.session.payload.len());
            waiting.ended.push_back(ended.clone());
            drop(waiting);
            if is_first {
                let mailbox = Arc::clone(mailbox);
                // Where the queue has ended the store has closed, and nobody is called: not here, under a lock.
                drop(self.tasks.try_push(Box::new(move || (mailbox.notify)())));
            }
        }
    }

    fn enter(&self, cause: EndCause, mailbox: Arc<Mailbox>) {
        let mailboxes = self.of(cause);
        let mut list = mailboxes.list.lock();
        list.push(mailbox);
        mailboxes.are_there.store(true, Ordering::Relaxed);
    }

    fn leave(&self, cause: EndCause, mailbox: &Arc<Mailbox>) {
        let mailboxes = self.of(cause);
        let mut list = mailboxes.list.lock();
        list.retain(|other| !Arc::ptr_eq(other, mailbox));
        mailboxes.are_there.store(!list.is_empty(), Ordering::Relaxed);
    }
}

/// A listener's mailbox of sessions that have ended; dropping it ends the listening. See [`crate::Store::listen`].
#[must_use = "dropping it ends the listening"]
pub struct Listener {
    cause: EndCause,
    mailbox: Arc<Mailbox>,
    endings: Arc<Endings>,
    doorbell: Arc<Doorbell>,
}

impl Listener {
    pub(crate) fn new(
        cause: EndCause,
        notify: Box<dyn Fn() + Send + Sync>,
        endings: Arc<Endings>,
        doorbell: Arc<Doorbell>,
    ) -> Self {
        let mailbox = Arc::new(Mailbox { waiting: Mutex::default(), notify });
        endings.enter(cause, Arc::clone(&mailbox));
        Self { cause, mailbox, endings, doorbell }
    }

    /// The sessions that ended first, at most `len_max` of them, and no more behind the one with which their payloads
    /// reach `bytes_max`. Empty: there is nothing now, and `notify` will be called when there is. Does not block.
    #[must_use]
    pub fn take(&self, len_max: usize, bytes_max: u64) -> Vec<Ended> {
        let mut waiting = self.mailbox.waiting.lock();
        let was_full = waiting.is_full();
        let mut bytes = 0;
        let mut taken = Vec::with_capacity(len_max.min(waiting.ended.len()));
        while taken.len() < len_max && bytes < bytes_max {
            let Some(ended) = waiting.ended.pop_front() else { break };
            bytes += to_u64(ended.session.payload.len());
            taken.push(ended);
        }
        waiting.payload_bytes -= bytes;
        let has_room_again = was_full && !waiting.is_full();
        drop(waiting);
        if has_room_again {
            self.doorbell.ring();
        }
        taken
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.endings.leave(self.cause, &self.mailbox);
        // The reaper may have waited for this one.
        self.doorbell.ring();
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Listener({:?}, {} waiting)", self.cause, self.mailbox.waiting.lock().ended.len())
    }
}
