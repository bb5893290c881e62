//! A scan shows each session that lives through it exactly once, whatever happens between its pages.
//!
//! The failure guarded against: a session that moves from table to base between two looks is missed, or
//! shown twice, or shown as it was before.

use std::collections::BTreeSet;

use sessile::{Durability, Error};
use sessile_tests::disk::Action;
use sessile_tests::model::difference;
use sessile_tests::seed::seed;
use sessile_tests::world::{World, id, small_options};

const HOUR: u64 = 3_600_000;

#[test]
fn a_scan_shows_table_and_base_together_in_order_of_id() {
    let mut world = World::small();
    for number in 0..10 {
        world.set(&format!("{number}"), 10, HOUR);
    }
    world.checkpoint();
    for number in [1, 4, 7] {
        world.set(&format!("{number}"), 20, HOUR);
        world.set(&format!("{number}x"), 30, HOUR);
    }
    world.destroy("2");
    world.touch("3", 2 * HOUR);
    world.touch("5", 1000);
    world.advance(1500);
    world.check();
    for limit in 1..15 {
        let mut after = None;
        let mut names = Vec::new();
        loop {
            let page = world.store().scan(after.as_ref(), limit).unwrap();
            assert!(page.sessions.len() <= limit, "{} sessions on a page of {limit}", page.sessions.len());
            names.extend(page.sessions.into_iter().map(|(id, _)| String::from_utf8(id.as_bytes().to_vec()).unwrap()));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(names, ["0", "1", "1x", "3", "4", "4x", "6", "7", "7x", "8", "9"], "{limit} a page");
    }
}

#[test]
fn a_scan_is_stable_while_sessions_come_and_go() {
    let seed = seed("a_scan_is_stable_while_sessions_come_and_go");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut world = World::new(small_options(Durability::Fsync).cache_bytes(1000), Durability::Fsync);
    let staying: BTreeSet<String> = (0..40).map(|number| format!("stays {number:02}")).collect();
    for name in &staying {
        world.set(name, 10, HOUR);
    }
    world.settle();
    for _ in 0..20 {
        let mut after = None;
        let mut seen = BTreeSet::new();
        loop {
            let page = world.store().scan(after.as_ref(), random.usize(1..10)).unwrap();
            for (id, _) in page.sessions {
                let name = String::from_utf8(id.as_bytes().to_vec()).unwrap();
                assert!(seen.insert(name.clone()), "{name} twice");
            }
            after = page.next;
            if after.is_none() {
                break;
            }
            match random.u8(0..6) {
                0 => world.checkpoint(),
                1 => world.set(&format!("stays {:02}", random.u8(0..40)), random.usize(1..500), HOUR),
                2 => world.touch(&format!("stays {:02}", random.u8(0..40)), HOUR + random.u64(0..1000)),
                3 => world.set(&format!("stays {:02} and goes", random.u8(0..40)), 10, HOUR),
                4 => world.destroy(&format!("stays {:02} and goes", random.u8(0..40))),
                _ => world.settle(),
            }
        }
        assert!(staying.is_subset(&seen), "missing: {:?}", staying.difference(&seen).collect::<Vec<_>>());
    }
}

/// The table is read first: what is committed between the two looks is in the snapshot.
#[test]
fn a_session_committed_while_a_page_is_read_is_on_it() {
    let mut world = World::new(small_options(Durability::Fsync).cache_bytes(0), Durability::Fsync);
    world.fill_base();
    world.kill();
    world.open_unchecked().unwrap();
    world.evict_pages();
    let expires_at = world.in_millis(HOUR);
    drop(world.store().set(&id("a moving one"), *b"payload", Some(expires_at)).unwrap());
    world.simulation().settle();
    let simulation = std::sync::Arc::clone(world.simulation());
    world.disk.once(
        |event| event.is_on_base(Action::Read),
        move || {
            simulation.ask_checkpoint();
            while simulation.step_maintenance() {}
        },
    );
    let page = world.store().scan(None, 30).unwrap();
    assert_eq!(world.store().stats().checkpoints, 1, "the page was read without the disk");
    assert_eq!(page.sessions.len(), 25);
    assert_eq!(page.sessions[0].0, id("a moving one"));
}

#[test]
fn a_page_of_no_sessions_is_refused() {
    let world = World::small();
    assert!(matches!(world.store().scan(None, 0), Err(Error::InvalidArgument { what: "limit", .. })));
}

/// A set in the log does not say when its session came into being, only the base does.
#[test]
fn a_scan_right_after_an_open_shows_when_each_session_came_into_being() {
    let mut world = World::small();
    for number in 0..8 {
        world.set(&format!("{number}"), 10, HOUR);
    }
    world.checkpoint();
    world.restart_unchecked();
    world.settle();
    world.pass(1000);
    for number in [1, 4, 7] {
        world.set(&format!("{number}"), 20, HOUR);
        world.simulation().step_committer();
    }
    let expected = world.model.living(world.now());
    assert_eq!(difference(&expected, &world.scan().unwrap()), None, "right after the writes");
    world.restart_unchecked();
    assert_eq!(difference(&expected, &world.scan().unwrap()), None, "right after an open");
}
