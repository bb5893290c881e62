//! A full disk refuses writes, keeps everything else going, and is forgotten as soon as there is room.
//!
//! The failure guarded against: a full disk that leaves a store poisoned, or damaged, or stuck.

use std::io::ErrorKind;
use std::path::Path;

use sessile::{Durability, Error};
use sessile_tests::disk::{Action, Fault, Loss};
use sessile_tests::model::Crash;
use sessile_tests::world::{PATH, World, id, small_options};

const HOUR: u64 = 3_600_000;

fn fill_until_refused(world: &mut World) -> Error {
    for number in 0..400 {
        match world.try_set(&format!("{}", number % 60), 60_000, HOUR) {
            Ok(()) => world.advance(20),
            Err(error @ Error::DiskFull { .. }) => return error,
            Err(Error::Overloaded { .. }) => world.advance(1000),
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the disk never was full");
}

#[test]
fn writes_are_refused_reads_go_on_and_room_heals() {
    let mut world = World::small();
    world.set("before", 100, HOUR);
    world.checkpoint();
    world.disk.set_capacity(Some(world.disk.used_bytes() + 300_000));
    fill_until_refused(&mut world);
    assert!(!world.store().is_poisoned());
    assert!(world.has("before"));
    world.advance(5000);
    assert!(matches!(world.try_set("refused", 10, HOUR), Err(Error::DiskFull { .. })));
    world.disk.set_capacity(None);
    world.advance(5000);
    world.set("accepted", 10, HOUR);
    world.settle();
    assert_eq!(world.waiting(), 0);
    world.checkpoint();
    world.check();
    world.lose_power(Loss::Everything, 0);
    assert!(world.has("accepted"));
}

/// Whoever waits is told, and what could not be written then is written, in order, when there is room: before what
/// was called while the room was looked for.
#[test]
fn what_waits_for_room_is_answered_and_written_later_in_its_order() {
    let mut world = World::small();
    let expires_at = world.in_millis(HOUR);
    for name in ["a", "b"] {
        world.set(name, 200_000, HOUR);
        world.simulation().step_committer();
    }
    let waiting = world.store().set(&id("c"), vec![3; 200_000], Some(expires_at)).unwrap();
    let (store, mut called) = (world.store(), false);
    world.disk.fail_when(move |event| {
        if !event.is_on_log(Action::Create) {
            return None;
        }
        if !std::mem::replace(&mut called, true) {
            drop(store.set(&id("d"), *b"meanwhile", Some(expires_at)).unwrap());
        }
        Some(Fault::Error(ErrorKind::StorageFull))
    });
    world.simulation().step_committer();
    assert!(waiting.is_complete());
    assert!(matches!(waiting.wait(), Err(Error::DiskFull { .. })));
    world.disk.heal();
    world.settle();
    let versions =
        |world: &World| ["a", "b", "c", "d"].map(|name| world.store().get(&id(name)).unwrap().unwrap().version);
    let before = versions(&world);
    world.kill();
    world.open_unchecked().unwrap();
    assert_eq!(versions(&world), before);
}

#[test]
fn waiting_for_room_syncs_nothing_twice() {
    let mut world = World::small();
    world.set("before", 100, HOUR);
    world.checkpoint();
    world.disk.set_capacity(Some(world.disk.used_bytes() + 300_000));
    let mut last = 0;
    while world.try_set(&format!("{}", last % 60), 60_000, HOUR).is_ok() {
        world.simulation().step_committer();
        last += 1;
    }
    let events = world.disk.events();
    for _ in 0..20 {
        world.simulation().step_committer();
    }
    let syncs = world.disk.trace_after(events).iter().filter(|event| event.is_on_log(Action::Sync)).count();
    assert!(syncs <= 1, "{syncs} syncs");
}

#[test]
fn a_touch_is_accepted_on_a_full_disk() {
    let mut world = World::small();
    world.set("before", 100, HOUR);
    world.checkpoint();
    world.disk.set_capacity(Some(world.disk.used_bytes() + 300_000));
    fill_until_refused(&mut world);
    let later = world.in_millis(5 * HOUR);
    assert!(world.store().touch(&id("before"), later).unwrap().is_complete());
    assert_eq!(world.get("before").unwrap().expires_at, later);
    // One that shortens has to be written, and is refused before it does anything.
    let earlier = world.in_millis(HOUR);
    assert!(matches!(world.store().touch(&id("before"), earlier), Err(Error::DiskFull { .. })));
    assert_eq!(world.get("before").unwrap().expires_at, later);
}

#[test]
fn a_crash_on_a_full_disk_loses_nothing_acknowledged() {
    for extra_bytes in [100_000, 250_000, 700_000, 1_500_000] {
        let mut world = World::small();
        world.set("before", 100, HOUR);
        world.checkpoint();
        world.disk.set_capacity(Some(world.disk.used_bytes() + extra_bytes));
        fill_until_refused(&mut world);
        world.kill();
        let moment = world.disk.moment();
        for round in 0..3 {
            let mut crashed = world.after(&moment, moment.after_power_loss(Loss::of_round(round), round));
            crashed.open(Crash::PowerLoss);
        }
    }
}

#[test]
fn an_open_without_room_fails_as_such_and_changes_nothing() {
    let mut world = World::small();
    world.set("a", 50_000, HOUR);
    world.settle();
    world.kill();
    // Not even what the store gives up is to be had.
    world.disk.set_capacity(Some(0));
    for _ in 0..3 {
        assert!(matches!(world.open_unchecked(), Err(Error::DiskFull { .. })));
    }
    world.disk.set_capacity(None);
    world.open(Crash::Kill);
    assert!(world.has("a"));
}

#[test]
fn a_new_store_without_room_can_be_made_later() {
    let first = World::new(small_options(Durability::Fsync), Durability::Fsync);
    let start = first.disk.moments()[0].clone();
    for capacity_bytes in [0, 10_000, 60_000] {
        let mut world = first.after(&start, start.after_kill());
        world.disk.set_capacity(Some(capacity_bytes));
        assert!(matches!(world.open_unchecked(), Err(Error::DiskFull { .. })), "{capacity_bytes} bytes");
        world.disk.set_capacity(None);
        world.open(Crash::Kill);
        world.set("a", 10, HOUR);
        world.settle();
        world.lose_power(Loss::Everything, 0);
        assert!(world.has("a"));
    }
}

#[test]
fn openings_that_fail_for_lack_of_room_do_not_pile_up() {
    let mut world = World::small();
    for number in 0..16 {
        world.set(&format!("{number}"), 90_000, HOUR);
        world.commit();
    }
    world.kill();
    // Two of these are enough, where the second has the room that the first has taken.
    let mut refused = 0;
    loop {
        world.disk.set_capacity(Some(world.disk.used_bytes() + 500_000));
        match world.open_unchecked() {
            Ok(()) => break,
            Err(error) => assert!(matches!(error, Error::DiskFull { .. }), "{error}"),
        }
        refused += 1;
        assert!(refused < 3, "each failed opening leaves more behind");
    }
    assert!(refused > 0, "there was room at once");
    world.disk.set_capacity(None);
    world.settle();
    assert_eq!(world.store().len().unwrap(), 16);
}

/// A checkpoint that is tried again may write what waits into the log's reserve: that is not room.
#[test]
fn a_full_disk_refuses_every_write_until_there_is_room() {
    let mut world = World::small();
    world.set("before", 100, HOUR);
    world.checkpoint();
    // The log may grow to its bound, the base may not grow at all.
    let base_bytes = world.disk.content(&Path::new(PATH).join("base.redb")).len() as u64;
    world.disk.fail_when(move |event| {
        let grows = event.is_on_base(Action::Write) && event.offset + event.len > base_bytes;
        grows.then_some(Fault::Error(ErrorKind::StorageFull))
    });
    fill_until_refused(&mut world);
    for number in 0..200 {
        match world.try_set(&format!("{number}"), 1000, HOUR) {
            Err(Error::DiskFull { .. }) => {}
            other => panic!("{number}: {other:?}"),
        }
        world.pass(20);
        world.commit();
        while world.simulation().step_maintenance() {
            match world.try_set(&format!("{number}, meanwhile"), 1000, HOUR) {
                Err(Error::DiskFull { .. }) => {}
                other => panic!("{number}, while a checkpoint is tried: {other:?}"),
            }
        }
        world.simulation().step_completions();
    }
    world.disk.heal();
    world.advance(2000);
    world.set("accepted", 10, HOUR);
    world.settle();
    assert_eq!(world.waiting(), 0);
    world.check();
}
