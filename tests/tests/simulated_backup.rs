//! A backup is a whole store of its own, there completely or not at all.
//!
//! The failure guarded against: a backup that is found wanting on the day it is needed.

use std::path::Path;
use std::sync::Arc;

use sessile::simulation::{Kind, Simulation, Storage};
use sessile::{Durability, Options};
use sessile_tests::disk::{Action, Fault, Loss, SimulatedDisk};
use sessile_tests::world::{PATH, World, id, small_options};

const HOUR: u64 = 3_600_000;
const BACKUP: &str = "/backup";

fn world() -> World {
    let mut world = World::small();
    for name in ["a", "b", "c"] {
        world.set(name, 1000, HOUR);
    }
    world.destroy("b");
    world.checkpoint();
    world
}

fn open(world: &World, disk: &SimulatedDisk) -> Simulation {
    let options: Options = Options::new(BACKUP).log_bytes_max(4 << 20).payload_bytes_max(1 << 20);
    Simulation::open(options, Arc::new(disk.clone()), Arc::clone(&world.clock) as _).unwrap()
}

#[test]
fn a_backup_can_be_opened_and_written() {
    let world = world();
    world.simulation().backup(Path::new(BACKUP)).unwrap();
    let copy = open(&world, &world.disk);
    assert_eq!(copy.store().len().unwrap(), 2);
    for name in ["a", "c"] {
        assert_eq!(copy.store().get(&id(name)).unwrap(), world.store().get(&id(name)).unwrap());
    }
    // Numbering goes on above every version in it.
    let highest = world.store().get(&id("c")).unwrap().unwrap().version;
    let expires_at = world.in_millis(HOUR);
    drop(copy.store().set(&id("d"), *b"new", Some(expires_at)).unwrap());
    copy.settle();
    assert!(copy.store().get(&id("d")).unwrap().unwrap().version > highest);
    assert_eq!(copy.store().len().unwrap(), 3);
    assert_eq!(world.store().len().unwrap(), 2);
}

#[test]
fn a_backup_cut_off_at_any_moment_is_whole_or_absent() {
    let world = world();
    world.disk.record();
    world.simulation().backup(Path::new(BACKUP)).unwrap();
    let moments = world.disk.moments();
    let mut whole = 0;
    for moment in &moments {
        for round in 0..4 {
            let disk = moment.after_power_loss(Loss::of_round(round), moment.events + round);
            if disk.kind(Path::new(BACKUP)).unwrap() == Some(Kind::Directory) {
                whole += 1;
                assert_eq!(open(&world, &disk).store().len().unwrap(), 2, "after event {}", moment.events);
            }
        }
    }
    assert!(whole >= 4, "the finished backup is not durable");
}

#[test]
fn a_backup_that_fails_leaves_nothing_and_can_be_made_again() {
    let world = world();
    let before = world.disk.events();
    world.simulation().backup(Path::new("/measured")).unwrap();
    let events = world.disk.events() - before;
    for number in 1..=events {
        let at = world.disk.events() + number;
        world.disk.fail_when(move |event| {
            (event.number == at && event.action != Action::Read).then_some(Fault::Error(std::io::ErrorKind::Other))
        });
        let failed = world.simulation().backup(Path::new(BACKUP));
        world.disk.heal();
        if failed.is_err() {
            let left = world.disk.list(Path::new("/")).unwrap();
            let is_partial = |name: &&String| name.contains("partial");
            assert_eq!(left.iter().find(is_partial), None, "after a failure at event {number} of {events}");
        }
        if world.disk.kind(Path::new(BACKUP)).unwrap().is_none() {
            world.simulation().backup(Path::new(BACKUP)).unwrap();
        }
        assert_eq!(open(&world, &world.disk).store().len().unwrap(), 2);
        world.disk.rename(Path::new(BACKUP), Path::new(&format!("/old {number}"))).unwrap();
    }
}

#[test]
fn a_backup_made_after_a_clear_holds_only_what_came_after() {
    let mut world = World::new(small_options(Durability::Fsync), Durability::Fsync);
    world.set("before", 10, HOUR);
    world.checkpoint();
    world.clear();
    world.set("after", 10, HOUR);
    world.checkpoint();
    world.simulation().backup(Path::new(BACKUP)).unwrap();
    let copy = open(&world, &world.disk);
    assert!(copy.store().get(&id("after")).unwrap().is_some());
    assert_eq!(copy.store().len().unwrap(), 1);
}

/// The base of the store fails in the middle, and is opened again; what is on a later page changes.
#[test]
fn a_backup_stands_in_nobodys_way_and_each_page_is_as_it_was_asked_for_or_later() {
    let mut world = World::small();
    // More than fits on a page.
    for number in 10..30 {
        world.set(&format!("{number}"), 1 << 20, HOUR);
        world.settle();
        world.checkpoint();
    }
    let (disk, simulation, store) = (world.disk.clone(), Arc::clone(world.simulation()), world.store());
    let expires_at = world.in_millis(HOUR);
    world.disk.once(
        |event| event.is_on_base(Action::Write) && !event.path.starts_with(PATH) && event.len >= 1 << 20,
        move || {
            drop(store.set(&id("29"), *b"later", Some(expires_at)).unwrap());
            drop(store.destroy(&id("28")).unwrap());
            disk.fail_when(|event| {
                let fails = event.is_on_base(Action::Write) && event.path.starts_with(PATH);
                fails.then_some(Fault::Error(std::io::ErrorKind::Other))
            });
            simulation.ask_checkpoint();
            simulation.settle();
            assert_eq!(store.stats().checkpoint_failures, 1);
            disk.heal();
            // The first one opens the base again.
            for _ in 0..2 {
                simulation.ask_checkpoint();
                simulation.settle();
            }
            assert_eq!(store.stats().base_sessions, 19);
        },
    );
    world.simulation().backup(Path::new(BACKUP)).unwrap();
    assert_eq!(world.store().stats().base_sessions, 19, "nothing was written to the copy's second page");
    let copy = open(&world, &world.disk);
    for number in 10..28 {
        assert_eq!(copy.store().get(&id(&format!("{number}"))).unwrap().unwrap().payload.len(), 1 << 20);
    }
    let last = copy.store().get(&id("29")).unwrap().unwrap();
    assert_eq!(*last.payload, *b"later");
    assert_eq!(copy.store().len().unwrap(), 19);
    drop(copy.store().set(&id("30"), *b"new", Some(expires_at)).unwrap());
    copy.settle();
    assert!(copy.store().get(&id("30")).unwrap().unwrap().version > last.version);
}
