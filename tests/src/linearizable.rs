//! Whether what threads saw of a store can be explained by one order of their calls.
//!
//! Each operation takes effect at one instant between its call and its return, `clear` for all sessions at that
//! same instant; a read sees exactly what the operations before it in that order led to. What a crash leaves is
//! what a first part of such an order leads to, and every write that had been acknowledged is in that part. So is an
//! acknowledged touch that moved expiry earlier; one that moved it later may be lost by itself, and one that found
//! nothing stands anywhere behind what had removed the session, which a crash may take.
//!
//! The search goes from the empty order on, and takes next any operation that none of the others had returned
//! before. Sets of operations that led to the same sessions are looked at once, so that it takes long only where
//! many operations overlap.

use std::collections::HashSet;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// What is seen of a session: its payload's number and its expiry.
pub type Seen = Option<(u64, u64)>;

/// Sessions by the numbers of their ids; those that have expired are as if they were not there.
pub type State = Vec<Seen>;

/// What an operation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Stored a session; `None`, if it had expired already.
    Set(usize, Seen),
    /// Moved the expiry of a living session; `None`: into the past, so that it has expired.
    Touch(usize, Option<u64>),
    /// Removed a session.
    Destroy(usize),
    /// Removed all of them.
    Clear,
    /// Saw this.
    Get(usize, Seen),
}

impl Act {
    /// Does it to `state`. Returns whether that is possible: a read has to see what is there.
    fn apply(&self, state: &mut State) -> bool {
        match self {
            Self::Set(id, session) => state[*id] = *session,
            Self::Touch(id, until) => state[*id] = state[*id].zip(*until).map(|((payload, _), until)| (payload, until)),
            Self::Destroy(id) => state[*id] = None,
            Self::Clear => state.fill(None),
            Self::Get(id, seen) => return state[*id] == *seen,
        }
        true
    }
}

/// An operation and when it happened, by a clock that counts such moments.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Who called it.
    pub thread: usize,
    /// What it did.
    pub act: Act,
    called: u64,
    returned: u64,
    acknowledged: u64,
    refused: bool,
}

/// What has not happened.
const NEVER: u64 = u64::MAX;

/// Operations of several threads, noted as they happen.
#[derive(Debug, Default)]
pub struct History {
    clock: AtomicU64,
    operations: Mutex<Vec<Operation>>,
}

impl History {
    /// The present moment.
    pub fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    /// Notes an operation that is about to be called. Returns its place for the other functions.
    pub fn call(&self, thread: usize, act: Act) -> usize {
        let mut operations = self.operations.lock();
        let called = self.now();
        operations.push(Operation { thread, act, called, returned: NEVER, acknowledged: NEVER, refused: false });
        operations.len() - 1
    }

    /// Notes that the call has returned.
    pub fn returned(&self, place: usize) {
        self.operations.lock()[place].returned = self.now();
    }

    /// Notes that a read has returned, and what it saw.
    pub fn saw(&self, place: usize, seen: Seen) {
        let mut operations = self.operations.lock();
        let operation = &mut operations[place];
        operation.returned = self.now();
        if let Act::Get(_, place) = &mut operation.act {
            *place = seen;
        }
    }

    /// Notes that the write was acknowledged.
    pub fn acknowledged(&self, place: usize) {
        self.operations.lock()[place].acknowledged = self.now();
    }

    /// Notes that the call was refused: then it has done nothing.
    pub fn refused(&self, place: usize) {
        self.operations.lock()[place].refused = true;
    }

