//! Sessions in constant use are not moved into the base each time the log fills up: a checkpoint of the log's
//! older half leaves alone what the other half says again.
//!
//! The failure guarded against: the older half is recycled although the only whole state of a session was
//! in it, because the operation that replaced it was not durable yet, or was a touch, or because nobody came
//! back for what was left alone.

use sessile::{Durability, SetOptions};
use sessile_tests::proof::{Effort, crash_at_every_moment};
use sessile_tests::seed::{depth, seed};
use sessile_tests::world::{World, id, small_options};

const HOUR: u64 = 3_600_000;

/// How many sessions each checkpoint since the first took, while three large ones are written again and again.
fn keep_busy(world: &mut World, rounds: u64) -> Vec<u64> {
    let mut taken = Vec::new();
    let mut before = world.store().stats();
    for round in 0..rounds {
        world.set(&format!("hot {}", round % 3), 70_000, HOUR);
        world.touch("touched", 2 * HOUR + round);
        // A checkpoint that begins now finds an operation that is not durable yet.
        for _ in 0..3 {
            world.simulation().step_maintenance();
        }
        world.settle();
        world.advance(20);
        let after = world.store().stats();
        if after.checkpoints > before.checkpoints {
            taken.push(after.checkpoint_sessions - before.checkpoint_sessions);
            before = after;
        }
    }
    taken
}

#[test]
fn sessions_in_constant_use_are_left_to_the_log() {
    let mut world = World::small();
    for name in ["hot 0", "hot 1", "hot 2", "touched"] {
        world.set(name, 100, HOUR);
    }
    let taken = keep_busy(&mut world, 60);
    assert!(taken.len() >= 4, "{} checkpoints", taken.len());
    // The first takes what was set once; the others find nothing that the log does not say again.
    assert!(taken[1..].iter().all(|sessions| *sessions <= 1), "{taken:?}");
    let used = world.store().stats().log_bytes_used;
    assert!(used < 2 << 20, "{used} bytes of the log are in use");
    world.check();
}

/// A segment of the log, of which the one in use is never given up.
const SEGMENT_BYTES: u64 = (4 << 20) / 8;

/// How many sessions were set until there was a checkpoint, how many of them that took, and how much of the log is in
/// use then. The numbers of the sets tell which session each is of.
fn until_a_checkpoint(session_of: impl Fn(u64) -> u64) -> (u64, u64, u64) {
    let mut world = World::small();
    for number in 0.. {
        world.set(&format!("{}", session_of(number)), 2000, HOUR);
        world.settle();
        let stats = world.store().stats();
        if stats.checkpoints > 0 {
            world.check();
            return (number + 1, stats.checkpoint_sessions, stats.log_bytes_used);
        }
    }
    unreachable!()
}

/// Three of four sets are of a hundred sessions in turn. A quarter of what changed stands in the older part alone, which
/// is two fifths of the log: fewer than fall to as much of it where all of it is covered.
#[test]
fn what_many_sessions_in_use_say_again_is_left_to_the_log_beside_others() {
    let (sets, taken, used) = until_a_checkpoint(|number| match number % 4 {
        0 => 1000 + number,
        _ => number * 3 / 4 % 100,
    });
    assert!(sets > 400 && (40..sets / 8).contains(&taken), "{taken} of {sets}");
    assert!(used > SEGMENT_BYTES, "{used} bytes of the log are in use");
}

#[test]
fn sessions_that_never_change_twice_leave_the_log_all_at_once() {
    let (sets, taken, used) = until_a_checkpoint(|number| number);
    assert_eq!(taken, sets);
    assert!(used < SEGMENT_BYTES, "{used} bytes of the log are in use");
}

#[test]
fn what_stayed_in_the_log_reaches_the_base_with_its_age() {
    let mut world = World::small();
    let taken = keep_busy(&mut world, 40);
    assert!(taken.iter().any(|sessions| *sessions <= 1), "{taken:?}");
    world.advance(61_000);
    assert_eq!(world.store().stats().base_sessions, 3);
    assert_eq!(world.store().stats().dirty_bytes, 0);
}

/// Writes large sessions until the log presses for a checkpoint, and steps nothing but the committer.
fn press(world: &mut World) {
    fill(world, 3 << 19);
}

/// The same until so much of the log is used.
fn fill(world: &mut World, bytes: u64) {
    for round in 0.. {
        world.set(&format!("hot {}", round % 3), 70_000, HOUR);
        world.simulation().step_committer();
        world.poll();
        if world.store().stats().log_bytes_used > bytes {
            return;
        }
    }
}

/// Steps maintenance without the committer.
fn try_checkpoint(world: &mut World) {
    for _ in 0..5 {
        world.simulation().step_maintenance();
        world.poll();
    }
}

#[test]
fn the_older_half_is_not_given_up_for_an_operation_that_is_not_durable() {
    let mut world = World::small();
    world.set("seldom", 100, HOUR);
    world.commit();
    press(&mut world);
    world.set("seldom", 200, HOUR);
    try_checkpoint(&mut world);
    assert_eq!(world.store().stats().checkpoints, 1);
    // The model knows that the first state was acknowledged.
    let effort = Effort { rounds: 1, recoveries: 1000 };
    let crashes = crash_at_every_moment(&world, 1, effort);
    assert!(crashes > 50, "{crashes} crashes");
}

