//! Damage to what was acknowledged is told from what a power loss tore, and is never passed over in silence.
//!
//! The failure guarded against: replay stops at a damaged frame as if the log ended there, and sessions that
//! were acknowledged behind it are gone without a word.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use sessile::simulation::{Simulation, Storage};
use sessile::{Durability, Error};
use sessile_tests::disk::{Action, Event, Fault, Loss};
use sessile_tests::model::Crash;
use sessile_tests::world::{PATH, World, id, small_options};

const HOUR: u64 = 3_600_000;

/// The frames written to the log since `after`, in order.
fn frames(world: &World, after: u64) -> Vec<Event> {
    let trace = world.disk.trace_after(after);
    trace.into_iter().filter(|event| event.is_on_log(Action::Write) && event.offset >= 4096).collect()
}

/// Three sessions, each in a frame of its own, and the frames.
fn three_frames() -> (World, Vec<Event>) {
    let mut world = World::small();
    world.settle();
    let before = world.disk.events();
    for name in ["a", "b", "c"] {
        world.set(name, 1000, HOUR);
        world.simulation().step_reader();
        world.commit();
    }
    let frames = frames(&world, before);
    assert_eq!(frames.len(), 3);
    (world, frames)
}

fn open_damaged(world: &mut World) -> (PathBuf, u64, String) {
    match world.open_unchecked() {
        Err(Error::Corrupted { file, offset, reason }) => (file, offset, reason),
        Err(other) => panic!("{other}"),
        Ok(()) => panic!("a damaged store was opened as if nothing was"),
    }
}

fn salvage(world: &World) -> (Simulation, Vec<sessile::Damage>) {
    let (storage, clock) = (Arc::new(world.disk.clone()), Arc::clone(&world.clock));
    Simulation::open_with(small_options(Durability::Fsync), storage, clock, true).unwrap()
}

#[test]
fn a_damaged_frame_that_a_later_one_says_was_durable_is_reported_with_its_place() {
    for damage in [&[0xFF; 64][..], &[0; 1064][..]] {
        let (mut world, frames) = three_frames();
        world.kill();
        world.disk.damage(&frames[1].path, frames[1].offset, damage);
        let (file, offset, reason) = open_damaged(&mut world);
        assert_eq!((&file, offset), (&frames[1].path, frames[1].offset), "{reason}");
        // Nothing was changed: it can be opened with salvage, and what is left is whole.
        let (simulation, dropped) = salvage(&world);
        assert_eq!(dropped.len(), 1, "{dropped:?}");
        assert_eq!((&dropped[0].file, dropped[0].offset), (&frames[1].path, frames[1].offset));
        for (name, is_there) in [("a", true), ("b", false), ("c", true)] {
            assert_eq!(simulation.store().get(&id(name)).unwrap().is_some(), is_there, "{name}");
        }
        assert_eq!(simulation.store().len().unwrap(), 2);
        drop(simulation);
        // And from then on without it.
        world.open_unchecked().unwrap();
        assert_eq!(world.store().len().unwrap(), 2);
    }
}

#[test]
fn a_damaged_last_frame_is_reported_once_the_store_was_idle() {
    let (mut world, frames) = three_frames();
    world.advance(60);
    world.kill();
    world.disk.damage(&frames[2].path, frames[2].offset + 100, &[0xFF; 8]);
    let (file, offset, _) = open_damaged(&mut world);
    assert_eq!((&file, offset), (&frames[2].path, frames[2].offset));
}

#[test]
fn a_torn_last_frame_that_nobody_was_promised_is_the_end_of_the_log() {
    let (mut world, _) = three_frames();
    world.set("d", 5000, HOUR);
    world.simulation().step_reader();
    let before = world.disk.events();
    world.commit();
    let (written, moments) = (before + 1, world.disk.moments());
    let moment = moments.iter().find(|moment| moment.events == written).unwrap();
    for seed in 0..20 {
        let mut torn = world.after(moment, moment.after_power_loss(Loss::Some, seed));
        torn.open(Crash::PowerLoss);
        assert!(torn.has("c"));
    }
}

