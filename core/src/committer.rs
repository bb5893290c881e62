//! The committer: takes what is queued, writes one frame, syncs, publishes how far the log is durable.
//!
//! The next batch forms while this one syncs; there is no timer on the way of an operation that somebody
//! waits for, unless it is to be gathered with others: then 10 ms at most. After a failed write or sync
//! nothing is written any more: the store is poisoned. For lack of room nothing is written *now*: what is
//! queued stays queued, in order, until there is room.
//!
//! [`Committer::step`] does one round and never blocks but for the disk; a thread, or a test, drives it. Between rounds
//! whoever waits for no more than that it is written may do that part itself: [`Committer::write_queued`].

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::codec::{Malformed, encode_operation};
use crate::error::Error;
use crate::events::{Event, Observers};
use crate::frame::{FRAME_HEADER_BYTES, FrameKind, begin_frame};
use crate::health::Health;
use crate::log::{AppendError, FrameContent, LogWriter, SpaceFor};
use crate::numbers::{to_u32, to_u64};
use crate::progress::Progress;
use crate::sequencer::{Drained, LAZY_MILLIS, Queued, Sequencer, Urgency};
use crate::stats::Counters;

/// A batch larger than this is written in several frames.
const FRAME_BYTES_MAX: usize = 1024 * 1024;
/// The most that a caller writes itself.
const WITHIN_CALL_BYTES_MAX: u64 = 64 * 1024;
/// How long what is written may stay unsynced.
const UNSYNCED_MILLIS: u64 = 1000;
/// After this long without work the log says that its last frame was durable.
const IDLE_MILLIS: u64 = 50;
/// How long to wait before looking for room again.
const NO_ROOM_WAIT: Duration = Duration::from_millis(100);
/// How long a poisoned committer rests between looks at whether the store closes.
const BROKEN_WAIT: Duration = Duration::from_secs(1);

/// What the committer's driver is to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Wait for work, at most this long.
    Wait(Option<Duration>),
    /// Wait for room, or this long.
    WaitForRoom(Duration),
    /// Everything is written and the store closes.
    Finished,
}

/// What came of a caller's attempt to write what it queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// It is written, and the committer will come to sync it.
    Done,
    /// It is done with, and the committer has something to do for it that it does not know of.
    DoneAndDue,
    /// It is the committer's.
    Left,
}

/// The committer's state between rounds.
#[derive(Debug)]
pub(crate) struct Committer {
    writer: LogWriter,
    sequencer: Arc<Sequencer>,
    progress: Arc<Progress>,
    health: Arc<Health>,
    observers: Observers,
    counters: Arc<Counters>,
    store: std::path::PathBuf,
    frame: Vec<u8>,
    emptied: Vec<Queued>,
    /// When the oldest operation was called that is written and not synced.
    unsynced_since: Option<u64>,
    active_at: u64,
    marked: bool,
    broken: bool,
}

impl Committer {
    pub(crate) fn new(
        writer: LogWriter,
        sequencer: Arc<Sequencer>,
        progress: Arc<Progress>,
        health: Arc<Health>,
        observers: Observers,
        counters: Arc<Counters>,
        store: std::path::PathBuf,
    ) -> Self {
        Self {
            writer,
            sequencer,
            progress,
            health,
            observers,
            counters,
            store,
            frame: Vec::new(),
            emptied: Vec::new(),
            unsynced_since: None,
            active_at: 0,
            marked: true,
            broken: false,
        }
    }

