//! Directories of a simulated disk: entries as they are seen, and as a power loss leaves them.

use std::collections::BTreeMap;

use fastrand::Rng;

use crate::event::Loss;

pub(crate) type Entries = BTreeMap<String, usize>;

#[derive(Debug, Clone)]
enum Change {
    Link { name: String, node: usize },
    Unlink { name: String },
    Rename { from: String, to: String, node: usize },
}

/// A directory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Directory {
    entries: Entries,
    durable: Entries,
    /// Changes since the last sync of the directory, in order.
    pending: Vec<Change>,
}

impl Directory {
    pub(crate) const fn entries(&self) -> &Entries {
        &self.entries
    }

    pub(crate) fn link(&mut self, name: &str, node: usize) {
        self.change(Change::Link { name: name.to_owned(), node });
    }

    pub(crate) fn unlink(&mut self, name: &str) {
        self.change(Change::Unlink { name: name.to_owned() });
    }

    pub(crate) fn rename(&mut self, from: &str, to: &str) {
        if let Some(node) = self.entries.get(from).copied() {
            self.change(Change::Rename { from: from.to_owned(), to: to.to_owned(), node });
        }
    }

    fn change(&mut self, change: Change) {
        apply(&mut self.entries, &change);
        self.pending.push(change);
    }

    pub(crate) fn sync(&mut self) {
        self.durable = self.entries.clone();
        self.pending.clear();
    }

    /// What is left after a power loss: any of the changes since the last sync.
    pub(crate) fn after_power_loss(&self, loss: Loss, random: &mut Rng) -> Self {
        let mut left = self.durable.clone();
        for change in &self.pending {
            if loss == Loss::Nothing || (loss == Loss::Some && random.bool()) {
                apply(&mut left, change);
            }
        }
        Self { entries: left.clone(), durable: left, pending: Vec::new() }
    }
}

fn apply(entries: &mut Entries, change: &Change) {
    match change {
        Change::Link { name, node } => {
            entries.insert(name.clone(), *node);
        }
        Change::Unlink { name } => {
            entries.remove(name);
        }
        Change::Rename { from, to, node } => {
            entries.remove(from);
            entries.insert(to.clone(), *node);
        }
    }
}
