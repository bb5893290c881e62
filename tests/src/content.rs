//! What a simulated file holds: the bytes that reads show, the bytes that a power loss leaves, and the
//! changes in between.
//!
//! A write and the growth of the file that comes with it are two changes: the length is kept apart from the
//! bytes, as file systems do, and either may reach the disk without the other. Bytes behind the end that a
//! power loss leaves are not there; a range that nobody wrote reads as zeros.

use std::collections::BTreeSet;
use std::sync::Arc;

use fastrand::Rng;

use crate::bytes::{Bytes, PAGE_BYTES, parts};
use crate::fate::{Fate, Pending};

#[derive(Debug, Clone)]
enum Change {
    Write {
        offset: u64,
        bytes: Arc<[u8]>,
    },
    /// What a write behind the end did to the length; less of it may be there, if the write was torn.
    Growth {
        from: u64,
        to: u64,
    },
    Length(u64),
}

impl Change {
    fn pending(&self) -> Pending {
        match self {
            Self::Write { bytes, .. } => Pending::Bytes(bytes.len()),
            Self::Growth { from, to } => Pending::Bytes((to - from) as usize),
            Self::Length(_) => Pending::Whole,
        }
    }
}

/// A file's content.
#[derive(Debug, Clone, Default)]
pub(crate) struct Content {
    /// What reads show.
    pub(crate) cached: Bytes,
    durable: Bytes,
    /// Changes since the last sync, in order.
    pending: Vec<Change>,
    /// Pages that a failed sync has taken for clean although the disk does not have them.
    forgotten: BTreeSet<usize>,
}

impl Content {
    pub(crate) fn write(&mut self, offset: u64, bytes: &[u8]) {
        let before = self.cached.len();
        self.cached.write(offset, bytes);
        self.pending.push(Change::Write { offset, bytes: bytes.into() });
        if self.cached.len() > before {
            self.pending.push(Change::Growth { from: before, to: self.cached.len() });
        }
        if self.forgotten.is_empty() {
            return;
        }
        // A page written again is dirty again, all of it.
        for (page, ..) in parts(offset, bytes.len()) {
            if self.forgotten.remove(&page) {
                let bytes = self.cached.page(page).into();
                self.pending.push(Change::Write { offset: (page * PAGE_BYTES) as u64, bytes });
            }
        }
    }

    pub(crate) fn set_len(&mut self, len: u64) {
        self.cached.set_len(len);
        self.pending.push(Change::Length(len));
    }

    pub(crate) fn sync(&mut self) {
        for change in std::mem::take(&mut self.pending) {
            apply(&mut self.durable, &change, Fate::Kept);
        }
        self.durable.set_len(self.cached.len());
        self.durable.cut();
    }

    /// A sync fails: some of the changes reached the disk, or parts of them, and nobody will try the others again.
    pub(crate) fn fail_sync(&mut self, random: &mut Rng) {
        for change in std::mem::take(&mut self.pending) {
            let fate = Fate::any(change.pending(), random);
            apply(&mut self.durable, &change, fate);
            if let (Change::Write { offset, bytes }, false) = (&change, fate == Fate::Kept) {
                self.forgotten.extend(parts(*offset, bytes.len()).map(|(page, ..)| page));
            }
        }
    }

    /// What a power loss may take.
    pub(crate) fn pending(&self) -> impl Iterator<Item = Pending> {
        self.pending.iter().map(Change::pending)
    }

    /// What is left after a power loss that did this to the pending changes.
    pub(crate) fn after_power_loss(&self, fates: &mut impl Iterator<Item = Fate>) -> Self {
        let mut left = self.durable.clone();
        for (change, fate) in self.pending.iter().zip(fates) {
            apply(&mut left, change, fate);
        }
        left.cut();
        Self { cached: left.clone(), durable: left, ..Self::default() }
    }

    /// Changes bytes on the disk, as a failing disk does.
    pub(crate) fn damage(&mut self, offset: u64, bytes: &[u8]) {
        self.cached.write(offset, bytes);
        self.durable.write(offset, bytes);
    }
}

fn apply(left: &mut Bytes, change: &Change, fate: Fate) {
    match change {
        Change::Write { offset, bytes } => {
            for part in fate.parts(*offset, bytes.len()) {
                left.put(offset + part.start as u64, &bytes[part]);
            }
        }
        Change::Growth { from, to } => {
            if let Some(part) = fate.parts(*from, (to - from) as usize).last() {
                left.set_len(left.len().max(from + part.end as u64));
            }
        }
        Change::Length(len) => {
            if fate == Fate::Kept {
                left.set_len(*len);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(content: &Content, fates: &str) -> Vec<u8> {
        let fates: crate::fate::Fates = fates.parse().unwrap();
        let left = content.after_power_loss(&mut fates.0.into_iter());
        let mut bytes = vec![0; left.cached.len() as usize];
        left.cached.read(0, &mut bytes).unwrap();
        bytes
    }

    fn synced(bytes: &[u8]) -> Content {
        let mut content = Content::default();
        content.write(0, bytes);
        content.sync();
        content
    }

    #[test]
    fn a_write_is_torn_at_any_byte() {
        let mut content = synced(b"abcdef");
        content.write(1, b"1234");
        assert_eq!(left(&content, "-"), b"abcdef");
        assert_eq!(left(&content, "f3"), b"a123ef");
        assert_eq!(left(&content, "b3"), b"abcd4f");
        assert_eq!(left(&content, "+"), b"a1234f");
    }

    #[test]
    fn a_later_write_is_there_without_an_earlier_one() {
        let mut content = synced(b"abc");
        content.write(0, b"12");
        content.write(1, b"34");
        assert_eq!(left(&content, "-+"), b"a34");
        assert_eq!(left(&content, "+-"), b"12c");
    }

    #[test]
    fn a_length_is_there_without_the_bytes_and_bytes_without_their_length_are_not() {
        let mut content = synced(b"abc");
        content.write(2, b"123");
        assert_eq!(left(&content, "-+"), b"abc\0\0");
        assert_eq!(left(&content, "+-"), b"ab1");
        assert_eq!(left(&content, "+f1"), b"ab12");
        content.set_len(4);
        assert_eq!(left(&content, "++-"), b"ab123");
        assert_eq!(left(&content, "+-+"), b"ab12");
    }

    #[test]
    fn what_was_cut_off_and_grown_again_reads_as_zeros() {
        let mut content = synced(b"abcdef");
        content.set_len(2);
        content.set_len(6);
        assert_eq!(left(&content, "++"), b"ab\0\0\0\0");
        assert_eq!(left(&content, "-+"), b"abcdef");
    }
}
