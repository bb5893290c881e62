//! The private copy of the sources: the checkout itself never has a defect planted in it.
//!
//! It stays between runs, below the target directory, and only what changed is written anew, so that cargo builds no
//! more than it has to.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What the copy does without: what was built, other people's packages, what fuzzing leaves, and the mutants' own test,
/// which finds every defect by looking at the sources.
const LEFT_OUT: [&str; 7] = ["target", "node_modules", ".git", "corpus", "artifacts", "mutants", "mutants.rs"];

/// The copy.
pub(crate) struct Copy {
    path: PathBuf,
    target: PathBuf,
}

/// Files of the copy that were changed, as they were.
#[must_use = "the next mutant is to be planted in sound sources"]
pub(crate) struct Planted(Vec<(PathBuf, String)>);

impl Copy {
    /// Copies the checkout, or brings the copy of an earlier run up to date.
    pub(crate) fn of(sources: &Path) -> Result<Self, String> {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| sources.join("target"), PathBuf::from);
        let target = std::path::absolute(target).map_err(|error| error.to_string())?.join("mutants");
        let path = target.join("sources");
        update(sources, &path).map_err(|error| format!("{} cannot be made: {error}", path.display()))?;
        Ok(Self { path, target })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the copy is built.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Writes files that a mutant changes.
    pub(crate) fn plant(&self, changed: &[(PathBuf, String)]) -> Result<Planted, String> {
        let mut planted = Planted(Vec::new());
        for (file, content) in changed {
            let path = self.path.join(file);
            let failed = |error| format!("{} cannot be changed: {error}", path.display());
            let before = fs::read_to_string(&path).map_err(failed)?;
            fs::write(&path, content).map_err(failed)?;
            planted.0.push((path, before));
        }
        Ok(planted)
    }
}

impl Planted {
    /// Makes the sources sound again.
    pub(crate) fn undo(self) -> Result<(), String> {
        for (path, content) in self.0 {
            fs::write(&path, content).map_err(|error| format!("{} cannot be restored: {error}", path.display()))?;
        }
        Ok(())
    }
}

/// Has `to` hold what `from` does. What is the same already keeps its time, by which cargo knows it.
fn update(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    let mut names = Vec::new();
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if LEFT_OUT.iter().any(|left_out| name == *left_out) {
            continue;
        }
        let (source, copy) = (entry.path(), to.join(&name));
        if entry.file_type()?.is_dir() {
            update(&source, &copy)?;
        } else {
            let content = fs::read(&source)?;
            if fs::read(&copy).ok().as_ref() != Some(&content) {
                fs::write(&copy, content)?;
            }
        }
        names.push(name);
    }
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        if names.contains(&entry.file_name()) {
            continue;
        }
        if entry.file_type()?.is_dir() { fs::remove_dir_all(entry.path())? } else { fs::remove_file(entry.path())? }
    }
    Ok(())
}