/// A session in the base was touched before a restart and set again before anybody looked it up: the log says
/// of it that it goes on from what was there, and that it was there only the touch says.
#[test]
fn a_touch_that_a_later_set_depends_on_is_not_given_up() {
    let mut world = World::new(small_options(Durability::Write), Durability::Write);
    let created_at = world.keep_by_a_touch("a");
    world.set("hot 0", 100_000, HOUR);
    world.simulation().step_committer();
    // Behind the touch, in a segment of its own.
    fill(&mut world, 700_000);
    world.set("a", 200, HOUR);
    press(&mut world);
    try_checkpoint(&mut world);
    world.simulation().step_committer();
    world.settle();
    assert!(world.store().stats().checkpoints > 0);
    world.restart();
    assert_eq!(world.get("a").unwrap().created_at, created_at);
}

/// It was set in the older half of the log and touched in the other, which alone would bring back what the base has.
#[test]
fn what_has_expired_does_not_come_back_in_an_older_state() {
    let mut world = World::small();
    world.set("a", 100, 10 * HOUR);
    world.checkpoint();
    world.set("a", 200, 10 * HOUR);
    fill(&mut world, 1_100_000);
    world.touch("a", 1000);
    world.advance(1020);
    assert_eq!((world.store().stats().reaped, world.store().stats().checkpoints), (1, 1));
    press(&mut world);
    world.settle();
    assert_eq!(world.store().stats().checkpoints, 2);
    world.kill();
    // By the clock of the machine that starts again it lives.
    world.clock.jump(-5000);
    world.open_unchecked().unwrap();
    assert_eq!(world.get("a").map(|session| session.payload.len()).filter(|len| *len != 200), None);
}

/// Sessions set once, touched later, destroyed, and written without being in memory, among busy ones.
fn history(durability: Durability) -> World {
    let mut world = World::new(small_options(durability), durability);
    for name in ["once", "touched", "destroyed", "hot 1"] {
        world.set(name, 300, HOUR);
    }
    world.checkpoint();
    world.restart_unchecked();
    world.destroy("destroyed");
    world.set("once", 400, HOUR);
    world.set("touched", 400, HOUR);
    let mut taken = keep_busy(&mut world, 24);
    world.set("late", 500, HOUR);
    world.destroy("hot 1");
    taken.extend(keep_busy(&mut world, 24));
    assert!(taken.len() >= 2, "{taken:?}");
    world
}

fn prove(name: &str, durability: Durability) {
    let world = history(durability);
    world.check();
    let effort = Effort { rounds: depth(), recoveries: 60_u64.div_ceil(depth()) };
    let crashes = crash_at_every_moment(&world, seed(name), effort);
    println!("{} events, {crashes} crashes", world.disk.events());
}

#[test]
fn busy_sessions_survive_power_loss_at_every_moment() {
    prove("busy_sessions_survive_power_loss_at_every_moment", Durability::Fsync);
}

#[test]
fn busy_sessions_survive_kills_and_power_loss_with_write() {
    prove("busy_sessions_survive_kills_and_power_loss_with_write", Durability::Write);
}

/// Set and touched before anybody had looked up that it has a deadline, the touch alone is left in the log.
#[test]
fn a_touch_that_is_replayed_alone_does_not_pass_the_deadline() {
    let mut world = World::small();
    let deadline = world.in_millis(HOUR);
    let options = SetOptions { deadline: Some(deadline), ..SetOptions::default() };
    drop(world.store().set_with(&id("a"), *b"first", options).unwrap());
    world.checkpoint();
    world.kill();
    world.open_unchecked().unwrap();
    drop(world.store().set(&id("a"), *b"again", Some(world.in_millis(HOUR / 2))).unwrap());
    // Nobody looks anything up meanwhile; the touch is in another segment.
    fill(&mut world, 1_100_000);
    drop(world.store().touch(&id("a"), world.in_millis(3 * HOUR)).unwrap());
    // So that most of what has changed stands in that half.
    for number in 0..6 {
        world.set(&format!("small {number}"), 100, HOUR);
    }
    press(&mut world);
    while world.simulation().step_reader() {}
    world.simulation().step_committer();
    try_checkpoint(&mut world);
    world.simulation().step_committer();
    try_checkpoint(&mut world);
    assert_eq!(world.store().stats().checkpoints, 1);
    for scanned in [false, true] {
        world.kill();
        world.open_unchecked().unwrap();
        let session = match scanned {
            false => world.store().get(&id("a")).unwrap().expect("it is there"),
            true => world.store().scan(None, 1).unwrap().sessions.remove(0).1,
        };
        assert_eq!(&*session.payload, b"again");
        assert_eq!((session.expires_at, session.deadline), (deadline, Some(deadline)), "scanned: {scanned}");
    }
}
