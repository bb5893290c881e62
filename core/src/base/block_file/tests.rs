//! What has to hold in whatever order redb reads, writes and syncs: it syncs a file that has grown before it changes
//! the header, and reads around a block before it writes it, but has never promised to.

use std::sync::Mutex;

use super::super::header::COPY_BYTES;
use super::*;

/// A file in memory that remembers how long it was at the last sync.
#[derive(Debug, Default)]
struct Watched(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    durable_len: u64,
    /// How many blocks each copy of the header counted on, and how many there were for certain.
    counted: Vec<(u64, u64)>,
}

impl StorageFile for Watched {
    fn len(&self) -> io::Result<u64> {
        Ok(to_u64(self.0.lock().unwrap().bytes.len()))
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        let state = self.0.lock().unwrap();
        let range = to_usize(offset)..to_usize(offset) + bytes.len();
        bytes.copy_from_slice(state.bytes.get(range).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let end = to_usize(offset) + bytes.len();
        if state.bytes.len() < end {
            state.bytes.resize(end, 0);
        }
        state.bytes[to_usize(offset)..end].copy_from_slice(bytes);
        if [0, 1].map(header::copy_offset).contains(&offset) && bytes.len() == COPY_BYTES {
            let blocks = u64::from_le_bytes(bytes[24..32].try_into().unwrap());
            let counted = (blocks, blocks_in(state.durable_len));
            state.counted.push(counted);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.lock().unwrap().bytes.resize(to_usize(len), 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.durable_len = to_u64(state.bytes.len());
        Ok(())
    }
}

#[test]
fn the_header_counts_on_no_length_that_is_not_durable() {
    let watched = Arc::new(Watched::default());
    let file = BlockFile::open(Arc::clone(&watched) as Arc<dyn StorageFile>, Trust::Verified).unwrap();
    for (commit, blocks) in [(1, 10), (2, 100), (3, 60)] {
        file.begin_commit(GROWTH_BLOCKS);
        file.set_len(blocks * BLOCK_BYTES).unwrap();
        file.write(0, &[commit; 8]).unwrap();
        file.sync_data().unwrap();
        let counted = std::mem::take(&mut watched.0.lock().unwrap().counted);
        assert!(counted.len() >= 2, "the header was not written");
        for (blocks, durable) in &counted {
            assert!(blocks <= durable, "commit {commit}: {counted:?}");
        }
        assert_eq!(counted.last().unwrap().0, blocks);
    }
}

#[test]
fn a_block_that_is_written_leaves_its_neighbours_their_checksums() {
    let watched = Arc::new(Watched::default());
    let open = || BlockFile::open(Arc::clone(&watched) as Arc<dyn StorageFile>, Trust::Verified).unwrap();
    let block = |byte| vec![byte; to_usize(BLOCK_BYTES)];
    let file = open();
    file.set_len(4 * BLOCK_BYTES).unwrap();
    file.write(0, &[1; 8]).unwrap();
    file.write(BLOCK_BYTES, &[block(1), block(2)].concat()).unwrap();
    file.sync_data().unwrap();
    let again = open();
    again.is_opened(Trust::Verified);
    again.write(2 * BLOCK_BYTES, &block(3)).unwrap();
    again.sync_data().unwrap();
    for file in [again, open()] {
        let mut found = vec![0; 2 * to_usize(BLOCK_BYTES)];
        file.is_opened(Trust::Verified);
        file.read(BLOCK_BYTES, &mut found).unwrap();
        assert_eq!(found, [block(1), block(3)].concat());
    }
}