    /// Does what is due at `now_millis` (monotonic).
    pub(crate) fn step(&mut self, now_millis: u64) -> Next {
        let closing = self.sequencer.is_closing();
        if self.broken {
            // What is queued was accepted before the failure showed, and has been answered.
            drop(self.sequencer.drain(Vec::new()));
            return if closing { Next::Finished } else { Next::WaitForRoom(BROKEN_WAIT) };
        }
        let overdue = self.sequencer.queued_since().is_some_and(|since| since + LAZY_MILLIS <= now_millis);
        let mut sync = false;
        if closing || overdue || self.sequencer.is_pressing(self.writer.durable()) {
            let drained = self.sequencer.drain(std::mem::take(&mut self.emptied));
            if let Some(last) = drained.last() {
                self.progress.took(last);
            }
            sync |= drained.urgency == Urgency::Durable || drained.sync_through > self.writer.durable();
            match self.write(drained, now_millis, closing) {
                Ok(true) => self.health.room_again(),
                Ok(false) => {}
                Err(AppendError::Broken(error)) => return self.fail(error),
                Err(AppendError::Full) => return self.wait_for_room(self.health.checkpoint_failure(), closing),
                Err(AppendError::NoSegment(error)) => {
                    let error = Error::io("extend the log of", &self.store, error);
                    return self.wait_for_room(Some(error), closing);
                }
            }
        }
        sync |= closing && self.writer.written() > self.writer.durable();
        sync |= self.unsynced_since.is_some_and(|since| since + UNSYNCED_MILLIS <= now_millis);
        if sync && let Err(error) = self.sync() {
            return self.fail(error);
        }
        self.publish();
        if let Err(error) = self.mark_when_idle(now_millis, closing) {
            return self.fail(error);
        }
        if closing { Next::Finished } else { Next::Wait(self.wait(now_millis)) }
    }

    /// Writes what is queued on the thread of a caller, where that is one write to the segment in use.
    pub(crate) fn write_queued(&mut self, now_millis: u64) -> Attempt {
        let bytes_max = self.writer.room().min(WITHIN_CALL_BYTES_MAX);
        if self.broken {
            return Attempt::Left;
        }
        let Some(drained) = self.sequencer.drain_little(bytes_max, &mut self.emptied) else { return Attempt::Left };
        let Some(last) = drained.last() else {
            // Somebody else has written it meanwhile.
            return Attempt::Done;
        };
        self.progress.took(last);
        let is_first_unsynced = self.unsynced_since.is_none();
        match self.write(drained, now_millis, false) {
            Ok(has_room) => {
                if has_room {
                    self.health.room_again();
                }
                self.publish();
                if is_first_unsynced { Attempt::DoneAndDue } else { Attempt::Done }
            }
            Err(AppendError::Broken(error)) => {
                self.fail(error);
                Attempt::DoneAndDue
            }
            Err(AppendError::Full | AppendError::NoSegment(_)) => Attempt::Left,
        }
    }

    /// Writes what was drained, in frames. Returns whether that shows that there is room: what is written for a
    /// checkpoint goes into the log's reserve, and so may all be while the disk's is not whole: its success will tell.
    fn write(&mut self, mut drained: Drained, now_millis: u64, closing: bool) -> Result<bool, AppendError> {
        let total = drained.operations.len();
        let mut done = 0;
        let mut has_room = false;
        while done < total {
            let first = drained.first + to_u64(done);
            let space_for = if closing || first <= drained.checkpoint_through {
                SpaceFor::Checkpoint
            } else {
                SpaceFor::Operations
            };
            let rest = drained.operations.get(done..).unwrap_or_default();
            let written = match fill_frame(&mut self.frame, rest) {
                Ok(count) => {
                    let content = FrameContent {
                        kind: FrameKind::Batch,
                        count: to_u32(count),
                        first,
                        last: first + to_u64(count) - 1,
                    };
                    self.writer.append(&mut self.frame, content, space_for).map(|()| count)
                }
                Err(Malformed(reason)) => Err(AppendError::Broken(io::Error::other(reason))),
            };
            match written {
                Ok(count) => {
                    done += count;
                    has_room |= space_for == SpaceFor::Operations && self.writer.has_reserve();
                    self.count_batch(count);
                }
                Err(error) => {
                    drained.operations.drain(..done);
                    self.sequencer.put_back(drained.operations, drained.urgency, drained.since_millis);
                    self.progress.put_back();
                    if done > 0 {
                        self.wrote(now_millis, drained.since_millis);
                    }
                    return Err(error);
                }
            }
        }
        if total > 0 {
            self.wrote(now_millis, drained.since_millis);
        }
        drained.operations.clear();
        self.emptied = drained.operations;
        Ok(has_room)
    }

    /// Notes that something was written of what is queued since then: from then on its sync is due, however late the
    /// write came.
    fn wrote(&mut self, now_millis: u64, queued_since: Option<u64>) {
        self.active_at = now_millis;
        self.marked = false;
        self.unsynced_since.get_or_insert(queued_since.unwrap_or(now_millis));
    }

