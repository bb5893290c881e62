//! A check finds damage wherever it is, and takes nothing for damage that changes while it looks.
//!
//! The failure guarded against: a store that is told to be sound, and of which a part is gone.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sessile::{Durability, Error, Options};
use sessile_tests::disk::{Action, Event, Fault};
use sessile_tests::model::Crash;
use sessile_tests::world::{PATH, World, id, small_options};

const HOUR: u64 = 3_600_000;
const BLOCK_BYTES: usize = 4096;

fn base() -> PathBuf {
    Path::new(PATH).join("base.redb")
}

/// A scrub that goes through the few blocks of a small base in many steps.
fn options() -> Options {
    small_options(Durability::Fsync).scrub_interval(Duration::from_secs(60)).scrub_bytes_per_second(200_000)
}

/// A store with sessions in the base, some of which have come and gone.
fn stored() -> World {
    let mut world = World::new(options(), Durability::Fsync);
    for number in 0..60 {
        world.set(&format!("{number}"), 500, 24 * HOUR);
    }
    world.set("large", 6000, 24 * HOUR);
    world.checkpoint();
    for number in (0..60).step_by(7) {
        world.destroy(&format!("{number}"));
    }
    world.checkpoint();
    world
}

/// Steps the store as its thread does until the scrub is through once more.
fn scrub(world: &mut World) -> u64 {
    let passes = world.store().stats().scrub_passes;
    for _ in 0..1300 {
        world.pass(100);
        world.settle();
        if world.store().stats().scrub_passes > passes {
            return world.store().stats().scrub_damaged;
        }
    }
    panic!("the scrub does not come to an end");
}

/// Where the base has a block that is not empty, but for those with checksums, which are in memory once they are known.
fn blocks(world: &World) -> Vec<u64> {
    let content = world.disk.content(&base());
    let blocks = content.chunks(BLOCK_BYTES).enumerate();
    let full = blocks.filter(|(block, bytes)| *block != 2 && bytes.iter().any(|byte| *byte != 0));
    full.map(|(block, _)| (block * BLOCK_BYTES) as u64).collect()
}

/// Eight bytes in a block are others now. Returns those that were there.
fn damage(world: &World, block: u64) -> Vec<u8> {
    let content = world.disk.content(&base());
    let bytes = content[block as usize..][..8].to_vec();
    let others: Vec<u8> = bytes.iter().map(|byte| !byte).collect();
    world.disk.damage(&base(), block, &others);
    bytes
}

#[test]
fn every_block_that_turns_bad_is_found_by_the_scrub_and_by_a_check() {
    let mut world = stored();
    assert_eq!(scrub(&mut world), 0);
    let blocks = blocks(&world);
    assert!(blocks.len() > 20 && blocks.starts_with(&[0, 4096]), "{blocks:?}");
    for block in blocks {
        let before = damage(&world, block);
        assert_eq!(scrub(&mut world), 1, "at {block}");
        let damage = world.store().check().unwrap().damage;
        let found: Vec<_> = damage.iter().filter(|damage| damage.offset == block).collect();
        assert_eq!((damage.len(), found.len()), (1, 1), "at {block}: {damage:?}");
        world.disk.damage(&base(), block, &before);
    }
    assert_eq!(scrub(&mut world), 0);
    assert_eq!(world.store().check().unwrap().damage, []);
}

/// A block that nobody has read since the store was opened may be one that a crash left.
#[test]
fn damage_from_before_the_opening_is_found_in_each_pass_unless_nothing_needs_it() {
    let mut world = stored();
    world.close_without_checkpoint();
    let moment = world.disk.moment();
    let (mut refused, mut found, mut needless) = (0, 0, 0);
    for block in blocks(&world) {
        let mut damaged = world.after(&moment, moment.after_kill());
        damage(&damaged, block);
        match damaged.open_unchecked() {
            Ok(()) => {}
            Err(Error::Corrupted { .. }) => {
                refused += 1;
                continue;
            }
            Err(error) => panic!("at {block}: {error}"),
        }
        let in_passes = [scrub(&mut damaged), scrub(&mut damaged)];
        let report = damaged.store().check().unwrap();
        let is_damaged = !report.damage.is_empty();
        assert_eq!(in_passes, [u64::from(is_damaged); 2], "at {block}: {report:?}");
        if is_damaged {
            found += 1;
            continue;
        }
        needless += 1;
        damaged.check();
        for number in 0..60 {
            damaged.set(&format!("{number}"), 700, 24 * HOUR);
        }
        damaged.destroy("large");
        damaged.checkpoint();
        assert_eq!(damaged.store().stats().checkpoint_failures, 0, "at {block}");
        damaged.check();
    }
    println!("{refused} refused, {found} found, {needless} of no effect");
    assert!(refused > 0 && found > 0 && needless > 0, "the test missed its point");
}

