//! The sessions of an owner are found, all of them and no others, wherever they are: in memory, in the base, changed
//! since, after a crash.
//!
//! The failure guarded against: somebody logs out everywhere, and stays logged in somewhere.

use std::collections::BTreeMap;

use fastrand::Rng;
use sessile::{Durability, Error, Owner, SetOptions, Store, Timestamp};
use sessile_tests::disk::Loss;
use sessile_tests::world::{World, id, small_options};

const HOUR: u64 = 3_600_000;

fn owner(name: &str) -> Owner {
    Owner::new(name).unwrap()
}

/// Stores a session of `of`; of nobody, where that is empty.
fn set(world: &World, name: &str, of: &str) {
    let owner = if of.is_empty() { None } else { Some(owner(of)) };
    let options = SetOptions { expires_at: Some(world.in_millis(HOUR)), owner, ..SetOptions::default() };
    drop(world.store().set_with(&id(name), *b"payload", options).unwrap());
}

/// The names of an owner's sessions.
fn of(store: &Store, name: &str) -> Vec<String> {
    let sessions = store.sessions_of(&owner(name)).unwrap();
    assert_eq!(store.count_of(&owner(name)).unwrap(), sessions.len() as u64);
    assert!(sessions.iter().all(|(_, session)| session.owner == Some(owner(name))));
    let mut names: Vec<_> =
        sessions.into_iter().map(|(id, _)| String::from_utf8_lossy(id.as_bytes()).into_owned()).collect();
    names.sort();
    names
}

fn assert_of(world: &World, name: &str, expected: &[&str]) {
    assert_eq!(of(&world.store(), name), expected, "of {name}");
}

