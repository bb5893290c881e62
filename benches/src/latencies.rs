//! Single durations, and what they come to: percentiles and the longest.

use std::time::Duration;

/// Durations in the order in which they were measured.
#[derive(Debug, Default, Clone)]
pub struct Latencies(Vec<u64>);

impl Latencies {
    /// Adds one.
    pub fn add(&mut self, duration: Duration) {
        self.0.push(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Adds all of `others`.
    pub fn join(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// Sorts them, after which they can be asked.
    #[must_use]
    pub fn sorted(mut self) -> Sorted {
        self.0.sort_unstable();
        Sorted(self.0)
    }
}

impl FromIterator<Latencies> for Latencies {
    fn from_iter<I: IntoIterator<Item = Self>>(all: I) -> Self {
        let mut joined = Self::default();
        all.into_iter().for_each(|some| joined.join(some));
        joined
    }
}

/// Durations in order.
#[derive(Debug)]
pub struct Sorted(Vec<u64>);

impl Sorted {
    /// The duration that `share` of them do not exceed, in microseconds; of none, 0.
    #[must_use]
    pub fn micros(&self, share: f64) -> f64 {
        let rank = (self.0.len() as f64 * share).ceil() as usize;
        self.0.get(rank.max(1) - 1).map_or(0.0, |nanos| *nanos as f64 / 1e3)
    }

    /// The same, in milliseconds.
    #[must_use]
    pub fn millis(&self, share: f64) -> f64 {
        self.micros(share) / 1e3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_durations_that_were_measured() {
        let mut latencies = Latencies::default();
        (1..=1000).rev().for_each(|micros| latencies.add(Duration::from_micros(micros)));
        let sorted = latencies.sorted();
        assert_eq!((sorted.micros(0.5), sorted.micros(0.999), sorted.micros(1.0)), (500.0, 999.0, 1000.0));
        assert_eq!(sorted.micros(0.0), 1.0);
        // Of a thousand, 0.9981 do not come to a whole one.
        assert_eq!(sorted.micros(0.9981), 999.0);
    }

    #[test]
    fn of_no_durations_every_percentile_is_zero() {
        assert_eq!(Latencies::default().sorted().micros(0.99), 0.0);
    }
}
