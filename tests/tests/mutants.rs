//! Every mutant still fits the sources, so that no change disables one unnoticed; trying them is `make mutants`.

use std::collections::BTreeSet;
use std::fs;

use sessile_tests::mutant::{mutants, package, sources};

#[test]
fn every_mutant_fits_the_sources() {
    let misfits: Vec<String> = mutants().unwrap().iter().filter_map(|mutant| mutant.apply(&sources()).err()).collect();
    assert!(misfits.is_empty(), "{}", misfits.join("\n"));
}

#[test]
fn every_mutant_names_a_test_target_that_exists() {
    for mutant in mutants().unwrap() {
        let target = package().join("tests").join(&mutant.catcher).with_extension("rs");
        assert!(mutant.catcher == "core" || target.is_file(), "{}: there is no {}", mutant.name, target.display());
    }
}

#[test]
fn the_page_of_results_has_every_mutant_and_no_survivor() {
    let page = fs::read_to_string(sources().join("docs/mutants.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | ").map(|(name, _)| name));
    let on_page: BTreeSet<&str> = rows.filter(|name| *name != "mutant").collect();
    let mutants = mutants().unwrap();
    let there: BTreeSet<&str> = mutants.iter().map(|mutant| mutant.name.as_str()).collect();
    let differ: Vec<_> = on_page.symmetric_difference(&there).collect();
    assert!(differ.is_empty(), "run `make mutants`: the page and tests/mutants differ in {differ:?}");
    assert!(!page.contains("**"), "a mutant survived or was not tried");
}
