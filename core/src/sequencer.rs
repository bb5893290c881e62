//! Numbers for operations, and the committer's queue.
//!
//! Taking a number and entering the queue are one step under one lock, so that the log's order is the
//! order of the numbers and "everything up to P" means it. Callers hold their shard's lock around it.
//!
//! The queue is a vector that the committer swaps out whole: a channel would add a second
//! synchronisation to the one that numbering needs anyway.

use std::time::Duration;

use crate::lock::{Condvar, Mutex, MutexGuard};
use crate::sync::atomic::{AtomicU64, Ordering};

use crate::codec::{Created, Operation};
use crate::entry::NewContent;
use crate::numbers::to_u64;
use crate::session::SessionId;
use crate::time::Timestamp;

/// How long an operation that nobody waits for may stay in the queue.
pub(crate) const LAZY_MILLIS: u64 = 10;

/// An operation on its way to the log.
#[derive(Debug)]
pub(crate) enum Queued {
    Set { id: SessionId, created: Created, content: NewContent },
    Touch { id: SessionId, expires_at: Timestamp },
    Destroy { id: SessionId },
    Clear,
}

impl Queued {
    pub(crate) fn operation(&self) -> Operation<'_> {
        match self {
            Self::Set { id, created, content } => content.operation(id.as_bytes(), *created),
            Self::Touch { id, expires_at } => {
                Operation::Touch { id: id.as_bytes(), expires_at: expires_at.as_millis() }
            }
            Self::Destroy { id } => Operation::Destroy { id: id.as_bytes() },
            Self::Clear => Operation::Clear,
        }
    }

    /// About how many bytes the operation takes in the log, never too few.
    fn bytes(&self) -> u64 {
        const OVERHEAD: u64 = 64;
        OVERHEAD
            + match self {
                Self::Set { id, content, .. } => {
                    let owner = content.owner.as_ref().map_or(0, |owner| owner.as_bytes().len());
                    to_u64(id.as_bytes().len() + owner + content.payload.len())
                }
                Self::Touch { id, .. } | Self::Destroy { id } => to_u64(id.as_bytes().len()),
                Self::Clear => 0,
            }
    }
}

/// How soon a queued operation has to reach the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Urgency {
    /// Written within 10 ms.
    Lazy,
    /// Written at once: somebody waits for it.
    Written,
    /// Written and synced at once.
    Durable,
}

/// What sends a queued operation on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// The committer is woken, as its urgency asks for.
    AtOnce,
    /// It waits for others, until they are sent on their way together.
    Together,
    /// Whoever queues it goes on to write it, or to tell the committer. Wakes nobody.
    ByCaller,
}

/// When a queued operation has to be on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Haste {
    pub(crate) urgency: Urgency,
    pub(crate) start: Start,
    /// Now, in monotonic milliseconds.
    pub(crate) now_millis: u64,
}

/// So many operations do not wait for others, nor so many bytes.
pub(crate) const GATHERED_MAX: usize = 32;
const GATHERED_BYTES_MAX: u64 = 256 * 1024;

/// What the committer takes from the queue in one go.
#[derive(Debug)]
pub(crate) struct Drained {
    /// The number of the first operation; the others follow without gaps.
    pub(crate) first: u64,
    pub(crate) operations: Vec<Queued>,
    pub(crate) urgency: Urgency,
    /// Somebody waits until everything up to here is durable.
    pub(crate) sync_through: u64,
    /// A checkpoint does, for which the log keeps a reserve.
    pub(crate) checkpoint_through: u64,
    /// When the oldest of the operations was queued, monotonic milliseconds.
    pub(crate) since_millis: Option<u64>,
}

impl Drained {
    /// The number of the last operation.
    pub(crate) fn last(&self) -> Option<u64> {
        (!self.operations.is_empty()).then(|| self.first + to_u64(self.operations.len()) - 1)
    }
}

#[derive(Debug)]
struct Queue {
    next: u64,
    operations: Vec<Queued>,
    bytes: u64,
    /// What the committer is to begin now needs this.
    urgency: Urgency,
    /// And all that is queued, this.
    gathered: Urgency,
    since_millis: Option<u64>,
    sync_through: u64,
    checkpoint_through: u64,
    closing: bool,
    /// Whether the committer has to be woken for: anything; or only for what is urgent.
    sleep: Sleep,
    /// It is to look round once more before it sleeps.
    is_called: bool,
}

impl Queue {
    fn send(&mut self) {
        self.urgency = self.urgency.max(self.gathered);
    }

