//! Writes that wait for one another go to the disk together, and none of them waits for ever.
//!
//! The failures guarded against: a sync for each of many writes that come together; a write that is acknowledged
//! only because somebody else's came.

use sessile::{Commit, Durability};
use sessile_tests::disk::Loss;
use sessile_tests::world::{World, id, small_options};

const HOUR: u64 = 3_600_000;

fn world(durability: Durability) -> World {
    let mut world = World::new(small_options(durability), durability);
    world.set("before", 10, HOUR);
    world.settle();
    world.store().gather_writes(true);
    world
}

/// With a session that is in the base and not in memory.
fn world_with_cold_session(durability: Durability) -> World {
    let mut world = world(durability);
    world.checkpoint();
    world.restart_unchecked();
    world.settle();
    world.store().gather_writes(true);
    world
}

fn set(world: &World, number: usize) -> Commit {
    let expires_at = world.in_millis(HOUR);
    world.store().set(&id(&format!("{number}")), vec![7; 100], Some(expires_at)).unwrap()
}

/// How many writes and syncs of the log one round of the committer makes.
fn round(world: &World) -> (usize, usize) {
    let before = world.disk.events();
    world.simulation().step_committer();
    world.disk.log_writes_and_syncs_after(before)
}

#[test]
fn what_is_gathered_is_seen_at_once_and_goes_to_the_disk_in_one_batch_when_it_is_sent() {
    let mut world = world(Durability::Fsync);
    let sets: Vec<_> = (0..20).map(|number| set(&world, number)).collect();
    let destroy = world.store().destroy(&id("before")).unwrap();
    assert!(world.has("19") && !world.has("before"));
    assert_eq!(round(&world), (0, 0));
    assert!(sets.iter().all(|set| !set.is_complete()) && !destroy.is_complete());
    world.store().send_gathered();
    assert_eq!(round(&world), (1, 1));
    world.settle();
    assert!(sets.iter().all(Commit::is_complete) && destroy.is_complete());
}

#[test]
fn a_call_that_writes_for_itself_waits_for_nobody_and_what_it_leaves_does() {
    let mut world = world(Durability::Write);
    let destroy = world.store().destroy(&id("before")).unwrap();
    assert!(destroy.is_complete());
    world.simulation().let_callers_write(false);
    let sets: Vec<_> = (0..20).map(|number| set(&world, number)).collect();
    assert_eq!(round(&world), (0, 0));
    world.store().send_gathered();
    assert_eq!(round(&world), (1, 0));
    world.settle();
    assert!(sets.iter().all(Commit::is_complete));
}

#[test]
fn what_nobody_sends_is_acknowledged_after_10_ms() {
    let mut world = world(Durability::Fsync);
    world.set("a", 100, HOUR);
    world.pass(9);
    assert_eq!(round(&world), (0, 0));
    world.pass(1);
    assert_eq!(round(&world), (1, 1));
    world.settle();
    assert_eq!(world.waiting(), 0);
    world.lose_power(Loss::Everything, 0);
    assert!(world.has("a"));
}

#[test]
fn many_wait_for_no_more() {
    let world = world(Durability::Fsync);
    let mut sets: Vec<_> = (0..31).map(|number| set(&world, number)).collect();
    assert_eq!(round(&world), (0, 0));
    sets.push(set(&world, 31));
    assert_eq!(round(&world), (1, 1));
    let later = set(&world, 32);
    assert_eq!(round(&world), (0, 0));
    assert!(!later.is_complete());
}

#[test]
fn what_is_large_does_not_wait() {
    let mut world = world(Durability::Fsync);
    world.set("a", 100_000, HOUR);
    assert_eq!(round(&world), (0, 0));
    world.set("b", 200_000, HOUR);
    assert_eq!(round(&world), (1, 1));
}

#[test]
fn a_touch_that_had_to_look_its_session_up_waits_for_nobody() {
    let mut world = world_with_cold_session(Durability::Fsync);
    let touch = world.store().touch(&id("before"), world.in_millis(1000)).unwrap();
    assert!(!touch.is_complete());
    world.store().send_gathered();
    assert!(world.simulation().step_reader());
    assert_eq!(round(&world), (1, 1));
    world.settle();
    assert!(touch.is_complete());
}

#[test]
fn lookups_of_gathered_writes_are_one_job_of_the_readers_also_where_nobody_waits_for_the_disk() {
    let world = world(Durability::Async);
    let sets: Vec<_> = (0..20).map(|number| set(&world, number)).collect();
    assert!(!world.simulation().step_reader(), "a lookup was sent by itself");
    world.store().send_gathered();
    assert!(world.simulation().step_reader());
    assert!(!world.simulation().step_reader(), "lookups of one turn were sent apart");
    assert!(sets.iter().all(Commit::is_complete));
}

#[test]
fn many_lookups_do_not_wait_to_be_sent() {
    let world = world(Durability::Async);
    let sets: Vec<_> = (0..32).map(|number| set(&world, number)).collect();
    assert!(world.simulation().step_reader());
    assert!(sets.iter().all(Commit::is_complete));
}

#[test]
fn a_lookup_that_nobody_sends_is_sent_with_its_write() {
    let mut world = world(Durability::Async);
    let set = set(&world, 1);
    assert!(!world.simulation().step_reader());
    world.pass(11);
    round(&world);
    assert!(world.simulation().step_reader());
    assert!(set.is_complete());
}

#[test]
fn a_lookup_that_somebody_waits_for_is_not_kept_for_others() {
    let world = world_with_cold_session(Durability::Async);
    let (sender, answer) = std::sync::mpsc::channel();
    let at_hand = world.store().get_async(&id("before"), move |session| sender.send(session).unwrap());
    assert!(at_hand.is_none());
    // Voids the lookup that is under way.
    drop(world.store().destroy(&id("before")).unwrap());
    while world.simulation().step_reader() {}
    while world.simulation().step_completions() {}
    assert!(answer.try_recv().unwrap().unwrap().is_none());
}

#[test]
fn a_checkpoint_takes_along_what_is_gathered() {
    let mut world = world(Durability::Fsync);
    let set = set(&world, 1);
    world.checkpoint();
    assert!(set.is_complete());
}

#[test]
fn whoever_gathers_no_longer_has_sent_what_there_is() {
    let mut world = world(Durability::Fsync);
    let gathered = set(&world, 1);
    world.store().gather_writes(false);
    assert_eq!(round(&world), (1, 1));
    let single = set(&world, 2);
    assert_eq!(round(&world), (1, 1));
    world.settle();
    assert!(gathered.is_complete() && single.is_complete());
}
