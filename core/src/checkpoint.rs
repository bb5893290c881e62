//! Checkpoints: what changed moves from table and log into the base, then the log's segments are free again.
//!
//! A checkpoint never runs ahead of the log. It fixes the position P that it will cover while no number can
//! be taken, captures every dirty entry, waits until the log is durable through the highest number
//! captured, and only then commits: big, sorted by id, in chunks of which only the last says "covered
//! through P". Replaying what a chunk has already brought into the base does no harm, since the log still
//! has everything from P on.
//!
//! Where much of what changed has changed again since, P is the end of the log's older half, and only what
//! that half alone has is captured: sessions in constant use cost the base nothing. The other half has to be
//! durable, too, before P is.

use crate::base::{Base, Batch, Committed};
use crate::codec::Meta;
use crate::error::{Error, Result};
use crate::lookup::resolve;
use crate::sequencer::Sequencer;
use crate::sweep::{Change, Listed, Through};
use crate::table::Table;
use crate::time::Timestamp;

/// A checkpoint between capturing and committing.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    /// Sorted by id.
    changes: Vec<Change>,
    /// Everything up to this number is in the base once the checkpoint is committed.
    pub(crate) covered: u64,
    /// The log has to be durable up to this number before anything is committed.
    pub(crate) durable_first: u64,
    /// The last `clear` that the captured changes come after.
    cleared: u64,
}

/// How large a checkpoint's transactions are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// So large that a transaction's own pages are few beside those of its changes, and so small that its sync, or what
    /// is written in vain where the base has to grow, holds up neither the log nor lookups for long.
    Large,
    /// For a full disk: small ones, removals first, so that each makes use of what those before it have freed. What
    /// finds no room is tried again with less at once.
    Small,
}

impl Pace {
    /// About how many bytes of changes a transaction holds at most.
    const fn chunk_bytes_max(self) -> u64 {
        match self {
            Self::Large => 2 * 1024 * 1024,
            Self::Small => 256 * 1024,
        }
    }
}

/// A transaction that finds no room is followed by one this many times smaller, one that does by one twice as large.
const SMALLER: u64 = 8;

impl Checkpoint {
    /// Fixes P and captures what changed and is not in the log behind P.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Corrupted`]: the base could not be asked about a session that was written
    /// without being in memory. Nothing is lost; the next checkpoint tries again.
    pub(crate) fn begin(
        table: &Table,
        base: &Base,
        sequencer: &Sequencer,
        through: Through,
        now: Timestamp,
    ) -> Result<Self> {
        let covered = match through {
            Through::Everything => sequencer.last(),
            Through::OlderHalf(number) => number,
        };
        let swept = table.begin_sweep();
        let mut changes = Vec::with_capacity(swept.iter().map(Listed::len).sum());
        let mut failure = None;
        for listed in swept {
            if failure.is_some() {
                table.not_captured(&listed);
                continue;
            }
            let mut unresolved = table.capture(&listed, through, covered, &mut changes);
            while !unresolved.is_empty() {
                let looked_up = unresolved.ids().iter().try_for_each(|id| resolve(table, base, id, now));
                if let Err(error) = looked_up {
                    failure = Some(error);
                    table.not_captured(&unresolved);
                    break;
                }
                // Where a lookup removed an entry, another may be in its place by now, and unresolved in turn.
                unresolved = table.capture(&unresolved, through, covered, &mut changes);
            }
        }
        // Read after the sweep: whatever of it came before this clear is void, whatever came after is in it.
        let cleared = table.cleared();
        let mut checkpoint = Self { changes, covered, durable_first: covered.max(cleared), cleared };
        if let Some(error) = failure {
            checkpoint.abandon(table);
            return Err(error);
        }
        checkpoint.changes.retain(|change| change.changed > cleared || change.changed == 0);
        // A place can stand in a shard's list twice, and its session change between the two captures: the last one
        // counts, and has the higher number, since the reaper, which gives lower ones, does not run meanwhile. Sorted
        // in place, since there may be many.
        checkpoint.changes.sort_unstable_by(|one, other| (&one.id, one.changed).cmp(&(&other.id, other.changed)));
        checkpoint.changes.dedup_by(|later, earlier| {
            let is_same = later.id == earlier.id;
            if is_same {
                std::mem::swap(later, earlier);
            }
            is_same
        });
        let highest = match through {
            Through::Everything => checkpoint.changes.iter().map(|change| change.changed).max().unwrap_or_default(),
            // What was left alone is in the log only.
            Through::OlderHalf(_) => sequencer.last(),
        };
        checkpoint.durable_first = checkpoint.durable_first.max(highest);
        Ok(checkpoint)
    }