    /// What everything that is queued needs, which nothing is any more.
    fn take_urgency(&mut self) -> Urgency {
        self.send();
        self.gathered = Urgency::Lazy;
        std::mem::replace(&mut self.urgency, Urgency::Lazy)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sleep {
    Awake,
    UntilUrgent,
    UntilAny,
}

/// Numbers and queue; shared by all threads.
#[derive(Debug)]
pub(crate) struct Sequencer {
    queue: Mutex<Queue>,
    work: Condvar,
    /// What `Queue::bytes` was last, to be read without the lock.
    queued_bytes: AtomicU64,
}

impl Sequencer {
    /// A sequencer whose first operation gets the number `next`.
    pub(crate) fn new(next: u64) -> Self {
        let queue = Queue {
            next,
            operations: Vec::new(),
            bytes: 0,
            urgency: Urgency::Lazy,
            gathered: Urgency::Lazy,
            since_millis: None,
            sync_through: 0,
            checkpoint_through: 0,
            closing: false,
            sleep: Sleep::Awake,
            is_called: false,
        };
        Self { queue: Mutex::new(queue), work: Condvar::new(), queued_bytes: AtomicU64::new(0) }
    }

    /// Has numbering go on at `next`, after a recovery.
    pub(crate) fn begin(&self, next: u64) {
        self.queue.lock().next = next;
    }

    /// Gives the operation its number and queues it.
    pub(crate) fn submit(&self, operation: Queued, haste: Haste) -> u64 {
        let mut queue = self.queue.lock();
        let number = queue.next;
        queue.next += 1;
        queue.bytes += operation.bytes();
        self.queued_bytes.store(queue.bytes, Ordering::Relaxed);
        queue.operations.push(operation);
        queue.since_millis.get_or_insert(haste.now_millis);
        queue.gathered = queue.gathered.max(haste.urgency);
        if queue.operations.len() >= GATHERED_MAX || queue.bytes >= GATHERED_BYTES_MAX {
            queue.send();
        } else if haste.start == Start::AtOnce {
            queue.urgency = queue.urgency.max(haste.urgency);
        }
        if haste.start != Start::ByCaller {
            self.wake_for_work(queue);
        }
        number
    }

    /// Sends what is gathered on its way.
    pub(crate) fn send_gathered(&self) {
        let mut queue = self.queue.lock();
        queue.send();
        self.wake_for_work(queue);
    }

    /// Has the committer know of what is queued, of which [`Start::ByCaller`] has told it nothing.
    pub(crate) fn tell_of_queued(&self) {
        self.wake_for_work(self.queue.lock());
    }

    /// Wakes the committer if it sleeps, and what is queued is a reason for it not to.
    fn wake_for_work(&self, mut queue: MutexGuard<'_, Queue>) {
        let wake = match queue.sleep {
            Sleep::Awake => false,
            Sleep::UntilUrgent => queue.urgency > Urgency::Lazy,
            Sleep::UntilAny => !queue.operations.is_empty(),
        };
        if wake {
            queue.sleep = Sleep::Awake;
            drop(queue);
            self.work.notify_one();
        }
    }

    /// The last number given. Every operation up to it has been applied to the table, or is under the
    /// lock of a shard right now.
    pub(crate) fn last(&self) -> u64 {
        self.queue.lock().next - 1
    }

    /// Bytes of operations that are not in the log yet.
    pub(crate) fn queued_bytes(&self) -> u64 {
        self.queued_bytes.load(Ordering::Relaxed)
    }

    /// Asks the committer to make everything up to `number` durable; for a checkpoint it may use the
    /// log's reserve.
    pub(crate) fn sync_through(&self, number: u64, for_checkpoint: bool) {
        let mut queue = self.queue.lock();
        queue.sync_through = queue.sync_through.max(number);
        if for_checkpoint {
            queue.checkpoint_through = queue.checkpoint_through.max(number);
        }
        queue.sleep = Sleep::Awake;
        drop(queue);
        self.work.notify_one();
    }

    /// Has the committer do a round: there is room again, the store closes, or somebody has written for it.
    pub(crate) fn wake(&self) {
        let mut queue = self.queue.lock();
        queue.is_called = true;
        queue.sleep = Sleep::Awake;
        drop(queue);
        self.work.notify_one();
    }

    /// Tells the committer's thread to end once nothing is left to write.
    pub(crate) fn close(&self) {
        self.queue.lock().closing = true;
        self.wake();
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.queue.lock().closing
    }

    /// Takes everything queued.
    pub(crate) fn drain(&self, operations: Vec<Queued>) -> Drained {
        self.take(&mut self.queue.lock(), operations)
    }

    /// Takes everything queued, in exchange for `emptied`, where that is at most `bytes_max`.
    pub(crate) fn drain_little(&self, bytes_max: u64, emptied: &mut Vec<Queued>) -> Option<Drained> {
        let mut queue = self.queue.lock();
        (queue.bytes <= bytes_max).then(|| self.take(&mut queue, std::mem::take(emptied)))
    }

    fn take(&self, queue: &mut Queue, operations: Vec<Queued>) -> Drained {
        let operations = std::mem::replace(&mut queue.operations, operations);
        queue.bytes = 0;
        self.queued_bytes.store(0, Ordering::Relaxed);
        Drained {
            first: queue.next - to_u64(operations.len()),
            operations,
            urgency: queue.take_urgency(),
            sync_through: queue.sync_through,
            checkpoint_through: queue.checkpoint_through,
            since_millis: queue.since_millis.take(),
        }
    }

    /// Puts back what could not be written, in front of what came meanwhile.
    pub(crate) fn put_back(&self, mut operations: Vec<Queued>, urgency: Urgency, since_millis: Option<u64>) {
        let mut queue = self.queue.lock();
        queue.gathered = queue.gathered.max(urgency);
        queue.send();
        operations.append(&mut queue.operations);
        queue.bytes = operations.iter().map(Queued::bytes).sum();
        self.queued_bytes.store(queue.bytes, Ordering::Relaxed);
        queue.operations = operations;
        queue.since_millis = since_millis.or(queue.since_millis);
    }

    /// Waits for work: until something urgent is queued, or `timeout` is over. Without a timeout anything
    /// queued ends the wait.
    pub(crate) fn wait(&self, timeout: Option<Duration>, durable: u64) {
        let mut queue = self.queue.lock();
        let is_called = std::mem::take(&mut queue.is_called);
        let pressing = is_called || queue.urgency > Urgency::Lazy || queue.sync_through > durable || queue.closing;
        match timeout {
            _ if pressing => {}
            Some(timeout) => {
                // Lazy operations set a deadline of their own, so their arrival has to be noticed too.
                let lazy = queue.since_millis.is_some();
                queue.sleep = if lazy { Sleep::UntilUrgent } else { Sleep::UntilAny };
                // They may have come since the timeout was computed.
                let timeout = if lazy { timeout.min(Duration::from_millis(LAZY_MILLIS)) } else { timeout };
                queue = self.work.wait_for(queue, timeout);
            }
            None if queue.operations.is_empty() => {
                queue.sleep = Sleep::UntilAny;
                queue = self.work.wait(queue);
            }
            None => {}
        }
        queue.sleep = Sleep::Awake;
        queue.is_called = false;
    }

    /// Whether something waits in the queue that may not be kept waiting.
    pub(crate) fn is_pressing(&self, durable: u64) -> bool {
        let queue = self.queue.lock();
        queue.urgency > Urgency::Lazy || queue.sync_through > durable
    }

    /// When the oldest queued operation was queued, monotonic milliseconds.
    pub(crate) fn queued_since(&self) -> Option<u64> {
        self.queue.lock().since_millis
    }

    /// Sleeps for `span` or until woken, to slow acknowledgements down.
    pub(crate) fn pause(&self, span: Duration) {
        let queue = self.queue.lock();
        if !queue.closing {
            drop(self.work.wait_for(queue, span));
        }
    }
}

impl Created {
    /// The creation time to show before the base was looked up.
    pub(crate) const fn provisional(self) -> Timestamp {
        match self {
            Self::At(at) | Self::Inherited(at) => Timestamp::from_millis(at),
        }
    }
}

#[cfg(all(test, not(feature = "controlled")))]
mod tests {
    //! The committer sleeps only while nobody wants it. The failure guarded against: it is called while it decides to
    //! sleep, and what was written for it is never synced.

    use std::sync::{Arc, mpsc};

    use super::*;

    /// Whether a wait without a timeout ends.
    fn wakes(sequencer: &Arc<Sequencer>) -> bool {
        let (sender, receiver) = mpsc::channel();
        let theirs = Arc::clone(sequencer);
        std::thread::spawn(move || {
            theirs.wait(None, 0);
            let _gone = sender.send(());
        });
        receiver.recv_timeout(Duration::from_secs(20)).is_ok()
    }

    #[test]
    fn a_call_before_the_sleep_is_not_lost() {
        let sequencer = Arc::new(Sequencer::new(1));
        sequencer.wake();
        assert!(wakes(&sequencer));
    }
}
