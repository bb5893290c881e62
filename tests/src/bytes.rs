//! A sequence of bytes that is cheap to copy, to compare and to tell apart.
//!
//! Bytes are kept in shared pages, so that a disk can be copied at every one of its operations; a page that was
//! never written is not there at all; and each page remembers its hash.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// The operating system keeps files in pages of this many bytes.
pub(crate) const PAGE_BYTES: usize = 4096;
static ZEROS: [u8; PAGE_BYTES] = [0; PAGE_BYTES];

#[derive(Debug)]
struct Page {
    bytes: [u8; PAGE_BYTES],
    hash: OnceLock<u64>,
}

impl Clone for Page {
    /// A copy is made to be changed.
    fn clone(&self) -> Self {
        Self { bytes: self.bytes, hash: OnceLock::new() }
    }
}

impl Page {
    const fn zeros() -> Self {
        Self { bytes: ZEROS, hash: OnceLock::new() }
    }

    fn hash(&self) -> u64 {
        *self.hash.get_or_init(|| {
            // Zeros are zeros, whether somebody wrote them or nobody.
            if self.bytes == ZEROS {
                return 0;
            }
            let mut hasher = DefaultHasher::new();
            self.bytes.hash(&mut hasher);
            hasher.finish()
        })
    }
}

/// A file's bytes; `None` stands for a page of zeros.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bytes {
    pages: Vec<Option<Arc<Page>>>,
    len: u64,
    /// Which pages were written, if only with zeros: those take room.
    written: Vec<bool>,
}

impl Bytes {
    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    /// How many bytes of the disk it takes.
    pub(crate) fn taken(&self) -> u64 {
        (self.written.iter().filter(|written| **written).count() * PAGE_BYTES) as u64
    }

    /// How many more it would take if these were written.
    pub(crate) fn untaken(&self, offset: u64, len: u64) -> u64 {
        let is_untaken = |page: usize| !self.written.get(page).is_some_and(|written| *written);
        (parts(offset, len as usize).filter(|(page, ..)| is_untaken(*page)).count() * PAGE_BYTES) as u64
    }

    pub(crate) fn read(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        if offset + bytes.len() as u64 > self.len {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        for (page, within, part) in parts(offset, bytes.len()) {
            match self.pages.get(page).and_then(Option::as_ref) {
                Some(page) => bytes[part.clone()].copy_from_slice(&page.bytes[within..within + part.len()]),
                None => bytes[part].fill(0),
            }
        }
        Ok(())
    }

    /// Writes, and grows to what was written.
    pub(crate) fn write(&mut self, offset: u64, bytes: &[u8]) {
        self.put(offset, bytes);
        self.len = self.len.max(offset + bytes.len() as u64);
    }

    /// Writes, and has the length that it has: what lies behind the end is there only once the length is.
    pub(crate) fn put(&mut self, offset: u64, bytes: &[u8]) {
        for (page, within, part) in parts(offset, bytes.len()) {
            let part = &bytes[part];
            if page >= self.pages.len() {
                self.pages.resize(page + 1, None);
            }
            if page >= self.written.len() {
                self.written.resize(page + 1, false);
            }
            self.written[page] = true;
            let place = &mut self.pages[page];
            if part == &ZEROS[..part.len()] && (place.is_none() || part.len() == PAGE_BYTES) {
                *place = None;
                continue;
            }
            let page = Arc::make_mut(place.get_or_insert_with(|| Arc::new(Page::zeros())));
            page.hash = OnceLock::new();
            page.bytes[within..within + part.len()].copy_from_slice(part);
        }
    }

    pub(crate) fn set_len(&mut self, len: u64) {
        self.written.truncate((len as usize).div_ceil(PAGE_BYTES));
        self.len = len.max(self.len);
        if len < self.len {
            self.len = len;
            self.cut();
        }
    }

    /// Forgets what lies behind the end.
    pub(crate) fn cut(&mut self) {
        self.pages.truncate((self.len as usize).div_ceil(PAGE_BYTES));
        let within = self.len as usize % PAGE_BYTES;
        if within == 0 || self.pages.len() <= self.len as usize / PAGE_BYTES {
            return;
        }
        if let Some(Some(last)) = self.pages.last_mut()
            && last.bytes[within..].iter().any(|byte| *byte != 0)
        {
            let last = Arc::make_mut(last);
            last.hash = OnceLock::new();
            last.bytes[within..].fill(0);
        }
    }

    /// The bytes of a page of the file.
    pub(crate) fn page(&self, page: usize) -> Vec<u8> {
        let end = (self.len as usize - page * PAGE_BYTES).min(PAGE_BYTES);
        let bytes = self.pages.get(page).and_then(Option::as_ref).map_or(ZEROS, |page| page.bytes);
        bytes[..end].to_vec()
    }
}

impl Hash for Bytes {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.len.hash(hasher);
        for (number, page) in self.pages.iter().enumerate() {
            let hash = page.as_ref().map_or(0, |page| page.hash());
            if hash != 0 {
                (number, hash).hash(hasher);
            }
        }
    }
}

/// Page by page: its index, where in it, and which part of the bytes.
pub(crate) fn parts(offset: u64, len: usize) -> impl Iterator<Item = (usize, usize, Range<usize>)> {
    let offset = offset as usize;
    let mut at = 0;
    std::iter::from_fn(move || {
        let (page, within) = ((offset + at) / PAGE_BYTES, (offset + at) % PAGE_BYTES);
        let part = at..(at + PAGE_BYTES - within).min(len);
        at = part.end;
        (!part.is_empty()).then_some((page, within, part))
    })
}