    /// Commits what was captured. `meta` is what the base will say once all of it is there.
    ///
    /// Returns the number of sessions, and the records that were found damaged on the way.
    ///
    /// # Errors
    /// As [`Base::commit`]; what was not committed is given back to the table.
    pub(crate) fn commit(
        mut self,
        table: &Table,
        base: &Base,
        before: &Meta,
        meta: Meta,
        pace: Pace,
        now: Timestamp,
    ) -> Result<(u64, Vec<Error>)> {
        if pace == Pace::Small {
            self.changes.sort_by_key(|change| !change.is_removal());
        }
        let mut chunk_bytes = pace.chunk_bytes_max();
        let mut clear = self.cleared > table.clear_applied();
        let mut damaged = Vec::new();
        let mut sessions = 0;
        let mut rest = self.changes.as_slice();
        loop {
            let len = if clear && pace == Pace::Small { 0 } else { chunk_len(rest, pace, chunk_bytes) };
            let (chunk, behind) = rest.split_at(len);
            let makes_room = chunk.iter().all(Change::is_removal);
            let is_last = behind.is_empty();
            // A base that was emptied in an earlier chunk has to say so with it.
            let cleared_meta = clear.then_some(Meta { cleared: self.cleared, ..*before });
            let chunk_meta = if is_last {
                Some(Meta { cleared: self.cleared, covered: self.covered, ..meta })
            } else {
                cleared_meta
            };
            let batch = Batch { changes: chunk, meta: chunk_meta, clear, makes_room, now, ..Batch::default() };
            let committed = match base.commit(&batch) {
                Ok(committed) => committed,
                Err(Error::DiskFull { .. }) if pace == Pace::Small && len > 1 => {
                    chunk_bytes /= SMALLER;
                    continue;
                }
                Err(error) => {
                    let uncommitted = self.changes.len() - rest.len();
                    self.changes.drain(..uncommitted);
                    self.abandon(table);
                    return Err(error);
                }
            };
            if clear {
                table.clear_was_applied(self.cleared);
                clear = false;
            }
            sessions += crate::numbers::to_u64(chunk.len());
            for (change, committed) in chunk.iter().zip(committed) {
                table.committed(change, &committed, self.cleared);
                if let Committed::Damaged(error) = committed {
                    damaged.push(error);
                }
            }
            chunk_bytes = (chunk_bytes * 2).clamp(1, pace.chunk_bytes_max());
            rest = behind;
            if is_last {
                break;
            }
        }
        table.end_sweep();
        Ok((sessions, damaged))
    }

    /// Gives everything captured back to the table.
    pub(crate) fn abandon(&mut self, table: &Table) {
        for change in self.changes.drain(..) {
            table.not_committed(&change);
        }
        table.end_sweep();
    }
}

/// How many of the changes make up the next transaction.
fn chunk_len(changes: &[Change], pace: Pace, chunk_bytes: u64) -> usize {
    let mut bytes = 0;
    let full = changes.iter().position(|change| {
        bytes += change.bytes();
        bytes > chunk_bytes
    });
    let len = full.map_or(changes.len(), |full| full.max(1));
    let removals = changes.iter().take_while(|change| change.is_removal()).count();
    // Not mixed with what takes room.
    if pace == Pace::Small && removals > 0 { len.min(removals) } else { len }
}
