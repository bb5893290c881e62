//! A salvage brings nothing back that the base knows to be removed, and survives a failure of each of its operations.
//!
//! The failure guarded against: a logout of everybody that a damaged log undoes, and a rescue that makes it worse.

use std::sync::Arc;

use sessile::simulation::{Simulation, Storage};
use sessile::{Durability, Error};
use sessile_tests::disk::{Action, Fault, Loss, SimulatedDisk};
use sessile_tests::faulty::{Failure, FaultyDisk, Plan};
use sessile_tests::seed::{depth, is_full, seed};
use sessile_tests::world::{PATH, World, id, small_options};

const HOUR: u64 = 3_600_000;
const MIB: usize = 1 << 20;

/// The base is emptied by the first transaction of a checkpoint, and says that it covers the log with the last.
#[test]
fn what_a_clear_removed_from_the_base_does_not_come_back_from_the_log() {
    let options = small_options(Durability::Fsync).log_bytes_max(96 << 20);
    let mut world = World::empty(options.clone(), Durability::Fsync);
    world.open_unchecked().unwrap();
    world.set("in the base", 100, HOUR);
    world.checkpoint();
    world.set("in the log", 100, HOUR);
    world.settle();
    let before = world.disk.events();
    world.clear();
    world.settle();
    let frame = world.disk.trace_after(before).into_iter().find(|event| event.is_on_log(Action::Write)).unwrap();
    // More than one transaction takes.
    for number in 0..36 {
        world.set(&format!("{number}"), MIB, HOUR);
        world.commit();
    }
    world.disk.record();
    world.checkpoint();
    let mut between = 0;
    let moments = world.disk.moments();
    for moment in moments.iter().step_by(moments.len() / 12) {
        let disk = moment.after_kill();
        if disk.kind(&frame.path).unwrap().is_none() {
            // The checkpoint is through.
            break;
        }
        disk.damage(&frame.path, frame.offset + 20, &[0xFF; 4]);
        let clock = Arc::clone(&world.clock);
        let (simulation, _) = Simulation::open_with(options.clone(), Arc::new(disk), clock, true).unwrap();
        let has = |name| simulation.store().get(&id(name)).unwrap().is_some();
        if !has("in the base") {
            between += 1;
            assert!(!has("in the log"), "after event {}", moment.events);
        }
        assert!(has("0") && has("35"), "after event {}", moment.events);
    }
    println!("{between} moments behind the first transaction");
    assert!(between > 0, "no moment was between the transactions of the checkpoint");
}

/// A store with damage of each kind: a record, a frame, a segment.
fn damaged(destroy_base: bool) -> (World, SimulatedDisk) {
    let mut world = World::empty(small_options(Durability::Fsync), Durability::Fsync);
    world.open_unchecked().unwrap();
    for number in 0..30 {
        world.set(&format!("based {number}"), 900, HOUR);
    }
    world.checkpoint();
    world.set("first", 100, HOUR);
    world.settle();
    let before = world.disk.events();
    world.set("second", 100, HOUR);
    world.settle();
    let frame = world.disk.trace_after(before).into_iter().find(|event| event.is_on_log(Action::Write)).unwrap();
    world.set("third", 100, HOUR);
    world.settle();
    world.advance(100);
    world.kill();
    world.disk.damage(&frame.path, frame.offset + 50, &[0xFF; 4]);
    let base = std::path::Path::new(PATH).join("base.redb");
    if destroy_base {
        // Both copies of the header.
        world.disk.damage(&base, 0, &[0xA5; 8192]);
    } else {
        // A payload's bytes: redb does not look at them, the record's checksum does.
        let content = world.disk.content(&base);
        let payload = content.windows(64).position(|window| window.iter().all(|byte| *byte == 7)).unwrap();
        world.disk.damage(&base, payload as u64, &[8; 4]);
    }
    let disk = world.disk.clone();
    (world, disk)
}

fn left(simulation: &Simulation) -> Vec<Vec<u8>> {
    let page = simulation.store().scan(None, 1000).unwrap();
    page.sessions.into_iter().map(|(id, _)| id.as_bytes().to_vec()).collect()
}

