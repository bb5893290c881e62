//! A disk without one free byte, block by block: what is removed makes room for what comes, with nobody's help.
//!
//! The failures guarded against: a reaper or a checkpoint that needs room to give room back, and waits for ever; a
//! store that cannot be opened on a full disk, although what it holds has long expired.

use std::path::Path;
use std::sync::Arc;

use sessile::{Durability, EndCause, Error};
use sessile_tests::disk::{Action, Event, Loss};
use sessile_tests::model::Crash;
use sessile_tests::world::{PATH, World, id, small_options};

const HOUR: u64 = 3_600_000;
const MINUTE: u64 = 60_000;

fn world() -> World {
    let mut world = World::new(small_options(Durability::Fsync).cache_bytes(0), Durability::Fsync);
    world.set("before", 100, HOUR);
    world.checkpoint();
    world
}

/// Leaves the disk this many bytes that are free.
fn leave(world: &World, free_bytes: u64) {
    world.disk.set_capacity(Some(world.disk.used_bytes() + free_bytes));
}

/// Writes new sessions until one is refused, or there are this many. Returns how many there are.
fn write_until_refused(world: &mut World, prefix: &str, most: usize, len: usize, ttl_millis: u64) -> usize {
    for number in 0..most {
        match world.try_set(&format!("{prefix} {number}"), len, ttl_millis) {
            Ok(()) if number % 8 > 0 => world.settle(),
            Ok(()) => world.advance(20),
            Err(Error::DiskFull { .. }) => return number,
            Err(Error::Overloaded { .. }) => world.advance(1000),
            Err(error) => panic!("{error}"),
        }
    }
    most
}

/// A restart on the full disk, then one with room, then a power loss: everything is there each time.
fn reopen(mut world: World) {
    world.restart();
    world.settle();
    world.kill();
    world.disk.set_capacity(None);
    world.open(Crash::Kill);
    world.lose_power(Loss::Everything, 0);
}

/// How many of these sets are accepted and acknowledged.
fn accepted(world: &mut World, count: usize, len: usize) -> usize {
    let mut accepted = 0;
    for number in 0..count {
        if world.try_set(&format!("later {}", number % 8), len, HOUR).is_ok() {
            world.advance(20);
            accepted += usize::from(world.waiting() == 0);
        } else {
            world.advance(1000);
        }
    }
    accepted
}

#[test]
fn what_expires_makes_room_on_a_full_disk() {
    for len in [2_000, 60_000] {
        for free_bytes in [0, 600_000] {
            reopen(expire_on_a_full_disk(world(), len, free_bytes));
        }
    }
}

/// The reaper otherwise leaves what has expired on the disk for it.
#[test]
fn what_expires_makes_room_on_a_full_disk_whoever_listens_and_does_not_keep_up() {
    let mut world = world();
    let listener = world.store().listen(EndCause::Expired, || ()).unwrap();
    for number in 0..6 {
        world.set(&format!("fills the mailbox {number}"), 900_000, 1000);
        world.checkpoint();
    }
    world.advance(3000);
    world.set("waits", 100, 1000);
    world.checkpoint();
    world.advance(3000);
    assert_eq!(world.store().stats().base_sessions, 2, "the mailbox is not full");
    drop(expire_on_a_full_disk(world, 60_000, 0));
    assert!(listener.take(usize::MAX, u64::MAX).len() > 7);
}

/// Fills the disk with sessions that expire, and sees that as many others find room then.
fn expire_on_a_full_disk(mut world: World, len: usize, free_bytes: u64) -> World {
    let most = 3_000_000 / len;
    // In the base, half of them for long.
    for number in 0..most {
        world.set(&format!("{number}"), len, if number % 2 == 0 { MINUTE } else { HOUR });
        if number % (200_000 / len) == 0 {
            world.advance(20);
        }
    }
    world.checkpoint();
    leave(&world, free_bytes);
    let written = write_until_refused(&mut world, "until full", 6_000_000 / len, len, MINUTE);
    let refused = world.try_set("refused", len, HOUR);
    let is_full = matches!(refused, Err(Error::DiskFull { .. }));
    assert!(is_full, "{len}, {free_bytes}: after {written}: {refused:?}");
    world.advance(2 * MINUTE);
    let accepted = accepted(&mut world, 60, len);
    assert!(accepted >= 50, "{len}, {free_bytes}: {accepted} of 60");
    world.check();
    world
}

