//! A checkpoint moves changes from table and log to the base, and never runs ahead of the log nor behind a
//! write that comes while it works.
//!
//! The failure guarded against: an entry that was changed during the commit is taken for clean, and its
//! change disappears with the log's segment; a later operation reaches the base while an earlier one is
//! lost with the log.

use std::io::ErrorKind;
use std::sync::Arc;

use parking_lot::Mutex;
use sessile::Durability;
use sessile_tests::disk::{Action, Fault, Loss};
use sessile_tests::model::Crash;
use sessile_tests::proof::{Effort, crash_at_every_moment};
use sessile_tests::world::{World, id, small_options};

const HOUR: u64 = 3_600_000;

/// Runs `act` in the middle of the commit of the next checkpoint.
fn during_commit(world: &mut World, act: impl FnOnce() + Send + 'static) {
    world.disk.once(|event| event.is_on_base(Action::Write), act);
    world.checkpoint();
}

/// The segment in which a replay begins becomes full during the commit, and nothing in it is newer than the checkpoint.
#[test]
fn the_segment_that_the_base_names_is_kept_although_it_became_full_during_the_commit() {
    let mut world = World::small();
    world.set("fills most of the first segment", 300_000, HOUR);
    world.settle();
    let (store, simulation) = (world.store(), Arc::clone(world.simulation()));
    let expires_at = world.in_millis(HOUR);
    during_commit(&mut world, move || {
        drop(store.set(&id("needs the next one"), vec![1; 300_000], Some(expires_at)).unwrap());
        simulation.step_committer();
    });
    world.restart_unchecked();
    assert_eq!(world.get("fills most of the first segment").unwrap().payload.len(), 300_000);
    assert_eq!(world.get("needs the next one").unwrap().payload.len(), 300_000);
}

#[test]
fn a_session_set_while_its_older_state_is_committed_stays_to_be_committed() {
    let mut world = World::small();
    world.set("a", 100, HOUR);
    world.settle();
    let store = world.store();
    let expires_at = world.in_millis(HOUR);
    during_commit(&mut world, move || drop(store.set(&id("a"), *b"newer", Some(expires_at)).unwrap()));
    world.checkpoint();
    assert_eq!(world.get("a").unwrap().payload, b"newer");
    world.kill();
    world.disk = world.disk.moment().after_power_loss(Loss::Everything, 0);
    world.open_unchecked().unwrap();
    assert_eq!(world.get("a").unwrap().payload, b"newer");
}

#[test]
fn a_session_destroyed_while_it_is_committed_stays_gone() {
    let mut world = World::small();
    world.set("a", 100, HOUR);
    world.settle();
    let store = world.store();
    during_commit(&mut world, move || drop(store.destroy(&id("a")).unwrap()));
    assert!(!world.has("a"));
    assert_eq!(world.store().len().unwrap(), 0);
    world.checkpoint();
    world.kill();
    world.open_unchecked().unwrap();
    assert!(!world.has("a"));
    assert_eq!(world.store().len().unwrap(), 0);
}

#[test]
fn a_session_set_while_its_removal_is_committed_stays() {
    let mut world = World::small();
    world.set("a", 100, HOUR);
    world.checkpoint();
    world.destroy("a");
    world.settle();
    let store = world.store();
    let expires_at = world.in_millis(HOUR);
    during_commit(&mut world, move || drop(store.set(&id("a"), *b"again", Some(expires_at)).unwrap()));
    world.checkpoint();
    assert_eq!(world.get("a").unwrap().payload, b"again");
    assert_eq!(world.store().len().unwrap(), 1);
    world.kill();
    world.disk = world.disk.moment().after_power_loss(Loss::Everything, 0);
    world.open_unchecked().unwrap();
    assert_eq!(world.get("a").unwrap().payload, b"again");
}

#[test]
fn a_session_touched_while_it_is_committed_keeps_the_later_expiry() {
    let mut world = World::small();
    world.set("a", 100, HOUR);
    world.settle();
    let store = world.store();
    let expires_at = world.in_millis(5 * HOUR);
    during_commit(&mut world, move || drop(store.touch(&id("a"), expires_at).unwrap()));
    world.checkpoint();
    world.kill();
    world.open_unchecked().unwrap();
    assert_eq!(world.get("a").unwrap().expires_at, expires_at);
}

