//! The store does nothing of its own accord: what happens on the disk follows from the calls and the steps.
//!
//! The failure guarded against: a hidden thread or clock, which would make every other test here a guess.

use sessile::Durability;
use sessile_tests::disk::Event;
use sessile_tests::world::{World, small_options};

const HOUR: u64 = 3_600_000;

fn life() -> Vec<Event> {
    let mut world = World::new(small_options(Durability::Fsync), Durability::Fsync);
    for number in 0..30 {
        world.set(&format!("{}", number % 7), 40_000 + number, 5000);
        world.advance(100);
        if number % 10 == 9 {
            world.touch("3", HOUR);
            world.destroy("4");
            world.checkpoint();
        }
    }
    world.restart();
    world.advance(10_000);
    world.clear();
    world.advance(61_000);
    world.disk.trace()
}

#[test]
fn the_same_life_makes_the_same_events() {
    let (one, other) = (life(), life());
    assert!(one.len() > 100);
    for (one, other) in one.iter().zip(&other) {
        assert_eq!(one, other);
    }
    assert_eq!(one.len(), other.len());
}

#[test]
fn nothing_happens_without_a_step() {
    let mut world = World::small();
    let before = world.disk.events();
    world.set("a", 10, 1000);
    world.touch("a", 2000);
    world.pass(60_000);
    assert_eq!(world.disk.events(), before);
    assert_eq!(world.waiting(), 1);
}
