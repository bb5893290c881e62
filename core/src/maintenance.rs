//! Maintenance: checkpoints, the reaper and the scrub, one step at a time, behind everything else.
//!
//! Only maintenance writes to the base. It never holds a lock while it waits for the disk, and between
//! capturing a checkpoint and committing it, it does nothing else, so that nothing it knows of the table
//! goes stale.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::checkpoint::{Checkpoint, Pace};
use crate::clock::Checked;
use crate::codec::Meta;
use crate::engine::Engine;
use crate::error::{Error, is_no_room};
use crate::events::Event;
use crate::log::OlderHalf;
use crate::reaper::Reaper;
use crate::scrub::Scrub;
use crate::sweep::Through;
use crate::sync::atomic::Ordering;
use crate::time::{Timestamp, millis};

/// Clocks are compared at least this often.
const CHECK_INTERVAL_MILLIS: u64 = 30_000;
/// How long to wait after a failure before trying again.
const RETRY_MILLIS: u64 = 1000;
/// The older half of the log is covered alone where that takes at most this share of the sessions that covering all of
/// the log would take for as much of it: well below the whole, which it takes of sessions that never change twice.
const ALONE_UP_TO_PERCENT: u64 = 75;
/// Of so many places it is remembered that they are damaged.
const TOLD_MAX: usize = 1000;
/// Sessions that cannot be reaped yet are looked at again after this long.
const RECHECK_MILLIS: u64 = 20;

/// Nothing is reaped for so long after opening, so that whoever listens for what has expired meanwhile can say so.
const FIRST_REAP_MILLIS: u64 = 1000;

/// What maintenance's driver is to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Step again.
    Again,
    /// Wait until the log is durable up to this number, then step.
    WaitDurable(u64),
    /// Wait until the doorbell rings, at most this long.
    Wait(Duration),
}

/// Maintenance's state between steps.
#[derive(Debug)]
pub(crate) struct Maintenance {
    meta: Meta,
    checkpoint: Option<(Checkpoint, u64, Instant)>,
    reaper: Reaper,
    scrub: Scrub,
    /// Damage that was told of: what needs it is tried again each second.
    told: BTreeSet<String>,
    reaped_since_request: u64,
    /// When the last checkpoint of everything that succeeded began.
    last_checkpoint_millis: u64,
    /// What that will be if the checkpoint under way succeeds.
    began_millis: u64,
    retry_at_millis: u64,
    reap_again_at_millis: u64,
    next_due: Option<Timestamp>,
}

impl Maintenance {
    pub(crate) fn new(meta: Meta, scrub_interval: Duration, now_millis: u64) -> Self {
        Self {
            meta,
            checkpoint: None,
            reaper: Reaper::default(),
            scrub: Scrub::new(millis(scrub_interval), now_millis),
            told: BTreeSet::new(),
            reaped_since_request: 0,
            last_checkpoint_millis: now_millis,
            began_millis: now_millis,
            retry_at_millis: 0,
            reap_again_at_millis: now_millis + FIRST_REAP_MILLIS,
            next_due: None,
        }
    }

    /// Does the next thing there is to do.
    pub(crate) fn step(&mut self, engine: &Engine) -> Next {
        let now_millis = engine.time.monotonic_millis();
        engine.doorbell.wake_for_all();
        if let Some((checkpoint, ticket, started)) = self.checkpoint.take() {
            return self.go_on(engine, checkpoint, ticket, started);
        }
        // Before the clocks are read: who asks has seen no later time than they show then.
        let reap_asked = engine.doorbell.reap_asked();
        let checked = engine.time.check();
        if let Some(by_millis) = checked.jump {
            engine.observers.emit(Event::ClockJumped { by_millis });
        }
        if let Some(error) = engine.health.poisoned() {
            engine.doorbell.answer_failed(&error);
            return Next::Wait(Duration::from_millis(CHECK_INTERVAL_MILLIS));
        }
        engine.checkpoint_rung.store(false, Ordering::Relaxed);
        if self.wants_checkpoint(engine, now_millis) {
            return self.begin(engine, now_millis);
        }
        self.reap(engine, now_millis, reap_asked, checked)
    }

    fn wants_checkpoint(&self, engine: &Engine, now_millis: u64) -> bool {
        let (_, asked) = engine.doorbell.checkpoint_asked();
        if asked {
            return true;
        }
        if now_millis < self.retry_at_millis {
            return false;
        }
        if engine.sequencer.last() <= self.meta.covered {
            // Touches that were not logged take memory all the same.
            return engine.is_dirty();
        }
        let interval = millis(engine.options.checkpoint_interval);
        engine.checkpoint_presses()
            || engine.health.lacks_room()
            || now_millis >= self.last_checkpoint_millis + interval
    }