/// A sector that cannot be read any more costs what stands there, and not its segment.
#[test]
fn a_part_of_the_log_that_cannot_be_read_is_listed_and_the_rest_is_saved() {
    let mut world = World::empty(small_options(Durability::Fsync), Durability::Fsync);
    world.open_unchecked().unwrap();
    for number in 0..20 {
        world.set(&format!("{number:02}"), 2000, HOUR);
        world.settle();
    }
    world.advance(100);
    world.kill();
    const BAD: u64 = 5 * 4096;
    world.disk.fail_when(|event| {
        let is_bad = event.is_on_log(Action::Read) && event.offset <= BAD && BAD < event.offset + event.len;
        is_bad.then_some(Fault::Error(std::io::ErrorKind::Other))
    });
    assert!(matches!(world.open_unchecked(), Err(Error::Io { .. })));
    let (disk, clock) = (Arc::new(world.disk.clone()), Arc::clone(&world.clock));
    let (simulation, dropped) = Simulation::open_with(small_options(Durability::Fsync), disk, clock, true).unwrap();
    let saved = left(&simulation).len();
    assert!((17..20).contains(&saved), "{saved} of 20 were saved");
    assert!(dropped.iter().any(|dropped| dropped.offset == BAD), "{dropped:?}");
}

/// Whatever fails while it is under way, a salvage says so, and the next one saves what the first would have saved.
#[test]
fn a_salvage_that_fails_at_any_operation_can_be_made_again() {
    let mut random = fastrand::Rng::with_seed(seed("a_salvage_that_fails_at_any_operation_can_be_made_again"));
    let one_in = if is_full() { 1 } else { 6_u64.div_ceil(depth()) };
    for destroy_base in [false, true] {
        let (world, disk) = damaged(destroy_base);
        let moment = disk.moment();
        let salvage = |faulty: FaultyDisk| {
            let clock = Arc::clone(&world.clock);
            Simulation::open_with(small_options(Durability::Fsync), Arc::new(faulty), clock, true)
        };
        let plain = FaultyDisk::new(&moment.after_kill(), None);
        let (simulation, dropped) = salvage(plain.clone()).unwrap();
        let expected = left(&simulation);
        // Without the base its sessions are in the log still.
        assert_eq!(expected.len(), if destroy_base { 30 + 2 } else { 29 + 2 }, "{dropped:?}");
        let operations = plain.operations();
        let mut failed = 0;
        for from in 1..=operations {
            for failure in Failure::ALL {
                for lasts in [false, true] {
                    if random.u64(..one_in) > 0 {
                        continue;
                    }
                    let disk = moment.after_kill();
                    let faulty = FaultyDisk::new(&disk, Some(Plan { from, lasts, failure }));
                    let first = salvage(faulty.clone());
                    failed += u64::from(faulty.failed() > 0);
                    let place = format!("{failure:?} at {from}, lasting {lasts}: {:?}", faulty.first_failed());
                    // What a disk that goes on failing cannot show is not lost.
                    faulty.heal();
                    if let Ok((simulation, again)) = &first {
                        assert_eq!((left(simulation), again), (expected.clone(), &dropped), "{place}");
                    }
                    if let Err(error) = &first {
                        assert!(matches!(error, Error::Io { .. } | Error::DiskFull { .. }), "{place}: {error}");
                        let (simulation, _) = salvage(faulty).unwrap_or_else(|error| panic!("{place}: {error}"));
                        assert_eq!(left(&simulation), expected, "{place}");
                    }
                }
            }
        }
        println!("{operations} operations, {failed} salvages in which one failed");
    }
}

/// Whenever a salvage is crashed, the next one saves what the first would have saved; and what it made stays.
#[test]
fn a_salvage_that_is_crashed_at_any_event_can_be_made_again() {
    let seed = seed("a_salvage_that_is_crashed_at_any_event_can_be_made_again");
    let mut random = fastrand::Rng::with_seed(seed);
    for destroy_base in [false, true] {
        let (world, damaged) = damaged(destroy_base);
        let open = |disk: &SimulatedDisk, salvage| open(&world, disk, salvage);
        let disk = damaged.moment().after_kill();
        disk.record();
        let (simulation, _) = open(&disk, true).unwrap();
        let expected = left(&simulation);
        drop(simulation);
        let (mut between_names, mut crashes) = (0, 0);
        let base = std::path::Path::new(PATH).join("base.redb");
        for (round, moment) in (0..).zip(disk.moments()) {
            let is_between_names = moment.after_kill().kind(&base).unwrap().is_none();
            if !is_full() && !is_between_names && random.u64(..5) > 0 {
                continue;
            }
            let losses =
                [Loss::Everything, Loss::Some, Loss::Some].into_iter().zip(0..).take(if is_full() { 3 } else { 2 });
            let after_losses = losses.map(|(loss, draw)| moment.after_power_loss(loss, seed ^ (round * 4 + draw)));
            for crashed in std::iter::once(moment.after_kill()).chain(after_losses) {
                let place = format!("crash {crashes}, after event {}", moment.events);
                between_names += u64::from(crashed.kind(&base).unwrap().is_none());
                crashes += 1;
                let (simulation, _) = open(&crashed, true).unwrap_or_else(|error| panic!("{place}: {error}"));
                assert_eq!(left(&simulation), expected, "{place}");
                drop(simulation);
                let (simulation, _) = open(&crashed, false).unwrap_or_else(|error| panic!("{place}: {error}"));
                assert_eq!(left(&simulation), expected, "{place}");
            }
        }
        println!("{crashes} crashes, {between_names} of them while no file had the base's name");
        assert!(between_names > 0, "no crash was between the two changes of names");
    }
}

