//! Where the blocks of redb's file stand in the base's file.
//!
//! redb's file is cut into blocks of 4 KiB. Its first block, the header, is kept twice in front. The others follow
//! in groups of 1024, each behind the block that has their checksums.

/// The unit of everything in the base's file, in bytes.
pub(crate) const BLOCK_BYTES: u64 = 4096;
/// How many blocks have their checksums in one block.
pub(super) const GROUP_BLOCKS: u64 = 1024;
/// The two copies of the header stand in blocks of their own.
const HEADER_BLOCKS: u64 = 2;
/// A group and its checksums.
const GROUP_STRIDE: u64 = GROUP_BLOCKS + 1;

/// The group that block `block` of redb's file belongs to, and its place there. The header has none.
pub(super) const fn place(block: u64) -> (u64, u64) {
    let behind_header = block.saturating_sub(1);
    (behind_header / GROUP_BLOCKS, behind_header % GROUP_BLOCKS)
}

/// Where the checksums of a group stand.
pub(super) const fn sums_offset(group: u64) -> u64 {
    (HEADER_BLOCKS + group * GROUP_STRIDE) * BLOCK_BYTES
}

/// Where block `block` of redb's file stands.
pub(super) const fn block_offset(block: u64) -> u64 {
    let (group, place) = place(block);
    sums_offset(group) + (1 + place) * BLOCK_BYTES
}

/// How long the base's file is when redb's has `blocks` blocks.
pub(super) const fn file_bytes(blocks: u64) -> u64 {
    let behind_header = blocks.saturating_sub(1);
    (HEADER_BLOCKS + behind_header.div_ceil(GROUP_BLOCKS) + behind_header) * BLOCK_BYTES
}

/// How many blocks of redb's file a file of `bytes` bytes has room for.
pub(super) const fn blocks_in(bytes: u64) -> u64 {
    let Some(behind_header) = (bytes / BLOCK_BYTES).checked_sub(HEADER_BLOCKS) else { return 0 };
    let (groups, rest) = (behind_header / GROUP_STRIDE, behind_header % GROUP_STRIDE);
    1 + groups * GROUP_BLOCKS + rest.saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_has_a_place_of_its_own() {
        let mut taken = std::collections::BTreeSet::from([0, BLOCK_BYTES]);
        for group in 0..3 {
            assert!(taken.insert(sums_offset(group)));
        }
        for block in 1..=3 * GROUP_BLOCKS {
            assert!(taken.insert(block_offset(block)), "block {block}");
        }
        let last = *taken.last().unwrap();
        assert_eq!(taken.len() as u64 * BLOCK_BYTES, last + BLOCK_BYTES, "nothing is left free");
    }

    #[test]
    fn the_file_is_as_long_as_its_blocks_need() {
        for blocks in 1..=2 * GROUP_BLOCKS + 2 {
            assert_eq!(blocks_in(file_bytes(blocks)), blocks);
            assert_eq!(
                blocks_in(file_bytes(blocks) + BLOCK_BYTES - 1),
                blocks,
                "what is no whole block counts for nothing"
            );
            if blocks > 1 {
                assert_eq!(file_bytes(blocks), block_offset(blocks - 1) + BLOCK_BYTES);
            }
        }
        assert_eq!(blocks_in(0), 0);
    }
}
