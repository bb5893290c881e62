//! How much is measured, and for how long.

use std::time::Duration;

/// The sizes and spans of a run.
#[derive(Debug, Clone)]
pub struct Effort {
    /// How often the candidates take turns.
    pub rounds: usize,
    /// How long each turn takes.
    pub span: Duration,
    /// How long a load is kept up whose course matters.
    pub long_span: Duration,
    /// Sessions in use.
    pub hot: u64,
    /// Sessions in a store.
    pub sessions: u64,
    /// Sessions in a store that is larger than memory would allow, where there is time for one.
    pub many_sessions: Option<u64>,
}

impl Effort {
    /// An effort by its name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "complete" => Some(Self {
                rounds: 5,
                span: Duration::from_millis(1500),
                long_span: Duration::from_secs(60),
                hot: 10_000,
                sessions: 1_000_000,
                many_sessions: Some(10_000_000),
            }),
            "quick" => Some(Self {
                rounds: 3,
                span: Duration::from_millis(200),
                long_span: Duration::from_millis(1500),
                hot: 10_000,
                sessions: 100_000,
                many_sessions: None,
            }),
            // Shows that it runs, and nothing else.
            "smoke" => Some(Self {
                rounds: 1,
                span: Duration::from_millis(20),
                long_span: Duration::from_millis(50),
                hot: 100,
                sessions: 1000,
                many_sessions: Some(2000),
            }),
            _ => None,
        }
    }

    /// Every size that a store is measured at.
    pub fn sizes(&self) -> impl Iterator<Item = u64> {
        std::iter::once(self.sessions).chain(self.many_sessions)
    }
}
