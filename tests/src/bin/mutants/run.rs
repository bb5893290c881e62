//! Running tests on the copy, and reading from their output which failed.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use crate::copy::Copy;

/// A target whose tests take longer hangs. Above the minute after which the test harness names those that do.
const TARGET_TIME: Duration = Duration::from_secs(120);
/// The same for all of the Rust tests together.
const ALL_TIME: Duration = Duration::from_secs(1200);
/// How often a run is asked whether it has ended.
const POLL: Duration = Duration::from_millis(50);

/// The tests of a copy.
pub(crate) struct Tests<'a> {
    copy: &'a Copy,
    output: PathBuf,
}

/// How a run ended.
pub(crate) enum Ended {
    Passed,
    /// The tests that failed, or hung.
    Failed(Vec<String>),
    /// What the compiler said.
    NotBuilt(String),
}

impl<'a> Tests<'a> {
    pub(crate) fn of(copy: &'a Copy) -> Self {
        Self { copy, output: copy.target().join("output.txt") }
    }

    /// Builds and runs a target, or all of the Rust tests.
    pub(crate) fn run(&self, target: Option<&str>) -> Result<Ended, String> {
        let failed = |error: io::Error| format!("the tests cannot be run: {error}");
        let mut build = self.cargo(target).map_err(failed)?;
        if !build.arg("--no-run").status().map_err(failed)?.success() {
            return Ok(Ended::NotBuilt(self.output().map_err(failed)?));
        }
        let mut run = self.cargo(target).map_err(failed)?;
        let child = run.arg("--no-fail-fast").spawn().map_err(failed)?;
        let status = wait(child, if target.is_some() { TARGET_TIME } else { ALL_TIME }).map_err(failed)?;
        if status.is_some_and(|status| status.success()) {
            return Ok(Ended::Passed);
        }
        let mut tests = failed_tests(&self.output().map_err(failed)?);
        if tests.is_empty() {
            let how = if status.is_some() { "aborts" } else { "hangs" };
            tests.push(format!("{} {how}", target.unwrap_or("a test")));
        }
        Ok(Ended::Failed(tests))
    }

    fn cargo(&self, target: Option<&str>) -> io::Result<Command> {
        let output = File::create(&self.output)?;
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(self.copy.path()).args(["test", "--locked"]);
        match target {
            Some("core") => cargo.args(["-p", "sessile", "--lib"]),
            Some(target) => cargo.args(["-p", "sessile-tests", "--test", target]),
            None => cargo.args(["-p", "sessile", "-p", "sessile-tests", "--lib", "--tests"]),
        };
        // Built faster, as nobody debugs it. Random tests are to say the same thing in every run.
        cargo.env("CARGO_TARGET_DIR", self.copy.target()).env("CARGO_PROFILE_DEV_DEBUG", "0");
        cargo.env("SESSILE_TEST_SEED", "1").env("RUST_BACKTRACE", "0");
        cargo.stdout(output.try_clone()?).stderr(output).process_group(0);
        Ok(cargo)
    }

    fn output(&self) -> io::Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(&self.output)?).into_owned())
    }
}

/// Waits for the end of a run, and ends it with all that it started when its time is over.
fn wait(mut child: Child, time: Duration) -> io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    while started.elapsed() < time {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(POLL);
    }
    rustix::process::kill_process_group(rustix::process::Pid::from_child(&child), rustix::process::Signal::KILL)?;
    child.wait()?;
    Ok(None)
}

/// The tests that the harness says have failed, or take longer than a minute.
fn failed_tests(output: &str) -> Vec<String> {
    let mut tests = Vec::new();
    for line in output.lines().filter_map(|line| line.strip_prefix("test ")) {
        let failed = line.strip_suffix(" ... FAILED").map(str::to_owned);
        let hangs = line.split_once(" has been running for over ").map(|(test, _)| format!("{test} hangs"));
        tests.extend(failed.or(hangs));
    }
    tests.sort();
    tests.dedup();
    tests
}
