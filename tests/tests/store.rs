//! What an application sees of a store, operation by operation, on a real disk.

mod real;

use std::fs;
use std::sync::mpsc::channel;
use std::time::Duration;

use real::{Place, destroy, far, id, open, options, payload, scan, set, until};
use sessile::{Durability, Session, Store, Timestamp};

/// The same claim for a store that is open, that was reopened from its log, and that was reopened from its
/// base, under each durability.
fn in_every_state(prepare: impl Fn(&Store), claim: impl Fn(&Store)) {
    for durability in [Durability::Fsync, Durability::Write, Durability::Async] {
        let place = Place::new();
        let options = || options(&place.store()).durability(durability);
        let store = Store::open(options()).unwrap();
        prepare(&store);
        claim(&store);
        drop(store);
        let store = Store::open(options()).unwrap();
        claim(&store);
        store.close().unwrap();
        let store = Store::open(options()).unwrap();
        claim(&store);
        // Everything is in the base now, and not in memory.
        store.flush().unwrap();
        store.close().unwrap();
        claim(&Store::open(options().cache_bytes(0)).unwrap());
    }
}

fn session(store: &Store, name: &str) -> Option<Session> {
    store.get(&id(name)).unwrap()
}

#[test]
fn what_was_set_is_there() {
    in_every_state(
        |store| {
            for i in 0..300 {
                drop(store.set(&id(format!("{i}")), vec![i as u8; i], Some(far())).unwrap());
            }
            set(store, "last", "1");
        },
        |store| {
            assert_eq!(store.len().unwrap(), 301);
            for i in 0..300 {
                let session = session(store, &format!("{i}")).unwrap();
                assert_eq!((&*session.payload, session.expires_at), (vec![i as u8; i].as_slice(), far()));
            }
            assert!(session(store, "never set").is_none());
        },
    );
}

#[test]
fn the_last_set_wins() {
    in_every_state(
        |store| {
            for i in 0..50 {
                drop(store.set(&id("a"), format!("{i}").into_bytes(), Some(far())).unwrap());
            }
            store.flush().unwrap();
            set(store, "a", "the last");
        },
        |store| {
            assert_eq!(payload(store, "a").as_deref(), Some(b"the last".as_slice()));
            assert_eq!(store.len().unwrap(), 1);
        },
    );
}

#[test]
fn what_was_destroyed_is_gone() {
    in_every_state(
        |store| {
            for i in 0..20 {
                set(store, format!("{i}"), "1");
                if i == 9 {
                    store.flush().unwrap();
                }
            }
            for i in (0..20).step_by(2) {
                destroy(store, format!("{i}"));
            }
            destroy(store, "never set");
            set(store, "4", "again");
        },
        |store| {
            for i in 0..20 {
                assert_eq!(session(store, &format!("{i}")).is_some(), i % 2 == 1 || i == 4, "{i}");
            }
            assert_eq!(store.len().unwrap(), 11);
        },
    );
}

#[test]
fn a_touch_moves_the_expiry_and_nothing_else() {
    let (earlier, later) =
        (Timestamp::from_millis(far().as_millis() - 1000), far().saturating_add(Duration::from_secs(1)));
    in_every_state(
        |store| {
            for (name, to) in [("earlier", earlier), ("later", later), ("same", far())] {
                for place in ["base", "log"] {
                    let name = format!("{name} in the {place}");
                    set(store, &name, "1");
                    if place == "base" {
                        store.flush().unwrap();
                    }
                    let before = session(store, &name).unwrap();
                    store.touch(&id(&name), to).unwrap().wait().unwrap();
                    let after = session(store, &name).unwrap();
                    assert_eq!(after, Session { expires_at: to, ..before });
                }
            }
            store.touch(&id("never set"), later).unwrap().wait().unwrap();
        },
        |store| {
            for place in ["base", "log"] {
                let expires_at = |name: &str| session(store, &format!("{name} in the {place}")).unwrap().expires_at;
                assert_eq!(expires_at("earlier"), earlier);
                assert_eq!(expires_at("later"), later);
                assert_eq!(expires_at("same"), far());
            }
            assert!(session(store, "never set").is_none(), "a touch creates nothing");
            assert_eq!(store.len().unwrap(), 6);
        },
    );
}