    /// All of the log, unless it is only full and its newer half says again most of what the older one says. On a full
    /// disk what makes room stands in the newer half.
    fn through(&self, engine: &Engine, now_millis: u64, asked: bool) -> Through {
        let is_aged = now_millis >= self.last_checkpoint_millis + millis(engine.options.checkpoint_interval);
        if asked || is_aged || engine.health.lacks_room() || engine.table.clear_pending() || engine.is_dirty() {
            return Through::Everything;
        }
        let older_half = engine.log.older_half().filter(|half| half.last > self.meta.covered);
        let worthwhile = |half: &OlderHalf| {
            let taken = 100 - engine.table.percent_replayed_after(half.last);
            taken * 100 <= half.percent * ALONE_UP_TO_PERCENT
        };
        older_half.filter(worthwhile).map_or(Through::Everything, |half| Through::OlderHalf(half.last))
    }

    fn begin(&mut self, engine: &Engine, now_millis: u64) -> Next {
        let (ticket, asked) = engine.doorbell.checkpoint_asked();
        let started = Instant::now();
        let through = self.through(engine, now_millis, asked);
        let is_whole = through == Through::Everything;
        self.began_millis = if is_whole { now_millis } else { self.last_checkpoint_millis };
        match Checkpoint::begin(&engine.table, &engine.base, &engine.sequencer, through, engine.time.now()) {
            Ok(checkpoint) => {
                let durable_first = checkpoint.durable_first;
                engine.sequencer.sync_through(durable_first, true);
                self.checkpoint = Some((checkpoint, ticket, started));
                Next::WaitDurable(durable_first)
            }
            Err(error) => self.failed(engine, ticket, error),
        }
    }

    /// Commits the checkpoint once the log is far enough.
    fn go_on(&mut self, engine: &Engine, mut checkpoint: Checkpoint, ticket: u64, started: Instant) -> Next {
        if engine.progress.durable() < checkpoint.durable_first {
            let failure = engine.health.poisoned().or_else(|| engine.health.check_write().err());
            let Some(error) = failure else {
                let durable_first = checkpoint.durable_first;
                self.checkpoint = Some((checkpoint, ticket, started));
                return Next::WaitDurable(durable_first);
            };
            checkpoint.abandon(&engine.table);
            return self.failed(engine, ticket, error);
        }
        let covered = checkpoint.covered;
        let meta = Meta { start_segment: engine.log.start_after(covered), ..self.meta };
        let pace = if engine.health.found_no_room() { Pace::Small } else { Pace::Large };
        let gate = engine.base_gate.write();
        let committed = checkpoint.commit(&engine.table, &engine.base, &self.meta, meta, pace, engine.time.now());
        drop(gate);
        match committed {
            Ok((sessions, damaged)) => {
                self.meta = Meta { covered, cleared: engine.table.clear_applied(), ..meta };
                self.last_checkpoint_millis = self.began_millis;
                self.reaper.rewind();
                self.next_due = None;
                engine.health.checkpoint_ended(None);
                engine.health.room_again();
                engine.counters.checkpoints.one();
                engine.counters.checkpoint_sessions.add(sessions);
                let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
                engine.counters.checkpoint_micros.add(micros);
                for error in damaged {
                    engine.observers.emit(Event::BackgroundError(error));
                }
                if let Err(error) = engine.log.release_through(covered, meta.start_segment) {
                    engine.observers.emit(Event::BackgroundError(error));
                }
                Self::restore_reserve(engine);
                engine.sequencer.wake();
                engine.doorbell.answer_checkpoint(ticket, Ok(sessions));
                Next::Again
            }
            Err(error) => self.failed(engine, ticket, error),
        }
    }

    fn failed(&mut self, engine: &Engine, ticket: u64, error: Error) -> Next {
        engine.counters.checkpoint_failures.one();
        engine.health.checkpoint_ended(Some(error.clone()));
        self.tell(engine, error.clone());
        engine.doorbell.answer_checkpoint(ticket, Err(error));
        self.retry_at_millis = engine.time.monotonic_millis() + RETRY_MILLIS;
        engine.sequencer.wake();
        Next::Again
    }

    /// Tells of a failure; of damage once.
    fn tell(&mut self, engine: &Engine, error: Error) {
        if matches!(error, Error::Corrupted { .. })
            && self.told.len() < TOLD_MAX
            && !self.told.insert(error.to_string())
        {
            return;
        }
        engine.observers.emit(Event::BackgroundError(error));
    }