#[test]
fn a_damaged_copy_of_the_header_is_made_good_by_the_next_opening() {
    let mut world = stored();
    for block in [0, 4096, 0] {
        world.close_without_checkpoint();
        damage(&world, block);
        world.open_unchecked().unwrap();
        assert_eq!(world.store().check().unwrap().damage, [], "at {block}");
        world.check();
    }
}

/// The damage may be the disk's, or the memory's that the bytes came through.
#[test]
fn a_session_can_be_read_again_once_its_block_is_right_again() {
    let mut world = stored();
    world.close_without_checkpoint();
    let content = world.disk.content(&base());
    world.open_unchecked().unwrap();
    let payload = world.get("large").unwrap().payload;
    world.kill();
    let at = content.windows(300).position(|window| *window == payload[4500..4800]).unwrap();
    let block = (at / BLOCK_BYTES * BLOCK_BYTES) as u64;
    let before = damage(&world, block);
    world.open_unchecked().unwrap();
    assert!(matches!(world.store().get(&id("large")), Err(Error::Corrupted { .. })));
    world.disk.damage(&base(), block, &before);
    world.set("another", 100, HOUR);
    world.checkpoint();
    assert_eq!(world.get("large").unwrap().payload, payload);
}

/// Several segments, all written in this run.
fn rolled() -> World {
    let mut world = World::new(options(), Durability::Fsync);
    for number in 0..9 {
        world.set(&format!("{number}"), 110_000, HOUR);
        world.settle();
    }
    world
}

#[test]
fn a_check_finds_damage_to_frames_and_headers_of_every_segment() {
    let world = rolled();
    let trace = world.disk.trace();
    let written: Vec<_> = trace.iter().filter(|event| event.is_on_log(Action::Write) && event.len < 120_000).collect();
    let mut used: Vec<PathBuf> = Vec::new();
    for event in written.iter().filter(|event| event.len > 110_000) {
        if !used.contains(&event.path) {
            used.push(event.path.clone());
        }
    }
    assert!(used.len() >= 3, "{used:?}");
    for segment in used {
        // Both copies of the header, and a frame.
        let frame = written.iter().find(|event| event.path == segment && event.len > 110_000).unwrap();
        for (places, offset) in [(&[0, 2048][..], 0), (&[frame.offset + 1000][..], frame.offset)] {
            let before = world.disk.content(&segment);
            for place in places {
                world.disk.damage(&segment, *place, &[0xAB; 64]);
            }
            let damage = world.store().check().unwrap().damage;
            let found: Vec<_> = damage.iter().map(|damage| (&damage.file, damage.offset)).collect();
            assert_eq!(found, [(&segment, offset)]);
            for place in places {
                let at = *place as usize;
                world.disk.damage(&segment, *place, &before[at..at + 64]);
            }
        }
    }
    assert_eq!(world.store().check().unwrap().damage, []);
}

#[test]
fn a_segment_that_a_checkpoint_releases_during_a_check_is_no_damage() {
    let world = rolled();
    let simulation = Arc::clone(world.simulation());
    let before = world.disk.events();
    // Of the first segment: the header was read, and the frames are next.
    world.disk.once(
        |event| event.is_on_log(Action::Read),
        move || {
            simulation.ask_checkpoint();
            simulation.settle();
        },
    );
    assert_eq!(world.store().check().unwrap().damage, []);
    let trace = world.disk.trace_after(before);
    let is_header = |event: &Event| event.is_on_log(Action::Write) && event.offset == 0;
    assert!(trace.iter().any(is_header), "no segment was used again");
}

/// And it cuts the file, where blocks at its end are not needed any more.
#[test]
fn a_block_that_a_checkpoint_writes_while_it_is_verified_is_no_damage() {
    let mut world = stored();
    for number in 0..60 {
        world.set(&format!("{number}"), 900, 24 * HOUR);
    }
    world.settle();
    let simulation = Arc::clone(world.simulation());
    let before = world.disk.events();
    world.disk.once(
        |event| event.path == base() && event.action == Action::Read && event.len > 4096,
        move || {
            simulation.ask_checkpoint();
            simulation.settle();
        },
    );
    assert_eq!(world.store().check().unwrap().damage, []);
    let trace = world.disk.trace_after(before);
    for action in [Action::Write, Action::SetLen] {
        assert!(trace.iter().any(|event| event.is_on_base(action)), "no checkpoint came between");
    }
}

