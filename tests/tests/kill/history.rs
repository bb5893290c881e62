//! What a killed writer told, and the states that its store may be in because of it.
//!
//! What is claimed is more than that no acknowledged operation is lost: what is there is exactly what the thread had
//! done at *one* point of its sequence, at or behind its last acknowledgement. A value that is newer than the
//! acknowledged one is allowed, an older one or a mixture is not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::operations::{Model, Operation, Operations, THREADS, Value};
use super::phase::Phase;
use super::writer::BURST;

/// A backup that the writer asked for.
#[derive(Debug)]
pub struct Copy {
    pub is_done: bool,
    /// For each thread, how many of its operations were called when the backup was asked for.
    pub called: Vec<usize>,
}

/// What the parent heard of a writer.
pub struct Heard {
    pub phase: Phase,
    pub seed: u64,
    pub copies: BTreeMap<usize, Copy>,
    /// The rounds of expiring sessions that were told to be reaped.
    pub reaped: BTreeSet<usize>,
    /// When it was killed, or stood still, less what the disk held the committer up for.
    ended: Instant,
    /// By thread, the operations that were acknowledged, and when.
    acknowledged: Vec<BTreeMap<usize, Instant>>,
    /// By thread, the operations whose acknowledgement counts.
    counting: Vec<BTreeSet<usize>>,
    /// By thread, what it may have begun.
    operations: Vec<Vec<Operation>>,
}

/// The two numbers of a line.
fn numbers(line: &str) -> Option<(usize, usize)> {
    let (one, other) = line.split_once(' ')?;
    Some((one.parse().ok()?, other.parse().ok()?))
}

impl Heard {
    /// Reads a writer's lines. What was acknowledged counts at once (`None`), or only when so much time had passed
    /// before the end, unless it was synced.
    pub fn new(
        phase: Phase,
        seed: u64,
        lines: &[(Instant, String)],
        ended: Instant,
        allowance: Option<Duration>,
    ) -> Self {
        let mut acknowledged = vec![BTreeMap::new(); THREADS];
        let mut synced = [0; THREADS];
        let mut called = vec![0; THREADS];
        let (mut copies, mut reaped) = (BTreeMap::<usize, Copy>::new(), BTreeSet::new());
        for (at, line) in lines {
            if let Some((thread, number)) = numbers(line) {
                acknowledged[thread].insert(number, *at);
                called[thread] = called[thread].max(number + 1);
            } else if let Some((thread, number)) = line.strip_prefix("synced ").and_then(numbers) {
                synced[thread] = number;
            } else if let Some(pass) = line.strip_prefix("reaped ") {
                reaped.insert(pass.parse().unwrap());
            } else if let Some(line) = line.strip_prefix("backup ") {
                let (pass, what) = line.split_once(' ').unwrap();
                let copy = copies.entry(pass.parse().unwrap());
                copy.or_insert_with(|| Copy { is_done: false, called: called.clone() }).is_done = what == "is done";
            }
        }
        let is_closed = lines.iter().any(|(_, line)| line == "closed");
        let counts = |thread: usize, number: usize, at: Instant| {
            is_closed || number < synced[thread] || allowance.is_none_or(|allowance| at + allowance <= ended)
        };
        let counting = acknowledged.iter().enumerate().map(|(thread, of_thread)| {
            of_thread.iter().filter(|(number, at)| counts(thread, **number, **at)).map(|(number, _)| *number).collect()
        });
        let operations = |(thread, called)| Operations::new(seed, thread, phase).take(called + 2 * BURST).collect();
        Self {
            phase,
            seed,
            copies,
            reaped,
            ended,
            counting: counting.collect(),
            operations: called.iter().copied().enumerate().map(operations).collect(),
            acknowledged,
        }
    }

    pub fn operations(&self, thread: usize) -> &[Operation] {
        &self.operations[thread]
    }

    /// How many operations of a thread are promised to be there, in a store that had this when it began.
    fn promised(&self, thread: usize, start: &Model) -> usize {
        let mut before = start.clone();
        let mut promised = 0;
        for operation in &self.operations[thread] {
            if self.counting[thread].contains(&operation.number) && operation.is_promised(&before) {
                promised = operation.number + 1;
            }
            operation.apply(&mut before);
        }
        promised
    }

    /// How long before the end the first acknowledged operation was that is not there, when there are so many.
    pub fn age_of_lost(&self, thread: usize, point: usize) -> Option<Duration> {
        let lost = self.acknowledged[thread].range(point..);
        let is_write =
            |number: &usize| !matches!(self.operations[thread][*number].action, super::operations::Action::Touch(_));
        lost.filter(|(number, _)| is_write(number)).map(|(_, at)| self.ended.saturating_duration_since(*at)).max()
    }
}

/// At which point of each writer's sequence, one writer after the other, the thread's part of the store was, for it to
/// have become what was found.
pub fn points(chain: &[Heard], thread: usize, start: &Model, found: &Model) -> Option<Vec<usize>> {
    let Some((first, rest)) = chain.split_first() else { return (start == found).then(Vec::new) };
    let promised = first.promised(thread, start);
    let mut model = start.clone();
    let operations = &first.operations[thread];
    for point in 0..=operations.len() {
        if point >= promised
            && let Some(mut points) = points(rest, thread, &model, found)
        {
            points.insert(0, point + idle(&model, &operations[point..]));
            return Some(points);
        }
        if let Some(operation) = operations.get(point) {
            operation.apply(&mut model);
        }
    }
    None
}

/// How many of these operations change nothing.
fn idle(model: &Model, operations: &[Operation]) -> usize {
    let changes = |operation: &Operation| {
        let mut after = model.clone();
        operation.apply(&mut after);
        after != *model
    };
    operations.iter().take_while(|operation| !changes(operation)).count()
}

/// Says how what was found differs from the least that there has to be.
pub fn differences(chain: &[Heard], thread: usize, start: &Model, found: &Model) -> String {
    let mut least = start.clone();
    let mut said = String::new();
    for heard in chain {
        let promised = heard.promised(thread, &least);
        let operations = &heard.operations[thread];
        operations.iter().take(promised).for_each(|operation| operation.apply(&mut least));
        said += &format!("{promised} of {} operations of seed {}; ", operations.len(), heard.seed);
    }
    for key in least.keys().chain(found.keys()).collect::<BTreeSet<_>>() {
        let (expected, is) = (least.get(key), found.get(key));
        if expected != is {
            said += &format!("\n  {key}: expected at least {}, found {}", head(expected), head(is));
        }
    }
    said
}

/// What tells one value from another.
pub fn head(value: Option<&Value>) -> String {
    value.map_or("nothing".to_owned(), |value| {
        let head: Vec<u8> = value.payload.iter().copied().take(40).collect();
        format!("{:?} until {}", String::from_utf8_lossy(&head), value.expires_at)
    })
}
