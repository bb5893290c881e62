//! Whoever listens is told of each session that has ended: with its last content, by the right cause, once, and of none
//! that lives.
//!
//! The failure guarded against: an application that cleans up after its sessions misses one, because it was only on the
//! disk, because another session has its id by now, or because its payload was not in memory any more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fastrand::Rng;
use sessile::EndCause::{self, Destroyed, Expired};
use sessile::{Durability, Listener};
use sessile_tests::seed::{depth, seed};
use sessile_tests::world::{World, id, small_options};

const HOUR: u64 = 3_600_000;

/// Who listens for both causes, and what he was told.
struct Told {
    listeners: Vec<Listener>,
    endings: Vec<Ending>,
}

/// The id's name, the cause, and the payload and expiry that the session had last.
type Ending = (String, EndCause, Vec<u8>, u64);

impl Told {
    fn of(world: &World) -> Self {
        let listen = |cause| world.store().listen(cause, || ()).unwrap();
        Self { listeners: vec![listen(Expired), listen(Destroyed)], endings: Vec::new() }
    }

    /// Takes what there is.
    fn take(&mut self) {
        for ended in self.listeners.iter().flat_map(|listener| listener.take(usize::MAX, u64::MAX)) {
            let name = String::from_utf8_lossy(ended.id.as_bytes()).into_owned();
            let expires_at = ended.session.expires_at.as_millis();
            self.endings.push((name, ended.cause, ended.session.payload.to_vec(), expires_at));
        }
    }

    /// Goes on in the store that `world` has now.
    fn move_to(&mut self, world: &World) {
        self.take();
        self.listeners = Self::of(world).listeners;
    }
}

fn set(world: &World, name: &str, payload: &str, millis: u64) {
    let commit = world.store().set(&id(name), payload.as_bytes(), Some(world.in_millis(millis)));
    drop(commit.unwrap());
}

fn destroy(world: &World, name: &str) {
    drop(world.store().destroy(&id(name)).unwrap());
}

fn touch(world: &mut World, name: &str, millis: u64) {
    drop(world.store().touch(&id(name), world.in_millis(millis)).unwrap());
    world.settle();
}

fn small() -> sessile::Options {
    small_options(Durability::Fsync)
}

/// A store that keeps nothing in memory that is on the disk.
fn forgetful() -> World {
    World::new(small().cache_bytes(0), Durability::Fsync)
}

/// Has the session in the base and not in memory.
fn put_away(world: &mut World) {
    world.checkpoint();
    world.restart_unchecked();
}

/// Makes a checkpoint before the readers have looked anything up.
fn checkpoint_before_the_readers(world: &World) {
    let asked = world.simulation().ask_checkpoint();
    for _ in 0..20 {
        world.simulation().step_maintenance();
    }
    assert!(world.simulation().has_made(asked));
}

fn assert_told(world: &mut World, told: &mut Told, expected: &[(&str, EndCause, &str)]) {
    world.advance(2_000);
    told.take();
    let told: Vec<_> = told
        .endings
        .iter()
        .map(|(name, cause, payload, _)| (name.as_str(), *cause, std::str::from_utf8(payload).unwrap()))
        .collect();
    assert_eq!(told, expected);
}

#[test]
fn a_session_that_expires_in_memory_is_told_of() {
    let mut world = World::small();
    let mut told = Told::of(&world);
    set(&world, "a", "first", 1_000);
    set(&world, "a", "last", 1_000);
    set(&world, "b", "lives", HOUR);
    assert_told(&mut world, &mut told, &[("a", Expired, "last")]);
}

#[test]
fn a_session_that_expires_in_the_base_is_told_of() {
    let mut world = World::small();
    set(&world, "a", "in the base", 10_000);
    set(&world, "b", "lives", HOUR);
    put_away(&mut world);
    let mut told = Told::of(&world);
    world.advance(10_000);
    assert_told(&mut world, &mut told, &[("a", Expired, "in the base")]);
}

