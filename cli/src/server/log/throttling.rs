//! What is said while more connections come than MaxStartups lets in: enough to see it, and not
//! as many lines as there are connections.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::report::{Level, Report};

/// While connections are dropped it is said once in this time (sshd's
/// SSHD_MAXSTARTUPS_LOG_INTERVAL), and for each at VERBOSE.
pub(super) const THROTTLING_EVERY: Duration = Duration::from_secs(5 * 60);

/// A flood, and when it began.
#[derive(Debug)]
struct Flood {
    since: Instant,
    said: Instant,
    dropped: u64,
}

/// Whether there is a flood.
#[derive(Debug)]
pub(super) struct Throttling {
    flood: Option<Flood>,
    begin: usize,
}

/// The two ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) address: SocketAddr,
    pub(super) local: Option<SocketAddr>,
}

impl fmt::Display for Ends {
    /// `from [192.0.2.7]:50000 on [2001:db8::1]:22`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, local } = self;
        write!(
            f,
            "from [{}]:{}",
            address.ip().to_canonical(),
            address.port()
        )?;
        match local {
            Some(local) => write!(f, " on [{}]:{}", local.ip().to_canonical(), local.port()),
            None => Ok(()),
        }
    }
}

impl Throttling {
    /// `begin`: the first number of MaxStartups.
    pub(super) fn new(begin: u32) -> Self {
        Self {
            flood: None,
            begin: usize::try_from(begin).unwrap_or(usize::MAX),
        }
    }

    /// A connection was dropped.
    pub(super) fn dropped(&mut self, report: &Report, ends: Ends, startups: u32, now: Instant) {
        let level = match &mut self.flood {
            None => {
                report.error("beginning MaxStartups throttling");
                self.flood = Some(Flood {
                    since: now,
                    said: now,
                    dropped: 1,
                });
                Level::Info
            }
            Some(flood) => {
                let is_time = now.saturating_duration_since(flood.said) > THROTTLING_EVERY;
                if is_time {
                    report.error(format_args!(
                        "in MaxStartups throttling for {} s, {} connections dropped",
                        now.saturating_duration_since(flood.since).as_secs(),
                        flood.dropped
                    ));
                    flood.said = now;
                }
                flood.dropped = flood.dropped.saturating_add(1);
                if is_time { Level::Info } else { Level::Verbose }
            }
        };
        report.line(
            level,
            format_args!("drop connection #{startups} {ends} past MaxStartups"),
        );
    }

    /// A connection was let in beside `startups` others: when they are well below the mark (as
    /// sshd has it), the flood is over.
    pub(super) fn let_in(&mut self, report: &Report, startups: usize, now: Instant) {
        if startups < self.begin.saturating_sub(1)
            && let Some(flood) = self.flood.take()
        {
            report.info(format_args!(
                "exited MaxStartups throttling after {} s, {} connections dropped",
                now.saturating_duration_since(flood.since).as_secs(),
                flood.dropped
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends() -> Ends {
        Ends {
            address: "192.0.2.7:1".parse().unwrap(),
            local: Some("[2001:db8::1]:22".parse().unwrap()),
        }
    }

    #[test]
    fn a_flood_is_said_once_and_then_every_five_minutes() {
        let report = Report::memory(Level::Info);
        let mut throttling = Throttling::new(10);
        let start = Instant::now();
        let mut lines_after = |after: Duration| {
            throttling.dropped(&report, ends(), 10, start + after);
            report.kept().len()
        };
        assert_eq!(lines_after(Duration::ZERO), 2);
        assert_eq!(lines_after(THROTTLING_EVERY), 2);
        assert_eq!(lines_after(THROTTLING_EVERY + Duration::from_secs(1)), 4);
        let lines = report.kept();
        assert_eq!(lines[0], "beginning MaxStartups throttling");
        assert_eq!(
            lines[1],
            "drop connection #10 from [192.0.2.7]:1 on [2001:db8::1]:22 past MaxStartups"
        );
        assert_eq!(
            lines[2],
            "in MaxStartups throttling for 301 s, 2 connections dropped"
        );
        assert_eq!(lines[3], lines[1]);
    }

    #[test]
    fn a_flood_is_over_when_few_are_left() {
        let report = Report::memory(Level::Info);
        let mut throttling = Throttling::new(10);
        let start = Instant::now();
        throttling.dropped(&report, ends(), 10, start);
        let said = report.kept().len();
        throttling.let_in(&report, 9, start);
        assert_eq!(report.kept().len(), said);
        throttling.let_in(&report, 8, start + Duration::from_secs(7));
        assert_eq!(
            report.kept().last().unwrap(),
            "exited MaxStartups throttling after 7 s, 1 connections dropped"
        );
        throttling.let_in(&report, 0, start);
        assert_eq!(report.kept().len(), said + 1);
    }
}