    /// Reaps what is due by the time that was checked; otherwise says when something will be.
    fn reap(&mut self, engine: &Engine, now_millis: u64, asked: u64, checked: Checked) -> Next {
        let requested = engine.doorbell.awaits_reap(asked);
        if !checked.may_reap {
            if requested {
                engine.doorbell.answer_reap(asked, Ok(0));
            }
            return self.rest(engine, now_millis, checked.wall);
        }
        // Whoever listens and does not keep up rings when there is room again.
        // Somebody waits for it, or for the room that it makes.
        let heeds_listeners = !requested && !engine.health.lacks_room();
        if heeds_listeners && engine.table.endings.are_held_up() {
            self.next_due = None;
            return self.rest(engine, now_millis, checked.wall);
        }
        if !requested && (now_millis < self.reap_again_at_millis || !self.is_due(engine, checked.wall)) {
            return self.rest(engine, now_millis, checked.wall);
        }
        self.next_due = None;
        let gate = engine.base_gate.write();
        let step = self.reaper.step(&engine.table, &engine.base, checked.wall, heeds_listeners);
        drop(gate);
        match step {
            Ok(reaped) => {
                self.reaped_since_request += reaped.sessions;
                engine.counters.reaped.add(reaped.sessions);
                if reaped.sessions > 0 {
                    engine.counters.reap_lag_millis.store(reaped.lag_millis);
                }
                for error in reaped.damaged {
                    engine.observers.emit(Event::BackgroundError(error));
                }
                if !reaped.more {
                    self.reap_again_at_millis = now_millis + RECHECK_MILLIS;
                    if requested {
                        let sessions = std::mem::take(&mut self.reaped_since_request);
                        engine.doorbell.answer_reap(asked, Ok(sessions));
                    }
                }
                Next::Again
            }
            Err(error) => {
                if matches!(error, Error::DiskFull { .. }) {
                    self.reaper.take_smaller_steps();
                }
                self.reap_again_at_millis = now_millis + RETRY_MILLIS;
                self.tell(engine, error.clone());
                if requested {
                    engine.doorbell.answer_reap(asked, Err(error));
                }
                Next::Again
            }
        }
    }

    /// Whether something has come due; finds out when the next session is.
    fn is_due(&mut self, engine: &Engine, now: Timestamp) -> bool {
        self.next_due = match self.reaper.next_due(&engine.table, &engine.base) {
            Ok(next_due) => next_due,
            Err(error) => {
                self.tell(engine, error);
                self.reap_again_at_millis = engine.time.monotonic_millis() + RETRY_MILLIS;
                None
            }
        };
        self.next_due.is_some_and(|due| due <= now)
    }

    /// Takes the reserve again, where need be at the cost of a segment that the log does not need yet: before the log
    /// takes what it has back, since without a reserve the next lack of room is for good.
    fn restore_reserve(engine: &Engine) {
        let mut restored = engine.reserve.restore();
        if restored.as_ref().is_err_and(is_no_room) && engine.log.drop_spare() {
            restored = engine.reserve.restore();
        }
        if let Err(error) = restored {
            tracing::debug!(%error, "there is no room for a reserve");
        }
    }

    /// Where nothing else is to be done the scrub goes on; then says how long to wait.
    fn rest(&mut self, engine: &Engine, now_millis: u64, now: Timestamp) -> Next {
        let mut until = now_millis + CHECK_INTERVAL_MILLIS;
        if let Some(scrub_at) = self.scrub.step(engine, now_millis) {
            until = until.min(scrub_at);
        }
        if engine.sequencer.last() > self.meta.covered || engine.is_dirty() {
            let interval = millis(engine.options.checkpoint_interval);
            let presses = engine.checkpoint_presses() || engine.health.lacks_room();
            let pressed = if presses { now_millis } else { self.last_checkpoint_millis + interval };
            until = until.min(pressed.max(self.retry_at_millis));
        }
        if let Some(due) = self.next_due {
            let due_millis = now_millis + millis(due.saturating_since(now));
            until = until.min(due_millis.max(self.reap_again_at_millis));
        } else if self.reap_again_at_millis > now_millis {
            // What will be due next was not asked for yet.
            until = until.min(self.reap_again_at_millis);
        }
        let span = until.saturating_sub(now_millis).max(1);
        engine.doorbell.sleep_until(now.as_millis().saturating_add(span));
        Next::Wait(Duration::from_millis(span))
    }
}

/// Refreshes the gauges that only maintenance's parts know.
pub(crate) fn gauges(engine: &Engine) {
    let usage = engine.log.usage();
    engine.counters.log_bytes.store(usage.bytes);
    engine.counters.log_bytes_used.store(usage.used);
    engine.counters.cache_bytes.store(engine.table.budget.cached());
    engine.counters.dirty_bytes.store(engine.table.budget.pinned());
    engine.counters.base_bytes.store(engine.base.file_bytes());
    engine.counters.base_sessions.store(engine.base.count().unwrap_or_default());
}