#[test]
fn a_session_that_expired_while_the_store_was_closed_is_told_of() {
    let mut world = World::small();
    set(&world, "a", "in the base", 1_000);
    put_away(&mut world);
    world.kill();
    world.clock.advance(5_000);
    world.open_unchecked().unwrap();
    world.settle();
    // Whoever opens a store has a moment to say that he listens.
    let mut told = Told::of(&world);
    assert_told(&mut world, &mut told, &[("a", Expired, "in the base")]);
}

#[test]
fn a_session_that_was_destroyed_is_told_of_wherever_it_is() {
    let mut world = World::small();
    set(&world, "base", "in the base", HOUR);
    put_away(&mut world);
    let mut told = Told::of(&world);
    set(&world, "memory", "in memory", HOUR);
    destroy(&world, "base");
    destroy(&world, "memory");
    destroy(&world, "nowhere");
    // A checkpoint right away, which is to take the record along.
    world.checkpoint();
    destroy(&world, "base");
    assert_told(&mut world, &mut told, &[("memory", Destroyed, "in memory"), ("base", Destroyed, "in the base")]);
}

#[test]
fn a_session_that_was_set_anew_after_it_was_destroyed_is_told_of() {
    let mut world = World::small();
    set(&world, "a", "first", HOUR);
    put_away(&mut world);
    let mut told = Told::of(&world);
    // Before anything was looked up.
    destroy(&world, "a");
    set(&world, "a", "second", HOUR);
    destroy(&world, "a");
    set(&world, "a", "third", HOUR);
    assert_told(&mut world, &mut told, &[("a", Destroyed, "second"), ("a", Destroyed, "first")]);
    assert!(world.has("a"));
}

#[test]
fn a_session_that_expired_before_its_id_was_set_again_is_told_of() {
    for away in [false, true] {
        let mut world = World::small();
        set(&world, "a", "expired", 300);
        set(&world, "b", "goes on", HOUR);
        if away {
            put_away(&mut world);
        }
        let mut told = Told::of(&world);
        world.clock.advance(500);
        set(&world, "a", "new", HOUR);
        set(&world, "b", "went on", HOUR);
        assert_told(&mut world, &mut told, &[("a", Expired, "expired")]);
    }
}

#[test]
fn a_session_that_expired_before_its_id_was_set_and_destroyed_is_told_of() {
    let mut world = World::small();
    set(&world, "a", "expired", 300);
    set(&world, "b", "older", HOUR);
    put_away(&mut world);
    let mut told = Told::of(&world);
    world.clock.advance(500);
    for name in ["a", "b"] {
        set(&world, name, "new", HOUR);
        destroy(&world, name);
    }
    let news = [("a", Destroyed, "new"), ("b", Destroyed, "new"), ("a", Expired, "expired")];
    assert_told(&mut world, &mut told, &[news[2], news[0], news[1]]);
}

#[test]
fn a_session_whose_payload_left_memory_is_told_of_with_it() {
    for (end, cause) in [("expires", Expired), ("is destroyed", Destroyed), ("is replaced", Expired)] {
        let mut world = forgetful();
        set(&world, "a", "only in the base", 5_000);
        world.checkpoint();
        let mut told = Told::of(&world);
        // Changed, and so in memory, but without its payload.
        touch(&mut world, "a", 3_000);
        set(&world, "b", "makes room", HOUR);
        match end {
            "expires" => world.advance(3_000),
            "is destroyed" => destroy(&world, "a"),
            _ => {
                world.clock.advance(3_500);
                set(&world, "a", "another", HOUR);
            }
        }
        checkpoint_before_the_readers(&world);
        assert_told(&mut world, &mut told, &[("a", cause, "only in the base")]);
    }
}