#[test]
fn a_clear_removes_all_and_what_is_set_afterwards_stays() {
    in_every_state(
        |store| {
            for i in 0..100 {
                set(store, format!("{i}"), "1");
                if i == 50 {
                    store.flush().unwrap();
                }
            }
            store.clear().unwrap().wait().unwrap();
            assert!(store.is_empty().unwrap());
            assert!(scan(store, 10).is_empty());
            set(store, "7", "after");
            set(store, "new", "after");
        },
        |store| {
            assert_eq!(store.len().unwrap(), 2);
            assert_eq!(scan(store, 1).len(), 2);
            assert!(session(store, "8").is_none() && session(store, "51").is_none());
            assert_eq!(payload(store, "7").as_deref(), Some(b"after".as_slice()));
        },
    );
}

#[test]
fn a_session_keeps_its_creation_and_raises_its_version_with_each_set() {
    let place = Place::new();
    let mut first = None;
    let mut version = None;
    for _ in 0..4 {
        let store = open(&place.store());
        set(&store, "a", "1");
        let session = session(&store, "a").unwrap();
        assert_eq!(*first.get_or_insert(session.created_at), session.created_at);
        assert!(version < Some(session.version), "a version was given away before");
        version = Some(session.version);
        store.touch(&id("a"), far().saturating_add(Duration::from_secs(1))).unwrap().wait().unwrap();
        assert_eq!(store.get(&id("a")).unwrap().unwrap().version, session.version, "a touch keeps the version");
    }
}

#[test]
fn reads_see_a_write_before_it_is_acknowledged() {
    let place = Place::new();
    let store = open(&place.store());
    for i in 0..200 {
        let commit = store.set(&id("a"), format!("{i}").into_bytes(), Some(far())).unwrap();
        assert_eq!(payload(&store, "a"), Some(format!("{i}").into_bytes()));
        let destroyed = store.destroy(&id("a")).unwrap();
        assert!(store.get(&id("a")).unwrap().is_none());
        drop((commit, destroyed));
    }
}

#[test]
fn a_completion_is_called_once_or_answered_at_once() {
    let place = Place::new();
    let store = open(&place.store());
    let (sender, called) = channel();
    let mut at_once = 0;
    for i in 0..500 {
        let sender = sender.clone();
        let commit = store.set(&id(format!("{i}")), b"1".as_slice(), Some(far())).unwrap();
        if let Some(result) = commit.on_complete(move |result| sender.send(result.map(|()| i)).unwrap()) {
            result.unwrap();
            at_once += 1;
        }
    }
    drop(sender);
    // The channel ends when every callback was called or dropped.
    let mut numbers: Vec<i32> = called.iter().map(Result::unwrap).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len() + at_once, 500);
}

#[test]
fn a_scan_has_every_session_once_and_in_order_while_others_come_and_go() {
    let place = Place::new();
    let store = open(&place.store());
    for i in 0..500 {
        drop(store.set(&id(format!("stays {i:03}")), b"1".as_slice(), Some(far())).unwrap());
        if i == 250 {
            store.flush().unwrap();
        }
    }
    let mut seen = Vec::new();
    let mut after = None;
    for page in 0.. {
        let sessions = store.scan(after.as_ref(), 23).unwrap();
        assert!(sessions.sessions.len() <= 23);
        seen.extend(sessions.sessions.into_iter().map(|(id, _)| id));
        set(&store, format!("comes {page}"), "1");
        set(&store, format!("stays {page:03} and more"), "1");
        destroy(&store, format!("comes {}", page - 1));
        if page % 5 == 0 {
            store.flush().unwrap();
        }
        after = sessions.next;
        if after.is_none() {
            break;
        }
    }
    assert!(seen.is_sorted_by(|one, other| one < other), "not in order, or twice");
    for i in 0..500 {
        assert!(seen.binary_search(&id(format!("stays {i:03}"))).is_ok(), "{i} is missing");
    }
}

#[test]
fn a_backup_is_a_store_with_everything_that_was_acknowledged() {
    let place = Place::new();
    let copy = place.path().join("copy");
    let store = open(&place.store());
    for i in 0..300 {
        set(&store, format!("{i}"), format!("content of {i}"));
        if i == 100 {
            store.flush().unwrap();
        }
    }
    destroy(&store, "5");
    let original = scan(&store, 1000);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| (0..200).for_each(|i| set(&store, format!("meanwhile {i}"), "1")));
        store.backup(&copy).unwrap();
        writer.join().unwrap();
    });
    destroy(&store, "6");
    let backup = open(&copy);
    let copied = scan(&backup, 1000);
    for session in &original {
        assert!(copied.contains(session), "{:?} is not in the copy as it was", session.0);
    }
    assert!(payload(&backup, "5").is_none());
    // Two stores from now on.
    set(&backup, "only in the copy", "1");
    assert!(payload(&store, "only in the copy").is_none());
    backup.close().unwrap();
    assert!(payload(&open(&copy), "6").is_some());
    assert!(
        !fs::read_dir(place.path())
            .unwrap()
            .any(|entry| { entry.unwrap().file_name().to_string_lossy().contains("partial") })
    );
}

