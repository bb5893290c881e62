//! Whose changed sessions are in memory: what the base cannot tell yet.
//!
//! The base lists every owner's sessions as of its last commit. An entry that differs from it is listed here, from the
//! change on until a commit has it, under the lock of its shard. Whoever asks looks here first and then into the base,
//! and then at each session itself: what stands in a list is a hint, and a session that is nowhere listed is nobody's.

use std::collections::{HashMap, HashSet};

use crate::lock::Mutex;
use crate::session::{Owner, SessionId};
use crate::sync::HashState as FastHasher;

type Lists = HashMap<Owner, HashSet<SessionId, FastHasher>, FastHasher>;

/// See the module's own lines.
#[derive(Debug, Default)]
pub(crate) struct Owners(Mutex<Lists>);

impl Owners {
    /// Moves a session from one owner's list to another's.
    pub(crate) fn moved(&self, id: &SessionId, from: Option<&Owner>, to: Option<&Owner>) {
        if from == to {
            return;
        }
        let mut lists = self.0.lock();
        if let Some(owner) = from
            && let Some(list) = lists.get_mut(owner)
        {
            list.remove(id);
            if list.is_empty() {
                lists.remove(owner);
            }
        }
        if let Some(owner) = to {
            lists.entry(owner.clone()).or_default().insert(id.clone());
        }
    }

    /// Forgets all: every session is gone.
    pub(crate) fn clear(&self) {
        self.0.lock().clear();
    }

    /// The sessions listed for an owner.
    pub(crate) fn of(&self, owner: &Owner) -> Vec<SessionId> {
        self.0.lock().get(owner).map(|list| list.iter().cloned().collect()).unwrap_or_default()
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_empty_takes_no_memory() {
        let owners = Owners::default();
        let (ada, bob) = (Owner::new("ada").unwrap(), Owner::new("bob").unwrap());
        let id = SessionId::new("a").unwrap();
        owners.moved(&id, None, Some(&ada));
        owners.moved(&id, Some(&ada), Some(&bob));
        assert_eq!((owners.of(&ada), owners.of(&bob)), (vec![], vec![id.clone()]));
        owners.moved(&id, Some(&bob), None);
        assert!(owners.is_empty());
    }
}