    /// How many operations were not refused.
    #[must_use]
    pub fn len(&self) -> usize {
        self.operations.lock().iter().filter(|operation| !operation.refused).count()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Explains all operations that returned, from `state` on.
    ///
    /// # Errors
    /// How far an explanation goes at most.
    pub fn explain(&self, state: &State) -> Result<(), String> {
        let mut operations = self.operations.lock().clone();
        operations.retain(|operation| !operation.refused && (operation.returned != NEVER || !operation.is_read()));
        // What has not returned may have happened at any time, or never; reads tell.
        let duty = |operation: &Operation| if operation.returned == NEVER { Duty::None } else { Duty::Whole };
        let duties = operations.iter().map(duty).collect();
        search(&operations, duties, state, None)
    }

    /// Explains `found` as what was there after a crash at `moment`, from `state` on.
    ///
    /// # Errors
    /// How far an explanation goes at most.
    pub fn explain_crash(&self, state: &State, moment: u64, found: &State) -> Result<(), String> {
        let mut operations = self.operations.lock().clone();
        operations.retain(|operation| !operation.refused && !operation.is_read() && operation.called <= moment);
        for operation in &mut operations {
            operation.acknowledged = if operation.acknowledged <= moment { operation.acknowledged } else { NEVER };
            // One of a session that has to be looked up gets its place in the log after its call.
            if operation.is_touch() {
                operation.returned = operation.acknowledged;
            }
        }
        let duty = |operation: &Operation| match operation.acknowledged {
            NEVER => Duty::None,
            _ if operation.is_touch() => Duty::UnlessItMayBeLost,
            _ => Duty::Whole,
        };
        let duties = operations.iter().map(duty).collect();
        search(&operations, duties, state, Some(found))
    }
}

/// Whether an operation has to be in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Duty {
    None,
    /// Before the crash, where there is one.
    Whole,
    /// Before the crash, but for a touch that finds nothing, or moves expiry later.
    UnlessItMayBeLost,
}

impl Operation {
    fn is_read(&self) -> bool {
        matches!(self.act, Act::Get(..))
    }

    fn is_touch(&self) -> bool {
        matches!(self.act, Act::Touch(..))
    }

    /// Whether nobody was promised that it survives, acknowledged or not, where `state` is what it finds.
    fn may_be_lost(&self, state: &State) -> bool {
        match self.act {
            Act::Touch(id, until) => state[id].is_none_or(|(_, before)| until.is_some_and(|until| until >= before)),
            _ => false,
        }
    }
}

/// A set of operations that were put in order, and what they led to. All operations before `first` are in the
/// set, and those of `others`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Node {
    first: usize,
    others: Vec<usize>,
    state: State,
    /// The crash has been: what comes now is lost.
    crashed: bool,
}

impl Node {
    fn has(&self, place: usize) -> bool {
        place < self.first || self.others.contains(&place)
    }

    fn len(&self) -> usize {
        self.first + self.others.len()
    }

    /// The set with one more operation.
    fn with(&self, place: usize, state: State) -> Self {
        let mut next = Self { first: self.first, others: self.others.clone(), state, crashed: self.crashed };
        let position = next.others.partition_point(|other| *other < place);
        next.others.insert(position, place);
        let whole = next.others.iter().enumerate().take_while(|(count, other)| **other == next.first + count).count();
        next.others.drain(..whole);
        next.first += whole;
        next
    }

    /// The operations that may come next: none of the others had returned before they were called.
    fn next(&self, operations: &[Operation]) -> Vec<usize> {
        let mut returned = NEVER;
        let mut next = Vec::new();
        for (place, operation) in operations.iter().enumerate().skip(self.first) {
            if operation.called > returned {
                break;
            }
            if !self.has(place) {
                returned = returned.min(operation.returned);
                next.push(place);
            }
        }
        next
    }
}

