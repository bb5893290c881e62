//! Reading all sessions, a page at a time, without holding anything between pages.
//!
//! For each page the table's changes are read first, then a snapshot of the base is opened: a session whose
//! change is committed in between is in the snapshot, so none is missed. What the table says wins.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::Part;
use crate::codec::Created;
use crate::engine::Engine;
use crate::entry::{Content, Entry};
use crate::error::{Error, Result};
use crate::lookup::resolve;
use crate::session::{Session, SessionId, Version};
use crate::time::Timestamp;

/// Part of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Living sessions, in order of id.
    pub sessions: Vec<(SessionId, Session)>,
    /// Where the next page begins: pass it as `after`. `None`: there is no more.
    pub next: Option<SessionId>,
}

/// What the table says of a session that the base may have otherwise.
enum Overlay {
    Session(Session),
    /// The base has the payload.
    Expiry(Timestamp),
    Gone,
}

/// The largest page, so that a page's memory stays bounded.
const PAGE_SESSIONS_MAX: usize = 10_000;

pub(crate) fn page(engine: &Engine, after: Option<&SessionId>, limit: usize) -> Result<Page> {
    if limit == 0 {
        return Err(Error::InvalidArgument { what: "limit", reason: "a page has at least one session".to_owned() });
    }
    let limit = limit.min(PAGE_SESSIONS_MAX);
    let now = engine.time.now();
    let mut changes = Changes::read(engine, after, limit);
    if !changes.unresolved.is_empty() {
        // When they came into being, only the base may know.
        for id in &changes.unresolved {
            resolve(&engine.table, &engine.base, id, now)?;
        }
        changes = Changes::read(engine, after, limit);
    }
    let Changes { overlay, is_whole: overlay_is_whole, .. } = changes;
    let stored = if engine.table.clear_pending() { Part::default() } else { engine.base.range(after, limit)? };
    let cleared = engine.table.cleared();

    // Up to here both sides are known completely; what lies behind belongs to the next page.
    let overlay_end = if overlay_is_whole { None } else { overlay.keys().next_back().cloned() };
    let base_end = if stored.more { stored.items.last().map(|(id, _)| id.clone()) } else { None };
    let end = match (overlay_end, base_end) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    let within = |id: &SessionId| end.as_ref().is_none_or(|end| id <= end);

    let mut found = BTreeMap::new();
    for (id, session) in stored.items.into_iter().filter(|(id, _)| within(id)) {
        let expires_at = match overlay.get(&id) {
            None => None,
            Some(Overlay::Expiry(expires_at)) => Some(*expires_at),
            Some(Overlay::Session(_) | Overlay::Gone) => continue,
        };
        let stored = session?;
        if stored.version > cleared {
            let session = Session {
                payload: stored.payload,
                created_at: stored.created_at,
                expires_at: expires_at.map_or(stored.expires_at, |at| crate::entry::within(at, stored.deadline)),
                version: Version(stored.version),
                known_since: Version(stored.first_version),
                owner: stored.owner,
                deadline: stored.deadline.if_any(),
            };
            found.insert(id, session);
        }
    }
    for (id, overlay) in overlay {
        if let Overlay::Session(session) = overlay
            && within(&id)
        {
            found.insert(id, session);
        }
    }
    let mut sessions: Vec<_> = found.into_iter().filter(|(_, session)| session.expires_at > now).collect();
    // Table and base may each have filled a page; what is over belongs to the next one, too.
    let is_over = sessions.len() > limit;
    sessions.truncate(limit);
    let next = if is_over { sessions.last().map(|(id, _)| id.clone()) } else { end };
    Ok(Page { sessions, next })
}

/// The table's changes behind some id: the first of them.
#[derive(Default)]
struct Changes {
    overlay: BTreeMap<SessionId, Overlay>,
    /// Those of them that were written without being in memory, and are not looked up yet.
    unresolved: BTreeSet<SessionId>,
    /// Whether that is all.
    is_whole: bool,
}

impl Changes {
    fn read(engine: &Engine, after: Option<&SessionId>, limit: usize) -> Self {
        let mut changes = Self { is_whole: true, ..Self::default() };
        for shard in engine.table.shards() {
            let shard = shard.lock();
            for (id, entry) in shard.entries.iter().filter(|(_, entry)| entry.is_dirty()) {
                if after.is_some_and(|after| id <= after) {
                    continue;
                }
                if !entry.is_resolved() && matches!(entry.content, Content::Live(_)) {
                    changes.unresolved.insert(id.clone());
                }
                changes.overlay.insert(id.clone(), Overlay::of(entry));
                if changes.overlay.len() > limit {
                    changes.is_whole = false;
                    if let Some((last, _)) = changes.overlay.pop_last() {
                        changes.unresolved.remove(&last);
                    }
                }
            }
        }
        changes
    }
}

impl Overlay {
    fn of(entry: &Entry) -> Self {
        match &entry.content {
            Content::Gone => Self::Gone,
            Content::Touched { expires_at } => Self::Expiry(*expires_at),
            Content::Live(live) => match (&live.payload, live.created) {
                (None, _) => Self::Expiry(live.expires_at),
                (Some(payload), Created::At(at) | Created::Inherited(at)) => Self::Session(Session {
                    payload: payload.clone(),
                    created_at: Timestamp::from_millis(at),
                    expires_at: live.expires_at,
                    version: Version(live.version),
                    known_since: Version(live.known_since),
                    owner: live.owner.clone(),
                    deadline: live.deadline.if_any(),
                }),
            },
        }
    }
}
