//! The store's threads: they only drive the engine's steps.
//!
//! One committer, one for completions, one for maintenance, two readers. They hold the engine, and end when
//! it is shut down.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::committer;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::maintenance;
use crate::sync::thread::Builder;

/// How many threads look up what is not in memory.
pub(crate) const READERS: usize = 2;
/// The thread that runs callbacks, which may be the one that closes the store.
pub(crate) const COMPLETION_NAME: &str = "sessile-complete";

/// Starts all threads.
///
/// # Errors
/// [`Error::Io`]: the system has no thread to give; those that started are ended again.
pub(crate) fn start(engine: &Arc<Engine>) -> Result<()> {
    let started = start_all(engine);
    if let Err(error) = started {
        drop(engine.shut_down(false));
        return Err(Error::io("start a thread for", &engine.path, error));
    }
    Ok(())
}

fn start_all(engine: &Arc<Engine>) -> io::Result<()> {
    spawn(engine, "sessile-commit", run_committer)?;
    spawn(engine, COMPLETION_NAME, |engine| engine.tasks.run())?;
    spawn(engine, "sessile-maintain", run_maintenance)?;
    for _ in 0..READERS {
        spawn(engine, "sessile-read", run_reader)?;
    }
    Ok(())
}

fn spawn(engine: &Arc<Engine>, name: &str, run: fn(&Engine)) -> io::Result<()> {
    let for_thread = Arc::clone(engine);
    let thread = Builder::new().name(name.to_owned()).spawn(move || run(&for_thread))?;
    engine.threads.lock().push(thread);
    Ok(())
}

fn run_committer(engine: &Engine) {
    loop {
        match engine.step_committer() {
            committer::Next::Finished => {
                // Whoever comes now comes too late: nothing is written any more.
                engine.progress.fail(engine.closed_error());
                return;
            }
            committer::Next::WaitForRoom(span) => engine.sequencer.pause(span),
            committer::Next::Wait(span) => {
                if let Some(delay) = engine.delay() {
                    engine.counters.delayed_batches.one();
                    engine.sequencer.pause(delay);
                }
                engine.sequencer.wait(span, engine.progress.durable());
            }
        }
    }
}

fn run_maintenance(engine: &Engine) {
    lower_priority();
    loop {
        match engine.step_maintenance() {
            maintenance::Next::Again => {}
            maintenance::Next::WaitDurable(number) => {
                if engine.progress.wait_durable(number).is_err() {
                    engine.doorbell.wait(Duration::from_millis(10));
                }
                continue;
            }
            maintenance::Next::Wait(span) => {
                if engine.doorbell.is_closing() {
                    return;
                }
                engine.doorbell.wait(span);
            }
        }
        if engine.doorbell.is_closing() {
            return;
        }
    }
}

/// Has this thread run behind the application's and the committer's where there are too few cores for all.
#[cfg(all(target_os = "linux", not(feature = "controlled")))]
fn lower_priority() {
    const NICE: i32 = 10;
    // On Linux a thread has a priority of its own, set by its id.
    if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE) {
        tracing::debug!(%error, "maintenance runs at the priority of the other threads");
    }
}

/// Elsewhere the priority belongs to the process; and a checker runs all threads on one.
#[cfg(any(not(target_os = "linux"), feature = "controlled"))]
const fn lower_priority() {}

fn run_reader(engine: &Engine) {
    while let Ok(job) = engine.jobs.1.recv() {
        if !engine.run_job(job) {
            return;
        }
    }
}