#[test]
fn nobody_is_told_of_what_lives_or_is_cleared_or_after_he_left() {
    let mut world = World::small();
    let mut told = Told::of(&world);
    set(&world, "a", "lives on", 1_000);
    touch(&mut world, "a", HOUR);
    set(&world, "b", "cleared", HOUR);
    world.checkpoint();
    world.advance(5_000);
    assert!(world.has("a"));
    drop(world.store().clear().unwrap());
    assert_told(&mut world, &mut told, &[]);
    let left = std::mem::take(&mut told.listeners);
    drop(left);
    set(&world, "c", "nobody listens", 1_000);
    assert_told(&mut world, &mut told, &[]);
    assert_eq!(world.store().stats().reaped, 1);
}

#[test]
fn a_listener_is_called_once_for_what_comes_while_it_has_something() {
    let mut world = World::small();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let listener = world.store().listen(Destroyed, move || {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let listener = listener.unwrap();
    for round in 1..=2 {
        for name in ["a", "b", "c"] {
            set(&world, name, "payload", HOUR);
            destroy(&world, name);
        }
        world.settle();
        assert_eq!(calls.load(Ordering::Relaxed), round);
        assert_eq!(listener.take(2, u64::MAX).len(), 2);
        // One of seven bytes goes beyond six, and is taken all the same; another would not be.
        assert_eq!(listener.take(usize::MAX, 6).len(), 1);
        assert!(listener.take(usize::MAX, u64::MAX).is_empty());
    }
}

#[test]
fn what_has_expired_waits_on_the_disk_for_a_listener_that_does_not_keep_up() {
    let mut world = World::new(small().dirty_bytes(1 << 20), Durability::Fsync);
    let large = "x".repeat(500_000);
    for name in 0..24 {
        set(&world, &name.to_string(), &large, 10_000);
        world.checkpoint();
    }
    let listener = world.store().listen(Expired, || ()).unwrap();
    set(&world, "later", &large, 20_000);
    world.checkpoint();
    world.advance(12_000);
    // What one step has taken is more than enough to wait with.
    assert_eq!(world.store().stats().base_sessions, 1);
    world.advance(20_000);
    assert_eq!(world.store().stats().base_sessions, 1);
    assert_eq!(world.store().len().unwrap(), 0);
    assert_eq!(listener.take(usize::MAX, 9_000_000).len(), 18);
    world.advance(1_000);
    assert_eq!(world.store().stats().base_sessions, 0);
    assert_eq!(listener.take(usize::MAX, u64::MAX).len(), 7);
}

#[test]
fn a_listener_that_does_not_keep_up_holds_up_the_others_until_it_leaves() {
    let mut world = World::new(small().dirty_bytes(1 << 20), Durability::Fsync);
    let slow = world.store().listen(Expired, || ()).unwrap();
    let quick = world.store().listen(Expired, || ()).unwrap();
    let large = "x".repeat(500_000);
    // Ten fill a mailbox.
    let mut expire_ten = || {
        for name in 0..10 {
            set(&world, &name.to_string(), &large, 5_000);
            world.checkpoint();
        }
        world.advance(6_000);
        quick.take(usize::MAX, u64::MAX).len()
    };
    assert_eq!([expire_ten(), expire_ten()], [10, 0]);
    drop(slow);
    world.advance(1_000);
    assert_eq!(quick.take(usize::MAX, u64::MAX).len(), 10);
}

#[test]
fn sessions_without_their_payload_fill_a_mailbox_and_no_more() {
    let mut world = World::new(small().cache_bytes(0), Durability::Fsync);
    let large = "x".repeat(20_000);
    for name in 0..1_000 {
        set(&world, &name.to_string(), &large, HOUR);
        if name % 20 == 19 {
            world.checkpoint();
        }
    }
    // Changed in memory, but without their payloads: all of it comes due there.
    for name in 0..1_000 {
        drop(world.store().touch(&id(&name.to_string()), world.in_millis(10_000)).unwrap());
        if name % 20 == 19 {
            world.settle();
        }
    }
    let listener = world.store().listen(Expired, || ()).unwrap();
    world.advance(30_000);
    let mut told = 0;
    let mut most = 0;
    loop {
        let ended = listener.take(usize::MAX, u64::MAX);
        if ended.is_empty() {
            break;
        }
        told += ended.len();
        most = most.max(ended.len());
        world.advance(100);
    }
    assert_eq!(told, 1_000);
    // A mailbox holds 4 MiB, of which there are 210, and one step adds 320 at most.
    assert!(most <= 210 + 320, "{most} at once");
}

/// A session of the history, as a reference has it.
struct Reference {
    payload: String,
    expires_at: u64,
}

#[test]
fn each_session_of_a_random_history_is_told_of_as_it_was_last() {
    let seed = seed("each_session_of_a_random_history_is_told_of_as_it_was_last");
    for round in 0..20 * depth() {
        let mut random = Rng::with_seed(seed.wrapping_add(round));
        let mut world = if random.bool() { forgetful() } else { World::small() };
        let mut told = Told::of(&world);
        let mut living: BTreeMap<String, Reference> = BTreeMap::new();
        let mut ended: Vec<Ending> = Vec::new();
        let mut is_restarted = false;
        let mut end = |name: &str, session: Reference, now: u64| {
            let cause = if session.expires_at <= now { Expired } else { Destroyed };
            ended.push((name.to_owned(), cause, session.payload.into_bytes(), session.expires_at));
        };
        for step in 0..250 {
            let name = random.usize(..8).to_string();
            let now = world.now().as_millis();
            let millis = random.u64(1..5_000);
            match random.u8(..20) {
                0..=6 => {
                    let expired = living.remove(&name).filter(|before| before.expires_at <= now);
                    expired.into_iter().for_each(|before| end(&name, before, now));
                    let payload = format!("{step}");
                    set(&world, &name, &payload, millis);
                    living.insert(name, Reference { payload, expires_at: now + millis });
                }
                7..=9 => {
                    touch(&mut world, &name, millis);
                    let session = living.get_mut(&name).filter(|session| session.expires_at > now);
                    session.into_iter().for_each(|session| session.expires_at = now + millis);
                }
                10..=12 => {
                    destroy(&world, &name);
                    living.remove(&name).into_iter().for_each(|session| end(&name, session, now));
                }
                13 => drop(world.store().get_async(&id(&name), drop)),
                14..=15 => world.checkpoint(),
                16 => {
                    world.settle();
                    world.clock.advance(random.u64(1..3_000));
                }
                17 if round % 2 == 0 => {
                    // So long that a touch is in the log.
                    world.advance(20);
                    told.take();
                    world.restart_unchecked();
                    told.move_to(&world);
                    is_restarted = true;
                }
                18 => world.commit(),
                _ => world.settle(),
            }
        }
        let now = world.now().as_millis();
        let here = living.values().filter(|session| session.expires_at > now).count();
        assert_eq!(world.store().len().unwrap(), here as u64, "round {round} of seed {seed}");
        world.advance(7_000);
        // A touched session is looked at again by when its record comes due.
        world.advance(100);
        told.take();
        let now = world.now().as_millis();
        for (name, session) in std::mem::take(&mut living) {
            end(&name, session, now);
        }
        ended.sort_by(|one, other| (&one.0, &one.2).cmp(&(&other.0, &other.2)));
        told.endings.sort_by(|one, other| (&one.0, &one.2).cmp(&(&other.0, &other.2)));
        if is_restarted {
            // What a crash finds half removed is removed, and told of, again.
            told.endings.dedup();
        }
        let missed: Vec<_> = ended.iter().filter(|ended| !told.endings.contains(ended)).collect();
        assert!(missed.is_empty(), "round {round} of seed {seed}: nobody was told of {missed:?}");
        assert_eq!(told.endings.len(), ended.len(), "round {round} of seed {seed}: {:?} of {ended:?}", told.endings);
    }
}