/// One block has the checksums of a thousand.
#[test]
fn damaged_checksums_cost_no_session() {
    for len in [1, 512, 4096] {
        let mut world = World::empty(small_options(Durability::Fsync), Durability::Fsync);
        world.open_unchecked().unwrap();
        for number in 0..30 {
            world.set(&format!("{number}"), 900, HOUR);
        }
        world.checkpoint();
        world.kill();
        let base = std::path::Path::new(PATH).join("base.redb");
        let sums = world.disk.content(&base)[8192..8192 + len].to_vec();
        world.disk.damage(&base, 8192, &sums.into_iter().map(|byte| !byte).collect::<Vec<u8>>());
        let (disk, clock) = (Arc::new(world.disk.clone()), Arc::clone(&world.clock));
        let (simulation, dropped) = Simulation::open_with(small_options(Durability::Fsync), disk, clock, true).unwrap();
        assert_eq!((left(&simulation).len(), dropped), (30, Vec::new()), "{len} bytes");
        drop(simulation);
        world.open_unchecked().unwrap();
        assert_eq!(world.store().check().unwrap().damage, [], "{len} bytes");
    }
}

/// A page of redb's tree that leads to others begins with this byte.
const BRANCH: u8 = 2;

/// What a damaged page leads to may be a page that is free by now, with what sessions were before.
#[test]
fn a_damaged_page_leads_a_salvage_to_nothing_that_was_before() {
    let mut world = World::empty(small_options(Durability::Fsync), Durability::Fsync);
    world.open_unchecked().unwrap();
    for len in [400, 401] {
        for number in 0..60 {
            world.set(&format!("{number:02}"), len, HOUR);
        }
        world.checkpoint();
    }
    world.kill();
    let base = std::path::Path::new(PATH).join("base.redb");
    let content = world.disk.content(&base);
    let mut salvaged = 0;
    for (block, page) in content.chunks(4096).enumerate().filter(|(_, page)| page[0] == BRANCH) {
        for (at, byte) in page.iter().enumerate().take(200).filter(|(_, byte)| **byte != 0) {
            let disk = world.disk.moment().after_kill();
            disk.damage(&base, (block * 4096 + at) as u64, &[byte ^ 4]);
            let Ok((simulation, _)) = open(&world, &disk, true) else { continue };
            salvaged += 1;
            for (id, session) in simulation.store().scan(None, 1000).unwrap().sessions {
                assert_eq!(session.payload.len(), 401, "{id:?}, a bit of byte {at} of block {block}");
            }
        }
    }
    assert!(salvaged > 100, "{salvaged} salvages were damaged in such a page");
}

fn open(world: &World, disk: &SimulatedDisk, salvage: bool) -> Result<(Simulation, Vec<sessile::Damage>), Error> {
    let (disk, clock) = (Arc::new(disk.clone()), Arc::clone(&world.clock));
    Simulation::open_with(small_options(Durability::Fsync), disk, clock, salvage)
}

/// The disks that a crash of a salvage of `disk` may leave, at its first `moments` events.
fn after_a_crashed_salvage(world: &World, disk: &SimulatedDisk, moments: usize, seed: u64) -> Vec<SimulatedDisk> {
    let disk = disk.moment().after_kill();
    disk.record();
    drop(open(world, &disk, true).unwrap());
    let crashes = (0..).zip(disk.moments()).take(moments).flat_map(|(round, moment)| {
        let losses = [Loss::Everything, Loss::Some, Loss::Some].into_iter().zip(0..);
        let lost = losses.map(|(loss, draw)| moment.after_power_loss(loss, seed ^ (round * 4 + draw)));
        std::iter::once(moment.after_kill()).chain(lost.collect::<Vec<_>>())
    });
    crashes.collect()
}

