//! The log goes from segment to segment without a gap, uses its files again, and stays within its bound.
//!
//! The failure guarded against: acknowledged writes in a segment that nothing leads to, leftovers of a used
//! segment taken for operations, and a log that fills the disk.

use std::collections::BTreeSet;
use std::path::Path;

use sessile::{Durability, Error};
use sessile_tests::disk::{Action, Loss};
use sessile_tests::proof::{Effort, crash_at_every_moment};
use sessile_tests::seed::{depth, seed};
use sessile_tests::world::{PATH, World, small_options};

const HOUR: u64 = 3_600_000;
const LOG_BYTES_MAX: u64 = 4 << 20;

fn log_bytes(world: &World) -> u64 {
    world.disk.used_bytes_in(&Path::new(PATH).join("log"))
}

#[test]
fn a_full_segment_is_synced_before_its_successor_is_written() {
    let mut world = World::new(small_options(Durability::Write), Durability::Write);
    for number in 0..12 {
        world.set(&format!("{}", number % 4), 100_000, HOUR);
        world.settle();
    }
    let trace = world.disk.trace();
    let mut current = None;
    let mut is_synced = true;
    let mut rolls = 0;
    let frames = trace.iter().filter(|event| {
        event.is_on_log(Action::Sync) || (event.is_on_log(Action::Write) && event.offset >= 4096 && event.len < 200_000)
    });
    for event in frames {
        if event.action == Action::Sync {
            is_synced |= current.as_ref() == Some(&event.path);
        } else {
            if current.as_ref().is_some_and(|current| *current != event.path) {
                assert!(is_synced, "{event:?} while {current:?} was not synced");
                rolls += 1;
            }
            current = Some(event.path.clone());
            is_synced = false;
        }
    }
    assert!(rolls >= 2, "the log stayed in one segment");
}

#[test]
fn segments_used_again_recover_in_the_order_of_their_numbers() {
    let mut world = World::small();
    for round in 0..40 {
        world.set(&format!("{}", round % 7), 90_000 + round, HOUR);
        world.advance(10);
        if round % 6 == 5 {
            world.checkpoint();
        }
    }
    let created = world.disk.trace().iter().filter(|event| event.is_on_log(Action::Create)).count();
    assert!(created < 10, "{created} files were made for a log of 8 segments at most");
    world.restart();
    world.check();
    for seed in 0..4 {
        world.set("again", 80_000, HOUR);
        world.settle();
        world.lose_power(Loss::Some, seed);
        world.check();
    }
}

/// Frames are accepted by the random numbers in their segment's header: leftovers of a use before, and bytes
/// that a client stored, cannot have them.
#[test]
fn each_use_of_a_segment_has_random_numbers_of_its_own() {
    let mut world = World::small();
    for round in 0..30 {
        world.set(&format!("{}", round % 7), 90_000 + round, HOUR);
        world.advance(10);
        if round % 6 == 5 {
            world.checkpoint();
        }
    }
    let mut uses = 0;
    let mut salts = BTreeSet::new();
    let moments = world.disk.moments();
    for event in world.disk.trace().iter().filter(|event| event.is_on_log(Action::Write) && event.offset == 0) {
        let then = moments.iter().find(|moment| moment.events == event.number).unwrap().after_kill();
        salts.insert(then.content(&event.path)[32..40].to_vec());
        uses += 1;
    }
    assert!(uses > 6);
    assert_eq!(salts.len(), uses);
}

#[test]
fn a_crash_at_any_moment_of_a_roll_loses_nothing() {
    let mut world = World::new(small_options(Durability::Write), Durability::Write);
    for number in 0..10 {
        world.set(&format!("{}", number % 3), 120_000, HOUR);
        world.settle();
        if number == 4 {
            world.advance(1000);
        }
        if number == 6 {
            world.checkpoint();
        }
    }
    let crashes = crash_at_every_moment(&world, 11, Effort { rounds: 3, recoveries: 20 });
    assert!(crashes > 100);
}

#[test]
fn the_log_never_grows_beyond_its_bound_and_writes_wait_for_the_checkpoint() {
    let mut world = World::small();
    let mut accepted = 0;
    let mut most = 0;
    // Maintenance does not run: no checkpoint empties the log.
    for number in 0..200 {
        if world.try_set(&format!("{}", number % 50), 60_000, HOUR).is_ok() {
            accepted += 1;
        }
        world.simulation().step_reader();
        world.commit();
        most = most.max(log_bytes(&world));
    }
    assert!(most <= LOG_BYTES_MAX, "the log had {most} bytes");
    assert!(accepted > 40, "{accepted} writes fit");
    assert!(world.waiting() > 0, "everything was acknowledged, the log cannot have been full");
    // And heals as soon as one runs.
    world.settle();
    assert_eq!(world.waiting(), 0);
    assert!(log_bytes(&world) <= LOG_BYTES_MAX);
    world.restart();
    world.check();
}

