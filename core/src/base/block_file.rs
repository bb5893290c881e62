//! The base's file under redb: every block is verified as it is read.
//!
//! redb does not verify what its normal reads find, and a page of its tree that has changed can lead a lookup to
//! "there is none". So each block has a CRC-32C of its place and its content, verified whenever redb's cache of pages
//! asks for it, and redb's header is kept twice. A read gives what was written or fails with [`Damage`].
//!
//! The checksums need no journal. Each commit of the base first writes and syncs its blocks, to places that nothing
//! durable leads to, with their checksums beside them, and only then changes the header: until a block and its
//! checksum are durable nothing leads there, and afterwards neither is written again until nothing does. What a power
//! loss tears belongs to a commit that never came about.

use std::collections::BTreeSet;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::header::{self, Found, Header};
use super::layout::{BLOCK_BYTES, GROUP_BLOCKS, block_offset, blocks_in, file_bytes, place, sums_offset};
use super::locks::{Mutex, RwLock};
use super::refusal::{Damage, Grown, Refusal};
use super::sums::{Sums, sum};
use crate::numbers::{to_u64, to_usize};
use crate::storage::StorageFile;

/// How many blocks the file may grow by at once unless something else is said.
const GROWTH_BLOCKS: u64 = 256;
/// How many blocks are read for verifying in one call.
const VERIFIED_AT_ONCE: usize = 32;

/// Which blocks are read whatever their checksums say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Trust {
    /// None.
    #[default]
    Verified,
    /// Those of what redb takes for leaves of its trees: they lead nowhere.
    Leaves,
    /// All.
    Everything,
}

/// With which a page of redb's begins that is a leaf of a tree.
const LEAF: u8 = 1;

/// The base's file.
#[derive(Debug)]
pub(super) struct BlockFile {
    file: Arc<dyn StorageFile>,
    /// How many blocks redb's file has, the header among them.
    blocks: AtomicU64,
    sums: RwLock<Sums>,
    trust: Mutex<Trust>,
    /// How many blocks it may grow by at once.
    growth: AtomicU64,
    /// Held while anything is written.
    writer: Mutex<Writer>,
}

#[derive(Debug)]
struct Writer {
    header: Header,
    /// Where the newer copy of the header stands.
    newer: usize,
    /// The newer copy as it was found, until it is known to be on the disk: a process that was killed may have left it
    /// to the system, or a sync of it have failed, and the other copy must not be written before that.
    found: Option<Box<Header>>,
    /// Whether redb's header has changed since both copies were durable.
    is_changed: bool,
    /// Whether it has not changed since the last commit was begun.
    is_untouched: bool,
    /// How many blocks the file has had since the last sync.
    durable_blocks: u64,
}

impl BlockFile {
    /// Opens the file, which is new where it is empty. Unless blocks have to be verified, none is until
    /// [`BlockFile::is_opened`], and what was cut off counts as zeros.
    pub(super) fn open(file: Arc<dyn StorageFile>, trust: Trust) -> Result<Self, Refusal> {
        let bytes = file.len()?;
        let (header, newer, is_twice) = match Header::read(file.as_ref())? {
            Found::Header { header, place, is_twice } => (header, place, is_twice),
            Found::NewerFormat(format) => return Err(Refusal::NewerFormat(format)),
            Found::Nothing if bytes == 0 => (Box::new(Header::new()), 1, true),
            Found::Nothing if header::is_bare(file.as_ref()) => {
                let reason = "it has no checksums, being from before they came in; a salvage cannot read it either";
                return Err(Refusal::Damage(Damage::new(0, reason)));
            }
            Found::Nothing => return Err(Refusal::Damage(Damage::new(0, "both copies of its header are damaged"))),
        };
        let mut blocks = blocks_in(bytes);
        if blocks < header.blocks && trust != Trust::Verified {
            file.set_len(file_bytes(header.blocks))?;
            blocks = header.blocks;
        }
        if blocks < header.blocks {
            let reason = format!("it ends here and had {} bytes", file_bytes(header.blocks));
            return Err(Refusal::Damage(Damage::new(bytes, reason)));
        }
        let durable_blocks = header.blocks;
        // A new file has at once all that redb begins with; one that is salvaged grows in memory.
        let growth = if bytes == 0 || trust != Trust::Verified { u64::MAX } else { GROWTH_BLOCKS };
        Ok(Self {
            file,
            blocks: AtomicU64::new(blocks),
            sums: RwLock::default(),
            trust: Mutex::new(if trust == Trust::Verified { trust } else { Trust::Everything }),
            growth: AtomicU64::new(growth),
            // A copy that is damaged, or was about to be written, is made good with the next sync.
            writer: Mutex::new(Writer {
                found: (bytes > 0).then(|| header.clone()),
                header: *header,
                newer,
                is_changed: !is_twice,
                is_untouched: false,
                durable_blocks,
            }),
        })
    }

