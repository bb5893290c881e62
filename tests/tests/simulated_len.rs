//! `len` is the exact number of living sessions, at any moment, wherever they are.
//!
//! The failure guarded against: a count that drifts, by one for each crash, race or expiry.

use std::io::ErrorKind;

use sessile::{Durability, Error};
use sessile_tests::disk::{Action, Fault, Loss};
use sessile_tests::seed::{depth, seed};
use sessile_tests::world::{World, small_options};

const HOUR: u64 = 3_600_000;

#[test]
fn len_counts_each_session_once_wherever_it_is() {
    let mut world = World::small();
    world.set("a", 10, HOUR);
    assert_eq!(world.store().len().unwrap(), 1, "in memory, not looked up yet");
    world.set("a", 20, HOUR);
    world.checkpoint();
    world.set("a", 30, HOUR);
    assert_eq!(world.store().len().unwrap(), 1, "in memory and in the base");
    world.restart();
    assert_eq!(world.store().len().unwrap(), 1, "in the log and in the base");
    world.set("b", 10, HOUR);
    world.destroy("missing");
    world.touch("missing", HOUR);
    assert_eq!(world.store().len().unwrap(), 2);
    world.destroy("a");
    world.destroy("a");
    assert_eq!(world.store().len().unwrap(), 1);
}

#[test]
fn a_session_set_again_after_a_destroy_counts_until_its_expiry() {
    let mut world = World::small();
    world.set("a", 10, 1000);
    world.settle();
    world.destroy("a");
    // The tombstone, not in the base yet, outlives the old expiry.
    world.advance(1500);
    world.set("a", 10, 3000);
    world.settle();
    assert_eq!(world.store().len().unwrap(), 1);
    world.advance(3500);
    assert_eq!(world.store().len().unwrap(), 0);
    assert_eq!(world.store().stats().reaped, 1);
}

/// Random operations; `World::check` compares `len` with what can be read, and with the model.
#[test]
fn len_is_exact_through_a_random_life() {
    let seed = seed("len_is_exact_through_a_random_life");
    let mut random = fastrand::Rng::with_seed(seed);
    for life in 0..6 * depth() {
        let durability = random.choice([Durability::Fsync, Durability::Write, Durability::Async]).unwrap();
        let cache_bytes = random.choice([0, 2000, 64 << 20]).unwrap();
        let mut world = World::new(small_options(durability).cache_bytes(cache_bytes), durability);
        for step in 0..250 {
            let name = format!("{}", random.u8(0..12));
            match random.u8(0..23) {
                0..8 => world.set(&name, random.usize(1..3000), random.u64(1..20_000)),
                8..11 => world.touch(&name, random.u64(1..20_000)),
                11..14 => world.destroy(&name),
                14 if random.u8(0..4) == 0 => world.clear(),
                15 => world.pass(random.u64(1..500)),
                16 => world.advance(random.u64(1..5000)),
                17 => world.checkpoint(),
                18 => world.settle(),
                19 => drop(world.simulation().step_reader()),
                20 => world.commit(),
                21 if random.bool() => world.restart(),
                22 if random.bool() => {
                    let seed = random.u64(..);
                    world.lose_power(Loss::of_round(seed % 4), seed);
                }
                _ => drop(world.simulation().step_maintenance()),
            }
            if random.u8(0..6) == 0 {
                let found = world.read_all();
                let expected = world.model.living(world.now());
                let found = found.unwrap_or_else(|reason| panic!("life {life}, step {step}: {reason}"));
                let names: Vec<_> = found.keys().collect();
                let expected_names: Vec<_> = expected.keys().collect();
                assert_eq!(names, expected_names, "life {life}, step {step}");
            }
        }
        world.settle();
        world.check();
    }
}

/// Whether a set is of a new session is not known while the base cannot be read: no number would be right.
#[test]
fn len_fails_rather_than_being_wrong_while_the_base_cannot_be_read() {
    let mut world = World::new(small_options(Durability::Fsync).cache_bytes(0), Durability::Fsync);
    world.fill_base();
    let (mut failed, mut exact) = (0, 0);
    for failures in 1..8 {
        world.kill();
        world.open_unchecked().unwrap();
        world.settle();
        world.evict_pages();
        // The base fails, and cannot be opened again either for the next tries.
        let mut left = failures;
        world.disk.fail_when(move |event| {
            let fails = left > 0 && event.is_on_base(Action::Read);
            left -= u64::from(fails);
            fails.then_some(Fault::Error(ErrorKind::Other))
        });
        world.set(&format!("filler {failures}, again"), 200, HOUR);
        match world.store().len() {
            Ok(len) => {
                assert_eq!(len, 24 + failures, "after {failures} failures");
                exact += 1;
            }
            Err(Error::Io { .. }) => failed += 1,
            Err(error) => panic!("{error}"),
        }
        world.disk.heal();
        assert_eq!(world.store().len().unwrap(), 24 + failures);
        world.checkpoint();
    }
    assert!(failed > 0 && exact > 0, "{failed} failed, {exact} were exact");
}
