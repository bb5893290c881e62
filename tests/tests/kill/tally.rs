//! How many kills were aimed at each phase, and how many came in it.

use std::collections::BTreeMap;
use std::fmt;

use super::phase::Phase;

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    aimed: u64,
    hit: u64,
    /// Of those, how many came at one operation on the disk.
    exact: u64,
}

#[derive(Debug, Default)]
pub struct Tally {
    counts: BTreeMap<Phase, Count>,
}

impl Tally {
    /// Notes a kill: whether the phase was under way, and whether the process stood still at one of its operations.
    pub fn note(&mut self, phase: Phase, is_hit: bool, is_exact: bool) {
        let count = self.counts.entry(phase).or_default();
        count.aimed += 1;
        count.hit += u64::from(is_hit);
        count.exact += u64::from(is_exact);
    }

    pub fn kills(&self) -> u64 {
        self.counts.values().map(|count| count.aimed).sum()
    }

    pub fn hits(&self, phase: Phase) -> u64 {
        self.counts.get(&phase).map_or(0, |count| count.hit)
    }

    /// Each phase was met, and where there were enough kills to tell, by most of those that were aimed at it.
    pub fn check(&self) {
        for phase in Phase::ALL {
            let Count { aimed, hit, exact } = self.counts.get(&phase).copied().unwrap_or_default();
            assert!(hit > 0, "no kill came in {phase}");
            // Two of three are aimed at one operation, and under async a half of these.
            assert!(aimed < 20 || (hit * 2 > aimed && exact * 6 > aimed), "too few kills came in {phase}");
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "  {:<12}{:>8}{:>14}{:>24}", "killed in", "aimed", "came in it", "at an exact operation")?;
        for (phase, Count { aimed, hit, exact }) in &self.counts {
            writeln!(formatter, "  {:<12}{aimed:>8}{hit:>14}{exact:>24}", phase.to_string())?;
        }
        write!(formatter, "  {:<12}{:>8}", "in all", self.kills())
    }
}
