//! Marks of lookups: who waits for what the base has, and what the readers are told to look up.

use crate::sync::atomic::Ordering;

use super::Table;
use crate::error::Error;
use crate::sequencer::{GATHERED_MAX, Haste, Start, Urgency};
use crate::session::SessionId;
use crate::shard::{Job, Lookup, LookupJob, Shard, Waiter};
use crate::sync::channel;

impl Table {
    /// The mark of a lookup of `id`, made and sent to the readers where there is none.
    pub(crate) fn mark<'a>(&self, shard: &'a mut Shard, id: &SessionId) -> &'a mut Lookup {
        shard.lookups.entry(id.clone()).or_insert_with(|| {
            let lookup = Lookup { token: self.next_token(), waiters: Vec::new(), numbers: Vec::new() };
            self.send_lookups(vec![LookupJob { id: id.clone(), token: lookup.token }]);
            lookup
        })
    }

    /// Voids what a lookup under way will find, and has it done again. No mark, no lookup.
    pub(crate) fn renew_mark(&self, shard: &mut Shard, id: &SessionId) {
        if let Some(lookup) = shard.lookups.get_mut(id) {
            lookup.token = self.next_token();
            self.send_lookups(vec![LookupJob { id: id.clone(), token: lookup.token }]);
        }
    }

    /// Leaves the mark of the lookup that a write has to wait for, before the write is queued. A `cold` one
    /// voids a lookup that is under way.
    ///
    /// Lookups are cheaper together, in the readers' time as in that of whoever they wake. Somebody waits for an urgent
    /// write to be synced, too: its lookup goes to the readers with the others of its batch, when the committer takes
    /// that, and is done while the disk syncs. That of a lazy one goes when the gathered writes are sent, and if it is not
    /// gathered, or somebody waits for it already, at once: the committer takes its time then.
    pub(super) fn mark_for_write(&self, shard: &mut Shard, id: &SessionId, cold: bool, haste: Haste) {
        if !cold && shard.lookups.contains_key(id) {
            return;
        }
        let token = self.next_token();
        let empty = || Lookup { token, waiters: Vec::new(), numbers: Vec::new() };
        let lookup = shard.lookups.entry(id.clone()).or_insert_with(empty);
        lookup.token = token;
        let may_wait = haste.urgency > Urgency::Lazy || haste.start == Start::Together && lookup.waiters.is_empty();
        let mut lookups = self.write_lookups.lock();
        lookups.push(LookupJob { id: id.clone(), token });
        if !may_wait || haste.urgency == Urgency::Lazy && lookups.len() >= GATHERED_MAX {
            self.send_lookups(std::mem::take(&mut *lookups));
        }
    }

    /// Has write `number` acknowledged only when the base was looked up.
    pub(super) fn await_lookup(&self, shard: &mut Shard, id: &SessionId, number: u64) {
        self.progress.unresolved(number);
        self.mark(shard, id).numbers.push(number);
        self.void_touches(shard, id, number);
    }

    /// Decides the touches that still wait: they were called before write `number`, which leaves nothing of them.
    pub(super) fn void_touches(&self, shard: &mut Shard, id: &SessionId, number: u64) {
        let Some(lookup) = shard.lookups.get_mut(id) else { return };
        for waiter in lookup.waiters.extract_if(.., |waiter| matches!(waiter, Waiter::Touch { .. })) {
            self.void(waiter, number);
        }
    }

    /// Decides what waited when write `number` removed or replaced its session. A touch is acknowledged with that
    /// write: were it lost, the session would be there as before, and might live longer than the touch has said.
    pub(super) fn void(&self, waiter: Waiter, number: u64) {
        match waiter {
            Waiter::Touch { write, deferred, .. } => deferred.follow(&self.progress, number, write.need),
            Waiter::SetIf { set, deferred } => {
                deferred.complete(&self.progress, Err(Error::Gone { version: set.version.get() }));
            }
            waiter => self.answer(waiter, Ok(None)),
        }
    }

    fn next_token(&self) -> u64 {
        self.tokens.fetch_add(1, Ordering::Relaxed)
    }

    fn send_lookups(&self, lookups: Vec<LookupJob>) {
        // Nobody receives only while the store closes, when nobody waits any more either.
        drop(self.jobs.send(Job::LookUp(lookups)));
    }

    /// Whether writes wait for lookups that were not sent to the readers yet.
    pub(crate) fn has_write_lookups(&self) -> bool {
        !self.write_lookups.lock().is_empty()
    }

    /// Sends the readers what the writes in the committer's queue wait for.
    pub(crate) fn send_write_lookups(&self) {
        let lookups = std::mem::take(&mut *self.write_lookups.lock());
        if !lookups.is_empty() {
            self.send_lookups(lookups);
        }
    }

    /// Answers everybody who still waits for a lookup: there will be none.
    pub(crate) fn refuse_lookups(&self, error: &Error) {
        for shard in self.shards() {
            let lookups = std::mem::take(&mut shard.lock().lookups);
            for lookup in lookups.into_values() {
                self.progress.resolved(&lookup.numbers);
                for waiter in lookup.waiters {
                    self.answer(waiter, Err(error.clone()));
                }
            }
        }
    }

    /// Waits until every touch and every conditional set called before has found its session, or none: only then it is
    /// in the committer's queue.
    pub(crate) fn wait_for_deferred(&self) {
        let mut found = Vec::new();
        for shard in self.shards() {
            for lookup in shard.lock().lookups.values_mut() {
                if lookup.waiters.iter().any(|waiter| matches!(waiter, Waiter::Touch { .. } | Waiter::SetIf { .. })) {
                    let (sender, receiver) = channel::bounded(1);
                    lookup.waiters.push(Waiter::Blocked(sender));
                    found.push(receiver);
                }
            }
        }
        for found in found {
            // A failure is the operation's own answer.
            drop(found.recv());
        }
    }

    /// Ids of sessions that were written without being in memory and are not looked up yet.
    pub(crate) fn unresolved(&self) -> Vec<SessionId> {
        self.shards().iter().flat_map(|shard| shard.lock().unresolved.iter().cloned().collect::<Vec<_>>()).collect()
    }
}