/// A world in the middle of which a sweep has to ask the base about 64 sessions, since they were written
/// without being in memory.
fn world_to_sweep() -> (World, Vec<String>) {
    world_to_sweep_after(|_| ())
}

/// The same, with something done before that needs the base.
fn world_to_sweep_after(before: impl FnOnce(&mut World)) -> (World, Vec<String>) {
    let mut world = World::new(small_options(Durability::Write), Durability::Write);
    let names: Vec<String> = (0..64).map(|number| format!("session {number}")).collect();
    for name in &names {
        world.set(name, 100, HOUR);
    }
    world.fill_base();
    world.kill();
    world.open_unchecked().unwrap();
    before(&mut world);
    world.evict_pages();
    for name in &names {
        world.set(name, 200, HOUR);
    }
    // In the log, durably, and not looked up: nothing but what comes during the sweep is left to be synced.
    world.simulation().step_committer();
    world.pass(1000);
    world.simulation().step_committer();
    (world, names)
}

/// So many sessions that every shard has some, known to be new: a sweep needs no base for them.
fn set_in_every_shard(world: &mut World) {
    for number in 0..1000 {
        let name = format!("known {number}");
        world.set(&name, 10, HOUR);
        assert!(world.has(&name));
    }
}

/// Calls `act` when the sweep of a checkpoint asks the base, and finishes the checkpoint.
fn during_sweep(world: &World, act: impl FnOnce() + Send + 'static) {
    let called = Arc::new(Mutex::new(false));
    let noted = Arc::clone(&called);
    world.disk.once(
        |event| event.is_on_base(Action::Read),
        move || {
            act();
            *noted.lock() = true;
        },
    );
    let before = world.store().stats().checkpoints;
    world.simulation().ask_checkpoint();
    world.simulation().step_maintenance();
    assert!(*called.lock(), "the sweep did not read the base");
    while world.simulation().step_maintenance() {}
    assert_eq!(world.store().stats().checkpoints, before + 1);
}

/// An operation that a sweep takes although it came after the covered position has to be in the log before
/// the base has it: else a power loss keeps it and takes one that was called before.
#[test]
fn nothing_overtakes_an_earlier_operation_by_way_of_the_base() {
    let (world, names) = world_to_sweep();
    let store = world.store();
    let expires_at = world.in_millis(HOUR);
    let asked = names.clone();
    let first = world.disk.events();
    during_sweep(&world, move || {
        drop(store.set(&id("earlier"), *b"earlier", Some(expires_at)).unwrap());
        for name in &asked {
            drop(store.set(&id(name), *b"later", Some(expires_at)).unwrap());
        }
    });
    let mut kept = 0;
    for moment in world.disk.moments().iter().filter(|moment| moment.events >= first) {
        let mut crashed = world.after(moment, moment.after_power_loss(Loss::Everything, 0));
        crashed.open_unchecked().unwrap();
        let is_later = |name: &String| crashed.get(name).is_some_and(|session| session.payload == b"later");
        if names.iter().any(is_later) {
            kept += 1;
            assert!(crashed.has("earlier"), "lost after event {}, and what came after it was kept", moment.events);
        }
    }
    assert!(kept > 0, "the sweep took none of what came while it worked");
}

/// The first shard whose sessions have to be looked up ends the sweep; those behind it are not forgotten.
#[test]
fn what_a_failed_sweep_did_not_come_to_is_captured_by_the_next() {
    let (mut world, _) = world_to_sweep_after(set_in_every_shard);
    world.disk.fail_when(|event| event.is_on_base(Action::Read).then_some(Fault::Error(ErrorKind::Other)));
    world.simulation().ask_checkpoint();
    world.simulation().step_maintenance();
    assert_eq!(world.store().stats().checkpoint_failures, 1);
    world.disk.heal();
    world.checkpoint();
    assert_eq!(world.store().stats().dirty_bytes, 0);
    world.check();
}

