//! The C library called in any order, with what a C program may give it: NULL where something is needed, ids and sizes
//! that no session has, handles that are closed, callbacks that call.
//!
//! What a program may not do, and the header says so, is not tried: a handle that was freed is used no more, and none
//! is freed while a call is inside it. Then every call answers with a status that is not a panic, an output of a failed
//! call is NULL or zero, a session is the one that was asked for, and every callback that was promised is called once.
//!
//! An input is the calls. The store is a real one, on the file system, so that its threads run.

mod call;
mod callback;
mod handles;

use std::path::Path;

use arbitrary::{Arbitrary, Unstructured};

use crate::watch::watched;
pub use call::Call;
use handles::Handles;

const CALLS_MAX: usize = 100;

/// Runs one input.
pub fn run(input: &[u8]) {
    watched(|| call(&mut Unstructured::new(input)));
}

fn call(input: &mut Unstructured<'_>) {
    // In memory where the system has such a place: the calls are tried here, not the disk.
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let directory = tempfile::tempdir_in(parent).expect("a temporary directory");
    let mut handles = Handles::new(directory.path());
    for _ in 0..CALLS_MAX {
        if input.is_empty() {
            break;
        }
        let Ok(call) = Call::arbitrary(input) else { break };
        call.make(&mut handles);
    }
    handles.end();
}
