//! A store in a process that forks stays the parent's, and the child is told so.
//!
//! A file of its own, since a fork copies whatever else goes on in the process.

mod real;

use std::time::Duration;

use real::{Place, id, open, options, payload, set};
use sessile::{Error, ErrorCode, Store};

/// Runs `child` in a forked process, which ends with what it returns.
fn fork(child: impl FnOnce() -> i32) -> libc::pid_t {
    // SAFETY: the child only uses the allocator, which the C library keeps sound across a fork, and what
    // is under test; it ends without running anything of the parent's.
    #[expect(unsafe_code, reason = "there is no safe fork, and what it does to a store is what is tested")]
    let process = unsafe { libc::fork() };
    assert!(process >= 0, "fork failed");
    if process == 0 {
        // SAFETY: asks for a signal, which ends a child that hangs; nothing here handles it.
        #[expect(unsafe_code, reason = "a thread that watches would not be in the child")]
        unsafe {
            libc::alarm(60);
        }
        let status = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child)).unwrap_or(101);
        // SAFETY: ends the process at once, which is always allowed.
        #[expect(unsafe_code, reason = "std's exit would run what the parent registered")]
        unsafe {
            libc::_exit(status)
        }
    }
    process
}

/// The exit status of a forked process.
fn wait_for(process: libc::pid_t) -> i32 {
    let mut status = 0;
    // SAFETY: the status outlives the call, and the process is a child that nobody else waits for.
    #[expect(unsafe_code, reason = "std waits only for processes that it spawned")]
    let waited = unsafe { libc::waitpid(process, &raw mut status, 0) };
    assert_eq!(waited, process);
    assert!(libc::WIFEXITED(status), "the forked process was killed: {status}");
    libc::WEXITSTATUS(status)
}

fn is_forked<T>(result: Result<T, Error>) -> bool {
    matches!(result, Err(error) if error.code() == ErrorCode::Forked)
}

#[test]
fn a_handle_used_after_fork_is_refused_and_the_store_stays_the_parents() {
    let place = Place::new();
    let path = place.store();
    let store = open(&path);
    set(&store, "before", "1");

    let child = fork(|| {
        let refused = [
            is_forked(store.get(&id("before"))),
            is_forked(store.set(&id("child"), b"2".as_slice(), None)),
            is_forked(store.destroy(&id("before"))),
            is_forked(store.len()),
            is_forked(store.flush()),
            is_forked(store.close()),
        ];
        if let Some(position) = refused.iter().position(|refused| !refused) {
            return 10 + position as i32;
        }
        drop(store.clone());
        // The parent has it open: the lock is of the open file, which is not this process's.
        match Store::open(options(&path)) {
            Err(Error::Locked { .. }) => 0,
            _ => 30,
        }
    });

    set(&store, "after", "3");
    assert_eq!(payload(&store, "before").as_deref(), Some(b"1".as_slice()));
    assert_eq!(wait_for(child), 0, "see the numbers in the test for what went wrong in the child");
    store.close().unwrap();

    let store = open(&path);
    for (name, content) in [("before", "1"), ("after", "3")] {
        assert_eq!(payload(&store, name).as_deref(), Some(content.as_bytes()), "{name}");
    }
    assert!(payload(&store, "child").is_none());
    store.close().unwrap();
}

#[test]
fn a_forked_process_may_open_the_store_once_its_parent_has_closed_it() {
    let place = Place::new();
    let path = place.store();
    let store = open(&path);
    set(&store, "before", "1");
    let child = fork(|| {
        let Ok(own) = Store::open(options(&path).open_timeout(Duration::from_secs(30))) else { return 31 };
        set(&own, "child", "2");
        if payload(&own, "after").as_deref() != Some(b"3") || !is_forked(store.get(&id("before"))) {
            return 32;
        }
        if own.close().is_ok() { 0 } else { 33 }
    });
    set(&store, "after", "3");
    store.close().unwrap();
    assert_eq!(wait_for(child), 0, "see the numbers in the test for what went wrong in the child");
    assert_eq!(payload(&open(&path), "child").as_deref(), Some(b"2".as_slice()));
}

#[test]
fn a_fork_that_lives_on_does_not_keep_the_store_locked() {
    let place = Place::new();
    let store = open(&place.store());
    set(&store, "one", "1");
    let child = fork(|| {
        std::thread::sleep(Duration::from_secs(2));
        0
    });
    store.close().unwrap();
    // The child still has the lock's file open.
    let store = open(&place.store());
    assert_eq!(payload(&store, "one").as_deref(), Some(b"1".as_slice()));
    store.close().unwrap();
    assert_eq!(wait_for(child), 0);
}
