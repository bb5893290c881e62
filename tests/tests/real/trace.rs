//! What a process asked of the system, as strace saw it, and what of that a power loss could take.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// The command that traces what it is given as arguments; `None` where it is missing or not permitted.
pub fn strace(trace: &Path) -> Option<Command> {
    let mut probe = Command::new("strace");
    if !probe.args(["-o", "/dev/null", "true"]).output().is_ok_and(|output| output.status.success()) {
        return None;
    }
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-s", "200", "-e", "signal=none", "-e"]);
    strace.arg("trace=openat,mkdir,mkdirat,rename,renameat,renameat2,pwrite64,write,ftruncate,fallocate,fdatasync,fsync,unlink");
    strace.arg("-o").arg(trace).arg(std::env::current_exe().unwrap());
    Some(strace)
}

/// A system call that has succeeded, in the order of the returns.
pub struct Call {
    pub name: String,
    /// Up to its last argument.
    pub line: String,
}

impl Call {
    /// The path of the file that the call was made on.
    fn file(&self) -> Option<&str> {
        Some(self.line.split_once('<')?.1.split_once('>')?.0)
    }

    /// Whether it writes a frame into a segment, and not the segment's header or zeros.
    fn is_frame(&self) -> bool {
        let is_header = self.line.ends_with(", 0");
        let is_zeros = self.paths().next().is_none_or(|bytes| bytes.starts_with("\\0\\0\\0\\0\\0\\0\\0\\0"));
        self.file().is_some_and(is_segment) && !is_header && !is_zeros
    }

    /// The strings it was given, paths mostly.
    fn paths(&self) -> impl Iterator<Item = &str> {
        self.line.split('"').skip(1).step_by(2)
    }
}

/// The calls of a trace; what strace shows in two parts, since another thread came between, is put together.
pub fn calls(trace: &str) -> Vec<Call> {
    let mut begun: Vec<(&str, &str)> = Vec::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let Some((thread, line)) = line.split_once(' ') else { continue };
        let line = line.trim_start();
        if let Some(beginning) = line.strip_suffix(" <unfinished ...>") {
            begun.push((thread, beginning));
            continue;
        }
        let line = match line.strip_prefix("<... ").and_then(|line| line.split_once(" resumed>")) {
            Some((_, end)) => {
                let place = begun.iter().position(|(of, _)| *of == thread).unwrap();
                format!("{}{end}", begun.swap_remove(place).1)
            }
            None => line.to_owned(),
        };
        // What failed did nothing.
        let Some((line, result)) = line.rsplit_once(" = ") else { continue };
        if let Some((name, _)) = line.split_once('(').filter(|_| !result.starts_with('-')) {
            let line = line.trim_end().trim_end_matches(')').to_owned();
            calls.push(Call { name: name.to_owned(), line });
        }
    }
    calls
}

pub fn is_segment(path: &str) -> bool {
    path.ends_with(".log")
}

/// What a power loss could take at a place of the trace.
#[derive(Default)]
pub struct Unsynced {
    /// Segments with frames that were not synced since.
    pub frames: BTreeSet<String>,
    /// Segments that ever had a frame: others may be in the making, and nothing hangs on them.
    pub in_use: BTreeSet<String>,
    /// Files written and not synced since.
    pub written: BTreeSet<String>,
    /// Files and directories whose directory was not synced since they came into being.
    pub unnamed: BTreeSet<String>,
    pub syncs: usize,
    pub directory_syncs: usize,
}

impl Unsynced {
    pub fn called(&mut self, call: &Call) {
        let file = call.file().unwrap_or_default().to_owned();
        match call.name.as_str() {
            "pwrite64" if call.is_frame() => {
                assert!(!self.written.contains(&file) || self.frames.contains(&file), "{file} is used unsynced");
                self.frames.insert(file.clone());
                self.in_use.insert(file.clone());
                self.written.insert(file);
            }
            "pwrite64" | "ftruncate" | "fallocate" => drop(self.written.insert(file)),
            "fdatasync" => {
                self.syncs += 1;
                self.frames.remove(&file);
                self.written.remove(&file);
            }
            "fsync" => {
                self.directory_syncs += 1;
                self.written.remove(&file);
                self.unnamed.retain(|name| Path::new(name).parent() != Some(Path::new(&file)));
            }
            "openat" if call.line.contains("O_EXCL") => self.unnamed.extend(call.paths().map(str::to_owned)),
            "mkdir" | "mkdirat" => self.unnamed.extend(call.paths().map(str::to_owned)),
            "rename" | "renameat" | "renameat2" => {
                let paths: Vec<&str> = call.paths().collect();
                let [from, to] = paths.as_slice() else { return };
                // Syncing the directory once makes both changes durable, and nothing else does.
                self.unnamed.remove(*from);
                self.unnamed.insert((*to).to_owned());
                let moved = |path: &String| match path.strip_prefix(*from) {
                    Some(rest) => format!("{to}{rest}"),
                    None => path.clone(),
                };
                self.written = self.written.iter().map(moved).collect();
                self.unnamed = self.unnamed.iter().map(moved).collect();
            }
            "unlink" => {
                for path in call.paths() {
                    self.written.remove(path);
                    self.unnamed.remove(path);
                }
            }
            _ => {}
        }
    }
}
