//! A file that is only read: what is written to it stays in memory.
//!
//! redb writes to a file when it opens it. A damaged base is read through this, so that no try to save what it has
//! makes it worse, or gives damage a valid checksum.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::locks::Mutex;
use crate::numbers::{to_u64, to_usize};
use crate::storage::StorageFile;

/// What is kept as one; everything written to a base's file is whole sectors.
const SECTOR_BYTES: usize = 512;

/// A file under what was written over it.
#[derive(Debug)]
pub(super) struct Overlay {
    file: Arc<dyn StorageFile>,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    len: u64,
    /// Of the file below, only so much counts.
    below: u64,
    /// By where they begin.
    sectors: BTreeMap<u64, Vec<u8>>,
}

impl Overlay {
    /// # Errors
    /// The disk's own.
    pub(super) fn new(file: Arc<dyn StorageFile>) -> io::Result<Self> {
        let len = file.len()?;
        Ok(Self { file, written: Mutex::new(Written { len, below: len, sectors: BTreeMap::new() }) })
    }
}

impl StorageFile for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.written.lock().len)
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        let written = self.written.lock();
        let end = offset + to_u64(bytes.len());
        if end > written.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let below = to_usize(written.below.saturating_sub(offset)).min(bytes.len());
        let (there, behind) = bytes.split_at_mut(below);
        if !there.is_empty() {
            self.file.read_at(offset, there)?;
        }
        behind.fill(0);
        for (at, sector) in written.sectors.range(offset..end) {
            let place = to_usize(at - offset);
            if let Some(part) = bytes.get_mut(place..place + SECTOR_BYTES) {
                part.copy_from_slice(sector);
            }
        }
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if !offset.is_multiple_of(to_u64(SECTOR_BYTES)) || !bytes.len().is_multiple_of(SECTOR_BYTES) {
            return Err(io::Error::other("only whole sectors are written"));
        }
        let mut written = self.written.lock();
        for (place, sector) in (0..).zip(bytes.chunks(SECTOR_BYTES)) {
            written.sectors.insert(offset + place * to_u64(SECTOR_BYTES), sector.to_vec());
        }
        written.len = written.len.max(offset + to_u64(bytes.len()));
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut written = self.written.lock();
        written.len = len;
        written.below = written.below.min(len);
        drop(written.sectors.split_off(&len));
        Ok(())
    }

    /// On the disk it needs none.
    fn allocate(&self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Storage;

    #[test]
    fn what_is_written_is_read_again_and_the_file_stays_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let file = crate::disk::Disk.create(&path).unwrap();
        file.write_at(0, &[1; 2048]).unwrap();
        let overlay = Overlay::new(file).unwrap();
        overlay.write_at(512, &[2; 512]).unwrap();
        overlay.write_at(2048, &[3; 512]).unwrap();
        let mut read = [0; 2560];
        overlay.read_at(0, &mut read).unwrap();
        let runs: Vec<u8> = read.chunks(512).map(|run| run[0]).collect();
        assert_eq!(runs, [1, 2, 1, 1, 3]);
        overlay.set_len(1024).unwrap();
        overlay.set_len(2048).unwrap();
        overlay.read_at(512, &mut read[..1536]).unwrap();
        assert_eq!((read[0], read[512], read[1024]), (2, 0, 0));
        assert!(overlay.read_at(2000, &mut read[..100]).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), [1; 2048]);
    }
}
