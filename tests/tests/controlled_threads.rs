//! Callers, committer, maintenance, readers and completions, in thousands of orders that a checker chooses.
//!
//! The failures guarded against: a wake-up that is lost between two threads, an acknowledgement that comes before
//! the sync, a lookup that undoes a write, a close that leaves somebody waiting. On real threads each needs a
//! moment that is hardly ever hit.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sessile::{Commit, Durability, EndCause, Error, Store, Timestamp};
use sessile_tests::controlled::{Scene, config, explore, explore_stalls, random};
use sessile_tests::worker::{FAR_MILLIS, id};
use shuttle::sync::mpsc::channel;
use shuttle::thread::{Builder, spawn};

fn far() -> Option<Timestamp> {
    Some(Timestamp::from_millis(FAR_MILLIS))
}

/// What goes on in the background of a history.
fn disturb(store: &Store, times: usize, keep: impl Fn()) {
    let mut random = random();
    for _ in 0..times {
        match random.u8(..5) {
            0..3 => {
                store.flush().expect("a flush");
                keep();
            }
            3 => drop(store.reap().expect("a reap")),
            _ => drop(store.len().expect("a len")),
        }
    }
}

fn threads_agree(durability: Durability, workers: usize, calls: usize) {
    let scene = Scene::new(durability);
    let mut threads: Vec<_> = (0..workers).map(|thread| scene.worker(thread, calls)).collect();
    let (store, keep) = (scene.store.clone(), scene.keeper());
    threads.push(spawn(move || disturb(&store, 2, keep)));
    for thread in threads {
        thread.join().expect("a thread");
    }
    scene.check();
    scene.store.close().expect("a close");
    scene.check_end();
    match durability {
        Durability::Fsync => scene.check_crashes(true),
        Durability::Write => scene.check_crashes(false),
        Durability::Async => {}
    }
}

#[test]
fn what_threads_see_has_one_order_and_what_is_acknowledged_survives_power_loss() {
    let claim = "what_threads_see_has_one_order_and_what_is_acknowledged_survives_power_loss";
    explore(claim, 160, || threads_agree(Durability::Fsync, 2, 6));
}

#[test]
fn what_is_acknowledged_as_written_survives_a_kill() {
    explore("what_is_acknowledged_as_written_survives_a_kill", 60, || threads_agree(Durability::Write, 2, 6));
}

#[test]
fn three_callers_that_wait_for_nothing_see_one_order() {
    explore("three_callers_that_wait_for_nothing_see_one_order", 60, || threads_agree(Durability::Async, 3, 5));
}

/// A session that only the base has is looked up while it is changed, also there, and looked up again.
fn change_and_look_up(scene: &Scene) {
    let (mut writer, mut reader) = (scene.caller(0), scene.caller(1));
    let writing = move || {
        writer.change_in_base(0);
        writer.read_this(0);
    };
    let threads = [spawn(writing), spawn(move || reader.read_this(0))];
    for thread in threads {
        thread.join().expect("a thread");
    }
    scene.check();
    scene.store.close().expect("a close");
    scene.check_end();
}

#[test]
fn a_lookup_undoes_no_write() {
    explore("a_lookup_undoes_no_write", 100, || change_and_look_up(&Scene::new(Durability::Fsync)));
}

#[test]
fn a_lookup_undoes_no_write_whoever_is_held_up() {
    let is_reader = |name: Option<&str>| name == Some("sessile-read");
    explore_stalls("a_lookup_undoes_no_write_whoever_is_held_up", 4, is_reader, 40, || {
        change_and_look_up(&Scene::with_cache(Durability::Fsync, 0));
    });
}

