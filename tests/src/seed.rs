//! Seeds: every random test says which one it used, and uses it again when told to.

/// The seed of a random test: the number in `SESSILE_TEST_SEED`, or a new one. It is printed, so that a
/// failure can be replayed.
#[must_use]
pub fn seed(test: &str) -> u64 {
    let given = std::env::var("SESSILE_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| fastrand::u64(..));
    println!("{test}: replay with SESSILE_TEST_SEED={seed}");
    seed
}

/// How thorough the long tests are: the number in `SESSILE_TEST_DEPTH`, 1 by default. Twice as much takes
/// about twice as long.
#[must_use]
pub fn depth() -> u64 {
    std::env::var("SESSILE_TEST_DEPTH").ok().and_then(|depth| depth.parse().ok()).unwrap_or(1).max(1)
}

/// Whether tests that try a part of all cases, chosen at random, are to try them all: `SESSILE_TEST_FULL` is set.
#[must_use]
pub fn is_full() -> bool {
    std::env::var_os("SESSILE_TEST_FULL").is_some()
}
