//! A store belongs to one process at a time, and to everybody in it.

mod real;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use real::process::{Role, role, say, told, wait_for_the_end};
use real::{Place, id, in_millis, open, options, payload, set};
use sessile::{Durability, Error, Options, Store};

/// Longer than anything takes but a deadlock.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
#[ignore = "the other process of the tests about locks"]
fn holder() {
    let Some(arguments) = role() else { return };
    let store = Store::open(options(Path::new(&arguments[0])).open_timeout(PATIENCE)).unwrap();
    set(&store, "from another process", "1");
    say("open");
    match told().as_str() {
        "close" => store.close().unwrap(),
        "drop" => drop(store),
        "be killed" => wait_for_the_end(),
        what => panic!("told to {what}"),
    }
    say("closed");
    told();
}

fn start_holder(path: &Path) -> Role {
    let mut holder = Role::start("holder", &[path.to_str().unwrap()]);
    holder.expect("open");
    holder
}

#[test]
fn a_second_process_is_refused_after_its_patience_and_told_which_store() {
    let place = Place::new();
    let _holder = start_holder(&place.store());
    for timeout in [0, 300] {
        let timeout = Duration::from_millis(timeout);
        let began = Instant::now();
        let error = Store::open(options(&place.store()).open_timeout(timeout)).unwrap_err();
        assert!(began.elapsed() >= timeout, "it gave up too early");
        assert!(matches!(&error, Error::Locked { path } if *path == fs::canonicalize(place.store()).unwrap()));
        let said = error.to_string();
        assert!(said.contains(place.store().to_str().unwrap()) && said.contains("another process"), "{said}");
    }
}

#[test]
fn a_waiting_opener_gets_in_when_the_first_process_lets_go() {
    for way in ["close", "drop", "be killed"] {
        let place = Place::new();
        let mut holder = start_holder(&place.store());
        std::thread::scope(|scope| {
            let opener = scope.spawn(|| Store::open(options(&place.store()).open_timeout(PATIENCE)).unwrap());
            std::thread::sleep(Duration::from_millis(50));
            assert!(!opener.is_finished(), "it opened a store that another process had");
            holder.tell(way);
            if way == "be killed" {
                holder.kill();
            } else {
                holder.expect("closed");
            }
            let store = opener.join().unwrap();
            assert_eq!(payload(&store, "from another process").as_deref(), Some(b"1".as_slice()), "{way}");
        });
    }
}

#[test]
fn a_closed_store_is_free_for_another_process_at_once() {
    let place = Place::new();
    let store = open(&place.store());
    store.close().unwrap();
    let mut holder = start_holder(&place.store());
    holder.tell("close");
    holder.expect("closed");
    // The other process still runs, and the store is free.
    open(&place.store()).close().unwrap();
    holder.finish();
}

#[test]
fn openers_in_one_process_share_the_store() {
    let place = Place::new();
    let first = open(&place.store());
    fs::create_dir(place.path().join("d")).unwrap();
    std::os::unix::fs::symlink(place.store(), place.path().join("link")).unwrap();
    let ways = [place.store(), place.path().join("d/../sessions"), place.path().join("link")];
    for (index, way) in ways.iter().enumerate() {
        let other = open(way);
        let name = format!("{index}");
        set(&first, &name, "1");
        assert_eq!(payload(&other, &name).as_deref(), Some(b"1".as_slice()), "through {}", way.display());
        other.close().unwrap();
        assert!(matches!(other.get(&id(&name)), Err(Error::Closed { .. })));
        assert!(payload(&first, &name).is_some(), "the others' store is still open");
    }
}

#[test]
fn openers_that_disagree_are_told_about_which_option() {
    let place = Place::new();
    let mib = 1024 * 1024;
    let agreed = || options(&place.store());
    let _store = Store::open(agreed()).unwrap();
    let disagreeing: [(&str, Options); 9] = [
        ("durability", agreed().durability(Durability::Async)),
        ("cache_bytes", agreed().cache_bytes(mib)),
        ("dirty_bytes", agreed().dirty_bytes(mib)),
        ("base_cache_bytes", agreed().base_cache_bytes(mib)),
        ("log_bytes_max", agreed().log_bytes_max(128 * mib)),
        ("payload_bytes_max", agreed().payload_bytes_max(mib)),
        ("checkpoint_interval", agreed().checkpoint_interval(Duration::from_secs(1))),
        ("scrub_interval", agreed().scrub_interval(Duration::from_secs(1))),
        ("scrub_bytes_per_second", agreed().scrub_bytes_per_second(1 << 20)),
    ];
    for (name, options) in disagreeing {
        let error = Store::open(options).unwrap_err();
        assert!(matches!(&error, Error::OptionsConflict { option, .. } if *option == name), "{name}: {error}");
        let said = error.to_string();
        assert!(said.contains(name) && said.contains(place.store().to_str().unwrap()), "{said}");
    }
}

#[test]
fn ttl_and_open_timeout_belong_to_the_handle() {
    let place = Place::new();
    let short = Store::open(options(&place.store()).ttl(Duration::from_secs(60))).unwrap();
    let long = Store::open(options(&place.store()).ttl(Duration::from_secs(6000)).open_timeout(PATIENCE)).unwrap();
    for (store, seconds) in [(&short, 60), (&long, 6000)] {
        let name = id(format!("{seconds}"));
        let before = in_millis(seconds * 1000);
        store.set(&name, b"".as_slice(), None).unwrap().wait().unwrap();
        let expires_at = long.get(&name).unwrap().unwrap().expires_at;
        assert!(before <= expires_at && expires_at <= in_millis(seconds * 1000));
    }
}
