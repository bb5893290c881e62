//! The figures of a benchmark, in the one shape that all of them are handed on in.
//!
//! A cell is one candidate's figures in one metric of one benchmark under certain parameters: a figure for each
//! round, in the order of the rounds, so that the figures of two candidates can be compared round by round.
//! `benches/node/lib/results.js` says the same to the readers.

use std::io::Write;

use serde::Serialize;
use serde_json::{Map, Value};

/// Whether a larger figure is a better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// Such as operations per second.
    More,
    /// Such as microseconds.
    Less,
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name, unique within the benchmark.
    pub name: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// Its direction.
    pub better: Better,
}

impl Metric {
    /// A metric of which more is better.
    #[must_use]
    pub const fn more(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit, better: Better::More }
    }

    /// A metric of which less is better.
    #[must_use]
    pub const fn less(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit, better: Better::Less }
    }
}

/// Parameters by name, in the order in which they are shown.
pub type Parameters = Map<String, Value>;

/// Parameters from a list.
#[must_use]
pub fn parameters<const COUNT: usize>(list: [(&str, Value); COUNT]) -> Parameters {
    list.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Record<'a> {
    Cell(&'a Cell),
    Series(&'a Series),
}

#[derive(Debug, Serialize)]
struct Cell {
    bench: String,
    parameters: Parameters,
    candidate: String,
    metric: &'static str,
    unit: &'static str,
    better: Better,
    figures: Vec<f64>,
}

/// Figures over time, of one run.
#[derive(Debug, Serialize)]
pub struct Series {
    /// The benchmark.
    pub bench: String,
    /// Its parameters.
    pub parameters: Parameters,
    /// Whose figures they are.
    pub candidate: String,
    /// What they count.
    pub unit: &'static str,
    /// The seconds between two points.
    pub step_seconds: f64,
    /// The figures.
    pub points: Vec<f64>,
}

/// Collects figures, and prints them in the end.
#[derive(Debug, Default)]
pub struct Sheet {
    cells: Vec<Cell>,
    series: Vec<Series>,
}

impl Sheet {
    /// Adds a round's figure. One that is no number, such as a rate of nothing, is a defect in the benchmark.
    pub fn add(&mut self, bench: &str, parameters: &Parameters, candidate: &str, metric: Metric, figure: f64) {
        assert!(figure.is_finite(), "{bench}, {candidate}: {} is {figure}", metric.name);
        let at = self.cells.iter().position(|cell| {
            cell.bench == bench
                && cell.candidate == candidate
                && cell.metric == metric.name
                && cell.parameters == *parameters
        });
        if let Some(cell) = at.and_then(|at| self.cells.get_mut(at)) {
            cell.figures.push(figure);
            return;
        }
        self.cells.push(Cell {
            bench: bench.to_owned(),
            parameters: parameters.clone(),
            candidate: candidate.to_owned(),
            metric: metric.name,
            unit: metric.unit,
            better: metric.better,
            figures: vec![figure],
        });
    }

    /// Adds figures over time.
    pub fn add_series(&mut self, series: Series) {
        self.series.push(series);
    }

    /// Prints every record, a line of JSON each.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn print(&self) -> std::io::Result<()> {
        let mut output = std::io::stdout().lock();
        let cells = self.cells.iter().map(Record::Cell);
        for record in cells.chain(self.series.iter().map(Record::Series)) {
            writeln!(output, "{}", serde_json::to_string(&record)?)?;
        }
        output.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_has_its_rounds_in_their_order() {
        let mut sheet = Sheet::default();
        let parameters = parameters([("threads", 64.into())]);
        let metric = Metric::more("rate", "sets/s");
        for figure in [3.0, 1.0, 2.0] {
            sheet.add("sets", &parameters, "sessile", metric, figure);
            sheet.add("sets", &parameters, "redb alone", metric, -figure);
        }
        assert_eq!(sheet.cells.len(), 2);
        assert_eq!(
            serde_json::to_string(&Record::Cell(&sheet.cells[0])).expect("text"),
            r#"{"cell":{"bench":"sets","parameters":{"threads":64},"candidate":"sessile","metric":"rate","unit":"sets/s","better":"more","figures":[3.0,1.0,2.0]}}"#
        );
    }

    #[test]
    #[should_panic(expected = "rate is NaN")]
    fn a_figure_that_is_no_number_is_refused() {
        Sheet::default().add("sets", &Parameters::new(), "sessile", Metric::more("rate", "sets/s"), f64::NAN);
    }
}