/// What comes behind the sweep's back is not covered by it, and stays in the log.
#[test]
fn an_operation_called_during_a_sweep_is_not_taken_for_covered() {
    let (world, _) = world_to_sweep();
    let store = world.store();
    let expires_at = world.in_millis(HOUR);
    during_sweep(&world, move || {
        for number in 0..64 {
            drop(store.set(&id(&format!("new {number}")), *b"new", Some(expires_at)).unwrap());
        }
    });
    world.simulation().step_committer();
    let moment = world.disk.moment();
    let mut killed = world.after(&moment, moment.after_kill());
    killed.open_unchecked().unwrap();
    for number in 0..64 {
        assert!(killed.has(&format!("new {number}")), "session {number} of those set during the sweep");
    }
}

/// What the sweep had captured before is not committed behind it: nobody would read it, and it would be counted.
#[test]
fn a_clear_called_during_a_sweep_leaves_nothing_of_what_the_sweep_has() {
    let (mut world, _) = world_to_sweep_after(set_in_every_shard);
    let store = world.store();
    during_sweep(&world, move || drop(store.clear().unwrap()));
    assert_eq!(world.store().stats().base_sessions, 0);
    world.kill();
    world.open_unchecked().unwrap();
    assert_eq!(world.store().len().unwrap(), 0);
}

/// More than one transaction holds; only the last one may say that the log is covered.
#[test]
fn a_checkpoint_in_several_transactions_can_be_cut_off_between_them() {
    let options = small_options(Durability::Fsync).log_bytes_max(96 << 20);
    let mut world = World::new(options, Durability::Fsync);
    world.set("cleared", 100, HOUR);
    world.checkpoint();
    world.clear();
    for number in 0..6 {
        world.set(&format!("big {number:02}"), 1 << 20, HOUR);
        world.commit();
    }
    world.simulation().ask_checkpoint();
    let first = world.disk.events();
    for _ in 0..3 {
        world.simulation().step_maintenance();
    }
    world.poll();
    let trace = world.disk.trace_after(first);
    let syncs: Vec<u64> =
        trace.iter().filter(|event| event.is_on_base(Action::Sync)).map(|event| event.number).collect();
    assert!(syncs.len() >= 4, "two transactions sync twice each");
    let moments = world.disk.moments();
    for sync in &syncs {
        let moment = moments.iter().find(|moment| moment.events == *sync).unwrap();
        let mut crashed = world.after(moment, moment.after_power_loss(Loss::Everything, 0));
        crashed.open(Crash::PowerLoss);
    }
}

/// One sync of all of it would hold up those of the log, and what is written in vain where the base has to grow would
/// hold up lookups.
#[test]
fn a_large_checkpoint_reaches_the_base_in_parts() {
    const PART_BYTES_MAX: u64 = 8 << 20;
    let options = small_options(Durability::Fsync).log_bytes_max(96 << 20);
    let mut world = World::new(options, Durability::Fsync);
    for number in 0..200 {
        world.set(&format!("{number:03}"), 100_000, HOUR);
        world.commit();
    }
    let first = world.disk.events();
    world.checkpoint();
    let (mut all, mut most, mut unsynced) = (0, 0, 0);
    for event in world.disk.trace_after(first) {
        if event.is_on_base(Action::Write) {
            all += event.len;
            unsynced += event.len;
            most = most.max(unsynced);
        } else if event.is_on_base(Action::Sync) {
            unsynced = 0;
        }
    }
    assert!(all > 2 * PART_BYTES_MAX, "only {all} bytes were written");
    assert!(most <= PART_BYTES_MAX, "{most} of {all} bytes were written before a sync");
    world.check();
}

#[test]
fn a_clear_and_what_comes_after_it_survive_a_crash_at_any_moment_of_the_checkpoint() {
    let mut world = World::small();
    for name in ["a", "b", "c"] {
        world.set(name, 3000, HOUR);
    }
    world.checkpoint();
    world.clear();
    world.set("b", 200, HOUR);
    world.set("d", 200, HOUR);
    world.settle();
    world.disk.record();
    world.checkpoint();
    let crashes = crash_at_every_moment(&world, 7, Effort { rounds: 3, recoveries: 16 });
    assert!(crashes > 30);
}