/// The base cannot use what a transaction frees while somebody reads what was before, and then only once another
/// transaction has come about, which on a full disk nobody else makes.
#[test]
fn what_was_removed_during_a_read_makes_room_for_the_next_checkpoint() {
    let options = small_options(Durability::Fsync).log_bytes_max(16 << 20).dirty_bytes(16 << 20).cache_bytes(0);
    let mut world = World::new(options, Durability::Fsync);
    let names: Vec<_> = (0..200).map(|number| format!("{number}")).collect();
    for name in &names {
        world.set(name, 20_000, HOUR);
        world.settle();
    }
    world.set("cold", 100, HOUR);
    world.checkpoint();
    world.fill_base();
    world.evict_pages();
    for name in &names {
        world.destroy(name);
    }
    world.settle();
    let simulation = Arc::clone(world.simulation());
    world.disk.once(
        |event| event.is_on_base(Action::Read),
        move || {
            simulation.ask_checkpoint();
            while simulation.step_maintenance() {}
        },
    );
    let checkpoints = world.store().stats().checkpoints;
    drop(world.store().get_async(&id("cold"), |_| {}));
    world.settle();
    assert_eq!(world.store().stats().checkpoints, checkpoints + 1, "the lookup did not read the disk");
    // The log has its room.
    leave(&world, 0);
    for name in &names {
        world.set(&format!("new {name}"), 20_000, HOUR);
        world.settle();
    }
    let failures = world.store().stats().checkpoint_failures;
    world.checkpoint();
    assert_eq!(world.store().stats().checkpoint_failures, failures);
    world.check();
}

/// Destroys on a full disk: they are taken, and answered.
fn destroy_some(world: &mut World, prefix: &str, count: usize, one_in: usize) {
    for number in (0..count).step_by(one_in) {
        world.try_destroy(&format!("{prefix} {number}")).unwrap();
        world.settle();
        assert_eq!(world.waiting(), 0, "{prefix} {number} is not answered");
    }
}

/// What is removed on a full disk.
#[derive(Debug, Clone, Copy)]
enum Removed {
    Cleared,
    Every,
    EverySecond,
    /// All that the base has; what has still to go into it stays.
    OfTheBase,
}

#[test]
fn what_is_destroyed_or_cleared_makes_room_on_a_full_disk() {
    for removed in [Removed::Cleared, Removed::Every, Removed::EverySecond, Removed::OfTheBase] {
        for len in [2_000, 60_000] {
            let mut world = world();
            let based = write_until_refused(&mut world, "based", 2_000_000 / len, len, HOUR);
            world.checkpoint();
            leave(&world, 0);
            let written = write_until_refused(&mut world, "until full", 10_000_000 / len, len, HOUR);
            world.advance(5000);
            let refused = world.try_set("refused", len, HOUR);
            assert!(matches!(refused, Err(Error::DiskFull { .. })), "{len}: after {written}: {refused:?}");
            let one_in = if matches!(removed, Removed::EverySecond) { 2 } else { 1 };
            match removed {
                Removed::Cleared => world.clear(),
                Removed::OfTheBase => destroy_some(&mut world, "based", based, one_in),
                Removed::Every | Removed::EverySecond => {
                    destroy_some(&mut world, "until full", written, one_in);
                    destroy_some(&mut world, "based", based, one_in);
                }
            }
            world.advance(30_000);
            let accepted = accepted(&mut world, 40, len);
            assert!(accepted >= 35, "{len}, {removed:?}, {written} more written: {accepted} of 40");
            world.check();
            reopen(world);
        }
    }
}

