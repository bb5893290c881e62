//! One crash, in a notation that can be read again:
//! `fsync: set a, checkpoint; event 57: +-f3; event 80: kill`.

use std::fmt;
use std::str::FromStr;

use crate::disk::Fates;
use crate::workload::Workload;

/// What a crash takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The process and nothing else.
    Kill,
    /// Of what was not durable, this.
    PowerLoss(Fates),
}

impl fmt::Display for Ending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill => formatter.write_str("kill"),
            Self::PowerLoss(fates) => fates.fmt(formatter),
        }
    }
}

/// A workload, and where it is crashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// What is run.
    pub workload: Workload,
    /// After how many events it is crashed, and how.
    pub crash: Option<(u64, Ending)>,
    /// The same for the recovery from that.
    pub again: Option<(u64, Ending)>,
}

impl fmt::Display for Trial {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.workload.fmt(formatter)?;
        for (event, ending) in self.crash.iter().chain(&self.again) {
            write!(formatter, "; event {event}: {ending}")?;
        }
        Ok(())
    }
}

impl FromStr for Trial {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(';');
        let workload = parts.next().unwrap_or_default().parse()?;
        let mut crash = || parts.next().map(parse_crash).transpose();
        Ok(Self { workload, crash: crash()?, again: crash()? })
    }
}

fn parse_crash(text: &str) -> Result<(u64, Ending), String> {
    let wrong = || format!("{text:?} is no crash: it is `event`, a number, a colon, and what is lost");
    let (event, ending) = text.trim().strip_prefix("event ").and_then(|rest| rest.split_once(':')).ok_or_else(wrong)?;
    let ending = match ending.trim() {
        "kill" => Ending::Kill,
        fates => Ending::PowerLoss(fates.parse()?),
    };
    Ok((event.trim().parse().map_err(|_| wrong())?, ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_can_be_read_again() {
        for text in
            ["fsync: set a, checkpoint; event 57: +-f3; event 80: kill", "async: open; event 3: ", "write: clear"]
        {
            assert_eq!(text.parse::<Trial>().unwrap().to_string(), text);
        }
    }
}
