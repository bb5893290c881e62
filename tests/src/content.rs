//! What a simulated file holds: the bytes that reads show, the bytes that a power loss leaves, and the
//! writes in between.
//!
//! Bytes are kept in shared pages, so that a disk can be copied at every one of its operations.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, LazyLock};

use fastrand::Rng;

use crate::event::Loss;

const PAGE_BYTES: usize = 4096;
/// A disk writes this much at once; a power loss tears a longer write between such parts.
const SECTOR_BYTES: usize = 512;

type Page = Arc<[u8; PAGE_BYTES]>;

static ZEROS: LazyLock<Page> = LazyLock::new(|| Arc::new([0; PAGE_BYTES]));

/// A sequence of bytes that is cheap to copy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bytes {
    pages: Vec<Page>,
    len: u64,
}

impl Bytes {
    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn read(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        if offset + bytes.len() as u64 > self.len {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        for (page, within, part) in parts(offset, bytes.len()) {
            bytes[part.clone()].copy_from_slice(&self.pages[page][within..within + part.len()]);
        }
        Ok(())
    }

    pub(crate) fn write(&mut self, offset: u64, bytes: &[u8]) {
        self.grow(offset + bytes.len() as u64);
        for (page, within, part) in parts(offset, bytes.len()) {
            let part = &bytes[part];
            if part == &ZEROS[..] {
                self.pages[page] = Arc::clone(&ZEROS);
            } else {
                Arc::make_mut(&mut self.pages[page])[within..within + part.len()].copy_from_slice(part);
            }
        }
    }

    pub(crate) fn set_len(&mut self, len: u64) {
        if len < self.len {
            self.pages.truncate((len as usize).div_ceil(PAGE_BYTES));
            let within = len as usize % PAGE_BYTES;
            if within > 0 {
                let last = self.pages.len() - 1;
                Arc::make_mut(&mut self.pages[last])[within..].fill(0);
            }
            self.len = len;
        }
        self.grow(len);
    }

    fn grow(&mut self, len: u64) {
        if len > self.len {
            self.pages.resize((len as usize).div_ceil(PAGE_BYTES), Arc::clone(&ZEROS));
            self.len = len;
        }
    }

    fn page(&self, page: usize) -> &[u8] {
        let end = (self.len as usize - page * PAGE_BYTES).min(PAGE_BYTES);
        &self.pages[page][..end]
    }
}

/// Page by page: its index, where in it, and which part of the bytes.
fn parts(offset: u64, len: usize) -> impl Iterator<Item = (usize, usize, std::ops::Range<usize>)> {
    let offset = offset as usize;
    let mut at = 0;
    std::iter::from_fn(move || {
        let (page, within) = ((offset + at) / PAGE_BYTES, (offset + at) % PAGE_BYTES);
        let part = at..(at + PAGE_BYTES - within).min(len);
        at = part.end;
        (!part.is_empty()).then_some((page, within, part))
    })
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: u64, bytes: Arc<[u8]> },
    SetLen(u64),
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
        self.cached.write(offset, bytes);
        self.pending.push(Change::Write { offset, bytes: bytes.into() });
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
        self.pending.push(Change::SetLen(len));
    }

    pub(crate) fn sync(&mut self) {
        for change in std::mem::take(&mut self.pending) {
            apply(&mut self.durable, &change);
        }
        self.durable.set_len(self.cached.len());
    }

    /// A sync fails: some of the changes reached the disk, and nobody will try the others again.
    pub(crate) fn fail_sync(&mut self, random: &mut Rng) {
        for change in std::mem::take(&mut self.pending) {
            if random.bool() {
                apply(&mut self.durable, &change);
            } else if let Change::Write { offset, bytes } = &change {
                self.forgotten.extend(parts(*offset, bytes.len()).map(|(page, ..)| page));
            }
        }
    }

    /// What is left after a power loss.
    pub(crate) fn after_power_loss(&self, loss: Loss, random: &mut Rng) -> Self {
        let mut left = self.durable.clone();
        for change in &self.pending {
            match (loss, change) {
                (Loss::Everything, _) => {}
                (Loss::Nothing, change) => apply(&mut left, change),
                (Loss::Some, Change::SetLen(_)) => {
                    if random.bool() {
                        apply(&mut left, change);
                    }
                }
                (Loss::Some, Change::Write { offset, bytes }) => match random.u8(0..4) {
                    0 => {}
                    1 => apply(&mut left, change),
                    _ => tear(&mut left, *offset, bytes, random),
                },
            }
        }
        Self { cached: left.clone(), durable: left, ..Self::default() }
    }

    /// Changes bytes on the disk, as a failing disk does.
    pub(crate) fn damage(&mut self, offset: u64, bytes: &[u8]) {
        self.cached.write(offset, bytes);
        self.durable.write(offset, bytes);
    }
}

fn apply(bytes: &mut Bytes, change: &Change) {
    match change {
        Change::Write { offset, bytes: written } => bytes.write(*offset, written),
        Change::SetLen(len) => bytes.set_len(*len),
    }
}

/// Writes some sectors of a write and not the others.
fn tear(left: &mut Bytes, offset: u64, bytes: &[u8], random: &mut Rng) {
    let mut at = 0;
    while at < bytes.len() {
        let in_sector = SECTOR_BYTES - (offset as usize + at) % SECTOR_BYTES;
        let end = (at + in_sector).min(bytes.len());
        if random.bool() {
            left.write(offset + at as u64, &bytes[at..end]);
        }
        at = end;
    }
}
