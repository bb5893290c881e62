//! The options of the stores that the targets open: small enough that an input takes milliseconds.

use sessile::{Durability, Options};
use sessile_tests::world::small_options;

/// How large the log gets: eight segments of eight pages, so that they roll and go round.
pub const LOG_BYTES: u64 = 256 << 10;
/// Payloads are no larger: one takes more than a segment, and two of them have room in the log.
pub const PAYLOAD_BYTES: u64 = 64 << 10;

/// Options of a store with a log of a few pages.
pub fn options(durability: Durability) -> Options {
    small_options(durability).log_bytes_max(LOG_BYTES).payload_bytes_max(PAYLOAD_BYTES)
}