/// Or each try would take what was freed for it, for pages that the next one does not come back to.
#[test]
fn a_commit_that_finds_no_room_takes_none() {
    let base = Path::new(PATH).join("base.redb");
    for free_bytes in [0, 50_000, 300_000, 700_000] {
        let mut world = world();
        let mut round = 0;
        let mut set_some = |world: &mut World| {
            round += 1;
            for number in 0..7 {
                world.set(&format!("{round}: {number}"), 60_000, HOUR);
                world.settle();
            }
        };
        // Until the log has all the segments it needs.
        for _ in 0..10 {
            set_some(&mut world);
            world.checkpoint();
        }
        leave(&world, free_bytes);
        let failed = (0..30).find_map(|_| {
            set_some(&mut world);
            let (events, taken) = (world.disk.events(), world.disk.used_bytes_in(&base));
            let ticket = world.simulation().ask_checkpoint();
            world.settle();
            (!world.simulation().has_made(ticket)).then_some((events, taken))
        });
        let (events, taken) = failed.expect("the base never wanted more room");
        let is_growth = |event: &Event| event.is_on_base(Action::Write) && event.offset >= taken;
        assert!(world.disk.trace_after(events).iter().any(is_growth), "{free_bytes} bytes: the base was not written");
        assert_eq!(world.disk.used_bytes_in(&base), taken, "{free_bytes} bytes were free");
    }
}

/// The reserve comes and goes: no moment of that is one that a power loss may not strike.
#[test]
fn a_power_loss_while_room_is_made_loses_nothing_acknowledged() {
    let mut world = world();
    let based = write_until_refused(&mut world, "based", 16, 60_000, HOUR);
    world.checkpoint();
    leave(&world, 0);
    let before = world.disk.events();
    let written = write_until_refused(&mut world, "until full", 100, 60_000, MINUTE);
    destroy_some(&mut world, "based", based, 2);
    destroy_some(&mut world, "until full", written, 2);
    world.advance(2 * MINUTE);
    assert!(accepted(&mut world, 5, 60_000) == 5);
    let trace = world.disk.trace_after(before);
    let reserve_goes = |event: &Event| event.action == Action::Remove && event.path.ends_with("reserve");
    assert!(trace.iter().any(reserve_goes), "the reserve was not given up");
    for (round, moment) in (0..).zip(world.disk.moments().iter().filter(|moment| moment.events > before).step_by(7)) {
        let mut crashed = world.after(moment, moment.after_power_loss(Loss::of_round(round % 4), round));
        crashed.open(Crash::PowerLoss);
        crashed.settle();
    }
}

/// The reserve is what a restart on a full disk takes, and it is taken again when there is room.
#[test]
fn a_store_opens_on_a_disk_without_a_free_byte() {
    for sets in [0, 3, 30] {
        let mut world = world();
        world.advance(20_000);
        for number in 0..sets {
            world.set(&format!("{number}"), 5000, HOUR);
            world.settle();
        }
        world.kill();
        leave(&world, 0);
        for _ in 0..5 {
            world.restart();
            assert!(world.model.living(world.now()).len() > sets);
            world.set("small", 10, HOUR);
            world.settle();
            assert_eq!(world.waiting(), 0);
            world.advance(20_000);
        }
        reopen(world);
    }
}

/// Whatever is in the reserve's place is not needed, and nothing but the reserve.
#[test]
fn a_reserve_that_is_short_or_missing_is_made_again() {
    use sessile::simulation::Storage;
    let reserve = Path::new(PATH).join("reserve");
    let mut world = world();
    world.advance(20_000);
    let whole = world.disk.content(&reserve);
    assert!(whole.len() >= 512 * 1024 && whole.iter().all(|byte| *byte == 0));
    for len in [None, Some(0), Some(1000), Some(70_000)] {
        world.kill();
        match len {
            None => world.disk.remove_file(&reserve).unwrap(),
            Some(len) => world.disk.open(&reserve).unwrap().set_len(len).unwrap(),
        }
        world.open(Crash::Kill);
        world.checkpoint();
        assert_eq!(world.disk.content(&reserve).len(), whole.len(), "{len:?}");
    }
}