/// What happens to a store between two looks at it, and what that is called.
type Passage = (&'static str, fn(&mut World));

/// All there are.
fn passages() -> [Passage; 5] {
    [
        ("nothing", |_| ()),
        ("a checkpoint", World::checkpoint),
        ("a restart", |world| {
            world.settle();
            world.restart_unchecked();
        }),
        ("a checkpoint and a restart", |world| {
            world.checkpoint();
            world.restart_unchecked();
        }),
        ("a power loss", |world| {
            world.settle();
            world.kill();
            world.disk = world.disk.moment().after_power_loss(Loss::Everything, 0);
            world.open_unchecked().unwrap();
        }),
    ]
}

#[test]
fn an_owners_sessions_are_found_and_no_others() {
    for (what, pass) in passages() {
        let mut world = World::small();
        set(&world, "a1", "ada");
        set(&world, "b1", "bob");
        set(&world, "a2", "ada");
        set(&world, "n1", "");
        pass(&mut world);
        assert_of(&world, "ada", &["a1", "a2"]);
        assert_of(&world, "bob", &["b1"]);
        assert_of(&world, "ad", &[]);
        assert_of(&world, "adam", &[]);
        world.settle();
        assert_eq!(of(&world.store(), "ada"), ["a1", "a2"], "{what}");
    }
}

#[test]
fn who_owns_a_session_may_change() {
    for (what, first) in passages() {
        for (and, second) in passages() {
            let mut world = World::small();
            set(&world, "s1", "ada");
            set(&world, "s2", "ada");
            set(&world, "s3", "");
            first(&mut world);
            set(&world, "s1", "bob");
            set(&world, "s2", "");
            set(&world, "s3", "ada");
            second(&mut world);
            assert_eq!(of(&world.store(), "ada"), ["s3"], "{what}, then {and}");
            assert_eq!(of(&world.store(), "bob"), ["s1"], "{what}, then {and}");
        }
    }
}

#[test]
fn what_is_gone_is_nobodys() {
    let ends: [fn(&mut World); 3] = [
        |world| drop(world.store().destroy(&id("s1")).unwrap()),
        |world| drop(world.store().clear().unwrap()),
        |world| world.pass(HOUR),
    ];
    for end in ends {
        for (what, first) in passages() {
            for (and, second) in passages() {
                let mut world = World::small();
                set(&world, "s1", "ada");
                first(&mut world);
                end(&mut world);
                second(&mut world);
                assert_eq!(of(&world.store(), "ada"), [""; 0], "{what}, then {and}");
                // Nor is it when its id comes back.
                set(&world, "s1", "bob");
                assert_of(&world, "ada", &[]);
                assert_of(&world, "bob", &["s1"]);
            }
        }
    }
}

#[test]
fn a_touch_leaves_a_session_whose_it_is() {
    for (_, pass) in passages() {
        let mut world = World::small();
        set(&world, "s1", "ada");
        pass(&mut world);
        drop(world.store().touch(&id("s1"), world.in_millis(2 * HOUR)).unwrap());
        world.settle();
        pass(&mut world);
        assert_of(&world, "ada", &["s1"]);
    }
}

#[test]
fn all_of_an_owner_are_destroyed_but_for_one() {
    for (what, pass) in passages() {
        let mut world = World::small();
        for name in ["a1", "a2", "a3"] {
            set(&world, name, "ada");
        }
        set(&world, "b1", "bob");
        pass(&mut world);
        let destroyed = stepped(&world, |store| store.destroy_all_of(&owner("ada"), Some(&id("a2"))));
        assert_eq!(destroyed, 2, "{what}");
        assert_of(&world, "ada", &["a2"]);
        pass(&mut world);
        assert_of(&world, "ada", &["a2"]);
        assert_of(&world, "bob", &["b1"]);
        assert_eq!(stepped(&world, |store| store.destroy_all_of(&owner("ada"), None)), 1);
        assert_of(&world, "ada", &[]);
    }
}

#[test]
fn the_newest_of_an_owner_are_kept() {
    let mut world = World::small();
    for name in ["4", "1", "3", "2"] {
        set(&world, name, "ada");
        world.pass(10);
    }
    world.checkpoint();
    // One that is written again is as old as before.
    set(&world, "4", "ada");
    assert_eq!(stepped(&world, |store| store.keep_newest_of(&owner("ada"), 2, None)), 2);
    assert_of(&world, "ada", &["2", "3"]);
    assert_eq!(stepped(&world, |store| store.keep_newest_of(&owner("ada"), 2, None)), 0);
    // One that is to be kept is, however old it is.
    set(&world, "5", "ada");
    assert_eq!(stepped(&world, |store| store.keep_newest_of(&owner("ada"), 1, Some(&id("3")))), 2);
    assert_of(&world, "ada", &["3"]);
}

/// Calls something that blocks, on a thread, and steps the store until it is through.
fn stepped(world: &World, call: impl FnOnce(Store) -> Result<u64, Error> + Send + 'static) -> u64 {
    let store = world.store();
    let calling = std::thread::spawn(move || call(store));
    while !calling.is_finished() {
        world.simulation().settle();
        std::thread::yield_now();
    }
    calling.join().unwrap().unwrap()
}

#[test]
fn no_expiry_passes_the_deadline() {
    for (what, pass) in passages() {
        let mut world = World::small();
        let deadline = world.in_millis(HOUR);
        let options = SetOptions {
            expires_at: Some(world.in_millis(HOUR / 2)),
            deadline: Some(deadline),
            ..SetOptions::default()
        };
        drop(world.store().set_with(&id("s1"), *b"payload", options).unwrap());
        pass(&mut world);
        assert_eq!(expiry(&world), (world.in_millis(HOUR / 2), Some(deadline)), "{what}");
        drop(world.store().touch(&id("s1"), world.in_millis(2 * HOUR)).unwrap());
        world.settle();
        assert_eq!(expiry(&world), (deadline, Some(deadline)), "{what}: touched");
        pass(&mut world);
        // Neither a set moves it, nor one that names another.
        let options = SetOptions { deadline: Some(world.in_millis(3 * HOUR)), ..SetOptions::default() };
        drop(world.store().set_with(&id("s1"), *b"payload", options).unwrap());
        world.settle();
        assert_eq!(expiry(&world), (deadline, Some(deadline)), "{what}: set");
        pass(&mut world);
        assert_eq!(expiry(&world), (deadline, Some(deadline)), "{what}: set");
        // A new session under the id begins anew.
        drop(world.store().destroy(&id("s1")).unwrap());
        drop(world.store().set(&id("s1"), *b"payload", Some(world.in_millis(2 * HOUR))).unwrap());
        world.settle();
        assert_eq!(expiry(&world), (world.in_millis(2 * HOUR), None), "{what}: new");
    }
}

fn expiry(world: &World) -> (Timestamp, Option<Timestamp>) {
    let session = world.store().get(&id("s1")).unwrap().expect("it is there");
    (session.expires_at, session.deadline)
}

/// As many changes as come to mind, in any order, against a map.
#[test]
fn owners_are_right_through_random_histories() {
    for seed in 0..15 {
        let mut random = Rng::with_seed(seed);
        let mut world = World::new(small_options(Durability::Fsync).cache_bytes(2000), Durability::Fsync);
        let mut expected: BTreeMap<String, String> = BTreeMap::new();
        let owners = ["ada", "bob", "adam"];
        for step in 0..300 {
            let name = format!("{}", random.usize(..12));
            match random.u8(..20) {
                0..10 => {
                    let of = random.choice(["ada", "bob", "adam", ""]).expect("one of them");
                    set(&world, &name, of);
                    expected.insert(name, of.to_owned());
                }
                10..13 => {
                    drop(world.store().destroy(&id(&name)).unwrap());
                    expected.remove(&name);
                }
                13 => drop(world.store().touch(&id(&name), world.in_millis(HOUR)).unwrap()),
                14 if random.u8(..5) == 0 => {
                    drop(world.store().clear().unwrap());
                    expected.clear();
                }
                15 | 16 => drop(world.simulation().step_maintenance()),
                17 => world.checkpoint(),
                _ => {
                    let (_, pass) = passages()[random.usize(..5)];
                    pass(&mut world);
                }
            }
            if random.bool() {
                let owner = random.choice(owners).expect("one of them");
                let mut names: Vec<&str> =
                    expected.iter().filter(|(_, of)| *of == owner).map(|(name, _)| name.as_str()).collect();
                names.sort_unstable();
                assert_eq!(of(&world.store(), owner), names, "seed {seed}, step {step}");
            }
        }
    }
}