#[test]
fn blocks_that_were_cut_off_and_are_there_again_are_no_damage() {
    let mut world = stored();
    let before = world.disk.events();
    for round in 0..6 {
        for number in 0..12 {
            world.set(&format!("large {number}"), 100_000 + round * 7_000, 24 * HOUR);
            world.settle();
        }
        world.checkpoint();
        assert_eq!(world.store().check().unwrap().damage, [], "round {round}");
        for number in 0..12 {
            world.destroy(&format!("large {number}"));
        }
        // What a transaction frees, a later one gives back.
        for name in ["one", "two", "three"] {
            world.set(name, 100, HOUR);
            world.checkpoint();
        }
        assert_eq!(world.store().check().unwrap().damage, [], "round {round}");
    }
    let trace = world.disk.trace_after(before);
    // The file grows by being written, and is only cut otherwise.
    let cuts = trace.iter().filter(|event| event.is_on_base(Action::SetLen));
    let is_there_again = |cut: &&Event| {
        let mut later = trace.iter().filter(|event| event.number > cut.number && event.is_on_base(Action::Write));
        later.any(|event| event.offset >= cut.offset)
    };
    assert!(cuts.filter(is_there_again).count() > 1, "nothing was cut off and is there again");
    world.check();
}

/// After a failure of the disk the base is opened again, and goes on with checksums of its own.
#[test]
fn a_base_that_is_opened_again_during_a_check_is_no_damage() {
    let mut world = stored();
    assert_eq!(world.store().check().unwrap().damage, []);
    for number in 0..60 {
        world.set(&format!("{number}"), 900, 24 * HOUR);
    }
    world.settle();
    let (disk, simulation) = (world.disk.clone(), Arc::clone(world.simulation()));
    world.disk.once(
        |event| event.is_on_base(Action::Read) && event.len > 4096,
        move || {
            disk.fail_when(|event| event.is_on_base(Action::Sync).then_some(Fault::Error(ErrorKind::Other)));
            simulation.ask_checkpoint();
            simulation.settle();
            disk.heal();
            simulation.ask_checkpoint();
            simulation.settle();
        },
    );
    let report = world.store().check().unwrap();
    assert_eq!(report.damage, []);
    let stats = world.store().stats();
    assert!(stats.checkpoint_failures > 0 && stats.checkpoints > 1, "{stats:?}");
    world.check();
}

/// The newer of the two says which state of the base counts. Had the older one another, what was done since would be
/// undone, and the log that could tell is used again.
#[test]
fn damage_to_either_copy_of_the_header_takes_nothing_back() {
    let mut world = World::new(options(), Durability::Fsync);
    for round in 0..3 {
        for number in 0..12 {
            world.set(&format!("{number}"), 100_000 + round, HOUR);
            world.settle();
        }
        world.destroy(&format!("{round}"));
        world.checkpoint();
    }
    let (moment, content) = (world.disk.moment(), world.disk.content(&base()));
    for copy in [0, 4096] {
        let mut damaged = world.after(&moment, moment.after_kill());
        damaged.disk.damage(
            &base(),
            copy,
            &content[copy as usize..][..512].iter().map(|byte| !byte).collect::<Vec<u8>>(),
        );
        damaged.open(Crash::Kill);
        assert_eq!(damaged.store().check().unwrap().damage, [], "copy at {copy}");
    }
}

/// The failure guarded against: a pass over nothing, after which the store counts as sound.
#[test]
fn a_base_that_cannot_be_opened_again_is_damage() {
    let mut world = stored();
    for copy in [0, 4096] {
        damage(&world, copy);
    }
    world.set("1", 900, 24 * HOUR);
    world.disk.fail_when(|event| event.is_on_base(Action::Write).then_some(Fault::Error(ErrorKind::Other)));
    world.simulation().ask_checkpoint();
    world.settle();
    world.disk.heal();
    assert_eq!(scrub(&mut world), 1);
    let damage = world.store().check().unwrap().damage;
    assert!(!damage.is_empty() && damage.iter().all(|damage| damage.file == base()), "{damage:?}");
}
