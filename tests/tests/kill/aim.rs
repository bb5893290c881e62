//! At which moment of a phase a process is to be killed.

use std::time::Duration;

use fastrand::Rng;

use super::phase::Phase;

/// Where in an operation on the disk the process stands still until it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    Before,
    /// When half the bytes of a write are there; before any other operation.
    Midway,
    After,
}

/// The moment of the kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// At the phase's operation of this number, counted from 1, where the process stands still.
    At(u64, Position),
    /// This long after the phase has begun, wherever the process is by then.
    After(Duration),
}

impl Position {
    const ALL: [Self; 3] = [Self::Before, Self::Midway, Self::After];
}

impl Aim {
    /// A moment in a phase that had so many operations, and took so long, the last time.
    pub fn random(random: &mut Rng, operations: u64, span: Duration) -> Self {
        if random.u32(..3) < 2 {
            Self::At(random.u64(1..=operations.max(1)), Position::ALL[random.usize(..Position::ALL.len())])
        } else {
            Self::After(Duration::from_micros(random.u64(..=span.as_micros() as u64)))
        }
    }

    /// What the killed process has to know of it.
    pub fn argument(self, phase: Phase) -> String {
        match self {
            Self::At(number, position) => format!("{phase} {number} {position:?}"),
            Self::After(_) => String::new(),
        }
    }

    /// The phase, and the operation in it, that an argument names.
    pub fn parse(argument: &str) -> Option<(Phase, u64, Position)> {
        let mut words = argument.split(' ').filter(|word| !word.is_empty());
        let phase = Phase::named(words.next()?);
        let number = words.next().unwrap().parse().unwrap();
        let position = words.next().unwrap();
        let position = Position::ALL.into_iter().find(|known| format!("{known:?}") == position).unwrap();
        Some((phase, number, position))
    }
}
