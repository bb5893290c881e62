//! Looking up in the base what the table does not know, without undoing a write.
//!
//! A lookup counts only if its mark still has the token it was ordered with; see [`crate::shard`]. What it
//! finds is installed, resolves a write that could not wait for it, or fills in a payload that memory had
//! to give up; then whoever waited is answered from the table as it is at that moment.

use crate::sync::atomic::Ordering;

use crate::base::{Base, StoredSession, Verified};
use crate::codec::Created;
use crate::entry::{Content, Dirty, Entry, InBase, Live, within};
use crate::error::Result;
use crate::session::{Session, SessionId};
use crate::shard::{LookupAnswer, LookupJob, Shard, Waiter};
use crate::table::{Heir, Table, Untold};
use crate::time::Timestamp;

/// Does lookups, from one snapshot that is newer than all their marks.
pub(crate) fn look_up(table: &Table, base: &Base, jobs: &[LookupJob], now: Timestamp) {
    let mut numbers = Vec::new();
    for (job, answer) in jobs.iter().zip(base.get_each(jobs.iter().map(|job| &job.id))) {
        table.complete(job, answer, now, &mut numbers);
    }
    table.progress.resolved(&numbers);
}

/// Looks `id` up on this thread, whether or not a reader is about to do the same.
fn look_up_now(table: &Table, base: &Base, id: &SessionId, now: Timestamp) {
    let token = {
        let mut shard = table.lock(id);
        table.mark(&mut shard, id).token
    };
    look_up(table, base, &[LookupJob { id: id.clone(), token }], now);
}

/// Looks a session up that was written without being in memory, on this thread.
///
/// # Errors
/// As [`Base::get`]: the session stays to be looked up.
pub(crate) fn resolve(table: &Table, base: &Base, id: &SessionId, now: Timestamp) -> Result<()> {
    let is_unresolved = || table.lock(id).unresolved.contains(id);
    while is_unresolved() {
        look_up_now(table, base, id, now);
        if is_unresolved() {
            // It failed, or a commit of the session voided it.
            drop(base.get(id)?);
        }
    }
    Ok(())
}

impl Table {
    /// Takes what a lookup found, and adds to `numbers` the writes that waited for it.
    fn complete(&self, job: &LookupJob, answer: LookupAnswer, now: Timestamp, numbers: &mut Vec<u64>) {
        let id = &job.id;
        let mut shard = self.lock(id);
        if shard.lookups.get(id).is_none_or(|lookup| lookup.token != job.token) {
            return;
        }
        let Some(lookup) = shard.lookups.remove(id) else { return };
        let cleared = self.cleared();
        let counts = |found: &Verified| found.as_ref().map_or(true, |found| found.version > cleared);
        let answer = answer.map(|found| found.filter(counts));
        if let Ok(found) = &answer {
            self.resolve(&mut shard, id, found.as_ref(), now);
        }
        let answer = answer.and_then(Option::transpose);
        let mut answers = Vec::with_capacity(lookup.waiters.len());
        for waiter in lookup.waiters {
            match (&waiter, &answer) {
                (Waiter::Touch { expires_at, write, deferred }, Ok(_)) => {
                    match self.touch_live(&mut shard, id, *expires_at, write) {
                        Ok(Some(number)) => deferred.follow(&self.progress, number, write.need),
                        Ok(None) => answers.push((waiter, Ok(None))),
                        Err(error) => answers.push((waiter, Err(error))),
                    }
                }
                (Waiter::Touch { .. }, Err(error)) => {
                    let error = error.clone();
                    answers.push((waiter, Err(error)));
                }
                (Waiter::SetIf { set, deferred }, Ok(_)) => {
                    match self.set_read(&mut shard, id, set.content.clone(), set.version, &set.write) {
                        Ok(number) => deferred.follow(&self.progress, number, set.write.need),
                        Err(error) => answers.push((waiter, Err(error))),
                    }
                }
                (Waiter::SetIf { .. }, Err(error)) => {
                    let error = error.clone();
                    answers.push((waiter, Err(error)));
                }
                (Waiter::Read(_) | Waiter::Blocked(_), answer) => {
                    let session = read(shard.entries.get(id), answer, now);
                    answers.push((waiter, session));
                }
            }
        }
        shard.evict(&self.budget, &self.counters);
        drop(shard);
        numbers.extend(lookup.numbers);
        for (waiter, session) in answers {
            self.answer(waiter, session);
        }
    }