#[test]
fn the_log_stays_within_its_bound_under_lasting_load() {
    let mut world = World::small();
    let mut most = 0;
    for number in 0_u64..300 {
        drop(world.try_set(&format!("{}", number % 20), 20_000 + number as usize, HOUR));
        world.commit();
        world.simulation().step_maintenance();
        world.simulation().step_reader();
        most = most.max(log_bytes(&world));
        if number % 50 == 49 {
            world.advance(1);
        }
    }
    world.settle();
    assert!(most <= LOG_BYTES_MAX, "the log had {most} bytes");
    assert!(world.store().stats().checkpoints > 1);
    world.check();
    world.restart();
    world.check();
}

#[test]
fn a_batch_larger_than_a_frame_is_written_in_order() {
    let options = small_options(Durability::Fsync).log_bytes_max(64 << 20);
    let mut world = World::new(options, Durability::Fsync);
    for number in 0..6 {
        world.set("same", 700_000 + number, HOUR);
    }
    world.set("last", 1 << 20, HOUR);
    world.settle();
    world.lose_power(Loss::Everything, 0);
    world.check();
}

/// What a checkpoint waits for may need more than the log's reserve: were it to wait for room, it would wait
/// for itself.
#[test]
fn a_checkpoint_that_needs_more_than_the_reserve_gets_it() {
    let mut world = World::small();
    // Maintenance does not run, until the log takes no more.
    for number in 0..60 {
        world.set(&format!("{number}"), 60_000, HOUR);
        world.simulation().step_reader();
        world.commit();
        if world.waiting() > 0 {
            break;
        }
    }
    assert_eq!(world.waiting(), 1);
    assert!(log_bytes(&world) <= LOG_BYTES_MAX / 8 * 5);
    world.set("large", 440_000, HOUR);
    world.set("largest", 1 << 20, HOUR);
    assert!(matches!(world.try_set("too much", 100, HOUR), Err(Error::Overloaded { .. })));
    world.simulation().step_reader();
    world.commit();
    assert_eq!(world.waiting(), 3);
    let mut most = 0;
    while world.simulation().step_maintenance() {
        most = most.max(log_bytes(&world));
    }
    assert!(most > LOG_BYTES_MAX, "the log had {most} bytes, the reserve was enough");
    assert!(most <= LOG_BYTES_MAX + (1 << 20));
    world.settle();
    assert_eq!(world.waiting(), 0);
    assert!(log_bytes(&world) <= LOG_BYTES_MAX);
    world.lose_power(Loss::Everything, 0);
    world.check();
}

/// Segments of the smallest log are smaller than a frame may be: some are made to measure.
#[test]
fn frames_larger_than_a_segment_keep_the_smallest_log_within_its_bound() {
    let seed = seed("frames_larger_than_a_segment_keep_the_smallest_log_within_its_bound");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut world = World::small();
    let mut most = 0;
    for round in 0..150 * depth() {
        let mut left = random.usize(1000..(1 << 20) - 10_000);
        while left > 0 {
            let len = random.usize(1..=left);
            match world.try_set(&format!("{}", random.u8(0..20)), len, HOUR) {
                Ok(()) => left -= len,
                Err(Error::Overloaded { .. }) => left = 0,
                Err(error) => panic!("round {round}: {error}"),
            }
        }
        world.commit();
        most = most.max(log_bytes(&world));
        while world.waiting() > 0 {
            world.simulation().step_reader();
            world.simulation().step_maintenance();
            world.commit();
            most = most.max(log_bytes(&world));
        }
        match random.u8(0..30) {
            0 => world.restart(),
            1 => {
                let seed = random.u64(..);
                world.lose_power(Loss::of_round(seed % 4), seed);
            }
            _ => continue,
        }
        // What a recovery wrote again, in segments of its own, may exceed the bound until it is covered.
        world.checkpoint();
    }
    assert!(most <= LOG_BYTES_MAX, "the log had {most} bytes");
    world.settle();
    world.check();
}

/// What is too large for the room that is left waits for a checkpoint, also where the log is not half full yet.
#[test]
fn a_large_session_does_not_wait_for_a_log_that_is_little_used() {
    let options = small_options(Durability::Fsync).log_bytes_max(256 << 10).payload_bytes_max(64 << 10);
    let mut waited = 0;
    for used in (10_000..60_000).step_by(5000) {
        for len in (30_000..60_000).step_by(5000) {
            let mut world = World::new(options.clone(), Durability::Fsync);
            world.set("recovered", used, HOUR);
            world.settle();
            // A recovery's segments are as large as what they hold.
            world.restart_unchecked();
            world.set("large", len, HOUR);
            world.settle();
            world.set("larger", len + 4000, HOUR);
            world.settle();
            waited += u64::from(world.store().stats().checkpoints > 0);
            assert_eq!(world.waiting(), 0, "{len} bytes behind {used}");
        }
    }
    assert!(waited > 0, "nothing had to wait for a checkpoint");
}
