//! The blocks of `base.redb` and their checksums, written from `docs/format.md` and not from the store's code.
//!
//! Bytes that were changed get through to what stands behind the checksums only if those hold again.

use std::ops::Range;

const BLOCK_BYTES: usize = 4096;
/// A block of checksums, and the blocks that it is for.
const GROUP_STRIDE: usize = 1025;
/// The two copies of the header.
const HEADER_BLOCKS: usize = 2;
const HEADER_BYTES: usize = 512;

/// Makes the checksums hold of all that `changed` touches: of both copies of the header, and of whole blocks. A block
/// of checksums has none.
pub fn seal(file: &mut [u8], changed: Range<usize>) {
    for block in changed.start / BLOCK_BYTES..changed.end.div_ceil(BLOCK_BYTES) {
        if block < HEADER_BLOCKS {
            seal_header(file, block * BLOCK_BYTES);
        } else {
            seal_block(file, block - HEADER_BLOCKS);
        }
    }
}

fn seal_header(file: &mut [u8], at: usize) {
    let Some(copy) = file.get_mut(at..at + HEADER_BYTES) else { return };
    copy[12..16].fill(0);
    let checksum = crc32c::crc32c(copy);
    copy[12..16].copy_from_slice(&checksum.to_le_bytes());
}

/// `place` counts the blocks behind the header.
fn seal_block(file: &mut [u8], place: usize) {
    let (group, place) = (place / GROUP_STRIDE, place % GROUP_STRIDE);
    let Some(place) = place.checked_sub(1) else { return };
    let sums_at = (HEADER_BLOCKS + group * GROUP_STRIDE) * BLOCK_BYTES;
    let block_at = sums_at + (1 + place) * BLOCK_BYTES;
    let number = 1 + group * (GROUP_STRIDE - 1) + place;
    let Some(block) = file.get(block_at..block_at + BLOCK_BYTES) else { return };
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&(number as u64).to_le_bytes()), block).max(1);
    file[sums_at + 4 * place..][..4].copy_from_slice(&checksum.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::files::{BASE, IMAGES};

    #[test]
    fn what_the_store_wrote_is_sealed_as_it_is() {
        for image in IMAGES.iter() {
            let written = image.disk().content(BASE.as_ref());
            let mut sealed = written.clone();
            seal(&mut sealed, 0..2 * BLOCK_BYTES);
            let in_use = (3 * BLOCK_BYTES..written.len()).step_by(BLOCK_BYTES);
            let in_use = in_use.filter(|at| written[*at..][..BLOCK_BYTES].iter().any(|byte| *byte != 0));
            let mut blocks = 0;
            for at in in_use {
                seal(&mut sealed, at..at + 1);
                blocks += 1;
            }
            assert!(blocks > 5, "{blocks} blocks");
            assert!(sealed == written, "a checksum is another");
        }
    }
}
