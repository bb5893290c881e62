//! What became of the mutants, for whoever waits and for `docs/mutants.md`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::process::Command;

use sessile_tests::mutant::{Mutant, sources};

use crate::Outcome;

/// What stands before the results.
const HEAD: &str = "\
# Tests of the tests

Each mutant is one defect, a few lines, planted alone in a private copy of the sources; some test has to fail. One
that nothing catches is a missing test. `make mutants` tries all of them and writes this page, `make mutants
MUTANT=name` one; how to add one stands in [CONTRIBUTING.md](../CONTRIBUTING.md). The tests named are those of the
one target that is expected to notice; others may as well.
";

/// One line about a mutant.
pub(crate) fn line(mutant: &Mutant, outcome: &Outcome) -> String {
    let outcome = match outcome {
        Outcome::Caught(tests) => format!("caught by {}", tests.join(", ")),
        Outcome::Survived => format!("SURVIVED ({})", mutant.defect),
        Outcome::Invalid(reason) => format!("NOT TRIED: {reason}"),
    };
    format!("{}: {outcome}", mutant.name)
}

/// Writes the page, a table for each rule.
pub(crate) fn write(mutants: &[Mutant], outcomes: &[Outcome], minutes: u64) -> Result<(), String> {
    let mut by_rule: BTreeMap<&str, String> = BTreeMap::new();
    for (mutant, outcome) in mutants.iter().zip(outcomes) {
        let tests = match outcome {
            Outcome::Caught(tests) => tests.iter().map(|test| format!("`{test}`")).collect::<Vec<_>>().join(", "),
            Outcome::Survived => "**SURVIVED**".to_owned(),
            Outcome::Invalid(_) => "**NOT TRIED**".to_owned(),
        };
        let row = format!("| {} | {} | {tests} |\n", mutant.name, mutant.defect);
        by_rule.entry(&mutant.rule).or_default().push_str(&row);
    }
    let caught = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Caught(_))).count();
    let date = date()?;
    let mut page = format!("{HEAD}\n{date}: {caught} of {} mutants caught, in {minutes} minutes.\n", mutants.len());
    for (rule, rows) in by_rule {
        write!(page, "\n## {rule}\n\n| mutant | defect | caught by |\n|---|---|---|\n{rows}")
            .map_err(|error| error.to_string())?;
    }
    let path = sources().join("docs/mutants.md");
    fs::write(&path, page).map_err(|error| format!("{} cannot be written: {error}", path.display()))
}

fn date() -> Result<String, String> {
    let failed = |error: std::io::Error| format!("the date is not known: {error}");
    let output = Command::new("date").args(["-u", "+%F"]).output().map_err(failed)?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