    /// redb has the file open: from now on only what `trust` says is read unverified.
    pub(super) fn is_opened(&self, trust: Trust) {
        *self.trust.lock() = trust;
    }

    /// A commit begins, for which the file may grow by so many blocks at once.
    pub(super) fn begin_commit(&self, growth: u64) {
        self.writer.lock().is_untouched = true;
        self.growth.store(growth, Ordering::Relaxed);
    }

    /// Whether the commit that was begun last has not come to the header: it has then certainly not happened.
    pub(super) fn is_untouched(&self) -> bool {
        self.writer.lock().is_untouched
    }

    /// Whether a page is read although one of its blocks does not match its checksum.
    fn trusts(&self, first_byte: Option<u8>) -> bool {
        match *self.trust.lock() {
            Trust::Verified => false,
            Trust::Leaves => first_byte == Some(LEAF),
            Trust::Everything => true,
        }
    }

    /// How many blocks there are to be verified, the header among them.
    pub(super) fn blocks(&self) -> u64 {
        self.blocks.load(Ordering::Acquire)
    }

    /// Verifies some blocks as they are on the disk now.
    ///
    /// # Errors
    /// The disk's own.
    pub(super) fn verify(&self, blocks: Range<u64>) -> io::Result<Verified> {
        let mut verified = Verified::default();
        let mut end = blocks.end.min(self.blocks());
        if blocks.start == 0 && end > 0 {
            // Never torn: both were written again when the store was opened.
            let writer = self.writer.lock();
            for place in [0, 1] {
                if !writer.is_changed && !header::is_whole(self.file.as_ref(), place)? {
                    let at = header::copy_offset(place);
                    verified.damaged.push(Damage::new(at, "one of the two copies of the header is damaged"));
                }
            }
        }
        let mut bytes = vec![0; VERIFIED_AT_ONCE * to_usize(BLOCK_BYTES)];
        let mut block = blocks.start.max(1);
        let mut is_again = false;
        while block < end {
            let run_end = Self::run(block, end.min(block + to_u64(VERIFIED_AT_ONCE)));
            match self.verify_run(block, run_end, &mut bytes, &mut verified) {
                Ok(()) => (block, is_again) = (run_end, false),
                // A commit may just have cut the file.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && !is_again => {
                    let _writer = self.writer.lock();
                    (end, is_again) = (end.min(self.blocks()), true);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(verified)
    }

    /// Verifies blocks that stand behind one another.
    fn verify_run(&self, block: u64, end: u64, bytes: &mut [u8], verified: &mut Verified) -> io::Result<()> {
        let run = bytes.get_mut(..to_usize((end - block) * BLOCK_BYTES)).unwrap_or_default();
        self.file.read_at(block_offset(block), run)?;
        for (block, bytes) in (block..).zip(run.chunks_mut(to_usize(BLOCK_BYTES))) {
            if !self.is_sound(block, bytes)? {
                self.verify_again(block, bytes, verified)?;
            }
        }
        Ok(())
    }

    /// Verifies a block while nothing is written: it may just have been.
    fn verify_again(&self, block: u64, bytes: &mut [u8], verified: &mut Verified) -> io::Result<()> {
        let _writer = self.writer.lock();
        if block >= self.blocks() {
            return Ok(());
        }
        self.file.read_at(block_offset(block), bytes)?;
        if self.is_sound(block, bytes)? {
            return Ok(());
        }
        if self.sums.read().was_sound(block) {
            verified.damaged.push(Damage::of_block(block));
        } else {
            verified.unsure.insert(block);
        }
        Ok(())
    }

    fn is_sound(&self, block: u64, bytes: &[u8]) -> io::Result<bool> {
        let expected = self.expected(block)?;
        if expected.is_none() {
            return Ok(bytes.iter().all(|byte| *byte == 0));
        }
        let is_sound = expected == Some(sum(block, bytes));
        if is_sound {
            self.sums.read().mark_sound(block);
        }
        Ok(is_sound)
    }

    /// The checksum that a block has to have; `None` where none was ever written.
    fn expected(&self, block: u64) -> io::Result<Option<u32>> {
        let (group, _) = place(block);
        if let Some(sums) = self.sums.read().group(group) {
            return Ok(sums.get(block));
        }
        let mut bytes = vec![0; to_usize(BLOCK_BYTES)];
        self.file.read_at(sums_offset(group), &mut bytes)?;
        let mut sums = self.sums.write();
        Ok(sums.load(group, &bytes).and_then(|group| group.get(block)))
    }

    /// Blocks that stand behind one another in the file, from `block` on and before `end`.
    fn run(block: u64, end: u64) -> u64 {
        let (_, place) = place(block);
        (block + GROUP_BLOCKS - place).min(end)
    }

    fn read_blocks(&self, mut block: u64, mut out: &mut [u8]) -> io::Result<()> {
        let end = block + to_u64(out.len()) / BLOCK_BYTES;
        let mut first_byte = None;
        while block < end {
            let run_end = Self::run(block, end);
            let (run, rest) = out.split_at_mut(to_usize((run_end - block) * BLOCK_BYTES));
            self.file.read_at(block_offset(block), run)?;
            first_byte = first_byte.or_else(|| run.first().copied());
            for (block, bytes) in (block..).zip(run.chunks(to_usize(BLOCK_BYTES))) {
                if self.expected(block)? != Some(sum(block, bytes)) {
                    if self.trusts(first_byte) {
                        continue;
                    }
                    return Err(Damage::of_block(block).into());
                }
                self.sums.read().mark_sound(block);
            }
            (block, out) = (run_end, rest);
        }
        Ok(())
    }

    fn write_blocks(&self, mut block: u64, mut bytes: &[u8]) -> io::Result<()> {
        let end = block + to_u64(bytes.len()) / BLOCK_BYTES;
        while block < end {
            let run_end = Self::run(block, end);
            let (run, rest) = bytes.split_at(to_usize((run_end - block) * BLOCK_BYTES));
            // The checksums of their neighbours, which are written along with theirs.
            self.expected(block)?;
            self.file.write_at(block_offset(block), run)?;
            let mut sums = self.sums.write();
            for (block, bytes) in (block..).zip(run.chunks(to_usize(BLOCK_BYTES))) {
                sums.set(block, sum(block, bytes));
            }
            (block, bytes) = (run_end, rest);
        }
        Ok(())
    }

    /// Writes the header to one place, durably, then to the other, so that one of them is always whole.
    fn write_header(&self, writer: &mut Writer) -> io::Result<()> {
        if let Some(found) = &writer.found {
            // The same bytes once more, since a sync that failed may have taken them for written.
            found.write(self.file.as_ref(), writer.newer)?;
            self.file.sync_data()?;
            writer.found = None;
        }
        for _ in 0..2 {
            let older = 1 - writer.newer;
            let blocks = self.blocks();
            writer.header.sequence += 1;
            writer.header.blocks = writer.durable_blocks.min(blocks);
            writer.header.write(self.file.as_ref(), older)?;
            self.file.sync_data()?;
            writer.newer = older;
            writer.durable_blocks = blocks;
        }
        writer.is_changed = false;
        Ok(())
    }

    fn write_sums(&self) -> io::Result<()> {
        let changed = self.sums.write().take_changed();
        for (group, bytes) in changed {
            self.file.write_at(sums_offset(group), &bytes)?;
        }
        Ok(())
    }
}

/// What was found by verifying blocks.
#[derive(Debug, Default)]
pub(super) struct Verified {
    /// What was sound in the life of this process.
    pub(super) damaged: Vec<Damage>,
    /// Blocks that nobody has read since the file was opened: damaged, or left so by a commit that a crash stopped, in
    /// which case nothing leads there.
    pub(super) unsure: BTreeSet<u64>,
}

/// redb's operations come in whole blocks, but for those on its header.
fn whole_blocks(offset: u64, len: usize) -> io::Result<u64> {
    if offset.is_multiple_of(BLOCK_BYTES) && to_u64(len).is_multiple_of(BLOCK_BYTES) {
        return Ok(offset / BLOCK_BYTES);
    }
    Err(io::Error::other(format!("{len} bytes at {offset} are not whole blocks")))
}

fn header_range(offset: u64, len: usize) -> io::Result<Range<usize>> {
    header::range(offset, len)
        .ok_or_else(|| io::Error::other(format!("{len} bytes at {offset} are more than a header has")))
}

/// redb's operations on its file.
impl BlockFile {
    pub(super) fn len(&self) -> u64 {
        self.blocks() * BLOCK_BYTES
    }

    pub(super) fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if offset >= BLOCK_BYTES {
            return self.read_blocks(whole_blocks(offset, out.len())?, out);
        }
        let range = header_range(offset, out.len())?;
        if let Some(content) = self.writer.lock().header.content.get(range) {
            out.copy_from_slice(content);
        }
        Ok(())
    }

    pub(super) fn set_len(&self, len: u64) -> io::Result<()> {
        let asked = whole_blocks(0, to_usize(len))? + len / BLOCK_BYTES;
        let mut writer = self.writer.lock();
        let before = self.blocks();
        if asked > before {
            // redb asks for twice the file. What it gets has its room: it may use any of it, in any order, and a write
            // that found none would leave the room taken that those before it found.
            let blocks = asked.min(before.saturating_add(self.growth.load(Ordering::Relaxed)));
            let allocated = self.file.allocate(file_bytes(blocks));
            if allocated.is_ok() {
                self.blocks.store(blocks, Ordering::Release);
                if blocks == asked {
                    return Ok(());
                }
            }
            // The commit ends here. What it has written is in places that nothing leads to, and verifies all the same.
            self.write_sums()?;
            return allocated.and(Err(io::Error::other(Grown)));
        }
        if asked < writer.durable_blocks {
            // The header must not count on what is about to go.
            writer.durable_blocks = asked;
            self.blocks.store(asked, Ordering::Release);
            self.write_header(&mut writer)?;
        }
        self.file.set_len(file_bytes(asked))?;
        self.sums.write().truncate(asked);
        self.blocks.store(asked, Ordering::Release);
        Ok(())
    }

    pub(super) fn sync_data(&self) -> io::Result<()> {
        let mut writer = self.writer.lock();
        let blocks = self.blocks();
        self.write_sums()?;
        if writer.is_changed {
            return self.write_header(&mut writer);
        }
        self.file.sync_data()?;
        writer.durable_blocks = blocks;
        Ok(())
    }

    pub(super) fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut writer = self.writer.lock();
        if offset >= BLOCK_BYTES {
            return self.write_blocks(whole_blocks(offset, data.len())?, data);
        }
        let range = header_range(offset, data.len())?;
        if let Some(content) = writer.header.content.get_mut(range)
            && content != data
        {
            content.copy_from_slice(data);
            writer.is_changed = true;
            writer.is_untouched = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
