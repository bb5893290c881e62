//! Plants each mutant in a private copy of the sources and says which test catches it: `make mutants`.
//!
//! The tests expected to notice a mutant run first, then, if they do not, all of the Rust tests. One that nothing
//! catches is a missing test, and fails the run, as does one that no longer fits the sources or does not build.
//! With names as arguments only those mutants are tried; otherwise `docs/mutants.md` is written.

mod copy;
mod report;
mod run;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Instant;

use sessile_tests::mutant::{Mutant, mutants, sources};

use copy::Copy;
use run::{Ended, Tests};

/// What became of a mutant.
enum Outcome {
    /// The tests that noticed.
    Caught(Vec<String>),
    Survived,
    /// It could not be tried, for this reason.
    Invalid(String),
}

fn main() -> ExitCode {
    match try_all() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn try_all() -> Result<bool, String> {
    let names: BTreeSet<String> = std::env::args().skip(1).collect();
    let all = mutants()?;
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|mutant| mutant.name != **name)) {
        return Err(format!("there is no mutant {unknown:?} in tests/mutants"));
    }
    let chosen: Vec<Mutant> =
        all.into_iter().filter(|mutant| names.is_empty() || names.contains(&mutant.name)).collect();
    let started = Instant::now();
    let copy = Copy::of(&sources())?;
    let tests = Tests::of(&copy);

    // A test that fails anyway catches nothing.
    let catchers: BTreeSet<&str> = chosen.iter().map(|mutant| mutant.catcher.as_str()).collect();
    for catcher in &catchers {
        match tests.run(Some(catcher))? {
            Ended::Passed => {}
            Ended::Failed(tests) => {
                return Err(format!("{catcher} fails without any defect: {}", tests.join(", ")));
            }
            Ended::NotBuilt(output) => return Err(format!("{catcher} does not build:\n{output}")),
        }
    }
    println!("{} test targets pass without a defect, after {} s", catchers.len(), started.elapsed().as_secs());

    let mut outcomes = Vec::new();
    for mutant in &chosen {
        let outcome = try_one(&copy, &tests, mutant)?;
        println!("{}", report::line(mutant, &outcome));
        outcomes.push(outcome);
    }
    let caught = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Caught(_))).count();
    let minutes = started.elapsed().as_secs().div_ceil(60);
    println!("{caught} of {} mutants caught, in {minutes} minutes", chosen.len());
    if names.is_empty() {
        report::write(&chosen, &outcomes, minutes)?;
    }
    Ok(caught == chosen.len())
}

fn try_one(copy: &Copy, tests: &Tests<'_>, mutant: &Mutant) -> Result<Outcome, String> {
    let changed = match mutant.apply(copy.path()) {
        Ok(changed) => changed,
        Err(reason) => return Ok(Outcome::Invalid(reason)),
    };
    let planted = copy.plant(&changed)?;
    let mut ended = tests.run(Some(&mutant.catcher))?;
    if matches!(ended, Ended::Passed) {
        ended = tests.run(None)?;
    }
    planted.undo()?;
    Ok(match ended {
        Ended::Failed(tests) => Outcome::Caught(tests),
        Ended::Passed => Outcome::Survived,
        Ended::NotBuilt(output) => Outcome::Invalid(format!("it does not build:\n{output}")),
    })
}