/// The failure guarded against: the damaged base's own name is on its way back, and the new base is gone already.
#[test]
fn a_salvage_after_one_that_was_crashed_can_be_crashed_itself() {
    let seed = seed("a_salvage_after_one_that_was_crashed_can_be_crashed_itself");
    // One record is damaged, which the log would still have: what is left tells whether the base was used.
    let (world, damaged) = damaged(false);
    let expected = left(&open(&world, &damaged.moment().after_kill(), true).unwrap().0);
    let base = std::path::Path::new(PATH).join("base.redb");
    let is_between_names = |disk: &SimulatedDisk| disk.kind(&base).unwrap().is_none();
    let crashed = after_a_crashed_salvage(&world, &damaged, usize::MAX, seed).into_iter().filter(is_between_names);
    let (at_most, moments) = if is_full() { (6, usize::MAX) } else { (2, 24) };
    let mut crashes = 0;
    for once in crashed.take(at_most) {
        for twice in after_a_crashed_salvage(&world, &once, moments, seed) {
            let (simulation, _) = open(&world, &twice, true).unwrap_or_else(|error| panic!("crash {crashes}: {error}"));
            assert_eq!(left(&simulation), expected, "crash {crashes}");
            crashes += 1;
        }
    }
    println!("{crashes} crashes");
    assert!(crashes > 0, "no crash was between the two changes of names");
}

/// What was set aside is from before the log that there is.
#[test]
fn a_salvage_without_a_base_takes_nothing_that_an_earlier_one_set_aside() {
    let seed = seed("a_salvage_without_a_base_takes_nothing_that_an_earlier_one_set_aside");
    let (mut world, disk) = damaged(false);
    let (simulation, _) = open(&world, &disk, true).unwrap();
    let store = simulation.store();
    for number in 0..30 {
        drop(store.destroy(&id(&format!("based {number}"))).unwrap());
    }
    drop(store.set(&id("fourth"), vec![4; 100], Some(world.in_millis(HOUR))).unwrap());
    simulation.settle();
    world.pass(100);
    simulation.settle();
    drop(simulation);
    let base = std::path::Path::new(PATH).join("base.redb");
    assert!(disk.kind(&base.with_extension("redb.damaged")).unwrap().is_some());
    disk.remove_file(&base).unwrap();
    let expected = left(&open(&world, &disk.moment().after_kill(), true).unwrap().0);
    assert!(expected.contains(&b"fourth".to_vec()), "the log still has it: {}", expected.len());
    let crashes = after_a_crashed_salvage(&world, &disk, usize::MAX, seed);
    for (crash, crashed) in crashes.iter().enumerate().step_by(if is_full() { 1 } else { 5 }) {
        let (simulation, _) = open(&world, crashed, true).unwrap_or_else(|error| panic!("crash {crash}: {error}"));
        assert_eq!(left(&simulation), expected, "crash {crash}");
    }
}

/// A number that was given to two sessions would make one of them older than it is.
#[test]
fn numbers_go_on_above_those_of_the_sessions_that_a_salvage_saved() {
    let mut world = World::small();
    for number in 0..30 {
        world.set(&format!("{number}"), 900, HOUR);
    }
    world.checkpoint();
    // Each run begins well above the one before.
    for _ in 0..3 {
        world.restart_unchecked();
    }
    world.set("3", 900, HOUR);
    world.checkpoint();
    let version = |world: &World, name: &str| world.store().get(&id(name)).unwrap().unwrap().version;
    let before = version(&world, "3");
    world.kill();
    // The base loses what it says of itself, and the log is gone.
    let base = std::path::Path::new(PATH).join("base.redb");
    let content = world.disk.content(&base);
    for (at, _) in content.windows(5).enumerate().filter(|(_, window)| window == b"store") {
        world.disk.damage(&base, at as u64 + 5, &[!content[at + 5]]);
    }
    let log = base.with_file_name("log");
    for name in world.disk.list(&log).unwrap() {
        world.disk.remove_file(&log.join(name)).unwrap();
    }
    assert!(!world.open_salvage_unchecked().unwrap().is_empty());
    assert_eq!((world.store().len().unwrap(), version(&world, "3")), (30, before));
    world.set("new", 100, HOUR);
    world.settle();
    assert!(version(&world, "new") > before);
}

/// redb writes to what it opens and closes, and would give damage a valid checksum.
#[test]
fn a_damaged_base_is_set_aside_as_it_was() {
    for damage in ["a payload", "checksums", "a cut"] {
        let (world, disk) = damaged(false);
        let base = std::path::Path::new(PATH).join("base.redb");
        match damage {
            "checksums" => disk.damage(&base, 8192, &[0xA5; 4096]),
            "a cut" => disk.open(&base).unwrap().set_len(200_000).unwrap(),
            _ => {}
        }
        let before = disk.content(&base);
        drop(open(&world, &disk, true).unwrap());
        let aside = disk.content(&base.with_extension("redb.damaged"));
        assert_eq!(aside.len(), before.len(), "{damage}");
        let differs = (0..before.len()).find(|at| before[*at] != aside[*at]);
        assert_eq!(differs, None, "{damage}");
    }
}