/// Four threads, so that both gates and the places behind them are used.
#[test]
fn everybody_who_waits_is_answered() {
    explore("everybody_who_waits_is_answered", 120, || {
        let scene = Scene::new(Durability::Fsync);
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let store = scene.store.clone();
                spawn(move || {
                    for number in 0..3_u8 {
                        let commit = store.set(&id(thread % 2), vec![number; 8], far()).expect("a set");
                        store.send_gathered();
                        commit.wait().expect("a commit");
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("a thread");
        }
        scene.store.close().expect("a close");
    });
}

/// While time passes, which ends waits, moves batches that nobody waits for, and marks an idle log.
#[test]
fn what_threads_see_has_one_order_while_time_passes() {
    explore("what_threads_see_has_one_order_while_time_passes", 60, || {
        let scene = Scene::new(Durability::Fsync);
        let ended = Arc::new(AtomicUsize::new(0));
        let time = {
            let ended = Arc::clone(&ended);
            spawn(move || {
                while ended.load(Ordering::SeqCst) == 0 {
                    sessile::simulation::elapse(Duration::from_millis(20));
                    shuttle::thread::yield_now();
                }
            })
        };
        let threads: Vec<_> = (0..2).map(|thread| scene.worker(thread, 6)).collect();
        for thread in threads {
            thread.join().expect("a thread");
        }
        scene.check();
        scene.store.close().expect("a close");
        ended.store(1, Ordering::SeqCst);
        time.join().expect("the time");
        scene.check_crashes(true);
    });
}

#[test]
fn a_call_that_a_close_overtakes_is_refused_or_performed() {
    explore("a_call_that_a_close_overtakes_is_refused_or_performed", 120, || {
        let scene = Scene::new(Durability::Fsync);
        let threads: Vec<_> = (0..3).map(|thread| scene.worker(thread, 4)).collect();
        let store = scene.store.clone();
        let closing = spawn(move || {
            if random().bool() {
                drop(store.len());
            }
            store.close().expect("a close");
        });
        for thread in threads.into_iter().chain([closing]) {
            thread.join().expect("a thread");
        }
        assert!(matches!(scene.store.get(&id(0)), Err(Error::Closed { .. })));
        scene.explain();
        // Every callback has been called by now.
        scene.check_end();
        scene.check_crashes(true);
    });
}

/// The shortest history of that kind, of a session that has to be looked up: it takes one certain order to pass the
/// question whether the store is open and do nothing more until nobody is left to answer.
#[test]
fn one_call_that_a_close_overtakes_is_answered_whoever_is_held_up() {
    let claim = "one_call_that_a_close_overtakes_is_answered_whoever_is_held_up";
    // Callers have no name.
    explore_stalls(
        claim,
        4,
        |name| name.is_none(),
        0,
        || {
            let scene = Scene::new(Durability::Fsync);
            let store = scene.store.clone();
            let caller = spawn(move || {
                let (sender, answers) = channel();
                let at_once = store.get_async(&id(0), move |answer| sender.send(answer).expect("a caller that waits"));
                let read = at_once.unwrap_or_else(|| answers.recv().expect("an answer")).map(drop);
                let later = Timestamp::from_millis(FAR_MILLIS + 1);
                for answer in [read, store.touch(&id(0), later).and_then(Commit::wait)] {
                    if let Err(error) = answer {
                        assert!(matches!(error, Error::Closed { .. }), "{error}");
                    }
                }
            });
            scene.store.close().expect("a close");
            caller.join().expect("a thread");
        },
    );
}

/// Under `write` callers write for one another. What needs a lookup besides is not done with that.
#[test]
fn a_write_that_another_caller_takes_along_is_answered_whoever_is_held_up() {
    let claim = "a_write_that_another_caller_takes_along_is_answered_whoever_is_held_up";
    let is_caller = |name: Option<&str>| name == Some("caller");
    explore_stalls(claim, 4, is_caller, 250, || {
        let scene = Scene::new(Durability::Write);
        let set = |number| {
            let store = scene.store.clone();
            move || {
                let commit = store.set(&id(number), vec![1; 8], far()).expect("a set");
                store.send_gathered();
                commit.wait().expect("a commit");
            }
        };
        // From now on this one is in memory; the other has to be looked up.
        set(1)();
        let spawn = |number| Builder::new().name("caller".to_owned()).spawn(set(number)).expect("a thread");
        for thread in [spawn(0), spawn(1)] {
            thread.join().expect("a thread");
        }
        scene.store.close().expect("a close");
    });
}

/// Writes and checkpoints, with the power lost in between.
#[test]
fn what_is_acknowledged_survives_power_loss_whoever_is_held_up() {
    let claim = "what_is_acknowledged_survives_power_loss_whoever_is_held_up";
    let is_behind = |name: Option<&str>| matches!(name, Some("sessile-commit" | "sessile-maintain"));
    explore_stalls(claim, 1, is_behind, 10, || threads_agree(Durability::Fsync, 2, 2));
}

#[test]
fn a_handle_that_is_dropped_or_opened_while_others_close_loses_nothing() {
    explore("a_handle_that_is_dropped_or_opened_while_others_close_loses_nothing", 60, || {
        let scene = Scene::new(Durability::Fsync);
        let threads: Vec<_> = (0..2)
            .map(|number| {
                let other = scene.open_again();
                spawn(move || {
                    let commit = other.set(&id(number), vec![number as u8; 8], far()).expect("a set");
                    drop(commit);
                    if number == 0 { other.close().expect("a close") } else { drop(other) }
                })
            })
            .collect();
        scene.store.close().expect("a close");
        for thread in threads {
            thread.join().expect("a thread");
        }
        let store = scene.open_again();
        for number in 0..2 {
            let session = store.get(&id(number)).expect("a read").expect("what was set");
            assert_eq!(&*session.payload, vec![number as u8; 8]);
        }
        store.close().expect("a close");
    });
}

/// A chain of writes, each called by the completion of the one before it.
fn write_again(store: &Store, left: u8, done: &Arc<AtomicUsize>) {
    let commit = store.set(&id(0), vec![left; 8], far()).expect("a set");
    store.send_gathered();
    let (next, counted) = (store.clone(), Arc::clone(done));
    let then = move || {
        counted.fetch_add(1, Ordering::SeqCst);
        if left > 0 {
            write_again(&next, left - 1, &counted);
        }
    };
    let later = then.clone();
    if let Some(answer) = commit.on_complete(move |answer| {
        answer.expect("a commit");
        later();
    }) {
        answer.expect("a commit");
        then();
    }
}

#[test]
fn callbacks_that_write_and_wait_do_not_deadlock() {
    explore("callbacks_that_write_and_wait_do_not_deadlock", 60, || {
        let scene = Scene::new(Durability::Fsync);
        let done = Arc::new(AtomicUsize::new(0));
        let store = scene.store.clone();
        let writer = {
            let (store, done) = (scene.store.clone(), Arc::clone(&done));
            spawn(move || write_again(&store, 3, &done))
        };
        let counted = Arc::clone(&done);
        let inner = scene.store.clone();
        let read = scene.store.get_async(&id(1), move |_| {
            let commit = inner.set(&id(1), vec![1; 8], far()).expect("a set");
            inner.send_gathered();
            commit.wait().expect("a commit");
            counted.fetch_add(10, Ordering::SeqCst);
        });
        writer.join().expect("a thread");
        store.flush().expect("a flush");
        let expected = if read.is_some() { 4 } else { 14 };
        while done.load(Ordering::SeqCst) < expected {
            shuttle::thread::yield_now();
        }
        store.close().expect("a close");
    });
}

#[test]
fn a_schedule_follows_from_its_seed() {
    let scheduler = shuttle::scheduler::RandomScheduler::new(20);
    let scheduler = shuttle::scheduler::UncontrolledNondeterminismCheckScheduler::new(scheduler);
    shuttle::Runner::new(scheduler, config()).run(|| threads_agree(Durability::Fsync, 2, 5));
}

/// Two callers destroy and set the same session, which the base has at first, while changes move there. Whoever listens is
/// told of the first session and of the last, of which it is certain that a destroy has ended them, and of none twice.
fn listen_while_sessions_end(scene: &Scene) {
    let set = |store: &Store, payload: String| {
        let commit = store.set(&id(0), payload.into_bytes(), far()).expect("a set");
        commit.version().expect("a set says its version")
    };
    let first = set(&scene.store, "first".to_owned());
    scene.store.flush().expect("a flush");
    let listener = scene.store.listen(EndCause::Destroyed, || ()).expect("a listener");
    let threads: Vec<_> = (0..2)
        .map(|thread| {
            let store = scene.store.clone();
            spawn(move || {
                drop(store.destroy(&id(0)).expect("a destroy"));
                let versions = [0, 1].map(|number| set(&store, format!("{thread} {number}")));
                drop(store.destroy(&id(0)).expect("a destroy"));
                versions
            })
        })
        .collect();
    scene.store.flush().expect("a flush");
    let versions = threads.into_iter().flat_map(|thread| thread.join().expect("a thread"));
    let last = versions.max().expect("a version");
    // Looks up whatever is not known yet.
    assert!(scene.store.len().expect("a len") <= 1);
    assert_eq!(scene.store.get(&id(0)).expect("a get"), None);
    let told: Vec<_> = listener.take(usize::MAX, u64::MAX).into_iter().map(|ended| ended.session.version).collect();
    let different: BTreeSet<_> = told.iter().collect();
    assert_eq!(different.len(), told.len(), "{told:?}");
    assert!(told.contains(&first) && told.contains(&last), "{first:?} and {last:?} of {told:?}");
    scene.store.close().expect("a close");
}

#[test]
fn who_listens_is_told_of_each_session_that_is_destroyed() {
    for durability in [Durability::Fsync, Durability::Async] {
        let claim = "who_listens_is_told_of_each_session_that_is_destroyed";
        explore(claim, 100, move || listen_while_sessions_end(&Scene::new(durability)));
    }
}

#[test]
fn who_listens_is_told_whoever_is_held_up() {
    let is_reader = |name: Option<&str>| name == Some("sessile-read");
    explore_stalls("who_listens_is_told_whoever_is_held_up", 2, is_reader, 20, || {
        listen_while_sessions_end(&Scene::with_cache(Durability::Fsync, 0));
    });
}