#[test]
fn a_flush_leaves_nothing_for_the_next_opening_to_replay() {
    let place = Place::new();
    let store = open(&place.store());
    for i in 0..100 {
        drop(store.set(&id(format!("{i}")), b"1".as_slice(), Some(far())).unwrap());
    }
    store.flush().unwrap();
    assert_eq!(store.stats().dirty_bytes, 0);
    assert_eq!(store.stats().base_sessions, 100);
    drop(store);
    let store = open(&place.store());
    assert_eq!(store.stats().dirty_bytes, 0, "something was replayed");
    assert_eq!(store.len().unwrap(), 100);
}

#[test]
fn the_log_stays_within_its_bound() {
    let place = Place::new();
    let bound = 4 * 1024 * 1024;
    let options = options(&place.store()).payload_bytes_max(1024 * 1024).log_bytes_max(bound);
    let store = Store::open(options.durability(Durability::Write)).unwrap();
    for i in 0..2000 {
        set(&store, format!("{}", i % 100), vec![i as u8; 10_000]);
        if i % 100 == 0 {
            let on_disk: u64 = fs::read_dir(place.store().join("log"))
                .unwrap()
                .map(|entry| entry.unwrap().metadata().unwrap().len())
                .sum();
            assert!(on_disk <= bound, "{on_disk} bytes of log");
        }
    }
    let stats = store.stats();
    assert!(stats.checkpoints > 0 && stats.log_bytes_written > 3 * bound, "the test missed its point: {stats:?}");
}

#[test]
fn what_a_call_wrote_for_itself_is_synced_although_nothing_else_is_called() {
    let place = Place::new();
    let store = Store::open(options(&place.store()).durability(Durability::Write)).unwrap();
    // The second time the committer had nothing left to do, and sleeps until it is called.
    for _ in 0..2 {
        let before = store.stats().syncs;
        set(&store, "a", "1");
        // One for the session, one for the mark behind it.
        until("it is synced, and marked", || store.stats().syncs >= before + 2);
    }
    // Nobody waits for this one, and the committer sleeps again.
    let before = store.stats().syncs;
    store.touch(&id("a"), far().saturating_add(Duration::from_secs(100))).unwrap().wait().unwrap();
    until("the touch is synced", || store.stats().syncs > before);
}

#[test]
fn what_a_call_leaves_to_the_committer_and_nobody_sends_is_acknowledged() {
    let place = Place::new();
    let store = Store::open(options(&place.store()).durability(Durability::Write)).unwrap();
    let before = store.stats().syncs;
    set(&store, "a", "1");
    // Behind the mark the committer has nothing left to do, and sleeps until it is told of something.
    until("it is synced, and marked", || store.stats().syncs >= before + 2);
    store.gather_writes(true);
    let large = store.set(&id("a"), vec![1; 70_000], Some(far())).unwrap();
    until("it is acknowledged", || large.is_complete());
}

#[test]
fn figures_count_what_was_done() {
    let place = Place::new();
    let store = open(&place.store());
    for i in 0..10 {
        set(&store, format!("{i}"), "1");
    }
    store.touch(&id("1"), far().saturating_add(Duration::from_secs(1))).unwrap().wait().unwrap();
    destroy(&store, "2");
    assert!(payload(&store, "3").is_some());
    assert!(payload(&store, "unknown").is_none());
    let stats = store.stats();
    assert_eq!((stats.sets, stats.touches, stats.destroys), (10, 1, 1));
    assert_eq!((stats.hits, stats.misses), (1, 1));
    assert!(stats.batches >= 11 && stats.batch_operations >= 11 && stats.syncs >= 11, "{stats:?}");
    assert!(stats.log_bytes >= stats.log_bytes_used && stats.base_bytes > 0);
    assert!(stats.figures().contains(&("destroys", 1)));
}

#[test]
fn a_loop_of_callers_shares_syncs() {
    let place = Place::new();
    let store = open(&place.store());
    let commits: Vec<_> =
        (0..1000).map(|i| store.set(&id(format!("{i}")), b"1".as_slice(), Some(far())).unwrap()).collect();
    for commit in commits {
        commit.wait().unwrap();
    }
    let stats = store.stats();
    assert!(stats.syncs < 1000 && stats.batch_operations_max > 1, "{} syncs for 1000 writes", stats.syncs);
}
