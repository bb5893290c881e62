//! Verifying the base in the background, so that damage is known before somebody needs what it took.
//!
//! A pass goes through all blocks of the base's file, a little at a time and no faster than the options say, on the
//! maintenance thread: no request waits for it. Each damaged place is told once in a pass.
//!
//! A commit that a crash stopped may have left blocks that do not match their checksums, and to which nothing leads.
//! Where a pass finds such, it goes on to read what the base has: what is damaged shows there, and what is left over is
//! remembered as that.

use std::collections::BTreeSet;

use crate::base::{BLOCK_BYTES, IndexKey};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::numbers::to_usize;
use crate::session::SessionId;
use crate::time::millis;

/// How often a pass goes on.
const STEP_MILLIS: u64 = 100;
/// The first pass begins at most this long after the store was opened, since many processes do not live for a day.
const FIRST_AFTER_MILLIS: u64 = 600_000;
/// What is read of the base in one step is at most so many records.
const RECORDS_AT_ONCE: u64 = 256;
/// A file of which more is damaged has told enough.
const EVENTS_PER_PASS: usize = 16;

/// What a pass does next.
#[derive(Debug)]
enum Place {
    /// No pass is under way.
    Between,
    /// Blocks are verified, from this one on.
    Blocks(u64),
    /// Records are read, behind this one.
    Records(Option<SessionId>),
    /// The expiry index is read, behind this entry.
    Index(Option<IndexKey>),
}

/// The scrub's state between steps.
#[derive(Debug)]
pub(crate) struct Scrub {
    place: Place,
    next_at_millis: Option<u64>,
    began_millis: u64,
    /// What this pass found that may be damage, or left over.
    unsure: BTreeSet<u64>,
    /// What earlier passes found to be left over.
    leftovers: BTreeSet<u64>,
    /// Places that this pass has told of.
    told: BTreeSet<u64>,
    damaged: u64,
}

impl Scrub {
    /// The first pass of a store opened at `now_millis`, whose passes begin `interval_millis` after one another; 0:
    /// never.
    pub(crate) fn new(interval_millis: u64, now_millis: u64) -> Self {
        let first = now_millis + interval_millis.min(FIRST_AFTER_MILLIS);
        Self {
            place: Place::Between,
            next_at_millis: (interval_millis > 0).then_some(first),
            began_millis: 0,
            unsure: BTreeSet::new(),
            leftovers: BTreeSet::new(),
            told: BTreeSet::new(),
            damaged: 0,
        }
    }

    /// Does the next part of a pass, if it is time. Says when the next one is.
    pub(crate) fn step(&mut self, engine: &Engine, now_millis: u64) -> Option<u64> {
        let at = self.next_at_millis?;
        if now_millis < at {
            return Some(at);
        }
        self.next_at_millis = Some(now_millis + STEP_MILLIS);
        let blocks = (engine.options.scrub_bytes_per_second * STEP_MILLIS / 1000 / BLOCK_BYTES).max(1);
        if let Err(error) = self.go_on(engine, blocks, now_millis) {
            // The file cannot be read; what the base itself met will tell of it as well.
            engine.observers.emit(Event::BackgroundError(error));
            self.end(engine);
        }
        self.next_at_millis
    }

    fn go_on(&mut self, engine: &Engine, blocks: u64, now_millis: u64) -> Result<()> {
        let records = to_usize(blocks.clamp(1, RECORDS_AT_ONCE));
        match std::mem::replace(&mut self.place, Place::Between) {
            Place::Between => {
                self.began_millis = now_millis;
                self.place = Place::Blocks(0);
            }
            Place::Blocks(block) => {
                let verified = match engine.base.verify(block..block + blocks) {
                    Ok(verified) => verified,
                    Err(error) => {
                        self.tell(engine, error)?;
                        self.end(engine);
                        return Ok(());
                    }
                };
                engine.counters.scrub_bytes.add(verified.bytes);
                for error in verified.damaged {
                    self.tell(engine, error)?;
                }
                self.unsure.extend(verified.unsure);
                self.place = if verified.more {
                    Place::Blocks(block + blocks)
                } else if self.unsure.is_subset(&self.leftovers) {
                    self.end(engine);
                    Place::Between
                } else {
                    Place::Records(None)
                };
            }
            Place::Records(after) => match engine.base.check_records(after.as_ref(), records) {
                Ok(page) => {
                    for (_, error) in page.damaged {
                        self.tell(engine, error)?;
                    }
                    self.place = page.last.map_or(Place::Index(None), |last| Place::Records(Some(last)));
                }
                Err(error) => {
                    self.tell(engine, error)?;
                    self.place = Place::Index(None);
                }
            },
            Place::Index(after) => match engine.base.index_page(after.as_ref(), records) {
                Ok(mut entries) => match entries.pop() {
                    Some(last) => self.place = Place::Index(Some(last)),
                    None => {
                        if self.damaged == 0 {
                            self.leftovers = std::mem::take(&mut self.unsure);
                        }
                        self.end(engine);
                    }
                },
                Err(error) => {
                    self.tell(engine, error)?;
                    self.end(engine);
                }
            },
        }
        Ok(())
    }

    /// Tells of damage, once for each place. Any other error ends the pass.
    fn tell(&mut self, engine: &Engine, error: Error) -> Result<()> {
        let Error::Corrupted { offset, .. } = &error else { return Err(error) };
        if self.told.insert(*offset) {
            self.damaged += 1;
            if self.told.len() <= EVENTS_PER_PASS {
                engine.observers.emit(Event::BackgroundError(error));
            }
        }
        Ok(())
    }

    fn end(&mut self, engine: &Engine) {
        engine.counters.scrub_passes.one();
        engine.counters.scrub_damaged.store(self.damaged);
        self.next_at_millis = Some(self.began_millis + millis(engine.options.scrub_interval));
        self.unsure.clear();
        self.told.clear();
        self.damaged = 0;
    }
}
