//! Mutants: defects to be planted in the sources, each to be caught by some test.
//!
//! A mutant is a file in `tests/mutants`. Its text is found again whatever moved or was wrapped otherwise, since
//! white space does not count; it has to be there exactly once, so that a mutant never changes another place than
//! the one it was made for.

use std::fs;
use std::path::{Path, PathBuf};

/// One defect.
#[derive(Debug)]
pub struct Mutant {
    /// The file's name without its ending.
    pub name: String,
    /// What the sources keep true, and the defect breaks.
    pub rule: String,
    /// What the defect is.
    pub defect: String,
    /// The test target expected to notice: a file of `tests/tests`, or `core` for the core's own tests.
    pub catcher: String,
    edits: Vec<Edit>,
}

/// One place that a mutant changes.
#[derive(Debug, Default)]
struct Edit {
    file: PathBuf,
    sought: String,
    replacement: String,
}

/// What a mutant's file ends in.
const ENDING: &str = "mutant";

/// The package's directory, in which the mutants are.
#[must_use]
pub fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The checkout.
#[must_use]
pub fn sources() -> PathBuf {
    package().parent().expect("the package is in the checkout").to_owned()
}

/// All mutants, in order of name.
///
/// # Errors
/// A sentence about the first file that is no mutant.
pub fn mutants() -> Result<Vec<Mutant>, String> {
    let directory = package().join("mutants");
    let failed = |error: std::io::Error| format!("{} cannot be read: {error}", directory.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(&directory).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|ending| ending == ENDING));
    paths.sort();
    paths.iter().map(|path| Mutant::read(path)).collect()
}

impl Mutant {
    fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Self::parse(name, &text).map_err(|line| format!("{}: {line:?} is not understood", path.display()))
    }

    /// Reads `rule:`, `defect:` and `catcher:`, then for each place `@ file`, the lines that are there, marked `-`, and
    /// those that take their place, marked `+`. Fails with the line that is none of these.
    fn parse(name: String, text: &str) -> Result<Self, String> {
        let (mut rule, mut defect, mut catcher) = (String::new(), String::new(), String::new());
        let mut edits: Vec<Edit> = Vec::new();
        for line in text.lines() {
            let is_head = edits.is_empty();
            if let Some(file) = line.strip_prefix("@ ") {
                edits.push(Edit { file: file.into(), ..Edit::default() });
            } else if let Some(edit) = edits.last_mut() {
                let place = match line.chars().next() {
                    Some('-') => &mut edit.sought,
                    Some('+') => &mut edit.replacement,
                    None => continue,
                    Some(_) => return Err(line.to_owned()),
                };
                place.push_str(line.get(1..).unwrap_or_default());
                place.push('\n');
            } else if let (true, Some((key, value))) = (is_head, line.split_once(": ")) {
                let place = match key {
                    "rule" => &mut rule,
                    "defect" => &mut defect,
                    "catcher" => &mut catcher,
                    _ => return Err(line.to_owned()),
                };
                value.clone_into(place);
            } else if !line.is_empty() {
                return Err(line.to_owned());
            }
        }
        if edits.is_empty() || rule.is_empty() || defect.is_empty() || catcher.is_empty() {
            return Err("what is missing".to_owned());
        }
        Ok(Self { name, rule, defect, catcher, edits })
    }

    /// The files that it changes, below `sources`, with what is in them afterwards.
    ///
    /// # Errors
    /// A sentence that names the text which is not there, or there several times.
    pub fn apply(&self, sources: &Path) -> Result<Vec<(PathBuf, String)>, String> {
        let mut changed: Vec<(PathBuf, String)> = Vec::new();
        for edit in &self.edits {
            let before = match changed.iter().position(|(file, _)| *file == edit.file) {
                Some(index) => changed.remove(index).1,
                None => fs::read_to_string(sources.join(&edit.file))
                    .map_err(|error| format!("{}: {} cannot be read: {error}", self.name, edit.file.display()))?,
            };
            let after = replace(&before, &edit.sought, edit.replacement.trim()).map_err(|found| {
                let (file, sought) = (edit.file.display(), edit.sought.trim());
                format!("{}: {file} has this {found} times instead of once; change the mutant\n{sought}", self.name)
            })?;
            changed.push((edit.file.clone(), after));
        }
        Ok(changed)
    }
}

/// Replaces the only place where `sought` stands, white space aside. Fails with how many places there are.
fn replace(text: &str, sought: &str, replacement: &str) -> Result<String, usize> {
    let sought: Vec<char> = sought.chars().filter(|character| !character.is_whitespace()).collect();
    let solid: Vec<(usize, char)> = text.char_indices().filter(|(_, character)| !character.is_whitespace()).collect();
    let stands_at = |window: &&[(usize, char)]| window.iter().map(|(_, character)| character).eq(sought.iter());
    let mut places = solid.windows(sought.len().max(1)).filter(stands_at);
    match (places.next(), places.count()) {
        (Some([(from, _), .., (last, _)]), 0) => Ok(format!("{}{replacement}{}", &text[..*from], &text[last + 1..])),
        (first, more) => Err(usize::from(first.is_some()) + more),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_wrapped_otherwise_is_found_and_what_stands_twice_is_not() {
        assert_eq!(replace("a(b,\n    c) d", "a(b, c)", "e").unwrap(), "e d");
        assert_eq!(replace("a b a b", "ab", "c"), Err(2));
        assert_eq!(replace("a b", "ba", "c"), Err(0));
    }

    #[test]
    fn a_line_that_is_no_part_of_a_mutant_is_refused() {
        let head = "rule: r\ndefect: d\ncatcher: core\n\n@ file\n";
        assert!(Mutant::parse("m".to_owned(), &format!("{head}-a b\n+c d\n")).is_ok());
        assert_eq!(Mutant::parse("m".to_owned(), &format!("{head}a\n")).unwrap_err(), "a");
        assert!(Mutant::parse("m".to_owned(), "rule: r\n").is_err());
    }
}