    /// Brings the entry and what the base has together.
    fn resolve(&self, shard: &mut Shard, id: &SessionId, found: Option<&Verified>, now: Timestamp) {
        let in_base = match found {
            None => InBase::Absent,
            Some(Ok(found)) => InBase::Present { index_at: found.index_at },
            // A damaged record is there to be replaced or removed; nobody knows where the index has it, and
            // the reaper drops entries that no record names.
            Some(Err(_)) => InBase::Present { index_at: Timestamp::MIN },
        };
        let in_base_count = i64::from(found.is_some());
        let found = found.and_then(|found| found.as_ref().ok());
        let untold = shard.entries.get_mut(id).and_then(|entry| entry.untold.take());
        if let (Some(untold), Some(found)) = (untold, found) {
            self.tell_of_found(id, *untold, found);
        }
        match shard.entries.get(id) {
            None => {
                if let Some(found) = found.filter(|found| found.expires_at > now) {
                    shard.change(id, &self.budget, |entry| {
                        entry.content = Content::Live(Live::from(found));
                        entry.base = in_base;
                        entry.changed = found.version;
                        entry.filed_at = Some(found.index_at);
                        entry.referenced = true;
                    });
                }
            }
            Some(Entry { content: Content::Touched { .. }, .. }) => match found {
                // The touch was of a session that is gone: the log's end took it, and the base knows.
                None => shard.remove(id, &self.budget),
                Some(found) => shard.change(id, &self.budget, |entry| {
                    let touched_until = match entry.content {
                        Content::Touched { expires_at } => expires_at,
                        _ => found.expires_at,
                    };
                    let expires_at = within(touched_until, found.deadline);
                    entry.content = Content::Live(Live { expires_at, written_until: expires_at, ..Live::from(found) });
                    entry.base = in_base;
                    entry.filed_at = Some(found.index_at);
                }),
            },
            Some(entry) if !entry.is_resolved() => {
                let counted = i64::from(matches!(entry.content, Content::Live(_)));
                if let (Content::Live(live), Some(found)) = (&entry.content, found)
                    && let Some(heir) = Heir::of(live)
                {
                    self.tell_of_found(id, Untold::Before(heir), found);
                }
                shard.change(id, &self.budget, |entry| {
                    entry.base = in_base;
                    if let Content::Live(live) = &mut entry.content {
                        live.inherit(found);
                    }
                });
                self.living.fetch_add(counted - in_base_count, Ordering::Relaxed);
            }
            Some(_) => {
                shard.change(id, &self.budget, |entry| {
                    if let Content::Live(live) = &mut entry.content
                        && live.payload.is_none()
                        && let Some(found) = found.filter(|found| found.version == live.version)
                    {
                        live.payload = Some(found.payload.clone());
                        entry.referenced = true;
                    }
                });
            }
        }
    }

    /// Tells whoever waited; callbacks run on the completion thread.
    pub(crate) fn answer(&self, waiter: Waiter, session: Result<Option<Session>>) {
        match waiter {
            Waiter::Read(callback) => self.complete_later(Box::new(move || callback(session))),
            // A reader that has given up has dropped its end, and wants no answer.
            Waiter::Blocked(sender) => drop(sender.send(session)),
            Waiter::Touch { deferred, .. } | Waiter::SetIf { deferred, .. } => {
                deferred.complete(&self.progress, session.map(drop));
            }
        }
    }
}

/// What a read gets from the entry, or from what the lookup said where there is none.
fn read(entry: Option<&Entry>, answer: &Result<Option<StoredSession>>, now: Timestamp) -> Result<Option<Session>> {
    let Some(Entry { content, .. }) = entry else {
        return answer.as_ref().map(|_| None).map_err(Clone::clone);
    };
    match content {
        Content::Live(live) if live.expires_at > now => match &live.payload {
            Some(payload) => Ok(Some(live.session(payload))),
            None => answer.as_ref().map(|_| None).map_err(Clone::clone),
        },
        Content::Touched { .. } => answer.as_ref().map(|_| None).map_err(Clone::clone),
        Content::Live(_) | Content::Gone => Ok(None),
    }
}

impl Live {
    /// Takes over when the session came into being, given what the base had before it was set.
    fn inherit(&mut self, found: Option<&StoredSession>) {
        let (Created::Inherited(at), Some(heir)) = (self.created, Heir::of(self)) else { return };
        self.created = Created::At(at);
        if let Some(found) = found.filter(|found| heir.goes_on_with(found)) {
            self.created = Created::At(found.created_at.as_millis());
            self.known_since = self.known_since.min(found.first_version);
            self.deadline = found.deadline.if_any().unwrap_or(self.deadline);
            self.expires_at = within(self.expires_at, self.deadline);
        }
    }
}

impl From<&StoredSession> for Live {
    fn from(found: &StoredSession) -> Self {
        Self {
            payload: Some(found.payload.clone()),
            created: Created::At(found.created_at.as_millis()),
            touched_before: None,
            expires_at: found.expires_at,
            written_until: found.expires_at,
            deadline: found.deadline,
            owner: found.owner.clone(),
            version: found.version,
            known_since: found.first_version,
        }
    }
}

impl Entry {
    /// Whether a checkpoint has something to do for the entry.
    pub(crate) const fn is_dirty(&self) -> bool {
        !matches!(self.dirty, Dirty::Clean)
    }
}