/// Looks for an order of `operations`, which are sorted by their calls, that does all duties, and in which a crash at
/// some place leaves `end` if that is given.
fn search(operations: &[Operation], duties: Vec<Duty>, start: &State, end: Option<&State>) -> Result<(), String> {
    let last_duty = duties.iter().rposition(|duty| *duty != Duty::None).map_or(0, |place| place + 1);
    let has_all = |node: &Node, is_asked: fn(Duty) -> bool| {
        (node.first..last_duty).all(|place| !is_asked(duties[place]) || node.has(place))
    };
    let first = Node { first: 0, others: Vec::new(), state: start.clone(), crashed: false };
    let mut seen = HashSet::new();
    let mut furthest = first.clone();
    let mut left = vec![first];
    while let Some(node) = left.pop() {
        if (end.is_none() || node.crashed) && has_all(&node, |duty| duty != Duty::None) {
            return Ok(());
        }
        if furthest.len() < node.len() && !node.crashed {
            furthest = node.clone();
        }
        let mut add = |next: Node| {
            if seen.insert(next.clone()) {
                left.push(next);
            }
        };
        for place in node.next(operations).into_iter().rev() {
            let (operation, mut state) = (&operations[place], node.state.clone());
            let may_be_lost = operation.may_be_lost(&node.state);
            if may_be_lost && !node.crashed {
                // By itself, with others behind it there.
                add(node.with(place, node.state.clone()));
            }
            let is_allowed = match duties[place] {
                Duty::None => true,
                Duty::Whole => !node.crashed,
                Duty::UnlessItMayBeLost => !node.crashed || may_be_lost,
            };
            if is_allowed && operation.act.apply(&mut state) {
                add(node.with(place, state));
                // A read that sees what is there may as well come now.
                if operation.is_read() {
                    break;
                }
            }
        }
        if !node.crashed && end.is_some_and(|end| *end == node.state) && has_all(&node, |duty| duty == Duty::Whole) {
            add(Node { crashed: true, ..node.clone() });
        }
    }
    Err(describe(operations, &furthest, end))
}