#[test]
fn a_missing_segment_is_reported() {
    let mut world = World::small();
    for number in 0..9 {
        world.set(&format!("{number}"), 110_000, HOUR);
        world.simulation().step_reader();
        world.commit();
    }
    let trace = world.disk.trace();
    let mut used: Vec<&Path> = Vec::new();
    for event in trace.iter().filter(|event| event.is_on_log(Action::Write) && event.len > 110_000) {
        if event.len < 120_000 && used.last() != Some(&event.path.as_path()) {
            used.push(&event.path);
        }
    }
    assert!(used.len() >= 3, "{used:?}");
    world.kill();
    for missing in &used {
        let mut crashed = world.after(&world.disk.moment(), world.disk.moment().after_kill());
        crashed.disk.remove_file(missing).unwrap();
        open_damaged(&mut crashed);
        let (_, dropped) = salvage(&crashed);
        assert!(!dropped.is_empty());
    }
}

#[test]
fn a_damaged_block_of_the_base_is_an_error_and_never_another_session() {
    let mut world = World::small();
    for name in ["a", "b"] {
        world.set(name, 6000, HOUR);
    }
    for number in 0..40 {
        world.set(&format!("other {number}"), 1000, HOUR);
    }
    world.checkpoint();
    let payload = world.get("b").unwrap().payload;
    world.kill();
    let base = Path::new(PATH).join("base.redb");
    let content = world.disk.content(&base);
    // A payload of more than a block has blocks of its own.
    let run = &payload[4500..5000];
    let places = content.windows(run.len()).enumerate().filter(|(_, window)| *window == run);
    let places: Vec<usize> = places.map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    for at in &places {
        world.disk.damage(&base, *at as u64 + 100, &[0xAB; 4]);
    }
    world.open_unchecked().unwrap();
    for _ in 0..2 {
        match world.store().get(&id("b")) {
            Err(Error::Corrupted { file, offset, .. }) => {
                assert_eq!(file, base);
                assert!(places.iter().any(|at| offset as usize / 4096 == (at + 100) / 4096), "{offset}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(world.has("a"));
    assert!(matches!(world.store().scan(None, 100), Err(Error::Corrupted { .. })));
    let report = world.store().check().unwrap();
    assert!(report.damage.iter().any(|damage| damage.file == base && damage.id == Some(id("b"))), "{report:?}");
    assert_eq!(report.sessions, 41);
    world.kill();
    let (simulation, dropped) = salvage(&world);
    assert!(dropped.iter().any(|dropped| dropped.file == base && dropped.id == Some(id("b"))), "{dropped:?}");
    assert_eq!(simulation.store().len().unwrap(), 41);
    drop(simulation);
    world.open_unchecked().unwrap();
    assert!(world.has("a") && !world.has("b"));
    assert_eq!(world.store().check().unwrap().damage, []);
}

/// Which of the two is the right one, nobody can tell.
#[test]
fn a_segment_that_is_there_twice_is_reported() {
    let (mut world, frames) = three_frames();
    world.kill();
    let copy = Path::new(PATH).join("log/copy.log");
    let content = world.disk.content(&frames[0].path);
    world.disk.create(&copy).unwrap().write_at(0, &content).unwrap();
    let (_, _, reason) = open_damaged(&mut world);
    assert!(reason.contains("same number"), "{reason}");
}

/// No later frame says of them that they were durable: the base says how many there are.
#[test]
fn damage_to_what_a_recovery_wrote_again_is_reported() {
    let (mut world, _) = three_frames();
    world.kill();
    let before = world.disk.events();
    world.open_unchecked().unwrap();
    world.kill();
    let recovered = frames(&world, before).into_iter().find(|event| (3000..4000).contains(&event.len)).unwrap();
    world.disk.damage(&recovered.path, recovered.offset + 100, &[0xFF; 8]);
    let (file, offset, _) = open_damaged(&mut world);
    assert_eq!((file, offset), (recovered.path, recovered.offset));
}

/// What an earlier run has left, since it could not be removed, was written again and is older than what came since.
#[test]
fn a_salvage_takes_nothing_from_an_earlier_run() {
    let mut world = World::small();
    world.set("a", 100, HOUR);
    world.commit();
    world.destroy("a");
    world.settle();
    world.kill();
    let old = frames(&world, 0)[0].path.clone();
    let path = old.clone();
    let stays = move |event: &Event| event.path == path && matches!(event.action, Action::Write | Action::Remove);
    world.disk.fail_when(move |event| stays(event).then_some(Fault::Error(ErrorKind::Other)));
    world.open_unchecked().unwrap();
    world.disk.heal();
    world.set("a", 200, HOUR);
    world.settle();
    world.kill();
    assert!(world.disk.kind(&old).unwrap().is_some(), "the old segment is gone");
    let (simulation, dropped) = salvage(&world);
    assert_eq!(dropped, []);
    assert!(simulation.store().get(&id("a")).unwrap().is_some());
}

#[test]
fn a_store_without_its_base_is_not_taken_for_a_new_one() {
    let (mut world, _) = three_frames();
    world.kill();
    world.disk.remove_file(&Path::new(PATH).join("base.redb")).unwrap();
    open_damaged(&mut world);
    let (simulation, dropped) = salvage(&world);
    assert!(!dropped.is_empty());
    assert_eq!(simulation.store().len().unwrap(), 3, "the log still has them");
}

/// Bytes of a client that look like a frame stay bytes of a client.
#[test]
fn a_payload_made_of_log_bytes_is_not_taken_for_operations() {
    let mut world = World::small();
    world.set("victim", 2000, HOUR);
    world.settle();
    let event = frames(&world, 0).into_iter().rfind(|event| (2000..10_000).contains(&event.len)).unwrap();
    let content = world.disk.content(&event.path);
    let frame = &content[event.offset as usize..(event.offset + event.len) as usize];
    world.destroy("victim");
    world.settle();
    let expires_at = world.in_millis(HOUR);
    // At each alignment that a frame may have.
    for pad in 0..8 {
        let mut payload = vec![0; pad];
        payload.extend_from_slice(frame);
        drop(world.store().set(&id(&format!("attacker {pad}")), payload, Some(expires_at)).unwrap());
    }
    world.settle();
    world.kill();
    world.open_unchecked().unwrap();
    assert!(!world.has("victim"));
    assert_eq!(world.store().len().unwrap(), 8);
}

/// Three sessions that the base has, each in a frame of its own, then one that it does not have.
fn covered_frames() -> (World, Vec<Event>) {
    let (mut world, covered) = three_frames();
    world.checkpoint();
    world.advance(60);
    let before = world.disk.events();
    world.set("d", 1000, HOUR);
    world.simulation().step_reader();
    world.commit();
    let needed = frames(&world, before);
    assert_eq!(needed.len(), 1);
    world.advance(60);
    world.kill();
    (world, covered.into_iter().chain(needed).collect())
}

#[test]
fn damage_to_what_the_base_has_is_passed_over_with_a_warning() {
    for place in 0..3 {
        for len in [8, 1064] {
            let (world, frames) = covered_frames();
            let damaged = &frames[place];
            world.disk.damage(&damaged.path, damaged.offset, &vec![0xFF; len]);
            let (simulation, dropped) = salvage(&world);
            assert_eq!(dropped, [], "nothing is lost");
            assert_eq!(simulation.store().len().unwrap(), 4);
            drop(simulation);

            let (mut world, _) = covered_frames();
            world.disk.damage(&damaged.path, damaged.offset, &vec![0xFF; len]);
            world.open_unchecked().unwrap();
            let warned = Arc::new(Mutex::new(Vec::new()));
            let noted = Arc::clone(&warned);
            let _subscription = world.store().subscribe(move |event| {
                if let sessile::Event::LogDamaged { file, offset, bytes } = event {
                    noted.lock().push((file.clone(), *offset, *bytes));
                }
            });
            world.settle();
            // Behind the last of them, the mark is the next that is whole.
            let to_mark = damaged.offset.next_multiple_of(4096) - damaged.offset;
            let bytes = if place == 2 { to_mark } else { damaged.len };
            assert_eq!(*warned.lock(), [(damaged.path.clone(), damaged.offset, bytes)]);
            world.check();
        }
    }
}

#[test]
fn damage_that_reaches_into_what_the_base_does_not_have_is_reported() {
    let (mut world, frames) = covered_frames();
    let (last_covered, needed) = (&frames[2], &frames[3]);
    for (from, to) in [(needed.offset, needed.offset + 8), (last_covered.offset, needed.offset + 8)] {
        let mut damaged = world.after(&world.disk.moment(), world.disk.moment().after_kill());
        damaged.disk.damage(&needed.path, from, &vec![0xFF; (to - from) as usize]);
        let (_, offset, reason) = open_damaged(&mut damaged);
        assert_eq!(offset, from, "{reason}");
    }
    world.open_unchecked().unwrap();
    world.check();
}

/// What shares a sector or block with the last batch is lost with it, and so would the mark be that tells of it.
#[test]
fn a_destroyed_block_with_the_last_frame_is_reported_once_the_store_was_idle() {
    for len in [512, 4096] {
        for byte in [0, 0xFF] {
            let (mut world, frames) = three_frames();
            world.advance(60);
            world.kill();
            let block = frames[2].offset / len * len;
            world.disk.damage(&frames[2].path, block, &vec![byte; len as usize]);
            let (file, offset, reason) = open_damaged(&mut world);
            assert_eq!(file, frames[2].path, "{reason}");
            // The first frame that reaches into what was destroyed.
            let first = frames.iter().find(|frame| frame.offset + frame.len > block).unwrap();
            assert_eq!(offset, first.offset, "{reason}");
        }
    }
}

/// All files of the store.
fn files(world: &World) -> Vec<(PathBuf, Vec<u8>)> {
    let (store, log) = (Path::new(PATH), Path::new(PATH).join("log"));
    let segments = world.disk.list(&log).unwrap().into_iter().map(|name| log.join(name));
    let paths = segments.chain([store.join("base.redb")]);
    paths.map(|path| (path.clone(), world.disk.content(&path))).collect()
}

fn put_back(world: &World, (path, content): &(PathBuf, Vec<u8>)) {
    let file = match world.disk.open(path) {
        Ok(file) => file,
        Err(_) => world.disk.create(path).unwrap(),
    };
    file.set_len(content.len() as u64).unwrap();
    file.write_at(0, content).unwrap();
    file.sync_data().unwrap();
}

/// A file from a backup of another day, or that the disk has taken back.
#[test]
fn a_base_and_a_log_of_different_days_are_reported() {
    for is_base_older in [true, false] {
        let (mut world, _) = three_frames();
        world.checkpoint();
        world.kill();
        let before = files(&world);
        world.open_unchecked().unwrap();
        for name in ["d", "e"] {
            world.set(name, 1000, HOUR);
            world.settle();
        }
        if !is_base_older {
            world.checkpoint();
        }
        world.advance(60);
        world.kill();
        let (log, base): (Vec<_>, Vec<_>) =
            before.iter().partition(|(path, _)| path.starts_with(Path::new(PATH).join("log")));
        if is_base_older {
            base.into_iter().for_each(|file| put_back(&world, file));
        } else {
            for (path, _) in files(&world).iter().filter(|(path, _)| path.extension().unwrap() == "log") {
                world.disk.remove_file(path).unwrap();
            }
            log.into_iter().for_each(|file| put_back(&world, file));
        }
        let (file, _, reason) = open_damaged(&mut world);
        assert!(file.starts_with(Path::new(PATH).join("log")), "{}: {reason}", file.display());
    }
}

/// What an earlier run has left, since it could not be removed, is what the older base belongs to.
#[test]
fn an_older_base_is_reported_although_its_own_log_is_still_there() {
    let (mut world, frames) = three_frames();
    world.kill();
    let before = files(&world);
    let old = frames[0].path.clone();
    let stays = move |event: &Event| event.path == old && matches!(event.action, Action::Write | Action::Remove);
    world.disk.fail_when(move |event| stays(event).then_some(Fault::Error(ErrorKind::Other)));
    world.open_unchecked().unwrap();
    world.disk.heal();
    world.set("d", 1000, HOUR);
    world.settle();
    world.kill();
    for file in before.iter().filter(|(path, _)| path.ends_with("base.redb")) {
        put_back(&world, file);
    }
    let (file, _, reason) = open_damaged(&mut world);
    assert!(file.starts_with(Path::new(PATH).join("log")) && reason.contains("older"), "{}: {reason}", file.display());
}
