//! What was acknowledged survives a power loss at any moment, and so does the recovery from it.
//!
//! The failure guarded against: a write whose acknowledgement came before the disk had it, a file whose
//! directory entry was not durable, a segment that went missing, a base that ran ahead of the log. A short
//! history of everything a store does is crashed after each operation of the disk, with several of the
//! disks that such a crash may leave; so are the recoveries.

use sessile::Durability;
use sessile_tests::proof::{Effort, crash_at_every_moment};
use sessile_tests::seed::{depth, seed};
use sessile_tests::world::{World, small_options};

/// Sets, touches, destroys, a clear, checkpoints, a reap, segment rolls, and a restart.
fn history(durability: Durability, callers_write: bool) -> World {
    let mut world = World::new(small_options(durability), durability);
    world.callers_write = callers_write;
    world.simulation().let_callers_write(callers_write);
    for name in ["a", "b", "c"] {
        world.set(name, 300, 3_600_000);
        world.commit();
    }
    world.settle();
    world.destroy("b");
    world.touch("a", 7_200_000);
    world.touch("c", 1_800_000);
    world.advance(20);
    world.set("short", 40, 5_000);
    world.checkpoint();
    // Colder: these are written without the base having been asked.
    world.restart_unchecked();
    world.set("a", 2_000, 3_600_000);
    world.set("d", 10, 6_000);
    world.touch("c", 3_000_000);
    world.destroy("short");
    world.settle();
    world.advance(1_100);
    world.checkpoint();
    world.clear();
    world.set("a", 50, 3_600_000);
    world.set("e", 5_000, 2_000);
    world.advance(1_100);
    // Enough for the log to go on in other segments, recycled ones among them.
    for round in 0..9 {
        world.set(&format!("big {}", round % 3), 150_000, 3_600_000);
        world.advance(10);
    }
    world.advance(3_000);
    world.destroy("big 1");
    world.checkpoint();
    world.set("last", 600, 3_600_000);
    world.touch("big 2", 9_000_000);
    world.advance(10);
    world.advance(60);
    world
}

fn prove(name: &str, durability: Durability, callers_write: bool, rounds: u64) {
    let seed = seed(name);
    let world = history(durability, callers_write);
    world.check();
    let effort = Effort { rounds: rounds * depth(), recoveries: 24_u64.div_ceil(depth()) };
    let crashes = crash_at_every_moment(&world, seed, effort);
    println!("{} events, {crashes} crashes", world.disk.events());
}

#[test]
fn commit_survives_power_loss_at_every_sync() {
    prove("commit_survives_power_loss_at_every_sync", Durability::Fsync, true, 4);
}

#[test]
fn what_was_written_a_second_ago_survives_power_loss() {
    prove("what_was_written_a_second_ago_survives_power_loss", Durability::Write, true, 3);
}

#[test]
fn what_the_committer_wrote_a_second_ago_survives_power_loss() {
    prove("what_the_committer_wrote_a_second_ago_survives_power_loss", Durability::Write, false, 3);
}

#[test]
fn what_was_called_a_second_ago_survives_power_loss() {
    prove("what_was_called_a_second_ago_survives_power_loss", Durability::Async, true, 3);
}