    fn count_batch(&self, operations: usize) {
        self.counters.batches.one();
        self.counters.batch_operations.add(to_u64(operations));
        self.counters.batch_operations_max.raise_to(to_u64(operations));
        self.counters.log_bytes_written.store(self.writer.bytes_written());
    }

    fn sync(&mut self) -> io::Result<()> {
        let start = std::time::Instant::now();
        self.writer.sync()?;
        let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.counters.syncs.one();
        self.counters.sync_micros.add(micros);
        self.counters.sync_micros_max.raise_to(micros);
        Ok(())
    }

    fn publish(&mut self) {
        if self.writer.durable() == self.writer.written() {
            self.unsynced_since = None;
        }
        self.progress.publish(self.writer.written(), self.writer.durable());
    }

    /// Once nothing has come for a while, writes down that the last frame is durable, so that damage to it
    /// can be told from a frame that a power loss tore.
    fn mark_when_idle(&mut self, now_millis: u64, closing: bool) -> io::Result<()> {
        let is_synced = self.writer.durable() == self.writer.written();
        let is_idle = closing || now_millis >= self.active_at + IDLE_MILLIS;
        if self.marked || !is_synced || !is_idle {
            return Ok(());
        }
        self.marked = true;
        begin_frame(&mut self.frame);
        let written = self.writer.written();
        let content = FrameContent { kind: FrameKind::Mark, count: 0, first: written + 1, last: written };
        match self.writer.append(&mut self.frame, content, SpaceFor::Operations) {
            Ok(()) => self.sync(),
            Err(AppendError::Broken(error)) => Err(error),
            // There will be a mark with what comes when there is room.
            Err(AppendError::Full | AppendError::NoSegment(_)) => Ok(()),
        }
    }

    fn wait(&self, now_millis: u64) -> Option<Duration> {
        let lazy = self.sequencer.queued_since().map(|since| since + LAZY_MILLIS);
        let unsynced = self.unsynced_since.map(|since| since + UNSYNCED_MILLIS);
        // What is not synced yet cannot be marked yet.
        let is_synced = self.writer.durable() == self.writer.written();
        let idle = (!self.marked && is_synced).then_some(self.active_at + IDLE_MILLIS);
        let next = [lazy, unsynced, idle].into_iter().flatten().min()?;
        Some(Duration::from_millis(next.saturating_sub(now_millis).max(1)))
    }

    /// Nothing could be written for lack of room. With an error the lack is not just the checkpoint's pace,
    /// and whoever waits is told so.
    fn wait_for_room(&mut self, error: Option<Error>, closing: bool) -> Next {
        // What was written before the room ended can still become durable.
        if self.writer.written() > self.writer.durable()
            && let Err(error) = self.sync()
        {
            return self.fail(error);
        }
        self.publish();
        if let Some(error) = error {
            self.progress.refuse(self.sequencer.last(), error.clone());
            if self.health.no_room(error.clone()) {
                self.observers.emit(Event::BackgroundError(error));
            }
            if closing {
                return Next::Finished;
            }
        }
        Next::WaitForRoom(NO_ROOM_WAIT)
    }

    /// The log in use failed: fail-stop.
    fn fail(&mut self, source: io::Error) -> Next {
        self.broken = true;
        let error = Error::Poisoned { file: self.writer.path().to_owned(), source: Arc::new(source) };
        self.health.poison(error.clone());
        self.progress.fail(error.clone());
        self.observers.emit(Event::BackgroundError(error));
        Next::WaitForRoom(BROKEN_WAIT)
    }
}

/// Encodes operations into a frame until it is full. Returns how many; at least one.
fn fill_frame(frame: &mut Vec<u8>, operations: &[Queued]) -> Result<usize, Malformed> {
    begin_frame(frame);
    for (offset, queued) in operations.iter().enumerate() {
        let before = frame.len();
        encode_operation(to_u64(offset), &queued.operation(), frame)?;
        if offset > 0 && frame.len() - FRAME_HEADER_BYTES > FRAME_BYTES_MAX {
            frame.truncate(before);
            return Ok(offset);
        }
    }
    Ok(operations.len())
}