fn describe(operations: &[Operation], node: &Node, end: Option<&State>) -> String {
    let mut text =
        format!("no order of the calls explains what was seen; one of {} leads to {:?}", node.len(), node.state);
    if let Some(end) = end {
        write!(text, ", and {end:?} is there").expect("writing to a string");
    }
    let from = node.first.saturating_sub(12);
    for (place, operation) in operations.iter().enumerate().skip(from).take(40) {
        let Operation { thread, act, called, returned, acknowledged, .. } = operation;
        let time = |moment: &u64| if *moment == NEVER { "-".to_owned() } else { moment.to_string() };
        let mark = if node.has(place) { ' ' } else { '?' };
        let (returned, acknowledged) = (time(returned), time(acknowledged));
        write!(text, "\n{mark} {called:>6} {returned:>6} {acknowledged:>6}  thread {thread}: {act:?}")
            .expect("writing to a string");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Seen = Some((1, 9));
    const TWO: Seen = Some((2, 9));

    fn done(history: &History, thread: usize, act: Act) {
        let place = history.call(thread, act);
        history.returned(place);
        history.acknowledged(place);
    }

    #[test]
    fn operations_that_overlap_may_have_happened_in_either_order() {
        let history = History::default();
        let first = history.call(0, Act::Set(0, ONE));
        let second = history.call(1, Act::Set(0, TWO));
        history.returned(second);
        history.returned(first);
        done(&history, 2, Act::Get(0, ONE));
        assert!(history.explain(&vec![None]).is_ok());
        done(&history, 2, Act::Get(0, TWO));
        assert!(history.explain(&vec![None]).is_err(), "nothing was set between the reads");
    }

    #[test]
    fn a_read_that_sees_what_was_replaced_before_it_began_is_not_explained() {
        let history = History::default();
        done(&history, 0, Act::Set(0, ONE));
        done(&history, 1, Act::Set(0, TWO));
        done(&history, 0, Act::Get(0, ONE));
        assert!(history.explain(&vec![None]).is_err());
    }

    #[test]
    fn a_clear_is_one_instant_for_all_sessions() {
        let history = History::default();
        let clear = history.call(0, Act::Clear);
        done(&history, 1, Act::Get(0, None));
        done(&history, 1, Act::Get(1, TWO));
        history.returned(clear);
        assert!(history.explain(&vec![ONE, TWO]).is_err(), "the first was cleared and the second not yet");
        assert!(history.explain(&vec![None, TWO]).is_ok());
    }

    #[test]
    fn a_touch_moves_the_expiry_of_what_there_is_and_creates_nothing() {
        let history = History::default();
        done(&history, 0, Act::Touch(0, Some(12)));
        done(&history, 0, Act::Get(0, Some((1, 12))));
        done(&history, 0, Act::Touch(0, None));
        done(&history, 0, Act::Touch(0, Some(15)));
        done(&history, 0, Act::Get(0, None));
        assert!(history.explain(&vec![ONE]).is_ok());
    }

    #[test]
    fn a_crash_may_take_only_what_was_not_acknowledged_and_from_the_end() {
        let history = History::default();
        done(&history, 0, Act::Set(0, ONE));
        let between = history.now();
        let second = history.call(0, Act::Set(1, ONE));
        history.returned(second);
        let third = history.call(1, Act::Set(0, TWO));
        history.returned(third);
        let moment = history.now();
        let crash = |moment, found: [Seen; 2]| history.explain_crash(&vec![None; 2], moment, &found.to_vec());
        assert!(crash(moment, [ONE, None]).is_ok() && crash(moment, [ONE, ONE]).is_ok());
        assert!(crash(moment, [None, None]).is_err(), "what was acknowledged is lost");
        assert!(crash(moment, [TWO, None]).is_err(), "what was called before it is lost");
        assert!(crash(between, [ONE, ONE]).is_err(), "what was called after the crash is there");
    }

    #[test]
    fn an_acknowledged_touch_survives_where_it_moved_expiry_earlier_and_may_be_lost_where_it_moved_it_later() {
        for (until, may_be_lost) in [(None, false), (Some(8), false), (Some(9), true), (Some(10), true)] {
            let history = History::default();
            done(&history, 0, Act::Touch(0, until));
            done(&history, 0, Act::Set(1, TWO));
            let crash = |found: [Seen; 2]| history.explain_crash(&vec![ONE, None], history.now(), &found.to_vec());
            assert!(crash([until.map(|until| (1, until)), TWO]).is_ok(), "{until:?} survives");
            assert_eq!(crash([ONE, TWO]).is_ok(), may_be_lost, "{until:?} is lost");
        }
    }

    #[test]
    fn a_touch_that_found_nothing_may_have_followed_what_is_lost() {
        let history = History::default();
        let destroy = history.call(0, Act::Destroy(0));
        history.returned(destroy);
        done(&history, 1, Act::Touch(0, None));
        let crash = |found| history.explain_crash(&vec![ONE], history.now(), &vec![found]);
        assert!(crash(ONE).is_ok() && crash(None).is_ok());
        history.acknowledged(destroy);
        assert!(crash(ONE).is_err(), "the destroy was acknowledged");
    }

    #[test]
    fn a_touch_moves_expiry_earlier_than_what_it_was_when_it_was_called() {
        let history = History::default();
        let set = history.call(0, Act::Set(0, Some((2, 20))));
        history.returned(set);
        done(&history, 0, Act::Touch(0, Some(15)));
        let crash = |found| history.explain_crash(&vec![ONE], history.now(), &vec![found]);
        assert!(crash(Some((2, 15))).is_ok());
        assert!(crash(Some((2, 20))).is_err(), "the touch is lost");
        assert!(crash(ONE).is_err(), "the touch is lost, and the set it was of");
    }

    #[test]
    fn a_call_that_was_refused_has_done_nothing() {
        let history = History::default();
        let refused = history.call(0, Act::Set(0, ONE));
        history.refused(refused);
        done(&history, 0, Act::Get(0, None));
        assert!(history.explain(&vec![None]).is_ok());
        assert!(history.explain_crash(&vec![None], history.now(), &vec![ONE]).is_err());
    }
}
