//! The checksums of the base's blocks, in memory as far as they were needed: four bytes for each block.

use std::sync::atomic::{AtomicU64, Ordering};

use super::layout::{BLOCK_BYTES, GROUP_BLOCKS, place};
use crate::numbers::{to_usize, u32_at};

/// The checksum of a block: of its place, too, so that what belongs elsewhere does not pass. Never 0, which stands for
/// none.
pub(super) fn sum(block: u64, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&block.to_le_bytes()), bytes).max(1)
}

/// A bit for each of a group's 1024 blocks.
const SOUND_WORDS: usize = 1024 / 64;

/// The checksums of a group of blocks.
#[derive(Debug)]
pub(super) struct Group {
    sums: Vec<u32>,
    is_changed: bool,
    /// A bit for each block: whether it was found or written as its checksum says since the file was opened.
    sound: [AtomicU64; SOUND_WORDS],
}

impl Group {
    fn of(bytes: &[u8]) -> Self {
        let sums = (0..to_usize(GROUP_BLOCKS)).map(|place| u32_at(bytes, place * 4).unwrap_or_default()).collect();
        Self { sums, is_changed: false, sound: std::array::from_fn(|_| AtomicU64::new(0)) }
    }

    /// The checksum of a block of this group; `None` where none was ever written.
    pub(super) fn get(&self, block: u64) -> Option<u32> {
        let (_, place) = place(block);
        self.sums.get(to_usize(place)).copied().filter(|sum| *sum != 0)
    }

    fn bit(&self, block: u64) -> (Option<&AtomicU64>, u64) {
        let (_, place) = place(block);
        (self.sound.get(to_usize(place / 64)), 1 << (place % 64))
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(to_usize(BLOCK_BYTES));
        for sum in &self.sums {
            bytes.extend_from_slice(&sum.to_le_bytes());
        }
        bytes
    }
}

/// The checksums of all blocks.
#[derive(Debug, Default)]
pub(super) struct Sums {
    groups: Vec<Option<Box<Group>>>,
}

impl Sums {
    pub(super) fn group(&self, group: u64) -> Option<&Group> {
        self.groups.get(to_usize(group))?.as_deref()
    }

    /// Takes in what the file has for a group, unless that is known.
    pub(super) fn load(&mut self, group: u64, bytes: &[u8]) -> Option<&Group> {
        let place = to_usize(group);
        if self.groups.len() <= place {
            self.groups.resize_with(place + 1, || None);
        }
        Some(self.groups.get_mut(place)?.get_or_insert_with(|| Box::new(Group::of(bytes))))
    }

    fn of_block(&mut self, block: u64) -> Option<&mut Group> {
        let (group, _) = place(block);
        self.groups.get_mut(to_usize(group))?.as_deref_mut()
    }

    /// Takes note that a block was written; its group is known.
    pub(super) fn set(&mut self, block: u64, sum: u32) {
        let (_, place) = place(block);
        let Some(group) = self.of_block(block) else { return };
        if let Some(known) = group.sums.get_mut(to_usize(place)) {
            *known = sum;
            group.is_changed = true;
        }
        if let (Some(word), bit) = group.bit(block) {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// Takes note that a block is as its checksum says.
    pub(super) fn mark_sound(&self, block: u64) {
        let (group, _) = place(block);
        if let Some((Some(word), bit)) = self.group(group).map(|group| group.bit(block))
            && word.load(Ordering::Relaxed) & bit == 0
        {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// Whether a block was as its checksum says since the file was opened.
    pub(super) fn was_sound(&self, block: u64) -> bool {
        let (group, _) = place(block);
        let known = self.group(group).map(|group| group.bit(block));
        matches!(known, Some((Some(word), bit)) if word.load(Ordering::Relaxed) & bit != 0)
    }

    /// Forgets what lies behind the first `blocks` blocks.
    pub(super) fn truncate(&mut self, blocks: u64) {
        let (group, kept) = place(blocks);
        let (group, kept) = (to_usize(group), to_usize(kept));
        if kept == 0 {
            self.groups.truncate(group);
            return;
        }
        self.groups.truncate(group + 1);
        if let Some(Some(last)) = self.groups.get_mut(group) {
            let gone = last.sums.get_mut(kept..).unwrap_or_default();
            if gone.iter().any(|sum| *sum != 0) {
                gone.fill(0);
                last.is_changed = true;
            }
        }
    }

    /// What has changed since the last time, as it is written.
    pub(super) fn take_changed(&mut self) -> Vec<(u64, Vec<u8>)> {
        let mut changed = Vec::new();
        for (number, group) in (0..).zip(&mut self.groups) {
            if let Some(group) = group.as_deref_mut().filter(|group| group.is_changed) {
                group.is_changed = false;
                changed.push((number, group.encode()));
            }
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_in_another_place_have_another_checksum() {
        let bytes = [7; 4096];
        for other in [2, 1 + GROUP_BLOCKS, 1 << 32] {
            assert_ne!(sum(1, &bytes), sum(other, &bytes), "block {other}");
        }
    }
}
