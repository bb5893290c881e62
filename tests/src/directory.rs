//! Directories of a simulated disk: entries as they are seen, and as a power loss leaves them.

use std::collections::BTreeMap;

use crate::fate::{Fate, Pending};

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

    /// What a power loss may take.
    pub(crate) fn pending(&self) -> impl Iterator<Item = Pending> {
        self.pending.iter().map(|_| Pending::Whole)
    }

    /// What is left after a power loss that did this to the changes since the last sync. A rename is there
    /// whole or not at all.
    pub(crate) fn after_power_loss(&self, fates: &mut impl Iterator<Item = Fate>) -> Self {
        let mut left = self.durable.clone();
        for (change, fate) in self.pending.iter().zip(fates) {
            if fate == Fate::Kept {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_entry_is_kept_or_lost_alone_and_a_rename_as_a_whole() {
        let mut directory = Directory::default();
        directory.link("old", 1);
        directory.sync();
        directory.link("new", 2);
        directory.rename("new", "old");
        directory.link("other", 3);
        let left = |fates: &str| {
            let fates: crate::fate::Fates = fates.parse().unwrap();
            let left = directory.after_power_loss(&mut fates.0.into_iter());
            left.entries().iter().map(|(name, node)| format!("{name}={node} ")).collect::<String>()
        };
        assert_eq!(left("---"), "old=1 ");
        assert_eq!(left("+--"), "new=2 old=1 ");
        assert_eq!(left("-+-"), "old=2 ");
        assert_eq!(left("--+"), "old=1 other=3 ");
        assert_eq!(left("+++"), "old=2 other=3 ");
    }
}
