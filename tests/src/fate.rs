//! What a power loss does to each thing that was not durable yet.
//!
//! A disk that a power loss leaves is told from all others of its moment by one [`Fate`] for each pending
//! change, and these have a notation, in which a failure says what to look at: `+-f17`.

use std::fmt;
use std::str::FromStr;

use fastrand::Rng;

use crate::event::Loss;

/// A disk writes this much at once; a power loss may keep any of them, and tear any.
const SECTOR_BYTES: usize = 512;

/// A change that a power loss may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pending {
    /// An entry of a directory, or a length: it is there or is not.
    Whole,
    /// A write of this many bytes.
    Bytes(usize),
}

/// What becomes of a pending change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// `-`: it is not there.
    Lost,
    /// `+`: it is there.
    Kept,
    /// `f17`: of a write, the first bytes are there.
    Front(usize),
    /// `b17`: of a write, all but the first bytes are there.
    Back(usize),
    /// `t5`: of a write, each sector is there or not or torn, by this seed.
    Torn(u32),
}

impl Fate {
    /// One that this change can have, at random.
    #[must_use]
    pub fn any(pending: Pending, random: &mut Rng) -> Self {
        match (pending, random.u8(..8)) {
            (Pending::Whole, draw) => [Self::Lost, Self::Kept][usize::from(draw % 2)],
            (Pending::Bytes(_), 0 | 1) => Self::Lost,
            (Pending::Bytes(_), 2 | 3) => Self::Kept,
            (Pending::Bytes(len), 4) => Self::Front(random.usize(..=len)),
            (Pending::Bytes(len), 5) => Self::Back(random.usize(..=len)),
            (Pending::Bytes(_), _) => Self::Torn(random.u32(..)),
        }
    }

    /// The parts of a write of `len` bytes at `offset` that are there.
    pub(crate) fn parts(self, offset: u64, len: usize) -> Vec<std::ops::Range<usize>> {
        match self {
            Self::Lost => Vec::new(),
            Self::Kept => std::iter::once(0..len).collect(),
            Self::Front(bytes) => std::iter::once(0..bytes.min(len)).collect(),
            Self::Back(bytes) => std::iter::once(bytes.min(len)..len).collect(),
            Self::Torn(seed) => torn(offset, len, seed),
        }
    }
}

/// Each sector is there, or not, or its front is or its back.
fn torn(offset: u64, len: usize, seed: u32) -> Vec<std::ops::Range<usize>> {
    let mut random = Rng::with_seed(seed.into());
    let mut parts = Vec::new();
    let mut at = 0;
    while at < len {
        let end = (at + SECTOR_BYTES - (offset as usize + at) % SECTOR_BYTES).min(len);
        match random.u8(..6) {
            0 | 1 => parts.push(at..end),
            2 => parts.push(at..random.usize(at..end)),
            3 => parts.push(random.usize(at..end)..end),
            _ => {}
        }
        at = end;
    }
    parts
}

impl fmt::Display for Fate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost => formatter.write_str("-"),
            Self::Kept => formatter.write_str("+"),
            Self::Front(bytes) => write!(formatter, "f{bytes}"),
            Self::Back(bytes) => write!(formatter, "b{bytes}"),
            Self::Torn(seed) => write!(formatter, "t{seed}"),
        }
    }
}

/// One fate for each pending change of a moment, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Fates(pub Vec<Fate>);

impl Fates {
    /// Those of a loss of this kind.
    #[must_use]
    pub fn of(loss: Loss, pending: &[Pending], random: &mut Rng) -> Self {
        let fate = |pending: &Pending| match loss {
            Loss::Everything => Fate::Lost,
            Loss::Nothing => Fate::Kept,
            Loss::Some => Fate::any(*pending, random),
        };
        Self(pending.iter().map(fate).collect())
    }
}

impl fmt::Display for Fates {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|fate| fate.fmt(formatter))
    }
}

impl FromStr for Fates {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let starts: Vec<usize> =
            text.char_indices().filter(|(_, letter)| !letter.is_ascii_digit()).map(|(at, _)| at).collect();
        let ends = starts.iter().skip(1).copied().chain([text.len()]);
        let fate = |(start, end): (&usize, usize)| {
            let number = text[start + 1..end].parse::<usize>();
            let wrong = || format!("{:?} is no fate of a change", &text[*start..end]);
            match (text.as_bytes()[*start], number) {
                (b'-', _) => Ok(Fate::Lost),
                (b'+', _) => Ok(Fate::Kept),
                (b'f', Ok(bytes)) => Ok(Fate::Front(bytes)),
                (b'b', Ok(bytes)) => Ok(Fate::Back(bytes)),
                (b't', Ok(seed)) => Ok(Fate::Torn(u32::try_from(seed).map_err(|_| wrong())?)),
                _ => Err(wrong()),
            }
        };
        starts.iter().zip(ends).map(fate).collect::<Result<_, _>>().map(Self)
    }
}
